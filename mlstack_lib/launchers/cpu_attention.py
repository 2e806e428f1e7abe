"""Causal attention on `cpu`: a block of queries at a time, and only the keys it may look at.

A block's scores stay in the cache while they become probabilities; the whole (T, T) matrix is
never kept, the backward pass computes it again from lse. The products of all heads of a group of
sequences are one batched call, which BLAS spreads over the cores.
"""

from functools import cache
from math import sqrt

import numpy as np

from .cpu_blocks import empty, in_blocks, scratch

QUERIES = 64  # a block of queries
SCORES = 1 << 20  # scores in work at a time, at most: 4 MiB in f32


def attention_forward(qkv):
    """See the reference."""
    b, t, _, h, d = qkv.shape
    out, lse = empty((b, t, h, d), qkv.dtype), empty((b, h, t), qkv.dtype)
    for group in _groups(b, h, t):
        q, k, v = _heads_first(qkv[group])
        q = np.multiply(q, 1 / sqrt(d), out=scratch("attention q", q.shape, q.dtype))
        for start, stop in _query_blocks(t):
            scores = _scores(q[:, :, start:stop], k[:, :, :stop])
            denominators = _exponentials(scores, lse[group, :, start:stop])
            values = np.matmul(scores, v[:, :, :stop], out=_like(q, stop - start, "values"))
            values /= denominators[..., None]
            out[group, start:stop] = values.swapaxes(1, 2)
    return out, lse


def attention_backward(dout, qkv, out, lse):
    """See the reference. The last block of queries sees all keys: it goes first and sets dk, dv."""
    b, t, _, h, d = qkv.shape
    dqkv = empty(qkv.shape, qkv.dtype)
    delta = np.einsum("bthd,bthd->bht", dout, out)
    for group in _groups(b, h, t):
        q, k, v = _heads_first(qkv[group])
        q = np.multiply(q, 1 / sqrt(d), out=scratch("attention q", q.shape, q.dtype))
        dq, dk, dv = (_like(q, t, name) for name in ("dq", "dk", "dv"))
        do = scratch("attention do", q.shape, q.dtype)
        do[...] = dout[group].swapaxes(1, 2)
        for start, stop in reversed(_query_blocks(t)):
            rows, keys = np.s_[:, :, start:stop], np.s_[:, :, :stop]
            p = _scores(q[rows], k[keys])
            dp = scratch("attention dp", p.shape, p.dtype)
            np.matmul(do[rows], v[keys].swapaxes(2, 3), out=dp)
            _score_gradients(p, dp, lse[group][rows], delta[group][rows])
            for products, into in (((p, do[rows]), dv[keys]), ((dp, q[rows]), dk[keys])):
                _add_transposed_product(*products, into, first=stop == t)
            np.matmul(dp, k[keys], out=dq[rows])
        dq *= 1 / sqrt(d)
        for i, gradient in enumerate((dq, dk, dv)):
            dqkv[group, :, i] = gradient.swapaxes(1, 2)
    return dqkv


def _groups(b, h, t):
    """Slices of the batch, as many sequences each as `SCORES` allows."""
    size = max(SCORES // (h * t * min(t, QUERIES)), 1)
    return [slice(i, min(i + size, b)) for i in range(0, b, size)]


def _query_blocks(t):
    return [(i, min(i + QUERIES, t)) for i in range(0, t, QUERIES)]


def _heads_first(qkv):
    """Views of q, k, v, each (B, H, T, D)."""
    return [qkv[:, :, i].swapaxes(1, 2) for i in range(3)]


def _like(q, t, name):
    b, h, _, d = q.shape
    return scratch(f"attention {name}", (b, h, t, d), q.dtype)


def _scores(q, k):
    """q k^T, -inf where a query would see a later key; q holds the last of k's tokens."""
    (b, h, t, _), s = q.shape, k.shape[2]
    scores = scratch("attention scores", (b, h, t, s), q.dtype)
    np.matmul(q, k.swapaxes(2, 3), out=scores)
    scores[..., s - t :] += _future(t, q.dtype)
    return scores


@cache
def _future(t, dtype):
    """(t, t): -inf where column j is later than row i, else 0."""
    return np.triu(np.full((t, t), -np.inf, dtype), 1)


def _exponentials(scores, lse):
    """Overwrite scores with exp(scores - maximum), write lse, return the sums of the rows."""
    b, h, t, s = scores.shape
    sums = scratch("attention sums", (b, h, t), scores.dtype)
    flat = scores.reshape(b * h * t, s), sums.reshape(-1)
    top = scratch("attention top", (b * h * t,), scores.dtype)

    def work(_, a, z):
        rows, total = flat[0][a:z], flat[1][a:z]
        np.max(rows, axis=1, out=top[a:z])
        rows -= top[a:z, None]
        np.exp(rows, out=rows)
        np.sum(rows, axis=1, out=total)

    in_blocks(b * h * t, s, work)
    np.add(top.reshape(b, h, t), np.log(sums), out=lse)
    return sums


def _score_gradients(p, dp, lse, delta):
    """Turn scores p into probabilities and dp into the gradients of the scores, in place."""
    b, h, t, s = p.shape
    flat_p, flat_dp = p.reshape(-1, s), dp.reshape(-1, s)
    flat_lse, flat_delta = lse.reshape(-1, 1), delta.reshape(-1, 1)

    def work(_, a, z):
        flat_p[a:z] -= flat_lse[a:z]
        np.exp(flat_p[a:z], out=flat_p[a:z])
        flat_dp[a:z] -= flat_delta[a:z]
        flat_dp[a:z] *= flat_p[a:z]

    in_blocks(b * h * t, s, work)


def _add_transposed_product(a, x, into, first):
    """into (B, H, S, D) += a^T (B, H, S, T) x (B, H, T, D); the first time, set it."""
    if first:
        np.matmul(a.swapaxes(2, 3), x, out=into)
    else:
        product = scratch("attention product", into.shape, into.dtype)
        into += np.matmul(a.swapaxes(2, 3), x, out=product)
