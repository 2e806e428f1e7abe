"""Training: it learns, it repeats itself bit for bit, and it shows how it goes on."""

import io
import json
import re
import sys

import numpy as np
import pytest
from runs import end_of, log_of, losses, trained

from mlstack_lib import checkpoint, train
from mlstack_lib.autograd import no_grad
from mlstack_lib.data import IGNORE
from mlstack_lib.devices import device
from mlstack_lib.gpt import GPT
from mlstack_lib.run import Run

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
    update, moved = train.update, []

    def counted(parallel, feed):
        before = feed.device.transfers
        update(parallel, feed)
        moved.append(feed.device.transfers - before)

    monkeypatch.setattr(train, "update", counted)
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


@pytest.mark.parametrize(
    "changes",
    [{"beta1": 0.5}, {"beta2": 0.5}, {"weight_decay": 0.9}, {"max_norm": 0.1}, {"lr": 0.02},
     {"min_lr": 5e-3}, {"warmup": 9}, {"schedule": "wsd"}, {"dropout": 0.3}],
    ids=str,
)  # fmt: skip
def test_each_field_of_the_update_changes_the_losses(finished, tmp_path, small, changes):
    values, usual = losses(trained(small(**changes), tmp_path / "run")), losses(finished)
    assert values[-1] != usual[-1]
    assert changes.keys() == {"dropout"} or values[0] == usual[0]  # the start is the seed's


def test_the_seed_draws_the_weights_and_the_windows(tmp_path, small):
    one, other = (train.start(small(seed=s), tmp_path / f"{s}") for s in (1, 2))
    assert not np.array_equal(*(t.model.wte.weight.numpy() for t in (one, other)))
    assert not np.array_equal(*(t._draw(1)[0][0] for t in (one, other)))


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
    want = train.start(small(), tmp_path / "without").evaluate()
    trainer = train.start(small(dropout=0.5), tmp_path / "run")
    before = trainer.model.state_dict()
    assert trainer.evaluate() == trainer.evaluate() == want
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
