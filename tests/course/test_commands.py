"""mlstack start, check and build in a small repository, and in this one."""

import time

import nbformat
import pytest

from mlstack_lib import cli
from mlstack_lib.course import building, commands, judging
from mlstack_lib.course.judging import exercise

SOURCE = """# %% [markdown] id="title"
# # 99 Title

# %% id="setup"
from mlstack_lib.course import use

# %% id="stub" tags=["exercise"]
def same(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% id="check"
same_ = use("99.1 same", same, lambda x: x)
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with the one chapter 99, built."""
    (tmp_path / "chapters" / "src").mkdir(parents=True)
    (tmp_path / "chapters" / "src" / "99_title.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(judging, "_checks", {})
    monkeypatch.setattr(building, "execute", lambda cells, folder: cells)

    @exercise("99.1 same")
    def check_same(mine):
        if mine(1) != 1:
            raise judging.Wrong("not the same")

    building.build(tmp_path)
    return tmp_path


@pytest.fixture
def mlstack(capsys):
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(list(words))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def write_answer(root, text: str) -> None:
    """Solve the exercise in the learner's copy."""
    file = root / "work" / "99_title.ipynb"
    notebook = nbformat.read(file, as_version=4)
    notebook.cells[2].source = f"def same(x):\n    {text}"
    nbformat.write(notebook, file)


# ---- start ----


def test_start_copies_the_chapter_once_and_never_over_a_copy(root, mlstack):
    status, out, _ = mlstack("start", "99")
    copy = root / "work" / "99_title.ipynb"
    assert status == 0
    assert f'open it: python -m jupyterlab "{copy}"' in out
    cells = nbformat.read(copy, as_version=4).cells
    original = nbformat.read(root / "chapters" / "99_title.ipynb", as_version=4).cells
    assert [(c.id, c.source) for c in cells] == [(c.id, c.source) for c in original]
    assert [c.outputs for c in cells if c.cell_type == "code"] == [[], [], []]
    write_answer(root, "return 5")
    mine = copy.read_bytes()
    status, out, _ = mlstack("start", "99")
    assert (status, copy.read_bytes()) == (0, mine)
    assert "is there already; go on with it, or start anew with --fresh" in out


def test_a_fresh_start_keeps_the_old_copy_under_a_dated_name(root, mlstack):
    mlstack("start", "99")
    write_answer(root, "return 5")
    mine = (root / "work" / "99_title.ipynb").read_bytes()
    status, out, _ = mlstack("start", "99", "--fresh")
    kept = [file for file in (root / "work").iterdir() if file.name != "99_title.ipynb"]
    assert status == 0
    assert [file.read_bytes() for file in kept] == [mine]
    assert time.strftime("99_title_%Y-%m-%d_") in kept[0].name
    assert f"your copy is kept as {kept[0]}" in out
    assert b"YOUR CODE HERE" in (root / "work" / "99_title.ipynb").read_bytes()


def test_fresh_without_a_copy_is_a_start(root, mlstack):
    assert mlstack("start", "99", "--fresh")[0] == 0
    assert [file.name for file in (root / "work").iterdir()] == ["99_title.ipynb"]


# ---- check ----


@pytest.mark.parametrize(
    ("answer", "status", "line", "counts"),
    [
        ("return x", 0, "[ok] 99.1 same: right", "1 [ok], 0 [no], 0 [todo]"),
        ("return 7", 1, "[no] 99.1 same: not the same", "0 [ok], 1 [no], 0 [todo]"),
        ("# YOUR CODE HERE (1 line)\n    raise NotImplementedError", 1,
         "[todo] 99.1 same: not written yet", "0 [ok], 0 [no], 1 [todo]"),
    ],
)  # fmt: skip
def test_check_names_the_file_and_says_by_its_status_whether_all_is_done(
    root, mlstack, answer, status, line, counts
):
    mlstack("start", "99")
    write_answer(root, answer)
    got, out, _ = mlstack("check", "99")
    lines = out.replace("\\", "/").splitlines()
    assert got == status
    assert lines == ["work/99_title.ipynb, as it was last saved:", line, counts]


def test_check_looks_at_the_chapter_itself_where_there_is_no_copy(root, mlstack):
    status, out, _ = mlstack("check", "99")
    assert status == 1
    assert out.replace("\\", "/").startswith("chapters/99_title.ipynb, as it was last saved:")


def test_check_of_a_real_chapter_takes_less_than_ten_seconds(mlstack):
    began = time.perf_counter()
    status, out, _ = mlstack("check", "2")
    assert time.perf_counter() - began < 10
    assert "2.3 backward" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check", "98"], "there is no chapter 98; there are 99"),
        (["start", "98"], "there is no chapter 98; there are 99"),
        (["check", "abc"], "'abc' is no chapter's number; 03, for example, is one"),
    ],
)
def test_a_chapter_that_is_not_there_is_bad_input(root, mlstack, words, says):
    status, out, err = mlstack(*words)
    assert (status, out, err) == (2, "", f"mlstack: {says}\n")


def test_without_a_clone_there_are_no_chapters(tmp_path, monkeypatch, mlstack):
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    status, _, err = mlstack("start", "01")
    assert status == 2
    assert "has no chapters: install the package from a clone, with -e" in err


# ---- build ----


def test_build_check_says_by_its_status_whether_anything_is_out_of_step(root, mlstack):
    assert mlstack("build", "--check") == (
        0,
        "every notebook and kernel file is what its source says\n",
        "",
    )
    file = root / "chapters" / "src" / "99_title.py"
    file.write_text(SOURCE.replace("return x", "return 1 * x"), encoding="utf-8")
    status, out, _ = mlstack("build", "--check")
    assert status == 1
    assert "solutions/99_title.ipynb, cell stub" in out
    assert mlstack("build", "99")[0] == 0
    assert mlstack("build", "--check")[0] == 0


def test_build_check_is_strict_about_notebooks_changed_by_hand(root, mlstack):
    file = root / "chapters" / "99_title.ipynb"
    file.write_text(file.read_text(encoding="utf-8").replace("Title", "T"), encoding="utf-8")
    status, out, _ = mlstack("build", "--check")
    assert status == 1
    assert "chapters/99_title.ipynb was changed since it was built" in out
    assert mlstack("build")[0] == 1
