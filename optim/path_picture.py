"""Draws paths on a surface: seen from above, and their height step by step."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from autograd import Value, no_grad
from autograd.optional import needed
from optim.path_labels import label_ends, label_paths
from optim.paths import RUNNERS, Point, Surface

_INK, _FAINT, _GOLD = "#333333", "#dddddd", "#f0e442"
_LOW, _HIGH = "#ffffff", "#aebdcc"
_FLOOR, _FLOOR_TEXT = 1e-9, "1e-9"
_TITLE = {"color": _INK, "loc": "left", "fontweight": "bold", "fontsize": 13}


def picture(surface: Surface, paths: Mapping[str, Sequence[Point]]) -> Any:
    """Return a matplotlib figure of paths on a surface.

    A path that leaves for infinity is drawn until it is far out of sight.

    Args:
        surface: where they are.
        paths: the points of each, by the names in `optim.paths.RUNNERS`.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    figure = needed("matplotlib.figure", "a plot").Figure(
        figsize=(14, 7.4), dpi=150, layout="constrained", facecolor="white"
    )
    above, beside = figure.subplots(1, 2, width_ratios=(3, 2))
    steps = max(map(len, paths.values())) - 1
    paths = {name: _in_reach(surface, path) for name, path in paths.items()}
    _draw_from_above(above, surface, paths)
    above.set_title(
        f"{surface.name}'s function: the paths of {len(paths)} optimizers in {steps} steps",
        **_TITLE,
    )
    _draw_heights(beside, surface, paths, steps)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what is placed from here on is placed for good
    colors = {name: RUNNERS[name].look.color for name in paths}
    landmarks = [surface.start] if surface.minimum is None else [surface.start, surface.minimum]
    label_paths(above, paths, colors, landmarks)
    label_ends(beside)
    return figure


def _in_reach(surface: Surface, path: Sequence[Point]) -> list[Point]:
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


def _draw_from_above(axes: Any, surface: Surface, paths: Mapping[str, Sequence[Point]]) -> None:
    _draw_contours(axes, surface)
    for name, path in paths.items():
        axes.plot(*zip(*path, strict=True), markevery=(0.03, 0.09), label=name, **_line(name))
    _mark(axes, "start", surface.start, marker="o", color="white", markersize=13)
    if surface.minimum is not None:
        _mark(axes, "minimum", surface.minimum, marker="*", color=_GOLD, markersize=22)
    axes.set(xlim=surface.x, ylim=surface.y, xlabel="x", ylabel="y")
    _style(axes)


def _draw_contours(axes: Any, surface: Surface) -> None:
    """Draw lines of equal height, close together where the surface is low."""
    numpy = needed("numpy", "a plot")
    colors = needed("matplotlib.colors", "a plot")
    xs, ys = numpy.linspace(*surface.x, 120), numpy.linspace(*surface.y, 120)
    heights = numpy.array([[_height(surface, (x, y)) for x in xs] for y in ys])
    above_lowest = heights - numpy.nanmin(heights)
    logs = numpy.log10(above_lowest + 1e-3 * numpy.nanmedian(above_lowest) + _FLOOR)
    palette = colors.LinearSegmentedColormap.from_list("heights", [_LOW, _HIGH])
    axes.contourf(xs, ys, logs, levels=16, cmap=palette)
    axes.contour(xs, ys, logs, levels=16, colors="white", linewidths=0.8, linestyles="solid")


def _draw_heights(
    axes: Any, surface: Surface, paths: Mapping[str, Sequence[Point]], steps: int
) -> None:
    heights = {name: [_height(surface, point) for point in path] for name, path in paths.items()}
    if surface.minimum is None:
        base, lowest = "the lowest point found", min(map(min, heights.values()))
    else:
        base, lowest = "the minimum", _height(surface, surface.minimum)
    for name, heights_of_path in heights.items():
        shown = [max(height - lowest, _FLOOR) for height in heights_of_path]
        axes.plot(shown, markevery=(0.05, 0.14), label=name, **_line(name))
    axes.set_title(f"Height above {base}, down to {_FLOOR_TEXT}", **_TITLE)
    axes.set_yscale("log")
    axes.set_ylim(bottom=_FLOOR)
    axes.set_xlim(0, 1.35 * steps)  # the names stand on the right
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= steps])
    axes.spines["bottom"].set_bounds(0, steps)
    axes.set_xlabel("step")
    axes.grid(axis="y", color=_FAINT, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    _style(axes)


def _mark(axes: Any, text: str, point: Point, **look: Any) -> None:
    axes.plot(*point, markeredgecolor=_INK, markeredgewidth=2, zorder=5, **look)
    axes.annotate(
        text, point, (0, -17), textcoords="offset points", ha="center", va="top", color=_INK,
        fontsize=11, fontstyle="italic", zorder=6,
    )  # fmt: skip


def _line(name: str) -> dict[str, Any]:
    look = RUNNERS[name].look
    return {
        "color": look.color,
        "linestyle": look.dashes,
        "linewidth": 1.8,
        "marker": look.mark,
        "markersize": 6.0,
        "markeredgecolor": "white",
        "markeredgewidth": 0.8,
    }


def _style(axes: Any) -> None:
    axes.tick_params(which="both", colors=_INK)
    for spine in axes.spines.values():
        spine.set_color(_INK)
    axes.set_axisbelow(True)
