"""Every op has the gradient of its value, keeps the dtype, and refuses what it cannot take."""

import numpy as np
import pytest
from op_cases import CASES, op_of, tensors

import mlstack_lib as ml
from mlstack_lib import ops

# Ops of the module that users do not call: the two halves of cross_entropy.
INTERNAL = {"_cross_entropy", "_cross_entropy_with_gradient"}
OPS = {name for name, value in vars(ops).items() if hasattr(value, "is_op")} - INTERNAL
OPS |= {"cross_entropy"}


def leaves(label, dtype=np.float64):
    arrays = CASES[label].arguments(label)
    return [ml.tensor(x.astype(dtype), requires_grad=True) for x in arrays]


# ---- every op ----


def test_every_op_has_a_case_and_every_case_an_op():
    assert len(OPS) >= 25  # a search that finds nothing must not pass
    assert {op_of(label) for label in CASES} == OPS


def test_the_only_internal_ops_are_those_known_here():
    hidden = {name for name, value in vars(ops).items() if hasattr(value, "is_op")}
    assert {name for name in hidden if name.startswith("_")} == INTERNAL


@pytest.mark.parametrize("label", CASES)
def test_gradient_is_that_of_the_value(label):
    ml.gradcheck(CASES[label].f, *CASES[label].arguments(label))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", CASES)
def test_value_and_gradient_keep_the_dtype(label, dtype):
    inputs = leaves(label, dtype)
    results = tensors(CASES[label].f(*inputs))
    total = sum(ops.sum(result) for result in results)
    assert {r.dtype for r in results} == {np.dtype(dtype)}
    total.backward()
    assert {x.grad.dtype for x in inputs} == {np.dtype(dtype)}
    assert all(x.grad.shape == x.shape for x in inputs)


@pytest.mark.parametrize("label", CASES)
def test_f32_gives_what_float64_gives_to_a_few_ulps(label):
    single, double = leaves(label, np.float32), leaves(label)
    case = CASES[label]
    gradients = []
    for inputs in (single, double):
        results = tensors(case.f(*inputs))
        parts = zip(results, case.cotangents(label, results), strict=True)
        sum(ops.sum(r * c.astype(r.dtype)) for r, c in parts).backward()
        gradients.append([x.grad.numpy() for x in inputs] + [r.numpy() for r in results])
    for a, b in zip(*gradients, strict=True):
        size = float(np.max(np.abs(b), initial=1.0))  # a few roundings of each of a few operations
        assert np.max(np.abs(a - b), initial=0.0) <= 32 * 2.0**-23 * size


@pytest.mark.parametrize("label", CASES)
def test_inputs_and_the_incoming_gradient_are_not_written_to(label):
    inputs = leaves(label)
    before = [x.numpy().copy() for x in inputs]
    results = tensors(CASES[label].f(*inputs))
    for x in inputs:
        x.numpy().flags.writeable = False
    first = results[0]
    grad = np.ones(first.shape)
    grad.flags.writeable = False
    first.backward(grad)
    assert all(np.array_equal(a, x.numpy()) for a, x in zip(before, inputs, strict=True))
    assert (grad == 1).all()


@pytest.mark.parametrize("label", CASES)
def test_without_gradient_the_value_is_the_same(label):
    inputs = leaves(label)
    want = tensors(CASES[label].f(*inputs))
    with ml.no_grad():
        got = tensors(CASES[label].f(*inputs))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(got, want, strict=True))
    assert not any(r.requires_grad for r in got)


# ---- broadcasting ----

PATTERNS = [
    ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (1, 3)), ((2, 3), ()), ((2, 3), (1, 1)),
    ((2, 3), (1,)), ((1, 3), (2, 1)), ((4, 1, 3), (2, 1)), ((4, 2, 3), (1, 2, 1)),
    ((), (1, 1)), ((1,), (1, 1, 1)), ((5, 1, 1), (1, 2, 3)), ((0, 3), (1, 3)), ((1, 3), (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("a", "b"), PATTERNS)
@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.div])
def test_gradients_are_summed_over_the_axes_that_were_broadcast(op, a, b, swapped):
    rng = np.random.default_rng(0)
    a, b = (b, a) if swapped else (a, b)
    arrays = [rng.standard_normal(a), np.abs(rng.standard_normal(b)) + 0.5]
    ml.gradcheck(op, *arrays)


@pytest.mark.parametrize(("shape", "to"), [((2, 3), (3,)), ((4, 2, 3), (2, 1)), ((2, 3), ())])
def test_unbroadcast_of_ones_counts_how_often_an_element_was_used(shape, to):
    summed = ops.unbroadcast(np.ones(shape), to)
    assert np.shape(summed) == to
    assert np.all(summed == np.prod(shape) / np.prod(to))


def test_unbroadcast_of_the_same_shape_is_the_gradient_itself():
    gradient = np.ones((2, 3))
    assert ops.unbroadcast(gradient, (2, 3)) is gradient


@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.div])
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), np.int64(2)])
def test_a_number_takes_part_on_either_side(op, number):
    ml.gradcheck(lambda x: op(x, number), np.array([1.0, -2.0, 3.0]))
    ml.gradcheck(lambda x: op(number, x), np.array([1.0, -2.0, 3.0]))


# ---- points where the slope is not unique ----


def test_relu_has_slope_zero_at_zero():
    x = ml.tensor(np.array([-1.0, 0.0, -0.0, 2.0]), requires_grad=True)
    ops.relu(x).backward(np.ones(4))
    assert x.grad.numpy().tolist() == [0, 0, 0, 1]


def test_max_shares_the_gradient_among_equals():
    x = ml.tensor(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), requires_grad=True)
    ops.max(x, 1).backward(np.array([4.0, 6.0]))
    assert x.grad.numpy().tolist() == [[0, 2, 2], [2, 2, 2]]


def test_power_zero_has_slope_zero_even_at_zero():
    x = ml.tensor(np.array([0.0, 2.0]), requires_grad=True)
    y = x**0
    y.backward(np.ones(2))
    assert (y.numpy().tolist(), x.grad.numpy().tolist()) == ([1, 1], [0, 0])


@pytest.mark.parametrize("x", [1e2, 1e3, 1e4, 1e5])
def test_gelu_far_out_is_the_identity_or_nothing_and_so_is_its_slope(x):
    for dtype in (np.float32, np.float64):
        t = ml.tensor(np.array([-x, x], dtype), requires_grad=True)
        y = ops.gelu(t)
        y.backward(np.ones(2))
        assert np.abs(y.numpy() - [0, x]).max() < 1e-20
        assert np.abs(t.grad.numpy() - [0, 1]).max() < 1e-20
