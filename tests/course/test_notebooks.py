"""Every notebook keeps the course's form. nbval compares outputs; this compares all else."""

import re
from pathlib import Path

import nbformat
import pytest

from mlstack_lib.course.building import FOLDERS, edited, out_of_step, sealed
from mlstack_lib.course.kernel import NOT_COMPARED
from mlstack_lib.course.source import chapters

ROOT = Path(__file__).parents[2]
CHAPTERS = chapters(ROOT)
BOTH = [pytest.param(c, f, id=f"{f}/{c.source.stem}") for c in CHAPTERS for f in FOLDERS]
EACH = [pytest.param(c, id=c.source.stem) for c in CHAPTERS]
FROM_01 = [pytest.param(c, id=c.source.stem) for c in CHAPTERS if c.number > 0]
TITLES = ("**What you build.**", "**What you can do afterwards.**", "**What you need.**")
MARKERS = re.compile(r"BEGIN SOLUTION|END SOLUTION|^(# )?quote mlstack_lib|\{figure:", re.MULTILINE)
ABSOLUTE_PATH = re.compile(r"(?<![\w.*~:/)])/[A-Za-z][\w.-]*/[\w.-]|\b[A-Z]:\\\\\w")
MOST_BYTES, LONGEST_CELL, MOST_EXEMPT = 500_000, 25, 0.10
CELLS, WORDS, THREE_TO_SIX = range(40, 61), range(1200, 2001), range(3, 7)
KERNEL_CHAPTERS = range(8, 14)  # longer, since each rung of a ladder is a step of its own
CELLS_OF_KERNELS, THREE_TO_NINE = range(40, 81), range(3, 10)


def read(chapter, folder: str):
    """A notebook as the builder wrote it; skips one that a learner has changed."""
    notebook = nbformat.read(chapter.notebook(folder), as_version=4)
    if not sealed(notebook):
        pytest.skip(f"{folder}/{chapter.source.stem}.ipynb was changed since it was built")
    return notebook


def prose(notebook) -> str:
    """What a reader must read: no folded hints and answers, no code, no formulas."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    hidden = r"```.*?```|<details>.*?</details>|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`"
    return re.sub(hidden, "", text, flags=re.DOTALL)


def code_of(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts_of(output) -> list[str]:
    """What an output says, pictures left out."""
    data = output.get("data", {})
    return [output.get("text", ""), *(data[kind] for kind in data if kind.startswith("text/"))]


def pictures(cell) -> list[int]:
    """The positions of the pictures among a cell's outputs."""
    return [i for i, o in enumerate(cell.outputs) if "image/png" in o.get("data", {})]


# ---- the sources ----


def test_no_notebook_is_out_of_step_with_its_source():
    assert out_of_step(ROOT) == []


def test_the_chapters_are_numbered_without_a_gap():
    assert [c.number for c in CHAPTERS] == list(range(len(CHAPTERS)))
    assert len(CHAPTERS) >= 8


def test_notebooks_that_were_changed_are_named(tally):
    for line in edited(ROOT):
        tally(f"notebook changed by hand ({line})")


@pytest.mark.parametrize("chapter", EACH)
def test_both_forms_have_the_same_cells(chapter):
    forms = [[cell.id for cell in read(chapter, folder).cells] for folder in FOLDERS]
    assert forms[0] == forms[1]
    assert len(set(forms[0])) == len(forms[0])


@pytest.mark.parametrize("chapter", EACH)
def test_both_forms_print_the_same_but_for_the_verdicts(chapter):
    def said(folder: str) -> list:
        return [
            [re.sub(r"(?m)^\[(todo|ok)\] .*$", "[checked]", o.text) for o in cell.outputs
             if o.output_type == "stream"]
            for cell in code_of(read(chapter, folder))
            if NOT_COMPARED not in cell.metadata.get("tags", [])
        ]  # fmt: skip

    assert said("chapters") == said("solutions")


# ---- the notebooks ----


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_a_notebook_was_run_from_top_to_bottom_by_python3(chapter, folder):
    notebook = read(chapter, folder)
    counts = [cell.execution_count for cell in code_of(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mlstack"}
    assert all(set(cell.metadata) <= {"tags", "reason"} for cell in notebook.cells)


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_no_cell_failed_or_complained(chapter, folder):
    outputs = [output for cell in code_of(read(chapter, folder)) for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_every_picture_is_numbered_and_has_a_caption(chapter, folder):
    captions = []
    for cell in code_of(read(chapter, folder)):
        for at in pictures(cell):
            assert cell.outputs[at + 1].output_type == "stream", cell.id
            captions.append(cell.outputs[at + 1].text)
    for i, caption in enumerate(captions, start=1):
        assert re.match(rf"Figure {chapter.number}\.{i}\. \S.*\.", caption), caption
    assert len(captions) in THREE_TO_SIX


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_pictures_in_the_prose_have_words_for_those_who_cannot_see_them(chapter, folder):
    text = "\n".join(c.source for c in read(chapter, folder).cells if c.cell_type == "markdown")
    assert "![](" not in text
    assert not re.search(r"<img(?![^>]*alt=)", text)


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_headings_are_in_order(chapter, folder):
    text = "\n".join(c.source for c in read(chapter, folder).cells if c.cell_type == "markdown")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    assert text.startswith(f"# {chapter.number:02} ")
    assert all(title in text for title in TITLES)
    assert "## Recap" in text


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_a_notebook_holds_no_marker_no_folder_of_a_machine_and_is_not_too_large(chapter, folder):
    notebook = read(chapter, folder)
    said = [text for cell in code_of(notebook) for o in cell.outputs for text in texts_of(o)]
    for text in [cell.source for cell in notebook.cells] + said:
        assert not MARKERS.search(text)
        assert not ABSOLUTE_PATH.search(text)
    assert chapter.notebook(folder).stat().st_size < MOST_BYTES


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_few_cells_are_exempt_from_comparison_and_each_says_why(chapter, folder):
    cells = code_of(read(chapter, folder))
    exempt = [cell for cell in cells if NOT_COMPARED in cell.metadata.get("tags", [])]
    assert len(exempt) <= MOST_EXEMPT * len(cells)
    assert all(len(cell.metadata.get("reason", "")) > 10 for cell in exempt)
    tags = {tag for cell in cells for tag in cell.metadata.get("tags", [])}
    assert tags <= {NOT_COMPARED, "exercise"}


@pytest.mark.parametrize(("chapter", "folder"), BOTH)
def test_output_is_ascii(chapter, folder):
    for cell in code_of(read(chapter, folder)):
        for output in cell.outputs:
            assert output.get("text", "").isascii(), cell.id


# ---- a chapter's anatomy ----


@pytest.mark.parametrize("chapter", EACH)
def test_an_unsolved_chapter_is_all_to_do_and_a_solved_one_all_right(chapter):
    def verdicts(folder: str) -> list[str]:
        cells = [c for c in code_of(read(chapter, folder)) if "use(" in c.source]
        text = "".join(o.text for c in cells for o in c.outputs if o.output_type == "stream")
        return re.findall(r"(?m)^\[(todo|no|ok)\]", text)

    unsolved, solved = verdicts("chapters"), verdicts("solutions")
    assert len(unsolved) in (THREE_TO_NINE if chapter.number in KERNEL_CHAPTERS else THREE_TO_SIX)
    assert unsolved == ["todo"] * len(unsolved)
    assert solved == ["ok"] * len(unsolved)


@pytest.mark.parametrize("chapter", FROM_01)
def test_a_chapter_has_the_length_of_a_chapter(chapter):
    notebook = read(chapter, "chapters")
    cells = CELLS_OF_KERNELS if chapter.number in KERNEL_CHAPTERS else CELLS
    assert len(notebook.cells) in cells
    assert len(re.findall(r"[A-Za-z]+(?:['-][A-Za-z]+)*", prose(notebook))) in WORDS
    own = [c for c in code_of(notebook) if not c.source.startswith("# mlstack_lib/")]
    assert [c.id for c in own if len(c.source.splitlines()) > LONGEST_CELL] == []


@pytest.mark.parametrize("chapter", EACH)
def test_the_recap_answers_the_list_of_what_you_can_do(chapter):
    text = prose(read(chapter, "chapters"))

    def bullets(start: str) -> list[str]:
        """The first two words of each item of the first list after `start`."""
        items = re.search(r"(?:^- .*\n(?:  .*\n)*)+", text.partition(start)[2] + "\n", re.MULTILINE)
        return re.findall(r"(?m)^- (\w+ \w+)", items[0])

    promised, kept = bullets("**What you can do afterwards.**"), bullets("## Recap")
    assert len(promised) >= 3
    assert kept == promised  # each begins with the same words


@pytest.mark.parametrize("chapter", FROM_01)
def test_a_chapter_ends_with_questions_a_task_and_what_to_read(chapter):
    text = read(chapter, "chapters").cells[-1].source
    assert text.count("<details>") == text.count("</details>") == 2
    for part in ("**Two questions.**", "**On your own.**", "**Further reading.**"):
        assert part in text
