"""A kernel with one fault, and the finding that must name it; or a right one that looks suspicious.

`faults` is what must be found, by the kinds of `mlstack_lib.sim.runtime.KINDS`; nothing for a right kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED

f32, i32, bf16 = np.float32, np.int32, ml_dtypes.bfloat16


def ramp(n: int, dtype=f32) -> np.ndarray:
    """0, 1, 2, ..."""
    return np.arange(n, dtype=dtype)


@dataclass(frozen=True)
class Case:
    """A kernel, the first of the text, on `grid` blocks; make() gives its arguments."""

    name: str
    faults: frozenset[str]
    code: str
    line: int | None  # of the fault
    grid: tuple = (1,)
    block: tuple = (64,)
    make: Callable = lambda: (ramp(64),)
    shared: int = 0
    check: bool = True
    orders: tuple = ("forward", "reverse", "random:7")

    def findings(self) -> list:
        """Run it under the present settings; what was found, errors and notes."""
        kernel = self.kernel()
        arguments = [sim.asarray(a) if isinstance(a, np.ndarray) else a for a in self.make()]
        try:
            kernel(self.grid, self.block, tuple(arguments), shared_mem=self.shared)
        except sim.KernelError as error:
            return error.findings
        return kernel.report

    def kernel(self) -> sim.RawKernel:
        """The kernel, compiled when it is called."""
        module = sim.RawModule(self.code, options=(f"-I{PACKAGED}",))
        kernel = module.get_function(list(module.source.signatures)[0])
        kernel.max_dynamic_shared_size_bytes = 227 << 10
        return kernel


CASES: list[Case] = []


def case(name: str, faults: str, code: str, line: int | None = None, **options) -> None:
    """Register a case. A body without __global__ is put into `k(PARAMETERS) { int t = threadIdx.x; ...`.

    The parameters are the first line of such a body; the fault's line counts from it as 1.
    """
    if "__global__" not in code:
        parameters, _, body = code.partition("\n")
        code = f'extern "C" __global__ void k({parameters}) {{ int t = threadIdx.x;\n{body}\n}}'
    wanted = frozenset(filter(None, faults.split(", ")))
    CASES.append(Case(name, wanted, code, line, **options))


def without(code: str, line: str, nth: int = 1) -> str:
    """The text without the nth line that is `line`, leaving it empty so that the numbers stay."""
    lines = code.split("\n")
    found = [i for i, other in enumerate(lines) if other.strip() == line]
    lines[found[nth - 1]] = ""
    return "\n".join(lines)
