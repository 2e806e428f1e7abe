"""NVIDIA's own matrix products in place of ours, to compare with: cuBLASLt, called by ctypes.

Outside of CuPy, whose products cannot be recorded in a CUDA graph. Signatures and meaning of the
functions are the reference's.
https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api
"""

import ctypes as c
import glob
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..backend import override
from ..errors import BadInput, CouldNotFinish
from .elementwise import column_sum, empty_like, gelu_forward

CHOICES = ("kernel", "library", "library-tf32")  # ours; cuBLASLt in f32; of factors in TF32
F32, COMPUTE_F32, COMPUTE_TF32 = 0, 68, 77
TRANS_A, TRANS_B, EPILOGUE, BIAS_POINTER = 3, 4, 7, 8  # attributes of a product
PLAIN, BIAS = 1, 4  # epilogues
WORKSPACE_BYTES, WORKSPACE = 1, 32 << 20  # the attribute of a preference, and its value


class _Heuristic(c.Structure):
    _fields_ = (
        ("algorithm", c.c_uint64 * 8), ("workspace", c.c_size_t), ("state", c.c_int),
        ("waves", c.c_float), ("reserved", c.c_int * 4),
    )  # fmt: skip


@cache
def _library() -> c.CDLL:
    """libcublasLt, from the machine or from NVIDIA's Python packages. Raises CouldNotFinish."""
    spec = find_spec("nvidia")
    places = [Path(folder) for folder in spec.submodule_search_locations] if spec else []
    pattern = "**/*cublasLt*.dll" if sys.platform == "win32" else "**/libcublasLt.so.*"
    files = [file for place in places for file in glob.glob(str(place / pattern), recursive=True)]
    for name in [*files, "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"]:
        try:
            return c.CDLL(name)
        except OSError:
            continue
    raise CouldNotFinish(
        "--matmul library: no cuBLASLt found; python -m pip install nvidia-cublas brings it"
    )


def _call(name: str, *args) -> None:
    status = getattr(_library(), name)(*args)
    if status:
        raise CouldNotFinish(f"cuBLASLt: {name} failed with status {status}")


class _Product:
    """One kind of product, prepared: descriptors and the algorithm that cuBLASLt proposes.

    cuBLASLt counts by columns, so it is asked for the transposed product c' = op(b)' op(a)'.
    """

    def __init__(self, m, n, k, trans_a, trans_b, compute, epilogue):
        self.description = c.c_void_p()
        _call("cublasLtMatmulDescCreate", c.byref(self.description), compute, F32)
        for attribute, value in ((TRANS_A, trans_b), (TRANS_B, trans_a), (EPILOGUE, epilogue)):
            self._set(attribute, c.c_int32(value))
        first = _layout(k, n) if trans_b else _layout(n, k)
        second = _layout(m, k) if trans_a else _layout(k, m)
        self.layouts = first, second, _layout(n, m)
        self.algorithm = self._propose()

    def _set(self, attribute: int, value) -> None:
        args = (self.description, attribute, c.byref(value), c.sizeof(value))
        _call("cublasLtMatmulDescSetAttribute", *args)

    def _propose(self) -> _Heuristic:
        preference, found, count = c.c_void_p(), _Heuristic(), c.c_int()
        _call("cublasLtMatmulPreferenceCreate", c.byref(preference))
        size = c.c_size_t(WORKSPACE)
        args = (preference, WORKSPACE_BYTES, c.byref(size), c.sizeof(size))
        _call("cublasLtMatmulPreferenceSetAttribute", *args)
        a, b, out = self.layouts
        args = (self.description, a, b, out, out, preference, 1, c.byref(found), c.byref(count))
        _call("cublasLtMatmulAlgoGetHeuristic", _handle(), *args)
        if not count.value:
            raise CouldNotFinish("cuBLASLt proposes no algorithm for this product")
        return found

    def run(self, a, b, out, accumulate: bool, bias) -> None:
        if bias is not None:
            self._set(BIAS_POINTER, c.c_void_p(_address(bias)))
        device, one, beta = out.device, c.c_float(1), c.c_float(accumulate)
        first, second, result = self.layouts
        to, workspace = c.c_void_p(_address(out)), _workspace(device)
        _call(
            "cublasLtMatmul", _handle(), self.description, c.byref(one),
            c.c_void_p(_address(b)), first, c.c_void_p(_address(a)), second, c.byref(beta),
            to, result, to, result, c.byref(self.algorithm),
            c.c_void_p(_address(workspace)), c.c_size_t(WORKSPACE), c.c_void_p(device.stream),
        )  # fmt: skip
        device.launches += 1


@cache
def _handle() -> c.c_void_p:
    handle = c.c_void_p()
    _call("cublasLtCreate", c.byref(handle))
    return handle


@cache
def _workspace(device):
    return device.upload(np.zeros(WORKSPACE // 4, np.float32))


def _layout(rows: int, columns: int) -> c.c_void_p:
    layout = c.c_void_p()
    args = (c.byref(layout), F32, c.c_uint64(rows), c.c_uint64(columns), c.c_int64(rows))
    _call("cublasLtMatrixLayoutCreate", *args)
    return layout


_prepared = cache(_Product)


def _address(array) -> int:
    return array.buffer.memory.data.ptr + array.offset


def products(choice: str, device_name: str) -> AbstractContextManager:
    """Within the block the products are those of `choice`, one of CHOICES. Raises BadInput."""
    if choice == "kernel":
        return nullcontext()
    if device_name != "cuda":
        raise BadInput(f"--matmul {choice}: needs --device cuda, this run is on {device_name}")
    return override(**overrides(tf32=choice == "library-tf32"))


def overrides(tf32: bool = False) -> dict[str, Callable]:
    """The matrix products by cuBLASLt, in f32 or with operands rounded to TF32."""
    compute = COMPUTE_TF32 if tf32 else COMPUTE_F32

    def product(a, b, m, n, k, trans_a=0, trans_b=0, out=None, accumulate=False, bias=None):
        out = empty_like(a, (m, n)) if out is None else out
        epilogue = PLAIN if bias is None else BIAS
        prepared = _prepared(m, n, k, trans_a, trans_b, compute, epilogue)
        prepared.run(a, b, out, accumulate, bias)
        return out

    def matmul(a, b):
        return product(a, b, a.shape[0], b.shape[1], a.shape[1])

    def matmul_nt(a, b):
        return product(a, b, a.shape[0], b.shape[0], a.shape[1], trans_b=1)

    def matmul_tn(a, b, out=None, accumulate=False):
        (k, m), n = a.shape, b.shape[1]
        return product(a, b, m, n, k, trans_a=1, out=out, accumulate=accumulate)

    def linear_forward(x, weight, bias, activation=None):
        y = product(x, weight, x.shape[0], *weight.shape, trans_b=1, bias=bias)
        return (gelu_forward(y), y) if activation == "gelu" else (y, None)

    def linear_backward_weight(dy, x, out=(None, None), accumulate=False):
        return matmul_tn(dy, x, out[0], accumulate), column_sum(dy, out[1], accumulate)

    return {
        "matmul": matmul, "matmul_nt": matmul_nt, "matmul_tn": matmul_tn,
        "linear_forward": linear_forward, "linear_backward_input": matmul,
        "linear_backward_weight": linear_backward_weight,
    }  # fmt: skip
