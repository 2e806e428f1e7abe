"""Tokens that are none are refused on every device, before a kernel reads beyond an array."""

import numpy as np
import pytest

from mlstack_lib import ops, sim
from mlstack_lib.array import SCHEDULED
from mlstack_lib.devices import NAMES, device
from mlstack_lib.feed import Feed
from mlstack_lib.generate import generate
from mlstack_lib.gpt import GPT, GPTConfig
from mlstack_lib.tensor import tensor

WEIGHT = np.ones((5, 2), np.float32)
IDX = np.array([[0, 4, 2], [3, 1, 0]], np.int32)


@pytest.fixture(params=NAMES)
def dev(request):
    """Each device; those that this machine lacks are skipped by name."""
    found = device(request.param)
    if missing := found.missing():
        pytest.skip(f"device {found.name}: {missing}")
    yield found
    found.forget_steps()


def changed(value: int) -> np.ndarray:
    idx = IDX.copy()
    idx[1, 1] = value
    return idx


@pytest.mark.parametrize(("value", "said"), [(5, "5"), (-1, "-1"), (2**31 - 1, "2147483647")])
def test_embedding_refuses_a_token_beyond_the_table(dev, value, said):
    weight, before = tensor(WEIGHT, dev.name), dev.launches
    with pytest.raises(IndexError, match=rf"embedding: {said} is not in 0\.\.4"):
        ops.embedding(dev.upload(changed(value)), weight)
    assert dev.launches == before


def test_embedding_refuses_an_order_that_points_beyond_the_tokens(dev):
    order = np.array([0, 1, 2, 3, 4, 6], np.int32)
    with pytest.raises(IndexError, match=r"embedding: order: 6 is not in 0\.\.5"):
        ops.embedding(dev.upload(IDX), tensor(WEIGHT, dev.name), order=dev.upload(order))


def test_cross_entropy_refuses_a_target_that_is_no_class_but_takes_ignored_ones(dev):
    logits = tensor(np.zeros((2, 3, 5), np.float32), dev.name)
    loss = ops.cross_entropy(logits, dev.upload(changed(-1)))
    assert abs(loss.item() - np.log(5)) < 1e-6
    for value in (5, -2):
        with pytest.raises(IndexError, match=rf"cross_entropy: {value} is not in 0\.\.4"):
            ops.cross_entropy(logits, dev.upload(changed(value)))


@pytest.mark.parametrize("dev", [name for name in NAMES if name != "cpu"], indirect=True)
def test_what_is_written_over_uploaded_tokens_counts_and_a_part_is_judged_alone(dev):
    weight, idx = tensor(WEIGHT, dev.name), dev.upload(changed(9))
    ops.embedding(idx.view(0, (1, 3)), weight)
    dev.write(idx.view(3, (3,)), IDX[1])
    assert np.array_equal(ops.embedding(idx, weight).numpy(), WEIGHT[IDX])
    dev.write(idx, changed(7))
    with pytest.raises(IndexError, match="7 is not in"):
        ops.embedding(idx.reshape(-1), weight)


def test_a_host_array_that_changes_after_the_upload_changes_nothing(dev):
    host = IDX.copy()
    idx = dev.upload(host)
    host[:] = 99
    assert np.array_equal(ops.embedding(idx, tensor(WEIGHT, dev.name)).numpy(), WEIGHT[IDX])


def test_the_check_moves_nothing(dev):
    idx, weight = dev.upload(IDX), tensor(WEIGHT, dev.name)
    before = dev.transfers
    ops.embedding(idx, weight)
    assert dev.transfers == before


def test_batches_are_checked_when_they_are_sent(dev):
    feed, schedule = Feed(dev, 1, 2, 1, 3, 5), np.zeros((1, SCHEDULED), np.float32)
    order = np.tile(np.arange(3, dtype=np.int32), (2, 1))
    batches = (IDX[:, None], changed(-1)[:, None], order)  # an ignored target among them
    feed.load(batches, schedule)
    for at, name in enumerate(("idx", "targets")):
        wrong = list(batches)
        wrong[at] = changed(5)[:, None]
        with pytest.raises(IndexError, match=rf"{name}: 5 is not in 0\.\.4"):
            feed.load(tuple(wrong), schedule)


def test_a_model_refuses_a_prompt_of_tokens_that_it_does_not_have(dev):
    config = GPTConfig(vocab_size=5, context=4, n_layer=1, n_head=1, n_embd=32)
    model = GPT(config, rng=np.random.default_rng(0), device=dev.name)
    with sim.config(check=False), pytest.raises(IndexError, match=r"embedding: 5 is not in 0\.\.4"):
        list(generate(model, np.array([1, 5]), rng=np.random.default_rng(0), tokens=1))
