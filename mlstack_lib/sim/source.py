"""A kernel's text: where each line came from, and what its kernels are called and take.

The simulator numbers the lines of the text that the compiler sees, after files named by `#include
"..."` have been put in their place. `Source.place` gives back the learner's file and line for
each.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
LINE = re.compile(r'\s*#\s*line\s+(\d+)(?:\s+"([^"]*)")?')
COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",  # behind a digit it only parts a number, 1'000
    re.DOTALL,
)


def blank(text: str) -> str:
    """The text with comments and what stands in quotes replaced by spaces: all offsets stay."""

    def spaces(match):
        found = match[0]
        if found[0] == "/":
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[0]

    return COMMENT_OR_TEXT.sub(spaces, text)


def depth_split(text: str, separator: str = ",") -> list[str]:
    """Split at the separators that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "[(<{") - (char in "])>}")
        if char == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


@dataclass(frozen=True)
class Signature:
    """A kernel as its definition says: parameter names, and what its launch must keep to."""

    name: str
    parameters: list[str]
    bound: str | None  # what stands in __launch_bounds__, its first part
    is_template: bool
    is_extern_c: bool


class Source:
    """The text of a kernel file with its includes, and the way back to the learner's lines.

    folders: where files named in quotes are looked for; others are left to the compiler.
    """

    def __init__(self, code: str, name: str = "kernel.cu", folders: tuple[str, ...] = ()):
        self.name, self.folders = name, [Path(folder).resolve() for folder in folders]
        self._lines: list[str] = []
        self._places: list[tuple[str, int]] = []
        self._seen: set[Path] = set()
        self._take(code, name)
        self.text = "\n".join(self._lines)

    def place(self, line: int) -> tuple[str, int]:
        """The learner's file and line number."""
        return self._places[line - 1] if 0 < line <= len(self._places) else (self.name, 0)

    @property
    def last_file(self) -> str:
        """What the text ends in: of one put together from several the learner's own."""
        return self._places[-1][0]

    def line_text(self, line: int) -> str:
        """The text of a line."""
        return self._lines[line - 1] if 0 < line <= len(self._lines) else ""

    @cached_property
    def clean(self) -> str:
        """The text without comments and quoted words, at the same offsets."""
        return blank(self.text)

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """The kernels that the text defines, by name."""
        found = [self._signature(match) for match in KERNEL.finditer(self.clean)]
        return {signature.name: signature for signature in found}

    # ---- includes and #line ----

    def _take(self, code: str, name: str) -> None:
        number = 0
        in_comment = blank(code).split("\n")
        for line, clean in zip(code.split("\n"), in_comment, strict=True):
            number += 1
            is_directive = clean.lstrip().startswith("#")
            named, moved = INCLUDE.match(line), LINE.match(line)
            file = self._find(named[1]) if is_directive and named else None
            if file is not None:
                self._include(file, name, number)
            elif is_directive and moved:
                self._append("", name, number)
                number, name = int(moved[1]) - 1, moved[2] or name
            else:
                self._append(line, name, number)

    def _append(self, line: str, name: str, number: int) -> None:
        self._lines.append(line)
        self._places.append((name, number))

    def _include(self, file: Path, name: str, number: int) -> None:
        self._append("", name, number)
        if file not in self._seen:  # as if every file said `#pragma once`
            self._seen.add(file)
            self._take(file.read_text(encoding="utf-8").replace("#pragma once", ""), file.name)

    def _find(self, name: str) -> Path | None:
        files = [folder / name for folder in self.folders]
        return next((file.resolve() for file in files if file.is_file()), None)

    # ---- kernels ----

    def _signature(self, match: re.Match) -> Signature:
        clean = self.clean
        before = re.split(r"[;}]", clean[: match.start()])[-1]
        inside = parameters_text(match[2])
        bound = re.search(r"__launch_bounds__\s*\(([^;{}]*)", match[0])
        return Signature(
            name=match[1],
            parameters=[_parameter_name(text) for text in depth_split(inside) if text.strip()],
            bound=depth_split(_balanced(bound[1]))[0].strip() if bound else None,
            is_template=bool(re.search(r"\btemplate\s*<", before)),
            is_extern_c=bool(re.search(r'\bextern\s*" "', before)) or self._in_extern_c(match),
        )

    def _in_extern_c(self, match: re.Match) -> bool:
        """Whether the definition stands in an `extern "C" { ... }`."""
        for opened in re.finditer(r'\bextern\s*" "\s*\{', self.clean[: match.start()]):
            between = self.clean[opened.end() : match.start()]
            if between.count("}") <= between.count("{"):
                return True
        return False


KERNEL = re.compile(
    r"__global__\b[^;{}]*?\b(?!__launch_bounds__)(\w+)\s*\(((?:[^(){};]|\((?:[^()]|\([^()]*\))*\))*)\)\s*\{"
)


def parameters_text(text: str) -> str:
    """What stands between a kernel's parentheses, without the attributes in it."""
    return re.sub(r"__align__\s*\([^()]*\)|__restrict__|\balignas\s*\([^()]*\)", " ", text)


def _parameter_name(text: str) -> str:
    name = re.search(r"(\w+)\s*\)?\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$", text.strip(), re.DOTALL)
    return name[1] if name else "?"


def _balanced(text: str) -> str:
    """The text up to the parenthesis that closes one opened before it."""
    depth = 1
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[:i]
    return text
