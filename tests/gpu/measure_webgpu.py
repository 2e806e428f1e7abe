"""Measure the WGSL kernels on this machine's adapter: python tests/gpu/measure_webgpu.py

Prints products in TFLOP/s, attention in ms, a training step of `12m` in tokens/s. Each figure is
the best of several rounds; a round is as many launches as last a while, and one wait at its end.
"""

import time
from collections.abc import Callable

import numpy as np

import mlstack_lib as ml
from mlstack_lib.backend import backend
from mlstack_lib.devices import device
from mlstack_lib.optim import AdamW
from mlstack_lib.presets import preset

ROUNDS, SECONDS = 7, 0.2
PRODUCTS = ((4096, 4096, 4096), (8192, 1536, 384), (8192, 384, 1536), (8192, 4096, 384))  # m, n, k
VOCABULARY, BATCH = 4096, 32

dev = device("webgpu")


def best(run: Callable[[], object]) -> float:
    """Seconds of one run."""

    def round_of(count: int) -> float:
        begin = time.perf_counter()
        for _ in range(count):
            run()
        dev.synchronize()
        return (time.perf_counter() - begin) / count

    round_of(2)  # compiles
    count = max(1, round(SECONDS / round_of(1)))
    return min(round_of(count) for _ in range(ROUNDS))


def random(*shape: int):
    return dev.upload(np.random.default_rng(0).standard_normal(shape, np.float32))


def measure_products() -> None:
    for m, n, k in PRODUCTS:
        a, b, bt, at = random(m, k), random(k, n), random(n, k), random(k, m)
        out, on = dev.empty((m, n), np.float32), backend(a)
        for name, run in (
            ("NN", lambda on=on, a=a, b=b: on.matmul(a, b)),
            ("NT", lambda on=on, a=a, b=bt: on.matmul_nt(a, b)),
            ("TN", lambda on=on, a=at, b=b, out=out: on.matmul_tn(a, b, out)),
        ):
            seconds = best(run)
            print(f"product {m} x {n} x {k} {name}: {2 * m * n * k / seconds / 1e12:6.2f} TFLOP/s")


def measure_attention() -> None:
    qkv = random(64, 256, 3, 6, 64)
    on = backend(qkv)
    out, lse = on.attention_forward(qkv)
    forward = best(lambda: on.attention_forward(qkv))
    backward = best(lambda: on.attention_backward(out, qkv, out, lse))
    print(f"attention (64, 6, 256, 64): forward {forward * 1e3:.3f} ms, "
          f"backward {backward * 1e3:.3f} ms")  # fmt: skip


def measure_step() -> None:
    recipe = preset("12m")
    model = ml.GPT(recipe.model(VOCABULARY), rng=np.random.default_rng(0), device="webgpu")
    optimizer = AdamW(model, lr=1e-3, max_norm=1.0)
    shape = (2, BATCH, recipe.context)
    idx, targets = np.random.default_rng(1).integers(0, VOCABULARY, shape, dtype=np.int32)
    order = np.argsort(idx.ravel(), kind="stable").astype(np.int32)
    idx, targets, order = map(dev.upload, (idx, targets, order))

    def step() -> None:
        optimizer.zero_grad()
        with dev.step("step"):
            loss = model.loss(idx, targets, order=order)
            loss.backward()
            optimizer.update()
            del loss

    launches = dev.launches
    step()
    launches = dev.launches - launches
    seconds = best(step)
    begin = time.perf_counter()
    step()
    host = time.perf_counter() - begin
    dev.synchronize()
    print(f"step of 12m, vocabulary {VOCABULARY}, batch {BATCH}: {seconds * 1e3:.1f} ms, "
          f"{idx.size / seconds:,.0f} tokens/s; {launches} launches, the host busy for "
          f"{host * 1e3:.1f} ms")  # fmt: skip


if __name__ == "__main__":
    print(dev.about())
    measure_products()
    measure_attention()
    measure_step()
