"""The ladders of chapter 10: LayerNorm forward, with a residual, in bf16, and backward."""

from dataclasses import dataclass

import numpy as np

from ..kernel_files import solution
from ..ladders import Ladder, Rung
from .launches_10 import EPS, ceil_div, sizes

SIZE = (131_072, 384)  # rows, channels
WARPS, ROWS = 8, 8  # as the package launches them
BLOCKS = (132, 264, 396, 528, 1056)  # of the backward pass; the package takes 264; 396 fit


def ladders(cupy, torch) -> list[Ladder]:
    """The chapter's ladders, on CuPy's device."""
    n, c = SIZE
    f32, bf16 = Rows(cupy, torch, n, c), Rows(cupy, torch, n, c, bf16=True)
    shape, saved = f"x ({n:,}, {c})", 8 * n  # mean and rstd
    # A mean, or a column's sum, of n or c terms in f32: errors of random signs grow like a root.
    exact = 16 * 2.0**-24 * c**0.5
    sums = 16 * 2.0**-24 * n**0.5
    return [
        Ladder("forward", f"{shape} f32", 8 * n * c + saved, 0, exact, _forward(f32)),
        Ladder("residual", f"{shape} f32, and delta", 16 * n * c + saved, 0, exact, _residual(f32)),
        Ladder("bf16", f"{shape} bf16", 4 * n * c + saved, 0, 2.0**-7, _bf16(bf16)),
        Ladder("backward", f"{shape} f32", 12 * n * c + saved, 0, sums, _backward(f32)),
        Ladder("backward_bf16", f"{shape} bf16", 6 * n * c + saved, 0, 2.0**-6,
               [bf16.torch_rung("backward")]),
    ]  # fmt: skip


# ---- the rungs ----


def _forward(rows: "Rows") -> list[Rung]:
    n, c = rows.n, rows.c
    lanes = {"WARPS": WARPS, "PER_LANE": ceil_div(c, 32)}
    by_warp = (ceil_div(n, WARPS),), (32 * WARPS,)
    rung = rows.forward
    return [
        rung("v1 thread per row", "layernorm_thread", (ceil_div(n, 128),), (128,)),
        rung("v2 block per row", "layernorm_block", (n,), (128,), BLOCK=128),
        rung("v3 warp per row, in registers", "layernorm_warp", *by_warp, **lanes),
        _vector(rows, "v4 vector loads", "layernorm_vector", WARPS),
        _vector(rows, "v4, 4 warps a block", "layernorm_vector", 4),
        _vector(rows, "v4, 16 warps a block", "layernorm_vector", 16),
        rung("packaged", "layernorm_forward", *by_warp, **lanes),
        rows.torch_rung("forward"),
    ]


def _bf16(rows: "Rows") -> list[Rung]:
    return [
        _vector(rows, "v4 in bf16", "layernorm_bf16", WARPS),
        _vector(rows, "v4 in bf16, 4 warps a block", "layernorm_bf16", 4),
        rows.torch_rung("forward"),
    ]


def _vector(rows: "Rows", name: str, kernel: str, warps: int) -> Rung:
    grid, block = (ceil_div(rows.n, warps),), (32 * warps,)
    return rows.forward(name, kernel, grid, block, WARPS=warps, QUADS=ceil_div(rows.c, 128))


def _residual(rows: "Rows") -> list[Rung]:
    n, c = rows.n, rows.c
    lanes = {"WARPS": WARPS, "PER_LANE": ceil_div(c, 32)}
    grid, block = (ceil_div(n, WARPS),), (32 * WARPS,)
    add = solution("add").compiled(rows.cupy)
    norm = solution("layernorm_forward").compiled(rows.cupy, **lanes)
    fused = solution("residual_layernorm_forward").compiled(rows.cupy, **lanes)
    tail = (*sizes(n, c), np.float32(EPS))
    weights = rows.weight, rows.bias

    def separate() -> None:
        add((ceil_div(n * c, 256),), (256,), (rows.x, rows.dy, rows.residual, np.uint32(n * c)))
        norm(grid, block, (rows.residual, *weights, *rows.outputs, *tail))

    def together() -> None:
        fused(grid, block, (rows.x, rows.dy, *weights, rows.residual, *rows.outputs, *tail))

    return [
        Rung("add, then layernorm", "layernorm_forward", separate, rows.residual_error),
        Rung("packaged, fused", "residual_layernorm_forward", together, rows.residual_error),
        rows.torch_rung("residual"),
    ]


def _backward(rows: "Rows") -> list[Rung]:
    n, c = rows.n, rows.c
    lanes = {"WARPS": WARPS, "PER_LANE": ceil_div(c, 32)}
    quads = {"WARPS": WARPS, "QUADS": ceil_div(c, 128)}
    atomic = solution("layernorm_backward_atomic").compiled(rows.cupy, **lanes)
    sums = rows.tensor(rows.sums)

    def run() -> None:
        sums.zero_()
        args = (*rows.saved, rows.dx, rows.sums[:c], rows.sums[c:], *sizes(n, c))
        atomic((ceil_div(n, WARPS),), (32 * WARPS,), args)

    def staged(name: str, kernel: str, blocks: int, **constants) -> Rung:
        return rows.two_stages(f"{name}, {blocks:,} blocks", kernel, blocks, **constants)

    packaged = {"RESIDUAL": 0} | lanes
    return [
        Rung("v1 atomics", "layernorm_backward_atomic", run, rows.backward_error),
        *(staged("v2 packaged", "layernorm_backward", b, **packaged) for b in BLOCKS),
        *(staged("v3 vector loads", "layernorm_backward_vector", b, **quads) for b in BLOCKS),
        rows.torch_rung("backward"),
    ]


# ---- a problem, and what its rungs have in common ----


@dataclass
class Rows:
    """x, dy (n, c), weight, bias (c) on CuPy's device; the answers, and ways to them."""

    cupy: object
    torch: object
    n: int
    c: int
    bf16: bool = False

    def __post_init__(self):
        rng, shape, c = np.random.default_rng(0), (self.n, self.c), self.c
        self.x, self.dy = (self._array(rng.standard_normal(shape, np.float32)) for _ in range(2))
        self.weight, self.bias = (self._plain(rng.uniform(0.5, 2, c)) for _ in range(2))
        self.y, self.dx, self.residual = (self._array(_unset(*shape)) for _ in range(3))
        self.mean, self.rstd = (self._plain(_unset(self.n)) for _ in range(2))
        self.parts, self.sums = self._plain(_unset(max(BLOCKS), 2 * c)), self._plain(_unset(2 * c))
        self.outputs = (self.y, self.mean, self.rstd)
        self._known: dict = {}
        # a backward pass is given these, which no forward rung overwrites
        saved = [a.float().flatten().cpu().numpy() for a in self._answers()["forward"][1:]]
        self.saved = (self.dy, self.x, self.weight, *(self._plain(a) for a in saved))

    def _plain(self, x: np.ndarray):
        return self.cupy.asarray(x.astype(np.float32))

    def _array(self, x: np.ndarray):
        """On the device; bf16 as whole numbers of 16 bits, which every library takes."""
        torch = self.torch
        if self.bf16:
            x = torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy()
        return self.cupy.asarray(x)

    def tensor(self, x):
        """The same memory as PyTorch has it."""
        tensor = self.torch.from_dlpack(x)
        return tensor.view(self.torch.bfloat16) if "int16" in str(tensor.dtype) else tensor

    # ---- answers, in f64, and errors ----

    def _answers(self) -> dict:
        """By the name of a ladder the tensors that are right."""
        if not self._known:
            x, dy, weight, bias = (
                self.tensor(a).double() for a in (self.x, self.dy, self.weight, self.bias)
            )
            y, *saved = self.torch.native_layer_norm(x, [self.c], weight, bias, EPS)
            fused = self.torch.native_layer_norm(x + dy, [self.c], weight, bias, EPS)
            self._known = {"forward": [y, *saved], "residual": [x + dy, *fused]}
            self._known["backward"] = self.torch.ops.aten.native_layer_norm_backward(
                dy, x, [self.c], *saved, weight, bias, [True] * 3
            )
        return self._known

    def _error(self, ladder: str, got: list) -> float:
        """The largest; what was got is overwritten, so that the next rung cannot live on it."""
        errors = [float("nan")] * (not got)
        for tensor, want in zip(got, self._answers()[ladder] if got else [], strict=True):
            off = (tensor.double().flatten() - want.flatten()).abs().max() / want.abs().max()
            errors.append(off.item())
            tensor.fill_(float("nan"))
        return max(errors, key=lambda e: (e != e, e))

    def forward_error(self) -> float:
        """Of y, mean and rstd."""
        return self._error("forward", [self.tensor(a) for a in self.outputs])

    def residual_error(self) -> float:
        """Of the sum, and y, mean and rstd."""
        return self._error("residual", [self.tensor(a) for a in (self.residual, *self.outputs)])

    def backward_error(self) -> float:
        """Of dx, dweight and dbias."""
        sums = self.tensor(self.sums)
        return self._error("backward", [self.tensor(self.dx), sums[: self.c], sums[self.c :]])

    # ---- rungs ----

    def forward(self, name: str, kernel: str, grid, block, **constants) -> Rung:
        """A forward kernel of ours, launched."""
        compiled = solution(kernel).compiled(self.cupy, **constants)
        args = (self.x, self.weight, self.bias, *self.outputs, *sizes(self.n, self.c))

        def run() -> None:
            compiled(grid, block, (*args, np.float32(EPS)))

        return Rung(name, kernel, run, self.forward_error)

    def two_stages(self, name: str, kernel: str, blocks: int, **constants) -> Rung:
        """A backward kernel of ours, that leaves a part a block, and the sum of the parts."""
        compiled = solution(kernel).compiled(self.cupy, **constants)
        adds = solution("column_sum").compiled(self.cupy, ROWS=ROWS, ACCUMULATE=0)
        unread = self.saved[:1] if "RESIDUAL" in constants else ()
        args = (*unread, *self.saved, self.dx, self.parts, *sizes(self.n, self.c))
        grid = (ceil_div(2 * self.c, 32), 1)

        def run() -> None:
            compiled((blocks,), (32 * WARPS,), args)
            columns = (*sizes(blocks, 2 * self.c), np.uint32(blocks))
            adds(grid, (32, ROWS), (self.parts, self.sums, *columns))

        return Rung(name, kernel, run, self.backward_error)

    def torch_rung(self, ladder: str) -> Rung:
        """What PyTorch launches; in bf16 its weight and bias are bf16 too."""
        x, dy, weight, bias = (self.tensor(a) for a in (self.x, self.dy, self.weight, self.bias))
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        norm, shape, results = self.torch.native_layer_norm, [self.c], []
        back, total = self.torch.ops.aten.native_layer_norm_backward, self.torch.empty_like(x)
        saved = norm(x, shape, weight, bias, EPS)[1:]

        def run() -> None:
            if ladder == "forward":
                results[:] = norm(x, shape, weight, bias, EPS)
            elif ladder == "residual":
                self.torch.add(x, dy, out=total)
                results[:] = [total, *norm(total, shape, weight, bias, EPS)]
            else:
                results[:] = back(dy, x, shape, *saved, weight, bias, [True] * 3)

        return Rung("PyTorch", "", run, lambda: self._error(ladder, results))


def _unset(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, np.float32)
