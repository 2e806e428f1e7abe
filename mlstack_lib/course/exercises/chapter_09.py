"""Chapter 09: the matrix products; the checks of the exercises."""

import re

import numpy as np

from ..judging import exercise
from ..kernel_cases import KernelCase, Output
from ..pieces import check_by_pieces
from .launches_09 import (
    BF16,
    COLUMN,
    SQUARE,
    launch_of,
    profile,
    tensor_launch,
)
from .profile_checks import (
    requests,
    require_at_most,
    require_barriers,
    require_no_conflicts,
    require_sectors,
)

UNSET = "nan: never written, or used before it was set"
SMALL = ((1, 1, 1), (31, 33, 32), (33, 70, 97), (64, 32, 5))  # m, n, k


# ---- what the checks have in common ----


def _check_products(
    mine, sizes, look="", transposed=False, dtype=np.float32, tiles="", launch=None
) -> str:
    for m, n, k in sizes:
        rng = np.random.default_rng(m + n + k)
        form = f"a ({m}, {k}), b ({n}, {k})" if transposed else f"a ({m}, {k}), b ({k}, {n})"
        case = KernelCase(form + tiles, look, UNSET)
        a = rng.standard_normal((m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if transposed else (k, n)).astype(dtype)
        grid, block, shared, constants = launch_of(mine.name, m, n, launch)
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


# ---- the checks ----


@exercise("9.1 matmul_naive")
def check_naive(mine):
    look = "a[row][i] is a[row * k + i]; b has n columns; which threads have no element of c?"
    said = _check_products(mine, SMALL, look)
    case = KernelCase("a (32, 64), b (64, 8)", "sum in a variable, write c once, after the loop")
    found = profile(mine, 32, 8, 64)
    require_at_most(case, requests(found, "store"), 8, "requests to write c")
    return said


@exercise("9.2 matmul_coalesced")
def check_coalesced(mine):
    look = "blockIdx stays as it is; threadIdx.x counts a warp's threads: along what should it go?"
    said = _check_products(mine, SMALL, look)
    case, found = KernelCase("a (32, 32), b (32, 64)", look), profile(mine, 32, 64, 32)
    require_sectors(case, found, "a", 1, "a warp in one row of c needs one row of a")
    for array in "bc":
        require_sectors(case, found, array, 4, "32 neighbours of 4 bytes are 4 sectors")
    return f"{said}, sectors as few as can be"


@exercise("9.3 matmul_tiled")
def check_tiled(mine):
    look = (
        "a thread brings one number of each tile, zero beyond the edges; then two barriers, to "
        "which all threads come"
    )
    said = _check_products(mine, SMALL, look)
    case, found = KernelCase("a (64, 96), b (96, 32)", look), profile(mine, 64, 32, 96)
    for array in "abc":
        require_sectors(case, found, array, 4, "neighbours read neighbours")
    require_no_conflicts(case, found)
    # 2 blocks of 32 warps, 3 tiles each: a request for each of a and b
    require_at_most(case, requests(found, "load"), 2 * 32 * 3 * 2, "requests to memory")
    require_barriers(case, found, 2 * 3 * 2, "two a tile")
    return f"{said}, each number read once a tile"


@exercise("9.4 matmul_nt_tiled")
def check_nt(mine):
    look = "which index of b goes up by one from a thread to its neighbour? and in shared memory?"
    said = _check_products(mine, SMALL, look, transposed=True)
    case = KernelCase("a (32, 64), b (64, 64)", look)
    found = profile(mine, 32, 64, 64, transposed=True)
    for array in "abc":
        require_sectors(case, found, array, 4, "along a row of b, neighbours lie side by side")
    case.look = "a column of 32 numbers is 32 words apart, so all in one bank; another width?"
    require_no_conflicts(case, found)
    return f"{said}, no conflicts"


@exercise("9.5 matmul_column")
def check_column(mine):
    looks = {
        "the step": "acc[i] belongs to row ty * TM + i of the tile and column tx",
        "the write": "row and column of c: the corner of the tile, row0 and col0, and the thread's "
        "place in it; which lie beyond the edge?",
    }
    return check_by_pieces(mine, looks, _check_column)


def _check_column(mine) -> str:
    said = _check_products(mine, (*SMALL, (65, 66, 9)))
    case = KernelCase("a (64, 16), b (16, 64)", "read bs once for all TM products, outside `for i`")
    found = profile(mine, 64, 64, 16)
    # 16 warps, 16 steps of k: one request for b and TM for a
    most = 16 * 16 * (1 + COLUMN["TM"])
    require_at_most(case, requests(found, "load", "shared"), most, "requests to shared memory")
    require_no_conflicts(case, found)
    require_barriers(case, found, 2 * 2, "two a tile, both given")
    return f"{said}, {1 + COLUMN['TM']} reads for {COLUMN['TM']} products"


@exercise("9.6 matmul_square")
def check_square(mine):
    looks = {
        "the step": "row ty + i * (BM / TM) of as, column tx + j * (BN / TN) of bs; first all of "
        "ra and rb, then each with each",
        "the write": "acc[i][j] belongs to row ty + i * (BM / TM) of the tile and column "
        "tx + j * (BN / TN); which lie beyond the edge?",
    }
    return check_by_pieces(mine, looks, _check_square)


def _check_square(mine) -> str:
    said = _check_products(mine, ((1, 1, 1), (33, 70, 19), (129, 130, 9)))
    case = KernelCase("a (128, 8), b (8, 128)", "first all of ra and rb, then their products")
    found = profile(mine, 128, 128, 8)
    # 8 warps, 8 steps of k: TM + TN requests
    most = 8 * 8 * (SQUARE["TM"] + SQUARE["TN"])
    require_at_most(case, requests(found, "load", "shared"), most, "requests to shared memory")
    case.look = "neighbours in a warp differ in tx: by how much do their places differ?"
    require_no_conflicts(case, found)
    require_sectors(case, found, "c", 4, "neighbours write neighbours")
    require_barriers(case, found, 2, "two a tile, both given")
    return f"{said}, 16 reads for 64 products"


@exercise("9.7 matmul_vector")
def check_vector(mine):
    looks = {
        "fetch": "four numbers of row row0 + ai from column k0 + ak on, of row k0 + bk from column "
        "col0 + bj on; what lies beyond the edge stays zero",
        "put": "into the half that it is given; a float4 of a lies along k, so its four numbers go "
        "to four rows of as[half], all in column ai",
    }
    return check_by_pieces(mine, looks, _check_vector)


def _check_vector(mine) -> str:
    said = _check_products(mine, ((1, 4, 4), (33, 72, 20), (130, 132, 12)))
    case = KernelCase("a (128, 16), b (16, 128)", "*(const float4*)&a[...] reads 16 bytes at once")
    found = profile(mine, 128, 128, 16)
    # 8 warps, 2 tiles: one request of each thread for a, and one for b
    require_at_most(case, requests(found, "load"), 8 * 2 * 2, "requests to memory")
    case.look = "*(float4*)&bs[half][bk][bj] writes all four of from_b, 16 bytes at once"
    require_no_conflicts(case, found)
    require_barriers(case, found, 1 + 2, "one before the loop and one a tile, all given")
    return f"{said}, 16 bytes a read, one barrier a tile"


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
            UNSET,
        )
        (c,) = case.launch(mine, (1,), (32,), a_, b, Output((16, 8)))
        _compare(case, c, a_, b.T)
    return "2 tiles"


@exercise("9.9 matmul_bf16")
def check_bf16(mine):
    looks = {
        "place": "does it exchange the 8 parts of a row among themselves, so that no two get one "
        "place? And eight neighbouring rows each in another way?",
        "the wait": "first the thread's own copies, of tile t but not of later ones, then those of "
        "all threads of the block, four warps in the last case",
        "the products": "row and k, k and col count from the corner of the tile: kk is the step, "
        "my_row and my_col the warp's corner; fb[j / 2] holds two fragments, of 8 columns each",
    }
    return check_by_pieces(mine, looks, _check_bf16)


def _check_bf16(mine) -> str:
    small, large = ((1, 8, 8), (65, 72, 136), (64, 64, 200)), ((72, 80, 264),)
    _check_products(mine, small, dtype=BF16, tiles=" bf16, tiles of 64 x 64, 2 stages, 1 warp")
    tiles = " bf16, tiles of 128 x 128, 3 stages, 4 warps"
    launch = tensor_launch(128, 128, 3)
    _check_products(mine, large, dtype=BF16, tiles=tiles, launch=launch)
    case = KernelCase("a (64, 128), b (128, 64) bf16", "row % 8 must change the part")
    found = profile(mine, 64, 64, 128)
    require_no_conflicts(case, found)
    case.look = "4 fragments of a and 4 of b make 32 products"
    require_at_most(case, found.count("ldmatrix"), 8 * 8, "times ldmatrix")  # 8 steps of 16
    require_barriers(case, found, 2, "one a tile")
    waits = {text.strip() for text in re.findall(r"cp_async_wait<([^>]*)>", mine.text)}
    case.look = "of the groups sent so far, how many are of tiles after t?"
    case.require(waits != {"0"}, "cp_async_wait<0> waits for every copy, so the ring is no use")
    return f"{len(small + large)} shapes, no conflicts"
