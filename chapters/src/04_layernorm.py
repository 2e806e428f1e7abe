# %% [markdown] id="title"
# # 04 Normalise every row
#
# Two layers learn almost whatever you do. Twenty learn only if the numbers on the way through keep a
# reasonable size, and every training step changes it. **LayerNorm** puts each row back to a fixed size. A
# Transformer has two in every block.
#
# **What you build.** LayerNorm, and its gradient derived by hand; a variance in one pass that keeps its
# digits; the simpler RMSNorm; and two deep networks that differ only in where the LayerNorm stands.
#
# **What you can do afterwards.** You can
# - say why a deep network without normalisation is hard to train;
# - compute a variance in f32 without losing its digits;
# - derive the gradient of LayerNorm in eight lines, and say what it takes away;
# - put your own function on the package's training path, and prove that it was called;
# - say what RMSNorm leaves out, and why a deep stack normalises before the branch.
#
# **What you need.** Chapters 02 (vjps, gradient checks) and 03 (linear layers, gelu, cross-entropy,
# modules). No GPU. About 100 minutes.

# %% id="setup"
from collections import Counter
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib import nn, reference
from mlstack_lib.autograd import op
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.digits import draw_digits
from mlstack_lib.course.exercises import chapter_04 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.losses import draw_losses

figures.style()

# %% [markdown] id="sizes"
# ## 1. A good start does not last
#
# Chapter 03 drew the initial weights of a layer of $K$ inputs with the deviation $\text{scale} / \sqrt{K}$ and
# found that, with GELU between the layers, a scale of about 1.5 keeps a signal's size. Measure it on 20 layers
# reading digits:

# %% id="digits"
images, labels = draw_digits(np.random.default_rng(0), 1000)
pixels = images.reshape(len(images), -1) - images.mean()
digits, labels, new_digits, new_labels = pixels[:200], labels[:200], pixels[200:], labels[200:]
print("digits to learn", digits.shape, " digits to test with", new_digits.shape)


# %% id="deep-code"
class DeepNet(nn.Module):
    """`layers` times linear, norm (if any), gelu; then a score for each of 10 digits."""

    def __init__(self, scale, norm=None, layers=8, width=32, seed=0):
        rng, sizes = np.random.default_rng(seed), [144] + [width] * layers
        self.linears = [nn.Linear(k, m, rng=rng, std=scale / k**0.5) for k, m in pairwise(sizes)]
        self.norms = [norm(width) if norm else None for _ in self.linears]
        self.head = nn.Linear(width, 10, rng=rng)

    def forward(self, x):
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = linear(x)
            x = ml.ops.gelu(norm(x) if norm else x)
        return self.head(x)


# %% id="train"
def train(net, rate, steps):
    """Plain gradient descent; the loss before each step, cut short by inf if it diverges."""
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            loss = ml.ops.cross_entropy(net(digits), labels)
            losses.append(loss.item())
            if not losses[-1] < 1000:
                return [*losses, np.inf]
            net.zero_grad()
            loss.backward()
            for parameter in net.parameters():
                parameter.data -= rate * parameter.grad.numpy()
    return losses


# %% [markdown] id="scales"
# **Predict before you run.** How does the gradient of the first layer's weights depend on the scale? We print
# its length, the root of the sum of its squares.

# %% id="scales-code"
for scale in [1, 1.5, 1.7, 2]:
    net = DeepNet(scale, layers=20)
    ml.ops.cross_entropy(net(digits), labels).backward()
    print(f"scale {scale:3}: length {np.linalg.norm(net.linears[0].weight.grad.numpy()):.0e}")

# %% [markdown] id="drift"
# Here 1.5 is too small: these signals are smaller, and near 0 GELU is about $x/2$. The third scale neither vanishes
# nor explodes. Does that last? By **size** we mean the standard deviation of all numbers that come out of
# a layer:


# %% id="drift-code"
def sizes(net):
    """The deviation of what comes out of each layer."""
    x, found = digits, []
    for linear, norm in zip(net.linears, net.norms, strict=True):
        x = linear(x)
        x = ml.ops.gelu(norm(x) if norm else x)
        found.append(x.numpy().std())
    return found


net = DeepNet(scale=1.7, layers=20)
figure, axes = plt.subplots()
axes.semilogy(range(1, 21), sizes(net), marker="o", ms=3, label="before training")
train(net, rate=0.05, steps=20)
axes.semilogy(range(1, 21), sizes(net), marker="s", ms=3, label="after 20 steps")
axes.set(xlabel="layer", ylabel="size of its output", xticks=range(0, 21, 5), ylim=(0.01, 1))
axes.legend()
show(figure, "Figure {figure:sizes}. The size of the signal after each of 20 layers, before training and "
     "after 20 steps. Small changes of all weights multiply: the last layers move most.")  # fmt: skip

# %% [markdown] id="sizes-why"
# The factors of 20 layers pile up: scales that differ by a fifth give gradients that differ more than a
# hundredfold. And training changes the factors (figure {figure:sizes}). A cure that does not depend on the
# weights: **measure the size in each layer, and divide by it.**
#
# ## 2. LayerNorm
#
# Take a row of $C$ numbers, say 5, 11, 11, 13. With pencil:
#
# - the **mean** is $\mu = 40 / 4 = 10$; less the mean they are $-5, 1, 1, 3$;
# - the mean of the squares of these is the **variance**, $v = (25 + 1 + 1 + 9) / 4 = 9$;
# - divided by the deviation $\sqrt{9} = 3$ they are about $-1.667, 0.333, 0.333, 1$.
#
# The row now has mean 0 and deviation 1. We call it $\hat{x}$ ("x hat"). Two details are missing. A row of
# equal numbers has variance 0, so a small $\varepsilon$ (`eps`) is added before the root. And the network
# may need another mean and size: it gets a `weight` and a `bias` for each of the $C$ columns,
# parameters that start at 1 and 0. In full:
#
# $$\hat{x} = (x - \mu) \cdot \text{rstd}, \qquad \text{rstd} = \frac{1}{\sqrt{v + \varepsilon}}, \qquad
# y = \hat{x} \cdot \text{weight} + \text{bias}$$
#
# (`rstd`: the reciprocal of the standard deviation.) Each row has its own $\mu$ and rstd; all rows share
# weight and bias. This is LayerNorm (Ba, Kiros and Hinton 2016).
#
# ### Exercise 4.1: layernorm_forward
#
# Write `layernorm_forward(x, weight, bias, eps)`.
#
# - `x` (N, C), `weight` (C,), `bias` (C,), all f32 or all f64; `eps` a number. Change none of them.
# - Returns three arrays of the same dtype: `y` (N, C), `mean` (N,), `rstd` (N,). The backward pass will need
#   the last two.
# - Example: for the row above, weights 1, biases 0 and `eps=0.0`, `mean` is `[10.]` and `rstd` is `[0.3333]`.
#
# <details><summary>Hint 1: along a row</summary>
#
# `x.mean(axis=1)` has the shape (N,), and `mean[:, None]` makes it (N, 1), which broadcasts along the rows.
#
# </details>
# <details><summary>Hint 2: the variance</summary>
#
# `x.var(axis=1)`, or the mean of the squares of `x - mean[:, None]`.
#
# </details>


# %% id="forward-stub" tags=["exercise"]
def layernorm_forward(x, weight, bias, eps):
    """Each row of x less its mean, times rstd, times weight, plus bias: y, mean, rstd."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    rstd = 1 / np.sqrt((centred * centred).mean(axis=1) + eps)
    return centred * rstd[:, None] * weight + bias, mean, rstd
    ### END SOLUTION


# %% id="forward-check"
forward_ = use("4.1 layernorm_forward", layernorm_forward, reference.layernorm_forward)

# %% [markdown] id="forward-after"
# The 20 layers again, each with your LayerNorm before its gelu: `ml.override` puts your function in the
# place of the package's. **Predict:** by how much do the sizes for three scales differ?

# %% id="forward-sizes"
for scale in [1, 2, 3]:
    with ml.override(layernorm_forward=forward_):
        found = sizes(DeepNet(scale, nn.LayerNorm, layers=20))
    print(f"scale {scale}: size after layer 1 {found[0]:.2f}, after layer 20 {found[-1]:.2f}")

# %% [markdown] id="invariant"
# Not at all: multiply a row by a factor, and its mean and deviation are multiplied too; $\hat{x}$ stays. Nor does
# adding a constant to a whole row change anything:

# %% id="invariant-code"
rng = np.random.default_rng(0)
x, weight, bias = rng.standard_normal((3, 6)), rng.uniform(0.5, 2, 6), rng.standard_normal(6)
y, mean, rstd = forward_(x, weight, bias, 1e-12)  # this small an eps moves y by about 1e-12
print("100 x gives the same y:", agree(forward_(100 * x, weight, bias, 1e-12)[0], y, within=1e-10))
print("x + 7 gives the same y:", agree(forward_(x + 7, weight, bias, 1e-12)[0], y, within=1e-10))

# %% [markdown] id="one-pass"
# ## 3. One pass that loses its digits
#
# The variance takes two passes over the row, one for the mean and one for the squares. School knows a
# formula whose two sums can grow in a single pass:
#
# $$v = \overline{x^2} - \bar{x}^2 \qquad \text{(a bar means: the mean of)}$$
#
# **Predict:** what does it give for 10001, 10002, 10003, 10004, whose variance is 1.25, in f32, which
# keeps about 7 digits?

# %% id="one-pass-code"
row = np.array([10001, 10002, 10003, 10004], dtype=np.float32)
mean_of_squares, square_of_mean = (row * row).mean(), row.mean() * row.mean()

print("true squares ", [int(v) ** 2 for v in row])
print("in f32       ", [int(v) for v in row * row])
print("mean of squares", int(mean_of_squares), "  square of the mean", int(square_of_mean))
print("variance by the formula:", mean_of_squares - square_of_mean)
print("variance in two passes: ", ((row - row.mean()) ** 2).mean())

# %% [markdown] id="one-pass-why"
# A **negative** variance, whose root is no number. A square here has 9 digits and f32 keeps 7: near a
# hundred million, neighbouring f32 numbers are 8 apart. Each of the two means is right to 7 digits, but
# they differ only in the eighth and ninth. The digits that were right cancel; what is left is rounding.
# This is **cancellation**, as in chapter 02.
#
# Two passes subtract first, while the numbers are small, and square afterwards. Can one pass do that
# before it knows the mean? Welford's idea (1962): use the mean **so far**, and mend the sum whenever it
# moves. Keep three numbers: the `count`, the `mean` so far, and `m2`, the sum of the squared distances
# from it. A new value comes, at the distance $d$ from the old mean; let $n$ be the new count. Then
#
# - the mean moves towards it by $d / n$;
# - the $n - 1$ old values lie around the old mean (their distances sum to 0); measured from the new one, $d/n$ away, their sum grows
#   by $(n - 1) (d / n)^2$;
# - the new value adds the square of its distance from the new mean, $(d - d/n)^2$.
#
# The last two together are $d \cdot (d - d/n)$: the distance to the old mean times that to the new.
#
# ### Exercise 4.2: welford
#
# Write `welford(count, mean, m2, value)`, which takes in one more value.
#
# - `count`: how many values so far, an int, 0 at first; `mean`, `m2`, `value`: numbers.
# - Returns the new `(count, mean, m2)`. The variance is `m2 / count`.
# - Example: `welford(1, 5.0, 0.0, 8.0)` is `(2, 6.5, 4.5)`.
#
# <details><summary>Hint</summary>
#
# Keep the old mean until the end: you need `value - mean` and `value - new_mean`.
#
# </details>

# %% id="welford-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_04.py:welford

# %% id="welford-check"
welford_ = use("4.2 welford", welford, given.welford)

# %% [markdown] id="three-ways"
# Three ways to take a variance, all in f32, on 1,024 numbers of deviation 1. How large may their mean be?


# %% id="three-ways-code"
def variance_welford(row):
    state = (0, np.float32(0), np.float32(0))
    for value in row:
        state = welford_(*state, value)
    return state[2] / state[0]


ways = {
    "formula, one pass": lambda row: (row * row).mean() - row.mean() * row.mean(),
    "Welford, one pass": variance_welford,
    "two passes": lambda row: ((row - row.mean()) ** 2).mean(),
}
noise, means = np.random.default_rng(0).standard_normal(1024), 10.0 ** np.arange(0, 5.1, 0.5)
rows = [(mean + noise).astype(np.float32) for mean in means]

figure, axes = plt.subplots()
for (name, way), marker in zip(ways.items(), "os^", strict=True):
    errors = [abs(way(row) / row.astype(np.float64).var() - 1) for row in rows]
    axes.loglog(means, errors, marker=marker, ms=4, label=name)
axes.axhline(1, color="#777777", lw=0.8, ls="-")
axes.set(xlabel="mean of the row (its deviation is 1)", ylabel="relative error of the variance")
axes.legend()
show(figure, "Figure {figure:variance}. Error of the variance in f32, three ways. The formula loses "
     "two digits for each factor of ten in the mean; from the grey line up, none is left.")  # fmt: skip

# %% [markdown] id="three-ways-after"
# Welford is far better than the formula, but not the best (figure {figure:variance}): its mean is rounded
# 1,024 times. So take two passes where the row is at hand, and Welford where values come only once.
# Chapter 10 returns to this on the GPU, where reading a row again has a price.
#
# ## 4. The gradient, by hand
#
# A number of a row moves the mean and the variance, and through them every result of the row. **Predict:** if
# one number grows a little, which way do the *other* results go? Measure it:

# %% id="slopes"
row = np.array([[-1.0, 0.5, 3.0, 0.0, -2.0, 1.0]])


def xhat_of(row):
    return forward_(row, np.ones(6), np.zeros(6), 1e-5)[0][0]


h, table = 1e-5, np.zeros((6, 6))
for j in range(6):
    step = np.zeros((1, 6))
    step[0, j] = h
    table[:, j] = (xhat_of(row + step) - xhat_of(row - step)) / (2 * h)

figure, axes = plt.subplots(figsize=(4.4, 3.4))
image = axes.imshow(table, cmap="PuOr", vmin=-0.6, vmax=0.6)
for i, j in np.ndindex(6, 6):
    color = "white" if abs(table[i, j]) > 0.4 else "black"
    axes.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=8, color=color)
axes.set(xlabel="number that grows, j", ylabel="result that moves, i")
axes.grid(False)
figure.colorbar(image, label="slope")
show(figure, "Figure {figure:table}. How fast result i moves when number j of the row grows. No "
     "slope is 0, and every row and every column of the table sums to 0.")  # fmt: skip

# %% [markdown] id="derivation"
# Mostly down, with the mean. But far out on the other side they go up: the deviation moves too. Figure
# {figure:table} is the Jacobian of a row. We want its vjp without the table. Move the row by a small
# $\delta$ (one number for each of the $C$) and follow what moves, to first order. A bar means the mean over the row;
# $c = x - \mu$, so $\bar{c} = 0$; $r$ is rstd.
#
# 1. The mean $\mu$ moves by $\bar{\delta}$.
# 2. So $c$ moves by $\delta - \bar{\delta}$.
# 3. The variance $v = \overline{c^2}$ moves by $2\,\overline{c (\delta - \bar\delta)} = 2\,\overline{c\,\delta}$, as $\bar{c} = 0$.
# 4. $r = (v + \varepsilon)^{-1/2}$ has the slope $-\frac12 r^3$ for $v$: it moves by $-r^3\,\overline{c\,\delta} = -r^2\,\overline{\hat{x}\,\delta}$.
# 5. $\hat{x} = c \cdot r$, a product, moves by $r (\delta - \bar\delta) - c\, r^2\,\overline{\hat{x}\,\delta} = r\,(\delta - \bar\delta - \hat{x}\,\overline{\hat{x}\,\delta})$.
# 6. If $g$ is the gradient of $\hat{x}$, the loss moves by $\sum_i g_i\, r\, (\delta_i - \bar\delta - \hat{x}_i\, \overline{\hat{x}\,\delta})$.
# 7. Collect what stands with one $\delta_j$: since $\sum_i g_i\,\bar\delta = \sum_j \bar{g}\,\delta_j$, and $\sum_i g_i \hat{x}_i\,\overline{\hat{x}\,\delta} = \sum_j \overline{g \hat{x}}\;\hat{x}_j\,\delta_j$,
# 8. the gradient of $x_j$ is $\; r\,(g_j - \bar{g} - \hat{x}_j\,\overline{g \hat{x}})$.
#
# Line 8 takes two things away from $g$. Its mean: adding a constant to the row changes nothing (section 2),
# so no gradient may point that way. And the multiple of $\hat{x}$ in it: stretching the row changes nothing
# either (but for $\varepsilon$).
#
# What arrives in the vjp is `dy`, the gradient of $y = \hat{x} \cdot \text{weight} + \text{bias}$. From it follow
# $g$ (a product's slope is the other factor) and the gradients of weight and bias, which every row uses:
# a value that is used many times gets the sum.
#
# ### Exercise 4.3: parameter_gradients
#
# Write `parameter_gradients(dy, x, mean, rstd)`.
#
# - `dy`, `x` (N, C), `mean`, `rstd` (N,), as `layernorm_forward` returned them. f32 or f64.
# - Returns `dweight` (C,) and `dbias` (C,).
#
# <details><summary>Hint</summary>
#
# Each row's slope for the weight is its $\hat{x}$, which you can compute again from `x`, `mean` and `rstd`. Sum
# over the rows: axis 0.
#
# </details>

# %% id="parameters-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_04.py:parameter_gradients

# %% id="parameters-check"
parameter_gradients_ = use(
    "4.3 parameter_gradients", parameter_gradients, given.parameter_gradients
)

# %% [markdown] id="backward"
# ### Exercise 4.4: layernorm_backward
#
# Write `layernorm_backward(dy, x, weight, mean, rstd)`: line 8 for all rows at once.
#
# - `dy`, `x` (N, C), `weight` (C,), `mean`, `rstd` (N,). f32 or f64. Change none of them.
# - Returns `dx` (N, C), `dweight` (C,), `dbias` (C,); for the last two call `parameter_gradients_`.
#
# <details><summary>Hint 1: g</summary>
#
# $y$ moves `weight` times as fast as $\hat{x}$, so `g = dy * weight`.
#
# </details>
# <details><summary>Hint 2: the two means</summary>
#
# Both are means along a row, kept as (N, 1): `g.mean(axis=1, keepdims=True)`, and the same of `g * xhat`.
#
# </details>


# %% id="backward-stub" tags=["exercise"]
def layernorm_backward(dy, x, weight, mean, rstd):
    """The gradients of layernorm_forward: dx, dweight, dbias."""
    ### BEGIN SOLUTION
    xhat, g = (x - mean[:, None]) * rstd[:, None], dy * weight
    along = xhat * (g * xhat).mean(axis=1, keepdims=True)
    dx = (g - g.mean(axis=1, keepdims=True) - along) * rstd[:, None]
    return dx, *parameter_gradients_(dy, x, mean, rstd)
    ### END SOLUTION


# %% id="backward-check"
backward_ = use("4.4 layernorm_backward", layernorm_backward, reference.layernorm_backward)

# %% [markdown] id="ones"
# Test it against measured slopes, once more with two cotangents (chapter 02). Three candidates: yours, one
# without the share along $\hat{x}$ ("half"), and zeros. All weights are 1.


# %% id="ones-code"
def measured_slopes(f, x, cotangent, h=1e-5):
    slopes = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[index] = ((f(x + step) - f(x - step)) * cotangent).sum() / (2 * h)
    return slopes


weight, bias = np.ones(6), np.zeros(6)
y, mean, rstd = forward_(x, weight, bias, 1e-5)
candidates = {
    "yours": lambda dy: backward_(dy, x, weight, mean, rstd)[0],
    "half": lambda dy: (dy - dy.mean(axis=1, keepdims=True)) * rstd[:, None],
    "zeros": lambda dy: np.zeros_like(x),
}
for kind, dy in [("ones", np.ones((3, 6))), ("random", rng.standard_normal((3, 6)))]:
    want = measured_slopes(lambda x: forward_(x, weight, bias, 1e-5)[0], x, dy)
    right = {name: agree(f(dy), want, within=1e-8) for name, f in candidates.items()}
    print(f"cotangent {kind:6}:", right)

# %% [markdown] id="ones-why"
# With ones, all three pass: each row of $\hat{x}$ sums to 0 whatever $x$ is, so the gradient of its sum is 0.
#
# ## 5. Your LayerNorm on the path
#
# `ml.ops.layernorm` of the package is value and vjp, as in chapter 02:
#
# quote mlstack_lib/ops.py:layernorm
#
# `backend(x)` looks up who serves `layernorm_forward`; an override comes first. The package hands the backward
# two arguments more: `out`, where it may want the parameters' gradients to be written, and `accumulate`. The
# wrappers below pass them to the package's `store`, and count calls.

# %% id="path"
calls = Counter()


def forward_on_path(x, weight, bias, eps):
    calls["forward"] += 1
    return forward_(x, weight, bias, eps)


def backward_on_path(dy, x, weight, mean, rstd, out=(None, None), accumulate=False):
    calls["backward"] += 1
    dx, dweight, dbias = backward_(dy, x, weight, mean, rstd)
    store = reference.store
    return dx, store(dweight, out[0], accumulate), store(dbias, out[1], accumulate)


mine = {"layernorm_forward": forward_on_path, "layernorm_backward": backward_on_path}
with ml.override(**mine):
    error = ml.gradcheck(ml.ops.layernorm, x, rng.uniform(0.5, 2, 6), rng.standard_normal(6))
print("all three gradients match:", error < 1e-6, "  calls of yours:", calls["backward"])

# %% [markdown] id="deep"
# The network of section 1 again, with 8 layers and your LayerNorm in each:

# %% id="deep-mine"
calls.clear()
with ml.override(**mine):
    losses = train(DeepNet(scale=1, norm=nn.LayerNorm), rate=0.1, steps=40)
print("yours was called:", dict(calls), "  8 layers x 40 steps =", 8 * 40)
print("loss at first above 2.3:", losses[0] > 2.3, "  at the end below 1:", losses[-1] < 1)

# %% [markdown] id="sweep"
# Your two functions trained it. **Predict:** at which scales of the initial weights does the network learn
# without LayerNorm? Five scales, each at the better of two rates:

# %% id="sweep-code"
scales, rates = [0.5, 1, 2, 3, 4], [0.02, 0.1]
figure, axes = plt.subplots()
final = {}
for name, norm, marker in [("without", None, "o"), ("with LayerNorm", nn.LayerNorm, "s")]:
    with ml.override(**mine):
        final[name] = [
            min(train(DeepNet(scale, norm), rate, 40)[-1] for rate in rates) for scale in scales
        ]
    axes.plot(scales, np.minimum(final[name], 3), marker=marker, label=name)
axes.axhline(np.log(10), color="#777777", lw=0.8, ls="-")
axes.text(2.5, np.log(10) + 0.04, "guessing: log 10", color="#555555", fontsize=9)
axes.set(xlabel="scale of the initial weights", ylabel="loss after 40 steps (nats)", ylim=(0, 3.1))
axes.legend(loc="lower right")
show(figure, "Figure {figure:sweep}. Loss of the network of 8 layers by the scale of its weights; 3 "
     "stands for: diverged. Without LayerNorm it learns at two of the scales, with it at all.")  # fmt: skip

print("scales with a loss below 1.8:")
for name, values in final.items():
    print(f"  {name:15}", [scale for scale, v in zip(scales, values, strict=True) if v < 1.8])

# %% [markdown] id="no-help"
# At scale 2 the plain network of figure {figure:sweep} does as well. Why does the scale matter with LayerNorm? All begin
# with the same loss, but weights 8 times as large get gradients 8 times as small: one rate turns them 64 times less.
#
# **Where it does not help.** In one layer little can get lost. Three initialisations, 100 steps, the loss on 800
# new digits:

# %% id="no-help-code"
for seed in range(3):
    report = {}
    for name, norm in [("without", None), ("with", nn.LayerNorm)]:
        net = DeepNet(scale=1.5, norm=norm, layers=1, seed=seed)
        last = train(net, rate=1.0, steps=100)[-1]
        report[name] = last, ml.ops.cross_entropy(net(new_digits), new_labels).item()
    lower = np.less(report["with"], report["without"])
    print(f"seed {seed}: LayerNorm lowers the training loss: {lower[0]}, the test loss: {lower[1]}")

# %% [markdown] id="rms"
# It fits the 200 digits more closely, and does no better on new ones: extra work, nothing gained.
#
# ## 6. RMSNorm: less work
#
# LayerNorm takes the mean off and divides by the size. Which of the two matters? Zhang and Sennrich (2019)
# tried the second alone, and found about the same quality in less time. **RMSNorm** divides by the root
# of the mean of the squares:
#
# $$\hat{x} = x \cdot \text{rstd}, \qquad \text{rstd} = \frac{1}{\sqrt{\overline{x^2} + \varepsilon}}, \qquad
# y = \hat{x} \cdot \text{weight}$$
#
# One pass is enough, and safe: nothing is subtracted, so nothing cancels. The LLaMA models use it (Touvron
# and others 2023, arXiv:2302.13971).
#
# ### Exercise 4.5: rmsnorm
#
# Write `rmsnorm(x, weight, eps)` as value and vjp.
#
# - `x` (N, C), `weight` (C,), f32 or f64; `eps` a number.
# - Returns `y` (N, C), and a function of `dy` (N, C) that returns `dx` (N, C) and `dweight` (C,).
# - Example: for `x = [[3., 4.]]`, weights 1 and `eps=0.0`, `y` is about `[[0.849, 1.131]]`.
#
# <details><summary>Hint: the gradient of x</summary>
#
# Go through lines 1 to 8 with $x$ in the place of $c$. No mean is taken off, so lines 1 and 2 fall away, and with
# them one term of line 8.
#
# </details>

# %% id="rms-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_04.py:rmsnorm

# %% id="rms-check"
rmsnorm_ = use("4.5 rmsnorm", rmsnorm, given.rmsnorm)

# %% [markdown] id="rms-after"
# `op` of the package makes your pair an operation of Tensors, as in chapter 02. In the deep network:


# %% id="rms-train"
class RMSNorm(nn.Module):
    def __init__(self, channels):
        self.weight = nn.parameter(np.ones(channels, np.float32))

    def forward(self, x):
        return op(rmsnorm_)(x, self.weight, 1e-5)


for scale in [0.5, 4]:
    losses = {n.__name__: train(DeepNet(scale, n), 0.1, 40)[-1] for n in [nn.LayerNorm, RMSNorm]}
    print(f"scale {scale}: below 1.8:", {name: loss < 1.8 for name, loss in losses.items()})

# %% [markdown] id="residual"
# ## 7. Before the branch or after the sum
#
# Deep networks have a second means against lost signals. A **residual** block does not replace $x$ but adds to
# it: $x + f(x)$, with a **branch** $f$ of a few layers. The $x$ runs through all blocks as a **stream** that
# each adds to. A sum sends its gradient on unchanged (chapter 02), so the stream is also a straight way back.
#
# Where does the LayerNorm go? After the sum, **post-norm**; or before
# the branch, **pre-norm**, as in GPT-2 and in the model of this course:


# %% id="orders"
def no_norm(x, norm, branch):
    return x + branch(x)


def post_norm(x, norm, branch):
    return norm(x + branch(x))


def pre_norm(x, norm, branch):
    return x + branch(norm(x))


class Block(nn.Module):
    def __init__(self, order, width, scale, rng):
        std = scale / width**0.5
        self.up = nn.Linear(width, width, rng=rng, std=std, activation="gelu")
        self.down = nn.Linear(width, width, rng=rng, std=std)
        self.norm, self.order = nn.LayerNorm(width), order

    def branch(self, x):
        return self.down(self.up(x))

    def forward(self, x):
        return self.order(x, self.norm, self.branch)


# %% id="stack-code"
class Stack(nn.Module):
    """Residual blocks, a last LayerNorm, and a score for each of 10 digits."""

    def __init__(self, order, blocks=24, width=32, scale=1.5, seed=0):
        rng = np.random.default_rng(seed)
        self.stem = nn.Linear(144, width, rng=rng)
        self.blocks = [Block(order, width, scale, rng) for _ in range(blocks)]
        self.last, self.head = nn.LayerNorm(width), nn.Linear(width, 10, rng=rng)

    def forward(self, x):
        self.streams = [self.stem(x)]
        for block in self.blocks:
            self.streams.append(block(self.streams[-1]))
        return self.head(self.last(self.streams[-1]))


# %% [markdown] id="stream-predict"
# The **stem**, a linear layer, starts the stream. **Predict:** how large is it after 24 blocks, in each order?

# %% id="stream"
for order in [no_norm, pre_norm, post_norm]:
    net = Stack(order)
    net(digits)
    first, last = (net.streams[i].numpy().std() for i in (0, -1))
    print(f"{order.__name__:9}: after the stem {first:.1g}, after 24 blocks {last:.1g}")

# %% [markdown] id="stream-why"
# Without normalisation each branch adds something larger than the stream it was made from. With pre-norm each
# adds about the same, and the stream grows slowly. Post-norm holds it at 1, which looks best. Train both:


# %% id="orders-train"
def better_run(order, blocks):
    """The losses of 30 steps, at the better of two rates."""
    with ml.override(**mine):
        return min((train(Stack(order, blocks), rate, 30) for rate in rates), key=lambda r: r[-1])


runs = {"pre-norm": better_run(pre_norm, 24), "post-norm": better_run(post_norm, 24)}
show(draw_losses(runs), "Figure {figure:orders}. Training loss of 24 residual blocks with the "
     "LayerNorm before the branch and after the sum, each at the better of two rates.")  # fmt: skip
print("below 1 after 30 steps:", {name: run[-1] < 1 for name, run in runs.items()})
print("with 6 blocks:", {o.__name__: better_run(o, 6)[-1] < 1 for o in [pre_norm, post_norm]})

# %% [markdown] id="orders-why"
# With 6 blocks both orders learn; with 24 post-norm is far behind (figure {figure:orders}). Why? Post-norm divides **all**
# of the stream in every block, what came straight through too. How much of it is still what the stem
# sent? And what gradients do the blocks get before the first step?


# %% id="inside"
def straight_share(net, order):
    """After each block: the size of what came straight from the stem, over the whole stream's."""
    net(digits)
    straight, shares = net.streams[0].numpy().std(), []
    for x, after, block in zip(net.streams, net.streams[1:], net.blocks, strict=False):
        if order is post_norm:
            straight /= (x + block.branch(x)).numpy().std()
        shares.append(straight / after.numpy().std())
    return shares


def gradient_lengths(net):
    """The length of the gradient of each block's second weight."""
    ml.ops.cross_entropy(net(digits), labels).backward()
    return [np.linalg.norm(block.down.weight.grad.numpy()) for block in net.blocks]


# %% id="inside-figure"
figure, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.0))
for order, marker in [(pre_norm, "o"), (post_norm, "s")]:
    nets = [Stack(order, seed=seed) for seed in range(6)]
    shares = np.mean([straight_share(net, order) for net in nets], axis=0)
    lengths = np.mean([gradient_lengths(net) for net in nets], axis=0)
    left.semilogy(range(1, 25), shares, marker=marker, ms=3, label=order.__name__)
    right.plot(range(1, 25), lengths, marker=marker, ms=3)
    print(f"{order.__name__:9}: straight share above 0.01: {shares[-1] > 0.01}, "
          f"gradient of block 24 longer than that of block 1: {lengths[-1] > lengths[0]}")  # fmt: skip
left.set(xlabel="block", ylabel="straight share of the stream", xticks=range(0, 25, 6))
right.set(xlabel="block", ylabel="length of the gradient", xticks=range(0, 25, 6), ylim=0)
left.legend()
show(figure, "Figure {figure:inside}. Before training, mean of 6 networks. Left: the share of the "
     "stream that came straight from the stem. Right: the gradient of each block.")  # fmt: skip

# %% [markdown] id="inside-why"
# Figure {figure:inside}, left: post-norm nearly halves the straight part in every block, until a millionth
# is left. The network is again a chain, as in section 1: what the stem said about the digit reaches the end
# only through 24 branches. Pre-norm divides what a branch reads, never the stream. Right: in the first block
# the gradients are of similar length, so they have not vanished; post-norm's stay long up to the last, as
# Xiong and others (2020) prove for Transformers.
#
# ## 8. The same in the package
#
# In a pre-norm stack each sum is followed by a LayerNorm. The package does both in one function, which saves
# a way through memory:
#
# quote mlstack_lib/reference.py:residual_layernorm_forward
#
# Yours against it:

# %% id="package"
rng = np.random.default_rng(1)
x, delta, dy = (rng.standard_normal((50, 32)) for _ in range(3))
weight, bias = rng.uniform(0.5, 2, 32), rng.standard_normal(32)
tensors = [ml.tensor(a, requires_grad=True) for a in (x, delta, weight, bias)]
stream, theirs = ml.ops.residual_layernorm(*tensors)
theirs.backward(dy)

y, mean, rstd = forward_(x + delta, weight, bias, 1e-5)
dx, dweight, dbias = backward_(dy, x + delta, weight, mean, rstd)
print("value agrees:", agree(y, theirs.numpy(), within=1e-12))
for name, got, tensor in zip(
    ["x", "delta", "weight", "bias"], [dx, dx, dweight, dbias], tensors, strict=True
):
    print(f"gradient of {name} agrees:", agree(got, tensor.grad.numpy(), within=1e-12))

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - say why a deep network without normalisation is hard to train: the factors of its layers pile up;
# - compute a variance in f32 without losing its digits: never as a difference of large squares;
# - derive the gradient of LayerNorm, $r\,(g - \bar{g} - \hat{x}\,\overline{g \hat{x}})$: it takes away what points along
#   a shift or a stretch of the row;
# - put your own function on the package's training path with `ml.override`, and count its calls;
# - say what RMSNorm leaves out, the mean, and why a deep stack normalises before the branch: nothing divides
#   the stream then.
#
# **Two questions.**
#
# 1. A linear layer with a bias stands right before a LayerNorm. If every number of that bias grows by the same
#    amount, what happens to the loss?
# <details><summary>Answer</summary>
#
# Nothing. Every row grows by a constant, and LayerNorm takes it off. So the gradient of that bias sums to 0.
#
# </details>
#
# 2. LayerNorm treats each row by itself. Why does that matter when a trained network is given one single digit?
# <details><summary>Answer</summary>
#
# Its result does not depend on what else is in the batch, so one digit gets the same scores alone as among 200. Had we
# normalised each column over the batch (BatchNorm does), a batch of one would have variance 0, and one would
# have to store means and variances from training.
#
# </details>
#
# **On your own.** Give the stack the scale 1.0 instead of 1.5, and train both orders again. How much of the stream
# is straight now?
#
# **Further reading.**
# - J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer Normalization*, 2016, arXiv:1607.06450.
# - B. P. Welford, *Note on a Method for Calculating Corrected Sums of Squares and Products*, Technometrics 4, 1962.
# - B. Zhang, R. Sennrich, *Root Mean Square Layer Normalization*, 2019, arXiv:1910.07467.
# - R. Xiong and others, *On Layer Normalization in the Transformer Architecture*, 2020, arXiv:2002.04745.
#
# The solutions: `solutions/04_layernorm.ipynb`. Before: chapter 03, neural networks. Next: chapter 05, AdamW.
