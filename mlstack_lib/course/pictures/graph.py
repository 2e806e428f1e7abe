"""The graph of a computation: every value, what it was made from, and its gradient."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

BOX = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": "#0072B2", "lw": 1.2}
WIDE, TALL = 1.7, 0.95  # inches a column, a row


def draw_graph(root, gradients: bool = True) -> Figure:
    """Draw what `root` was made from, left to right, root last.

    Each object needs `parents`, `data`, `name` and, unless gradients=False, `grad`. A box says its
    name, its value (or shape) and its gradient. Arrows go from a value to what it is used in; a
    value that is used twice by one operation has two.
    """
    columns = _columns(root)
    tall = max(map(len, columns))
    figure, axes = plt.subplots(figsize=(WIDE * len(columns), TALL * tall + 0.2))
    place = {}
    for x, column in enumerate(columns):
        for row, node in enumerate(column):
            place[id(node)] = (x, row - (len(column) - 1) / 2)
    nodes = [node for column in columns for node in column]
    boxes = {
        id(node): axes.text(*place[id(node)], _label(node, gradients), ha="center", va="center",
                            fontsize=9, bbox=BOX, zorder=2).get_bbox_patch()
        for node in nodes
    }  # fmt: skip
    for node in nodes:
        for position, parent in enumerate(node.parents):
            bend = 0.0
            if node.parents.count(parent) > 1:
                bend = 0.22 if position == node.parents.index(parent) else -0.22
            axes.annotate(
                "", place[id(node)], place[id(parent)], zorder=1,
                arrowprops={"arrowstyle": "-|>", "color": "#444444", "patchA": boxes[id(parent)],
                            "patchB": boxes[id(node)], "connectionstyle": f"arc3,rad={bend}"},
            )  # fmt: skip
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(tall / 2, -tall / 2))
    axes.axis("off")
    return figure


def _columns(root) -> list[list]:
    """The nodes by their distance from the inputs; in a column, in the order they are met."""
    depth, order, stack = {}, [], [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if id(node) in depth:
            continue
        if parents_done:
            depth[id(node)] = 1 + max((depth[id(p)] for p in node.parents), default=-1)
            order.append(node)
        else:
            stack.append((node, True))
            stack += [(parent, False) for parent in reversed(node.parents)]
    for node in reversed(order):  # an input stands right before what uses it first
        users = [depth[id(user)] for user in order if any(p is node for p in user.parents)]
        depth[id(node)] = min(users) - 1 if users and not node.parents else depth[id(node)]
    columns = [[] for _ in range(depth[id(root)] + 1)]
    for node in order:
        columns[depth[id(node)]].append(node)
    return columns


def _label(node, gradients: bool) -> str:
    lines = [node.name or "?", _say(node.data)]
    return "\n".join(lines + [f"grad {_say(node.grad)}"] * gradients)


def _say(value) -> str:
    return f"{float(value):.4g}" if np.ndim(value) == 0 else f"array {np.shape(value)}"
