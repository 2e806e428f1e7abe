"""GPT: a Transformer that predicts the next token."""

from dataclasses import asdict, dataclass

import numpy as np

from . import nn, ops
from .autograd import Tensor
from .devices import device as find_device
from .errors import BadInput


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. Raises BadInput unless all fit together."""

    vocab_size: int
    context: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0

    def __post_init__(self):
        for name, value in asdict(self).items():
            if name != "dropout" and value < 1:
                raise BadInput(f"{name} is {value}, must be at least 1")
        if self.n_embd % self.n_head:
            raise BadInput(f"n_embd {self.n_embd} does not divide into n_head {self.n_head} heads")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout is {self.dropout}, must be in [0, 1)")


class GPT(nn.Module):
    """Embeddings of token and position, blocks, LayerNorm, and the token embedding as head.

    Parameter names, shapes but for (out, in), and initial values are GPT-2's: normal of deviation
    0.02, for the projections back into the residual stream 0.02 / sqrt(2 n_layer), biases 0. The
    head shares its weight with the token embedding. Radford and others 2019, section 2.3.

    rng draws the weights; `seed` keys the dropout.
    """

    def __init__(
        self, config: GPTConfig, *, rng: np.random.Generator, seed: int = 0, device: str = "cpu"
    ):
        self.config = config
        c, out_std = config.n_embd, 0.02 / (2 * config.n_layer) ** 0.5
        self.wte = nn.Embedding(config.vocab_size, c, rng=rng, device=device)
        self.wpe = nn.Embedding(config.context, c, rng=rng, device=device)
        self.drop = nn.Dropout(config.dropout, seed=seed, layer=0)
        rest = {"rng": rng, "out_std": out_std, "dropout": config.dropout, "seed": seed}
        self.h = [
            nn.Block(c, config.n_head, layer=i, device=device, **rest)
            for i in range(config.n_layer)
        ]
        self.ln_f = nn.LayerNorm(c, device=device)

    def forward(self, idx, caches=None, position: int = 0, order=None) -> Tensor:
        """The logits (B, T, V) that follow each of the tokens idx (B, T).

        With `caches` (see new_caches) the tokens stand at `position` and after, and attend to the
        cached ones too. order: what sorts idx, for the embedding's backward, if known already.
        """
        if len(idx.shape) != 2:
            raise BadInput(f"gpt: idx is {tuple(idx.shape)}, need (B, T)")
        t = idx.shape[1]
        if not 0 < position + t <= self.config.context:
            raise BadInput(f"gpt: {position + t} tokens, the context is {self.config.context}")
        positions = self.wpe.weight
        if (position, t) != (0, self.config.context):
            positions = positions[position : position + t]
        x, delta = self.drop(ops.embedding(idx, self.wte.weight, positions, order)), None
        for block, cache in zip(self.h, caches or [None] * len(self.h), strict=True):
            x, delta = block(x, delta, cache)
        _, y = self.ln_f(x, delta)
        return ops.linear(y, self.wte.weight)

    def loss(self, idx, targets, order=None) -> Tensor:
        """The mean cross-entropy of targets (B, T) after idx (B, T), nats a token.

        Targets of ops.IGNORE_INDEX do not count.
        """
        return ops.cross_entropy(self(idx, order=order), targets, overwrite=True)

    def new_caches(self, batch: int = 1) -> list:
        """A key-value cache for each block: (2, B, H, context, D), to be filled from position 0."""
        c = self.config
        shape = (2, batch, c.n_head, c.context, c.n_embd // c.n_head)
        weight = self.wte.weight
        return [find_device(weight.device.name).empty(shape, weight.dtype) for _ in self.h]

    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(int(np.prod(p.shape)) for p in self.parameters())
