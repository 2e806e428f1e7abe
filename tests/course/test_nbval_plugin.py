"""nbval as the course needs it: like JupyterLab, strict, and never green for nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from make_like_lab import CELLS

LIKE_LAB = Path(__file__).parent / "like_lab.ipynb"
ROOT = Path(__file__).parents[2]


def nbval(file: Path, *options: str) -> tuple[int, str]:
    """Run pytest on one notebook as the project's settings say; its status and what it said."""
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-c", str(ROOT / "pyproject.toml"),
               "--rootdir", str(ROOT), "-p", "no:cacheprovider", *options]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def changed(tmp_path):
    """changed(cell id, **fields): a copy of like_lab.ipynb with one cell changed."""

    def copy(cell_id: str, **fields) -> Path:
        notebook = nbformat.read(LIKE_LAB, as_version=4)
        next(cell for cell in notebook.cells if cell.id == cell_id).update(fields)
        nbformat.write(notebook, tmp_path / "copy.ipynb")
        return tmp_path / "copy.ipynb"

    return copy


def test_without_the_corrections_the_small_notebook_fails(tmp_path):
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    shutil.copy(LIKE_LAB, tmp_path)
    command = [sys.executable, "-m", "pytest", "like_lab.ipynb", "-q", "--nbval",
               "--nbval-current-env"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    for cell in ("Cell 0", "Cell 2", "Cell 3"):  # the semicolon, Out, the file descriptor
        assert cell in done.stdout


def test_a_changed_output_fails_and_what_was_compared_is_counted(changed):
    output = nbformat.v4.new_output("stream", name="stdout", text="43\n")
    status, said = nbval(changed("out", outputs=[output]))
    assert status == 1
    assert "1 failed" in said
    assert "cells of notebooks: 4 run and compared with what is stored, 0 only run" in said


def test_a_wrong_exercise_stays_visible_and_a_solved_one_counts_as_todo(changed):
    def status(printed: str, stored: str) -> int:
        output = nbformat.v4.new_output("stream", name="stdout", text=f"{stored}\n")
        return nbval(changed("out", source=f"print({printed!r})", outputs=[output]))[0]

    assert status("[ok] 2.1 slope: 5 functions", "[todo] 2.1 slope: not written yet") == 0
    assert status("[no] 2.1 slope: slope is 1, want 2", "[todo] 2.1 slope: not written yet") == 1


def test_the_small_notebook_is_current():
    notebook = nbformat.read(LIKE_LAB, as_version=4)
    assert {cell.id: cell.source for cell in notebook.cells} == CELLS
