"""The register of wrong solutions: each is drawn from a mistake that learners make."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A wrong solution, and a part of the message that it must get."""

    exercise: str
    function: Callable
    says: str


mutants: list[Mutant] = []


def mutant(exercise: str, says: str) -> Callable[[Callable], Callable]:
    """Register the function below as a wrong solution of `exercise`."""

    def register(function: Callable) -> Callable:
        mutants.append(Mutant(exercise, function, says))
        return function

    return register
