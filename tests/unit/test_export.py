"""Weights out and in, as Hugging Face's GPT-2 has them: beside what was recorded from it."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from runs import contents
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mlstack_lib import checkpoint, train
from mlstack_lib.autograd import no_grad
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.export import export_run, from_gpt2, import_file, to_gpt2
from mlstack_lib.run import Run
from mlstack_lib.tokenizer import CharTokenizer

RECORDED = json.loads(
    (Path(__file__).parent / "recorded" / "gpt2.json").read_text(encoding="utf-8")
)
CONFIG = {"model_type": "gpt2", **RECORDED["sizes"]}


def recorded_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(RECORDED["seed"])
    return {
        name: (RECORDED["deviation"] * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in RECORDED["shapes"].items()
    }


@pytest.fixture
def theirs(tmp_path) -> Path:
    """The recorded model as `save_pretrained` lays it out; the path of its weights."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    save_file(recorded_weights(), folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    CharTokenizer.train(["abcdefghijklm"]).save(folder / "tokenizer.json")
    return folder / "model.safetensors"


def logits_of(run: Run, text: str) -> np.ndarray:
    with no_grad():
        return run.load_model()(run.tokenizer.encode(text)[None].astype(np.int32)).numpy()[0]


def assert_gives_the_recorded_logits(run: Run) -> None:
    for text, want in zip(RECORDED["texts"], RECORDED["logits"], strict=True):
        np.testing.assert_allclose(logits_of(run, text), want, rtol=0, atol=1e-4)


def change_config(file: Path, **values) -> None:
    path = file.with_name("config.json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


def change_weights(file: Path, change) -> None:
    values = load_file(file)
    change(values)
    save_file(values, file)


# ---- in ----


def test_imported_weights_give_the_logits_of_the_referee(theirs, tmp_path):
    run = import_file(theirs, tmp_path / "run")
    assert_gives_the_recorded_logits(run)
    assert_gives_the_recorded_logits(Run.open(tmp_path / "run"))


def test_the_recorded_logits_are_far_from_those_of_turned_matrices(theirs, tmp_path):
    """Were c_attn.c_proj, a square, left as it is, no shape would tell: the logits do."""

    def turn(values):
        name = "transformer.h.0.attn.c_proj.weight"
        values[name] = np.ascontiguousarray(values[name].T)

    change_weights(theirs, turn)
    with pytest.raises(AssertionError):
        assert_gives_the_recorded_logits(import_file(theirs, tmp_path / "run"))


def test_older_files_without_the_prefix_and_with_masks_come_in_too(theirs, tmp_path):
    """The published GPT-2 is such a file."""

    def make_older(values):
        for name in list(values):
            values[name.removeprefix("transformer.")] = values.pop(name)
        values["h.0.attn.bias"] = np.tril(np.ones((1, 1, 8, 8), np.float32))
        values["h.0.attn.masked_bias"] = np.array(-1e4, np.float32)

    change_weights(theirs, make_older)
    assert_gives_the_recorded_logits(import_file(theirs, tmp_path / "run"))


def test_a_head_that_is_the_embedding_comes_in_and_another_one_is_refused(theirs, tmp_path):
    def add_head(values):
        values["lm_head.weight"] = values["transformer.wte.weight"] * 1

    change_weights(theirs, add_head)
    assert_gives_the_recorded_logits(import_file(theirs, tmp_path / "run"))
    change_weights(theirs, lambda values: values["lm_head.weight"].__imul__(2))
    with pytest.raises(BadInput, match="lm_head.weight is not wte.weight"):
        import_file(theirs, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_weights_of_another_precision_come_in_as_f32(theirs, tmp_path, dtype):
    def cast(values):
        for name, value in values.items():
            values[name] = value.astype(dtype)

    change_weights(theirs, cast)
    weights = import_file(theirs, tmp_path / "run").load_model().state_dict()
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float32)}
    want = recorded_weights()["transformer.wte.weight"].astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(weights["wte.weight"], want)


WRONG_CONFIGS = [
    ({"model_type": "llama"}, "config.json is not of a GPT-2"),
    ({"activation_function": "relu"}, "has activation_function 'relu', need 'gelu_new'"),
    ({"layer_norm_epsilon": 1e-6}, "has layer_norm_epsilon 1e-06, need 1e-05"),
    ({"scale_attn_weights": False}, "has scale_attn_weights False, need True"),
    ({"scale_attn_by_inverse_layer_idx": True}, "has scale_attn_by_inverse_layer_idx True"),
    ({"n_head": None}, "has n_head None, need a whole number"),
    ({"n_layer": "2"}, "has n_layer '2', need a whole number"),
    ({"vocab_size": 13.0}, "has vocab_size 13.0, need a whole number"),
    ({"n_head": 5}, "n_embd 12 does not divide into n_head 5 heads"),
    ({"n_positions": 0}, "context is 0, must be at least 1"),
    ({"vocab_size": 14}, "the tokenizer has 13 tokens, the model 14"),
    ({"n_layer": 1}, r"h\.1\..* is not a parameter here"),
    ({"n_layer": 3}, r"h\.2\..* is missing from the values"),
    ({"n_positions": 9}, r"wpe.weight is \(8, 12\), this model has \(9, 12\)"),
]


@pytest.mark.parametrize(("values", "message"), WRONG_CONFIGS)
def test_another_model_is_refused_and_no_run_is_made(theirs, tmp_path, values, message):
    change_config(theirs, **values)
    with pytest.raises(BadInput, match=message):
        import_file(theirs, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(theirs, tmp_path, name):
    theirs.with_name(name).unlink()
    with pytest.raises(BadInput, match=name):
        import_file(theirs, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\0", b"[]", b"7"])
def test_a_damaged_file_is_refused(theirs, tmp_path, name, content):
    theirs.with_name(name).write_bytes(content)
    with pytest.raises(BadInput):
        import_file(theirs, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_truncated_weights_are_refused(theirs, tmp_path):
    theirs.write_bytes(theirs.read_bytes()[:-1])
    with pytest.raises(BadInput, match="model.safetensors .* is damaged"):
        import_file(theirs, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_import_never_writes_over_a_run(theirs, finished):
    before = contents(finished)
    with pytest.raises(BadInput, match="holds another run"):
        import_file(theirs, finished)
    assert contents(finished) == before


def test_an_imported_run_cannot_be_trained_on_and_says_so(theirs, tmp_path):
    import_file(theirs, tmp_path / "run")
    with pytest.raises(BadInput, match="holds imported weights, which cannot be trained on"):
        train.resume(tmp_path / "run")


# ---- out ----


def test_an_exported_file_has_the_referees_names_and_shapes(tmp_path, small):
    sizes = RECORDED["sizes"]
    recipe = small(
        tokenizer="char", context=sizes["n_positions"], n_embd=sizes["n_embd"],
        n_layer=sizes["n_layer"], n_head=sizes["n_head"], steps=1,
    )  # fmt: skip
    train.start(recipe, tmp_path / "run").train()
    run = Run.open(tmp_path / "run")
    file, config, tokenizer = export_run(run, tmp_path / "out" / "model.safetensors")
    shapes = {name: list(value.shape) for name, value in load_file(file).items()}
    vocab_size = run.tokenizer.vocab_size
    embedding = {"transformer.wte.weight": [vocab_size, sizes["n_embd"]]}
    assert shapes == RECORDED["shapes"] | embedding
    with safe_open(file, "numpy") as opened:  # transformers refuses a file without it
        assert opened.metadata() == {"format": "pt"}
    values = json.loads(config.read_text(encoding="utf-8"))
    assert {name: values[name] for name in sizes} == sizes | {"vocab_size": vocab_size}
    assert tokenizer.read_bytes() == (tmp_path / "run" / "tokenizer.json").read_bytes()


def test_what_came_in_goes_out_bit_for_bit(theirs, tmp_path):
    run = import_file(theirs, tmp_path / "run")
    file, *_ = export_run(run, tmp_path / "out" / "model.safetensors")
    ours, want = load_file(file), load_file(theirs)
    assert ours.keys() == want.keys()
    for name, value in want.items():
        assert ours[name].tobytes() == value.tobytes()
    again = import_file(file, tmp_path / "again")  # with the config.json that we wrote
    assert_gives_the_recorded_logits(again)


def test_a_trained_run_gives_the_same_logits_after_out_and_in(finished, tmp_path):
    run = Run.open(finished)
    file, *_ = export_run(run, tmp_path / "out" / "model.safetensors")
    again = import_file(file, tmp_path / "again")
    text = "the cat sat on"
    np.testing.assert_array_equal(logits_of(run, text), logits_of(again, text))
    assert again.tokenizer.fingerprint == run.tokenizer.fingerprint


def test_the_end_of_text_is_told(finished, tmp_path):
    run = Run.open(finished)
    _, config, _ = export_run(run, tmp_path / "model.safetensors")
    values = json.loads(config.read_text(encoding="utf-8"))
    assert values["eos_token_id"] == values["bos_token_id"] == run.tokenizer.end_of_text


def test_turning_twice_changes_nothing():
    weights = recorded_weights()
    back = to_gpt2(from_gpt2(weights))
    assert list(back) == list(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(back[name], value)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_an_export_never_writes_over_a_file(finished, tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_bytes(b"precious")
    with pytest.raises(BadInput, match=f"{name} is there already"):
        export_run(Run.open(finished), folder / "model.safetensors")
    assert contents(folder) == {name: b"precious"}


def test_an_export_into_the_runs_own_folder_is_refused(finished):
    before = contents(finished)
    with pytest.raises(BadInput, match="is there already"):
        export_run(Run.open(finished), finished / "model.safetensors")
    assert contents(finished) == before


def test_an_export_needs_its_ending(finished, tmp_path):
    with pytest.raises(BadInput, match="must end in .safetensors"):
        export_run(Run.open(finished), tmp_path / "model.bin")


def test_a_run_without_a_checkpoint_is_refused_before_a_folder_is_made(finished, tmp_path):
    for path in checkpoint.all_of(finished):
        path.unlink()
    with pytest.raises(BadInput, match="has no checkpoint yet"):
        export_run(Run.open(finished), tmp_path / "out" / "model.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_leaves_nothing_half_written(finished, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(CouldNotFinish, match="No space left on device"):
        export_run(Run.open(finished), tmp_path / "out" / "model.safetensors")
    assert contents(tmp_path / "out") == {}
