"""From a text source to the cells of two notebooks."""

from pathlib import Path

import pytest

from mlstack_lib.course.source import Chapter, chapters, cut, definition, quoted
from mlstack_lib.errors import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def chapter(tmp_path):
    """chapter(text): a chapter 04 with this source, in a repository of its own."""

    def write(text: str) -> Chapter:
        folder = tmp_path / "chapters" / "src"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "04_name.py").write_text(text, encoding="utf-8")
        return Chapter(folder / "04_name.py")

    return write


def texts(chapter: Chapter, solved: bool = False) -> list[str]:
    return [cell.source for cell in chapter.cells(solved)]


# ---- solutions ----

FUNCTION = """def f(x):
    ### BEGIN SOLUTION
    # the square
    y = x * x

    return y
    ### END SOLUTION
"""


def test_a_solution_is_kept_without_its_markers_or_stands_as_a_line_count_and_a_raise():
    assert cut(FUNCTION, True, "") == "def f(x):\n    # the square\n    y = x * x\n\n    return y"
    assert cut(FUNCTION, False, "") == (
        "def f(x):\n    # YOUR CODE HERE (2 lines)\n"
        "    raise NotImplementedError  # and delete this line"
    )


def test_a_solution_outside_of_functions_and_in_a_kernel_leaves_only_a_comment():
    assert cut("### BEGIN SOLUTION\na = 1\n### END SOLUTION", False, "") == (
        "# YOUR CODE HERE (1 line)"
    )
    kernel = "  // BEGIN SOLUTION\n  y[i] = x[i];\n  // why\n  // END SOLUTION\n}"
    assert cut(kernel, False, "") == "  // YOUR CODE HERE (1 line); delete this line\n}"
    assert cut(kernel, True, "") == "  y[i] = x[i];\n  // why\n}"


def test_a_kernel_may_be_given_with_a_mistake_to_mend():
    kernel = "  // BEGIN SOLUTION\n  if (i < n)\n  // GIVEN\n  // if (i <= n)\n  // END SOLUTION\n}"
    assert cut(kernel, True, "") == "  if (i < n)\n}"
    assert cut(kernel, False, "") == (
        "  // YOUR CODE HERE (mend what follows); delete this line\n  if (i <= n)\n}"
    )


@pytest.mark.parametrize(
    "text", ["### BEGIN SOLUTION", "### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION"]
)
def test_a_marker_without_its_partner_is_named_with_its_cell(text):
    with pytest.raises(BadInput, match="cell slope: .* has no partner"):
        cut(text, False, "cell slope")


# ---- ids ----


def test_a_cell_keeps_the_id_that_its_source_gives_it(chapter):
    cells = chapter(
        '# %% [markdown] id="a"\n# text\n\n# %% id="b" tags=["exercise"]\nx = 1\n'
    ).cells(False)
    assert [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in cells] == [
        ("a", "markdown", "text", {}),
        ("b", "code", "x = 1", {"tags": ["exercise"]}),
    ]


@pytest.mark.parametrize("second", ["# %%\ny = 2\n", '# %% id="a"\ny = 2\n'])
def test_a_cell_without_an_id_of_its_own_is_refused(chapter, second):
    with pytest.raises(BadInput, match=r"the cell that begins 'y = 2' needs an id"):
        chapter('# %% id="a"\nx = 1\n\n' + second).cells(False)


# ---- quotes ----

MODULE = '''"""Text."""
A = 1


@decorated
def f(x):
    return x


class C:
    def m(self):
        ### BEGIN SOLUTION
        return 1
        ### END SOLUTION
'''


@pytest.fixture
def package(tmp_path):
    (tmp_path / "mlstack_lib").mkdir()
    (tmp_path / "mlstack_lib" / "m.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def test_a_quote_runs_in_a_code_cell_and_is_shown_in_a_markdown_cell(package):
    quote = "before\n# quote mlstack_lib/m.py:f\nafter"
    text = "# mlstack_lib/m.py\n@decorated\ndef f(x):\n    return x"
    assert quoted(quote, package, "code", "") == f"before\n{text}\nafter"
    assert quoted(quote.replace("# ", ""), package, "markdown", "") == (
        f"before\n```python\n{text}\n```\nafter"
    )


def test_methods_classes_and_assignments_can_be_quoted(package):
    file = package / "mlstack_lib" / "m.py"
    assert definition(file, "A", "") == "A = 1"
    assert definition(file, "C.m", "").splitlines()[0] == "def m(self):"
    assert definition(file, "C", "").endswith("### END SOLUTION")
    with pytest.raises(BadInput, match=r"cell x: .*m\.py has no g"):
        definition(file, "g", "cell x")


def test_what_is_quoted_is_cut_like_what_is_written(package, chapter):
    made = chapter('# %% id="a"\n# quote mlstack_lib/m.py:C\n')
    assert texts(made, solved=True)[0].endswith("def m(self):\n        return 1")
    assert "raise NotImplementedError" in texts(made)[0]


# ---- figures ----


def test_figures_are_numbered_in_the_order_of_their_captions(chapter):
    made = chapter(
        '# %% [markdown] id="a"\n# see {figure:second} and {figure:first}\n\n'
        '# %% id="b"\nshow("Figure {figure:first}.")\n\n'
        '# %% id="c"\nshow("Figure {figure:second}.")\n'
    )
    assert texts(made) == ["see 4.2 and 4.1", 'show("Figure 4.1.")', 'show("Figure 4.2.")']


def test_a_figure_that_no_caption_has_is_refused(chapter):
    with pytest.raises(BadInput, match=r"cell a: no caption has \{figure:lost\}"):
        chapter('# %% [markdown] id="a"\n# see {figure:lost}\n').cells(False)


# ---- chapters ----


def test_chapters_are_found_by_number_and_a_missing_one_is_refused_with_those_there_are(chapter):
    made = chapter("")
    assert [c.number for c in chapters(made.root)] == [4]
    assert made.notebook("chapters") == made.root / "chapters" / "04_name.ipynb"
    with pytest.raises(BadInput, match="there is no chapter 05; there are 04"):
        chapters(made.root, [5])
