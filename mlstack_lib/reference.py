"""The specification: every operation of the GPT as a plain NumPy function.

These functions say what each kernel must compute; all tests compare with them. They keep the dtype
of their input (float64 in, float64 out) and change no argument, except where the text says so.
Shapes: B batch, T time, C channels, H heads, D channels a head, V vocabulary, N = B * T rows.
Weights are (out, in). Functions that give parameter gradients write them into `out` (a tuple of
arrays, one for each gradient) if it is given, on top of what is there if `accumulate`.
"""

import numpy as np

from .array import Slot

# ---- elementwise and sums ----


def add(a, b):
    """a + b, both of one shape."""
    return a + b


def scale(x, factor):
    """x * factor, factor a scalar array ()."""
    return x * factor


def fill(x, value):
    """Write value, a number, into every element of x."""
    x[...] = value


def copy(x, out=None):
    """The elements of x in an array of their own, or in `out`, which may be x."""
    return store(x, np.empty_like(x) if out is None else out, False)


def column_sum(x, out=None, accumulate=False):
    """The sum over the rows of x (N, C): (C,). The gradient of a bias."""
    return store(x.sum(axis=0), out, accumulate)


def gelu_forward(x):
    """0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3) clamped to [-40, 40].

    The clamp changes nothing, even in f64, and keeps a GPU's exp from overflowing.
    Hendrycks, Gimpel 2016, arXiv:1606.08415.
    """
    return 0.5 * x * (1 + np.tanh(_gelu_inner(x)))


def gelu_backward(dy, x):
    """The gradient of gelu_forward: dx, of the shape of dy and x."""
    tanh = np.tanh(_gelu_inner(x))
    inner_slope = GELU_SCALE * (1 + 3 * GELU_CUBE * x * x) * (1 - tanh * tanh)
    return dy * 0.5 * (1 + tanh + x * inner_slope)


# ---- matrix products ----


def matmul(a, b):
    """a (M, K) times b (K, N)."""
    return a @ b


def matmul_nt(a, b):
    """a (M, K) times the transpose of b (N, K)."""
    return a @ b.T


def matmul_tn(a, b, out=None, accumulate=False):
    """The transpose of a (K, M) times b (K, N). The gradient of a weight."""
    return store(a.T @ b, out, accumulate)


def linear_forward(x, weight, bias, activation=None):
    """y = activation(x @ weight.T + bias), and what the activation was given.

    x (N, K), weight (M, K), bias (M,) or None; activation None or "gelu".
    Returns y (N, M) and the pre-activation (N, M), or None without an activation.
    """
    pre = x @ weight.T if bias is None else x @ weight.T + bias
    return (gelu_forward(pre), pre) if activation == "gelu" else (pre, None)


def linear_backward_input(dy, weight):
    """The gradient of linear_forward (without activation) for x: dy (N, M) @ weight (M, K)."""
    return dy @ weight


def linear_backward_weight(dy, x, out=(None, None), accumulate=False):
    """The gradients of linear_forward (without activation): dweight (M, K), dbias (M,)."""
    return store(dy.T @ x, out[0], accumulate), store(dy.sum(axis=0), out[1], accumulate)


# ---- rows ----


def embedding_forward(idx, weight, positions=None):
    """The rows of weight (V, C) that idx (B, T) names, plus positions (T, C): (B, T, C)."""
    return weight[idx] if positions is None else weight[idx] + positions


def embedding_backward(dy, idx, order, rows, out=None, accumulate=False):
    """The gradient of embedding_forward for its weight: (rows, C). For positions: column_sum.

    dy (N, C); idx (N,); order (N,) the permutation that sorts idx, equal ones in their order, so
    that every device adds the rows of one token in the same order.
    """
    dweight = np.zeros((rows, dy.shape[1]), dy.dtype)
    np.add.at(dweight, idx[order], dy[order])
    return store(dweight, out, accumulate)


def layernorm_forward(x, weight, bias, eps):
    """y = (x - mean) * rstd * weight + bias over each row of x (N, C).

    rstd = 1 / sqrt(variance + eps), the variance divided by C. Returns y (N, C), mean, rstd (N,).
    Ba, Kiros, Hinton 2016, arXiv:1607.06450.
    """
    mean, rstd = x.mean(axis=-1), 1 / np.sqrt(x.var(axis=-1) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


def layernorm_backward(dy, x, weight, mean, rstd, out=(None, None), accumulate=False):
    """The gradients of layernorm_forward: dx (N, C), dweight (C,), dbias (C,).

    g = dy * weight; dx = rstd * (g - mean_C(g) - xhat * mean_C(g * xhat)).
    """
    xhat, g = (x - mean[:, None]) * rstd[:, None], dy * weight
    dx = g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)
    dweight, dbias = (dy * xhat).sum(axis=0), dy.sum(axis=0)
    return dx * rstd[:, None], store(dweight, out[0], accumulate), store(dbias, out[1], accumulate)


def residual_layernorm_forward(x, delta, weight, bias, eps):
    """residual = x + delta (N, C), and the LayerNorm of it: residual, y, mean, rstd."""
    residual = x + delta
    return residual, *layernorm_forward(residual, weight, bias, eps)


def residual_layernorm_backward(
    dresidual, dy, residual, weight, mean, rstd, out=(None, None), accumulate=False
):
    """The gradients of residual_layernorm_forward: dx (which is ddelta too), dweight, dbias.

    dresidual (N, C), the gradient that reaches `residual` itself, or None.
    """
    dx, *rest = layernorm_backward(dy, residual, weight, mean, rstd, out, accumulate)
    return dx if dresidual is None else dresidual + dx, *rest


def softmax_forward(x):
    """exp(x) over its sum, along the last axis; the maximum is taken off first."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy, y):
    """The gradient of softmax_forward from its result y: y * (dy - sum(dy * y))."""
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def cross_entropy_forward(logits, targets, ignore_index):
    """The mean of -log softmax(logits)[target] over the rows whose target is not ignore_index.

    logits (N, V), targets (N,) whole numbers. Returns a scalar (), 0 if all rows are ignored.
    """
    kept = np.flatnonzero(targets != ignore_index)
    z = logits - logits.max(axis=-1, keepdims=True)
    losses = np.log(np.exp(z).sum(axis=-1))[kept] - z[kept, targets[kept]]
    return np.asarray(losses.sum() / max(len(kept), 1), logits.dtype)


def cross_entropy_with_gradient(logits, targets, ignore_index, overwrite=False):
    """cross_entropy_forward and its gradient: the loss (), dlogits (N, V).

    `overwrite` allows dlogits to be written over logits, which saves their memory.
    """
    kept = np.flatnonzero(targets != ignore_index)
    dlogits = np.zeros_like(logits)
    dlogits[kept] = softmax_forward(logits[kept])
    dlogits[kept, targets[kept]] -= 1
    return cross_entropy_forward(logits, targets, ignore_index), dlogits / max(len(kept), 1)


# ---- attention ----


def attention_forward(qkv):
    """Causal attention of packed qkv (B, T, 3, H, D): out (B, T, H, D), lse (B, H, T).

    Token i looks at tokens 0..i: out_i = sum_j softmax_j(q_i k_j / sqrt(D)) v_j. lse is the
    logarithm of each softmax's denominator. Vaswani and others 2017, arXiv:1706.03762.
    """
    q, k, v = np.moveaxis(qkv, (2, 3), (0, 2))  # each (B, H, T, D)
    scores = _masked(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]).astype(q.dtype))
    top = scores.max(axis=-1)
    lse = top + np.log(np.exp(scores - top[..., None]).sum(axis=-1))
    return (np.exp(scores - lse[..., None]) @ v).swapaxes(1, 2), lse


def attention_backward(dout, qkv, out, lse):
    """The gradient of attention_forward for qkv, packed likewise: dqkv (B, T, 3, H, D).

    The probabilities are computed again from lse. Dao 2023, arXiv:2307.08691, section 3.
    """
    q, k, v = np.moveaxis(qkv, (2, 3), (0, 2))
    do, sqrt_d = dout.swapaxes(1, 2), np.sqrt(q.shape[-1]).astype(q.dtype)
    p = np.exp(_masked(q @ k.swapaxes(2, 3) / sqrt_d) - lse[..., None])
    delta = (dout * out).sum(axis=-1).swapaxes(1, 2)  # (B, H, T)
    ds = p * (do @ v.swapaxes(2, 3) - delta[..., None]) / sqrt_d
    dqkv = np.stack([ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do])
    return np.moveaxis(dqkv, (0, 2), (2, 3)).copy()


def attention_cached(qkv, cache, state):
    """Attention of new tokens to all before them, whose keys and values stand in the cache.

    qkv (B, T, 3, H, D) of the tokens from position state[POSITION] on; cache (2, B, H, context, D)
    is written there. Returns out (B, T, H, D).
    """
    start, t = int(state[Slot.POSITION]), qkv.shape[1]
    q, cache[0, :, :, start : start + t], cache[1, :, :, start : start + t] = np.moveaxis(
        qkv, (2, 3), (0, 2)
    )
    k, v = cache[:, :, :, : start + t]
    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]).astype(q.dtype)
    return (softmax_forward(_masked(scores)) @ v).swapaxes(1, 2)


# ---- dropout ----


def pcg4d(a, b, c, d):
    """Four u32 arrays in, four u32 arrays of well-mixed bits out.

    Jarzynski, Olano 2020, Hash Functions for GPU Rendering, JCGT 9(3), listing of pcg4d.
    """
    a, b, c, d = (np.uint32(1664525) * x + np.uint32(1013904223) for x in (a, b, c, d))
    a, b, c, d = _pcg4d_mix(a, b, c, d)
    a, b, c, d = (x ^ (x >> np.uint32(16)) for x in (a, b, c, d))
    return _pcg4d_mix(a, b, c, d)


def dropout(x, state, seed, layer, rate):
    """x with a share `rate` of its elements set to 0 and the others divided by 1 - rate.

    Element i is dropped if word i % 4 of pcg4d(i // 4, layer, state[DROPOUT], seed) is below
    rate * 2**32: the same elements in the backward pass and on every device. Srivastava and
    others 2014, JMLR 15.
    """
    blocks = np.arange(-(-x.size // 4), dtype=np.uint32)
    keys = [np.full(1, key, np.uint32) for key in (layer, int(state[Slot.DROPOUT]), seed)]
    words = np.stack(np.broadcast_arrays(*pcg4d(blocks, *keys)), axis=1).ravel()[: x.size]
    keep = words.reshape(x.shape) >= np.uint32(rate * 2**32)
    return x * keep / np.asarray(1 - rate, x.dtype)


# ---- helpers ----

GELU_SCALE = float(np.sqrt(2 / np.pi))
GELU_CUBE = 0.044715


def store(value, out, accumulate):
    """Put a gradient where it is wanted: into `out`, on top of what is there if `accumulate`."""
    if out is None:
        return value
    out[...] = out + value if accumulate else value
    return out


def _gelu_inner(x):
    return np.clip(GELU_SCALE * (x + GELU_CUBE * x * x * x), -40, 40)


def _masked(scores):
    """Scores (..., T, S) of the last T of S tokens, -inf where a token would see a later one."""
    t, s = scores.shape[-2:]
    return np.where(np.arange(s) <= np.arange(s - t, s)[:, None], scores, -np.inf)


def _pcg4d_mix(a, b, c, d):
    a = a + b * d
    b = b + c * a
    c = c + a * b
    d = d + b * c
    return a, b, c, d
