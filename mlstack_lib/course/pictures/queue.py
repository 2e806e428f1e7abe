"""Pictures of launches: when the host has queued each, and when the GPU runs it."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..figures import WIDTH

HOST, GPU, INK = "#f7cfb3", "#0072B2", "#222222"
Ways = list[tuple[str, list[float], list[float]]]


def end_of(host: list[float], kernels: list[float]) -> float:
    """When the last kernel ends, if kernel i may begin once its launch and kernel i - 1 are over.

    host, kernels: microseconds of each launch on the host, and of each kernel.
    """
    queued = ended = 0.0
    for launch, kernel in zip(host, kernels, strict=True):
        queued += launch
        ended = max(queued, ended) + kernel
    return ended


def draw_queue(ways: Ways) -> Figure:
    """Draw host and GPU in time, for each way (name, us of each launch, us of each kernel)."""
    figure, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.75 * len(ways)))
    for i, (name, host, kernels) in enumerate(ways):
        y = -i * 1.0
        queued = ended = 0.0
        for launch, kernel in zip(host, kernels, strict=True):
            if launch:
                _box(axes, queued, launch, y + 0.36, HOST)
            queued += launch
            began = max(queued, ended)
            _box(axes, began, kernel, y, GPU)
            ended = began + kernel
        axes.text(-2, y + 0.54, f"{name}: host", ha="right", va="center", fontsize=8)
        axes.text(-2, y + 0.18, "GPU", ha="right", va="center", fontsize=8)
        axes.text(ended + 1, y + 0.18, f"{ended:.0f} us", va="center", fontsize=8)
    axes.set(xlabel="microseconds", yticks=[], ylim=(-len(ways) + 0.85, 0.85))
    axes.set_xlim(0, 1.12 * max(end_of(host, kernels) for _, host, kernels in ways))
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    return figure


def _box(axes, begin: float, length: float, y: float, colour: str) -> None:
    axes.broken_barh([(begin, length)], (y, 0.34), facecolor=colour, edgecolor=INK, linewidth=0.4)
