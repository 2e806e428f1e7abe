"""For every function of the reference its sizes, and what is special about some of its arguments.

Whoever runs a case rounds its float arguments to f32, and gives that same number to every version.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import reference
from ..array import Slot
from .arguments import (
    adamw,
    adamw_small_gradients,
    attention_cached,
    attention_gradient,
    attention_token_by_token,
    cross_entropy,
    embedding,
    embedding_gradient,
    linear,
    norm,
    product_term_by_term,
    residual_norm,
    sgd,
    some_not_finite,
    sum_term_by_term,
)

ROWS = ((1, 1), (1, 97), (2, 31), (2, 389), (31, 2), (32, 33), (33, 32), (97, 1), (97, 33))  # N, C
PRODUCTS = (  # M, K, N; the last in rows of whole vectors
    *((1, 1, 1), (2, 31, 33), (31, 97, 2), (32, 1, 97), (33, 32, 31), (97, 33, 32)),
    (36, 68, 132),
)
TILES = ((65, 18, 6273),)
TOKENS = ((1, 1, 1, 1), (2, 31, 97, 33), (3, 2, 5, 97), (1, 32, 1009, 2), (2, 33, 31, 1))  # BTVC
LOGITS = ((1, 1), (1, 97), (2, 31), (31, 2), (301, 3), (33, 1009), (97, 101))  # N, V
FOURS = ((1, 4), (5, 132), (2, 2052))  # N, V: rows that begin at multiples of 16 bytes
ATTENTION = (  # B, T, H, D
    *((2, t, 3, d) for t in (1, 2, 31, 64, 65, 130) for d in (32, 64, 80)),
    (2, 33, 1, 31),
    (1, 65, 2, 128),
)
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
# Sizes of which one is 0, as far as the reference takes them.
EMPTY = {
    ROWS: ((0, 3),),
    PRODUCTS: ((0, 3, 2), (2, 0, 3), (2, 3, 0)),
    TOKENS: ((0, 3, 5, 2), (2, 3, 5, 0)),
    LOGITS: ((0, 3),),
    ATTENTION: ((0, 3, 2, 32),),
    FLAT: ((0,),),
}


@dataclass(frozen=True)
class Case:
    """How to call one function, at every size in `sizes`.

    make(random, *size) gives its arguments by name; `writes` names those that it overwrites.
    gradients(arguments) gives the shapes of what it writes into `out`, for a function that takes
    `out` and `accumulate`. plain: a sequential version, if the reference sums in a better order.
    terms: what is as large as the terms that cancel in a small result: an argument, or for each
    result a number that terms(arguments) gives. finite: whether all that the reference gives is;
    if not, others must give NaN and infinity where it does.
    """

    sizes: tuple[tuple[int, ...], ...]
    make: Callable[..., dict]
    writes: tuple[str, ...] = ()
    gradients: Callable[[dict], list[tuple[int, ...]]] | None = None
    plain: Callable | None = None
    terms: str | Callable[[dict], tuple[float, ...]] | None = None
    finite: bool = True


def of_weight(args):
    return [args["weight"].shape] * 2


def of_norm(args):
    """With one column g - mean(g) is 0, but for the rounding of a product that is not fused."""
    g = args["dy"] * args["weight"]
    return abs(g * args["rstd"][:, None]).max(initial=0.0), 0.0, 0.0


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
        ((5, 2100, 3),),
        lambda r, m, k, n: {"a": r(k, m), "b": r(k, n)},
        plain=product_term_by_term,
    ),
    # so many tiles that kernels take large ones
    "matmul: many tiles": Case(TILES, lambda r, m, k, n: {"a": r(m, k), "b": r(k, n)}),
    "matmul_nt: many tiles": Case(TILES, lambda r, m, k, n: {"a": r(m, k), "b": r(n, k)}),
    "matmul_tn: many tiles": Case(TILES, lambda r, m, k, n: {"a": r(k, m), "b": r(k, n)}),
    "linear_forward: many tiles": Case(TILES, linear),
    "linear_forward: gelu, many tiles": Case(TILES, lambda r, *s: linear(r, *s, activation="gelu")),
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
    "layernorm_backward": Case(ROWS, norm, (), of_weight, terms=of_norm),
    "residual_layernorm_forward": Case(
        ROWS,
        lambda r, n, c: {"x": r(n, c), "delta": r(n, c), "weight": r(c), "bias": r(c), "eps": 1e-5},
    ),
    "residual_layernorm_backward": Case(ROWS, residual_norm, (), of_weight, terms=of_norm),
    "residual_layernorm_backward: no dresidual": Case(
        ROWS, lambda r, *s: residual_norm(r, *s, False), (), of_weight, terms=of_norm
    ),
    "softmax_forward": Case(ROWS, lambda r, *s: {"x": r(*s) * 4}),
    "softmax_forward: far out": Case(ROWS, lambda r, *s: {"x": r(*s) * 99}),
    "softmax_forward: four at a time": Case(FOURS, lambda r, *s: {"x": r(*s) * 4}),
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
    "cross_entropy_with_gradient: four at a time": Case(FOURS, cross_entropy),
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
    "squared_norm": Case(FLAT, lambda r, n: {"x": r(n)}, plain=lambda x: sum_term_by_term(x * x)),
    "count_nonfinite": Case(FLAT, lambda r, n: {"x": some_not_finite(r, n)}),
    "clip_coefficient": Case(
        ONCE,
        lambda r: {"norm2": np.asarray(r() ** 2 + 4), "state": r.state(HALTED=0), "max_norm": 1.0},
        ("state",),
    ),
    "clip_coefficient: infinite": Case(
        ONCE,
        lambda r: {"norm2": np.asarray(np.inf), "state": r.state(HALTED=0), "max_norm": 1.0},
        ("state",),
        finite=False,
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
