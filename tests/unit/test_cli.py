"""The command line: what each command does, and one clear line where it cannot."""

import errno
import io
import json
import os
import shlex
import signal
import sys
from dataclasses import fields

import numpy as np
import pytest

from mlstack_lib import checkpoint, cli, report, train
from mlstack_lib.presets import TrainConfig
from mlstack_lib.run import Run
from mlstack_lib.tokenizer import CharTokenizer


@pytest.fixture(autouse=True)
def short_samples(monkeypatch):
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 10)


@pytest.fixture
def arguments(small):
    """arguments(**fields): the words of a command that trains `small(**fields)`."""

    def words(**changes):
        recipe = small(**changes)
        named = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
        return [word for name, value in named.items() for word in (f"--{name}", str(value))]

    return words


@pytest.fixture
def mlstack(capfd):
    """mlstack(words) -> (exit status, stdout, stderr)."""

    def run(*words):
        capfd.readouterr()
        status = cli.main([str(word) for word in words])
        return status, *capfd.readouterr()

    return run


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def log_of(folder):
    entries = Run.open(folder).read_log()
    return [{k: v for k, v in entry.items() if k != "time"} for entry in entries]


def assert_refused(result, message):
    """Exit status 2, nothing on stdout, and one line on stderr with the message in it."""
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.startswith("mlstack: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert message in err


# ---- train ----


def test_train_leaves_all_that_a_run_has_and_tells_its_end(mlstack, arguments, tmp_path, finished):
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


def test_train_never_writes_over_another_run_or_other_files(
    mlstack, arguments, tmp_path, finished
):
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
    update, seen = train.Trainer._update, []

    def interrupted(self, *args):
        update(self, *args)
        seen.append(1)
        if len(seen) == 13:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train.Trainer, "_update", interrupted)
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
    monkeypatch.setattr(cli.doctor, "report", lambda: signal.raise_signal(signal.SIGINT))
    assert mlstack("doctor") == (130, "", "mlstack: interrupted\n")


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


# ---- generate ----


def test_generate_writes_the_prompt_and_what_follows_the_same_every_time(mlstack, finished):
    words = ["generate", finished, "--prompt", "the cat", "--tokens", "30", "--seed", "5"]
    first, second, other = mlstack(*words), mlstack(*words), mlstack(*words, "--seed", "6")
    assert first == second
    assert first[0] == 0
    assert first[1].startswith("the cat")
    assert len(first[1]) > len("the cat\n")
    assert first[1] != other[1]
    assert first[2] == ""


def test_the_cache_changes_no_character_of_200_greedy_tokens(mlstack, finished):
    words = ["generate", finished, "--tokens", "200", "--temperature", "0", "--prompt", "a dog "]
    assert mlstack(*words) == mlstack(*words, "--no-cache")


def test_generate_takes_top_k_and_top_p(mlstack, finished):
    words = ["generate", finished, "--tokens", "40", "--temperature", "1.0"]
    greedy = mlstack(*words, "--temperature", "0")
    assert mlstack(*words, "--top-k", "1") == mlstack(*words, "--top-p", "1e-9") == greedy
    assert mlstack(*words, "--top-k", "5") != mlstack(*words) != greedy


def test_generate_stops_at_the_token_it_is_told(mlstack, tmp_path, arguments):
    words = arguments(tokenizer="char", steps=1)
    assert mlstack("train", "--out", tmp_path / "run", *words)[0] == 0
    words = ["generate", tmp_path / "run", "--prompt", "a", "--temperature", "1"]
    _, whole, _ = mlstack(*words)
    stop = whole[50]
    _, part, _ = mlstack(*words, "--stop", stop)
    assert part == whole[: whole.index(stop, 1)] + "\n"


def test_generate_streams_each_token_as_it_comes(finished, monkeypatch):
    class Stream(io.StringIO):
        def flush(self):
            flushed.append(self.getvalue())

    flushed = []
    monkeypatch.setattr(sys, "stdout", Stream())
    assert cli.main(["generate", str(finished), "--prompt", "the", "--tokens", "12"]) == 0
    assert flushed[0] == "the"
    assert len(flushed) >= 13
    assert all(b.startswith(a) for a, b in zip(flushed, flushed[1:], strict=False))


def test_generate_cuts_no_character_that_takes_several_tokens(finished, monkeypatch):
    class Stream(io.StringIO):
        def flush(self):
            flushed.append(self.getvalue())

    flushed = []
    ids = Run.open(finished).tokenizer.encode("世界").tolist()
    monkeypatch.setattr(cli, "generate", lambda *_, **__: iter([*ids, ids[0]]))
    monkeypatch.setattr(sys, "stdout", Stream())
    assert cli.main(["generate", str(finished), "--prompt", ">"]) == 0
    assert flushed[:8] == [">", ">", ">", ">世", ">世", ">世", ">世界", ">世界"]
    assert sys.stdout.getvalue() == ">世界\ufffd\n"  # the text ended inside a character


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt", ""], "the prompt is empty"),
        (["--tokens", "0"], "--tokens is 0, must be at least 1"),
        (["--tokens", "many"], "--tokens"),
        (["--seed", "-1"], "--seed is -1, must be at least 0"),
        (["--temperature", "-1"], "temperature is -1.0, must be 0 or more"),
        (["--temperature", "nan"], "temperature is nan, must be 0 or more"),
        (["--top-k", "0"], "top_k is 0, must be at least 1"),
        (["--top-p", "2"], "top_p is 2.0, must be above 0 and at most 1"),
        (["--stop", "the cat"], "--stop 'the cat' is "),
        (["--stop", ""], "--stop '' is 0 tokens, must be one"),
        (["--promt", "x"], "generate: '--promt' is not expected here"),
        (["more"], "generate: 'more' is not expected here"),
    ],
)
def test_generate_refuses_bad_input_before_it_writes_anything(mlstack, finished, words, message):
    assert_refused(mlstack("generate", finished, *words), message)


def test_generate_names_the_character_that_a_tokenizer_of_characters_does_not_know(
    mlstack, tmp_path, arguments
):
    words = arguments(tokenizer="char", steps=1)
    assert mlstack("train", "--out", tmp_path / "run", *words)[0] == 0
    result = mlstack("generate", tmp_path / "run", "--prompt", "the €")
    assert_refused(result, "the character '€' (U+20AC) at position 4")


def test_generate_without_a_run_or_a_checkpoint_is_refused(mlstack, tmp_path, finished):
    assert_refused(mlstack("generate", tmp_path / "none"), "holds no run")
    for path in checkpoint.all_of(finished):
        path.unlink()
    assert_refused(mlstack("generate", finished), "has no checkpoint yet: train it first")


def test_a_console_that_lacks_a_character_shows_another_instead(finished, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    assert cli.main(["generate", str(finished), "--prompt", "Größe 世", "--tokens", "1"]) == 0
    console.flush()
    assert console.buffer.getvalue().startswith("Größe ?".encode("cp1252"))


# ---- export, import, the rest ----


def test_export_and_import_bring_a_run_to_another_folder(mlstack, finished, tmp_path):
    file = tmp_path / "out" / "model.safetensors"
    status, out, _ = mlstack("export", finished, file)
    assert status == 0
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert f"wrote {file.with_name(name)}\n" in out
    status, out, _ = mlstack("import", file, tmp_path / "again")
    assert status == 0
    assert f"mlstack generate {tmp_path / 'again'}" in out
    words = ["--prompt", "the", "--temperature", "0"]
    assert mlstack("generate", tmp_path / "again", *words) == mlstack("generate", finished, *words)
    result = mlstack("train", "--resume", "--out", tmp_path / "again")
    assert_refused(result, "holds imported weights, which cannot be trained on")


def test_export_and_import_refuse_what_would_be_written_over(mlstack, finished, tmp_path):
    file = tmp_path / "out" / "model.safetensors"
    assert mlstack("export", finished, file)[0] == 0
    before = contents(tmp_path)
    assert_refused(mlstack("export", finished, file), "is there already")
    assert_refused(mlstack("import", file, finished), "holds another run")
    assert contents(tmp_path) == before


def test_export_to_a_place_that_cannot_be_made_is_exit_status_1(mlstack, finished, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    status, _, err = mlstack("export", finished, tmp_path / "file" / "out" / "model.safetensors")
    assert (status, err.count("\n")) == (1, 1)


def test_doctor_prints_its_report(mlstack, monkeypatch):
    monkeypatch.setattr(cli.doctor, "report", lambda: "[ok] all well")
    assert mlstack("doctor") == (0, "[ok] all well\n", "")


def test_bench_measures_the_part_that_was_asked_for(mlstack, monkeypatch):
    asked = []
    monkeypatch.setattr(cli.bench, "main", asked.append)
    assert mlstack("bench", "--only", "tokenizer")[0] == 0
    assert mlstack("bench")[0] == 0
    assert asked == ["tokenizer", None]
    assert_refused(mlstack("bench", "--only", "tokens"), "tokens")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "COMMAND"),
        (["trian"], "trian"),
        (["--version"], "COMMAND"),
        (["generate"], "RUN"),
        (["export", "run"], "FILE"),
        (["doctor", "now"], "doctor: 'now' is not expected here"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(mlstack, words, message):
    assert_refused(mlstack(*words), message)


def test_numbers_of_the_command_line_reach_the_choice_of_tokens(mlstack, finished, monkeypatch):
    seen = {}

    def record(model, prompt, **options):
        seen.update(options, prompt=prompt)
        return iter(())

    monkeypatch.setattr(cli, "generate", record)
    words = "--tokens 7 --temperature 0.5 --top-k 3 --top-p 0.25 --no-cache".split()
    assert mlstack("generate", finished, *words, "--prompt", "<|endoftext|>x")[0] == 0
    tokenizer = Run.open(finished).tokenizer
    assert seen.pop("rng").random() == np.random.default_rng(0).random()
    assert seen.pop("prompt").tolist() == [
        tokenizer.end_of_text, *tokenizer.encode("x").tolist()
    ]  # fmt: skip
    assert seen == {
        "tokens": 7, "temperature": 0.5, "top_k": 3, "top_p": 0.25, "cached": False,
        "stop": tokenizer.end_of_text,
    }  # fmt: skip
