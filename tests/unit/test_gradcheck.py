"""gradcheck passes right gradients and catches wrong ones, however few."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.autograd import op
from mlstack_lib.gradcheck import TOLERANCE


def values(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def tampered(change, function=np.sin, slope=np.cos):
    """An op whose gradient is change(the right one)."""

    @op
    def wrong(x):
        return function(x), lambda dy: change(dy * slope(x))

    return wrong


def test_a_right_gradient_passes_and_the_largest_error_is_returned():
    error = ml.gradcheck(tampered(lambda dx: dx), values(3, 4))
    assert 0 < error < 1e-9


def test_zero_gradients_of_softmax_are_caught_though_the_plain_sum_has_none():
    @op
    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True), lambda dy: np.zeros_like(x)

    with pytest.raises(AssertionError, match="argument 0"):
        ml.gradcheck(softmax, values(2, 5))
    ml.gradcheck(ops.softmax, values(2, 5))


@pytest.mark.parametrize("factor", [0.5, 2, -1, 1 + 1e-4, 1 - 1e-4, 0])
def test_a_wrong_factor_is_caught(factor):
    with pytest.raises(AssertionError, match="finite difference"):
        ml.gradcheck(tampered(lambda dx: dx * factor), values(3, 4))


@pytest.mark.parametrize("index", [(0, 0), (1, 2), (2, 3)])
def test_a_wrong_sign_of_one_element_is_caught_and_named(index):
    def flip(dx):
        dx[index] *= -1
        return dx

    with pytest.raises(AssertionError, match=rf"argument 0, index \({index[0]}, {index[1]}\)"):
        ml.gradcheck(tampered(flip), values(3, 4))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_gradient_that_is_not_finite_is_caught_and_named(bad):
    def spoil(dx):
        dx[1, 2] = bad
        return dx

    with pytest.raises(AssertionError, match=r"index \(1, 2\): gradient -?(nan|inf)"):
        ml.gradcheck(tampered(spoil), values(3, 4))


def test_a_function_that_gives_nan_is_caught():
    with np.errstate(invalid="ignore"), pytest.raises(AssertionError, match="nan"):
        ml.gradcheck(ops.log, -np.ones(3))


def test_an_error_is_measured_against_the_largest_gradient_of_the_argument():
    x = np.array([1.0, 1e5])  # a difference of squares as large as these is off by about 0.01

    def square(change):
        return tampered(change, np.square, lambda x: 2 * x)

    ml.gradcheck(square(lambda dx: dx), x)
    with pytest.raises(AssertionError, match=r"index \(0,\)"):
        ml.gradcheck(square(lambda dx: dx + [1, 0]), x)


def test_the_right_gradient_of_the_wrong_argument_is_caught():
    @op
    def product(a, b):
        return a * b, lambda dy: (dy * a, dy * b)

    with pytest.raises(AssertionError, match="argument 0"):
        ml.gradcheck(product, values(4), values(4, seed=2))


def test_a_missing_gradient_is_caught():
    @op
    def half_blind(a, b):
        return a * b, lambda dy: (dy * b, None)

    with pytest.raises(AssertionError, match="argument 1"):
        ml.gradcheck(half_blind, values(4), values(4, seed=2))


def test_a_gradient_of_another_shape_is_caught():
    @op
    def summed(x):
        return x.sum(0), lambda dy: dy

    with pytest.raises(AssertionError, match=r"argument 0 is \(2, 3\), its gradient \(3,\)"):
        ml.gradcheck(summed, values(2, 3))


@pytest.mark.parametrize("wrong", [0, 1])
def test_every_output_of_a_function_is_checked(wrong):
    @op
    def two(x):
        def vjp(a, b):
            a, b = (0 if d is None else d for d in (a, b))
            return a * 2 * (1 if wrong else 1.1) + b * 3 * (1.1 if wrong else 1)

        return (2 * x, 3 * x), vjp

    with pytest.raises(AssertionError, match="argument 0"):
        ml.gradcheck(two, values(3))


def test_a_gradient_that_is_lost_when_a_tensor_is_used_twice_is_caught():
    seen = []

    @op
    def once(x):
        return x * 1, lambda dy: dy if not seen.append(1) and len(seen) == 1 else dy * 0

    with pytest.raises(AssertionError, match="finite difference"):
        ml.gradcheck(lambda x: once(x) + once(x), values(3))


def test_f32_arguments_are_checked_in_float64_and_whole_numbers_passed_on():
    idx, dtypes = np.array([2, 0]), []

    def f(w, i):
        dtypes.append((w.dtype, i is idx))
        return ops.embedding(i, w)

    ml.gradcheck(f, values(3, 2).astype(np.float32), idx)
    assert set(dtypes) == {(np.dtype(np.float64), True)}


def test_the_arguments_are_left_as_they_were():
    x = values(3, 4)
    before = x.copy()
    ml.gradcheck(ops.exp, x)
    assert np.array_equal(x, before)


def test_numbers_and_empty_arrays_can_be_checked():
    ml.gradcheck(lambda x, y: x * y, 1.5, np.array(2.5))
    assert ml.gradcheck(lambda x: x * 2.0, np.zeros((0, 3))) == 0


def test_the_random_numbers_are_those_of_the_generator_given():
    wrong = tampered(lambda dx: dx * 1.5)

    def message(seed):
        with pytest.raises(AssertionError) as caught:
            ml.gradcheck(wrong, values(5), rng=np.random.default_rng(seed))
        return str(caught.value)

    assert message(3) == message(3) != message(4)


def test_the_tolerance_leaves_room_above_the_error_of_the_difference_itself():
    worst = ml.gradcheck(ops.gelu, values(20, 5) * 3)
    assert worst < TOLERANCE / 100
