"""Chapter 01: a strided tensor over a flat buffer, and the checks of its exercises."""

from math import prod

import numpy as np

from ..cases import Case
from ..judging import exercise
from ..watched import only_blocks

# ---- what the chapter builds ----


def position(index, strides, offset=0):
    """Where in the buffer the element at `index` stands."""
    ### BEGIN SOLUTION
    return offset + sum(i * stride for i, stride in zip(index, strides, strict=True))
    ### END SOLUTION


position_ = position  # what the notebook calls it, which quotes the class below


def contiguous_strides(shape):
    """The strides of an array of `shape` that is laid out in row order without gaps."""
    ### BEGIN SOLUTION
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))
    ### END SOLUTION


class Strided:
    """A tensor: a flat buffer, and where in it each element stands."""

    def __init__(self, buffer, shape, strides, offset=0):  # strides, offset: in elements
        self.buffer, self.shape, self.strides, self.offset = buffer, shape, strides, offset

    def __getitem__(self, index):
        return self.buffer[position_(index, self.strides, self.offset)]

    def __setitem__(self, index, number):
        self.buffer[position_(index, self.strides, self.offset)] = number

    def numpy(self):
        """The elements, copied into a NumPy array, which prints as a table."""
        elements = [self[index] for index in np.ndindex(self.shape)]
        return np.array(elements).reshape(self.shape)


def transpose(x, axes):
    """x with its axes in another order: axis d of the result is axis axes[d] of x. A view."""
    ### BEGIN SOLUTION
    shape = tuple(x.shape[axis] for axis in axes)
    strides = tuple(x.strides[axis] for axis in axes)
    return Strided(x.buffer, shape, strides, x.offset)
    ### END SOLUTION


def slice_axis(x, axis, start, stop, step=1):
    """The elements of x whose index along `axis` is in range(start, stop, step). A view."""
    shape, strides = list(x.shape), list(x.strides)
    ### BEGIN SOLUTION
    shape[axis] = len(range(start, stop, step))
    strides[axis] = x.strides[axis] * step
    offset = x.offset + start * x.strides[axis]
    ### END SOLUTION
    return Strided(x.buffer, tuple(shape), tuple(strides), offset)


def broadcast_to(x, shape):
    """x repeated to `shape` without a copy. ValueError if it does not fit."""
    new = len(shape) - len(x.shape)
    if new < 0:
        raise ValueError(f"{x.shape} has more axes than {shape}")
    old_shape, strides = (1,) * new + x.shape, [0] * new + list(x.strides)
    ### BEGIN SOLUTION
    for axis, (old, wanted) in enumerate(zip(old_shape, shape, strict=True)):
        if old != wanted and old != 1:
            raise ValueError(f"{x.shape} does not broadcast to {shape}")
        if old != wanted:
            strides[axis] = 0
    ### END SOLUTION
    return Strided(x.buffer, shape, tuple(strides), x.offset)


def matmul_blocks(a, b, size):
    """a (M, K) times b (K, N), as sums of products of blocks of at most size by size."""
    (m, inner), n = a.shape, b.shape[1]
    c = np.zeros((m, n), a.dtype)
    ### BEGIN SOLUTION
    for i in range(0, m, size):
        for j in range(0, n, size):
            for k in range(0, inner, size):
                block_a = a[i : i + size, k : k + size]
                c[i : i + size, j : j + size] += block_a @ b[k : k + size, j : j + size]
    ### END SOLUTION
    return c


# ---- the checks ----

FIELDS = ("buffer", "shape", "strides", "offset")


@exercise("1.1 position")
def check_position(mine):
    cases = [
        ((2, 1), (4, 1), 0), ((1, 2), (1, 3), 0), ((1, 2), (4, 1), 3), ((1, 0, 2), (12, 4, 1), 5),
        ((3,), (-2,), 9), ((4, 1), (0, 5), 2), ((), (), 6),
    ]  # fmt: skip
    for index, strides, offset in cases:
        case = Case(
            f"index {index}, strides {strides}, offset {offset}",
            "an index says how many steps, its stride how far one step goes; where do they begin?",
        )
        want = offset
        for i, stride in zip(index, strides, strict=True):
            want += i * stride
        _whole(case, case.call(mine, index, strides, offset), want, "position")
    case = Case("index (1, 1), strides (4, 1), no offset given", "the offset is 0 if none is given")
    _whole(case, case.call(mine, (1, 1), (4, 1)), 5, "position")
    return f"{len(cases) + 1} elements"


@exercise("1.2 contiguous strides")
def check_contiguous_strides(mine):
    shapes = [(3, 4), (2, 3, 4), (5,), (4, 1, 3), (1, 6), (2, 3, 5, 7), ()]
    for shape in shapes:
        case = Case(f"shape {shape}", "how many numbers lie inside one step along this axis?")
        want = tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
        _wholes(case, case.call(mine, shape), want, "strides")
    return f"{len(shapes)} shapes"


@exercise("1.3 transpose")
def check_transpose(mine):
    look = "axis d of the result is axis axes[d] of x: its size and its stride move together"
    for given, x in _views():
        for axes in ((1, 0), (0, 1), (2, 0, 1), (0, 2, 1)):
            if len(axes) == len(x.shape):
                case = Case(f"{given}, axes {axes}", look)
                want = [tuple(part[axis] for axis in axes) for part in (x.shape, x.strides)]
                _same_view(case, _view(case, mine, x, axes), *want, x.offset)
    return "views of 2 and 3 axes"


@exercise("1.4 slice axis")
def check_slice_axis(mine):
    slices = [(1, 1, 3, 1), (0, 0, 3, 2), (0, 1, 3, 1), (1, 0, 2, 2), (1, 3, -1, -1), (1, 2, 2, 1),
              (0, 2, -1, -2), (1, 1, 4, 2)]  # fmt: skip
    for given, x in _views():
        for axis, start, stop, step in slices:
            case = Case(
                f"{given}, axis {axis}, range({start}, {stop}, {step})",
                "where does the first one stand, how far is it to the next, how many are there?",
            )
            shape, strides = list(x.shape), list(x.strides)
            shape[axis] = len(list(range(start, stop, step)))
            strides[axis] *= step
            result = _view(case, mine, x, axis, start, stop, step)
            _same_view(
                case, result, tuple(shape), tuple(strides), x.offset + start * x.strides[axis]
            )
    return f"{len(slices)} slices of each of {len(_views())} views"


@exercise("1.5 broadcast to")
def check_broadcast_to(mine):
    fitting = [((4,), (3, 4)), ((3, 1), (3, 4)), ((1, 4), (3, 4)), ((3, 4), (3, 4)), ((), (2, 5)),
               ((2, 1, 3), (4, 2, 5, 3)), ((1,), (1,)), ((1, 1), (3, 2))]  # fmt: skip
    for small, shape in fitting:
        strides = tuple(2 * stride for stride in contiguous_strides(small))
        x = Strided(list(range(100, 140)), small, strides, 7)
        case = Case(
            f"x of shape {small} and strides {strides} to {shape}",
            "an axis that grows from 1 stays in place at every step; the others are as before",
        )
        new = len(shape) - len(small)
        want = tuple(
            0 if axis < new or small[axis - new] != size else strides[axis - new]
            for axis, size in enumerate(shape)
        )
        _same_view(case, _view(case, mine, x, shape), shape, want, 7)
    misfits = [((3,), (3, 4)), ((2, 4), (3, 4)), ((3, 4), (1, 4)), ((2, 3), (3,)), ((4, 1), (2, 3))]
    for small, shape in misfits:
        case = Case(f"x of shape {small} to {shape}", "only an axis of size 1 can grow")
        _raises(case, mine, Strided(list(range(12)), small, contiguous_strides(small)), shape)
    return f"{len(fitting)} shapes that fit, {len(misfits)} that do not"


@exercise("1.6 matmul by blocks")
def check_matmul_blocks(mine):
    rng = np.random.default_rng(0)
    for m, inner, n, size in [(4, 4, 4, 2), (4, 6, 2, 2), (5, 7, 6, 3), (2, 3, 4, 8), (3, 1, 2, 1)]:
        for dtype in (np.float64, np.float32):
            a = rng.standard_normal((m, inner)).astype(dtype)
            b = rng.standard_normal((inner, n)).astype(dtype)
            case = Case(
                f"a ({m}, {inner}), b ({inner}, {n}) {a.dtype}, size {size}",
                "block (i, j) of c is the sum over k of block (i, k) of a times block (k, j) of b",
            )
            tolerance = 1e-12 if dtype is np.float64 else 1e-5
            case.equal(case.call(mine, a, b, size), a @ b, tolerance=tolerance)
            only_blocks(case, mine, a, b, size)
    return "5 shapes, 2 dtypes"


# ---- what the checks share ----


def _views():
    """(in words, Strided): of row order, with gaps and an offset, transposed, with three axes."""
    numbers = list(range(100, 200))
    shapes = [
        ((3, 4), (4, 1), 0), ((3, 4), (10, 2), 5), ((3, 4), (1, 3), 2), ((3, 4, 2), (-8, 2, 1), 30),
    ]  # fmt: skip
    return [
        (f"x: shape {shape}, strides {strides}, offset {offset}",
         Strided(numbers, shape, strides, offset))
        for shape, strides, offset in shapes
    ]  # fmt: skip


def _view(case, mine, x, *args):
    """mine(x, *args), which must be a tensor over the very buffer of x, unchanged."""
    before, facts = list(x.buffer), (x.shape, x.strides, x.offset)
    result = case.call(mine, x, *args)
    kind = type(result).__name__
    case.require(all(hasattr(result, name) for name in FIELDS), f"it returned {kind}, not Strided")
    case.require(x.buffer == before, "it changed numbers in the buffer: a view only looks")
    case.require((x.shape, x.strides, x.offset) == facts, "it changed x: return a new Strided")
    case.require(
        result.buffer is x.buffer, "the result has another buffer: pass on x.buffer itself"
    )
    return result


def _same_view(case, got, shape, strides, offset):
    """Wrong unless `got` has this shape, offset and strides; the stride of a size 1 is free."""
    _wholes(case, got.shape, shape, "shape")
    have = got.strides
    if isinstance(have, tuple) and len(have) == len(strides):
        have = tuple(w if n <= 1 else h for h, w, n in zip(have, strides, shape, strict=True))
    _wholes(case, have, strides, "strides")
    _whole(case, got.offset, offset, "offset")


def _wholes(case, got, want, name):
    case.require(
        isinstance(got, tuple), f"{name} is of type {type(got).__name__}, want a tuple: {want}"
    )
    case.require(len(got) == len(want), f"{name} is {got}, want {want}")
    fine = all(_is_whole(g) and g == w for g, w in zip(got, want, strict=True))
    case.require(fine, f"{name} is {got}, want {want}")


def _whole(case, got, want, name):
    case.require(_is_whole(got), f"{name} is of type {type(got).__name__}, want a whole number")
    case.require(got == want, f"{name} is {got}, want {want}")


def _is_whole(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _raises(case, mine, x, shape):
    try:
        mine(x, shape)
    except ValueError:
        return
    except (AssertionError, TypeError, IndexError) as error:
        raise case.wrong(f"it raises {type(error).__name__}, want ValueError") from None
    raise case.wrong("it does not fit, and no ValueError is raised")
