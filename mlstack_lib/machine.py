"""On what something was measured: stands in every record."""

import os
import platform
from importlib.metadata import version

import numpy as np

from .devices import device


def machine(device_name: str) -> dict[str, str]:
    """`machine` and `versions` of this process, with the GPU or adapter if that is the device."""
    here = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    if device_name == "cuda":
        import cupy

        runtime = cupy.cuda.runtime.runtimeGetVersion() // 10
        versions += f", CuPy {cupy.__version__}, CUDA {runtime // 100}.{runtime % 100}"
    if device_name == "webgpu":
        versions += f", wgpu {version('wgpu')}"
    name = device(device_name).about() or here
    return {"machine": f"{name}, device {device_name}", "versions": versions}
