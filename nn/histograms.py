"""Histograms over time: how the weights and gradients of each layer spread, epoch by epoch."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from autograd.optional import needed
from autograd.plotting import LIGHT, Theme, new_figure, set_axes
from nn.history import Snapshot

BINS = 40
_TALL, _LOW = 1.7, 1.1  # heights of a panel, in inches: of a few, and of many


def draw_histograms(snapshots: Sequence[Snapshot], title: str, theme: Theme = LIGHT) -> Any:
    """Return a figure of histograms: a row per layer, weights on the left, gradients on the right.

    Args:
        snapshots: what was recorded.
        title: what stands above.
        theme: its colours.

    Raises:
        ValueError: if nothing was recorded.
        ImportError: if matplotlib is not installed.

    >>> draw_histograms([], "Nothing")
    Traceback (most recent call last):
        ...
    ValueError: no weights and gradients were recorded: give fit record_every=1
    """
    after_steps = [snapshot for snapshot in snapshots if snapshot.gradients]
    if not after_steps:
        raise ValueError("no weights and gradients were recorded: give fit record_every=1")
    layers = list(snapshots[0].weights)
    figure = new_figure(10, 1.3 + (_TALL if len(layers) < 4 else _LOW) * len(layers), title, theme)
    panels = figure.subplots(len(layers), 2, squeeze=False, sharex=True)
    epochs = [snapshot.epoch for snapshot in snapshots]
    stepped = [snapshot.epoch for snapshot in after_steps]
    size_axis = _SizeAxis(after_steps)
    for (left, right), name in zip(panels, layers, strict=True):
        weights = [list(snapshot.weights[name]) for snapshot in snapshots]
        sizes = [size_axis.heights(snapshot.gradients[name]) for snapshot in after_steps]
        _set_panel(left, name, theme)
        _set_panel(right, "", theme)
        _draw_panel(left, epochs, weights, _bins(weights), theme.blue, theme)
        _draw_medians(left, epochs, weights, theme)
        _draw_panel(right, stepped, sizes, size_axis.bins, theme.orange, theme)
        not_zero = [[size for size in column if size > size_axis.zero] for column in sizes]
        _draw_medians(right, stepped, not_zero, theme)
        left.locator_params(axis="y", nbins=4)
        size_axis.label(right)
    panels[0][0].set_title("Weights", color=theme.ink, loc="left")
    panels[0][1].set_title("Size of the gradients", color=theme.ink, loc="left")
    integers = needed("matplotlib.ticker", "a plot").MaxNLocator(integer=True, min_n_ticks=1)
    for axes in panels[-1]:
        axes.set_xlabel("epoch", color=theme.ink)
        axes.xaxis.set_major_locator(integers)
    return figure


class _SizeAxis:
    """The powers of ten of all gradients, on one scale, with a place for 0 below."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        sizes = [
            abs(gradient)
            for snapshot in snapshots
            for gradients in snapshot.gradients.values()
            for gradient in gradients
        ]
        powers = [math.log10(size) for size in sizes if 0.0 < size < math.inf] or [0.0]
        low, high = min(powers), max(powers)
        margin = max(0.05 * (high - low), 0.5 * (1.0 - (high - low)))
        self.low, self.high = low - margin, high + margin
        self.step = (self.high - self.low) / BINS
        self.zero = self.low - 2.5 * self.step
        self.has_zeros = 0.0 in sizes
        self.bins = [self.low + self.step * k for k in range(BINS + 1)]
        if self.has_zeros:
            self.bins = [self.zero - self.step, self.zero + self.step, *self.bins]

    def heights(self, gradients: Sequence[float]) -> list[float]:
        """Return where gradients are on the axis."""
        sizes = [abs(gradient) for gradient in gradients if math.isfinite(gradient)]
        return [math.log10(size) if size else self.zero for size in sizes]

    def label(self, axes: Any) -> None:
        """Write powers of ten beside an axis, and 0."""
        first, last = math.ceil(self.low), math.floor(self.high)
        stride = max(1, math.ceil((last - first + 1) / 4))
        powers = list(range(last, first - 1, -stride))
        ticks = [(float(power), f"1e{power}" if power else "1") for power in powers]
        if self.has_zeros:
            ticks = [(at, text) for at, text in ticks if at - self.zero > 5.0 * self.step]
            ticks.append((self.zero, "0"))
        axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
        axes.set_ylim(self.bins[0], self.bins[-1])


def _bins(columns: Sequence[Sequence[float]]) -> list[float]:
    numbers = [number for column in columns for number in column if math.isfinite(number)]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    step = (high - low + 2.0 * margin) / BINS
    return [low - margin + step * k for k in range(BINS + 1)]


def _set_panel(axes: Any, name: str, theme: Theme) -> None:
    set_axes(axes, "", "", name, theme, grid=False)
    axes.yaxis.label.set_fontweight("bold")


def _draw_panel(
    axes: Any,
    epochs: Sequence[int],
    columns: Sequence[Sequence[float]],
    bins: Sequence[float],
    color: str,
    theme: Theme,
) -> None:
    """Draw a histogram per column, as shades."""
    numpy = needed("numpy", "a plot")
    counts = numpy.array([numpy.histogram(column, bins)[0] for column in columns], dtype=float)
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    palette = needed("matplotlib.colors", "a plot").LinearSegmentedColormap.from_list(
        "shares", [_between(theme.ground, color, 0.25), color]
    )
    strength = (shares / max(shares.max(), 1e-300)) ** 0.5
    axes.pcolormesh(
        _edges(epochs), bins, numpy.ma.masked_equal(strength, 0.0).T,
        cmap=palette, vmin=0.0, vmax=1.0, linewidth=0, rasterized=True,
    )  # fmt: skip


def _draw_medians(
    axes: Any, epochs: Sequence[int], columns: Sequence[Sequence[float]], theme: Theme
) -> None:
    """Draw a line through the medians of the columns, with a gap where there is none."""
    medians = [statistics.median(column) if column else math.nan for column in columns]
    axes.plot(
        epochs, medians, color=theme.ink, linewidth=1.3, marker="." if len(epochs) == 1 else ""
    )


def _edges(epochs: Sequence[int]) -> list[float]:
    """Return where the columns of epochs begin and end: halfway between them."""
    middles = [(a + b) / 2.0 for a, b in pairwise(epochs)]
    first = middles[0] - epochs[0] if middles else 0.5
    last = epochs[-1] - middles[-1] if middles else 0.5
    return [epochs[0] - first, *middles, epochs[-1] + last]


def _between(ground: str, color: str, share: float) -> Any:
    rgb = needed("matplotlib.colors", "a plot").to_rgb
    return [a + share * (b - a) for a, b in zip(rgb(ground), rgb(color), strict=True)]
