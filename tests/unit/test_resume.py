"""A run that was stopped goes on bit for bit, or says why it cannot."""

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
from runs import contents, end_of, log_of, trained

from mlstack_lib import checkpoint, train
from mlstack_lib.backend import override
from mlstack_lib.data import BatchSampler
from mlstack_lib.errors import BadInput
from mlstack_lib.run import Run


@pytest.fixture
def interrupt_at(monkeypatch):
    """interrupt_at(n): from the n-th update from now on a Ctrl-C comes in each."""
    update, seen = train.update, []

    def begin(n):
        def counted(parallel, feed):
            update(parallel, feed)
            seen.append(1)
            if len(seen) == n:
                signal.raise_signal(signal.SIGINT)

        seen.clear()
        monkeypatch.setattr(train, "update", counted)

    return begin


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
    assert sorted(contents(tmp_path / "run")) == ["config.json", "log.jsonl", "tokenizer.json"]


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


# ---- what cannot be gone on with ----


def test_a_corpus_that_has_changed_is_refused(tmp_path, small, text_file):
    path = tmp_path / "words.txt"
    path.write_bytes(text_file.read_bytes())
    folder = trained(small(corpus=f"text:{path}"), tmp_path / "run")
    before = contents(folder)
    path.write_bytes(text_file.read_bytes().replace(b"cat", b"cow"))
    with pytest.raises(BadInput, match="the text of corpus .* is not what .* was trained on"):
        train.resume(folder)
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        train.resume(folder)
    assert contents(folder) == before


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
