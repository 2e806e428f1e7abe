"""What a training run is made of, and the named recipes."""

from dataclasses import dataclass, fields, replace
from typing import Any

from .devices import NAMES
from .errors import BadInput, nearest
from .gpt import GPTConfig
from .optim import cosine, warmup_stable_decay

SCHEDULES = {"cosine": cosine, "wsd": warmup_stable_decay}
TOKENIZERS = ("bpe", "char")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the result of a run. Raises BadInput for values that cannot be."""

    corpus: str = "python-stdlib"
    tokenizer: str = "bpe"  # or "char": one token a character
    vocab_size: int = 1024  # of a bpe tokenizer
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    context: int = 64  # tokens
    dropout: float = 0.0
    batch: int = 12  # sequences a micro-batch
    accumulate: int = 1  # micro-batches an update
    steps: int = 2000  # updates
    lr: float = 1e-3  # the peak
    min_lr: float = 1e-4  # the end
    warmup: int = 100  # updates
    schedule: str = "cosine"  # or "wsd": warmup, stable, decay
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    max_norm: float = 1.0
    eval_every: int = 500  # updates between two looks at the whole validation split
    save_every: int = 500  # updates between two checkpoints
    keep: int = 2  # checkpoints kept
    seed: int = 1337
    device: str = "cpu"

    def __post_init__(self):
        for field in fields(self):
            value, smallest = getattr(self, field.name), _SMALLEST.get(field.name, 0)
            if field.type in (int, float) and not value >= smallest:
                raise BadInput(f"{field.name} is {value}, must be at least {smallest}")
        known_names = {"schedule": SCHEDULES, "tokenizer": TOKENIZERS, "device": NAMES}
        for name, known in known_names.items():
            value = getattr(self, name)
            if value not in known:
                hint = nearest(value, known)
                raise BadInput(f"{name} {value!r} is not known{hint}; known: {', '.join(known)}")
        for beta in (self.beta1, self.beta2):
            if beta >= 1:
                raise BadInput(f"beta1 and beta2 must be below 1, got {beta}")
        if self.seed >= 1 << 32:
            raise BadInput(f"seed is {self.seed}, must be below 2**32")
        if self.steps * self.accumulate >= 1 << 24:
            raise BadInput(
                f"steps times accumulate is {self.steps * self.accumulate:,}, must be below 2**24: "
                "the device counts micro-batches in f32"
            )
        self.model(vocab_size=256)  # its sizes must fit together

    def model(self, vocab_size: int) -> GPTConfig:
        """The model's part of the recipe, with the size of the vocabulary that training found."""
        sizes = (self.context, self.n_layer, self.n_head, self.n_embd)
        return GPTConfig(vocab_size, *sizes, dropout=self.dropout)

    def rates(self):
        """The learning rate of each update, as a function of its number, from 1."""
        return SCHEDULES[self.schedule](
            self.lr, warmup=self.warmup, total=self.steps, floor=self.min_lr
        )


_KINDS = {int: "a whole number", float: "a number", str: "a name"}
_SMALLEST = dict.fromkeys(("context", "batch", "accumulate", "eval_every", "save_every", "keep"), 1)

PRESETS = {
    # seconds: to see that everything works
    "tiny": TrainConfig(
        vocab_size=512, n_layer=2, n_head=2, n_embd=32, context=32, batch=8, steps=200,
        warmup=20, eval_every=100, save_every=100,
    ),
    # minutes: nanoGPT's recipe for a machine without a GPU, with twice its learning rate
    "laptop": TrainConfig(lr=2e-3, steps=5000, eval_every=1000),
    # nanoGPT's recipe for characters of Shakespeare, less its dropout of attention probabilities
    "shakespeare-char": TrainConfig(
        corpus="shakespeare", tokenizer="char", n_layer=6, n_head=6, n_embd=384, context=256,
        dropout=0.2, batch=64, steps=5000, eval_every=250, save_every=250,
    ),
    # the model that the course is about: 12.3 million parameters
    "12m": TrainConfig(
        vocab_size=4096, n_layer=6, n_head=6, n_embd=384, context=256, batch=64, steps=5000,
        warmup=200, beta2=0.95, eval_every=500, save_every=250,
    ),
}  # fmt: skip


def preset(name: str, **changes: Any) -> TrainConfig:
    """The recipe called `name` with some fields changed; text is turned into the field's type.

    Raises BadInput for an unknown preset or field, or a value that does not fit.
    """
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise BadInput(f"preset {name!r} is not known{nearest(name, PRESETS)}; known: {known}")
    return replace(PRESETS[name], **{key: _value(key, value) for key, value in changes.items()})


def from_dict(values: dict[str, Any]) -> TrainConfig:
    """The recipe that `asdict` wrote. Raises BadInput for one of another version."""
    own = {field.name: field.type for field in fields(TrainConfig)}
    if not isinstance(values, dict) or set(values) != set(own):
        odd = sorted(set(values) ^ set(own)) if isinstance(values, dict) else ["no fields"]
        raise BadInput(f"not the recipe of a run of this version of mlstack: {', '.join(odd)}")
    for name, value in values.items():
        if type(value) is not own[name] and (own[name], type(value)) != (float, int):
            raise BadInput(f"{name} is {value!r}, must be {_KINDS[own[name]]}")
    return TrainConfig(**values)


def _value(name: str, value: Any) -> Any:
    types = {field.name: field.type for field in fields(TrainConfig)}
    if name not in types:
        raise BadInput(
            f"no field is called {name!r}{nearest(name, types)}; known: {', '.join(types)}"
        )
    try:
        result = types[name](value)
        if isinstance(value, str) or result == value:
            return result
    except (OverflowError, TypeError, ValueError):
        pass
    raise BadInput(f"--{name} needs {_KINDS[types[name]]}, got {value!r}")
