"""Say what this machine has for the course, and what each missing part needs."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ..devices import NAMES, device
from ..folders import cache_folder

PACKAGES = (
    "mlstack", "numpy", "ml_dtypes", "matplotlib", "jupyterlab", "nbval", "safetensors", "pooch",
    "regex", "threadpoolctl", "tqdm",
)  # fmt: skip
REFEREES = ("torch", "transformers", "tokenizers")
TESTED_PYTHONS = ((3, 11), (3, 13))


def report() -> str:
    """The report, a line a fact: `[ok]`, or `[no]` with what to do."""
    lines = [_python(), f"[ok] {platform.platform()}, {os.cpu_count()} cores", _blas()]
    lines += [_package(name, "python -m pip install -r requirements.txt") for name in PACKAGES]
    lines += [_package(name, "only tests need it: see README") for name in REFEREES]
    lines += [_device(name) for name in NAMES]
    lines += [f"[ok] data is kept in {cache_folder()}; MLSTACK_DATA chooses another folder"]
    return "\n".join(lines)


def _python() -> str:
    low, high = (".".join(map(str, v)) for v in TESTED_PYTHONS)
    here = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < TESTED_PYTHONS[0]:
        return f"[no] {here}: install Python {low} or later"
    untested = sys.version_info[:2] > TESTED_PYTHONS[1]
    return f"[ok] {here}" + f" (later than {high}, which was tested)" * untested


def _blas() -> str:
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    name, number = blas.get("name", "an unknown library"), blas.get("version", "")
    return f"[ok] matrix products by {name} {number}".rstrip()


def _package(name: str, remedy: str) -> str:
    try:
        return f"[ok] {name} {version(name)}"
    except PackageNotFoundError:
        return f"[no] {name}: {remedy}"


def _device(name: str) -> str:
    missing = device(name).missing()
    if missing:
        return f"[no] device {name}: {missing}"
    about = device(name).about()
    return f"[ok] device {name}" + f": {about}" * bool(about)
