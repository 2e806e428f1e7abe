"""Wrong solutions of chapter 07."""

import numpy as np
from zoo import mutant

from mlstack_lib import reference
from mlstack_lib.course.exercises.chapter_07 import causal_scores, heads_first, pack

# ---- 7.1 lookup ----


@mutant("7.1 lookup", "weights[0] is")
def takes_the_best_key(query, keys, values):
    weights = np.eye(len(keys))[(keys @ query).argmax()]
    return weights @ values, weights


@mutant("7.1 lookup", "weights[0] is")
def forgets_softmax(query, keys, values):
    weights = keys @ query
    return weights @ values, weights


@mutant("7.1 lookup", "weights[0] is")
def divides_by_the_sum_of_scores(query, keys, values):
    weights = keys @ query / (keys @ query).sum()
    return weights @ values, weights


@mutant("7.1 lookup", "weights[1] is nan, want 0.7311; 2 of 3 wrong. Case: scores of 0, 2000")
def overflows(query, keys, values):
    weights = np.exp(keys @ query)
    weights /= weights.sum()
    return weights @ values, weights


@mutant("7.1 lookup", "it must return two things: the result and the weights")
def keeps_the_weights_to_itself(query, keys, values):
    return reference.softmax_forward(keys @ query) @ values


@mutant("7.1 lookup", "result[0] is")
def takes_the_mean_of_the_weighted_values(query, keys, values):
    weights = reference.softmax_forward(keys @ query)
    return (weights[:, None] * values).mean(axis=0), weights


# ---- 7.2 causal scores ----


@mutant("7.2 causal scores", "scores[0, 1] is 0, want -inf")
def multiplies_with_the_mask(q, k):
    return q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 * np.tri(q.shape[-2])


@mutant("7.2 causal scores", "want -inf. Case: q, k (4, 9). Look: row i is the token that looks")
def forgets_the_mask(q, k):
    return q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5


@mutant("7.2 causal scores", "scores[0, 0] is -inf, want a finite score")
def hides_the_token_itself(q, k):
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    return np.where(np.tri(q.shape[-2], k=-1, dtype=bool), scores, -np.inf)


@mutant("7.2 causal scores", "scores[0, 1] is 0.251, want -inf")
def looks_into_the_future(q, k):
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    return np.where(np.tri(q.shape[-2], dtype=bool).T, scores, -np.inf)


@mutant("7.2 causal scores", "over the square root of D")
def forgets_the_scale(q, k):
    return np.where(np.tri(q.shape[-2], dtype=bool), q @ k.swapaxes(-1, -2), -np.inf)


@mutant("7.2 causal scores", "over the square root of D")
def divides_by_d(q, k):
    return causal_scores(q, k) / q.shape[-1] ** 0.5


@mutant("7.2 causal scores", "over the square root of D")
def scales_by_the_number_of_tokens(q, k):
    return causal_scores(q, k) * (q.shape[-1] / q.shape[-2]) ** 0.5


@mutant("7.2 causal scores", "row i, column j: query i with key j")
def swaps_queries_and_keys(q, k):
    return causal_scores(k, q)


@mutant("7.2 causal scores", "ValueError: matmul")
def transposes_all_axes(q, k):
    return np.where(np.tri(q.shape[-2], dtype=bool), q @ k.T / q.shape[-1] ** 0.5, -np.inf)


@mutant("7.2 causal scores", "scores has the dtype float64, want float32")
def takes_a_float64_root(q, k):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return np.where(np.tri(q.shape[-2], dtype=bool), scores, -np.inf)


# ---- 7.3 attention forward ----


def _parts(qkv, scores_of=causal_scores):
    q, k, v = heads_first(qkv)
    scores = scores_of(q, k)
    top = scores.max(axis=-1, keepdims=True)
    lse = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))
    return scores, top, lse, v


@mutant("7.3 attention forward", "out has the shape (1, 1, 4, 3), want (1, 4, 1, 3)")
def leaves_the_heads_first(qkv):
    scores, _, lse, v = _parts(qkv)
    return np.exp(scores - lse) @ v, lse[..., 0]


@mutant("7.3 attention forward", "Case: qkv (2, 5, 3, 3, 4)")
def reshapes_instead_of_swapping(qkv):
    scores, _, lse, v = _parts(qkv)
    b, t, _, h, d = qkv.shape
    return (np.exp(scores - lse) @ v).reshape(b, t, h, d), lse[..., 0]


@mutant("7.3 attention forward", "lse[0, 0, 0] is 0, want")
def forgets_to_add_the_maximum_back(qkv):
    scores, top, lse, v = _parts(qkv)
    return (np.exp(scores - lse) @ v).swapaxes(1, 2), (lse - top)[..., 0]


@mutant("7.3 attention forward", "lse has the shape (1, 1, 4, 1), want (1, 1, 4)")
def keeps_an_axis_of_lse(qkv):
    scores, _, lse, v = _parts(qkv)
    return (np.exp(scores - lse) @ v).swapaxes(1, 2), lse


@mutant("7.3 attention forward", "Case: qkv (1, 3, 3, 1, 2), scores above 1000. Look: subtract")
def overflows_in_exp(qkv):
    q, k, v = heads_first(qkv)
    e = np.exp(causal_scores(q, k))
    total = e.sum(axis=-1, keepdims=True)
    return (e / total @ v).swapaxes(1, 2), np.log(total)[..., 0]


@mutant("7.3 attention forward", "Look: token 0 sees itself alone")
def sees_all_tokens(qkv):
    scores, _, lse, v = _parts(qkv, lambda q, k: q @ k.swapaxes(2, 3) / q.shape[-1] ** 0.5)
    return (np.exp(scores - lse) @ v).swapaxes(1, 2), lse[..., 0]


@mutant("7.3 attention forward", "it must return two things: out and lse")
def returns_out_alone(qkv):
    scores, _, lse, v = _parts(qkv)
    return (np.exp(scores - lse) @ v).swapaxes(1, 2)


@mutant("7.3 attention forward", "Case: qkv (1, 4, 3, 1, 3)")
def normalises_the_columns(qkv):
    scores, _, lse, v = _parts(qkv)
    e = np.exp(scores - scores.max())
    return (e / e.sum(axis=-2, keepdims=True) @ v).swapaxes(1, 2), lse[..., 0]


# ---- 7.4 attention backward ----


def _backward(dout, qkv, out, lse, delta=1.0, scale=None):
    (q, k, v), do = heads_first(qkv), dout.swapaxes(1, 2)
    p = np.exp(causal_scores(q, k) - lse[..., None])
    rows = (dout * out).sum(axis=-1).swapaxes(1, 2)[..., None]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    ds = p * (do @ v.swapaxes(2, 3) - delta * rows) * scale
    return q, k, do, p, ds


@mutant("7.4 attention backward", "Look: P times (dP - delta)")
def forgets_delta(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse, delta=0.0)
    return pack(ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do)


@mutant("7.4 attention backward", "dq[0, 1, 0, 0] is")
def forgets_the_scale_of_the_gradient(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse, scale=1.0)
    return pack(ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do)


@mutant("7.4 attention backward", "column j of the scores belongs to key j: transpose")
def forgets_to_transpose_ds(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    return pack(ds @ k, ds @ q, p.swapaxes(2, 3) @ do)


@mutant("7.4 attention backward", "dv[0, 0, 0, 0] is")
def forgets_to_transpose_p(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    return pack(ds @ k, ds.swapaxes(2, 3) @ q, p @ do)


@mutant("7.4 attention backward", "dqkv has the shape (3, 1, 4, 1, 3), want (1, 4, 3, 1, 3)")
def stacks_in_front(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    parts = ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do
    return np.stack([part.swapaxes(1, 2) for part in parts])


@mutant("7.4 attention backward", "dv[0, 0, 0, 0] is")
def packs_in_the_wrong_order(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    return pack(p.swapaxes(2, 3) @ do, ds @ k, ds.swapaxes(2, 3) @ q)


@mutant("7.4 attention backward", "dqkv is a tuple of 3, want an array")
def returns_three_arrays(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    return ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do


@mutant("7.4 attention backward", "it changed `dout`: work on a copy")
def works_in_place(dout, qkv, out, lse):
    q, k, do, p, ds = _backward(dout, qkv, out, lse)
    dout *= out
    return pack(ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do)


# ---- 7.5 count parameters ----


def _count(v, t, layers, c, block=None, head=0, ends=None):
    block = 12 * c * c + 13 * c if block is None else block
    return (v + t) * c + head + layers * block + (2 * c if ends is None else ends)


@mutant("7.5 count parameters", "what is added is 12, want 6. Case: one token more")
def gives_the_head_its_own_weight(v, t, layers, c):
    return _count(v, t, layers, c, head=v * c)


@mutant("7.5 count parameters", "what is added is 0, want 6. Case: one position more")
def forgets_positions(v, t, layers, c):
    return _count(v, 0, layers, c)


@mutant("7.5 count parameters", "what is added is 456, want 510. Case: one block more")
def forgets_all_biases(v, t, layers, c):
    return _count(v, t, layers, c, block=12 * c * c + 4 * c)


@mutant("7.5 count parameters", "want 510. Case: one block more")
def forgets_the_way_back_in_the_mlp(v, t, layers, c):
    return _count(v, t, layers, c, block=8 * c * c + 12 * c)


@mutant("7.5 count parameters", "what is added is 498, want 510. Case: one block more")
def counts_one_vector_a_norm(v, t, layers, c):
    return _count(v, t, layers, c, block=12 * c * c + 11 * c)


@mutant("7.5 count parameters", "Look: what stands outside the blocks")
def forgets_the_last_norm(v, t, layers, c):
    return _count(v, t, layers, c, ends=0)


@mutant("7.5 count parameters", "the count is of type float")
def counts_in_floats(v, t, layers, c):
    return _count(v, t, layers, c) / 1


@mutant("7.5 count parameters", "what is added is 0, want 6. Case: one token more")
def gives_the_example(v, t, layers, c):
    return 42880


# ---- 7.6 top-p ----


def _keep(probabilities, kept):
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept] / probabilities[kept].sum()
    return result


@mutant("7.6 top-p", "it keeps 1 token [1], want 2 tokens [1, 2]")
def leaves_out_the_one_that_crosses(probabilities, p):
    order = np.argsort(-probabilities)
    return _keep(probabilities, order[np.cumsum(probabilities[order]) <= p])


@mutant("7.6 top-p", "result[1] is 0.5, want 0.6667")
def forgets_to_scale_to_one(probabilities, p):
    order = np.argsort(-probabilities)
    kept = order[: np.searchsorted(np.cumsum(probabilities[order]), p) + 1]
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept]
    return result


@mutant("7.6 top-p", "it keeps 2 tokens [0, 1], want 2 tokens [1, 2]")
def leaves_the_result_sorted(probabilities, p):
    ordered = np.sort(probabilities)[::-1]
    return _keep(ordered, np.arange(np.searchsorted(np.cumsum(ordered), p) + 1))


@mutant("7.6 top-p", "want 2 tokens [1, 2]")
def takes_the_least_likely(probabilities, p):
    order = np.argsort(probabilities)
    return _keep(probabilities, order[: np.searchsorted(np.cumsum(probabilities[order]), p) + 1])


@mutant("7.6 top-p", "it keeps 0 tokens [], want 2 tokens [1, 2]")
def compares_each_with_p(probabilities, p):
    return np.where(probabilities >= p, probabilities, 0.0)


@mutant("7.6 top-p", "it changed `probabilities`: work on a copy")
def cuts_in_place(probabilities, p):
    order = np.argsort(-probabilities)
    probabilities[order[np.searchsorted(np.cumsum(probabilities[order]), p) + 1 :]] = 0
    return probabilities / probabilities.sum()


@mutant("7.6 top-p", "exactly p counts as reached")
def keeps_one_too_many_at_p(probabilities, p):
    order = np.argsort(-probabilities)
    sums = np.cumsum(probabilities[order])
    return _keep(probabilities, order[: np.searchsorted(sums, p, side="right") + 1])


@mutant("7.6 top-p", "it keeps 2 tokens [0, 1], want 2 tokens [1, 2]")
def forgets_to_sort(probabilities, p):
    sums = np.cumsum(probabilities)
    return _keep(probabilities, np.arange(np.searchsorted(sums, p) + 1))
