"""Compare the CUDA simulator with a real GPU and compute-sanitizer. For maintainers.

    python tests/gpu/compare_simulator.py --out FOLDER     on a machine with an NVIDIA GPU and CuPy
    python tests/gpu/compare_simulator.py --out FOLDER --record     anywhere, afterwards

The first command runs every launch on the GPU (runs.json, outputs.npz in FOLDER) and, if there is a
C++ compiler, in the simulator, and writes FOLDER/simulator_h100.json. If FOLDER has runs.json, the
GPU's half is taken from there. --record puts the result into tests/sim/recorded and its table into
the simulator's README. A GPU is used for at most --minutes.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import sanitizer
from gpu_runs import ALONE, Runs
from judging import judge, table
from launches import OPTIONS, Launch, launches

from mlstack_lib import sim
from mlstack_lib.errors import CouldNotFinish

NAME = "simulator_h100.json"
RECORDED = Path(__file__).parents[1] / "sim" / "recorded" / NAME
README = Path(sim.__file__).with_name("README.md")
BEGIN, END = f"<!-- from tests/sim/recorded/{NAME} -->", "<!-- end -->"
COMMAND = "python tests/gpu/compare_simulator.py --out FOLDER"


def main() -> int:
    """0, or 1 if a part could not be done; its message says which."""
    options = _options()
    every = [launch for launch in launches() if re.search(options.only, launch.name)]
    if not (options.out / "runs.json").is_file():
        print(f"the GPU's half of {len(every)} launches, at most {options.minutes:g} minutes")
        Runs(options.out, options.seconds, options.minutes, options.workers).run(every)
    try:
        record = compare(every, options.out)
    except CouldNotFinish as error:
        print(f"the simulator's half is to be done elsewhere: {error}")
        return 1
    (options.out / NAME).write_text(as_text(record), encoding="utf-8")
    print(table(record))
    if options.record:
        RECORDED.parent.mkdir(exist_ok=True)
        shutil.copy(options.out / NAME, RECORDED)
        README.write_text(with_table(README.read_text(encoding="utf-8"), record), encoding="utf-8")
        print(f"wrote {RECORDED} and the table in {README}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--record", action="store_true", help="keep the result in the repository")
    parser.add_argument("--only", default="", metavar="PATTERN", help="launches whose names fit")
    parser.add_argument("--seconds", type=float, default=15, help="for one kernel on the GPU")
    parser.add_argument("--minutes", type=float, default=4.0, help="for all of them")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at a time")
    return parser.parse_args()


# ---- the comparison ----


def compare(every: list[Launch], folder: Path) -> dict:
    """The record: what was found on both sides, launch by launch."""
    kept = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    with np.load(folder / "outputs.npz") as file:
        outputs = {key: file[key] for key in file}
    entries = []
    for launch in every:
        entry, arrays = simulated(launch)
        runs = kept["runs"].get(launch.digest, {})
        entry["gpu"] = {tool: _of_run(run) for tool, run in runs.items() if tool in sanitizer.TOOLS}
        if ALONE in runs:
            entry["gpu"]["outcome"] = _outcome(runs[ALONE])
        if launch.is_right:
            entry["results"] = results(launch, arrays, outputs)
        entry["agree"], entry["why"] = judge(entry)
        entries.append(entry)
    return {"about": {**kept["about"], "command": COMMAND}, "launches": entries}


def simulated(launch: Launch) -> tuple[dict, dict[int, np.ndarray]]:
    """The simulator's half of an entry, and its arrays after the launch."""
    module = sim.RawModule(launch.code, options=OPTIONS, name_expressions=launch.name_expressions)
    kernel = module.get_function(launch.kernel)
    kernel.max_dynamic_shared_size_bytes = 227 << 10
    arguments = [sim.asarray(a) if isinstance(a, np.ndarray) else a for a in launch.arguments]
    time_limit = 60.0 if launch.group == "kernel" else 2.0
    notes = contextlib.redirect_stdout(io.StringIO())  # they are findings too
    with sim.config(check=launch.check, timeout=time_limit), notes:
        try:
            kernel(launch.grid, launch.block, tuple(arguments), shared_mem=launch.shared)
            found = kernel.report
        except sim.KernelError as error:
            found = error.findings
    findings = [
        {name: getattr(f, name) for name in ("kind", "line", "line2", "array", "count")}
        for f in found
    ]
    entry = {
        "name": launch.name, "group": launch.group, "digest": launch.digest,
        "right": launch.is_right, "checked": launch.check, "faults": launch.faults,
        "simulator": findings,
    }  # fmt: skip
    return entry, {i: sim.asnumpy(arguments[i]) for i in launch.arrays}


def _of_run(run: dict) -> dict:
    reports = [vars(report) for report in sanitizer.read(run["log"])]
    return {"outcome": _outcome(run), "findings": reports}


def _outcome(run: dict) -> str:
    """`done`, `hangs`, `failed: ...`, `refused: ...`, or how far the process came."""
    stage, error = run["stage"], run["error"]
    if stage == "done":
        return "done"
    if error == "time limit":
        return "hangs" if stage == "running" else f"time limit while {stage}"
    if stage == "compiling":
        return f"refused: {error[:120]}"
    return f"failed: {error[:120]}" if stage == "running" else f"{stage}: {error[:120]}"


def results(launch: Launch, arrays: dict, outputs: dict) -> list[str]:
    """For each array how the GPU's values lie to the simulator's."""
    texts = []
    for i, mine in arrays.items():
        key = f"{launch.digest}/{i}"
        if key not in outputs:
            continue
        unchanged = outputs[key].size == 0
        theirs = launch.arrays[i] if unchanged else outputs[key].view(mine.dtype)
        texts.append(_differ(mine, theirs, launch.tolerances.get(i)))
    return texts


def _differ(mine: np.ndarray, theirs: np.ndarray, tolerance: float | None) -> str:
    if mine.tobytes() == theirs.tobytes():
        return "bit for bit"
    away = np.abs(mine.astype(np.float64) - theirs.astype(np.float64)).max()
    if tolerance is not None and away <= tolerance:
        return "within the tolerance"
    return f"differs by {away:.3g}, tolerance {tolerance or 0:.3g}"


# ---- the files ----


def as_text(record: dict) -> str:
    """The record as JSON, an entry a line."""
    lines = ",\n".join(json.dumps(entry) for entry in record["launches"])
    return f'{{"about": {json.dumps(record["about"])},\n"launches": [\n{lines}\n]}}\n'


def with_table(readme: str, record: dict) -> str:
    """The README's text with the table of the record between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table(record)}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
