"""Attention maps: which earlier token each token looks at, and how much."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..figures import WIDTH

EDGE = 1.15  # inches left and right of the maps together, for token names and the colour bar


def draw_attention(probabilities, tokens, titles=None, columns: int = 2) -> Figure:
    """Draw maps (N, T, T), or one (T, T): row i says how much token i takes from each token.

    tokens: T short texts. The future, above the diagonal, is left white. A white dot marks a
    probability of at least 0.5.
    """
    maps = np.asarray(probabilities, np.float64)
    maps = maps[None] if maps.ndim == 2 else maps
    names = [token.replace("\n", "\\n") for token in tokens]
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    side = (WIDTH - EDGE) / max(columns, 2.4)
    size = side * columns + EDGE, side * rows + (0.75 if titles else 0.5)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True
    )
    for ax in axes.flat[len(maps) :]:
        ax.axis("off")
    for i, ax in enumerate(axes.flat[: len(maps)]):
        _draw_map(ax, maps[i], names)
        ax.set_title(titles[i] if titles else "")
        if i % columns == 0:
            ax.set_ylabel("token that looks")
        if i >= len(maps) - columns:
            ax.set_xlabel("token looked at")
    shades = plt.cm.ScalarMappable(plt.Normalize(0, 1), "Blues")
    figure.colorbar(shades, ax=axes, label="probability", shrink=0.8, aspect=12 * rows)
    return figure


def _draw_map(ax, probabilities, names) -> None:
    t = len(names)
    past = np.where(np.tri(t, dtype=bool), probabilities, np.nan)
    ax.imshow(past, vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
    steps = np.repeat(np.arange(t + 1) - 0.5, 2)
    ax.plot(steps[1:], steps[:-1], color="#888888", lw=0.7, ls="-")  # where the future begins
    for i, j in zip(*np.nonzero(probabilities >= 0.5), strict=True):
        ax.plot(j, i, marker="o", ms=2.5, color="white")
    ax.set_xticks(range(t), names, rotation=90, fontsize=7)
    ax.set_yticks(range(t), names, fontsize=7)
    ax.grid(False)
    ax.tick_params(length=0)
