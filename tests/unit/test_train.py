"""Training: it learns, it repeats itself bit for bit, it stops and goes on, it fails in words."""

import errno
import io
import json
import os
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlstack_lib import checkpoint, train
from mlstack_lib.autograd import no_grad
from mlstack_lib.backend import override
from mlstack_lib.data import IGNORE, BatchSampler
from mlstack_lib.devices import device
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.gpt import GPT
from mlstack_lib.run import Run


def log_of(folder):
    """The log without what differs from one time to the next."""
    return [
        {k: v for k, v in entry.items() if k != "time"} for entry in Run.open(folder).read_log()
    ]


def losses(folder):
    return [entry["loss"] for entry in log_of(folder) if "loss" in entry]


def end_of(folder):
    """The last checkpoint, in a form that can be compared to the last bit."""
    found = checkpoint.load(checkpoint.latest(folder))
    tensors = {**found.weights, **{f"moment {k}": v for k, v in found.moments.items()}}
    values = {name: (v.dtype, v.shape, v.tobytes()) for name, v in tensors.items()}
    return values, replace(found, weights={}, moments={})


def trained(config, folder) -> Path:
    train.start(config, folder).train()
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def interrupt_at(monkeypatch):
    """interrupt_at(n): from the n-th update from now on a Ctrl-C comes in each."""
    update, seen = train.Trainer._update, []

    def begin(n):
        def counted(self, *args):
            update(self, *args)
            seen.append(1)
            if len(seen) == n:
                signal.raise_signal(signal.SIGINT)

        seen.clear()
        monkeypatch.setattr(train.Trainer, "_update", counted)

    return begin


# ---- learning ----


def test_the_loss_falls_from_that_of_a_guess_to_that_of_the_words(tmp_path, small):
    folder = trained(small(steps=150, eval_every=150, save_every=150), tmp_path / "run")
    values = losses(folder)
    vocabulary = Run.open(folder).tokenizer.vocab_size
    assert values[0] == pytest.approx(np.log(vocabulary), rel=0.02)
    assert np.mean(values[-10:]) < 0.5 * values[0]
    assert log_of(folder)[-1]["valid_nats_per_token"] < 0.5 * values[0]


def test_the_same_seed_gives_the_same_run_and_another_one_another(finished, tmp_path, small):
    again = trained(small(), tmp_path / "again")
    assert log_of(again) == log_of(finished)
    assert end_of(again) == end_of(finished)
    assert losses(trained(small(seed=1), tmp_path / "other")) != losses(finished)


def test_two_micro_batches_of_4_are_a_batch_of_8(tmp_path, small):
    whole = trained(small(batch=8), tmp_path / "whole")
    parts = trained(small(batch=4, accumulate=2), tmp_path / "parts")
    # the sampler draws the same windows either way; only the order of the sums differs
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=1e-5)


def test_micro_batches_see_different_windows(tmp_path, small):
    trainer = train.start(small(batch=4, accumulate=2, steps=1), tmp_path / "run")
    (idx, targets, order), positions = trainer._draw(3)
    assert idx.shape == targets.shape == (6, 4, 16)
    assert len({window.tobytes() for window in idx.reshape(24, 16)}) > 12
    np.testing.assert_array_equal(idx[:, :, 1:], targets[:, :, :-1])
    assert len(positions) == 3
    for row in range(6):
        assert (np.diff(idx[row].ravel()[order[row]]) >= 0).all()


def test_every_update_is_logged_once_with_its_rate_and_norm(finished, small):
    entries = Run.open(finished).read_log()
    updates = [entry for entry in entries if "loss" in entry]
    assert [entry["step"] for entry in updates] == list(range(1, 26))
    rate = small().rates()
    assert [entry["lr"] for entry in updates] == [rate(step) for step in range(1, 26)]
    assert all(0 < entry["grad_norm"] < 100 for entry in updates)
    assert all(set(entry) == {"step", "loss", "lr", "grad_norm", "time"} for entry in updates)
    looks = [entry for entry in entries if "loss" not in entry]
    assert [entry["step"] for entry in looks] == [10, 20, 25]
    assert all(
        set(entry) == {"step", "valid_nats_per_token", "valid_bits_per_byte"} for entry in looks
    )


def test_20_updates_move_nothing_between_host_and_device(tmp_path, small, monkeypatch):
    update, moved = train.Trainer._update, []

    def counted(self, *args):
        before = self.device.transfers
        update(self, *args)
        moved.append(self.device.transfers - before)

    monkeypatch.setattr(train.Trainer, "_update", counted)
    trained(small(accumulate=2), tmp_path / "run")
    assert moved[0] <= 2  # constants, which are uploaded once and kept
    assert moved[1:] == [0] * 24


def test_how_often_the_device_is_read_changes_nothing(finished, tmp_path, small, monkeypatch):
    for every in (1, 7, 1000):
        monkeypatch.setattr(train, "READ_EVERY", every)
        other = trained(small(), tmp_path / f"every {every}")
        assert log_of(other) == log_of(finished)
        assert end_of(other) == end_of(finished)


def test_how_often_is_saved_and_looked_changes_no_update(finished, tmp_path, small):
    other = trained(small(save_every=3, eval_every=4), tmp_path / "other")
    assert losses(other) == losses(finished)
    assert end_of(other)[0] == end_of(finished)[0]


def test_runs_of_different_sizes_follow_each_other_in_one_process(tmp_path, small):
    for i, changes in enumerate(({}, {"batch": 3}, {"context": 8, "accumulate": 2}, {"n_embd": 8})):
        assert len(losses(trained(small(steps=3, **changes), tmp_path / f"run {i}"))) == 3


@pytest.mark.parametrize("changes", [{"schedule": "wsd"}, {"tokenizer": "char"}, {"dropout": 0.3}])
def test_other_recipes_train_too(tmp_path, small, changes):
    values = losses(trained(small(steps=60, **changes), tmp_path / "run"))
    assert np.mean(values[-5:]) < 0.9 * values[0]


def test_the_last_checkpoints_are_kept(tmp_path, small):
    for keep, want in ((1, [25]), (2, [24, 25]), (9, [4, 8, 12, 16, 20, 24, 25])):
        folder = trained(small(keep=keep, save_every=4), tmp_path / str(keep))
        assert [checkpoint.load(path).step for path in checkpoint.all_of(folder)] == want


# ---- validation ----


def test_validation_is_the_mean_over_the_whole_split(tmp_path, small):
    trainer = train.start(small(), tmp_path / "run")
    ids = np.asarray(trainer.tokens.valid, np.int64)
    total, context = 0.0, trainer.config.context
    for start in range(0, len(ids) - 1, context):  # one window at a time, in float64
        idx, targets = ids[start : start + context], ids[start + 1 : start + context + 1]
        with no_grad():
            logits = trainer.model.eval()(idx[None, : len(targets)]).numpy()[0].astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        chosen = logits[np.arange(len(targets)), targets]
        total += (np.log(np.exp(logits).sum(1)) - chosen).sum()
    nats, bits = trainer.evaluate()
    assert nats == pytest.approx(total / (len(ids) - 1), rel=1e-6)
    assert bits == pytest.approx(total / np.log(2) / trainer.tokens.valid_bytes, rel=1e-6)


def test_validation_looks_without_dropout_and_changes_nothing(tmp_path, small):
    trainer = train.start(small(dropout=0.5), tmp_path / "run")
    before = trainer.model.state_dict()
    assert trainer.evaluate() == trainer.evaluate()
    for name, value in trainer.model.state_dict().items():
        assert value.tobytes() == before[name].tobytes()


def test_padding_of_the_last_windows_does_not_count(tmp_path, small):
    ones = []

    class Uniform(GPT):
        def loss(self, idx, targets, order=None):
            ones.append(int((targets != IGNORE).sum()))
            return super().loss(idx, targets, order)

    trainer = train.start(small(), tmp_path / "run")
    trainer.model.__class__ = Uniform
    trainer.evaluate()
    assert sum(ones) == len(trainer.tokens.valid) - 1
    assert ones[-1] < ones[0]


# ---- stopping and going on ----


@pytest.mark.parametrize("recipe", [{}, {"dropout": 0.2, "accumulate": 2, "save_every": 100}])
def test_a_run_stopped_by_ctrl_c_goes_on_bit_for_bit(tmp_path, small, interrupt_at, recipe):
    config = small(**recipe)
    unbroken = trained(config, tmp_path / "unbroken")
    broken = tmp_path / "broken"
    for first, at in ((True, 3), (False, 9), (False, 8)):  # at updates 3, 12 and 20
        interrupt_at(at)
        trainer = train.start(config, broken) if first else train.resume(broken)
        before = trainer.step
        with pytest.raises(train.Interrupted):
            trainer.train()
        assert trainer.step == before + at == checkpoint.load(checkpoint.latest(broken)).step
    train.resume(broken).train()
    assert log_of(broken) == log_of(unbroken)
    assert end_of(broken) == end_of(unbroken)


def test_ctrl_c_during_validation_saves_too(tmp_path, small, monkeypatch):
    look = train.Trainer._look

    def interrupted(self, bar):
        look(self, bar)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train.Trainer, "_look", interrupted)
    with pytest.raises(train.Interrupted):
        train.start(small(save_every=1000), tmp_path / "run").train()
    assert checkpoint.load(checkpoint.latest(tmp_path / "run")).step == 10


def test_ctrl_c_at_the_last_update_ends_a_finished_run(finished, tmp_path, small, interrupt_at):
    interrupt_at(25)
    assert end_of(trained(small(), tmp_path / "run")) == end_of(finished)


def test_ctrl_c_says_that_it_saves_and_a_second_one_stops_at_once(tmp_path, small, capfd):
    def twice(x):
        signal.raise_signal(signal.SIGINT)
        assert "saving; press Ctrl-C again to stop at once" in capfd.readouterr().err
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second Ctrl-C did not stop it")

    trainer = train.start(small(), tmp_path / "run")
    with pytest.raises(KeyboardInterrupt), override(squared_norm=twice):
        trainer.train()
    assert names(tmp_path / "run") == ["config.json", "log.jsonl", "tokenizer.json"]


def test_the_callers_handler_of_ctrl_c_is_put_back(tmp_path, small):
    before = signal.getsignal(signal.SIGINT)
    trained(small(steps=1), tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_may_train_outside_the_main_thread(finished, tmp_path, small):
    thread = threading.Thread(target=trained, args=(small(), tmp_path / "run"))
    thread.start()
    thread.join()
    assert log_of(tmp_path / "run") == log_of(finished)


@pytest.mark.parametrize("lost", ["nothing", "the last checkpoint", "all checkpoints"])
def test_whatever_is_left_after_a_kill_goes_on_to_the_same_end(finished, lost):
    log, end = log_of(finished), end_of(finished)
    paths = checkpoint.all_of(finished)
    for path in {"nothing": [], "the last checkpoint": paths[-1:], "all checkpoints": paths}[lost]:
        path.unlink()
    with open(finished / "log.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 26, "loss"')
    (finished / ".step-0000025.safetensors.41.part").write_bytes(b"half")
    trainer = train.resume(finished)
    assert trainer.step == {"nothing": 25, "the last checkpoint": 20, "all checkpoints": 0}[lost]
    trainer.train()
    assert log_of(finished) == log
    assert end_of(finished) == end
    assert not list(finished.glob(".*"))


def test_a_resumed_run_needs_no_tokens_in_the_cache(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "elsewhere"))
    log = log_of(finished)
    checkpoint.latest(finished).unlink()
    train.resume(finished).train()
    assert log_of(finished) == log


# ---- refused before anything is made ----


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": "shakespear"}, "corpus 'shakespear' is not known, did you mean 'shakespeare'"),
        ({"corpus": "text:none.txt"}, "none.txt: no such file or folder"),
        ({"steps": 0}, "steps is 0, must be at least 1"),
        ({"context": 100_000}, r"training tokens, but a context of 100,000 needs 100,001"),
        ({"vocab_size": 100}, "vocab_size from 257"),
        ({"vocab_size": 70_000}, "to 65535, got 70000"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_no_folder_is_made(tmp_path, small, changes, message):
    with pytest.raises(BadInput, match=message):
        train.start(small(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no text in it"),
        (b" \n \n", "no text in it"),
        (b"a", "too few to split"),
        (b"\xff\xfeabc", "not UTF-8 at byte offset 0"),
        (b"good \xe4 text" * 9, "not UTF-8 at byte offset 5"),
        (b"abcdefgh", "training tokens, but a context of 16 needs 17"),
        (b" aaaa" * 3 + b" 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5" + b" aaaa", "validation tokens, at least 2 are needed"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_and_no_folder_is_made(
    tmp_path, small, content, message
):
    (tmp_path / "text").write_bytes(content)
    recipe = small(corpus=f"text:{tmp_path / 'text'}", vocab_size=400)
    with pytest.raises(BadInput, match=message):
        train.start(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_does_not_fit_in_memory_leaves_no_folder(tmp_path, small):
    with pytest.raises(MemoryError):
        train.start(small(n_embd=1 << 30), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_occupied_folder_is_refused_before_the_corpus_is_read(finished, small, monkeypatch):
    monkeypatch.setattr(train, "load_corpus", None)
    with pytest.raises(BadInput, match="holds another run"):
        train.start(small(), finished)


def test_a_corpus_that_has_changed_is_refused(tmp_path, small, text_file):
    path = tmp_path / "words.txt"
    path.write_bytes(text_file.read_bytes())
    folder = trained(small(corpus=f"text:{path}"), tmp_path / "run")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    path.write_bytes(text_file.read_bytes().replace(b"cat", b"cow"))
    with pytest.raises(BadInput, match="the text of corpus .* is not what .* was trained on"):
        train.resume(folder)
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        train.resume(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_another_tokenizer_is_refused_before_the_corpus_is_encoded(finished, monkeypatch):
    Run.open(finished).tokenizer.__class__.train(["xyxyxy"], 270).save(finished / "tokenizer.json")
    monkeypatch.setattr(train, "prepare", None)
    with pytest.raises(BadInput, match="made with another tokenizer"):
        train.resume(finished)


@pytest.mark.parametrize("lost", ["moment.1", "moment.2", "both"])
def test_a_checkpoint_without_its_moments_is_refused(finished, lost):
    found = checkpoint.load(checkpoint.latest(finished))
    for name in ("moment.1", "moment.2") if lost == "both" else (lost,):
        del found.moments[name]
    found.save(checkpoint.latest(finished))
    with pytest.raises(BadInput, match="the checkpoint of update 25 holds the moments"):
        train.resume(finished)


def test_a_checkpoint_with_moments_of_another_size_is_refused(finished):
    found = checkpoint.load(checkpoint.latest(finished))
    found.moments["moment.1"] = found.moments["moment.1"][:1]
    found.save(checkpoint.latest(finished))
    with pytest.raises(BadInput, match="holds the moments"):
        train.resume(finished)


def test_a_checkpoint_of_another_generator_is_refused(finished):
    found = checkpoint.load(checkpoint.latest(finished))
    sampler = BatchSampler(np.arange(99), 1, 1, np.random.Generator(np.random.MT19937(0)))
    replace(found, sampler=sampler.state()).save(checkpoint.latest(finished))
    with pytest.raises(BadInput, match="restore: expected the state of a PCG64 generator"):
        train.resume(finished)


# ---- numbers that are not finite ----

@pytest.mark.filterwarnings("error")
def test_an_absurd_learning_rate_stops_the_run_and_names_the_first_op(tmp_path, small):
    recipe = small(lr=1e30, warmup=0, save_every=1)
    with pytest.raises(CouldNotFinish) as caught:
        trained(recipe, tmp_path / "run")
    assert re.match(
        r"training stopped at update 2: linear \(forward\): \d+ of \d+ values are NaN or infinite; "
        r"all its inputs are finite; nn.py:\d+: .*; the last checkpoint is .*step-0000001",
        str(caught.value),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("error")
def test_a_weight_that_is_not_finite_stops_the_run_where_it_is_used(
    finished, small, value, monkeypatch
):
    checkpoint.latest(finished).unlink()
    before = {p.name: p.read_bytes() for p in checkpoint.all_of(finished)}
    trainer = train.resume(finished)  # at update 20
    draw = trainer._draw

    def spoil(count):
        trainer.model.h[0].mlp.c_proj.weight.data[3, 5] = value
        return draw(count)

    monkeypatch.setattr(trainer, "_draw", spoil)
    with pytest.raises(CouldNotFinish) as caught:
        trainer.train()
    assert str(caught.value).startswith("training stopped at update 21: linear (forward): ")
    assert "its input 1 was already so" in str(caught.value)
    assert str(checkpoint.latest(finished)) in str(caught.value)
    assert {p.name: p.read_bytes() for p in checkpoint.all_of(finished)} == before
    assert losses(finished) and log_of(finished)[-1]["step"] == 20


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_update_that_first_went_wrong_is_named_and_its_backward_op(
    tmp_path, small, accumulate
):
    calls = []

    def gelu_backward(dy, x):
        calls.append(1)
        dx = np.array(dy)
        if len(calls) > 6 * accumulate:  # wrong from update 7 on
            dx[0, 0] = np.nan
        return dx

    trainer = train.start(small(accumulate=accumulate), tmp_path / "run")
    with override(gelu_backward=gelu_backward), pytest.raises(CouldNotFinish) as caught:
        trainer.train()
    assert str(caught.value).startswith("training stopped at update 7: linear (backward): ")


def test_the_weights_stay_what_they_were_before_the_update_that_failed(tmp_path, small):
    trainer = train.start(small(), tmp_path / "run")
    seen = []

    def squared_norm(x):
        seen.append(trainer.model.state_dict())
        return np.asarray(np.inf if len(seen) >= 4 else (x * x).sum(), np.float32)

    with override(squared_norm=squared_norm), pytest.raises(CouldNotFinish, match="update 4: "):
        trainer.train()
    assert len(seen) == 10  # the device is only read after a few more updates: they do nothing
    for name, value in trainer.model.state_dict().items():
        assert value.tobytes() == seen[3][name].tobytes()
        assert name == "wpe.weight" or value.tobytes() != seen[2][name].tobytes()


def test_a_norm_beyond_f32_is_told_from_a_gradient_that_is_not_finite(tmp_path, small):
    trainer = train.start(small(), tmp_path / "run")
    too_large = lambda x: np.asarray(np.inf, x.dtype)  # noqa: E731
    with override(squared_norm=too_large), pytest.raises(
        CouldNotFinish, match="update 1: the norm of the gradient is too large for f32"
    ):
        trainer.train()


@pytest.mark.filterwarnings("error")
def test_weights_spoilt_by_the_last_update_are_found_by_validation_and_not_saved(tmp_path, small):
    with pytest.raises(CouldNotFinish) as caught:
        trained(small(lr=1e38, min_lr=1e38, warmup=0, steps=1), tmp_path / "run")
    assert str(caught.value).startswith("training stopped at validation after update 1: ")
    assert checkpoint.all_of(tmp_path / "run") == []
    text = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "Infinity" not in text


# ---- a full disk ----


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_while_saving_keeps_the_checkpoint_before(
    finished, tmp_path, small, monkeypatch
):
    log, end, replace_file = log_of(finished), end_of(finished), os.replace

    def fills_up(part, path):
        if Path(path).name == "step-0000020.safetensors":
            full_disk()
        replace_file(part, path)

    monkeypatch.setattr(os, "replace", fills_up)
    folder = tmp_path / "run"
    with pytest.raises(CouldNotFinish, match=os.strerror(errno.ENOSPC)):
        trained(small(), folder)
    assert names(folder) == ["config.json", "log.jsonl", "step-0000010.safetensors", "tokenizer.json"]
    monkeypatch.setattr(os, "replace", replace_file)  # room was made
    trainer = train.resume(folder)
    assert trainer.step == 10
    trainer.train()
    assert log_of(folder) == log
    assert end_of(folder) == end


def test_a_disk_that_is_full_at_the_start_leaves_no_run(tmp_path, small, monkeypatch):
    monkeypatch.setattr(os, "replace", full_disk)
    (tmp_path / "run").mkdir()
    with pytest.raises(CouldNotFinish, match=os.strerror(errno.ENOSPC)):
        trained(small(), tmp_path / "run")
    assert names(tmp_path / "run") == []


# ---- what is seen while it runs ----


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_loss_rate_speed_and_time_left_in_80_columns(tmp_path, small, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    trained(small(), tmp_path / "run")
    shown = re.split(r"[\r\n]", terminal.getvalue())
    bars = [line for line in shown if "loss" in line and "lr" in line]
    assert bars
    for line in bars:
        assert len(line) <= 80
        assert re.search(
            r"\d+%\|.*\| \d+/25 \[\d+:\d+<\S+, loss \d\.\d+, lr \d\.\de-\d+, [\d,]+ tokens/s\]",
            line,
        )
    assert any(line.startswith("step 10: validation loss") for line in shown)


def test_the_speed_shown_counts_the_tokens_of_all_micro_batches(tmp_path, small):
    trainer = train.start(small(accumulate=3), tmp_path / "run")
    assert trainer._tokens_in(2) == 2 * 3 * 4 * 16


def test_a_file_or_a_pipe_gets_lines_and_no_bars(tmp_path, small, capfd):
    trained(small(), tmp_path / "run")
    out, err = capfd.readouterr()
    assert out == ""
    assert "\r" not in err
    assert "%|" not in err
    lines = err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["step 10", "step 20", "step 25"]
    assert all(re.search(r"validation loss \d\.\d{4} nats/token, \d\.\d{4} bits", s) for s in lines)


def test_the_log_on_the_disk_is_json_lines(finished):
    lines = (finished / "log.jsonl").read_bytes().decode("ascii").split("\n")
    assert lines.pop() == ""
    assert len([json.loads(line) for line in lines]) == 25 + 3


def test_the_device_is_the_recipes(tmp_path, small):
    assert train.start(small(), tmp_path / "run").device is device("cpu")
