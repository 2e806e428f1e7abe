"""Which lines of memory a walk through an array touches."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, MultipleLocator

from ..figures import WIDTH


def draw_lines(shape: tuple[int, int], walks: dict[str, Iterable[int]], line: int = 16) -> Figure:
    """Draw an array of `shape` in row order once for each walk: what is read, which lines come.

    walks: title to the positions read. line: numbers in a line of memory. A line that is touched is
    filled, a number that is read is a dot.
    """
    rows, columns = shape
    figure, panels = plt.subplots(1, len(walks), figsize=(WIDTH, 0.8 + 0.15 * rows), sharey=True)
    for axes, (title, walk) in zip(panels, walks.items(), strict=True):
        positions = list(walk)
        touched = {position // line for position in positions}
        for number in range(rows * columns // line):
            row, column = divmod(number * line, columns)
            axes.add_patch(Rectangle(
                (column - 0.5, row - 0.5), line, 1, edgecolor="#444444", lw=0.8,
                facecolor="#f7cfb3" if number in touched else "white",
            ))  # fmt: skip
        axes.plot([p % columns for p in positions], [p // columns for p in positions], ".",
                  color="#0072B2", ms=2.5)  # fmt: skip
        axes.set(title=f"{title}: {len(positions)} numbers, {len(touched)} lines", xlabel="column",
                 xlim=(-0.8, columns - 0.2), ylim=(rows - 0.3, -0.7))  # fmt: skip
        axes.grid(visible=False)
        axes.xaxis.set_major_locator(MultipleLocator(line))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0].set_ylabel("row")
    return figure
