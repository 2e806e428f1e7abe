"""How an exercise goes: write, check, read, write again."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

BOXES = {  # name: (x, y, text, face)
    "write": (0.0, 0.0, "write in the cell\nunder the task", "#dceaf5"),
    "check": (3.0, 0.0, "run it,\nthen its check", "#dceaf5"),
    "todo": (6.2, 1.15, "[todo]\nnot written yet", "#eeeeee"),
    "no": (6.2, 0.0, "[no]\nwhat is wrong", "#f7ddc9"),
    "ok": (6.2, -1.15, "[ok]\nright", "#d5ebe2"),
    "course": (9.6, 0.58, "later cells use\nthe course's function", "white"),
    "yours": (9.6, -1.15, "later cells use\nyour function", "white"),
}
ARROWS = [
    ("write", "check", 0.0), ("check", "todo", 0.0), ("check", "no", 0.0), ("check", "ok", 0.0),
    ("todo", "course", 0.0), ("no", "course", 0.0), ("ok", "yours", 0.0),
]  # fmt: skip


def draw_exercise() -> Figure:
    """Draw the three verdicts on an exercise and what follows from each."""
    figure, axes = plt.subplots(figsize=(6.8, 2.6))
    boxes = {
        name: axes.text(
            x, y, text, ha="center", va="center", fontsize=8.5, zorder=2,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": face, "edgecolor": "#444444"},
        )
        for name, (x, y, text, face) in BOXES.items()
    }  # fmt: skip
    for begin, end, bend in ARROWS:
        axes.annotate(
            "", BOXES[end][:2], BOXES[begin][:2], zorder=1,
            arrowprops={
                "arrowstyle": "-|>", "color": "#444444", "connectionstyle": f"arc3,rad={bend}",
                "patchA": boxes[begin].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch(),
            },
        )  # fmt: skip
    axes.annotate(
        "", (0.0, 0.38), (5.6, 0.35), zorder=0,
        arrowprops={"arrowstyle": "-|>", "color": "#D55E00", "ls": "--",
                    "connectionstyle": "arc3,rad=0.45"},
    )  # fmt: skip
    axes.text(2.2, 1.55, "read, and try again", color="#A34700", ha="center", fontsize=8.5)
    axes.set(xlim=(-1.4, 11.3), ylim=(-1.75, 1.8))
    axes.axis("off")
    return figure
