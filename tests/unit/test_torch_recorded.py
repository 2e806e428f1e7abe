"""Without PyTorch: ops, gradients and training are what it once computed."""

import json
from pathlib import Path

import numpy as np
import pytest
from op_cases import CASES, op_of, value_and_gradients
from torch_run import CONFIG, checksum, our_losses

FILE = Path(__file__).parent / "recorded" / "torch.json"
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_inputs_and_first_weights_are_those_of_the_record():
    assert checksum(RECORDED["ops"]) == pytest.approx(RECORDED["checksum"], rel=1e-12)
    assert vars(CONFIG) == RECORDED["model"]


def test_every_case_is_recorded_but_those_of_dropout():
    assert {label for label in CASES if op_of(label) != "dropout"} == set(RECORDED["ops"])


@pytest.mark.parametrize("label", RECORDED["ops"])
def test_value_and_gradients_are_those_recorded(label):
    for mine, want in zip(value_and_gradients(label), RECORDED["ops"][label], strict=True):
        assert mine.size == len(want)
        assert np.abs(mine.ravel() - want).max() < 1e-10


def test_100_losses_of_training_are_those_recorded():
    ours, theirs = np.array(our_losses()), np.array(RECORDED["losses"])
    assert len(theirs) == 100
    assert np.abs(ours - theirs).max() < 1e-4
    assert theirs[-10:].mean() < theirs[:10].mean() - 0.5
