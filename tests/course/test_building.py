"""The builder: the same bytes every time, and never over what someone may have edited."""

import nbformat
import pytest

from mlstack_lib.course.building import build, edited, out_of_step
from mlstack_lib.errors import CouldNotFinish

SOURCE = """# %% [markdown] id="title"
# # 01 Title

# %% id="stub" tags=["exercise"]
def f(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% id="print"
print("one")
print("two")
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "chapters" / "src").mkdir(parents=True)
    write(tmp_path, SOURCE)
    return tmp_path


def write(root, text: str) -> None:
    (root / "chapters" / "src" / "01_title.py").write_text(text, encoding="utf-8")


def change(root, folder: str) -> bytes:
    """Edit a notebook as a learner does; return its new content."""
    file = root / folder / "01_title.ipynb"
    notebook = nbformat.read(file, as_version=4)
    notebook.cells[1].source = "def f(x):\n    return x + 0"
    nbformat.write(notebook, file)
    return file.read_bytes()


@pytest.fixture
def built(root, capsys):
    build(root)
    said = capsys.readouterr().out
    assert "chapters/01_title.ipynb ..." in said.replace("\\", "/")
    return root


def test_both_notebooks_are_made_and_building_again_changes_no_byte(built):
    files = [built / "chapters" / "01_title.ipynb", built / "solutions" / "01_title.ipynb"]
    before = [file.read_bytes() for file in files]
    assert b"YOUR CODE HERE (1 line)" in before[0]
    assert b"return x" in before[1]
    assert b'"one\\n",\n      "two\\n"' in before[0].replace(b"\r", b"")
    build(built, [1])
    assert [file.read_bytes() for file in files] == before
    assert out_of_step(built) == []
    assert edited(built) == []


def test_a_notebook_that_someone_edited_is_named_and_never_written_over(built):
    content = change(built, "chapters")
    assert edited(built) == [
        "chapters/01_title.ipynb was changed since it was built from chapters/src/01_title.py"
    ]
    assert out_of_step(built) == []  # that it differs is the learner's work, not ours
    with pytest.raises(CouldNotFinish, match="building would lose that"):
        build(built)
    assert (built / "chapters" / "01_title.ipynb").read_bytes() == content


def test_a_changed_output_breaks_the_seal_too(built):
    file = built / "solutions" / "01_title.ipynb"
    file.write_text(file.read_text(encoding="utf-8").replace("two", "three"), encoding="utf-8")
    assert len(edited(built)) == 1


def test_a_source_that_has_moved_on_is_named_with_the_cell_and_the_remedy(built):
    write(built, SOURCE.replace('"two"', '"2"'))
    lines = out_of_step(built)
    assert [line.partition(":")[0] for line in lines] == [
        "chapters/01_title.ipynb, cell print", "solutions/01_title.ipynb, cell print",
    ]  # fmt: skip
    assert "edit those, never the notebook, then run: mlstack build 01" in lines[0]
    write(built, SOURCE + '\n# %% id="more"\nx = 1\n')
    assert "cell more" in out_of_step(built)[0]


def test_a_missing_notebook_and_one_without_a_source_are_named(built):
    (built / "solutions" / "01_title.ipynb").rename(built / "solutions" / "02_stray.ipynb")
    assert out_of_step(built) == [
        "solutions/01_title.ipynb is missing; run: mlstack build 01",
        "solutions/02_stray.ipynb has no source in chapters/src",
    ]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print(1 / 0)", r"cell print failed:(.|\n)*ZeroDivisionError"),
        ("import sys\nprint('x', file=sys.stderr)", "cell print wrote to stderr: x"),
    ],
)
def test_a_cell_that_fails_or_complains_stops_the_build_and_keeps_the_old_notebook(
    built, code, says
):
    file = built / "chapters" / "01_title.ipynb"
    before = file.read_bytes()
    write(built, SOURCE.replace('print("one")', code))
    with pytest.raises(CouldNotFinish, match=says):
        build(built)
    assert file.read_bytes() == before


def test_folders_of_this_machine_are_taken_out_of_cells_that_are_not_compared(root):
    exempt = '# %% id="where" tags=["nbval-ignore-output"] reason="names folders of a machine"\n'
    write(root, SOURCE + "\n" + exempt + "import os\n\nprint(os.getcwd())\n")
    build(root)
    said = (root / "chapters" / "01_title.ipynb").read_text(encoding="utf-8")
    assert str(root) not in said
    assert "REPOSITORY" in said
