"""Twenty training steps on kernels of a chapter, as `mlstack train --kernels` would take them."""

import io
import re
import tempfile
from contextlib import ExitStack, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import sim, train
from ..conformance.overlay import laid_over
from ..conformance.uses import file_used
from ..devices import device
from ..presets import preset
from ..run import Run
from .kernel_files import KernelFile

SIM, STEPS = "cuda-sim", 20
WORDS = ["the", "cat", "sat", "on", "a", "mat", "while", "dogs", "ran", "far", "away", "slept"]
RECIPE = {
    "n_layer": 1, "n_head": 1, "n_embd": 32, "context": 16, "batch": 2, "vocab_size": 270,
    "steps": STEPS, "eval_every": STEPS, "save_every": STEPS, "warmup": 2, "lr": 1e-2,
}  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """losses: of every update. files: (kernel, the file that served, launches). notes: on files
    that the trial before the run found wrong."""

    losses: list[float]
    files: list[tuple[str, str, int]]
    notes: list[str]


def train_on(**files: KernelFile) -> Trained:
    """Train a very small GPT in the simulator, these files over the packaged ones.

    files: the package's name of a kernel = the file that takes its place; its entry point is
    renamed if it has another name. Raises what `laid_over` does for a file that cannot serve.
    """
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(sim.config(check=False))
        folder = _lay_out(place / "yours", files)
        said = stack.enter_context(redirect_stderr(io.StringIO()))
        stack.enter_context(laid_over(folder, SIM))
        recipe = preset("tiny", corpus=f"text:{_write_corpus(place)}", device=SIM, **RECIPE)
        train.start(recipe, place / "run").train()
        losses = [e["loss"] for e in Run.open(place / "run").read_log() if "loss" in e]
        used = [(name, file_used(use.file).replace(f"{place}/", ""), use.launches)
                for name, use in sorted(device(SIM).uses().items())]  # fmt: skip
    notes = [line for line in said.getvalue().splitlines() if line.startswith("note: ")]
    return Trained(losses, used, [line.replace(f"{place}/", "") for line in notes])


def _lay_out(folder: Path, files: dict[str, KernelFile]) -> Path | None:
    if not files:
        return None
    folder.mkdir()
    for name, kernel in files.items():
        text = re.sub(rf"\b{kernel.name}\b", name, kernel.text)
        (folder / f"{name}.cu").write_text(text, encoding="utf-8")
    return folder


def _write_corpus(place: Path) -> Path:
    """150 lines of eight words, the same every time."""
    rng = np.random.default_rng(0)
    text = "".join(" ".join(rng.choice(WORDS, 8)) + "\n" for _ in range(150))
    (place / "words.txt").write_text(text, encoding="utf-8", newline="\n")
    return place / "words.txt"
