"""The three-way gate: every stub is `[todo]`, every mutant `[no]`, every solution `[ok]`."""

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from zoo import mutants

from mlstack_lib.course import kernel_stubs
from mlstack_lib.course.answers import judge_cells
from mlstack_lib.course.judging import exercises_of, judge
from mlstack_lib.course.kernel_files import FOLDER
from mlstack_lib.course.source import chapters

ROOT = Path(__file__).parents[2]
CHAPTERS = {chapter.number: chapter for chapter in chapters(ROOT)}
EXERCISES = [name for number in CHAPTERS for name in exercises_of(number)]

for file in sorted(Path(__file__).parent.glob("mutants_*.py")):
    import_module(file.stem)


def verdicts_of(chapter, solved: bool) -> dict:
    """The verdict on each exercise of a chapter, from its text source."""
    cells = [(c.id, c.source) for c in chapter.cells(solved) if c.cell_type == "code"]
    return {v.exercise: v for v in judge_cells(cells, chapter.number)}


@pytest.fixture(scope="session")
def kernel_folders(tmp_path_factory) -> dict[bool, Path]:
    """The kernel files as their sources make them: solved, and as stubs."""
    folders = {True: ROOT / "solutions" / "kernels", False: tmp_path_factory.mktemp("kernels")}
    for file, text, _ in kernel_stubs.made(ROOT):
        if file.parent == ROOT / kernel_stubs.STUBS:
            (folders[False] / file.name).write_text(text, encoding="utf-8")
    return folders


@pytest.fixture(scope="session")
def judged(kernel_folders):
    """judged(name, solved): the verdict on an exercise, each chapter judged once."""
    known = {}

    def verdict(name: str, solved: bool):
        number = int(name.split(".")[0])
        if (number, solved) not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(FOLDER, str(kernel_folders[solved]))
                known[number, solved] = verdicts_of(CHAPTERS[number], solved)
        return known[number, solved][name]

    return verdict


@pytest.mark.parametrize("name", EXERCISES)
def test_a_stub_is_still_to_do(name, judged, tally):
    verdict = str(judged(name, solved=False))
    assert verdict.partition(": kernels/")[0] == f"[todo] {name}: not written yet"
    tally("stubs [todo]")


@pytest.mark.parametrize("name", EXERCISES)
def test_a_solution_is_right(name, judged, tally):
    assert judged(name, solved=True).status == "ok", judged(name, solved=True)
    tally("solutions [ok]")


@pytest.mark.parametrize("m", mutants, ids=str)
def test_a_mutant_is_refused_with_its_message(m, tally):
    verdict = judge(m.exercise, m.function)
    assert verdict.status == "no", verdict
    assert m.says in verdict.message
    tally("mutants [no]")


def test_every_exercise_has_three_mutants_and_every_mutant_an_exercise():
    counts = Counter(m.exercise for m in mutants)
    assert EXERCISES
    assert {name: counts[name] for name in EXERCISES if counts[name] < 3} == {}
    assert set(counts) <= set(EXERCISES)


def test_every_exercise_has_a_number_of_its_chapter_in_order():
    for number in CHAPTERS:
        numbers = [name.split()[0] for name in exercises_of(number)]
        assert numbers == [f"{number}.{i + 1}" for i in range(len(numbers))]
