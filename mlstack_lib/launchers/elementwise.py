"""Launchers of the operations on single elements. Signatures and meaning: the reference.

A launcher checks nothing that `ops` has checked; it makes the outputs, works out grid and block,
and launches one kernel or a few. These serve every device but `cpu`.
"""

from math import prod

import numpy as np

BLOCK = 256  # threads of a block, where nothing asks for another number


def ceil_div(n: int, d: int) -> int:
    """n / d, rounded up."""
    return -(-n // d)


def empty_like(x, shape=None, dtype=None):
    """An array of unset values on the device of x, of its shape and dtype unless given."""
    shape = x.shape if shape is None else shape
    return x.device.empty(tuple(shape), x.dtype if dtype is None else dtype)


def each(name: str, n: int, *args) -> None:
    """Launch kernel `name`, a thread for each of n elements; n follows the arrays among args."""
    arrays = [a for a in args if hasattr(a, "device")]
    numbers = [a for a in args if not hasattr(a, "device")]
    if n:
        grid = (ceil_div(n, BLOCK),)
        arrays[0].device.launch(name, grid, (BLOCK,), [*arrays, n, *numbers], BLOCK=BLOCK)


def add(a, b):
    y = empty_like(a)
    each("add", y.size, a, b, y)
    return y


def scale(x, factor):
    y = empty_like(x)
    each("scale", y.size, x, factor, y)
    return y


def fill(x, value):
    each("fill", x.size, x, float(value))


def copy(x, out=None):
    y = empty_like(x) if out is None else out
    if y is not x:
        each("copy", y.size, x, y)
    return y


def gelu_forward(x):
    y = empty_like(x)
    each("gelu_forward", y.size, x, y)
    return y


def gelu_backward(dy, x):
    dx = empty_like(x)
    each("gelu_backward", dx.size, dy, x, dx)
    return dx


def dropout(x, state, seed, layer, rate):
    y = empty_like(x)
    threshold, kept = int(np.uint32(rate * 2**32)), float(np.float32(1 - rate))
    grid = (ceil_div(ceil_div(y.size, 4), BLOCK),)
    args = [x, state, y, y.size, seed, layer, threshold, kept]
    x.device.launch("dropout", grid, (BLOCK,), args, BLOCK=BLOCK)
    return y


def column_sum(x, out=None, accumulate=False):
    n, c = x.shape[0], prod(x.shape[1:])
    y = empty_like(x, (c,)) if out is None else out
    parts = min(ceil_div(n, 64), max(1, 1024 // max(1, ceil_div(c, 32))))
    if parts > 1:
        x, n = sum_parts(x, empty_like(x, (parts, c)), n, c), parts
    sum_parts(x, y, n, c, 1, accumulate)
    return y


def sum_parts(x, y, n: int, c: int, parts: int | None = None, accumulate: bool = False):
    """Sum the rows of x (n, c) in parts, which are the rows of y."""
    parts = y.shape[0] if parts is None else parts
    rows = 8  # warps of a block
    grid, args = (ceil_div(c, 32), parts), [x, y, n, c, ceil_div(n, parts)]
    x.device.launch("column_sum", grid, (32, rows), args, ROWS=rows, ACCUMULATE=int(accumulate))
    return y
