"""Wrong solutions of chapter 02."""

import numpy as np
from zoo import mutant

from mlstack_lib.course.exercises.chapter_02 import reachable

# ---- 2.1 slope ----


@mutant("2.1 slope", "slope is 12, want 6")
def forgets_that_the_run_is_two_steps(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / h


@mutant("2.1 slope", "slope is 6.00001, want 6")
def measures_on_one_side(f, x, h=1e-5):
    return (f(x + h) - f(x)) / h


@mutant("2.1 slope", "slope is 3, want 3.25")
def ignores_the_step_it_is_given(f, x, h=1e-5):
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5


@mutant("2.1 slope", "it returned None: is there a return?")
def prints_instead_of_returning(f, x, h=1e-5):
    (f(x + h) - f(x - h)) / (2 * h)


@mutant("2.1 slope", "the line `raise NotImplementedError` is still there: delete it")
def leaves_the_raise(f, x, h=1e-5):
    # YOUR CODE HERE (1 line)
    rise = f(x + h) - f(x - h)  # noqa: F841
    raise NotImplementedError


# ---- 2.2 multiply ----


@mutant("2.2 multiply", "vjp(g)[0] is 3, want -2")
def sends_each_its_own_factor(a, b):
    return a * b, lambda g: (g * a, g * b)


@mutant("2.2 multiply", "vjp(g)[0] is 4, want -12")
def ignores_what_arrives(a, b):
    return a * b, lambda g: (b, a)


@mutant("2.2 multiply", "it must return two things: a value and a function")
def returns_the_value_alone(a, b):
    return a * b


# ---- 2.3 backward ----


@mutant("2.3 backward", "x.grad is 0, want -4")
def stops_at_the_root(root):
    root.grad = 1.0


@mutant("2.3 backward", "b.grad is 1, want 2")
def assigns_instead_of_adding(root):
    root.grad = 1.0
    for value in sorted(reachable(root), key=lambda value: -value.order):
        if value.parents:
            for parent, gradient in zip(value.parents, value.vjp(value.grad), strict=True):
                parent.grad = gradient


@mutant("2.3 backward", "a.grad is 6, want 4")
def recursion_sends_twice(root, first=True):
    if first:
        root.grad = 1.0
    if root.parents:
        for parent, gradient in zip(root.parents, root.vjp(root.grad), strict=True):
            parent.grad += gradient
            recursion_sends_twice(parent, first=False)


@mutant("2.3 backward", "it recursed too deeply for Python")
def recursion_by_paths(root, gradient=1.0):
    root.grad += gradient
    if root.parents:
        for parent, passed in zip(root.parents, root.vjp(gradient), strict=True):
            recursion_by_paths(parent, passed)


@mutant("2.3 backward", "a.grad is 0, want 4")
def oldest_first(root):
    root.grad = 1.0
    for value in sorted(reachable(root), key=lambda value: value.order):
        if value.parents:
            for parent, gradient in zip(value.parents, value.vjp(value.grad), strict=True):
                parent.grad += gradient


@mutant("2.3 backward", "root.grad is 0, want 1")
def forgets_to_begin_with_one(root):
    for value in sorted(reachable(root), key=lambda value: -value.order):
        if value.parents:
            for parent, gradient in zip(value.parents, value.vjp(value.grad), strict=True):
                parent.grad += gradient


# ---- 2.4 matmul ----


@mutant("2.4 matmul", "which product of g (M, N) has the shape wanted?")
def forgets_to_transpose(a, b):
    return a @ b, lambda g: (g @ b, a @ g)


@mutant("2.4 matmul", "vjp(g)[0] has the shape (3, 2), want (2, 3)")
def swaps_the_factors(a, b):
    return a @ b, lambda g: (b @ g.T, g.T @ a)


@mutant("2.4 matmul", "vjp(g)[0] has the shape (3, 4), want (2, 3)")
def returns_them_in_the_wrong_order(a, b):
    return a @ b, lambda g: (a.T @ g, g @ b.T)


@mutant("2.4 matmul", "vjp(g)[0][0, 0] is")
def multiplies_with_ones(a, b):
    return a @ b, lambda g: (np.ones_like(g) @ b.T, a.T @ np.ones_like(g))


# ---- 2.5 unbroadcast ----


@mutant("2.5 unbroadcast", "Case: a gradient of shape (2, 4, 3) for an argument of shape (1, 3)")
def only_the_new_axes(gradient, shape):
    while gradient.ndim > len(shape) > 0:
        gradient = gradient.sum(axis=0)
    if gradient.ndim == len(shape) and 1 in shape and gradient.shape[-1] != shape[-1]:
        return gradient.sum(axis=-1, keepdims=True)
    return gradient


@mutant("2.5 unbroadcast", "has the shape (1, 3), want (3,). Case: a gradient of shape (4, 3)")
def keeps_the_new_axes(gradient, shape):
    return gradient.sum(axis=tuple(range(gradient.ndim - len(shape))), keepdims=True)


@mutant("2.5 unbroadcast", "result[0] is")
def takes_the_mean(gradient, shape):
    return gradient.mean(axis=tuple(range(gradient.ndim - len(shape))))


@mutant("2.5 unbroadcast", "has the shape (4,), want (4, 1)")
def drops_the_stretched_axis(gradient, shape):
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 < gradient.shape[i]))


# ---- 2.6 numerical gradient ----


@mutant("2.6 numerical gradient", "it changed `x`: work on a copy")
def moves_x_itself(f, x, cotangent, h=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += h
        above = f(x)
        x[index] -= 2 * h
        gradient[index] = ((above - f(x)) * cotangent).sum() / (2 * h)
    return gradient


@mutant("2.6 numerical gradient", "gradient[0, 0] is")
def ignores_the_cotangent(f, x, cotangent, h=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        gradient[index] = (f(above) - f(below)).sum() / (2 * h)
    return gradient


@mutant("2.6 numerical gradient", "gradient[0, 1] is")
def moves_all_elements_so_far(f, x, cotangent, h=1e-5):
    gradient, above, below = np.zeros_like(x), x.copy(), x.copy()
    for index in np.ndindex(x.shape):
        above[index] += h
        below[index] -= h
        gradient[index] = ((f(above) - f(below)) * cotangent).sum() / (2 * h)
    return gradient


@mutant("2.6 numerical gradient", "gradient[0, 0] is 0, want")
def changes_a_view_for_a_copy(f, x, cotangent, h=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        above = below = moved
        above[index] += h
        below[index] -= h
        gradient[index] = ((f(above) - f(below)) * cotangent).sum() / (2 * h)
    return gradient
