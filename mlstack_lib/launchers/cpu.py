"""The functions of the reference that training leans on, again in NumPy, several times faster.

Three means: work in place and in buffers that are kept, so that no page is touched for the first
time; go through the rows in blocks that stay in the cache between one operation and the next; and
give every core its share of the blocks (`cpu_blocks`). Matrix products are BLAS's, a part of the
rows on each core.
"""

from math import sqrt

import numpy as np

from ..array import Slot
from ..reference import GELU_CUBE, GELU_SCALE, store
from .cpu_blocks import block_height, blocks, empty, in_blocks, in_shares, scratch

# ---- elementwise ----


def add(a, b):
    """a + b, both of one shape."""
    return np.add(a, b, out=empty(a.shape, a.dtype))


def scale(x, factor):
    """x * factor, factor a scalar array (); x itself if that is 1."""
    return x if factor == 1 else np.multiply(x, factor, out=empty(x.shape, x.dtype))


def gelu_forward(x):
    """See the reference. Written as x / (1 + exp(-2u)): one exp instead of one tanh."""
    y = empty(x.shape, x.dtype)
    flat_x, flat_y = _rows(x), _rows(y)

    def work(_, a, b):
        _gelu(flat_x[a:b], flat_y[a:b])

    in_blocks(*flat_x.shape, work)
    return y


def gelu_backward(dy, x):
    """See the reference."""
    dx = empty(x.shape, x.dtype)
    flat = [_rows(a) for a in (dy, x, dx)]

    def work(_, a, b):
        _gelu_gradient(*(array[a:b] for array in flat))

    in_blocks(*flat[0].shape, work)
    return dx


def _rows(x):
    return x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)


def _gelu(x, y):
    """y = x / (1 + exp(-2u)), u as in the reference; y may not be x."""
    np.multiply(x, x, out=y)
    y *= -2 * GELU_SCALE * GELU_CUBE
    y -= 2 * GELU_SCALE
    y *= x
    np.clip(y, -80, 80, out=y)
    np.exp(y, out=y)
    y += 1
    np.divide(x, y, out=y)


def _gelu_gradient(dy, x, dx):
    """dx = dy * s * (1 + x (1 - s) 2u'), s = 1 / (1 + exp(-2u)); dx may not be x."""
    square, s = scratch("gelu square", x.shape, x.dtype), scratch("gelu s", x.shape, x.dtype)
    np.multiply(x, x, out=square)
    np.multiply(square, -2 * GELU_SCALE * GELU_CUBE, out=s)
    s -= 2 * GELU_SCALE
    s *= x
    np.clip(s, -80, 80, out=s)
    np.exp(s, out=dx)
    np.add(dx, 1, out=s)
    np.reciprocal(s, out=s)
    dx *= s  # 1 - s, without the cancellation
    square *= 6 * GELU_SCALE * GELU_CUBE
    square += 2 * GELU_SCALE
    square *= x  # x * 2u'
    dx *= square
    dx += 1
    dx *= s
    dx *= dy


# ---- matrix products ----


def matmul(a, b):
    """a (M, K) times b (K, N), each core its part of the rows."""
    product = empty((a.shape[0], b.shape[1]), a.dtype)
    in_shares(len(a), _work_of(a, b), lambda i, j: np.matmul(a[i:j], b, out=product[i:j]))
    return product


def matmul_nt(a, b):
    """a (M, K) times the transpose of b (N, K)."""
    return matmul(a, b.T)


def matmul_tn(a, b, out=None, accumulate=False):
    """The transpose of a (K, M) times b (K, N)."""
    if out is None or accumulate:
        return store(matmul(a.T, b), out, accumulate)
    in_shares(a.shape[1], _work_of(a.T, b), lambda i, j: np.matmul(a.T[i:j], b, out=out[i:j]))
    return out


def linear_forward(x, weight, bias, activation=None):
    """See the reference. Bias and activation go over the product while it is in the cache."""
    pre = empty((len(x), len(weight)), x.dtype)
    y = empty(pre.shape, pre.dtype) if activation == "gelu" else None

    def share(start, stop):
        np.matmul(x[start:stop], weight.T, out=pre[start:stop])
        for block in blocks(start, stop, len(weight)):
            if bias is not None:
                pre[block] += bias
            if y is not None:
                _gelu(pre[block], y[block])

    in_shares(len(x), _work_of(x, weight.T), share)
    return (pre, None) if y is None else (y, pre)


def linear_backward_input(dy, weight):
    """See the reference."""
    return matmul(dy, weight)


def linear_backward_weight(dy, x, out=(None, None), accumulate=False):
    """See the reference."""
    return matmul_tn(dy, x, out[0], accumulate), column_sum(dy, out[1], accumulate)


def column_sum(x, out=None, accumulate=False):
    """The sum over the rows of x (N, C): a product with a row of ones, which BLAS does fastest."""
    n, c = x.shape
    sums = np.empty((-(-n // block_height(c)), c), x.dtype)
    in_blocks(n, c, lambda i, a, b: np.matmul(np.ones(b - a, x.dtype), x[a:b], out=sums[i]))
    return store(sums.sum(axis=0), out, accumulate)


def _work_of(a, b):
    """The cost of a product for `in_shares`: a processor does 32 multiply-adds while it loads one
    element from beyond its cache."""
    return a.shape[0] * a.shape[1] * b.shape[1] // 32


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

    def work(_, a, b):
        if delta is not None:
            np.add(x[a:b], delta[a:b], out=residual[a:b])
        np.mean(residual[a:b], axis=1, out=mean[a:b])
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
    sums = np.empty((2, -(-n // block_height(c)), c), dy.dtype)

    def work(i, a, b):
        ones = np.ones(b - a, dy.dtype)
        xhat, g = (scratch(f"layernorm {s}", (b - a, c), dy.dtype) for s in ("xhat", "g"))
        np.subtract(residual[a:b], mean[a:b, None], out=xhat)
        xhat *= rstd[a:b, None]
        np.multiply(dy[a:b], xhat, out=g)
        np.matmul(ones, g, out=sums[0, i])
        np.matmul(ones, dy[a:b], out=sums[1, i])
        np.multiply(dy[a:b], weight, out=g)
        xhat *= (np.einsum("nc,nc->n", g, xhat) / c)[:, None]
        g -= g.mean(axis=1, keepdims=True)
        g -= xhat
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
    sums = np.empty(-(-x.size // block_height(1)), x.dtype)

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
        g, t = (scratch(f"adamw {s}", (b - a,), params.dtype) for s in "gt")
        np.multiply(grads[a:b], clip, out=g)
        np.multiply(g, g, out=t)
        t *= 1 - beta2
        v[a:b] *= beta2
        v[a:b] += t
        g *= 1 - beta1
        m[a:b] *= beta1
        m[a:b] += g
        np.sqrt(v[a:b], out=t)
        t *= 1 / sqrt(correction2)
        t += eps
        np.divide(m[a:b], t, out=t)
        t *= lr / correction1
        params[a : min(b, max(a, n_decay))] *= 1 - lr * weight_decay
        params[a:b] -= t

    in_blocks(params.size, 1, work)
