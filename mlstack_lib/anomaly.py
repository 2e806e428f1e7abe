"""Find the first op that makes a NaN or an infinity, and the line that called it."""

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .array import Array
from .backend import backend

_ENGINE = {
    str(Path(__file__).with_name(name))
    for name in ("anomaly.py", "autograd.py", "array_ops.py", "ops.py", "tensor.py")
}
_active = [False]


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, the first op whose result is not finite raises FloatingPointError.

    The message names the op and the line that called it; for a backward pass, the line that made
    the op in the forward pass. Slow: every value is looked at, and a count comes to the host.
    """
    _active.append(True)
    try:
        yield
    finally:
        _active.pop()


def creation_line() -> str:
    """Where the op being made was called, if anomalies are looked for, else an empty string."""
    if not _active[-1]:
        return ""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in _ENGINE:
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    return f"{Path(file).name}:{line}: {linecache.getline(file, line).strip()}"


def check_forward(name: str, arguments: list, value) -> None:
    """Raise FloatingPointError if `value`, the result of op `name`, is not finite."""
    if _active[-1]:
        _check(f"{name} (forward)", arguments, value, creation_line())


def check_backward(node, incoming: list, gradients: tuple) -> None:
    """Raise FloatingPointError if a gradient that `node` has computed is not finite."""
    if _active[-1]:
        where = node.where or "a line that ran before detect_anomaly"
        _check(f"{node.name} (backward)", incoming, gradients, where)


def _check(what: str, inputs: list, results, where: str) -> None:
    for result in results if isinstance(results, tuple) else (results,):
        bad = _not_finite(result)
        if bad:
            given = [i for i, x in enumerate(inputs) if _not_finite(x)]
            source = (
                f"its input {given[0]} was already so" if given else "all its inputs are finite"
            )
            raise FloatingPointError(
                f"{what}: {bad} of {result.size} values are NaN or infinite; {source}; {where}"
            )


def _not_finite(x) -> int:
    if isinstance(x, Array) and x.dtype.kind == "f":
        return int(x.device.download(backend(x).count_nonfinite(x)))
    if isinstance(x, np.ndarray) and x.dtype.kind in "fV":
        return int(x.size - np.isfinite(x).sum())
    return 0
