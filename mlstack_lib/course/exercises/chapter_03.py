"""Chapter 03: what a network of layers is made of, and the checks of its exercises."""

import math

import numpy as np

from ... import reference
from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def initial_weight(rng, outputs, inputs):
    """Normal numbers (outputs, inputs) f32, of a deviation that keeps that of what comes in."""
    ### BEGIN SOLUTION
    weight = rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
    return weight.astype(np.float32)
    ### END SOLUTION


def cross_entropy(logits, targets):
    """The mean of -log softmax(logits)[target] over the rows, and its gradient for the logits."""
    ### BEGIN SOLUTION
    rows = np.arange(len(targets))
    z = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(z)
    losses = np.log(e.sum(axis=1)) - z[rows, targets]
    dlogits = e / e.sum(axis=1, keepdims=True)
    dlogits[rows, targets] -= 1
    return losses.mean(), dlogits / len(targets)
    ### END SOLUTION


def random_words(count, step, seed, layer):
    """`count` u32 numbers, each mixed from its index and the three keys, and from nothing else."""
    blocks = np.arange(-(-count // 4), dtype=np.uint32)  # a call of pcg4d gives four numbers
    layer, step, seed = (np.full(1, key, np.uint32) for key in (layer, step, seed))
    return np.stack(reference.pcg4d(blocks, layer, step, seed), axis=1).ravel()[:count]


def dropout(x, step, seed, layer, rate):
    """x with a share `rate` of its elements set to 0 and the others divided by 1 - rate."""
    ### BEGIN SOLUTION
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    return x * (words >= rate * 2**32) / np.asarray(1 - rate, x.dtype)
    ### END SOLUTION


# ---- the checks ----


def _random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _tolerance(dtype) -> float:
    return 1e-5 if dtype == np.float32 else 1e-9


@exercise("3.1 linear gradients")
def check_linear_backward_weight(mine):
    sizes = [(5, 3, 2, np.float64), (1, 4, 1, np.float64), (4, 1, 3, np.float32)]
    for n, k, m, dtype in sizes:
        x, dy = _random((n, k), dtype), _random((n, m), dtype, seed=1)
        case = Case(
            f"dy ({n}, {m}), x ({n}, {k}), weight ({m}, {k}), bias ({m},)",
            "weight[j, k] meets x[i, k] to make y[i, j], for every row i; bias[j] is in every row",
        )
        want = np.zeros((m, k)), np.zeros(m)
        for i in range(n):
            want[0][...] += dy[i][:, None] * x[i]
            want[1][...] += dy[i]
        result = case.call(mine, dy, x)
        case.require(
            isinstance(result, tuple) and len(result) == 2,
            "it must return two arrays, dweight and dbias",
        )
        for name, got, expected in zip(("dweight", "dbias"), result, want, strict=True):
            case.equal(got, expected.astype(dtype), name, _tolerance(dtype))
    return "3 shapes"


@exercise("3.2 gelu")
def check_gelu_forward(mine):
    look = "0.5 x (1 + tanh(u)); print your u for x = 1: it is sqrt(2 / pi) * 1.044715"
    for given, x in [
        ("x = [0, 1, -1]", np.array([0.0, 1.0, -1.0])),
        ("x (3, 4) f64", 2 * _random((3, 4))),
        ("x (2, 1, 3) f32", _random((2, 1, 3), np.float32)),
        ("x = [-1000, -30, 30, 1000] f32", np.array([-1000, -30, 30, 1000], np.float32)),
    ]:
        case = Case(given, look)
        want = np.vectorize(_gelu_of_one)(x.astype(np.float64)).astype(x.dtype)
        case.equal(case.call(mine, x), want, "y", _tolerance(x.dtype))
    return "4 arrays"


def _gelu_of_one(x: float) -> float:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + math.tanh(inner))


@exercise("3.3 initial weight")
def check_initial_weight(mine):
    for outputs, inputs in [(300, 50), (20, 800)]:
        case = Case(
            f"rng = np.random.default_rng(0), outputs = {outputs}, inputs = {inputs}",
            "the variance is to be 1 over the number of inputs, and the deviation is its root",
        )
        weight = case.call(mine, np.random.default_rng(0), outputs, inputs)
        # as many rows of zeros: type, shape and dtype are compared, no number is
        case.equal(weight, np.zeros((outputs, inputs), np.float32), "weight", tolerance=np.inf)
        deviation, want = float(weight.std()), inputs**-0.5
        case.require(
            abs(deviation - want) <= 0.04 * want,
            f"the deviation of weight is {deviation:.3g}, want about {want:.3g}",
        )
        case.require(
            abs(float(weight.mean())) <= 0.04 * want,
            f"the mean of weight is {float(weight.mean()):.3g}, want about 0",
        )
        case.require(
            float(np.abs(weight).max()) > 2.5 * want,
            f"no number is farther from 0 than {np.abs(weight).max():.3g}: are they normal?",
        )
    case = Case("two generators with the same seed, then another seed", "draw from rng alone")
    first, again, other = (mine(np.random.default_rng(seed), 3, 4) for seed in (1, 1, 2))
    case.require(np.array_equal(first, again), "the same rng gives other numbers")
    case.require(not np.array_equal(first, other), "another rng gives the same numbers")
    return "2 shapes, 3 generators"


@exercise("3.4 softmax")
def check_softmax(mine):
    cases = [
        ("x (2, 3) f64", _random((2, 3)), "each row by itself sums to 1: axis=-1, keepdims=True"),
        ("x (3, 3) f64", _random((3, 3)), "each row by itself sums to 1: axis=-1, keepdims=True"),
        ("x (2, 3, 4) f64", _random((2, 3, 4)), "along the last axis, whatever the others are"),
        ("x (5,) f64", _random((5,)), "along the last axis, whatever the others are"),
        ("x (4, 1) f32", _random((4, 1), np.float32), "what is a share of one?"),
        ("x = [[1000, 999]]", np.array([[1000.0, 999.0]]), "exp(1000) is too large: see above"),
        ("x = [[-1000, -999]]", np.array([[-1000.0, -999.0]]), "the largest exponent should be 0"),
        ("x = [[1000, -1000]]", np.array([[1000.0, -1000.0]]), "which number is to be taken off?"),
        ("x = [[1000, 999], [-1000, -999]]", np.array([[1000.0, 999.0], [-1000.0, -999.0]]),
         "each row has a largest score of its own"),
    ]  # fmt: skip
    for given, x, look in cases:
        case = Case(given, look)
        with np.errstate(all="ignore"):
            got = case.call(mine, x)
        rows = x.astype(np.float64).reshape(-1, x.shape[-1])
        want = np.array([_softmax_of_row(row) for row in rows.tolist()]).reshape(x.shape)
        case.equal(got, want.astype(x.dtype), "y", _tolerance(x.dtype))
    return f"{len(cases)} arrays, scores of +-1000 among them"


def _softmax_of_row(row: list[float]) -> list[float]:
    shares = [math.exp(v - max(row)) for v in row]
    return [share / sum(shares) for share in shares]


LOOK_LOSS = "lse(z) - z[target] with the largest score taken off, in each row; then the mean"
LOOK_GRADIENT = (
    "the loss is right; its gradient is p - y, over the number of rows; y has one 1 a row"
)


@exercise("3.5 cross-entropy")
def check_cross_entropy(mine):
    cases = [
        ("logits (1, 3), targets [2]", _random((1, 3)), [2]),
        ("logits (4, 3), targets [0, 2, 2, 1]", _random((4, 3)), [0, 2, 2, 1]),
        ("logits (5, 2) f32", 3 * _random((5, 2), np.float32), [1, 0, 0, 1, 1]),
        ("logits [[1000, -1000], [5, 5]], targets [1, 0]",
         np.array([[1000.0, -1000.0], [5.0, 5.0]]), [1, 0]),
    ]  # fmt: skip
    for given, logits, targets in cases:
        case = Case(given, LOOK_LOSS)
        targets = np.array(targets, np.int32)
        losses, want = [], np.zeros(logits.shape)
        for i, (row, target) in enumerate(zip(logits.tolist(), targets, strict=True)):
            lse = max(row) + math.log(sum(math.exp(z - max(row)) for z in row))
            losses.append(lse - row[target])
            for j, z in enumerate(row):
                want[i, j] = (math.exp(z - lse) - (j == target)) / len(targets)
        with np.errstate(all="ignore"):
            result = case.call(mine, logits, targets)
        case.require(
            isinstance(result, tuple) and len(result) == 2,
            "it must return two things, the loss and dlogits",
        )
        tolerance = _tolerance(logits.dtype)
        case.equal(result[0], sum(losses) / len(losses), "loss", tolerance)
        case.look = LOOK_GRADIENT
        case.equal(result[1], want.astype(logits.dtype), "dlogits", tolerance)
    return "4 batches"


@exercise("3.6 dropout")
def check_dropout(mine):
    cases = [
        (np.ones((2, 6)), (1, 0, 0, 0.5)),
        (_random((3, 7), np.float32), (0, 5, 1, 0.25)),
        (_random((2, 3, 5)), (12, 1, 4, 0.9)),
        (_random((9,)), (3, 0, 2, 0.0)),
    ]
    for x, (step, seed, layer, rate) in cases:
        case = Case(
            f"x {x.shape} {x.dtype}, step {step}, seed {seed}, layer {layer}, rate {rate}",
            "keep where the word is not below rate * 2**32; what is kept is divided by 1 - rate",
        )
        words = random_words(x.size, step, seed, layer).tolist()
        kept = np.array([word >= rate * 2**32 for word in words]).reshape(x.shape)
        want = (np.where(kept, x, 0) / (1 - rate)).astype(x.dtype)
        case.equal(case.call(mine, x, step, seed, layer, rate), want, "y", _tolerance(x.dtype))
    return "4 arrays"
