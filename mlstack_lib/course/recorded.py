"""Results that were measured once and are shown the same everywhere: `mlstack_lib/recorded/`.

A recorded run is NAME.json (recipe, machine, versions, command, losses, a sample of text) and
NAME.png, drawn from it. Made from a finished run, on the machine where it ran, by

    python -m mlstack_lib.course.recorded NAME PRESET RUN [RUN ...] [--text TEXT]

Further runs differ from the first in their seed alone: of all the best validation loss is recorded,
of the first the rest. TEXT says what a corpus of one's own is: its title, size and sha256.
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

from IPython.display import Image, display

from ..errors import BadInput
from ..files import write_atomically, write_json
from ..machine import machine
from ..presets import TrainConfig, preset
from ..report import SEPARATOR, loss_figure
from ..run import Run

FOLDER = Path(__file__).parents[1] / "recorded"
THINNED = 10  # one training loss in so many is kept


def load_recorded(name: str) -> dict[str, Any]:
    """The recorded run of that name. Raises BadInput if there is none."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        names = sorted(file.stem for file in FOLDER.glob("*.json"))
        raise BadInput(f"no recorded run is called {name!r}; there are {names}")
    return json.loads(path.read_text(encoding="utf-8"))


def fingerprint(name: str) -> str:
    """The sha256 of a recorded run's numbers, which its picture carries too."""
    return hashlib.sha256((FOLDER / f"{name}.json").read_bytes()).hexdigest()


def caption(name: str) -> str:
    """A recorded run in three lines: what was trained, where, how well; in a fourth its seeds."""
    r = load_recorded(name)
    last = [entry for entry in r["log"] if "valid_nats_per_token" in entry][-1]
    lines = (
        f"{r['parameters']:,} parameters trained on {r['text']} for "
        f"{last['step']:,} updates in {r['minutes']:.1f} minutes: {r['command']}\n"
        f"{r['machine']}; {r['versions']}; {r['date']}\n"
        f"validation loss {last['valid_nats_per_token']:.3f} nats/token, "
        f"{last['valid_bits_per_byte']:.3f} bits/byte"
    )
    if "seeds" not in r:
        return lines
    each = ", ".join(f"{seed['valid_nats_per_token']:.4f}" for seed in r["seeds"])
    return f"{lines}\nbest of seeds {r['mean_best']:.4f} nats/token in the mean: {each}"


def show_recorded(name: str, figure: str) -> None:
    """Show a recorded run in a notebook: its losses, what they are, and a sample of its text.

    `figure` begins the caption: "Figure 0.2".
    """
    display(Image(filename=str(FOLDER / f"{name}.png"), width=640))
    print(f"{figure}. Losses, learning rate and gradient norm of a recorded run.\n{caption(name)}")
    print(f"\n{load_recorded(name)['sample']}")


def record(runs: list[Run], name: str, preset_name: str, text: str = "") -> list[Path]:
    """Write NAME.json and NAME.png from finished runs; return their paths. Raises BadInput."""
    run, config = runs[0], asdict(runs[0].config)
    for other in runs[1:]:
        if asdict(other.config) | {"seed": config["seed"]} != config:
            raise BadInput(f"{other.folder} differs from {run.folder} in more than its seed")
    changes = changes_of(run.config, preset_name)
    log, samples = run.read_log(), (run.folder / "samples.txt").read_text(encoding="utf-8")
    value = {
        "command": command(preset_name, changes),
        "preset": preset_name,
        "changes": changes,
        "text": text or run.config.corpus,
        "date": date.today().isoformat(),
        **machine(run.config.device),
        "parameters": run.new_model().parameter_count(),
        "minutes": minutes(log),
        "config": config,
        "log": [_rounded(e) for e in log if "loss" not in e or e["step"] % THINNED == 1],
        "sample": samples.split(SEPARATOR)[0].rstrip(),
    }
    return write(name, value | (_of_seeds(runs) if runs[1:] else {}))


def minutes(log: list[dict[str, Any]]) -> float:
    """From the beginning of the first update to that of the last few."""
    times = [entry["time"] for entry in log if "time" in entry]
    return round((times[-1] - times[0]) / 60, 2)


def _of_seeds(runs: list[Run]) -> dict[str, Any]:
    """The best look at the validation split of each run, and the mean of these losses."""
    seeds = []
    for run in runs:
        log = run.read_log()
        looks = [entry for entry in log if "valid_nats_per_token" in entry]
        best = min(looks, key=lambda entry: entry["valid_nats_per_token"])
        seeds.append({"seed": run.config.seed, **_rounded(best), "minutes": minutes(log)})
    return {"seeds": seeds, "mean_best": mean(seed["valid_nats_per_token"] for seed in seeds)}


def changes_of(config: TrainConfig, preset_name: str) -> dict[str, Any]:
    """The fields in which a recipe differs from a preset."""
    usual = asdict(preset(preset_name))
    return {key: value for key, value in asdict(config).items() if value != usual[key]}


def command(preset_name: str, changes: dict[str, Any]) -> str:
    """What one types to train so."""
    words = [f"mlstack train --preset {preset_name}"]
    return " ".join(words + [f"--{field} {value}" for field, value in changes.items()])


def write(name: str, value: dict[str, Any]) -> list[Path]:
    """Write a recorded run, and its picture."""
    FOLDER.mkdir(exist_ok=True)
    paths = [FOLDER / f"{name}.json", FOLDER / f"{name}.png"]
    write_json(paths[0], value)
    figure = loss_figure(value["log"], value["command"])
    made_of = {"Source": fingerprint(name)}
    write_atomically(
        paths[1], lambda part: figure.savefig(part, format="png", dpi=100, metadata=made_of)
    )
    return paths


def _rounded(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: float(f"{value:.5g}") if isinstance(value, float) else value
        for key, value in entry.items()
        if key != "time"
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mlstack_lib.course.recorded")
    parser.add_argument("name")
    parser.add_argument("preset")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--text", default="")
    given = parser.parse_args()
    runs = [Run.open(folder) for folder in given.runs]
    for path in record(runs, given.name, given.preset, given.text):
        print(f"wrote {path}")
