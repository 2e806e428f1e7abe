"""Ladders: the rungs of a chapter's kernels measured on one GPU, beside a copy and PyTorch.

A chapter's module `exercises/ladder_NN.py` has `ladders(cupy, torch)`, a list of `Ladder`. On a
machine with an NVIDIA GPU, CuPy and PyTorch

    python -m mlstack_lib.course.ladders NN

measures all of them in one run and writes `recorded/ladders/NN.json`, which the chapter shows. The
module may also have `splits()`, which says what whole steps are made of, by the name of each.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from statistics import median

from ..files import write_json
from ..kernels import INCLUDE, PACKAGED
from .kernel_files import solution

FOLDER = Path(__file__).parents[1] / "recorded" / "ladders"
SAMPLES, SAMPLE_MS = 20, 2.0  # a sample is as many launches as last this long
COPIED = 1 << 30  # bytes; far more than any cache holds


@dataclass(frozen=True)
class Rung:
    """A way to compute a ladder's result.

    run: launches it once. error: largest difference from the reference relative to its largest
    number, computed after a run. kernel: the stem of its file in `solutions/kernels`, "" for a
    library's.
    """

    name: str
    kernel: str
    run: Callable[[], None]
    error: Callable[[], float]


@dataclass(frozen=True)
class Ladder:
    """The rungs for one problem.

    problem: its sizes in words. nbytes: what must be read and written at least. operations:
    floating point, 0 where only bytes count; both 0 where only time does. tolerance: of every
    rung's error.
    """

    name: str
    problem: str
    nbytes: int
    operations: int
    tolerance: float
    rungs: list[Rung]


def record(chapter: int) -> None:
    """Measure the chapter's ladders and write them. ValueError if a rung's result is wrong."""
    import cupy
    import torch

    module = import_module(f"{__package__}.exercises.ladder_{chapter:02}")
    device = cupy.cuda.runtime.getDeviceProperties(0)
    value = {
        "command": f"python -m mlstack_lib.course.ladders {chapter:02}",
        "date": date.today().isoformat(),
        "machine": device["name"].decode(),
        "versions": f"CUDA {cupy.cuda.runtime.runtimeGetVersion() // 1000}, "
        f"CuPy {cupy.__version__}, PyTorch {torch.__version__}",
        "copy_gb_s": round(_copy_rate(cupy), 1),
        "ladders": {},
    }
    for ladder in module.ladders(cupy, torch):
        print(f"{ladder.name}: {ladder.problem}")
        value["ladders"][ladder.name] = _measured(ladder, cupy)
    if hasattr(module, "splits"):
        value["splits"] = module.splits()
    FOLDER.mkdir(exist_ok=True)
    write_json(FOLDER / f"{chapter:02}.json", value)


def digest(kernel: str) -> str:
    """What tells one text of a kernel, with what it includes, from another."""
    text = solution(kernel).text
    included = [PACKAGED / "".join(names) for names in INCLUDE.findall(text)]
    text += "".join(file.read_text(encoding="utf-8") for file in included)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _copy_rate(cupy) -> float:
    a, b = (cupy.zeros(COPIED, cupy.uint8) for _ in range(2))
    stream = cupy.cuda.Stream.null
    times = time_us(cupy, lambda: b.data.copy_from_device_async(a.data, COPIED, stream))
    return 2 * COPIED / median(times) / 1e3


def _measured(ladder: Ladder, cupy) -> dict:
    rows = []
    for rung in ladder.rungs:
        rung.run()
        error = float(rung.error())
        if not error <= ladder.tolerance:
            what = f"error {error:.2g}, at most {ladder.tolerance:.2g} is right"
            raise ValueError(f"{ladder.name}, {rung.name}: {what}")
        times = time_us(cupy, rung.run)
        row = {"name": rung.name, "kernel": rung.kernel, "error": float(f"{error:.2g}")}
        row["sha256"] = digest(rung.kernel) if rung.kernel else ""
        row |= dict(zip(("us", "least_us", "most_us"), _three(times), strict=True))
        rows.append(row)
        print(f"  {rung.name:40} {row['us']:10.2f} us", flush=True)
    fields = ("problem", "nbytes", "operations")
    return {field: getattr(ladder, field) for field in fields} | {"rungs": rows}


def _three(times: list[float]) -> list[float]:
    return [float(f"{t:.4g}") for t in (median(times), min(times), max(times))]


def time_us(cupy, run: Callable[[], None]) -> list[float]:
    """Microseconds a call, by events of the device, one number a sample."""
    for _ in range(3):
        run()
    count = 1
    while _elapsed(cupy, run, count) < SAMPLE_MS and count < 1 << 12:
        count *= 2
    return [_elapsed(cupy, run, count) * 1e3 / count for _ in range(SAMPLES)]


def _elapsed(cupy, run: Callable[[], None], count: int) -> float:
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for _ in range(count):
        run()
    end.record()
    end.synchronize()
    return cupy.cuda.get_elapsed_time(begin, end)


def as_graph(cupy, run, warm):
    """What launches all of `run` as a CUDA graph. `warm` runs its kernels once, on other arrays."""
    warm()
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        stream.begin_capture()
        run()
        graph = stream.end_capture()
    return lambda: graph.launch(cupy.cuda.Stream.null)


# ---- what a chapter shows ----


def show_ladder(
    chapter: int,
    name: str,
    rungs: int | None = None,
    peak: float | None = None,
    labels: Sequence[str] = (),
) -> None:
    """Print a recorded ladder as a table: time, rate, and share of a copy's rate or of PyTorch.

    Rows of memory-bound ladders are in GB/s beside a copy; with operations, in TFLOP/s. Without
    either there is only the time.
    rungs: show so many of the first, and the last, which is the library's. peak: what the machine
    can do at most, in the same unit; its share is one more column. labels: shown for the names of
    the first rungs.
    """
    whole = json.loads((FOLDER / f"{chapter:02}.json").read_text(encoding="utf-8"))
    ladder = whole["ladders"][name]
    shown = ladder["rungs"] if rungs is None else [*ladder["rungs"][:rungs], ladder["rungs"][-1]]
    renamed = zip(shown[: len(labels)], labels, strict=True)
    shown = [row | {"name": label} for row, label in renamed] + shown[len(labels) :]
    print(f"{name}, {ladder['problem']}")
    if ladder["nbytes"] or ladder["operations"]:
        _print_rates(whole, ladder, shown, peak)
    else:
        _print_times(shown)
    ceiling = f"a copy moved {whole['copy_gb_s']:,.0f} GB/s in the same run; "
    by_bytes = ladder["nbytes"] and not ladder["operations"]
    print(ceiling * bool(by_bytes) + _made_by(whole))


def _print_rates(whole: dict, ladder: dict, shown: list[dict], peak: float | None) -> None:
    width = max(len(rung["name"]) for rung in shown)
    by_bytes = not ladder["operations"]
    head = ("GB/s", "of copy") if by_bytes else ("TFLOP/s", "of last")
    print(
        f"{'':{width}} {'us':>10} {head[0]:>9} {head[1]:>8} {'error':>8}" + " of peak" * bool(peak)
    )
    last = ladder["rungs"][-1]["us"]
    for rung in shown:
        us = rung["us"]
        rate = ladder["nbytes"] / us / 1e3 if by_bytes else ladder["operations"] / us / 1e6
        share = rate / whole["copy_gb_s"] if by_bytes else last / us
        print(
            f"{rung['name']:{width}} {us:10,.1f} {rate:9,.1f} {100 * share:6.0f} % "
            f"{rung['error']:8.1g}" + (f" {100 * rate / peak:5.0f} %" if peak else "")
        )


def _print_times(shown: list[dict]) -> None:
    width = max(len(rung["name"]) for rung in shown)
    print(f"{'':{width}} {'us':>10} {'least':>10} {'most':>10}")
    for rung in shown:
        times = " ".join(f"{rung[key]:10,.1f}" for key in ("us", "least_us", "most_us"))
        print(f"{rung['name']:{width}} {times}")


def _made_by(whole: dict) -> str:
    return f"{whole['machine']}; {whole['versions']}; {whole['date']}; {whole['command']}"


def show_split(chapter: int, name: str, most: int = 10) -> None:
    """Print what a recorded step is made of: the kernels that take most time, and the rest."""
    whole = json.loads((FOLDER / f"{chapter:02}.json").read_text(encoding="utf-8"))
    step = whole["splits"][name]
    kernels = sorted(step["kernels"], key=lambda row: -row["us"])
    rest = {"name": f"{len(kernels[most:])} others"}
    rest |= {key: sum(row[key] for row in kernels[most:]) for key in ("launches", "us")}
    shown, total = kernels[:most] + [rest] * bool(kernels[most:]), sum(k["us"] for k in kernels)
    width = max(len(row["name"]) for row in shown)
    print(f"{name}, {step['problem']}")
    print(f"{'':{width}} launches {'us':>10} {'share':>8}")
    for row in shown:
        share = 100 * row["us"] / total
        print(f"{row['name']:{width}} {row['launches']:8,} {row['us']:10,.1f} {share:6.1f} %")
    print(f"all kernels {total:,.0f} us; the step {step['graph_us']:,.0f} us as a CUDA graph")
    print(_made_by(whole))


if __name__ == "__main__":
    record(int(sys.argv[1]))
