"""Two arrays stretched to one shape: which element of each is used where."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..figures import WIDTH

TINTS = {"a": "#b9d5ea", "b": "#f7cfb3", "result": "white"}
INK, GREY = "#222222", "#666666"
GAP = 0.8  # between the tables, in cells


def draw_broadcast(a, b, symbol: str = "+", operation=np.add) -> Figure:
    """Draw a, b and operation(a, b), each as a table of the shape that both broadcast to.

    a, b: NumPy arrays, or objects with a method numpy(); at most 2 axes. Solid cells are elements,
    dashed ones the same elements used again; each names the index of its element.
    """
    a, b = (x if isinstance(x, np.ndarray) else x.numpy() for x in (a, b))
    result = operation(a, b)
    rows, columns = (1, 1)[result.ndim :] + result.shape
    wide = 3 * columns + 2 * GAP
    unit = min(0.62, WIDTH / (wide + 0.3))
    figure, axes = plt.subplots(figsize=(WIDTH, (rows + 0.8) * unit))
    tables = [("a", a), (symbol, b), ("=", result)]
    for number, (sign, x) in enumerate(tables):
        left = number * (columns + GAP)
        name = ("a", "b", "result")[number]
        _draw_table(axes, name, x, result.shape, left, unit)
        title = f"{name if number < 2 else f'a {symbol} b'}  {x.shape}"
        axes.text(left + columns / 2, 0.3, title, ha="center", va="center", fontsize=9)
        if number:
            axes.text(left - GAP / 2, -rows / 2, sign, ha="center", va="center", fontsize=14)
    spare = max(0.0, WIDTH / unit - wide) / 2
    axes.set(xlim=(-spare, wide + spare), ylim=(-rows - 0.1, 0.7))
    axes.axis("off")
    return figure


def _draw_table(axes, name, x, shape, left, unit) -> None:
    for index in np.ndindex(shape):
        own = index[len(shape) - x.ndim :]
        own = tuple(0 if n == 1 else i for i, n in zip(own, x.shape, strict=True))
        row, column = (0, 0)[len(index) :] + index
        again = (0,) * (len(shape) - x.ndim) + own != index
        corner = (left + column + 0.04, -row - 0.96)
        axes.add_patch(Rectangle(
            corner, 0.92, 0.92, facecolor="white" if again else TINTS[name],
            edgecolor=GREY if again else INK, ls="--" if again else "-", lw=0.9,
        ))  # fmt: skip
        color = GREY if again else INK
        axes.text(left + column + 0.5, -row - 0.4, _say(x[own]), ha="center", va="center",
                  fontsize=19 * unit, color=color)  # fmt: skip
        label = ",".join(map(str, own)) or "()"
        axes.text(left + column + 0.5, -row - 0.78, label, ha="center", va="center",
                  fontsize=12 * unit, color=color)  # fmt: skip


def _say(value) -> str:
    return f"{value:.3g}"
