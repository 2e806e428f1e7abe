"""Compare gradients with finite differences."""

from collections.abc import Callable

import numpy as np

from .autograd import Tensor, no_grad
from .tensor import tensor

STEP = 1e-5  # error of the central difference: about STEP**2 + 2**-52 / STEP, so 1e-10
TOLERANCE = 1e-6


def gradcheck(f: Callable, *arrays, rng: np.random.Generator | None = None) -> float:
    """Check backward of f(*tensors) against central differences; return the largest error.

    The floating arrays are taken in float64; whole-number arrays are passed on. f returns a Tensor
    or a tuple of them. What is differentiated is the sum of the results times random numbers: a
    sum alone would hide gradients that are zero only for it, those of softmax for one. An error is
    relative to the largest gradient of its argument (or 1, if that is smaller).

    Raises AssertionError with the argument and index of the largest error above 1e-6.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    arrays = [np.array(a, np.float64) if np.asarray(a).dtype.kind == "f" else a for a in arrays]
    tensors = _as_tensors(arrays, requires_grad=True)
    results = _tuple(f(*tensors))
    cotangents = [rng.standard_normal(r.shape) for r in results]
    _weighted(results, cotangents).backward()
    worst = 0.0
    for position, (array, t) in enumerate(zip(arrays, tensors, strict=True)):
        if isinstance(t, Tensor):
            want = _differences(f, arrays, position, cotangents)
            got = np.zeros_like(array) if t.grad is None else t.grad.numpy()
            worst = max(worst, _largest_error(position, got, want))
    return worst


def _as_tensors(arrays, requires_grad: bool) -> list:
    return [
        tensor(a.copy(), requires_grad=requires_grad) if np.asarray(a).dtype == np.float64 else a
        for a in arrays
    ]


def _tuple(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)


def _weighted(results, cotangents):
    total = None
    for result, cotangent in zip(results, cotangents, strict=True):
        part = (result * tensor(cotangent)).sum()
        total = part if total is None else total + part
    return total


def _differences(f, arrays, position, cotangents) -> np.ndarray:
    """The gradient for one argument, an element at a time."""
    array, gradient = arrays[position], np.empty_like(arrays[position])
    for index in np.ndindex(array.shape):
        kept, values = array[index], []
        for moved in (kept + STEP, kept - STEP):
            array[index] = moved
            with no_grad():
                results = _tuple(f(*_as_tensors(arrays, requires_grad=False)))
            values.append(_weighted(results, cotangents).item())
        array[index] = kept
        gradient[index] = (values[0] - values[1]) / (2 * STEP)
    return gradient


def _largest_error(position: int, got: np.ndarray, want: np.ndarray) -> float:
    if got.shape != want.shape:
        raise AssertionError(
            f"gradcheck: argument {position} is {want.shape}, its gradient {got.shape}"
        )
    if not want.size:
        return 0.0
    error = np.abs(got - want) / max(1.0, float(np.abs(want).max()))
    index = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    if not (error[index] <= TOLERANCE):
        raise AssertionError(
            f"gradcheck: argument {position}, index {tuple(map(int, index))}: "
            f"gradient {got[index]:.6g}, finite difference {want[index]:.6g}"
        )
    return float(error[index])
