"""Wrong kernels: a packaged file with one text replaced, and what must be said about it.

A file `kernel_mutants_*.py` has SUFFIX, the language, and MUTANTS: for each kernel rows of (text to
replace, what stands there instead, part of the message). A text is looked for in the kernel's file
with its includes in their place, and must be there exactly once.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mlstack_lib import kernels
from mlstack_lib.conformance.comparing import Mismatch
from mlstack_lib.conformance.running import Trial, check, trials_by_kernel
from mlstack_lib.sim import KernelError, LaunchError


@dataclass(frozen=True)
class KernelMutant:
    """A wrong kernel, and a part of the message that it must get."""

    kernel: str
    suffix: str
    find: str
    replace: str
    says: str

    def __str__(self):
        find, replace = (" ".join(text.split()) for text in (self.find, self.replace))
        return f"{self.kernel}{self.suffix}: {find} -> {replace or 'nothing'}"

    def text(self) -> str:
        """The wrong kernel's text. Raises LookupError if the text to replace is not there once."""
        whole = packaged_text(self.kernel, self.suffix)
        if whole.count(self.find) != 1:
            raise LookupError(f"{self}: {self.find!r} is there {whole.count(self.find)} times")
        return whole.replace(self.find, self.replace)


def packaged_text(kernel: str, suffix: str) -> str:
    """The packaged file, what it includes in the place of the line that says so."""

    def included(line):
        return (kernels.PACKAGED / (line[1] or line[2])).read_text(encoding="utf-8")

    text = (kernels.PACKAGED / f"{kernel}{suffix}").read_text(encoding="utf-8")
    return kernels.INCLUDE.sub(included, text)


def all_mutants(suffix: str) -> list[KernelMutant]:
    """The mutants of the kernels in one language."""
    files = sorted(Path(__file__).parent.glob("kernel_mutants_*.py"))
    modules = [import_module(file.stem) for file in files]
    return [
        KernelMutant(kernel, suffix, *row)
        for module in modules
        if suffix == module.SUFFIX
        for kernel, rows in module.MUTANTS.items()
        for row in rows
    ]


def cost(trial: Trial) -> int:
    """Roughly how much work a trial is: the numbers in its arguments."""
    size = 1
    for n in trial.size:
        size *= n
    return size


def message_about(mutant: KernelMutant, dev, folder: Path) -> str:
    """What the first trial says that the mutant does not pass; the smallest come first.

    "" if it passes all of them. folder: an empty one, for the mutant's file.
    """
    (folder / f"{mutant.kernel}{mutant.suffix}").write_text(mutant.text(), encoding="utf-8")
    with kernels.folder_first(folder):
        for trial in sorted(trials_by_kernel()[mutant.kernel], key=cost):
            try:
                check(dev, trial)
            except (Mismatch, KernelError, LaunchError) as error:
                return f"{trial}: {error}"
    return ""
