"""Chapter 07: attention and the Transformer, and the checks of its exercises."""

import numpy as np

from ... import reference
from ...gpt import GPT, GPTConfig
from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def lookup(query, keys, values):
    """The values, each weighted by how well its key fits the query; and the weights."""
    ### BEGIN SOLUTION
    weights = reference.softmax_forward(keys @ query)
    return weights @ values, weights
    ### END SOLUTION


def causal_scores(q, k):
    """q . k / sqrt(D) for each pair of tokens, -inf where the key is later than the query.

    q, k (..., T, D) -> scores (..., T, T), row i for query i.
    """
    ### BEGIN SOLUTION
    t, d = q.shape[-2:]
    scores = q @ k.swapaxes(-1, -2) / d**0.5
    return np.where(np.tri(t, dtype=bool), scores, -np.inf)
    ### END SOLUTION


def heads_first(qkv):
    """q, k, v, each (B, H, T, D), of packed qkv (B, T, 3, H, D)."""
    return tuple(qkv[:, :, i].swapaxes(1, 2) for i in range(3))


def pack(dq, dk, dv):
    """The inverse of heads_first: three arrays (B, H, T, D) -> (B, T, 3, H, D)."""
    return np.stack([part.swapaxes(1, 2) for part in (dq, dk, dv)], axis=2)


def count_parameters(vocab_size, context, n_layer, n_embd):
    """How many numbers a GPT of these sizes trains."""
    ### BEGIN SOLUTION
    c = n_embd
    attention = (3 * c * c + 3 * c) + (c * c + c)
    mlp = (4 * c * c + 4 * c) + (4 * c * c + c)
    norms = 2 * 2 * c
    return (vocab_size + context) * c + n_layer * (attention + mlp + norms) + 2 * c
    ### END SOLUTION


def top_p(probabilities, p):
    """The fewest likeliest tokens that together reach p, scaled to sum 1; 0 for all others."""
    ### BEGIN SOLUTION
    order = np.argsort(-probabilities)
    kept = order[: np.searchsorted(np.cumsum(probabilities[order]), p) + 1]
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept] / probabilities[kept].sum()
    return result
    ### END SOLUTION


# ---- the checks ----


@exercise("7.1 lookup")
def check_lookup(mine):
    rng = np.random.default_rng(0)
    for s, d, e in [(3, 2, 4), (5, 4, 1), (1, 3, 2)]:
        query, keys = rng.standard_normal(d), rng.standard_normal((s, d))
        values = rng.standard_normal((s, e))
        case = Case(
            f"query ({d},), keys ({s}, {d}), values ({s}, {e})",
            "the weights are the softmax of one score a key, the result is their sum of values",
        )
        _check_lookup(case, mine, query, keys, values)
    case = Case(
        "scores of 0, 2000 and 1999",
        "exp of a large score overflows; chapter 03 took the largest off first",
    )
    keys = np.array([[0.0], [2000.0], [1999.0]])
    with np.errstate(all="ignore"):
        _check_lookup(case, mine, np.array([1.0]), keys, np.array([[1.0], [2.0], [4.0]]))
    return "4 lookups"


def _check_lookup(case, mine, query, keys, values):
    weights = np.exp(keys @ query - (keys @ query).max())
    weights /= weights.sum()
    result = case.call(mine, query, keys, values)
    pair = isinstance(result, tuple) and len(result) == 2
    case.require(pair, "it must return two things: the result and the weights")
    case.equal(result[1], weights, "weights")
    case.equal(result[0], (weights[:, None] * values).sum(axis=0), "result")


@exercise("7.2 causal scores")
def check_causal_scores(mine):
    rng = np.random.default_rng(1)
    for shape in [(4, 9), (1, 3), (2, 3, 5, 4)]:
        q, k = rng.standard_normal(shape), rng.standard_normal(shape)
        want = _scores_by_loop(q, k)
        case = Case(f"q, k {shape}", "only the last two axes of k change places")
        got = case.call(mine, q, k)
        if isinstance(got, np.ndarray) and got.shape == want.shape:
            _check_mask(got, f"q, k {shape}")
            case.look = "row i, column j: query i with key j, over the square root of D"
        case.equal(got, want, "scores")
    q, k = (rng.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
    case = Case("q, k (3, 4) f32", "np.sqrt of a whole number is a float64 (d ** 0.5 is not), and "
                "so is an array of zeros: either makes all of it f64")  # fmt: skip
    got = case.call(mine, q, k)
    case.equal(got, _scores_by_loop(q, k).astype(np.float32), "scores", tolerance=1e-5)
    return "4 shapes"


def _check_mask(got, given):
    past = np.broadcast_to(np.tri(got.shape[-1], dtype=bool), got.shape)
    case = Case(given, "row i is the token that looks; it sees columns 0 to i, itself too")
    hidden = ~np.isneginf(got) & ~past
    missing = ~np.isfinite(got) & past
    for wrong, want in [(hidden, "-inf"), (missing, "a finite score")]:
        if wrong.any():
            at = tuple(map(int, np.argwhere(wrong)[0]))
            where = ", ".join(map(str, at))
            raise case.wrong(f"scores[{where}] is {float(got[at]):.4g}, want {want}")


def _scores_by_loop(q, k):
    """What causal_scores must give, a pair of tokens at a time."""
    t, d = q.shape[-2:]
    scores = np.full((*q.shape[:-1], t), -np.inf)
    for i in range(t):
        for j in range(i + 1):
            scores[..., i, j] = (q[..., i, :].astype(np.float64) * k[..., j, :]).sum(-1) / np.sqrt(
                d
            )
    return scores


SHAPES = [(1, 4, 3, 1, 3), (2, 5, 3, 3, 4), (1, 1, 3, 2, 2), (3, 2, 3, 2, 1)]


@exercise("7.3 attention forward")
def check_attention_forward(mine):
    rng = np.random.default_rng(2)
    for shape in SHAPES:
        qkv = rng.standard_normal(shape)
        case = Case(f"qkv {shape}", "probabilities times values, then tokens before heads again")
        _check_forward(case, mine, qkv)
    case = Case("qkv (1, 3, 3, 1, 2), scores above 1000", "subtract each row's largest score first")
    with np.errstate(all="ignore"):
        _check_forward(case, mine, 60 * rng.standard_normal((1, 3, 3, 1, 2)))
    case = Case("qkv (1, 4, 3, 2, 3) f32", "something turns f32 into f64")
    _check_forward(case, mine, rng.standard_normal((1, 4, 3, 2, 3)).astype(np.float32), 1e-5)
    return f"{len(SHAPES) + 2} shapes"


def _check_forward(case, mine, qkv, tolerance=1e-9):
    out, lse = reference.attention_forward(qkv)
    result = case.call(mine, qkv)
    pair = isinstance(result, tuple) and len(result) == 2
    case.require(pair, "it must return two things: out and lse")
    same_kind = [
        getattr(result[0], name, None) == getattr(out, name) for name in ("shape", "dtype")
    ]
    if all(same_kind) and np.isfinite(result[0]).all():
        first = Case(
            case.given, "token 0 sees itself alone: its out is its own value, head by head"
        )
        first.equal(result[0][:, 0], qkv[:, 0, 2], "out of token 0", tolerance)
    case.equal(result[0], out, "out", tolerance)
    case.look = "lse is log(sum(exp(scores))) of each row, with what was subtracted added back"
    case.equal(result[1], lse, "lse", tolerance)


@exercise("7.4 attention backward")
def check_attention_backward(mine):
    rng = np.random.default_rng(3)
    looks = [  # in this order: what is wrong in dv or dS must not be blamed on a transpose
        (
            2,
            "dv",
            "each value was used by every row that looked at it: P, masked, transposed, times dout",
        ),
        (0, "dq", "P times (dP - delta), one delta a row; then the keys, and the scale once more"),
        (1, "dk", "column j of the scores belongs to key j: transpose, then the queries"),
    ]
    dtypes = [np.float64] * len(SHAPES) + [np.float32]
    for shape, dtype in zip([*SHAPES, (2, 3, 3, 2, 5)], dtypes, strict=True):
        qkv = rng.standard_normal(shape).astype(dtype)
        out, lse = reference.attention_forward(qkv)
        dout = rng.standard_normal(out.shape).astype(dtype)
        want = reference.attention_backward(dout, qkv, out, lse)
        text = f"qkv {shape} {'f64' if dtype == np.float64 else 'f32'}"
        case = Case(
            text,
            "delta and lse: a number a row of the scores, (B, H, T, 1); then pack(dq, dk, dv)",
        )
        got = case.call(mine, dout, qkv, out, lse)
        tolerance = 1e-9 if dtype == np.float64 else 1e-5
        if getattr(got, "shape", None) == want.shape and got.dtype == want.dtype:
            for i, name, look in looks:
                Case(text, look).equal(got[:, :, i], want[:, :, i], name, tolerance)
        case.equal(got, want, "dqkv", tolerance)
    return f"{len(dtypes)} shapes"


@exercise("7.5 count parameters")
def check_count_parameters(mine):
    base = {"vocab_size": 7, "context": 5, "n_layer": 2, "n_embd": 6}
    grown = [
        ("vocab_size", "one token more", "a row of the token embedding; the head has no other"),
        ("context", "one position more", "one row of the position embedding"),
        ("n_layer", "one block more", "two LayerNorms, attention (C to 3C, C to C), an MLP "
         "(C to 4C, 4C to C): weight and bias each"),
    ]  # fmt: skip
    case = Case(_sizes(base), "it must be a whole number")
    got = case.call(mine, *base.values())
    case.require(isinstance(got, int | np.integer), f"the count is of type {type(got).__name__}")
    for name, text, look in grown:
        more = base | {name: base[name] + 1}
        case = Case(f"{text} than {_sizes(base)}", look)
        added = int(case.call(mine, *more.values())) - int(got)
        case.equal(added, _count(more) - _count(base), "what is added")
    case = Case(_sizes(base), "what stands outside the blocks: two embeddings and one LayerNorm")
    case.equal(int(got), _count(base), "the count")
    for sizes in [(1, 1, 1, 1), (40, 3, 4, 10)]:
        more = dict(zip(base, sizes, strict=True))
        case = Case(_sizes(more), "no size may be fixed in the formula")
        case.equal(int(case.call(mine, *sizes)), _count(more), "the count")
    return "6 models"


def _count(sizes):
    """The count of a real model."""
    config = GPTConfig(n_head=1, **sizes)
    return GPT(config, rng=np.random.default_rng(0)).parameter_count()


def _sizes(sizes):
    return "V = {vocab_size}, T = {context}, blocks {n_layer}, C = {n_embd}".format(**sizes)


@exercise("7.6 top-p")
def check_top_p(mine):
    fixed = [
        (
            [0.125, 0.5, 0.25, 0.125],
            0.6,
            "likeliest first until p is reached, with the one that crosses p; each at its place",
        ),
        ([0.25, 0.125, 0.625], 0.625, "exactly p counts as reached: no token more than is needed"),
        ([0.5, 0.3, 0.2], 0.01, "at least one token is always kept"),
        ([0.1, 0.2, 0.7], 1.0, "with p = 1 nothing is cut"),
        ([1.0], 0.9, "one token alone"),
    ]
    for values, p, look in fixed:
        probabilities = np.array(values)
        case = Case(f"probabilities {values}, p = {p}", look)
        _check_top_p(case, mine, probabilities, p)
    rng = np.random.default_rng(4)
    for n, p in [(10, 0.5), (100, 0.9)]:
        case = Case(
            f"{n} random probabilities, p = {p}", "nothing that depends on the number of tokens"
        )
        _check_top_p(case, mine, rng.dirichlet(np.full(n, 0.3)), p)
    return f"{len(fixed) + 2} distributions"


def _check_top_p(case, mine, probabilities, p):
    want, total = np.zeros_like(probabilities), 0.0
    for token in sorted(range(len(want)), key=lambda token: -probabilities[token]):
        if total < p:
            want[token] = probabilities[token]
            total += probabilities[token]
    got = case.call(mine, probabilities, p)
    if np.shape(got) == want.shape:
        kept = [int(token) for token in np.flatnonzero(got)]
        right = [int(token) for token in np.flatnonzero(want)]
        case.require(kept == right, f"it keeps {_some(kept)}, want {_some(right)}")
        case.look = "what is kept must sum to 1 again"
    case.equal(got, want / want.sum(), "result")


def _some(tokens):
    short = tokens if len(tokens) <= 6 else [*tokens[:6], "..."]
    return f"{len(tokens)} token{'s' * (len(tokens) != 1)} {short}".replace("'", "")
