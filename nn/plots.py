"""Plots of training, and the style that all plots of networks share."""

import io
import math
from collections.abc import Sequence
from typing import Any

from autograd.optional import needed
from nn.training import History

INK, FAINT = "#333333", "#dddddd"
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4488"
"""Okabe and Ito's colours, which all eyes can tell apart; blue is what was trained on."""

Curve = tuple[list[float], str, str]
"""Numbers, what they are called, and their colour."""


def training_curves(history: History, title: str) -> bytes:
    """Return a plot of the loss and the accuracy over the epochs, as PNG.

    Args:
        history: what `fit` returned.
        title: what stands above.

    Raises:
        ImportError: if matplotlib is not installed.

    >>> training_curves(History(loss=[1.0, 0.5], accuracy=[0.3, 0.9]), "Two epochs")[1:4]
    b'PNG'
    """
    figure = new_figure(10, 4.5, title)
    panels = figure.subplots(1, 2 if history.accuracy else 1, squeeze=False)[0]
    losses = _curves(history.loss, history.validation_loss)
    _draw_panel(panels[0], "loss", losses)
    _set_loss_axis(panels[0], history)
    _label_ends(panels[0], losses)
    if history.accuracy:
        shares = _curves(history.accuracy, history.validation_accuracy)
        _draw_panel(panels[1], "accuracy", shares)
        panels[1].yaxis.set_major_formatter(_ticker().PercentFormatter(1.0))
        _label_ends(panels[1], shares)
    return as_png(figure)


def new_figure(width: float, height: float, title: str) -> Any:
    """Return an empty matplotlib figure with a title.

    Args:
        width: in inches, of 150 pixels each.
        height: likewise.
        title: what stands above.

    Raises:
        ImportError: if matplotlib is not installed.

    >>> new_figure(4, 3, "Nothing yet").axes
    []
    """
    figure = needed("matplotlib.figure", "a plot").Figure(
        figsize=(width, height), layout="constrained", facecolor="white"
    )
    figure.suptitle(title, color=INK, fontsize=14, fontweight="bold")
    return figure


def set_axes(axes: Any, title: str, x: str, y: str, *, grid: bool = True) -> None:
    """Give axes a title on the left, names, and as little ink as will do.

    >>> axes = new_figure(4, 3, "A plot").subplots()
    >>> set_axes(axes, "Speed", "time (s)", "speed (m/s)")
    >>> axes.get_xlabel()
    'time (s)'
    """
    axes.set_title(title, color=INK, loc="left")
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(colors=INK, which="both")
    if grid:
        axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)


def as_png(figure: Any) -> bytes:
    """Return a figure as the content of a PNG file.

    >>> as_png(new_figure(1, 1, ""))[1:4]
    b'PNG'
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()


def _ticker() -> Any:
    return needed("matplotlib.ticker", "a plot")


def _curves(training: list[float], held_out: list[float]) -> list[Curve]:
    curves = [(training, "training", BLUE), (held_out, "held out", ORANGE)]
    return [curve for curve in curves if curve[0]]


def _draw_panel(axes: Any, name: str, curves: Sequence[Curve]) -> None:
    for numbers, _, color in curves:
        marker = "o" if len(numbers) == 1 else None
        axes.plot(range(1, len(numbers) + 1), numbers, color=color, linewidth=2, marker=marker)
    set_axes(axes, f"{name.capitalize()} per epoch", "epoch", name)
    axes.xaxis.set_major_locator(
        _ticker().MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )


def _set_loss_axis(axes: Any, history: History) -> None:
    """Show a loss that falls over several powers of ten on a logarithmic axis."""
    losses = [*history.loss, *history.validation_loss]
    positive = [loss for loss in losses if loss > 0.0]
    if positive and max(positive) > 300.0 * min(positive):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0.0)


def _label_ends(axes: Any, curves: Sequence[Curve]) -> None:
    """Write the curves' names at their ends, the upper one raised where they would overlap."""
    points_per_height = 240.0
    lower = -math.inf
    for numbers, label, color in sorted(curves, key=lambda curve: curve[0][-1]):
        _, pixels = axes.transData.transform((len(numbers), numbers[-1]))
        height = axes.transAxes.inverted().transform((0.0, pixels))[1] * points_per_height
        place = max(height, lower + 14.0)
        axes.annotate(
            label,
            (len(numbers), numbers[-1]),
            xytext=(6, place - height),
            textcoords="offset points",
            color=color,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
        lower = place
