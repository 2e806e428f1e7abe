"""What the profile of a kernel must show beside a right result. Raises Wrong: right, but."""

from ...sim.profile import Profile
from ..cases import Case


def requests(
    found: Profile, op: str, space: str = "global", *, array: str = "", size: int = 0
) -> int:
    """How many requests to a space a launch made: of one kind (op), array and size, or of all."""
    rows = [r for r in found.rows if r.space == space and op in ("", r.op) and size in (0, r.size)]
    return sum(r.requests for r in rows if array in ("", r.sample.array))


def require_at_most(case: Case, got: int, most: int, what: str) -> None:
    """No more than `most` of `what`."""
    case.require(got <= most, f"right, but it makes {got:,} {what}, {most:,} would do")


def require_few_requests(case: Case, found: Profile, most: int) -> None:
    """No more than `most` requests to shared memory in each block."""
    came = requests(found, "", "shared") // found.blocks
    require_at_most(case, came, most, "requests to shared memory in a block")


def require_barriers(case: Case, found: Profile, most: int, why: str) -> None:
    """No more than `most` barriers in all blocks."""
    got = found.count("barriers")
    case.require(got <= most, f"right, but {got} barriers, {most} would do: {why}", look=False)


def require_coalesced(case: Case, found: Profile, aligned: bool = True) -> None:
    """No access to global memory moves more sectors than its bytes need.

    aligned: False where rows begin anywhere, which costs a sector more a request.
    """
    for row in found.rows:
        enough = -(-row.ideal // row.requests)
        case.require(
            row.space != "global" or row.moved <= row.ideal + row.requests * (not aligned),
            f"right, but line {row.place.line} ({row.op} {row.size} B) moves {row.worst} sectors "
            f"for a request of a warp, where {enough} are enough",
        )


def require_sectors(case: Case, found: Profile, array: str, most: int, why: str) -> None:
    """No request of `array` may move more than `most` sectors of 32 bytes."""
    for row in found.rows:
        if row.space == "global" and row.sample.array == array:
            verb = "reading" if row.op == "load" else "writing"
            case.require(
                row.worst <= most,
                f"right, but {verb} {array} in line {row.place.line} takes up to {row.worst} "
                f"sectors a request, {most} would do: {why}",
            )


def require_full_warps(case: Case, found: Profile) -> None:
    """On average most lanes take part in a load: the work is shared out."""
    for row in found.rows:
        case.require(
            row.op != "load" or row.space != "global" or row.lanes > 16,
            f"right, but in line {row.place.line} only {row.lanes:.0f} of 32 lanes load at a time",
        )


def require_no_conflicts(case: Case, found: Profile) -> None:
    """No two words of one bank in a request to shared memory."""
    for row in found.rows:
        case.require(
            row.space != "shared" or row.worst == 1,
            f"right, but line {row.place.line} ({row.op}) has {row.worst}-way bank conflicts: "
            f"{row.place.text.strip()}",
        )
