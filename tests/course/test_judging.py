"""check and use: one line for every state of an exercise, and never an exception."""

import subprocess
import sys

import pytest

from mlstack_lib.course import check, judging, use
from mlstack_lib.course.cases import Case
from mlstack_lib.course.judging import Wrong, exercise, exercises_of, judge
from mlstack_lib.errors import BadInput

NAME = "99.1 square"


@pytest.fixture(autouse=True)
def square(monkeypatch):
    """An exercise of a chapter that is not: its function must square a number."""
    monkeypatch.setattr(judging, "_checks", {})
    monkeypatch.setattr(judging, "verdicts", [])

    @exercise(NAME)
    def check_square(mine):
        case = Case("x = 3", "multiply it with itself")
        case.equal(case.call(mine, 3.0), 9.0)
        return "1 number"


def right(x):
    return x * x


def stub(x):
    """The square of x."""
    # YOUR CODE HERE (1 line)
    raise NotImplementedError  # and delete this line


def forgotten_raise(x):
    # YOUR CODE HERE (1 line)
    x = x * x
    raise NotImplementedError  # and delete this line


def replaced_but_for_the_raise(x):
    x = x * x
    raise NotImplementedError


def failing(x):
    y = x + 1
    return y / 0


def failing_deeper(x):
    return helper(x)


def helper(x):
    return [][3]


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (right, "[ok] 99.1 square: 1 number"),
        (stub, "[todo] 99.1 square: not written yet"),
        (forgotten_raise, "[no] 99.1 square: the line `raise NotImplementedError` is still there: "
         "delete it"),
        (replaced_but_for_the_raise, "[no] 99.1 square: the line `raise NotImplementedError` is "
         "still there: delete it"),
        (lambda x: None, "[no] 99.1 square: it returned None: is there a return? Case: x = 3."),
        (lambda x: 2 * x, "[no] 99.1 square: result is 6, want 9. Case: x = 3. "
         "Look: multiply it with itself."),
        (failing, "[no] 99.1 square: ZeroDivisionError: float division by zero (line 3 of "
         "failing). Case: x = 3. Look: multiply it with itself."),
        (failing_deeper, "[no] 99.1 square: IndexError: list index out of range (line 2 of "
         "helper). Case: x = 3. Look: multiply it with itself."),
        (7, "[no] 99.1 square: TypeError: 'int' object is not callable (in the check, which calls "
         "it as the task says). Case: x = 3. Look: multiply it with itself."),
    ],
)  # fmt: skip
def test_a_verdict_is_one_line_that_says_what_to_do(function, line, capsys):
    check(NAME, function)
    assert capsys.readouterr().out == line + "\n"


def test_a_verdict_can_be_shown_by_any_console():
    @exercise("99.2 letters")
    def check_letters(mine):
        raise Wrong("π is wrong")

    assert str(judge("99.2 letters", right)) == "[no] 99.2 letters: \\u03c0 is wrong"


def test_use_gives_mine_if_it_is_right_and_else_the_reference(capsys):
    def reference(x):
        return x**2

    assert use(NAME, right, reference) is right
    assert use(NAME, failing, reference) is reference
    assert use(NAME, stub, reference) is reference
    assert [v.status for v in judging.verdicts] == ["ok", "no", "todo"]


def test_use_refuses_to_judge_the_reference():
    with pytest.raises(TypeError, match="pass the one you wrote"):
        use(NAME, right, right)


def test_an_unknown_exercise_is_named_with_the_nearest():
    with pytest.raises(BadInput, match=r"no exercise is called '99\.1 sqare', did you mean '99\.1"):
        check("99.1 sqare", right)
    with pytest.raises(BadInput, match="no exercise is called 'nonsense'"):
        check("nonsense", right)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered twice"):
        exercise(NAME)(right)


def test_exercises_are_those_of_the_chapter_in_order():
    @exercise("9.1 other chapter")
    def check_other(mine):
        return ""

    assert exercises_of(99) == [NAME]
    assert exercises_of(98) == []


def test_a_solution_may_be_a_class_and_its_error_names_the_method():
    class Square:
        def __init__(self, x):
            raise KeyError("x")

    assert judge(NAME, Square).message == (
        "KeyError: 'x' (line 2 of __init__). Case: x = 3. Look: multiply it with itself."
    )


def test_judging_does_not_look_for_a_gpu():
    code = "import sys, mlstack_lib.course; assert 'mlstack_lib.cuda' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
