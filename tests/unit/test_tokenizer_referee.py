"""The tokenizers beside Hugging Face `tokenizers`: same merges, same file, same ids."""

import importlib.util
import inspect
import json
import random
import unicodedata
from itertools import accumulate
from pathlib import Path

import pytest

from mlstack_lib import bpe
from mlstack_lib.tokenizer import CharTokenizer, Tokenizer, load_tokenizer

hf = pytest.importorskip("tokenizers", reason="the `test` extra brings tokenizers, the referee")

HERE = Path(__file__).parent / "recorded"
RECORDED = json.loads((HERE / "tokenizer.json").read_text(encoding="utf-8"))
TEXTS = RECORDED["texts"]
SPECIAL = ["<|endoftext|>", "<|a|>", "<|a|><|b|>", "[c] d"]
# Two modules of the standard library: code and English that any Python has.
SOURCES = [Path(inspect.getfile(m)).read_text(encoding="utf-8") for m in (inspect, random)]


def trained_by_referee(texts, vocab_size, special_tokens=()):
    tokenizer = hf.Tokenizer(hf.models.BPE())
    tokenizer.pre_tokenizer = hf.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = hf.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special_tokens),
        initial_alphabet=hf.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def loaded_by_referee(tokenizer, folder):
    tokenizer.save(folder / "ours.json")
    return hf.Tokenizer.from_file(str(folder / "ours.json"))


def without_decoder(file):
    return json.loads(file) | {"decoder": None}


def test_the_recorded_file_is_what_its_script_makes():
    spec = importlib.util.spec_from_file_location("make_tokenizer", HERE / "make_tokenizer.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = json.loads(json.dumps(script.make()))
    assert made | {"made_by": ""} == RECORDED | {"made_by": ""}


def test_the_file_of_a_large_vocabulary_is_the_referees_own():
    ours = Tokenizer.train(SOURCES, 2000, SPECIAL)
    theirs = trained_by_referee(SOURCES, 2000, SPECIAL)
    assert without_decoder(ours._file()) == without_decoder(theirs.to_str())
    assert ours.vocab_size == 2000


@pytest.mark.parametrize("letters", ["a", "ab", "abc  \n", "'st !", "\u4f60\u4f61\U0001f600 "])
def test_every_merge_of_random_text_is_the_referees_to_the_last(letters):
    for seed in range(20):
        rng = random.Random(f"{letters}{seed}")
        texts = ["".join(rng.choices(letters, k=rng.randint(1, 90))) for _ in range(8)]
        ours = Tokenizer.train(texts, 5000)
        theirs = trained_by_referee(texts, 5000, ["<|endoftext|>"])
        assert without_decoder(ours._file()) == without_decoder(theirs.to_str())
        assert all(ours.encode(t).tolist() == theirs.encode(t).ids for t in texts)


def test_the_referee_loads_our_file_and_gives_our_ids(tmp_path):
    ours = Tokenizer.train(SOURCES, 1000, SPECIAL)
    theirs = loaded_by_referee(ours, tmp_path)
    theirs.encode_special_tokens = True
    for text in [*TEXTS.values(), *SOURCES, "".join(TEXTS.values())]:
        ids = ours.encode(text).tolist()
        assert ids == theirs.encode(text).ids
        assert ours.decode(ids) == text == theirs.decode(ids, skip_special_tokens=False)


def test_the_referee_finds_the_same_special_tokens_in_text(tmp_path):
    ours = Tokenizer.train(SOURCES, 400, SPECIAL)
    theirs = loaded_by_referee(ours, tmp_path)
    rng = random.Random(3)
    parts = [*SPECIAL, "<|", "|>", "<|b|>", "a", " ", "[c]", " d", "<|endoftext"]
    for _ in range(300):
        text = "".join(rng.choices(parts, k=12))
        ids = ours.encode(text, allow_special=True).tolist()
        assert ids == theirs.encode(text).ids
        assert text == theirs.decode(ids, skip_special_tokens=False)


def test_random_bytes_decode_as_the_referee_decodes_them(tmp_path):
    ours = Tokenizer.train(SOURCES[:1], 300)
    theirs = loaded_by_referee(ours, tmp_path)
    rng = random.Random(4)
    for _ in range(200):
        ids = [rng.randrange(1, ours.vocab_size) for _ in range(30)]
        assert ours.decode(ids) == theirs.decode(ids)


def test_long_runs_and_long_words_are_merged_as_the_referee_does(tmp_path):
    rng = random.Random(5)
    texts = ["".join(rng.choices("acgt", k=3000)), "a" * 4001, "\U0001f600" * 701, "=" * 999]
    ours = Tokenizer.train([t[:1500] for t in texts], 800)
    theirs = loaded_by_referee(ours, tmp_path)
    for text in [*texts, " " * 5000 + "x"]:
        assert ours.encode(text).tolist() == theirs.encode(text).ids


def test_we_load_the_referees_file_and_give_its_ids(tmp_path):
    theirs = trained_by_referee(SOURCES, 700, SPECIAL)
    theirs.save(str(tmp_path / "theirs.json"))
    ours = load_tokenizer(tmp_path / "theirs.json")
    for text in [*TEXTS.values(), *SOURCES]:
        assert ours.encode(text, allow_special=True).tolist() == theirs.encode(text).ids


def test_the_layout_of_gpt2s_file_gives_the_referees_ids(tmp_path):
    Tokenizer.train(SOURCES, 600, ()).save(tmp_path / "t.json")
    file = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    file["model"]["vocab"]["<|endoftext|>"] = 600
    file["model"]["merges"] = [" ".join(merge) for merge in file["model"]["merges"]]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    file["added_tokens"] = [{"id": 600, "content": "<|endoftext|>", "special": True, **flags}]
    after = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}
    file["post_processor"] = after
    (tmp_path / "t.json").write_text(json.dumps(file), encoding="utf-8")
    ours = load_tokenizer(tmp_path / "t.json")
    theirs = hf.Tokenizer.from_file(str(tmp_path / "t.json"))
    for text in TEXTS.values():
        assert ours.encode(text, allow_special=True).tolist() == theirs.encode(text).ids


def test_characters_saved_as_a_file_give_the_referees_ids(tmp_path):
    ours = CharTokenizer.train([*TEXTS.values(), *SOURCES])
    theirs = loaded_by_referee(ours, tmp_path)
    for text in [*TEXTS.values(), *SOURCES]:
        ids = ours.encode(text).tolist()
        assert ids == theirs.encode(text).ids
        assert ours.decode(ids) == text == theirs.decode(ids)
    with pytest.raises(Exception, match="UNK"):
        theirs.encode("\u2603")


def test_every_character_that_this_python_knows_is_cut_as_the_referee_cuts_it():
    known = [chr(code) for code in range(0x110000)]
    known = [c for c in known if unicodedata.category(c) not in ("Cn", "Co", "Cs")]
    cut = hf.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for at in range(0, len(known), 1000):
        text = "".join(f"a{c}1{c}! " for c in known[at : at + 1000])
        want = [start for _, (start, _) in cut.pre_tokenize_str(text)] + [len(text)]
        ours = [piece for part in bpe.pieces(text) for piece in part]
        assert list(accumulate(map(len, ours), initial=0)) == want
