"""Checkpoints: safetensors files that hold all that a run needs to go on exactly as it was."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import BadInput
from .files import write_bytes

FORMAT = "mlstack-checkpoint-1"
PREFIX = "optimizer."  # of the moments' names in the file


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` updates.

    weights: by GPT-2's names, (out, in); moments: the optimizer's flat buffers (empty for imported
    weights); sampler: where the stream of batches stands; config: the recipe's fields; tokenizer,
    corpus: the fingerprints of both. All three must be the run's own.
    """

    step: int
    weights: dict[str, np.ndarray]
    moments: dict[str, np.ndarray]
    sampler: dict[str, Any]
    config: dict[str, Any]
    tokenizer: str
    corpus: str

    def save(self, path: Path | str) -> None:
        """Write the checkpoint, atomically. Raises CouldNotFinish."""
        meta = {"step": self.step, "sampler": self.sampler, "config": self.config}
        meta |= {"tokenizer": self.tokenizer, "corpus": self.corpus}
        tensors = self.weights | {PREFIX + k: v for k, v in self.moments.items()}
        write_bytes(path, save(tensors, {"format": FORMAT, "mlstack": json.dumps(meta)}))


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint. Raises BadInput if the file is damaged or not a checkpoint of ours."""
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise BadInput(
                    f"{path} is a safetensors file but no mlstack checkpoint; "
                    "weights of other programs come in by `mlstack import`"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist") from None
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path} is truncated or damaged, or not a checkpoint ({error}); "
            "delete it to go on from the one before"
        ) from None
    moments = {k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)}
    weights = {k: v for k, v in tensors.items() if not k.startswith(PREFIX)}
    try:
        return Checkpoint(weights=weights, moments=moments, **json.loads(metadata["mlstack"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} lacks what an mlstack checkpoint tells of a run: {error}") from None


# ---- the checkpoints of a run ----


def path_of(run: Path, step: int) -> Path:
    """Where a run keeps the checkpoint of `step`."""
    return run / f"step-{step:07d}.safetensors"


def all_of(run: Path) -> list[Path]:
    """The checkpoints of a run, the latest last."""
    return sorted(run.glob("step-*.safetensors"))


def latest(run: Path) -> Path | None:
    """The latest checkpoint of a run, or None."""
    return (all_of(run) or [None])[-1]


def keep_last(run: Path, count: int) -> None:
    """Delete all but the last `count` checkpoints, and what a killed process left half-written."""
    for old in [*all_of(run)[:-count], *run.glob(".*.part")]:
        old.unlink(missing_ok=True)
