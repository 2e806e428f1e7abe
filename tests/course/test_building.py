"""The builder: the same bytes every time, and never over what someone may have edited."""

import re

import nbformat
import pytest

from mlstack_lib.course import kernel_stubs
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


# ---- kernel files ----

KERNEL = """extern "C" __global__ void k(float* y) {
    // BEGIN SOLUTION
    y[0] = 1;
    // END SOLUTION
}
"""
STUB = KERNEL.replace("BEGIN SOLUTION", "YOUR CODE HERE (1 line); delete this line")
STUB = STUB.replace("    y[0] = 1;\n    // END SOLUTION\n", "")
STUB_FILE, SOLVED_FILE = "kernels/k.cu", "solutions/kernels/k.cu"


@pytest.fixture
def package(root):
    (root / "mlstack_lib" / "kernels").mkdir(parents=True)
    (root / "mlstack_lib" / "kernels" / "k.cu").write_text(KERNEL, encoding="utf-8")
    (root / "mlstack_lib" / "kernels" / "whole.cu").write_text("// no exercise\n", encoding="utf-8")
    return root


@pytest.fixture
def rung(root):
    (root / "solutions" / "kernels").mkdir(parents=True)
    (root / "solutions" / "kernels" / "k.cu").write_text(KERNEL, encoding="utf-8")
    return root


def text_of(file) -> str:
    return file.read_text(encoding="utf-8")


def test_a_packaged_kernel_gives_the_stub_and_the_solved_file(package):
    kernel_stubs.build(package)
    assert text_of(package / STUB_FILE).startswith(STUB + "// sealed ")
    assert text_of(package / SOLVED_FILE).startswith(re.sub(r" +// \w+ SOLUTION\n", "", KERNEL))
    assert sorted(p.name for p in (package / "kernels").iterdir()) == ["k.cu"]
    assert kernel_stubs.out_of_step(package) == kernel_stubs.edited(package) == []


def test_a_rung_of_a_ladder_is_a_solution_and_gives_the_stub(rung):
    kernel_stubs.build(rung)
    assert text_of(rung / STUB_FILE).startswith(STUB)
    assert text_of(rung / SOLVED_FILE) == KERNEL
    assert kernel_stubs.out_of_step(rung) == []


def test_a_kernel_file_out_of_step_is_named_and_made_anew(package):
    assert kernel_stubs.out_of_step(package) == [
        f"{name} is missing; run: mlstack build" for name in (STUB_FILE, SOLVED_FILE)
    ]
    kernel_stubs.build(package)
    source = package / "mlstack_lib" / "kernels" / "k.cu"
    source.write_text(KERNEL.replace("float*", "double*"), encoding="utf-8")
    lines = kernel_stubs.out_of_step(package)
    says = "not what mlstack_lib/kernels/k.cu says now; edit that, then run: mlstack build"
    assert lines[0] == f"kernels/k.cu: {says}"
    assert len(lines) == 2
    kernel_stubs.build(package)
    assert kernel_stubs.out_of_step(package) == []
    assert "double*" in text_of(package / STUB_FILE)


@pytest.mark.parametrize(
    "change", [lambda text: text.replace("// YOUR", "y[0] = 1; //"), lambda text: text[:-10]]
)
def test_a_kernel_file_that_a_learner_changed_is_named_and_never_written_over(package, change):
    kernel_stubs.build(package)
    file = package / STUB_FILE
    file.write_text(change(text_of(file)), encoding="utf-8")
    mine = text_of(file)
    (package / "mlstack_lib" / "kernels" / "k.cu").write_text(KERNEL + "// new\n")
    kernel_stubs.build(package)
    assert text_of(file) == mine
    assert edited(package) == [
        "kernels/k.cu was changed since it was made from mlstack_lib/kernels/k.cu"
    ]
    assert "kernels/k.cu" not in " ".join(out_of_step(package)).replace(SOLVED_FILE, "")
