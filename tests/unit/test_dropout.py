"""Dropout's random bits are pcg4d's, the same everywhere, and the same in both directions."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops, reference
from mlstack_lib.array import STATE_SIZE, Slot
from mlstack_lib.reference import dropout, pcg4d

WORD = 2**32


def pcg4d_in_integers(*key):
    """The words of one key, by Python's whole numbers (Jarzynski, Olano 2020)."""
    v = [(1664525 * x + 1013904223) % WORD for x in key]
    for turn in range(2):
        for target, first, second in ((0, 1, 3), (1, 2, 0), (2, 0, 1), (3, 1, 2)):
            v[target] = (v[target] + v[first] * v[second]) % WORD
        v = [x ^ (x >> 16) for x in v] if turn == 0 else v
    return v


def state_of(step):
    state = np.zeros(STATE_SIZE, np.float32)
    state[Slot.DROPOUT] = step
    return state


def words_of(*keys):
    arrays = [np.array(column, np.uint32) for column in zip(*keys, strict=True)]
    return np.stack(pcg4d(*arrays), axis=1).tolist()


def mask(n=4096, seed=0, layer=0, step=0, rate=0.5):
    """Which of n elements are kept."""
    return dropout(np.ones(n, np.float32), state_of(step), seed, layer, rate) != 0


@pytest.fixture
def step():
    """Set the device's dropout step."""
    state = ml.device("cpu").state
    before = state.copy()

    def set_to(value):
        state[Slot.DROPOUT] = value

    yield set_to
    state[...] = before


# ---- the bits ----


def test_pcg4d_gives_these_words():
    assert words_of((0, 0, 0, 0), (1, 2, 3, 4), (WORD - 1,) * 4) == [
        [0x0F02F829, 0x2D568769, 0x32B0C43B, 0xD32548EA],
        [0x3622CD16, 0xF11471D8, 0xE1109B3F, 0x02B94C2F],
        [0x974ED892, 0xC015DC67, 0x9F955760, 0xA1BBA208],
    ]


def test_pcg4d_is_that_of_whole_numbers_for_any_key():
    keys = np.random.default_rng(0).integers(WORD, size=(500, 4)).tolist()
    assert words_of(*keys) == [pcg4d_in_integers(*key) for key in keys]


def test_pcg4d_changes_no_argument_and_warns_of_no_overflow():
    keys = [np.full(3, WORD - 1, np.uint32) for _ in range(4)]
    with np.errstate(all="raise"):
        words = pcg4d(*keys)
    assert all((key == WORD - 1).all() for key in keys)
    assert {word.dtype for word in words} == {np.dtype(np.uint32)}


# ---- the mask ----


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1,), (3,), (4,), (5, 7), (2, 3, 5)])
def test_an_element_is_dropped_by_its_own_word_and_kept_ones_are_scaled(shape, rate):
    x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    y = dropout(x, state_of(11), seed=1337, layer=6, rate=rate).ravel()
    for i, value in enumerate(x.ravel()):
        word = pcg4d_in_integers(i // 4, 6, 11, 1337)[i % 4]
        assert y[i] == (0 if word < int(rate * WORD) else value / (1 - rate))


def test_a_word_that_equals_the_rate_is_kept_and_one_below_is_dropped():
    word = pcg4d_in_integers(0, 0, 0, 0)[0]
    assert mask(n=1, rate=word / WORD)[0]
    assert not mask(n=1, rate=(word + 1) / WORD)[0]


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_share_dropped_is_the_rate_and_the_mean_is_kept(rate):
    n = 200_000
    x = np.ones(n)
    y = dropout(x, state_of(1), 2, 3, rate)
    deviation = (rate * (1 - rate) / n) ** 0.5
    assert abs((y == 0).mean() - rate) < 5 * deviation
    assert abs(y.mean() - 1) < 5 * deviation / (1 - rate)


def test_neighbours_are_dropped_independently():
    kept = mask(n=200_000)
    for distance in (1, 2, 3, 4, 5, 64, 384):
        both = (kept[distance:] & kept[:-distance]).mean()
        assert abs(both - 0.25) < 5 * (0.1875 / len(kept)) ** 0.5


@pytest.mark.parametrize("change", [{"seed": 1}, {"layer": 1}, {"step": 1}])
def test_another_seed_layer_or_step_drops_other_elements(change):
    agree = (mask() == mask(**change)).mean()
    assert abs(agree - 0.5) < 5 * 0.5 / 4096**0.5
    assert np.array_equal(mask(**change), mask(**change))


def test_seed_layer_and_step_cannot_be_swapped():
    masks = [mask(seed=a, layer=b, step=c) for a, b, c in ((1, 2, 3), (2, 1, 3), (3, 2, 1))]
    assert all(0.4 < (masks[i] == masks[j]).mean() < 0.6 for i, j in ((0, 1), (0, 2), (1, 2)))


def test_rate_zero_keeps_all():
    x = np.random.default_rng(0).standard_normal(1001)
    assert np.array_equal(dropout(x, state_of(1), 0, 0, 0.0), x)


def test_the_shape_does_not_matter_only_the_index():
    flat = mask(n=30)
    y = dropout(np.ones((2, 3, 5)), state_of(0), 0, 0, 0.5)
    assert np.array_equal(y.ravel() != 0, flat)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_dtype_has_the_same_mask(dtype):
    y = dropout(np.ones(4096, dtype), state_of(0), 0, 0, 0.5)
    assert y.dtype == dtype
    assert np.array_equal(y != 0, mask())


# ---- the op ----


def test_backward_drops_the_same_elements_as_forward(step):
    step(5)
    x = ml.tensor(np.ones((8, 64), np.float32), requires_grad=True)
    y = ops.dropout(x, 0.3, seed=4, layer=2)
    y.backward(np.ones((8, 64), np.float32))
    assert np.array_equal(x.grad.numpy(), y.numpy())


def test_the_op_takes_its_step_from_the_device(step):
    x = ml.tensor(np.ones(4096, np.float32))
    given = []
    for value in (0, 1, 0):
        step(value)
        given.append(ops.dropout(x, 0.5).numpy() != 0)
    assert np.array_equal(given[0], mask(step=0))
    assert np.array_equal(given[1], mask(step=1))
    assert np.array_equal(given[2], given[0])


def test_every_dropout_of_a_gpt_has_bits_of_its_own_and_the_models_seed():
    config = ml.GPTConfig(11, 4, n_layer=3, n_head=1, n_embd=4, dropout=0.1)
    model, seen = ml.GPT(config, rng=np.random.default_rng(0), seed=42), []

    def spy(x, state, seed, layer, rate):
        seen.append((seed, layer, rate))
        return reference.dropout(x, state, seed, layer, rate)

    with ml.override(dropout=spy):
        model(np.array([[1, 2, 3]]))
    assert len(seen) == len(set(seen)) == 1 + 2 * 3
    assert {(seed, rate) for seed, _, rate in seen} == {(42, 0.1)}
