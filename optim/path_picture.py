"""Draws paths on a surface: seen from above, and their height step by step."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import Value, no_grad
from autograd.optional import needed
from autograd.plotting import LIGHT, Theme, freeze_layout, label_ends, new_figure, set_axes
from optim.optimizer import require
from optim.path_labels import label_paths
from optim.paths import RUNNERS, Point, Surface

_GOLD = "#f0e442"
_FLOOR, _FLOOR_TEXT = 1e-9, "1e-9"

Path = Sequence[Point]


@dataclass(frozen=True)
class PathPicture:
    """A picture of paths, and where they are in it.

    Attributes:
        figure: matplotlib's.
        above: the axes on which the paths are seen from above.
        beside: those on which their heights are seen.
        paths: the points of each on the surface, by name.
        heights: likewise those on the axes beside: a step, and the height after it.
        names: the texts that stand beside the paths.
        theme: the colours.
    """

    figure: Any
    above: Any
    beside: Any
    paths: dict[str, Path]
    heights: dict[str, Path]
    names: list[Any]
    theme: Theme


def picture(surface: Surface, paths: Mapping[str, Path], theme: Theme = LIGHT) -> PathPicture:
    """Return a picture of paths on a surface.

    A path that leaves for infinity is drawn until it is far out of sight.

    Args:
        surface: where they are.
        paths: the points of each, by the names in `optim.paths.RUNNERS`.
        theme: its colours.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    figure = new_figure(14, 7.4, "", theme)
    above, beside = figure.subplots(1, 2, width_ratios=(3, 2))
    steps = max(map(len, paths.values())) - 1
    require(
        math.isfinite(_height(surface, surface.start)),
        f"{surface.name} is not finite at its start",
        surface.start,
    )
    paths = {name: _in_reach(surface, path) for name, path in paths.items()}
    _set_above(above, surface, _headline(surface, list(paths), steps), theme)
    heights = _set_beside(beside, surface, paths, steps, theme)
    _draw_lines(above, paths, theme, markevery=(0.03, 0.09))
    _draw_lines(beside, heights, theme, markevery=(0.05, 0.14))
    freeze_layout(figure)
    landmarks = [surface.start] if surface.minimum is None else [surface.start, surface.minimum]
    colors = {name: RUNNERS[name].look.color_on(theme) for name in paths}
    names = label_paths(above, paths, colors, landmarks, theme)
    label_ends(beside, theme)
    return PathPicture(figure, above, beside, paths, heights, names, theme)


def _headline(surface: Surface, names: Sequence[str], steps: int) -> str:
    runners = f"{len(names)} optimizers" if len(names) > 1 else names[0]
    return f"{surface.name}: the path{'s' * (len(names) > 1)} of {runners} in {steps} steps"


def _in_reach(surface: Surface, path: Path) -> Path:
    def is_near(point: Point) -> bool:
        return all(
            low - 9.0 * (high - low) < x < high + 9.0 * (high - low)
            for x, (low, high) in zip(point, (surface.x, surface.y), strict=True)
        ) and math.isfinite(_height(surface, point))

    return list(itertools.takewhile(is_near, path))


def _height(surface: Surface, point: Point) -> float:
    """Return the function at a point, in the arithmetic of Values, which never raises."""
    with no_grad():
        return float(surface.function(*map(Value, point)))


def _set_above(axes: Any, surface: Surface, title: str, theme: Theme) -> None:
    set_axes(axes, title, "x", "y", theme, grid=False, weight="bold")
    _draw_contours(axes, surface, theme)
    _mark(axes, "start", surface.start, theme, marker="o", color=theme.ground, markersize=13)
    if surface.minimum is not None:
        _mark(axes, "minimum", surface.minimum, theme, marker="*", color=_GOLD, markersize=22)
    axes.set(xlim=surface.x, ylim=surface.y)


def _draw_contours(axes: Any, surface: Surface, theme: Theme) -> None:
    """Draw lines of equal height, close together where the surface is low."""
    numpy = needed("numpy", "a plot")
    colors = needed("matplotlib.colors", "a plot")
    xs, ys = numpy.linspace(*surface.x, 120), numpy.linspace(*surface.y, 120)
    heights = numpy.array([[_height(surface, (x, y)) for x in xs] for y in ys])
    above_lowest = heights - numpy.nanmin(heights)
    logs = numpy.log10(above_lowest + 1e-3 * numpy.nanmedian(above_lowest) + _FLOOR)
    palette = colors.LinearSegmentedColormap.from_list("heights", [theme.ground, theme.slate])
    axes.contourf(xs, ys, logs, levels=16, cmap=palette)
    axes.contour(xs, ys, logs, levels=16, colors=theme.ground, linewidths=0.8, linestyles="solid")


def _set_beside(
    axes: Any, surface: Surface, paths: Mapping[str, Path], steps: int, theme: Theme
) -> dict[str, Path]:
    """Prepare the axes beside, and return the paths on them."""
    heights = {name: [_height(surface, point) for point in path] for name, path in paths.items()}
    if surface.minimum is None:
        base, lowest = "the lowest point found", min(map(min, heights.values()))
    else:
        base, lowest = "the minimum", _height(surface, surface.minimum)
    shown: dict[str, Path] = {
        name: [(float(step), max(height - lowest, _FLOOR)) for step, height in enumerate(column)]
        for name, column in heights.items()
    }
    reached = [height for path in shown.values() for _, height in path]
    limit = f", down to {_FLOOR_TEXT}" if min(reached) == _FLOOR else ""
    set_axes(axes, f"Height above {base}{limit}", "step", "", theme, weight="bold")
    axes.grid(visible=False, axis="x")
    axes.set_yscale("log")
    axes.set_xlim(0, 1.35 * steps)  # the names stand on the right
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= steps])
    axes.spines["bottom"].set_bounds(0, steps)
    axes.set_ylim(max(_FLOOR, 0.3 * min(reached)), 3.0 * max(reached))
    return shown


def _draw_lines(
    axes: Any, paths: Mapping[str, Path], theme: Theme, markevery: tuple[float, float]
) -> None:
    for name, path in paths.items():
        look = RUNNERS[name].look
        axes.plot(
            *zip(*path, strict=True), label=name, color=look.color_on(theme),
            linestyle=look.dashes, linewidth=1.8, marker=look.mark, markevery=markevery,
            markersize=6.0, markeredgecolor=theme.ground, markeredgewidth=0.8,
        )  # fmt: skip


def _mark(axes: Any, text: str, point: Point, theme: Theme, **look: Any) -> None:
    axes.plot(*point, markeredgecolor=theme.ink, markeredgewidth=2, zorder=5, **look)
    axes.annotate(
        text, point, (0, -17), textcoords="offset points", ha="center", va="top",
        color=theme.ink, fontsize=11, fontstyle="italic", zorder=6,
    )  # fmt: skip
