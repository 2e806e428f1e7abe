"""Modules name their parameters, share them, save and load them; layers compute what they say."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import nn, ops
from mlstack_lib.errors import BadInput


def rng(seed=0):
    return np.random.default_rng(seed)


class Pair(nn.Module):
    """Two layers that share a weight, a parameter, and a list of layers."""

    def __init__(self):
        self.first = nn.Linear(3, 3, rng=rng(1))
        self.layers = [nn.Linear(3, 2, rng=rng(i), bias=False) for i in range(2)]
        self.scale = nn.parameter(np.ones(1, np.float32))
        self.tied = nn.Linear(3, 3, rng=rng(2))
        self.tied.weight = self.first.weight
        self.constant = ml.tensor([1.0])
        self.note = ["not", "modules"]


NAMES = ["scale", "first.weight", "first.bias", "layers.0.weight", "layers.1.weight", "tied.bias"]


# ---- parameters ----


def test_a_parameter_is_named_by_the_attributes_that_lead_to_it_and_a_shared_one_once():
    pair = Pair()
    named = dict(pair.named_parameters())
    assert list(named) == NAMES
    assert named["first.weight"] is pair.first.weight
    assert named["layers.1.weight"] is pair.layers[1].weight
    assert [id(p) for p in pair.parameters()] == [id(p) for p in named.values()]


def test_a_module_lists_itself_and_all_inside_it():
    pair = Pair()
    assert list(pair.modules()) == [pair, pair.first, *pair.layers, pair.tied]
    assert [name for name, _ in pair.children()] == ["first", "layers.0", "layers.1", "tied"]


def test_train_and_eval_reach_every_module():
    pair = Pair()
    assert pair.eval() is pair
    assert [m.training for m in pair.modules()] == [False] * 5
    assert pair.train() is pair
    assert [m.training for m in pair.modules()] == [True] * 5


def test_zero_grad_forgets_every_gradient():
    pair = Pair()
    ops.sum(pair.first(ml.tensor(np.ones((1, 3), np.float32)))).backward()
    assert pair.first.weight.grad is not None
    pair.zero_grad()
    assert all(p.grad is None for p in pair.parameters())


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Pair has no forward"):
        Pair()(1)


# ---- saving and loading ----


def test_a_state_dict_is_a_copy_by_name():
    pair = Pair()
    state = pair.state_dict()
    assert list(state) == NAMES
    state["first.bias"][:] = 7
    assert not pair.first.bias.numpy().any()


def test_loading_a_state_dict_writes_into_the_same_arrays_and_the_shared_weight():
    pair, other = Pair(), Pair()
    for i, p in enumerate(other.parameters()):
        p.data[...] = i
    arrays = [p.numpy() for p in pair.parameters()]
    pair.load_state_dict(other.state_dict())
    assert all(p.numpy() is a for p, a in zip(pair.parameters(), arrays, strict=True))
    assert [p.numpy().ravel()[0] for p in pair.parameters()] == list(range(6))
    assert (pair.tied.weight.numpy() == 1).all()


def test_loaded_values_take_the_dtype_of_the_parameter():
    pair = Pair()
    pair.load_state_dict({n: v.astype(np.float64) + 0.5 for n, v in pair.state_dict().items()})
    assert pair.scale.dtype == np.float32
    assert pair.scale.item() == 1.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("tied.bias"), "tied.bias is missing from the values"),
        (lambda s: s.update(extra=np.ones(1)), "extra is not a parameter here"),
        (lambda s: s.update({"tied.weight": np.ones((3, 3))}), "tied.weight is not a parameter"),
        (
            lambda s: s.update({"layers.1.weight": np.ones((3, 2))}),
            r"layers.1.weight is \(3, 2\), this model has \(2, 3\)",
        ),
        (lambda s: s.update(scale=np.ones(())), r"scale is \(\), this model has \(1,\)"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_and_nothing_is_written(change, message):
    pair = Pair()
    before = pair.state_dict()
    state = {name: value + 1 for name, value in before.items()}
    change(state)
    with pytest.raises(BadInput, match=f"load_state_dict: {message}"):
        pair.load_state_dict(state)
    assert all(np.array_equal(value, before[name]) for name, value in pair.state_dict().items())


# ---- layers ----


@pytest.mark.parametrize("activation", [None, "gelu"])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_the_op_of_its_weights(bias, activation):
    layer = nn.Linear(5, 3, rng=rng(), bias=bias, activation=activation)
    x = ml.tensor(rng(1).standard_normal((2, 4, 5)).astype(np.float32))
    want = ops.linear(x, layer.weight, layer.bias, activation)
    assert np.array_equal(layer(x).numpy(), want.numpy())
    assert (layer.weight.shape, layer.bias is not None) == ((3, 5), bias)


@pytest.mark.parametrize(("std", "want"), [(None, 400**-0.5), (0.02, 0.02), (0.0, 0.0)])
def test_linear_begins_with_weights_of_the_deviation_asked_and_a_bias_of_zero(std, want):
    layer = nn.Linear(400, 300, rng=rng(), std=std)
    weight = layer.weight.numpy()
    # of n = 120,000 draws, the deviation is off by about 1 / sqrt(2 n), the mean by 1 / sqrt(n)
    assert abs(weight.std() - want) <= 5 * want / 240_000**0.5
    assert abs(weight.mean()) <= 5 * want / 120_000**0.5
    assert not layer.bias.numpy().any()
    assert {p.dtype for p in layer.parameters()} == {np.dtype(np.float32)}


def test_weights_depend_on_the_generator_alone():
    a, b, c = (nn.Linear(4, 4, rng=rng(seed)).weight.numpy() for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_an_embedding_gives_the_rows_of_its_weight():
    layer = nn.Embedding(7, 3, rng=rng())
    assert np.array_equal(layer(np.array([[6, 0]])).numpy(), layer.weight.numpy()[[[6, 0]]])
    assert abs(nn.Embedding(500, 200, rng=rng()).weight.numpy().std() - 0.02) < 0.0005


def test_layernorm_begins_as_mean_zero_and_deviation_one():
    layer = nn.LayerNorm(64, eps=1e-9)
    y = layer(ml.tensor(rng().standard_normal((5, 64)).astype(np.float32) * 3 + 7)).numpy()
    assert np.abs(y.mean(-1)).max() < 1e-6
    assert np.abs(y.std(-1) - 1).max() < 1e-5


def test_layernorm_with_delta_gives_the_sum_and_its_norm():
    layer = nn.LayerNorm(8)
    x, delta = (ml.tensor(rng(i).standard_normal((2, 8)).astype(np.float32)) for i in range(2))
    residual, y = layer(x, delta)
    assert np.array_equal(residual.numpy(), x.numpy() + delta.numpy())
    assert np.allclose(y.numpy(), layer(residual).numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("eps", [1e-5, 10.0])
def test_the_eps_of_a_layernorm_is_used_with_and_without_delta(eps):
    layer = nn.LayerNorm(4, eps=eps)
    x = rng().standard_normal((3, 4)).astype(np.float32)
    want = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    assert np.allclose(layer(ml.tensor(x)).numpy(), want, atol=1e-6)
    assert np.allclose(layer(ml.tensor(x), ml.tensor(0 * x))[1].numpy(), want, atol=1e-6)


def test_dropout_acts_only_while_training_and_only_above_rate_zero():
    x = ml.tensor(np.ones((8, 8), np.float32))
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(0.5).eval()(x) is x
    assert (nn.Dropout(0.5)(x).numpy() == 0).any()


def test_attention_is_its_two_projections_around_the_op():
    layer = nn.Attention(8, 2, rng=rng())
    x = ml.tensor(rng(1).standard_normal((2, 5, 8)).astype(np.float32))
    qkv = layer.c_attn(x).reshape(2, 5, 3, 2, 4)
    want = layer.c_proj(ops.attention(qkv).reshape(2, 5, 8))
    assert np.array_equal(layer(x).numpy(), want.numpy())


def test_channels_that_do_not_divide_into_heads_are_refused():
    with pytest.raises(BadInput, match="10 channels do not divide into 3 heads"):
        nn.Attention(10, 3, rng=rng())


def test_a_block_leaves_its_last_sum_to_the_next_and_the_sums_are_the_textbooks():
    block = nn.Block(8, 2, rng=rng())
    for p in block.parameters():
        p.data += rng(3).standard_normal(p.shape).astype(np.float32) * 0.1
    x = ml.tensor(rng(1).standard_normal((2, 5, 8)).astype(np.float32))
    first = x + block.attn(block.ln_1(x))
    want = first + block.mlp(block.ln_2(first))
    residual, delta = block(x)
    assert np.allclose((residual + delta).numpy(), want.numpy(), rtol=0, atol=2e-6)
    residual, delta = block(x * 0.25, x * 0.75)
    assert np.allclose((residual + delta).numpy(), want.numpy(), rtol=0, atol=2e-6)
