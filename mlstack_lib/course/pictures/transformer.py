"""The whole GPT: the residual stream from token ids to logits, and what each block adds to it."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

STREAM = "#0072B2"
FACES = {"mix": "#f7ddc9", "own": "#dceaf5", "norm": "#eeeeee", "end": "white"}
TEXT = {"ha": "center", "va": "center", "fontsize": 8.5}


def draw_transformer() -> Figure:
    """Draw the model (left), bottom to top, and one of its blocks (right)."""
    figure, (model, block) = plt.subplots(1, 2, figsize=(6.4, 3.9))
    _draw_model(model)
    _draw_block(block)
    for axes in (model, block):
        axes.axis("off")
    model.set(xlim=(-2.2, 2.2), ylim=(-0.4, 8.6))
    block.set(xlim=(-0.6, 4.0), ylim=(-0.4, 8.6))
    return figure


def _box(axes, x, y, text, kind):
    axes.text(x, y, text, zorder=3, **TEXT, bbox={
        "boxstyle": "round,pad=0.45", "facecolor": FACES[kind], "edgecolor": "#444444", "lw": 0.8,
    })  # fmt: skip


def _arrow(axes, *points, color="#444444", width=1.0):
    """A line through the points, with a head at the last."""
    xs, ys = zip(*points, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=color, lw=width, ls="-", zorder=1)
    style = {"arrowstyle": "-|>", "color": color, "lw": width, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style, zorder=1)


def _draw_model(axes):
    axes.set_title("the model")
    _arrow(axes, (0, 0.2), (0, 8.3))
    _arrow(axes, (0, 1.6), (0, 6.0), color=STREAM, width=2.4)
    _box(axes, 0, 0.1, "token ids (B, T)", "end")
    _box(axes, 0, 1.4, "embedding of the token\n+ embedding of the position", "own")
    _box(axes, 0, 2.9, "block 1", "mix")
    _box(axes, 0, 3.9, "block 2", "mix")
    axes.text(0.2, 4.9, "and so on", ha="left", va="center", fontsize=8, color="#444444")
    axes.text(0.25, 2.2, "(B, T, C)", ha="left", va="center", fontsize=8, color=STREAM)
    _box(axes, 0, 6.0, "LayerNorm", "norm")
    _box(axes, 0, 7.1, "head: a score for each token", "own")
    _box(axes, 0, 8.3, "logits (B, T, V)", "end")


def _draw_block(axes):
    axes.set_title("one block")
    _arrow(axes, (0, -0.3), (0, 8.3), color=STREAM, width=2.4)
    axes.text(0.2, -0.2, "x (B, T, C)", ha="left", va="center", fontsize=8, color=STREAM)
    axes.text(0.2, 8.2, "x for the next block", ha="left", va="center", fontsize=8, color=STREAM)
    branches = [
        (0.4, "attention:\nfrom other tokens", "mix"),
        (4.4, "MLP: each token\nby itself", "own"),
    ]
    for y, text, kind in branches:
        _arrow(axes, (0, y), (2.4, y), (2.4, y + 3.0), (0.16, y + 3.0))
        _box(axes, 2.4, y + 0.75, "LayerNorm", "norm")
        _box(axes, 2.4, y + 1.95, text, kind)
        axes.text(0, y + 3.0, "+", zorder=3, ha="center", va="center", fontsize=11, bbox={
            "boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": STREAM,
        })  # fmt: skip
