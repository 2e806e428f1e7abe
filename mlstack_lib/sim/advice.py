"""What to look for, of the sentences in `words` the one that fits a finding best."""

from .findings import NULL_PAGE, Finding
from .words import HINTS

FULL_MASK = 0xFFFFFFFF


def advice(finding: Finding) -> str:
    """What follows the words "What to look for:", without its full stop."""
    if finding.kind in ("out of bounds", "bad pointer"):
        return _of_bounds(finding)
    if finding.kind == "wrong lane" and finding.numbers[0] == FULL_MASK:
        return HINTS["lane that stayed away"]
    if finding.kind == "global race":
        return _of_race_between_blocks(finding)
    return _of_race(finding) if "race" in finding.kind else HINTS[finding.kind]


def _of_race_between_blocks(finding: Finding) -> str:
    same_line = finding.line == finding.line2
    if "updates" in (finding.access, finding.access2):
        return HINTS["global race with an atomic"]
    if "reads" in (finding.access, finding.access2) and not same_line:
        return HINTS["global race of two lines"]
    return HINTS["global race"] + _if_it_adds(finding)


def _of_race(finding: Finding) -> str:
    """Between threads of one block: in shared memory, or before a barrier in global memory."""
    same_line = finding.line == finding.line2
    if finding.access == finding.access2 == "writes" and same_line:
        return HINTS["race of writers"] + _if_it_adds(finding)
    if "updates" in (finding.access, finding.access2):
        return HINTS["race with an atomic"]
    if same_line:
        warp = finding.in_one_warp
        return HINTS["race on a line"].replace("BARRIER", "__syncwarp" if warp else "__syncthreads")
    return HINTS["race in a warp" if finding.in_one_warp else finding.kind]


def _if_it_adds(finding: Finding) -> str:
    """A sentence on atomics where the line is `y[0] += ...`, nothing where it only assigns."""
    return ". " + HINTS["adding"] if finding.adds else ""


def _of_bounds(finding: Finding) -> str:
    touched = finding.touched
    if touched is None:
        return HINTS["null pointer" if finding.address < NULL_PAGE else "bad pointer"]
    if touched.index and touched.index[0] < 0:
        return "a guard for the first elements: the index is below zero"
    if touched.dynamic:
        return ("the launch gives the size of this array, in bytes: "
                f"`shared_mem=elements * {touched.element}`")  # fmt: skip
    if touched.space == "shared":
        return "compare the index with the size in the declaration"
    is_first = not any((*finding.block, *finding.thread))
    return HINTS["out of bounds at once" if is_first else "out of bounds"]
