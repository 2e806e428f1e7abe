"""Run the cases on a device that has kernels, and compare what it gives with the reference."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod

import numpy as np

from .. import sim
from ..array import Array
from ..backend import ELSEWHERE, OPERATIONS
from .arguments import Random
from .cases import CASES
from .comparing import (
    call,
    cast,
    check_close,
    check_unchanged,
    demand,
    map_arrays,
    op_of,
    tolerances,
)
from .dry import DryDevice, Launch

PAD = 256  # bytes before and after each guarded array: offsets that every device takes
SENTINEL = 0x7FA00000  # in f32 a NaN that arithmetic makes another of; each array adds its number
LABELS = [label for label in CASES if op_of(label) in ELSEWHERE]


@dataclass(frozen=True)
class Trial:
    """A case at one size. mode: "" for new arrays, else gradients "into out" or "on top of out"."""

    label: str
    size: tuple[int, ...]
    mode: str = ""

    def __str__(self):
        return " ".join(filter(None, (self.label, str(self.size), self.mode)))

    def arguments(self) -> dict:
        """The arguments, f32, on the host; the same numbers every time."""
        seed = zlib.crc32(f"{self.label} {self.size}".encode())
        return cast(CASES[self.label].make(Random(seed), *self.size), np.float32)

    def gradients(self, arguments: dict) -> tuple | None:
        """What stands in `out` before the call: NaN where it is to be written over."""
        if not self.mode:
            return None
        fill = Random(5) if self.mode == "on top of out" else lambda *s: np.full(s, np.nan)
        shapes = CASES[self.label].gradients(arguments)
        return tuple(np.asarray(fill(*shape), np.float32) for shape in shapes)


def trials(labels=None) -> list[Trial]:
    """Every case at all its sizes, and with `out` at its last one; all those of `labels`."""
    plain = [Trial(label, size) for label in labels or LABELS for size in CASES[label].sizes]
    modes = [
        Trial(label, CASES[label].sizes[-1], mode)
        for label in labels or LABELS
        if CASES[label].gradients
        for mode in ("into out", "on top of out")
    ]
    return plain + modes


@cache
def launches_of(trial: Trial, *device) -> tuple[Launch, ...]:
    """The launches that the trial makes, found without a device; see DryDevice for the rest."""
    dry = DryDevice(*device)
    _call_on(dry, trial, trial.arguments())
    return tuple(dry.noted)


@cache
def trials_by_kernel() -> dict[str, list[Trial]]:
    """The trials that launch each kernel, in the order of `trials`."""
    found: dict[str, list[Trial]] = {}
    for trial in trials():
        for name in {launch.name for launch in launches_of(trial)}:
            found.setdefault(name, []).append(trial)
    return found


@lru_cache(64)
def wanted(trial: Trial) -> tuple[list, list[float]]:
    """What the reference gives in float64, and how far a device may be from it."""
    case, arguments = CASES[trial.label], trial.arguments()
    gradients, accumulate = trial.gradients(arguments), trial.mode == "on top of out"
    return tolerances(OPERATIONS[op_of(trial.label)], case, arguments, gradients, accumulate)


def check(dev, trial: Trial) -> list[tuple[float, float]]:
    """(error, tolerance) of each result on the device.

    Raises Mismatch, and what the device raises: for `cuda-sim` KernelError, for one.
    """
    case, arguments = CASES[trial.label], trial.arguments()
    want, allowed = wanted(trial)
    with guarded(dev):
        given, got = _call_on(dev, trial, arguments)
        got = _down(tuple(got))
        given = _down(given)
    errors = check_close(list(got), want, allowed, np.float32)
    check_unchanged(case, arguments, given)
    return errors


def _call_on(dev, trial: Trial, arguments: dict) -> tuple[dict, list]:
    given, out = map_arrays(dev.upload, (arguments, trial.gradients(arguments) or ()))
    accumulate = trial.mode == "on top of out"
    function = ELSEWHERE[op_of(trial.label)]
    return given, call(function, CASES[trial.label], given, out or None, accumulate)


def _down(value):
    """`value` with a NumPy array in place of every array of a device."""
    if isinstance(value, dict):
        return {name: _down(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_down(item) for item in value)
    return value.device.download(value) if isinstance(value, Array) else value


# ---- arrays with something around them ----


def guarded(dev):
    """Within the block the device's arrays begin as NaN and lie between two pads of it.

    At the block's end a pad that was written raises Mismatch. The simulator, when it checks, sees
    every access by itself, reads too, and says where.
    """
    if dev.name == "cuda-sim" and sim.settings.current().check:
        return nullcontext()
    return _guarded(dev)


@contextmanager
def _guarded(dev) -> Iterator[None]:
    whole, upload = [], dev.upload

    def empty(shape, dtype) -> Array:
        words = -(-prod(shape) * np.dtype(dtype).itemsize // 4) + PAD // 2
        whole.append(upload(np.full(words, SENTINEL + len(whole), np.uint32)))
        return Array(dev, whole[-1].buffer, tuple(shape), np.dtype(dtype), PAD)

    def place(host: np.ndarray) -> Array:
        array = empty(host.shape, host.dtype)
        dev.write(array, host)
        return array

    dev.empty, dev.upload = empty, place
    try:
        with dev.strict(PAD):
            yield
        for i, array in enumerate(whole):
            same = dev.download(array) == SENTINEL + i
            demand(same[: PAD // 4].all(), "written before an array's first element")
            demand(same[-PAD // 4 :].all(), "written after an array's last element")
    finally:
        del dev.empty, dev.upload
