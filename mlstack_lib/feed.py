"""What updates read and write on the device, always in the same place: they can be replayed."""

from functools import cached_property

import numpy as np

from .array import SCHEDULED
from .ops import IGNORE_INDEX, check_range


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

    def results(self, done: int) -> tuple[np.ndarray, np.ndarray]:
        """(mean loss of each update, norm of each gradient) of the first `done` updates."""
        losses, norms = (self.device.download(array) for array in self.arrays[2:])
        return losses.reshape(-1, self.accumulate).mean(axis=1)[:done], norms[:done]
