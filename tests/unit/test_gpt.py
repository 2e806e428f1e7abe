"""GPT: names, sizes and initial values of GPT-2, causality, the cache, what it refuses."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops, reference
from mlstack_lib.array import STATE_SIZE, Slot
from mlstack_lib.errors import BadInput
from mlstack_lib.presets import preset

SMALL = ml.GPTConfig(vocab_size=31, context=9, n_layer=2, n_head=2, n_embd=16)


def model_of(config=SMALL, seed=0, shaken=False, **options):
    """A new model; `shaken`, with all values moved, so that no bias is 0 and no weight small."""
    model = ml.GPT(config, rng=np.random.default_rng(seed), **options)
    if shaken:
        rng = np.random.default_rng(seed + 1)
        for p in model.parameters():
            p.data += 0.3 * rng.standard_normal(p.shape).astype(np.float32)
    return model


def tokens(*shape, seed=5, high=31):
    return np.random.default_rng(seed).integers(high, size=shape)


def at_position(position):
    state = np.zeros(STATE_SIZE, np.float32)
    state[Slot.POSITION] = position
    ml.device("cpu").write(ml.device("cpu").state, state)


# ---- parameters ----


def test_parameter_names_and_shapes_are_gpt2s_but_for_out_in():
    c = 16
    block = {
        "ln_1.weight": (c,), "ln_1.bias": (c,), "attn.c_attn.weight": (3 * c, c),
        "attn.c_attn.bias": (3 * c,), "attn.c_proj.weight": (c, c), "attn.c_proj.bias": (c,),
        "ln_2.weight": (c,), "ln_2.bias": (c,), "mlp.c_fc.weight": (4 * c, c),
        "mlp.c_fc.bias": (4 * c,), "mlp.c_proj.weight": (c, 4 * c), "mlp.c_proj.bias": (c,),
    }  # fmt: skip
    want = {"wte.weight": (31, c), "wpe.weight": (9, c)}
    want |= {f"h.{i}.{name}": shape for i in range(2) for name, shape in block.items()}
    want |= {"ln_f.weight": (c,), "ln_f.bias": (c,)}
    assert {name: p.shape for name, p in model_of().named_parameters()} == want


def test_the_12m_model_has_12_318_720_parameters():
    config = preset("12m").model(vocab_size=4096)
    model = ml.GPT(config, rng=np.random.default_rng(0))
    assert model.parameter_count() == 12_318_720


def test_the_count_is_that_of_the_parameters():
    model = model_of()
    assert model.parameter_count() == sum(p.numpy().size for p in model.parameters())


def test_initial_deviations_are_gpt2s():
    config = ml.GPTConfig(vocab_size=500, context=200, n_layer=3, n_head=2, n_embd=128)
    for name, p in model_of(config).named_parameters():
        values = p.numpy()
        if values.ndim == 1:
            assert (values == (1 if "ln_" in name and name.endswith("weight") else 0)).all(), name
            continue
        want = 0.02 / (2 * 3) ** 0.5 if "c_proj" in name else 0.02
        # n draws have a deviation that is off by about 1 / sqrt(2 n), and a mean by 1 / sqrt(n)
        assert abs(values.std() / want - 1) < 5 / (2 * values.size) ** 0.5, name
        assert abs(values.mean() / want) < 5 / values.size**0.5, name


def test_a_new_model_guesses_about_as_well_as_chance():
    loss = model_of().loss(tokens(4, 9), tokens(4, 9, seed=6)).item()
    assert abs(loss - np.log(31)) < 0.1


def test_the_head_is_the_token_embedding():
    model = model_of(shaken=True)
    idx = tokens(2, 9)
    before = model(idx).numpy().copy()
    model.wte.weight.data[30] += 1  # a token that no input names
    idx[idx == 30] = 0
    after = model(idx).numpy()
    assert np.array_equal(model_of(shaken=True)(idx).numpy()[..., :30], after[..., :30])
    assert not np.array_equal(before[..., 30], after[..., 30])


def test_weights_depend_on_the_generator_alone():
    a, b, c = (model_of(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["wte.weight"], c["wte.weight"])


# ---- the function ----


def test_logits_have_a_row_for_every_token_and_f32():
    y = model_of()(tokens(3, 7))
    assert (y.shape, y.dtype) == ((3, 7, 31), np.float32)


@pytest.mark.parametrize("changed", [1, 4, 8])
def test_a_later_token_leaves_earlier_logits_as_they_were_and_changes_its_own(changed):
    model, idx = model_of(shaken=True), tokens(2, 9)
    before = model(idx).numpy().copy()
    idx[:, changed] = (idx[:, changed] + 1) % 31
    after = model(idx).numpy()
    assert np.array_equal(before[:, :changed], after[:, :changed])
    assert (np.abs(before - after)[:, changed:].max(-1) > 1e-3).all()


def test_the_sequences_of_a_batch_do_not_see_each_other():
    model, idx = model_of(shaken=True), tokens(3, 9)
    before = model(idx).numpy().copy()
    idx[1] = tokens(9, seed=77)
    after = model(idx).numpy()
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert not np.array_equal(before[1], after[1])


def test_order_and_place_of_tokens_matter():
    model, idx = model_of(shaken=True), np.array([[3, 3, 3, 3]])
    y = model(idx).numpy()
    assert np.abs(y[0, 0] - y[0, 1]).max() > 1e-3


def test_the_loss_is_the_cross_entropy_of_the_logits_and_leaves_out_ignored_targets():
    model, idx, targets = model_of(shaken=True), tokens(2, 9), tokens(2, 9, seed=6)
    targets[0, 3:] = ops.IGNORE_INDEX
    want = ops.cross_entropy(model(idx), targets).item()
    assert model.loss(idx, targets).item() == pytest.approx(want, rel=1e-6)
    targets[...] = ops.IGNORE_INDEX
    assert model.loss(idx, targets).item() == 0


def test_every_parameter_gets_a_gradient_and_float64_differences_agree():
    config = ml.GPTConfig(vocab_size=7, context=3, n_layer=2, n_head=2, n_embd=4)
    model, rng = model_of(config, shaken=True), np.random.default_rng(9)
    idx, targets = tokens(2, 3, high=7), tokens(2, 3, seed=6, high=7)
    parameters, losses = model.parameters(), []
    for p in parameters:
        p.data = p.data.astype(np.float64)
    model.loss(idx, targets).backward()
    gradients = [p.grad.numpy() for p in parameters]
    start = [p.data for p in parameters]
    direction = [rng.standard_normal(p.shape) for p in parameters]
    for step in (1e-5, -1e-5):
        for p, x, d in zip(parameters, start, direction, strict=True):
            p.data = x + step * d
        losses.append(model.loss(idx, targets).item())
    slope = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-7)
    assert all(np.abs(g).max() > 0 for g in gradients)


def test_an_order_given_reaches_the_embeddings_backward_and_changes_nothing():
    idx, models, seen = tokens(2, 9), [model_of(), model_of()], []
    order = np.argsort(idx.ravel(), kind="stable").astype(np.int16)

    def spy(dy, idx, order, rows, out=None, accumulate=False):
        seen.append(order.dtype)
        return reference.embedding_backward(dy, idx, order, rows, out, accumulate)

    with ml.override(embedding_backward=spy):
        models[0].loss(idx, idx, order).backward()
        models[1].loss(idx, idx).backward()
    assert seen == [np.int16, np.intp]
    first, second = (model.wte.weight.grad.numpy() for model in models)
    assert np.array_equal(first, second)


def test_the_loss_lets_its_gradient_be_written_over_the_logits():
    seen = []

    def spy(logits, targets, ignore_index, overwrite=False):
        seen.append(overwrite)
        return reference.cross_entropy_with_gradient(logits, targets, ignore_index)

    with ml.override(cross_entropy_with_gradient=spy):
        model_of().loss(tokens(2, 9), tokens(2, 9)).backward()
    assert seen == [True]


def test_dropout_changes_a_loss_in_training_and_not_in_eval():
    config = ml.GPTConfig(31, 9, 2, 2, 16, dropout=0.3)
    idx, model = tokens(2, 9), model_of(config, shaken=True)
    plain = model_of(shaken=True).loss(idx, idx).item()
    assert abs(model.loss(idx, idx).item() - plain) > 1e-3
    assert model.eval().loss(idx, idx).item() == plain
    seeded = model_of(config, shaken=True, seed=0)
    other = ml.GPT(config, rng=np.random.default_rng(0), seed=1)
    other.load_state_dict(seeded.state_dict())
    assert seeded.loss(idx, idx).item() != other.loss(idx, idx).item()


# ---- the cache ----


@pytest.mark.parametrize("chunks", [(9,), (1,) * 9, (4, 1, 1, 3), (8, 1), (2, 3)])
@pytest.mark.parametrize("batch", [1, 3])
def test_tokens_a_few_at_a_time_with_a_cache_give_the_logits_of_all_at_once(chunks, batch):
    model, idx = model_of(shaken=True), tokens(batch, 9)
    want = model(idx[:, : sum(chunks)]).numpy()
    caches, parts, position = model.new_caches(batch), [], 0
    for cache in caches:
        cache[...] = np.nan  # what is not filled yet must not be read
    with ml.no_grad():
        for count in chunks:
            at_position(position)
            parts.append(model(idx[:, position : position + count], caches, position).numpy())
            position += count
    assert np.abs(np.concatenate(parts, axis=1) - want).max() < 2e-5 * np.abs(want).max()


def test_a_cache_has_room_for_the_context_in_every_block():
    caches = model_of().new_caches(3)
    assert [(c.shape, c.dtype) for c in caches] == [((2, 3, 2, 9, 8), np.float32)] * 2


# ---- refusals ----


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"vocab_size": 0}, "vocab_size is 0, must be at least 1"),
        ({"context": 0}, "context is 0"),
        ({"n_layer": 0}, "n_layer is 0"),
        ({"n_head": 0}, "n_head is 0"),
        ({"n_embd": -8}, "n_embd is -8"),
        ({"n_embd": 10, "n_head": 4}, "n_embd 10 does not divide into n_head 4 heads"),
        ({"dropout": 1.0}, r"dropout is 1.0, must be in \[0, 1\)"),
        ({"dropout": -0.1}, "dropout is -0.1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, message):
    with pytest.raises(BadInput, match=message):
        ml.GPTConfig(**{**vars(SMALL), **sizes})


def test_one_block_is_a_model_too():
    assert model_of(ml.GPTConfig(5, 1, 1, 1, 1))(np.array([[4]])).shape == (1, 1, 5)


@pytest.mark.parametrize(
    ("shape", "position", "message"),
    [
        ((1, 10), 0, "10 tokens, the context is 9"),
        ((1, 2), 8, "10 tokens, the context is 9"),
        ((1, 0), 0, "0 tokens"),
        ((4,), 0, r"idx is \(4,\), need \(B, T\)"),
        ((1, 1, 1), 0, r"idx is \(1, 1, 1\)"),
    ],
)
def test_tokens_that_do_not_fit_the_context_are_refused(shape, position, message):
    with pytest.raises(BadInput, match=message):
        model_of()(np.zeros(shape, int), position=position)


@pytest.mark.parametrize("token", [-1, 31])
def test_a_token_beyond_the_vocabulary_is_refused(token):
    with pytest.raises(IndexError, match=f"embedding: {token} is not in 0..30"):
        model_of()(np.array([[0, token]]))
