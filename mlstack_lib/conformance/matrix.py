"""`mlstack kernels`: every kernel on every device against the reference, as a table."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from tqdm import tqdm

from ..devices import NAMES, device
from ..errors import BadInput, CouldNotFinish
from .comparing import Mismatch
from .running import Trial, check, launches_of, trials, trials_by_kernel


@dataclass
class Cell:
    """What a kernel's trials on a device gave: of the one nearest to its tolerance, both numbers.

    wrong: what the first trial said that was not passed.
    """

    passed: int = 0
    error: float = 0.0
    tolerance: float = 0.0
    wrong: str = ""

    def add(self, errors: list[tuple[float, float]]) -> None:
        """Count a trial that was passed."""
        self.passed += 1
        for error, tolerance in errors:
            if error * self.tolerance > self.error * tolerance or not self.tolerance:
                self.error, self.tolerance = error, tolerance

    def __str__(self):
        if self.wrong:
            return "wrong"
        return f"{self.error:.1e} / {self.tolerance:.1e} ({self.passed})" if self.passed else "-"


def command(options) -> int:
    """Print the table for the device asked for, or all; 1 if anything is wrong."""
    names = [options.device] if options.device else [name for name in NAMES if name != "cpu"]
    missing = {name: why for name in names if (why := device(name).missing())}
    if options.device == "cpu":
        raise BadInput("kernels: device cpu runs functions of NumPy, no kernel files")
    if options.device and missing:
        raise CouldNotFinish(f"device {options.device}: {missing[options.device]}")
    columns = {name: measure(name, trials()) for name in names if name not in missing}
    print(table(columns))
    for name, why in missing.items():
        print(f"{name}: not on this machine: {why}")
    wrong = [
        f"{name}, {kernel}: {cell.wrong}"
        for name, column in columns.items()
        for kernel, cell in column.items()
        if cell.wrong
    ]
    print("\n".join(wrong) if wrong else "all as the reference says")
    return int(bool(wrong))


def measure(name: str, chosen: Iterable[Trial]) -> dict[str, Cell]:
    """Run trials on a device; what each kernel took part in, by its name."""
    dev, chosen = device(name), list(chosen)
    cells = {kernel: Cell() for kernel in sorted(trials_by_kernel())}
    for trial in tqdm(chosen, desc=name, disable=None, leave=False, file=sys.stderr):
        mine = [cells[kernel] for kernel in {launch.name for launch in launches_of(trial)}]
        try:
            errors = check(dev, trial)
        except (Mismatch, CouldNotFinish, BadInput, NotImplementedError) as error:
            for cell in mine:
                cell.wrong = cell.wrong or f"{trial}: {error}"
            continue
        for cell in mine:
            cell.add(errors)
    return cells


def table(columns: dict[str, dict[str, Cell]]) -> str:
    """Kernel x device: largest error / its tolerance (trials)."""
    rows = [["kernel", *columns]]
    for kernel in sorted(trials_by_kernel()):
        rows.append([kernel, *(str(column[kernel]) for column in columns.values())])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(x.ljust(n) for x, n in zip(row, widths, strict=True)) for row in rows]
    about = "error / tolerance (trials): of the result that comes nearest to its tolerance"
    return "\n".join([*(line.rstrip() for line in lines), about])
