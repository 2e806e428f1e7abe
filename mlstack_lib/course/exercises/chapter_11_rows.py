"""Chapter 11: the checks of softmax and cross-entropy."""

import re

import numpy as np

from ... import reference
from ...sim.errors import KernelError
from ...sim.source import blank
from ..judging import exercise
from ..kernel_cases import InOut, KernelCase, Output
from ..pieces import check_by_pieces
from .chapter_08 import in_simulator
from .launches_11 import (
    ANY_BLOCK,
    BLOCK,
    EXACT,
    constants_of,
    f32,
    logits_and_targets,
    moved,
    normal,
    row_constants,
    softmax_profile,
)

ROWS = ((1, 1, 128), (3, 31, 128), (2, 33, 128), (3, 132, 128), (2, 300, 128), (2, 100, 64))
NUMBERS = {"of about 1": (1, 0), "of about 99": (99, 0), "around -200": (1, -200)}
LOGITS = ((1, 1, 128), (3, 31, 128), (4, 97, 128), (5, 132, 128), (3, 516, 128), (3, 98, 64))
AT_BARRIERS = ("divergence", "deadlock", "left before barrier")
BARRIERS = (
    "block_max and block_sum hold barriers: all threads must call them, and equally often, so "
    "outside every `if` and every loop whose rounds differ"
)


class RowCase(KernelCase):
    """A case of a kernel whose barriers stand in the functions that it calls."""

    def launch(self, *args, **kwargs) -> list[np.ndarray]:
        """As KernelCase.launch; threads that miss each other get a look of their own."""
        try:
            return super().launch(*args, **kwargs)
        except KernelError as error:
            if error.findings[0].kind in AT_BARRIERS:
                self.look = BARRIERS
                error.__notes__ = [self._where()]
            raise


# ---- softmax ----


def _check_softmax(mine, reads: int, look) -> str:
    """look: of (c, block, numbers), where a fault that shows there first is likely to be."""
    for n, c, block in ROWS:
        for numbers, (factor, centre) in NUMBERS.items():
            x = normal((n, c), factor) + np.float32(centre)
            given = f"x ({n}, {c}) f32, numbers {numbers}, BLOCK {block}"
            case = RowCase(given, look(c, block, numbers) if block == BLOCK else ANY_BLOCK)
            (y,) = case.launch(mine, (n,), (block,), x, Output((n, c)), np.uint32(c),
                               **constants_of(mine.name, c, block))  # fmt: skip
            case.equal(y, f32(reference.softmax_forward(x.astype(np.float64))), "y", EXACT)
    _check_traffic(mine, reads)
    return f"{len(ROWS)} shapes, each number read {_times(reads)}"


def _check_traffic(mine, reads: int, n: int = 3, c: int = 1024) -> None:
    profile, size = softmax_profile(mine, n, c), 4 * n * c
    look = "what is read again, and could be kept or be done at once?"
    case = KernelCase(f"x ({n}, {c}) f32", look)
    read, written = moved(profile, "load", "x") / size, moved(profile, "store", "y") / size
    what = f"right, but each number is read {read:.3g} times, {_times(reads)} is enough"
    case.require(read <= reads, what)
    what = f"right, but each number is written {written:.3g} times, once is enough"
    case.require(written <= 1, what)
    case.look = "neighbours in a warp take neighbours in the row, all 32 at once"
    for row in profile.rows:
        if row.space == "global":
            most = row.lanes * row.size / 32 + 1
            what = f"moves up to {row.worst} sectors for a request of a warp, {most:.0f} would do"
            case.require(row.worst <= most, f"right, but line {row.place.line} {what}")
            what = f"brings only {row.lanes:.2g} of a warp's 32 threads to memory"
            case.require(row.lanes > 16, f"right, but line {row.place.line} {what}")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _look_at_numbers(numbers: str, otherwise: str) -> str:
    looks = {
        "of about 99": "expf of more than 88 is infinite: what has to come off before?",
        "around -200": "all are below 0, the largest too: where does the maximum begin?",
    }
    return looks.get(numbers, otherwise)


@exercise("11.1 softmax_passes")
def check_passes(mine):
    def look(c, block, numbers):
        one = "no thread has two numbers, so look at what all threads get: block_max and block_sum"
        more = "thread t takes the numbers t, t + BLOCK, t + 2 * BLOCK, ... in each of the passes"
        return _look_at_numbers(numbers, one if c <= block else more)

    return _check_softmax(mine, 3, look)


@exercise("11.2 softmax_online")
def check_online(mine):
    looks = {
        "the step": "exp(a - new) = exp(a - old) * exp(old - new), so the sum so far has to follow "
        "the maximum, from the first number on, which meets mine = -3.0e38 and sum = 0",
        "the merging": "first the largest of all `mine`, then the sum of what each `sum` is, "
        "scaled down to that",
    }

    def check(kernel):
        return _check_softmax(kernel, 2, lambda c, block, numbers: _look_at_numbers(numbers, ""))

    return check_by_pieces(mine, looks, check)


@exercise("11.3 softmax_forward")
def check_softmax_forward(mine):
    held = "z holds this thread's PER_THREAD numbers: maximum, exp and sum, result, all in z"
    said = _check_softmax(mine, 1, lambda c, block, numbers: _look_at_numbers(numbers, held))
    calls = len(re.findall(r"\bexpf?\s*\(", blank(mine.text)))
    case = KernelCase("the text of the kernel", "what is wanted twice can stay in z[i] meanwhile")
    case.require(calls <= 1, f"right, but `expf` stands there {calls} times, once is enough")
    _require_unrolled(mine)
    return said


def _require_unrolled(mine) -> None:
    """Each loop has its pragma: no result shows it here, but on a GPU z would lie in memory."""
    lines = blank(mine.text).splitlines()
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(for|while)\s*\(", line):
            before = next((x for x in reversed(lines[: number - 1]) if x.strip()), "")
            KernelCase("the text of the kernel").require(
                re.match(r"\s*#\s*pragma\s+unroll", before) is not None,
                f"right, but the loop of line {number} has no `#pragma unroll` above it: on a GPU "
                "z would not stay in registers",
            )


# ---- cross-entropy ----


@exercise("11.4 cross_entropy_with_gradient")
def check_cross_entropy(mine):
    cases = [(*shape, factor, -1) for shape in LOGITS for factor in (1, 99)] + [(4, 31, 128, 1, 2)]
    for n, v, block, factor, ignore in cases:
        logits, targets, count = logits_and_targets(n, v, factor, ignore)
        case = RowCase(
            f"logits ({n}, {v}) of about {factor}, targets {targets.tolist()}, "
            f"ignore_index {ignore}, BLOCK {block}",
            "z[i] is read before it is changed; only then do gradient and loss follow",
        )
        got = case.launch(mine, (n,), (block,), InOut(logits), targets, count, Output((n,)),
                          np.uint32(v), np.int32(ignore), **row_constants(v, block))  # fmt: skip
        _compare_loss(case, *got, logits.astype(np.float64), targets, ignore)
    _check_once(mine)
    _require_unrolled(mine)
    return f"{len(cases)} cases, the logits read once, written once"


def _compare_loss(case: KernelCase, z, losses, logits, targets, ignore: int) -> None:
    """Part by part, so that the hint fits: other columns, the target's, ignored rows, losses."""
    want = f32(reference.cross_entropy_with_gradient(logits, targets, ignore)[1])
    kept = (targets != ignore)[:, None]
    at_target = kept & (np.arange(logits.shape[1]) == targets[:, None])
    for part, look in (
        (kept & ~at_target, "beside the target the gradient is softmax * share"),
        (at_target, "at the target the gradient is (softmax - 1) * share"),
        (~kept, "an ignored row has the gradient 0 all along, even where its target is a column"),
    ):
        case.look = look
        case.equal(np.where(part, z, want), want, "logits", EXACT)
    case.look = (
        "(log(sum) - (z_t - top)) * share, by the one thread that holds the target; z_t has to be "
        "kept before z[i] becomes expf(...)"
    )
    case.equal(losses, f32(_losses(logits, targets, ignore)), "losses", EXACT)


def _losses(logits, targets, ignore: int) -> np.ndarray:
    """The share of each row in the mean."""
    kept = targets != ignore
    log_sum = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
    losses = log_sum - logits[np.arange(len(targets)), targets]
    return np.where(kept, losses, 0.0) / max(kept.sum(), 1)


def _check_once(mine) -> None:
    logits, targets, count = logits_and_targets(3, 516, 1, -1)
    args = (logits, targets, count, np.empty(3, np.float32), np.uint32(516), np.int32(-1))
    profile = in_simulator(mine, (3,), (BLOCK,), args, **row_constants(516))
    case = KernelCase("logits (3, 516)", "the thread that holds the target has it in z already")
    for op, verb, array in (
        ("load", "read", "logits"),
        ("store", "written", "logits"),
        ("store", "written", "losses"),
    ):
        times = moved(profile, op, array) / (logits.nbytes if array == "logits" else 12)
        what = f"right, but the {array} are {verb} {times:.4g} times, once is enough"
        case.require(times <= 1, what)
