"""Run a kernel: check the launch, wait for its end, and put together what it found."""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from .arguments import Packed, pack
from .errors import KernelError, LaunchError
from .findings import Finding, Reader
from .messages import report
from .profile import Profile, read_profile
from .runtime import Parameters, Runtime, Three
from .settings import current

SHARED_MOST = 227 << 10  # bytes of dynamic shared memory that an H100 gives if asked
SLICE, HURRY = 50, 5  # milliseconds between two looks at the clock, and while a launch is ended
BLOCKS_TOLD_APART = 1 << 20  # by the records of races, as in include/races.cpp
LIMITS = {"grid": (2**31 - 1, 65535, 65535), "block": (1024, 1024, 64)}


@dataclass(frozen=True)
class Done:
    """What a launch gave."""

    kernel: str
    findings: list[Finding]
    seconds: float
    profile: Profile | None

    def raise_or_print(self) -> None:
        """KernelError if there are errors; notes are printed."""
        message = report(self.kernel, self.findings)
        if any(not finding.is_warning for finding in self.findings):
            raise KernelError(message, self.findings)
        if message:
            print(message)


def launch(kernel, grid: tuple, block: tuple, arguments, shared_memory: int) -> Done:
    """Run `kernel` (a RawKernel). Raises LaunchError, CompileError."""
    name, settings = kernel.name, current()
    signature = kernel.module.signature(name)
    grid, block = _three(name, "grid", grid), _three(name, "block", block)
    _check_shared(name, shared_memory, kernel.max_dynamic_shared_size_bytes)
    if settings.check:
        _check_blocks(name, grid)
    (order, seed), limit = settings.order_and_seed(), settings.time_limit()
    built = kernel.module.built(settings.check)
    _check_block(name, block, built.bound(name))
    info, runtime = built.info(name), built.runtime
    packed = pack(name, signature.parameters, info, runtime, arguments)
    parameters = Parameters(
        info.call, ctypes.addressof(packed.pointers), Three(*grid), Three(*block), shared_memory,
        settings.check, order, settings.worker_count(), seed, *built.places,
    )  # fmt: skip
    reader = Reader(runtime, kernel.module.source, lambda: built.lines, block, packed.arrays)
    with Runtime.lock:
        seconds = _run(name, runtime, parameters, limit)
        findings = reader.findings()
        profile = read_profile(name, reader) if settings.check else None
    _copy_back(packed)
    return Done(name, findings, seconds, profile)


def _run(name: str, runtime: Runtime, parameters: Parameters, limit: float) -> float:
    """Start the launch and see it to its end, by itself, by the time limit or by Ctrl-C."""
    library, began = runtime.library, time.perf_counter()
    over = False
    try:  # around the start too: Ctrl-C may come right after it
        if library.sim_start(ctypes.byref(parameters)):
            raise LaunchError(f"{name}: the system gives no memory or threads for the simulation")
        while library.sim_wait(HURRY if over else SLICE):
            over = time.perf_counter() - began > limit
            if over:
                library.sim_cancel()
    except BaseException:  # KeyboardInterrupt: the arrays must not change under the learner's feet
        _end(library.sim_wait, library.sim_cancel)
        raise
    return time.perf_counter() - began


def _end(wait: Callable, cancel: Callable) -> None:
    """Also if Ctrl-C comes again meanwhile: a worker left running would break the next launch."""
    running = True
    while running:
        with suppress(KeyboardInterrupt):
            cancel()
            running = wait(HURRY)


def _copy_back(packed: Packed) -> None:
    for array, device in packed.copy_back:
        array[...] = device


# ---- what a GPU would not take ----


def _three(name: str, what: str, sizes: tuple) -> tuple[int, int, int]:
    if not 1 <= len(sizes) <= 3 or any(int(n) != n for n in sizes):
        raise LaunchError(f"{name}: {what} is {sizes}, must be 1 to 3 whole numbers")
    three = (*map(int, sizes), 1, 1)[:3]
    for axis, n, most in zip("xyz", three, LIMITS[what], strict=True):
        if not 1 <= n <= most:
            why = "nothing would run" if n == 0 else f"allowed are 1 to {most:,}"
            raise LaunchError(f"{name}: {what}.{axis} is {n:,}; {why}")
    return three


def _check_blocks(name: str, grid: tuple[int, int, int]) -> None:
    blocks = grid[0] * grid[1] * grid[2]
    if blocks > BLOCKS_TOLD_APART:
        raise LaunchError(
            f"{name}: {blocks:,} blocks; races are looked for between at most "
            f"{BLOCKS_TOLD_APART:,}: launch fewer, or run it `with sim.config(check=False)`"
        )


def _check_block(name: str, block: tuple[int, int, int], bound: int) -> None:
    threads = block[0] * block[1] * block[2]
    if threads > 1024:
        raise LaunchError(f"{name}: a block of {threads:,} threads; a GPU takes at most 1,024")
    if bound and threads > bound:
        raise LaunchError(
            f"{name}: a block of {threads:,} threads, but the kernel says "
            f"`__launch_bounds__({bound})`"
        )


def _check_shared(name: str, wanted: int, allowed: int) -> None:
    for what, size in ("shared_mem", wanted), ("max_dynamic_shared_size_bytes", allowed):
        if not 0 <= size <= SHARED_MOST:
            raise LaunchError(
                f"{name}: {what}={size:,}; an H100 gives a block 0 to {SHARED_MOST:,} bytes"
            )
    if wanted > allowed:
        raise LaunchError(
            f"{name}: shared_mem={wanted:,} bytes, but {allowed:,} are allowed; set "
            f"`kernel.max_dynamic_shared_size_bytes = {wanted}` first"
        )
