"""Kernels with several places to fill: judge what is written so far, and say which is wrong.

What stands around the places is given. So a learner's text falls into given parts and pieces, and
a piece can be tried with the solution's in the place of the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..kernels import PACKAGED, STUB_MARKER
from ..sim.errors import CompileError, KernelError, LaunchError
from ..sim.words import TITLES
from . import seal
from .judging import Wrong
from .kernel_files import ROOT, KernelFile
from .source import BEGIN, END, GIVEN

Check = Callable[[KernelFile], str]
ERRORS = (Wrong, CompileError, KernelError, LaunchError)  # what a check may say of a kernel


@dataclass(frozen=True)
class _Pieces:
    """A kernel taken apart: given[0] theirs[0] given[1] ..., and the solution's pieces."""

    kernel: KernelFile
    given: list[str]
    theirs: list[str]
    ours: list[str]
    looks: dict[str, str]

    def written(self) -> list[str]:
        """The names of the pieces that are no stub."""
        pieces = zip(self.looks, self.theirs, strict=True)
        return [name for name, piece in pieces if STUB_MARKER not in piece]

    def keep(self, names: list[str]) -> KernelFile:
        """The kernel with the solution's pieces but for `names`; lines keep their numbers."""
        text, line = self.given[0], 1 + self.given[0].count("\n")
        parts = zip(self.looks, self.given[1:], self.theirs, self.ours, strict=True)
        for name, given, piece, solved in parts:
            line += piece.count("\n")
            solved = f'#line 1 "solution"\n{solved}#line {line} "{self.kernel.name}.cu"\n'
            text += (piece if name in names else solved) + given
            line += given.count("\n")
        return replace(self.kernel, text=text)

    def look(self, check: Check) -> str:
        """Where to look: at the first piece that is wrong on its own. Empty if none is."""
        for name in self.written():
            try:
                check(self.keep([name]))
            except ERRORS:
                return f"Look in {name}: {self.looks[name]}"
        return ""


def check_by_pieces(mine: KernelFile, looks: dict[str, str], check: Check) -> str:
    """`check(mine)`; if only some pieces are written, of these with the solution's for the others.

    looks: what each place is called, in the file's order, and where to look if its piece is wrong.
    Raises what `check` raises, with that look of the first piece that is wrong on its own; Wrong
    if what is written is right, but not all; NotImplementedError if nothing is.
    """
    given, ours = _source(mine.name)
    theirs = _between(given, mine.text)
    if theirs is None:
        changed = f"Lines around yours were changed too: `git diff {mine.place}` shows them"
        return _with_look(check, mine, lambda: changed)
    pieces = _Pieces(mine, given, theirs, ours, looks)
    written = pieces.written()
    if len(written) in (0, len(looks)):
        return _with_look(check, mine, lambda: pieces.look(check))
    _check_some(check, pieces)
    missing = ", ".join(name for name in looks if name not in written)
    raise Wrong(f"right so far ({', '.join(written)}). Still to write: {missing}")


def _with_look(check: Check, kernel: KernelFile, look: Callable[[], str]) -> str:
    """check(kernel); what it raises gets a look at its end, if it has none of its own."""
    try:
        return check(kernel)
    except CompileError:  # it names the line
        raise
    except ERRORS as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", [])])
        where = "" if " Look: " in text else look()
        where += "." * (where[-1:] not in ("", "?"))
        if where and isinstance(error, Wrong):
            raise type(error)(f"{error} {where}") from None
        if where:
            error.add_note(where)
        raise


def _check_some(check: Check, pieces: _Pieces) -> None:
    """Without the lines that a finding quotes: they may be the solution's."""
    try:
        _with_look(check, pieces.keep(pieces.written()), lambda: pieces.look(check))
    except KernelError as error:
        notes = " ".join(getattr(error, "__notes__", []))
        raise Wrong(f"{TITLES[error.findings[0].kind]}. {notes}") from None


# ---- the text ----


def _source(name: str) -> tuple[list[str], list[str]]:
    """A kernel's given parts, and the solution's piece between each two of them."""
    file = PACKAGED / f"{name}.cu"
    file = file if file.is_file() else ROOT / "solutions" / "kernels" / file.name
    parts, left_out = [""], False
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        if BEGIN.match(line) or END.match(line):
            parts.append("")
            left_out = False
        elif GIVEN.match(line) or left_out:
            left_out = True
        else:
            parts[-1] += line
    return parts[::2], parts[1::2]


def _between(given: list[str], text: str) -> list[str] | None:
    """What stands between the given parts; None if the text has not all of them."""
    text, pieces = seal.without(text), []
    if not (text.startswith(given[0]) and text.rstrip().endswith(given[-1].rstrip())):
        return None
    at = len(given[0])
    for part in given[1:]:
        found = text.find(part.rstrip(), at)
        if found < 0:
            return None
        pieces.append(text[at:found])
        at = found + len(part)
    return pieces
