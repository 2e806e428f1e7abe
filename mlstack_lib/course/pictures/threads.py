"""Grids and blocks, trees of sums, and the banks of a tile."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..figures import WIDTH

WARP, BANKS = 32, 32
SHADES = ["#b9d5ea", "#f7cfb3", "#bfe3d3", "#e9c6dc"]
IDLE, INK, MARK = "#eeeeee", "#222222", "#A34700"


def draw_grid(n: int, block: int) -> Figure:
    """Draw the blocks of a grid for n elements, a warp a row, each thread with its element.

    Threads without an element are grey and crossed out.
    """
    blocks, warps = -(-n // block), block // WARP
    figure, axes = plt.subplots(figsize=(WIDTH, 0.5 + 0.24 * blocks * (warps + 0.6)))
    for warp in range(blocks * warps):
        y = warp + 0.6 * (warp // warps)
        for lane in range(WARP):
            _draw_thread(axes, lane, y, warp * WARP + lane, n, SHADES[warp // warps % 4])
        axes.text(-0.4, y + 0.5, f"warp {warp % warps}", ha="right", va="center", fontsize=7)
    for i in range(blocks):
        y = i * (warps + 0.6)
        axes.add_patch(Rectangle((0, y), WARP, warps, fill=False, edgecolor=INK, lw=1.5))
        axes.text(-3.4, y + warps / 2, f"block {i}", ha="right", va="center", fontsize=9)
    axes.set(xlim=(-6.5, WARP + 0.2), ylim=(blocks * (warps + 0.6) - 0.4, -1.1))
    axes.text(WARP / 2, -0.3, "lane 0 to 31 of the warp", ha="center", va="bottom", fontsize=8)
    axes.axis("off")
    return figure


def _draw_thread(axes, lane, y, element, n, shade) -> None:
    has = element < n
    axes.add_patch(Rectangle((lane, y), 1, 1, facecolor=shade if has else IDLE, edgecolor="white"))
    axes.text(lane + 0.5, y + 0.53, str(element) if has else "x", ha="center", va="center",
              fontsize=5.5, color=INK)  # fmt: skip


def draw_trees(threads: int = 16, warp: int = 4) -> Figure:
    """Draw which threads add in each step, neighbours first and halves first.

    For the picture's sake a warp has 4 threads; warps in which some thread adds are framed.
    """
    neighbours, halves = [], []
    apart = 1
    while apart < threads:
        neighbours.append([t for t in range(threads) if t % (2 * apart) == 0])
        halves.append(list(range(threads // (2 * apart))))
        apart *= 2
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 1.9))
    titles = ("neighbours first: apart = 1, 2, 4, 8", "halves first: width = 8, 4, 2, 1")
    for axes, title, steps in zip(panels, titles, (neighbours, halves), strict=True):
        busy = sum(len({t // warp for t in step}) for step in steps)
        for y, step in enumerate(steps):
            _draw_step(axes, y, step, threads, warp)
        axes.set_title(f"{title}\nwarps that must come: {busy}", fontsize=9)
        axes.set(xlim=(-0.1, threads + 0.1), ylim=(len(steps) + 0.05, -0.1), xlabel="thread")
        axes.set_xticks([t + 0.5 for t in range(0, threads, 4)], range(0, threads, 4), fontsize=7)
        axes.set_yticks([y + 0.45 for y in range(len(steps))], range(1, len(steps) + 1), fontsize=7)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    panels[0].set_ylabel("step")
    return figure


def _draw_step(axes, y, step, threads, warp) -> None:
    for t in range(threads):
        color = SHADES[t // warp % 4] if t in step else IDLE
        axes.add_patch(Rectangle((t, y), 1, 0.85, facecolor=color, edgecolor="white"))
        if t in step:
            axes.text(t + 0.5, y + 0.45, "+", ha="center", va="center", fontsize=9, color=INK)
    for first in {t // warp * warp for t in step}:
        axes.add_patch(Rectangle((first, y), warp, 0.85, fill=False, edgecolor=INK, lw=1.2))


def draw_banks(widths: tuple[int, ...] = (32, 33), rows: int = 8, columns: int = 8) -> Figure:
    """Draw the corner of a tile in shared memory for each width of its rows: the bank of each word.

    Column 0, which a warp reads at once, is framed.
    """
    figure, panels = plt.subplots(1, len(widths), figsize=(WIDTH, 2.6))
    for axes, width in zip(panels, widths, strict=True):
        banks = [
            [(row * width + column) % BANKS for column in range(columns)] for row in range(rows)
        ]
        axes.imshow(banks, vmin=0, vmax=BANKS, cmap="Blues", aspect="auto")
        for row in range(rows):
            for column in range(columns):
                axes.text(
                    column, row, str(banks[row][column]), ha="center", va="center", fontsize=8
                )
        axes.add_patch(
            Rectangle((-0.5, -0.5), 1, rows, fill=False, edgecolor=MARK, lw=2, clip_on=False)
        )
        axes.set_title(f"float tile[32][{width}]", family="monospace", fontsize=9)
        axes.set(xlabel="column", ylabel="row")
        axes.tick_params(length=0, labelsize=7)
        axes.grid(visible=False)
    return figure
