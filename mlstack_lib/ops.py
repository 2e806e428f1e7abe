"""Every differentiable operation, as value and vjp; those of the GPT run on every device."""

from math import prod

import numpy as np

from .array import Array
from .array_ops import (  # noqa: F401  (the names a user of `ops` expects here)
    add,
    concatenate,
    div,
    exp,
    getitem,
    log,
    max,
    mean,
    mul,
    neg,
    on_cpu,
    power,
    relu,
    reshape,
    sqrt,
    sub,
    sum,
    tanh,
    transpose,
    unbroadcast,
)
from .autograd import Tensor, is_recording, op
from .backend import backend, constant, device_of

IGNORE_INDEX = -1


def _expect(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)


def _rows(x):
    """x as a matrix: all axes but the last become one."""
    return x.reshape(-1, x.shape[-1])


def check_range(name: str, idx, size: int, ignore: int | None = None) -> None:
    """Raise unless the whole numbers idx are in 0..size-1, as far as the host knows them.

    Those on a device it knows if it sent them: IndexError. No device is asked.
    """
    if np.dtype(idx.dtype).kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, got {idx.dtype}")
    idx = idx.sent if isinstance(idx, Array) else idx
    if idx is not None and idx.size:
        low, high = int(idx.min()), int(idx.max())
        if ignore is not None and (low < 0 or high >= size):
            kept = idx[idx != ignore]
            low, high = int(kept.min(initial=0)), int(kept.max(initial=0))
        if low < 0 or high >= size:
            raise IndexError(f"{name}: {low if low < 0 else high} is not in 0..{size - 1}")


# ---- matrix products ----


@op
def matmul(a, b):
    """a @ b. Matrices (M, K), (K, N) on any device; on cpu also stacks of matrices."""
    _expect(
        len(a.shape) > 1 and len(b.shape) > 1 and a.shape[-1] == b.shape[-2],
        f"matmul: a is {tuple(a.shape)}, b is {tuple(b.shape)}; need (M, K) and (K, N)",
    )
    k = backend(a)
    if len(a.shape) == len(b.shape) == 2:
        return k.matmul(a, b), lambda dy: (k.matmul_nt(dy, b), k.matmul_tn(a, dy))
    on_cpu("matmul of stacks", a, b)
    return a @ b, lambda dy: (
        unbroadcast(dy @ b.swapaxes(-1, -2), a.shape),
        unbroadcast(a.swapaxes(-1, -2) @ dy, b.shape),
    )


@op(writes_leaves=True)
def linear(x, weight, bias=None, activation=None):
    """activation(x @ weight.T + bias). x (..., K), weight (M, K), bias (M,): (..., M).

    activation: None or "gelu".
    """
    _expect(activation in (None, "gelu"), f"linear: activation {activation!r}, not None or 'gelu'")
    _expect(
        len(weight.shape) == 2 and x.shape[-1] == weight.shape[1],
        f"linear: x is {tuple(x.shape)}, weight is {tuple(weight.shape)}; "
        "inner sizes must agree, weights are stored (out, in)",
    )
    _expect(
        bias is None or tuple(bias.shape) == (weight.shape[0],),
        f"linear: bias must be ({weight.shape[0]},) like the rows of weight, "
        f"got {tuple(getattr(bias, 'shape', ()))}",
    )
    k, rows, shape = backend(x), _rows(x), tuple(x.shape)
    y, pre = k.linear_forward(rows, weight, bias, activation)

    def vjp(dy, out, accumulate):
        dy = _rows(dy)
        if activation == "gelu":
            dy = k.gelu_backward(dy, pre)
        dx = k.linear_backward_input(dy, weight).reshape(shape)
        if bias is None:
            return dx, k.matmul_tn(dy, rows, out[1], accumulate)
        return dx, *k.linear_backward_weight(dy, rows, out[1:3], accumulate)

    return y.reshape(*shape[:-1], weight.shape[0]), vjp


# ---- pointwise and rows ----


@op
def gelu(x):
    """x times the standard normal's distribution function, by the tanh formula."""
    k = backend(x)
    return k.gelu_forward(x), lambda dy: k.gelu_backward(dy, x)


@op
def dropout(x, rate, seed=0, layer=0):
    """x with a share `rate` of its elements set to 0, the others divided by 1 - rate.

    The same seed, layer and state[DROPOUT] of the device give the same elements everywhere.
    """
    _expect(0 <= rate < 1, f"dropout: rate is {rate}, must be in [0, 1)")
    k, state = backend(x), device_of(x).state
    return k.dropout(x, state, seed, layer, rate), lambda dy: k.dropout(
        dy, state, seed, layer, rate
    )


@op
def softmax(x):
    """exp(x) / sum(exp(x)) along the last axis."""
    _expect(x.shape[-1:] != (0,), f"softmax: x is {tuple(x.shape)}; a row needs an element")
    k = backend(x)
    y = k.softmax_forward(x)
    return y, lambda dy: k.softmax_backward(dy, y)


@op(writes_leaves=True)
def embedding(idx, weight, positions=None, order=None):
    """Rows idx of weight (V, C), plus positions (T, C) if given: (*idx.shape, C).

    idx: whole numbers, (B, T) if there are positions. order: what sorts idx, if known already.
    """
    check_range("embedding", idx, weight.shape[0])
    if order is not None:
        check_range("embedding: order", order, prod(idx.shape))
    k, flat = backend(weight), idx.reshape(-1)

    def vjp(dy, out, accumulate):
        sorts = np.argsort(flat, kind="stable") if order is None else order
        rows = weight.shape[0]
        dweight = k.embedding_backward(_rows(dy), flat, sorts, rows, out[1], accumulate)
        if positions is None:
            return None, dweight
        t, c = positions.shape
        into = None if out[2] is None else out[2].reshape(t * c)
        dpositions = k.column_sum(dy.reshape(-1, t * c), into, accumulate).reshape(t, c)
        return None, dweight, dpositions if into is None else out[2]

    return k.embedding_forward(idx, weight, positions), vjp


def _check_norm(name, x, weight, bias):
    c = x.shape[-1]
    _expect(c, f"{name}: x is {tuple(x.shape)}; a row needs an element")
    _expect(
        tuple(weight.shape) == tuple(bias.shape) == (c,),
        f"{name}: x is {tuple(x.shape)}, weight and bias must be ({c},), "
        f"got {tuple(weight.shape)} and {tuple(bias.shape)}",
    )


@op(writes_leaves=True)
def layernorm(x, weight, bias, eps=1e-5):
    """Each row of x (..., C) less its mean, over its deviation, times weight, plus bias (C,)."""
    _check_norm("layernorm", x, weight, bias)
    k, rows, shape = backend(x), _rows(x), tuple(x.shape)
    y, *saved = k.layernorm_forward(rows, weight, bias, eps)

    def vjp(dy, out, accumulate):
        dx, *rest = k.layernorm_backward(_rows(dy), rows, weight, *saved, out[1:3], accumulate)
        return dx.reshape(shape), *rest

    return y.reshape(shape), vjp


@op(writes_leaves=True)
def residual_layernorm(x, delta, weight, bias, eps=1e-5):
    """residual = x + delta, and its layernorm, in one pass over memory: residual, y (..., C)."""
    _check_norm("residual_layernorm", x, weight, bias)
    _expect(
        tuple(x.shape) == tuple(delta.shape),
        f"residual_layernorm: x is {tuple(x.shape)}, delta is {tuple(delta.shape)}",
    )
    k, shape = backend(x), tuple(x.shape)
    residual, y, *saved = k.residual_layernorm_forward(_rows(x), _rows(delta), weight, bias, eps)

    def vjp(dresidual, dy, out, accumulate):
        if dy is None:
            return dresidual, dresidual, None, None
        dresidual = None if dresidual is None else _rows(dresidual)
        dx, *rest = k.residual_layernorm_backward(
            dresidual, _rows(dy), residual, weight, *saved, out[2:4], accumulate
        )
        dx = dx.reshape(shape)
        return dx, dx, *rest

    return (residual.reshape(shape), y.reshape(shape)), vjp


# ---- attention and loss ----


@op
def attention(qkv):
    """Causal attention of packed queries, keys and values (B, T, 3, H, D): (B, T, H, D)."""
    _expect(
        len(qkv.shape) == 5 and qkv.shape[2] == 3 and 0 not in qkv.shape,
        f"attention: qkv is {tuple(qkv.shape)}, need (B, T, 3, H, D), none of them 0",
    )
    k = backend(qkv)
    out, lse = k.attention_forward(qkv)
    return out, lambda dout: k.attention_backward(dout, qkv, out, lse)


def attention_cached(qkv: Tensor, cache) -> Tensor:
    """Attention of new tokens (B, T, 3, H, D) to all up to them; see the reference. No gradient."""
    return Tensor(backend(qkv.data).attention_cached(qkv.data, cache, qkv.device.state))


@op
def _cross_entropy(logits, targets, ignore_index):
    return backend(logits).cross_entropy_forward(logits, targets, ignore_index), None


@op
def _cross_entropy_with_gradient(logits, targets, ignore_index, overwrite):
    k = backend(logits)
    loss, dlogits = k.cross_entropy_with_gradient(logits, targets, ignore_index, overwrite)
    one = constant(loss, 1)  # what backward begins with; the logits' gradient is too large to scale

    def vjp(dloss):
        return dlogits if dloss is one else k.scale(dlogits, dloss)

    return loss, vjp


def cross_entropy(logits, targets, ignore_index: int = IGNORE_INDEX, overwrite: bool = False):
    """The mean over the rows of -log softmax(logits)[target], in nats: a scalar.

    logits (..., V); targets (...) whole numbers; rows whose target is ignore_index do not count
    (the loss is 0 if none does). `overwrite` says that nobody needs the logits afterwards: their
    gradient is then written over them.
    """
    logits = logits if isinstance(logits, Tensor) else Tensor(logits)
    targets = targets.data if isinstance(targets, Tensor) else targets
    _expect(
        tuple(logits.shape[:-1]) == tuple(targets.shape) and logits.shape[-1] > 0,
        f"cross_entropy: logits are {logits.shape}, targets {tuple(targets.shape)}; "
        "need (..., V) and (...), V at least 1",
    )
    check_range("cross_entropy", targets, logits.shape[-1], ignore_index)
    logits, targets = reshape(logits, -1, logits.shape[-1]), targets.reshape(-1)
    if is_recording() and logits.requires_grad:
        return _cross_entropy_with_gradient(logits, targets, ignore_index, overwrite)
    return _cross_entropy(logits, targets, ignore_index)
