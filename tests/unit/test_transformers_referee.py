"""Weights in and out beside Hugging Face `transformers`, in both directions."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlstack_lib import checkpoint
from mlstack_lib.autograd import no_grad
from mlstack_lib.export import export_run, import_file
from mlstack_lib.generate import generate
from mlstack_lib.run import Run

WHY = "the `test` extra brings transformers and PyTorch, the referees"
torch = pytest.importorskip("torch", reason=WHY)
hf = pytest.importorskip("transformers", reason=WHY)

HERE = Path(__file__).parent / "recorded"
RECORDED = json.loads((HERE / "gpt2.json").read_text(encoding="utf-8"))


@pytest.fixture
def random_run(finished) -> Run:
    """A run whose weights are all random, biases and LayerNorms too."""
    run, rng = Run.open(finished), np.random.default_rng(1)
    found = run.latest()
    weights = {
        name: rng.normal(0, 0.5, value.shape).astype(np.float32)
        for name, value in found.weights.items()
    }
    replace(found, weights=weights).save(checkpoint.latest(finished))
    return run


@pytest.fixture
def random_theirs(finished):
    """A GPT2LMHeadModel of other sizes than ours, all random, and the folder of a tokenizer."""
    config = hf.GPT2Config(
        vocab_size=Run.open(finished).tokenizer.vocab_size, n_positions=24, n_embd=20, n_layer=3,
        n_head=4, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model, generator = hf.GPT2LMHeadModel(config).eval(), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return model


def batch(run, rows=3):
    shape = (rows, run.config.context)
    return np.random.default_rng(3).integers(0, run.tokenizer.vocab_size, shape, dtype=np.int32)


def assert_same_logits(run, theirs):
    idx = batch(run)
    with no_grad(), torch.no_grad():
        ours = run.load_model()(idx).numpy()
        want = theirs.eval()(torch.from_numpy(idx.astype(np.int64))).logits.numpy()
    assert np.abs(want).max() > 1
    np.testing.assert_allclose(ours, want, rtol=0, atol=1e-4)


def test_the_recorded_file_is_what_its_script_makes():
    spec = importlib.util.spec_from_file_location("make_gpt2", HERE / "make_gpt2.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = json.loads(json.dumps(script.make()))
    for a, b in zip(made.pop("logits"), RECORDED["logits"], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert made | {"made_by": ""} == {
        key: value for key, value in RECORDED.items() if key != "logits"
    } | {"made_by": ""}
    assert list(made["shapes"]) == list(RECORDED["shapes"])  # the weights are drawn in this order


def test_a_run_that_we_export_gives_the_same_logits_there(random_run, tmp_path):
    export_run(random_run, tmp_path / "out" / "model.safetensors")
    theirs, told = hf.GPT2LMHeadModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(told.values()), told  # no key missing, unexpected or of another shape
    assert_same_logits(random_run, theirs)


def test_a_run_that_we_export_has_its_tokenizer_there(random_run, tmp_path):
    export_run(random_run, tmp_path / "out" / "model.safetensors")
    theirs = hf.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "out" / "tokenizer.json"))
    text = "the cat ran far\naway, Größe"
    assert theirs.encode(text) == random_run.tokenizer.encode(text).tolist()


def test_a_model_that_they_save_gives_the_same_logits_here(random_theirs, finished, tmp_path):
    random_theirs.save_pretrained(tmp_path / "theirs")
    Run.open(finished).tokenizer.save(tmp_path / "theirs" / "tokenizer.json")
    run = import_file(tmp_path / "theirs" / "model.safetensors", tmp_path / "run")
    assert_same_logits(Run.open(run.folder), random_theirs)


def test_a_model_that_they_save_in_half_precision_comes_in(random_theirs, finished, tmp_path):
    random_theirs.half().save_pretrained(tmp_path / "theirs")
    Run.open(finished).tokenizer.save(tmp_path / "theirs" / "tokenizer.json")
    run = import_file(tmp_path / "theirs" / "model.safetensors", tmp_path / "run")
    assert_same_logits(run, random_theirs.float())


def test_greedy_text_is_theirs(random_run, tmp_path):
    export_run(random_run, tmp_path / "out" / "model.safetensors")
    theirs = hf.GPT2LMHeadModel.from_pretrained(tmp_path / "out")
    prompt = batch(random_run)[0, :4]
    new = random_run.config.context - len(prompt)
    want = theirs.generate(
        torch.from_numpy(prompt[None].astype(np.int64)), max_new_tokens=new, do_sample=False,
        attention_mask=torch.ones(1, 4), eos_token_id=None, pad_token_id=0,
    )[0, 4:]  # fmt: skip
    ours = generate(
        random_run.load_model(), prompt, rng=np.random.default_rng(0), tokens=new, temperature=0
    )
    assert list(ours) == want.tolist()
