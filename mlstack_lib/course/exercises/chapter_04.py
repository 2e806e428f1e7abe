"""Chapter 04: LayerNorm, its running statistics and RMSNorm, and the checks of its exercises."""

import numpy as np

from ... import reference
from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def welford(count, mean, m2, value):
    """The count, mean and sum of squared distances from the mean after one more value."""
    ### BEGIN SOLUTION
    count = count + 1
    new_mean = mean + (value - mean) / count
    return count, new_mean, m2 + (value - mean) * (value - new_mean)
    ### END SOLUTION


def parameter_gradients(dy, x, mean, rstd):
    """The gradients of LayerNorm's weight and bias: dweight (C,), dbias (C,)."""
    ### BEGIN SOLUTION
    xhat = (x - mean[:, None]) * rstd[:, None]
    return (dy * xhat).sum(axis=0), dy.sum(axis=0)
    ### END SOLUTION


def rmsnorm(x, weight, eps):
    """x (N, C) over the root mean square of its row, times weight (C,): the value and its vjp."""
    ### BEGIN SOLUTION
    rstd = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + eps)
    xhat = x * rstd

    def vjp(dy):
        g = dy * weight
        dx = rstd * (g - xhat * (g * xhat).mean(axis=1, keepdims=True))
        return dx, (dy * xhat).sum(axis=0)

    return xhat * weight, vjp
    ### END SOLUTION


# ---- the checks ----

SHAPES = [(2, 3), (3, 2), (1, 5), (4, 1), (3, 3)]


def _row_case(rng, shape):
    """x, weight, bias and a gradient dy for LayerNorm: no two alike, no row with mean 0."""
    x = 2 * rng.standard_normal(shape) + 3 * rng.standard_normal((shape[0], 1))
    weight, bias = rng.uniform(0.5, 2, shape[1]), rng.standard_normal(shape[1])
    return x, weight, bias, rng.standard_normal(shape)


@exercise("4.1 layernorm_forward")
def check_layernorm_forward(mine):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, weight, bias, _ = _row_case(rng, shape)
        case = Case(
            f"x {shape} f64, eps 1e-5",
            "each row on its own: a mean and a deviation of its C numbers, then weight and bias",
        )
        _compare_forward(case, mine, x, weight, bias, 1e-5)
    x, weight, bias, _ = _row_case(rng, (2, 4))
    case = Case("x (2, 4) f64, eps 0.5", "eps is added to the variance, before the root")
    _compare_forward(case, mine, x, weight, bias, 0.5)
    case = Case("a row of equal numbers, eps 1e-5", "a variance of 0 is what eps is for")
    _compare_forward(case, mine, np.full((1, 4), 7.0), weight, bias, 1e-5)

    x, weight, bias, _ = (a.astype(np.float32) for a in _row_case(rng, (3, 4)))
    case = Case("x (3, 4) f32", "from f32 to f32: let no array of float64 in")
    _compare_forward(case, mine, x, weight, bias, 1e-5, tolerance=1e-5)
    case = Case(
        "x (2, 64) f32, numbers around 3000", "take the mean off first, then square what is left"
    )
    x = (3000 + rng.standard_normal((2, 64))).astype(np.float32)
    ones = np.ones(64, np.float32)
    _compare_forward(case, mine, x, ones, 0 * ones, 1e-5, tolerance=2e-3)
    return f"{len(SHAPES)} shapes, f64 and f32, rows without variance and with a large mean"


def _compare_forward(case, mine, x, weight, bias, eps, tolerance=1e-9):
    got = case.call(mine, x, weight, bias, eps)
    case.require(
        isinstance(got, tuple) and len(got) == 3, "it must return three things: y, mean and rstd"
    )
    wide = [a.astype(np.float64) for a in (x, weight, bias)]
    wanted = [a.astype(x.dtype) for a in reference.layernorm_forward(*wide, eps)]
    for name, g, w in zip(("mean", "rstd", "y"), (got[1], got[2], got[0]),
                          (wanted[1], wanted[2], wanted[0]), strict=True):  # fmt: skip
        case.equal(g, w, name, tolerance)


@exercise("4.2 welford")
def check_welford(mine):
    case = Case(
        "count 0, mean 0.0, m2 0.0, value 5.0",
        "of a single value the mean is the value itself; its distance from that is 0",
    )
    case.equal(_state(case, mine, 0, 0.0, 0.0, 5.0), (1, 5.0, 0.0), "(count, mean, m2)")
    case = Case(
        "count 1, mean 5.0, m2 0.0, value 8.0",
        "the one distance is to the mean before, the other to the mean after",
    )
    case.equal(_state(case, mine, 1, 5.0, 0.0, 8.0), (2, 6.5, 4.5), "(count, mean, m2)")

    values = np.random.default_rng(1).uniform(-3, 9, 20)
    state = (0, 0.0, 0.0)
    for i, value in enumerate(values):
        case = Case(f"value number {i + 1} of 20", "m2 is a sum, not yet divided by the count")
        state = _state(case, mine, *state, float(value))
        want = (i + 1, float(values[: i + 1].mean()), float(values[: i + 1].var() * (i + 1)))
        case.equal(state, want, "(count, mean, m2)")

    values = (10_000 + np.random.default_rng(2).standard_normal(200)).astype(np.float32)
    case = Case("200 values f32 around 10,000", "squares of differences, no differences of squares")
    state = (0, np.float32(0), np.float32(0))
    for value in values:
        state = _state(case, mine, *state, value)
    want = float(values.astype(np.float64).var())
    case.equal(float(state[2]) / 200, want, "m2 / count", tolerance=0.02)
    return "20 values one by one, and 200 with a large mean in f32"


def _state(case, mine, *args):
    got = case.call(mine, *args)
    case.require(
        isinstance(got, tuple) and len(got) == 3, "it must return three things: count, mean and m2"
    )
    return got


@exercise("4.3 parameter_gradients")
def check_parameter_gradients(mine):
    rng = np.random.default_rng(3)
    for shape in SHAPES:
        x, weight, bias, dy = _row_case(rng, shape)
        _, mean, rstd = reference.layernorm_forward(x, weight, bias, 0.1)
        case = Case(
            f"dy, x {shape} f64, mean and rstd of eps 0.1",
            "weight[c] is used once a row: its uses are added, each times its slope there, xhat",
        )
        got = case.call(mine, dy, x, mean, rstd)
        case.require(
            isinstance(got, tuple) and len(got) == 2, "it must return two things: dweight and dbias"
        )
        _, dweight, dbias = reference.layernorm_backward(dy, x, weight, mean, rstd)
        case.equal(got[1], dbias, "dbias")
        case.equal(got[0], dweight, "dweight")
    return f"{len(SHAPES)} shapes"


@exercise("4.4 layernorm_backward")
def check_layernorm_backward(mine):
    rng = np.random.default_rng(4)
    for shape, eps in [((2, 3), 1e-5), ((3, 2), 0.3), ((1, 5), 1e-5), ((4, 1), 0.1), ((3, 3), 0.3)]:
        x, weight, bias, dy = _row_case(rng, shape)
        _, mean, rstd = reference.layernorm_forward(x, weight, bias, eps)
        case = Case(
            f"dy, x {shape} f64, a random weight, mean and rstd of eps {eps}",
            "line 8, term by term: g is dy * weight, both means go along a row, rstd in front",
        )
        _compare_backward(case, mine, dy, x, weight, mean, rstd)
    x, weight, bias, dy = (a.astype(np.float32) for a in _row_case(rng, (3, 4)))
    _, mean, rstd = reference.layernorm_forward(x, weight, bias, 1e-5)
    case = Case("dy, x (3, 4) f32", "from f32 to f32: let no array of float64 in")
    _compare_backward(case, mine, dy, x, weight, mean, rstd, tolerance=1e-5)
    return "5 shapes, f64 and f32"


def _compare_backward(case, mine, dy, x, weight, mean, rstd, tolerance=1e-9):
    got = case.call(mine, dy, x, weight, mean, rstd)
    case.require(
        isinstance(got, tuple) and len(got) == 3,
        "it must return three things: dx, dweight and dbias",
    )
    wanted = reference.layernorm_backward(dy, x, weight, mean, rstd)
    for name, g, w in zip(("dx", "dweight", "dbias"), got, wanted, strict=True):
        case.equal(g, w, name, tolerance)


@exercise("4.5 rmsnorm")
def check_rmsnorm(mine):
    rng = np.random.default_rng(5)
    for shape, eps in [((2, 3), 1e-5), ((3, 2), 0.3), ((1, 5), 1e-5), ((4, 1), 0.1), ((3, 3), 0.3)]:
        x, weight, _, dy = _row_case(rng, shape)
        case = Case(f"x {shape} f64, eps {eps}", "no mean is taken off; eps stands inside the root")
        _compare_rmsnorm(case, mine, x, weight, eps, dy)
    x, weight, _, dy = (a.astype(np.float32) for a in _row_case(rng, (3, 4)))
    case = Case("x (3, 4) f32, eps 1e-05", "from f32 to f32: let no array of float64 in")
    _compare_rmsnorm(case, mine, x, weight, 1e-5, dy, tolerance=1e-5)
    return "5 shapes, values and gradients, f64 and f32"


def _compare_rmsnorm(case, mine, x, weight, eps, dy, tolerance=1e-9):
    result = case.call(mine, x, weight, eps)
    pair = isinstance(result, tuple) and len(result) == 2
    case.require(pair and callable(result[1]), "it must return two things: a value and a function")
    value, dx, dweight = _rmsnorm_by_loop(*(a.astype(np.float64) for a in (x, weight, dy)), eps)
    case.equal(result[0], value.astype(x.dtype), "value", tolerance)
    case.look = "lines 3 to 8 again, with x itself in the place of c"
    got = case.call(result[1], dy)
    case.equal(got, (dx.astype(x.dtype), dweight.astype(x.dtype)), "vjp(dy)", tolerance)


def _rmsnorm_by_loop(x, weight, dy, eps):
    """What rmsnorm must give, a row at a time, the slopes of each row as a table."""
    value, dx, dweight = np.empty_like(x), np.empty_like(x), np.zeros_like(weight)
    for i, row in enumerate(x):
        root = np.sqrt(row @ row / len(row) + eps)
        value[i] = row / root * weight
        table = np.eye(len(row)) / root - np.outer(row, row) / (len(row) * root**3)
        dx[i] = table @ (dy[i] * weight)
        dweight += dy[i] * row / root
    return value, dx, dweight
