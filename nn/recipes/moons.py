"""Two interleaved half moons, and the boundary that a network draws between them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import autograd
from autograd.optional import needed
from nn import losses
from nn.neuron import MLP
from nn.plots import BLUE, INK, ORANGE, as_png, new_figure, set_axes, training_curves
from nn.recipes.recipe import Data, Recipe, Result, Settings
from nn.recipes.splitting import held_out_accuracy, predictions, split
from nn.recipes.surfaces import draw_points, draw_surface, halo
from nn.training import Loss

POINTS, NOISE = 300, 0.2


class Moons(Recipe):
    """Tell the points of two half moons apart: a 2-16-2 MLP with ReLU.

    Data: scikit-learn's make_moons, 300 points, normal noise with deviation 0.2.

    >>> rows, targets = Moons().data(seed=0).held_out
    >>> len(rows), sum(targets)
    (75, 37)
    """

    name = "moons"
    summary = "two half moons, with the boundary between them"
    defaults = Settings(lr=0.03, schedule="cosine", batch_size=16, epochs=40)
    classifies = True

    def data(self, seed: int) -> Data:
        """Return 300 points, a quarter of them held out."""
        datasets = needed("sklearn.datasets", "the moons", package="scikit-learn")
        X, y = datasets.make_moons(POINTS, noise=NOISE, random_state=seed)
        X, X_held_out, y, y_held_out = split(X, y, seed)
        return Data(
            training=(X.tolist(), y.tolist()),
            held_out=(X_held_out.tolist(), y_held_out.tolist()),
            inputs=["x1", "x2"],
            classes=["upper moon", "lower moon"],
        )

    def model(self, seed: int) -> MLP:
        """Return a network with 16 hidden neurons."""
        return MLP(2, [16, 2], "relu", seed=seed)

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return losses.cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the accuracy."""
        return held_out_accuracy(result)

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the boundary with the points, and the training."""
        title = f"Moons: {result.accuracy:.1%} of the held-out points are on the right side"
        return {
            "moons-boundary.png": _draw_boundary(result, title),
            "moons-training.png": training_curves(result.history, title),
        }


def _draw_boundary(result: Result, title: str) -> bytes:
    assert result.data.held_out is not None
    targets = result.data.held_out[1]
    wrong = [
        row
        for row, target, said in zip(
            result.data.held_out[0], targets, predictions(result), strict=True
        )
        if said != target
    ]
    figure = new_figure(9, 6.4, title)
    axes = figure.subplots()
    explanation = (
        "Line: both moons are equally likely. Small points: trained on; large: held out;\n"
        f"in a ring: held out, and on the wrong side ({len(wrong)} of {len(targets)})"
    )
    set_axes(axes, explanation, *result.data.inputs, grid=False)

    def of_lower_moon(point: list[float]) -> float:
        upper, lower = result.model(point)
        return float(autograd.sigmoid(lower - upper))

    points = result.data.training[0] + result.data.held_out[0]
    spans = _span(x for x, _ in points), _span(y for _, y in points)
    draw_surface(figure, axes, of_lower_moon, "probability of the lower moon", *spans)
    for target in (0, 1):
        draw_points(axes, _of_class(*result.data.training, target), target, size=24)
        draw_points(axes, _of_class(*result.data.held_out, target), target, size=60, edge=INK)
    axes.scatter(
        [x for x, _ in wrong],
        [y for _, y in wrong],
        s=240,
        facecolors="none",
        edgecolors=INK,
        linewidths=1.8,
        zorder=4,
    )
    for place, label, color, align in (
        ((0.02, 0.97), "● upper moon", BLUE, ("left", "top")),
        ((0.98, 0.03), "▲ lower moon", ORANGE, ("right", "bottom")),
    ):
        axes.text(
            *place,
            label,
            color=color,
            fontweight="bold",
            fontsize=12,
            transform=axes.transAxes,
            ha=align[0],
            va=align[1],
            path_effects=halo(),
        )
    return as_png(figure)


def _of_class(rows: Any, targets: Any, wanted: int) -> Sequence[Sequence[float]]:
    return [row for row, target in zip(rows, targets, strict=True) if target == wanted]


def _span(numbers: Iterable[float]) -> tuple[float, float]:
    known = list(numbers)
    return min(known) - 0.3, max(known) + 0.3
