"""The recorded runs are of the recipes as they are, and their pictures are of their numbers."""

from dataclasses import asdict

import pytest
from PIL import Image

from mlstack_lib.course.recorded import FOLDER, caption, command, fingerprint, load_recorded
from mlstack_lib.errors import BadInput
from mlstack_lib.presets import PRESETS

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
