"""Pictures of softmax's row kernels: the sum that follows the maximum, and the bytes moved."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..figures import COLORS, WIDTH


def draw_online(x: np.ndarray) -> Figure:
    """Draw what the online pass knows after each number of x (n): the largest, and the sum of
    exp(number - largest), which is scaled down whenever a larger one comes."""
    largest = np.maximum.accumulate(x)
    sums = [np.exp(x[: i + 1] - largest[i]).sum() for i in range(len(x))]
    places = np.arange(1, len(x) + 1)
    figure, (above, below) = plt.subplots(2, 1, figsize=(WIDTH, 3.4), sharex=True)
    above.plot(places, x, "o", ms=4, color=COLORS[4], label="x")
    above.step(places, largest, where="post", color=COLORS[0], label="largest so far")
    above.set(ylabel="number")
    above.legend(loc="upper left", fontsize=8)
    before = np.array([0.0, *sums[:-1]])
    scaled = before * np.exp(np.array([largest[0], *largest[:-1]]) - largest)
    way = np.stack([before, scaled, sums], axis=1)  # a number comes: scale, then add its term
    below.plot(np.repeat(places, 3), way.ravel(), "-", color=COLORS[1], lw=1)
    below.plot(places, sums, ".", color=COLORS[1])
    new = np.flatnonzero(np.diff(largest)) + 1
    below.plot(places[new], scaled[new], "v", ms=5, color=COLORS[4])
    for i in new:
        below.axvline(i + 1, color=COLORS[4], lw=0.8, ls=":")
    below.set(xlabel="numbers read", ylabel="sum so far", ylim=(0, None))
    return figure


def draw_traffic(rows: list[tuple[str, float, float]], least: float) -> Figure:
    """Draw the bytes that kernels ask for, for each number: read and written, side by side.

    rows: (kernel, bytes read, bytes written). least: what it takes in any case, both together.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.42 * len(rows)))
    places = np.arange(len(rows))[::-1]
    names, read, written = zip(*rows, strict=True)
    axes.barh(places, read, 0.6, color=COLORS[0], label="read")
    axes.barh(places, written, 0.6, left=read, color=COLORS[5], hatch="//", label="written")
    axes.axvline(least, color=COLORS[4], lw=1.2, ls="--", label="the least")
    axes.set(xlabel="bytes for each number", yticks=places, yticklabels=names)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure
