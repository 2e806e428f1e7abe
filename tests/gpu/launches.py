"""Every launch that the simulator is compared by: tests/sim's cases, mutants and right kernels."""

import hashlib
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED

sys.path.append(str(Path(__file__).parents[1] / "sim"))
from sim_cases import CASES  # noqa: E402
from sim_kernels import LARGE, SMALL, text  # noqa: E402
from sim_mutants import MUTANTS  # noqa: E402

# Attention on ones (the cases), by the derivation in sim_kernels: out, lse.
ATTENTION = {"attention bf16, right": {3: 2**-8 * 4, 4: 2**-24 * (64 + 256)},
             "attention f32, right": {3: 2**-24 * (64 + 256), 4: 2**-24 * (64 + 256)}}  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """A kernel and its launch.

    arguments: NumPy arrays and scalars. exact: what a right kernel gives, by argument: (values in
    f64, tolerance). check: whether the simulator looks at accesses.
    """

    name: str
    group: str  # "case", "mutant" or "kernel"
    faults: tuple[str, ...]  # of runtime.KINDS; for a mutant unknown, and so empty
    code: str
    kernel: str
    grid: tuple
    block: tuple
    shared: int
    arguments: tuple = field(repr=False)
    exact: dict = field(default_factory=dict, repr=False)
    check: bool = True

    @property
    def is_right(self) -> bool:
        """Whether nothing should be found."""
        return not self.faults and self.group != "mutant"

    @property
    def arrays(self) -> dict[int, np.ndarray]:
        """The arrays among the arguments, by position."""
        return {i: a for i, a in enumerate(self.arguments) if isinstance(a, np.ndarray)}

    @property
    def tolerances(self) -> dict[int, float]:
        """How far two right results may lie apart, by argument; others are equal to the bit."""
        given = {i: tolerance for i, (_, tolerance) in self.exact.items()}
        return {i: 2 * t for i, t in {**given, **ATTENTION.get(self.name, {})}.items()}

    @cached_property
    def digest(self) -> str:
        """Of all that a GPU is given: two launches of one digest need to run there only once."""
        digest = hashlib.sha256()
        header = (PACKAGED / "mma.cuh").read_text(encoding="utf-8")
        for part in (self.code, header * ("mma.cuh" in self.code), self.kernel,
                     str((self.grid, self.block, self.shared))):  # fmt: skip
            digest.update(f"{part}\0".encode())
        for argument in self.arguments:
            value = np.asarray(argument)
            digest.update(f"{value.dtype} {value.shape}\0".encode() + value.tobytes())
        return digest.hexdigest()[:16]

    @property
    def name_expressions(self) -> list[str] | None:
        """The instance of a template, as CuPy and the simulator want it named."""
        return [self.kernel] if "<" in self.kernel else None


def launches() -> list[Launch]:
    """All of them, in the order of their files."""
    return [*map(_of_case, CASES), *map(_of_mutant, MUTANTS),
            *(_of_kernel(case, "") for case in SMALL),
            *(_of_kernel(case, ", full size") for case in LARGE)]  # fmt: skip


def _of_case(case) -> Launch:
    kernel = next(iter(sim.RawModule(case.code, options=OPTIONS).source.signatures))
    return Launch(
        case.name, "case", tuple(sorted(case.faults)), case.code, kernel, case.grid, case.block,
        case.shared, tuple(case.make()), check=case.check,
    )  # fmt: skip


def _of_mutant(mutant) -> Launch:
    case, name, code = mutant
    arguments, _ = case.make(np.random.default_rng(0))
    return Launch(name, "mutant", (), code, case.name, case.grid, case.block, case.shared,
                  tuple(arguments))  # fmt: skip


def _of_kernel(case, size: str) -> Launch:
    arguments, exact = case.make(np.random.default_rng(0))
    return Launch(
        case.name + size, "kernel", (), text(case.file), case.name, case.grid, case.block,
        case.shared, tuple(arguments), exact, check=not size,
    )  # fmt: skip


OPTIONS = (f"-I{PACKAGED}",)
