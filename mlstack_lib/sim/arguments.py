"""A launch's arguments: checked against the kernel's parameters, and packed for the call.

CuPy passes what it is given. A Python float arrives as 8 bytes where the kernel reads 4, and the
result is rubbish without a word; so everything is compared here, and the message says what to
write instead.
"""

import ctypes
from dataclasses import dataclass, field

import numpy as np

from .errors import LaunchError
from .memory import DeviceArray, asarray
from .runtime import KernelInfo, Runtime

KIND_WORDS = {"f": "float", "i": "integer", "p": "pointer", "s": "structure"}
C_NAMES = {
    ("f", 4): "float", ("f", 8): "double", ("i", 1): "char", ("i", 2): "short", ("i", 4): "int",
    ("i", 8): "long long",
}  # fmt: skip
NUMPY_NAMES = {
    ("f", 4): "np.float32", ("f", 8): "np.float64", ("i", 1): "np.int8", ("i", 2): "np.int16",
    ("i", 4): "np.int32", ("i", 8): "np.int64",
}  # fmt: skip


@dataclass
class Packed:
    """Arguments as the trampoline reads them, and what to do once the kernel has ended."""

    pointers: ctypes.Array
    arrays: list[tuple[str, np.ndarray]]  # by parameter name, on the device
    keep: list = field(default_factory=list)
    copy_back: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)


def pack(name: str, parameters: list[str], info: KernelInfo, runtime: Runtime, given) -> Packed:
    """Check and pack the arguments of a call of kernel `name`. Raises LaunchError."""
    if len(parameters) != info.count:
        parameters = [f"parameter {i + 1}" for i in range(info.count)]
    listed = f"({', '.join(parameters)}{',' * (info.count == 1)})"
    if not isinstance(given, tuple | list):
        raise LaunchError(f"{name}: the arguments must be a tuple, `{listed}`")
    if len(given) != info.count:
        arguments = "argument" if info.count == 1 else "arguments"
        raise LaunchError(f"{name}: takes {info.count} {arguments} {listed}, got {len(given)}")
    packed = Packed((ctypes.c_void_p * max(info.count, 1))(), [])
    for i, value in enumerate(given):
        where = f"{name}: argument {i + 1} ({parameters[i]})"
        kind, size = chr(info.kinds[i]), info.sizes[i]
        if isinstance(value, np.ndarray) and value.ndim + isinstance(value, DeviceArray):
            array = _array(where, value, kind, runtime, packed)
            _check_elements(where, array, chr(info.pointee_kinds[i]), info.pointees[i])
            packed.arrays.append((parameters[i], array))
            cell = ctypes.c_uint64(array.ctypes.data)
        else:
            cell = _scalar(where, value, kind, size)
        packed.keep.append(cell)
        packed.pointers[i] = ctypes.addressof(cell)
    return packed


def _array(where: str, value: np.ndarray, kind: str, runtime: Runtime, packed: Packed):
    if kind != "p":
        raise LaunchError(
            f"{where}: the parameter is a single {KIND_WORDS[kind]}, the argument an array of "
            f"shape {value.shape}; are the arguments in the kernel's order?"
        )
    if not isinstance(value, DeviceArray):
        raise LaunchError(
            f"{where}: a NumPy array lies in the processor's memory, which a GPU cannot read; "
            "make a device array of it: `x = cuda.asarray(x)`"
        )
    if not value.flags.c_contiguous:
        raise LaunchError(
            f"{where}: the array has strides {value.strides}, but a kernel sees only where it "
            "begins and takes its elements as lying side by side; pass "
            "`cuda.asarray(np.ascontiguousarray(x))`"
        )
    if runtime.array_at(value.ctypes.data)[0]:
        return value
    # the result of arithmetic on device arrays, which NumPy put elsewhere
    device = asarray(value)
    packed.copy_back.append((value, device))
    return device


def _check_elements(where: str, array: np.ndarray, kind: str, size: int) -> None:
    dtype = array.dtype
    if kind not in "fi" or not size or dtype.kind not in "fiub":
        return
    of_kind = "f" if dtype.kind == "f" else "i"
    # a kernel that only moves words may take floats for int, and for char anything
    if size == 1 or (dtype.itemsize == size and (kind, of_kind) != ("f", "i")):
        return
    wanted, written = f"`{C_NAMES[kind, size]}`", NUMPY_NAMES[kind, size]
    if kind == "i":  # with a sign or without
        wanted += " or `unsigned`" if size == 4 else f" or `unsigned {C_NAMES[kind, size]}`"
    raise LaunchError(
        f"{where}: an array of {dtype}, {dtype.itemsize} bytes an element, but the kernel takes "
        f"them for {wanted}, {size} bytes; convert it before `asarray`, `x.astype({written})`, or "
        + (
            "change the kernel's parameter"
            if kind == of_kind
            else f"pass its bytes as they are, `x.view({written})`"
        )
    )


def _scalar(where: str, value, kind: str, size: int):
    if kind == "p":
        if value is None or (isinstance(value, int) and value == 0):
            return ctypes.c_uint64(0)
        raise LaunchError(
            f"{where}: the parameter is a pointer, the argument {_described(value)}; pass a "
            "device array, `cuda.asarray(...)`"
        )
    number = _as_numpy(value)
    if number is None:
        raise LaunchError(
            f"{where}: {_described(value)} cannot be passed to a kernel; pass "
            f"`{NUMPY_NAMES.get((kind, size), 'np.int32')}(...)`"
        )
    if number.nbytes != size:
        raise LaunchError(_wrong_size(where, value, number, kind, size))
    given = "f" if number.dtype.kind == "f" else "i" if number.dtype.kind in "iub" else "s"
    if kind in "fi" and given in "fi" and kind != given:
        raise LaunchError(
            f"{where}: {_described(value)}, but the parameter is `{C_NAMES[kind, size]}`: its "
            f"bytes would be read as another number; pass `{NUMPY_NAMES[kind, size]}(...)`"
        )
    return (ctypes.c_char * size).from_buffer_copy(number.tobytes())


def _as_numpy(value):
    """What CuPy makes of a number: Python's are 8 bytes, whatever the parameter is."""
    if isinstance(value, bool | np.bool_):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value) if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return np.float64(value)
    if isinstance(value, complex):
        return np.complex128(value)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    return None


def _wrong_size(where: str, value, number, kind: str, size: int) -> str:
    wanted = NUMPY_NAMES.get((kind, size))
    text = f"{where}: {_described(value)} is {number.nbytes} bytes"
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        text = f"{where}: a Python {type(value).__name__} is passed as {number.nbytes} bytes"
    what = f"`{C_NAMES[kind, size]}`, " if (kind, size) in C_NAMES else ""
    value = int(value) if kind == "i" and number.dtype.kind == "f" and not value % 1 else value
    remedy = f"; write `{wanted}({value})`" if wanted else ""
    return f"{text}, but the parameter is {what}{size} bytes{remedy}"


def _described(value) -> str:
    if isinstance(value, np.generic):
        return f"{value.dtype} {value}"
    return "None" if value is None else f"{type(value).__name__} {value!r}"[:80]
