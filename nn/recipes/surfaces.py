"""A function over the plane as colours, and points of two classes on it."""

from collections.abc import Callable, Sequence
from typing import Any

from autograd import no_grad
from autograd.optional import needed
from nn.plots import BLUE, INK, ORANGE

STEPS = 80
COLORS, MARKERS = (BLUE, ORANGE), ("o", "^")
"""Of the classes 0 and 1."""


def draw_surface(
    figure: Any,
    axes: Any,
    function: Callable[[list[float]], float],
    name: str,
    x: tuple[float, float],
    y: tuple[float, float],
) -> None:
    """Colour the plane by a function from 0, blue, to 1, orange, with a line where it is 1/2.

    Args:
        figure: of matplotlib; it gets a bar that explains the colours.
        axes: the figure's.
        function: of a point; what is beyond 0 and 1 is shown like 0 and 1.
        name: what the function is called.
        x: the part of the first axis to show.
        y: the part of the second axis to show.
    """
    xs, ys = _steps(*x), _steps(*y)
    with no_grad():
        heights = [[min(1.0, max(0.0, function([a, b]))) for a in xs] for b in ys]
    colors = needed("matplotlib.colors", "a plot").LinearSegmentedColormap.from_list(
        "classes", [_tinted(BLUE), "#ffffff", _tinted(ORANGE)]
    )
    shades = axes.contourf(xs, ys, heights, levels=[k / 20 for k in range(21)], cmap=colors)
    if min(map(min, heights)) < 0.5 < max(map(max, heights)):
        axes.contour(xs, ys, heights, levels=[0.5], colors=INK, linewidths=2.5)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_aspect("equal")
    bar = figure.colorbar(shades, ax=axes, ticks=[0.0, 0.5, 1.0], shrink=0.8)
    bar.set_label(name, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)


def draw_points(
    axes: Any,
    points: Sequence[Sequence[float]],
    target: int,
    *,
    size: float,
    edge: str = "white",
) -> None:
    """Draw points of a class, 0 or 1, in its colour and its shape.

    Args:
        axes: of matplotlib.
        points: their two numbers each.
        target: their class.
        size: their area, in square points.
        edge: the colour around them.
    """
    axes.scatter(
        [x for x, _ in points],
        [y for _, y in points],
        s=size,
        marker=MARKERS[target],
        color=COLORS[target],
        edgecolors=edge,
        linewidths=0.1 * size**0.5 + 0.2,
        zorder=3,
    )


def halo() -> list[Any]:
    """Return a white outline for a text, which makes it legible on any ground."""
    return [needed("matplotlib.patheffects", "a plot").withStroke(linewidth=3, foreground="white")]


def _tinted(color: str) -> Any:
    """Return a colour, lighter, for points of the full colour to be seen on it."""
    return [
        1.0 - 0.55 * (1.0 - part) for part in needed("matplotlib.colors", "a plot").to_rgb(color)
    ]


def _steps(low: float, high: float) -> Sequence[float]:
    return [low + (high - low) * k / STEPS for k in range(STEPS + 1)]
