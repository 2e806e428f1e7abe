"""How launches run: checked or not, on how many cores, in what order, for how long."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from ..errors import BadInput, nearest

ORDERS = ("forward", "reverse", "random")


@dataclass(frozen=True)
class Settings:
    """What a launch goes by.

    check: look at every access, and raise KernelError for what is wrong.
    workers: cores to run blocks on; None: one for a checked launch, whose findings and sums of
        floats are then the same every time, all of them otherwise.
    order: of the threads, "forward", "reverse" or "random:SEED". Races are found in any order; a
        kernel whose result depends on it gives another result.
    timeout: seconds, more than 0, after which a launch is ended, and the line named where it was.
    compiler: "g++", "clang++", "zig", or None for the first that is there.
    """

    check: bool = True
    workers: int | None = None
    order: str = "forward"
    timeout: float = 10.0
    compiler: str | None = None

    def order_and_seed(self) -> tuple[int, int]:
        """The order's number and the seed. Raises BadInput."""
        name, _, seed = self.order.partition(":")
        if name not in ORDERS or (seed and not seed.isdecimal()):
            raise BadInput(f'order {self.order!r} must be "forward", "reverse" or "random:SEED"')
        return ORDERS.index(name), int(seed or 1)

    def worker_count(self) -> int:
        """How many cores this launch runs on. Raises BadInput."""
        if self.workers is None:
            return 1 if self.check else _cores()
        if self.workers < 1:
            raise BadInput(f"workers is {self.workers}, must be at least 1")
        return self.workers

    def time_limit(self) -> float:
        """Seconds until the launch is ended. Raises BadInput."""
        if not isinstance(self.timeout, int | float) or not self.timeout > 0:  # nan is not either
            raise BadInput(f"timeout is {self.timeout!r}, must be more than 0 seconds")
        return self.timeout


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_current = [Settings()]


def current() -> Settings:
    """The settings that launches go by now."""
    return _current[-1]


@contextmanager
def config(**changes) -> Iterator[Settings]:
    """Within the block, launches go by changed settings: `config(check=False, timeout=60)`."""
    known = [field.name for field in fields(Settings)]
    for name in changes:
        if name not in known:
            raise BadInput(f"config: there is no setting {name!r}{nearest(name, known)}")
    _current.append(replace(current(), **changes))
    try:
        yield current()
    finally:
        _current.pop()
