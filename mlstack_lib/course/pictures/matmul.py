"""Pictures of matrix products: a thread's part, the fragments of `mma`, a ring of copies."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..figures import COLORS, WIDTH

READ, COMPUTED, INK = "#f7cfb3", "#b9d5ea", "#222222"
REGISTERS = ["#b9d5ea", "#f7cfb3", "#bfe3d3", "#e9c6dc"]  # of a fragment, 0 to 3


# ---- the roof ----


def draw_roof(
    roofs: list[tuple[str, float, float]], points: list[tuple[str, float, float]]
) -> Figure:
    """Draw the fastest a GPU can be by operations a byte: first up a slope, then level.

    roofs: (name, TFLOP/s at most, TB/s at most). points: (name, operations a byte, TFLOP/s).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    most = 4 * max(x for _, x, _ in points)
    for i, (name, peak, bandwidth) in enumerate(roofs):
        axes.loglog(
            [0.1, peak / bandwidth, most], [0.1 * bandwidth, peak, peak],
            color=COLORS[i], label=f"{name}: {bandwidth} TB/s, {peak:,g} TFLOP/s",
        )  # fmt: skip
    for name, x, y in points:
        axes.plot([x], [y], "o", ms=5, color=INK)
        axes.annotate(name, (x, y), (5, -11), textcoords="offset points", fontsize=8)
    axes.set(xlabel="operations a byte of memory", ylabel="TFLOP/s at most")
    axes.set_xlim(0.1, most)
    axes.legend(loc="upper left", fontsize=8)
    return figure


# ---- a thread's part of a tile ----


def draw_reuse(shapes: list[tuple[str, int, int]]) -> Figure:
    """Draw, side by side, what a thread reads of shared memory for one k, and what it computes.

    shapes: (title, rows, columns) of the elements of c that a thread owns.
    """
    figure, all_axes = plt.subplots(1, len(shapes), figsize=(WIDTH, 2.9))
    for axes, (title, rows, columns) in zip(all_axes, shapes, strict=True):
        for i in range(rows):
            _cell(axes, -1.6, i, READ)
        for j in range(columns):
            _cell(axes, j, -1.6, READ)
        for i in range(rows):
            for j in range(columns):
                _cell(axes, j, i, COMPUTED)
        plural = "s" * (rows * columns > 1)
        said = f"{rows + columns} reads, {rows * columns} product{plural}"
        axes.set_title(f"{title}\n{said}", fontsize=9)
        axes.text(-2.0, 0.5, "a", ha="right", va="center", fontsize=9)
        axes.text(0.5, -1.8, "b", ha="center", va="bottom", fontsize=9)
        axes.set(xlim=(-2.8, 8.2), ylim=(8.2, -3.0), aspect="equal")
        axes.axis("off")
    return figure


def _cell(axes, x: float, y: float, color: str) -> None:
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor=INK, lw=0.6))


# ---- the fragments of mma ----


def draw_fragments() -> Figure:
    """Draw which lane holds which numbers of a, b and c for mma.m16n8k16, and in which register.

    A box is a register of two neighbouring bf16 of a or b, or of one f32 of c; in it lane:register.
    """
    figure, axes = plt.subplots(
        1, 3, figsize=(WIDTH, 4.3), width_ratios=[15, 15, 17], constrained_layout=True
    )
    a = {(g + 8 * (r % 2), p + 4 * (r // 2)): (4 * g + p, r)
         for g in range(8) for p in range(4) for r in range(4)}  # fmt: skip
    b = {(g, p + 4 * r): (4 * g + p, r) for g in range(8) for p in range(4) for r in range(2)}
    c = {(g + 8 * (r // 2), 2 * p + r % 2): (4 * g + p, r)
         for g in range(8) for p in range(4) for r in range(4)}  # fmt: skip
    _draw_fragment(axes[0], "a (16, 16)", "fa", a, 2, "k", "row")
    _draw_fragment(axes[1], "b (8, 16)", "fb", b, 2, "k", "column of c")
    _draw_fragment(axes[2], "c (16, 8), f32", "d", c, 1, "column", "row")
    return figure


def _draw_fragment(axes, title, name, held, width, along, down) -> None:
    rows = 1 + max(row for row, _ in held)
    columns = width * (1 + max(column for _, column in held))
    for (row, column), (lane, register) in held.items():
        axes.add_patch(
            Rectangle((column * width, row), width, 1, facecolor=REGISTERS[register],
                      edgecolor=INK, lw=0.5)
        )  # fmt: skip
        axes.text((column + 0.5) * width, row + 0.53, f"{lane}:{register}", ha="center",
                  va="center", fontsize=6)  # fmt: skip
    for i, color in enumerate(REGISTERS[: 1 + max(r for _, r in held.values())]):
        axes.plot([], [], "s", ms=7, color=color, markeredgecolor=INK, label=f"{name}[{i}]")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16 * 16 / max(rows, 12)), ncols=2,
                fontsize=7, handletextpad=0.1, columnspacing=0.8)  # fmt: skip
    axes.set_title(title, fontsize=9)
    axes.set(xlim=(0, columns), ylim=(16, 0), xlabel=along, ylabel=down)
    axes.set_xticks(range(0, columns + 1, 4))
    axes.set_yticks(range(0, rows + 1, 4))
    axes.tick_params(labelsize=7, length=2)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)


# ---- a ring of copies ----


def draw_ring(stages: int, rounds: int) -> Figure:
    """Draw when each place of a ring of `stages` tiles is filled and multiplied, in time."""
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.45 * stages), layout="constrained")
    for tile in range(rounds + stages - 1):
        sent, place = max(tile - stages + 1, -1), tile % stages
        for begin, end, color, text in (
            (sent + 0.08, min(tile, rounds), READ, f"tile {tile} on its way"),
            (tile, tile + 1, COMPUTED, f"tile {tile} multiplied"),
        ):
            if begin < rounds:
                axes.add_patch(Rectangle((begin, place + 0.1), end - begin, 0.8, facecolor=color,
                                         edgecolor=INK, lw=0.6))  # fmt: skip
                axes.text(begin + 0.05, place + 0.52, text, va="center", fontsize=7)
    for t in range(rounds):
        axes.axvline(t, color=INK, lw=1.6)
        axes.text(t, -0.12, "wait, barrier", ha="center", va="bottom", fontsize=7)
    axes.set(xlim=(-1, rounds), ylim=(stages, -0.1), ylabel="place in the ring")
    axes.set_xticks([t + 0.5 for t in range(-1, rounds)],
                    ["before the loop", *(f"round t = {t}" for t in range(rounds))])  # fmt: skip
    axes.set_yticks([i + 0.5 for i in range(stages)], [str(i) for i in range(stages)])
    axes.tick_params(labelsize=8, length=0)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure
