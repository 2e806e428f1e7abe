"""A flat buffer as a row of cells, and a view of it as a table: which cell is which element."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from ..figures import WIDTH

TINTS = ["#b9d5ea", "#f7cfb3", "#bfe3d3", "#e9c6dc", "#d9d9d9", "#f6e2a6"]
INK, GREY = "#222222", "#666666"
AXIS_COLORS = ["#A34700", "#0072B2", "#00694d"]  # of the arrows along axis 0, 1, 2
AXIS_DASHES = ["-", "--", ":"]
ACROSS, DOWN = 2.2, 1.25  # a cell of the table, in cells of the buffer
ABOVE, BELOW = 2.55, 1.65  # over the foot of the buffer's cells, and from there to the table
UNIT = 0.46  # inches a cell of the buffer, less if there are many


def draw_memory(view) -> Figure:
    """Draw the buffer of `view` as a row of cells, and `view` below it as a table.

    view: an object with buffer, shape, strides and offset (in elements), or a NumPy array, whose
    buffer is its base. Up to 3 axes; the first of 3 puts tables side by side. Colours go by index
    along axis 0; every cell of the buffer says the index of the element it is, every element
    its position. Arrows on the buffer are one step along each axis.
    """
    buffer, shape, strides, offset = _fields(view)
    places = {i: offset + int(np.dot(i, strides)) for i in np.ndindex(shape)}
    across, down = _table_size(shape)
    wide = max(len(buffer), across) + 0.4
    unit = min(UNIT, WIDTH / wide)
    tall = BELOW + down + ABOVE
    figure, axes = plt.subplots(figsize=(WIDTH, tall * unit))
    middle = wide / 2 - 0.2
    _draw_buffer(axes, buffer, places, middle - len(buffer) / 2, unit)
    _draw_steps(
        axes, shape, strides, offset, middle - len(buffer) / 2, middle + len(buffer) / 2, unit
    )
    _draw_table(axes, buffer, shape, places, middle - across / 2, unit)
    spare = max(0.0, WIDTH / unit - wide) / 2
    axes.set(xlim=(-0.2 - spare, wide - 0.2 + spare), ylim=(-BELOW - down, ABOVE))
    axes.axis("off")
    return figure


def _fields(view) -> tuple[list, tuple, tuple, int]:
    if not isinstance(view, np.ndarray):
        return list(view.buffer), tuple(view.shape), tuple(view.strides), view.offset
    base = view if view.base is None else view.base
    start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    strides = tuple(stride // view.itemsize for stride in view.strides)
    return base.ravel(order="K").tolist(), view.shape, strides, start // view.itemsize


def _table_size(shape: tuple) -> tuple[float, float]:
    """Width and height of the table (of all tables, for 3 axes), in cells of the buffer."""
    tables, rows, columns = (1, 1, 1)[len(shape) :] + tuple(shape)
    return tables * columns * ACROSS + (tables - 1) * 0.8, rows * DOWN


def _draw_buffer(axes, buffer, places, left, unit) -> None:
    users = {}
    for index, place in places.items():
        users.setdefault(place, []).append(index)
    for place, value in enumerate(buffer):
        bands = list(dict.fromkeys(_tint(index) for index in users.get(place, []))) or ["white"]
        for i, face in enumerate(bands):
            _fill(axes, left + place, i / len(bands), 1.0, 1 / len(bands), face)
        _frame(axes, left + place, 0.0, 1.0, 1.0)
        axes.text(left + place + 0.5, 0.5, _say(value), ha="center", va="center",
                  fontsize=_size(24, unit))  # fmt: skip
        axes.text(left + place + 0.5, -0.35, str(place), ha="center", va="center", color=GREY,
                  fontsize=_size(17, unit))  # fmt: skip
        if place in users:
            label = _index(users[place][0]) if len(users[place]) == 1 else f"{len(users[place])} x"
            axes.text(left + place + 0.5, 1.28, label, ha="center", va="center", color=INK,
                      fontsize=_size(17, unit))  # fmt: skip
    axes.text(left, -0.88, "position", color=GREY, fontsize=_size(17, unit), va="center")


def _draw_steps(axes, shape, strides, offset, left, right, unit) -> None:
    """An arrow on the buffer for one step along each axis, and how far it goes.

    The longest starts at the first element, the others make the last step along their axis: so
    they do not cover each other.
    """
    steps = [axis for axis, size in enumerate(shape) if size > 1]
    longest = max(steps, key=lambda axis: abs(strides[axis]), default=None)
    for axis in steps:
        step = strides[axis]
        x = left + offset + 0.5 + (0 if axis == longest else step * (shape[axis] - 2))
        top = 3.2 if axis == longest and abs(step) > 1 else 2.3  # the arc is half as high
        line = {"color": AXIS_COLORS[axis], "lw": 1.3, "ls": AXIS_DASHES[axis]}
        if step:
            path = Path([(x, 1.55), (x + step / 2, top), (x + step, 1.55)], [1, 3, 3])
            axes.add_patch(PathPatch(path, fill=False, **line))
            axes.annotate("", (x + step, 1.5), (x + step - 0.06 * step, 1.5 + 0.12 * (top - 1.55)),
                          arrowprops={"arrowstyle": "-|>", "color": AXIS_COLORS[axis]})  # fmt: skip
    for axis in reversed(steps):
        text = f"axis {axis}: {strides[axis]:+}" if strides[axis] else f"axis {axis}: stays"
        axes.text(right, -0.88, text, ha="right", va="center", color=AXIS_COLORS[axis],
                  fontsize=_size(17, unit))  # fmt: skip
        right -= len(text) * 0.56 * _size(17, unit) / 72 / unit + 0.3
        axes.plot([right - 0.9, right], [-0.88, -0.88], color=AXIS_COLORS[axis], lw=1.3,
                  ls=AXIS_DASHES[axis])  # fmt: skip
        right -= 1.4
    if steps:
        axes.text(right + 0.2, -0.88, "one step along", ha="right", va="center", color=INK,
                  fontsize=_size(17, unit))  # fmt: skip


def _draw_table(axes, buffer, shape, places, left, unit) -> None:
    for index, place in places.items():
        table, row, column = (0, 0, 0)[len(index) :] + index
        columns = ((1, 1, 1)[len(shape) :] + tuple(shape))[2]
        x = left + column * ACROSS + table * (columns * ACROSS + 0.8)
        y = 0.1 - BELOW - (row + 1) * DOWN
        _fill(axes, x, y, ACROSS, DOWN, _tint(index))
        _frame(axes, x, y, ACROSS, DOWN)
        axes.text(x + ACROSS / 2, y + 0.8, _say(buffer[place]), ha="center", va="center",
                  fontsize=_size(24, unit))  # fmt: skip
        axes.text(x + 0.15, y + 0.3, _index(index), va="center", fontsize=_size(17, unit))
        axes.text(x + ACROSS - 0.15, y + 0.3, f"at {place}", va="center", ha="right", color=GREY,
                  fontsize=_size(17, unit))  # fmt: skip


def _fill(axes, x, y, wide, tall, face) -> None:
    axes.add_patch(Rectangle((x, y), wide, tall, facecolor=face, lw=0))


def _frame(axes, x, y, wide, tall) -> None:
    axes.add_patch(Rectangle((x, y), wide, tall, fill=False, edgecolor=INK, lw=0.8))


def _size(points: float, unit: float) -> float:
    return max(6.0, points * unit)


def _tint(index: tuple) -> str:
    return TINTS[index[0] % len(TINTS)] if index else TINTS[0]


def _index(index: tuple) -> str:
    return ",".join(map(str, index)) or "()"


def _say(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
