"""Wrong solutions of chapter 00."""

from zoo import mutant

# ---- 0.1 double ----


@mutant("0.1 double", "result is 9, want 6. Case: x = 3.0")
def squares(x):
    return x * x


@mutant("0.1 double", "it returned None: is there a return?")
def forgets_to_return(x):
    2 * x


@mutant("0.1 double", "the line `raise NotImplementedError` is still there: delete it")
def leaves_the_raise(x):
    # YOUR CODE HERE (1 line)
    result = 2 * x  # noqa: F841
    raise NotImplementedError


@mutant("0.1 double", "result is of type str, want a number")
def answers_with_text(x):
    return f"{2 * x}"


# ---- 0.2 mean ----


@mutant("0.2 mean", "result is 6, want 3. Case: numbers = [2.0, 4.0]")
def divides_by_one_too_few(numbers):
    return sum(numbers) / max(len(numbers) - 1, 1)


@mutant("0.2 mean", "ZeroDivisionError: float division by zero (line 3 of divides_by_zero)")
def divides_by_zero(numbers):
    return sum(numbers) / (len(numbers) - 1)


@mutant("0.2 mean", "result is 2, want 3. Case: numbers = [1.0, 2.0, 6.0]")
def takes_the_middle(numbers):
    return (sorted(numbers)[(len(numbers) - 1) // 2] + sorted(numbers)[len(numbers) // 2]) / 2


@mutant("0.2 mean", "it changed `numbers`: work on a copy")
def empties_the_list(numbers):
    count, total = len(numbers), 0.0
    while numbers:
        total += numbers.pop()
    return total / count


# ---- 0.3 row sums ----


@mutant("0.3 row sums", "result has the shape (3,), want (2,). Case: x (2, 3)")
def sums_the_columns(x):
    return x.sum(axis=0)


@mutant("0.3 row sums", "result has the shape (2, 1), want (2,)")
def keeps_the_axis(x):
    return x.sum(axis=1, keepdims=True)


@mutant("0.3 row sums", "result is of type list, want an array")
def returns_a_list(x):
    return [sum(row) for row in x]


@mutant("0.3 row sums", "result has the shape (), want (2,)")
def sums_everything(x):
    return x.sum()
