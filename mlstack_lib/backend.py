"""Which function serves an array: the override, else the device's own, and no third choice."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import getsourcefile, isfunction

import numpy as np

from . import kernels, reference, reference_update
from .devices import device
from .errors import nearest
from .launchers import (
    attention,
    cpu,
    cpu_attention,
    cpu_linear,
    elementwise,
    matmul,
    optimizer,
    rows,
)

_overrides: dict[str, Callable] = {}
calls: Counter = Counter()  # (device name, operation, function) -> how often it was served


def _public(*modules) -> dict[str, Callable]:
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if isfunction(function) and function.__module__ == module.__name__ and name[0] != "_"
    }


OPERATIONS = _public(reference, reference_update)
ON_CPU = OPERATIONS | _public(cpu, cpu_attention, cpu_linear)
ELSEWHERE = {
    name: function
    for name, function in _public(elementwise, matmul, rows, attention, optimizer).items()
    if name in OPERATIONS
}


class Backend:
    """The operations of one device, as attributes: `backend(x).gelu_forward(x)`."""

    def __init__(self, on):
        self._device = on

    def __getattr__(self, name: str) -> Callable:
        function = _overrides.get(name) or (
            ON_CPU if self._device.name == "cpu" else ELSEWHERE
        ).get(name)
        if function is None:
            looked = ", ".join(str(folder) for folder in kernels.search_path)
            raise NotImplementedError(
                f"{name}: nothing serves it on {self._device.name}; looked in {looked}"
            )
        self._device.launches += self._device.name == "cpu"  # the others count their kernels
        calls[self._device.name, name, function] += 1
        self._device.serving = name
        return function


@cache
def _backend(on) -> Backend:
    return Backend(on)


def device_of(x):
    """The device that holds `x`, a NumPy array or an `Array`."""
    return device("cpu") if isinstance(x, (np.ndarray, np.generic)) else x.device


def backend(x) -> Backend:
    """The operations for the device that holds `x`."""
    return _backend(device_of(x))


@contextmanager
def override(**functions: Callable) -> Iterator[None]:
    """Within the block, these functions serve the operations of the same names.

    >>> with override(gelu_forward=mine):
    ...     loss = model(idx, targets)

    Raises NameError for a name that no operation has.
    """
    for name in functions:
        if name not in OPERATIONS:
            raise NameError(f"override: no operation is called {name!r}{nearest(name, OPERATIONS)}")
    before = dict(_overrides)
    _overrides.update(functions)
    try:
        yield
    finally:
        _overrides.clear()
        _overrides.update(before)


def used() -> list[tuple[str, str, int]]:
    """What served each operation so far: its name, the file, the number of calls."""
    rows = [
        (name, f"{where}: {getsourcefile(function)}", count)
        for (where, name, function), count in calls.items()
    ]
    return sorted(rows)


@cache
def _constant(on, value: float, shape: tuple[int, ...], dtype):
    return on.upload(np.full(shape, value, dtype))


def constant(x, value: float):
    """An array of the shape and dtype of `x`, filled with `value`; uploaded once and kept."""
    return _constant(device_of(x), value, tuple(x.shape), np.dtype(x.dtype))
