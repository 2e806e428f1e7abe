"""Recipes: their values are checked, and wrong names get the nearest one."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from mlstack_lib.errors import BadInput
from mlstack_lib.gpt import GPT, GPTConfig
from mlstack_lib.presets import PRESETS, TrainConfig, from_dict, preset

WRONG = [
    ("steps", "many", "--steps needs a whole number, got 'many'"),
    ("steps", "2.5", "--steps needs a whole number, got '2.5'"),
    ("steps", 2.5, "--steps needs a whole number, got 2.5"),
    ("steps", float("inf"), "--steps needs a whole number, got inf"),
    ("steps", None, "--steps needs a whole number, got None"),
    ("steps", "-1", "steps is -1, must be at least 0"),
    ("lr", "fast", "--lr needs a number, got 'fast'"),
    ("lr", "", "--lr needs a number, got ''"),
    ("lr", "nan", "lr is nan, must be at least 0"),
    ("lr", "-1", "lr is -1.0, must be at least 0"),
    ("batch", "0", "batch is 0, must be at least 1"),
    ("accumulate", "0", "accumulate is 0, must be at least 1"),
    ("context", "0", "context is 0, must be at least 1"),
    ("eval_every", "0", "eval_every is 0, must be at least 1"),
    ("save_every", "0", "save_every is 0, must be at least 1"),
    ("keep", "0", "keep is 0, must be at least 1"),
    ("n_layer", "0", "n_layer is 0, must be at least 1"),
    ("n_head", "0", "n_head is 0, must be at least 1"),
    ("n_head", "3", "n_embd 32 does not divide into n_head 3 heads"),
    ("dropout", "1", "dropout is 1.0, must be in [0, 1)"),
    ("beta1", "1", "beta1 and beta2 must be below 1, got 1.0"),
    ("beta2", "1.5", "beta1 and beta2 must be below 1, got 1.5"),
    ("seed", "-1", "seed is -1, must be at least 0"),
    ("seed", str(1 << 32), "seed is 4294967296, must be below 2**32"),
    ("steps", str(1 << 24), "steps times accumulate is 16,777,216, must be below 2**24"),
    ("schedule", "cosin", "schedule 'cosin' is not known, did you mean 'cosine'?"),
    ("tokenizer", "chars", "tokenizer 'chars' is not known, did you mean 'char'?"),
    ("device", "cpi", "device 'cpi' is not known, did you mean 'cpu'?"),
    ("stepz", "3", "no field is called 'stepz', did you mean 'steps'?"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_field_or_value_is_refused_with_what_is_needed(name, value, message):
    with pytest.raises(BadInput) as caught:
        preset("tiny", **{name: value})
    assert str(caught.value).startswith(message)


def test_an_unknown_preset_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(BadInput, match="did you mean 'laptop'") as caught:
        preset("labtop")
    assert all(name in str(caught.value) for name in PRESETS)


@pytest.mark.parametrize("field", fields(TrainConfig), ids=lambda field: field.name)
def test_any_field_can_be_set_from_text_and_gets_its_type(field):
    other = {"schedule": "wsd", "tokenizer": "char", "device": "cpu", "corpus": "text:x"}
    value = other.get(field.name, "0.5" if field.type is float else "8")
    recipe = preset("tiny", **{field.name: value})
    assert getattr(recipe, field.name) == field.type(value)
    assert type(getattr(recipe, field.name)) is field.type
    assert replace(recipe, **{field.name: getattr(PRESETS["tiny"], field.name)}) == PRESETS["tiny"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_comes_back_from_json(name):
    assert from_dict(json.loads(json.dumps(asdict(PRESETS[name])))) == PRESETS[name]


def test_a_whole_number_may_stand_for_a_number_in_a_stored_recipe():
    recipe = replace(PRESETS["tiny"], lr=1)
    assert from_dict(json.loads(json.dumps(asdict(recipe)))) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("lr") and values, "this version of mlstack: lr"),
        (lambda values: values | {"optimizer": "x"}, "this version of mlstack: optimizer"),
        (lambda values: list(values), "this version of mlstack: no fields"),
        (lambda values: None, "this version of mlstack: no fields"),
        (lambda values: values | {"steps": "9"}, "steps is '9', must be a whole number"),
        (lambda values: values | {"steps": True}, "steps is True, must be a whole number"),
        (lambda values: values | {"lr": None}, "lr is None, must be a number"),
        (lambda values: values | {"corpus": 1}, "corpus is 1, must be a name"),
        (lambda values: values | {"batch": 0}, "batch is 0, must be at least 1"),
    ],
)
def test_a_stored_recipe_that_is_not_ours_is_refused(change, message):
    with pytest.raises(BadInput) as caught:
        from_dict(change(asdict(PRESETS["tiny"])))
    assert str(caught.value).endswith(message)


def test_the_model_gets_the_vocabulary_that_training_found():
    recipe = preset("12m", dropout=0.25)
    assert recipe.model(77) == GPTConfig(77, 256, 6, 6, 384, dropout=0.25)


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_rates_begin_in_the_warmup_reach_the_peak_and_end_at_the_floor(schedule):
    rate = preset("tiny", schedule=schedule, lr=1, min_lr=0.25, warmup=10, steps=100).rates()
    assert [rate(1), rate(5), rate(10)] == [0.1, 0.5, 1.0]
    assert max(rate(step) for step in range(1, 101)) == 1.0
    assert rate(100) == pytest.approx(0.25, abs=1e-12)


def test_the_12m_preset_has_12_million_parameters():
    shape = PRESETS["12m"].model(PRESETS["12m"].vocab_size)
    count = GPT(shape, rng=np.random.default_rng(0)).parameter_count()
    assert round(count / 1e6, 1) == 12.3
