"""Chapter 02: a small automatic differentiator, and the checks of its exercises."""

import numpy as np

from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def slope(f, x, h=1e-5):
    """The slope of f at the number x: the central difference over x - h .. x + h."""
    ### BEGIN SOLUTION
    return (f(x + h) - f(x - h)) / (2 * h)
    ### END SOLUTION


class Value:
    """A number or an array that remembers what it was made from."""

    made = 0

    def __init__(self, data, parents=(), vjp=None, name=""):
        self.data, self.parents, self.vjp, self.name = data, parents, vjp, name
        self.grad = 0.0
        Value.made += 1
        self.order = Value.made

    def __add__(self, other):
        return plus(self, other)

    def __mul__(self, other):
        return times(self, other)


def op(forward):
    """Let forward(*data) -> (value, vjp) take Values, and remember the vjp in its result."""

    def operation(*args):
        parents = tuple(a if isinstance(a, Value) else Value(a, name="constant") for a in args)
        value, vjp = forward(*[parent.data for parent in parents])
        return Value(value, parents, vjp, name=forward.__name__)

    return operation


@op
def plus(a, b):
    """a + b, numbers."""
    return a + b, lambda g: (g, g)


def multiply(a, b):
    """a * b for two numbers, and the vjp: g -> (gradient for a, gradient for b)."""
    ### BEGIN SOLUTION
    return a * b, lambda g: (g * b, g * a)
    ### END SOLUTION


times = op(multiply)


def reachable(root):
    """The set of all Values that root was made from, root included. No recursion."""
    found, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent not in found:
                found.add(parent)
                stack.append(parent)
    return found


def backward(root):
    """Set grad of every Value that root was made from: the slope of root for it."""
    ### BEGIN SOLUTION
    root.grad = 1.0
    for value in sorted(reachable(root), key=lambda value: value.order, reverse=True):
        if value.parents:
            for parent, gradient in zip(value.parents, value.vjp(value.grad), strict=True):
                parent.grad = parent.grad + gradient
    ### END SOLUTION


def matmul(a, b):
    """a (M, K) times b (K, N), and the vjp: g (M, N) -> (gradient for a, gradient for b)."""
    ### BEGIN SOLUTION
    return a @ b, lambda g: (g @ b.T, a.T @ g)
    ### END SOLUTION


def unbroadcast(gradient, shape):
    """Sum gradient over the axes that broadcasting stretched, so that it has this shape."""
    ### BEGIN SOLUTION
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] > 1)
    return gradient.sum(axis=stretched, keepdims=True)
    ### END SOLUTION


def numerical_gradient(f, x, cotangent, h=1e-5):
    """The gradient of sum(f(x) * cotangent) for the array x, by central differences."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ### BEGIN SOLUTION
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        gradient[index] = ((f(above) - f(below)) * cotangent).sum() / (2 * h)
        ### END SOLUTION
    return gradient


# ---- the checks ----


@exercise("2.1 slope")
def check_slope(mine):
    cases = [
        ("f(x) = x^2, x = 3", lambda x: x * x, 3.0, 6.0),
        ("f(x) = 1/x, x = 0.5", lambda x: 1 / x, 0.5, -4.0),
        ("f(x) = sin(x), x = 0", np.sin, 0.0, 1.0),
        ("f(x) = 7, x = -2", lambda x: 7.0, -2.0, 0.0),
    ]
    for given, f, x, want in cases:
        case = Case(given, "the rise is measured from x - h to x + h; how long is that run?")
        case.equal(case.call(mine, f, x), want, "slope", tolerance=1e-8)
    case = Case(
        "f(x) = x^3, x = 1, h = 0.5", "it is the central difference, with the h it is given"
    )
    case.equal(case.call(mine, lambda x: x**3, 1.0, 0.5), 3.25, "slope")
    return "5 functions"


@exercise("2.2 multiply")
def check_multiply(mine):
    for a, b, g in [(3.0, -2.0, 1.0), (0.5, 4.0, -3.0), (0.0, 7.0, 2.0)]:
        case = Case(
            f"a = {a}, b = {b}",
            "g times the slope; the slope of a * b for a is what a is multiplied with",
        )
        result = case.call(mine, a, b)
        pair = isinstance(result, tuple) and len(result) == 2
        case.require(
            pair and callable(result[1]), "it must return two things: a value and a function"
        )
        case.equal(result[0], a * b, "value")
        case.given += f", g = {g}"
        case.equal(case.call(result[1], g), (g * b, g * a), "vjp(g)")
    return "3 products and their gradients"


@exercise("2.3 backward")
def check_backward(mine):
    x, y = Value(3.0), Value(-4.0)
    case = Case(
        "root = x * y, x = 3, y = -4", "root.grad is 1, and each parent gets what vjp gives"
    )
    root = x * y
    mine(root)
    case.equal(root.grad, 1.0, "root.grad")
    case.equal(x.grad, -4.0, "x.grad")
    case.equal(y.grad, 3.0, "y.grad")
    _check_diamonds(mine)
    case = Case("a chain of 3,000 additions", "newest first, in a loop, without recursion")
    value = first = Value(1.0)
    for _ in range(3000):
        value = value + 1.0
    try:
        mine(value)
    except RecursionError:
        raise case.wrong("it recursed too deeply for Python") from None
    case.equal(first.grad, 1.0, "grad of the first")
    return "4 graphs"


def _check_diamonds(mine):
    case = Case("b = a + a; c = b + b", "add to grad, and only pass it on once it is complete")
    a = Value(1.0)
    b = a + a
    c = b + b
    mine(c)
    case.equal(b.grad, 2.0, "b.grad")
    case.equal(a.grad, 4.0, "a.grad")
    case = Case("b = a * 2; c = a * 5; root = (b + c) * b, a = 3", "newest first")
    a = Value(3.0)
    b = a * 2.0
    c = a * 5.0
    mine((b + c) * b)
    case.equal(a.grad, 84.0, "a.grad")


@exercise("2.4 matmul")
def check_matmul(mine):
    rng = np.random.default_rng(0)
    for m, k, n in [(2, 3, 4), (1, 5, 1), (4, 1, 3)]:
        a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
        g = rng.standard_normal((m, n))
        case = Case(
            f"a ({m}, {k}), b ({k}, {n})", "which product of g (M, N) has the shape wanted?"
        )
        result = case.call(mine, a, b)
        pair = isinstance(result, tuple) and len(result) == 2
        case.require(
            pair and callable(result[1]), "it must return two things: a value and a function"
        )
        case.equal(result[0], a @ b, "value")
        case.equal(case.call(result[1], g), (g @ b.T, a.T @ g), "vjp(g)")
    return "3 shapes"


@exercise("2.5 unbroadcast")
def check_unbroadcast(mine):
    shapes = [((2, 3), (2, 3)), ((4, 3), (3,)), ((4, 3), (4, 1)), ((2, 4, 3), (1, 3)),
              ((5, 2), ()), ((2, 1, 3), (2, 1, 3)), ((3, 3), (1, 1))]  # fmt: skip
    for big, small in shapes:
        gradient = np.random.default_rng(1).standard_normal(big)
        case = Case(
            f"a gradient of shape {big} for an argument of shape {small}",
            "an element that was used many times gets the sum of their gradients",
        )
        case.equal(case.call(mine, gradient, small), _unbroadcast_by_loop(gradient, small))
    return f"{len(shapes)} pairs of shapes"


def _unbroadcast_by_loop(gradient, shape):
    """What unbroadcast must give, an element at a time: each index back to where it came from."""
    total = np.zeros(shape)
    for index in np.ndindex(gradient.shape):
        own = index[len(index) - len(shape) :]
        total[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))] += gradient[index]
    return total


@exercise("2.6 numerical gradient")
def check_numerical_gradient(mine):
    rng = np.random.default_rng(2)
    cases = [
        ("f(x) = x^2, x (2, 3)", lambda x: x * x, (2, 3), lambda x, g: 2 * x * g),
        ("f(x) = cumulative sum of x (4,)", np.cumsum, (4,), lambda x, g: g[::-1].cumsum()[::-1]),
        ("f(x) = sum of x (3, 2)", np.sum, (3, 2), lambda x, g: np.full(x.shape, g)),
    ]
    for given, f, shape, want in cases:
        x = rng.standard_normal(shape)
        g = rng.standard_normal(np.shape(f(x)))
        case = Case(
            given,
            "move one element, up and down, in copies of x; times the cotangent, summed, over 2 h",
        )
        case.equal(case.call(mine, f, x, g), want(x, g), "gradient", tolerance=1e-7)
    return "3 functions"
