# %% [markdown] id="title"
# # 02 Let the computer differentiate
#
# A network learns by changing each of its numbers a little, so that its **loss**, one number that says
# how wrong it is, goes down. For that it must know how the loss reacts to each of them. A model of this
# course has twelve million numbers; this chapter finds all their slopes in one pass backwards.
#
# **What you build.** An automatic differentiator of about 40 lines: a `Value` that remembers what it
# was made from, `backward`, and the operations of a small network. You end by training that network.
#
# **What you can do afterwards.** You can
# - measure a slope, and say why a smaller step is not always better;
# - write an operation as its value and its vjp, the function that sends a gradient back;
# - say in which order gradients must be passed on, and why recursion gets it wrong;
# - give the gradient of a matrix product and of an array that was broadcast;
# - test any gradient with finite differences and random numbers, and say why ones can lie.
#
# **What you need.** Chapter 01, functions that return functions, slopes from school. No GPU. About
# 90 minutes.

# %% id="setup"
import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.exercises import chapter_02 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.graph import draw_graph

figures.style()

# %% [markdown] id="slope"
# ## 1. A slope is rise over run
#
# The **derivative** of a function $f$ at $x$ is the slope of its graph there: if $x$ moves by a small
# $h$, then $f(x)$ moves by about $f'(x) \cdot h$. Take $f(x) = x^3 - 2x$ at $x = 1.5$. School says
# $f'(x) = 3x^2 - 2$, so the slope is 4.75.
#
# A computer can measure it:


# %% id="slope-by-hand"
def f(x):
    return x**3 - 2 * x


for h in [1.0, 0.1, 0.01, 0.001]:
    print(f"h = {h:5}   ({f(1.5 + h):.6f} - {f(1.5):.6f}) / h = {(f(1.5 + h) - f(1.5)) / h:.4f}")

# %% [markdown] id="slope-central"
# All four answers are too large: measured from $x$ to $x + h$, they lean to that side, where this graph is
# steeper. The **central difference** measures from $x - h$ to $x + h$ and leans to neither.
#
# ### Exercise 2.1: slope
#
# Write `slope(f, x, h=1e-5)`, the central difference of `f` at the number `x`.
#
# - `f`: a function of one number; `x`, `h`: numbers.
# - Returns a number. Example: `slope(lambda x: x * x, 3.0)` is about `6.0`.
#
# <details><summary>Hint</summary>
#
# The rise is `f(x + h) - f(x - h)`. The run is not `h`.
#
# </details>

# %% id="slope-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:slope

# %% id="slope-check"
slope_ = use("2.1 slope", slope, given.slope)

# %% [markdown] id="slope-after"
# The cells below use `slope_`: your function once it is right, until then the course's own.
#
# **Predict before you run.** Which $h$ gives the smallest error, for each of the two ways?

# %% id="step-size"
steps = 10.0 ** np.arange(-12, 0.1, 0.5)
one_side = [abs((f(1.5 + h) - f(1.5)) / h - 4.75) for h in steps]
central = [abs(slope_(f, 1.5, h) - 4.75) for h in steps]

figure, axes = plt.subplots()
axes.loglog(steps, one_side, marker="o", ms=3, label="from x to x + h")
axes.loglog(steps, central, marker="s", ms=3, label="from x - h to x + h")
axes.set(xlabel="step h", ylabel="error of the slope")
axes.legend()
show(figure, "Figure {figure:step}. Error of the measured slope of f at 1.5 by step size, for "
     "the two ways to measure; both axes are logarithmic.")  # fmt: skip

# %% [markdown] id="step-size-why"
# Go left in figure {figure:step}. The error falls at first: a step ten times smaller makes it 10 times
# smaller on one side, 100 times in the central difference. Then it rises, and this is not about $f$ at all.
# A float64 keeps 16 digits. If $h$ is $10^{-12}$, then $f(x + h)$ and $f(x - h)$ agree in about 12 of them;
# 4 digits of the difference are left. So a smaller step does not always help: for the central difference,
# the two errors balance near $h = 10^{-5}$.
#
# Why not train with measured slopes? Each number of the network needs its own measurement, which
# computes the loss twice: 24 million losses for one step of the large model. We want all slopes from
# one computation.
#
# ## 2. The chain rule, by hand
#
# A long computation is a chain of short steps, and the slope of each short step is easy. Let the smallest
# network predict $p = w x + b$ from $x$; it should have been $y$. Let its loss be $(p - y)^2$:

# %% id="chain-forward"
w, x, b, y = 2.0, 3.0, -1.0, 4.0

product = w * x
prediction = product + b
error = prediction - y
loss = error * error
print(f"product {product}, prediction {prediction}, error {error}, loss {loss}")

# %% [markdown] id="chain-rule"
# Now go backwards. Ask of each value: if it grew by one tiny unit, how many units would the **loss**
# grow? That is the value's **gradient**. The loss itself: 1. The error: the slope of $e^2$ is $2e$.
# The prediction moves the error one to one, so it has the same gradient; so have the product and $b$.
# And $w$ moves the product by $x$ units for each of its own.
#
# This is the **chain rule**: slopes along a chain multiply.

# %% id="chain-backward"
loss_grad = 1.0
error_grad = loss_grad * 2 * error
prediction_grad = error_grad * 1.0
product_grad = prediction_grad * 1.0
b_grad = prediction_grad * 1.0
w_grad = product_grad * x
print(f"by the chain rule: slope for w {w_grad:.4f}, for b {b_grad:.4f}")

w_slope = slope_(lambda w: (w * x + b - y) ** 2, w)
b_slope = slope_(lambda b: (w * x + b - y) ** 2, b)
print(f"measured:          slope for w {w_slope:.4f}, for b {b_slope:.4f}")

# %% [markdown] id="value"
# One pass forwards, one pass backwards, and **every** value has its gradient. This took no thought,
# only bookkeeping: what was computed, from what, and the slope of each step. A program can do that.
#
# ## 3. A number that remembers
#
# First the steps. We write an operation as a function that returns two things:
#
# - its **value**;
# - its **vjp**, a function: given $g$, the gradient of the value, it returns the gradient of each
#   argument, which is $g$ times the slope for that argument. (The name is explained in section 6.)
#
# For addition both slopes are 1:


# %% id="add-pair"
def add(a, b):
    return a + b, lambda g: (g, g)  # the pair needs its parentheses


value, vjp = add(2.0, 5.0)
print("value:", value, "  a gradient of 10 becomes", vjp(10.0))

# %% [markdown] id="multiply"
# ### Exercise 2.2: multiply
#
# Write `multiply(a, b)` in the same form.
#
# - `a`, `b`: numbers. Returns `a * b` and a function of one number `g` that returns a pair.
# - Example: with `value, vjp = multiply(3.0, -2.0)`, `value` is `-6.0` and `vjp(10.0)` is `(-20.0, 30.0)`.
#
# <details><summary>Hint</summary>
#
# Hold `b` still: `a * b` is then a straight line in `a`. What is its slope?
#
# </details>

# %% id="multiply-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:multiply

# %% id="multiply-check"
multiply_ = use("2.2 multiply", multiply, given.multiply)

# %% [markdown] id="value-class"
# Now the bookkeeping. A `Value` holds the number, the **parents** that it was made from, and the vjp
# that sends its gradient to them. `order` numbers the values as they are made; you will see what for.
# `op` turns a function of plain numbers into one of Values.

# %% id="value-quote"
# quote mlstack_lib/course/exercises/chapter_02.py:Value


# quote mlstack_lib/course/exercises/chapter_02.py:op

# %% id="op-use"
plus, times = op(add), op(multiply_)

w, x, b = Value(2.0, name="w"), Value(3.0, name="x"), Value(-1.0, name="b")
prediction = w * x + b
print(prediction.data, "was made by", prediction.name, "from", [p.name for p in prediction.parents])

# %% [markdown] id="recursion"
# ## 4. Two ways to get it wrong
#
# The gradient of a value goes through its vjp to the parents, and on to theirs: it sounds like
# recursion.


# %% id="recursion-code"
def backward_v1(value, gradient):
    value.grad = gradient
    if value.parents:
        for parent, parent_gradient in zip(value.parents, value.vjp(gradient), strict=True):
            backward_v1(parent, parent_gradient)


backward_v1(prediction, 1.0)
print("slopes for w, x, b:", w.grad, x.grad, b.grad)

# %% [markdown] id="recursion-predict"
# Right. **Predict before you run:** what will it say for the slope of $x \cdot x$ at $x = 3$?

# %% id="recursion-square"
x = Value(3.0, name="x")
backward_v1(x * x, 1.0)
print("by backward_v1:", x.grad, "  measured:", round(slope_(lambda x: x * x, 3.0), 4))

# %% [markdown] id="recursion-accumulate"
# Half of it is missing. $x$ is used twice, each use sends a gradient, and the second one **replaced**
# the first. If $x$ moves, both uses move: gradients that arrive at one value must be **added**.
#
# So replace `=` by `+=`, and try a graph where a value in the *middle* is used twice, the **diamond**:
# $b = a + a$, then $c = b + b$.

# %% id="diamond-figure"
a = Value(1.0, name="a")
b = a + a
c = b + b
b.name, c.name = "b", "c"
show(draw_graph(c, gradients=False), "Figure {figure:diamond}. The diamond: a is used twice to make "
     "b, and b twice to make c. Gradients go against the arrows.")  # fmt: skip

# %% [markdown] id="diamond-predict"
# Clearly $c = 4a$, so the slope is 4. **Predict before you run:** what does the version with `+=` say?


# %% id="recursion-v2"
def backward_v2(value, gradient):
    value.grad += gradient
    if value.parents:
        for parent, parent_gradient in zip(value.parents, value.vjp(value.grad), strict=True):
            backward_v2(parent, parent_gradient)


backward_v2(c, 1.0)
print("slope of c for a, by backward_v2:", a.grad)

# %% [markdown] id="diamond"
# Six. Follow it with a finger in figure {figure:diamond}. $c$ calls $b$ with 1; $b$ holds 1 and passes 1 along each of its two
# arrows, so $a$ holds 2. Then $c$ calls $b$ again; $b$ now holds 2 and passes **2** along each arrow: the
# first 1 is sent twice. Passing on only what is new, `value.vjp(gradient)`, is right, but look what it
# costs when diamonds follow each other:


# %% id="diamond-cost"
def visits(value):
    return 1 + sum(visits(parent) for parent in value.parents)


for depth in [1, 5, 10, 15]:
    value = Value(1.0)
    for _ in range(depth):
        value = value + value
    print(f"{depth:2} additions: {visits(value):6} visits by recursion")

# %% [markdown] id="diamond-why"
# Each addition doubles the paths from the end to the beginning, and recursion walks them all. Besides,
# Python stops recursion after about a thousand calls, and a network's graph may be longer.
#
# ## 5. The order that works
#
# The cure for all of this: visit every value **once**, and only when its gradient is **complete**, after
# everything it was used in. Such an order is called a **topological order**, and we have one for free: a
# value is always made after its parents, so the newest first, by `order`, is one.
#
# ### Exercise 2.3: backward
#
# To go through the values we need to find them: `reachable`, below, keeps a list of values still to
# look at, instead of recursing.
#
# Write `backward(root)`: afterwards the `grad` of every Value that `root` was made from is the slope of
# `root` for it.
#
# - `root`: a Value. All gradients are 0.0 before; that of `root` becomes 1. Returns nothing.
# - The values without parents have no vjp; nothing is passed on from them.
# - A loop, no recursion: a graph may have thousands of values.
#
# <details><summary>Hint 1: the plan</summary>
#
# Set `root.grad` to 1. Go through `reachable(root)`, largest `order` first. For each value call its
# vjp with its gradient, and add what comes back to the parents' gradients.
#
# </details>
# <details><summary>Hint 2: the order</summary>
#
# `sorted(reachable(root), key=lambda value: value.order, reverse=True)`
#
# </details>

# %% id="backward-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:reachable


# quote mlstack_lib/course/exercises/chapter_02.py:backward

# %% id="backward-check"
backward_ = use("2.3 backward", backward, given.backward)

# %% [markdown] id="backward-after"
# The computation of section 2, now without any thought:

# %% id="backward-figure"
w, x, b, minus_y = (
    Value(v, name=n) for v, n in [(2.0, "w"), (3.0, "x"), (-1.0, "b"), (-4.0, "-y")]
)
error = w * x + b + minus_y
loss = error * error
backward_(loss)
show(draw_graph(loss), "Figure {figure:graph}. The loss (w x + b - y)^2 as a graph. Values were "
     "computed from left to right, gradients from right to left: 6 for w and 2 for b, as by hand.")  # fmt: skip

# %% [markdown] id="arrays"
# ## 6. From numbers to arrays
#
# One object for each number is slow (chapter 01). But `Value`, `op` and `backward` do not care what `data`
# is: if it is an array, and each vjp sends back an array of its parent's shape, all works as it is.
#
# What is the gradient of an array? One slope of the loss for each of its elements, so an array of the
# **same shape**. (The root stays one number.) What is the slope of an operation from $n$ numbers to $m$ numbers? A table of $m \times n$
# slopes, the **Jacobian**. The vjp multiplies a gradient (a vector) with it: it is the
# **vector-Jacobian product**. It never needs to make the table. For `np.tanh` on 1,000 numbers the
# table would have a million entries, nearly all 0, since each result depends on one number only. The vjp is
# one line. (tanh is a smooth step from -1 to 1; its slope is $1 - \tanh^2$.)


# %% id="tanh"
def tanh(x):
    y = np.tanh(x)
    return y, lambda g: (g * (1 - y * y),)


value, vjp = tanh(np.array([0.0, 1.0, -2.0]))
print("value", value.round(3), "  vjp of ones", vjp(np.ones(3))[0].round(3))

# %% [markdown] id="matmul"
# **The matrix product.** $C = AB$ with $A$ of shape (M, K) and $B$ of shape (K, N) means
# $C_{mn} = \sum_k A_{mk} B_{kn}$. Write $G$ for the gradient of $C$. How does the loss react to one
# element $A_{mk}$? It appears in row $m$ of $C$ only: in $C_{mn}$ with slope $B_{kn}$, for every $n$.
# Add over all of its uses:
#
# $$\text{gradient of } A_{mk} = \sum_n G_{mn} B_{kn}$$
#
# That sum over $n$ is a matrix product again, $G$ (M, N) with $B$ transposed (N, K). The same thought
# with the other letter gives the gradient of $B$.
#
# ### Exercise 2.4: matmul
#
# Write `matmul(a, b)` as value and vjp.
#
# - `a` (M, K), `b` (K, N) arrays of float64; `g` (M, N). The vjp returns arrays of the shapes of `a` and `b`.
#
# <details><summary>Hint</summary>
#
# You have `g` (M, N), `a` (M, K) and `b` (K, N), and `.T` transposes. There is only one product of two of
# them that has the shape (K, N).
#
# </details>

# %% id="matmul-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:matmul

# %% id="matmul-check"
matmul_ = use("2.4 matmul", matmul, given.matmul)

# %% [markdown] id="unbroadcast"
# **Broadcasting.** A network often adds one row of numbers, the **bias** (N,), to every row of an (M, N) array.
# Forwards, NumPy stretches the bias: each element is used $M$ times. Backwards, the gradient that arrives has
# the shape (M, N), and the bias wants (N,). You know what to do with a value that was used many times: add.
#
# ### Exercise 2.5: unbroadcast
#
# Write `unbroadcast(gradient, shape)`: sum `gradient` so that it has the shape of the argument that was
# stretched.
#
# - `gradient`: an array; `shape`: a tuple that broadcasts to `gradient.shape`. Returns an array of `shape`.
# - Broadcasting does two things: it puts new axes **in front**, and it stretches axes of size 1.
#   Both are to be undone. Example: `unbroadcast(np.ones((4, 3)), (3,))` is `[4.0, 4.0, 4.0]`; other pairs are
#   `(2, 4, 3)` and `(1, 3)`, `(5, 2)` and `()`.
#
# <details><summary>Hint</summary>
#
# First `gradient.sum(axis=tuple(range(extra)))`, where `extra` is how many axes there are too many. Then
# sum, with `keepdims=True`, over the axes whose size in `shape` is 1. (`axis=()` sums over nothing.)
#
# </details>

# %% id="unbroadcast-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:unbroadcast

# %% id="unbroadcast-check"
unbroadcast_ = use("2.5 unbroadcast", unbroadcast, given.unbroadcast)


def add_arrays(a, b):
    """a + b with broadcasting."""
    return a + b, lambda g: (unbroadcast_(g, np.shape(a)), unbroadcast_(g, np.shape(b)))


# %% [markdown] id="gradcheck"
# ## 7. Test gradients, with random numbers
#
# A wrong gradient does not crash; the network learns, only worse. So every vjp in this course is tested
# against measured slopes.
#
# The result of `f` is an array and a slope belongs to a number. Make a number: multiply the result with
# an array of the same shape, the **cotangent**, and sum. The gradient of that sum for $x$ is what the
# vjp returns for `g = cotangent`.
#
# ### Exercise 2.6: numerical gradient
#
# Complete `numerical_gradient(f, x, cotangent)`: for each element of `x`, the central difference of
# `(f(x) * cotangent).sum()`.
#
# - `x`: an array, which must not be changed; `cotangent`: an array of the shape of `f(x)`.
#
# <details><summary>Hint</summary>
#
# `above, below = x.copy(), x.copy()`; then `above[index] += h`, and the other way below.
#
# </details>

# %% id="numerical-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_02.py:numerical_gradient

# %% id="numerical-check"
numerical_gradient_ = use("2.6 numerical gradient", numerical_gradient, given.numerical_gradient)

# %% [markdown] id="ones"
# Which cotangent? The sum of all results would be simplest: all ones. Try it on `softmax`, which
# turns scores into probabilities (chapter 03), with a vjp that is plainly **wrong**:


# %% id="ones-code"
def softmax_wrong(x):
    y = np.exp(x) / np.exp(x).sum()
    return y, lambda g: (np.zeros_like(x),)  # "no gradient at all"


rng = np.random.default_rng(0)
x = rng.standard_normal(5)
# measured slopes are right to about 1e-10 (section 1): 1e-8 is safe, and no accident
for name, cotangent in [("ones", np.ones(5)), ("random", rng.standard_normal(5))]:
    got = softmax_wrong(x)[1](cotangent)[0]
    want = numerical_gradient_(lambda x: softmax_wrong(x)[0], x, cotangent)
    print(f"cotangent {name:6}: the wrong vjp passes: {agree(got, want, within=1e-8)}")

# %% [markdown] id="ones-why"
# Ones lie. Probabilities always sum to 1, whatever $x$ is, so the gradient of their sum **is** zero, and
# the empty vjp is right by accident. A random cotangent has no such accidents. `ml.gradcheck` of the
# package draws one for this reason.
#
# ## 8. Your engine trains a network
#
# A disc of points and a ring around it: can a network tell which of the two a point is in? No straight line
# can.


# %% id="data"
def rings(rng, n=150):
    """Points (2n, 2), and labels (2n, 1): -1 for the inner disc, +1 for the ring around it."""
    angle = rng.uniform(0, 2 * np.pi, 2 * n)
    radius = np.concatenate([rng.uniform(0.0, 1.0, n), rng.uniform(1.3, 2.2, n)])
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points, np.repeat([-1.0, 1.0], n)[:, None]


points, labels = rings(np.random.default_rng(0))
print("points", points.shape, "  labels", labels.shape)

# %% [markdown] id="loss"
# Each point has a **label** $t$: -1 in the disc, +1 in the ring. The network: two numbers in, 16 in the
# middle, and one **score** $s$ out; a positive score says "ring". The loss cannot be the count of
# mistakes, whose slope is 0 nearly everywhere. Take $\log(1 + e^{-ts})$: nearly 0 for a confident right
# answer, nearly $-ts$ for a confident wrong one. Its slope for $s$ is $-t / (1 + e^{ts})$.


# %% id="loss-op"
def logistic_loss(scores):
    """The mean over all points of log(1 + exp(-label * score)), and its vjp."""
    margins = labels * scores
    slopes = -labels / (1 + np.exp(margins)) / len(labels)
    return np.log1p(np.exp(-margins)).mean(), lambda g: (g * slopes,)


scores = np.random.default_rng(1).standard_normal(labels.shape)
want = numerical_gradient_(lambda s: logistic_loss(s)[0], scores, 1.0)
print("the vjp is right:", agree(logistic_loss(scores)[1](1.0)[0], want, within=1e-8))

# %% id="network-code"
# The four operations as ops of Values, and a network composed of them. Without tanh in between, two
# matrix products would be no more than one: a straight line.
matmul_op, add_op, tanh_op, loss_op = op(matmul_), op(add_arrays), op(tanh), op(logistic_loss)


def network(x, w1, b1, w2, b2):
    hidden = tanh_op(add_op(matmul_op(x, w1), b1))  # (N, 16)
    return add_op(matmul_op(hidden, w2), b2)  # (N, 1)


def new_parameters(rng):
    sizes = {"w1": (2, 16), "b1": (16,), "w2": (16, 1), "b2": (1,)}
    return [Value(0.5 * rng.standard_normal(size), name=name) for name, size in sizes.items()]


print("parameters:", sum(p.data.size for p in new_parameters(np.random.default_rng(0))))

# %% [markdown] id="loop"
# A training step: forwards, which makes a new graph; backwards; then move each parameter a little **against**
# its gradient, for the gradient points to where the loss grows. `rate` says how little. Before each backward
# pass the parameters' gradients are set to zero, since `backward` adds to what is there.


# %% id="loop-code"
def step(rate):
    """One step of training; returns the loss before it."""
    loss = loss_op(network(points, *parameters))
    for parameter in parameters:
        parameter.grad = 0.0
    backward_(loss)
    for parameter in parameters:
        parameter.data = parameter.data - rate * parameter.grad
    return float(loss.data)


parameters = new_parameters(np.random.default_rng(0))
losses = [step(rate=1.0) for _ in range(400)]
print("loss at first", round(losses[0], 2), "  after 400 steps below 0.1:", losses[-1] < 0.1)
right = (network(points, *parameters).data * labels > 0).mean()
print("more than 98 % of the points are on the right side:", right > 0.98)

# %% id="boundary"
grid = np.linspace(-2.5, 2.5, 80)
xx, yy = np.meshgrid(grid, grid)
surface = network(np.stack([xx.ravel(), yy.ravel()], axis=1), *parameters).data.reshape(xx.shape)

figure, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.1))
left.contourf(xx, yy, surface, levels=[-99, 0, 99], colors=["#cfe3f1", "#f7ddc9"])
for label, marker, name in [(-1, "o", "inner"), (1, "^", "ring")]:
    chosen = points[labels[:, 0] == label]
    left.scatter(*chosen.T, s=10, marker=marker, label=name)
left.set(aspect="equal", xlabel="first number", ylabel="second number", ylim=(-2.5, 3.2))
left.legend(loc="upper right", ncols=2)
right.plot(losses)
right.set(xlabel="training step", ylabel="loss", ylim=0)
show(figure, "Figure {figure:boundary}. Left: the points, and where the trained network says inner "
     "or ring: a closed curve between the two. Right: its loss during training.")  # fmt: skip

# %% [markdown] id="package"
# ## 9. The same in the package
#
# `mlstack_lib` works as yours does; its `op` takes a function that returns `(value, vjp)`. Your `Value` is cut in
# two there: a `Tensor` holds the number; its `node` holds parents, vjp and order, since one operation can
# have several results (`outputs`, numbered by `index`). A Tensor made by no operation is a **leaf**. Its
# `backward`:
#
# quote mlstack_lib/autograd.py:backward
#
# Line by line it is yours, sorted by order, newest first. What is new saves memory: gradients on their way
# are kept in `pending`, only those of leaves stay; and a node that was visited forgets its vjp, which frees
# the arrays it holds. One network, two engines:

# %% id="package-code"
tensors = [ml.tensor(parameter.data.copy(), requires_grad=True) for parameter in parameters]
w1, b1, w2, b2 = tensors
hidden = ml.ops.tanh(ml.ops.matmul(ml.tensor(points), w1) + b1)
margins = (ml.ops.matmul(hidden, w2) + b2) * ml.tensor(labels)
loss = ml.ops.log(ml.ops.exp(-margins) + 1.0).mean()
loss.backward()

step(rate=0.0)  # your engine, the same parameters
for mine, theirs in zip(parameters, tensors, strict=True):
    print(mine.name, "gradients agree:", agree(mine.grad, theirs.grad.numpy(), within=1e-12))

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - measure a slope, and say why a smaller step is not always better: rounding;
# - write an operation as its value and its vjp;
# - say in which order gradients must be passed on, newest first and each value once, and why recursion
#   gets it wrong: it sends too much, or walks every path;
# - give the gradient of a matrix product, $GB^T$ and $A^TG$, and of an array that was broadcast: sums;
# - test any gradient with finite differences and random numbers; ones can lie.
#
# **Two questions.**
#
# 1. Does `backward` also work if a Value is made, but never used for the root?
# <details><summary>Answer</summary>
#
# Yes. It is not reachable from the root, so it is not visited; its gradient stays 0, which is right: the
# root does not depend on it.
#
# </details>
#
# 2. You call `backward_` twice on one graph without setting gradients to zero. Why is the result not even
#    twice the right one?
# <details><summary>Answer</summary>
#
# The values in the middle still hold their first gradient, and pass it on again with the second. In the diamond
# `a.grad` is 4 at first, then 12. A training step makes a new graph, so only the parameters need the zero.
#
# </details>
#
# **On your own.** Write `divide` and `exp` as value and vjp, and test them with `numerical_gradient` and a random
# cotangent. Then train the network with another loss, the mean of $(s - t)^2$; try the rates 1, 0.3 and 0.1.
# One of them diverges. Which loss puts more points on the right side after 50 steps?
#
# **Further reading.**
# - A. G. Baydin and others, *Automatic Differentiation in Machine Learning: a Survey*, JMLR 18, 2018: what
#   else there is besides this "reverse mode".
# - *Autodidax: JAX core from scratch*, in the documentation of JAX: the same idea taken much further.
#
# The solutions: `solutions/02_autograd.ipynb`. Before: chapter 01, tensors. Next: chapter 03, neural
# networks.
