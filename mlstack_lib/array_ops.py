"""Differentiable operations on arrays of any shape. They run on `cpu` only, with NumPy.

`add`, `mul` and the other binary ones broadcast as NumPy does; their gradients are summed over the
axes that were broadcast. Numbers may stand for arrays.
"""

import math

import numpy as np

from .array import Array
from .autograd import op
from .backend import backend


def unbroadcast(gradient, shape: tuple[int, ...]):
    """Sum a gradient over the axes along which an array of `shape` was broadcast."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=stretched, keepdims=True) if stretched else gradient


def on_cpu(name: str, *arrays) -> None:
    """Raise NotImplementedError unless all `arrays` are NumPy arrays or numbers."""
    for x in arrays:
        if not isinstance(x, (np.ndarray, np.generic, int, float)):
            where = getattr(getattr(x, "device", None), "name", type(x).__name__)
            raise NotImplementedError(f"{name}: runs on cpu only, got {where}; use .to('cpu')")


def _operands(name, a, b):
    """Both as arrays; a number takes the other's dtype. ValueError if they do not broadcast."""
    on_cpu(name, a, b)
    a, b = _as_array(a, b), _as_array(b, a)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} do not broadcast") from None
    return a, b


def _as_array(x, other):
    """A number in the dtype of the other operand; in NumPy's choice if that holds whole numbers."""
    if not isinstance(x, (int, float, np.generic)):
        return x
    dtype = getattr(other, "dtype", None)
    return np.asarray(x, np.result_type(dtype, x) if dtype and dtype.kind in "iub" else dtype)


def _result(x):
    return np.asarray(x)  # NumPy gives scalars for arrays without dimensions


# ---- elementwise ----


@op
def add(a, b):
    """a + b. Arrays of one shape and dtype on any device; with broadcasting on cpu."""
    if all(getattr(a, name, 0) == getattr(b, name, 1) for name in ("shape", "dtype")):
        return backend(a).add(a, b), lambda dy: (dy, dy)
    a, b = _operands("add", a, b)
    return _result(a + b), lambda dy: (unbroadcast(dy, a.shape), unbroadcast(dy, b.shape))


@op
def sub(a, b):
    """a - b."""
    a, b = _operands("sub", a, b)
    return _result(a - b), lambda dy: (unbroadcast(dy, a.shape), unbroadcast(-dy, b.shape))


@op
def mul(a, b):
    """a * b."""
    a, b = _operands("mul", a, b)
    return _result(a * b), lambda dy: (unbroadcast(dy * b, a.shape), unbroadcast(dy * a, b.shape))


@op
def div(a, b):
    """a / b."""
    a, b = _operands("div", a, b)
    y = _result(a / b)
    return y, lambda dy: (unbroadcast(dy / b, a.shape), unbroadcast(-dy * y / b, b.shape))


@op
def neg(x):
    """-x."""
    on_cpu("neg", x)
    return _result(-x), lambda dy: -dy


@op
def power(x, exponent):
    """x ** exponent, the exponent a plain number."""
    on_cpu("power", x)
    if not isinstance(exponent, (int, float)):
        raise TypeError(f"power: the exponent must be a number, got {type(exponent).__name__}")
    return _result(x**exponent), lambda dy: (
        dy * exponent * x ** (exponent - 1 if exponent else 1),
    )


@op
def exp(x):
    """e ** x."""
    on_cpu("exp", x)
    y = _result(np.exp(x))
    return y, lambda dy: dy * y


@op
def log(x):
    """The natural logarithm."""
    on_cpu("log", x)
    return _result(np.log(x)), lambda dy: dy / x


@op
def sqrt(x):
    """The square root."""
    on_cpu("sqrt", x)
    y = _result(np.sqrt(x))
    return y, lambda dy: dy / (2 * y)


@op
def tanh(x):
    """The hyperbolic tangent."""
    on_cpu("tanh", x)
    y = _result(np.tanh(x))
    return y, lambda dy: dy * (1 - y * y)


@op
def relu(x):
    """max(x, 0); the gradient at 0 is 0."""
    on_cpu("relu", x)
    return _result(np.maximum(x, 0)), lambda dy: dy * (x > 0)


# ---- reductions ----


def _restored(gradient, x, axis, keepdims):
    """The gradient of a reduction, with the reduced axes back, broadcast to the shape of x."""
    if axis is not None and not keepdims:
        gradient = np.expand_dims(gradient, axis)
    return np.broadcast_to(gradient, x.shape)


@op
def sum(x, axis=None, keepdims=False):
    """The sum over axis (a number, several, or None for all)."""
    on_cpu("sum", x)
    return _result(x.sum(axis, keepdims=keepdims)), lambda dy: (_restored(dy, x, axis, keepdims),)


@op
def mean(x, axis=None, keepdims=False):
    """The mean over axis (a number, several, or None for all)."""
    on_cpu("mean", x)
    y = _result(x.mean(axis, keepdims=keepdims))
    return y, lambda dy: (_restored(dy * (y.size / x.size), x, axis, keepdims),)


@op
def max(x, axis=None, keepdims=False):
    """The maximum over axis. Where several elements share it, they share the gradient equally."""
    on_cpu("max", x)
    y = x.max(axis, keepdims=True)

    def vjp(dy):
        at = (x == y).astype(x.dtype)
        return (_restored(dy, x, axis, keepdims) * at / at.sum(axis, keepdims=True),)

    return _result(x.max(axis, keepdims=keepdims)), vjp


# ---- shapes ----


@op
def reshape(x, *shape):
    """The same elements under another shape, on any device."""
    before = tuple(x.shape)
    return x.reshape(*shape), lambda dy: (dy.reshape(before),)


@op
def transpose(x, *axes):
    """The axes in another order: all reversed if none are given."""
    on_cpu("transpose", x)
    axes = (axes[0] if len(axes) == 1 and isinstance(axes[0], tuple) else axes) or None
    back = None if axes is None else np.argsort([axis % x.ndim for axis in axes])
    return x.transpose(axes), lambda dy: (dy.transpose(back),)


@op
def getitem(x, index):
    """x[index], with slices, numbers, masks or arrays of whole numbers; elsewhere x[start:stop]."""
    if isinstance(x, Array) and isinstance(index, slice) and index.step in (None, 1):
        return _rows_of(x, *index.indices(x.shape[0])[:2])
    on_cpu("getitem", x)

    def vjp(dy):
        dx = np.zeros_like(x)
        np.add.at(dx, index, dy)  # an element that was taken twice gets both gradients
        return (dx,)

    return _result(x[index]), vjp


def _rows_of(x, start, stop):
    """x[start:stop] of a device's array: the same memory. Its gradient is 0 in the other rows."""
    shape = (len(range(start, stop)), *x.shape[1:])
    place = start * math.prod(x.shape[1:])

    def vjp(dy):
        k, dx = backend(x), x.device.empty(x.shape, x.dtype)
        k.fill(dx, 0)
        k.copy(dy, dx.view(place, shape))
        return (dx,)

    return x.view(place, shape), vjp


@op
def concatenate(*arrays, axis=0):
    """The arrays one after the other along axis."""
    on_cpu("concatenate", *arrays)
    ends = np.cumsum([x.shape[axis] for x in arrays])[:-1]
    return np.concatenate(arrays, axis), lambda dy: tuple(np.split(dy, ends, axis))
