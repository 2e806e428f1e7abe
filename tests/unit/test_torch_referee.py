"""Ops, gradients and training beside PyTorch's, and the record of them is current."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from op_cases import CASES, op_of, value_and_gradients
from torch_run import first_model, our_losses

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")

HERE = Path(__file__).parent / "recorded"
RECORDED = json.loads((HERE / "torch.json").read_text(encoding="utf-8"))


def script():
    spec = importlib.util.spec_from_file_location("make_torch", HERE / "make_torch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = script()


def test_every_op_is_refereed_but_dropout_which_has_bits_of_its_own():
    assert set(MAKE.TWINS) <= set(CASES) | {op_of(label) for label in CASES}
    assert {op_of(label) for label in CASES} - {op_of(k) for k in MAKE.LABELS} == {"dropout"}


@pytest.mark.parametrize("label", MAKE.LABELS)
def test_value_and_gradients_are_those_of_pytorch(label):
    ours, theirs = value_and_gradients(label), MAKE.value_and_gradients(label)
    for mine, want in zip(ours, theirs, strict=True):
        assert mine.shape == want.shape
        assert np.abs(mine - want).max() < 1e-10


def test_100_losses_of_training_are_those_of_pytorch_in_f32():
    ours, theirs = np.array(our_losses()), np.array(MAKE.losses())
    assert len(ours) == 100
    assert np.abs(ours - theirs).max() < 1e-4
    assert theirs[-10:].mean() < theirs[:10].mean() - 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_a_gpt_are_those_of_its_twin(dtype):
    model = first_model()
    for p in model.parameters():
        p.data = (p.data * 5).astype(dtype)
    twin = MAKE.torch_referee.twin_of(model)
    idx, targets = np.random.default_rng(0).integers(29, size=(2, 3, 12))
    targets[0, :5] = -1
    model.loss(idx, targets).backward()
    twin.loss(torch.from_numpy(idx), torch.from_numpy(targets)).backward()
    theirs = {name: p.grad.numpy() for name, p in twin.named_parameters()}
    ours = {name: p.grad.numpy() for name, p in model.named_parameters()}
    assert set(ours) == set(theirs)
    ulp = np.finfo(dtype).eps  # sums of some hundred terms, in two orders, differ by tens of these
    for name, want in theirs.items():
        assert want.dtype == dtype
        assert np.abs(ours[name] - want).max() < 64 * ulp * max(1, np.abs(want).max()), name


def test_the_recorded_file_is_what_its_script_makes():
    made = json.loads(json.dumps(MAKE.make()))
    assert made["checksum"] == pytest.approx(RECORDED["checksum"], rel=1e-12)
    assert made["model"] == RECORDED["model"]
    assert list(made["ops"]) == list(RECORDED["ops"])
    for label, arrays in made["ops"].items():
        for new, old in zip(arrays, RECORDED["ops"][label], strict=True):
            assert new == pytest.approx(old, rel=1e-11, abs=1e-11), label
    assert made["losses"] == pytest.approx(RECORDED["losses"], abs=1e-4)
