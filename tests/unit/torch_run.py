"""A small GPT and the batches it is trained on, for the comparison with PyTorch."""

from collections.abc import Iterator

import numpy as np
from op_cases import CASES

from mlstack_lib import GPT, AdamW, GPTConfig

CONFIG = GPTConfig(vocab_size=29, context=12, n_layer=2, n_head=2, n_embd=24)
OPTIMIZER = {"lr": 3e-3, "betas": (0.9, 0.95), "weight_decay": 0.1, "max_norm": 1.0}
STEPS, BATCH = 100, 4


def first_model() -> GPT:
    """The model before training."""
    return GPT(CONFIG, rng=np.random.default_rng(11))


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens and those that follow, of sequences that count up by 1 or by 2; some are ignored."""
    rng = np.random.default_rng(12)
    for _ in range(STEPS):
        first, by = rng.integers(CONFIG.vocab_size, size=(BATCH, 1)), rng.integers(1, 3, (BATCH, 1))
        text = (first + by * np.arange(CONFIG.context + 1)) % CONFIG.vocab_size
        targets = text[:, 1:].copy()
        targets[rng.random(targets.shape) < 0.1] = -1
        yield text[:, :-1], targets


def our_losses() -> list[float]:
    """The loss of every step of training ours on `batches()`, in f32."""
    model, losses = first_model(), []
    optimizer = AdamW(model, **OPTIMIZER)
    for idx, targets in batches():
        loss = model.loss(idx, targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def checksum(labels) -> float:
    """A number that changes if the inputs of these ops, the batches or the first weights do."""
    arrays = [x for label in labels for x in CASES[label].arguments(label)]
    arrays += [*first_model().state_dict().values(), *(idx for idx, _ in batches())]
    return sum(float(np.abs(x).sum()) for x in arrays)
