"""Training in a process of its own: real signals, real limits, real pipes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import contents, end_of, log_of, trained

from mlstack_lib import checkpoint

if sys.platform != "win32":
    import resource

POSIX = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such signals, limits and devices"
)


@pytest.fixture
def command(arguments):
    """command(folder, **changes): what trains `small(**changes)` in a new process."""
    mlstack = [sys.executable, "-m", "mlstack_lib"]
    return lambda folder, **changes: [
        *mlstack,
        "train",
        "--out",
        str(folder),
        *arguments(**changes),
    ]


def resume(folder: Path) -> list[str]:
    return [sys.executable, "-m", "mlstack_lib", "train", "--resume", "--out", str(folder)]


def finish(words: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60, **options)


@POSIX
def test_a_real_ctrl_c_saves_and_the_resumed_run_is_the_unbroken_one(command, small, tmp_path):
    recipe = {"steps": 400, "save_every": 1000, "eval_every": 1000}
    trained(small(**recipe), tmp_path / "unbroken")
    folder = tmp_path / "broken"
    process = subprocess.Popen(
        command(folder, **recipe), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    while not (folder / "log.jsonl").exists() or (folder / "log.jsonl").stat().st_size == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (saved,) = checkpoint.all_of(folder)
    step = checkpoint.load(saved).step
    assert 0 < step < 400
    assert f"stopped after update {step} and saved; go on with: mlstack train --resume" in out
    assert "Traceback" not in err
    done = finish(resume(folder))
    assert done.returncode == 0, done.stderr
    assert log_of(folder) == log_of(tmp_path / "unbroken")
    assert end_of(folder) == end_of(tmp_path / "unbroken")


@POSIX
def test_a_checkpoint_that_fits_no_longer_is_exit_status_1_and_nothing_is_lost(
    command, finished, tmp_path
):
    def limit():  # a checkpoint is 100 kB; what the system says is: File too large
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, resource.RLIM_INFINITY))

    folder = tmp_path / "run"
    done = finish(command(folder), preexec_fn=limit)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-1].startswith(f"mlstack: cannot write {folder / 'step-0000010.safetensors'}: ")
    assert "Traceback" not in done.stderr
    left = ["config.json", "log.jsonl", "tokenizer.json"]
    assert sorted(contents(folder)) == left
    done = finish(resume(folder))
    assert done.returncode == 0, done.stderr
    assert log_of(folder) == log_of(finished)
    assert end_of(folder) == end_of(finished)


def test_a_run_writes_into_its_folder_and_the_cache_alone(command, tmp_path):
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    environment = {**os.environ, "MLSTACK_DATA": str(tmp_path / "data")}
    environment |= dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"), str(home))
    environment.pop("XDG_CACHE_HOME", None)
    done = finish(command(Path("run"), steps=2), cwd=work, env=environment)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
    assert [p.name for p in work.iterdir()] == ["run"]
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["tokens"]


def test_the_exit_status_of_the_process_is_that_of_the_command(command, tmp_path):
    done = finish([*command(tmp_path / "run"), "--presett", "tiny"])
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "mlstack: train: '--presett' is no option and no field of the recipe, "
        "did you mean 'preset'?\n"
    )


@POSIX
def test_a_reader_that_goes_away_is_no_traceback(finished):
    process = subprocess.Popen(
        [sys.executable, "-m", "mlstack_lib", "generate", str(finished), "--tokens", "500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_exit_status_1():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mlstack_lib", "doctor"],
            stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith("mlstack: ") for line in lines)
    assert all(line.endswith("No space left on device") for line in lines)
