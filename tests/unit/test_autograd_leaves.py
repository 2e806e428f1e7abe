"""An op that writes gradients puts them where the leaf's gradient is wanted, or adds them there."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.autograd import Tensor
from mlstack_lib.optim import SGD


def leaf(*shape, seed):
    return ml.tensor(np.random.default_rng(seed).standard_normal(shape), "cpu", True)


def with_view(tensor):
    """Give a leaf a place for its gradient, full of what must not be read."""
    tensor.grad_view = np.full(tensor.shape, np.nan)
    return tensor


IDX = np.array([[0, 2, 2], [4, 0, 2]])

# A function of fresh leaves: x first, then those whose gradients are written.
LOSSES = {
    "linear": (
        [(4, 3), (5, 3), (5,)],
        lambda x, w, b: ops.tanh(ops.linear(x, w, b)).sum(),
    ),
    "linear with gelu": (
        [(2, 2, 3), (5, 3), (5,)],
        lambda x, w, b: ops.linear(x, w, b, "gelu").sum(),
    ),
    "linear without bias": ([(4, 3), (5, 3)], lambda x, w: ops.tanh(ops.linear(x, w)).sum()),
    "layernorm": (
        [(4, 3), (3,), (3,)],
        lambda x, w, b: ops.tanh(ops.layernorm(x, w, b)).sum(),
    ),
    "residual_layernorm": (
        [(4, 3), (4, 3), (3,), (3,)],
        lambda x, d, w, b: (lambda r, y: (ops.tanh(y) * r).sum())(
            *ops.residual_layernorm(x, d, w, b)
        ),
    ),
    "embedding": ([(5, 2), (3, 2)], lambda w, p: ops.tanh(ops.embedding(IDX, w, p)).sum()),
    "embedding alone": ([(5, 2)], lambda w: ops.tanh(ops.embedding(IDX, w)).sum()),
    "a weight used twice": (
        [(3, 3)],
        lambda w: ops.tanh(ops.linear(ops.linear(ml.tensor(np.eye(3)), w), w)).sum(),
    ),
    "a weight tied to an embedding": (
        [(5, 2), (3, 2)],
        lambda w, p: ops.tanh(ops.linear(ops.embedding(IDX, w, p), w)).sum(),
    ),
    "a leaf that is both arguments of linear": (
        [(3, 3)],
        lambda w: ops.tanh(ops.linear(w, w)).sum(),
    ),
    "a leaf that is weight and bias of layernorm": (
        [(2, 3), (3,)],
        lambda x, w: ops.tanh(ops.layernorm(x, w, w)).sum(),
    ),
    "a leaf that is x and delta": (
        [(2, 3), (3,), (3,)],
        lambda x, w, b: ops.tanh(ops.residual_layernorm(x, x, w, b)[1]).sum(),
    ),
    "a weight that is computed": (
        [(4, 3), (5, 3), (5,)],
        lambda x, w, b: ops.tanh(ops.linear(x, w * 2.0, b)).sum(),
    ),
}


def leaves_of(name):
    return [leaf(*shape, seed=i) for i, shape in enumerate(LOSSES[name][0])]


def plain_gradients(name):
    leaves = leaves_of(name)
    LOSSES[name][1](*leaves).backward()
    return [x.grad.numpy() for x in leaves]


@pytest.mark.parametrize("name", LOSSES)
def test_the_plain_gradient_is_right(name):
    ml.gradcheck(LOSSES[name][1], *(x.numpy() for x in leaves_of(name)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_gradient_with_a_place_of_its_own_is_the_plain_one_and_lies_there(name):
    leaves = [with_view(x) for x in leaves_of(name)]
    LOSSES[name][1](*leaves).backward()
    for x, want in zip(leaves, plain_gradients(name), strict=True):
        assert x.grad.numpy() is x.grad_view
        assert np.allclose(x.grad_view, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_three_micro_batches_add_up_in_that_place(name):
    leaves = [with_view(x) for x in leaves_of(name)]
    for _ in range(3):
        LOSSES[name][1](*leaves).backward()
    for x, want in zip(leaves, plain_gradients(name), strict=True):
        assert x.grad.numpy() is x.grad_view
        assert np.allclose(x.grad_view, 3 * want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("first", [0, -1])
def test_a_leaf_that_has_a_gradient_already_is_added_to_and_the_others_are_not(name, first):
    leaves = [with_view(x) for x in leaves_of(name)]
    (leaves[first] * 2.0).sum().backward()
    LOSSES[name][1](*leaves).backward()
    wants = plain_gradients(name)
    wants[first] = wants[first] + 2.0
    for x, want in zip(leaves, wants, strict=True):
        assert np.allclose(x.grad_view, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("which", [0, 1])
def test_leaves_with_and_without_a_place_mix(name, which):
    leaves = leaves_of(name)
    for x in leaves[which::2]:
        with_view(x)
    for _ in range(2):
        LOSSES[name][1](*leaves).backward()
    for x, want in zip(leaves, plain_gradients(name), strict=True):
        assert (x.grad_view is not None) == (x.grad.numpy() is x.grad_view)
        assert np.allclose(x.grad.numpy(), 2 * want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_after_grad_is_taken_away_the_place_is_written_anew(name):
    leaves = [with_view(x) for x in leaves_of(name)]
    for _ in range(2):
        for x in leaves:
            x.grad = None
        LOSSES[name][1](*leaves).backward()
    for x, want in zip(leaves, plain_gradients(name), strict=True):
        assert np.allclose(x.grad_view, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_a_frozen_argument_gets_no_gradient_and_the_others_theirs(frozen):
    leaves = [with_view(x) for x in leaves_of("linear")]
    leaves[frozen].requires_grad = False
    LOSSES["linear"][1](*leaves).backward()
    for i, (x, want) in enumerate(zip(leaves, plain_gradients("linear"), strict=True)):
        assert (x.grad is None) == (i == frozen)
        assert i == frozen or np.allclose(x.grad_view, want, rtol=1e-13)


def test_setting_grad_copies_it_into_the_place():
    x, values = with_view(leaf(3, seed=0)), np.ones(3)
    x.grad = Tensor(values)
    assert x.grad_view.tolist() == values.tolist()
    assert not np.shares_memory(x.grad.numpy(), values)


def test_gradients_of_all_parameters_lie_in_the_optimizers_flat_buffer():
    leaves = leaves_of("a weight tied to an embedding")
    optimizer = SGD(leaves, lr=0.1)
    LOSSES["a weight tied to an embedding"][1](*leaves).backward()
    wants = plain_gradients("a weight tied to an embedding")
    for x, want in zip(leaves, wants, strict=True):
        assert np.shares_memory(x.grad.numpy(), optimizer.grads)
        assert np.allclose(x.grad.numpy(), want, rtol=1e-13, atol=1e-15)
