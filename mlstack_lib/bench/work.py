"""What a launch must move and compute at least, seen from its arguments."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..array import Array

PRODUCTS = ("matmul", "linear_forward", "linear_gelu_forward")  # their scalars end in m, n, k
# products of rows of D numbers for each pair of a query and a key: scores; scores again, and of
# dout with v; sums for out, dv and dk, dq
ATTENTION = {"attention_forward": 2, "attention_backward_kv": 4, "attention_backward_q": 3}
READ_AND_WRITTEN = {"adamw": (2, 3, 4), "sgd": (2, 3), "cross_entropy_with_gradient": (0,)}
ROWS_OF_TABLES = ("take_row",)  # which read as much of their table as they write


@dataclass
class Work:
    """Of some launches: how many, bytes, and operations in floating point."""

    launches: int = 0
    nbytes: int = 0
    operations: int = 0


@contextmanager
def watched(device, found: dict[str, Work]) -> Iterator[None]:
    """Within the block the work of the device's launches is added to `found`, by kernel."""
    launch = device.launch

    def counted(name, grid, block, args, **rest) -> None:
        launch(name, grid, block, args, **rest)
        work = found.setdefault(name, Work())
        work.launches += 1
        work.nbytes += nbytes_of(name, args)
        work.operations += operations_of(name, args)

    device.launch = counted
    try:
        yield
    finally:
        del device.launch


def nbytes_of(name: str, args: list) -> int:
    """Bytes: every array once, those that are read and written twice."""
    sizes = [arg.size * arg.dtype.itemsize for arg in args if isinstance(arg, Array)]
    if name in ROWS_OF_TABLES:
        return 2 * sizes[-1]
    return sum(sizes) + sum(sizes[i] for i in READ_AND_WRITTEN.get(name, ()))


def operations_of(name: str, args: list) -> int:
    """Multiplications and additions of products, attention's with what the mask leaves; else 0."""
    if name in PRODUCTS:
        m, n, k = args[-3:]
        return 2 * m * n * k
    if name in ATTENTION:
        b, t, _, h, d = next(a.shape for a in args if isinstance(a, Array) and a.ndim == 5)
        return 2 * ATTENTION[name] * d * b * h * t * (t + 1) // 2
    return 0
