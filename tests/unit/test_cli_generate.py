"""The other commands: what each does, and one clear line where it cannot."""

import io
import sys

import numpy as np
import pytest
from runs import assert_refused, contents

from mlstack_lib import checkpoint, cli, report
from mlstack_lib.run import Run


@pytest.fixture(autouse=True)
def quick_report(monkeypatch):
    """No picture and short samples: nearly all of the time of a run this small."""
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 10)
    monkeypatch.setattr(report, "draw", lambda run: run.folder / "loss.png")


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


def test_generate_may_compute_on_another_device_than_the_run_was_trained_on(mlstack, finished):
    words = ["generate", finished, "--tokens", "20", "--temperature", "0"]
    asked, real = [], Run.new_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "new_model", lambda run, on: asked.append(on) or real(run))
        assert mlstack(*words, "--device", "webgpu") == mlstack(*words)
    assert asked == ["webgpu", None]
    status, _, message = mlstack(*words, "--device", "webgp")
    assert status == 2
    assert "device 'webgp' is not known, did you mean 'webgpu'?" in message


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
    words = ["--tokens", 7, "--temperature", 0.5, "--top-k", 3, "--top-p", 0.25, "--no-cache"]
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
