"""Judge what a learner wrote: a verdict, and never an exception.

An exercise is a name like "2.1 slope" and a check, a function that takes what the learner wrote
and raises `Wrong` with what is wrong. The checks of chapter N are in `exercises/chapter_NN.py`.
"""

import inspect
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import CodeType, FunctionType

from ..errors import BadInput, nearest
from ..kernels import STUB_MARKER
from ..sim.errors import CompileError, KernelError, LaunchError
from .seal import intact

RAISE = "raise NotImplementedError"


class Wrong(Exception):  # noqa: N818  (it is a finding, not an error of ours)
    """What is wrong with a solution; the text of its `[no]` line."""


class OtherOnGpu(Wrong):
    """A GPU gives another result than the simulator, whose result nobody has looked at yet."""


@dataclass(frozen=True)
class Verdict:
    """What `judge` found: status "todo", "no" or "ok", and why: a line, for a kernel a few."""

    exercise: str
    status: str
    message: str

    def __str__(self) -> str:
        text = f"[{self.status}] {self.exercise}: {self.message}"
        return text.encode("ascii", "backslashreplace").decode()  # any console can show it


verdicts: list[Verdict] = []  # of this process, in order
gpu_too = ContextVar("gpu_too", default=True)  # whether checks launch kernels on a GPU as well
_checks: dict[str, Callable] = {}


# ---- the registry ----


def exercise(name: str) -> Callable[[Callable], Callable]:
    """Register the function below it as the check of exercise `name`, "CHAPTER.NUMBER title"."""

    def register(function: Callable) -> Callable:
        if name in _checks:
            raise ValueError(f"exercise {name!r} is registered twice")
        _checks[name] = function
        return function

    return register


def exercises_of(chapter: int) -> list[str]:
    """The names of a chapter's exercises, in order; none if it has none."""
    module = f"{__package__}.exercises.chapter_{chapter:02}"
    if find_spec(module) is not None:
        import_module(module)
    return [name for name in _checks if name.split(".")[0] == str(chapter)]


def _check_of(name: str) -> Callable:
    chapter = name.split(".")[0]
    known = exercises_of(int(chapter)) if chapter.isdecimal() else []
    if name not in known:
        raise BadInput(f"no exercise is called {name!r}{nearest(name, known)}; there are {known}")
    return _checks[name]


# ---- verdicts ----


def check(name: str, *mine: Callable) -> None:
    """Print what exercise `name` has to say of the learner's function (or functions).

    `[todo]` not written yet, `[no]` what is wrong and where to look, `[ok]`. Never raises for
    what the learner wrote; BadInput for a name that no exercise has.
    """
    verdicts.append(judge(name, *mine))
    print(verdicts[-1])


def use(name: str, mine: Callable, reference: Callable) -> Callable:
    """`check(name, mine)`, and return `mine` if it is right, else `reference`.

    Bind the result to a new name, or a second run of the cell would judge the reference:
    TypeError if `mine` is the reference.
    """
    if mine is reference:
        raise TypeError(f"use {name!r}: this is the package's own function; pass the one you wrote")
    check(name, mine)
    return mine if verdicts[-1].status == "ok" else reference


def judge(name: str, *mine: Callable) -> Verdict:
    """Run the check of exercise `name` and return what it found."""
    function = _check_of(name)
    try:
        return Verdict(name, "ok", function(*mine) or "right")
    except OtherOnGpu as wrong:
        verdict = _judge_in_simulator(name, mine)
        return Verdict(name, "no", str(wrong)) if verdict.status == "ok" else verdict
    except Wrong as wrong:
        return Verdict(name, "no", str(wrong))
    except NotImplementedError as error:
        return _unwritten(name, mine, error)
    except (CompileError, KernelError, LaunchError) as error:  # they quote the line themselves
        return Verdict(name, "no", "\n".join([str(error), *getattr(error, "__notes__", [])]))
    except Exception as error:
        text = str(error).partition("\n")[0]
        where = _line_of(mine, error) or " (in the check, which calls it as the task says)"
        notes = "".join(f". {note}" for note in getattr(error, "__notes__", []))
        return Verdict(name, "no", f"{type(error).__name__}: {text}{where}{notes}")


def _judge_in_simulator(name: str, mine: tuple) -> Verdict:
    """What is wrong everywhere is best said of the simulator's results."""
    before = gpu_too.set(False)
    try:
        return judge(name, *mine)
    finally:
        gpu_too.reset(before)


def _unwritten(name: str, mine: tuple, error: NotImplementedError) -> Verdict:
    """`[todo]`, or `[no]` if code was written but the stub's last line was left in."""
    for function in mine:
        lines = [line.strip() for line in _source(function).splitlines() if line.strip()]
        for before, line in zip(lines, lines[1:], strict=False):
            if line.startswith(RAISE) and STUB_MARKER not in before:
                return Verdict(name, "no", f"the line `{RAISE}` is still there: delete it")
    stubs = [f for f in mine if STUB_MARKER in getattr(f, "text", "")]
    for stub in stubs:
        if stub.text.strip() != STUB_MARKER and not intact(stub.text):  # someone wrote in it
            line = 1 + stub.text[: stub.text.index(STUB_MARKER)].count("\n")
            what = f"the line `{STUB_MARKER}` is still there, line {line} of {stub.place}"
            return Verdict(name, "no", f"{what}: delete it when yours stand in its place")
    files = [stub.place for stub in stubs]
    return Verdict(name, "todo", "not written yet" + f": {', '.join(files)}" * bool(files))


def _source(function) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _line_of(mine: tuple, error: Exception) -> str:
    """` (line 3 of slope)`: the last line of the learner's that the error went through."""
    codes = {code.co_filename: function for function in mine for code in _codes(function)}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        code = frame.f_code
        if code.co_filename in codes:
            return f" (line {line - code.co_firstlineno + 1} of {code.co_name})"
    return ""


def _codes(function) -> list[CodeType]:
    parts = vars(function).values() if inspect.isclass(function) else [inspect.unwrap(function)]
    return [part.__code__ for part in parts if isinstance(part, FunctionType)]
