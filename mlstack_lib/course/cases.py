"""One case of a check: what was given, what came, what was wanted, said in one line."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from .judging import Wrong


class Case:
    """A case of an exercise's check, and where to look if it fails.

    given: the arguments in words ("x (2, 3) f32, seed 0"). look: a hint, not the answer. Both end
    every message. nan: what NaN in an array tells here, said where a number is wanted instead.
    """

    def __init__(self, given: str, look: str = "", nan: str = ""):
        self.given, self.look, self.nan = given, look, nan

    def wrong(self, what: str, look: bool = True) -> Wrong:
        """The exception for `what`, with the case and, where it can help, the hint."""
        end = "" if what.endswith("?") else "."
        return Wrong(f"{what}{end} {self._where(look)}")

    def _where(self, look: bool = True) -> str:
        end = "" if self.look.endswith("?") else "."
        return f"Case: {self.given}." + f" Look: {self.look}{end}" * bool(look and self.look)

    def require(self, fine: bool, what: str, look: bool = True) -> None:
        """Raise Wrong with `what` unless `fine`."""
        if not fine:
            raise self.wrong(what, look)

    def call(self, mine: Callable, *args, **kwargs) -> Any:
        """Return mine(*args); Wrong if that is None, or if an array or list given has changed.

        An exception of `mine` goes on, with the case as a note.
        """
        before = [_copy(arg) for arg in args]
        try:
            result = mine(*args, **kwargs)
        except Exception as error:
            error.add_note(self._where())
            raise
        self.require(result is not None, "it returned None: is there a return?", look=False)
        for position, (arg, kept) in enumerate(zip(args, before, strict=True)):
            what = f"it changed {_parameter(mine, position)}: work on a copy"
            self.require(_same(arg, kept), what, look=False)
        return result

    def equal(self, got, want, name: str = "result", tolerance: float = 1e-9) -> None:
        """Raise Wrong unless `got` is `want`: type, shape, dtype, and each number.

        Numbers may differ by tolerance * max(1, |largest of want|). The message names the first
        index that is wrong.
        """
        if isinstance(want, tuple):
            self._equal_tuple(got, want, name, tolerance)
        elif isinstance(want, np.ndarray):
            self._equal_array(got, want, name, tolerance)
        elif isinstance(want, float):
            self._equal_number(got, want, name, tolerance)
        else:
            self.require(
                type(got) is type(want) and got == want,
                f"{name} is {_short(got)}, want {_short(want)}",
            )

    def _equal_tuple(self, got, want, name, tolerance):
        self.require(
            isinstance(got, tuple) and len(got) == len(want),
            f"{name} is {_kind(got)}, want a tuple of {len(want)}",
            look=False,
        )
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            self.equal(g, w, f"{name}[{i}]", tolerance)

    def _equal_number(self, got, want, name, tolerance):
        number = isinstance(got, float | int | np.number) or getattr(got, "shape", None) == ()
        number = number and not isinstance(got, bool)
        self.require(number, f"{name} is {_kind(got)}, want a number", look=False)
        allowed = tolerance * max(1.0, abs(want)) if np.isfinite(want) else 0.0
        fine = float(got) == want or abs(float(got) - want) <= allowed
        self.require(fine, f"{name} is {_pair(got, want)}")

    def _equal_array(self, got, want, name, tolerance):
        array = isinstance(got, np.ndarray | np.generic)
        self.require(array, f"{name} is {_kind(got)}, want an array", look=False)
        self.require(
            got.shape == want.shape, f"{name} has the shape {got.shape}, want {want.shape}"
        )
        self.require(
            got.dtype == want.dtype, f"{name} has the dtype {got.dtype}, want {want.dtype}"
        )
        finite = np.abs(want[np.isfinite(want)]) if want.dtype.kind == "f" else np.abs(want)
        allowed = tolerance * max(1.0, float(finite.max(initial=0)))
        with np.errstate(invalid="ignore"):
            fine = (np.abs(np.subtract(got, want, dtype=np.float64)) <= allowed) | (got == want)
        if not fine.all():
            at = tuple(map(int, np.argwhere(~fine)[0]))
            where = f"{name}[{', '.join(map(str, at))}]" if at else name
            count = f"; {np.count_nonzero(~fine)} of {fine.size} wrong" if fine.size > 1 else ""
            nan = f" ({self.nan})" * bool(self.nan and np.isnan(got[at]))
            raise self.wrong(f"{where} is {_pair(got[at], want[at])}{nan}{count}")


def _copy(value):
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value.copy() if isinstance(value, np.ndarray | dict) else value


def _same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return a == b if isinstance(a, int | float | str | tuple | dict) else True


def _parameter(function: Callable, position: int) -> str:
    """What the function calls its argument."""
    try:
        return f"`{list(signature(function).parameters)[position]}`"
    except (TypeError, ValueError, IndexError):
        return f"argument {position + 1}"


def _kind(value) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape}"
    return f"of type {type(value).__name__}"


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _pair(got, want) -> str:
    """`got, want WANT`, with as many digits as it takes to tell them apart."""
    for digits in (4, 7, 10, 17):
        texts = [_number(value, digits) for value in (got, want)]
        if texts[0] != texts[1]:
            break
    return f"{texts[0]}, want {texts[1]}"


def _number(value, digits: int) -> str:
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
