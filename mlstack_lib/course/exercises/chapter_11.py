"""Chapter 11: softmax, cross-entropy and AdamW kernels; what it uses, and the checks."""

import json

import numpy as np

from ... import reference, reference_update
from ...array import STATE_SIZE, Slot
from ..judging import exercise
from ..kernel_cases import InOut, KernelCase, Output
from ..kernel_files import KernelFile
from ..ladders import FOLDER
from .chapter_08 import blocks_for, in_simulator, whole_numbers

BLOCK = 128
ROWS = ((1, 1), (3, 31), (2, 33), (3, 132), (2, 300))  # n, c of softmax
LOGITS = ((1, 1), (3, 31), (4, 97), (5, 132), (3, 516))  # n, v
IN_REGISTERS = ("softmax_forward", "cross_entropy_with_gradient")
HYPER = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}
EXACT = 2e-6  # of the largest: a few roundings of 6e-8 each, in exp, in sums of at most 5 + 8 terms


# ---- what the chapter uses ----


def row_constants(c: int, block: int = BLOCK, vector: bool | None = None) -> dict[str, int]:
    """Constants for rows of c numbers in registers, as the package's launcher chooses them."""
    vector = c % 4 == 0 if vector is None else vector
    each = 4 * blocks_for(c, 4 * block) if vector else blocks_for(c, block)
    return {"BLOCK": block, "PER_THREAD": each, "VECTOR": int(vector)}


def constants_of(name: str, c: int) -> dict[str, int]:
    """Constants of a kernel on rows of c numbers."""
    return row_constants(c) if name in IN_REGISTERS else {"BLOCK": BLOCK}


def moved(profile, op: str, array: str) -> int:
    """How many bytes the threads of a launch asked for: "load" or "store" of an array."""
    rows = [r for r in profile.rows if (r.space, r.op, r.sample.array) == ("global", op, array)]
    return round(sum(row.requests * row.lanes * row.size for row in rows))


def softmax_traffic(kernel: KernelFile, n: int = 3, c: int = 1024) -> tuple[float, float]:
    """Bytes read and written for each number of a softmax, counted by the simulator."""
    x, y = normal((n, c)), np.empty((n, c), np.float32)
    constants = constants_of(kernel.name, c)
    profile = in_simulator(kernel, (n,), (BLOCK,), (x, y, np.uint32(c)), **constants)
    return moved(profile, "load", "x") / x.size, moved(profile, "store", "y") / x.size


def copy_rate() -> float:
    """GB/s that a copy moved on the H100 of the recorded ladders, read and written."""
    return json.loads((FOLDER / "08.json").read_text(encoding="utf-8"))["copy_gb_s"]


def floor_us(nbytes: int) -> float:
    """Microseconds that so many bytes take at a copy's rate."""
    return nbytes / copy_rate() / 1e3


def tensor_sizes(vocabulary: int, context: int, layers: int, width: int) -> list[int]:
    """How many numbers each tensor of a GPT has, in the order of its parameters."""
    w = width * width
    layer = [width] * 2 + [3 * w, 3 * width, w] + [width] * 3 + [4 * w, 4 * width, 4 * w, width]
    return [vocabulary * width, context * width, *layers * layer, width, width]


def normal(shape, factor: float = 1.0, seed: int = 0) -> np.ndarray:
    """Random numbers around 0, f32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * np.float32(
        factor
    )


def logits_and_targets(n: int, v: int, factor: float, ignore: int) -> tuple:
    """logits (n, v) f32, targets (n) i32, every third `ignore`, and how many are not, (1) f32."""
    targets = np.random.default_rng(v).integers(0, v, n).astype(np.int32)
    targets[1::3] = ignore
    kept = max(int((targets != ignore).sum()), 1)
    return normal((n, v), factor), targets, np.full(1, kept, np.float32)


def step_state(**slots: float) -> np.ndarray:
    """A step state (STATE_SIZE) f32 as of update 3 with clipping, but for what is given."""
    known = {"STEP": 3, "LEARNING_RATE": 0.125, "CLIP": 0.5, "GRAD_NORM": 2.0,
             "BIAS_CORRECTION1": 1 - HYPER["beta1"] ** 3,
             "BIAS_CORRECTION2": 1 - HYPER["beta2"] ** 3}  # fmt: skip
    state = np.zeros(STATE_SIZE, np.float32)
    for name, value in (known | slots).items():
        state[Slot[name]] = value
    return state


def scalars(state: np.ndarray) -> list[np.float32]:
    """What adamw_tensor takes of a step state: rate, both corrections, clip."""
    slots = (Slot.LEARNING_RATE, Slot.BIAS_CORRECTION1, Slot.BIAS_CORRECTION2, Slot.CLIP)
    return [state[slot] for slot in slots]


def update_arrays(n: int, factor: float = 1.0) -> tuple[np.ndarray, ...]:
    """params, grads, m, v (n) f32, as in the middle of training; factor: of the gradients."""
    params, grads, m, v = (normal(n, seed=seed) for seed in range(4))
    return params, grads * np.float32(factor), m * np.float32(factor / 2), (v * factor) ** 2


# ---- softmax ----


def _check_softmax(mine, reads: int, look: str) -> str:
    for n, c in ROWS:
        for factor in (1, 99):
            x = normal((n, c), factor)
            case = KernelCase(f"x ({n}, {c}) f32, numbers of about {factor}", look)
            constants = constants_of(mine.name, c)
            (y,) = case.launch(mine, (n,), (BLOCK,), x, Output((n, c)), np.uint32(c), **constants)
            case.equal(y, _f32(reference.softmax_forward(x.astype(np.float64))), "y", EXACT)
    _check_traffic(mine, reads)
    return f"{len(ROWS)} shapes, each number read {_times(reads)}"


def _check_traffic(mine, reads: int) -> None:
    read, written = softmax_traffic(mine)
    case = KernelCase(
        "x (3, 1024) f32", "what is read again, and could be kept or be done at once?"
    )
    what = f"right, but each number is read {read / 4:.3g} times, {_times(reads)} is enough"
    case.require(read <= 4 * reads, what)
    what = f"right, but each number is written {written / 4:.3g} times, once is enough"
    case.require(written <= 4, what)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _f32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32)


@exercise("11.1 softmax_passes")
def check_passes(mine):
    look = "the maximum, the sum of exp(x - max), the result: each thread has every BLOCKth number"
    return _check_softmax(mine, 3, look)


@exercise("11.2 softmax_online")
def check_online(mine):
    look = "exp(a - new) = exp(a - old) * exp(old - new): the sum so far has to follow the maximum"
    return _check_softmax(mine, 2, look)


@exercise("11.3 softmax_forward")
def check_softmax_forward(mine):
    look = "z holds this thread's PER_THREAD numbers: maximum, exp and sum, result, all in z"
    return _check_softmax(mine, 1, look)


# ---- cross-entropy ----


@exercise("11.4 cross_entropy_with_gradient")
def check_cross_entropy(mine):
    cases = [(n, v, factor, -1) for n, v in LOGITS for factor in (1, 99)] + [(4, 31, 1, 2)]
    for n, v, factor, ignore in cases:
        logits, targets, count = logits_and_targets(n, v, factor, ignore)
        wide = logits.astype(np.float64)
        case = KernelCase(
            f"logits ({n}, {v}) of about {factor}, targets {targets.tolist()}, "
            f"ignore_index {ignore}",
            "the gradient of a row is softmax minus 1 at the target, all times share; 0 if ignored",
        )
        z, losses = case.launch(mine, (n,), (BLOCK,), InOut(logits), targets, count, Output((n,)),
                                np.uint32(v), np.int32(ignore), **row_constants(v))  # fmt: skip
        _, dlogits = reference.cross_entropy_with_gradient(wide, targets, ignore)
        case.equal(z, _f32(dlogits), "logits", EXACT)
        case.equal(losses, _f32(_losses(wide, targets, ignore)), "losses", EXACT)
    _check_once(mine)
    return f"{len(cases)} cases, the logits read once, written once"


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
    for op, verb in (("load", "read"), ("store", "written")):
        times = moved(profile, op, "logits") / logits.nbytes
        what = f"right, but the logits are {verb} {times:.4g} times, once is enough"
        case.require(times <= 1, what)


# ---- AdamW ----


def _updated(params, grads, m, v, state, n_decay: int) -> list[np.ndarray]:
    """params, m, v after the reference's update, in f64."""
    wide = [x.astype(np.float64) for x in (params, grads, m, v, state)]
    reference_update.adamw(*wide, n_decay, **HYPER)
    return [_f32(wide[i]) for i in (0, 2, 3)]


def _compare_update(case: KernelCase, got: list, before: tuple, state, n_decay: int) -> None:
    """Moments first: what is wrong there is wrong in the parameters too."""
    names, wanted = ("params", "m", "v"), _updated(*before, state, n_decay)
    for i in (1, 2, 0):
        largest = float(np.abs(wanted[i]).max())
        case.equal(got[i], wanted[i], names[i], EXACT * min(1.0, largest))


@exercise("11.5 adamw_tensor")
def check_adamw_tensor(mine):
    sizes = [(1, 1.0), (31, 1.0), (128, 1e-8), (129, 1.0), (300, 99.0)]
    for n, factor in sizes:
        arrays, state = update_arrays(n, factor), step_state()
        case = KernelCase(
            f"n = {n}, gradients of about {factor:g}",
            "the order: clip, m, v, then the shrunk parameter less lr * mhat / (sqrt(vhat) + eps)",
        )
        params, grads, m, v = arrays
        numbers = (np.uint32(n), *scalars(state), *_hyper())
        got = case.launch(mine, (blocks_for(n, BLOCK),), (BLOCK,), grads, InOut(params), InOut(m),
                          InOut(v), *numbers, BLOCK=BLOCK)  # fmt: skip
        _compare_update(case, got, arrays, state, n)
    return f"{len(sizes)} sizes"


def _hyper() -> list[np.float32]:
    return [np.float32(value) for value in HYPER.values()]


@exercise("11.6 squared_norm")
def check_squared_norm(mine):
    for n, grid in (sizes := [(1, 1), (3, 2), (4, 1), (7, 2), (1024, 1), (2051, 2)]):
        x = whole_numbers(n)
        case = KernelCase(
            f"n = {n}, {grid} blocks of {BLOCK} threads",
            "a float4 is four elements; n % 4 are left over, and each must be added just once",
        )
        (parts,) = case.launch(mine, (grid,), (BLOCK,), x, Output((grid,)), np.uint32(n),
                               BLOCK=BLOCK)  # fmt: skip
        case.equal(float(parts.sum()), float((x * x).sum()), "the sum of parts")
        args = (x, np.empty(grid, np.float32), np.uint32(n))
        profile = in_simulator(mine, (grid,), (BLOCK,), args, BLOCK=BLOCK)
        single = round(sum(row.requests * row.lanes for row in profile.rows
                           if (row.space, row.op, row.size) == ("global", "load", 4)))  # fmt: skip
        most = n % 4
        what = f"right, but {single} elements are loaded one by one, only {most} have to be"
        case.require(single <= 2 * most, what)  # the leftover may be read for each factor
    return f"{len(sizes)} pairs of n and grid, 16 bytes a load"


@exercise("11.7 clip_coefficient")
def check_clip_coefficient(mine):
    cases = [(4.0, 1.0, 0), (0.25, 1.0, 0), (0.0, 1.0, 0), (9.0, np.inf, 0), (4.0, 1.0, 1),
             (np.inf, 1.0, 0), (np.nan, 1.0, 0)]  # fmt: skip
    for norm2, max_norm, halted in cases:
        before = step_state(CLIP=0.75, GRAD_NORM=7.0, HALTED=halted)
        case = KernelCase(
            f"norm2 = {norm2:g}, max_norm = {max_norm:g}, state[HALTED] = {halted}",
            "four slots at most are written, and HALTED is never taken back here",
        )
        (state,) = case.launch(mine, (1,), (1,), np.full(1, norm2, np.float32), InOut(before),
                               np.float32(max_norm))  # fmt: skip
        want = before.copy()
        with np.errstate(invalid="ignore"):
            reference_update.clip_coefficient(np.float32(norm2), want, np.float32(max_norm))
        for slot in Slot:
            if np.isfinite(norm2) or slot not in (Slot.CLIP, Slot.GRAD_NORM):
                case.equal(float(state[slot]), float(want[slot]), f"state[{slot.name}]", EXACT)
    return f"{len(cases)} norms"


@exercise("11.8 adamw")
def check_adamw(mine):
    cases = [(1, 1, 1, 0), (4, 2, 1, 0), (300, 97, 1, 0), (1027, 515, 2, 0), (512, 0, 1, 0),
             (300, 97, 1, 1)]  # fmt: skip
    for n, n_decay, grid, halted in cases:
        arrays, state = update_arrays(n), step_state(HALTED=halted)
        case = KernelCase(
            f"n = {n}, n_decay = {n_decay}, {grid} blocks of {BLOCK}, state[HALTED] = {halted}",
            "quad i holds the elements 4 i to 4 i + 3, and each asks for itself whether it decays",
        )
        params, grads, m, v = arrays
        sizes = (np.uint32(n), np.uint32(n_decay))
        got = case.launch(mine, (grid,), (BLOCK,), grads, state, InOut(params), InOut(m), InOut(v),
                          *sizes, *_hyper(), BLOCK=BLOCK)  # fmt: skip
        _compare_update(case, got, arrays, state, n_decay)
    return f"{len(cases)} cases"
