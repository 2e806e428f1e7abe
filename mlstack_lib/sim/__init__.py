"""CUDA C on a machine without a GPU, with checks. See README.md in this folder."""

from .compilers import available
from .errors import CompileError, KernelError, LaunchError, NoCompiler
from .memory import DeviceArray, asarray, asnumpy, empty, zeros
from .module import RawKernel, RawModule
from .settings import Settings, config

__all__ = [
    "CompileError",
    "DeviceArray",
    "KernelError",
    "LaunchError",
    "NoCompiler",
    "RawKernel",
    "RawModule",
    "Settings",
    "asarray",
    "asnumpy",
    "available",
    "config",
    "empty",
    "zeros",
]
