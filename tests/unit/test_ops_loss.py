"""softmax and cross-entropy at extreme numbers, with ignored rows, and by hand."""

import math

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops


def leaf(values, dtype=np.float64):
    return ml.tensor(np.array(values, dtype), requires_grad=True)


# ---- softmax ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1000, 0, 1000])
def test_softmax_at_plus_and_minus_1000_is_that_at_zero(shift, dtype):
    x = leaf([[0.0, 1.0, 3.0]], dtype)
    moved = leaf([[shift, shift + 1.0, shift + 3.0]], dtype)
    dy = np.array([[1.0, 2.0, -1.0]], dtype)
    for t in (x, moved):
        ops.softmax(t).backward(dy)
    assert np.array_equal(ops.softmax(x).numpy(), ops.softmax(moved).numpy())
    assert np.array_equal(x.grad.numpy(), moved.grad.numpy())


def test_softmax_of_a_far_winner_is_one_and_zeros_without_nan():
    x = leaf([[-1000.0, 0.0, 1000.0]])
    y = ops.softmax(x)
    y.backward(np.array([[1.0, 2.0, 3.0]]))
    assert y.numpy().tolist() == [[0, 0, 1]]
    assert x.grad.numpy().tolist() == [[0, 0, 0]]


def test_softmax_gives_a_masked_score_of_minus_infinity_nothing():
    x = leaf([[1.0, -np.inf, 1.0]])
    y = ops.softmax(x)
    y.backward(np.ones((1, 3)))
    assert y.numpy().tolist() == [[0.5, 0, 0.5]]
    assert np.isfinite(x.grad.numpy()).all()


# ---- cross-entropy ----


def test_cross_entropy_of_two_rows_by_hand():
    logits = leaf([[math.log(1), math.log(2), math.log(5)], [math.log(3), math.log(3), 0.0]])
    loss = ops.cross_entropy(logits, np.array([1, 2]))
    loss.backward()
    assert loss.item() == pytest.approx((math.log(8 / 2) + math.log(7)) / 2, rel=1e-15)
    want = [[1 / 16, 2 / 16 - 1 / 2, 5 / 16], [3 / 14, 3 / 14, 1 / 14 - 1 / 2]]
    assert np.allclose(logits.grad.numpy(), want, rtol=0, atol=1e-16)


def test_equal_logits_cost_the_logarithm_of_their_number():
    assert ops.cross_entropy(np.zeros((3, 97)), np.array([0, 5, 96])).item() == pytest.approx(
        math.log(97), rel=1e-15
    )


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("ignore", [-1, -100, 2, 50])
def test_ignored_rows_count_neither_in_the_sum_nor_in_the_mean(ignore, gradient):
    logits = np.random.default_rng(0).standard_normal((4, 5))
    x, kept = ml.tensor(logits, requires_grad=gradient), ml.tensor(logits[[0, 2]], "cpu", gradient)
    loss = ops.cross_entropy(x, np.array([1, ignore, 4, ignore]), ignore_index=ignore)
    want = ops.cross_entropy(kept, np.array([1, 4]))
    assert loss.item() == pytest.approx(want.item(), rel=1e-15)
    if gradient:
        loss.backward()
        want.backward()
        assert np.allclose(x.grad.numpy()[[0, 2]], kept.grad.numpy(), rtol=1e-14)
        assert not x.grad.numpy()[[1, 3]].any()


def test_all_rows_ignored_cost_nothing_and_have_no_gradient():
    logits = leaf(np.ones((3, 5)))
    loss = ops.cross_entropy(logits, np.full(3, -1))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.numpy().tolist() == [[0.0] * 5] * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_cost_their_distance_and_give_no_nan(dtype):
    logits = leaf([[1000.0, -1000.0], [-1000.0, 1000.0], [1e30, 0.0]], dtype)
    loss = ops.cross_entropy(logits, np.array([0, 0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(2000 / 3, rel=1e-6)
    assert ops.cross_entropy(logits.detach(), np.array([0, 0, 0])).item() == loss.item()
    assert np.allclose(logits.grad.numpy(), np.array([[0, 0], [-1, 1], [0, 0]]) / 3, atol=1e-7)


def test_overwrite_lets_the_gradient_lie_where_the_logits_were_and_is_the_same():
    rng = np.random.default_rng(0)
    plain, over = (ml.tensor(rng.standard_normal((4, 7)), "cpu", True) for _ in range(2))
    over.data[...] = plain.data
    targets, before = np.array([0, 6, -1, 3]), plain.numpy().copy()
    losses = [ops.cross_entropy(x, targets, overwrite=x is over) for x in (plain, over)]
    assert losses[0].item() == losses[1].item()
    assert np.array_equal(plain.numpy(), before)
    memory = over.numpy().copy()
    for loss in losses:
        loss.backward()
    assert np.array_equal(plain.grad.numpy(), over.grad.numpy())
    assert np.array_equal(memory, over.grad.numpy())


@pytest.mark.parametrize("trained", [False, True])
def test_without_a_gradient_overwrite_leaves_the_logits_alone(trained):
    logits = ml.tensor(np.random.default_rng(0).standard_normal((4, 7)), "cpu", trained)
    before = logits.numpy().copy()
    with ml.no_grad():
        ops.cross_entropy(logits, np.zeros(4, int), overwrite=True)
    assert np.array_equal(logits.numpy(), before)


@pytest.mark.parametrize("weight", [0.5, 1.0, -3.0])
def test_a_loss_that_is_weighted_weighs_its_gradient(weight):
    logits = np.random.default_rng(0).standard_normal((4, 7))
    ml.gradcheck(lambda z: ops.cross_entropy(z, np.array([0, 6, -1, 3])) * weight, logits)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16, np.uint32, np.int8])
def test_targets_and_tokens_may_be_whole_numbers_of_any_dtype(dtype):
    w = np.random.default_rng(0).standard_normal((7, 3))
    idx = np.array([0, 6, 3], dtype)
    assert np.array_equal(ops.embedding(idx, w).numpy(), w[[0, 6, 3]])
    loss = ops.cross_entropy(w.T.copy(), idx).item()
    assert loss == ops.cross_entropy(w.T.copy(), idx.astype(int)).item()
