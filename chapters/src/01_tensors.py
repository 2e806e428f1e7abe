# %% [markdown] id="title"
# # 01 Lay numbers out in memory
#
# Everything in this course is a table of numbers. But memory is no table; it is one long row of cells. A few
# whole numbers say where in the row each element of the table stands.
#
# **What you build.** A `Strided`, a tensor over a flat buffer: transposed, sliced, reversed and repeated
# without moving one number. Then a matrix product by blocks.
#
# **What you can do afterwards.** You can
# - say where in memory an element stands;
# - transpose, slice and broadcast without a copy, and say who sees a change;
# - predict the shape of `a + b`, and spot a broadcast that nobody wanted;
# - tell when NumPy must copy;
# - count the lines of memory that a computation fetches, and say why matrix products go by blocks.
#
# **What you need.** Chapter 00, and Python: lists, functions, a class. No GPU. About 90 minutes.

# %% id="setup"
import time
from functools import lru_cache
from itertools import product
from math import prod

import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.exercises import chapter_01 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.broadcasting import draw_broadcast
from mlstack_lib.course.pictures.cachelines import draw_lines
from mlstack_lib.course.pictures.memory import draw_memory
from mlstack_lib.optim import view

figures.style()

# %% [markdown] id="row"
# ## 1. A table in a row
#
# Here is a table of 3 rows and 4 columns. The tens of each number are its row and the ones its column, both
# counted from 0, so that you always see where it belongs: 21 is in row 2, column 1.
#
# ```
#  0  1  2  3
# 10 11 12 13
# 20 21 22 23
# ```
#
# Memory has room for one row of numbers only, the **buffer**. So write the rows one after another; this
# is called **row order**. **Predict before you run:** at which position of the buffer, counted from 0, is
# the 21?

# %% id="row-code"
buffer = [10 * row + column for row in range(3) for column in range(4)]
print(buffer)

row, column = 2, 1
print("position", 4 * row + 1 * column, "holds", buffer[4 * row + 1 * column])

# %% [markdown] id="words"
# One row further is 4 positions further, since a row has 4 numbers. One column further is 1 position
# further. Four words for this:
#
# - An **axis** is a direction of the table. Axis 0 goes from row to row, axis 1 from column to column; there
#   may be more axes, or one, or none.
# - The **shape** is the number of elements along each axis: `(3, 4)`.
# - The **strides** are how many positions one step along each axis moves: `(4, 1)`.
# - The **offset** is the position of the first element: 0 here.
#
# The position of an element is the offset, plus for each axis the index times the stride.
#
# ### Exercise 1.1: position
#
# Write that sentence as `position(index, strides, offset=0)`.
#
# - `index`, `strides`: tuples of whole numbers, one for each axis, however many; `offset`: a whole number.
# - Returns a whole number: `position((2, 1), (4, 1))` is 9, and `position((2, 1), (4, 1), 100)`
#   is 109.
#
# <details><summary>Hint</summary>
#
# `zip(index, strides)` gives the pairs that belong together, and `sum(...)` adds what is in it, however many.
#
# </details>

# %% id="position-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:position

# %% id="position-check"
position_ = use("1.1 position", position, given.position)

# %% [markdown] id="strides"
# `use` hands on a function: yours once it is right, until then the course's own. Cells below call it
# `position_`, so an exercise may stay open.
#
# Where do strides come from? Take shape `(2, 3, 4)`: two tables of 3 by 4, one after the other. One step
# along the last axis moves 1; along the middle axis it skips a row, 4; along the first, a whole table.
#
# ### Exercise 1.2: contiguous strides
#
# Write `contiguous_strides(shape)`: the strides of a table in row order without gaps, that is,
# **contiguous**.
#
# - `shape`: a tuple of whole numbers. Returns a tuple of the same length.
# - Examples: `(3, 4)` gives `(4, 1)`; `(2, 3, 4)` gives `(12, 4, 1)`; `()` gives `()`.
#
# <details><summary>Hint</summary>
#
# The stride of an axis is the product of the sizes of all axes **after** it. Go through the shape from
# its end, and keep the product so far. The product of nothing is 1.
#
# </details>

# %% id="strides-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:contiguous_strides

# %% id="strides-check"
contiguous_strides_ = use("1.2 contiguous strides", contiguous_strides, given.contiguous_strides)

# %% [markdown] id="tensor"
# ## 2. A tensor is a way to look at a buffer
#
# A **tensor** is a table with any number of axes. Ours is a buffer, a shape, strides and an offset, nothing
# else. `x[2, 1]` calls `__getitem__` with the index `(2, 1)`; `x[2, 1] = 5` calls `__setitem__`. Which cell
# of the buffer is which element? The picture is drawn from `x` itself.

# %% id="tensor-quote"
# quote mlstack_lib/course/exercises/chapter_01.py:Strided

# %% id="tensor-figure"
x = Strided(buffer, (3, 4), contiguous_strides_((3, 4)))
print("element (2, 1):", x[2, 1])
show(draw_memory(x), "Figure {figure:memory}. Above: the buffer, with the position below each cell and "
     "the index of its element above it. Below: the table. The arrows are the strides.")  # fmt: skip

# %% [markdown] id="swap-predict"
# Nothing in figure {figure:memory} says that the strides must be `(4, 1)`. **Predict before you run:** what
# does the table look like with shape `(4, 3)` and strides `(1, 4)`?

# %% id="swap"
show(draw_memory(Strided(buffer, (4, 3), (1, 4))), "Figure {figure:transposed}. The same buffer with "
     "the strides swapped: a step down the table now moves 1, a step to the right moves 4.")  # fmt: skip

# %% [markdown] id="transpose"
# The rows have become columns: the **transpose**. No number was moved.
#
# ### Exercise 1.3: transpose
#
# Write `transpose(x, axes)`: `x` with its axes in another order.
#
# - `x`: a `Strided`; `axes`: a tuple of its axis numbers. Axis `d` of the result is axis `axes[d]` of `x`.
# - Returns a `Strided` over `x.buffer` itself. For `x` of figure {figure:memory}, `axes=(1, 0)` gives figure
#   {figure:transposed}. For shape `(2, 3, 4)`, `axes=(2, 0, 1)` gives shape `(4, 2, 3)`.
#
# <details><summary>Hint</summary>
#
# `tuple(x.shape[axis] for axis in axes)` is the shape. The strides go the same way. And `x` may have an
# offset.
#
# </details>

# %% id="transpose-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:transpose

# %% id="transpose-check"
transpose_ = use("1.3 transpose", transpose, given.transpose)

# %% [markdown] id="sharing"
# A tensor that looks at the buffer of another is a **view** of it. **Predict before you run:** `y` is a view
# of `x`; we write 99 into `y[3, 0]`. Which element of `x` changes?

# %% id="sharing-code"
x = Strided(list(buffer), (3, 4), (4, 1))
y = transpose_(x, (1, 0))
y[3, 0] = 99
print("x[0, 3] is", x[0, 3])

# %% [markdown] id="slices"
# There is one buffer, so whoever looks at it sees the change. This is useful, and it makes for bugs that
# are hard to find: an array changes, and no line near it touches it.
#
# ## 3. Slices
#
# Columns 1 and 2 of our table: they begin one position later, there are two of them, all else is as before.
# Every second column: half as many, and one step moves twice as far. Columns backwards: begin at the last
# one, and step by minus what it was.
#
# ### Exercise 1.4: slice axis
#
# Write `slice_axis(x, axis, start, stop, step=1)`: along `axis`, take the indices of
# `range(start, stop, step)`; the other axes stay.
#
# - `x`: a `Strided`; `axis`: a whole number; `start`, `stop`, `step`: as for `range`; `step` may be negative.
# - Returns a view. For `x` of shape `(3, 4)`, strides `(4, 1)` and offset 0:
#   `slice_axis(x, 1, 1, 3)` has shape `(3, 2)`, strides `(4, 1)`, offset 1;
#   `slice_axis(x, 0, 2, -1, -1)`, the rows backwards, has shape `(3, 4)`, strides `(-4, 1)`, offset 8.
# - The first and last line are there. Set `shape[axis]`, `strides[axis]` and `offset`.
#
# <details><summary>Hint 1: how many</summary>
#
# `len(range(start, stop, step))`: Python counts them for you.
#
# </details>
# <details><summary>Hint 2: where they begin</summary>
#
# At index `start` along `axis`. How many positions is that from where `x` begins?
#
# </details>

# %% id="slice-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:slice_axis

# %% id="slice-check"
slice_axis_ = use("1.4 slice axis", slice_axis, given.slice_axis)

# %% [markdown] id="slice-predict"
# **Predict before you run:** where in the buffer are rows 1 and 2, and of those every second column from the
# right?

# %% id="slice-figure"
x = Strided(buffer, (3, 4), (4, 1))
y = slice_axis_(slice_axis_(x, 0, 1, 3), 1, 3, -1, -2)
show(draw_memory(y), "Figure {figure:slice}. A view with gaps, backwards "
     "along axis 1.")  # fmt: skip

# %% [markdown] id="broadcasting"
# ## 4. Broadcasting: a stride of 0
#
# To add `[100, 200, 300, 400]` to each row of the table, we need it three times. What if a step along axis 0
# moves by **nothing**?

# %% id="stride-zero"
print(Strided([100, 200, 300, 400], (3, 4), (0, 1)).numpy())

# %% [markdown] id="broadcasting-rule"
# Twelve elements, four numbers in memory. This is **broadcasting**. What may be repeated to what? Write the
# shapes one below the other, **lined up at the right**:
#
# ```
# wanted   3  4        3  4        3  4        3  4
# have        4        3  1           3        1  2
#            fits       fits     does not    does not
# ```
#
# - Axes that are missing in front are added, with stride 0.
# - An axis of size 1 may become any size, with stride 0.
# - Every other axis must have the size wanted, and keeps its stride.
#
# ### Exercise 1.5: broadcast to
#
# Complete `broadcast_to(x, shape)`.
#
# - `x`: a `Strided`; `shape`: a tuple. Returns a view of that shape; raises `ValueError` if `x` does not fit.
# - The lines given line the shapes up: `old_shape` and `strides` are as long as `shape`; an axis that was
#   missing has size 1 and stride 0. For each axis: may it stay, may it grow, or is it an error?
#
# <details><summary>Hint</summary>
#
# There are three cases. `old_shape[axis] == shape[axis]`: nothing to do. Else `old_shape[axis] == 1`: set
# `strides[axis]`. Else `raise ValueError(...)` with a text that names both shapes.
#
# </details>

# %% id="broadcast-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:broadcast_to

# %% id="broadcast-check"
broadcast_to_ = use("1.5 broadcast to", broadcast_to, given.broadcast_to)

# %% [markdown] id="add"
# In `a + b` both may be repeated: line the shapes up and take the size that is not 1, as
# `np.broadcast_shapes` does. Then read both at the same index. Which element is used where?


# %% id="add-code"
def add(a, b):
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = broadcast_to_(a, shape), broadcast_to_(b, shape)
    total = Strided([0] * prod(shape), shape, contiguous_strides_(shape))
    for index in np.ndindex(shape):  # (0, 0), (0, 1), ...
        total[index] = a[index] + b[index]
    return total


column = Strided([100, 200, 300], (3, 1), (1, 1))
row = Strided([0, 1, 2, 3], (4,), (1,))
show(draw_broadcast(column, row), "Figure {figure:broadcast}. A column plus a row: dashed cells are the "
     "same elements read again. The small numbers are the index of the element.")  # fmt: skip
print("add agrees:", (add(column, row).numpy() == column.numpy() + row.numpy()).all())

# %% [markdown] id="trap"
# What figure {figure:broadcast} shows also comes unasked. A model made three predictions, of shape `(3,)`;
# the answers are a column, `(3, 1)`. All predictions are right. **Predict before you run:** what is the
# mean absolute error?

# %% id="trap-code"
predictions = np.array([1.0, 2.0, 3.0])
answers = np.array([[1.0], [2.0], [3.0]])
errors = np.abs(predictions - answers)
print("mean absolute error", round(errors.mean(), 4), "  shape of the errors", errors.shape)

# %% [markdown] id="trap-after"
# Every prediction was compared with every answer, and nothing complained. **Look at the shape** first.
#
# **Reductions** go the other way: `sum` shrinks an axis to size 1 (NumPy's then drops it, unless you say
# `keepdims=True`). Broadcasting reads one element many times; a
# sum writes to one element many times. The same view serves for both:


# %% id="reduction"
def sum_axis(x, axis):
    shape = x.shape[:axis] + (1,) + x.shape[axis + 1 :]
    total = Strided([0] * prod(shape), shape, contiguous_strides_(shape))
    spread = broadcast_to_(total, x.shape)  # stride 0 along the axis
    for index in np.ndindex(x.shape):
        spread[index] = spread[index] + x[index]
    return total


print("sums along axis 0:", sum_axis(x, 0).numpy().tolist())
print("sums along axis 1:", sum_axis(x, 1).numpy().tolist())

# %% [markdown] id="numpy"
# The axis you name is the one that shrinks: `axis=0` adds the rows together, which leaves one number for
# each **column**.
#
# ## 5. NumPy is the same thing
#
# A NumPy array is a buffer, a shape, strides and an offset, too. Its numbers are of one kind, the **dtype**:
# `np.float32` takes 4 bytes, `np.float64` takes 8; the course writes f32 and f64. NumPy counts strides
# **in bytes**; `itemsize` is the bytes of one element. `np.shares_memory` tells whether two arrays look at
# the same memory; a view has the array that it looks into in `.base`.
#
# With `as_strided` you may give the strides yourself. **Predict before you run:** what does shape `(3,)` with
# a stride of 5 elements see in our table?

# %% id="numpy-code"
table = np.array(buffer, dtype=np.float32).reshape(3, 4)
pairs = {
    "x": (x, table),
    "x.T": (transpose_(x, (1, 0)), table.T),
    "x[:, 1:3]": (slice_axis_(x, 1, 1, 3), table[:, 1:3]),
    "x[::-1]": (slice_axis_(x, 0, 2, -1, -1), table[::-1]),
    "x[1] repeated": (
        broadcast_to_(slice_axis_(x, 0, 1, 2), (3, 4)),
        np.broadcast_to(table[1], (3, 4)),
    ),
}
for name, (mine, theirs) in pairs.items():
    in_elements = tuple(stride // theirs.itemsize for stride in theirs.strides)
    print(f"{name:13} {theirs.strides!s:8} bytes; same as mine: {mine.strides == in_elements},",
          f"same elements: {np.array_equal(mine.numpy(), theirs)},",
          f"a view: {np.shares_memory(table, theirs)}")  # fmt: skip

print("as_strided:", np.lib.stride_tricks.as_strided(table, (3,), (5 * table.itemsize,)))

# %% [markdown] id="copies"
# The diagonal. But `as_strided` believes whatever you say: one step too many, and it reads memory that
# belongs to something else.
#
# ## 6. When a copy is unavoidable
#
# Rows 0, 2 and 1 begin at positions 0, 8 and 4: steps of +8 and -4. **One** stride cannot say that. So NumPy
# copies whenever you index with a list, `x[[0, 2, 1]]`.
#
# `reshape` keeps the elements, read in row order, and gives them another shape. If they are contiguous, new
# strides are enough. And otherwise?


# %% id="copies-code"
def is_contiguous(x):
    wanted = contiguous_strides_(x.shape)
    # the stride of an axis of size 1 does not matter
    return all(n == 1 or x.strides[d] == wanted[d] for d, n in enumerate(x.shape))


cases = {
    "x": (x, table),
    "x[1:]": (slice_axis_(x, 0, 1, 3), table[1:]),
    "x.T": (transpose_(x, (1, 0)), table.T),
    "x[:, :2]": (slice_axis_(x, 1, 0, 2), table[:, :2]),
    "x[:, ::2]": (slice_axis_(x, 1, 0, 4, 2), table[:, ::2]),
}
for name, (mine, theirs) in cases.items():
    flat = theirs.reshape(theirs.size)
    print(f"{name:8} contiguous: {is_contiguous(mine)!s:5}  reshaped to one row:",
          "a view" if np.shares_memory(table, flat) else "a copy")  # fmt: skip

# %% [markdown] id="copies-after"
# `x[:, ::2]` has gaps, but one step, 2, reaches all: a view. Read `x.T` in row order: figure
# {figure:transposed} shows positions 0, 4, 8, then 1. The steps differ, so it must be copied, which ends the
# sharing. **Predict before you run:** two writes; which of them arrive?

# %% id="lost-write"
t = table.copy()
t.reshape(12)[0] = -1
t.T.reshape(12)[1] = -1
print(t[:2])

# %% [markdown] id="lost-write-after"
# The second went into a copy that was thrown away.
#
# ## 7. Why the layout costs time
#
# Does the order matter in which you read? Add up a large table, row by row and column by column: the same
# additions, in as many calls.

# %% id="race-walk" tags=["nbval-ignore-output"] reason="timings differ from machine to machine"
large = np.ones((4000, 4000), np.float32)


def milliseconds(function, repeats=3):
    """The shortest of a few runs."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


by_rows = milliseconds(lambda: [large[i].sum() for i in range(4000)])
by_columns = milliseconds(lambda: [large[:, j].sum() for j in range(4000)])
copy_first = milliseconds(lambda: [row.sum() for row in large.T.copy()])
print(f"row by row                      {by_rows:6.0f} ms")
print(f"column by column                {by_columns:6.0f} ms")
print(f"transposed copy, then its rows  {copy_first:6.0f} ms")

# %% [markdown] id="lines"
# Columns take several times longer. The obvious cure, a transposed copy whose rows are the columns, did
# **not** help here: to make it, something has to walk along the columns.
#
# The reason: memory hands out no single numbers, but **cache lines**, of 64 bytes on most processors
# (Drepper, below): 16 numbers in f32. A line is kept for a while in a small, fast memory inside the processor, the **cache**.
# Which lines does a row need, and which a column?


# %% id="lines-figure"
def walk(x):
    """The positions of all elements, in row order of the view."""
    return [position_(index, x.strides, x.offset) for index in np.ndindex(x.shape)]


small = Strided(range(16 * 64), (16, 64), contiguous_strides_((16, 64)))
walks = {"row 3": walk(slice_axis_(small, 0, 3, 4)), "column 5": walk(slice_axis_(small, 1, 5, 6))}
show(draw_lines(small.shape, walks), "Figure {figure:lines}. A table of 16 x 64 numbers in f32; boxes are "
     "cache lines, dots what is read, filled boxes what is fetched.")  # fmt: skip

# %% [markdown] id="fetches"
# The row uses all that is fetched, the column 1 number in 16. Its lines hold the next columns too; if they
# stayed in the cache, those would be free. But when the cache is full, a new line replaces the one that
# was not used for longest. Python's `lru_cache` does so with results, and counts what is missing.


# %% id="fetches-code"
def fetches(positions, kept):
    """How many lines must be fetched, by a cache that keeps the last `kept` lines used."""
    line = lru_cache(maxsize=kept)(lambda number: None)
    for position in positions:
        line(position // 16)
    return line.cache_info().misses


tall = Strided(range(1024 * 128), (1024, 128), contiguous_strides_((1024, 128)))
for kept in [512, 2048]:
    rows = fetches(walk(tall), kept)
    columns = fetches(walk(transpose_(tall, (1, 0))), kept)
    print(f"cache of {kept:4} lines: row by row {rows:6}, column by column {columns:6} fetches")

# %% [markdown] id="matrix"
# A column of this table touches 1,024 lines. A cache of 512 has lost the first ones before the next column
# begins, and fetches 16 times as often; in one that holds the whole column, the order does not matter. The
# rule: **use all of a line, or use it again before it is gone**.
#
# ## 8. The matrix product
#
# Most of the arithmetic in this course is one operation, the **matrix product**. From `a`, of shape (M, K),
# and `b`, of shape (K, N), it makes `c`, of shape (M, N):
#
# $$c_{ij} = \sum_k a_{ik} \, b_{kj}$$
#
# Row $i$ of `a` times column $j$ of `b`, summed; in NumPy `a @ b`. Three loops:


# %% id="loops"
def matmul_loops(a, b):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


rng = np.random.default_rng(0)
a, b = rng.standard_normal((5, 7)), rng.standard_normal((7, 4))
print("agrees with a @ b:", agree(matmul_loops(a, b), a @ b, within=1e-12))

# %% [markdown] id="blocks"
# This walks down the columns of `b`, again for every row $i$, and in a large table the lines are gone when
# it comes back. To do more with them while they are here, cut the tables into **blocks**. The same formula
# holds with blocks in the place of numbers:
#
# $$C_{IJ} = \sum_K A_{IK} \, B_{KJ}$$
#
# If three blocks fit into the cache together, one product of blocks fetches each of their lines at most once.
#
# ### Exercise 1.6: matmul by blocks
#
# Write `matmul_blocks(a, b, size)`.
#
# - `a` (M, K), `b` (K, N): arrays of one dtype; `size`: a whole number. Multiply slices of at most `size` by
#   `size` elements with `@`, and add the products into `c`, which is there. Returns `c` (M, N).
# - M, K and N may differ and need not be multiples of `size`: the last blocks may be smaller.
#
# <details><summary>Hint 1: the loops</summary>
#
# The same three loops, in steps of `size`: `for i in range(0, m, size)`.
#
# </details>
# <details><summary>Hint 2: the slices</summary>
#
# The block of `a` is `a[i : i + size, k : k + size]`. A slice that goes past the end stops there by itself.
#
# </details>

# %% id="blocks-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_01.py:matmul_blocks

# %% id="blocks-check"
matmul_blocks_ = use("1.6 matmul by blocks", matmul_blocks, given.matmul_blocks)

# %% [markdown] id="count"
# Now count, for tables of 64 by 64 in f32 (256 lines each) and a cache of 64 lines. `reads` lists positions
# in the order of use; `a` comes first in memory, then `b`, then `c`. **Predict before you run:** which
# size of block needs the fewest fetches? Is larger always better?


# %% id="count-code"
def reads(n, size):
    starts = range(0, n, size)
    for bi, bj, bk in product(starts, repeat=3):
        for i, j in product(range(bi, bi + size), range(bj, bj + size)):
            for k in range(bk, bk + size):
                yield i * n + k  # a[i, k]
                yield n * n + k * n + j  # b[k, j]
            yield 2 * n * n + i * n + j  # c[i, j]


sizes = [1, 2, 4, 8, 16, 32, 64]
counts = [fetches(reads(64, size), kept=64) for size in sizes]
print("fetches:", dict(zip(sizes, counts, strict=True)))

figure, axes = plt.subplots(figsize=(figures.WIDTH, 2.8))
axes.loglog(sizes, counts, marker="o")
axes.set(xlabel="size of a block (numbers along a side)", ylabel="cache lines fetched")
axes.set_xticks(sizes, labels=sizes)
axes.minorticks_off()
show(figure, "Figure {figure:blocks}. Lines fetched by a matrix product of 64 x 64, by size of "
     "block.")  # fmt: skip

# %% [markdown] id="count-after"
# Figure {figure:blocks} is lowest at 16: a block of 16 by 16 lies in 16 lines and uses all of each, and three
# of them are 48 lines of the 64. Larger blocks do **not** help: they no longer fit.
#
# How long do they take? For `@`, NumPy calls a library made for this, a **BLAS** (Basic Linear Algebra
# Subprograms).


# %% id="race-matmul" tags=["nbval-ignore-output"] reason="timings differ from machine to machine"
def race(name, n, function):
    a = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    taken = milliseconds(lambda: function(a, a), repeats=10)
    print(f"{name:13} n = {n:3} {taken:8.2f} ms, {taken * 1e6 / n**3:7.2f} ns for each a * b")


race("three loops", 64, matmul_loops)
for size in [8, 32, 128]:
    race(f"blocks of {size}", 256, lambda a, b, s=size: matmul_blocks_(a, b, s))
race("@", 256, np.matmul)

# %% [markdown] id="package"
# Compare the last column. Two causes are mixed. The loops are slow mainly because Python takes its time
# for every step; blocks take fewer, larger steps, with `@` inside. BLAS has no Python inside; it cuts into
# blocks several times over (Goto, below), and computes several products in one instruction.
#
# ## 9. The same in the package
#
# `mlstack_lib` keeps all numbers of a model in one flat buffer; each of its tables is a view of it:
#
# quote mlstack_lib/optim.py:view
#
# For a NumPy array that is a slice and a `reshape` of something contiguous: no copy. Does yours agree?

# %% id="package-code"
flat = np.arange(100, dtype=np.float32)
theirs = view(flat, 12, (3, 2, 5))
mine = Strided(flat, (3, 2, 5), contiguous_strides_((3, 2, 5)), offset=12)
print("same elements:", np.array_equal(theirs, mine.numpy()))
print("a view:", np.shares_memory(theirs, flat))

moved = ml.ops.transpose(ml.tensor(theirs), 2, 0, 1).numpy()
print("transpose agrees:", np.array_equal(moved, transpose_(mine, (2, 0, 1)).numpy()),
      "  a view:", np.shares_memory(moved, flat))  # fmt: skip

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - say where in memory an element stands: at the offset plus the sum of index times stride;
# - transpose (swap strides), slice (move the offset, multiply the stride) and broadcast (stride 0) without a
#   copy; all views see a change;
# - predict the shape of `a + b`: lined up at the right, equal or 1; and spot a `(3,)` that met a `(3, 1)`;
# - tell when NumPy must copy: when no single stride for each axis gives the order wanted;
# - count the cache lines that a computation fetches, and say why matrix products go by blocks: to use a line
#   fully, and again before it is gone.
#
# **Two questions.**
#
# 1. An array has strides `(0, 0)` and shape `(1000, 1000)`. How much memory does it need, and why should you
#    not write into it?
# <details><summary>Answer</summary>
#
# One number. All million elements are that number, so a write to one changes all. For this reason
# `np.broadcast_to` gives arrays that refuse to be written to.
#
# </details>
#
# 2. You want the sums of the **columns** of a large table in row order. Must you walk along the columns?
# <details><summary>Answer</summary>
#
# No. Walk row by row and add each row to a row of sums: as `sum_axis(x, 0)` does, which goes through `x` in
# row order. All of every line is used.
#
# </details>
#
# **On your own.** Write `reads` for loops in the order `i, k, j`, without blocks; `a`, `b` and `c` are all read
# innermost. Count its fetches: what does the innermost loop walk along now?
#
# **Further reading.**
# - U. Drepper, *What Every Programmer Should Know About Memory*, 2007: caches in depth.
# - K. Goto, R. van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, 2008: the blocks of a BLAS.
#
# The solutions: `solutions/01_tensors.ipynb`. Before: chapter 00, start here. Next: chapter 02, let the
# computer differentiate.
