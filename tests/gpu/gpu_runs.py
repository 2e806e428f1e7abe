"""Run launches on the GPU, alone and under each of compute-sanitizer's tools.

Each in a process of its own. What comes out is kept as it is (`runs.json` with the tools' whole
output, `outputs.npz`), so that it can be read again without a GPU.
"""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import sanitizer
from launches import OPTIONS, Launch

CHILD = Path(__file__).with_name("gpu_child.py")
ALONE = "none"  # instead of a tool
KEPT = 20_000  # characters of a tool's output
STARTING = 60  # seconds that a process may take until its kernel runs
# What a tool is made for comes first, in case that the time does not suffice for all.
FITTING = {
    "memcheck": {"out of bounds", "misaligned", "bad pointer", "stack overflow", "assertion",
                 "division", "shared limit"},
    "racecheck": {"race", "global race", "in flight"},
    "initcheck": {"uninitialised", "in flight"},
    "synccheck": {"divergence", "left before barrier", "deadlock", "wrong mask", "wrong lane",
                  "mixed warp"},
}  # fmt: skip
# What a kernel's text must have for a tool to find anything. (All global memory is initialised.)
LOOKS_AT = {
    "memcheck": re.compile(""), "racecheck": re.compile("__shared__"),
    "initcheck": re.compile("__shared__"), "synccheck": re.compile("__sync|_sync|__activemask"),
}  # fmt: skip


class Runs:
    """The GPU's half of the comparison. seconds: for one kernel; minutes: for all processes."""

    def __init__(self, folder: Path, seconds: float, minutes: float, workers: int):
        self.folder, self.seconds, self.workers = folder, seconds, workers
        self.began = time.monotonic()
        self.deadline = self.began + 60 * minutes
        self.sanitizer = sanitizer.program()
        self.help = _said(self.sanitizer, "--help")
        self.results: dict[str, dict] = {}
        self.outputs: dict[str, np.ndarray] = {}

    def run(self, launches: list[Launch]) -> None:
        """Run all, write runs.json and outputs.npz; after Ctrl-C what came out so far."""
        unique = list({launch.digest: launch for launch in reversed(launches)}.values())[::-1]
        with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
            tasks = self._tasks(unique, Path(scratch))
            try:
                with ThreadPoolExecutor(self.workers) as pool:
                    for done, _ in enumerate(pool.map(self._task, tasks), 1):
                        if done % 50 == 0 or done == len(tasks):
                            print(
                                f"{done} of {len(tasks)} tasks, {self._elapsed():.0f} s", flush=True
                            )
            finally:
                self._write()

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    # ---- tasks: a launch and the tools that it runs under, one after the other ----

    def _tasks(self, launches: list[Launch], scratch: Path) -> list[tuple[Launch, Path, list[str]]]:
        urgent, others = [], []
        for i, launch in enumerate(launches):
            folder = scratch / f"{i}"
            _put(launch, folder)
            tools = self._tools(launch)
            if "stack overflow" in launch.faults:  # a GPU sets aside 20 GB for it: one at a time
                urgent.append((launch, folder, tools))
                continue
            for tool in tools:
                fits = tool == ALONE or launch.is_right or FITTING[tool] & set(launch.faults)
                (urgent if fits else others).append((launch, folder, [tool]))
        return urgent + others

    def _tools(self, launch: Launch) -> list[str]:
        full_size = launch.group == "kernel" and not launch.check
        if not self.sanitizer or full_size:
            return [ALONE]
        return [ALONE, *(tool for tool in sanitizer.TOOLS if LOOKS_AT[tool].search(launch.code))]

    def _task(self, task: tuple[Launch, Path, list[str]]) -> None:
        launch, folder, tools = task
        for tool in tools:
            result = self._run(folder, tool)
            self.results.setdefault(launch.digest, {"name": launch.name})[tool] = result

    # ---- one process ----

    def _run(self, folder: Path, tool: str) -> dict:
        left = self.deadline - time.monotonic()
        if left < 3:
            return {"stage": "not run", "error": "no time left", "log": "", "seconds": 0.0}
        out = folder / tool
        out.mkdir(exist_ok=True)
        words = [] if tool == ALONE else sanitizer.command(self.sanitizer, tool, self.help)
        began = time.monotonic()
        words += [sys.executable, str(CHILD), str(folder), str(out)]
        log, ended = _run_limited(words, out, self.seconds, min(STARTING + self.seconds, left))
        if tool == ALONE:
            self._keep_outputs(folder, out)
        return {
            "stage": _text(out / "stage") or "starting",
            "error": _text(out / "error") if ended else "time limit",
            "log": log[:KEPT], "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip

    def _keep_outputs(self, folder: Path, out: Path) -> None:
        if not (out / "outputs.npz").is_file() or not (folder / "is_right").is_file():
            return
        with np.load(out / "outputs.npz") as file, np.load(folder / "arguments.npz") as before:
            digest = _text(folder / "is_right")
            for i in file:  # what did not change need not be kept
                changed = file[i].tobytes() != before[i].tobytes()
                self.outputs[f"{digest}/{i}"] = file[i] if changed else np.empty(0)

    # ---- what is kept ----

    def _write(self) -> None:
        about = {
            "date": date.today().isoformat(), "seconds": round(self._elapsed()),
            **_machine(self.sanitizer),
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"about": about, "runs": self.results}, indent=1)
        (self.folder / "runs.json").write_text(text, encoding="utf-8")
        np.savez_compressed(self.folder / "outputs.npz", **self.outputs)


def _put(launch: Launch, folder: Path) -> None:
    """The launch as files that gpu_child.py reads; bf16 travels as u16."""
    folder.mkdir()
    values = [np.asarray(a) for a in launch.arguments]
    raw = [v.view(np.uint16) if v.dtype.name == "bfloat16" else v for v in values]
    np.savez(folder / "arguments.npz", **{str(i): v for i, v in enumerate(raw)})
    fields = ("code", "kernel", "grid", "block", "shared", "name_expressions")
    options = (*OPTIONS, "-std=c++17", "-lineinfo")
    value = {name: getattr(launch, name) for name in fields}
    value |= {"count": len(values), "options": options}
    (folder / "launch.json").write_text(json.dumps(value), encoding="utf-8")
    if launch.is_right:
        (folder / "is_right").write_text(launch.digest, encoding="utf-8")


def _run_limited(words: list[str], out: Path, running: float, total: float) -> tuple[str, bool]:
    """(output, whether it ended by itself). It is ended with its children at a time limit.

    running: seconds for the kernel; total: for all. How long CuPy takes to start says nothing.
    """
    with open(out / "log", "wb") as file:
        process = subprocess.Popen(
            words, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        end, launched = time.monotonic() + total, False
        while not (ended := _ends_within(process, 0.2)) and time.monotonic() < end:
            if not launched and _text(out / "stage") == "running":
                launched, end = True, min(end, time.monotonic() + running)
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
            # a driver may take its time with a kernel that hangs: nobody waits for that
            if not _ends_within(process, 10):
                print(f"process {process.pid} cannot be ended", flush=True)
    return (out / "log").read_text(encoding="utf-8", errors="replace"), ended


def _ends_within(process: subprocess.Popen, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _said(*words: str | None) -> str:
    if not words[0]:
        return ""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


VERSIONS = """
import cupy
v = cupy.cuda.runtime.runtimeGetVersion()
n = cupy.cuda.nvrtc.getVersion()
print(f"CuPy {cupy.__version__}, CUDA runtime {v // 1000}.{v % 1000 // 10}, NVRTC {n[0]}.{n[1]}")
"""


def _machine(program: str | None) -> dict[str, str]:
    """GPU, driver and versions, as far as they can be had."""
    gpu = _said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").strip()
    name, _, driver = gpu.partition(", ")
    said = _said(sys.executable, "-c", VERSIONS).strip().splitlines()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, " + "".join(said[-1:])
    numbers = [line for line in _said(program, "--version").splitlines() if "ersion" in line]
    return {
        "machine": f"{name or 'no GPU'}, driver {driver or 'unknown'}", "versions": versions,
        "sanitizer": numbers[0].strip() if numbers else "compute-sanitizer is not there",
    }  # fmt: skip
