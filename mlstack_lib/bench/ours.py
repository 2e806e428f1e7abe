"""The package's own side: each function runs in a process of its own and returns plain values."""

import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil

import numpy as np

from .. import reference
from ..backend import backend
from ..conformance.uses import timed
from ..devices import device
from ..errors import BadInput, CouldNotFinish
from ..feed import Feed, update
from ..gpt import GPT
from ..launchers import cublaslt
from ..optim import AdamW
from ..parallel import DataParallel
from ..presets import TrainConfig, preset
from ..train import READ_EVERY
from .clock import sample, sample_replayed
from .problems import batches, sizes_for, vocabulary_of
from .processor import peak_memory
from .work import watched

REPEATS = 20  # of launches that are timed one by one
CHECKED = 8  # rows of a product that are compared with NumPy's in f64
LEAD = 2048  # a side of the products that keep a GPU busy while launches are queued


class Updates:
    """Updates of a recipe, as training makes them: READ_EVERY between two looks at the device."""

    def __init__(self, recipe: TrainConfig):
        shape, on = recipe.model(vocabulary_of(recipe)), recipe.device
        model = GPT(shape, rng=np.random.default_rng(0), device=on)
        optimizer = AdamW(model, betas=(recipe.beta1, recipe.beta2), max_norm=recipe.max_norm)
        self.parallel, self.device = DataParallel(model, optimizer), optimizer.device
        self.device.forget_steps()
        self.feed = Feed(self.device, READ_EVERY, 1, recipe.batch, recipe.context, shape.vocab_size)
        idx, targets = batches(recipe, READ_EVERY).swapaxes(0, 1)
        order = np.argsort(idx.reshape(len(idx), -1), axis=1, kind="stable").astype(np.int32)
        rates = map(recipe.rates(), range(1, READ_EVERY + 1))
        self.feed.load((idx, targets, order), optimizer.schedule(1, rates))

    def run(self) -> None:
        """READ_EVERY updates."""
        self.feed.set_state()
        for _ in range(READ_EVERY):
            self.device.replay("update", lambda: update(self.parallel, self.feed))


def step(on: str, name: str, batch: int, matmul: str) -> dict:
    """A training step of a preset, its products by `matmul`, one of cublaslt.CHOICES."""
    recipe = preset(name, device=on, batch=batch)
    with cublaslt.products(matmul, on):
        updates = Updates(recipe)
        updates.run()
        loss = float(updates.feed.results(1)[0][0])
        times = sample(updates.run, updates.device.synchronize, READ_EVERY)
    held = peak_memory() if on == "cpu" else updates.device.most_held / 2**20
    return times | {"tokens": batch * recipe.context, "mib": held, "loss": loss}


# ---- time by kernel ----


def kernels(on: str, name: str, batch: int) -> dict:
    """The launches of a training step, kernel by kernel, and what the device can do at best."""
    refuse_untimed(on)
    updates = Updates(preset(name, device=on, batch=batch))
    dev, work = updates.device, {}
    whole = sample(updates.run, dev.synchronize, READ_EVERY)
    dev.forget_steps()

    def one() -> None:
        update(updates.parallel, updates.feed)

    updates.feed.set_state()
    one()  # allocates again
    lead = Lead(dev, one)
    updates.feed.set_state()
    for _ in range(READ_EVERY):
        lead.run()
        with timed(dev), watched(dev, work):
            one()
    uses = dev.uses()
    rows = [
        {"name": kernel, "launches": w.launches / READ_EVERY, "nbytes": w.nbytes / READ_EVERY,
         "operations": w.operations / READ_EVERY,
         "seconds": uses[kernel].seconds / uses[kernel].timed * w.launches / READ_EVERY}
        for kernel, w in work.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: -row["seconds"])
    return {"rows": rows, "clock": dev.clock, "step_seconds": whole["seconds"]} | _best(on)


def refuse_untimed(on: str) -> None:
    """Raise CouldNotFinish if the device cannot time its launches one by one."""
    if on == "cpu":
        raise CouldNotFinish("device cpu launches no kernels")
    if on == "webgpu" and not device(on).has_timestamps:
        raise CouldNotFinish("the adapter offers no timestamps")


class Lead:
    """Work that keeps a GPU busy while Python queues launches: else each is timed with a gap.

    Only `cuda` needs it: the simulator waits for each launch, and WebGPU begins at a submit.
    """

    def __init__(self, dev, launches: Callable[[], object]):
        self.count = 0
        if dev.name != "cuda":
            return
        self.a = _random(dev, LEAD, LEAD)
        dev.synchronize()
        began = time.perf_counter()
        with timed(dev):
            launches()
        taken = time.perf_counter() - began
        one = sample(self._launch, dev.synchronize)["seconds"]
        dev.uses().clear()
        self.count = ceil(1.5 * taken / one)

    def _launch(self) -> None:
        backend(self.a).matmul(self.a, self.a)

    def run(self) -> None:
        """Queue work that lasts longer than the launches take Python."""
        for _ in range(self.count):
            self._launch()


def _best(on: str) -> dict:
    """Rates that no launch can be expected to pass: of a copy, and of a square product in f32."""
    dev, sizes = device(on), sizes_for(on)
    x, side = _random(dev, sizes.copied), sizes.square
    copy = sample_replayed(dev, "copy", lambda: backend(x).copy(x))["seconds"]
    best, by = 0.0, ""
    for choice in cublaslt.CHOICES[:2]:
        with suppress(BadInput, CouldNotFinish), cublaslt.products(choice, on):
            seconds = _product(dev, "NT", side, side, side)["seconds"]
            best, by = max((best, by), (2 * side**3 / seconds, choice))
    return {
        "copy_bytes": 8 * x.size, "copy_rate": 8 * x.size / copy,
        "product": [side] * 3, "product_rate": best, "product_by": by,
    }  # fmt: skip


def _random(dev, *shape: int):
    return dev.upload(np.random.default_rng(0).standard_normal(shape, np.float32))


# ---- products and attention, alone ----


def products(on: str, matmul: str) -> dict:
    """Products in f32 in every form that training has, by one of cublaslt.CHOICES."""
    with cublaslt.products(matmul, on):
        return {"rows": [_product(device(on), *case) for case in sizes_for(on).products()]}


def _product(dev, form: str, m: int, n: int, k: int) -> dict:
    a = _random(dev, *((k, m) if form == "TN" else (m, k)))
    b = _random(dev, *((n, k) if form == "NT" else (k, n)))
    on = backend(a)
    run = {"NN": on.matmul, "NT": on.matmul_nt, "TN": on.matmul_tn}[form]
    times = sample_replayed(dev, (form, m, n, k), lambda: run(a, b))
    got, left, right = (dev.download(x) for x in (run(a, b), a, b))
    left, right = left.T if form == "TN" else left, right.T if form == "NT" else right
    want = left[:CHECKED].astype(np.float64) @ right.astype(np.float64)
    error = float(np.abs(got[:CHECKED] - want).max() / np.abs(want).max())
    dev.forget_steps()
    return times | {"form": form, "m": m, "n": n, "k": k, "error": error}


def attention(on: str) -> dict:
    """Attention's forward and backward pass, and the kernels of both one by one."""
    dev, (b, t, h, d) = device(on), (sizes_for(on).attention[i] for i in (0, 2, 1, 3))
    qkv, dout = _random(dev, b, t, 3, h, d), _random(dev, b, t, h, d)
    k = backend(qkv)
    out, lse = k.attention_forward(qkv)
    rows = [
        {"name": "forward"} | sample_replayed(dev, "forward", lambda: k.attention_forward(qkv)),
        {"name": "backward"}
        | sample_replayed(dev, "backward", lambda: k.attention_backward(dout, qkv, out, lse)),
    ]
    errors = _attention_errors(dev, qkv, dout, out, k.attention_backward(dout, qkv, out, lse))
    rows = [row | {"error": error} for row, error in zip(rows, errors, strict=True)]
    try:
        refuse_untimed(on)
    except CouldNotFinish as error:
        return {"rows": rows + [{"name": "kernel by kernel", "missing": str(error)}]}

    def launches() -> None:
        k.attention_backward(dout, qkv, *k.attention_forward(qkv))

    return {"rows": rows + _one_by_one(dev, launches), "clock": dev.clock}


def _one_by_one(dev, launches: Callable[[], object]) -> list[dict]:
    dev.forget_steps()
    launches()
    lead = Lead(dev, launches)
    for _ in range(REPEATS):
        lead.run()
        with timed(dev):
            launches()
    return [
        {"name": name, "seconds": use.seconds / use.timed}
        for name, use in dev.uses().items()
        if use.timed
    ]


def _attention_errors(dev, qkv, dout, out, dqkv) -> list[float]:
    """Of the first sequence, forward and backward, relative to the largest number."""
    qkv, dout, out, dqkv = (dev.download(x)[:1].astype(np.float64) for x in (qkv, dout, out, dqkv))
    want, lse = reference.attention_forward(qkv)
    dwant = reference.attention_backward(dout, qkv, want, lse)
    pairs = ((out, want), (dqkv, dwant))
    return [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs]
