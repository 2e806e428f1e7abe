"""Launchers of the matrix products. Signatures and meaning: the reference."""

from ..array import DTYPES
from .elementwise import ceil_div, column_sum, empty_like, fill, sum_parts

LARGE = {"BM": 64, "BN": 128, "BK": 16, "TM": 8, "TN": 8}
SMALL = {"BM": 64, "BN": 64, "BK": 16, "TM": 8, "TN": 4}
FILL = 396  # blocks that keep a large GPU busy: three for each multiprocessor of an H100
LEAST_SHARE = 256  # of k, for a block


def _blocks(m: int, n: int, tiles: dict[str, int]) -> int:
    return ceil_div(m, tiles["BM"]) * ceil_div(n, tiles["BN"])


def tiles_for(m: int, n: int, most_splits: int = 1) -> dict[str, int]:
    """The tile sizes for a product of m x n elements: large ones if they still fill a GPU."""
    return LARGE if _blocks(m, n, LARGE) * most_splits >= FILL // 4 else SMALL


def _vector(columns, *arrays) -> dict[str, int]:
    """Whether all rows, of so many columns, begin at multiples of 16 bytes."""
    fine = all(size % 4 == 0 for size in columns) and all(a.offset % 16 == 0 for a in arrays)
    return {"VECTOR": int(fine)}


def _grid(m, n, tiles, splits=1):
    return ceil_div(n, tiles["BN"]), ceil_div(m, tiles["BM"]), splits


def _block(tiles):
    return (tiles["BM"] // tiles["TM"] * tiles["BN"] // tiles["TN"],)


def _matmul(a, b, m, n, k, trans_a=0, trans_b=0, out=None, accumulate=False):
    if a.dtype == DTYPES["bf16"]:
        return _matmul_bf16(a, b, m, n, k, trans_a, trans_b, out, accumulate)
    most_splits = max(1, k // LEAST_SHARE) if trans_a else 1
    tiles = tiles_for(m, n, most_splits)
    splits = max(1, min(FILL // max(1, _blocks(m, n, tiles)), most_splits))
    c = empty_like(a, (m, n)) if out is None else out
    into = c if splits == 1 else empty_like(a, (splits, m * n))
    constants = {"TRANS_A": trans_a, "TRANS_B": trans_b, "SPLITS": splits}
    constants["ACCUMULATE"] = int(accumulate and splits == 1)
    constants |= tiles | _vector((n, m if trans_a else k, k if trans_b else n), a, b, into)
    args = [a, b, into, m, n, k]
    a.device.launch("matmul", _grid(m, n, tiles, splits), _block(tiles), args, **constants)
    if splits > 1:
        sum_parts(into, c, splits, m * n, 1, accumulate)
    return c


def _matmul_bf16(a, b, m, n, k, trans_a, trans_b, out, accumulate):
    rows = (m if trans_a else k, k if trans_b else n, n)
    if a.dtype != b.dtype or any(x % 8 for x in rows) or (a.offset | b.offset) % 16:
        raise ValueError(
            "matmul: in bf16 a, b and c need rows of a multiple of 8 numbers, from multiples of 16 "
            f"bytes on; a is {a.dtype}, b {b.dtype}, rows are {rows}; pad them with zeros"
        )
    if accumulate:
        raise NotImplementedError("matmul: bf16 products are not accumulated; sum in f32")
    c = empty_like(a, (m, n)) if out is None else out
    size = 128 if ceil_div(m, 128) * ceil_div(n, 128) >= FILL // 4 else 64
    tiles = {"BM": size, "BN": size, "BK": 64, "STAGES": 3, "TRANS_A": trans_a, "TRANS_B": trans_b}
    shared = tiles["STAGES"] * (size + size) * tiles["BK"] * a.dtype.itemsize
    args = [a, b, c, m, n, k]
    a.device.launch(
        "matmul_bf16", _grid(m, n, tiles), (size * size // 128,), args, shared=shared, **tiles
    )
    return c


def matmul(a, b):
    return _matmul(a, b, a.shape[0], b.shape[1], a.shape[1])


def matmul_nt(a, b):
    return _matmul(a, b, a.shape[0], b.shape[0], a.shape[1], trans_b=1)


def matmul_tn(a, b, out=None, accumulate=False):
    (k, m), n = a.shape, b.shape[1]
    return _matmul(a, b, m, n, k, trans_a=1, out=out, accumulate=accumulate)


def linear_forward(x, weight, bias, activation=None):
    if bias is None and activation is None:
        return matmul_nt(x, weight), None
    if bias is None:
        bias = empty_like(x, weight.shape[:1])
        fill(bias, 0)
    (n, k), m = x.shape, weight.shape[0]
    tiles = tiles_for(n, m)
    y = empty_like(x, (n, m))
    constants = {"TRANS_A": 0, "TRANS_B": 1} | tiles | _vector((k, m), x, weight, bias, y)
    pre = empty_like(y) if activation == "gelu" else None
    name, outputs = ("linear_gelu_forward", [y, pre]) if activation else ("linear_forward", [y])
    args = [x, weight, bias, *outputs, n, m, k]
    x.device.launch(name, _grid(n, m, tiles), _block(tiles), args, **constants)
    return y, pre


def linear_backward_input(dy, weight):
    return matmul(dy, weight)


def linear_backward_weight(dy, x, out=(None, None), accumulate=False):
    return matmul_tn(dy, x, out[0], accumulate), column_sum(dy, out[1], accumulate)
