"""Truncated backpropagation through time: what it hides from the gradient, measured and drawn."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import dot
from autograd.optional import needed
from autograd.plotting import LIGHT, freeze_layout, label_ends, new_figure, set_axes
from nn.data import Batch
from nn.passes import forward
from nn.training import Loss


@dataclass(frozen=True)
class Bias:
    """How a truncated gradient differs from the full one.

    Attributes:
        steps: after how many steps the state is detached.
        error: the length of the difference, as a share of the full gradient's.
        cosine: of the angle between the two: 1 if they point in the same direction.

    >>> Bias.between([3.0, 0.0], [3.0, 4.0], steps=2)
    Bias(steps=2, error=0.8, cosine=0.6)
    """

    steps: int
    error: float
    cosine: float

    @staticmethod
    def between(truncated: Sequence[float], full: Sequence[float], steps: int) -> "Bias":
        """Compare two gradients."""
        length = math.hypot(*full)
        return Bias(
            steps,
            error=math.dist(truncated, full) / length,
            cosine=dot(truncated, full) / (math.hypot(*truncated) * length),
        )


def truncation_biases(model: Any, batch: Batch, loss: Loss, steps: Iterable[int]) -> list[Bias]:
    """Measure how far truncated gradients of a batch are from the full one.

    They are compared where truncation can make a difference: below the head, which is what comes
    after the recurrent network, and whose gradient is the full one in any case.

    Args:
        model: its `lstm` is truncated, and its `head` left out.
        batch: rows and targets.
        loss: as for `nn.fit`.
        steps: after how many steps to detach the state: a measurement for each.

    Raises:
        ValueError: if a number of steps is not positive.
    """
    above = set(model.head.parameters())
    below = [parameter for parameter in model.parameters() if parameter not in above]

    def gradient(truncate: int | None) -> list[float]:
        model.lstm.truncate = truncate
        model.zero_grad()
        _, found = forward(model, batch, loss, batched=False)
        found.backward()
        return [parameter.grad for parameter in below]

    before = model.lstm.truncate
    try:
        full = gradient(None)
        return [Bias.between(gradient(count), full, count) for count in steps]
    finally:
        model.lstm.truncate = before
        model.zero_grad()


def doublings(end: int) -> list[int]:
    """Return 1, 2, 4 and so on, below an end.

    >>> doublings(16), doublings(17)
    ([1, 2, 4, 8], [1, 2, 4, 8, 16])
    """
    return [2**power for power in range((end - 1).bit_length())]


def draw_biases(measured: Mapping[str, Sequence[Bias]], chosen: int) -> Any:
    """Return a figure of how the bias falls with the number of steps.

    Args:
        measured: biases for the same numbers of steps, by what they were measured of.
        chosen: after how many steps the state was detached in training; it is marked if it is
            among them.

    >>> biases = [Bias(1, 0.5, 0.9), Bias(2, 0.25, 0.95)]
    >>> draw_biases({"untrained": biases}, chosen=2).get_suptitle()
    'What truncation hides from the gradient'
    """
    figure = new_figure(11, 4.8, "What truncation hides from the gradient")
    error, cosine = figure.subplots(1, 2)
    x = "letters back, at most"
    set_axes(error, "Its error, as a share of the full gradient", x, "")
    set_axes(cosine, "The cosine of the angle between the two", x, "")
    percent = needed("matplotlib.ticker", "a plot").PercentFormatter(1.0, decimals=0)
    error.yaxis.set_major_formatter(percent)
    for (when, biases), color, style in zip(
        measured.items(), (LIGHT.blue, LIGHT.orange), ("-", "--"), strict=False
    ):
        steps = [bias.steps for bias in biases]
        line = {"label": when, "color": color, "linestyle": style, "linewidth": 2, "marker": "o"}
        error.plot(steps, [bias.error for bias in biases], **line)
        cosine.plot(steps, [bias.cosine for bias in biases], **line)
    error.set_ylim(bottom=0.0)
    for axes in (error, cosine):
        axes.set_xscale("log", base=2)
        axes.set_xticks(steps, [f"{k}\nas trained" if k == chosen else f"{k}" for k in steps])
        axes.set_xlim(0.9, steps[-1] * 4.0)
        axes.grid(visible=False, axis="x")
        axes.spines["bottom"].set_bounds(0.9, steps[-1])
    freeze_layout(figure)
    for axes in (error, cosine):
        label_ends(axes)
        if chosen in steps:
            axes.axvline(chosen, color=LIGHT.ink, linestyle=":", zorder=0)
    return figure
