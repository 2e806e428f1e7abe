"""Random arguments for every function of the reference, the same for all devices.

Whoever runs a case rounds its float arguments to f32, and gives that same number to every version.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import reference
from ..array import STATE_SIZE, Slot

ROWS = ((1, 1), (1, 97), (2, 31), (31, 2), (32, 33), (33, 32), (97, 1), (97, 33))  # N, C
PRODUCTS = ((1, 1, 1), (2, 31, 33), (31, 97, 2), (32, 1, 97), (33, 32, 31), (97, 33, 32))
TOKENS = ((1, 1, 1, 1), (2, 31, 97, 33), (3, 2, 5, 97), (1, 32, 1009, 2), (2, 33, 31, 1))  # BTVC
LOGITS = ((1, 1), (1, 97), (2, 31), (31, 2), (301, 3), (33, 1009), (97, 101))  # N, V
ATTENTION = tuple((2, t, 3, d) for t in (1, 2, 31, 64, 65, 130) for d in (32, 64, 80))  # BTHD
FLAT = ((1,), (2,), (31,), (32,), (33,), (97,), (1000,), (70_001,))
ONCE = ((),)

# A size of each kind that is more than one block of work, with an odd remainder.
LARGE = {
    ROWS: (701, 389),
    PRODUCTS: (701, 31, 389),
    TOKENS: (3, 101, 97, 903),
    LOGITS: (301, 1009),
    ATTENTION: (3, 257, 4, 32),
    FLAT: (300_007,),
}


@dataclass(frozen=True)
class Case:
    """How to call one function, at every size in `sizes`.

    make(random, *size) gives its arguments by name; `writes` names those that it overwrites.
    gradients(arguments) gives the shapes of what it writes into `out`, for a function that takes
    `out` and `accumulate`. plain: a sequential version, if the reference sums in a better order.
    terms: the argument that is as large as the terms that cancel in a small result.
    """

    sizes: tuple[tuple[int, ...], ...]
    make: Callable[..., dict]
    writes: tuple[str, ...] = ()
    gradients: Callable[[dict], list[tuple[int, ...]]] | None = None
    plain: Callable | None = None
    terms: str | None = None


class Random:
    """Random numbers of a seed, f64: random(*shape) is normally distributed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.standard_normal(shape))

    def whole(self, high: int, *shape: int) -> np.ndarray:
        """Whole numbers below `high`, i32."""
        return self.rng.integers(high, size=shape, dtype=np.int32)

    def words(self, *shape: int) -> np.ndarray:
        """Any bits, u32."""
        return self.rng.integers(2**32, size=shape, dtype=np.uint32)

    def state(self, **slots: float) -> np.ndarray:
        """A step state (16,), random but for `slots`."""
        state = self(STATE_SIZE)
        for name, value in slots.items():
            state[Slot[name]] = value
        return state


# ---- arguments that depend on each other ----


def linear(r, n, k, m, bias=True, activation=None):
    bias = r(m) if bias else None
    return {"x": r(n, k), "weight": r(m, k), "bias": bias, "activation": activation}


def embedding(r, b, t, v, c, positions=True):
    rows = r(t, c) if positions else None
    return {"idx": r.whole(v, b, t), "weight": r(v, c), "positions": rows}


def embedding_gradient(r, b, t, v, c):
    idx = r.whole(v, b * t)
    order = np.argsort(idx, kind="stable").astype(np.int32)
    return {"dy": r(b * t, c), "idx": idx, "order": order, "rows": v}


def norm(r, n, c):
    x = r(n, c) * 3 + 2
    _, mean, rstd = reference.layernorm_forward(x, np.ones(c), np.zeros(c), 1e-5)
    return {"dy": r(n, c), "x": x, "weight": r(c), "mean": mean, "rstd": rstd}


def residual_norm(r, n, c, dresidual=True):
    args = norm(r, n, c)
    args["residual"] = args.pop("x")
    return {"dresidual": r(n, c) if dresidual else None, **args}


def cross_entropy(r, n, v, ignored=slice(1, None, 3), factor=4):
    targets = r.whole(v, n)
    targets[ignored] = -1
    return {"logits": r(n, v) * factor, "targets": targets, "ignore_index": -1}


def attention_gradient(r, b, t, h, d, apart=0):
    """apart: queries are moved by it and keys by minus that, so that all scores are far below 0."""
    qkv = r(b, t, 3, h, d)
    qkv[:, :, 0] += apart
    qkv[:, :, 1] -= apart
    out, lse = reference.attention_forward(qkv)
    return {"dout": r(b, t, h, d), "qkv": qkv, "out": out, "lse": lse}


def attention_token_by_token(dout, qkv, out, lse):
    """reference.attention_backward, every sum taken one term after the other."""

    def dot(a, b):
        return np.cumsum(a * b, axis=-1)[..., -1]

    q, k, v = np.moveaxis(qkv, (2, 3), (0, 2))  # each (B, H, T, D)
    do, dqkv, scale = dout.swapaxes(1, 2), np.zeros_like(qkv), qkv.dtype.type(q.shape[-1] ** -0.5)
    dq, dk, dv = np.moveaxis(dqkv, (2, 3), (0, 2))  # views
    delta = dot(dout, out).swapaxes(1, 2)
    for i in range(q.shape[2]):  # one query after the other, and all the keys that it sees
        seen = np.s_[:, :, : i + 1]
        p = np.exp(dot(q[:, :, i, None], k[seen]) * scale - lse[:, :, i, None])[..., None]
        ds = p * (dot(do[:, :, i, None], v[seen]) - delta[:, :, i, None])[..., None] * scale
        dq[:, :, i] = np.cumsum(ds * k[seen], axis=2)[:, :, -1]
        dk[seen] += ds * q[:, :, i, None]
        dv[seen] += p * do[:, :, i, None]
    return dqkv


def attention_cached(r, b, t, h, d):
    cache, state = r(2, b, h, t + 5, d), r.state(POSITION=2)
    return {"qkv": r(b, t, 3, h, d), "cache": cache, "state": state}


def update(r, n, decay, halted=0):
    now = {"LEARNING_RATE": 0.01, "CLIP": 0.7, "HALTED": halted}
    state = r.state(**now, BIAS_CORRECTION1=0.271, BIAS_CORRECTION2=0.0975)
    return {"params": r(n), "grads": r(n), "m": r(n), "state": state, "n_decay": round(n * decay)}


def adamw(r, n, decay=0.3, halted=0):
    constants = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}
    return update(r, n, decay, halted) | {"v": r(n) ** 2} | constants


def adamw_small_gradients(r, n):
    """Gradients of the size of eps: it matters what eps is added to."""
    arguments = adamw(r, n)
    small = {name: arguments[name] * 1e-8 for name in ("grads", "m")}
    return arguments | small | {"v": arguments["v"] * 1e-16}


def sgd(r, n, halted=0):
    return update(r, n, 0.3, halted) | {"momentum": 0.9, "weight_decay": 0.1}


def product_term_by_term(a, b):
    """reference.matmul_tn, every sum taken one term after the other."""
    return np.cumsum(a[:, :, None] * b[:, None, :], axis=0, dtype=a.dtype)[-1]


def some_not_finite(r, *shape):
    x = r(*shape)
    for start, value in enumerate((np.nan, np.inf, -np.inf)):
        x.reshape(-1)[start :: 5 + start] = value
    return x


def of_weight(args):
    return [args["weight"].shape] * 2


# ---- by function, or "function: what is special about the case" ----

CASES = {
    "add": Case(ROWS, lambda r, *s: {"a": r(*s), "b": r(*s)}),
    "scale": Case(ROWS, lambda r, *s: {"x": r(*s), "factor": r()}),
    "scale: by one": Case(ROWS, lambda r, *s: {"x": r(*s), "factor": np.ones(())}),
    "fill": Case(ROWS, lambda r, *s: {"x": r(*s), "value": 2.5}, ("x",)),
    "copy": Case(ROWS, lambda r, *s: {"x": r(*s)}),
    "copy: into out": Case(ROWS, lambda r, *s: {"x": r(*s), "out": r(*s)}, ("out",)),
    "column_sum": Case(ROWS, lambda r, *s: {"x": r(*s)}, (), lambda a: [a["x"].shape[1:]]),
    "store": Case(ROWS, lambda r, *s: {"value": r(*s), "out": None, "accumulate": False}),
    "gelu_forward": Case(ROWS, lambda r, *s: {"x": r(*s) * 3}, terms="x"),
    "gelu_forward: three axes": Case(((2, 3, 5),), lambda r, *s: {"x": r(*s) * 3}, terms="x"),
    "gelu_forward: a number": Case(ONCE, lambda r: {"x": r()}, terms="x"),
    "gelu_backward": Case(ROWS, lambda r, *s: {"dy": r(*s), "x": r(*s) * 3}, terms="dy"),
    "gelu_backward: far out": Case(ROWS, lambda r, *s: {"dy": r(*s), "x": r(*s) * 1e5}, terms="dy"),
    "matmul": Case(PRODUCTS, lambda r, m, k, n: {"a": r(m, k), "b": r(k, n)}),
    "matmul_nt": Case(PRODUCTS, lambda r, m, k, n: {"a": r(m, k), "b": r(n, k)}),
    "matmul_tn": Case(
        PRODUCTS,
        lambda r, m, k, n: {"a": r(k, m), "b": r(k, n)},
        gradients=lambda a: [(a["a"].shape[1], a["b"].shape[1])],
    ),
    # a long sum, which kernels share among blocks
    "matmul_tn: long": Case(
        ((33, 2100, 65),),
        lambda r, m, k, n: {"a": r(k, m), "b": r(k, n)},
        plain=product_term_by_term,
    ),
    "linear_forward": Case(PRODUCTS, linear),
    "linear_forward: gelu": Case(PRODUCTS, lambda r, *s: linear(r, *s, activation="gelu")),
    "linear_forward: no bias": Case(PRODUCTS, lambda r, *s: linear(r, *s, bias=False)),
    "linear_forward: gelu, no bias": Case(PRODUCTS, lambda r, *s: linear(r, *s, False, "gelu")),
    "linear_backward_input": Case(PRODUCTS, lambda r, n, m, k: {"dy": r(n, m), "weight": r(m, k)}),
    "linear_backward_weight": Case(
        PRODUCTS,
        lambda r, n, m, k: {"dy": r(n, m), "x": r(n, k)},
        gradients=lambda a: [(a["dy"].shape[1], a["x"].shape[1]), a["dy"].shape[1:]],
    ),
    "embedding_forward": Case(TOKENS, embedding),
    "embedding_forward: no positions": Case(TOKENS, lambda r, *s: embedding(r, *s, False)),
    "embedding_backward": Case(
        TOKENS, embedding_gradient, gradients=lambda a: [(a["rows"], a["dy"].shape[1])]
    ),
    "layernorm_forward": Case(
        ROWS, lambda r, n, c: {"x": r(n, c) * 3 + 2, "weight": r(c), "bias": r(c), "eps": 1e-5}
    ),
    "layernorm_backward": Case(ROWS, norm, (), of_weight),
    "residual_layernorm_forward": Case(
        ROWS,
        lambda r, n, c: {"x": r(n, c), "delta": r(n, c), "weight": r(c), "bias": r(c), "eps": 1e-5},
    ),
    "residual_layernorm_backward": Case(ROWS, residual_norm, (), of_weight),
    "residual_layernorm_backward: no dresidual": Case(
        ROWS, lambda r, *s: residual_norm(r, *s, False), (), of_weight
    ),
    "softmax_forward": Case(ROWS, lambda r, *s: {"x": r(*s) * 4}),
    "softmax_forward: far out": Case(ROWS, lambda r, *s: {"x": r(*s) * 99}),
    "softmax_backward": Case(
        ROWS,
        lambda r, *s: {"dy": r(*s), "y": reference.softmax_forward(r(*s) * 4)},
        terms="dy",
    ),
    "cross_entropy_forward": Case(LOGITS, cross_entropy),
    "cross_entropy_forward: far out": Case(LOGITS, lambda r, *s: cross_entropy(r, *s, factor=99)),
    "cross_entropy_with_gradient": Case(LOGITS, cross_entropy),
    "cross_entropy_with_gradient: far out": Case(
        LOGITS, lambda r, *s: cross_entropy(r, *s, factor=99)
    ),
    "cross_entropy_with_gradient: all ignored": Case(
        LOGITS, lambda r, *s: cross_entropy(r, *s, ignored=slice(None))
    ),
    "attention_forward": Case(ATTENTION, lambda r, b, t, h, d: {"qkv": r(b, t, 3, h, d)}),
    "attention_forward: one key wins": Case(
        ATTENTION, lambda r, b, t, h, d: {"qkv": r(b, t, 3, h, d) * 9}
    ),
    "attention_backward": Case(ATTENTION, attention_gradient, plain=attention_token_by_token),
    "attention_backward: scores far below 0": Case(
        ((2, 31, 3, 64), (1, 65, 2, 64)),
        lambda r, *s: attention_gradient(r, *s, apart=6),
        plain=attention_token_by_token,
    ),
    "attention_cached": Case(ATTENTION, attention_cached, ("cache",)),
    "pcg4d": Case(FLAT, lambda r, n: {key: r.words(n) for key in "abcd"}),
    "dropout": Case(
        ROWS,
        lambda r, *s: {
            "x": r(*s), "state": r.state(DROPOUT=7), "seed": 3, "layer": 5, "rate": 0.3
        },
    ),
    "squared_norm": Case(FLAT, lambda r, n: {"x": r(n)}, plain=lambda x: np.cumsum(x * x)[-1]),
    "count_nonfinite": Case(FLAT, lambda r, n: {"x": some_not_finite(r, n)}),
    "clip_coefficient": Case(
        ONCE,
        lambda r: {"norm2": np.asarray(r() ** 2 + 4), "state": r.state(HALTED=0), "max_norm": 1.0},
        ("state",),
    ),
    "adamw": Case(FLAT, adamw, ("params", "m", "v")),
    "adamw: all decay": Case(FLAT, lambda r, n: adamw(r, n, 1.0), ("params", "m", "v")),
    "adamw: small gradients": Case(FLAT, adamw_small_gradients, ("params", "m", "v")),
    "adamw: halted": Case(FLAT, lambda r, n: adamw(r, n, halted=1), ("params", "m", "v")),
    "adamw: none decay": Case(FLAT, lambda r, n: adamw(r, n, 0.0), ("params", "m", "v")),
    "sgd": Case(FLAT, sgd, ("params", "m")),
    "sgd: halted": Case(FLAT, lambda r, n: sgd(r, n, halted=1), ("params", "m")),
    "advance": Case(
        ONCE, lambda r: {"state": r.state(SCHEDULE_ROW=1), "schedule": r(3, 4)}, ("state",)
    ),
    "take_batch": Case(
        ONCE,
        lambda r: {"tables": (r(3, 2, 5), r(3, 7)), "state": r.state(BATCH=1, DROPOUT=4)},
        ("state",),
    ),
    "record": Case(
        ONCE,
        lambda r: {"value": r(), "table": r(5), "state": r.state(BATCH=3), "slot": Slot.BATCH},
        ("table",),
    ),
}  # fmt: skip
