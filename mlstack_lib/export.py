"""Weights in and out in the form of Hugging Face's GPT-2.

The names are ours with `transformer.` in front; the weights of the four linear layers of a block
are stored (in, out) there, (out, in) here; and the head is the token embedding.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from .checkpoint import Checkpoint, path_of
from .errors import BadInput
from .files import write_bytes, write_json
from .gpt import GPT
from .presets import TrainConfig
from .run import Run, refuse_occupied
from .tokenizer import load_tokenizer

PREFIX = "transformer."
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
SIZES = ("vocab_size", "n_layer", "n_head", "n_embd", "n_positions")
NEEDED = {  # what would change the logits; all are what a GPT-2 has if its config.json is silent
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
NOT_WEIGHTS = (".attn.bias", ".attn.masked_bias")  # constant masks that older files hold


def to_gpt2(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights under Hugging Face's names, in its orientation."""
    return {PREFIX + name: _turned(name, value) for name, value in weights.items()}


def from_gpt2(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a Hugging Face GPT-2, with or without the prefix, as ours, in f32.

    Raises BadInput if the head is another matrix than the token embedding.
    """
    ours = {}
    for name, value in weights.items():
        name = name.removeprefix(PREFIX)
        if not name.endswith(NOT_WEIGHTS):
            ours[name] = _turned(name, np.asarray(value, np.float32))
    head = ours.pop("lm_head.weight", None)
    if head is not None and not np.array_equal(head, ours.get("wte.weight")):
        raise BadInput("import: lm_head.weight is not wte.weight; here the two are one matrix")
    return ours


def _turned(name: str, value: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(value.T) if name.endswith(TRANSPOSED) else value


def gpt2_config(model: GPT, end_of_text: int | None) -> dict[str, Any]:
    """The config.json that makes `transformers` build the same model."""
    c = model.config
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": c.vocab_size,
        "n_positions": c.context,
        "n_embd": c.n_embd,
        "n_layer": c.n_layer,
        "n_head": c.n_head,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": c.dropout,
        "embd_pdrop": c.dropout,
        "attn_pdrop": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
    }


def export_run(run: Run, file: Path) -> list[Path]:
    """Write FILE, and config.json and tokenizer.json beside it; return the three paths.

    `GPT2LMHeadModel.from_pretrained` takes the folder if FILE is called model.safetensors. Raises
    BadInput if one of the three is there already, or the run has no checkpoint.
    """
    if file.suffix != ".safetensors":
        raise BadInput(f"export: {file} must end in .safetensors")
    paths = [file, file.with_name("config.json"), file.with_name("tokenizer.json")]
    for path in paths:
        if path.exists():
            raise BadInput(f"export: {path} is there already: choose a file in another folder")
    model = run.load_model()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, save(to_gpt2(model.state_dict()), {"format": "pt"}))
    write_json(paths[1], gpt2_config(model, run.tokenizer.end_of_text))
    run.tokenizer.save(paths[2])
    return paths


def import_file(file: Path, folder: Path) -> Run:
    """Make a run of FILE, a GPT-2's safetensors, with config.json and tokenizer.json beside it.

    The run can generate and be exported, not be trained on. Raises BadInput for what is missing,
    damaged, or not such a model.
    """
    refuse_occupied(folder)
    try:
        weights = from_gpt2(load_file(file))
        values = json.loads(file.with_name("config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"import: {error.filename or file} is missing") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise BadInput(f"import: {file} or the config.json beside it is damaged: {error}") from None
    config = _recipe(values)
    run = Run(folder, config, load_tokenizer(file.with_name("tokenizer.json")))
    if run.tokenizer.vocab_size != config.vocab_size:
        raise BadInput(
            f"import: the tokenizer has {run.tokenizer.vocab_size} tokens, "
            f"the model {config.vocab_size}"
        )
    run.new_model().load_state_dict(weights)  # refuses other names and shapes
    run = Run.create(folder, config, run.tokenizer)
    found = Checkpoint(0, weights, {}, {}, asdict(config), run.tokenizer.fingerprint, "")
    found.save(path_of(folder, 0))
    return run


def _recipe(values: dict[str, Any]) -> TrainConfig:
    if not isinstance(values, dict) or values.get("model_type") != "gpt2":
        raise BadInput("import: config.json is not of a GPT-2: it needs model_type 'gpt2'")
    for key, value in NEEDED.items():
        if values.get(key, value) != value:
            raise BadInput(f"import: config.json has {key} {values[key]!r}, need {value!r}")
    sizes = {name: values.get(name) for name in SIZES}
    for name, size in sizes.items():
        if type(size) is not int:
            raise BadInput(f"import: config.json has {name} {size!r}, need a whole number")
    return TrainConfig(context=sizes.pop("n_positions"), **sizes, steps=0)
