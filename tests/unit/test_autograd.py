"""Backward adds every path's gradient once, into places of its own, and frees what it has used."""

import gc
import weakref

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.autograd import op


def leaf(*shape, seed=0, dtype=np.float64):
    return ml.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype), "cpu", True)


class Held:
    """Something that a vjp can hold, to see when it is let go."""


@op
def doubled(x, held=None):
    """2 x, by a vjp that holds `held`."""
    return 2 * x, lambda dy: (2 * dy, None, held)[:2]


@op
def halves(x):
    """x and -x / 2, from one op."""

    def vjp(first, second):
        total = np.zeros_like(x)
        total += 0 if first is None else first
        total -= 0 if second is None else second / 2
        return total

    return (x * 1, x / -2), vjp


# ---- the graph ----


def test_a_diamond_adds_both_paths_before_it_passes_them_on():
    a = leaf(3)
    b = a + a
    c = b + b
    c.backward(np.array([1.0, 2.0, 3.0]))
    assert a.grad.numpy().tolist() == [4.0, 8.0, 12.0]


def test_a_ladder_of_200_diamonds_is_walked_by_nodes_not_by_its_many_paths():
    a = leaf()
    b = a
    for _ in range(200):
        b = b + b
    b.backward()
    assert a.grad.item() == 2.0**200


def test_a_tensor_used_early_and_late_gets_both_gradients():
    x = leaf(4)
    y = ops.exp(x)
    late = y * ops.tanh(y)
    (late + x * y).sum().backward()
    v, e = x.numpy(), np.exp(x.numpy())
    want = e * (np.tanh(e) + e * (1 - np.tanh(e) ** 2)) + e + v * e
    assert np.allclose(x.grad.numpy(), want, rtol=1e-14, atol=0)


def test_50_000_ops_in_a_row_need_no_recursion():
    x = leaf(2)
    y = x
    for _ in range(50_000):
        y = y + 1.0
    y.backward(np.array([1.0, 3.0]))
    assert x.grad.numpy().tolist() == [1.0, 3.0]


def test_50_000_ops_that_are_never_used_can_be_thrown_away():
    y = leaf(2)
    for _ in range(50_000):
        y = y + 1.0
    gone = weakref.ref(y.node.parents[0].node.vjp)
    del y
    gc.collect()
    assert gone() is None


def test_the_gradient_of_a_sum_of_100_leaves_reaches_each():
    leaves = [leaf(2, seed=i) for i in range(100)]
    total = leaves[0]
    for i, x in enumerate(leaves[1:], 2):
        total = total + x * float(i)
    total.sum().backward()
    assert [x.grad.numpy().tolist() for x in leaves] == [[i, i] for i in range(1, 101)]


# ---- several outputs ----


def test_an_output_that_nobody_uses_counts_as_zero():
    x = leaf(3)
    first, _ = halves(x)
    first.sum().backward()
    assert x.grad.numpy().tolist() == [1.0] * 3
    _, second = halves(x)
    x.grad = None
    second.sum().backward()
    assert x.grad.numpy().tolist() == [-0.5] * 3


def test_both_outputs_add_up_even_if_one_is_used_twice():
    x = leaf(3)
    first, second = halves(x)
    (first + second + second).sum().backward()
    assert x.grad.numpy().tolist() == [0.0] * 3


@pytest.mark.parametrize("used", [0, 1])
def test_residual_layernorm_with_one_output_unused_is_the_sum_of_its_parts(used):
    x, delta, weight, bias = leaf(2, 5), leaf(2, 5, seed=1), leaf(5, seed=2), leaf(5, seed=3)
    dy = np.random.default_rng(4).standard_normal((2, 5))
    ops.residual_layernorm(x, delta, weight, bias)[used].backward(dy)
    got = [None if t.grad is None else t.grad.numpy() for t in (x, delta, weight, bias)]
    for t in (x, delta, weight, bias):
        t.grad = None
    (x + delta if used == 0 else ops.layernorm(x + delta, weight, bias)).backward(dy)
    want = [None if t.grad is None else t.grad.numpy() for t in (x, delta, weight, bias)]
    assert [g is None for g in got] == [w is None for w in want]
    assert all(
        np.allclose(g, w, rtol=1e-13) for g, w in zip(got, want, strict=True) if w is not None
    )


# ---- leaves ----


def test_gradients_add_up_over_two_backward_calls_until_they_are_taken_away():
    x = leaf(3)
    for count in (1, 2, 3):
        (x * 2.0).sum().backward()
        assert x.grad.numpy().tolist() == [2.0 * count] * 3
    x.grad = None
    (x * 2.0).sum().backward()
    assert x.grad.numpy().tolist() == [2.0] * 3


def test_two_leaves_never_share_a_gradient():
    a, b, seed = leaf(3), leaf(3), np.ones(3)
    (a + b).backward(seed)
    arrays = [a.grad.numpy(), b.grad.numpy(), seed]
    arrays[0][0] = 9
    assert [x.tolist() for x in arrays[1:]] == [[1.0] * 3] * 2
    (a + b).sum().backward()
    assert b.grad.numpy().tolist() == [2.0] * 3


def test_the_gradient_given_to_backward_is_not_written_to():
    x, seed = leaf(3), np.ones(3)
    for _ in range(2):
        (x + x).backward(seed)
    x.backward(seed)
    x.backward(seed)
    assert seed.tolist() == [1.0] * 3
    assert x.grad.numpy().tolist() == [6.0] * 3


def test_an_earlier_grad_is_not_changed_by_a_later_backward():
    x = leaf(3)
    (x * 2.0).sum().backward()
    earlier = x.grad
    (x * 2.0).sum().backward()
    assert earlier.numpy().tolist() == [2.0] * 3


def test_a_leaf_without_a_path_to_the_result_gets_no_gradient():
    x, other = leaf(3), leaf(3)
    (x * 2.0).sum().backward()
    assert other.grad is None


def test_a_tensor_that_needs_no_gradient_gets_none_and_stays_out_of_the_graph():
    x, constant = leaf(3), ml.tensor(np.ones(3))
    y = x * constant
    assert y.node.parents[1] is None
    y.sum().backward()
    assert constant.grad is None
    assert not (constant * 2.0).requires_grad


def test_a_result_in_the_middle_keeps_no_gradient():
    x = leaf(3)
    y = x * 2.0
    y.sum().backward()
    assert y.grad is None


def test_a_leaf_that_is_itself_the_result_gets_the_gradient_given():
    x = leaf()
    x.backward()
    x.backward(3.0)
    assert x.grad.item() == 4.0


# ---- what is freed ----


def test_what_a_vjp_has_captured_is_freed_by_backward_though_the_result_lives():
    x, held = leaf(3), Held()
    gone = weakref.ref(held)
    y = doubled(doubled(x, held), held)
    del held
    gc.collect()
    assert gone() is not None
    y.backward(np.ones(3))
    assert gone() is None


def test_an_activation_in_the_middle_is_freed_by_backward():
    x = leaf(3)
    y = ops.exp(x)
    gone = weakref.ref(y.numpy())
    z = ops.tanh(y)
    del y
    z.backward(np.ones(3))
    assert gone() is None


@pytest.mark.parametrize("share", [False, True])
def test_a_second_backward_over_one_graph_is_refused_with_the_op(share):
    x = leaf(3)
    y = ops.exp(x)
    z = ops.tanh(y)
    z.backward(np.ones(3))
    with pytest.raises(RuntimeError, match="exp was freed|tanh was freed"):
        (y * 2.0 if share else z).backward(np.ones(3))


def test_a_refused_backward_leaves_gradients_as_they_were():
    x = leaf(3)
    y = ops.exp(x)
    y.backward(np.ones(3))
    before = x.grad.numpy().copy()
    with pytest.raises(RuntimeError, match="exp was freed"):
        (x * 3.0 + y).backward(np.ones(3))
    assert np.array_equal(x.grad.numpy(), before)


# ---- no_grad, detach ----


def test_no_grad_remembers_nothing_and_nests_and_ends_after_an_error():
    x = leaf(3)
    with ml.no_grad():
        with ml.no_grad():
            pass
        y = x * 2.0
    assert (y.requires_grad, y.node) == (False, None)
    with pytest.raises(KeyError), ml.no_grad():
        raise KeyError
    assert (x * 2.0).requires_grad


def test_no_grad_captures_nothing():
    held = Held()
    gone = weakref.ref(held)
    with ml.no_grad():
        y = doubled(leaf(3), held)
    del held
    assert gone() is None
    assert y.shape == (3,)


def test_detach_cuts_the_path_but_not_the_data():
    x = leaf(3)
    y = (x * 2.0).detach()
    assert not y.requires_grad
    (y * x).sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())
