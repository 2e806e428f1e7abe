"""The devices by name. `device("cpu")` gives the one object that stands for the processor."""

from functools import cache
from importlib import import_module

from ..errors import BadInput, nearest

NAMES = ["cpu", "cuda", "cuda-sim", "webgpu"]


@cache
def device(name: str):
    """Return the device called `name`, the same object every time. Raises BadInput."""
    if name not in NAMES:
        raise BadInput(f"device {name!r} is not known{nearest(name, NAMES)}; known: {NAMES}")
    return import_module(f".{name.replace('-', '_')}", __name__).Device()
