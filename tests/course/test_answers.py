"""Which cells of a notebook run for `mlstack check`, and what it makes of them."""

import nbformat
import pytest

from mlstack_lib.course.answers import code_cells, judge_cells, needed_cells
from mlstack_lib.errors import BadInput

GOOD = "def double(x):\n    return 2 * x"
CHECKS = [
    ("imports", "from mlstack_lib.course import check, use"),
    ("check-1", 'use("0.1 double", double, len)'),
    ("check-2", 'check("0.2 mean", mean)'),
    ("check-3", 'check("0.3 row sums", lambda x: x.sum(axis=1))'),
]


def judged(*cells: tuple[str, str]) -> list[str]:
    return [str(v) for v in judge_cells([CHECKS[0], *cells, *CHECKS[1:]], 0)]


def test_each_exercise_gets_its_verdict_also_where_a_cell_fails_or_is_gone():
    assert judged(("a", GOOD), ("b", "mean = 1 / 0")) == [
        "[ok] 0.1 double: 3 numbers",
        "[no] 0.2 mean: its cell stops with NameError: name 'mean' is not defined",
        "[ok] 0.3 row sums: 4 shapes",
    ]
    assert [str(v) for v in judge_cells([CHECKS[0], ("a", GOOD), CHECKS[1]], 0)] == [
        "[ok] 0.1 double: 3 numbers",
        "[todo] 0.2 mean: no cell checks it",
        "[todo] 0.3 row sums: no cell checks it",
    ]


def test_an_error_in_a_solution_names_its_line():
    cells = ("a", "def double(x):\n    y = x\n    return y + z"), ("b", "mean = min")
    assert judged(*cells)[0] == (
        "[no] 0.1 double: NameError: name 'z' is not defined (line 3 of double). Case: x = 3.0."
    )


def test_a_raise_that_was_left_in_is_seen_in_a_file_too():
    text = "def double(x):\n    # YOUR CODE HERE (1 line)\n    x = 2 * x\n"
    text += "    raise NotImplementedError"
    assert "is still there: delete it" in judged(("a", text), ("b", "mean = min"))[0]


def test_only_cells_that_the_checks_need_run():
    cells = [
        ("imports", "import numpy as np\nfrom mlstack_lib.course import check"),
        ("used", "SCALE = 2"),
        ("training", "for step in range(10**9): pass"),
        ("changed", "table = {}"),
        ("item", "table['a'] = SCALE"),
        ("function", "def f(x):\n    return table['a'] * helper(x)"),
        ("helper", "def helper(x):\n    return np.exp(x)"),
        ("check", 'check("0.1 double", f)'),
        ("after", "print(f(3))"),
        ("magic", "%timeit f(3)"),
    ]
    assert [name for name, _ in needed_cells(cells)] == [
        "imports", "used", "changed", "item", "function", "helper", "check",
    ]  # fmt: skip


def test_the_last_check_of_an_exercise_counts():
    cells = [("a", GOOD), ("try", 'check("0.1 double", len)'), ("b", "mean = min")]
    assert judged(*cells)[0] == "[ok] 0.1 double: 3 numbers"


def test_what_a_cell_prints_is_not_shown(capsys):
    judged(("a", GOOD + "\nprint('noise')"), ("b", "mean = min"))
    assert capsys.readouterr().out == ""


def test_a_cell_with_a_check_that_does_not_parse_is_reported():
    cells = [CHECKS[0], ("broken", 'check("0.1 double", lambda x: 2 x)')]
    first = str(judge_cells(cells, 0)[0])
    assert first.startswith("[no] 0.1 double: its cell stops with SyntaxError")


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    file = tmp_path / "a.ipynb"
    for text in ("", "text", "{}"):
        file.write_text(text)
        with pytest.raises(BadInput, match=r"a\.ipynb is no notebook"):
            code_cells(file)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), file)
    assert [source for _, source in code_cells(file)] == ["1"]
