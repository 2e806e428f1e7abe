"""Chapter 10: LayerNorm kernels; the checks of its exercises."""

import numpy as np

from ... import reference, sim
from ...sim.profile import Profile
from ..judging import exercise
from ..kernel_cases import InOut, KernelCase, Output
from .launches_10 import (
    BF16,
    EPS,
    ROWS,
    ceil_div,
    inputs,
    launch_of,
    profile,
    profile_of_sum,
    requests,
    sizes,
)

SHAPES = ((5, 31), (33, 32), (1, 1), (3, 33), (31, 97), (2, 128))  # n, c
QUAD_SHAPES = ((5, 32), (33, 100), (1, 4), (3, 128), (9, 132), (2, 256))  # c a multiple of 4
CENTRE = "first the mean of the row, then squares of what differs from it"


# ---- what the checks have in common ----


def _by_rule(x, weight, bias, eps, sums=np.float64):
    """y, mean, rstd by the reference; `sums` f32: added one after the other, in f32."""
    if sums is np.float64:
        return reference.layernorm_forward(*(a.astype(sums) for a in (x, weight, bias)), eps)
    x, c = x.astype(sums), sums(x.shape[1])
    mean = np.cumsum(x, axis=1, dtype=sums)[:, -1] / c
    squares = np.cumsum((x - mean[:, None]) ** 2, axis=1, dtype=sums)[:, -1]
    rstd = 1 / np.sqrt(squares / c + sums(eps))
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


def _compare(case: KernelCase, names: str, got, want, plain) -> None:
    """As exact as twice the error of `plain`, the plain way in f32, and four last places."""
    for name, mine, right, simple in zip(names.split(), got, want, plain, strict=True):
        off = np.abs(simple - right).max() / max(1.0, np.abs(right).max())
        rounding = 2.0**-8 if mine.dtype == BF16 else 2.0**-21
        case.equal(
            mine.astype(np.float32), right.astype(np.float32), name, 2 * float(off) + rounding
        )


def _check_forward(mine, shapes, look: str, dtype=np.float32) -> str:
    cases = [(3, shapes[0][1], 1.0, 0.5)]
    if dtype is not BF16:  # so far from 0 a bf16 has no digits left
        cases.append((4, shapes[-1][1], 1000.0, EPS))
    cases += [(n, c, 1.0, EPS) for n, c in shapes]
    for n, c, mean, eps in cases:
        x, weight, bias = inputs(n, c, mean)
        x = x.astype(dtype)
        around = f", numbers around {mean:.0f}" * (mean > 1)
        hint = CENTRE if mean > 1 else look
        case = KernelCase(f"x ({n}, {c}){around}, eps {eps}", hint)
        grid, block, constants = launch_of(mine.name, n, c)
        outputs = Output((n, c), dtype), Output((n,)), Output((n,))
        got = case.launch(mine, grid, block, x, weight, bias, *outputs, *sizes(n, c),
                          np.float32(eps), **constants)  # fmt: skip
        ways = (_by_rule(x, weight, bias, eps, sums) for sums in (np.float64, np.float32))
        _compare(case, "y mean rstd", got, *ways)
    return f"{len(cases)} cases"


def _require_coalesced(case: KernelCase, found: Profile) -> None:
    """No access to global memory moves more sectors than its bytes need."""
    for row in found.rows:
        case.require(
            row.space != "global" or row.moved <= row.ideal + row.requests,
            f"right, but line {row.place.line} ({row.op}) moves {row.worst} sectors for a request "
            f"of a warp, where {ceil_div(row.ideal, row.requests)} are enough",
        )


def _require_at_most(case: KernelCase, got: int, most: int, what: str) -> None:
    case.require(got <= most, f"right, but it makes {got:,} {what}, {most:,} would do")


# ---- the checks of the forward pass ----


@exercise("10.1 layernorm_thread")
def check_thread(mine):
    look = "x[begin + j] is number j of this thread's row; weight and bias have one for each j"
    said = _check_forward(mine, SHAPES, look)
    case = KernelCase("x (64, 32)", "keep sums in variables, and write y once")
    found = profile(mine, 64, 32)
    _require_at_most(case, requests(found, "store"), 2 * (32 + 2), "requests to write")
    return said


@exercise("10.2 layernorm_block")
def check_block(mine):
    look = "each thread takes every BLOCK-th number; block_sum gives the sum to all of them"
    said = _check_forward(mine, SHAPES, look)
    case, found = KernelCase("x (8, 128), BLOCK 64", look), profile(mine, 8, 128)
    _require_coalesced(case, found)
    # 2 warps, 2 rounds of each loop: x three times, weight, bias
    _require_at_most(case, requests(found, "load"), 8 * 2 * 2 * 5, "requests to read")
    _require_at_most(case, found.count("barriers"), 8 * 4, "barriers in 8 blocks")
    return f"{said}, sectors as few as can be"


@exercise("10.3 layernorm_warp")
def check_warp(mine):
    look = "lanes beyond the row hold 0: right for the sum, but 0 - mu is not 0"
    said = _check_forward(mine, SHAPES, look)
    case, found = (
        KernelCase("x (8, 128)", "the row stands in v, in registers"),
        profile(mine, 8, 128),
    )
    _require_at_most(case, requests(found, "load"), 8 * 4 * 3, "requests to read")
    _require_at_most(case, found.count("barriers"), 0, "barriers")
    _require_coalesced(case, found)
    return f"{said}, each row read once"


@exercise("10.4 layernorm_vector")
def check_vector(mine):
    look = "x4[q] is the numbers 4q to 4q + 3 of the row; q < quads is the guard"
    said = _check_forward(mine, QUAD_SHAPES, look)
    case, found = (
        KernelCase("x (8, 256)", "a float4 is 16 bytes, moved at once"),
        profile(mine, 8, 256),
    )
    _require_at_most(case, requests(found, "load"), 8 * 2 * 3, "requests to read")
    _require_at_most(case, requests(found, "store"), 8 * (2 + 2), "requests to write")
    return f"{said}, 16 bytes a load"


@exercise("10.5 residual_layernorm_forward")
def check_residual(mine):
    look = "v[i] is x + delta where the row has a number j, else 0; the sum is written too"
    for n, c in SHAPES:
        x, weight, bias = inputs(n, c)
        delta = inputs(n, c, seed=1)[0]
        case = KernelCase(f"x and delta ({n}, {c})", look)
        grid, block, constants = launch_of(mine.name, n, c)
        outputs = [Output((n, c)), Output((n, c)), Output((n,)), Output((n,))]
        got = case.launch(mine, grid, block, x, delta, weight, bias, *outputs, *sizes(n, c),
                          np.float32(EPS), **constants)  # fmt: skip
        case.equal(got[0], x + delta, "residual", 0.0)
        ways = (_by_rule(x + delta, weight, bias, EPS, sums) for sums in (np.float64, np.float32))
        _compare(case, "y mean rstd", got[1:], *ways)
    case.look = "what was just added stands in v[i]"
    found = profile(mine, 8, 128)
    _require_at_most(case, requests(found, "load"), 8 * 4 * 4, "requests to read")
    _require_coalesced(case, found)
    return f"{len(SHAPES)} shapes, x and delta read once"


@exercise("10.6 layernorm_bf16")
def check_bf16(mine):
    look = "the first of two bf16 is the lower half of the register, the second the upper half"
    said = _check_forward(mine, QUAD_SHAPES, look, BF16)
    case, found = KernelCase("x (8, 256) bf16", "four bf16 are a uint2"), profile(mine, 8, 256)
    _require_at_most(case, requests(found, "store"), 8 * (2 + 2), "requests to write")
    return f"{said}, 8 bytes a load"


# ---- the checks of the backward pass ----


@exercise("10.7 layernorm_backward")
def check_backward(mine):
    look = "g is dy * weight; dweight is a sum of dy * xhat over the rows; mean(g) is sum_g here"
    for n, c, residual in [(5, 31, 0), (40, 33, 1), (1, 1, 0), (9, 97, 1), (29, 96, 0)]:
        x, weight, bias = inputs(n, c)
        dy, dresidual = inputs(n, c, seed=1)[0], inputs(n, c, seed=2)[0]
        mean, rstd = (a.astype(np.float32) for a in _by_rule(x, weight, bias, EPS)[1:])
        case = KernelCase(f"dy and x ({n}, {c}), RESIDUAL {residual}", look)
        grid, block, constants = launch_of(mine.name, n, c)
        constants |= {"RESIDUAL": residual}
        dx, parts = case.launch(
            mine, grid, block, dresidual, dy, x, weight, mean, rstd, Output((n, c)),
            Output((3, 2, c)), *sizes(n, c), **constants,
        )  # fmt: skip
        wants = [
            list(reference.layernorm_backward(*(a.astype(t) for a in (dy, x, weight, mean, rstd))))
            for t in (np.float64, np.float32)
        ]
        for want in wants:
            want[0] = want[0] + residual * dresidual
        got = dx, *parts.sum(axis=0, dtype=np.float32)
        _compare(case, "dx dweight dbias", got, *wants)
    found = mine.compiled(sim, **constants).profile()
    case.look = "a warp sums its rows' shares in registers, dweight[i] and dbias[i]"
    _require_at_most(case, found.count("atomics"), 0, "atomics")
    _require_at_most(case, requests(found, "load"), n * (2 + 3 * 3), "requests to read")
    return "5 cases, dx and 3 parts"


@exercise("10.8 column_sum")
def check_column_sum(mine):
    look = "a thread adds every ROWS-th row of its column, from its own threadIdx.y on"
    for n, c, parts, add in [
        (1, 1, 1, 0),
        (9, 33, 1, 0),
        (70, 31, 3, 0),
        (64, 96, 1, 1),
        (3, 64, 2, 0),
    ]:
        x = np.random.default_rng([n, c]).integers(-8, 9, (n, c)).astype(np.float32)
        rows = ceil_div(n, parts)
        case = KernelCase(f"x ({n}, {c}), {parts} parts, ACCUMULATE {add}", look)
        y = np.full((parts, c), 3, np.float32)
        (got,) = case.launch(
            mine, (ceil_div(c, 32), parts), (32, ROWS), x, InOut(y) if add else Output(y.shape),
            *sizes(n, c), np.uint32(rows), ROWS=ROWS, ACCUMULATE=add,
        )  # fmt: skip
        sums = [x[p * rows : (p + 1) * rows].sum(axis=0) for p in range(parts)]
        case.equal(got, np.array(sums) + add * y, "y", 0.0)
    found = profile_of_sum(mine, 64, 96)
    case = KernelCase("x (64, 96)", look)
    _require_coalesced(case, found)
    _require_at_most(case, requests(found, "load"), 64 * 3, "requests to read")
    return "5 cases, each number read once"
