"""Wrong solutions of chapter 01."""

from math import prod

import numpy as np
from zoo import mutant

from mlstack_lib.course.exercises.chapter_01 import Strided, contiguous_strides

# ---- 1.1 position ----


@mutant("1.1 position", "position is 6, want 9. Case: index (1, 2), strides (4, 1), offset 3")
def forgets_the_offset(index, strides, offset=0):
    return sum(i * stride for i, stride in zip(index, strides, strict=True))


@mutant("1.1 position", "position is 8, want 9. Case: index (2, 1), strides (4, 1)")
def adds_instead_of_multiplying(index, strides, offset=0):
    return offset + sum(index) + sum(strides)


@mutant("1.1 position", "position is 17, want 19. Case: index (1, 0, 2), strides (12, 4, 1)")
def knows_two_axes_only(index, strides, offset=0):
    return offset + index[0] * strides[0] + index[1] * strides[1]


@mutant("1.1 position", "position is 6, want 9")
def takes_the_strides_from_the_end(index, strides, offset=0):
    return offset + sum(i * stride for i, stride in zip(index, strides[::-1], strict=True))


@mutant("1.1 position", "position is 6, want 7. Case: index (1, 2), strides (1, 3)")
def believes_that_rows_have_four_numbers(index, strides, offset=0):
    return offset + 4 * index[0] + index[1]


@mutant("1.1 position", "it returned None: is there a return?")
def prints_the_position(index, strides, offset=0):
    offset + sum(i * stride for i, stride in zip(index, strides, strict=True))


@mutant("1.1 position", "TypeError")
def has_no_default_offset(index, strides, offset):
    return offset + sum(i * stride for i, stride in zip(index, strides, strict=True))


# ---- 1.2 contiguous strides ----


@mutant("1.2 contiguous strides", "strides is (1, 3), want (4, 1)")
def goes_by_columns(shape):
    strides, step = [], 1
    for size in shape:
        strides.append(step)
        step *= size
    return tuple(strides)


@mutant("1.2 contiguous strides", "strides is (12, 4), want (4, 1)")
def multiplies_before_it_appends(shape):
    strides, step = [], 1
    for size in reversed(shape):
        step *= size
        strides.append(step)
    return tuple(reversed(strides))


@mutant("1.2 contiguous strides", "strides is (1, 4), want (4, 1)")
def forgets_to_turn_round(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(strides)


@mutant("1.2 contiguous strides", "strides is of type list, want a tuple: (4, 1)")
def returns_a_list(shape):
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


@mutant("1.2 contiguous strides", "strides is (3, 4, 1), want (12, 4, 1)")
def takes_the_next_size_only(shape):
    return (*shape[1:], 1)


@mutant("1.2 contiguous strides", "strides is (32, 8), want (4, 1)")
def counts_in_bytes(shape):
    return np.empty(shape).strides


# ---- 1.3 transpose ----


@mutant("1.3 transpose", "strides is (3, 1), want (1, 4)")
def computes_new_strides(x, axes):
    shape = tuple(x.shape[axis] for axis in axes)
    return Strided(x.buffer, shape, contiguous_strides(shape), x.offset)


@mutant("1.3 transpose", "shape is (3, 4), want (4, 3)")
def swaps_the_strides_only(x, axes):
    return Strided(x.buffer, x.shape, tuple(x.strides[axis] for axis in axes), x.offset)


@mutant("1.3 transpose", "offset is 0, want 5. Case: x: shape (3, 4), strides (10, 2), offset 5")
def loses_the_offset(x, axes):
    shape = tuple(x.shape[axis] for axis in axes)
    return Strided(x.buffer, shape, tuple(x.strides[axis] for axis in axes))


@mutant("1.3 transpose", "shape is (4, 3), want (3, 4). Case: x: shape (3, 4), strides (4, 1), "
        "offset 0, axes (0, 1)")  # fmt: skip
def reverses_whatever_is_asked(x, axes):
    return Strided(x.buffer, x.shape[::-1], x.strides[::-1], x.offset)


@mutant("1.3 transpose", "shape is (4, 2, 3), want (2, 3, 4)")
def goes_the_other_way(x, axes):
    shape, strides = [0] * len(axes), [0] * len(axes)
    for axis, to in enumerate(axes):
        shape[to], strides[to] = x.shape[axis], x.strides[axis]
    return Strided(x.buffer, tuple(shape), tuple(strides), x.offset)


@mutant("1.3 transpose", "the result has another buffer")
def moves_the_numbers(x, axes):
    moved = x.numpy().transpose(axes)
    return Strided(
        moved.ravel().tolist(), moved.shape, tuple(s // moved.itemsize for s in moved.strides)
    )


@mutant("1.3 transpose", "it changed x: return a new Strided")
def changes_x_itself(x, axes):
    x.shape = tuple(x.shape[axis] for axis in axes)
    x.strides = tuple(x.strides[axis] for axis in axes)
    return x


@mutant("1.3 transpose", "shape is of type list, want a tuple: (4, 3)")
def gives_lists(x, axes):
    shape = [x.shape[axis] for axis in axes]
    return Strided(x.buffer, shape, [x.strides[axis] for axis in axes], x.offset)


# ---- 1.4 slice axis ----


def sliced(x, axis, size, stride, offset):
    shape, strides = list(x.shape), list(x.strides)
    shape[axis], strides[axis] = size, stride
    return Strided(x.buffer, tuple(shape), tuple(strides), offset)


@mutant("1.4 slice axis", "offset is 1, want 4. Case: x: shape (3, 4), strides (4, 1), offset 0, "
        "axis 0, range(1, 3, 1)")  # fmt: skip
def begins_start_positions_later(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    return sliced(x, axis, size, x.strides[axis] * step, x.offset + start)


@mutant("1.4 slice axis", "offset is 2, want 7. Case: x: shape (3, 4), strides (10, 2), offset 5")
def forgets_where_x_begins(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    return sliced(x, axis, size, x.strides[axis] * step, start * x.strides[axis])


@mutant("1.4 slice axis", "shape is (1, 4), want (2, 4)")
def rounds_the_count_down(x, axis, start, stop, step=1):
    size = (stop - start) // step
    return sliced(x, axis, size, x.strides[axis] * step, x.offset + start * x.strides[axis])


@mutant("1.4 slice axis", "shape is (3, 6), want (3, 4)")
def counts_forwards_only(x, axis, start, stop, step=1):
    size = max(0, (stop - start + step - 1) // step)
    return sliced(x, axis, size, x.strides[axis] * step, x.offset + start * x.strides[axis])


@mutant("1.4 slice axis", "strides is (2, 1), want (8, 1)")
def takes_the_step_for_the_stride(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    return sliced(x, axis, size, step, x.offset + start * x.strides[axis])


@mutant("1.4 slice axis", "strides is (4, 1), want (8, 1)")
def keeps_the_stride(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    return sliced(x, axis, size, x.strides[axis], x.offset + start * x.strides[axis])


@mutant("1.4 slice axis", "want (3, 2)")
def slices_the_first_axis(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    return sliced(x, 0, size, x.strides[0] * step, x.offset + start * x.strides[0])


@mutant("1.4 slice axis", "the result has another buffer")
def slices_the_buffer(x, axis, start, stop, step=1):
    size = len(range(start, stop, step))
    begin = x.offset + start * x.strides[axis]
    cut = sliced(x, axis, size, x.strides[axis] * step, 0)
    return Strided(x.buffer[begin:], cut.shape, cut.strides)


# ---- 1.5 broadcast to ----


def aligned(x, shape):
    new = len(shape) - len(x.shape)
    return (1,) * new + x.shape, [0] * new + list(x.strides)


@mutant("1.5 broadcast to", "strides is (2, 2), want (2, 0)")
def keeps_the_stride_of_what_grows(x, shape):
    old_shape, strides = aligned(x, shape)
    for old, wanted in zip(old_shape, shape, strict=True):
        if old not in (1, wanted):
            raise ValueError("does not fit")
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "it does not fit, and no ValueError is raised. "
        "Case: x of shape (3,) to (3, 4)")  # fmt: skip
def never_refuses(x, shape):
    old_shape, strides = aligned(x, shape)
    strides = [s if o == w else 0 for o, w, s in zip(old_shape, shape, strides, strict=True)]
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "no ValueError is raised. Case: x of shape (3, 4) to (1, 4)")
def lets_a_one_be_wanted(x, shape):
    old_shape, strides = aligned(x, shape)
    for axis, (old, wanted) in enumerate(zip(old_shape, shape, strict=True)):
        if old != wanted and 1 not in (old, wanted):
            raise ValueError("does not fit")
        if old != wanted:
            strides[axis] = 0
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "no ValueError is raised. Case: x of shape (2, 3) to (3,)")
def drops_axes_that_are_too_many(x, shape):
    size = min(len(shape), len(x.shape))
    x = Strided(
        x.buffer, x.shape[len(x.shape) - size :], x.strides[-size:] if size else (), x.offset
    )
    old_shape, strides = aligned(x, shape)
    for axis, (old, wanted) in enumerate(zip(old_shape, shape, strict=True)):
        if old not in (1, wanted):
            raise ValueError("does not fit")
        if old != wanted:
            strides[axis] = 0
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "ValueError: (4,) does not fit (3, 4)")
def lines_up_at_the_left(x, shape):
    old_shape = x.shape + (1,) * (len(shape) - len(x.shape))
    strides = list(x.strides) + [0] * (len(shape) - len(x.shape))
    for axis, (old, wanted) in enumerate(zip(old_shape, shape, strict=True)):
        if old not in (1, wanted):
            raise ValueError(f"{x.shape} does not fit {shape}")
        if old != wanted:
            strides[axis] = 0
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "the result has another buffer")
def repeats_the_numbers(x, shape):
    repeated = np.broadcast_to(x.numpy(), shape)
    return Strided(repeated.ravel().tolist(), shape, contiguous_strides(shape))


@mutant("1.5 broadcast to", "it raises AssertionError, want ValueError")
def asserts(x, shape):
    old_shape, strides = aligned(x, shape)
    for axis, (old, wanted) in enumerate(zip(old_shape, shape, strict=True)):
        assert old in (1, wanted)
        if old != wanted:
            strides[axis] = 0
    return Strided(x.buffer, shape, tuple(strides), x.offset)


@mutant("1.5 broadcast to", "strides is (0, 0), want (0, 2)")
def stands_still_everywhere(x, shape):
    never_refuses(x, shape)
    return Strided(x.buffer, shape, (0,) * len(shape), x.offset)


# ---- 1.6 matmul by blocks ----


def blocks(a, b, size, into=None, assign=False, ends=None):
    (m, inner), n = a.shape, b.shape[1]
    c = np.zeros((m, n), into or a.dtype)
    for i in range(0, m, size):
        for j in range(0, n, size):
            for k in range(0, ends or inner, size):
                part = a[i : i + size, k : k + size] @ b[k : k + size, j : j + size]
                c[i : i + size, j : j + size] = part + (
                    0 if assign else c[i : i + size, j : j + size]
                )
    return c


@mutant("1.6 matmul by blocks", "result[0, 0] is")
def assigns_the_last_product(a, b, size):
    return blocks(a, b, size, assign=True)


@mutant("1.6 matmul by blocks", "result has the dtype float64, want float32")
def forgets_the_dtype(a, b, size):
    return blocks(a, b, size, into=np.float64)


@mutant("1.6 matmul by blocks", "arrays of shapes (4, 4) and (4, 4) were multiplied, not blocks")
def multiplies_all_at_once(a, b, size):
    return a @ b


@mutant("1.6 matmul by blocks", "arrays of shapes (2, 4) and (4, 2) were multiplied, not blocks")
def takes_whole_rows_and_columns(a, b, size):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(0, a.shape[0], size):
        for j in range(0, b.shape[1], size):
            c[i : i + size, j : j + size] = a[i : i + size] @ b[:, j : j + size]
    return c


@mutant("1.6 matmul by blocks", "; 12 of 30 wrong. Case: a (5, 7), b (7, 6) float64, size 3")
def leaves_out_the_smaller_blocks(a, b, size):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(0, a.shape[0] - size + 1, size):
        for j in range(0, b.shape[1] - size + 1, size):
            for k in range(0, a.shape[1], size):
                part = a[i : i + size, k : k + size] @ b[k : k + size, j : j + size]
                c[i : i + size, j : j + size] += part
    return c


@mutant("1.6 matmul by blocks", "Case: a (4, 6), b (6, 2) float64, size 2")
def believes_that_all_sizes_are_equal(a, b, size):
    return blocks(a, b, size, ends=a.shape[0])


@mutant("1.6 matmul by blocks", "no blocks were multiplied: take slices of a and b as they come")
def multiplies_numbers(a, b, size):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i, j in np.ndindex(c.shape):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(a.shape[1]))
    return c


@mutant("1.6 matmul by blocks", "result[0, 0] is")
def multiplies_elementwise(a, b, size):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(0, a.shape[0], size):
        for j in range(0, b.shape[1], size):
            for k in range(0, a.shape[1], size):
                c[i : i + size, j : j + size] += (
                    a[i : i + size, k : k + size] * b[k : k + size, j : j + size]
                )
    return c


@mutant("1.6 matmul by blocks", "16 of 16 wrong. Case: a (4, 4), b (4, 4) float64, size 2")
def swaps_the_indices_of_b(a, b, size):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(0, a.shape[0], size):
        for j in range(0, b.shape[1], size):
            for k in range(0, a.shape[1], size):
                c[i : i + size, j : j + size] += (
                    a[i : i + size, k : k + size] @ b[j : j + size, k : k + size]
                )
    return c
