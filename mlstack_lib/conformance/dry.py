"""A device without memory or kernels, which only notes what launchers ask of it."""

from dataclasses import dataclass

import numpy as np

from ..array import Array


@dataclass(frozen=True)
class Launch:
    """A kernel's launch: its grid and block, bytes of dynamic shared memory, and constants."""

    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    constants: tuple[tuple[str, int], ...]


class DryDevice:
    """See devices.cpu for the methods. `launches` is the list of all launches so far."""

    name = "dry"

    def __init__(self):
        self.launches: list[Launch] = []

    def empty(self, shape: tuple[int, ...], dtype) -> Array:
        """An array of that shape, without memory."""
        return Array(self, None, tuple(shape), np.dtype(dtype))

    def upload(self, array: np.ndarray) -> Array:
        """An array of the same shape, without memory."""
        return self.empty(array.shape, array.dtype)

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Note the launch."""
        noted = Launch(name, tuple(grid), tuple(block), shared, tuple(constants.items()))
        self.launches.append(noted)
