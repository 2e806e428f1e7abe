"""The paths that optimizers take over a loss of two parameters, drawn on its contour lines."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..figures import COLORS, WIDTH

MARKERS = ["o", "s", "^", "D"]
WIDE = [4.2, WIDTH, WIDTH]  # inches of a figure with one panel, two, three


def draw_paths(
    loss: Callable,
    panels: dict[str, dict[str, np.ndarray]],
    x: tuple[float, float],
    y: tuple[float, float],
    minimum: tuple[float, float] = (0.0, 0.0),
    every: int = 1,
) -> Figure:
    """Draw in each panel, by title, its paths by name, points (steps + 1, 2), over loss(x, y).

    x, y: the limits of the axes. Each name has a colour and a marker, one at every
    `every`-th point; its last point is large. The common start and the minimum are marked. A name
    "" stands for a path that the title names.
    """
    names = list(dict.fromkeys(name for paths in panels.values() for name in paths))
    figure, all_axes = plt.subplots(
        1, len(panels), figsize=(WIDE[min(len(panels), 3) - 1], 2.7), sharey=True, squeeze=False
    )
    for axes, (title, paths) in zip(all_axes[0], panels.items(), strict=True):
        _contours(axes, loss, x, y)
        for name, points in paths.items():
            at = names.index(name)
            look = {"c": COLORS[at], "marker": MARKERS[at], "zorder": 3}
            axes.plot(*points.T, lw=1.2, ls="-", ms=3.5, markevery=every, **look)
            axes.plot(*points[-1], ms=9, mec="black", ls="", label=name or "end", **look)
        start = next(iter(paths.values()))[0]
        axes.plot(*start, marker="X", ms=9, c="black", ls="", label="start", zorder=5)
        axes.plot(*minimum, marker="*", ms=12, c="black", ls="", label="minimum", zorder=2)
        axes.set(title=title, xlabel="first parameter x", xlim=x, ylim=y)
    all_axes[0, 0].set_ylabel("second parameter y")
    _legend(figure, all_axes[0])
    return figure


def _legend(figure: Figure, all_axes) -> None:
    """One legend for all panels, each name once."""
    handles = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = sorted(handles, key=["start", "minimum"].count)  # stable: these two last
    figure.legend(
        [handles[label] for label in labels], labels, loc="outside lower center",
        ncols=3 if len(labels) > 4 else 4,
    )  # fmt: skip


def _contours(axes: Axes, loss: Callable, x: tuple, y: tuple) -> None:
    xx, yy = np.meshgrid(np.linspace(*x, 160), np.linspace(*y, 160))
    heights = np.log10(loss(xx, yy) + 1e-3)  # from line to line the loss grows by one factor
    axes.contour(xx, yy, heights, levels=7, colors="#888888", linewidths=0.6, linestyles="solid")
    axes.grid(False)
