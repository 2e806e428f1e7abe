"""Corpora: which documents a name stands for, how they are split, and what is bad input."""

import lzma
import sysconfig
from pathlib import Path

import pytest

from mlstack_lib import corpora
from mlstack_lib.cache import Download
from mlstack_lib.corpora import Corpus, load_corpus
from mlstack_lib.documents import SEPARATOR, file_sha256
from mlstack_lib.errors import BadInput, CouldNotFinish

PLAY = "".join(f"Line {i} of the play.\n" for i in range(100))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = text.encode("utf-8") if isinstance(text, str) else text
    path.write_bytes(lzma.compress(raw) if path.suffix == ".xz" else raw)
    return path


def stories(*numbers: int) -> str:
    return "".join(f"Story {i}.\n{SEPARATOR}\n" for i in numbers)


def split(corpus: Corpus) -> dict[str, list[str]]:
    return {name: list(corpus.documents(name)) for name in ("train", "valid")}


# ---- names -----------------------------------------------------------------------------------


def test_unknown_corpus_names_the_nearest_and_lists_all():
    with pytest.raises(BadInput) as caught:
        load_corpus("tinystory")
    assert "'tinystory' is not known, did you mean 'tinystories'?" in str(caught.value)
    assert "python-stdlib, shakespeare, tinystories, text:PATH" in str(caught.value)


def test_path_without_its_prefix_is_recognised():
    put("mine.txt", "text")
    with pytest.raises(BadInput, match="did you mean 'text:mine.txt'?"):
        load_corpus("mine.txt")


def test_split_must_be_train_or_valid():
    put("a.txt", stories(1, 2))
    with pytest.raises(ValueError, match="got 'test'"):
        load_corpus("text:a.txt").documents("test")


# ---- python-stdlib ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stdlib() -> Corpus:
    return load_corpus("python-stdlib")


def test_default_corpus_is_the_library_of_the_running_python(stdlib):
    assert stdlib.name == corpora.DEFAULT_CORPUS
    root = Path(sysconfig.get_path("stdlib"))
    found = {text for name in ("train", "valid") for text in stdlib.documents(name)}
    for module in ("argparse.py", "json/decoder.py", "asyncio/tasks.py"):
        assert (root / module).read_text(encoding="utf-8") in found, module


def test_stdlib_is_large_enough_and_a_twentieth_of_its_files_validates(stdlib):
    count = {name: len(texts) for name, texts in split(stdlib).items()}
    assert count["valid"] == (count["train"] + count["valid"]) // 20
    size = sum(len(text.encode("utf-8")) for text in stdlib.documents("train"))
    assert size > 8_000_000
    assert stdlib.separated


def test_stdlib_is_the_same_each_time(stdlib):
    again = load_corpus("python-stdlib")
    assert again == stdlib
    assert split(again) == split(stdlib)


def test_stdlib_leaves_out_tests_builds_and_what_is_not_utf8(folder, monkeypatch):
    for i in range(40):
        put(f"lib/m{i:02}.py", f"# module {i}\r\n")
    put("lib/latin.py", "# é".encode("latin-1"))
    put("lib/empty.py", "")
    put("lib/_sysconfigdata__linux_.py", "built = 1\n")
    for below in ("test", "unittest/test", "lib2to3/tests", "idlelib/idle_test", "__pycache__"):
        put(f"lib/{below}/m.py", "left out\n")
    put("lib/site-packages/numpy/m.py", "left out\n")
    put("lib/config-3.11-x86_64/m.py", "left out\n")
    put("lib/m00.txt", "left out\n")
    put("lib/a/z.py", "in a folder\n")
    monkeypatch.setattr("sysconfig.get_path", lambda key: str(folder / "lib"))
    order = ["in a folder\n", *(f"# module {i}\n" for i in range(40))]
    assert split(load_corpus("python-stdlib")) == {
        "train": [text for i, text in enumerate(order) if i not in (19, 39)],
        "valid": [order[19], order[39]],
    }


def test_python_without_its_sources_is_an_error_with_a_remedy(folder, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda key: str(folder / "python311.zip"))
    with pytest.raises(CouldNotFinish, match="found 0 source files .* --corpus text:PATH"):
        load_corpus("python-stdlib")


@pytest.mark.parametrize("change", ["first", "last", "order", "removal"])
def test_stdlib_fingerprint_changes_with_the_text(folder, monkeypatch, change):
    for i in range(40):
        put(f"lib/m{i:02}.py", f"# module {i}\n")
    monkeypatch.setattr("sysconfig.get_path", lambda key: str(folder / "lib"))
    before = load_corpus("python-stdlib").fingerprint
    if change in ("first", "last"):
        put("lib/m00.py" if change == "first" else "lib/m39.py", "# module x\n")
    elif change == "order":
        Path("lib/m07.py").rename("lib/x.py")
    else:
        Path("lib/m07.py").unlink()
    assert load_corpus("python-stdlib").fingerprint != before


# ---- downloaded ------------------------------------------------------------------------------


def test_addresses_and_hash_are_those_published():
    assert corpora.SHAKESPEARE.address == (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    )
    assert corpora.SHAKESPEARE.sha256 == (
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    )
    for name, download in corpora.TINYSTORIES.items():
        assert download.address == (
            "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main/"
            f"TinyStoriesV2-GPT4-{name}.txt"
        )
        assert download.sha256 is None


def test_shakespeare_is_one_text_cut_at_nine_tenths_of_its_characters(monkeypatch):
    path = put("cache/shakespeare/input.txt", PLAY)
    monkeypatch.setattr(
        corpora, "SHAKESPEARE", Download("http://x/input.txt", "shakespeare", file_sha256(path))
    )
    corpus = load_corpus("shakespeare")
    cut = int(len(PLAY) * 0.9)
    assert split(corpus) == {"train": [PLAY[:cut]], "valid": [PLAY[cut:]]}
    assert not corpus.separated


def test_other_text_in_the_place_of_shakespeare_is_bad_input():
    put("cache/shakespeare/input.txt", PLAY)
    with pytest.raises(BadInput, match="86c4e6aa9db7c042.* was published"):
        load_corpus("shakespeare")


def test_tinystories_are_its_two_files():
    path = put("cache/tinystories/TinyStoriesV2-GPT4-train.txt", stories(1, 2, 3))
    put("cache/tinystories/TinyStoriesV2-GPT4-valid.txt", stories(4, 5))
    corpus = load_corpus("tinystories")
    assert split(corpus) == {
        "train": ["Story 1.", "Story 2.", "Story 3."],
        "valid": ["Story 4.", "Story 5."],
    }
    assert corpus.separated
    assert corpus.sizes["train"] == path.stat().st_size


def test_page_in_the_place_of_tinystories_is_bad_input():
    put("cache/tinystories/TinyStoriesV2-GPT4-train.txt", "<html>log in first</html>")
    put("cache/tinystories/TinyStoriesV2-GPT4-valid.txt", stories(4, 5))
    with pytest.raises(BadInput, match="expected stories separated by"):
        load_corpus("tinystories")


# ---- text:PATH -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 9, 10, 11, 19, 20, 101])
def test_last_tenth_of_the_documents_validates(count):
    put("a.txt", stories(*range(count)))
    parts = split(load_corpus("text:a.txt"))
    assert parts["train"] + parts["valid"] == [f"Story {i}." for i in range(count)]
    assert len(parts["train"]) == int(count * 0.9)
    assert parts["valid"]


@pytest.mark.parametrize("name", ["a.txt", "a.xz", "folder/a.txt"])
def test_single_document_is_split_by_characters_and_not_separated(name):
    text = "é" * 95 + "\n"
    put(name, text)
    corpus = load_corpus(f"text:{Path(name).parts[0]}")
    assert split(corpus) == {"train": [text[:86]], "valid": [text[86:]]}
    assert not corpus.separated


def test_folder_is_read_in_order_of_relative_paths_without_hidden_and_other_files():
    put("f/b.txt", "b")
    put("f/a/z.txt.xz", stories(1, 2))
    put("f/a.txt", "a")
    put("f/README.md", "left out")
    put("f/.hidden.txt", "left out")
    put("f/.git/c.txt", "left out")
    assert split(load_corpus("text:f")) == {"train": ["a", "Story 1.", "Story 2."], "valid": ["b"]}


@pytest.mark.parametrize("name", ["valid.txt", "val.txt", "validation_1.txt.xz", "sub/VAL-2.txt"])
def test_files_named_for_validation_are_the_validation_split(name):
    put("f/train.txt", stories(1, 2))
    put(f"f/{name}", stories(3))
    put("f/valley.txt", "Of hills.")
    assert split(load_corpus("text:f")) == {
        "train": ["Story 1.", "Story 2.", "Of hills."],
        "valid": ["Story 3."],
    }
    assert load_corpus("text:f").separated


def test_compressed_and_plain_text_give_the_same_documents():
    put("a.txt", stories(*range(30)))
    put("a.txt.xz", stories(*range(30)))
    assert split(load_corpus("text:a.txt")) == split(load_corpus("text:a.txt.xz"))


def test_text_fingerprint_depends_on_the_text_and_not_on_where_it_lies():
    put("f/a.txt", stories(1, 2))
    before = load_corpus("text:f").fingerprint
    put("g/a.txt", stories(1, 2))
    assert load_corpus("text:g").fingerprint == before
    put("g/a.txt", stories(1, 3))
    assert load_corpus("text:g").fingerprint != before


def test_text_fingerprint_changes_when_only_the_split_does():
    put("f/a.txt", stories(1))
    put("f/b.txt", stories(2))
    before = load_corpus("text:f").fingerprint
    Path("f/b.txt").rename("f/valid.txt")
    assert load_corpus("text:f").fingerprint != before


def test_single_file_named_for_validation_is_split_like_any_other():
    put("valid.txt", stories(1, 2))
    assert split(load_corpus("text:valid.txt")) == {"train": ["Story 1."], "valid": ["Story 2."]}


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, "text:", "needs a file or folder"),
        ({}, "text:gone", "gone: no such file or folder"),
        ({"f/README.md": "x"}, "text:f", r"f: no \.txt or \.xz file"),
        ({"a.txt": ""}, "text:a.txt", r"a\.txt: no text in it"),
        ({"f/a.txt": "\n", "f/b.txt": SEPARATOR}, "text:f", "f: no text in it"),
        ({"a.txt": "x"}, "text:a.txt", "1 characters are too few"),
        ({"f/valid.txt": "x"}, "text:f", "f: no train document in its 0 train files"),
        ({"f/a.txt": "x", "f/val.txt": ""}, "text:f", "f: no valid document in its 1 valid files"),
        ({"a.txt": b"a\xe9"}, "text:a.txt", r"a\.txt: not UTF-8 at byte offset 1"),
    ],
)
def test_unusable_text_is_bad_input_in_one_line(files, name, message):
    for path, text in files.items():
        put(path, text)
    with pytest.raises(BadInput, match=message) as caught:
        load_corpus(name)
    assert "\n" not in str(caught.value)
