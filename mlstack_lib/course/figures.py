"""The house style of the course's figures, and `show`, which puts a caption under each."""

import io

import matplotlib.pyplot as plt
import PIL.Image
from cycler import cycler
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.figure import Figure

DPI = 144  # pixels an inch in the file; shown at two thirds, sharp on dense screens
WIDTH = 6.8  # inches, of a figure as wide as the text
# Okabe, Ito 2008, "Color universal design": told apart by the colour-blind; they differ in
# lightness too, and lines have dashes of their own.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"]
DASHES = ["-", "--", "-.", ":", (0, (6, 1)), (0, (3, 1, 1, 1))]
STYLE = {
    "figure.figsize": (WIDTH, 3.2),
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=DASHES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "image.cmap": "cividis",
}


def style() -> None:
    """Set the house style for all figures made from now on: size, fonts, colours, dashes."""
    plt.rcParams.update(STYLE)


def show(figure: Figure, caption: str) -> None:
    """Show the figure as PNG, and below it the caption, a sentence that says what is to be seen.

    The caption is printed, since JupyterLab gives pictures made by code no alternative text.
    """
    if get_ipython() is not None:
        width = round(figure.get_size_inches()[0] * DPI * 2 / 3)
        display(Image(small_png(figure), width=width), metadata={"image/png": {"alt": caption}})
    plt.close(figure)
    print(caption)


def small_png(figure: Figure) -> bytes:
    """The figure as PNG of at most 256 colours, which takes half the bytes and looks the same."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", metadata={"Software": None})
    PIL.Image.open(full).convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()
