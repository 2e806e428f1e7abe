"""What all tests share: a cache folder of their own, a small run to repeat, and counts."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from runs import trained, words_of

from mlstack_lib.presets import TrainConfig, preset

WORDS = ["the", "cat", "sat", "on", "a", "mat", "while", "dogs", "ran", "far", "away", "slept"]
SMALL = {
    "n_layer": 1, "n_head": 2, "n_embd": 16, "context": 16, "batch": 4, "vocab_size": 270,
    "steps": 25, "eval_every": 10, "save_every": 10, "warmup": 5, "lr": 1e-2,
}  # fmt: skip


# Matplotlib looks for its cache of fonts when it is imported, which is later than this.
_fonts = tempfile.TemporaryDirectory(prefix="mlstack-fonts-", ignore_cleanup_errors=True)
os.environ["MPLCONFIGDIR"] = _fonts.name


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    """Nothing that a test does reaches the cache in the home folder."""
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "cache"))


def write_corpus(path: Path, lines: int = 150) -> Path:
    """A text of eight words a line, the same every time."""
    rng = np.random.default_rng(0)
    text = "".join(" ".join(rng.choice(WORDS, 8)) + "\n" for _ in range(lines))
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.fixture(scope="session")
def text_file(tmp_path_factory) -> Path:
    """A small text, about 5,000 characters."""
    return write_corpus(tmp_path_factory.mktemp("text") / "words.txt")


@pytest.fixture(scope="session")
def small(text_file):
    """small(**changes): a recipe that trains in a blink on `text_file`."""

    def recipe(**changes) -> TrainConfig:
        return preset("tiny", **{**SMALL, "corpus": f"text:{text_file}", **changes})

    return recipe


@pytest.fixture(scope="session")
def _finished(small, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(folder / "cache"))
        return trained(small(), folder / "run")


@pytest.fixture
def finished(_finished, tmp_path) -> Path:
    """The folder of a run of `small()` that was trained to its end, for this test alone."""
    return Path(shutil.copytree(_finished, tmp_path / "finished"))


@pytest.fixture
def arguments(small):
    """arguments(**changes): the words of a command that sets every field as `small(**changes)`."""
    return lambda **changes: words_of(small(**changes))


# ---- counts, said at the end ----

_tallies: Counter = Counter()


@pytest.fixture
def tally(record_property):
    """tally(what): the test, if it passes, counts as one `what` in the summary."""
    return lambda what: record_property("tally", what)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        _tallies.update(what for key, what in report.user_properties if key == "tally")


def pytest_terminal_summary(terminalreporter):
    if _tallies:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(_tallies.items()))
        terminalreporter.write_line(f"exercises: {counts}")
