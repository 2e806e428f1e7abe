"""What a training step is made of, by kernel: chapter 11's record."""

from collections.abc import Callable

import numpy as np

from ...conformance.uses import timed
from ...devices import device
from ...gpt import GPT, GPTConfig
from ...optim import AdamW

STEPS = 10


def split(name: str, config: GPTConfig, batch: int, steps: int = STEPS) -> dict:
    """A model's training steps on the device `name`, with random tokens; times in microseconds.

    kernels: each with its launches and time in a step, the mean of `steps`. eager_us, graph_us: a
    step launched kernel by kernel, and replayed.
    """
    dev = device(name)
    dev.forget_steps()
    body = _training_step(dev, config, batch)
    eager = _us(dev, body, steps)
    with timed(dev):
        dev.synchronize()
        before = {k: (use.launches, use.seconds) for k, use in dev.uses().items()}
        for _ in range(steps):
            body()
        after = dev.uses().items()
    kernels = [
        {"name": k, "launches": (use.launches - before[k][0]) // steps,
         "us": round((use.seconds - before[k][1]) / steps * 1e6, 2)} for k, use in after
    ]  # fmt: skip
    graph = _us(dev, lambda: dev.replay("split", body), steps)
    dev.forget_steps()
    problem = f"{config.n_layer} layers, {config.n_embd} wide, {batch} x {config.context} tokens"
    return {"problem": problem, "kernels": kernels, "eager_us": eager, "graph_us": graph}


def _training_step(dev, config: GPTConfig, batch: int) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    model = GPT(config, rng=rng, device=dev.name)
    optimizer = AdamW(model, max_norm=1.0)
    tokens = rng.integers(0, config.vocab_size, (2, batch, config.context), dtype=np.int32)
    idx, targets = (dev.upload(part) for part in tokens)
    order = dev.upload(np.argsort(tokens[0].ravel(), kind="stable").astype(np.int32))

    def step() -> None:
        optimizer.zero_grad()
        with dev.step("micro-batch"):
            model.loss(idx, targets, order=order).backward()
        with dev.step("update"):
            optimizer.update()

    return step


def _us(dev, body: Callable[[], None], steps: int) -> float:
    """The mean of a few steps, after three to warm up."""
    for _ in range(3):
        body()
    dev.synchronize()
    began = dev.mark()
    for _ in range(steps):
        body()
    return round(dev.between(began, dev.mark()) / steps * 1e6, 1)
