"""The commands `start`, `check` and `build`, which work in a clone of the repository."""

import contextlib
import time
from datetime import datetime
from pathlib import Path

from ..errors import BadInput
from ..files import write_text
from . import answers, building
from .building import without_outputs
from .source import Chapter, chapters

ROOT = Path(__file__).parents[2]


def _number(text: str) -> int:
    digits = text.removesuffix(".ipynb").split("_")[0]
    if not digits.isdecimal():
        raise BadInput(f"{text!r} is no chapter's number; 03, for example, is one")
    return int(digits)


def _chapter(number: int) -> Chapter:
    if not (ROOT / "chapters" / "src").is_dir():
        raise BadInput(f"{ROOT} has no chapters: install the package from a clone, with -e")
    return chapters(ROOT, [number])[0]


def _work_copy(chapter: Chapter) -> Path:
    return ROOT / "work" / chapter.notebook("chapters").name


def start(options) -> None:
    """Copy the unsolved chapter to work/, without outputs, so that there is something to predict.

    A copy that is there is never written over.
    """
    chapter = _chapter(_number(options.chapter))
    source, target = chapter.notebook("chapters"), _work_copy(chapter)
    if target.exists() and options.fresh:
        stamp = datetime.now().strftime("%Y-%m-%d_%H%M%S")
        kept = target.with_name(f"{target.stem}_{stamp}{target.suffix}")
        target.rename(kept)
        print(f"your copy is kept as {kept}")
    if target.exists():
        print(f"{target} is there already; go on with it, or start anew with --fresh")
    else:
        target.parent.mkdir(exist_ok=True)
        write_text(target, without_outputs(source))
        print(f"copied {source.relative_to(ROOT)} to {target}")
    print(f'open it: python -m jupyterlab "{target}"')


def check(options) -> int:
    """Judge the exercises in the learner's copy, or in chapters/ if there is none.

    Returns 0 if all are right, else 1.
    """
    chapter = _chapter(_number(options.chapter))
    file = _work_copy(chapter)
    file = file if file.is_file() else chapter.notebook("chapters")
    print(f"{file.relative_to(ROOT)}, as it was last saved:")
    counts = {"ok": 0, "no": 0, "todo": 0}
    with contextlib.chdir(file.parent):  # where Jupyter would run it
        verdicts = answers.judge_cells(answers.code_cells(file), chapter.number)
    for verdict in verdicts:
        counts[verdict.status] += 1
        print(verdict)
    if not any(counts.values()):
        raise BadInput(f"chapter {chapter.number:02} has no exercises")
    print(", ".join(f"{count} [{status}]" for status, count in counts.items()))
    return 0 if counts["ok"] == sum(counts.values()) else 1


def build(options) -> int:
    """Write and run the notebooks, or with --check only name what is out of step: then 1."""
    numbers = [_number(text) for text in options.chapters] or None
    if not options.check:
        began = time.perf_counter()
        building.build(ROOT, numbers)
        print(f"{time.perf_counter() - began:.1f} s in all")
        return 0
    lines = building.out_of_step(ROOT) + building.edited(ROOT)
    print("\n".join(lines) or "every notebook and kernel file is what its source says")
    return 1 if lines else 0
