"""The processor: training steps and the tokenizer, beside PyTorch and `tokenizers`.

Each measurement runs in a process of its own, so that one's memory and threads are not the
other's; ours and theirs take turns, and the best of the rounds counts, since other work on the
machine can only make a round slower.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice

import numpy as np

from ..corpora import load_corpus
from ..devices import device
from ..gpt import GPT
from ..optim import AdamW
from ..parallel import DataParallel
from ..presets import preset
from ..tokenizer import Tokenizer

PARTS = ("laptop", "12m", "tokenizer")
STEP_CASES = {"laptop": (65, 12), "12m": (4096, 4)}  # vocabulary, batch
ROUNDS, SECONDS = 10, 2.5  # turns, and how long each is measured


def measure(part: str) -> dict:
    """Measure one of PARTS, print its table, and return what was measured."""
    return _tokenizer() if part == "tokenizer" else _step(part)


# ---- training steps ----


def _step(part: str) -> dict:
    sides = ["ours"] + ["torch"] * (find_spec("torch") is not None)
    turns = [{side: _in_process(f"{side}:{part}") for side in sides} for _ in range(ROUNDS)]
    best = {side: min((turn[side] for turn in turns), key=lambda r: r["seconds"]) for side in sides}
    vocabulary, batch = STEP_CASES[part]
    print(f"\ntraining step of {part}, vocabulary {vocabulary}, batch {batch}, f32:")
    for r in best.values():
        print(
            f"  {r['name']:24} {r['seconds'] * 1e3:8.1f} ms {r['tokens'] / r['seconds']:8,.0f} "
            f"tokens/s   memory: peak {r['peak']:5.0f} MiB, {r['peak'] - r['idle']:5.0f} above idle"
        )
    if "torch" in best:
        ours, theirs = best["ours"], best["torch"]
        print(f"  ours / PyTorch: {theirs['seconds'] / ours['seconds']:.2f} x tokens/s, "
              f"{ours['peak'] / theirs['peak']:.2f} x peak memory")  # fmt: skip
    else:
        print("  PyTorch is not installed: nothing to compare with (see README, tests)")
    return best


def _in_process(case: str) -> dict:
    command = [sys.executable, "-m", __spec__.name, case]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(case: str) -> dict:
    """What a measuring process prints: seconds of the median step, memory in MiB."""
    side, part = case.split(":")
    vocabulary, batch = STEP_CASES[part]
    recipe = preset(part)
    idx, targets = np.random.default_rng(0).integers(
        0, vocabulary, (2, batch, recipe.context), dtype=np.int32
    )
    name, make_step = {"ours": _our_step, "torch": _torch_step}[side](idx, targets)
    idle = peak_memory()
    step = make_step(recipe.model(vocabulary))
    times, until = [], time.perf_counter() + SECONDS
    for _ in range(3):
        step()
    while time.perf_counter() < until or len(times) < 5:
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return {
        "name": name,
        "seconds": float(np.median(times)),
        "tokens": idx.size,
        "idle": idle,
        "peak": peak_memory(),
    }


def _our_step(idx, targets) -> tuple[str, Callable]:
    def make(shape):
        model = GPT(shape, rng=np.random.default_rng(0))
        optimizer, cpu = AdamW(model, max_norm=1.0), device("cpu")
        parallel = DataParallel(model, optimizer)

        def step():
            optimizer.zero_grad()
            with cpu.step("micro-batch"):
                value = parallel.backward(idx, targets).item()
            with cpu.step("update"):
                optimizer.step()
            return value

        return step

    return f"mlstack, NumPy {np.__version__}", make


def _torch_step(idx, targets) -> tuple[str, Callable]:
    import torch  # only here: PyTorch is no dependency

    from .. import torch_referee

    def make(shape):
        twin = torch_referee.twin_of(GPT(shape, rng=np.random.default_rng(0)))
        optimizer = torch_referee.adamw_like(twin, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
        return lambda: torch_referee.step(twin, optimizer, idx, targets, max_norm=1.0)

    return f"PyTorch {torch.__version__}", make


def peak_memory() -> float:
    """The most memory that this process has held, in MiB."""
    try:
        import resource  # not on Windows
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


# ---- the tokenizer ----


def _tokenizer() -> dict:
    text = "".join(islice(load_corpus("python-stdlib").documents("train"), 10_000))[:10_000_000]
    megabytes = len(text.encode("utf-8")) / 1e6
    print(f"\ntokenizer, 4,096 tokens, {megabytes:.1f} MB of python-stdlib:")
    trained, seconds = _timed(lambda: Tokenizer.train([text], 4096))
    _, encoding = _timed(lambda: trained.encode(text))
    print(f"  mlstack     train {seconds:6.2f} s   encode {megabytes / encoding:6.2f} MB/s")
    ours = {"train_s": seconds, "encode_mb_s": megabytes / encoding}
    if find_spec("tokenizers") is None:
        print("  tokenizers is not installed: nothing to compare with (see README, tests)")
        return {"ours": ours}
    their_seconds, their_encoding = _their_tokenizer(text)
    print(
        f"  tokenizers  train {their_seconds:6.2f} s   "
        f"encode {megabytes / their_encoding:6.2f} MB/s\n"
        f"  ours / theirs: train {their_seconds / seconds:.2f} x, "
        f"encode {their_encoding / encoding:.2f} x the speed"
    )
    theirs = {"train_s": their_seconds, "encode_mb_s": megabytes / their_encoding}
    return {"ours": ours, "tokenizers": theirs}


def _their_tokenizer(text: str) -> tuple[float, float]:
    import tokenizers as hf  # only here: it is no dependency

    theirs = hf.Tokenizer(hf.models.BPE())
    theirs.pre_tokenizer = hf.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = hf.trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=hf.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    documents = text.splitlines(keepends=True)
    _, training = _timed(lambda: theirs.train_from_iterator(documents, trainer))
    _, encoding = _timed(lambda: theirs.encode(text))
    return training, encoding


def _timed(work: Callable) -> tuple:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
