"""An update, and what it reads and writes on the device: always in one place, for a replay."""

from functools import cached_property

import numpy as np

from .array import SCHEDULED, Slot
from .backend import backend
from .ops import IGNORE_INDEX, check_range
from .optim import view
from .parallel import DataParallel


class Feed:
    """Device arrays for up to `updates` updates.

    tables: idx and targets (micro-batches, B, T) and order (micro-batches, B*T), i32; schedule
    (updates, SCHEDULED) f32. What comes back: losses (micro-batches) and norms (updates), f32.
    vocab_size: how many tokens there are.
    """

    def __init__(
        self, device, updates: int, accumulate: int, batch: int, context: int, vocab_size: int
    ):
        self.device, self.updates, self.accumulate = device, updates, accumulate
        self.batch, self.context, self.vocab_size = batch, context, vocab_size

    @cached_property
    def arrays(self) -> list:
        """tables, schedule, losses, norms, made when first asked for."""
        micro, upload = self.updates * self.accumulate, self.device.upload
        shapes = [(micro, self.batch, self.context)] * 2 + [(micro, self.batch * self.context)]
        tables = [upload(np.zeros(shape, np.int32)) for shape in shapes]
        shapes = [(self.updates, SCHEDULED), (micro,), (self.updates,)]
        return [tables, *(upload(np.zeros(shape, np.float32)) for shape in shapes)]

    def load(self, batches: tuple[np.ndarray, ...], schedule: np.ndarray) -> None:
        """Send what fewer or as many updates read, and zeros for what they write.

        Raises IndexError for tokens that are none: what a step takes from a table nobody checks.
        """
        check_range("idx", batches[0], self.vocab_size)
        check_range("targets", batches[1], self.vocab_size, IGNORE_INDEX)
        tables, *others = self.arrays
        for array, rows in zip([*tables, *others], [*batches, schedule, [], []], strict=True):
            values = np.zeros(array.shape, array.dtype)
            values[: len(rows)] = rows
            self.device.write(array, values)

    def set_state(self, **slots: float) -> None:
        """Overwrite the device's state: zeros but for these slots."""
        state = np.zeros(self.device.state.shape, np.float32)
        for name, value in slots.items():
            state[Slot[name]] = value
        self.device.write(self.device.state, state)

    def results(self, done: int) -> tuple[np.ndarray, np.ndarray]:
        """(mean loss of each update, norm of each gradient) of the first `done` updates."""
        losses, norms = (self.device.download(array) for array in self.arrays[2:])
        return losses.reshape(-1, self.accumulate).mean(axis=1)[:done], norms[:done]


def update(parallel: DataParallel, feed: Feed) -> None:
    """One update by the next batches of `feed`: gradients, their sum, new parameters."""
    optimizer, device, parts = parallel.optimizer, feed.device, feed.accumulate
    tables, schedule, losses, norms = feed.arrays
    k = backend(norms)
    k.advance(device.state, schedule)
    optimizer.zero_grad()
    for part in range(parts):
        with device.step(("micro-batch", part > 0)):
            idx, targets, order = k.take_batch(tables, device.state)
            loss = parallel.backward(idx, targets, order, share=1 / parts)
            k.record(loss, losses, device.state, Slot.BATCH)
            del loss
    with device.step("update"):
        optimizer.update()
        norm = view(device.state, Slot.GRAD_NORM, ())
        k.record(norm, norms, device.state, Slot.SCHEDULE_ROW)
