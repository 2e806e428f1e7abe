"""Pictures of row-wise kernels: who holds which number, and sums of columns in two stages."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from ..figures import WIDTH

SHADES = ["#b9d5ea", "#f7cfb3", "#bfe3d3", "#e9c6dc"]  # warps, or blocks
PLAIN, INK, FIRST = "#eeeeee", "#222222", "#A34700"
ROWS, COLUMNS, LANES = 4, 12, 4  # of the pictures: a warp has 4 lanes here


def draw_holders() -> Figure:
    """Draw which thread takes which number of 4 rows, and the first request of the first warp.

    To have room, rows have 12 numbers, warps 4 lanes, and a block of the second panel two warps.
    A box has the number of its thread in the block, its colour is the warp.
    """
    panels = [
        ("v1: a thread a row", lambda row, column: (0, row), [(row, 0) for row in range(LANES)]),
        ("v2: a block a row", lambda row, column: (column % 8 // LANES, column % 8),
         [(0, column) for column in range(LANES)]),
        ("v3: a warp a row", lambda row, column: (row, LANES * row + column % LANES),
         [(0, column) for column in range(LANES)]),
    ]  # fmt: skip
    figure, all_axes = plt.subplots(1, 3, figsize=(WIDTH, 1.3), layout="constrained")
    for axes, (title, holder, first) in zip(all_axes, panels, strict=True):
        for row in range(ROWS):
            for column in range(COLUMNS):
                warp, thread = holder(row, column)
                _box(axes, column, row, SHADES[warp], str(thread))
        width = 1 + max(c for _, c in first)
        height = 1 + max(r for r, _ in first)
        axes.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor=FIRST, lw=2.2))
        _finish(axes, title, COLUMNS, ROWS)
        axes.set_ylabel("row", fontsize=8)
    return figure


def draw_stages(rows: int = 12, columns: int = 8, blocks: int = 3) -> Figure:
    """Draw how the sums of columns are made without atomics: a part a block, then the parts.

    A block has one warp here, so it takes every `blocks`-th row. A box has the number of its block.
    """
    figure, all_axes = plt.subplots(
        1, 3, figsize=(WIDTH, 2.9), width_ratios=[1, 1, 1], layout="constrained"
    )
    for row in range(rows):
        for column in range(columns):
            _box(all_axes[0], column, row, SHADES[row % blocks], str(row % blocks))
    for part in range(blocks):
        for column in range(columns):
            _box(all_axes[1], column, part, SHADES[part], str(part))
    for column in range(columns):
        _box(all_axes[2], column, 0, PLAIN, "")
    titles = [
        f"{rows} rows of dy,\nand the block of each",
        f"parts: a row\nfor each of {blocks} blocks",
        "column_sum:\ndbias",
    ]
    for axes, title in zip(all_axes, titles, strict=True):
        _finish(axes, title, columns, rows)
    for axes, height in ((all_axes[0], blocks), (all_axes[1], 1)):
        x = columns + 0.3
        ends = (x, height / 2), (x + 2.2, height / 2)
        style = {"arrowstyle": "->", "mutation_scale": 10, "clip_on": False}
        axes.add_patch(FancyArrowPatch(*ends, color=INK, lw=1, **style))
    return figure


def _box(axes, column: int, row: int, color: str, text: str) -> None:
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=color, edgecolor=INK, lw=0.5))
    axes.text(column + 0.5, row + 0.52, text, ha="center", va="center", fontsize=6.5, color=INK)


def _finish(axes, title: str, columns: int, rows: int) -> None:
    axes.set_title(title, fontsize=9)
    axes.set(xlim=(-0.15, columns + 0.15), ylim=(rows + 0.15, -0.15), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
