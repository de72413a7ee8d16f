"""Finds places for the names of paths in a picture, so that none hides another."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograd.optional import needed
from autograd.plotting import LABEL_SIZE, LIGHT, Theme, write_beside


def label_paths(
    axes: Any,
    paths: Mapping[str, Sequence[tuple[float, float]]],
    colors: Mapping[str, str],
    landmarks: Sequence[tuple[float, float]],
    theme: Theme = LIGHT,
) -> list[Any]:
    """Write each path's name where the path is by itself and there is room for the text.

    Args:
        axes: matplotlib's, in its final layout.
        paths: the points of each, by name.
        colors: the color of each.
        landmarks: points to keep away from, with a word below each; the first is where all
            paths begin.
        theme: its colours.

    Returns:
        The texts.
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
    written = []
    for name, route in routes.items():
        half_width = 0.32 * LABEL_SIZE * point * len(name)
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
            written.append(write_beside(axes, name, colors[name], anchor, middle, theme))
    return written


def _places(axes: Any, anchor: Any, half_width: float) -> Iterator[Any]:
    """Yield where the middle of a text may be: round about its anchor, and within the axes."""
    point = _pixels_per_point(axes)
    frame = axes.get_window_extent()
    for k in range(12):
        angle = math.pi * k / 6.0
        x = anchor[0] + (half_width + 16.0 * point) * math.cos(angle)
        y = anchor[1] + 26.0 * point * math.sin(angle)
        fits_across = frame.x0 + half_width + 6.0 * point < x < frame.x1 - half_width - 6.0 * point
        if fits_across and frame.y0 + LABEL_SIZE * point < y < frame.y1 - LABEL_SIZE * point:
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


def _pixels_per_point(axes: Any) -> float:
    return float(axes.figure.dpi) / 72.0
