"""The functions of the reference that training leans on, again in NumPy, several times faster.

Three means: work in place and in buffers that are kept, so that no page is touched for the first
time; go through the rows in blocks that stay in the cache between one operation and the next; and
give every core its share of the blocks (`cpu_blocks`). Here are the operations on rows and the
update; `cpu_linear` has matrix products and gelu, `cpu_attention` attention.
"""

from math import sqrt

import numpy as np

from ..array import Slot
from ..reference import store
from .cpu_blocks import block_height, empty, in_blocks, scratch

# ---- rows ----


def embedding_forward(idx, weight, positions=None):
    """See the reference."""
    y = empty((*idx.shape, weight.shape[1]), weight.dtype)
    np.take(weight, idx, axis=0, out=y, mode="clip")  # other modes go through a copy of y
    if positions is not None:
        y += positions
    return y


def embedding_backward(dy, idx, order, rows, out=None, accumulate=False):
    """See the reference. Rows of one token lie together once sorted, so each run is one sum."""
    tokens = idx[order]
    starts = np.flatnonzero(np.diff(tokens, prepend=tokens[:1] - 1))
    sums = np.add.reduceat(dy[order], starts, axis=0)
    if out is None:
        out, accumulate = empty((rows, dy.shape[1]), dy.dtype), False
    if not accumulate:
        out[...] = 0
    out[tokens[starts]] += sums
    return out


def layernorm_forward(x, weight, bias, eps):
    """See the reference."""
    return _layernorm_forward(x, None, weight, bias, eps)[1:]


def residual_layernorm_forward(x, delta, weight, bias, eps):
    """See the reference."""
    return _layernorm_forward(x, delta, weight, bias, eps)


def _layernorm_forward(x, delta, weight, bias, eps):
    n, c = x.shape
    residual = x if delta is None else empty((n, c), x.dtype)
    y, mean, rstd = empty((n, c), x.dtype), empty((n,), x.dtype), empty((n,), x.dtype)
    ones = np.ones(c, x.dtype)

    def work(_, a, b):
        if delta is not None:
            np.add(x[a:b], delta[a:b], out=residual[a:b])
        np.matmul(residual[a:b], ones, out=mean[a:b])  # BLAS sums short rows faster
        mean[a:b] /= c
        centred = np.subtract(residual[a:b], mean[a:b, None], out=y[a:b])
        variance = np.einsum("nc,nc->n", centred, centred, out=rstd[a:b])
        variance /= c
        variance += eps
        np.divide(1, np.sqrt(variance, out=variance), out=variance)
        centred *= rstd[a:b, None]
        centred *= weight
        centred += bias

    in_blocks(n, c, work)
    return residual, y, mean, rstd


def layernorm_backward(dy, x, weight, mean, rstd, out=(None, None), accumulate=False):
    """See the reference."""
    return residual_layernorm_backward(None, dy, x, weight, mean, rstd, out, accumulate)


def residual_layernorm_backward(
    dresidual, dy, residual, weight, mean, rstd, out=(None, None), accumulate=False
):
    """See the reference. Column sums are taken a block at a time, then over the blocks."""
    n, c = dy.shape
    dx = empty((n, c), dy.dtype)
    sums = np.empty((2, -(-n // block_height(n, c)), c), dy.dtype)

    def work(i, a, b):
        centred, g = (scratch(f"layernorm {s}", (b - a, c), dy.dtype) for s in ("centred", "g"))
        np.subtract(residual[a:b], mean[a:b, None], out=centred)  # xhat is this times rstd
        np.multiply(dy[a:b], centred, out=g)
        np.matmul(rstd[a:b], g, out=sums[0, i])
        np.matmul(np.ones(b - a, dy.dtype), dy[a:b], out=sums[1, i])
        mean_gx = (g @ weight) * (rstd[a:b] / c)  # mean_C(dy * weight * xhat)
        centred *= (mean_gx * rstd[a:b])[:, None]
        np.multiply(dy[a:b], weight, out=g)
        g -= (dy[a:b] @ weight / c)[:, None]
        g -= centred
        np.multiply(g, rstd[a:b, None], out=dx[a:b])
        if dresidual is not None:
            dx[a:b] += dresidual[a:b]

    in_blocks(n, c, work)
    dweight, dbias = sums.sum(axis=1)
    return dx, store(dweight, out[0], accumulate), store(dbias, out[1], accumulate)


def cross_entropy_with_gradient(logits, targets, ignore_index, overwrite=False):
    """See the reference. One pass: each block of rows becomes its own gradient."""
    n, v = logits.shape
    dlogits = logits if overwrite else empty((n, v), logits.dtype)
    losses, kept = np.zeros(n, logits.dtype), targets != ignore_index
    count = max(np.count_nonzero(kept), 1)

    def work(_, a, b):
        rows = np.flatnonzero(kept[a:b])
        at = rows, targets[a:b][rows]
        z = np.subtract(logits[a:b], logits[a:b].max(axis=1, keepdims=True), out=dlogits[a:b])
        losses[a:b][rows] = z[at]
        total = np.exp(z, out=z).sum(axis=1)
        np.subtract(np.log(total), losses[a:b], out=losses[a:b])
        z *= (1 / (total * count))[:, None]
        z[at] -= 1 / count
        z[~kept[a:b]] = 0

    in_blocks(n, v, work)
    return np.asarray(losses[kept].sum() / count, logits.dtype), dlogits


# ---- the update ----


def squared_norm(x):
    """The sum of x * x over all elements: ()."""
    sums = np.empty(-(-x.size // block_height(x.size, 1)), x.dtype)

    def work(i, a, b):
        sums[i] = x[a:b] @ x[a:b]

    in_blocks(x.size, 1, work)
    return np.asarray(sums.sum())


def adamw(params, grads, m, v, state, n_decay, beta1, beta2, eps, weight_decay):
    """See the reference. A block goes through all the operations before the next one begins."""
    if state[Slot.HALTED]:
        return
    lr, clip, correction1, correction2 = (
        float(state[slot])
        for slot in (Slot.LEARNING_RATE, Slot.CLIP, Slot.BIAS_CORRECTION1, Slot.BIAS_CORRECTION2)
    )

    def work(_, a, b):
        t = scratch("adamw", (b - a,), params.dtype)
        np.multiply(grads[a:b], clip * (1 - beta1), out=t)
        m[a:b] *= beta1
        m[a:b] += t
        np.multiply(grads[a:b], clip * sqrt(1 - beta2), out=t)
        t *= t
        v[a:b] *= beta2
        v[a:b] += t
        np.sqrt(v[a:b], out=t)
        t += eps * sqrt(correction2)
        np.divide(m[a:b], t, out=t)
        t *= lr * sqrt(correction2) / correction1
        params[a : min(b, max(a, n_decay))] *= 1 - lr * weight_decay
        params[a:b] -= t

    in_blocks(params.size, 1, work)
