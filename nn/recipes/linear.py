"""Linear regression: one neuron finds the line that noisy points were made from."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from autograd.plotting import LIGHT, as_png, new_figure, set_axes
from nn import losses
from nn.neuron import Neuron
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.training import Loss

SLOPE, INTERCEPT = 1.0, 2.0
POINTS, REACH, NOISE = 100, 3.0, 0.3


class Linear(Recipe):
    """Find w and b in y = w x + b from points of y = x + 2 and noise.

    >>> result = Linear().train(progress=False)
    >>> print(f"{result.model.w[0].data:.1f} {result.model.b.data:.1f}")
    1.0 2.0
    """

    name = "linear"
    summary = "a line through noisy points of y = x + 2"
    defaults = Settings(optimizer="SGD", lr=0.01, schedule="cosine", batch_size=10, epochs=100)
    adams_rate = 0.03

    def data(self, seed: int) -> Data:
        """Return 100 points, x evenly from -3 to 3, the noise normal with deviation 0.3."""
        rng = Random(seed)
        xs = [rng.uniform(-REACH, REACH) for _ in range(POINTS)]
        ys = [SLOPE * x + INTERCEPT + rng.gauss(0.0, NOISE) for x in xs]
        return Data(training=([[x] for x in xs], ys), inputs=["x"])

    def model(self, seed: int) -> Neuron:
        """Return a neuron without an activation: w x + b."""
        return Neuron(1, activation=None, seed=seed)

    @property
    def loss(self) -> Loss:
        """The mean squared error."""
        return losses.mse

    def findings(self, result: Result) -> str:
        """Compare the line with the one the points were made from, and with least squares."""
        xs, ys = _points(result.data)
        return (
            f"found {_line(*_fitted(result.model))}\n"
            f"the points were made from y = x + 2 and noise; "
            f"least squares gives {_line(*least_squares(xs, ys))}"
        )

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the points with the line, and the loss."""
        title = f"Linear regression: {_line(*_fitted(result.model))}"
        return {
            "linear-fit.png": _draw_fit(result, title),
            "linear-training.png": result.history.plot(title=title).png,
        }


def least_squares(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return the slope and the intercept of the line with the least mean squared error.

    >>> least_squares([0.0, 1.0, 2.0], [2.0, 3.0, 4.0])
    (1.0, 2.0)
    """
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread
    return slope, y_mean - slope * x_mean


def _points(data: Data) -> tuple[list[float], list[float]]:
    rows, ys = data.training
    return [x for (x,) in rows], ys


def _fitted(model: Neuron) -> tuple[float, float]:
    return model.w[0].data, model.b.data


def _line(slope: float, intercept: float) -> str:
    sign = "−" if intercept < 0.0 else "+"
    return f"y = {slope:.3f} x {sign} {abs(intercept):.3f}"


def _draw_fit(result: Result, title: str) -> bytes:
    figure = new_figure(8, 5.5, title)
    axes = figure.subplots()
    epochs = len(result.history.loss)
    set_axes(axes, f"{POINTS} points, and the line found after {epochs} epochs", "x", "y")
    axes.scatter(*_points(result.data), s=22, color=LIGHT.blue, alpha=0.6, linewidths=0)
    _draw_line(axes, *_fitted(result.model), color=LIGHT.orange, linewidth=2.5)
    _draw_line(axes, SLOPE, INTERCEPT, color=LIGHT.ink, linewidth=1.2, linestyle="--")
    for height, label, color in (
        (0.95, f"found: {_line(*_fitted(result.model))}", LIGHT.orange),
        (0.89, "made from (dashed): y = x + 2", LIGHT.ink),
    ):
        axes.text(
            0.03, height, label, color=color, fontweight="bold", transform=axes.transAxes, va="top"
        )
    return as_png(figure)


def _draw_line(axes: Any, slope: float, intercept: float, **style: Any) -> None:
    xs = [-REACH - 0.1, REACH + 0.1]
    axes.plot(xs, [slope * x + intercept for x in xs], **style)
