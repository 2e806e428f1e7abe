"""What cannot be trained: refused before anything is made, or stopped with the reason."""

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
from runs import contents, end_of, log_of, trained

from mlstack_lib import checkpoint, train
from mlstack_lib.array import Slot
from mlstack_lib.backend import override
from mlstack_lib.errors import BadInput, CouldNotFinish

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
        # the last tenth is one token
        (b" aaaa aaaa aaaa 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 aaaa", "validation tokens, at least 2"),
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
    assert log_of(finished)[-1]["step"] == 20


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_update_that_first_went_wrong_is_named_and_its_backward_op(tmp_path, small, accumulate):
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


def test_the_reason_is_looked_for_with_the_dropout_that_went_wrong(tmp_path, small):
    def dropout(x, state, *_):  # update 7 of two micro-batches each, and no other
        return x * (np.nan if state[Slot.DROPOUT] == 14 else 1)

    trainer = train.start(small(accumulate=2, dropout=0.5), tmp_path / "run")
    with override(dropout=dropout), pytest.raises(CouldNotFinish) as caught:
        trainer.train()
    assert str(caught.value).startswith("training stopped at update 7: dropout (forward): ")


def test_the_reason_is_looked_for_with_the_batch_that_went_wrong(tmp_path, small):
    def embedding_forward(idx, weight, positions):
        return (weight[idx] + positions) * (np.nan if np.array_equal(idx, wrong) else 1)

    trainer = train.start(small(accumulate=2), tmp_path / "run")
    before = trainer.sampler.state()
    wrong = trainer._draw(7)[0][0][13]
    trainer.sampler.restore(before)
    with override(embedding_forward=embedding_forward), pytest.raises(CouldNotFinish) as caught:
        trainer.train()
    assert str(caught.value).startswith("training stopped at update 7: embedding (forward): ")


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
    reason = "update 1: the norm of the gradient is too large for f32"
    too_large = override(squared_norm=lambda x: np.asarray(np.inf, x.dtype))
    with too_large, pytest.raises(CouldNotFinish, match=reason):
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
    left = ["config.json", "log.jsonl", "step-0000010.safetensors", "tokenizer.json"]
    assert sorted(contents(folder)) == left
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
    assert sorted(contents(tmp_path / "run")) == []
