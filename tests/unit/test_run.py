"""The folder of a run: made at once, opened again, never written over; its log survives a kill."""

import json

import pytest
from runs import contents

from mlstack_lib import checkpoint
from mlstack_lib.corpora import Corpus, load_corpus
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.run import TOKENIZER_TEXT, Run, make_tokenizer, refuse_occupied
from mlstack_lib.tokenizer import CharTokenizer, Tokenizer

LETTERS = CharTokenizer.train(["abc"])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def edit_json(path, **changes):
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | changes), encoding="utf-8")


# ---- beginning ----


@pytest.mark.parametrize("there", ["no folder", "an empty folder", "folders that are not there"])
def test_a_run_that_was_begun_can_be_opened(tmp_path, small, there):
    folder = tmp_path / ("a/b/run" if there.startswith("folders") else "run")
    if there == "an empty folder":
        folder.mkdir()
    begun = Run.create(folder, small(), LETTERS)
    opened = Run.open(folder)
    assert opened.config == begun.config == small()
    assert opened.tokenizer.fingerprint == LETTERS.fingerprint
    assert names(folder) == ["config.json", "tokenizer.json"]


def test_a_folder_with_another_run_is_refused_and_stays_as_it_is(finished, small):
    before = contents(finished)
    with pytest.raises(BadInput, match="holds another run: go on with --resume, or choose another"):
        Run.create(finished, small(), LETTERS)
    assert contents(finished) == before


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden", "step-0000001.safetensors"])
def test_a_folder_with_anything_in_it_is_refused_and_stays_as_it_is(tmp_path, small, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_bytes(b"precious")
    with pytest.raises(BadInput, match="is not an empty folder: choose another --out"):
        Run.create(tmp_path / "run", small(), LETTERS)
    assert contents(tmp_path / "run") == {name: b"precious"}


def test_a_file_in_the_folders_place_is_refused(tmp_path, small):
    (tmp_path / "run").write_bytes(b"precious")
    with pytest.raises(BadInput, match="is not an empty folder"):
        Run.create(tmp_path / "run", small(), LETTERS)
    assert (tmp_path / "run").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path, small):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CouldNotFinish, match="cannot make .*run"):
        Run.create(tmp_path / "file" / "run", small(), LETTERS)


def test_what_a_killed_start_has_left_is_no_obstacle(tmp_path, small):
    LETTERS.save(tmp_path / "tokenizer.json")
    for name in (".tokenizer.json.41.part", ".config.json.41.part"):
        (tmp_path / name).write_bytes(b"half")
    refuse_occupied(tmp_path)
    Run.create(tmp_path, small(), LETTERS)
    assert Run.open(tmp_path).config == small()


def test_a_tokenizer_of_ones_own_in_the_folder_is_never_replaced(tmp_path, small):
    path = tmp_path / "tokenizer.json"
    CharTokenizer.train(["xyz"]).save(path)
    for precious, message in (
        (path.read_bytes(), "is another tokenizer than this run's"),
        (b"my notes", "expected JSON"),
    ):
        path.write_bytes(precious)
        with pytest.raises(BadInput, match=message):
            Run.create(tmp_path, small(), LETTERS)
        assert contents(tmp_path) == {"tokenizer.json": precious}


# ---- opening ----


def test_a_folder_without_a_run_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="holds no run: there is no .*config.json"):
            Run.open(folder)


@pytest.mark.parametrize("text", ["", "{", '{"steps": ', "\ufeff{}", "[1]", "null", "{}"])
def test_a_damaged_configuration_is_refused_by_its_name(finished, text):
    (finished / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="config.json"):
        Run.open(finished)


def test_a_configuration_that_is_not_text_is_refused(finished):
    (finished / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="config.json is damaged"):
        Run.open(finished)


def test_the_configuration_of_another_program_is_refused(finished):
    (finished / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(BadInput, match="not the recipe of a run of this version"):
        Run.open(finished)


def test_a_missing_tokenizer_is_refused(finished):
    (finished / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match="tokenizer.json"):
        Run.open(finished)


# ---- checkpoints ----


def test_the_latest_checkpoint_gives_the_model_that_was_saved(finished):
    run = Run.open(finished)
    found, model = run.latest(), run.load_model()
    assert found.step == run.config.steps
    assert not model.training
    for name, value in model.state_dict().items():
        assert value.tobytes() == found.weights[name].tobytes()


def test_a_run_without_a_checkpoint_says_so(finished):
    for path in checkpoint.all_of(finished):
        path.unlink()
    run = Run.open(finished)
    assert run.latest() is None
    with pytest.raises(BadInput, match="has no checkpoint yet: train it first"):
        run.load_model()


@pytest.mark.parametrize("field", ["lr", "steps", "n_layer", "corpus"])
def test_a_checkpoint_of_another_configuration_is_refused(finished, field):
    value = {"lr": 0.5, "steps": 26, "n_layer": 2, "corpus": "shakespeare"}[field]
    edit_json(finished / "config.json", **{field: value})
    with pytest.raises(BadInput, match="was made with another configuration than"):
        Run.open(finished).load_model()


def test_a_checkpoint_of_another_tokenizer_is_refused(finished, text_file):
    text = text_file.read_text(encoding="utf-8")
    other = Tokenizer.train([text.upper()], 270)
    assert other.vocab_size == Run.open(finished).tokenizer.vocab_size
    other.save(finished / "tokenizer.json")
    with pytest.raises(BadInput, match="was made with another tokenizer than"):
        Run.open(finished).load_model()


def test_a_checkpoint_with_other_weights_than_the_model_has_is_refused(finished):
    run = Run.open(finished)
    found = run.latest()
    del found.weights["ln_f.bias"]
    found.save(checkpoint.latest(finished))
    with pytest.raises(BadInput, match="ln_f.bias is missing"):
        run.load_model()


# ---- the log ----


def entry(step, **more):
    return {"step": step, "loss": 1 / step} | more


def test_the_log_comes_back_exactly(tmp_path, small):
    run = Run.create(tmp_path, small(), LETTERS)
    assert run.read_log() == []
    run.append_log([entry(1), entry(2)])
    run.append_log([entry(3)])
    assert run.read_log() == [entry(1), entry(2), entry(3)]
    assert (tmp_path / "log.jsonl").read_bytes().count(b"\n") == 3


def test_a_line_that_a_kill_has_cut_anywhere_is_left_out_and_taken_back(tmp_path, small):
    run, path = Run.create(tmp_path, small(), LETTERS), tmp_path / "log.jsonl"
    run.append_log([entry(1), entry(3)])
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(first, len(whole)):
        path.write_bytes(whole[:size])
        # where the line end alone is missing, the entry is whole
        kept = [entry(1), entry(3)] if size == len(whole) - 1 else [entry(1)]
        assert run.read_log() == run.rewind_log(3) == kept
        run.append_log([entry(4)])
        assert run.read_log() == [*kept, entry(4)]


def test_nothing_counts_that_stands_after_a_damaged_line(tmp_path, small):
    run = Run.create(tmp_path, small(), LETTERS)
    run.append_log([entry(1), entry(2)])
    with open(tmp_path / "log.jsonl", "ab") as file:
        file.write(b"\0\0\0\n")
    run.append_log([entry(4)])
    assert run.read_log() == run.rewind_log(9) == [entry(1), entry(2)]


def test_rewinding_takes_back_what_came_after_a_checkpoint(tmp_path, small):
    run = Run.create(tmp_path, small(), LETTERS)
    run.append_log([entry(1), entry(2), entry(2, look=1), entry(3), entry(4)])
    assert run.rewind_log(2) == [entry(1), entry(2), entry(2, look=1)]
    assert run.read_log() == [entry(1), entry(2), entry(2, look=1)]
    assert run.rewind_log(0) == run.read_log() == []


def test_a_log_that_cannot_be_written_is_named_with_the_reason(tmp_path, small):
    run = Run.create(tmp_path, small(), LETTERS)
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(CouldNotFinish, match="cannot write the log of"):
        run.append_log([entry(1)])


# ---- the tokenizer ----


def corpus_of(train, valid, separated=True) -> Corpus:
    texts = {"train": train, "valid": valid}
    return Corpus("mine", "f", separated, lambda split: iter(texts[split]))


def test_a_tokenizer_of_characters_knows_those_of_both_splits_and_the_line_end(small):
    made = make_tokenizer(small(tokenizer="char"), corpus_of(["ab"], ["ä"], separated=False))
    assert made.decode(range(made.vocab_size)) == "\nabä"


def test_a_tokenizer_of_pairs_learns_from_the_training_split_alone(small):
    made = make_tokenizer(small(), corpus_of(["abababab"] * 3, ["xyxyxyxyxyxy"] * 9))
    assert len(made.encode("abab")) < 4
    assert len(made.encode("xyxy")) == 4


def test_a_tokenizer_of_pairs_learns_from_the_first_characters_only(small, monkeypatch):
    monkeypatch.setattr("mlstack_lib.run.TOKENIZER_TEXT", 10)
    made = make_tokenizer(small(), corpus_of(["ab ab", "ab abxyxyxy", "xyxyxyxyxyxy"], ["v"]))
    assert made.fingerprint == Tokenizer.train(["ab ab", "ab ab"], 270).fingerprint
    assert TOKENIZER_TEXT > 1_000_000


@pytest.mark.parametrize("size", [0, 256, 65_536])
def test_a_vocabulary_that_is_too_small_or_too_large_is_refused(small, size):
    corpus = load_corpus(small().corpus)
    with pytest.raises(BadInput, match=f"vocab_size from 257 .* to 65535, got {size}"):
        make_tokenizer(small(vocab_size=size), corpus)


def test_the_initial_model_is_the_seeds(tmp_path, small):
    weights = []
    for seed in (1, 1, 2):
        run = Run(tmp_path, small(seed=seed), LETTERS)
        weights.append(run.new_model().state_dict()["wte.weight"])
    assert weights[0].tobytes() == weights[1].tobytes() != weights[2].tobytes()
