"""Finds places for the names of paths in a picture, so that none hides another."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograd.optional import needed

_SIZE = 11.0  # of the names, in points


def label_ends(axes: Any) -> None:
    """Write each line's label beside its end, moved up or down where two would overlap.

    Args:
        axes: matplotlib's, with lines whose ends have room to the right of them.
    """
    step = 1.3 * _SIZE * _pixels_per_point(axes)
    ends = [(axes.transData.transform(line.get_xydata()[-1]), line) for line in axes.lines]
    ends.sort(key=lambda end: float(end[0][1]))
    heights = spread([float(at[1]) for at, _ in ends], step)
    for (at, line), height in zip(ends, heights, strict=True):
        _write(axes, line.get_label(), line.get_color(), at, (at[0] + 1.6 * step, height), "left")


def spread(heights: Sequence[float], step: float) -> list[float]:
    """Return rising heights moved apart to at least a step, about where they were.

    >>> spread([0.0, 1.0, 5.0], 2.0)
    [-0.5, 1.5, 5.0]
    """
    groups: list[tuple[float, int]] = []  # of texts that touch: the middle, and how many
    for height in heights:
        middle, count = height, 1
        while groups and middle - groups[-1][0] < step * (count + groups[-1][1]) / 2.0:
            other, more = groups.pop()
            middle = (middle * count + other * more) / (count + more)
            count += more
        groups.append((middle, count))
    return [
        middle + step * (k - (count - 1) / 2.0) for middle, count in groups for k in range(count)
    ]


def label_paths(
    axes: Any,
    paths: Mapping[str, Sequence[tuple[float, float]]],
    colors: Mapping[str, str],
    landmarks: Sequence[tuple[float, float]],
) -> None:
    """Write each path's name where the path is by itself and there is room for the text.

    Args:
        axes: matplotlib's, in its final layout.
        paths: the points of each, by name.
        colors: the color of each.
        landmarks: points to keep away from, with a word below each; the first is where all
            paths begin.
    """
    numpy = needed("numpy", "a plot")
    point = _pixels_per_point(axes)
    routes = {
        name: _resampled(axes.transData.transform(path), 10.0 * point)
        for name, path in paths.items()
    }
    marks = axes.transData.transform(landmarks)
    taken = [
        _text_at(mark - [0.0, below * point], 30.0 * point)
        for mark in marks
        for below in (0.0, 12.0, 24.0)
    ]
    for name, route in routes.items():
        half_width = 0.32 * _SIZE * point * len(name)
        others = numpy.concatenate([r for other, r in routes.items() if other != name] + taken)
        everything = numpy.concatenate([others, route])
        best: tuple[float, Any, Any] = (-1.0, None, None)
        for anchor in route[:: max(1, len(route) // 30)]:
            if _distance(anchor[None], marks[:1]) > 25.0 * point:
                apart = _distance(anchor[None], others)
                for middle in _places(axes, anchor, half_width):
                    room = _distance(_text_at(middle, half_width), everything)
                    worth = 2.0 * min(room, 20.0 * point) + min(apart, 20.0 * point)
                    if worth > best[0]:
                        best = (worth, anchor, middle)
        _, anchor, middle = best
        if middle is not None:
            taken.append(_text_at(middle, half_width))
            _write(axes, name, colors[name], anchor, middle, "center")


def _places(axes: Any, anchor: Any, half_width: float) -> Iterator[Any]:
    """Yield where the middle of a text may be: round about its anchor, and within the axes."""
    point = _pixels_per_point(axes)
    frame = axes.get_window_extent()
    for k in range(12):
        angle = math.pi * k / 6.0
        x = anchor[0] + (half_width + 16.0 * point) * math.cos(angle)
        y = anchor[1] + 26.0 * point * math.sin(angle)
        fits_across = frame.x0 + half_width + 6.0 * point < x < frame.x1 - half_width - 6.0 * point
        if fits_across and frame.y0 + _SIZE * point < y < frame.y1 - _SIZE * point:
            yield needed("numpy", "a plot").array([x, y])


def _text_at(middle: Any, half_width: float) -> Any:
    """Return points all along a text."""
    numpy = needed("numpy", "a plot")
    return middle + numpy.array([(half_width * k / 3.0, 0.0) for k in range(-3, 4)])


def _distance(points: Any, others: Any) -> float:
    """Return how far the nearest of some points is from the nearest of others."""
    numpy = needed("numpy", "a plot")
    return float(numpy.hypot(*(points[:, None] - others[None]).T).min())


def _resampled(route: Any, spacing: float) -> Any:
    """Return points at equal distances along a route."""
    numpy = needed("numpy", "a plot")
    walked = numpy.concatenate([[0.0], numpy.hypot(*numpy.diff(route, axis=0).T).cumsum()])
    at = numpy.linspace(0.0, walked[-1], min(400, 2 + int(walked[-1] / spacing)))
    return numpy.stack([numpy.interp(at, walked, route[:, k]) for k in (0, 1)], axis=1)


def _write(axes: Any, name: str, color: str, anchor: Any, at: Any, side: str) -> None:
    effects = needed("matplotlib.patheffects", "a plot")
    note = axes.annotate(
        name, anchor, at, xycoords="figure pixels", annotation_clip=False, ha=side, va="center",
        color=color, fontsize=_SIZE, fontweight="bold", zorder=6,
        arrowprops={"arrowstyle": "-", "color": color, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    note.set_path_effects([effects.withStroke(linewidth=3, foreground="white")])


def _pixels_per_point(axes: Any) -> float:
    return float(axes.figure.dpi) / 72.0
