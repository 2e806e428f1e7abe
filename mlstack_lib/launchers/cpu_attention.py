"""Causal attention on `cpu`: a block of queries at a time, and only the keys it may look at.

A block's scores stay in the cache while they become probabilities; the whole (T, T) matrix is
never kept, the backward pass computes it again from lse. Every core takes a share of the sequences
or heads, and calls NumPy once for all of a group of them.
"""

from functools import cache
from math import sqrt

import numpy as np

from .cpu_blocks import empty, in_shares, scratch

QUERIES = 64  # a block of queries
SCORES = 1 << 18  # scores that a core works on at a time, at most: 1 MiB in f32


def attention_forward(qkv):
    """See the reference."""
    b, t, _, h, d = qkv.shape
    out, lse = empty((b, t, h, d), qkv.dtype), empty((b, h, t), qkv.dtype)

    def work(group, heads):
        q, k, v = _heads_first(qkv[group, :, :, heads])
        q = np.multiply(q, 1 / sqrt(d), out=_like(q, t, "q"))
        for start, stop in _query_blocks(t):
            scores = _scores(q[:, :, start:stop], k[:, :, :stop])
            denominators = _exponentials(scores, lse[group, heads, start:stop])
            values = np.matmul(scores, v[:, :, :stop], out=_like(q, stop - start, "values"))
            into = out[group, start:stop, heads].swapaxes(1, 2)
            np.divide(values, denominators[..., None], out=into)

    _by_groups(b, h, t, work)
    return out, lse


def attention_backward(dout, qkv, out, lse):
    """See the reference. The last block of queries sees all keys: it goes first and sets dk, dv."""
    b, t, _, h, d = qkv.shape
    dqkv = empty(qkv.shape, qkv.dtype)

    def work(group, heads):
        q, k, v = _heads_first(qkv[group, :, :, heads])
        q = np.multiply(q, 1 / sqrt(d), out=_like(q, t, "q"))
        dq, (into, dk, dv) = _like(q, t, "dq"), _heads_first(dqkv[group, :, :, heads])
        do = dout[group, :, heads].swapaxes(1, 2)
        delta = np.einsum("bthd,bthd->bht", dout[group, :, heads], out[group, :, heads])
        for start, stop in reversed(_query_blocks(t)):
            rows, keys = np.s_[:, :, start:stop], np.s_[:, :, :stop]
            p = _scores(q[rows], k[keys])
            dp = scratch("attention dp", p.shape, p.dtype)
            np.matmul(do[rows], v[keys].swapaxes(2, 3), out=dp)
            _score_gradients(p, dp, lse[group, heads][rows], delta[rows])
            _add_transposed_product(p, do[rows], dv[keys], first=stop == t)
            _add_transposed_product(dp, q[rows], dk[keys], first=stop == t)
            np.matmul(dp, k[keys], out=dq[rows])
        np.multiply(dq, 1 / sqrt(d), out=into)

    _by_groups(b, h, t, work)
    return dqkv


def _by_groups(b, h, t, work):
    """Call work(sequences, heads) for slices that cover all, every core its share of them.

    The sequences are shared among the cores, or the heads if there are more of those; a group has
    as many sequences as `SCORES` allows.
    """

    def share(start, stop):
        span = slice(start, stop)
        first, last, heads = (start, stop, slice(None)) if b >= h else (0, b, span)
        size = max(SCORES // ((h if b >= h else stop - start) * t * min(t, QUERIES)), 1)
        for at in range(first, last, size):
            work(slice(at, min(at + size, last)), heads)

    in_shares(max(b, h), b * h * t * t, share)


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
    top = np.max(scores, axis=3, out=scratch("attention top", scores.shape[:3], scores.dtype))
    scores -= top[..., None]
    np.exp(scores, out=scores)
    sums = scores @ np.ones(scores.shape[3], scores.dtype)  # BLAS sums short rows faster
    np.add(top, np.log(sums), out=lse)
    return sums


def _score_gradients(p, dp, lse, delta):
    """Turn scores p into probabilities and dp into the gradients of the scores, in place."""
    p -= lse[..., None]
    np.exp(p, out=p)
    dp -= delta[..., None]
    dp *= p


def _add_transposed_product(a, x, into, first):
    """into (B, H, S, D) += a^T (B, H, S, T) x (B, H, T, D); the first time, set it."""
    if first:
        np.matmul(a.swapaxes(2, 3), x, out=into)
    else:
        product = scratch("attention product", into.shape, into.dtype)
        into += np.matmul(a.swapaxes(2, 3), x, out=product)
