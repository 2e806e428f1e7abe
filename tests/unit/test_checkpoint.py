"""Checkpoints: all of a moment comes back, damaged and foreign files are refused, old ones go."""

import errno
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mlstack_lib import checkpoint
from mlstack_lib.checkpoint import Checkpoint
from mlstack_lib.data import BatchSampler
from mlstack_lib.errors import BadInput, CouldNotFinish


def moment(step=7) -> Checkpoint:
    rng = np.random.default_rng(step)
    sampler = BatchSampler(np.arange(50, dtype=np.uint16), 2, 4, rng)
    sampler.next()
    return Checkpoint(
        step=step,
        weights={"wte.weight": rng.random((3, 2), np.float32), "b": np.zeros(2, np.float32)},
        moments={"moment.1": rng.random(8, np.float32), "moment.2": rng.random(8, np.float32)},
        sampler=sampler.state(),
        config={"lr": 0.1, "corpus": "text:Größe", "seed": 2**32 - 1},
        tokenizer="t" * 64,
        corpus="c" * 64,
    )


def saved(folder: Path, steps=(7,)) -> list[Path]:
    for step in steps:
        moment(step).save(checkpoint.path_of(folder, step))
    return checkpoint.all_of(folder)


def same(a: Checkpoint, b: Checkpoint) -> bool:
    """Equal to the last bit, and of the same dtypes and shapes."""
    for x, y in ((a.weights, b.weights), (a.moments, b.moments)):
        as_bytes = [{k: (v.dtype, v.shape, v.tobytes()) for k, v in d.items()} for d in (x, y)]
        if as_bytes[0] != as_bytes[1]:
            return False
    rest = {"weights": {}, "moments": {}}
    return replace(a, **rest) == replace(b, **rest)


def test_everything_comes_back_bit_for_bit(tmp_path):
    (path,) = saved(tmp_path)
    assert same(checkpoint.load(path), moment())


def test_the_generator_that_comes_back_goes_on_as_the_old_one(tmp_path):
    ids = np.arange(50, dtype=np.uint16)
    old = BatchSampler(ids, 2, 4, np.random.default_rng(3))
    old.next()
    replace(moment(), sampler=old.state()).save(tmp_path / "c.safetensors")
    new = BatchSampler(ids, 2, 4, np.random.default_rng(99))
    new.restore(checkpoint.load(tmp_path / "c.safetensors").sampler)
    for _ in range(5):
        np.testing.assert_array_equal(old.next(), new.next())


def test_the_file_is_plain_safetensors_with_the_models_own_names(tmp_path):
    (path,) = saved(tmp_path)
    assert set(load_file(path)) == {
        "wte.weight", "b", "optimizer.moment.1", "optimizer.moment.2"
    }  # fmt: skip


def test_numbers_that_are_not_finite_come_back_too(tmp_path):
    values = np.array([np.nan, np.inf, -0.0], np.float32)
    replace(moment(), weights={"w": values}).save(tmp_path / "c.safetensors")
    assert checkpoint.load(tmp_path / "c.safetensors").weights["w"].tobytes() == values.tobytes()


def test_a_file_cut_anywhere_is_refused_by_its_name(tmp_path):
    (path,) = saved(tmp_path)
    whole = path.read_bytes()
    for size in [0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(BadInput) as caught:
            checkpoint.load(path)
        assert str(caught.value).startswith(f"{path} is truncated or damaged")
        assert "delete it to go on from the one before" in str(caught.value)


def test_a_longer_file_is_refused(tmp_path):
    (path,) = saved(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BadInput, match="truncated or damaged"):
        checkpoint.load(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\0" * 64, b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadInput, match="or not a checkpoint"):
        checkpoint.load(tmp_path / "x")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        checkpoint.load(tmp_path / "x")
    with pytest.raises(BadInput):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "mlstack-checkpoint-0"}])
def test_safetensors_of_other_programs_are_refused_and_import_is_named(tmp_path, metadata):
    save_file({"w": np.zeros(2, np.float32)}, tmp_path / "x", metadata)
    with pytest.raises(BadInput, match="no mlstack checkpoint; .* by `mlstack import`"):
        checkpoint.load(tmp_path / "x")


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "3", "{}", '{"step": 1}', '{"step": 1, "odd": 2}']
)
def test_a_checkpoint_that_lacks_its_facts_is_refused(tmp_path, text):
    metadata = {"format": checkpoint.FORMAT} | ({} if text is None else {"mlstack": text})
    save_file({"w": np.zeros(2, np.float32)}, tmp_path / "x", metadata)
    with pytest.raises(BadInput, match="lacks what an mlstack checkpoint tells of a run"):
        checkpoint.load(tmp_path / "x")


def test_a_full_disk_leaves_the_older_checkpoint_and_no_half_one(tmp_path, monkeypatch):
    (path,) = saved(tmp_path)
    before, write = path.read_bytes(), Path.write_bytes

    def half(self, data):
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half)
    for step in (7, 8):
        with pytest.raises(CouldNotFinish, match=os.strerror(errno.ENOSPC)):
            moment(step).save(checkpoint.path_of(tmp_path, step))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


# ---- those of a run ----


def test_the_latest_is_the_one_of_the_most_updates(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    paths = saved(tmp_path, (90, 7, 1000, 999_999))
    assert [checkpoint.load(p).step for p in paths] == [7, 90, 1000, 999_999]
    assert checkpoint.latest(tmp_path) == checkpoint.path_of(tmp_path, 999_999)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_few_are_kept_and_nothing_else_is_touched(tmp_path, count):
    saved(tmp_path, (1, 2, 3))
    (tmp_path / "mine.safetensors").write_bytes(b"")
    (tmp_path / "log.jsonl").write_bytes(b"")
    checkpoint.keep_last(tmp_path, count)
    assert [checkpoint.load(p).step for p in checkpoint.all_of(tmp_path)] == [1, 2, 3][-count:]
    assert (tmp_path / "mine.safetensors").exists()
    assert (tmp_path / "log.jsonl").exists()


def test_what_a_killed_save_has_left_is_swept_away(tmp_path):
    saved(tmp_path)
    for name in (".step-0000008.safetensors.41.part", ".tokenizer.json.41.part"):
        (tmp_path / name).write_bytes(b"half")
    assert len(checkpoint.all_of(tmp_path)) == 1
    checkpoint.keep_last(tmp_path, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000007.safetensors"]


def test_the_facts_are_json_that_other_programs_can_read(tmp_path):
    (path,) = saved(tmp_path)
    header = path.read_bytes()
    size = int.from_bytes(header[:8], "little")
    facts = json.loads(json.loads(header[8 : 8 + size])["__metadata__"]["mlstack"])
    want = {k: v for k, v in asdict(moment()).items() if k not in ("weights", "moments")}
    assert facts == want
