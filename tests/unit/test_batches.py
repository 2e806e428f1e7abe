"""Batches resume where they stopped; validation sees every token once."""

import json

import numpy as np
import pytest

from mlstack_lib.data import IGNORE, BatchSampler, validation_windows
from mlstack_lib.errors import BadInput


@pytest.mark.parametrize(("batch", "context"), [(1, 1), (2, 3), (5, 31), (3, 96)])
def test_batch_is_windows_and_their_next_tokens(batch, context):
    ids = np.arange(1000, 1097, dtype=np.uint16)
    sampler = BatchSampler(ids, batch, context, np.random.default_rng(1))
    for _ in range(20):
        idx, targets = sampler.next()
        assert idx.shape == targets.shape == (batch, context)
        assert idx.dtype == targets.dtype == np.int32
        assert idx.flags.c_contiguous
        assert targets.flags.c_contiguous
        assert np.array_equal(idx - idx[:, :1], np.tile(np.arange(context), (batch, 1)))
        assert np.array_equal(targets, idx + 1)


def test_every_start_is_drawn_equally_often_the_last_included():
    ids = np.arange(10, dtype=np.uint16)
    sampler = BatchSampler(ids, 70_000, 3, np.random.default_rng(2))
    starts = np.bincount(sampler.next()[0][:, 0])
    assert len(starts) == 7  # 0..6: the window at 6 has its last target in token 9
    # 10,000 each expected, standard deviation 93: five of them
    assert np.abs(starts - 10_000).max() < 5 * 93


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_restored_sampler_draws_the_same_batches(kind):
    ids = np.arange(60_000, dtype=np.uint16)
    first = BatchSampler(ids, 3, 5, np.random.Generator(getattr(np.random, kind)(4)))
    for _ in range(3):
        first.next()  # an odd count of 32-bit draws: half a 64-bit word is kept for the next
    text = json.dumps(first.state())
    want = [first.next() for _ in range(5)]
    second = BatchSampler(ids, 3, 5, np.random.Generator(getattr(np.random, kind)(999)))
    second.restore(json.loads(text))
    assert np.array_equal(want, [second.next() for _ in range(5)])


def test_state_does_not_move_with_the_sampler():
    sampler = BatchSampler(np.arange(100, dtype=np.uint16), 2, 5, np.random.default_rng(5))
    state = sampler.state()
    text = json.dumps(state)
    first = sampler.next()
    assert json.dumps(state) == text
    sampler.restore(state)
    assert np.array_equal(first, sampler.next())


@pytest.mark.parametrize("state", [{}, None, {"rng": {}}, {"rng": None}, {"rng": "MT19937"}])
def test_state_that_is_none_is_bad_input(state):
    if state == {"rng": "MT19937"}:
        other = BatchSampler(np.arange(9), 1, 1, np.random.Generator(np.random.MT19937(1)))
        state = other.state()
    sampler = BatchSampler(np.arange(9), 1, 1, np.random.default_rng(6))
    with pytest.raises(BadInput, match="expected the state of a PCG64 generator"):
        sampler.restore(state)


def test_text_shorter_than_the_context_is_bad_input_with_both_numbers():
    BatchSampler(np.arange(1025), 1, 1024, np.random.default_rng(7)).next()
    with pytest.raises(BadInput, match=r"1,024 training tokens.*needs 1,025.*--context"):
        BatchSampler(np.arange(1024), 1, 1024, np.random.default_rng(7))


@pytest.mark.parametrize(("batch", "context"), [(0, 1), (1, 0), (-1, 5)])
def test_batch_and_context_below_one_are_bad_input(batch, context):
    with pytest.raises(BadInput, match="at least 1"):
        BatchSampler(np.arange(9), batch, context, np.random.default_rng(8))
    with pytest.raises(BadInput, match="at least 1"):
        validation_windows(np.arange(9), context, batch)


# ---- validation ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 12, 13, 14, 24, 25, 26, 97])
@pytest.mark.parametrize(("batch", "context"), [(1, 1), (3, 4), (4, 3), (1, 12), (12, 1), (5, 200)])
def test_every_token_but_the_first_is_predicted_exactly_once(count, batch, context):
    ids = np.random.default_rng(count).permutation(np.arange(1, count + 1)).astype(np.uint16)
    seen = []
    for idx, targets in validation_windows(ids, context, batch):
        assert idx.shape == targets.shape == (batch, context)
        assert idx.dtype == targets.dtype == np.int32
        for row, wanted in zip(idx, targets, strict=True):
            real = wanted != IGNORE
            assert np.array_equal(real, np.arange(context) < real.sum())  # padding stands last
            assert not row[~real].any()
            seen += zip(row[real], wanted[real], strict=True)
    assert seen == list(zip(ids[:-1], ids[1:], strict=True))  # in order, each after its own


def test_rows_beyond_the_end_are_ignored_whole():
    batches = list(validation_windows(np.arange(8, dtype=np.uint16), context=3, batch=2))
    assert len(batches) == 2
    assert batches[1][1].tolist() == [[7, IGNORE, IGNORE], [IGNORE] * 3]


def test_no_batch_is_all_padding():
    for count in range(2, 40):
        for _, targets in validation_windows(np.arange(count, dtype=np.uint16), 3, 4):
            assert (targets != IGNORE).any()


@pytest.mark.parametrize("count", [0, 1])
def test_validation_split_too_short_to_predict_is_bad_input_at_once(count):
    with pytest.raises(BadInput, match=f"{count} validation tokens"):
        validation_windows(np.arange(count, dtype=np.uint16), 4, 2)
