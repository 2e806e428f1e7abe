"""kill -9 at any moment: what is left on the disk goes on to the end of the unbroken run.

The process gets no chance to tidy up. Most moments are drawn at random from the time that the
unbroken run took; the others are places where something is half done, such as a checkpoint that
is written but has not got its name. Together they are 20.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import contents, end_of, log_of, words_of

from mlstack_lib import checkpoint

TIMED = 12
PLACES = [  # what the process does when it dies, and how often it has come there
    (r"^replace .*tokenizer.json", 1),
    (r"^replaced .*tokenizer.json", 1),
    (r"^replace .*config.json", 1),
    (r"^log", 4),
    (r"^replace .*step-", 5),
    (r"^replaced .*step-", 3),
    (r"^delete .*step-", 4),
    (r"^validate", 5),
]
FIELDS = {"steps": 240, "save_every": 4, "eval_every": 3, "keep": 2, "dropout": 0.1}

# What dies at a place: `mlstack`, in which the events that matter are counted.
DYING = """
import os, re, signal, sys
from pathlib import Path
from mlstack_lib import cli, train
from mlstack_lib.run import Run

pattern, left = sys.argv[1], int(sys.argv[2])

def event(name):
    global left
    if re.search(pattern, name):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

replace, unlink, append, windows = os.replace, Path.unlink, Run.append_log, train.validation_windows

def noisy_replace(part, path):
    event(f"replace {path}")
    replace(part, path)
    event(f"replaced {path}")

def noisy_unlink(self, *args, **kwargs):
    event(f"delete {self}")
    unlink(self, *args, **kwargs)

def noisy_append(self, entries):
    with open(self.folder / "log.jsonl", "rb+") as file:  # half a line, taken back if we live
        size = file.seek(0, 2)
        file.write(b'{"step": 1, "los')
        file.flush()
        event("log")
        file.truncate(size)
    append(self, entries)

def noisy_windows(*args):
    for i, batch in enumerate(windows(*args)):
        if i == 1:
            event("validate")
        yield batch

os.replace, Path.unlink, Run.append_log = noisy_replace, noisy_unlink, noisy_append
train.validation_windows = noisy_windows
sys.exit(cli.main(sys.argv[3:]))
"""


class Training:
    """A run that processes work on, one after the other, until it is finished."""

    def __init__(self, folder: Path, recipe):
        self.folder, self.kills = folder / "run", []
        self.fields = words_of(recipe)
        self.environment = {**os.environ, "MLSTACK_DATA": str(folder / "data")}

    def words(self) -> list[str]:
        """Go on with the run, or begin it if the last process died before there was one."""
        way = ["--resume"] if (self.folder / "config.json").exists() else self.fields
        return ["train", "--out", str(self.folder), *way]

    def launch(self, *python: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *python, *self.words()],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def finish(self) -> None:
        process = self.launch("-m", "mlstack_lib")
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err

    def killed_after(self, seconds: float) -> bool:
        """Whether it was killed after that time; else it was finished before."""
        process = self.launch("-m", "mlstack_lib")
        try:
            _, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.kills.append(f"{seconds:.2f} s, saved: {checkpoint.latest(self.folder)}")
            return True
        assert process.returncode == 0, err
        return False

    def dies_at(self, pattern: str, count: int) -> None:
        process = self.launch("-c", DYING, pattern, str(count))
        _, err = process.communicate(timeout=120)
        assert process.returncode not in (0, 1, 2), (pattern, process.returncode, err)
        self.kills.append(pattern)


def assert_equal_to_the_last_bit(training: Training, unbroken: Training) -> None:
    folder, want = training.folder, unbroken.folder
    assert log_of(folder) == log_of(want), training.kills
    assert end_of(folder) == end_of(want), training.kills
    assert sorted(contents(folder)) == sorted(contents(want)), training.kills  # nothing half done


@pytest.fixture(scope="module")
def recipe(small):
    return small(**FIELDS)


@pytest.fixture(scope="module")
def unbroken(recipe, tmp_path_factory):
    """The run that nothing has stopped, and the seconds it took."""
    training = Training(tmp_path_factory.mktemp("unbroken"), recipe)
    began = time.perf_counter()
    training.finish()
    return training, time.perf_counter() - began


def test_a_resume_before_there_is_a_run_is_bad_input_and_makes_nothing(tmp_path):
    words = ["-m", "mlstack_lib", "train", "--resume", "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, *words], capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    assert "holds no run" in done.stderr
    assert not (tmp_path / "run").exists()


def test_runs_killed_at_random_times_end_as_the_unbroken_one(unbroken, recipe, tmp_path):
    straight, seconds = unbroken
    rng = random.Random(0)
    moments = [seconds * (i + rng.random()) / TIMED for i in range(TIMED)]
    rng.shuffle(moments)
    runs = 0
    while moments:  # a run may finish before its kill: then another one is begun
        folder = tmp_path / f"{runs}"
        folder.mkdir()
        training, runs = Training(folder, recipe), runs + 1
        while moments and training.killed_after(moments[-1]):
            moments.pop()
        if not moments:
            training.finish()
        elif not training.kills:  # a whole run is faster now than the unbroken one was
            moments[-1] /= 2
        assert_equal_to_the_last_bit(training, straight)


def test_a_run_killed_where_something_is_half_done_ends_as_the_unbroken_one(
    unbroken, recipe, tmp_path
):
    training = Training(tmp_path, recipe)
    for pattern, count in PLACES:
        training.dies_at(pattern, count)
    assert len(training.kills) + TIMED == 20
    training.finish()
    assert_equal_to_the_last_bit(training, unbroken[0])
