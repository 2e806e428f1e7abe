"""Chapter 00: the checks of the three exercises that show how exercises work."""

import numpy as np

from ..cases import Case
from ..judging import exercise

# ---- what the chapter falls back on ----


def double(x):
    """Twice the number x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


def mean(numbers):
    """The mean of a list of numbers."""
    return sum(numbers) / len(numbers)


def row_sums(x):
    """The sum of each row of the array x (N, C): an array (N,)."""
    ### BEGIN SOLUTION
    return x.sum(axis=1)
    ### END SOLUTION


# ---- the checks ----


@exercise("0.1 double")
def check_double(mine):
    for x in (3.0, -0.5, 0.0):
        case = Case(f"x = {x}")
        case.equal(case.call(mine, x), 2 * x)
    return "3 numbers"


@exercise("0.2 mean")
def check_mean(mine):
    for numbers in ([3.0], [2.0, 4.0], [1.0, 2.0, 6.0], [-1.0, 1.0, 0.5, 0.25, 9.0]):
        case = Case(f"numbers = {numbers}", "the sum is divided by how many numbers there are")
        case.equal(case.call(mine, numbers), mean(numbers))
    return "4 lists"


@exercise("0.3 row sums")
def check_row_sums(mine):
    rng = np.random.default_rng(0)
    for shape in ((2, 3), (4, 1), (1, 5), (3, 3)):
        x = rng.standard_normal(shape)
        case = Case(f"x {shape}", "axis 0 goes down the columns, axis 1 along the rows")
        case.equal(case.call(mine, x), row_sums(x))
    return "4 shapes"
