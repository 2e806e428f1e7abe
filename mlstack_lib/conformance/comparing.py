"""Call one version of a function on the arguments of a case, and compare what versions give.

tolerance = 2 x the error of the reference in f32 + 2 ulps of the largest result (or term of it,
where the case says that larger ones cancel). The error at one
input may happen to be nothing, so the largest is taken at that input and four others, each number
of which is moved by about an ulp: that leaves the task as it is, and rolls the dice of rounding
anew. The ulps are for numbers that the reference gives exactly and another order of operations
does not, by four more roundings of half an ulp each. Whatever is not as it must be raises Mismatch.
"""

import numpy as np

ULP = 2.0**-23  # of a f32 number in [1, 2)
PAD = 64  # bytes before and after each guarded array
SENTINEL = 0xFF  # a NaN in every float dtype


class Mismatch(AssertionError):
    """A result that is not what the reference says, or a write where there should be none."""


def demand(condition, message: str) -> None:
    """Raise Mismatch with the message unless the condition holds."""
    if not condition:
        raise Mismatch(message)


def op_of(label: str) -> str:
    """The function that a case of `cases.CASES` is about."""
    return label.split(":")[0]


def map_arrays(change, value):
    """`value` with change(array) in place of every array in it, tuples included."""
    if isinstance(value, dict):
        return {name: map_arrays(change, item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map_arrays(change, item) for item in value)
    return change(value) if isinstance(value, np.ndarray) else value


def cast(arguments, dtype):
    """A copy of the arguments, the floating arrays in `dtype`."""
    return map_arrays(
        lambda x: x.astype(dtype) if x.dtype.kind == "f" else x.copy(),
        arguments,
    )


def moved(arguments, rng: np.random.Generator):
    """A copy of the f32 arguments, each number about one ulp further up or down; 0 stays."""

    def move(x):
        factor = 1 + ULP * rng.choice((-1.0, 1.0), x.shape)
        return (x * factor).astype(x.dtype) if x.dtype.kind == "f" else x.copy()

    return map_arrays(move, arguments)


def guarded(arguments, guards: list):
    """A copy of the arguments, each array between two pads; appends the whole buffers to guards."""

    def place(x):
        buffer = np.full(x.nbytes + 2 * PAD, SENTINEL, np.uint8)
        guards.append(buffer)
        inside = buffer[PAD : PAD + x.nbytes].view(x.dtype).reshape(x.shape)
        inside[...] = x
        return inside

    return map_arrays(place, arguments)


def check_guards(guards: list) -> None:
    """Raise if a pad was written to."""
    for buffer in guards:
        demand((buffer[:PAD] == SENTINEL).all(), "written before the array's first element")
        demand((buffer[-PAD:] == SENTINEL).all(), "written after the array's last element")


def call(function, case, arguments, gradients=None, accumulate=False) -> list:
    """All that the function gives: its results, then the arguments that it writes.

    gradients: the arrays for `out`. They must be what comes back, the very objects: autograd asks.
    """
    if gradients is None:
        results = function(**arguments)
    else:
        out = gradients if len(gradients) > 1 else gradients[0]
        results = function(**arguments, out=out, accumulate=accumulate)
        last = (results if isinstance(results, tuple) else (results,))[-len(gradients) :]
        same = all(a is b for a, b in zip(last, gradients, strict=True) if b is not None)
        demand(same, "the gradients that came back are not the arrays of `out`")
    results = results if isinstance(results, tuple) else (results,)
    return [*results, *(arguments[name] for name in case.writes)]


def check_unchanged(case, before: dict, after: dict) -> None:
    """Raise if an argument was written that the case does not name."""
    for name in set(before) - set(case.writes):
        same = []
        map_arrays(lambda x, same=same: same.append(x.tobytes()), (before[name],))
        half = len(same)
        map_arrays(lambda x, same=same: same.append(x.tobytes()), (after[name],))
        demand(same[:half] == same[half:], f"argument {name} was written")


def tolerances(function, case, arguments, gradients=None, accumulate=False, dtype=np.float32):
    """What the reference gives in float64, and how far from it a version in `dtype` may be."""
    rng, results = np.random.default_rng(0), []
    for i in range(5):
        given = cast((arguments, gradients), np.float32)
        given = given if i == 0 else moved(given, rng)
        exact = call(function, case, *cast(given, np.float64), accumulate)
        plain = call(case.plain or function, case, *given, accumulate)
        results.append((exact, [largest_error(*pair) for pair in zip(plain, exact, strict=True)]))
    want = results[0][0]
    finite = all(np.isfinite(x).all() for x in want if x is not None)
    demand(finite or not case.finite, "the reference itself is not finite")
    errors = [max(errors[i] for _, errors in results) for i in range(len(want))]
    terms = _terms(case, arguments, len(want))
    sizes = [
        0.0 if x is None else max(largest(x[np.isfinite(x)]), term)
        for x, term in zip(want, terms, strict=True)
    ]
    # Rounding in float64 is 2**-29 as coarse. A version that lets one number through f32 is off by
    # about 2**24 times what is allowed here, so the luck of the dice may have five bits.
    share = 1 if dtype == np.float32 else 2.0**-24
    return want, [share * (2 * e + 2 * ULP * s) for e, s in zip(errors, sizes, strict=True)]


def _terms(case, arguments, results: int) -> tuple[float, ...]:
    """The size of what cancels, for each result."""
    if callable(case.terms):
        return case.terms(arguments)
    return (0.0 if case.terms is None else largest(arguments[case.terms]),) * results


def largest_error(got, want) -> float:
    """The largest difference of two arrays, NaN if there is one; 0 for None and None."""
    if got is None or want is None:
        demand(got is want, f"{_kind(got)} where the reference gives {_kind(want)}")
        return 0.0
    return largest(differences(got, want))


def differences(got, want) -> np.ndarray:
    """How far apart the elements are; 0 for twice the same infinity, and for NaN and NaN."""
    with np.errstate(invalid="ignore"):  # of NaNs that are said to signal
        got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.abs(np.where(same, 0, got) - np.where(same, 0, want))


def _kind(x) -> str:
    return "None" if x is None else "an array"


def largest(x) -> float:
    """The largest magnitude in an array, NaN if there is one."""
    return float(np.max(np.abs(x), initial=0.0))


def check_close(got: list, want: list, allowed: list, dtype) -> list[tuple[float, float]]:
    """Raise unless every result has the reference's shape, the dtype, and an error as allowed.

    Returns (error, allowed) of each.
    """
    demand(len(got) == len(want), f"{len(got)} results, the reference gives {len(want)}")
    errors = []
    for i, (a, b, tolerance) in enumerate(zip(got, want, allowed, strict=True)):
        error = largest_error(a, b)
        errors.append((error, tolerance))
        if b is None:
            continue
        demand((a.shape, a.dtype) == (b.shape, dtype), f"result {i}: {a.shape} {a.dtype}")
        if not (error <= tolerance):
            wrong = ~(differences(a, b) <= tolerance)
            at = tuple(int(x[0]) for x in np.nonzero(np.atleast_1d(wrong)))
            raise Mismatch(
                f"result {i}: error {error:.3g}, allowed {tolerance:.3g}; {wrong.sum()} of "
                f"{b.size} wrong, the first at {at}: {np.atleast_1d(a)[at]:.9g}, "
                f"want {np.atleast_1d(b)[at]:.9g}"
            )
    return errors
