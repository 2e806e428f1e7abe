"""A recorded training step: nothing moves, nothing is allocated, and it is the plain step."""

from contextlib import nullcontext

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib.array import Slot
from mlstack_lib.backend import backend
from mlstack_lib.devices.cpu import Device
from mlstack_lib.optim import AdamW, view

CONFIG = ml.GPTConfig(vocab_size=13, context=6, n_layer=2, n_head=2, n_embd=8, dropout=0.1)
STEPS, PARTS, RATE = 21, 2, 1e-2


def batches():
    """Tokens, targets, and what sorts the tokens, of every micro-batch."""
    rng = np.random.default_rng(0)
    idx = rng.integers(13, size=(STEPS * PARTS, 3, 6))
    order = np.argsort(idx.reshape(STEPS * PARTS, -1), axis=1, kind="stable")
    return idx, (idx + 1) % 13, order


class Loop:
    """A training loop as `train` has it: one device step a micro-batch, and one for the update."""

    def __init__(self):
        self.model = ml.GPT(CONFIG, rng=np.random.default_rng(1), seed=3)
        self.optimizer = AdamW(self.model, max_norm=1.0)
        self.device = self.optimizer.device
        self.device.forget_steps()
        self.tables = [self.device.upload(table) for table in batches()]
        self.schedule = self.device.upload(self.optimizer.schedule(1, [RATE] * STEPS))
        self.losses = self.device.upload(np.zeros(STEPS * PARTS, np.float32))
        self.norms = self.device.upload(np.zeros(STEPS, np.float32))
        self.device.write(self.device.state, np.zeros_like(self.device.state))

    def step(self) -> None:
        """One update."""
        state, k = self.device.state, backend(self.norms)
        k.advance(state, self.schedule)
        self.optimizer.zero_grad()
        for part in range(PARTS):
            with self.device.step(("micro-batch", part > 0)):
                loss = self.model.loss(*k.take_batch(self.tables, state))
                loss.backward(np.float32(1 / PARTS))
                k.record(loss.data, self.losses, state, Slot.BATCH)
                del loss
        with self.device.step("update"):
            self.optimizer.update()
            norm = view(state, Slot.GRAD_NORM, ())
            k.record(norm, self.norms, state, Slot.SCHEDULE_ROW)


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.device.forget_steps()


def test_20_steps_move_nothing_between_host_and_device_and_allocate_no_buffer(loop):
    loop.step()
    before = loop.device.transfers, len(loop.device._steps.pool.buffers)
    for _ in range(20):
        loop.step()
    assert (loop.device.transfers, len(loop.device._steps.pool.buffers)) == before
    assert before[1] > 20


def test_every_step_launches_the_same_number_of_functions(loop):
    counts = []
    for _ in range(5):
        before = loop.device.launches
        loop.step()
        counts.append(loop.device.launches - before)
    assert len(set(counts)) == 1


def test_the_state_counts_steps_rows_and_micro_batches(loop):
    for _ in range(4):
        loop.step()
    slots = (Slot.STEP, Slot.SCHEDULE_ROW, Slot.BATCH, Slot.DROPOUT, Slot.HALTED)
    assert [loop.device.state[slot] for slot in slots] == [4, 4, 8, 8, 0]


def test_losses_and_norms_stand_at_their_places_and_the_loss_falls(loop):
    for _ in range(STEPS):
        loop.step()
    assert (loop.losses > 0).all()
    assert (loop.norms > 0).all()
    means = loop.losses.reshape(STEPS, PARTS).mean(axis=1)
    assert means[-5:].mean() < means[:5].mean()


def test_a_recorded_step_gives_to_the_bit_what_fresh_buffers_give(loop, monkeypatch):
    for _ in range(3):
        loop.step()
    recorded = loop.model.state_dict()
    monkeypatch.setattr(Device, "step", lambda self, key: nullcontext())
    plain = Loop()
    for _ in range(3):
        plain.step()
    assert plain.device._steps.pool.buffers == []
    for name, value in plain.model.state_dict().items():
        assert np.array_equal(value, recorded[name])


def test_each_micro_batch_has_dropout_of_its_own_and_a_second_run_the_same(loop):
    for _ in range(2):
        loop.step()
    again = Loop()
    again.tables = [np.repeat(table[:1], STEPS * PARTS, 0) for table in again.tables]
    again.schedule[:, Slot.LEARNING_RATE] = 0
    for _ in range(2):
        again.step()
    assert len(set(again.losses[:4].tolist())) == 4
    assert again.losses[0] == loop.losses[0]
