"""CUDA C kernels from Python under CuPy's names: on a GPU CuPy's own, elsewhere the simulator's.

    from mlstack_lib import cuda
    saxpy = cuda.RawKernel(code, "saxpy")
    x = cuda.asarray(np.arange(1000, dtype=np.float32))
    saxpy((8,), (128,), (np.float32(2), x, y, np.int32(1000)))
    print(cuda.asnumpy(y))

MLSTACK_CUDA=sim chooses the simulator where there is a GPU as well.
"""

import os

from . import sim


def _cupy():
    """CuPy if it is there and has a GPU, else None."""
    if os.environ.get("MLSTACK_CUDA") == "sim":
        return None
    try:
        import cupy

        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # not installed, or CuPy's own errors for a missing driver
        return None


_source = _cupy() or sim
on_gpu = _source is not sim

RawKernel, RawModule = _source.RawKernel, _source.RawModule
asarray, asnumpy = _source.asarray, _source.asnumpy
empty, zeros = _source.empty, _source.zeros
