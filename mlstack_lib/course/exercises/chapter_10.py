"""Chapter 10: LayerNorm kernels; the checks of its exercises."""

import numpy as np

from ... import sim
from ..judging import exercise
from ..kernel_cases import InOut, KernelCase, Output
from ..pieces import check_by_pieces
from .launches_10 import (
    BF16,
    EPS,
    ROWS,
    WARPS,
    backward_by_rule,
    by_rule,
    ceil_div,
    inputs,
    launch_of,
    profile,
    profile_of_sum,
    sizes,
)
from .profile_checks import requests, require_at_most, require_coalesced

SHAPES = ((5, 31), (33, 32), (1, 1), (3, 33), (31, 97), (2, 128))  # n, c
QUAD_SHAPES = ((5, 32), (33, 100), (1, 4), (3, 128), (9, 132), (2, 256))  # c a multiple of 4
WIDE = (4, 200)  # several numbers a thread, and a rest
UNSET = "nan: never written, or computed from what was not set"
CENTRE = "first the mean of the row, then squares of what differs from it"
RSTD = "the mean of the squares of x - mu, so over c, plus eps, and 1 / root of that"


# ---- what the checks have in common ----


def _compare(case: KernelCase, looks: dict, *results) -> None:
    """As exact as twice the error of the plain way in f32, and four last places.

    looks: by the name of a result, in the order of comparison, where to look if it is wrong.
    results: (name, got, want, by the plain way).
    """
    known = {name: rest for name, *rest in results}
    for name, look in looks.items():
        got, want, plain = known[name]
        off = float(np.abs(plain - want).max() / max(1.0, np.abs(want).max()))
        case.look, tolerance = look, 2 * off + 2.0**-21
        if got.dtype == BF16:  # what is a rounding away is right; else shown is what is nearest
            allowed = (2 * off + 2.0**-8) * np.abs(want).max()
            got, nearest = got.astype(np.float32), want.astype(BF16).astype(np.float32)
            want, tolerance = np.where(np.abs(got - want) <= allowed, got, nearest), 0.0
        case.equal(got, want.astype(np.float32), name, tolerance)


def _check_forward(mine, cases, dtype=np.float32) -> str:
    """cases: (n, c, mean of x, eps, changes of the launch, look by the name of an output)."""
    for n, c, mean, eps, changes, looks in cases:
        x, weight, bias = inputs(n, c, mean)
        x = x.astype(dtype)
        grid, block, constants = launch_of(mine.name, n, c, **changes)
        around = f", numbers around {mean:.0f}" * (mean > 1)
        other = "".join(f", {key} {value}" for key, value in constants.items() if changes)
        case = KernelCase(f"x ({n}, {c}){around}, eps {eps}{other}", nan=UNSET)
        outputs = Output((n, c), dtype), Output((n,)), Output((n,))
        got = case.launch(mine, grid, block, x, weight, bias, *outputs, *sizes(n, c),
                          np.float32(eps), **constants)  # fmt: skip
        ways = (by_rule(x, weight, bias, eps, sums) for sums in (np.float64, np.float32))
        _compare(case, looks, *zip(("y", "mean", "rstd"), got, *ways, strict=True))
    return f"{len(cases)} cases"


def _same(look: str) -> dict:
    return dict.fromkeys(("mean", "rstd", "y"), look)


# ---- the checks of the forward pass ----


@exercise("10.1 layernorm_thread")
def check_thread(mine):
    looks = {
        "mean": "the sum of this thread's row, x[begin] to x[begin + c - 1], over c",
        "rstd": RSTD,
        "y": "x[begin + j] - mu, times r and number j of weight, plus number j of bias",
    }
    shapes = [(n, c, 1.0, EPS, {}, looks) for n, c in SHAPES]
    far = (4, 128, 1000.0, EPS, {}, _same(CENTRE))
    said = _check_forward(mine, [(3, 31, 1.0, 0.5, {}, looks), *shapes, far])
    case = KernelCase("x (64, 32)", "keep sums in variables, and write y once")
    found = profile(mine, 64, 32)
    require_at_most(case, requests(found, "store"), 2 * (32 + 2), "requests to write")
    case.look = "one pass for mu, one for the squares, one for y"
    got, three = requests(found, "load"), 2 * 32 * (3 + 2)  # 2 warps; weight and bias too
    case.require(
        got == three, f"right, but three passes are {three:,} requests to read, it makes {got:,}"
    )
    return f"{said}, three passes"


@exercise("10.2 layernorm_block")
def check_block(mine):
    stride = "thread t takes t, t + BLOCK, t + 2 BLOCK, ..., of x, weight and bias, while below c"
    looks = {
        "mean": "each number of the row once, then over c; block_sum gives the sum to every thread",
        "rstd": f"{RSTD}; block_sum again",
        "y": "each number j with weight[j] and bias[j]",
    }
    cases = [(3, 64, 1.0, 0.5, {}, looks), (*WIDE, 1.0, EPS, {}, _same(stride))]
    cases += [(n, c, 1.0, EPS, {}, looks) for n, c in SHAPES]
    cases += [(4, 128, 1000.0, EPS, {}, _same(CENTRE)),
              (*WIDE, 1.0, EPS, {"block": 128}, _same("BLOCK is another here"))]  # fmt: skip
    said = _check_forward(mine, cases)
    case, found = KernelCase("x (8, 128), BLOCK 64", stride), profile(mine, 8, 128)
    require_coalesced(case, found, aligned=False)
    # 2 warps, 2 rounds of each loop: x three times, weight, bias
    require_at_most(case, requests(found, "load"), 8 * 2 * 2 * 5, "requests to read")
    case.look = "block_sum adds, always in one order"
    require_at_most(case, found.count("atomics"), 0, "atomics")
    require_at_most(case, found.count("barriers"), 8 * 4, "barriers in 8 blocks")
    return f"{said}, sectors as few as can be"


@exercise("10.3 layernorm_warp")
def check_warp(mine):
    beyond = "lanes beyond the row hold 0: right for the sum, but 0 - mu is not 0"
    stride = "v[i] is number lane + 32 * i of the row: of all, with weight and bias of that number"
    spare = "PER_LANE may be more than a row needs; yet all lanes come to the last lines"
    looks = {"mean": "warp_sum gives every lane the sum, over c", "rstd": RSTD, "y": stride}
    cases = [(3, 32, 1.0, 0.5, {}, looks), (5, 31, 1.0, EPS, {}, looks | {"rstd": beyond}),
             (*WIDE, 1.0, EPS, {}, _same(stride))]  # fmt: skip
    cases += [(n, c, 1.0, EPS, {}, looks) for n, c in SHAPES[1:]]
    cases += [(4, 128, 1000.0, EPS, {}, _same(CENTRE)),
              (3, 40, 1.0, EPS, {"spare": 1}, _same(spare))]  # fmt: skip
    said = _check_forward(mine, cases)
    case, found = KernelCase("x (8, 128)", "the row stands in v"), profile(mine, 8, 128)
    require_at_most(case, requests(found, "load"), 8 * 4 * 3, "requests to read")
    require_at_most(case, found.count("barriers"), 0, "barriers")
    require_coalesced(case, found, aligned=False)
    return f"{said}, each row read once"


def _quad_cases(far: bool) -> list:
    """Without looks, which the pieces have. So far from 0 a bf16 has no digits left."""
    cases = [(3, 128, 1.0, 0.5, {}), (*WIDE, 1.0, EPS, {})]
    cases += [(n, c, 1.0, EPS, {}) for n, c in QUAD_SHAPES]
    cases += [(4, 256, 1000.0, EPS, {})] * far + [(3, 64, 1.0, EPS, {"spare": 1})]
    return [(*case, _same("")) for case in cases]


@exercise("10.4 layernorm_vector")
def check_vector(mine):
    looks = {
        "the load": "x4[q] is the numbers 4q to 4q + 3 of the row, if q < quads; else four zeros; "
        "all four go to `sum`",
        "the store": "v is centred: each of the four times r and its own weight, plus its own "
        "bias; with no group, `continue`: the last lines of the kernel are still to come",
    }
    return check_by_pieces(mine, looks, _check_vector)


def _check_vector(mine) -> str:
    said = _check_forward(mine, _quad_cases(far=True))
    case = KernelCase("x (8, 256)", "a float4 is 16 bytes, moved at once")
    found = profile(mine, 8, 256)
    require_at_most(case, requests(found, "load"), 8 * 2 * 3, "requests to read")
    require_at_most(case, requests(found, "store"), 8 * (2 + 2), "requests to write")
    return f"{said}, 16 bytes a load"


@exercise("10.5 residual_layernorm_forward")
def check_residual(mine):
    look = "v[i] is x + delta where the row has a number j, else 0"
    for (n, c), spare in [*((shape, 0) for shape in SHAPES), ((3, 40), 1)]:
        x, weight, bias = inputs(n, c)
        delta = inputs(n, c, seed=1)[0]
        case = KernelCase(f"x and delta ({n}, {c})", f"{look}; the sum is written too", UNSET)
        grid, block, constants = launch_of(mine.name, n, c, spare=spare)
        outputs = [Output((n, c)), Output((n, c)), Output((n,)), Output((n,))]
        got = case.launch(mine, grid, block, x, delta, weight, bias, *outputs, *sizes(n, c),
                          np.float32(EPS), **constants)  # fmt: skip
        case.equal(got[0], x + delta, "residual", 0.0)
        ways = (by_rule(x + delta, weight, bias, EPS, sums) for sums in (np.float64, np.float32))
        _compare(case, _same(look), *zip(("y", "mean", "rstd"), got[1:], *ways, strict=True))
    case.look = "what was just added stands in v[i]"
    found = profile(mine, 8, 128)
    require_at_most(case, requests(found, "load"), 8 * 4 * 4, "requests to read")
    require_coalesced(case, found, aligned=False)
    return f"{len(SHAPES) + 1} shapes, x and delta read once"


@exercise("10.6 layernorm_bf16")
def check_bf16(mine):
    looks = {
        "unpack": "the first of two bf16 is the lower half of the register, the second the upper; "
        "in an f32 a bf16's 16 bits are the upper ones, and below them are zeros",
        "the store": "v is centred: times r and weight, plus bias; pack_bf16 rounds two of the "
        "four, the first into the lower half",
    }
    return check_by_pieces(mine, looks, _check_bf16)


def _check_bf16(mine) -> str:
    said = _check_forward(mine, _quad_cases(far=False), BF16)
    case, found = KernelCase("x (8, 256) bf16", "four bf16 are a uint2"), profile(mine, 8, 256)
    require_at_most(case, requests(found, "store"), 8 * (2 + 2), "requests to write")
    return f"{said}, 8 bytes a load"


# ---- the checks of the backward pass ----


@exercise("10.7 layernorm_backward")
def check_backward(mine):
    looks = {
        "the sums": "g is dy * weight; sum_g adds g, sum_gx adds g * xhat; nothing counts beyond "
        "the row",
        "dx": "r times all three terms; sum_g and sum_gx are the means here; dresidual is added "
        "if RESIDUAL is 1",
    }
    return check_by_pieces(mine, looks, _check_backward)


def _check_backward(mine) -> str:
    cases = [(5, 31, 0, 0), (3, 40, 0, 1), (40, 33, 1, 0), (1, 1, 0, 0), (9, 97, 1, 0),
             (29, 96, 0, 0)]  # fmt: skip
    for n, c, residual, spare in cases:
        x, weight, bias = inputs(n, c)
        x = 3 * x  # so that rstd is not near 1
        dy, dresidual = inputs(n, c, seed=1)[0], inputs(n, c, seed=2)[0]
        mean, rstd = (a.astype(np.float32) for a in by_rule(x, weight, bias, EPS)[1:])
        grid, block, constants = launch_of(mine.name, n, c, spare=spare)
        constants |= {"RESIDUAL": residual}
        case = KernelCase(f"dy and x ({n}, {c}), RESIDUAL {residual}", nan=UNSET)
        dx, parts = case.launch(
            mine, grid, block, dresidual, dy, x, weight, mean, rstd, Output((n, c)),
            Output((3, 2, c)), *sizes(n, c), **constants,
        )  # fmt: skip
        ways = backward_by_rule(dy, x, weight, mean, rstd, extra=residual * dresidual)
        got = dx, *parts.sum(axis=0, dtype=np.float32)
        more = "a warp goes over many rows here: add to dweight[i] and dbias[i]"
        own = {"dbias": "d, once for each row", "dweight": "d times xhat, which is (x - mu) * r"}
        looks = {name: more if n > 3 * WARPS else look for name, look in own.items()}
        _compare(case, looks | {"dx": ""},
                 *zip(("dx", "dweight", "dbias"), got, *ways, strict=True))  # fmt: skip
    found = mine.compiled(sim, **constants).profile()
    case.look = "a warp sums its rows' shares in registers, dweight[i] and dbias[i]"
    require_at_most(case, found.count("atomics"), 0, "atomics")
    require_at_most(case, requests(found, "load"), n * (2 + 3 * 3), "requests to read")
    return f"{len(cases)} cases, dx and 3 parts"


@exercise("10.8 column_sum")
def check_column_sum(mine):
    look = "a thread adds every ROWS-th row of its column, from its own threadIdx.y on"
    cases = [(1, 1, 1, 0, ROWS), (9, 33, 1, 0, ROWS), (70, 31, 3, 0, ROWS), (64, 96, 1, 1, ROWS),
             (3, 64, 2, 0, ROWS), (70, 31, 3, 0, 4)]  # fmt: skip
    for n, c, parts, add, rows in cases:
        x = np.random.default_rng([n, c]).integers(-8, 9, (n, c)).astype(np.float32)
        case = KernelCase(f"x ({n}, {c}), {parts} parts, ACCUMULATE {add}, ROWS {rows}", look)
        y = np.full((parts, c), 3, np.float32) if add else np.zeros((parts, c), np.float32)
        got, share = _sum_columns(case, mine, x, y, add, rows)
        sums = [x[p * share : (p + 1) * share].sum(axis=0) for p in range(parts)]
        case.equal(got, np.array(sums) + y, "y", 0.0)
    _check_order(mine)
    found = profile_of_sum(mine, 64, 96)
    require_coalesced(case := KernelCase("x (64, 96)", look), found, aligned=False)
    require_at_most(case, requests(found, "load"), 64 * 3, "requests to read")
    case.look = "each thread leaves its sum in `sums`; one thread adds them, in one order"
    require_at_most(case, found.count("atomics"), 0, "atomics")
    return f"{len(cases)} cases, each number read once, one order"


def _sum_columns(case: KernelCase, mine, x, y, add: int, rows: int):
    """y as column_sum leaves it, and how many rows a part has."""
    (n, c), parts = x.shape, len(y)
    share = ceil_div(n, parts)
    (grid, _), block, constants = launch_of(mine.name, n, c, rows=rows)
    (got,) = case.launch(
        mine, (grid, parts), block, x, InOut(y) if add else Output(y.shape), *sizes(n, c),
        np.uint32(share), **constants | {"ACCUMULATE": add},
    )  # fmt: skip
    return got, share


def _check_order(mine) -> None:
    """Numbers whose f32 sum tells which were added first."""
    x = np.zeros((2 * ROWS, 32), np.float32)
    x[0], x[1], x[ROWS + 1] = 2.0**24, 1, 1
    case = KernelCase(
        f"x ({2 * ROWS}, 32), ROWS {ROWS}: 2^24 in row 0, 1 in rows 1 and {ROWS + 1}, else 0",
        "each thread adds rows of its own, and threadIdx.y 0 then their sums: 2^24 + 1 is 2^24 in "
        "f32, 2^24 + (1 + 1) is not",
    )
    got, _ = _sum_columns(case, mine, x, np.zeros((1, 32), np.float32), 0, ROWS)
    case.equal(got, x.sum(axis=0, dtype=np.float64).astype(np.float32)[None], "y", 0.0)
