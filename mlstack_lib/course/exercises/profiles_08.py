"""What the profile of a kernel of chapter 08 must show. Raises Wrong: right, but."""

from ...sim.profile import Profile
from ..kernel_cases import KernelCase

REQUESTS = 29  # to shared memory in a block of the tree: 4 fill, 8 times 3 add, 1 reads the sum


def require_coalesced(case: KernelCase, profile: Profile) -> None:
    """No access to global memory moves more sectors than its bytes need."""
    for row in profile.rows:
        enough = -(-row.ideal // row.requests)
        case.require(
            row.space != "global" or row.moved <= row.ideal,
            f"right, but line {row.place.line} ({row.op} {row.size} B) moves {row.worst} sectors "
            f"for a request of a warp, where {enough} are enough",
        )


def require_full_warps(case: KernelCase, profile: Profile) -> None:
    """On average most lanes take part in a load: the work is shared out."""
    for row in profile.rows:
        case.require(
            row.op != "load" or row.space != "global" or row.lanes > 16,
            f"right, but in line {row.place.line} only {row.lanes:.0f} of 32 lanes load at a time",
        )


def require_few_requests(case: KernelCase, profile: Profile) -> None:
    """The tree of halves in shared memory, and nothing else."""
    came = sum(row.requests for row in profile.rows if row.space == "shared") // profile.blocks
    what = f"right, but {came} requests to shared memory in a block, {REQUESTS} are enough"
    case.require(came <= REQUESTS, what)


def require_no_conflicts(case: KernelCase, profile: Profile) -> None:
    """No two words of one bank in a request to shared memory."""
    for row in profile.rows:
        case.require(
            row.space != "shared" or row.worst == 1,
            f"right, but line {row.place.line} ({row.op}) has a bank conflict of {row.worst} ways",
        )
