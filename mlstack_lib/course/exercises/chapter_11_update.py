"""Chapter 11: the checks of the update, of the norm and of clipping."""

import numpy as np

from ... import reference_update
from ...array import Slot
from ..judging import exercise
from ..kernel_cases import InOut, KernelCase, Output
from ..pieces import check_by_pieces
from .chapter_08 import blocks_for, in_simulator, whole_numbers
from .launches_11 import ANY_BLOCK, BLOCK, EXACT, HYPER, f32, scalars, step_state, update_arrays

LOOKS = {
    "m": "m moves by (1 - beta1) of the way to g, the clipped gradient and nothing else",
    "v": "v moves by (1 - beta2) of the way to g * g",
    "params": "the parameter, shrunk if it decays, less lr / c1 * m / (sqrt(v / c2) + eps), all of "
    "it with the new m and v",
}
SMALL = "so small that eps decides: it is added to the root, and keeps 0 / 0 away"
QUADS = "quad i holds the elements 4 i to 4 i + 3; each goes with its own g, p, m and v"


def _updated(params, grads, m, v, state, n_decay: int) -> list[np.ndarray]:
    """params, m, v after the reference's update, in f64."""
    wide = [x.astype(np.float64) for x in (params, grads, m, v, state)]
    reference_update.adamw(*wide, n_decay, **HYPER)
    return [f32(wide[i]) for i in (0, 2, 3)]


def _compare_update(case: KernelCase, got: list, before: tuple, state, n_decay: int) -> None:
    """Moments first: what is wrong there is wrong in the parameters too. A case without a look
    gets that of the array."""
    names, wanted, look = ("params", "m", "v"), _updated(*before, state, n_decay), case.look
    for i in (1, 2, 0):
        case.look = look or LOOKS[names[i]]
        largest = float(np.abs(wanted[i]).max())
        case.equal(got[i], wanted[i], names[i], EXACT * min(1.0, largest))


def _about(factor: float) -> str:
    return f"gradients of about {factor:g}" if factor else "gradients and moments 0"


def _hyper() -> list[np.float32]:
    return [np.float32(value) for value in HYPER.values()]


@exercise("11.5 adamw_tensor")
def check_adamw_tensor(mine):
    cases = [(1, 1.0, 128), (31, 1.0, 128), (128, 1e-8, 128), (31, 0.0, 128), (129, 1.0, 128),
             (129, 1.0, 64), (300, 99.0, 128)]  # fmt: skip
    for n, factor, block in cases:
        arrays, state = update_arrays(n, factor), step_state()
        look = ANY_BLOCK if block != BLOCK else "" if factor >= 1 else SMALL
        case = KernelCase(f"n = {n}, {_about(factor)}, BLOCK {block}", look)
        params, grads, m, v = arrays
        numbers = (np.uint32(n), *scalars(state), *_hyper())
        got = case.launch(mine, (blocks_for(n, block),), (block,), grads, InOut(params), InOut(m),
                          InOut(v), *numbers, BLOCK=block)  # fmt: skip
        _compare_update(case, got, arrays, state, n)
    return f"{len(cases)} cases"


@exercise("11.6 squared_norm")
def check_squared_norm(mine):
    one, rest = "each number is squared by itself", "by `first`, one thread of all blocks takes it"
    more = "each quad just once: a thread begins at `first` and goes on by `threads`"
    cases = [(1, 1, 128, one), (4, 1, 128, one), (3, 2, 128, rest), (7, 2, 128, rest),
             (1024, 1, 128, more), (2051, 2, 128, more), (2051, 2, 64, ANY_BLOCK)]  # fmt: skip
    for n, grid, block, look in cases:
        x = whole_numbers(n)
        case = KernelCase(f"n = {n}, grid {grid}, BLOCK {block}", look)
        (parts,) = case.launch(mine, (grid,), (block,), x, Output((grid,)), np.uint32(n),
                               BLOCK=block)  # fmt: skip
        case.equal(float(parts.sum()), float((x * x).sum()), "the sum of parts")
        args = (x, np.empty(grid, np.float32), np.uint32(n))
        profile = in_simulator(mine, (grid,), (block,), args, BLOCK=block)
        single = round(sum(row.requests * row.lanes for row in profile.rows
                           if (row.space, row.op, row.size) == ("global", "load", 4)))  # fmt: skip
        case.look = "a float4 is four elements, and n % 4 are left over"
        what = f"right, but {single} elements are loaded one by one, only {n % 4} have to be"
        case.require(single <= 2 * (n % 4), what)  # may be read for each factor
    return f"{len(cases)} cases, 16 bytes a load"


@exercise("11.7 clip_coefficient")
def check_clip_coefficient(mine):
    looks = {
        Slot.GRAD_NORM: "the norm is the root of norm2[0], whatever it is",
        Slot.CLIP: "the smaller of 1 and max_norm / (norm + 1e-6)",
        Slot.HALTED: "it becomes 1 for infinite and NaN, for nothing else, and never 0 again",
    }
    cases = [(4.0, 1.0, 0), (0.25, 1.0, 0), (0.0, 1.0, 0), (1e-12, 1e-6, 0), (9.0, np.inf, 0),
             (3e38, 1.0, 0), (4.0, 1.0, 1), (np.inf, 1.0, 0), (np.nan, 1.0, 0)]  # fmt: skip
    for norm2, max_norm, halted in cases:
        before = step_state(CLIP=0.75, GRAD_NORM=7.0, HALTED=halted)
        case = KernelCase(f"norm2 = {norm2:g}, max_norm = {max_norm:g}, state[HALTED] = {halted}")
        (state,) = case.launch(mine, (1,), (1,), np.full(1, norm2, np.float32), InOut(before),
                               np.float32(max_norm))  # fmt: skip
        want = before.copy()
        with np.errstate(invalid="ignore"):
            reference_update.clip_coefficient(np.float32(norm2), want, np.float32(max_norm))
        for slot in [*looks, *(slot for slot in Slot if slot not in looks)]:
            case.look = looks.get(slot, "only three slots are written")
            got, name = float(state[slot]), f"state[{slot.name}]"
            if not np.isnan(want[Slot.GRAD_NORM]) or slot not in (Slot.GRAD_NORM, Slot.CLIP):
                case.equal(got, float(want[slot]), name, EXACT)
            elif slot is Slot.GRAD_NORM:
                case.require(np.isnan(got), f"{name} is {got:g}, want nan")
    return f"{len(cases)} norms"


@exercise("11.8 adamw")
def check_adamw(mine):
    looks = {"update": f"{LOOKS['params']}; element i decays if i < n_decay", "the calls": QUADS}
    return check_by_pieces(mine, looks, _check_adamw)


def _check_adamw(mine) -> str:
    cases = [(1, 1, 1, 0, 1.0), (3, 1, 1, 0, 1.0), (3, 3, 1, 0, 1e-8), (3, 2, 1, 0, 0.0),
             (4, 2, 1, 0, 1.0), (300, 97, 1, 0, 1.0), (1027, 515, 2, 0, 1.0), (512, 0, 1, 0, 1.0),
             (300, 97, 1, 1, 1.0)]  # fmt: skip
    for n, n_decay, grid, halted, factor in cases:
        arrays, state = update_arrays(n, factor), step_state(HALTED=halted)
        look = QUADS if n >= 4 else "" if factor == 1 else SMALL
        if (n, n_decay) == (3, 1):
            look = "element i decays if i < n_decay, and only then"
        given = f"n = {n}, n_decay = {n_decay}, grid {grid}, state[HALTED] = {halted}"
        case = KernelCase(f"{given}, {_about(factor)}", look)
        params, grads, m, v = arrays
        sizes = (np.uint32(n), np.uint32(n_decay))
        got = case.launch(mine, (grid,), (BLOCK,), grads, state, InOut(params), InOut(m), InOut(v),
                          *sizes, *_hyper(), BLOCK=BLOCK)  # fmt: skip
        _compare_update(case, got, arrays, state, n_decay)
    return f"{len(cases)} cases"
