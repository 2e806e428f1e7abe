"""Corpora by name: documents of text, each split into train and valid.

python-stdlib   the source files of the running Python's standard library (nothing to download)
shakespeare     Tiny Shakespeare, 1.1 MB
tinystories     TinyStories V2 (GPT-4), 2.2 GB
text:PATH       your own file or folder
"""

import itertools
import os
import re
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .cache import Download, obtain
from .documents import SEPARATOR, digest, file_documents, file_sha256
from .errors import BadInput, CouldNotFinish, nearest

SPLITS = ("train", "valid")
DEFAULT_CORPUS = "python-stdlib"


@dataclass(frozen=True)
class Corpus:
    """A text in two splits.

    name: as given to load_corpus. fingerprint: hex digest that changes when the text does.
    separated: whether an end-of-text belongs after each document; False where the two splits are
    cut out of one continuous text. read: split -> a new iterator over its documents.
    sizes: split -> about how many bytes of text it has, where that is known (for progress bars).
    """

    name: str
    fingerprint: str
    separated: bool
    read: Callable[[str], Iterator[str]] = field(repr=False, compare=False)
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)

    def documents(self, split: str) -> Iterator[str]:
        """Yield the documents of a split, "train" or "valid", one at a time, always in one order.

        Raises BadInput when a file turns out not to be UTF-8 (only then is it read).
        """
        if split not in SPLITS:
            raise ValueError(f"documents: split must be one of {SPLITS}, got {split!r}")
        return self.read(split)


def load_corpus(name: str) -> Corpus:
    """Return the corpus of that name, downloaded if need be: see this module's first lines.

    Raises BadInput for an unknown name or an unusable text, CouldNotFinish for a failed download.
    """
    if name.startswith("text:"):
        return _text(name)
    if name not in _LOADERS:
        known = ", ".join([*_LOADERS, "text:PATH"])
        hint = nearest(name, _LOADERS)
        if not hint and os.path.exists(name):
            hint = f", did you mean 'text:{name}'?"
        raise BadInput(f"corpus {name!r} is not known{hint or ';'} expected one of: {known}")
    return _LOADERS[name]()


# ---- python-stdlib ----

_NOT_LIBRARY = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


def _python_stdlib() -> Corpus:
    """The .py files of the running Python's library, without its tests; a document each.

    Left out: folders in _NOT_LIBRARY, files written when that Python was built (they hold the
    builder's paths), files that are empty or not UTF-8. Sorted by relative path; every 20th file is
    for validation. Line ends are made "\\n", so that the text is the same on every platform.
    """
    root = Path(sysconfig.get_path("stdlib"))
    texts = list(_library_texts(root))
    if len(texts) < 20:
        raise CouldNotFinish(
            f"python-stdlib: found {len(texts)} source files under {root}, expected hundreds; "
            "this Python comes without them, use --corpus text:PATH"
        )
    splits = {
        "train": [text for i, text in enumerate(texts) if i % 20 != 19],
        "valid": [text for i, text in enumerate(texts) if i % 20 == 19],
    }
    return Corpus(
        "python-stdlib",
        digest(texts),
        separated=True,
        read=lambda split: iter(splits[split]),
        sizes={split: sum(map(len, part)) for split, part in splits.items()},
    )


def _library_texts(root: Path) -> Iterator[str]:
    """Yield the texts of the library's files, sorted by relative posix path."""
    paths = []
    for folder, below, files in os.walk(root):
        below[:] = [d for d in below if d not in _NOT_LIBRARY and not d.startswith("config-")]
        paths += [Path(folder, name) for name in files if name.endswith(".py")]
    for path in sorted(paths, key=lambda path: path.relative_to(root).as_posix()):
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError):
            continue
        if text.strip() and not path.name.startswith("_sysconfigdata"):
            yield text


# ---- downloaded ----

SHAKESPEARE = Download(
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "shakespeare",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
_STORIES = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main/TinyStoriesV2-GPT4-"
TINYSTORIES = {
    "train": Download(f"{_STORIES}train.txt", "tinystories"),
    "valid": Download(f"{_STORIES}valid.txt", "tinystories"),
}


def _shakespeare() -> Corpus:
    """One text; the first int(0.9 n) characters train, the rest validates, as in nanoGPT."""
    (sha256,) = obtain([SHAKESPEARE])
    (text,) = file_documents(SHAKESPEARE.path)
    return _one_document("shakespeare", digest([sha256]), text)


def _tinystories() -> Corpus:
    """Eldan and Li 2023, arXiv:2305.07759, V2: two files, read as a stream, story by story."""
    # the small file first: where there is no network, its error comes before 2.2 GB are hashed
    hashes = obtain([TINYSTORIES["valid"], TINYSTORIES["train"]])
    paths = {split: download.path for split, download in TINYSTORIES.items()}
    for path in paths.values():
        if len(list(itertools.islice(file_documents(path), 2))) < 2:
            raise BadInput(
                f"{path}: expected stories separated by {SEPARATOR}, found none; "
                "delete it to download it again"
            )
    return Corpus(
        "tinystories",
        digest(hashes),
        separated=True,
        read=lambda split: file_documents(paths[split]),
        sizes={split: path.stat().st_size for split, path in paths.items()},
    )


# ---- text:PATH ----

_VALIDATION = re.compile(r"valid|val(?![a-z])", re.IGNORECASE)


def _text(name: str) -> Corpus:
    """A UTF-8 file, or all .txt and .xz files below a folder, sorted by relative path.

    Documents end at <|endoftext|> and at the end of a file; line breaks beside the mark belong to
    it, and blank documents are dropped. PATH is relative to the current directory; a path ending in
    .xz is decompressed. Files and folders whose name begins with a dot are passed over.

    Validation: in a folder, the files whose name begins with "valid", or with "val" and no further
    letter (val.txt, val_2.txt.xz). Without such files the last tenth of the documents; a single
    document is cut at int(0.9 n) characters and has no end-of-text (`separated` False).
    """
    if name == "text:":
        raise BadInput("text: needs a file or folder; give --corpus text:PATH")
    path = Path(name.removeprefix("text:")).expanduser()
    files = _text_files(path)
    root = path if path.is_dir() else path.parent
    relative = [file.relative_to(root).as_posix() for file in files]
    fingerprint = digest([*relative, *map(file_sha256, files)])
    if path.is_dir() and (valid := [f for f in files if _VALIDATION.match(f.name)]):
        train = [file for file in files if file not in valid]
        return Corpus(name, fingerprint, True, _two_parts(path, {"train": train, "valid": valid}))
    first = list(itertools.islice(_documents(files), 2))
    if not first:
        raise BadInput(f"{path.absolute()}: no text in it, expected at least one document")
    if len(first) == 1:
        return _one_document(name, fingerprint, first[0])
    return Corpus(name, fingerprint, True, _last_tenth(files))


def _two_parts(path: Path, parts: Mapping[str, Sequence[Path]]) -> Callable[[str], Iterator[str]]:
    """The reader of a folder that names its validation files; each part must hold a document."""
    for split, part in parts.items():
        if next(_documents(part), None) is None:
            raise BadInput(
                f"{path.absolute()}: no {split} document in its {len(part)} {split} files"
            )
    return lambda split: _documents(parts[split])


def _text_files(path: Path) -> list[Path]:
    """The file, or the files below the folder, sorted by relative path."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path.absolute()}: no such file or folder; give --corpus text:PATH")
    found = []
    for folder, below, names in os.walk(path):
        below[:] = [d for d in below if not d.startswith(".")]
        found += [
            Path(folder, name)
            for name in names
            if name.lower().endswith((".txt", ".xz")) and not name.startswith(".")
        ]
    if not found:
        raise BadInput(f"{path.absolute()}: no .txt or .xz file in this folder or below")
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())


def _documents(files: Iterable[Path]) -> Iterator[str]:
    return itertools.chain.from_iterable(map(file_documents, files))


def _last_tenth(files: Sequence[Path]) -> Callable[[str], Iterator[str]]:
    """The reader that gives the last tenth of the documents to validation, counting them once."""

    @cache
    def cut() -> int:
        return sum(1 for _ in _documents(files)) * 9 // 10

    def read(split: str) -> Iterator[str]:
        first, last = (0, cut()) if split == "train" else (cut(), None)
        return itertools.islice(_documents(files), first, last)

    return read


def _one_document(name: str, fingerprint: str, text: str) -> Corpus:
    cut = len(text) * 9 // 10
    splits = {"train": text[:cut], "valid": text[cut:]}
    if not cut:
        raise BadInput(f"{name}: {len(text)} characters are too few to split in train and valid")
    return Corpus(
        name,
        fingerprint,
        separated=False,
        read=lambda split: iter([splits[split]]),
        sizes={split: len(part) for split, part in splits.items()},
    )


_LOADERS = {
    "python-stdlib": _python_stdlib,
    "shakespeare": _shakespeare,
    "tinystories": _tinystories,
}
