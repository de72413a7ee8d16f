"""Pictures of two domains: the boundaries between the classes, and where the features lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd.optional import needed
from autograd.plotting import LIGHT, new_figure, set_axes
from nn.boundary import MARKERS, draw_points, draw_regions

Points = list[list[float]]

SOURCE_SIZE, TARGET_SIZE = 20.0, 26.0
_MARGIN = 0.3


@dataclass(frozen=True)
class Domains:
    """Points of two domains, with their true classes.

    Attributes:
        source: the points of the domain that has labels.
        source_classes: their classes.
        target: the points of the domain that has none.
        target_classes: the classes that they have in truth.
        names: what the classes are called.
    """

    source: Points
    source_classes: list[int]
    target: Points
    target_classes: list[int]
    names: Sequence[str]


def draw_boundaries(
    shares: Mapping[str, Callable[[Any], list[list[float]]]], domains: Domains
) -> Any:
    """Return a figure of the regions that networks see, side by side.

    Args:
        shares: how likely each class is at given points, by the title to give it.
        domains: the points to draw: outlines for the source, filled for the target.

    >>> domains = Domains([[0.0, 0.0]], [0], [[1.0, 1.0]], [1], ["low", "high"])
    >>> even = lambda points: [[0.5, 0.5]] * len(points)
    >>> [axes.get_title(loc="left") for axes in draw_boundaries({"Even": even}, domains).axes]
    ['Even']
    """
    figure, panels = _side_by_side("Where one class ends and the other begins", shares)
    across, up = map(_span, zip(*domains.source, *domains.target, strict=True))
    for axes, (title, of_classes) in zip(panels, shares.items(), strict=True):
        set_axes(axes, title, "x1", "x2", grid=False)
        draw_regions(axes, of_classes, across, up)
        _draw_domains(axes, domains.source, domains.target, domains)
    return _explained(figure, domains)


def draw_features(features: Mapping[str, Callable[[Points], Any]], domains: Domains) -> Any:
    """Return a figure of the features of all points, on the plane on which they differ most.

    Args:
        features: the features of given points, an array with a row for each, by the title.
        domains: the points, drawn likewise.

    >>> domains = Domains([[0.0, 0.0], [2.0, 1.0]], [0, 1], [[1.0, 1.0]], [1], ["low", "high"])
    >>> [axes] = draw_features({"The points": lambda points: points}, domains).axes
    >>> axes.get_xlabel()
    'first direction (95%)'
    """
    numpy = needed("numpy", "a plot")
    figure, panels = _side_by_side("Where the features of the points lie", features)
    for axes, (title, of_points) in zip(panels, features.items(), strict=True):
        vectors = numpy.array(of_points(domains.source + domains.target))
        centered = vectors - vectors.mean(axis=0)
        _, lengths, directions = numpy.linalg.svd(centered, full_matrices=False)
        first, second = lengths[:2] ** 2 / (lengths**2).sum()
        set_axes(axes, title, f"first direction ({first:.0%})", f"second direction ({second:.0%})")
        points = (centered @ directions[:2].T).tolist()
        _draw_domains(axes, points[: len(domains.source)], points[len(domains.source) :], domains)
    return _explained(figure, domains)


def _side_by_side(title: str, shown: Mapping[str, Any]) -> tuple[Any, Any]:
    figure = new_figure(6.2 * len(shown), 5.5, title)
    return figure, figure.subplots(1, len(shown), squeeze=False)[0]


def _draw_domains(axes: Any, source: Points, target: Points, domains: Domains) -> None:
    for k in range(len(domains.names)):
        outlined = _of_class(k, source, domains.source_classes)
        axes.scatter(
            [a for a, _ in outlined], [b for _, b in outlined], s=SOURCE_SIZE, marker=MARKERS[k],
            facecolors="none", edgecolors=LIGHT.hues[k], linewidths=1.0, zorder=2,
        )  # fmt: skip
        filled = _of_class(k, target, domains.target_classes)
        draw_points(axes, filled, k, size=TARGET_SIZE, edge=LIGHT.ground)


def _of_class(k: int, points: Points, classes: Sequence[int]) -> Points:
    return [point for point, number in zip(points, classes, strict=True) if number == k]


def _explained(figure: Any, domains: Domains) -> Any:
    """Write below the axes what the marks mean, and return the figure."""
    line = needed("matplotlib.lines", "a plot").Line2D
    marks = [
        line(
            [], [], linestyle="", marker=MARKERS[k], markersize=7, color=LIGHT.hues[k],
            fillstyle=fill, label=f"{name}, {domain}",
        )
        for k, name in enumerate(domains.names)
        for domain, fill in (("source, labelled", "none"), ("target, its label not used", "full"))
    ]  # fmt: skip
    figure.legend(
        handles=marks, loc="outside lower center", ncols=2, frameon=False, labelcolor=LIGHT.ink
    )
    return figure


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    return min(numbers) - _MARGIN, max(numbers) + _MARGIN
