"""A device without memory or kernels, which only notes what launchers ask of it."""

from dataclasses import dataclass

import numpy as np

from ..array import STATE_SIZE, Array


@dataclass(frozen=True)
class Launch:
    """A kernel's launch: its grid and block, bytes of dynamic shared memory, and constants."""

    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    constants: tuple[tuple[str, int], ...]


class DryDevice:
    """See devices.cpu for the methods. `noted` is the list of all launches so far.

    shared_memory, largest_block: bytes and threads that a block may ask for, those of an H100 if
    nothing else is said.
    """

    name = "dry"

    def __init__(self, shared_memory: int = 227 << 10, largest_block: int = 1024):
        self.launches, self.shared_memory = 0, shared_memory
        self.largest_block = largest_block
        self.noted: list[Launch] = []
        self.state = self.empty((STATE_SIZE,), np.float32)

    def empty(self, shape: tuple[int, ...], dtype) -> Array:
        """An array of that shape, without memory."""
        return Array(self, None, tuple(shape), np.dtype(dtype))

    def upload(self, array: np.ndarray) -> Array:
        """An array of the same shape, without memory."""
        return self.empty(array.shape, array.dtype)

    def write(self, array: Array, values: np.ndarray) -> None:
        """Nothing, as there is no memory."""

    def download(self, array: Array) -> np.ndarray:
        """Zeros."""
        return np.zeros(array.shape, array.dtype)

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Note the launch, unless its grid has no blocks."""
        if 0 in grid:
            return
        self.launches += 1
        constants = tuple(constants.items())
        self.noted.append(Launch(name, tuple(grid), tuple(block), shared, constants))
