"""The whole stack that the course builds, and the chapters that build it."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# From the top: what is built, by which chapters, what it rests on beside it.
ROWS = [
    [("a trained Transformer that writes text", "07, 15, 16", 12)],
    [("AdamW", "05", 4), ("tokenizer and data", "06", 4), ("the Transformer", "07", 4)],
    [("modules, softmax,\ncross-entropy", "03", 6), ("LayerNorm", "04", 6)],
    [("autograd: every operation's gradient", "02", 12)],
    [("tensors: shape, strides, views", "01", 12)],
    [("NumPy kernels", "01 - 07", 3), ("CUDA C kernels", "08 - 13", 5), ("WGSL kernels", "14", 4)],
    [("any processor", "", 3), ("simulator", "", 2.5), ("NVIDIA GPU", "", 2.5),
     ("any GPU,\nthe browser", "", 4)],
]  # fmt: skip
COLORS = ["#f7ddc9", "#fbeadf", "#fbeadf", "#dceaf5", "#dceaf5", "#b9d5ea", "#eeeeee"]
WIDE, GAP = 12, 0.06


def draw_stack() -> Figure:
    """Draw what is built on what, machines at the bottom, each box with its chapters."""
    figure, axes = plt.subplots(figsize=(6.8, 4.4))
    for row, (boxes, color) in enumerate(zip(ROWS, COLORS, strict=True)):
        left, y = 0.0, len(ROWS) - row
        for text, chapters, width in boxes:
            axes.add_patch(plt.Rectangle(
                (left + GAP, y + GAP), width - 2 * GAP, 1 - 2 * GAP, facecolor=color,
                edgecolor="#444444", lw=0.8,
            ))  # fmt: skip
            label = f"{text}\nchapters {chapters}" if chapters else text
            label = label.replace("chapters", "chapter") if len(chapters) == 2 else label
            axes.text(left + width / 2, y + 0.5, label, ha="center", va="center", fontsize=8.5)
            left += width
    axes.set(xlim=(0, WIDE), ylim=(1, len(ROWS) + 1))
    axes.axis("off")
    return figure
