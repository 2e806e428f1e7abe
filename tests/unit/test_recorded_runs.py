"""The recorded runs are of the recipes as they are, and their pictures are of their numbers."""

import json
from dataclasses import asdict
from importlib.metadata import version

import pytest
from PIL import Image
from runs import trained

from mlstack_lib.course import recorded
from mlstack_lib.course.recorded import FOLDER, caption, command, fingerprint, load_recorded
from mlstack_lib.devices import device
from mlstack_lib.errors import BadInput
from mlstack_lib.machine import machine
from mlstack_lib.presets import PRESETS
from mlstack_lib.report import sample
from mlstack_lib.run import Run

NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))


def test_there_is_a_recorded_run():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_is_of_the_preset_as_it_is(name):
    r = load_recorded(name)
    assert r["config"] == asdict(PRESETS[r["preset"]]) | r["changes"]
    assert r["command"] == command(r["preset"], r["changes"])


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_drawn_from_the_recorded_numbers(name):
    with Image.open(FOLDER / f"{name}.png") as picture:
        assert picture.text["Source"] == fingerprint(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_what_was_recorded(name):
    readme = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    assert caption(name).splitlines()[-1] in readme
    assert load_recorded(name)["sample"].splitlines()[-1] in readme


def test_an_unknown_recorded_run_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="laptop"):
        load_recorded("none")


# ---- how they are made ----


@pytest.fixture
def made(tmp_path, monkeypatch, small):
    """made(seeds, **changes): a record of runs of these seeds -> what was written."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "recorded")

    def make(seeds, **changes):
        runs = []
        for seed in seeds:
            recipe = small(seed=seed, **changes)
            runs.append(Run.open(trained(recipe, tmp_path / f"run {seed}")))
            sample(runs[-1], runs[-1].load_model())
        json_file, picture = recorded.record(runs, "mine", "tiny", "a text of mine")
        assert picture.is_file()
        return runs, json.loads(json_file.read_text(encoding="utf-8"))

    return make


def test_a_record_of_seeds_has_the_best_loss_of_each_and_their_mean(made):
    runs, found = made([1, 2, 3])
    best = [
        min(e["valid_nats_per_token"] for e in run.read_log() if "valid_nats_per_token" in e)
        for run in runs
    ]
    assert [seed["seed"] for seed in found["seeds"]] == [1, 2, 3]
    assert [s["valid_nats_per_token"] for s in found["seeds"]] == pytest.approx(best, rel=1e-4)
    assert found["mean_best"] == pytest.approx(sum(best) / 3, rel=1e-4)
    assert found["config"]["seed"] == 1
    assert caption("mine").splitlines()[3].startswith(f"best of seeds {found['mean_best']:.4f} ")


def test_a_record_of_one_run_has_no_seeds(made):
    _, found = made([7])
    assert "seeds" not in found
    assert found["changes"]["seed"] == 7
    assert found["text"] == "a text of mine"
    assert len(caption("mine").splitlines()) == 3


def test_runs_that_differ_in_more_than_their_seed_are_not_recorded_together(small, tmp_path):
    runs = [
        Run.open(trained(small(seed=seed, steps=steps), tmp_path / str(seed)))
        for seed, steps in ((1, 5), (2, 6))
    ]
    with pytest.raises(BadInput, match="differs from .* in more than its seed"):
        recorded.record(runs, "mine", "tiny")
    assert not (FOLDER / "mine.json").exists()


def test_the_machine_of_a_record_is_the_devices():
    here = machine("cpu")
    assert here["machine"].endswith(" cores, device cpu")
    if device("webgpu").missing():
        pytest.skip(f"device webgpu: {device('webgpu').missing()}")
    found = machine("webgpu")
    assert found["machine"] == f"{device('webgpu').about()}, device webgpu"
    assert found["versions"] == f"{here['versions']}, wgpu {version('wgpu')}"
