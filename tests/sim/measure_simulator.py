"""Time the simulator on this machine: python tests/sim/measure_simulator.py [COMPILER] [ROUNDS]

Prints for each kernel of sim_kernels.LARGE milliseconds fast on all cores, checked on two and on
one, the least of ROUNDS launches (5), and seconds for 10^7 checked accesses on two and on one.
"""

import sys

import numpy as np
from sim_kernels import LARGE

from mlstack_lib import sim

MODES = ((False, None), (True, 2), (True, 1))  # check, workers


def milliseconds(case, kernel, rounds: int) -> float:
    """The least of `rounds` launches on the same inputs."""
    arguments, _ = case.make(np.random.default_rng(0))
    device = tuple(sim.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments)
    times = []
    for _ in range(rounds):
        kernel(case.grid, case.block, device, shared_mem=case.shared)
        times.append(kernel.seconds * 1e3)
    return min(times)


def main(compiler: str | None = None, rounds: str = "5") -> None:
    """Measure and print."""
    with sim.config(compiler=compiler, timeout=60):
        for case in LARGE:
            found = []
            for check, workers in MODES:
                with sim.config(check=check, workers=workers):
                    found.append(milliseconds(case, kernel := case.kernel(), int(rounds)))
            accesses = sum(row.requests * row.lanes for row in kernel.profile().rows)
            times = " / ".join(f"{ms:6.1f}" for ms in found)
            rates = " / ".join(f"{ms / accesses * 1e4:.3f}" for ms in found[1:])
            print(f"{case.name:20} {times} ms {accesses / 1e6:6.2f} M accesses, {rates} s for 10^7")


if __name__ == "__main__":
    main(*sys.argv[1:])
