"""`mlstack train`: what it leaves, how it goes on, and one clear line where it cannot."""

import errno
import json
import os
import shlex
import signal
from dataclasses import fields

import pytest
from runs import assert_refused, contents, log_of

from mlstack_lib import checkpoint, cli, report, train
from mlstack_lib.presets import TrainConfig
from mlstack_lib.run import Run
from mlstack_lib.tokenizer import CharTokenizer

DRAW = report.draw  # the real one


@pytest.fixture(autouse=True)
def quick_report(monkeypatch):
    """No picture and short samples: nearly all of the time of a run this small."""
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 10)
    monkeypatch.setattr(report, "draw", lambda run: run.folder / "loss.png")


# ---- train ----


def test_train_leaves_all_that_a_run_has_and_tells_its_end(
    mlstack, arguments, tmp_path, finished, monkeypatch
):
    monkeypatch.setattr(report, "draw", DRAW)
    folder = tmp_path / "run"
    status, out, err = mlstack("train", "--preset", "tiny", "--out", folder, *arguments())
    assert status == 0
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json", "log.jsonl", "loss.png", "samples.txt", "step-0000020.safetensors",
        "step-0000025.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert log_of(folder) == log_of(finished)
    assert f"{folder}: 7,888 parameters, " in out
    assert (folder / "samples.txt").read_text(encoding="utf-8") in out
    assert str(folder / "loss.png") in out
    assert out.splitlines()[-1] == report.summary(Run.open(folder))
    assert "Traceback" not in err


def test_fields_are_given_with_a_space_or_a_sign_and_with_either_dash(mlstack, arguments, tmp_path):
    words = ["--lr=0.5", "--weight-decay", "0.25", "--eval-every=3", "--steps", "1"]
    status, *_ = mlstack("train", "--out", tmp_path / "run", *arguments(), *words)
    assert status == 0
    config = Run.open(tmp_path / "run").config
    assert (config.lr, config.weight_decay, config.eval_every, config.steps) == (0.5, 0.25, 3, 1)


def test_the_folder_is_called_after_the_preset_if_no_other_is_given(
    mlstack, arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert mlstack("train", "--preset", "tiny", *arguments(steps=1))[0] == 0
    assert Run.open(tmp_path / "runs" / "tiny").config.steps == 1


def test_help_names_every_field_of_the_recipe(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", "--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out.replace("\n", " ")
    assert all(f"--{field.name}" in told for field in fields(TrainConfig))


REFUSED = [
    (["--preset", "labtop"], "preset 'labtop' is not known, did you mean 'laptop'?"),
    (["--corpus", "shakespear"], "corpus 'shakespear' is not known, did you mean 'shakespeare'?"),
    (["--device", "cpuu"], "device 'cpuu' is not known, did you mean 'cpu'?"),
    (["--stepz", "3"], "'--stepz' is no option and no field of the recipe, did you mean 'steps'?"),
    (["--resumee"], "'--resumee' is no option and no field of the recipe, did you mean 'resume'?"),
    (["--pre", "tiny"], "'--pre' is no option"),
    (["tiny"], "'tiny' is no option and no field"),
    (["-x"], "'-x' is no option"),
    (["--steps"], "--steps needs a value"),
    (["--steps", "ten"], "--steps needs a whole number, got 'ten'"),
    (["--steps="], "--steps needs a whole number, got ''"),
    (["--steps", "0"], "steps is 0, must be at least 1"),
    (["--lr", "-1"], "lr is -1.0, must be at least 0"),
    (["--n_head", "7"], "does not divide into n_head 7 heads"),
    (["--tokenizer", "bpee"], "tokenizer 'bpee' is not known, did you mean 'bpe'?"),
    (["--corpus", "text:none.txt"], "none.txt: no such file or folder"),
    (["--corpus", "text:"], "text: needs a file or folder"),
    (["--vocab_size", "256"], "vocab_size from 257"),
    (["--vocab_size", "65536"], "to 65535, got 65536"),
    (["--context", "99999"], "a context of 99,999 needs 100,000"),
    (["--seed", "4294967296"], "seed is 4294967296, must be below 2**32"),
    (["--out"], "--out"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda x: " ".join(x)[:40])
def test_train_refuses_bad_input_in_one_line_and_makes_nothing(
    mlstack, arguments, tmp_path, words, message
):
    before = ["train", "--out", tmp_path / "run", *arguments()]
    assert_refused(mlstack(*before, *words), message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no text in it, expected at least one document"),
        (b"caf\xe9 " * 99, "not UTF-8 at byte offset 3; save it as UTF-8"),
        (b"short", "but a context of 16 needs 17"),
    ],
)
def test_train_refuses_a_bad_text(mlstack, arguments, tmp_path, content, message):
    (tmp_path / "text").write_bytes(content)
    words = ["--corpus", f"text:{tmp_path / 'text'}", "--out", tmp_path / "run"]
    assert_refused(mlstack("train", *arguments(), *words), message)
    assert not (tmp_path / "run").exists()
    assert (tmp_path / "text").read_bytes() == content


def test_train_never_writes_over_another_run_or_other_files(mlstack, arguments, tmp_path, finished):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_bytes(b"precious")
    (tmp_path / "file").write_bytes(b"precious")
    before = contents(tmp_path)
    for folder, message in (
        (finished, "holds another run: go on with --resume, or choose another --out"),
        (tmp_path / "mine", "is not an empty folder: choose another --out"),
        (tmp_path / "file", "is not an empty folder: choose another --out"),
    ):
        assert_refused(mlstack("train", "--out", folder, *arguments()), message)
    assert contents(tmp_path) == before


def test_a_recipe_that_diverges_is_exit_status_1(mlstack, arguments, tmp_path):
    words = ["--out", tmp_path / "run", *arguments(), "--lr", "1e30", "--warmup", "0"]
    status, _, err = mlstack("train", *words)
    assert status == 1
    assert err.startswith("mlstack: training stopped at update 2: linear (forward): ")
    assert err.count("\n") == 1


def test_a_full_disk_is_exit_status_1_and_resume_goes_on(
    mlstack, arguments, tmp_path, finished, monkeypatch
):
    replace_file = os.replace

    def fills_up(part, path):
        if "step-0000020" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace_file(part, path)

    monkeypatch.setattr(os, "replace", fills_up)
    folder = tmp_path / "run"
    status, _, err = mlstack("train", "--out", folder, *arguments())
    assert status == 1
    message = f"cannot write {folder / 'step-0000020.safetensors'}: {os.strerror(errno.ENOSPC)}"
    assert err.splitlines()[-1] == f"mlstack: {message}"
    monkeypatch.setattr(os, "replace", replace_file)
    assert mlstack("train", "--resume", "--out", folder)[0] == 0
    assert log_of(folder) == log_of(finished)


def test_too_little_memory_is_exit_status_1(mlstack, arguments, tmp_path):
    words = ["--out", tmp_path / "run", *arguments(), "--n_embd", str(1 << 30)]
    status, _, err = mlstack("train", *words)
    assert (status, err.count("\n")) == (1, 1)
    assert "Unable to allocate" in err
    assert not (tmp_path / "run").exists()


def test_an_error_of_the_system_is_exit_status_1(mlstack, monkeypatch):
    def fail():
        raise PermissionError(errno.EACCES, "Permission denied", "somewhere")

    monkeypatch.setattr(cli.doctor, "report", fail)
    status, _, err = mlstack("doctor")
    assert status == 1
    assert err == "mlstack: [Errno 13] Permission denied: 'somewhere'\n"


# ---- interrupted, resumed ----


def test_ctrl_c_is_exit_status_130_and_the_command_it_tells_goes_on(
    mlstack, arguments, tmp_path, finished, monkeypatch
):
    update, seen = train.update, []

    def interrupted(parallel, feed):
        update(parallel, feed)
        seen.append(1)
        if len(seen) == 13:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "update", interrupted)
    folder = tmp_path / "my run"
    status, out, err = mlstack("train", "--out", folder, *arguments())
    assert status == 130
    assert "saving; press Ctrl-C again to stop at once" in err
    told = out.splitlines()[-1]
    assert told.startswith("stopped after update 13 and saved; go on with: mlstack train --resume")
    words = shlex.split(told.partition("mlstack ")[2].replace("\\", "\\\\"))
    status, out, _ = mlstack(*words)
    assert status == 0
    assert f"{folder}: going on after update 13" in out
    assert log_of(folder) == log_of(finished)


def test_ctrl_c_elsewhere_is_exit_status_130(mlstack, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    monkeypatch.setattr(cli.doctor, "report", lambda: signal.raise_signal(signal.SIGINT))
    try:
        assert mlstack("doctor") == (130, "", "mlstack: interrupted\n")
    finally:
        signal.signal(signal.SIGINT, before)


def test_resume_takes_no_fields(mlstack, finished):
    result = mlstack("train", "--resume", "--out", finished, "--lr", "0.1")
    assert_refused(result, "--resume takes the recipe from the run")


def test_resume_of_nothing_is_refused(mlstack, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert_refused(mlstack("train", "--resume", "--out", folder), "holds no run")
    assert not (tmp_path / "none").exists()


def test_resume_of_a_finished_run_reports_again(mlstack, finished):
    before = log_of(finished)
    status, out, _ = mlstack("train", "--resume", "--out", finished)
    assert status == 0
    assert out.splitlines()[-1] == report.summary(Run.open(finished))
    assert log_of(finished) == before


@pytest.mark.parametrize("command", ["resume", "generate", "export"])
@pytest.mark.parametrize("wrong", ["truncated", "not ours", "another configuration", "tokenizer"])
def test_a_wrong_checkpoint_is_refused_and_nothing_is_lost(
    mlstack, finished, tmp_path, command, wrong
):
    latest = checkpoint.latest(finished)
    if wrong == "truncated":
        latest.write_bytes(latest.read_bytes()[:-100])
        message = "is truncated or damaged"
    elif wrong == "not ours":
        latest.write_bytes(b"something else")
        message = "or not a checkpoint"
    elif wrong == "another configuration":
        values = json.loads((finished / "config.json").read_text(encoding="utf-8"))
        (finished / "config.json").write_text(json.dumps(values | {"n_layer": 3}), encoding="utf-8")
        message = "was made with another configuration"
    else:
        CharTokenizer.train(["abc"]).save(finished / "tokenizer.json")
        message = "was made with another tokenizer"
    before = contents(finished)
    words = {
        "resume": ["train", "--resume", "--out", finished],
        "generate": ["generate", finished],
        "export": ["export", finished, tmp_path / "out" / "model.safetensors"],
    }[command]
    assert_refused(mlstack(*words), message)
    assert contents(finished) == before
    assert not (tmp_path / "out").exists()


def test_the_librarys_products_need_cuda(tmp_path, capsys):
    words = ["train", "--preset", "tiny", "--out", str(tmp_path / "run"), "--matmul", "library"]
    assert cli.main(words) == 2
    assert "--matmul library: needs --device cuda, this run is on cpu" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
