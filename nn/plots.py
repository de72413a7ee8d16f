"""Loss curves: the loss and the accuracy of a training, epoch by epoch."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.optional import needed
from autograd.plotting import LIGHT, Theme, freeze_layout, label_ends, new_figure, set_axes

if TYPE_CHECKING:
    from nn.history import History

Curve = tuple[list[float], str, str]
"""Numbers, what they are called, and their colour."""


def draw_curves(history: "History", title: str, theme: Theme = LIGHT) -> Any:
    """Return a figure of the loss and, if it was judged, the accuracy over the epochs.

    Args:
        history: what `fit` returned.
        title: what stands above.
        theme: its colours.

    Raises:
        ValueError: if there is no epoch to show.
        ImportError: if matplotlib is not installed.

    >>> from nn import History
    >>> history = History(loss=[1.0, 0.5], accuracy=[0.3, 0.9])
    >>> [axes.get_ylabel() for axes in draw_curves(history, "Two epochs").axes]
    ['loss', 'accuracy']
    """
    if not history.loss:
        raise ValueError("there is no epoch to plot: training ended before the first was over")
    figure = new_figure(10 if history.accuracy else 7, 4.5, title, theme)
    panels = figure.subplots(1, 2 if history.accuracy else 1, squeeze=False)[0]
    losses = _curves(history.loss, history.validation_loss, theme)
    _draw_panel(panels[0], "loss", losses, theme)
    _set_loss_axis(panels[0], losses)
    if history.accuracy:
        shares = _curves(history.accuracy, history.validation_accuracy, theme)
        _draw_panel(panels[1], "accuracy", shares, theme)
        panels[1].yaxis.set_major_formatter(_ticker().PercentFormatter(1.0))
    freeze_layout(figure)
    for axes in panels:
        label_ends(axes, theme)
    return figure


def _ticker() -> Any:
    return needed("matplotlib.ticker", "a plot")


def _curves(training: list[float], held_out: list[float], theme: Theme) -> list[Curve]:
    curves = [(training, "training", theme.blue), (held_out, "held out", theme.orange)]
    return [curve for curve in curves if curve[0]]


def _draw_panel(axes: Any, name: str, curves: Sequence[Curve], theme: Theme) -> None:
    for numbers, label, color in curves:
        axes.plot(
            range(1, len(numbers) + 1), numbers, label=label, color=color, linewidth=2,
            linestyle="-" if label == "training" else "--",
            marker="o" if len(numbers) == 1 else None,
        )  # fmt: skip
    set_axes(axes, f"{name.capitalize()} per epoch", "epoch", name, theme)
    epochs = len(curves[0][0])
    room = 0.4 if len(axes.figure.axes) > 1 else 0.27  # for the names, which stand on the right
    axes.set_xlim(1 - 0.03 * epochs, (1.0 + room) * epochs)
    ticks = _ticker().MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    axes.set_xticks([tick for tick in ticks.tick_values(1, epochs) if 1 <= tick <= epochs])
    axes.spines["bottom"].set_bounds(1, epochs)


def _set_loss_axis(axes: Any, curves: Sequence[Curve]) -> None:
    """Show a loss that falls over several powers of ten on a logarithmic axis."""
    losses = [loss for numbers, _, _ in curves for loss in numbers if math.isfinite(loss)]
    positive = [loss for loss in losses if loss > 0.0]
    if positive and max(positive) > 300.0 * min(positive):
        axes.set_yscale("log")
    elif losses:
        axes.set_ylim(bottom=min(0.0, *losses))
