"""The register of wrong solutions: each is drawn from a mistake that learners make."""

from collections.abc import Callable
from dataclasses import dataclass

from mlstack_lib.course.kernel_files import KernelFile, solution


@dataclass(frozen=True)
class Mutant:
    """A wrong solution, a function or a kernel, and a part of the message that it must get."""

    exercise: str
    function: Callable
    says: str

    def __str__(self) -> str:
        return f"{self.exercise}: {getattr(self.function, '__name__', self.says)}"


mutants: list[Mutant] = []


def mutant(exercise: str, says: str) -> Callable[[Callable], Callable]:
    """Register the function below as a wrong solution of `exercise`."""

    def register(function: Callable) -> Callable:
        mutants.append(Mutant(exercise, function, says))
        return function

    return register


def kernel_mutant(exercise: str, kernel: str, old: str, new: str, says: str) -> None:
    """Register the solution of `kernel`, with `new` for its only `old`, as a wrong one."""
    text = solution(kernel).text
    assert text.count(old) == 1, f"{kernel}.cu has {old!r} {text.count(old)} times"
    changed = KernelFile(kernel, text.replace(old, new), f"kernels/{kernel}.cu")
    mutants.append(Mutant(exercise, changed, says))
