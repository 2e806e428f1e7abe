"""PyTorch's side of `mlstack bench` does the work of ours, and says what it cannot do."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")

from mlstack_lib.bench import clock, problems, side, theirs  # noqa: E402
from mlstack_lib.gpt import GPT, GPTConfig  # noqa: E402
from mlstack_lib.torch_referee import twin_of  # noqa: E402

TINY = {"on": "cpu", "name": "tiny", "batch": 2}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(clock, "SAMPLES", 3)
    monkeypatch.setattr(clock, "SAMPLE_SECONDS", 1e-3)


def test_the_first_loss_is_that_of_ours():
    ours = side.measure("ours", "step", **TINY, matmul="kernel")
    found = side.measure("theirs", "step", **TINY, mode="eager", tf32=False)
    assert found["loss"] == pytest.approx(ours["loss"], rel=1e-6)
    assert found["tokens"] == ours["tokens"] == 64
    assert found["version"] == torch.__version__


def test_attention_is_timed_forward_and_backward(monkeypatch):
    monkeypatch.setattr(problems, "CORES", problems.SMALL)
    found = side.measure("theirs", "attention", on="cpu")
    assert [row["name"] for row in found["rows"]] == ["forward", "backward"]
    assert all(row["seconds"] > 0 for row in found["rows"])


@pytest.mark.parametrize(
    ("mode", "tf32", "message"),
    [
        ("eager", True, "a processor has no TF32"),
        ("compiled, graphs", False, "a processor has no CUDA graphs"),
    ],
)
def test_what_a_processor_does_not_have_is_said(mode, tf32, message):
    found = side.measure("theirs", "step", **TINY, mode=mode, tf32=tf32)
    assert found == {"missing": message}


def test_beside_a_gpu_pytorch_needs_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = side.measure("theirs", "attention", on="webgpu")
    assert found == {"missing": f"PyTorch {torch.__version__} finds no GPU with CUDA"}


def test_without_pytorch_its_rows_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = side.measure("theirs", "attention", on="cuda")
    assert found == {"missing": "PyTorch is not installed (see README, tests)"}


@pytest.mark.parametrize(("tf32", "precision"), [(False, "highest"), (True, "high")])
def test_factors_are_rounded_to_tf32_only_where_it_is_asked_for(monkeypatch, tf32, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.get_float32_matmul_precision()
    try:
        assert theirs._torch("cuda", tf32) == (torch, "cuda")
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


def test_the_twin_drops_as_much_as_ours_and_only_in_training():
    model = GPT(GPTConfig(8, 4, 1, 1, 8, dropout=0.5), rng=np.random.default_rng(0))
    twin, idx = twin_of(model), torch.zeros((64, 4), dtype=torch.long)
    seen = []
    hook = twin.h[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    twin(idx)
    twin.eval()(idx)
    hook.remove()
    dropped = (seen[0] == 0).double().mean().item()
    # a share of 2,048 numbers: one half, give or take four standard deviations
    assert abs(dropped - 0.5) < 4 * 0.5 / seen[0].numel() ** 0.5
    assert (seen[1] == 0).sum() == 0
