"""Chapter 09: the launches of the matrix products, and the checks of the exercises."""

from dataclasses import replace

import ml_dtypes
import numpy as np

from ... import cuda, sim
from ...sim.profile import Profile
from ..judging import exercise
from ..kernel_cases import KernelCase, Output
from ..kernel_files import KernelFile

BF16 = ml_dtypes.bfloat16
TILED = {"TILE": 32}
COLUMN = {"BM": 64, "BN": 64, "BK": 8, "TM": 8}
SQUARE = {"BM": 128, "BN": 128, "BK": 8, "TM": 8, "TN": 8}
TENSOR = {"BM": 64, "BN": 64, "BK": 64, "STAGES": 2, "TRANS_A": 0, "TRANS_B": 0}
SWIZZLE = (
    "    part ^= row % 8;  // the 8 rows that ldmatrix reads at a time lie in different banks\n", ""
)  # fmt: skip
GIVEN_NT = (  # what the clinic of 9.4 begins with
    ("as[TILE][TILE], bs[TILE][TILE + 1];", "as[TILE][TILE], bs[TILE][TILE];"),
    (
        "bs[tx][ty] = k0 + tx < k && col0 + ty < n ? b[(size_t)(col0 + ty) * k + k0 + tx] : 0.0f;",
        "bs[ty][tx] = k0 + ty < k && col < n ? b[(size_t)col * k + k0 + ty] : 0.0f;",
    ),
)
SMALL = ((1, 1, 1), (31, 33, 32), (33, 70, 97), (64, 32, 5))  # m, n, k


def ceil_div(a: int, b: int) -> int:
    """a / b rounded up."""
    return -(-a // b)


def changed(kernel: KernelFile, *changes: tuple[str, str]) -> KernelFile:
    """The kernel with (old, new) exchanged in its text. ValueError if old is not there once."""
    text = kernel.text
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{kernel.place} has {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    return replace(kernel, text=text)


# ---- how each rung is launched ----


# name: (rows, columns of c a block computes, block, bytes of shared memory, constants)
LAUNCHES = {
    "matmul_naive": (32, 32, (32, 32), 0, {}),
    "matmul_coalesced": (32, 32, (32, 32), 0, {}),
    "matmul_tiled": (32, 32, (32, 32), 0, TILED),
    "matmul_nt_tiled": (32, 32, (32, 32), 0, TILED),
    "matmul_column": (64, 64, (512,), 0, COLUMN),
    "matmul_square": (128, 128, (256,), 0, SQUARE),
    "matmul_vector": (128, 128, (256,), 0, {}),
    "matmul_bf16": (64, 64, (32,), 2 * 2 * 64 * 64 * 2, TENSOR),
}


def launch_of(name: str, m: int, n: int) -> tuple[tuple, tuple, int, dict]:
    """(grid, block, bytes of shared memory, constants) of a rung for c (m, n)."""
    rows, columns, block, shared, constants = LAUNCHES[name]
    return (ceil_div(n, columns), ceil_div(m, rows)), block, shared, constants


def run(kernel: KernelFile, a: np.ndarray, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """c = a b, or a b^T, by a rung of the ladder. NumPy in, NumPy out."""
    (m, k), n = a.shape, b.shape[0 if transposed else 1]
    grid, block, shared, constants = launch_of(kernel.name, m, n)
    c = cuda.asarray(np.full((m, n), np.nan, a.dtype))
    sizes = (np.uint32(m), np.uint32(n), np.uint32(k))
    kernel(
        grid, block, (cuda.asarray(a), cuda.asarray(b), c, *sizes), shared_mem=shared, **constants
    )
    return cuda.asnumpy(c)


def profile(kernel: KernelFile, m: int, n: int, k: int, transposed: bool = False) -> Profile:
    """What a rung does to memory for random operands of these sizes, in the simulator."""
    rng, dtype = np.random.default_rng(0), BF16 if kernel.name == "matmul_bf16" else np.float32
    a = rng.standard_normal((m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transposed else (k, n)).astype(dtype)
    grid, block, shared, constants = launch_of(kernel.name, m, n)
    compiled = kernel.compiled(sim, **constants)
    arrays = [sim.asarray(x) for x in (a, b, np.zeros((m, n), dtype))]
    sizes = (np.uint32(m), np.uint32(n), np.uint32(k))
    compiled(grid, block, (*arrays, *sizes), shared_mem=shared)
    return compiled.profile()


def requests(found: Profile, space: str, op: str, array: str = "") -> int:
    """How many requests of that kind a launch made, of one array or of all."""
    rows = [r for r in found.rows if (r.space, r.op) == (space, op)]
    return sum(r.requests for r in rows if not array or r.sample.array == array)


def traffic(kernel: KernelFile, m: int = 128, n: int = 128, k: int = 64) -> tuple[float, float]:
    """For each multiplication: bytes read from memory, and a thread's reads of shared memory."""
    found, products = profile(kernel, m, n, k), m * n * k
    sectors = sum(r.moved for r in found.rows if (r.space, r.op) == ("global", "load"))
    return 32 * sectors / products, 32 * requests(found, "shared", "load") / products


# ---- what the checks have in common ----


def _check_products(mine, sizes, look: str, transposed=False, dtype=np.float32) -> str:
    for m, n, k in sizes:
        rng = np.random.default_rng(m + n + k)
        form = f"a ({m}, {k}), b ({n}, {k})" if transposed else f"a ({m}, {k}), b ({k}, {n})"
        case = KernelCase(form, look)
        a = rng.standard_normal((m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if transposed else (k, n)).astype(dtype)
        grid, block, shared, constants = launch_of(mine.name, m, n)
        sizes_ = (np.uint32(m), np.uint32(n), np.uint32(k))
        output = Output((m, n), dtype)
        (c,) = case.launch(mine, grid, block, a, b, output, *sizes_, shared_mem=shared, **constants)
        _compare(case, c, a, b.T if transposed else b)
    return f"{len(sizes)} shapes"


def _compare(case: KernelCase, c, a, b) -> None:
    """A sum of k products in any order is off by at most k half ulps of the sum of their sizes."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    want, terms = a @ b, np.abs(a) @ np.abs(b)
    rounding = 0.0 if c.dtype == np.float32 else 2.0**-8 * np.abs(want).max()
    allowed = a.shape[1] * 2.0**-24 * terms.max() + rounding
    tolerance = allowed / max(1.0, np.abs(want).max())
    case.equal(c.astype(np.float32), want.astype(np.float32), "c", tolerance)


def _require_sectors(case: KernelCase, found: Profile, array: str, most: int, why: str) -> None:
    """No request of `array` may move more than `most` sectors of 32 bytes."""
    for row in found.rows:
        if row.space == "global" and row.sample.array == array:
            verb = "reading" if row.op == "load" else "writing"
            case.require(
                row.worst <= most,
                f"{verb} {array} in line {row.place.line} takes up to {row.worst} sectors a "
                f"request, {most} would do: {why}",
            )


def _require_no_conflicts(case: KernelCase, found: Profile) -> None:
    """No line may meet in a bank of shared memory."""
    for row in found.rows:
        if row.space == "shared":
            case.require(
                row.worst == 1,
                f"line {row.place.line} has {row.worst}-way bank conflicts: "
                f"{row.place.text.strip()}",
            )


def _require_at_most(case: KernelCase, got: int, most: int, what: str) -> None:
    case.require(got <= most, f"it makes {got:,} {what}, {most:,} would do")


# ---- the checks ----


@exercise("9.1 matmul_naive")
def check_naive(mine):
    look = "a[row][i] is a[row * k + i]; b has n columns; which threads have no element of c?"
    said = _check_products(mine, SMALL, look)
    case = KernelCase("a (32, 64), b (64, 8)", "sum in a variable, write c once, after the loop")
    found = profile(mine, 32, 8, 64)
    _require_at_most(case, requests(found, "global", "store"), 8, "requests to write c")
    return said


@exercise("9.2 matmul_coalesced")
def check_coalesced(mine):
    look = "threadIdx.x counts the threads of a warp; along what should it go?"
    said = _check_products(mine, SMALL, look)
    case, found = KernelCase("a (32, 32), b (32, 64)", look), profile(mine, 32, 64, 32)
    _require_sectors(case, found, "a", 1, "a warp in one row of c needs one row of a")
    for array in "bc":
        _require_sectors(case, found, array, 4, "32 neighbours of 4 bytes are 4 sectors")
    return f"{said}, sectors as few as can be"


@exercise("9.3 matmul_tiled")
def check_tiled(mine):
    look = "a thread brings one number of each tile, zero beyond the edges; then two barriers"
    said = _check_products(mine, SMALL, look)
    case, found = KernelCase("a (64, 96), b (96, 32)", look), profile(mine, 64, 32, 96)
    for array in "abc":
        _require_sectors(case, found, array, 4, "neighbours read neighbours")
    _require_no_conflicts(case, found)
    # 2 blocks of 32 warps, 3 tiles each: a request for each of a and b
    _require_at_most(case, requests(found, "global", "load"), 2 * 32 * 3 * 2, "requests to memory")
    barriers = found.count("barriers")
    case.require(barriers <= 2 * 3 * 2, f"{barriers} barriers in 2 blocks, 3 tiles each")
    return f"{said}, each number read once a tile"


@exercise("9.4 matmul_nt_tiled")
def check_nt(mine):
    look = "which index of b goes up by one from a thread to its neighbour? and in shared memory?"
    said = _check_products(mine, SMALL, look, transposed=True)
    case = KernelCase("a (32, 64), b (64, 64)", look)
    found = profile(mine, 32, 64, 64, transposed=True)
    for array in "abc":
        _require_sectors(case, found, array, 4, "along a row of b, neighbours lie side by side")
    case.look = "a column of 32 numbers is 32 words apart, so all in one bank; another width?"
    _require_no_conflicts(case, found)
    return f"{said}, no conflicts"


@exercise("9.5 matmul_column")
def check_column(mine):
    look = "acc[i] belongs to row ty * TM + i of the tile and column tx"
    said = _check_products(mine, (*SMALL, (65, 66, 9)), look)
    case = KernelCase("a (64, 16), b (16, 64)", "read bs once for all TM products, outside `for i`")
    found = profile(mine, 64, 64, 16)
    # 16 warps, 16 steps of k: one request for b and TM for a
    most = 16 * 16 * (1 + COLUMN["TM"])
    _require_at_most(case, requests(found, "shared", "load"), most, "requests to shared memory")
    _require_no_conflicts(case, found)
    return f"{said}, {1 + COLUMN['TM']} reads for {COLUMN['TM']} products"


@exercise("9.6 matmul_square")
def check_square(mine):
    look = "acc[i][j] belongs to row ty + i * (BM / TM) of the tile and column tx + j * (BN / TN)"
    said = _check_products(mine, ((1, 1, 1), (33, 70, 19), (129, 130, 9)), look)
    case = KernelCase("a (128, 8), b (8, 128)", "first all of ra and rb, then their products")
    found = profile(mine, 128, 128, 8)
    # 8 warps, 8 steps of k: TM + TN requests
    most = 8 * 8 * (SQUARE["TM"] + SQUARE["TN"])
    _require_at_most(case, requests(found, "shared", "load"), most, "requests to shared memory")
    case.look = look
    _require_no_conflicts(case, found)
    _require_sectors(case, found, "c", 4, "neighbours write neighbours")
    return f"{said}, 16 reads for 64 products"


@exercise("9.7 matmul_vector")
def check_vector(mine):
    look = "a float4 of a lies along k, so its four numbers go to four rows of `as`, in column ai"
    said = _check_products(mine, ((1, 4, 4), (33, 72, 20), (130, 132, 12)), look)
    case = KernelCase("a (128, 16), b (16, 128)", look)
    found = profile(mine, 128, 128, 16)
    case.look = "*(const float4*)&a[...] reads 16 bytes at once"
    # 8 warps, 2 tiles: one request of each thread for a, and one for b
    _require_at_most(case, requests(found, "global", "load"), 8 * 2 * 2, "requests to memory")
    _require_no_conflicts(case, found)
    return f"{said}, 16 bytes a read"


@exercise("9.8 mma_tile")
def check_mma_tile(mine):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((rows, 16)).astype(BF16) for rows in (16, 8))
    one = np.zeros((16, 16), BF16)
    one[2, 5] = 1
    for given, a_ in (("a is 0 but for a[2, 5] = 1", one), ("random a and b", a)):
        case = KernelCase(
            f"a (16, 16), b (8, 16) bf16, {given}",
            "compare your registers with the picture: which rows and columns has lane 5?",
        )
        (c,) = case.launch(mine, (1,), (32,), a_, b, Output((16, 8)))
        _compare(case, c, a_, b.T)
    return "2 tiles"


@exercise("9.9 matmul_bf16")
def check_bf16(mine):
    look = "fb[j / 2] holds two tiles of 8 columns: its numbers 0 and 1, and 2 and 3"
    sizes = ((1, 8, 8), (65, 72, 136), (64, 64, 200))
    said = _check_products(mine, sizes, look, dtype=BF16)
    case = KernelCase("a (64, 128), b (128, 64) bf16", "row % 8 must change the part")
    found = profile(mine, 64, 64, 128)
    _require_no_conflicts(case, found)
    case.look = "4 fragments of a and 4 of b make 32 products"
    _require_at_most(case, found.count("ldmatrix"), 8 * 8, "times ldmatrix")  # 8 steps of 16
    return f"{said}, no conflicts"
