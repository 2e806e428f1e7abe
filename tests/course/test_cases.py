"""What a check says of a result: the first index that is wrong, got and wanted, and the case."""

import numpy as np
import pytest

from mlstack_lib.course import agree
from mlstack_lib.course.cases import Case
from mlstack_lib.course.judging import Wrong

CASE = Case("x (2, 3) f64, seed 0", "the sign")
WANT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def changed(index, value, dtype=np.float64):
    array = WANT.astype(dtype)
    array[index] = value
    return array


def message(got, want, **options) -> str:
    with pytest.raises(Wrong) as wrong:
        CASE.equal(got, want, "y", **options)
    what, _, rest = str(wrong.value).partition(". Case: ")
    assert rest in ("x (2, 3) f64, seed 0.", "x (2, 3) f64, seed 0. Look: the sign.")
    assert ("Look" in rest) != (" type " in what or " a tuple " in what or " an array " in what)
    return what


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (changed((1, 0), np.nan), "y[1, 0] is nan, want 4; 1 of 6 wrong"),
        (changed((0, 1), np.inf), "y[0, 1] is inf, want 2; 1 of 6 wrong"),
        (-WANT, "y[0, 0] is -1, want 1; 6 of 6 wrong"),
        (changed((0, 2), 3.00001), "y[0, 2] is 3.00001, want 3; 1 of 6 wrong"),
        (WANT.T, "y has the shape (3, 2), want (2, 3)"),
        (WANT.astype(np.float32), "y has the dtype float32, want float64"),
        (WANT.astype(int), "y has the dtype int64, want float64"),
        (WANT.tolist(), "y is of type list, want an array"),
        (3.0, "y is of type float, want an array"),
        ((WANT,), "y is a tuple of 1, want an array"),
    ],
)
def test_a_wrong_array_is_described_by_the_first_thing_that_is_wrong(got, says):
    assert message(got, WANT) == says


def test_an_array_of_one_number_and_infinities_and_whole_numbers():
    assert message(np.array(2.0), np.array(1.0)) == "y is 2, want 1"
    assert message(np.array([1, 3]), np.array([1, 2])) == "y[1] is 3, want 2; 1 of 2 wrong"
    minus = np.array([-np.inf, 0.0])
    CASE.equal(minus.copy(), minus)
    assert message(np.array([0.0, 0.0]), minus) == "y[0] is 0, want -inf; 1 of 2 wrong"


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (np.nan, 1.0, "y is nan, want 1"),
        ("1", 1.0, "y is of type str, want a number"),
        (True, 1.0, "y is of type bool, want a number"),
        (np.ones(2), 1.0, "y is an array (2,), want a number"),
        ((1.0, 3.0), (1.0, 2.0), "y[1] is 3, want 2"),
        ([1.0, 2.0], (1.0, 2.0), "y is of type list, want a tuple of 2"),
        ((1.0,), (1.0, 2.0), "y is a tuple of 1, want a tuple of 2"),
        ([1, 2], [2, 1], "y is [1, 2], want [2, 1]"),
        (1, True, "y is 1, want True"),
        ("a" * 99, "b", "y is '" + "a" * 56 + "..., want 'b'"),
    ],
)
def test_numbers_tuples_and_other_things_are_compared_too(got, want, says):
    assert message(got, want) == says


def test_a_finite_number_is_not_taken_for_an_infinite_one():
    assert message(7.0, float("inf"), tolerance=1e-6) == "y is 7, want inf"
    CASE.equal(float("inf"), float("inf"), "y", 1e-6)


def test_what_is_equal_passes():
    CASE.equal(WANT + 1e-12, WANT)
    CASE.equal((np.float64(1.0), [1]), (1.0, [1]))
    CASE.equal(np.float32(1.0), np.float32(1.0))
    CASE.equal(np.zeros((0, 3)), np.zeros((0, 3)))


def test_the_tolerance_goes_with_the_largest_number_wanted():
    want = np.array([1000.0, 0.0])
    CASE.equal(np.array([1000.0, 0.5]), want, tolerance=1e-3)
    with pytest.raises(Wrong):
        CASE.equal(np.array([1000.0, 1.5]), want, tolerance=1e-3)


def test_a_changed_argument_and_a_missing_return_are_named():
    def writes(x, y):
        y[0] = 1
        return x

    with pytest.raises(Wrong, match="it changed `y`: work on a copy"):
        CASE.call(writes, np.zeros(2), np.zeros(2))
    with pytest.raises(Wrong, match="it changed `y`: work on a copy"):
        CASE.call(writes, [0], [0])
    with pytest.raises(Wrong, match="it returned None: is there a return"):
        CASE.call(print, end="")
    assert CASE.call(lambda x: x + 1, 1) == 2


def test_nan_in_an_argument_is_no_change():
    x = np.array([np.nan, 1.0])
    assert CASE.call(lambda x: x.sum(), x) is not None


@pytest.mark.parametrize(
    ("got", "within", "is_so"),
    [
        ([1.0, 2.0], 0, True), ([1.0, 2.001], 0.01, True), ([1.0, 2.1], 0.01, False),
        ([1.0, np.nan], 9.0, False), ([1.0], 9.0, False), ([[1.0, 2.0]], 9.0, False),
    ],
)  # fmt: skip
def test_agree_goes_by_the_largest_difference_alone(got, within, is_so):
    assert agree(got, [1.0, 2.0], within) is is_so


def test_what_nan_tells_of_an_array_is_said_at_nan_only():
    case = Case("x", nan="nan: never written")
    with pytest.raises(Wrong, match=r"is nan, want 4 \(nan: never written\); 1 of 6 wrong"):
        case.equal(changed((1, 0), np.nan), WANT, "y")
    with pytest.raises(Wrong) as wrong:
        case.equal(-WANT, WANT, "y")
    assert "nan" not in str(wrong.value)
