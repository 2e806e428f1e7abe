"""A shape, dtype and offset over a device buffer, and the slots of the step state.

On `cpu` a NumPy array stands for itself; every other device hands out `Array`s, whose buffers
only that device can read.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

DTYPES = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "i32": np.dtype(np.int32),
    "u32": np.dtype(np.uint32),
}


@dataclass(frozen=True, eq=False)
class Array:
    """A dense, row-major array of `shape` and `dtype`, `offset` bytes into a device's buffer."""

    device: Any
    buffer: Any
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def sent(self) -> np.ndarray | None:
        """The elements, if they are whole numbers that the host sent: what it still knows of them.

        None if the device made them. Do not write to it.
        """
        data = getattr(self.buffer, "sent", None)
        if data is None or self.dtype.kind not in "iu":
            return None
        end = self.offset + self.size * self.dtype.itemsize
        return data[self.offset : end].view(self.dtype).reshape(self.shape)

    def reshape(self, *shape: int) -> "Array":
        """The same elements under another shape; one -1 is worked out. Raises ValueError."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if shape.count(-1) == 1:
            known = -prod(shape)
            missing = self.size // known if known and self.size % known == 0 else 0
            shape = tuple(missing if n == -1 else n for n in shape)
        if prod(shape) != self.size or min(shape, default=0) < 0:
            raise ValueError(f"reshape: {self.shape} has {self.size} elements, {shape} does not")
        return Array(self.device, self.buffer, tuple(shape), self.dtype, self.offset)

    def view(self, start: int, shape: tuple[int, ...]) -> "Array":
        """The elements from index `start` on, as `shape`, in the same buffer. Raises ValueError."""
        if start < 0 or start + prod(shape) > self.size:
            raise ValueError(
                f"view: elements {start} to {start + prod(shape)} of an array of {self.size}"
            )
        offset = self.offset + start * self.dtype.itemsize
        return Array(self.device, self.buffer, tuple(shape), self.dtype, offset)


class Slot(IntEnum):
    """Where in a device's `state` array each number stands that changes from step to step.

    Whole numbers are exact there up to 2**24, more steps than any run here takes.
    """

    STEP = 0  # the update being made, from 1
    LEARNING_RATE = 1
    BIAS_CORRECTION1 = 2  # 1 - beta1**step
    BIAS_CORRECTION2 = 3  # 1 - beta2**step
    CLIP = 4  # what the gradient is multiplied with
    GRAD_NORM = 5  # before clipping
    HALTED = 6  # 1 once a gradient was not finite: updates change nothing from there on
    SCHEDULE_ROW = 7  # the next row of the uploaded schedule
    BATCH = 8  # the next micro-batch of those uploaded
    DROPOUT = 9  # the micro-batches since the run began: the key of dropout's random bits
    POSITION = 10  # the position of the next token in the key-value cache


STATE_SIZE = 16
SCHEDULED = 4  # slots 0 to 3 are set from a row of the schedule
