"""Chapter 08: first CUDA kernels; the checks of its exercises.

Numbers are small whole ones, so that every order of adding gives the same sum.
"""

import re

import numpy as np

from ... import sim
from ...kernels import STUB_MARKER
from ...sim.source import blank
from ..judging import exercise, judge
from ..kernel_cases import InOut, KernelCase, Output
from ..kernel_files import KernelFile, solution
from ..source import cut
from .profile_checks import (
    require_coalesced,
    require_few_requests,
    require_full_warps,
    require_no_conflicts,
)

BLOCK = 128
REQUESTS = 29  # to shared memory in a block of the tree: 4 fill, 8 times 3 add, 1 reads the sum
CLINIC = "8.9 clinic"


# ---- what the chapter uses ----


def blocks_for(n: int, block: int) -> int:
    """How many blocks of `block` threads n elements need, a thread each."""
    return -(-n // block)


def in_simulator(kernel: KernelFile, grid, block, args, **constants):
    """Launch there, on a machine with a GPU too, with NumPy arrays; return the profile."""
    device = [sim.asarray(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    kernel.compiled(sim, **constants)(grid, block, device)
    return _profile(kernel, **constants)


def sick(name: str) -> KernelFile:
    """A patient of the clinic as it is brought in, without the stub's marker."""
    lines = cut(solution(name).text, False, name).splitlines(keepends=True)
    text = "".join(line for line in lines if STUB_MARKER not in line)
    return KernelFile(name, text, f"kernels/{name}.cu")


def diagnosis(name: str) -> str:
    """What the check says of a patient as it is brought in."""
    return judge(CLINIC, sick(name)).message


def whole_numbers(shape, seed: int = 0) -> np.ndarray:
    """Random whole numbers from -8 to 8, as f32."""
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


def _of(n: int, grid: int, block: int) -> str:
    """A launch in words."""
    return f"n = {n}, {grid} block{'s' * (grid > 1)} of {block} threads"


def _profile(kernel: KernelFile, **constants):
    """Of the last launch in the simulator."""
    return kernel.compiled(sim, **constants).profile()


# ---- map, two dimensions, grid-stride ----


@exercise("8.1 add")
def check_add(mine):
    sizes = [(1, 128), (31, 32), (32, 32), (33, 32), (97, 64), (300, 128)]
    for n, block in sizes:
        blocks = blocks_for(n, block)
        a, b = whole_numbers(n), whole_numbers(n, seed=1)
        look = "which element belongs to this thread, and is there one?"
        case = KernelCase(_of(n, blocks, block), look)
        (y,) = case.launch(mine, (blocks,), (block,), a, b, Output((n,)), np.uint32(n))
        case.equal(y, a + b, "y")
    return f"{len(sizes)} sizes"


@exercise("8.2 add_bias")
def check_add_bias(mine):
    cases = [(1, 1, (32, 8)), (5, 33, (32, 8)), (33, 5, (8, 16)), (31, 97, (64, 2)),
             (16, 64, (32, 8))]  # fmt: skip
    for rows, columns, block in cases:
        grid = (blocks_for(columns, block[0]), blocks_for(rows, block[1]))
        x, bias = whole_numbers((rows, columns)), whole_numbers(columns, seed=1)
        case = KernelCase(
            f"x ({rows}, {columns}), grid {grid}, block {block}",
            "columns are counted by the x of blockIdx and threadIdx, rows by their y; "
            "a row is `columns` numbers long",
        )
        (y,) = case.launch(mine, grid, block, x, bias, Output(x.shape), np.uint32(rows),
                           np.uint32(columns))  # fmt: skip
        case.equal(y, x + bias, "y")
    require_coalesced(case, _profile(mine))
    return f"{len(cases)} shapes, 4 sectors for a request"


@exercise("8.3 axpy")
def check_axpy(mine):
    cases = [(1, 1, 32), (97, 1, 32), (33, 4, 32), (1000, 2, 64), (640, 3, 64)]
    for n, blocks, block in cases:
        x, y = whole_numbers(n), whole_numbers(n, seed=1)
        look = "where does a thread begin, and how far on is its next element?"
        case = KernelCase(_of(n, blocks, block), look)
        (got,) = case.launch(mine, (blocks,), (block,), np.float32(3), x, InOut(y), np.uint32(n))
        case.equal(got, y + 3 * x, "y")
        require_coalesced(case, _profile(mine))
    require_full_warps(case, _profile(mine))
    return f"{len(cases)} pairs of n and grid"


# ---- shared memory ----


def _look_of_transpose(text: str) -> str:
    """What is most likely wrong, by the kernel's text without its comments."""
    if re.search(r"^(?!.*__shared__).*\bfloat +\w+ *\[", text, re.MULTILINE):
        return "each thread has a tile of its own: is it `__shared__`?"
    if re.search(r"\breturn\s*;.*__syncthreads", text, re.DOTALL):
        return "who returns before the barrier is missing when the tile is written to y: use `if`"
    return "both loops go over the tile; the second one writes rows of y, which are columns of x"


@exercise("8.4 transpose")
def check_transpose(mine):
    cases = [(1, 1, 8), (33, 31, 8), (5, 97, 16), (70, 40, 8), (64, 96, 8)]
    look = _look_of_transpose(blank(mine.text))
    for rows, columns, height in cases:
        grid = (blocks_for(columns, 32), blocks_for(rows, 32))
        x = whole_numbers((rows, columns))
        case = KernelCase(f"x ({rows}, {columns}), block (32, {height})", look)
        (y,) = case.launch(mine, grid, (32, height), x, Output((columns, rows)), np.uint32(rows),
                           np.uint32(columns))  # fmt: skip
        case.equal(y, x.T.copy(), "y")
    case.look = "threadIdx.x must run along rows of x when you read, along rows of y when you write"
    require_coalesced(case, _profile(mine))
    case.look = "how far apart are two numbers of a column of the tile, and what if it were 33?"
    require_no_conflicts(case, _profile(mine))
    return f"{len(cases)} shapes, 4 sectors for a request, no bank conflict"


# ---- the reduction ladder ----


def _parts(x: np.ndarray, grid: int) -> np.ndarray:
    """The sum of each block's share, if its threads go through x with a grid-stride loop."""
    rounds = blocks_for(len(x), grid * BLOCK)
    padded = np.zeros(rounds * grid * BLOCK, np.float32)
    padded[: len(x)] = x
    return padded.reshape(rounds, grid, BLOCK).sum(axis=(0, 2))


def _launch_sum(case: KernelCase, kernel: KernelFile, x: np.ndarray, grid: int) -> np.ndarray:
    (parts,) = case.launch(kernel, (grid,), (BLOCK,), x, Output((grid,)), np.uint32(len(x)),
                           BLOCK=BLOCK)  # fmt: skip
    return parts


def _sums(mine, sizes: list[tuple[int, int]], look: str):
    """Launch the sum for each (n, blocks), compare the parts; yield case and profile of each."""
    for n, grid in sizes:
        x = whole_numbers(n)
        case = KernelCase(_of(n, grid, BLOCK), look)
        case.equal(_launch_sum(case, mine, x, grid), _parts(x, grid), "parts")
        yield case, _profile(mine, BLOCK=BLOCK)


@exercise("8.5 sum_halves")
def check_sum_halves(mine):
    sizes = [(1, 1), (31, 1), (128, 1), (129, 2), (300, 3)]
    look = (
        "what does a thread without an element put in, is the step of width 1 made, and does "
        "thread 0 assign the sum to parts[blockIdx.x]?"
    )
    for case, profile in _sums(mine, sizes, look):
        stores = [r for r in profile.rows if (r.space, r.op) == ("global", "store")]
        writers = round(sum(row.requests * row.lanes for row in stores) / profile.blocks)
        case.look = "does only thread 0 write parts[blockIdx.x]?"
        what = f"right, but {writers} threads of a block write their part, one is enough"
        case.require(writers <= 1, what)
        case.look = "which threads add in a step: the first ones, so that whole warps have none?"
        require_few_requests(case, profile, REQUESTS)
    return f"{len(sizes)} sizes, {REQUESTS} requests to shared memory in a block"


@exercise("8.6 sum_many")
def check_sum_many(mine):
    sizes = [(1, 1), (97, 2), (300, 1), (1000, 2), (1024, 3)]
    look = "the loop of 8.3, with `sum` in place of y: where does it begin, how far is a step?"
    for case, profile in _sums(mine, sizes, look):
        require_coalesced(case, profile)
        case.look = "is `sum` a variable of the thread's own, put into scratch[t] once?"
        require_few_requests(case, profile, REQUESTS)
    require_full_warps(case, profile)
    return f"{len(sizes)} pairs of n and grid"


@exercise("8.7 sum_warps")
def check_sum_warps(mine):
    sizes = [(1, 1), (31, 1), (33, 2), (129, 1), (1000, 2)]
    look = "after five shuffles lane 0 has the sum of its warp; who adds those of the warps?"
    for case, profile in _sums(mine, sizes, look):
        barriers = profile.count("barriers") // profile.blocks
        case.look = "between the two stages one barrier is enough"
        case.require(barriers <= 1, f"right, but {barriers} barriers in a block")
        case.require(profile.count("shuffles") > 0, "right, but without a shuffle")
    return f"{len(sizes)} pairs of n and grid, {barriers} barrier in a block"


@exercise("8.8 sum_vector")
def check_sum_vector(mine):
    for n, grid in (sizes := [(1, 1), (3, 2), (4, 1), (7, 2), (1024, 1), (2051, 2)]):
        x = whole_numbers(n)
        case = KernelCase(
            _of(n, grid, BLOCK),
            "a float4 is four elements; n % 4 are left over, and each must be added just once",
        )
        parts = _launch_sum(case, mine, x, grid)
        case.equal(float(parts.sum()), float(x.sum()), "the sum of parts")
        profile = _profile(mine, BLOCK=BLOCK)
        single = sum(row.requests * row.lanes for row in profile.rows
                     if (row.space, row.op, row.size) == ("global", "load", 4))  # fmt: skip
        what = f"right, but {single:.0f} elements are loaded one by one, only {n % 4} have to be"
        case.require(round(single) <= n % 4, what)
        require_coalesced(case, profile)
    return f"{len(sizes)} pairs of n and grid, 16 bytes a load"


# ---- the clinic ----


@exercise(CLINIC)
def check_clinic(*patients):
    for patient in patients:
        VISITS[patient.name](patient)
    return f"{len(patients)} kernels are well"


def _visit_steps(mine):
    for n in (2, 32, 33, 129):
        x = whole_numbers(n)
        case = KernelCase(f"clinic_steps, n = {n}, blocks of 32", "how many steps are there?")
        grid = (blocks_for(n, 32),)
        (y,) = case.launch(mine, grid, (32,), x, Output((n - 1,)), np.uint32(n))
        case.equal(y, np.diff(x), "y")


def _visit_reverse(mine):
    for rows, grid in ((1, 1), (5, 2), (4, 4)):
        x = whole_numbers((rows, 64))
        case = KernelCase(f"clinic_reverse, grid ({grid},), {rows} rows of 64")
        (y,) = case.launch(mine, (grid,), (64,), x, Output(x.shape), np.uint32(rows), BLOCK=64)
        case.equal(y, x[:, ::-1].copy(), "y")


def _visit_squares(mine):
    for n in (128, 1, 100, 300):
        x, grid = whole_numbers(n), blocks_for(n, BLOCK)
        case = KernelCase(f"clinic_squares, {_of(n, grid, BLOCK)}")
        case.equal(_launch_sum(case, mine, x, grid), _parts(x * x, grid), "parts")


def _visit_histogram(mine):
    for n in (1, 97, 300):
        x = np.random.default_rng(n).integers(0, 10, n).astype(np.uint32)
        before = np.arange(10, dtype=np.uint32)
        case = KernelCase(f"clinic_histogram, n = {n}, blocks of 64")
        grid = (blocks_for(n, 64),)
        (total,) = case.launch(mine, grid, (64,), x, InOut(before), np.uint32(n))
        case.equal(total, before + np.bincount(x, minlength=10).astype(np.uint32), "total")


def _visit_gather(mine):
    for n in (1, 33, 97):
        x = whole_numbers(100)
        idx = np.argsort(x, stable=True)[:n]
        look = "the indices stay as they are; let the kernel read what is there"
        case = KernelCase(f"clinic_gather, idx ({n},) {idx.dtype}", look)
        (y,) = case.launch(mine, (blocks_for(n, 32),), (32,), x, idx, Output((n,)), np.uint32(n))
        case.equal(y, x[idx], "y")
    plain = re.search(r"\blong\b", blank(mine.text).replace("long long", ""))
    case.require(not plain, "right here, but on Windows a `long` has 4 bytes: write `long long`",
                 look=False)  # fmt: skip


VISITS = {
    "clinic_steps": _visit_steps, "clinic_reverse": _visit_reverse,
    "clinic_squares": _visit_squares, "clinic_histogram": _visit_histogram,
    "clinic_gather": _visit_gather,
}  # fmt: skip
