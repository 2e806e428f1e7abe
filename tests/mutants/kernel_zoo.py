"""Wrong kernels: a packaged file with one text replaced, and what must be said about it.

A file `kernel_mutants_*.py` has SUFFIX, the language, and MUTANTS: for each kernel rows of (text to
replace, what stands there instead, part of the message). A text is looked for in the kernel's file
with its includes in their place, and must be there exactly once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mlstack_lib import kernels
from mlstack_lib.conformance.comparing import Mismatch
from mlstack_lib.conformance.running import Trial, check, trials_by_kernel
from mlstack_lib.devices import device
from mlstack_lib.sim import KernelError, LaunchError
from mlstack_lib.webgpu import trial


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

    @property
    def lacks_barrier(self) -> bool:
        """Whether it is a WGSL kernel that was robbed of a barrier."""
        return "workgroupBarrier" in self.find and "workgroupBarrier" not in self.replace

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


@contextmanager
def written(file: Path, text: str) -> Iterator[None]:
    """Within the block the file is there."""
    file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        file.unlink()


def in_this_process() -> None:
    """From now on WGSL is not tried in another process first: this one may come down with it."""
    trial.run = lambda *_: None


def message_about(mutant: KernelMutant, device_name: str, folder: Path) -> str:
    """What the first trial says that the mutant does not pass.

    First come those that its message names, and of all the smallest. "" if it passes all of them.
    folder: for the mutant's file; the same for many of them, or what they share is compiled anew.
    """

    def order(trial):
        return str(trial) not in mutant.says, trial.label not in mutant.says, cost(trial)

    file = folder / f"{mutant.kernel}{mutant.suffix}"
    with kernels.folder_first(folder), written(file, mutant.text()):
        for trial in sorted(trials_by_kernel()[mutant.kernel], key=order):
            try:
                check(device(device_name), trial)
            except (Mismatch, KernelError, LaunchError) as error:
                return f"{trial}: {error}"
    return ""
