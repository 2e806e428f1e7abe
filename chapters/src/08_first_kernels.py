# %% [markdown] id="title"
# # 08 Write your first CUDA kernels, and see how they go wrong
#
# From here on you write the arithmetic yourself, in CUDA C: small functions that thousands of threads run at once.
#
# **What you build.** Eight kernels: two arrays added, a row added to a matrix, a grid-stride loop, transpose, and four
# ways to sum. Then a clinic: five wrong kernels, which you mend.
#
# **What you can do afterwards.** You can
# - share out work among a grid, its blocks, warps and threads, and guard the edge;
# - predict the sectors that a request of a warp moves, and the ways of a bank conflict;
# - use shared memory with the barriers it needs;
# - climb a ladder: one idea a rung, predicted, then measured;
# - read what the simulator says of a wrong kernel;
# - say how a kernel is timed, and not its launch.
#
# **What you need.** Chapter 01 (strides), and as much C as `for`, `if` and `x[i]`. No GPU: without one, the
# course's simulator runs the kernels, slowly, but it sees most mistakes. About 3 hours.

# %% id="setup"
from statistics import median
from time import perf_counter

import numpy as np

from mlstack_lib import cuda, sim
from mlstack_lib.course import check, figures, use
from mlstack_lib.course.exercises import chapter_08 as given
from mlstack_lib.course.exercises.chapter_08 import blocks_for, in_simulator, whole_numbers
from mlstack_lib.course.figures import show
from mlstack_lib.course.kernel_files import mine, solution
from mlstack_lib.course.ladders import show_ladder, time_us
from mlstack_lib.course.pictures.access import draw_access
from mlstack_lib.course.pictures.threads import draw_banks, draw_grid, draw_trees

figures.style()
f32, u32 = np.float32, np.uint32

# %% [markdown] id="why"
# ## 1. Why a GPU
#
# A CPU's core is built for **latency**: the next result soon. A GPU is built for **throughput**: many
# results a second. While some of its threads wait for memory, others go on.
#
# NVIDIA's H100, on which this course is measured, has 132 **multiprocessors** with room for 2,048 threads
# each, and memory that moves 3,350 GB/s (data sheet, SXM form). Suppose that an answer takes a microsecond:

# %% id="why-code"
threads, rate, wait = 132 * 2048, 3350e9, 1e-6
print(f"threads at once: {threads:,}")
print(f"bytes that must be on their way all the time: {rate * wait:,.0f}")
print(f"for each thread: {rate * wait / threads:.1f} bytes, or {rate * wait / threads / 4:.1f} f32")

# %% [markdown] id="why-after"
# So it is fast only while a few hundred thousand threads ask for a few numbers each.
#
# ## 2. Thread, warp, block, grid
#
# A **kernel** is a function that every thread runs, with the same arguments. Only its number differs,
# and from that it finds its own element:

# %% id="who"
code = r"""
extern "C" __global__ void who(unsigned* block, unsigned* lane, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        block[i] = blockIdx.x;
        lane[i] = threadIdx.x % 32;
    }
}
"""
n = 150
who = cuda.RawKernel(code, "who")  # the text, and the name of the kernel in it
block, lane = cuda.empty(n, u32), cuda.empty(n, u32)  # arrays on the device
who((3,), (64,), (block, lane, u32(n)))  # 3 blocks of 64 threads, and the arguments
block, lane = cuda.asnumpy(block), cuda.asnumpy(lane)
for i in [0, 63, 64, 149]:
    print(f"element {i:3}: thread {i - 64 * block[i]:2} of block {block[i]}, lane {lane[i]:2}")

# %% id="grid-figure"
show(draw_grid(150, 64), "Figure {figure:grid}. 150 elements, 3 blocks of 64 threads. Each row is a warp, each box a "
     "thread with the number i of its element.")  # fmt: skip

# %% [markdown] id="words"
# From the inside out:
#
# - A **thread** has registers of its own, and `threadIdx`, its number in the block.
# - A **warp** is 32 threads, its **lanes**, that get their instructions together. If some lanes take the
#   `if` and some the `else`, the warp pays for both.
# - A **block** is up to 1,024 threads on one multiprocessor, `blockDim`. They can share memory and
#   wait for each other. `blockIdx` is its number.
# - The **grid** is all blocks, `gridDim`. They run in any order, and cannot wait for each other.
#
# Arrays lie in **global memory**, which all see. Two threads that write one element **race**: the last one wins.
#
# `extern "C" __global__` marks what Python may launch. Arrays arrive as pointers, without their length. `printf` works: use
# few threads. `RawKernel`, `asarray`, `empty` and `asnumpy` are CuPy's; on a GPU, CuPy answers.
#
# **Predict before you run.** What happens without the **guard**, `if (i < n)`?

# %% id="no-guard"
unguarded = sim.RawKernel(code.replace("if (i < n)", ""), "who")
try:
    unguarded((3,), (64,), (sim.empty(n, u32), sim.empty(n, u32), u32(n)))
except sim.KernelError as error:  # it names threads and blocks by three numbers, x, y, z
    print(str(error).partition("\n\n")[0])

# %% [markdown] id="add"
# A GPU would say nothing: the 42 threads write over whatever lies behind the array. So **the guard comes first**.
#
# ### Exercise 8.1: add
#
# Open `kernels/add.cu` of the repository. Write the body: `y[i] = a[i] + b[i]`, a thread for each element. Delete
# the line `YOUR CODE HERE`, save, and run the check.
#
# - `a`, `b`, `y` (n) f32. As many blocks as n needs, of 32 to 128 threads. About 3 lines.
# - `const` marks what is only read; `__restrict__` promises that arrays do not overlap.
#
# <details><summary>Hint</summary>
#
# The index is the one of `who` above. A thread that has no element may simply `return`. (The file's last line, `// sealed`, is for
# the course's own tools.)
#
# </details>

# %% id="add-check"
add_ = use("8.1 add", mine("add"), solution("add"))

# %% [markdown] id="add-after"
# `add_` is your kernel once it is right, until then the course's. With the name and arguments of the package's own, it can
# train a model (chapter 10).

# %% id="add-use"
a, b = whole_numbers(1000), whole_numbers(1000, seed=1)  # f32, which add without rounding
y = cuda.empty(1000, f32)
# blocks_for divides and rounds up; a number must come in the type of its parameter: u32
add_((blocks_for(1000, 128),), (128,), (cuda.asarray(a), cuda.asarray(b), y, u32(1000)))
print("1,000 sums are right:", bool((cuda.asnumpy(y) == a + b).all()))

# %% [markdown] id="two"
# ## 3. Two dimensions, and what a warp asks for
#
# Grids and blocks may have up to three dimensions, `k((3, 2), (32, 8), ...)`. That only numbers the threads, x first: in a
# block of (32, 8) the first warp is the threads with `threadIdx.y == 0`.
#
# ### Exercise 8.2: add_bias
#
# In `kernels/add_bias.cu`: add `bias[column]` to each element of a matrix.
#
# - `x`, `y` (rows, columns), `bias` (columns), f32; element (row, column) is `x[row * columns + column]`.
# - x counts columns, y counts rows. The grid covers both, rounded up. About 4 lines.
#
# <details><summary>Hint</summary>
#
# `column` is made from the `.x` of `blockIdx`, `blockDim` and `threadIdx` as before, `row` from their `.y`. The guard has two parts.
#
# </details>

# %% id="add-bias-check"
add_bias_ = use("8.2 add_bias", mine("add_bias"), solution("add_bias"))

# %% [markdown] id="sectors"
# Memory moves whole **sectors** of 32 bytes, 8 f32. When a warp executes
# `x[...]`, its 32 addresses go out as one **request**, and every sector that holds one
# of them is moved. At best that is 4; the request is then called **coalesced**.
#
# Your kernel takes blocks of any shape. **Predict before you run**: how many sectors does a warp's
# store touch with each of these?


# %% id="sectors-code"
def store_of_add_bias(shape):
    """The simulator's count of the stores, for a matrix of 256 x 96."""
    x, bias = whole_numbers((256, 96)), whole_numbers(96)
    grid = (blocks_for(96, shape[0]), blocks_for(256, shape[1]))
    profile = in_simulator(add_bias_, grid, shape, (x, bias, x, u32(256), u32(96)))
    return next(row for row in profile.rows if row.op == "store")


for shape in [(32, 8), (8, 32), (4, 64), (1, 256)]:
    row = store_of_add_bias(shape)
    print(
        f"block {shape!s:8}: {row.worst:2} sectors a request, {row.ratio:.0f} times what is needed"
    )

# %% id="access-figure"
show(draw_access(store_of_add_bias((4, 64))), "Figure {figure:access}. The first store of your kernel with blocks of "
     "(4, 64): 8 rows of the matrix, half a sector in each. Grey moves without use; a colour is 8 threads.")  # fmt: skip

# %% [markdown] id="sectors-why"
# A warp of (8, 32) still takes whole sectors. The rule:
# **neighbours in the warp should be neighbours in memory.**
#
# **Predict** which shapes are slow on a GPU, and by how much. (The rate counts only the
# bytes needed; the last column is the largest error.)

# %% id="shapes-ladder"
show_ladder(8, "shapes")

# %% [markdown] id="shapes-why"
# Sectors give the order: twice as many took 1.6 times as long, eight times as many 6.4 times: what is left of a sector may
# still lie in a cache when another warp wants it. And 4 sectors in four places, (8, 32), took 1.1 times as long as 4 in a row.
#
# ## 4. Any number of threads
#
# A **grid-stride loop** frees the grid from n: each thread takes its element, then the one as many further on as the grid
# has threads, and so on.
#
# ### Exercise 8.3: axpy
#
# In `kernels/axpy.cu`: `y[i] += a * x[i]` for all i, with any grid.
#
# - `a` f32, `x`, `y` (n) f32. About 2 lines.
#
# <details><summary>Hint</summary>
#
# There are `gridDim.x * blockDim.x` threads in the grid. The loop's condition is the guard.
#
# </details>

# %% id="axpy-check"
axpy_ = use("8.3 axpy", mine("axpy"), solution("axpy"))

# %% [markdown] id="threads"
# Now one warp can do it all, or as many threads as a GPU holds. **Predict**: by what
# factor are 132 blocks of 256 faster than one warp? Does it help to start more than fit at once?

# %% id="threads-ladder"
show_ladder(8, "threads")

# %% [markdown] id="threads-why"
# The first row is latency: its time, divided by its n / 32 rounds, is 0.4 microseconds for each. More threads do not shorten
# that; they wait together: 132 blocks of 8 warps are 851 times as fast as one warp. The GPU is full at 1,056 blocks, 8 a
# multiprocessor; 124 times as many **did not help**. PyTorch (`y.add_(x, alpha=2)`) is 9 % faster, perhaps by wider loads (section 6).
#
# ## 5. Shared memory and barriers
#
# A transpose, `y[column][row] = x[row][column]`: a warp that reads a row of x writes a column of y.
# **Predict** the sectors of both.

# %% id="naive"
print(solution("transpose_naive").text.partition("*/\n")[2])

x, y = whole_numbers((64, 96)), np.empty((96, 64), f32)
sizes = (u32(64), u32(96))
profile = in_simulator(solution("transpose_naive"), (3, 8), (32, 8), (x, y, *sizes))
for row in profile.rows:
    print(f"{row.op:5}: {row.worst:2} sectors a request")

# %% [markdown] id="shared"
# Turned round, the loads would be bad. What helps is **shared memory**,
# 228 KB on each multiprocessor of an H100. A `__shared__` variable exists once a block, for all its threads. Here a block
# turns 64 numbers round:
#
# ```
# __shared__ float s[64];
# s[threadIdx.x] = x[threadIdx.x];
# __syncthreads();
# y[threadIdx.x] = s[63 - threadIdx.x];
# ```
#
# `__syncthreads()` is a **barrier**: no thread goes on until all of the block have come. A thread needs what **others**
# have read; without it there is a race. To transpose, read a tile of 32 x 32 by rows of x, then write it by rows of y.
#
# Shared memory has 32 **banks**: word k, of 4 bytes, lies in bank k % 32, and a bank serves one word at a time, to any number of
# lanes. 2 different words of a bank take two passes: a 2-way **bank conflict**. **Predict**: how many ways if a warp reads a
# column of `float tile[32][32]`?

# %% id="banks-figure"
show(draw_banks(), "Figure {figure:banks}. The bank of each word in the corner of a tile with rows of 32 words, and of 33. "
     "A column of 32 lies in one bank, a conflict of 32 ways, or in 32 banks.")  # fmt: skip

# %% [markdown] id="transpose"
# ### Exercise 8.4: transpose
#
# In `kernels/transpose.cu`: read a tile, wait, write it, without a bank conflict.
#
# - `x` (rows, columns), `y` (columns, rows) f32, any sizes. One block, of (32, 8) or (32, 16) threads, for each tile. About 10 lines.
# - Given: `tx`, and where in x the tile begins. Reading and writing are loops over its rows:
#   `for (unsigned i = threadIdx.y; i < 32; i += blockDim.y)`.
#
# <details><summary>Hint 1: read</summary>
#
# `__shared__ float tile[32][33];` In the loop, `row = first_row + i`, `column = first_column + tx`, and if that is
# inside, `tile[i][tx] = x[row * columns + column]`.
#
# </details>
# <details><summary>Hint 2: write</summary>
#
# Now `tx` must run along a row of y, that is, along the rows of x: `row = first_row + tx`, `column = first_column + i`.
# What stands there in the tile? The same guard.
#
# </details>

# %% id="transpose-check"
transpose_ = use("8.4 transpose", mine("transpose"), solution("transpose"))

# %% id="transpose-use"
for name, kernel in [("rows of 32", solution("transpose_banks")), ("yours", transpose_)]:
    profile = in_simulator(kernel, (3, 2), (32, 8), (x, y, *sizes))
    stores = max(row.worst for row in profile.rows if (row.space, row.op) == ("global", "store"))
    ways = max(row.worst for row in profile.rows if row.space == "shared")
    conflict = f"{ways}-way" if ways > 1 else "no"
    print(f"{name:10}: {stores} sectors a store, {conflict} bank conflict, "
          f"{profile.count('barriers') // profile.blocks} barrier a block")  # fmt: skip

# %% [markdown] id="transpose-predict"
# **Predict**: which gains more, the tile or its 33rd column?

# %% id="transpose-ladder"
show_ladder(8, "transpose")

# %% [markdown] id="sum"
# The tile gained 2.9 times, its 33rd column again 1.7 times; the whole takes less than half the time of PyTorch's `y.copy_(x.T)`.
#
# ## 6. A sum, rung by rung
#
# All threads work on **one** result. The first rung lets them queue: `atomicAdd` reads, adds and writes in
# one step that nobody can come between.

# %% id="sum-atomic"
print(solution("sum_atomic").text.partition("*/\n")[2])

x = whole_numbers(1000)
total = cuda.zeros(1, f32)
solution("sum_atomic")((8,), (128,), (cuda.asarray(x), total, u32(1000)))
print("right:", cuda.asnumpy(total)[0] == x.sum())

# %% [markdown] id="sum-tree"
# Better let each block add its numbers in a **tree**: pairs, then pairs of sums, seven steps for 128. This one adds
# neighbours first. Each block leaves a part; the same kernel adds the parts.

# %% id="sum-neighbours"
# new in C: `a ? b : c` is b if a holds, else c; 0.0f is an f32, 0.0 an f64
print(solution("sum_neighbours").text.partition("*/\n")[2])

# %% id="trees-figure"
show(draw_trees(), "Figure {figure:trees}. Who adds in each step, with 16 threads and, to have room, warps of 4. A warp "
     "must come, framed, if any of its threads adds.")  # fmt: skip

# %% [markdown] id="halves"
# In figure {figure:trees}, left, the threads that add are spread over all warps, and one busy lane costs as much as 32. On the
# right they stand together.
#
# ### Exercise 8.5: sum_halves
#
# In `kernels/sum_halves.cu`: the tree that adds the upper half to the lower half.
#
# - `x` (n), `parts` (blocks) f32. `BLOCK`, a power of 2, is a constant of the launch, a `#define` in front of your text. About 7 lines.
# - Barriers: one after filling `scratch`, one in each step. None inside an `if`, no `return` before one.
#
# <details><summary>Hint</summary>
#
# `for (unsigned width = BLOCK / 2; width > 0; width /= 2)`: the threads `t < width` add `scratch[t + width]`. A thread without an
# element puts in 0, since the tree reads all of `scratch`.
#
# </details>

# %% id="halves-check"
sum_halves_ = use("8.5 sum_halves", mine("sum_halves"), solution("sum_halves"))


# %% id="halves-use"
def requests_of(kernel, grid):
    """What a launch on 1,000 numbers asks for, by the simulator."""
    args = (whole_numbers(1000), np.empty(grid, f32), u32(1000))
    profile = in_simulator(kernel, (grid,), (128,), args, BLOCK=128)
    shared = sum(row.requests for row in profile.rows if row.space == "shared")
    return f"{shared:4} requests to shared memory, {profile.count('barriers'):2} barriers"


print("neighbours:", requests_of(solution("sum_neighbours"), 8))
print("halves:    ", requests_of(sum_halves_, 8))

# %% [markdown] id="many"
# Still, eight barriers serve 128 numbers. Let each thread first add many in a register, with the loop of section 4, then the
# tree, once.
#
# ### Exercise 8.6: sum_many
#
# In `kernels/sum_many.cu`: what comes before the tree.
#
# - Any grid: with 2 blocks of 128, thread t of block b adds the numbers 128 b + t, those 256 further on, and so on, and leaves its sum
#   in `scratch[t]`. About 3 lines.
#
# <details><summary>Hint</summary>
#
# The loop of 8.3, with `float sum = 0.0f;` before it and `sum +=` inside.
#
# </details>

# %% id="many-check"
sum_many_ = use("8.6 sum_many", mine("sum_many"), solution("sum_many"))

# %% [markdown] id="warps"
# A **shuffle** needs no shared memory:
# `__shfl_down_sync(FULL_MASK, v, 4)` gives each lane the `v` of the lane 4 further on, from register to register; a lane with none so
# far on gets its own, so that only lane 0's sum counts in the end. `FULL_MASK` says that all
# 32 lanes take part; all must come. **Predict**: how many shuffles
# for the sum of 32 lanes, how many barriers for that of 4 warps?
#
# ### Exercise 8.7: sum_warps
#
# In `kernels/sum_warps.cu`, after the loop: the block's sum, in two stages.
#
# - Each warp adds its lanes' `sum`, and lane 0 puts it into `scratch[warp]` (a block has at most 32 warps). After a barrier the first warp
#   adds those `BLOCK / 32` numbers likewise; thread 0 has the block's sum in `sum`. About 6 lines.
#
# <details><summary>Hint 1: one warp</summary>
#
# `for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(FULL_MASK, sum, offset);`
#
# </details>
# <details><summary>Hint 2: all of them</summary>
#
# After the barrier, `if (warp > 0) return;`. In the first warp `sum` becomes `scratch[lane]` where there is such a warp, else 0, and the
# same loop runs again, with all lanes.
#
# </details>

# %% id="warps-check"
sum_warps_ = use("8.7 sum_warps", mine("sum_warps"), solution("sum_warps"))

# %% id="warps-use"
print("many:  ", requests_of(sum_many_, 2))
print("warps: ", requests_of(sum_warps_, 2))

# %% [markdown] id="vector"
# Five shuffles, one barrier. The last rung changes the loads. A `float4` is four f32 side by side, `v.x, v.y, v.z, v.w`, loaded by
# one instruction: a quarter of the requests, of 16 sectors each. It must begin at a multiple of 16 bytes.
# `const float4* x4 = reinterpret_cast<const float4*>(x);` is the same memory, seen as float4.
#
# ### Exercise 8.8: sum_vector
#
# In `kernels/sum_vector.cu`: the loop, over float4.
#
# - Given: `first`, the thread's number in the grid; `threads`, how many there are; `quads`, `n / 4`. About 6 lines.
# - Up to 3 numbers are left over: each must be added by one thread of the grid.
# - `block_sum`, which follows, is your two stages as a function; `common.cuh` of the package stands in front of every kernel.
#
# <details><summary>Hint</summary>
#
# `float4 v = x4[i];`, and `sum` grows by its four parts. What is left over begins at `4 * quads`; thread `first` of the grid takes the number `4 * quads + first` if there is one.
#
# </details>

# %% id="vector-check"
sum_vector_ = use("8.8 sum_vector", mine("sum_vector"), solution("sum_vector"))

# %% id="vector-use"
x = whole_numbers(10_003)
parts, total = cuda.empty(4, f32), cuda.empty(1, f32)
sum_vector_((4,), (128,), (cuda.asarray(x), parts, u32(len(x))), BLOCK=128)
sum_vector_((1,), (128,), (parts, total, u32(4)), BLOCK=128)
print("the sum of 10,003 numbers, by two launches, is right:", cuda.asnumpy(total)[0] == x.sum())

# %% [markdown] id="sum-predict"
# **Predict** the order of the rungs, the largest gain, the least exact.

# %% id="sum-ladder"
show_ladder(8, "sum")

# %% [markdown] id="sum-why"
# From the queue to the tree: 392 times as fast. Then two surprises. The tree of halves asks less than half as much of shared memory,
# and gains 3 %; shuffles **did not help** at all. So the tree is not what takes the time. Fewer blocks gained 2.5 times, wide loads
# 1.3 times: section 1 wanted 12 bytes on their way for each thread, a load of 4 is less, one of 16 more. PyTorch, `torch.sum`,
# takes as long. (Above 100 %: a copy also writes.)
#
# The atomic total is rounded n times, to the last digit of a large number; in a tree each number goes through few
# roundings. And the order of atomics differs from run to run: the package uses none on floats.
#
# ## 7. The clinic
#
# Five kernels, each with one fault, which a GPU may not show. Find it in
# what the simulator says before you open the file.
#
# **Patient 1, `clinic_steps`**: `y[i] = x[i + 1] - x[i]`; y is one shorter than x.

# %% id="clinic-steps"
print(given.diagnosis("clinic_steps"))

# %% [markdown] id="clinic-reverse-intro"
# **Patient 2, `clinic_reverse`** writes rows backwards, one after another. There is a barrier between the lines 8 and 10. Where
# is none?

# %% id="clinic-reverse"
print(given.diagnosis("clinic_reverse").partition("\n\n")[0])

# %% [markdown] id="clinic-squares-intro"
# **Patient 3, `clinic_squares`** sums squares with your tree. One fault, three findings: once threads miss each other,
# all is in disorder. Which is the cause?

# %% id="clinic-squares"
for finding in given.diagnosis("clinic_squares").split("\n\n"):
    print("\n".join(finding.splitlines()[:6]))

# %% [markdown] id="clinic-histogram-intro"
# **Patient 4, `clinic_histogram`** counts digits, in shared memory first.

# %% id="clinic-histogram"
# 1u is an unsigned 1
print(given.diagnosis("clinic_histogram").partition("\n\n")[0])

# %% [markdown] id="clinic-gather-intro"
# **Patient 5, `clinic_gather`**: `y[i] = x[idx[i]]`, indices from `np.argsort`. The kernel gets only an address. It takes 4
# bytes for an index, so one index of 8 becomes two. Single numbers likewise: a Python `0.5` arrives as 8 bytes, hence
# `np.float32(0.5)`.

# %% id="clinic-gather"
print(given.diagnosis("clinic_gather"))

# %% [markdown] id="clinic"
# ### Exercise 8.9: clinic
#
# Mend `kernels/clinic_*.cu`: in each, delete the line `YOUR CODE HERE` and change or add one or two lines. The check names the first that is not
# well.
#
# <details><summary>Hint: patients 1 and 2</summary>
#
# n numbers have n - 1 steps. And a fast thread comes round to the next row while a slow one has not read the last.
#
# </details>
# <details><summary>Hint: patients 3 to 5</summary>
#
# A barrier must be reached by all threads: only the assignment belongs under the `if`. Shared memory begins as rubbish: ten threads set it to 0, and all wait before
# they count. An index of 8 bytes is a `long long` (a `long` has 4 on Windows).
#
# </details>

# %% id="clinic-check"
check("8.9 clinic", *[mine(name) for name in given.VISITS])

# %% [markdown] id="time"
# ## 8. How to time, and how not to
#
# A launch puts the kernel into a queue, a **stream**, and returns; a clock around it measures the queueing, up to
# `synchronize()` both. The GPU itself notes the time at **events** in the stream:
#
# quote mlstack_lib/course/ladders.py:_elapsed
#
# Besides: launch once before (the first call compiles); give the median of many; take real values, and arrays
# larger than the caches; measure a copy in the same run. If this machine has a GPU:

# %% id="time-code" tags=["nbval-ignore-output"] reason="times differ from machine to machine, and most have no GPU"
if cuda.on_gpu:
    import cupy

    n = 1 << 24
    x, y = (cupy.random.random(n, dtype=f32) for _ in range(2))

    def run():
        axpy_((1056,), (256,), (f32(2), x, y, u32(n)))

    run()
    cupy.cuda.Device().synchronize()
    began = perf_counter()
    run()
    print(f"a clock around the launch: {1e6 * (perf_counter() - began):7.1f} us")
    cupy.cuda.Device().synchronize()
    print(f"until all is done:         {1e6 * (perf_counter() - began):7.1f} us")
    print(f"by events, median of 20:   {median(time_us(cupy, run)):7.1f} us")
else:
    print("no GPU here, nothing to time: the simulator's seconds say nothing about one")

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - share out work among a grid, its blocks, warps and threads, and guard the edge;
# - predict the sectors that a request of a warp moves, 4 to 32 for f32, and the ways of a bank conflict;
# - use shared memory with the barriers it needs: before reading what others wrote, before writing it again;
# - climb a ladder: one idea a rung, predicted, then measured;
# - read what the simulator says of a wrong kernel;
# - say how a kernel is timed: by events.
#
# **Two questions.**
#
# 1. In `sum_halves` somebody leaves out the barriers for `width < 32`: one warp is left. Is that right?
# <details><summary>Answer</summary>
#
# No. Since 2017 (Volta) nothing promises that lanes go together, and the compiler may keep `scratch` in registers.
# The simulator calls it a race. `__syncwarp()` between the steps is the cheap barrier for 32 lanes; a shuffle has it built in.
#
# </details>
#
# 2. How many ways of conflict has a column of `float tile[32][34]`?
# <details><summary>Answer</summary>
#
# Two. Word (i, 0) lies in bank 34 i % 32 = 2 i % 32: the even banks only, each with two words.
#
# </details>
#
# **On your own.** Write `kernels/max_vector.cu` after `sum_vector.cu`. What does a thread begin with? In the repository's folder:
#
# ```
# mlstack simulate kernels/max_vector.cu max_vector --grid 2 --block 64 -D BLOCK=64 --arg random:1003 --arg empty:2 --arg 1003
# ```
#
# **Further reading.**
# - NVIDIA, *CUDA C++ Programming Guide*.
# - M. Harris, *Optimizing Parallel Reduction in CUDA*, NVIDIA 2007: the ladder of the sum.
# - V. Volkov, *Better Performance at Lower Occupancy*, GTC 2010.
#
# The solutions: `solutions/08_first_kernels.ipynb` and `solutions/kernels/`. Before: chapter 07, the Transformer. Next: chapter 09, matrix
# multiplication.
