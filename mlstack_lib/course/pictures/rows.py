"""Pictures of softmax's row kernels: the sum that follows the maximum, and the bytes moved."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ..figures import COLORS, WIDTH


def draw_online(x: np.ndarray) -> Figure:
    """Draw what the online pass knows after each number of x (n): the largest, and the sum of
    exp(number - largest), which falls whenever a larger one comes."""
    largest = np.maximum.accumulate(x)
    sums = [np.exp(x[: i + 1] - largest[i]).sum() for i in range(len(x))]
    places = np.arange(1, len(x) + 1)
    figure, (above, below) = plt.subplots(2, 1, figsize=(WIDTH, 3.4), sharex=True)
    above.plot(places, x, "o", ms=4, color=COLORS[4], label="x")
    above.step(places, largest, where="post", color=COLORS[0], label="largest so far")
    above.set(ylabel="number")
    above.legend(loc="upper left", fontsize=8)
    below.plot(places, sums, "-", marker=".", color=COLORS[1])
    for i in np.flatnonzero(np.diff(largest)) + 1:
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
