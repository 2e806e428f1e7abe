# %% [markdown] id="title"
# # 05 Step downhill with AdamW
#
# Chapter 02 gave every parameter its slope. How far shall each one move? The same rate for all works, but
# badly. This chapter builds, one idea at a time, the rule that trains this course's Transformer.
#
# **What you build.** Momentum, Adam and AdamW, a schedule for the learning rate, clipping, and the flat
# buffer that turns many small updates into one. At the end your AdamW takes the place of the package's.
#
# **What you can do afterwards.** You can
# - say which curvature limits the learning rate, and which one pays for it;
# - write Adam, and show what its bias correction corrects;
# - say why weight decay belongs beside Adam and not into the gradient;
# - write warm-up with cosine, and clipping that keeps the direction;
# - compare optimizers fairly, and say where Adam helps and where it does not;
# - pack parameters into one buffer of aligned views.
#
# **What you need.** Chapters 02 to 04. No GPU. About 100 minutes.

# %% id="setup"
import math
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib import backend, nn, optim
from mlstack_lib.array import Slot
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.digits import draw_digits
from mlstack_lib.course.exercises import chapter_05 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.paths import draw_paths

figures.style()

# %% [markdown] id="valley"
# ## 1. One rate, two curvatures
#
# Think of the loss as a height above all the parameters. With two of them we can draw it, by contour lines:
# each joins points of equal loss. Ours is a long valley, $L = (x^2 + 100\,y^2) / 2$. Its slopes are $x$ and $100\,y$.
# How fast a slope changes is the **curvature**: 1 along the valley, 100 across.
#
# `gradient_step` writes **into** the array `params`. All our rules will: in section 8 the parameters lie in
# one large array, and a new array would not be part of it.


# %% id="valley-code"
def valley(x, y):
    return (x * x + 100 * y * y) / 2


def valley_gradient(p):
    return np.array([1.0, 100.0]) * p


def gradient_step(params, grads, rate):
    params -= rate * grads


def path(rule, rate, gradient=valley_gradient, start=(-4.0, 1.0), steps=60):
    """The points (steps + 1, 2) where rule(params, grads, m, v, t, rate) leads."""
    params, m, v = np.array(start), np.zeros(2), np.zeros(2)
    points = [params.copy()]
    for t in range(1, steps + 1):
        rule(params, gradient(params), m, v, t, rate)
        points.append(params.copy())
    return np.array(points)


# the rules so far, by name; m and v are memories that a rule may use, t counts its steps from 1
rules = {"gradient descent": lambda p, g, m, v, t, rate: gradient_step(p, g, rate)}

# %% [markdown] id="valley-predict"
# A step takes $x$ to $x - \text{rate} \cdot x = (1 - \text{rate})\,x$, and $y$ to
# $(1 - 100\,\text{rate})\,y$.
#
# **Predict before you run.** From which rate on does $y$ grow? By what factor does $x$ shrink there?

# %% id="valley-rates"
descent = {rate: path(rules["gradient descent"], rate) for rate in [0.002, 0.0195, 0.0204]}
for rate, points in descent.items():
    print(f"rate {rate}: factors {1 - rate:.4f} and {1 - 100 * rate:7.4f}; "
          f"after 60 steps x = {points[-1, 0]:.3f}, y = {points[-1, 1]:.3f}")  # fmt: skip

show(draw_paths(valley, {f"rate {rate}": {"": points} for rate, points in descent.items()},
                x=(-5, 1.5), y=(-1.7, 1.7)),
     "Figure {figure:rates}. Sixty steps of gradient descent in the valley. A small rate creeps, a "
     "large one jumps from side to side, and one a little larger leaves the valley.")  # fmt: skip

# %% [markdown] id="valley-why"
# The rate must be below $2 / 100$, or $y$ grows. So the largest curvature limits the rate, and the smallest
# pays: at 0.02, $x$ still keeps 98 % of its distance in each step (figure {figure:rates}).
#
# In training, the gradient comes from a small random **batch**, so it is noisy too: **stochastic gradient
# descent**, SGD.
#
# ## 2. Momentum: remember the direction
#
# Across the valley the gradients change sign in every step; along it they agree. So let them add up: keep a
# memory $m$, at first 0, and in each step
#
# $$m \leftarrow \beta\,m + g \qquad p \leftarrow p - \text{rate} \cdot m$$
#
# Opposite gradients cancel in $m$. Equal ones pile up to $g\,(1 + \beta + \beta^2 + \dots) = g / (1 - \beta)$:
# ten times the gradient for $\beta = 0.9$ (Polyak 1964).
#
# ### Exercise 5.1: momentum step
#
# Write `momentum_step(params, grads, m, rate, momentum)`, one step in place; `momentum` is $\beta$.
#
# - `params`, `grads`, `m`: arrays of one shape. `params` and `m` are written, `grads` only read.
# - Example: `params` `[1.0]`, `grads` `[2.0]`, `m` `[10.0]`, rate 0.1, momentum 0.5 make `m` `[7.0]` and
#   `params` `[0.3]`.
#
# <details><summary>Hint</summary>
#
# `m *= momentum` writes into the array; `m = momentum * m` only gives the name to a new one.
#
# </details>

# %% id="momentum-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_05.py:momentum_step

# %% id="momentum-check"
momentum_step_ = use("5.1 momentum step", momentum_step, given.momentum_step)

# %% [markdown] id="momentum-predict"
# The cells below use `momentum_step_`: yours once it is right, until then the course's own.
#
# **Predict before you run.** At rate 0.005 momentum acts, along the valley, like 0.05, above the limit of 0.02.
# Will $y$ grow?

# %% id="momentum-figure"
rules["momentum"] = lambda p, g, m, v, t, rate: momentum_step_(p, g, m, rate, 0.9)
swinging = path(rules["momentum"], 0.005)
for name, points in [("gradient descent", descent[0.0195]), ("momentum", swinging)]:
    print(f"{name}: loss after 60 steps {valley(*points[-1]):.3f}")
show(draw_paths(valley, {"momentum, rate 0.005": {"": swinging}}, x=(-5, 1.5), y=(-1.2, 1.2)),
     "Figure {figure:momentum}. Sixty steps with momentum. It swings across, but each swing is smaller "
     "and further along; after 60 steps it has run a little past the minimum.")  # fmt: skip

# %% [markdown] id="rms"
# ## 3. RMS scaling: a rate for each parameter
#
# It did not: across the valley the gradients cancel. But momentum still has one rate for all. And $y$'s gradients are larger than $x$'s, and we can see that while
# training. Keep for each parameter a running average $v$ of its squared gradient, and divide by the root:
#
# $$v \leftarrow \beta_2\,v + (1 - \beta_2)\,g^2 \qquad p \leftarrow p - \text{rate} \cdot g / (\sqrt{v} + \varepsilon)$$
#
# $\sqrt v$ is the **root mean square** of the latest gradients: their typical size. $\varepsilon$, a tiny number,
# only keeps $0 / 0$ away. (RMSProp, Tieleman and Hinton 2012.)


# %% id="rms-code"
def rms_step(params, grads, v, rate, beta2, eps=1e-8):
    v += (1 - beta2) * (grads * grads - v)  # the same average, written as a small move towards g^2
    params -= rate * grads / (np.sqrt(v) + eps)


rules["RMS scaling"] = lambda p, g, m, v, t, rate: rms_step(p, g, v, rate, 0.95)

for name, rate in [("gradient descent", 1e-5), ("momentum", 1e-6), ("RMS scaling", 0.05)]:
    once = path(rules[name], rate)
    thousandfold = path(rules[name], rate, gradient=lambda p: 1000 * valley_gradient(p))
    print(
        f"{name}: same path if the loss is 1000 times as large: {agree(once, thousandfold, within=1e-6)}"
    )

# %% [markdown] id="adam"
# The scale of the gradient is gone: a parameter moves by about `rate` a step, whatever units the loss is in.
# This also has a price: near the minimum, where gradients are small, the steps do not become small with them.
#
# ## 4. Adam: both, and corrected
#
# **Adam** (Kingma and Ba 2014) moves by the averaged gradient, divided by its typical size:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g \qquad v \leftarrow \beta_2\,v + (1 - \beta_2)\,g^2$$
#
# Here $m$ is a true average, with weights $1 - \beta_1$, not the sum of section 2. But $m$ and $v$ start at 0. Take a
# gradient that is always 1: the step $m / \sqrt v$ should be 1 at once.
#
# **Predict before you run.** Zeros in the average: do they make the first steps too small or too large?

# %% id="bias-code"
t = np.arange(1, 1001)
m = 1 - 0.9**t  # the average of t ones and what is left of the zero at the start
raw = {beta2: m / np.sqrt(1 - beta2**t) for beta2 in (0.999, 0.95)}
for beta2, steps in raw.items():
    print(f"beta2 {beta2}: step 1, 10, 100, 1000:", steps[[0, 9, 99, 999]].round(2))

figure, axes = plt.subplots(figsize=(figures.WIDTH, 2.6))
for beta2, steps in raw.items():
    axes.semilogx(t, steps, label=f"no correction, beta2 = {beta2}")
axes.semilogx(t, np.ones(len(t)), label="corrected")
axes.set(xlabel="step", ylabel="size of the step / rate", ylim=(0, 7.5))
axes.legend(loc="upper right")
show(figure, "Figure {figure:bias}. The size of Adam's steps for a gradient that is always 1. With "
     "beta2 = 0.999 and no correction, they are several times too large for a hundred steps.")  # fmt: skip

# %% [markdown] id="bias-why"
# It depends: both averages are too small, and the step is their quotient (figure {figure:bias}). The cause is plain.
# After $t$ steps the weights of the gradients in $m$ are $(1 - \beta_1)(1 + \beta_1 + \dots + \beta_1^{t-1}) = 1 - \beta_1^t$
# in sum, not 1. So divide by it, the **bias correction**:
#
# $$\hat m = m / (1 - \beta_1^t) \qquad \hat v = v / (1 - \beta_2^t) \qquad p \leftarrow p - \text{rate} \cdot \hat m / (\sqrt{\hat v} + \varepsilon)$$
#
# ### Exercise 5.2: adam step
#
# Write `adam_step(params, grads, m, v, t, rate, beta1, beta2, eps)`, step number `t`, in place.
#
# - `params`, `grads`, `m`, `v`: arrays of one shape; `grads` is only read. `t` is 1 in the first step.
# - Example: from `m` and `v` 0, at `t` 1, rate 0.1, a gradient of `5.0` lowers its parameter by 0.1.
#
# <details><summary>Hint</summary>
#
# Write into `m` and `v` (as `rms_step` does), but put the corrected ones into new arrays: the
# next step wants the uncorrected.
#
# </details>

# %% id="adam-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_05.py:adam_step

# %% id="adam-check"
adam_step_ = use("5.2 adam step", adam_step, given.adam_step)

# %% [markdown] id="adam-after"
# Now all four, in our valley and in a curved one, $(x - 1)^2 + 10\,(y - x^2)^2$, whose direction changes on the
# way. Each takes the best of twelve rates, doubled from 0.001 on: the one that needs the fewest steps until
# the loss stays below 0.01.


# %% id="four"
def steps_needed(rule, rate, loss, gradient, start):
    """The number of steps until the loss stays below 0.01; 400 if it never does."""
    with np.errstate(all="ignore"):  # too large a rate overflows
        losses = loss(*path(rule, rate, gradient, start, steps=400).T)
    return int(np.flatnonzero(~(losses < 0.01)).max(initial=-1)) + 1


def best(rule, *landscape):
    """The fewest steps over the grid of rates, and the rate for it."""
    return min((steps_needed(rule, r, *landscape), r) for r in 0.001 * 2.0 ** np.arange(12))


def curved(x, y):
    return (x - 1) ** 2 + 10 * (y - x * x) ** 2


def curved_gradient(p):
    x, y = p
    return np.array([2 * (x - 1) - 40 * x * (y - x * x), 20 * (y - x * x)])


rules["Adam"] = lambda p, g, m, v, t, rate: adam_step_(p, g, m, v, t, rate, 0.9, 0.95, 1e-8)

# %% id="four-figure"
straight, bend = (valley, valley_gradient, (-4.0, 1.0)), (curved, curved_gradient, (-1.5, 1.5))
tracks = {}
for name, rule in rules.items():
    (steps, _), (steps_curved, rate) = best(rule, *straight), best(rule, *bend)
    print(f"{name:16} straight: {steps:3} steps   curved: {steps_curved:3} steps, rate {rate:.3f}")
    tracks[name] = path(rule, rate, *bend[1:], steps=120)

names = list(rules)
show(draw_paths(curved, {"one rate for all": {name: tracks[name] for name in names[:2]},
                         "a rate for each": {name: tracks[name] for name in names[2:]}},
                x=(-2, 1.8), y=(-0.6, 2.6), minimum=(1, 1), every=5),
     "Figure {figure:curved}. 120 steps in a curved valley, each rule at its best rate. Momentum and "
     "Adam are at the minimum, or nearly; the other two are still on their way.")  # fmt: skip

# %% [markdown] id="turned"
# RMS scaling alone is last: its steps do not become small, so only a small rate ends close to the minimum
# (figure {figure:curved}). Adam's $m$ cures this, for gradients that change sign cancel in it.
#
# In neither valley is Adam ahead of momentum. And Adam rescales **single parameters**. What if the
# straight valley lies askew, steep in a direction that belongs to no parameter?
#
# **Predict before you run.** Which of the three will notice that the valley was turned by 45 degrees?


# %% id="turned-code"
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)  # by 45 degrees
turned = (
    lambda x, y: valley(*(turn.T @ np.array([x, y]))),
    lambda p: turn @ valley_gradient(turn.T @ p),
    turn @ np.array([-4.0, 1.0]),
)
for name in ["gradient descent", "momentum", "Adam"]:
    print(f"{name:16} straight: {best(rules[name], *straight)[0]:3} steps   "
          f"turned: {best(rules[name], *turned)[0]:3} steps")  # fmt: skip

# %% [markdown] id="decay"
# The turn does not trouble the first two at all; Adam needs nearly twice the steps. Its strength is a
# difference in scale **between parameters**.
#
# ## 5. Weight decay, beside Adam
#
# With large weights, a small change of the input changes the result a lot. **Weight decay** shrinks each weight
# in each step by the factor $1 - \text{rate} \cdot \lambda$. The older **L2 regularisation** adds $\lambda w^2 / 2$ to
# the loss, so $\lambda w$ to the gradient. In gradient descent the two are the same:
# $w - \text{rate}\,(g + \lambda w) = (1 - \text{rate} \cdot \lambda)\,w - \text{rate} \cdot g$.
#
# In Adam too? Take two weights, both 1. One gets gradients of $+1, -1, +1, \dots$, the other of $\pm 0.01$. These say
# nothing: without decay the weights should stay about where they are.


# %% id="decay-code"
def after_300_steps(step, weight_decay):
    """Two weights that began as 1, after gradients of 1 and 0.01 with changing signs."""
    w, m, v = np.ones(2), np.zeros(2), np.zeros(2)
    for t in range(1, 301):
        g = np.array([1.0, 0.01]) * (-1) ** t
        step(w, g, m, v, t, weight_decay)
    return w.round(2) + 0.0  # makes 0.0 of -0.0


def l2_step(w, g, m, v, t, weight_decay):
    adam_step_(w, g + weight_decay * w, m, v, t, 0.01, 0.9, 0.95, 1e-8)


print("no decay:", after_300_steps(l2_step, 0.0))
print("L2:      ", after_300_steps(l2_step, 0.1))

# %% [markdown] id="decay-why"
# One weight shrank a little, the other is gone. The term $\lambda w$ went through Adam's division: where gradients are
# small, $\sqrt v$ is small, and the decay becomes a full step. Loshchilov and Hutter (2017) therefore **decouple** it:
# first $p \leftarrow (1 - \text{rate} \cdot \lambda)\,p$, then Adam's step, whose gradient knows nothing of the decay. That is **AdamW**.
#
# Biases and LayerNorm's weights are not to be pulled to 0. So let all parameters lie in one flat array, the
# matrices first: only its first `n_decay` elements decay.
#
# ### Exercise 5.3: decoupled decay
#
# Write `adamw_step(params, grads, m, v, t, rate, n_decay, beta1, beta2, eps, weight_decay)`, in place.
#
# - `params`, `grads`, `m`, `v`: flat arrays of one size. $\lambda$ is `weight_decay`. You may call `adam_step_`.
#
# <details><summary>Hint</summary>
#
# `params[:n_decay]` is a view: `*=` on it writes into `params`.
#
# </details>

# %% id="adamw-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_05.py:adamw_step

# %% id="adamw-check"
adamw_step_ = use("5.3 decoupled decay", adamw_step, given.adamw_step)


# %% id="adamw-after"
def decoupled_step(w, g, m, v, t, weight_decay):
    adamw_step_(w, g, m, v, t, 0.01, 2, 0.9, 0.95, 1e-8, weight_decay)


print("decoupled:", after_300_steps(decoupled_step, 0.1))
print("by the factor alone:", round((1 - 0.01 * 0.1) ** 300, 2))

# %% [markdown] id="schedule"
# ## 6. A rate that changes: warm-up and cosine
#
# Should the rate be the same all the time? In its first step Adam knows one batch, and $\hat m / \sqrt{\hat v}$ is
# $g / |g|$: every parameter moves by the full rate. Here are 10,000 parameters whose gradients are mostly noise:

# %% id="first-steps"
rng = np.random.default_rng(0)
params, m, v = np.zeros(10_000), np.zeros(10_000), np.zeros(10_000)
for t in range(1, 101):
    before = params.copy()
    adam_step_(params, 0.1 + rng.standard_normal(10_000), m, v, t, 1.0, 0.9, 0.95, 1e-8)
    if t in (1, 3, 10, 100):
        size = np.sqrt(((params - before) ** 2).mean())
        print(f"step {t:3}: typical size {size:.2f} of the rate")

# %% [markdown] id="cosine"
# The first step, for which it knows least, is the largest. So begin with a small rate: **warm-up** goes in a
# straight line from 0 to the peak. And noise keeps the parameters moving for ever, by a part of the rate. So
# let it become small at the end: half a cosine goes down to a floor.
#
# ### Exercise 5.4: cosine
#
# Complete `cosine(peak, *, warmup, total, floor)`, which returns a function `rate(step)`, steps from 1.
#
# - Up to step `warmup`: `peak * step / warmup`. There may be no warm-up, `warmup` 0.
# - Then let `share` go from 0 at step `warmup` to 1 at step `total`: the rate is `floor` plus
#   `(peak - floor)` times $(1 + \cos(\pi \cdot \text{share})) / 2$. After `total` it stays `floor`.
# - Example: `cosine(1.0, warmup=10, total=50, floor=0.0)(30)` is 0.5.
#
# <details><summary>Hint</summary>
#
# Two cases, each with a `return`. `min(..., 1.0)` holds the share after the end. `max(total - warmup, 1)` keeps a divisor
# from being 0.
#
# </details>


# %% id="cosine-stub" tags=["exercise"]
def cosine(peak, *, warmup, total, floor):
    """Linear from 0 to peak over `warmup` steps, then half a cosine down to floor at `total`."""

    def rate(step):
        ### BEGIN SOLUTION
        if step <= warmup:
            return peak * step / max(warmup, 1)
        share = min((step - warmup) / max(total - warmup, 1), 1.0)
        return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share))
        ### END SOLUTION

    return rate


# %% id="cosine-check"
cosine_ = use("5.4 cosine", cosine, optim.cosine)

# %% id="cosine-figure"
steps = np.arange(1, 101)
figure, axes = plt.subplots(figsize=(5.0, 2.2))
for name, rate in [
    ("cosine", cosine_(1.0, warmup=10, total=100, floor=0.1)),
    ("warmup_stable_decay", optim.warmup_stable_decay(1.0, warmup=10, total=100, floor=0.1)),
]:
    axes.plot(steps, [rate(step) for step in steps], label=name)
axes.set(xlabel="step", ylabel="rate / peak", ylim=0)
axes.legend(loc="lower center")
show(figure, "Figure {figure:schedule}. Two schedules with a warm-up of 10 steps and a floor of 0.1. "
     "The second, also in the package, can be prolonged: only its end must know the total.")  # fmt: skip

# %% [markdown] id="clip"
# ## 7. Clipping: one bad batch
#
# Now and then a batch gives a gradient that is far too long. Put all gradients of the network end to end in one
# vector; its length, the root of the sum of all squares, is the **gradient norm**. **Clipping** scales the whole
# vector down if it is longer than `max_norm` (Pascanu and others 2012). One factor for all: the direction stays.
#
# ### Exercise 5.5: clip
#
# Write `clip(grads, max_norm)`.
#
# - `grads`: a list of arrays of any shapes, scaled in place. Returns their common norm **before**, a float.
# - A norm that is small enough, or 0, changes nothing.
# - Example: `[3.0]` and `[4.0]` have the norm 5; with `max_norm` 1 they become `[0.6]` and `[0.8]`.
#
# <details><summary>Hint</summary>
#
# The factor is `min(1.0, max_norm / (norm + 1e-6))`; the small number guards against a norm of 0.
#
# </details>

# %% id="clip-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_05.py:clip

# %% id="clip-check"
clip_ = use("5.5 clip", clip, given.clip)

# %% [markdown] id="clip-after"
# In the valley, let one broken batch report the gradient $(-100, 100)$ at step 30. **Predict:** which rule
# suffers most?


# %% id="clip-code"
def accident(rule, max_norm):
    """The rule, with a broken gradient at step 30, and all gradients clipped to max_norm."""

    def step(p, g, m, v, t, rate):
        g = np.array([-100.0, 100.0]) if t == 30 else g
        clip_([g], max_norm)
        rule(p, g, m, v, t, rate)

    return step


# the best rates on the straight valley, as section 4 found them
for name, rate in [("gradient descent", 0.016), ("momentum", 0.004), ("Adam", 0.128)]:
    highest = {}
    for label, rule in [
        ("as it is", accident(rules[name], 1e9)), ("clipped", accident(rules[name], 5.0)),
        ("without the accident", rules[name]),
    ]:  # fmt: skip
        points = path(rule, rate, start=(-4.0, 0.0))
        highest[label] = valley(*points[30:].T).max()
    heights = ", ".join(f"{label} {height:.2f}" for label, height in highest.items())
    print(f"{name:16} highest loss from step 30 on: {heights}")

# %% [markdown] id="flat"
# The first two are thrown far up. Adam protects itself in part, for the broken gradient enlarges $v$ as well.
# Clipped, it hardly shows, except that Adam's small loss doubles.
#
# ## 8. Flat buffers: one update, not dozens
#
# A deep network has dozens of tensors: updated one by one, they need dozens of calls, many on tiny arrays. But
# our rules work on single numbers and do not care which tensor these belong to. So lay all parameters end to end
# in one **flat buffer**, the gradients in a second, $m$ and $v$ in two more. A tensor is a **view**: a slice,
# reshaped, of the same memory.
#
# Each view begins at a multiple of 256 bytes, 64 numbers of f32: WebGPU may ask for such **alignment** (chapter 14).
#
# ### Exercise 5.6: pack
#
# Write `pack(arrays, unit=64)`, which returns the buffer and the list of views, with the arrays' values.
#
# - `arrays`: a list of arrays of one dtype and any shapes; they stay as they are.
# - The first begins at element 0, each other one at the next multiple of `unit`. Gaps, the last too, hold 0.
# - Example: shapes (2, 3), (64,) and (65,) begin at 0, 64 and 128; the buffer has 256 elements.
#
# <details><summary>Hint 1: rounding up</summary>
#
# `-(-size // unit) * unit` is `size`, rounded up to a multiple of `unit`. `np.cumsum([0] + ...)` of these are the
# starts, and at its end the size of the buffer.
#
# </details>
# <details><summary>Hint 2: views</summary>
#
# `flat[start : start + a.size].reshape(a.shape)` is a view; `view[...] = a` writes into it.
#
# </details>

# %% id="pack-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_05.py:pack

# %% id="pack-check"
pack_ = use("5.6 pack", pack, given.pack)

# %% [markdown] id="calls-predict"
# Twelve layers of a Linear and a LayerNorm each. **Predict before you run:** how many calls does one update take?

# %% id="calls"
calls = 0


def counted_step(*arguments):
    global calls
    calls += 1
    adam_step_(*arguments, 0.01, 0.9, 0.95, 1e-8)


def network_of(width, layers=12):
    """Four lists of arrays: parameters, gradients, m and v of a network of these layers."""
    rng = np.random.default_rng(0)
    shapes = layers * [(width, width), (width,), (width,), (width,)]
    return [[s * rng.standard_normal(n).astype(np.float32) for n in shapes] for s in (1, 1, 0, 0)]


lists = network_of(64)
packed = [pack_(arrays) for arrays in lists]
flats, views = [flat for flat, _ in packed], [part for _, part in packed]
for tensors in zip(*lists, strict=True):
    counted_step(*tensors, 1)
separate, calls = calls, 0
counted_step(*flats, 1)
same = all(agree(a, b, within=0) for a, b in zip(lists[0], views[0], strict=True))
print(f"calls: {separate} one by one, {calls} flat; the same parameters: {same}")

# %% [markdown] id="race-predict"
# Is one call faster than 48? Measure it here, on the processor, with narrow layers and with wide ones.

# %% id="race" tags=["nbval-ignore-output"] reason="timings differ from machine to machine"
for width in (16, 64, 512):
    lists = network_of(width)
    flats = [pack_(arrays)[0] for arrays in lists]
    seconds = {"one by one": [], "flat": []}
    for t in range(1, 6):
        began = perf_counter()
        for tensors in zip(*lists, strict=True):
            counted_step(*tensors, t)
        middle = perf_counter()
        counted_step(*flats, t)
        seconds["one by one"].append(middle - began)
        seconds["flat"].append(perf_counter() - middle)
    print(f"width {width:3}:", {name: f"{1e3 * min(s):.2f} ms" for name, s in seconds.items()})

# %% [markdown] id="compare"
# For narrow layers the calls are the cost, and one call wins clearly. **For wide ones flat did not help here**:
# each NumPy operation runs through the whole buffer, which is too large for the processor's cache. So the package's
# AdamW for `cpu` goes through it in blocks. On a GPU one kernel applies the whole rule at once (chapter 11).
#
# ## 9. A fair comparison
#
# Which rule is best? It is easy to make one win: tune its rate, and not the other's. Fair is: the same network,
# starts and batches, **the same grid of rates for each**, and the best rate not at the edge of the grid. The task
# is the digits of chapter 03, with 1,000 images to train and 500 to judge.


# %% id="task"
class Classifier(nn.Module):
    """144 pixels, 32 hidden numbers, 10 scores."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.hidden = nn.Linear(144, 32, rng=rng, activation="gelu")
        self.scores = nn.Linear(32, 10, rng=rng)

    def forward(self, x):
        return self.scores(self.hidden(x))


images, labels = draw_digits(np.random.default_rng(0), 1500)
images = images.reshape(-1, 144)


# %% id="train"
def train(rule, schedule, seed, images, steps=60):
    """The loss on the last 500 images after training on batches of 50; 99 if it blows up."""
    model, batches = Classifier(seed), np.random.default_rng(100 + seed)
    tensors = model.parameters()
    params, views = pack_([tensor.numpy() for tensor in tensors])
    grads, grad_views = pack_([np.zeros(tensor.shape, np.float32) for tensor in tensors])
    m, v = np.zeros_like(params), np.zeros_like(params)
    for tensor, view, grad_view in zip(tensors, views, grad_views, strict=True):
        tensor.data, tensor.grad_view = view, grad_view  # where backward puts the gradient
    for t in range(1, steps + 1):
        rows = batches.integers(0, 1000, 50)
        loss = ml.ops.cross_entropy(model(ml.tensor(images[rows])), labels[rows])
        if not loss.item() < 20:
            return 99.0
        model.zero_grad()
        loss.backward()
        rule(params, grads, m, v, t, schedule(t))
    with ml.no_grad():
        return ml.ops.cross_entropy(model(ml.tensor(images[1000:])), labels[1000:]).item()


# %% [markdown] id="tune-predict"
# Each loss below is the mean of three starts. **Predict:** momentum's best rate, compared with that of gradient
# descent?

# %% id="tune"
GRID = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


def constant(rate):
    return lambda step: rate


def warm(rate):
    return cosine_(rate, warmup=10, total=60, floor=0.0)


def tune(names, schedule, images):
    """The losses of each rule over the grid; prints the best."""
    table = {}
    for name in names:
        runs = [[train(rules[name], schedule(r), seed, images) for seed in range(3)] for r in GRID]
        table[name] = losses = np.mean(runs, axis=1)
        at = int(np.argmin(losses))
        inside = 0 < at < len(GRID) - 1
        print(f"  {name:16} {losses[at]:.2f} at rate {GRID[at]}, inside the grid: {inside}")
    return table


print("constant rate")
tables = {"constant rate": tune(rules, constant, images)}

# %% id="tune-more"
print("warm-up and cosine")
tables["warm-up and cosine"] = tune(["momentum", "Adam"], warm, images)

# the left half of each image in units ten times as small, so its numbers are ten times as large
uneven = images * np.where(np.arange(144) % 12 < 6, 10, 1).astype(np.float32)
print("warm-up and cosine, uneven units")
tables["the same, uneven units"] = tune(["momentum", "Adam"], warm, uneven)

# %% id="tune-figure"
figure, all_axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.7), sharey=True)
for axes, (title, table) in zip(all_axes, tables.items(), strict=True):
    for i, name in enumerate(rules):
        if name in table:
            axes.loglog(GRID, table[name], f"C{i}", ls=figures.DASHES[i], marker="os^D"[i], ms=4,
                        label=name)  # fmt: skip
    axes.set(title=title, xlabel="rate (constant, or peak)", ylim=(0.15, 3))
all_axes[0].set_ylabel("loss on unseen images (nats)")
all_axes[0].set_yticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
all_axes[0].minorticks_off()
figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
show(figure, "Figure {figure:tuned}. The loss by rate, each rule over the same grid. Adam is ahead at a "
     "constant rate, level with momentum under a schedule, and less harmed by uneven units.")  # fmt: skip

# %% [markdown] id="tune-why"
# Three findings (figure {figure:tuned}).
# - At a constant rate Adam is best. Momentum's best rate is a tenth of that of gradient descent, as section 2 says.
# - With a schedule, momentum draws level. **The schedule did not help Adam's best loss here**: on this small task,
#   tuned momentum is as good as Adam.
# - With uneven units both get worse, Adam less: it divides out the larger gradients, but not that each of these
#   weights also moves the result more. The tensors of a Transformer, too, differ much in curvature (Zhang and
#   others 2024); the course trains it with AdamW.
#
# Three starts, one task, and images that chose the rate as well as judged it: this is no ranking.
#
# ## 10. In the package, with your AdamW
#
# This is the package's specification:
#
# quote mlstack_lib/reference_update.py:adamw
#
# `state` is a small array of what changes from step to step: the rate, the two corrections, the factor of clipping
# (`CLIP`), and `HALTED`, set when a gradient was not finite. `mine` puts your function behind this signature, and
# `ml.override` puts it in the package's place:


# %% id="on-the-path"
def mine(params, grads, m, v, state, n_decay, beta1, beta2, eps, weight_decay):
    """adamw_step_ behind the package's signature."""
    if not state[Slot.HALTED]:
        t, rate = int(state[Slot.STEP]), float(state[Slot.LEARNING_RATE])
        adamw_step_(params, grads * state[Slot.CLIP], m, v, t, rate, n_decay, beta1, beta2, eps,
                    weight_decay)  # fmt: skip


def losses_of_training(steps=40):
    model, batches = Classifier(seed=0), np.random.default_rng(0)
    optimizer = ml.AdamW(model, weight_decay=0.1, max_norm=1.0)
    rate = cosine_(0.03, warmup=5, total=steps, floor=0.003)
    losses = []
    for step in range(1, steps + 1):
        rows = batches.integers(0, 1000, 50)
        loss = ml.ops.cross_entropy(model(ml.tensor(images[rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = rate(step)
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% id="on-the-path-run"
packaged = losses_of_training()
with ml.override(adamw=mine):
    yours = losses_of_training()
# backend.calls counts which function served which operation
print("updates made by your function:", backend.calls["cpu", "adamw", mine], "of 40")
print("all 40 losses agree:", agree(yours, packaged, within=1e-4))
print(f"loss at first {yours[0]:.2f}, at the end below 0.5: {np.mean(yours[-5:]) < 0.5}")

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - say which curvature limits the learning rate, the largest, and which one pays: the smallest;
# - write Adam, and show what its bias correction corrects: averages whose weights do not sum to 1;
# - say why weight decay belongs beside Adam: inside, it is divided by $\sqrt v$;
# - write warm-up with cosine, and clipping that keeps the direction: one factor for all;
# - compare optimizers fairly, over one grid, and say where Adam helps: where parameters differ in scale, not in a
#   turned valley;
# - pack parameters into one buffer of aligned views.
#
# **Two questions.**
#
# 1. By mistake a loss is summed over a batch of 50 where it should be averaged. Which of the rules need another rate?
# <details><summary>Answer</summary>
#
# All gradients are 50 times as large. Gradient descent and momentum need a rate 50 times as small; RMS scaling and
# Adam divide the factor out. Clipping notices too: the norm is 50 times as large.
#
# </details>
#
# 2. AdamW also updates the gaps of the buffer. Do they stay 0?
# <details><summary>Answer</summary>
#
# Yes. Their gradients are 0, so $m$ and $v$ stay 0, the step is $0 / (0 + \varepsilon) = 0$, and decay takes 0 to 0. With
# $\varepsilon = 0$ it would be $0 / 0$.
#
# </details>
#
# **On your own.** Let `rules` have a fifth entry that moves every parameter by `rate` times the sign of momentum's
# $m$. Tune it on the digits over the same grid. Which of the others is it closest to, and why?
#
# **Further reading.**
# - B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964: momentum.
# - T. Tieleman, G. Hinton, *Lecture 6.5: RMSProp*, Neural Networks for Machine Learning, 2012.
# - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980.
# - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, arXiv:1711.05101.
# - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training Recurrent Neural Networks*, arXiv:1211.5063:
#   clipping.
# - Y. Zhang and others, *Why Transformers Need Adam: A Hessian Perspective*, arXiv:2402.16788.
#
# The solutions: `solutions/05_adamw.ipynb`. Before: chapter 04, LayerNorm. Next: chapter 06, tokenizer and data.
