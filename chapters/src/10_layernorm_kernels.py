# %% [markdown] id="title"
# # 10 Reach the speed of memory: LayerNorm kernels
#
# A matrix product is limited by arithmetic, nearly all the rest of a GPT by memory. There a kernel has a
# floor, the bytes that must move.
#
# **What you build.** Eight kernels in `kernels/`: four rungs of LayerNorm, one fused with a sum, one in bf16, and the
# backward pass in two stages. With four of them you then train.
#
# **What you can do afterwards.** You can
# - count bytes, and from them a shortest time;
# - keep a row in registers, so that a second pass is free;
# - move four numbers by one instruction;
# - save passes over memory by fusing;
# - sum columns without atomics, to the same bits in every run;
# - train a model on your own kernels.
#
# **What you need.** Chapters 04 and 08, and section 1 of chapter 09. A GPU is not needed. About 150 minutes.

# %% id="setup"
import json

import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np

from mlstack_lib import reference, sim
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.exercises import launches_10 as given
from mlstack_lib.course.exercises.launches_09 import changed
from mlstack_lib.course.exercises.profile_checks import requests
from mlstack_lib.course.figures import show
from mlstack_lib.course.kernel_files import mine, solution
from mlstack_lib.course.ladders import FOLDER, show_ladder
from mlstack_lib.course.on_path import train_on
from mlstack_lib.course.pictures.layernorm import draw_holders, draw_stages

figures.style()

# %% [markdown] id="bytes"
# ## 1. Count the bytes
#
# LayerNorm of a row $x$ of c numbers is
#
# $$y = (x - \text{mean}) \cdot \text{rstd} \cdot \text{weight} + \text{bias}, \qquad \text{rstd} = 1 / \sqrt{\text{variance} + \varepsilon}$$
#
# That is about 8 operations a number, which is read and written: 8 bytes in f32, so 1 operation a byte. The roofline of
# chapter 09 bends at 20. So count bytes.
#
# Each row also leaves mean and rstd, 8 bytes, for the backward pass. Weight and bias stay in the caches. **Predict before you
# run.** How many bytes a row does the backward pass move? And a residual sum `x + delta` with the LayerNorm after it?

# %% id="bytes-code"
N, C = 131_072, 384  # rows of the course's model in a very large batch
COPY = json.loads((FOLDER / "10.json").read_text())["copy_gb_s"]  # recorded, on an H100
floors = {
    "forward": 4 * C + 4 * C + 8,  # reads x, writes y, mean and rstd
    "forward in bf16": 2 * C + 2 * C + 8,
    "sum, then forward": (8 * C + 4 * C) + (4 * C + 4 * C + 8),
    "both in one kernel": 8 * C + 8 * C + 8,  # reads x and delta, writes their sum and y
    "backward": 8 * C + 8 + 4 * C,  # reads dy, x, mean and rstd, writes dx
}
print(f"a copy moves {COPY:,.0f} GB/s; {N:,} rows of {C}:")
for name, nbytes in floors.items():
    print(f"{name:20} {nbytes:6,} bytes a row, {nbytes * N / COPY / 1e3:4.0f} us at least")

# %% [markdown] id="thread"
# The rate is a plain copy's, of one run with the rungs of section 10. No kernel gets its data from memory much faster.
#
# ## 2. v1: a thread for each row
#
# Rows do not need each other, so the first kernel gives each to a thread.
#
# ### Exercise 10.1: layernorm_thread
#
# Open `kernels/layernorm_thread.cu` and write what the thread does with its row.
#
# - `x`, `y` (n, c), `weight`, `bias` (c), `mean`, `rstd` (n), f32. `eps` is added to the variance. The row begins at `begin`.
# - Three passes: for the mean, `mu`; for the squares of what differs from it (why, section 5), then `r`, the row's rstd; for `y`,
#   written once. Last `mean[row]` and `rstd[row]`. 7 lines.
#
# <details><summary>Hint</summary>
#
# Three loops over `j` from 0 to c - 1. `sum` and `squares` begin at 0. `rsqrtf(v)` is $1 / \sqrt{v}$, in one instruction.
#
# </details>

# %% id="thread-check"
thread_ = use("10.1 layernorm_thread", mine("layernorm_thread"), solution("layernorm_thread"))

# %% id="thread-use"
x, weight, bias = given.inputs(200, C)
want, mean, rstd = reference.layernorm_forward(x, weight, bias, given.EPS)
y = given.forward(thread_, x, weight, bias)[0]
print("y is the reference's:", agree(y, want, within=1e-5))

# %% [markdown] id="holders"
# **Predict before you run.** A frame in the figure is the first request of the first warp. How many sectors
# does it move in v1, with 32 lanes and rows of 384? And how many bytes does a row ask for in all?

# %% id="holders-figure"
show(draw_holders(), "Figure {figure:holders}. Which thread takes which number of four rows, with warps of 4 lanes "
     "and rows of 12 numbers to have room. The number in a box is the thread's, its colour the warp; the frame is the first "
     "request.")  # fmt: skip


# %% id="thread-count"
def count(name, kernel):
    """What a row asks for, in whole sectors, of memory or a cache: 64 rows in the simulator."""
    found = given.profile(kernel, 64, C)
    read, written = given.asked(found, 64)
    print(f"{name:8} asks for {read:6,.0f} bytes a row and writes {written:6,.0f}; "
          f"{found.count('barriers') // 64} barriers, {found.count('shuffles') // 64} shuffles")  # fmt: skip


count("v1", thread_)

# %% [markdown] id="block"
# 32 rows, so 32 sectors, an eighth of each used: a pass asks for eight times the row. (768 bytes are weight and bias.) The
# sectors in use, 4 MB for all rows, can wait in a cache for their other seven numbers. But a pass goes over 201 MB, and an
# H100's L2 cache holds 50: what the first read is gone when the second wants it.
#
# ## 3. v2: a block for each row
#
# Let neighbours read neighbours: a block shares a row, and each thread has a part of the sum. The reduction
# of chapter 08, `block_sum(value, scratch)` of `common.cuh`, returns the whole to every thread.
#
# ### Exercise 10.2: layernorm_block
#
# In `kernels/layernorm_block.cu`: the same three passes, by a block.
#
# - `t` is the thread's number. It takes the numbers t, t + BLOCK, t + 2 BLOCK, ... of the row.
# - Set `mu` and `r` in every thread, without atomics; `mean` and `rstd` are then written for you. 5 lines.
#
# <details><summary>Hint</summary>
#
# `for (unsigned j = t; j < c; j += BLOCK)`, three times. After the first, `mu = block_sum(sum, scratch) / c;`. All threads must
# call it, also those without a number.
#
# </details>

# %% id="block-check"
block_ = use("10.2 layernorm_block", mine("layernorm_block"), solution("layernorm_block"))

# %% id="block-count"
count("v1", thread_)
count("v2", block_)

# %% [markdown] id="warp"
# Sectors are now as few as can be (mean and rstd take a whole one each). But x is still asked for three times, 12 bytes a number
# beside 8 for weight and bias, and there are four barriers. (Blocks have 64 threads here.)
#
# ## 4. v3: a warp for each row, in registers
#
# A row of 384 numbers is 12 for each lane of a warp, which its registers can hold. So read it **once**: a second pass costs no
# memory. And lanes exchange sums by shuffles, without a barrier.
#
# Registers have no addresses, so each index must be known to the compiler: `PER_LANE` is a
# constant, and `#pragma unroll` asks to write a loop over `v` out. Whether that is done, the simulator does not see.
#
# ### Exercise 10.3: layernorm_warp
#
# In `kernels/layernorm_warp.cu` the row is read: lane l holds the numbers l, l + 32, ... of it in `v`, and 0 beyond its end.
# Compute `mu`, `r` and `y` from `v` alone.
#
# - `warp_sum(value)` returns the sum over the warp, to every lane.
# - What is beyond the row must not count, in the squares either. 12 lines, each `#pragma unroll` counted.
#
# <details><summary>Hint</summary>
#
# The number `v[i]` stands at `j = lane + 32 * i`, and is one of the row if `j < c`. The mean needs no such guard, since zeros
# add nothing.
#
# </details>

# %% id="warp-check"
warp_ = use("10.3 layernorm_warp", mine("layernorm_warp"), solution("layernorm_warp"))

# %% id="warp-count"
count("v2", block_)
count("v3", warp_)

# %% [markdown] id="warp-after"
# Of x it asks 4 bytes a number, the floor. The package's `layernorm_forward` is this rung.
#
# ## 5. Which variance?
#
# Chapter 04 found that $\overline{x^2} - \bar{x}^2$ needs one pass, but loses its digits, and that Welford's one pass keeps
# them. In v1 a pass saved is a third of the reads. In v3 it is 12 subtractions in registers, so v3 takes the plain two. Welford
# would merge three numbers a lane, count, mean and m2: 15 shuffles for 10.
#
# Three kernels: v3, v3 with the formula, and that with the row's first number subtracted from all. **Predict before you run.**
# Which is the most exact?

# %% id="digits"
means = 10.0 ** np.arange(0, 4.1, 0.5)
ways = {"formula": given.by_formula(), "v3": solution("layernorm_warp"),
        "shifted": given.by_formula(shifted=True)}  # fmt: skip
figure, axes = plt.subplots()
for (name, kernel), marker in zip(ways.items(), "o^s", strict=True):
    errors = []
    for m in means:
        far, *rest = given.inputs(8, C, m)
        exact = reference.layernorm_forward(
            *(a.astype(np.float64) for a in (far, *rest)), given.EPS
        )[0]
        off = np.abs(given.forward(kernel, far, *rest)[0] - exact).max()
        errors.append(min(off / np.abs(exact).max(), 10))
    axes.loglog(means, errors, marker=marker, ms=4, label={"v3": "two passes (v3)"}.get(name, name))
steps = [np.spacing(np.float32(m)) / 2 for m in means]
axes.loglog(means, steps, color="#777777", ls=":", label="x itself, rounded to f32")
axes.set(xlabel="mean of the row (its deviation is 1)", ylabel="error of y over its largest")
axes.legend()
show(figure, "Figure {figure:digits}. Error of y by three kernels. The formula loses two digits for each factor of "
     "ten. Two passes stay near the dotted line: what x lost when it was stored. (10 means 10 or more: the variance came out as 0.)")  # fmt: skip

# %% id="digits-count"
for name, kernel in ways.items():
    count(name, kernel)

# %% [markdown] id="vector"
# One pass less **did not help**: as many bytes, as many shuffles, fewer digits. Shifted, the formula is the most exact, but
# costs a shuffle. Two passes, whose mean is a rounded sum of large numbers, lose no more than x lost when stored: they stay.
#
# ## 6. v4: four numbers a load
#
# The bytes are at their floor; left are instructions. 12 loads a lane are three with `float4`, if the lane holds
# **neighbours**: lane l takes the groups of four l, l + 32, ...
#
# ### Exercise 10.4: layernorm_vector
#
# In `kernels/layernorm_vector.cu`, write the load and the store. c is a multiple of 4, and `quads` is c / 4.
#
# - First gap: group `q` of the row into `v[i]`, zeros if there is none; add its four numbers to `sum`. 2 lines.
# - Second gap: `v` has been centred. Write group `q` of `y`, if there is one. About 4 lines.
# - `make_float4(a, b, c, d)` makes a group. QUADS may be more than a row needs.
#
# <details><summary>Hint</summary>
#
# `x4[q]`, `weight4[q]`, `bias4[q]` and `y4[q]` are groups of the row. In the second gap, `if (q >= quads) continue;` first.
#
# </details>

# %% id="vector-check"
vector_ = use("10.4 layernorm_vector", mine("layernorm_vector"), solution("layernorm_vector"))

# %% id="vector-count"
for name, kernel in [("v3", warp_), ("v4", vector_)]:
    found = given.profile(kernel, 64, C)
    loads, stores = (requests(found, op) // 64 for op in ("load", "store"))
    print(f"{name}: {loads} loads and {stores} stores for a row, "
          f"{sum(given.asked(found, 64)):,.0f} bytes asked for")  # fmt: skip

# %% [markdown] id="fused"
# The same bytes by a quarter of the instructions (of 36 loads 24 are weight and bias). In chapter 08 that put more bytes on their
# way; here a lane has 12 loads on their way already. Write down what you expect for section 10.
#
# ## 7. Fuse: the sum and its LayerNorm
#
# In the model every LayerNorm but the first follows a residual sum, `x + delta`, which is written and read again at
# once. In one kernel it stays in registers: 16 bytes a number for 20.
#
# ### Exercise 10.5: residual_layernorm_forward
#
# `kernels/residual_layernorm_forward.cu` is the package's. Write how `v[i]` comes about; the second half of 10.3 follows, as
# `normalise_row`.
#
# - `x`, `delta`, `residual` (n, c) f32. `v[i]` is the sum, 0 beyond the row; `residual`, the sum, is written as well: the next
#   sum and the backward pass need it. 2 lines.
#
# <details><summary>Hint</summary>
#
# `j < c ? ... : 0.0f`, and then a store under the same guard.
#
# </details>

# %% id="fused-check"
residual_ = use("10.5 residual_layernorm_forward", mine("residual_layernorm_forward"), solution("residual_layernorm_forward"))  # fmt: skip

# %% id="fused-count"
add_bytes = 4 * C + 8 * C
read, written = given.asked(given.profile(warp_, 64, C), 64)
print(f"a kernel for the sum, then v3: {add_bytes + read + written:6,.0f} bytes asked for")
print(
    f"in one kernel:                 {sum(given.asked(given.profile(residual_, 64, C), 64)):6,.0f}"
)

# %% [markdown] id="bf16"
# ## 8. Half the bytes: bf16
#
# A **bf16** is the upper half of an f32, with 8 bits of precision. A row moves half the bytes, so it can take half
# the time. It is only stored so: the kernel unpacks to f32, computes as v4,
# and rounds at the end.
#
# Four bf16 are 8 bytes, a `uint2`: `p.x` has the first in its lower 16 bits and the second in its upper, `p.y` the other two.
#
# ### Exercise 10.6: layernorm_bf16
#
# In `kernels/layernorm_bf16.cu`: unpack four bf16, and write four of `y`.
#
# - `x`, `y` (n, c) bf16, everything else f32. `__uint_as_float(u)` takes the 32 bits of u as an f32.
# - `pack_bf16(a, b)` rounds two f32 and puts them in a register, `a` in the lower half. 4 lines, then 3. The rest
#   you need not read.
#
# <details><summary>Hint</summary>
#
# Where must the 16 bits of a bf16 stand in an f32, and what belongs below them? The first is `p.x << 16`. For the second, clear
# the lower half: `p.x & 0xffff0000u`.
#
# </details>

# %% id="bf16-check"
bf16_ = use("10.6 layernorm_bf16", mine("layernorm_bf16"), solution("layernorm_bf16"))

# %% [markdown] id="bf16-predict"
# **Predict before you run.** Does it ask for half the bytes?

# %% id="bf16-use"
short = x.astype(ml_dtypes.bfloat16)
exact = reference.layernorm_forward(short.astype(np.float64), weight, bias, given.EPS)[0]
y = given.forward(bf16_, short, weight, bias, dtype=short.dtype)[0].astype(np.float64)
print("largest error, in units of 2^-8 of the number's size:",
      np.round(np.max(np.abs(y - exact) / np.maximum(np.abs(exact), 1)) * 2**8, 1))  # fmt: skip
count("v4", vector_)
count("bf16", bf16_)

# %% [markdown] id="backward"
# A unit is what rounding to 8 bits may cost. The 8 bytes a number of weight and bias stayed.
#
# ## 9. Backward: sums over columns
#
# With $\hat{x} = (x - \text{mean}) \cdot \text{rstd}$ and $g = dy \cdot \text{weight}$, chapter 04 derived
#
# $$dx = \text{rstd} \left(g - \bar{g} - \hat{x}\,\overline{g \hat{x}}\right), \qquad dweight = \sum_\text{rows} dy \cdot \hat{x}, \qquad dbias = \sum_\text{rows} dy$$
#
# The first is a row's affair, the others are sums over **all rows**, which are in different warps. The short way is an atomic
# for each number, `atomicAdd(&dbias[j], d)`: 131,072 rows queue for each of 768 places. **Predict before you run.** The same
# launch, but threads run in another order. Same bits?


# %% id="order"
def same_bits(run):
    """Whether run() gives the same bits whatever the order of the threads."""
    seen = set()
    for order in ["forward", "reverse", "random:7"]:
        with sim.config(order=order):
            seen.add(run().tobytes())
    return len(seen) == 1


def sums_by(kernel):
    """dweight, or its parts."""
    dy = given.inputs(200, 64, seed=1)[0]
    rows, *_ = given.inputs(200, 64)
    saved = [a.astype(np.float32) for a in (rows.mean(1), 1 / np.sqrt(rows.var(1) + given.EPS))]
    return given.backward(kernel, dy, rows, np.ones(64, np.float32), *saved, sim)[1]


atomic = solution("layernorm_backward_atomic")
print("with atomics, the same bits in three orders:", same_bits(lambda: sums_by(atomic)))

# %% [markdown] id="stages"
# That is their other fault. An f32 sum is rounded at each step, so another order is another result, and on a GPU nothing fixes
# the order. A run that does not repeat hides its faults.
#
# So, in two stages:
#
# 1. Few blocks, each with many rows. A lane keeps the sums for **its** columns in registers, row after row. At the end the
#    warps of a block add theirs in shared memory, and the block leaves one row of `parts`.
# 2. `column_sum` adds the rows of `parts`, each column in one fixed order.

# %% id="stages-figure"
show(draw_stages(), "Figure {figure:stages}. Two stages: each block adds up its own rows, always the same ones, and leaves "
     "a row of parts; a second kernel adds the parts. The number in a box is that of its block, here of one warp.")  # fmt: skip

# %% [markdown] id="stages-bytes"
# The parts of 264 blocks, two a multiprocessor, are 811 kB for 403 MB of dy and x: next to nothing.
#
# ### Exercise 10.7: layernorm_backward
#
# In `kernels/layernorm_backward.cu`, the package's, write what is done for number `i` of a lane, and its `dx`.
#
# - First gap: `d`, a number of `dy`; `xhat[i]` and `g[i]`; what is beyond the row must not count. Add to `sum_g`, `sum_gx`,
#   `dweight[i]` and `dbias[i]`. 7 lines.
# - Second gap: after it `sum_g` and `sum_gx` are the **means**. Write `dx`; if the constant `RESIDUAL` is 1, add `dresidual`,
#   the gradient that reaches the sum of section 7 past the LayerNorm. 2 lines.
#
# <details><summary>Hint</summary>
#
# `float d = j < c ? dy[begin + j] : 0.0f;`, likewise the others. `RESIDUAL ? value + dresidual[begin + j] : value`: the
# compiler removes the branch that is not taken.
#
# </details>

# %% id="backward-check"
backward_ = use(
    "10.7 layernorm_backward", mine("layernorm_backward"), solution("layernorm_backward")
)

# %% id="backward-order"
print("in two stages, the same bits in three orders:", same_bits(lambda: sums_by(backward_)))

# %% [markdown] id="columns"
# ### Exercise 10.8: column_sum
#
# In `kernels/column_sum.cu` a block of (32, ROWS) threads adds the rows `begin` to `end` - 1, the piece of its `blockIdx.y`, of
# 32 columns. Write the sum.
#
# - First each thread adds every ROWS-th row of its column. Then the threads with `threadIdx.y` 0 add the others' sums, which
#   come by way of `sums`, without atomics. About 7 lines.
# - All threads must come to the barrier, also those with no column; to the last two lines only those with `threadIdx.y` 0 and a
#   column.
#
# <details><summary>Hint</summary>
#
# The loop begins at `begin + threadIdx.y`, under `if (column < c)`. After `__syncthreads()`:
# `if (threadIdx.y > 0 || column >= c) return;`.
#
# </details>

# %% id="columns-check"
columns_ = use("10.8 column_sum", mine("column_sum"), solution("column_sum"))

# %% id="columns-use"
dy = given.inputs(200, C, seed=1)[0]
dx, parts = given.backward(backward_, dy, x, weight, mean, rstd)
parts = parts.reshape(3, 2 * C)  # of 3 blocks
dweight, dbias = given.column_sums(columns_, parts).reshape(2, C)
exact = (a.astype(np.float64) for a in (dy, x, weight, mean, rstd))
for name, got, right in zip(
    ["dx", "dweight", "dbias"], [dx, dweight, dbias],
    reference.layernorm_backward(*exact), strict=True,
):  # fmt: skip
    # a column is a sum of 200 numbers, up to 245: 200 roundings of up to 1e-5, which partly cancel
    print(f"{name} is the reference's:", agree(got, right, within=1e-5 if name == "dx" else 1e-4))
print("dweight and dbias, the same bits in three orders:",
      same_bits(lambda: given.column_sums(columns_, parts)))  # fmt: skip

# %% [markdown] id="ladder"
# ## 10. The ladder
#
# If bytes alone decide, a rung takes on an H100 between the floor, where a cache serves all that is asked for again, and what
# it asks for, where it serves nothing (weight and bias apart).

# %% id="ladder-code"
most = {  # name: (floor, bytes a row if no cache helps)
    "v1 thread per row": ("forward", 3 * 8 * 4 * C + 8 * 4 * C + 8),
    "v2 block per row": ("forward", 3 * 4 * C + 4 * C + 8),
    "v3 warp per row": ("forward", floors["forward"]),
    "v4 vector loads": ("forward", floors["forward"]),
    "v4 in bf16": ("forward in bf16", floors["forward in bf16"]),
    "sum, then v3": ("both in one kernel", floors["sum, then forward"]),
    "fused": ("both in one kernel", floors["both in one kernel"]),
    "backward, 264 blocks": ("backward", floors["backward"] + 264 * 2 * 4 * C * 2 / N),
}
print(f"{'':21} floor, us   if no cache helps, us")
for name, (floor, nbytes) in most.items():
    times = [b * N / COPY / 1e3 for b in (floors[floor], nbytes)]
    print(f"{name:21} {times[0]:9.0f} {times[1]:23,.0f}")

# %% [markdown] id="ladder-why"
# Where both are equal, a slower kernel waits for something else.
# **Predict before you run.** Is v1 nearer the floor, or sixteen times that?

# %% id="ladder-forward"
show_ladder(10, "forward")

# %% [markdown] id="ladder-forward-why"
# v1 takes two thirds of what it would without a cache, v2 lies in the middle; what holds them up was not measured. v3 reaches 95 %
# of a copy's rate. v4's 1 % is less than v3's samples differ: fewer instructions **did not help**, nor other blocks. PyTorch
# takes 1.8 times as long. The goal, 2,500 GB/s, is reached.
#
# **Predict before you run.** Fusing saves a fifth of the bytes: of the time as well? And does bf16 halve it?

# %% id="ladder-fused"
show_ladder(10, "residual")
show_ladder(10, "bf16")

# %% [markdown] id="ladder-fused-why"
# Fusing saves 22 %. bf16 is 1.9 times as fast as v4: 93 % of a copy's rate for 96. The goal, 2,000 GB/s, is reached.
#
# **Predict before you run.** What do atomics cost? How many blocks are best? A thread takes 80 registers, so 3 blocks of 256
# fit a multiprocessor, 396 in all.

# %% id="ladder-backward"
show_ladder(10, "backward")

# %% [markdown] id="ladder-backward-why"
# Atomics take 7 times as long. 132 blocks, one a multiprocessor, likely have too few loads on their way; of 528 some wait for a
# second round. But 396, all at once, are slower than 264: why was not measured. `float4` **did not help** here: at best 1 %
# faster, with 264 blocks 9 % slower. So the package keeps v2 with 264. The goal, 2,100 GB/s, is reached; PyTorch takes 1.6
# times as long.
#
# ## 11. On the path
#
# Your kernels have the package's names and arguments, but for v3: copy `kernels/layernorm_warp.cu` to
# `kernels/layernorm_forward.cu`, and call the function so too. (The next cell does it.) `mlstack train --kernels DIR` takes the
# kernels whose files are in DIR; a stub counts as absent. Each is first tried in a process of its own. Here 20 steps of a very
# small GPT, on `cuda-sim`, with yours and with the package's:

# %% id="path"
yours = {
    "layernorm_forward": warp_,
    "residual_layernorm_forward": residual_,
    "layernorm_backward": backward_,
    "column_sum": columns_,
}
theirs, own = train_on(), train_on(**yours)
print(
    f"packaged: loss {theirs.losses[0]:.3f}, after {len(theirs.losses)} steps {theirs.losses[-1]:.3f}"
)
print(f"yours:    loss {own.losses[0]:.3f}, after {len(own.losses)} steps {own.losses[-1]:.3f}")
print("every loss equal within 1e-4:", agree(own.losses, theirs.losses, within=1e-4))

# %% [markdown] id="files"
# Did yours really run? The run's table of files:

# %% id="files-code"
# 31 times forward: 20 steps and the evaluations. column_sum serves biases and losses, too.
print(f"{'kernel':27} {'file used':37} launches")
for name, file, launches in own.files:
    if name in yours or name == "adamw":
        print(f"{name:27} {file:37} {launches:8}")
print("and", sum(file == "packaged" for _, file, _ in own.files) - 1, "more of the package")

# %% [markdown] id="wrong"
# And a wrong kernel? This one forgets `delta`. **Predict before you run.** Does the training fail, or go on?

# %% id="wrong-code"
forgets = changed(solution("residual_layernorm_forward"), ("x[begin + j] + delta[begin + j]", "x[begin + j]"))  # fmt: skip
wrong = train_on(**{**yours, "residual_layernorm_forward": forgets})
print(wrong.notes[0].partition(" on cuda-sim")[0])
print(
    f"wrong:    loss {wrong.losses[0]:.3f}, after {len(wrong.losses)} steps {wrong.losses[-1]:.3f}"
)
print("equal to the packaged within 1e-4:", agree(wrong.losses, theirs.losses, within=1e-4))

# %% [markdown] id="recap"
# It goes on, and learns: from its loss alone you would not know. So the trial before the run compares each kernel with a
# reference.
#
# With a GPU: `mlstack train --preset laptop --device cuda --kernels kernels`.
#
# ## Recap
#
# You can now
# - count bytes, and from them a shortest time;
# - keep a row in registers, where two passes are exact enough;
# - move four numbers by one instruction, f32 or bf16;
# - save passes by fusing: a sum and its LayerNorm, 16 bytes a number for 20;
# - sum columns without atomics, always in one order;
# - train a model on your own kernels, and see that they served.
#
# **Two questions.**
#
# 1. Rows of 4,096 numbers: what becomes of v3?
# <details><summary>Answer</summary>
#
# A lane would hold 128 numbers. Compiled so for an H100, v3 takes 255 registers a thread instead of 40, and a multiprocessor
# has 65,536: of its 2,048 threads 256 are left to wait for memory. Let a whole block hold the row: 16 numbers a thread with 256
# threads, and two block sums.
#
# </details>
#
# 2. The model has 16,384 rows of 384 numbers a batch, 25 MB. Its LayerNorm comes right after the kernel that wrote x. Can it be
#    faster than the floor of section 1?
# <details><summary>Answer</summary>
#
# Yes. The H100's L2 cache holds 50 MB, so much of x is still there. The floor counted bytes from memory, and those may come from
# the cache, which is faster.
#
# </details>
#
# **On your own.** RMSNorm (chapter 04) has no mean and no bias. Write `kernels/rmsnorm_vector.cu` after v4. Which bytes does it
# save?
#
# **Further reading.**
# - J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer Normalization*, 2016, arXiv:1607.06450.
# - T. F. Chan, G. H. Golub, R. J. LeVeque, *Algorithms for Computing the Sample Variance: Analysis and
#   Recommendations*, The American Statistician 37, 1983.
# - NVIDIA, *CUDA C++ Programming Guide*.
#
# The solutions: `solutions/10_layernorm_kernels.ipynb` and `solutions/kernels/`. Before: chapter 09. Next: chapter 11, softmax,
# cross-entropy and AdamW kernels.
