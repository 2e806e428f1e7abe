"""The folder of a run: what it holds, and how it is opened again.

config.json        the recipe, and what the tokens were made of
tokenizer.json     the tokenizer
log.jsonl          a line for every update, and for every look at the validation split
step-*.safetensors checkpoints
loss.png, samples.txt   at the end
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from . import checkpoint
from .checkpoint import Checkpoint
from .corpora import SPLITS, Corpus
from .errors import BadInput, CouldNotFinish
from .files import write_json, write_text
from .gpt import GPT
from .presets import TrainConfig, from_dict
from .tokenizer import CharTokenizer, Tokenizer, load_tokenizer

TOKENIZER_TEXT = 20_000_000  # characters of the training split that the tokenizer learns from


@dataclass(frozen=True)
class Run:
    """An opened run."""

    folder: Path
    config: TrainConfig
    tokenizer: Tokenizer | CharTokenizer

    @classmethod
    def create(cls, folder: Path, config: TrainConfig, tokenizer) -> "Run":
        """Begin a run in `folder`: see refuse_occupied. Raises BadInput, CouldNotFinish."""
        refuse_occupied(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CouldNotFinish(f"cannot make {folder}: {error.strerror}") from error
        left = folder / "tokenizer.json"
        if not left.exists():
            tokenizer.save(left)
        elif load_tokenizer(left).fingerprint != tokenizer.fingerprint:
            raise BadInput(f"{left} is another tokenizer than this run's: choose another --out")
        write_json(folder / "config.json", asdict(config))  # last: it makes the folder a run
        return cls(folder, config, tokenizer)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run that is there. Raises BadInput if the folder holds none, or a damaged one."""
        if not (folder / "config.json").is_file():
            raise BadInput(f"{folder} holds no run: there is no {folder / 'config.json'}")
        try:
            config = from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        except BadInput as error:
            raise BadInput(f"{folder / 'config.json'}: {error}") from None
        except ValueError as error:
            raise BadInput(f"{folder / 'config.json'} is damaged: {error}") from None
        return cls(folder, config, load_tokenizer(folder / "tokenizer.json"))

    def new_model(self, device: str | None = None) -> GPT:
        """The model with the seed's initial weights, on the recipe's device or this one."""
        shape = self.config.model(self.tokenizer.vocab_size)
        rng = np.random.default_rng(self.config.seed)
        return GPT(shape, rng=rng, seed=self.config.seed, device=device or self.config.device)

    def latest(self) -> Checkpoint | None:
        """The latest checkpoint, or None. BadInput if it is damaged or belongs to another run."""
        path = checkpoint.latest(self.folder)
        if path is None:
            return None
        found = checkpoint.load(path)
        for what, got, want in (
            ("configuration", found.config, asdict(self.config)),
            ("tokenizer", found.tokenizer, self.tokenizer.fingerprint),
        ):
            if got != want:
                raise BadInput(f"{path} was made with another {what} than {self.folder} now holds")
        return found

    def load_model(self, device: str | None = None) -> GPT:
        """The model with the latest weights, ready to generate, on the recipe's device or this one.

        Raises BadInput.
        """
        found = self.latest()
        if found is None:
            raise BadInput(f"{self.folder} has no checkpoint yet: train it first")
        model = self.new_model(device)
        model.load_state_dict(found.weights)
        return model.eval()

    def read_log(self) -> list[dict[str, Any]]:
        """The entries of the log; a last line that was cut off by a kill is left out."""
        path = self.folder / "log.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:
                break
        return entries

    def rewind_log(self, step: int) -> list[dict[str, Any]]:
        """Take back the entries after `step`, which will be made again; return the others."""
        entries = [entry for entry in self.read_log() if entry["step"] <= step]
        lines = [json.dumps(entry) + "\n" for entry in entries]
        write_text(self.folder / "log.jsonl", "".join(lines))
        return entries

    def append_log(self, entries: list[dict[str, Any]]) -> None:
        """Add entries to the log. Raises CouldNotFinish."""
        try:
            with open(self.folder / "log.jsonl", "a", encoding="utf-8", newline="\n") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in entries)
        except OSError as error:
            raise CouldNotFinish(
                f"cannot write the log of {self.folder}: {error.strerror}"
            ) from error


def make_tokenizer(
    config: TrainConfig, corpus: Corpus, progress: bool = False
) -> Tokenizer | CharTokenizer:
    """The recipe's tokenizer, learnt from the corpus: characters from all of it."""
    if config.tokenizer == "char":
        texts = (text for split in SPLITS for text in corpus.documents(split))
        return CharTokenizer.train(chain(texts, ["\n"]))  # it separates, and begins samples
    return Tokenizer.train(_beginning(corpus), config.vocab_size, progress=progress)


def _beginning(corpus: Corpus) -> Iterator[str]:
    read = 0
    for text in corpus.documents("train"):
        yield text[: TOKENIZER_TEXT - read]
        read += len(text)
        if read >= TOKENIZER_TEXT:
            return


def refuse_occupied(folder: Path) -> None:
    """Raise BadInput if `folder` is a file or holds anything.

    What a start leaves there that was killed before the run existed does not count.
    """
    if folder.is_dir() and (folder / "config.json").exists():
        raise BadInput(f"{folder} holds another run: go on with --resume, or choose another --out")
    if folder.exists() and not (folder.is_dir() and all(map(_is_left_over, folder.iterdir()))):
        raise BadInput(f"{folder} is not an empty folder: choose another --out")


def _is_left_over(path: Path) -> bool:
    unfinished = path.name.startswith((".tokenizer.json.", ".config.json."))
    return unfinished or path.name == "tokenizer.json"  # kept, and it must be the run's own
