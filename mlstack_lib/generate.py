"""Text from a model, a token at a time."""

from collections.abc import Iterator

import numpy as np

from .array import STATE_SIZE, Slot
from .autograd import no_grad
from .errors import BadInput, CouldNotFinish
from .gpt import GPT


def choose(
    logits: np.ndarray,
    rng: np.random.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> int:
    """Draw a token by its logits (V,), which must be finite. temperature 0 takes the likeliest.

    top_k: only the k likeliest take part. top_p: only the fewest whose probabilities reach p
    (Holtzman and others 2020, arXiv:1904.09751). Raises BadInput for values that make no sense.
    """
    _check(temperature, top_k, top_p)
    if temperature == 0:
        return int(np.argmax(logits))
    order = np.argsort(-logits, kind="stable")[:top_k]
    z = logits[order].astype(np.float64)
    with np.errstate(over="ignore"):  # a tiny temperature: minus infinity is as good
        p = np.exp((z - z[0]) / temperature)
    p /= p.sum()
    if top_p is not None:
        kept = int(np.searchsorted(np.cumsum(p), top_p)) + 1
        order, p = order[:kept], p[:kept] / p[:kept].sum()
    return int(rng.choice(order, p=p))


def _check(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not temperature >= 0:
        raise BadInput(f"temperature is {temperature}, must be 0 or more")
    if top_k is not None and top_k < 1:
        raise BadInput(f"top_k is {top_k}, must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise BadInput(f"top_p is {top_p}, must be above 0 and at most 1")


def generate(
    model: GPT,
    prompt: np.ndarray,
    *,
    rng: np.random.Generator,
    tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    cached: bool = True,
) -> Iterator[int]:
    """Return an iterator over up to `tokens` tokens that follow `prompt`, `stop` excluded.

    The model sees the last tokens in a window: when the window is full, its older half is given
    up. `cached` keeps the keys and values of the window instead of computing them at every token;
    the tokens are the same. The model should be in `eval` mode. See `choose` for the rest. Raises
    BadInput, before the first token, for an empty prompt or options that make no sense.
    """
    text = [int(token) for token in prompt]
    if not text:
        raise BadInput("the prompt is empty: give at least one character")
    _check(temperature, top_k, top_p)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    return _continue(_Window(model, cached), text, tokens, stop, rng, options)


def _continue(next_logits, text, tokens, stop, rng, options) -> Iterator[int]:
    for _ in range(tokens):
        logits = next_logits(text)
        if not np.isfinite(logits).all():
            raise CouldNotFinish("the model's logits are not finite: its weights are damaged")
        token = choose(logits, rng, **options)
        if token == stop:
            return
        text.append(token)
        yield token


class _Window:
    """The part of a growing text that the model sees, and the logits of what follows it."""

    def __init__(self, model: GPT, cached: bool):
        self.model, self.context = model, model.config.context
        self.caches = model.new_caches() if cached else None
        self.start = self.seen = 0  # the window's first token; how far the cache is filled

    def __call__(self, text: list[int]) -> np.ndarray:
        while len(text) - self.start > self.context:
            self.start += self.context - self.context // 2
            self.seen = self.start  # positions have moved: the cached keys are of no use
        first = self.seen if self.caches else self.start
        idx = np.array([text[first:]], np.int32)
        device = self.model.wte.weight.device
        position = first - self.start
        state = np.zeros(STATE_SIZE, np.float32)
        state[Slot.POSITION] = position
        device.write(device.state, state)
        with no_grad():
            logits = self.model(device.upload(idx), self.caches, position)
        self.seen = len(text)
        return logits.numpy()[0, -1]
