"""Mutants of the kernels: every barrier and wait left out, and every guard made too loose."""

from sim_kernels import SMALL, text

SYNCHRONISATION = ("__syncthreads();", "__syncwarp();", "cp_async_wait<0>();")
GUARDS = (
    "i < n",
    "row >= N",
    "t < o",
    "i < C",
    "k < N",
    "j < tiles",
    "j + 1 < tiles",
    "threadIdx.x < 8 ?",
)


def mutants():
    """(case, what was changed, text): every barrier and wait left out, every guard made too loose."""
    for case in SMALL:
        lines = text(case.file).split("\n")
        for i, line in enumerate(lines):
            if _kernel_of(case, lines, i) != case.name.split("<")[0]:
                continue
            for call in SYNCHRONISATION:
                if call in line:
                    yield case, f"{case.name}:{i + 1} without {call}", _changed(lines, i, call, "")
            for guard in GUARDS:
                if guard in line:
                    looser = guard.replace("<", "<=").replace(">=", ">")
                    name = f"{case.name}:{i + 1} with {looser}"
                    yield case, name, _changed(lines, i, guard, looser)


def _changed(lines: list[str], i: int, old: str, new: str) -> str:
    return "\n".join([*lines[:i], lines[i].replace(old, new, 1), *lines[i + 1 :]])


def _kernel_of(case, lines: list[str], i: int) -> str:
    """The kernel that line i is in; of a helper above them all the one that calls it."""
    names = [c.name.split("<")[0] for c in SMALL if c.file == case.file]
    starts = {k: name for k, line in enumerate(lines) for name in names
              if f" {name}(" in line or line.startswith(f"{name}(")}  # fmt: skip
    return next((starts[k] for k in range(i, -1, -1) if k in starts), names[-1])


MUTANTS = list(mutants())
