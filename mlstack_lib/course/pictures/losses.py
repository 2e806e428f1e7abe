"""Curves of losses, several runs in one picture."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure


def draw_losses(runs: dict[str, list[float]], unit: str = "nats", logarithmic=False) -> Figure:
    """Draw the losses of each run, one value a step, with a legend; steps count from 1."""
    figure, axes = plt.subplots()
    for name, values in runs.items():
        axes.plot(np.arange(1, len(values) + 1), values, label=name)
    axes.set(xlabel="training step", ylabel=f"loss ({unit})")
    if logarithmic:
        axes.set_yscale("log")
    axes.legend()
    return figure
