"""compute-sanitizer: how it is called, and what its output says.

https://docs.nvidia.com/compute-sanitizer/ComputeSanitizer/index.html
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
PREFIX = "========= "
PLACE = re.compile(r" in \S*kern(?:el)?\.cu:(\d+)")
# What begins a paragraph that is no finding about the kernel.
OTHER = re.compile(
    r"COMPUTE-SANITIZER|ERROR SUMMARY|RACECHECK SUMMARY|LEAK SUMMARY|Program hit|CUDA API|Target|"
    r"Error: (Target|process|No attachable)|Warning: (?!Race)|Internal|Device not supported|"
    r"This tool|Error: .*(support|permission)|.*suppressed|.*print-limit|.*not displayed"
)
# Options that only some versions have are given where --help names them.
WANTED = {
    "": (("--launch-timeout", "120"), ("--print-limit", "20"), ("--show-backtrace", "device")),
    "memcheck": (("--padding", "4096"),),
    "racecheck": (("--racecheck-detect-level", "info"),),
    "initcheck": (("--initcheck-address-space", "all"),),
}


@dataclass
class Report:
    """A paragraph of the output: what, at which lines, how often, and who was first."""

    what: str
    lines: list[int] = field(default_factory=list)
    count: int = 1


def program() -> str | None:
    """compute-sanitizer's path, None if it is not there."""
    usual = Path("/usr/local/cuda/bin/compute-sanitizer")
    return shutil.which("compute-sanitizer") or (str(usual) if usual.is_file() else None)


def command(sanitizer: str, tool: str, help_text: str) -> list[str]:
    """The words in front of a program's own, with the options that this version knows."""
    pairs = [pair for pair in (*WANTED[""], *WANTED.get(tool, ())) if pair[0] in help_text]
    return [sanitizer, "--tool", tool, *(word for pair in pairs for word in pair)]


def read(output: str) -> list[Report]:
    """The findings, each once."""
    found: dict[tuple, Report] = {}
    for report in _paragraphs(output):
        other = found.setdefault((report.what, *report.lines), report)
        if other is not report:
            other.count += 1
    return list(found.values())


def _paragraphs(output: str) -> list[Report]:
    reports, open_ = [], None
    for line in output.splitlines():
        if not line.startswith(PREFIX):
            open_ = None if line.strip() == PREFIX.strip() else open_
            continue
        text = line[len(PREFIX) :]
        if not text.startswith(" "):
            open_ = None if OTHER.match(text) else Report(_what(text))
            reports += [open_] if open_ else []
        if open_:
            places = [int(number) for number in PLACE.findall(line)]
            open_.lines += [n for n in places if n not in open_.lines]
    return reports


def _what(text: str) -> str:
    """The headline without its place: that is told apart."""
    return re.sub(r"( access)? at .*", "", text).rstrip(". ")
