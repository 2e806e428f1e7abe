"""Small grey images in rows, each with a line of text above it."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

WIDE = 6.8  # inches, of a figure as wide as the text


def draw_images(images: np.ndarray, titles: list[str], columns: int = 10) -> Figure:
    """Draw images (n, height, width) from 0 (white) to 1 (black), each under its title."""
    rows = -(-len(images) // columns)
    lines = max((title.count("\n") for title in titles), default=0) + 1
    size = WIDE / columns
    tall = rows * (size + 0.17 * lines + 0.05)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDE, tall), squeeze=False)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    for panel in axes.flat:
        panel.axis("off")
    for panel, image, title in zip(axes.flat, images, titles, strict=False):
        panel.imshow(image, cmap="Greys", vmin=0, vmax=1)
        panel.set_title(title, fontsize=8.5, pad=3)
    return figure
