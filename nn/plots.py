"""Plots of training."""

import io
from typing import Any

from nn.optional import needed
from nn.training import History

_INK, _FAINT = "#333333", "#dddddd"
_TRAINING, _HELD_OUT = "#0072b2", "#d55e00"  # Okabe and Ito's colours, for all eyes


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
    figure = needed("matplotlib.figure", "a plot").Figure(
        figsize=(10, 4.5), layout="constrained", facecolor="white"
    )
    figure.suptitle(title, color=_INK, fontsize=14, fontweight="bold")
    panels = figure.subplots(1, 2 if history.accuracy else 1, squeeze=False)[0]
    _draw_panel(panels[0], "loss", history.loss, history.validation_loss)
    panels[0].set_ylim(bottom=0.0)
    if history.accuracy:
        _draw_panel(panels[1], "accuracy", history.accuracy, history.validation_accuracy)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()


def _draw_panel(axes: Any, name: str, training: list[float], held_out: list[float]) -> None:
    for numbers, label, color in (
        (training, "training", _TRAINING),
        (held_out, "held out", _HELD_OUT),
    ):
        if numbers:
            axes.plot(range(1, len(numbers) + 1), numbers, color=color, linewidth=2, label=label)
    axes.set_title(f"{name.capitalize()} per epoch", color=_INK, loc="left")
    axes.set_xlabel("epoch", color=_INK)
    axes.set_ylabel(name, color=_INK)
    axes.tick_params(colors=_INK)
    axes.grid(color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.legend(frameon=False, labelcolor=_INK)
