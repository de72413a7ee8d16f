"""The plot of what an operation costs against the size of the graph."""

from pathlib import Path
from typing import Any

from autograd.plotting import LIGHT, Plot, freeze_layout, label_ends, new_figure, set_axes

COLORS = {
    "stepgrad": LIGHT.orange,
    "stepgrad, plain Python": LIGHT.gold,
    "micrograd": LIGHT.blue,
    "slots node": LIGHT.sky,
    "XAD": LIGHT.green,
    "PyTorch 0-d": LIGHT.purple,
    "HIPS autograd": LIGHT.brown,
    "MyGrad": LIGHT.slate,
    "floor: C tape": LIGHT.ink,
}


def save(figures: dict[str, Any], path: Path) -> None:
    """Draw the plot and save it."""
    title = "What an operation costs, forward and backward"
    figure = new_figure(9.0, 5.6, title)
    axes = figure.subplots()
    set_axes(axes, "", "operations in the graph", "nanoseconds per operation")
    for engine, color in COLORS.items():
        sizes = figures["engines"].get(engine, {}).get("sizes", [])
        costs = [size["forward"] + size["backward"] for size in sizes]
        width = 3.0 if engine == "stepgrad" else 1.8
        axes.plot(
            [size["operations"] for size in sizes],
            costs,
            color=color,
            linewidth=width,
            marker="o",
            markersize=2.0 * width,
            label=engine,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(70, 6e8)  # room for the names
    axes.set_xticks([10**k for k in range(2, 8)])
    axes.minorticks_off()
    freeze_layout(figure)
    label_ends(axes)
    Plot(figure, title).save(path)
