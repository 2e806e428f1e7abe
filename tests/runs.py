"""What tests ask of a run: its log and its end in a form that can be compared, its files."""

from dataclasses import replace
from pathlib import Path

from mlstack_lib import checkpoint, train
from mlstack_lib.presets import TrainConfig
from mlstack_lib.run import Run


def trained(recipe: TrainConfig, folder: Path) -> Path:
    """Train a run in a new folder to its end; return the folder."""
    train.start(recipe, folder).train()
    return folder


def log_of(folder: Path) -> list[dict]:
    """The log without what differs from one time to the next."""
    entries = Run.open(folder).read_log()
    return [{k: v for k, v in entry.items() if k != "time"} for entry in entries]


def losses(folder: Path) -> list[float]:
    """The training loss of every update."""
    return [entry["loss"] for entry in log_of(folder) if "loss" in entry]


def end_of(folder: Path) -> tuple:
    """The last checkpoint: its tensors by name, and the rest; equal only if equal to the bit."""
    found = checkpoint.load(checkpoint.latest(folder))
    tensors = {**found.weights, **{f"moment {k}": v for k, v in found.moments.items()}}
    values = {name: (v.dtype, v.shape, v.tobytes()) for name, v in tensors.items()}
    return values, replace(found, weights={}, moments={})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def words_of(recipe: TrainConfig) -> list[str]:
    """Every field of a recipe as the command line takes it."""
    return [word for name, value in vars(recipe).items() for word in (f"--{name}", str(value))]


def assert_refused(result: tuple[int, str, str], message: str) -> None:
    """Exit status 2, nothing on stdout, and one line on stderr with the message in it."""
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.startswith("mlstack: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert message in err
