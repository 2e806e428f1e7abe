"""What a run leaves to look at: the picture of its losses, samples of text, what served each op."""

import re
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .backend import used
from .files import write_atomically, write_text
from .generate import generate
from .gpt import GPT
from .run import Run

SAMPLES, SAMPLE_TOKENS = 3, 300
TITLE_WIDTH = 88  # characters that fit over the picture
SEPARATOR = "\n\n--------\n\n"  # between two samples


def loss_figure(entries: list[dict], title: str) -> Figure:
    """Losses, learning rate and gradient norm by update, from the entries of a log."""
    train = [entry for entry in entries if "loss" in entry]
    valid = [entry for entry in entries if "valid_nats_per_token" in entry]
    steps = [entry["step"] for entry in train]
    figure = Figure(figsize=(8, 6), layout="constrained")
    loss, rate, norm = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1, 1])
    loss.plot(steps, [e["loss"] for e in train], color="#9ecae1", lw=0.8, label="training batch")
    loss.plot(
        [e["step"] for e in valid],
        [e["valid_nats_per_token"] for e in valid],
        "o-",
        color="#08519c",
        label="whole validation split",
    )
    loss.set(ylabel="nats / token")
    whole = re.sub(r"(--\w+) ", "\\1\N{NO-BREAK SPACE}", title)  # an option stays with its value
    loss.set_title(fill(whole, TITLE_WIDTH), fontsize=11)
    loss.legend()
    rate.plot(steps, [e["lr"] for e in train], color="#444444")
    rate.set(ylabel="learning rate")
    norm.plot(steps, [e["grad_norm"] for e in train], color="#a63603", lw=0.8)
    norm.set(ylabel="gradient norm", xlabel="update", yscale="log")
    norm.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    norm.yaxis.set_major_formatter("{x:g}")
    norm.yaxis.set_minor_formatter(NullFormatter())
    for axes in (loss, rate, norm):
        axes.grid(alpha=0.3)
    FigureCanvasAgg(figure)
    return figure


def draw(run: Run) -> Path:
    """Draw the run's log into loss.png; return its path."""
    figure = loss_figure(run.read_log(), f"{run.folder.name}: {run.config.corpus}")
    path = run.folder / "loss.png"
    write_atomically(path, lambda part: figure.savefig(part, format="png", dpi=100))
    return path


def sample(run: Run, model: GPT) -> str:
    """Write samples.txt: what the model says after a line end, temperature 0.8; return the text."""
    model.eval()
    tokenizer = run.tokenizer
    texts = []
    for i in range(SAMPLES):
        tokens = generate(
            model,
            tokenizer.encode("\n"),
            rng=np.random.default_rng([run.config.seed, i]),
            tokens=SAMPLE_TOKENS,
            temperature=0.8,
            top_k=50,
            stop=tokenizer.end_of_text,
        )
        texts.append(tokenizer.decode(list(tokens)).strip("\n"))
    text = SEPARATOR.join(texts) + "\n"
    write_text(run.folder / "samples.txt", text)
    return text


def table_of_functions() -> str:
    """What served each operation: name, file, number of calls."""
    rows = used()
    width = max((len(name) for name, _, _ in rows), default=0)
    lines = [f"{name:{width}}  {count:>9,}  {Path(file).name}" for name, file, count in rows]
    return "\n".join([f"{'operation':{width}}  {'calls':>9}  file", *lines])


def summary(run: Run) -> str:
    """The last validation loss, in a line."""
    looks = [entry for entry in run.read_log() if "valid_nats_per_token" in entry]
    if not looks:
        return f"{run.folder / 'log.jsonl'} holds no validation loss"
    valid = looks[-1]
    return (
        f"after {valid['step']:,} updates: validation loss {valid['valid_nats_per_token']:.4f} "
        f"nats/token, {valid['valid_bits_per_byte']:.4f} bits/byte of {run.config.corpus}"
    )
