"""Text as boxes: the bits of UTF-8, text cut into tokens, and windows of two splits."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..figures import COLORS, WIDTH

FILLS = ("#cfe3f1", "#f7ddc9")  # of neighbouring tokens
MARK = "#d9d9d9"
EDGE = {"edgecolor": "#444444", "lw": 0.8}
STYLES = ({"fc": FILLS[0], **EDGE}, {"fc": COLORS[1], "hatch": "///", **EDGE})
SIGN = {"ha": "center", "va": "center", "family": "monospace", "fontsize": 9}


def draw_tokens(rows: Mapping[str, Sequence[str]]) -> Figure:
    """Draw each row's tokens as boxes that touch, a column a character; keys are the labels.

    Neighbouring boxes differ in colour and have edges; a space is drawn as an open box.
    """
    columns = max(sum(map(len, tokens)) for tokens in rows.values())
    figure, axes = plt.subplots(figsize=(WIDTH, 0.34 * len(rows) + 0.1))
    for y, tokens in enumerate(rows.values()):
        x = 0
        for i, token in enumerate(tokens):
            box = Rectangle((x + 0.04, y - 0.38), len(token) - 0.08, 0.76, fc=FILLS[i % 2], **EDGE)
            axes.add_patch(box)
            for j, sign in enumerate(token.replace(" ", "\u2423")):
                axes.text(x + j + 0.5, y, sign, **SIGN)
            x += len(token)
    axes.set(xlim=(0, columns), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), list(rows))
    _bare(axes)
    return figure


def draw_utf8(characters: Mapping[str, str]) -> Figure:
    """Draw the bits of each character's UTF-8 bytes; keys are the names, bits in order.

    The bits that say how many bytes there are, and which byte continues a character, are grey.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.42 * len(characters) + 0.35))
    for y, character in enumerate(characters.values()):
        for k, byte in enumerate(character.encode("utf-8")):
            bits = f"{byte:08b}"
            marks = bits.index("0") + 1
            for j, bit in enumerate(bits):
                fill = MARK if j < marks else FILLS[0]
                x = 9 * k + j
                axes.add_patch(Rectangle((x, y - 0.36), 1, 0.72, fc=fill, **EDGE))
                axes.text(x + 0.5, y, bit, weight="bold" if j < marks else "normal", **SIGN)
    axes.set(xlim=(-0.2, 35.2), ylim=(len(characters) - 0.5, -0.5))
    axes.set_yticks(range(len(characters)), list(characters))
    _bare(axes)
    axes.set_xticks([9 * k + 4 for k in range(4)], [f"byte {k + 1}" for k in range(4)])
    return figure


def draw_windows(splits: Mapping[str, Sequence[tuple[int, int, bool]]]) -> Figure:
    """Draw windows of a text, (start, length, whether it is for validation); a panel each split."""
    figure, panels = plt.subplots(len(splits), 1, figsize=(WIDTH, 1.75 * len(splits)), sharex=True)
    for axes, (title, windows) in zip(panels, splits.items(), strict=True):
        for y, (start, length, valid) in enumerate(windows):
            axes.barh(y, length, left=start, height=0.72, **STYLES[valid])
        axes.set(title=title, yticks=[], ylabel="windows", ylim=(len(windows) - 0.3, -0.7))
    panels[-1].set_xlabel("position in the text (tokens)")
    keys = [Patch(label=name, **STYLES[i]) for i, name in enumerate(["training", "validation"])]
    panels[0].legend(handles=keys, loc="upper right")
    return figure


def _bare(axes) -> None:
    axes.grid(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
