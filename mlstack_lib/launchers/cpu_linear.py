"""Matrix products on `cpu`, and the elementwise operations that are fused with them.

The products are BLAS's, a part of the rows on each core.
"""

import numpy as np

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
    c = x.shape[-1] if x.ndim else 1
    return x.reshape(x.size // max(c, 1), c)


def _gelu(x, y):
    """y = x / (1 + exp(-2u)), u as in the reference; y may not be x."""
    np.multiply(x, x, out=y)
    y *= -2 * GELU_SCALE * GELU_CUBE
    y -= 2 * GELU_SCALE
    y *= x
    with np.errstate(over="ignore"):  # far below 0 it is infinite, and x over it 0
        np.exp(y, out=y)
    y += 1
    np.divide(x, y, out=y)


def _gelu_gradient(dy, x, dx):
    """dx = dy * s * (1 + x (1 - s) 2u'), s = 1 / (1 + exp(-2u)); dx may not be x."""
    slope, sum_ = scratch("gelu slope", x.shape, x.dtype), scratch("gelu sum", x.shape, x.dtype)
    np.multiply(x, x, out=slope)
    np.multiply(slope, -2 * GELU_SCALE * GELU_CUBE, out=dx)
    dx -= 2 * GELU_SCALE
    dx *= x
    # a row of 80s: NumPy's minimum with a single number takes twice as long
    np.minimum(dx, np.full(x.shape[-1], 80, x.dtype), out=dx)
    np.exp(dx, out=dx)
    np.add(dx, 1, out=sum_)  # 1 / s
    dx /= sum_  # 1 - s, without the cancellation
    slope *= 6 * GELU_SCALE * GELU_CUBE
    slope += 2 * GELU_SCALE
    slope *= x  # x * 2u'
    dx *= slope
    dx += 1
    dx *= dy
    dx /= sum_


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
    if accumulate or out[0] is None or out[1] is None:
        return matmul_tn(dy, x, out[0], accumulate), column_sum(dy, out[1], accumulate)
    ones = np.ones(len(dy), dy.dtype)

    def share(i, j):
        np.matmul(dy.T[i:j], x, out=out[0][i:j])
        np.matmul(ones, dy[:, i:j], out=out[1][i:j])

    in_shares(dy.shape[1], _work_of(dy.T, x), share)
    return out


def column_sum(x, out=None, accumulate=False):
    """The sum over the rows of x (N, C): a product with a row of ones, which BLAS does fastest."""
    n, c = x.shape
    sums = np.empty((-(-n // block_height(n, c)), c), x.dtype)
    in_blocks(n, c, lambda i, a, b: np.matmul(np.ones(b - a, x.dtype), x[a:b], out=sums[i]))
    return store(sums.sum(axis=0), out, accumulate)


def _work_of(a, b):
    """The cost of a product for `in_shares`: a processor does 32 multiply-adds while it loads one
    element from beyond its cache."""
    return a.shape[0] * a.shape[1] * b.shape[1] // 32
