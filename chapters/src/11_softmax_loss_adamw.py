# %% [markdown] id="title"
# # 11 Move each byte once: softmax, the loss, AdamW
#
# None of these three computes much. What they cost is what they move, and how often the host has to launch, or to
# wait for an answer. So this chapter counts bytes, then launches.
#
# **What you build.** Eight kernels in `kernels/`: softmax three ways, cross-entropy with its gradient in one pass,
# the gradient's norm, clipping, and AdamW twice. Four of them train a model at the end.
#
# **What you can do afterwards.** You can
# - say from its bytes how fast a kernel can be;
# - merge partial softmaxes, each with a maximum of its own;
# - fuse a loss with its gradient, in the place of its input;
# - update all parameters in one launch, without asking the host;
# - tell when launches take the time, and what a CUDA graph does about it.
#
# **What you need.** Chapters 03 (cross-entropy), 05 (AdamW), 08 and 10. A GPU is not needed. Two to three hours.

# %% id="setup"
import numpy as np

from mlstack_lib import cuda, kernels, reference
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.exercises import launches_11 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.kernel_files import mine, solution
from mlstack_lib.course.ladders import show_ladder, show_split
from mlstack_lib.course.on_path import train_on
from mlstack_lib.course.pictures.queue import draw_queue, end_of
from mlstack_lib.course.pictures.rows import draw_online, draw_traffic

figures.style()
f32, u32 = np.float32, np.uint32

# %% [markdown] id="floors"
# ## 1. The floor
#
# The course's model of 12 million parameters predicts 16,384 tokens a step, each among 4,096. Its scores, the
# **logits**, are a matrix of (16384, 4096) f32. Softmax must read it once and write as much. AdamW must read
# parameter, gradient and both moments, and write all but the gradient: 28 bytes a parameter.
#
# A kernel whose bytes come from memory can hardly be faster than a plain copy of as many. That time is its
# **floor**. The H100 of chapter 08's ladders copied:

# %% id="floors-code"
logits_bytes = 4 * 16384 * 4096
sizes_12m = given.tensor_sizes(4096, context=256, layers=6, width=384)
sizes_124m = given.tensor_sizes(50257, context=1024, layers=12, width=768)
print(f"a copy: {given.copy_rate():,.0f} GB/s")
for name, nbytes in [
    ("softmax, or the loss in place", 2 * logits_bytes),
    ("AdamW, 12 million", 28 * sum(sizes_12m)),
    ("AdamW, 124 million", 28 * sum(sizes_124m)),
]:
    print(f"{name:30} {nbytes / 1e6:7,.1f} MB, {given.floor_us(nbytes):7,.1f} us at least")

# %% [markdown] id="passes"
# ## 2. Softmax in three passes
#
# Chapter 03 took the maximum off first, lest `exp` overflow:
#
# quote mlstack_lib/reference.py:softmax_forward
#
# A block takes a row. Each thread goes through every BLOCKth number: once for the maximum, once for the sum, once for
# the result.
#
# **Predict before you open the file.** How many bytes do the threads ask for, for each number?
#
# ### Exercise 11.1: softmax_passes
#
# Open `kernels/softmax_passes.cu` and write the three passes.
#
# - `x`, `y` (n, c) f32; the pointers already stand at the block's row. A grid of n, blocks of BLOCK.
# - `block_max(v, scratch)` and `block_sum(v, scratch)` of `common.cuh` give every thread the largest, or the sum,
#   of all threads' `v`. They hold barriers: all threads must call them, and equally often.
# - BLOCK is any multiple of 32. 5 lines.
#
# <details><summary>Hint</summary>
#
# `for (unsigned j = threadIdx.x; j < c; j += BLOCK) top = fmaxf(top, x[j]);`, then
# `top = block_max(top, scratch);`. The next loop adds `expf(x[j] - top)` to `sum`.
#
# </details>

# %% id="passes-check"
passes_ = use("11.1 softmax_passes", mine("softmax_passes"), solution("softmax_passes"))

# %% id="passes-traffic"
read, written = given.softmax_traffic(passes_)
print(f"for each number {read:.0f} bytes read, {written:.0f} written; at least 4 and 4")
for c in (4096, 32768):  # 8 blocks on each of an H100's 132 multiprocessors
    print(f"rows of {c:,}: those at work at the same time are {132 * 8 * 4 * c / 1e6:.0f} MB")

# %% [markdown] id="online"
# Twice the least. Is it twice the time? That depends on where the second and third reading come from: an H100 has a
# cache of 50 MB (NVIDIA's white paper).
#
# ## 3. Maximum and sum at once
#
# The sum seems to need the maximum first. But let $m$ be the largest number so far, and $s$ the sum of $e^{x - m}$
# over those numbers. A larger one comes, $m'$. Then
#
# $$\sum e^{x - m'} = e^{m - m'} \sum e^{x - m} = e^{m - m'}\, s$$
#
# so the old sum only has to be **scaled down**, and one pass finds both. This is the **online** softmax (Milakov
# and Gimelshein 2018). **Predict**: what does $s$ look like while numbers come that are larger and larger?

# %% id="online-figure"
x = np.concatenate([given.normal(24) + np.linspace(0, 3, 24), given.normal(16, seed=1)])
show(draw_online(x), "Figure {figure:online}. Largest number and sum while 40 numbers are read. At each dotted line a larger one "
     "came: the sum was scaled down (triangle), then 1 was added for the new number.")  # fmt: skip

# %% [markdown] id="online-exercise"
# At each new maximum it is scaled down, and 1 comes in: so it never falls below 1 (figure {figure:online}). The threads
# of a block have seen different numbers, so each has an $m$ and an $s$ of its own. The same formula **merges** them:
# with $M$ the largest of all $m$, the row's sum is $\sum s\,e^{m - M}$ over the threads.
#
# ### Exercise 11.2: softmax_online
#
# In `kernels/softmax_online.cu`, write the step for one number, and the merging.
#
# - `mine`, `sum`: the thread's $m$ and $s$. `x[j]` may be larger than `mine` or not; no `if` is needed. 3 lines.
# - After the loop `top` must be the row's maximum and `sum` its sum, in every thread. 2 lines.
#
# <details><summary>Hint 1: a number</summary>
#
# `float larger = fmaxf(mine, x[j]);`. The old sum times `expf(mine - larger)`, plus the new term, is the new sum.
# At first `mine` is -3.0e38, and `expf` of something that far below 0 is 0.
#
# </details>
# <details><summary>Hint 2: merging</summary>
#
# `block_max(mine, scratch)` first; then the sum of what each thread's `sum` is, scaled down to it.
#
# </details>

# %% id="online-check"
online_ = use("11.2 softmax_online", mine("softmax_online"), solution("softmax_online"))

# %% [markdown] id="online-cost"
# A third of the reading is gone, for one more `expf` a number. Chapter 12 builds attention on this merging.
#
# ## 4. Keep the row
#
# 256 threads hold a row of 4,096 numbers in 16 registers each. So read it **once**, as chapter 10 did.
#
# ### Exercise 11.3: softmax_forward
#
# In `kernels/softmax_forward.cu`, make of the numbers in `z` their softmax. Loading and storing are given.
#
# - `z[i]`, i from 0 to PER_THREAD - 1, are this thread's numbers, in whatever order. Beyond the row's end they are
#   LOWEST, -3.0e38.
# - Neither `x` nor `y` is touched, and `expf` stands there once. `#pragma unroll` before every loop over `z`, so that
#   it stays in registers. About 11 lines.
#
# <details><summary>Hint</summary>
#
# `top` as before, over `z`. Then a loop that puts `expf(z[i] - top)` into `z[i]` and adds it to `sum`: it is wanted
# twice, and computed once. What becomes of LOWEST?
#
# </details>

# %% id="row-check"
softmax_ = use("11.3 softmax_forward", mine("softmax_forward"), solution("softmax_forward"))

# %% id="traffic-figure"
rows = [(kernel.name, *given.softmax_traffic(kernel)) for kernel in (passes_, online_, softmax_)]
show(draw_traffic(rows, least=8), "Figure {figure:traffic}. What the three kernels ask for, for each number of a row: only the last does "
     "with the least.")  # fmt: skip

# %% [markdown] id="row-helper"
# How the row is loaded stands in `softmax_row.cuh` of the package. With VECTOR, set where rows begin at multiples of 16
# bytes, a thread brings four neighbours at a time. (`float (&z)[PER_THREAD]` is the caller's own array.)

# %% id="row-quote"
text = (kernels.PACKAGED / "softmax_row.cuh").read_text()
print(text[text.index("/* The place") : text.index("/* The row y")].rstrip())

# %% [markdown] id="softmax-predict"
# **Predict.** If every request went to memory, the kernels would take the times below for 67 million numbers. How
# near will they come for (16384, 4096), and for (2048, 32768)?

# %% id="softmax-predict-code"
for name, read, written in rows:
    us = given.floor_us((read + written) / 4 * logits_bytes)
    print(f"{name:16} {us:6.1f} us, {8 / (read + written):.0%} of a copy's rate")

# %% id="softmax-ladder"
show_ladder(11, "softmax")
show_ladder(11, "softmax_long")

# %% [markdown] id="loss"
# The short rows at work fit into the cache, and three passes reach about 80 % of a copy's rate, not 50. What `online`
# saves is cheap there, and it computes more: it **did not help**. The long rows do not fit: both are even below what was
# computed, and `online` gains a quarter.
#
# In registers either shape comes near a copy. Long rows a little less, likely since one takes half of a
# multiprocessor's 65,536: with what else the threads need, no second one fits, to work on while the first is on its way.
# 16 bytes a load add little: neighbours read neighbours before. PyTorch is about as fast as `online`.
#
# ## 5. The loss and its gradient
#
# Cross-entropy is the mean of $-\log p_t$ over the rows, $p$ the softmax of a row and $t$ its target. Its gradient
# was chapter 03's result:
#
# $$\frac{\partial L}{\partial z_j} = \frac{p_j - [j = t]}{n}$$
#
# with $n$ the number of rows that count. (Those with the target `ignore_index` do not; their gradient is 0.) Whoever
# holds $p$ in registers has all that the gradient needs. And the logits are not wanted any more: the gradient takes
# **their place**.
#
# ### Exercise 11.4: cross_entropy_with_gradient
#
# In `kernels/cross_entropy_with_gradient.cu`, make of the logits in `z` their gradient, and write the row's loss.
#
# - `top` is known, `kept` says whether the row counts, `share` is 1 over the number of rows that do, which is at
#   least 1. `column(i)` is where in the row `z[i]` stands.
# - At most one thread has the target. It alone writes `losses[blockIdx.x]`, that is
#   $(\log \sum e^{z - \text{top}} - (z_t - \text{top})) \cdot$ `share`. For an ignored row 0 is written for you.
# - `z` must be 0 in an ignored row, whose target may be a column. About 14 lines, with `#pragma unroll`
#   before each loop.
#
# <details><summary>Hint 1</summary>
#
# $z_t$ is gone once `z[i]` is `expf(...)`. In that loop, `if ((int)column(i) == target) at_target = z[i] - top;`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `float factor = kept ? share / sum : 0.0f;`. In the last loop `bool hit = kept && (int)column(i) == target;`: the
# thread with the hit takes `share` off its `z[i]`, and writes the loss.
#
# </details>

# %% id="loss-check"
loss_ = use(
    "11.4 cross_entropy_with_gradient",
    mine("cross_entropy_with_gradient"),
    solution("cross_entropy_with_gradient"),
)

# %% id="loss-use"
logits, targets, count = given.logits_and_targets(200, 512, factor=4, ignore=-1)
z, losses = cuda.asarray(logits), cuda.empty(200, f32)
arrays = (z, cuda.asarray(targets), cuda.asarray(count), losses)
loss_((200,), (128,), (*arrays, u32(512), np.int32(-1)), **given.row_constants(512))
loss, gradient = reference.cross_entropy_with_gradient(logits, targets, ignore_index=-1)
print(f"the loss, all rows together: {cuda.asnumpy(losses).sum():.4f}, by the reference {loss:.4f}")
print("the gradient agrees:", agree(cuda.asnumpy(z), gradient, within=1e-6))
print("its rows sum to 0:", agree(cuda.asnumpy(z).sum(axis=1), np.zeros(200), within=1e-6))

# %% [markdown] id="loss-why"
# They must, since $p$ sums to 1, and so does $[j = t]$.
#
# **Predict**: what would three passes take, or two kernels, softmax and then the gradient from it?

# %% id="loss-ladder"
for name, each in [("in one kernel", 4 + 4), ("three passes", 12 + 4), ("two kernels", 8 + 8)]:
    print(
        f"{name:13} {each:2} bytes a number, {given.floor_us(each * 16384 * 4096):5.1f} us at least"
    )
show_ladder(11, "cross_entropy")

# %% [markdown] id="adamw"
# The goal, 85 % of a copy's rate, is reached: 95 %, already with 4 bytes a load. 16 bytes and 512 threads **did
# not help**. Three passes live on the cache again. PyTorch keeps its logits and has two kernels at least, so as many
# bytes; where the rest of its time goes was not measured.
#
# ## 6. AdamW, tensor by tensor
#
# From chapter 05, for each number, with `clip` the factor that clipping gives:
#
# $$g \leftarrow \text{clip} \cdot g \qquad m \leftarrow m + (1 - \beta_1)(g - m) \qquad v \leftarrow v + (1 - \beta_2)(g^2 - v)$$
# $$p \leftarrow (1 - \text{lr} \cdot \lambda)\,p - \frac{\text{lr}}{c_1} \cdot \frac{m}{\sqrt{v / c_2} + \varepsilon}
# \qquad c_1 = 1 - \beta_1^t, \quad c_2 = 1 - \beta_2^t$$
#
# $\varepsilon$ also keeps 0 / 0 away, where a number never had a gradient.
#
# ### Exercise 11.5: adamw_tensor
#
# In `kernels/adamw_tensor.cu`: one update of one tensor, a thread a number.
#
# - `grads`, `params`, `m`, `v` (n) f32; `correction1`, `correction2` are $c_1$ and $c_2$. 7 lines.
#
# <details><summary>Hint</summary>
#
# Guard; `g`; the new `m` and `v` into variables first, since each is stored **and** used. $\varepsilon$ stands
# outside the root, and the decay never enters `g`.
#
# </details>

# %% id="tensor-check"
tensor_ = use("11.5 adamw_tensor", mine("adamw_tensor"), solution("adamw_tensor"))

# %% [markdown] id="launches"
# A model has many tensors, most of them small: 76 with 12 million parameters, 148 with 124. Suppose (section 8
# measures) that a launch costs the host 7 microseconds, and that a kernel runs at a copy's rate, but never shorter than
# 2. **Predict**: what decides in either model, host or GPU?


# %% id="launches-code"
def kernel_us(size):
    return max(2.0, given.floor_us(28 * size))


for name, sizes in [("12 million", sizes_12m), ("124 million", sizes_124m)]:
    times = [kernel_us(size) for size in sizes]
    took, host = end_of([7.0] * len(sizes), times), 7.0 * len(sizes)  # when the last kernel ends
    print(f"{name:11} {len(sizes):3} tensors: host {host:5,.0f} us, kernels {sum(times):5,.0f} us, "
          f"together {took:5,.0f} us; floor {given.floor_us(28 * sum(sizes)):5,.0f} us")  # fmt: skip

# %% [markdown] id="launches-why"
# So the GPU idles most of the time at 12 million: the update is **bound by launches**. At 124 million the kernels hide
# most of them.
#
# ## 7. One launch, and no question to the host
#
# Chapter 05 laid all parameters into one flat buffer. Three things stand in the way of one launch over it:
#
# 1. **Decay** is for matrices only. They come first in the buffer: the first `n_decay` numbers shrink.
# 2. **Scalars** change with every step: learning rate, corrections. They live in a small array on the device,
#    `state`, with a slot each: `state[LEARNING_RATE]`, `state[CLIP]`, ... A kernel of one thread, `advance`, copies each
#    step's from a table that was sent before.
# 3. **Clipping** needs the gradient's norm. A host that reads it must wait, and queues nothing meanwhile. So the
#    coefficient is computed on the device, into its slot.
#
# The norm in two stages: each block leaves a part, and `column_sum` of chapter 10 adds them, always in the same order.
#
# ### Exercise 11.6: squared_norm
#
# In `kernels/squared_norm.cu`: the thread's share of the sum of `x * x`, 16 bytes a load.
#
# - `first`, `threads` and `quads` as in exercise 8.8; up to 3 numbers are left over. 5 lines.
#
# <details><summary>Hint</summary>
#
# `float4 v = ((const float4*)x)[i];`
#
# </details>

# %% id="norm-check"
norm_ = use("11.6 squared_norm", mine("squared_norm"), solution("squared_norm"))

# %% [markdown] id="clip"
# ### Exercise 11.7: clip_coefficient
#
# In `kernels/clip_coefficient.cu`, for one thread: from `norm2[0]`, the squared norm, write
#
# - `state[GRAD_NORM]`, the norm;
# - `state[CLIP]`, the smaller of 1 and `max_norm / (norm + 1e-6)`;
# - if the norm is infinite or NaN, also 1 into `state[HALTED]`: from then on no update may change anything. (CLIP may
#   be anything for NaN.) 4 lines.
#
# <details><summary>Hint</summary>
#
# A comparison with NaN is false, so ask `!(norm <= 3.4e38f)`.
#
# </details>

# %% id="clip-check"
clip_ = use("11.7 clip_coefficient", mine("clip_coefficient"), solution("clip_coefficient"))

# %% [markdown] id="flat"
# ### Exercise 11.8: adamw
#
# In `kernels/adamw.cu`, write the update of one element, and call it for four neighbours.
#
# - `update(i, grad, p, mi, vi)`, a function inside the kernel, changes `p`, `mi` and `vi` of element `i`: `float& p` is
#   the caller's own variable. It knows `lr`, `correction1`, `correction2` and the kernel's arguments. 5 lines.
# - In the loop, the quad `i` is loaded and stored for you. 4 lines.
#
# <details><summary>Hint 1</summary>
#
# The gradient is multiplied by `state[CLIP]`. Element by element: `if (i < n_decay)`, since a quad may lie across
# the border.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The second of the four is `update(4 * i + 1, g4.y, p4.y, m4.y, v4.y);`.
#
# </details>

# %% id="flat-check"
adamw_ = use("11.8 adamw", mine("adamw"), solution("adamw"))

# %% [markdown] id="flat-use"
# Both ways must give the same. Four tensors, the last two without decay:

# %% id="flat-use-code"
sizes, n_decay = [640, 320, 64, 128], 960
before, state = given.update_arrays(sum(sizes)), given.step_state()
params, grads, m, v = (cuda.asarray(a) for a in before)
hyper = [f32(value) for value in given.HYPER.values()]
numbers = (u32(sum(sizes)), u32(n_decay), *hyper)
adamw_((2,), (128,), (grads, cuda.asarray(state), params, m, v, *numbers), BLOCK=128)

begin, apart = 0, []
for size in sizes:
    p, g, m, v = (cuda.asarray(a[begin : begin + size]) for a in before)
    decay = given.HYPER["weight_decay"] if begin < n_decay else 0
    betas_eps = hyper[:3]
    args = (g, p, m, v, u32(size), *given.scalars(state), *betas_eps, f32(decay))
    tensor_((given.blocks_for(size, 128),), (128,), args, BLOCK=128)
    apart.append(cuda.asnumpy(p))
    begin += size
print("one launch gives what four give:", agree(cuda.asnumpy(params), np.concatenate(apart), 1e-6))

# %% [markdown] id="graph"
# ## 8. Cheaper launches: a CUDA graph
#
# All that a launch needs is known beforehand. So record a sequence once, as a **graph**, and give it to the GPU as a
# whole. It may not ask the host in between, nor use new arrays: hence `state`, and chapter 05's buffers. The ladders
# below do it so, the package with a whole training step:
#
# quote mlstack_lib/course/ladders.py:as_graph
#
# Suppose that a kernel in a graph costs 1 microsecond. The first 12 tensors of the model:

# %% id="queue-figure"
first = sizes_12m[:12]
times = [kernel_us(size) for size in first]
ways = [
    ("12 launches", [7.0] * 12, times),
    ("as a graph", [7.0] + [0.0] * 11, [us + 1 for us in times]),
    ("one launch", [7.0], [kernel_us(sum(first))]),
]
show(draw_queue(ways), "Figure {figure:queue}. The update of 12 tensors, by the numbers supposed. Above the host's work, below it the kernels: from Python "
     "the GPU waits; a graph closes the gaps, and one launch has none.")  # fmt: skip

# %% [markdown] id="graph-why"
# 86, 61 and 34 microseconds: in a graph the small kernels still take their time, one after the other.
#
# **Predict**: of a launch from Python, what share is left in a graph? And which way is best for all tensors?

# %% id="graph-code"
for name, sizes in [("12 million", sizes_12m), ("124 million", sizes_124m)]:
    times = [kernel_us(size) for size in sizes]
    by_one, as_graph = [7.0] * len(sizes), [7.0] + [0.0] * (len(sizes) - 1)
    print(f"{name:11} supposed: launches {end_of(by_one, times):5,.0f} us, as a graph "
          f"{end_of(as_graph, [us + 1 for us in times]):5,.0f} us, one {kernel_us(sum(sizes)):5,.0f} us")  # fmt: skip

# %% id="launches-ladder"
show_ladder(11, "launches")
show_ladder(11, "adamw_12m")
show_ladder(11, "adamw_124m")

# %% [markdown] id="update-measured"
# A launch of next to nothing costs about 5 microseconds from Python, and a fifth of that in a graph. With the 13
# arguments of `adamw_tensor`, four of them views made anew, it costs nearly three times the 7 supposed (divide by 76 and
# 148). So launches decide at 124 million, too. As graphs both come near what was supposed. One launch is best.
#
# 16 bytes a load gain 6 %. A grid that just fills the GPU, whose threads go on to further quads, **did not help**: it
# loses them again; the package has a thread for each quad. It reaches the goal, 2,600 GB/s, at both sizes. PyTorch's
# fused AdamW is about as fast as our graph.
#
# **Predict**: with clipping, what does the question to the host cost?

# %% id="clip-ladder"
show_ladder(11, "clip_12m")
show_ladder(11, "clip_124m")

# %% [markdown] id="path-predict"
# Less what a number a thread costs that row's kernel (see above), about 30 microseconds at either size. A graph of four
# launches gains little. `clip_grad_norm_` costs PyTorch 0.9 milliseconds at 12 million, and not twice as much with ten
# times the bytes: mostly not their time.
#
# ## 9. On the path
#
# `mlstack train --kernels kernels/` trains with your files for the package's kernels of the same names. That is four:
# `softmax_forward` is not launched, since attention's kernels and the loss have a softmax of their own. Here twenty steps
# of a very small GPT in the simulator:

# %% id="path"
files = {k.name: k for k in (softmax_, loss_, norm_, clip_, adamw_)}
yours, packaged = train_on(**files), train_on()
print(
    f"loss: {yours.losses[0]:.3f} at first, {yours.losses[-1]:.3f} after {len(yours.losses)} steps"
)
print("equal to those of the packaged kernels:", agree(yours.losses, packaged.losses, within=1e-4))
for note in yours.notes:
    print(note)
for name, file, launches in yours.files:
    if name in files:
        print(f"{name:28} {file:36} {launches:3} launches")
print(f"{sum(file == 'packaged' for _, file, _ in yours.files)} other kernels: packaged")

# %% [markdown] id="path-why"
# ## 10. What it is worth
#
# **Predict**: of a training step of the 12-million model, 16,384 tokens in f32 as one CUDA graph, what share are loss
# and update at their floors? What if both were half as fast?

# %% id="worth"
step_us, floor = given.step_us(), 0.0
print(f"a step, measured: {step_us:,.0f} us")
for name, nbytes in [
    ("loss and gradient", 2 * logits_bytes),
    ("norm and clipping", 4 * sum(sizes_12m)),
    ("AdamW", 28 * sum(sizes_12m)),
]:
    floor += given.floor_us(nbytes)
    print(f"{name:18} {given.floor_us(nbytes):6.1f} us, {given.floor_us(nbytes) / step_us:.2%}")
print(f"half as fast, they would add {floor / step_us:.2%} to the step")

# %% id="step-split"
show_split(11, "step", most=14)

# %% [markdown] id="worth-why"
# The kernels, timed one by one, take no less than the graph: it has no gaps. Nearly four fifths are matrix products,
# about a tenth attention, loss and update 1 %, as computed. So making these perfect **does not help** that step. They
# count where products are fast, as in bf16, or batches small: AdamW costs the same for 1,024 tokens as for 16,384.
#
# ## Recap
#
# You can now
# - say from its bytes how fast a kernel can be: bytes over the rate of a copy;
# - merge partial softmaxes: scale each sum by $e^{m - M}$, and add;
# - fuse a loss with its gradient: all it needs is in registers;
# - update all parameters in one launch: decay by position, scalars and clipping from the device;
# - tell when launches take the time: kernels shorter than a launch; a graph closes the gaps.
#
# **Two questions.**
#
# 1. A vocabulary of 100,000. What happens to `cross_entropy_with_gradient`, and which way is left?
# <details><summary>Answer</summary>
#
# 1,024 threads may have 64 registers each, and would need 98 for the row alone: the rest would spill into memory, as some
# must with 65,536 classes already. Above these the package refuses. The online way is left: one pass for maximum and sum,
# one for the gradient in place: 12 bytes a number instead of 8.
#
# </details>
#
# 2. Why does the package not let the last block that finishes add the parts of the norm?
# <details><summary>Answer</summary>
#
# It would save a launch, with a counter in memory, an atomic and a fence. But a launch is cheap in a graph, and a second stage
# needs no reasoning about who came last. With `atomicAdd` on the float itself the order, and with it the last
# digits, would differ from run to run.
#
# </details>
#
# **On your own.** Write `kernels/softmax_warp.cu`, arguments `x, y, c`, for rows of up to 1,024: a block's first warp takes
# the row, the others return. Which barriers are left? Count with `given.softmax_traffic(mine("softmax_warp"))`.
#
# **Further reading.**
# - M. Milakov, N. Gimelshein, *Online normalizer calculation for softmax*, 2018, arXiv:1805.02867.
# - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, 2019, arXiv:1711.05101.
# - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*, 2013,
#   arXiv:1211.5063: clipping.
# - NVIDIA, *CUDA C++ Programming Guide*: CUDA graphs.
#
# The solutions: `solutions/11_softmax_loss_adamw.ipynb` and `solutions/kernels/`. Before: chapter 10, LayerNorm
# kernels. Next: chapter 12, flash attention (planned).
