"""The ladders of chapter 09: every rung of the matrix product, beside cuBLAS through PyTorch."""

from dataclasses import dataclass

import numpy as np

from ...launchers.matmul import LARGE
from ..kernel_files import KernelFile, solution
from ..ladders import Ladder, Rung
from .launches_09 import BF16_RUNGS, COLUMN, GIVEN_NT, SQUARE, SWIZZLE, TILED, ceil_div, changed

SIZES = {
    "square": (4096, 4096, 4096), "model": (16384, 1536, 384), "bf16": (8192, 8192, 8192),
}  # fmt: skip
PACKAGED = LARGE | {"SPLITS": 1, "ACCUMULATE": 0, "VECTOR": 1}
BF16 = {"BK": 64, "TRANS_A": 0, "TRANS_B": 0}


def ladders(cupy, torch) -> list[Ladder]:
    """The chapter's ladders, on CuPy's device."""
    torch.backends.cuda.matmul.allow_tf32 = False
    square, model = (Product(cupy, torch, *SIZES[name]) for name in ("square", "model"))
    forms = Product(cupy, torch, *SIZES["square"], trans_b=True)
    bf16 = Product(cupy, torch, *SIZES["bf16"], bf16=True)
    small = Product(cupy, torch, *SIZES["model"], bf16=True)
    return [
        square.ladder("matmul", [*_rungs(square), square.packaged("packaged"), square.cublas()]),
        model.ladder("model", [*_rungs(model), model.packaged("packaged"), model.cublas()]),
        forms.ladder("transposed", _transposed(forms)),
        bf16.ladder("bf16", [*_bf16_rungs(bf16), bf16.cublas()]),
        small.ladder("model_bf16", [small.bf16_rung("v7", 128, 128, 3), small.cublas()]),
    ]


def _rungs(p: "Product") -> list[Rung]:
    rung = p.rung
    return [
        rung("v1 naive", "matmul_naive", p.grid(32, 32), (32, 32)),
        rung("v2 coalesced", "matmul_coalesced", p.grid(32, 32), (32, 32)),
        rung("v3 shared tiles", "matmul_tiled", p.grid(32, 32), (32, 32), **TILED),
        rung("v4 column in registers", "matmul_column", p.grid(64, 64), (512,), **COLUMN),
        rung("v5 square in registers", "matmul_square", p.grid(128, 128), (256,), **SQUARE),
        rung("v6 vector loads", "matmul_vector", p.grid(128, 128), (256,)),
    ]


def _transposed(p: "Product") -> list[Rung]:
    right = solution("matmul_nt_tiled")
    given = changed(right, *GIVEN_NT)
    unpadded = changed(right, *GIVEN_NT[:1])
    grid, block = p.grid(32, 32), (32, 32)
    return [
        p.rung("b read along its columns", given, grid, block, **TILED),
        p.rung("b read along its rows", unpadded, grid, block, **TILED),
        p.rung("and the tile padded", right, grid, block, **TILED),
        p.packaged("packaged", TRANS_B=1),
        p.cublas(),
    ]


def _bf16_rungs(p: "Product") -> list[Rung]:
    plain = changed(solution("matmul_bf16"), SWIZZLE)
    by_columns = changed(solution("matmul_bf16"), ("#define GROUP 8 ", "#define GROUP 1 "))
    texts = {0: plain, len(BF16_RUNGS) - 1: by_columns}
    return [
        p.bf16_rung(name, *tiles, kernel=texts.get(i, "matmul_bf16"))
        for i, (name, tiles) in enumerate(BF16_RUNGS.items())
    ]


@dataclass
class Product:
    """c = a b on CuPy's device, b stored transposed if `trans_b`; the answer, and ways to it."""

    cupy: object
    torch: object
    m: int
    n: int
    k: int
    trans_b: bool = False
    bf16: bool = False

    def __post_init__(self):
        rng, shape = (
            np.random.default_rng(0),
            (self.n, self.k) if self.trans_b else (self.k, self.n),
        )
        self.a = self._array(rng.standard_normal((self.m, self.k), np.float32))
        self.b = self._array(rng.standard_normal(shape, np.float32))
        self.c = self._array(np.full((self.m, self.n), np.nan, np.float32))
        self._want = None

    def _array(self, x: np.ndarray):
        """On the device; bf16 as whole numbers of 16 bits, which every library takes."""
        torch = self.torch
        if self.bf16:
            x = torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy()
        return self.cupy.asarray(x)

    def tensor(self, x):
        """The same memory as PyTorch has it."""
        tensor = self.torch.from_dlpack(x)
        return tensor.view(self.torch.bfloat16) if self.bf16 else tensor

    def factors(self):
        """Both operands as PyTorch has them, (m, k) and (k, n)."""
        a, b = self.tensor(self.a), self.tensor(self.b)
        return a, b.T if self.trans_b else b

    def error(self) -> float:
        """Of c, which is overwritten, so that the next rung cannot live on it."""
        if self._want is None:
            self._want = self.torch.matmul(*(x.double() for x in self.factors()))
        c = self.tensor(self.c)
        error = ((c.double() - self._want).abs().max() / self._want.abs().max()).item()
        c.fill_(float("nan"))
        return error

    def ladder(self, name: str, rungs: list[Rung]) -> Ladder:
        """The rungs with what this product takes at least."""
        size, dtype = (2, "bf16") if self.bf16 else (4, "f32")
        m, n, k = self.m, self.n, self.k
        # Sums of k terms in f32: errors grow like the root of k for random signs; a result in
        # bf16 is rounded to 8 bits besides.
        tolerance = 2.0**-8 if self.bf16 else 16 * 2.0**-24 * k**0.5
        b = f"({n}, {k}) transposed" if self.trans_b else f"({k}, {n})"
        nbytes = size * (m * k + k * n + m * n)
        return Ladder(name, f"({m}, {k}) by {b}, {dtype}", nbytes, 2 * m * n * k, tolerance, rungs)

    def grid(self, bm: int, bn: int) -> tuple[int, int]:
        """Blocks of bm x bn elements of c."""
        return ceil_div(self.n, bn), ceil_div(self.m, bm)

    def rung(
        self, name, kernel: str | KernelFile, grid, block, shared: int = 0, **constants
    ) -> Rung:
        """A kernel of ours, launched."""
        kernel = solution(kernel) if isinstance(kernel, str) else kernel
        compiled = kernel.compiled(self.cupy, **constants)
        if shared > 48 << 10:
            compiled.max_dynamic_shared_size_bytes = shared
        args = (self.a, self.b, self.c, *(np.uint32(x) for x in (self.m, self.n, self.k)))

        def run() -> None:
            compiled(grid, block, args, shared_mem=shared)

        return Rung(name, kernel.name, run, self.error)

    def packaged(self, name: str, **constants) -> Rung:
        """The package's f32 kernel."""
        constants = PACKAGED | {"TRANS_A": 0, "TRANS_B": 0} | constants
        grid = self.grid(LARGE["BM"], LARGE["BN"])
        block = (LARGE["BM"] // LARGE["TM"] * LARGE["BN"] // LARGE["TN"],)
        return self.rung(name, "matmul", grid, block, **constants)

    def bf16_rung(self, name: str, bm: int, bn: int, stages: int, kernel="matmul_bf16") -> Rung:
        """The package's kernel on tensor cores, with these tiles."""
        constants = BF16 | {"BM": bm, "BN": bn, "STAGES": stages}
        block = (bm // 64 * bn // 64 * 32,)
        shared = stages * (bm + bn) * BF16["BK"] * 2
        return self.rung(name, kernel, self.grid(bm, bn), block, shared, **constants)

    def cublas(self) -> Rung:
        """What PyTorch launches."""
        factors, c = self.factors(), self.tensor(self.c)

        def run() -> None:
            self.torch.matmul(*factors, out=c)

        return Rung("cuBLAS (PyTorch)", "", run, self.error)
