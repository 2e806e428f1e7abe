"""The simulator as a device: the same CUDA C as on `cuda`, on any machine, with checks.

`sim.config` says how launches run: checked or not, on how many cores, by which compiler.
"""

import numpy as np

from .. import sim
from ..array import Array
from ..errors import CouldNotFinish
from . import raw_kernels


class Device(raw_kernels.Device):
    """See raw_kernels.Device."""

    name = "cuda-sim"
    clock = "this machine's clock: the simulator's time, which says nothing about a GPU's"

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        if sim.available():
            return None
        return "there is no C++ compiler: install g++ or clang++, or python -m pip install ziglang"

    def _make_kernels(self) -> raw_kernels.RawKernels:
        return raw_kernels.RawKernels(self, sim, _allocate, _view)

    def _copy_in(self, array: Array, host: np.ndarray) -> None:
        _view(array)[...] = host

    def _copy_out(self, host: np.ndarray, array: Array) -> None:
        host[...] = _view(array)


def _allocate(nbytes: int):
    try:
        return sim.empty(nbytes, np.uint8)
    except CouldNotFinish as error:
        raise MemoryError(error) from None


def _view(array: Array) -> np.ndarray:
    """The array as the simulator has it. An empty one keeps an element, so as to have a place."""
    end = array.offset + max(array.size, 1) * array.dtype.itemsize
    part = array.buffer.memory[array.offset : end]
    return part.view(array.dtype).reshape(array.shape if array.size else -1)
