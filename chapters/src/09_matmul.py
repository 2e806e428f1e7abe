# %% [markdown] id="title"
# # 09 Climb the ladder of the matrix product
#
# Nearly all the arithmetic of a GPT is matrix products. A first kernel for them is four lines long, right, and
# slow. This chapter makes it faster, one idea a rung, and you count what each will save before it is measured.
#
# **What you build.** Nine kernels in `kernels/`: seven rungs, a transposed form, a first use of tensor cores.
#
# **What you can do afterwards.** You can
# - say from a product's sizes what limits it, arithmetic or memory;
# - count what a kernel reads for each multiplication;
# - keep a number where it is used again: in a tile of shared memory, in registers;
# - multiply a matrix that is stored transposed;
# - feed the tensor cores, without conflicts in shared memory.
#
# **What you need.** Chapter 08. A GPU is not needed. About 4 hours.

# %% id="setup"
import ml_dtypes
import numpy as np

import mlstack_lib as ml
from mlstack_lib.course import figures, use
from mlstack_lib.course.exercises import launches_09 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.kernel_files import mine, solution
from mlstack_lib.course.ladders import show_ladder
from mlstack_lib.course.pictures.access import draw_access
from mlstack_lib.course.pictures.matmul import draw_fragments, draw_reuse, draw_ring, draw_roof

figures.style()

# %% [markdown] id="roof"
# ## 1. How fast can it be?
#
# Let $C = AB$ with $A$ of shape (m, k), $B$ (k, n) and $C$ (m, n). An element of $C$ takes $k$
# multiplications and as many additions: $2mnk$ operations in all. Meanwhile $A$ and $B$ must be
# read and $C$ written. The longer decides.
#
# An H100 (SXM) does at most 67 TFLOP/s in f32 and 989 in bf16 (16-bit numbers; section 8), and moves at most
# 3.35 TB/s (NVIDIA's data sheet). With fewer **operations a byte** than their ratio, it waits for memory.
#
# **Predict before you run.** In the course's model of 12M parameters, 16,384 rows of 384 numbers meet a weight
# of 384 by 1,536. What limits that product, in f32 and in bf16?

# %% id="roof-table"
BANDWIDTH, PEAK = 3.35, {4: 67, 2: 989}  # TB/s; TFLOP/s by bytes a number
points = []
for name, m, n, k, size in [
    ("4096 cubed, f32", 4096, 4096, 4096, 4),
    ("model, f32", 16384, 1536, 384, 4),
    ("model, bf16", 16384, 1536, 384, 2),
    ("model 384 x 384, bf16", 16384, 384, 384, 2),
]:
    operations, nbytes = 2 * m * n * k, size * (m * k + k * n + m * n)
    intensity = operations / nbytes
    best = min(PEAK[size], BANDWIDTH * intensity)
    points.append((name, intensity, best))
    limit = "arithmetic" if best == PEAK[size] else "memory"
    print(f"{name:22} {operations / 1e9:6.1f} GFLOP, {nbytes / 1e6:5.1f} MB, {intensity:5.1f} FLOP/B: "
          f"{limit}, {best:3.0f} TFLOP/s at most")  # fmt: skip

# %% id="roof-figure"
points.append(("nothing used twice", 0.25, BANDWIDTH * 0.25))
show(
    draw_roof([("f32", 67, BANDWIDTH), ("bf16, tensor cores", 989, BANDWIDTH)], points),
    "Figure {figure:roof}. The most an H100 can do by operations a byte, both axes logarithmic. Left of "
    "the bend memory limits, right of it arithmetic.",
)

# %% [markdown] id="roof-why"
# Figure {figure:roof} is called a **roofline**. In f32 even the model's small products can reach the
# level part. In bf16 they stand at the bend or before it.
#
# But this holds for a kernel that reads each number **once**. One that asks memory for both factors of each
# multiplication does 2 operations for 8 bytes: the leftmost point. The reference:
#
# quote mlstack_lib/reference.py:matmul

# %% [markdown] id="naive"
# ## 2. v1: a thread for each element
#
# Matrices lie in memory row by row: `a[row][i]` is `a[row * k + i]`.
#
# ### Exercise 9.1: matmul_naive
#
# Open `kernels/matmul_naive.cu`. The thread's `row` and `col` are given. Sum the products of row `row`
# of `a` and column `col` of `b`, and write the sum to `c`.
#
# - `a` (m, k), `b` (k, n), `c` (m, n) f32; `m`, `n`, `k` unsigned, each at least 1.
# - A grid of (n / 32, m / 32) rounded up, blocks of (32, 32): some threads have no element. About 4 lines.
#
# Until a check says `[ok]`, cells below it use the solution's kernel.
#
# <details><summary>Hint</summary>
#
# The guard first: `if (row >= m || col >= n) return;`. Then `float sum = 0.0f;`, and write `c` once, after
# the loop.
#
# </details>
# <details><summary>Other sizes, in the terminal</summary>
#
# `mlstack simulate` launches your file with any sizes, and prints what it finds, then the profile. Here m = 40, n = 70, k = 50,
# and `-D` gives the constants that the file's header names:
#
# ```
# mlstack simulate kernels/matmul_tiled.cu matmul_tiled --grid 3,2 --block 32,32 -D TILE=32 \
#     --arg random:40x50 --arg random:50x70 --arg empty:40x70 --arg 40 --arg 70 --arg 50
# ```
#
# In section 9 (`--shared`: the bytes of the ring, STAGES * (BM + BN) * BK * 2):
#
# ```
# mlstack simulate kernels/matmul_bf16.cu matmul_bf16 --grid 1 --block 128 --shared 98304 \
#     -D BM=128 -D BN=128 -D BK=64 -D STAGES=3 -D TRANS_A=0 -D TRANS_B=0 \
#     --arg random:72x264:bf16 --arg random:264x80:bf16 --arg empty:72x80:bf16 --arg 72 --arg 80 --arg 264
# ```
#
# In the files, `// sealed` and a number at the end tell the builder that nobody has changed them yet, and a kernel's
# twin is the same one in WGSL, the language of a later chapter.
#
# </details>

# %% id="naive-check"
naive_ = use("9.1 matmul_naive", mine("matmul_naive"), solution("matmul_naive"))

# %% id="naive-use"
rng = np.random.default_rng(0)
a, b = (rng.standard_normal(shape).astype(np.float32) for shape in [(50, 70), (70, 90)])
print(
    "c[0, :4] by the kernel:",
    given.run(naive_, a, b)[0, :4].round(3),
    " by NumPy:",
    (a @ b)[0, :4].round(3),
)

# %% [markdown] id="naive-predict"
# **Predict before you run.** In the file, neighbours of a warp are neighbours in a **column** of `c`. In one turn of
# the loop, how many sectors of 32 bytes does a warp ask for, of `a` and of `b`? How many bytes is that for each
# multiplication?


# %% id="naive-count"
def count(name, kernel):
    memory, shared = given.traffic(kernel)
    print(f"{name}: for a multiplication {memory:7.4f} bytes of memory, "
          f"{shared:6.4f} reads of shared memory")  # fmt: skip


count("v1", naive_)

# %% [markdown] id="naive-why"
# All 32 want the same number of `b`: one sector. But each wants another row of `a`: 32 sectors.
#
# Measured on an H100, beside cuBLAS, NVIDIA's library, as PyTorch calls it (`of last`: of the last row's rate):

# %% id="naive-ladder"
show_ladder(9, "matmul", rungs=1)

# %% [markdown] id="coalesced"
# ## 3. v2: neighbours read neighbours
#
# ### Exercise 9.2: matmul_coalesced
#
# `kernels/matmul_coalesced.cu` is v1, and gives the right result. Mend its first line, so that
# no request of a warp moves more than 4 sectors.
#
# - All else stays, grid and block too.
#
# <details><summary>Hint</summary>
#
# A warp is 32 threads with neighbouring `threadIdx.x`. Let them lie along a row of `c`. (`(size_t)` in the other lines
# makes a product 64 bits wide: a large matrix has more elements than 32 bits can count.)
#
# </details>

# %% id="coalesced-check"
coalesced_ = use("9.2 matmul_coalesced", mine("matmul_coalesced"), solution("matmul_coalesced"))

# %% id="coalesced-count"
count("v2", coalesced_)
show_ladder(9, "matmul", rungs=2)

# %% [markdown] id="coalesced-why"
# One sector of `a`, which all 32 share, and four of `b`: eleven times faster, for two letters.
#
# ## 4. v3: tiles in shared memory
#
# Each multiplication still asks memory for its factors. But a block needs only 32 rows of `a` and 32 columns of `b`, each number
# 32 times. Let it fetch them once, into shared memory, in steps along k: a **tile** of 32 by 32 of each,
# multiply, next tile.
#
# ### Exercise 9.3: matmul_tiled
#
# In `kernels/matmul_tiled.cu`, write the body of the loop over tiles: each thread brings one number
# of either tile, then adds TILE products to `sum`.
#
# - `as[ty][tx]` is row `row`, column `k0 + tx` of `a`; `bs[ty][tx]` is row `k0 + ty`, column `col` of `b`.
#   Beyond the edges of `a` and `b`: zero. No thread may leave early. Why?
# - Nobody reads before all have written; nobody writes the next tile before all have read. About 5 lines.
#
# <details><summary>Hint 1: edges</summary>
#
# `as[ty][tx] = row < m && k0 + tx < k ? a[(size_t)row * k + k0 + tx] : 0.0f;`
#
# </details>
# <details><summary>Hint 2: the sum</summary>
#
# Between two barriers: `sum += as[ty][i] * bs[i][tx];` for each `i` below TILE.
#
# </details>

# %% id="tiled-check"
tiled_ = use("9.3 matmul_tiled", mine("matmul_tiled"), solution("matmul_tiled"))

# %% [markdown] id="tiled-predict"
# Why stay? A thread without an element brings numbers for others, and a barrier waits for all.
#
# **Predict before you run.** A thread brings 2 numbers for 32 multiplications. For each, how many bytes of memory is that,
# and how many reads of shared memory?

# %% id="tiled-count"
count("v3", tiled_)

# %% [markdown] id="tiled-limit"
# 8 operations a byte: memory would allow 27 TFLOP/s. But in a cycle a multiprocessor of an H100 can begin the
# multiply-adds of four warps (128 f32 units), and serve one request of a warp to shared memory.
# **Predict before you run:** how many TFLOP/s does that allow v3?

# %% id="tiled-ladder"
show_ladder(9, "matmul", rungs=3)

# %% [markdown] id="transposed"
# At two reads a multiplication, one request feeds half a warp of the four: an eighth of 67 is 8.4, and v3 stands right there.
# Shared memory stops it.
#
# ## 5. A matrix stored the other way
#
# A linear layer's weight is stored (out, in), so its product is $XW^T$: `b` is given as (n, k). Only the tile is filled
# differently.
#
# ### Exercise 9.4: matmul_nt_tiled
#
# `kernels/matmul_nt_tiled.cu` is v3 with the index of `b` changed, `b[col * k + k0 + ty]`. The result is
# right. Mend the line that fills `bs`, and the declaration, so that
#
# - no request of a warp moves more than 4 sectors;
# - no two threads of a warp meet in a bank of shared memory.
#
# <details><summary>Hint 1: memory</summary>
#
# Let `tx` run along k: read `b[(col0 + ty) * k + k0 + tx]`. Which place of `bs` is that? `bs[i][j]` is still step `i` of
# the sum, column `j` of the tile.
#
# </details>
# <details><summary>Hint 2: banks</summary>
#
# The numbers of a column are 32 words apart, and every 32nd word lies in the same bank. Make the rows of `bs` one
# number longer.
#
# </details>

# %% id="nt-check"
nt_ = use("9.4 matmul_nt_tiled", mine("matmul_nt_tiled"), solution("matmul_nt_tiled"))

# %% [markdown] id="nt-predict"
# **Predict before you run.** Of the two, rows and padding, which gains more?

# %% id="nt-count"
as_given = given.changed(solution("matmul_nt_tiled"), *given.GIVEN_NT)
unpadded = given.changed(solution("matmul_nt_tiled"), given.GIVEN_NT[0])
for name, kernel in [("as given", as_given), ("along the rows", unpadded), ("mended", nt_)]:
    found = given.profile(kernel, 32, 32, 32, transposed=True)
    sectors = max(row.worst for row in found.rows if row.sample.array == "b")
    ways = max(row.worst for row in found.rows if row.space == "shared")
    print(f"{name:15} sectors a request of b: {sectors:2}   ways of bank conflict: {ways:2}")

# %% id="nt-ladder"
show_ladder(9, "transposed")

# %% [markdown] id="column"
# Reading along the rows **alone** hardly helped: the conflicts took what it gave. With both mended the transposed
# form is as fast as v3.
#
# ## 6. v4 and v5: keep it in registers
#
# A register costs nothing to read. So let a thread compute **several** elements. Eight of one column share
# the number of `b`: for one step of k, read it once, and eight of `a`.

# %% id="reuse-figure"
shapes = [("v3: an element", 1, 1), ("v4: a column", 8, 1), ("v5: a square", 8, 8)]
show(
    draw_reuse(shapes),
    "Figure {figure:reuse}. What a thread reads of shared memory for one step of k (orange, of a on "
    "the left, of b on top), and what it can compute from that (blue).",
)

# %% [markdown] id="column-exercise"
# A column of 8 brings reads to 9/8 a multiplication, a square of 8 by 8 to 16/64: the perimeter grows slower
# than the area.
#
# ### Exercise 9.5: matmul_column
#
# In `kernels/matmul_column.cu` a block of 512 threads computes 64 by 64 elements. Tiles are BK = 8 deep; bringing
# them is given. Write the step for one `kk`, and the write of `acc[i]`.
#
# - The thread owns column `tx` of the block's tile, and its rows `ty * TM + i`, `i` from 0 to TM - 1.
# - In shared memory: `as[row][kk]`, `bs[kk][column]`. About 3 and 2 lines.
#
# `#pragma unroll` before a loop lets `acc` lie in registers. The simulator does not see that; a GPU does.
#
# <details><summary>Hint</summary>
#
# `float rb = bs[kk][tx];`, then `#pragma unroll` and a loop over `i`: it writes out the rounds. Registers have no addresses, so each
# index must be known when compiling.
#
# </details>

# %% id="column-check"
column_ = use("9.5 matmul_column", mine("matmul_column"), solution("matmul_column"))

# %% [markdown] id="square-exercise"
# ### Exercise 9.6: matmul_square
#
# In `kernels/matmul_square.cu` 256 threads compute 128 by 128 elements, 64 each. Write the step for one `kk`:
# first TM numbers into `ra` and TN into `rb`, then all their products; and the write of `acc[i][j]`.
#
# - The thread owns rows `ty + i * (BM / TM)` and columns `tx + j * (BN / TN)`: **spread out**, so that
#   neighbours in a warp read neighbours. (With `tx * TN + j` they would be 8 words apart.) About 8 and 2 lines.
#
# <details><summary>Hint</summary>
#
# `ra[i] = as[ty + i * (BM / TM)][kk];`, likewise `rb[j]`; `acc[i][j] += ra[i] * rb[j];`. Unroll every loop.
#
# </details>

# %% id="square-check"
square_ = use("9.6 matmul_square", mine("matmul_square"), solution("matmul_square"))

# %% [markdown] id="square-predict"
# **Predict before you run.** By the count of section 4, how near to the peak does shared memory let v4 come, and v5?

# %% id="square-count"
count("v4", column_)
count("v5", square_)
show_ladder(9, "matmul", rungs=5, peak=PEAK[4])

# %% [markdown] id="square-why"
# v4: one request a cycle feeds 1 / 1.125 warps, 22 % of the four, 15 TFLOP/s; it comes near. v5: 1 / 0.25, all four. Shared memory no
# longer limits it, and yet it does only 37 % of the peak.
#
# Why not 16 by 16? A thread has at most 255 registers, and 256 sums alone are more.
#
# ## 7. v6: fewer, wider, earlier
#
# Of 80 instructions in a step of v5, 16 are reads of 4 bytes. And while the next tile comes, nothing is
# computed. So v6
#
# - reads and writes `float4`, 16 bytes at a time: 4 reads of shared memory for 64 multiplications;
# - keeps the tile of `a` **transposed**, `as[kk][row]`, so that a thread's rows are neighbours;
# - **fetches** the next tile into registers before it multiplies this one, and **puts** it into a second half of
#   shared memory afterwards: one barrier a tile.
#
# ### Exercise 9.7: matmul_vector
#
# In `kernels/matmul_vector.cu`, fill the bodies of `fetch` and `put`.
#
# - `fetch(k0)`: four numbers of row `row0 + ai` of `a`, from column `k0 + ak` on, into `from_a`; four of row `k0 + bk` of
#   `b`, from column `col0 + bj` on, into `from_b`. Where they lie beyond the edge, leave the zeros.
# - `put(half)`: `from_a` into column `ai` of `as[half]`, rows `ak` to `ak + 3`; `from_b` into `bs[half][bk]`, from `bj` on.
# - `n` and `k` are multiples of 4, so four neighbours are all inside or all outside. About 2 and 5 lines.
#
# <details><summary>C++ in these files</summary>
#
# - `auto fetch = [&](unsigned k0) {...};` is a function inside the kernel, which sees and changes the kernel's variables.
# - `constexpr unsigned BM = 128` is known when compiling. `template <unsigned PARTS>` before a function gives it a constant too,
#   which its call puts in `< >`: `place<8>(...)`, `cp_async_wait<1>()`.
# - `unsigned (&fa)[4]` is a parameter that stands for the caller's own array of 4.
# - `__align__(16)` begins an array at a multiple of 16 bytes. `extern __shared__` is an array whose size the launch gives.
# - `__launch_bounds__(256, 2)`: blocks have 256 threads, and registers should suffice for two blocks at once.
# - `__forceinline__` puts a function's text in the place of its call.
#
# </details>
# <details><summary>Why BM + 4, HALF_M, HALF_N?</summary>
#
# Section 5 padded by 1. But here rows of `as` are read 16 bytes at a time, so each must begin at a multiple of that: 4 numbers.
# And with 8 columns side by side, a thread's first four would lie 32 bytes from its neighbour's, with gaps, and meet others in their
# banks. So a thread owns four squares of 4 by 4: neighbours read neighbouring 16 bytes, then again HALF_N columns further.
#
# </details>
# <details><summary>Hint</summary>
#
# `*(const float4*)&a[...]` reads 16 bytes; `*(float4*)&bs[half][bk][bj] = from_b;` writes them. The four of
# `from_a`, its `.x` to `.w`, go to four different rows, so they are written one at a time.
#
# </details>

# %% id="vector-check"
vector_ = use("9.7 matmul_vector", mine("matmul_vector"), solution("matmul_vector"))

# %% id="vector-count"
count("v6", vector_)
show_ladder(9, "matmul", rungs=6)

# %% [markdown] id="packaged"
# 1.7 times v5, and 85 % of cuBLAS. The bytes stayed the same; saved are instructions, and waiting.
#
# The package's `matmul` is this rung with both transpositions, any sizes and a choice of tiles (`tile.cuh`).

# %% id="packaged-agree"
on_device = [ml.tensor(x, device="cuda-sim") for x in (a[:, :68], b[:68, :88])]
same = given.run(vector_, a[:, :68].copy(), b[:68, :88].copy())
theirs = ml.ops.matmul(*on_device).numpy()
print("yours and the package's differ by less than 1e-4:", np.abs(same - theirs).max() < 1e-4)

# %% [markdown] id="mma"
# ## 8. One instruction, 4,096 operations
#
# f32 ends here. Beside its multiply-add units each multiprocessor has **tensor cores**, which multiply small matrices of 16-bit
# numbers and sum in f32. **bf16** is an f32 cut to 16 bits: the same range, 8 bits of precision.
#
# `mma` works on a whole warp: $D \mathrel{+}= AB$ with $A$ 16 by 16, $B$ 16 by 8. Each lane
# holds a part of each matrix in registers, two bf16 in one: its **fragment**.

# %% id="fragments"
show(
    draw_fragments(),
    "Figure {figure:fragments}. Which lane holds what, and in which register, as lane:register. A box of a "
    "or b is two neighbouring bf16, a box of c one f32. b is drawn as it is stored here, transposed.",
)

# %% [markdown] id="mma-exercise"
# In figure {figure:fragments}, lane 5 holds row 1, columns 2 and 3 of `a` in `fa[0]`; row 9 in `fa[1]`; in `fa[2]` and `fa[3]` the same
# rows, 8 columns further. With `g = lane / 4` and `p = lane % 4 * 2` one formula fits all lanes.
#
# ### Exercise 9.8: mma_tile
#
# In `kernels/mma_tile.cu` one warp computes $c = a b^T$ by one `mma`. Load the fragments, call it, write `c`.
#
# - `a` (16, 16), `b` (8, 16) bf16, passed as 16-bit whole numbers; `c` (16, 8) f32; `g` and `p` are given.
# - `pair(a, row, col)` gives two neighbours as a register. `mma_m16n8k16_bf16(d, fa, fb[0], fb[1])`, from
#   `mlstack_lib/kernels/mma.cuh`, adds to `d`. About 6 lines.
#
# <details><summary>Hint</summary>
#
# `unsigned fa[4] = {pair(a, g, p), pair(a, g + 8, p), ...};`. For `b`, row `g` is column `g` of `c`. `d[0]` and `d[1]` are `c[g * 8 + p]`
# and its neighbour, `d[2]` and `d[3]` eight rows below.
#
# </details>

# %% id="mma-check"
mma_ = use("9.8 mma_tile", mine("mma_tile"), solution("mma_tile"))

# %% [markdown] id="swizzle"
# ## 9. v7: feed them
#
# The peak is 15 times higher, so reading is the problem again.
#
# - **Registers.** A warp computes 64 by 64 elements: for 16 steps of k, 8 fragment loads for 32 `mma`.
# - **`ldmatrix`** loads a fragment of 16 by 16 in one instruction: each lane names 16 bytes of a row, and the hardware hands
#   the pairs to the lanes of figure {figure:fragments}; `_trans` transposes on the way.
# - **`cp.async`** copies from memory to shared memory, past the registers. Copies are closed into groups;
#   `cp_async_wait<N>` waits until at most N groups are on their way. In a ring of STAGES tiles one is in use, the others are on their way:

# %% id="ring-figure"
show(
    draw_ring(3, 4),
    "Figure {figure:ring}. A ring of 3 tiles. After the barrier of round t, tile t is multiplied, and "
    "tile t + 2 is sent for, to the place of tile t - 1, which nobody reads any more.",
)

# %% [markdown] id="conflict"
# But `ldmatrix` reads eight rows at a time, 16 bytes of each, and a row of the tile is 64 bf16, 128 bytes: all 32 banks once.
# **Predict before you run:** how many ways of conflict?

# %% id="plain-figure"
plain = given.changed(solution("matmul_bf16"), given.SWIZZLE)
FRAGMENT = "ldmatrix_x4(fa, place<BK / 8>"
show(
    draw_access(given.profile(plain, 64, 64, 64).at(FRAGMENT)),
    "Figure {figure:plain}. Row after row in shared memory: the eight rows that ldmatrix reads at a time "
    "(framed: lanes 0 to 7) stand in the same four banks.",
)

# %% [markdown] id="swizzle-why"
# Padding would help, but costs space. Better: in row r exchange the parts of 16 bytes, so that part p stands at
# place p XOR (r mod 8); in C, XOR is `^`. Eight neighbouring rows then send the same part to eight different places. This is called a **swizzle**.
#
# ### Exercise 9.9: matmul_bf16
#
# Fill the three places of `kernels/matmul_bf16.cu` in turn, checking after each:
#
# - **`place`**: exchange the parts. 1 line;
# - **the wait**, at the head of the loop: until **everyone's** copies of tile `t` have arrived. STAGES - 2 later groups may still
#   be on their way. 2 lines;
# - **the products**, for 16 steps of k: load 4 fragments of `a` and 4 of `b`, and make 32 products. About 9 lines.
#
# `fragment_a(fa[i], as, row, k)` loads 16 by 16 of `a`, and `fragment_b(fb[j], bs, k, col)` two fragments of 8 columns; `row`, `col` and `k`
# count within the tile. `acc[i][j]` is 16 rows from `my_row + i * 16`, 8 columns from `my_col + j * 8`: its fragment of `b` is in `fb[j / 2]`, numbers
# `j % 2 * 2` and the next.
#
# <details><summary>Hint 1: waiting</summary>
#
# `cp_async_wait` waits for the thread's own copies only. What makes it everyone's is the barrier after it.
#
# </details>
# <details><summary>Hint 2: the products</summary>
#
# `mma_m16n8k16_bf16(acc[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);`
#
# </details>

# %% id="bf16-check"
bf16_ = use("9.9 matmul_bf16", mine("matmul_bf16"), solution("matmul_bf16"))

# %% id="swizzled-figure"
show(
    draw_access(given.profile(bf16_, 64, 64, 64).at(FRAGMENT)),
    "Figure {figure:swizzled}. The same read, swizzled: the eight rows of each group stand in different "
    "banks, all 32 of them used once.",
)

# %% [markdown] id="bf16-ladder"
# **Predict before you run.** Which helps: the swizzle; larger tiles; more stages; walking the blocks in groups, so that what they
# read is still in the cache?

# %% id="bf16-ladder-code"
show_ladder(9, "bf16", peak=PEAK[2], labels=list(given.BF16_RUNGS))

# %% [markdown] id="dtype"
# The swizzle helps 3.6 times, a third stage by 13 %. The rest **did not help**. Tiles of 128 by 256 read fewer bytes, but
# are slower: likely since one such block fills a multiprocessor, and nothing computes while it stands at its barrier. A fourth
# stage and the order of the blocks are worth nothing there. cuBLAS is twice as fast, with an instruction of this
# generation only, `wgmma`.
#
# In the package this kernel stands behind the dtype:

# %% id="dtype-code"
short = [x.astype(ml_dtypes.bfloat16) for x in (a[:48, :64], b[:64, :88])]
c = ml.ops.matmul(*(ml.tensor(x, device="cuda-sim") for x in short)).numpy()
error = np.abs(c.astype(np.float64) - short[0].astype(np.float64) @ short[1].astype(np.float64))
print(c.dtype, c.shape, " error below 2^-8 of the largest:", error.max() < 2**-8 * np.abs(c).max())

# %% [markdown] id="measured"
# ## 10. Measured
#
# The whole f32 ladder, with the packaged kernel:

# %% id="ladder"
show_ladder(9, "matmul", peak=PEAK[4])

# %% [markdown] id="model"
# And the product of section 1, as the model has it. **Predict before you run:** is it nearer to cuBLAS or further
# from it?

# %% id="model-ladder"
show_ladder(9, "model", peak=PEAK[4])
show_ladder(9, "model_bf16", peak=PEAK[2])

# %% [markdown] id="recap"
# In f32 nearer. In bf16 much further, though four times faster than f32: with k = 384 a block has six tiles, so it has hardly
# filled its ring when it must write its result. At 301 operations a byte cuBLAS itself reaches half the peak.
#
# ## Recap
#
# You can now
# - say from a product's sizes what limits it, by the roofline;
# - count what a kernel reads for each multiplication: 33 bytes in v1, a sixteenth of one in v5;
# - keep a number where it is used again: tile, register, fragment;
# - multiply a matrix that is stored transposed: fill the tile along its rows, padded;
# - feed the tensor cores: `ldmatrix`, a swizzle, a ring.
#
# **Two questions.**
#
# 1. v5 with squares of 4 by 4 instead of 8 by 8: how many reads a multiplication, and how near to the peak does shared memory let it come?
# <details><summary>Answer</summary>
#
# 8 reads for 16 multiplications, 0.5: one request a cycle feeds two warps, half of the four. It needs fewer
# registers, though, and makes smaller tiles, so that a small matrix has enough blocks: the package takes 8 by 4 there.
#
# </details>
#
# 2. The gradient of the model's weight is a product with m = 1536, n = 384 and k = 16384. How many blocks of 128 by 128
#    is that, for 132 multiprocessors? What can be done?
# <details><summary>Answer</summary>
#
# 12 times 3, so 36: most multiprocessors have nothing to do. The package lets several blocks share one tile of c, each with a
# part of k, and sums their results afterwards (`SPLITS` in `matmul.cu`).
#
# </details>
#
# **On your own.** Write `matmul_tn_tiled`, for `a` stored (k, m). Which of the two tiles needs padding now? Count first,
# then ask the profile.
#
# **Further reading.**
# - S. Williams, A. Waterman, D. Patterson, *Roofline: An Insightful Visual Performance Model for Multicore
#   Architectures*, Communications of the ACM 52, 2009.
# - V. Volkov, *Better Performance at Lower Occupancy*, GTC 2010.
# - NVIDIA, *CUDA C++ Programming Guide*; *Parallel Thread Execution ISA*: `mma`, `ldmatrix`, `cp.async`.
#
# The solutions: `solutions/kernels/`. Before: chapter 08, first CUDA kernels. Next: chapter 10, LayerNorm kernels.
