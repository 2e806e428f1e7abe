"""`mlstack bench`: which parts are measured, and where the results go."""

import os
import platform
from datetime import date
from pathlib import Path

import numpy as np

from ..devices import NAMES, device
from ..errors import BadInput, CouldNotFinish
from ..files import write_json
from ..machine import machine
from ..presets import PRESETS
from . import parts, processor
from .problems import is_slow
from .tables import rounded

ON_DEVICES = {
    "step": parts.step, "kernels": parts.kernels, "matmul": parts.matmul,
    "attention": parts.attention,
}  # fmt: skip
PARTS = (*processor.PARTS, *ON_DEVICES)


def add_arguments(parser) -> None:
    """The options of the command."""
    parser.add_argument("--device", choices=NAMES, default="cpu", help="what is measured")
    text = (
        f"one part instead of all: {', '.join(processor.PARTS)} (all of cpu's, which can also "
        f"have the others), {', '.join(ON_DEVICES)} (all of another device's)"
    )
    parser.add_argument("--only", choices=PARTS, metavar="PART", help=text)
    parser.add_argument("--preset", choices=PRESETS, help="of step and kernels, not the usual ones")
    parser.add_argument("--batch", type=int, metavar="N", help="of step and kernels")
    parser.add_argument("--record", type=Path, metavar="FILE.json", help="write the results there")


def bench(options) -> None:
    """Measure, print, and record after each part what there is. Raises BadInput, CouldNotFinish."""
    wanted = _parts(options)
    if options.record:
        _refuse_place(options.record)
    if missing := device(options.device).missing():
        raise CouldNotFinish(f"device {options.device}: {missing}")
    found = {"command": _words(options), "date": date.today().isoformat()}
    found |= machine(options.device)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"NumPy {np.__version__}")  # fmt: skip
    if options.device != "cpu":
        print(f"{found['machine']}; {found['versions']}")
    if is_slow(options.device):
        print("small sizes: this device computes on the processor")
    found["results"] = {}
    for part in wanted:
        there = part in ON_DEVICES
        found["results"][part] = ON_DEVICES[part](options) if there else processor.measure(part)
        if options.record:
            write_json(options.record, rounded(found))
    if options.record:
        print(f"\nwrote {options.record}")


def _parts(options) -> tuple[str, ...]:
    usual = processor.PARTS if options.device == "cpu" else tuple(ON_DEVICES)
    wanted = usual if options.only is None else (options.only,)
    if options.device != "cpu" and options.only in processor.PARTS:
        raise BadInput(
            f"bench: {options.only} is a part of device cpu; those of {options.device} are "
            f"{', '.join(ON_DEVICES)}"
        )
    if (options.preset or options.batch is not None) and not {"step", "kernels"} & set(wanted):
        raise BadInput("bench: --preset and --batch are of the parts step and kernels: see --only")
    return wanted


def _refuse_place(file: Path) -> None:
    """Before anything is measured."""
    if file.is_dir() or not file.parent.is_dir():
        what = "a folder" if file.is_dir() else "in no folder that is there"
        raise BadInput(f"bench: --record {file}: it is {what}; give a file to write")


def _words(options) -> str:
    words = ["mlstack bench"]
    for name in ("device", "only", "preset", "batch"):
        value = getattr(options, name)
        if value is not None and (name, value) != ("device", "cpu"):
            words.append(f"--{name} {value}")
    return " ".join(words)
