"""One case of a kernel's check: launched in the simulator, and on the GPU if there is one."""

import contextlib
import io
import re
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from .. import cuda, sim
from ..sim.messages import text
from ..sim.source import blank
from .cases import Case
from .judging import OtherOnGpu, Wrong, gpu_too
from .kernel_files import KernelFile

ON_GPU = 1e-5  # of the largest: exp, sums and fused products round in another way there
BF16, ON_GPU_BF16 = np.dtype(ml_dtypes.bfloat16), 2.0**-7  # and may then round to the neighbour


@dataclass(frozen=True)
class Output:
    """Stands for an array that the kernel must fill. It begins as NaN (whole numbers: 0x7f...)."""

    shape: tuple[int, ...]
    dtype: type = np.float32

    def array(self) -> np.ndarray:
        """What the kernel finds in it."""
        floating = np.dtype(self.dtype).kind == "f" or self.dtype == BF16
        fill = np.nan if floating else 0x7F
        return np.full(self.shape, fill, self.dtype)


@dataclass(frozen=True)
class InOut:
    """Stands for an array that the kernel reads and writes."""

    values: np.ndarray

    def array(self) -> np.ndarray:
        """What the kernel finds in it."""
        return self.values.copy()


HUGE = 1e30  # what a variable without a value makes of a sum, if it is not NaN
UNSET = re.compile(
    r"^(?!.*__shared__).*?\b(?:float4?|double|int|unsigned) +([\w, ]+);", re.MULTILINE
)


class KernelCase(Case):
    """A case whose launches are checked: every finding of the simulator is a `[no]`.

    What it only notes, since real GPUs let it pass, is one as well: beside the first result that
    `equal` looks at, be it right or wrong.
    """

    note, unset = "", ()

    def launch(
        self, kernel: KernelFile, grid, block, *args, shared_mem: int = 0, **constants
    ) -> list[np.ndarray]:
        """Launch on copies of `args`; return the arrays of each Output and InOut, in order.

        args: NumPy arrays and numbers as the kernel takes them, Output, InOut. Raises Wrong if an
        array that is only read was changed; OtherOnGpu if a GPU gives another result.
        """
        self.note, self.unset = "", _variables_without_a_value(kernel)
        compiled = kernel.compiled(sim, **constants)
        names = list(compiled.module.signature(kernel.name).parameters)
        launched = self._noting(compiled, sim, grid, block, args, shared_mem)
        for name, arg, after in zip(names, args, launched, strict=True):
            if isinstance(arg, np.ndarray):
                kept = arg.tobytes() == after.tobytes()
                self.require(kept, f"it changed `{name}`, which it should only read", look=False)
        results = [a for arg, a in zip(args, launched, strict=True) if hasattr(arg, "array")]
        if cuda.on_gpu and gpu_too.get():
            self._compare_with_gpu(kernel, grid, block, args, shared_mem, constants, results)
        notes = [text(kernel.name, finding) for finding in compiled.report]
        self.note = notes[0].removeprefix(f"{kernel.name}: note: ") if notes else ""
        return results

    def equal(self, got, want, name: str = "result", tolerance: float = 1e-9) -> None:
        """As Case.equal; a note of the simulator on the launch before makes it Wrong, too."""
        note, self.note = self.note, ""
        try:
            super().equal(got, want, name, tolerance)
        except Wrong as wrong:
            asked = f" Does {' or '.join(self.unset)} begin with a value?"
            said = f"{wrong}{asked * bool(self.unset and _is_rubbish(got))}"
            raise Wrong(f"{said}\nAnd {note}" if note else said) from None
        if note:
            raise Wrong(f"right, but {note}\n{self._where(look=False)}")

    def _noting(self, compiled, library, grid, block, args, shared_mem) -> list:
        """What the arguments are after the launch, on the host; errors get the case as a note."""
        host = [arg.array() if hasattr(arg, "array") else arg for arg in args]
        device = [library.asarray(a) if isinstance(a, np.ndarray) else a for a in host]
        if shared_mem > 48 << 10:
            compiled.max_dynamic_shared_size_bytes = shared_mem
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # notes on what real GPUs let pass
                compiled(grid, block, tuple(device), shared_mem=shared_mem)
        except (sim.KernelError, sim.LaunchError) as error:
            error.add_note(self._where())
            raise
        return [
            library.asnumpy(d) if isinstance(h, np.ndarray) else h
            for h, d in zip(host, device, strict=True)
        ]

    def _compare_with_gpu(self, kernel, grid, block, args, shared_mem, constants, results):
        compiled = kernel.compiled(cuda, **constants)
        launched = self._noting(compiled, cuda, grid, block, args, shared_mem)
        there = [a for arg, a in zip(args, launched, strict=True) if hasattr(arg, "array")]
        for i, (got, want) in enumerate(zip(there, results, strict=True)):
            allowed = ON_GPU
            if want.dtype == BF16:
                got, want, allowed = got.astype(np.float32), want.astype(np.float32), ON_GPU_BF16
            both = np.isnan(got) & np.isnan(want)
            got, want = (np.where(both, np.zeros_like(x), x) for x in (got, want))
            try:
                self.equal(got, want, f"output {i} on the GPU (want: in the simulator)", allowed)
            except Wrong as wrong:
                raise OtherOnGpu(str(wrong)) from None


def _variables_without_a_value(kernel: KernelFile) -> tuple[str, ...]:
    """The names of variables that the kernel declares and does not set at once, quoted."""
    found = UNSET.findall(blank(getattr(kernel, "text", "")))
    return tuple(f"`{name.strip()}`" for names in found for name in names.split(","))


def _is_rubbish(got) -> bool:
    numbers = np.asarray(got, np.float64)
    return bool((~np.isfinite(numbers) | (np.abs(numbers) > HUGE)).any())
