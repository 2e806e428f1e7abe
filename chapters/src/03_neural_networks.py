# %% [markdown] id="title"
# # 03 Train a network that reads digits
#
# Chapter 02 gave you the slopes. This chapter builds what they are the slopes of: layers with
# parameters, a function that bends, probabilities, and a loss that says how wrong they are. At the end
# a network reads digits it has never seen, with your functions inside.
#
# **What you build.** A linear layer's gradients, GELU, the initial weights, softmax, cross-entropy and
# dropout: all that a Transformer needs besides attention and LayerNorm.
#
# **What you can do afterwards.** You can
# - give the gradients of a linear layer, and say why a network needs a function that bends;
# - choose how large weights begin, and say what becomes of a signal in a deep network otherwise;
# - compute softmax and cross-entropy for scores of any size;
# - derive the gradient of cross-entropy, and say what it does to a wrong answer;
# - train a classifier, look at its errors, and say how dropout works without storing its mask.
#
# **What you need.** Chapters 01 and 02; what a variance is. No GPU. About 90 minutes.

# %% id="setup"
import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib import nn, reference
from mlstack_lib.array import Slot
from mlstack_lib.backend import calls
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.digits import draw_digits
from mlstack_lib.course.exercises import chapter_03 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.images import draw_images

figures.style()

# %% [markdown] id="digits"
# ## 1. The task
#
# An image of 12 by 12 grey values goes in, one of ten digits comes out. `draw_digits` draws as many as
# we want, each with a different hand. Before you try to write rules for them, look: can you say what
# makes a 4 a 4?

# %% id="digits-figure"
images, labels = draw_digits(np.random.default_rng(0), 2000)
test_images, test_labels = draw_digits(np.random.default_rng(1), 1000)
print("to train with:", images.shape, "  to test with:", test_images.shape, images.dtype)

first = [np.flatnonzero(labels == digit)[i] for i in range(3) for digit in range(10)]
show(draw_images(images[first], [str(labels[i]) for i in first]),
     "Figure {figure:digits}. Three images of each digit, with its label. Slant, size, place and pen "
     "differ; there is noise on the paper.")  # fmt: skip

# %% [markdown] id="linear"
# ## 2. A layer of weighted sums
#
# The network gives each digit a **score**. The simplest: multiply each grey value by a weight of that
# digit, add up, add a bias. Ten digits make a **linear layer**, and a whole batch of N images goes
# through at once:
#
# $$Y = X W^T + b$$
#
# `x` (N, K) has an example in each row, `weight` (M, K) an output in each row, `bias` is (M,), and
# `y` (N, M). In this course weights are always stored (out, in). Here N = 1, K = 3, M = 2:

# %% id="linear-by-hand"
x = np.array([[1.0, 2.0, 3.0]])
weight = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]])
bias = np.array([10.0, 20.0])

print("first output: ", 1 * 1 + 0 * 2 + 2 * 3 + 10)
print("second output:", 0 * 1 - 1 * 2 + 1 * 3 + 20)
print("both at once: ", x @ weight.T + bias)
print("the package:  ", reference.linear_forward(x, weight, bias)[0])

# %% [markdown] id="linear-gradient"
# From here on, `dy` is the gradient that arrives at `y`, and `dx`, `dweight`, `dbias` are those to be
# sent on, each of the shape of its array. Chapter 02 has all three: a matrix product, a broadcast.
# The gradient of the first factor, $X$, is that of the product times the second factor transposed.
# The second factor is $W^T$, so that is $dX = dY \, W$, of shape (N, M)(M, K) = (N, K).
#
# ### Exercise 3.1: linear gradients
#
# Write `linear_backward_weight(dy, x)`.
#
# - `dy` (N, M), `x` (N, K), f32 or f64. Returns `dweight` (M, K) and `dbias` (M,), of the same dtype.
# - With the numbers above and `dy = [[1, 10]]`: `dweight` is `[[1, 2, 3], [10, 20, 30]]`, `dbias` `[1, 10]`.
#
# <details><summary>Hint</summary>
#
# One weight meets one column of `x` and adds to one column of `y`, in every row: a sum over N. Of the
# products of `dy`, `x` and their transposes, one sums over N and has the shape (M, K). The bias was
# stretched over the rows.
#
# </details>


# %% id="linear-stub" tags=["exercise"]
def linear_backward_weight(dy, x):
    """The gradients of y = x @ weight.T + bias: dweight (M, K), dbias (M,)."""
    ### BEGIN SOLUTION
    return dy.T @ x, dy.sum(axis=0)
    ### END SOLUTION


# %% id="linear-check"
linear_backward_weight_ = use(
    "3.1 linear gradients", linear_backward_weight, reference.linear_backward_weight
)

# %% [markdown] id="bend"
# ## 3. A function that bends
#
# Would two linear layers see more than one? **Predict before you run.**

# %% id="two-linear"
rng = np.random.default_rng(0)
x, first, second = (rng.standard_normal(shape) for shape in [(5, 8), (6, 8), (3, 6)])
one = second @ first  # (3, 8)
print("two layers are one layer:", agree((x @ first.T) @ second.T, x @ one.T, within=1e-12))

# %% [markdown] id="gelu"
# No: a product of matrices is a matrix. Chapter 02 put `tanh` between its layers. Transformers use the
# **GELU**: $x$ times the probability that a standard normal number is below $x$. Large $x$ pass as they are, very negative ones become 0, and in between it is
# smooth. GPT-2, and this course, compute it by a formula close to it, in which $\tanh$ makes the step from
# 0 to 1:
#
# $$y = 0.5 \, x \, (1 + \tanh u), \qquad u = \sqrt{2 / \pi} \, (x + 0.044715 \, x^3)$$
#
# ### Exercise 3.2: gelu
#
# Write `gelu_forward(x)`.
#
# - `x`: an array of any shape, f32 or f64. Returns an array of its shape and dtype.
# - `gelu_forward(np.array([0.0, 1.0, -1.0]))` is about `[0, 0.8412, -0.1588]`.
#
# <details><summary>Hint</summary>
#
# Two lines, `u` and the result. Write the root as `(2 / np.pi) ** 0.5`: `np.sqrt` gives an f64 number, which makes
# f32 arrays f64.
#
# </details>


# %% id="gelu-stub" tags=["exercise"]
def gelu_forward(x):
    """0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3)."""
    ### BEGIN SOLUTION
    u = (2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + np.tanh(u))
    ### END SOLUTION


# %% id="gelu-check"
gelu_forward_ = use("3.2 gelu", gelu_forward, reference.gelu_forward)

# %% [markdown] id="gelu-backward"
# Its slope: $y$ is half the product of $x$ and $1 + \tanh u$, and the slope of $\tanh u$ for $x$ is
# $(1 - \tanh^2 u)$ times the slope of $u$. The package says just that (`_gelu_inner` is $u$, the constants are those above):
#
# quote mlstack_lib/reference.py:gelu_backward
#
# Inside a block `with ml.override(...)` another function serves an operation of the package. So
# `ml.gradcheck` can compare that slope with your function's own differences:

# %% id="gelu-figure"
with ml.override(gelu_forward=gelu_forward_):
    error = ml.gradcheck(ml.ops.gelu, np.random.default_rng(0).standard_normal((3, 4)))
print("the slope belongs to the function:", error < 1e-8)

x = np.linspace(-4, 4, 161)
figure, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 2.7))
left.plot(x, gelu_forward_(x), label="GELU")
left.plot(x, np.maximum(x, 0), label="ReLU: max(x, 0)")
right.plot(x, reference.gelu_backward(np.ones_like(x), x), label="GELU")
right.plot(x, np.where(x < 0, 0.0, 1.0), label="ReLU")
left.set(xlabel="x", ylabel="y")
right.set(xlabel="x", ylabel="slope")
left.legend()
show(figure, "Figure {figure:gelu}. GELU beside ReLU, the older choice, and their slopes. GELU dips a "
     "little below 0; its slope has no jump and is not flat 0 left of 0.")  # fmt: skip

# %% [markdown] id="start"
# ## 4. How large should weights begin?
#
# They cannot all be 0: then the hidden numbers are all alike, get the same gradient and stay alike. So
# draw them at random, with mean 0. How large? We measure size as the **deviation**, the root of the
# variance. **Predict before you run:** twenty linear layers follow each other, each with 128 inputs and
# outputs. What comes out if the weights have a deviation of 1? Of 0.01?


# %% id="deep-code"
def deviations(factor, bend=lambda y: y, depth=20, width=128):
    """The deviation of each layer's output; weights have the deviation factor / sqrt(width)."""
    rng, found = np.random.default_rng(0), []
    x = rng.standard_normal((200, width))
    for _ in range(depth):
        y = x @ (factor / np.sqrt(width) * rng.standard_normal((width, width))).T
        found.append(float(y.std()))
        x = bend(y)
    return found


for weight_deviation in [1.0, 0.01]:
    end = deviations(weight_deviation * np.sqrt(128))[-1]
    print(f"weights of deviation {weight_deviation}: after 20 layers {end:.1e}")

# %% [markdown] id="variance"
# An output is a sum of $K$ products $w_k x_k$, where $w$ and $x$ are independent and have mean 0. The
# variance of such a product is the product of the variances, and variances of independent numbers add:
#
# $$\text{variance of } y = K \cdot \text{variance of } w \cdot \text{variance of } x$$
#
# Twenty layers multiply by this factor twenty times. A signal stays as it is if the factor is 1, so
# if the variance of $w$ is $1/K$: the deviation is $1 / \sqrt{K}$.
#
# ### Exercise 3.3: initial weight
#
# Write `initial_weight(rng, outputs, inputs)`: normal numbers of mean 0 and that deviation.
#
# - `rng`: a NumPy generator, the only source of the numbers. Returns (outputs, inputs), f32.
#
# <details><summary>Hint</summary>
#
# `rng.standard_normal(shape)` has deviation 1 and is f64; `.astype(np.float32)` converts. K counts what
# is summed: which of the two sizes is it?
#
# </details>

# %% id="start-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_03.py:initial_weight

# %% id="start-check"
initial_weight_ = use("3.3 initial weight", initial_weight, given.initial_weight)

# %% id="deep-figure"
figure, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.0), sharey=True)
layers = range(1, 21)
for factor, marker in [(2.0, "^"), (1.0, "o"), (0.5, "v")]:
    left.semilogy(layers, deviations(factor), marker=marker, ms=3, label=f"{factor} / sqrt(K)")
for factor, marker in [(2.0, "^"), (1.5, "s"), (1.0, "o")]:
    right.semilogy(
        layers, deviations(factor, gelu_forward_), marker=marker, ms=3, label=f"{factor} / sqrt(K)"
    )
left.set(title="linear layers alone", xlabel="layer", ylabel="deviation of the output")
right.set(title="GELU between them", xlabel="layer", ylim=(1e-7, 1e11))
for axes in (left, right):
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.legend(title="deviation of weights", loc="upper left")
show(figure, "Figure {figure:deep}. What becomes of a signal in 20 layers. Left: it keeps its size for "
     "1 / sqrt(K) only. Right: GELU makes it smaller, and about 1.5 / sqrt(K) balances that.")  # fmt: skip

# %% [markdown] id="deep-after"
# Twice too large or too small is a millionfold after 20 layers (figure {figure:deep}, left). GELU
# sends part of the signal to almost 0, so $1/\sqrt{K}$ is no longer enough (right). A larger factor
# helps, but it has to fit the function, and training moves the weights away from it. Chapter 04
# builds a layer that sets the size right wherever it stands; for the two layers here $1/\sqrt{K}$ is
# good enough.
#
# ## 5. Modules: parameters with names
#
# A layer is a function and the parameters that belong to it. `nn.Module` asks no more of you than to
# assign them to attributes. A module may hold other modules:


# %% id="modules"
class Linear(nn.Module):
    """x (N, inputs) -> (N, outputs)."""

    def __init__(self, inputs, outputs, rng):
        self.weight = nn.parameter(initial_weight_(rng, outputs, inputs))
        self.bias = nn.parameter(np.zeros(outputs, np.float32))

    def forward(self, x):
        return ml.ops.linear(x, self.weight, self.bias)


class Classifier(nn.Module):
    """Images (N, 12, 12) -> the scores of ten digits (N, 10)."""

    def __init__(self, seed=0, dropout_rate=0.0):
        rng = np.random.default_rng(seed)
        self.hidden, self.output = Linear(144, 64, rng), Linear(64, 10, rng)
        self.dropout = nn.Dropout(dropout_rate)  # section 9; with the rate 0 it does nothing

    def forward(self, images):
        x = ml.tensor(images.reshape(len(images), 144))
        return self.output(self.dropout(ml.ops.gelu(self.hidden(x))))


# %% id="modules-use"
for name, parameter in Classifier().named_parameters():
    print(f"{name:14} {parameter.shape!s:10} {parameter.dtype}")

# %% [markdown] id="modules-how"
# How does it find them? `vars(self)` are the attributes; a Tensor that wants a gradient is a
# parameter; modules inside are asked the same question, and their names are joined with dots:
#
# quote mlstack_lib/nn.py:Module._all_parameters
#
# ## 6. From scores to probabilities
#
# Ten scores $z$, any numbers, are to become ten probabilities: positive, with the sum 1, and the larger
# the score, the larger the probability. The **softmax** takes exponentials and divides by their sum:
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# **Predict before you run:** what will come of scores around 1000, and around -1000?


# %% id="softmax-naive"
def softmax_naive(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


with np.errstate(all="ignore"):  # no warnings: we look at the results
    for z in [[1.0, 0.0, -1.0], [1000.0, 999.0, 998.0], [-1000.0, -1001.0, -1002.0]]:
        print(z, "->", softmax_naive(np.array(z)).round(4))

# %% [markdown] id="softmax"
# $e^{1000}$ is too large for a float64 and becomes infinity; infinity over infinity is not a number,
# `nan`. $e^{-1000}$ becomes 0, and 0 over 0 is `nan` too. Yet all three rows have the same differences,
# and only differences count. Subtract any number $c$ from all scores:
#
# $$\frac{e^{z_i - c}}{\sum_j e^{z_j - c}} = \frac{e^{z_i} e^{-c}}{\sum_j e^{z_j} e^{-c}} = p_i$$
#
# With $c = \max_j z_j$ the largest exponent is 0, its exponential 1: nothing is too large, and the sum is
# at least 1.
#
# ### Exercise 3.4: softmax
#
# Write `softmax_forward(x)`, along the last axis, for scores of any size.
#
# - `x`: an array of 1 or more axes, f32 or f64, not to be changed. Returns an array of its shape and dtype.
# - `softmax_forward(np.array([[1000.0, 1000.0], [0.0, -1000.0]]))` is `[[0.5, 0.5], [1, 0]]`.
#
# <details><summary>Hint</summary>
#
# Every row has a maximum of its own: `x.max(axis=-1, keepdims=True)`. `keepdims` leaves an axis of size 1,
# so that broadcasting finds the row again.
#
# </details>


# %% id="softmax-stub" tags=["exercise"]
def softmax_forward(x):
    """exp(x) over its sum, along the last axis; the maximum is taken off first."""
    ### BEGIN SOLUTION
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    ### END SOLUTION


# %% id="softmax-check"
softmax_forward_ = use("3.4 softmax", softmax_forward, reference.softmax_forward)

# %% [markdown] id="softmax-gradient"
# **Its gradient.** $z_j$ stands above the line in $p_j$ and below it in every $p_i$. By the rule for
# quotients the slope of $p_i$ for $z_j$ is $p_i - p_i p_j$ if $i = j$, else $-p_i p_j$. Write $g_i$ for the
# gradient that arrives at $p_i$, and add over all uses of $z_j$:
#
# $$\text{gradient of } z_j = g_j p_j - \sum_i g_i p_i p_j = p_j \Big(g_j - \sum_i g_i p_i\Big)$$
#
# `reference.softmax_backward` is this line. For $g$ all ones the bracket is $1 - \sum_i p_i = 0$: this is
# why ones lied in chapter 02.

# %% id="softmax-gradcheck"
with ml.override(softmax_forward=softmax_forward_):
    error = ml.gradcheck(ml.ops.softmax, np.random.default_rng(0).standard_normal((3, 5)))
print("the gradient of softmax is right, with random numbers:", error < 1e-8)

# %% [markdown] id="loss"
# ## 7. How wrong is it?
#
# Let $p_t$ be the probability that the network gave to the right answer, the **target** $t$. The
# **cross-entropy** loss is $-\log p_t$: 0 if it was sure and right, and the larger, the more surely it was
# wrong. With the natural logarithm its unit is the **nat**.

# %% id="loss-table"
for p in [1.0, 0.9, 0.5, 0.1, 0.001]:
    print(f"right answer given {p:5}: loss {np.log(1 / p):.3f} nats")

# %% [markdown] id="logsumexp"
# A network that knows nothing says 0.1 for every digit and has a loss of $\log 10 = 2.303$.
#
# If the right answer's score is 1000 below another, softmax gives it exactly 0, and $-\log 0$ is infinite.
# The loss is not: put the formula of $p_t$ into the logarithm.
#
# $$-\log p_t = \log \sum_j e^{z_j} - z_t$$
#
# The first term is the **log-sum-exp** of the scores. Take the maximum $m$ off and add it again:
# $\log \sum_j e^{z_j} = m + \log \sum_j e^{z_j - m}$. So $-\log p_t = \log \sum_j e^{z_j - m} - (z_t - m)$.
#
# **The gradient.** The slope of $\log \sum_j e^{z_j}$ for $z_i$ is $e^{z_i}$ over the sum, which is
# $p_i$. The slope of $-z_t$ is $-1$ if $i = t$, else 0. Let $y_i$ be 1 for the target and 0
# elsewhere:
#
# $$\text{gradient of } z_i = p_i - y_i$$
#
# What the network said, less what was right. Each wrong score is pushed down as hard as it was
# believed, the right one up by what it lacks.
#
# ### Exercise 3.5: cross-entropy
#
# Scores that are meant for softmax are called **logits**. Write `cross_entropy(logits, targets)`.
#
# - `logits` (N, V) f32 or f64, not to be changed; `targets` (N,) whole numbers from 0 to V - 1.
# - Returns the **mean** loss of the rows, a number, and `dlogits` (N, V), its gradient.
# - For `[[0, 0], [0, 0]]` and `[1, 0]`: 0.6931 and `[[0.25, -0.25], [-0.25, 0.25]]`. For `[[1000, -1000]]` and `[1]`: 2000 and `[[1, -1]]`.
#
# <details><summary>Hint 1: one element of each row</summary>
#
# `z[np.arange(len(targets)), targets]` is the target's score in each row, and the same on the left of
# `-=` changes just these.
#
# </details>
# <details><summary>Hint 2: the plan</summary>
#
# `z`: the logits less their rows' maximum. `losses`: the logarithm of the sum of `exp(z)`, less the
# target's `z`. `dlogits`: your softmax, less 1 at the targets. A mean over N rows: what becomes of
# the gradient?
#
# </details>

# %% id="loss-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_03.py:cross_entropy

# %% id="loss-check"
cross_entropy_ = use("3.5 cross-entropy", cross_entropy, given.cross_entropy)

# %% [markdown] id="train"
# ## 8. Train it, with your functions
#
# Each step takes 100 random images, a **batch**: on average its gradient is that of all 2,000, for a twentieth
# of the work. Then each parameter moves against its gradient. Every 20 steps we look at
# the test images, from which the network never learns.
#
# `mine` is what `ml.override` gets. The package hands its functions some arguments that yours do not
# take; two short functions drop them. `calls` counts which function served which operation.


# %% id="train-code"
def evaluate(model):
    """The share of the test images that it reads correctly, and its loss on them."""
    with ml.no_grad():  # remember nothing for a backward pass
        logits = model.eval()(test_images)
        loss = ml.ops.cross_entropy(logits, test_labels).item()
    model.train()
    return float((logits.numpy().argmax(axis=1) == test_labels).mean()), loss


def train(model, images, labels, steps=400, rate=0.5):
    """Plain gradient descent; the loss of each step, and `evaluate` after every 20."""
    rng, losses, tests = np.random.default_rng(0), [], []
    for step in range(steps):
        ml.device("cpu").state[Slot.DROPOUT] = step  # from which section 9 computes its mask
        chosen = rng.integers(0, len(images), 100)
        loss = ml.ops.cross_entropy(model(images[chosen]), labels[chosen])
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= rate * parameter.grad.numpy()
        losses.append(loss.item())
        if (step + 1) % 20 == 0:
            tests.append(evaluate(model))
    return losses, tests


# %% id="train-run"
def serve_weight(dy, x, *_):
    return linear_backward_weight_(dy, x)


def serve_loss(logits, targets, *_):
    loss, dlogits = cross_entropy_(logits, targets)
    return np.asarray(loss, logits.dtype), dlogits


mine = {
    "gelu_forward": gelu_forward_,
    "linear_backward_weight": serve_weight,
    "cross_entropy_with_gradient": serve_loss,
}
model = Classifier()
calls.clear()
with ml.override(**mine):
    losses, tests = train(model, images, labels)

print("the first loss is within 0.1 of log 10:", abs(losses[0] - np.log(10)) < 0.1)
print("after 400 steps, more than 95 % of the test images are read:", tests[-1][0] > 0.95)
for name, function in mine.items():
    print(f"{name}: served by this function {calls['cpu', name, function]} times")

# %% id="train-figure"
figure, axes = plt.subplots(figsize=(figures.WIDTH, 2.8))
axes.plot(range(1, 401), losses, lw=0.8, label="batch of 100, each step")
axes.plot(range(20, 401, 20), [loss for _, loss in tests], marker="o", ms=3, label="test images")
axes.axhline(np.log(10), color="#666666", lw=1, ls=":")
axes.text(400, np.log(10) - 0.06, "log 10: knows nothing", ha="right", va="top", fontsize=9)
axes.set(xlabel="training step", ylabel="loss (nats)", ylim=(0, 2.6))
axes.legend(loc="center right")
show(figure, "Figure {figure:loss}. The loss falls from log 10 = 2.303, of a network that knows "
     "nothing, to near 0, on the test images almost as far.")  # fmt: skip

# %% [markdown] id="is-it-mine"
# GELU was called in each of the 400 steps and 20 evaluations, the gradient of a weight in each step
# for two layers. Is it really your GELU that sits in there? Put a broken one in its place. **Predict
# before you run:** if GELU always returns 0, what can the network still learn?

# %% id="broken"
with ml.override(gelu_forward=np.zeros_like):
    _, broken_tests = train(Classifier(), images, labels, steps=100)
print("with a broken gelu, fewer than 20 % are read:", broken_tests[-1][0] < 0.2)

# %% [markdown] id="errors"
# Only the output's bias reaches the scores, and it cannot see the image.
#
# **Look at the errors.** Figure {figure:errors} shows the mistakes that the network was surest of.
# Would you have read them?

# %% id="errors-figure"
with ml.no_grad():
    probabilities = softmax_forward_(model(test_images).numpy())
answers, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
wrong = np.flatnonzero(answers != test_labels)
wrong = wrong[np.argsort(-surest[wrong])][:12]
titles = [f"{answers[i]}, not {test_labels[i]}\np = {surest[i]:.2f}" for i in wrong]
show(draw_images(test_images[wrong], titles, columns=6),
     "Figure {figure:errors}. The 12 wrong answers of the highest probability: what the network says, "
     "what is right, and the probability that it gave its answer.")  # fmt: skip

# %% [markdown] id="start-size"
# **Does the start matter?** The same network again, its initial weights multiplied by 0, by 1 and by 100:

# %% id="start-size-code"
for factor in [0.0, 1.0, 100.0]:
    scaled = Classifier()
    for parameter in scaled.parameters():
        parameter.data *= factor
    scaled_losses, scaled_tests = train(scaled, images, labels, steps=400)
    print(f"start times {factor:5}: first loss above 100: {scaled_losses[0] > 100}, "
          f"after 400 steps more than 90 % are read: {scaled_tests[-1][0] > 0.9}")  # fmt: skip

# %% [markdown] id="dropout"
# From 0 only the output's bias learns: hidden numbers of 0 give the output's weights no gradient, and those
# zeros let none through. From 100 it begins surely wrong and does not recover.
#
# ## 9. Dropout, and a mask that nobody stores
#
# A network with many parameters and few examples can learn these by heart. **Dropout** disturbs that: in
# each step it sets a random share of the hidden numbers to 0, so that no number can rely on another one
# being there. The others are divided by $1 - \text{rate}$, so that the sums stay the same on average. For
# tests it is switched off: `model.eval()`.
#
# The backward pass needs the same mask again: a number that was dropped gets no gradient. A mask from a
# generator like `rng` would have to be kept in memory until then. Ours is **computed** from what identifies
# an element: its index, the layer, the step, the run's seed. Asked again, it comes out the same, backwards,
# on any device. `pcg4d` mixes four such whole numbers of 32 bits (u32) into four **words** that look random:
#
# quote mlstack_lib/reference.py:pcg4d
#
# quote mlstack_lib/reference.py:_pcg4d_mix

# %% id="words"
# quote mlstack_lib/course/exercises/chapter_03.py:random_words


for index, word in enumerate(random_words(4, step=7, seed=2, layer=0)):
    print(f"element {index}: {word:032b}")
words = random_words(100_000, step=7, seed=2, layer=0)
print("below 0.3 * 2**32: about 30 %:", abs((words < 0.3 * 2**32).mean() - 0.3) < 0.005)

# %% [markdown] id="dropout-exercise"
# ### Exercise 3.6: dropout
#
# Write `dropout(x, step, seed, layer, rate)`: an element of `x` becomes 0 if its word is below
# `rate * 2**32`; the others are divided by `1 - rate`.
#
# - `x`: an array of any shape, f32 or f64, not to be changed; its elements are numbered row by row. `step`,
#   `seed`, `layer`: whole numbers; `rate`: from 0 to below 1. Returns an array of the shape and dtype of `x`.
#
# <details><summary>Hint</summary>
#
# `random_words(x.size, step, seed, layer)` is flat; `.reshape(x.shape)` numbers row by row. A
# comparison gives True and False, and multiplying with them keeps or clears.
#
# </details>

# %% id="dropout-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_03.py:dropout

# %% id="dropout-check"
dropout_ = use("3.6 dropout", dropout, given.dropout)

# %% [markdown] id="dropout-vjp"
# Each output is its input times 0 or times $1 / (1 - \text{rate})$, so the vjp multiplies by the same
# factors: it is **dropout itself**, called on the gradient.

# %% id="dropout-same"
x = np.random.default_rng(0).standard_normal((4, 6))
dy = np.random.default_rng(1).standard_normal((4, 6))
y = dropout_(x, step=7, seed=1, layer=0, rate=0.5)
dx = dropout_(dy, step=7, seed=1, layer=0, rate=0.5)
again = dropout_(x, step=8, seed=1, layer=0, rate=0.5)
print("backwards the same elements are 0:", np.array_equal(y == 0, dx == 0))
print("in the next step others are:      ", not np.array_equal(y == 0, again == 0))

# %% [markdown] id="dropout-train"
# Does it help? Give the network only 100 images, which it will learn by heart, without and with dropout.
# **Predict before you run:** does dropout close the gap to 2,000 images?


# %% id="dropout-run"
def serve_dropout(x, state, seed, layer, rate):
    return dropout_(x, int(state[Slot.DROPOUT]), seed, layer, rate)


few, few_labels = images[:100], labels[:100]
runs = {"2,000 images": tests}
with ml.override(**mine, dropout=serve_dropout):
    for name, dropout_rate in [("100 images", 0.0), ("100 images, dropout 0.5", 0.5)]:
        small = Classifier(dropout_rate=dropout_rate)
        _, runs[name] = train(small, few, few_labels)
        with ml.no_grad():
            known = (small.eval()(few).numpy().argmax(axis=1) == few_labels).mean()
        print(f"{name}: knows more than 99 % of its own images: {known > 0.99}")

many, plain, dropped = (accuracies[-1][0] for accuracies in runs.values())
print("dropout changes the share of test images read by less than 0.02:",
      abs(dropped - plain) < 0.02)  # fmt: skip
print("2,000 images instead of 100 raise it by more than 0.05:", many - plain > 0.05)

# %% id="dropout-figure"
figure, axes = plt.subplots(figsize=(figures.WIDTH, 2.8))
for (name, values), marker in zip(runs.items(), "os^", strict=True):
    axes.plot(
        range(20, 401, 20), [accuracy for accuracy, _ in values], marker=marker, ms=3, label=name
    )
axes.set(xlabel="training step", ylabel="share of test images read", ylim=(0.4, 1.0))
axes.legend(loc="lower right")
show(figure, "Figure {figure:dropout}. The test images during training. Dropout does not close the gap "
     "that 1,900 missing images leave.")  # fmt: skip

# %% [markdown] id="dropout-after"
# **It hardly helped.** The network knows its 100 images by heart, with dropout too, and reads these test
# images no better for it; more images are what helps. Srivastava and others (below) measured gains in larger
# networks. It costs time in every step, so measure, as here, before it stays. The model of chapter 07
# has it as an option.
#
# ## 10. The same in the package
#
# `nn.Linear` is your `Linear` with options. The package's loss has one argument more: rows whose target is
# `ignore_index` do not count.
#
# quote mlstack_lib/reference.py:cross_entropy_forward

# %% id="package"
rng = np.random.default_rng(0)
logits, targets = rng.standard_normal((6, 10)), rng.integers(0, 10, 6)
loss, dlogits = reference.cross_entropy_with_gradient(logits, targets, ignore_index=-1)
my_loss, my_dlogits = cross_entropy_(logits, targets)
print("loss agrees:", agree(my_loss, loss, 1e-12), "  gradient:", agree(my_dlogits, dlogits, 1e-12))

state = np.zeros(16, np.float32)
state[Slot.DROPOUT] = 7
theirs = reference.dropout(x, state, seed=1, layer=0, rate=0.5)
print("dropout agrees to the last bit:", np.array_equal(y, theirs))

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - give the gradients of a linear layer, $dY\,W$, $dY^T X$ and a sum over rows, and say why a network needs a
#   function that bends: without one, many layers are one;
# - choose how large weights begin, $1/\sqrt{K}$, and say what becomes of a signal otherwise: each layer multiplies
#   it by the same factor;
# - compute softmax and cross-entropy for scores of any size: take the maximum off, and never take the
#   logarithm of a probability that may be 0;
# - derive the gradient of cross-entropy, $p - y$: a wrong answer is pushed down as hard as it was believed;
# - train a classifier, look at its errors, and say how dropout works without storing its mask: it computes
#   it again.
#
# **Two questions.**
#
# 1. A classifier of 50 classes starts with a loss of 11. What does that tell you, before any training?
# <details><summary>Answer</summary>
#
# That it begins surely wrong: a network that knows nothing has $\log 50 = 3.9$. Its logits are too
# large, so look at the initial weights, or at the size of what the network is given.
#
# </details>
#
# 2. Why does `cross_entropy` return its gradient at once, instead of composing `softmax`, `log` and a mean, which
# autograd can differentiate?
# <details><summary>Answer</summary>
#
# Composed, the logarithm may see a 0, and its slope $1/p$ overflows. Together the division cancels:
# $p - y$ never exceeds 1. It also saves passes over an array that is, in a language model, one of the
# largest.
#
# </details>
#
# **On your own.** Which digits does the network confuse? Count, in a table of 10 by 10, how often
# digit $i$ was read as $j$, and draw it with `imshow`. Then draw the weights of some hidden numbers
# as images.
#
# **Further reading.**
# - X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS
#   2010: where the variance argument of section 4 comes from.
# - D. Hendrycks and K. Gimpel, *Gaussian Error Linear Units (GELUs)*, arXiv:1606.08415.
# - N. Srivastava and others, *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, JMLR 15, 2014.
# - M. Jarzynski and M. Olano, *Hash Functions for GPU Rendering*, JCGT 9(3), 2020: pcg4d.
#
# The solutions: `solutions/03_neural_networks.ipynb`. Before: chapter 02, autograd. Next: chapter 04,
# LayerNorm.
