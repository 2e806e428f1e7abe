"""Device arrays: NumPy arrays that live in the simulator's device memory, under CuPy's names."""

import ctypes
import weakref
from math import prod

import numpy as np

from ..errors import CouldNotFinish
from .compilers import find
from .runtime import Runtime, runtime_of
from .settings import current


class DeviceArray(np.ndarray):
    """What a kernel takes. It can be read, written and computed with like any NumPy array."""

    def get(self) -> np.ndarray:
        """A copy for the host, as CuPy's `get`."""
        return np.array(self, subok=False)


def current_runtime() -> Runtime:
    """The runtime of the compiler that the settings ask for."""
    return runtime_of(find(current().compiler))


def empty(shape, dtype=float) -> DeviceArray:
    """An array on the device, every byte 0xff (NaN in floats). Raises CouldNotFinish."""
    shape = (shape,) if np.isscalar(shape) else tuple(shape)
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    library = current_runtime().library
    address = library.sim_allocate(size)
    if not address:
        raise CouldNotFinish(
            f"no room for {size:,} bytes in the simulated device memory (16 GiB of addresses); "
            "use smaller arrays, or `del` those that are done with"
        )
    buffer = (ctypes.c_char * max(size, 1)).from_address(address)
    # the buffer is what every view holds on to: its end is the end of all of them
    weakref.finalize(buffer, library.sim_free, address).atexit = False
    raw = np.frombuffer(buffer, np.uint8, count=size)
    raw[...] = 0xFF  # NaN: what a kernel forgets to write should be seen
    return raw.view(dtype).reshape(shape).view(DeviceArray)


def asarray(array, dtype=None) -> DeviceArray:
    """`array` on the device; a copy, unless it is there already with that dtype."""
    host = np.asanyarray(array, dtype)
    if isinstance(host, DeviceArray) and host.flags.c_contiguous and is_on_device(host):
        return host
    device = empty(host.shape, host.dtype)
    device[...] = host
    return device


def zeros(shape, dtype=float) -> DeviceArray:
    """An array of zeros on the device."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def asnumpy(array) -> np.ndarray:
    """A copy of a device array for the host."""
    return np.array(array, subok=False)


def is_on_device(array: np.ndarray) -> bool:
    """Whether the array lies in the device memory of the current runtime."""
    return current_runtime().array_at(array.ctypes.data)[0] != 0
