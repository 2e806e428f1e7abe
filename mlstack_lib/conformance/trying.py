"""Try a learner's kernel files in another process, which may crash or hang without harm to us.

An illegal access poisons a CUDA context for good, and a loop for ever blocks whoever waits for it.
So a child process runs each file through conformance cases first. It says on its standard output,
a line of JSON each, what it is about to try and how that went; the parent allows so many seconds
between two lines. Nothing here depends on the device.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from .. import kernels
from ..devices import device
from ..errors import BadInput, CouldNotFinish
from .comparing import Mismatch
from .entry import check_entry
from .running import Trial, check, trials_by_kernel

LIMIT = 60.0  # seconds for a kernel to be compiled and run in one trial


def learners_files(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder that take a packaged kernel's place: stubs and other names do not.

    Raises BadInput for no folder, and for a folder without any file of a kernel.
    """
    if not folder.is_dir():
        raise BadInput(f"--kernels: there is no folder {folder}")
    files = [file for file in sorted(folder.glob(f"*{suffix}")) if file.stem in trials_by_kernel()]
    if not files:
        raise BadInput(
            f"--kernels: {folder} holds no file that is named as a kernel, such as add{suffix}; "
            f"known: {', '.join(sorted(trials_by_kernel()))}"
        )
    return [file for file in files if not kernels.is_stub(file)]


def try_out(folder: Path, device_name: str, limit: float = LIMIT) -> list[str]:
    """Run the learner's files on the device, in a child; return a note on each that is wrong.

    Wrong numbers are for the learner to see in training. What cannot be run raises BadInput: no
    entry point of the file's name, other parameters, does not compile. What must not be run raises
    CouldNotFinish: an access beyond an array, a crash, no end within `limit` seconds.
    """
    if why := device(device_name).missing():
        raise CouldNotFinish(f"device {device_name}: {why}")
    files = learners_files(folder, device(device_name).suffix)
    for file in files:
        if file.suffix == ".cu":  # of a .wgsl file the device itself looks at all that
            check_entry(file)
    return _in_child(folder, device_name, [file.stem for file in files], limit) if files else []


def trials_of(name: str) -> list[Trial]:
    """A kernel's trials here: of each case that launches it the smallest and the largest size."""
    by_label: dict[str, list[Trial]] = {}
    for trial in trials_by_kernel()[name]:
        by_label.setdefault(trial.label, []).append(trial)
    return [trial for group in by_label.values() for trial in dict.fromkeys((group[0], group[-1]))]


# ---- the parent ----


def _command(folder: Path, device_name: str, names: list[str]) -> list[str]:
    return [sys.executable, "-m", __name__, str(folder), device_name, *names]


def _in_child(folder: Path, device_name: str, names: list[str], limit: float) -> list[str]:
    child = subprocess.Popen(_command(folder, device_name, names), stdout=subprocess.PIPE)
    lines: Queue = Queue()
    Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    try:
        return _listen(child, lines, f"on {device_name}, in a trial of", folder, limit)
    finally:
        child.kill()
        child.wait()


def _read(stream, lines: Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _listen(child, lines: Queue, where: str, folder: Path, limit: float) -> list[str]:
    notes, at = [], "the beginning"
    while True:
        try:
            line = lines.get(timeout=limit)
        except Empty:
            raise CouldNotFinish(
                f"{folder / at}: no end within {limit:.0f} s {where} it: does the condition of a "
                "loop ever become false?"
            ) from None
        if not line:
            raise CouldNotFinish(
                f"{folder / at}: the process ended ({_how(child.wait())}) {where} it: look for "
                "accesses beyond the arrays"
            )
        said = json.loads(line)
        if "done" in said:
            return notes
        at = said["file"]
        if "wrong" in said:
            notes.append(f"{folder / at}: not what the reference gives {where} {said['wrong']}")
        if "failed" in said:
            kind = BadInput if said["bad input"] else CouldNotFinish
            raise kind(f"{folder / at}: {said['failed']}")


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


# ---- the child ----


def _child(folder: str, device_name: str, *names: str) -> None:
    parent = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what kernels print is not for the parent
    dev = device(device_name)
    with kernels.folder_first(folder):
        for name in names:
            for trial in trials_of(name):
                about = {"file": name + dev.suffix}
                print(json.dumps(about), file=parent, flush=True)
                if said := _try(dev, trial):
                    print(json.dumps(about | said), file=parent, flush=True)
                    break
    print(json.dumps({"done": len(names)}), file=parent, flush=True)
    os._exit(0)  # a CUDA context that is poisoned may not let Python end by itself


def _try(dev, trial: Trial) -> dict:
    try:
        with suppress(NotImplementedError):  # a size that the launchers refuse
            check(dev, trial)
    except Mismatch as error:
        return {"wrong": f"{trial}: {error}"}
    except Exception as error:  # whatever the device's library raises
        return {"failed": str(error), "bad input": isinstance(error, BadInput)}
    return {}


if __name__ == "__main__":
    _child(*sys.argv[1:])
