"""Where the boxes and arrows of a stepper's graph go: Graphviz decides."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd.drawing.render import render

Point = tuple[float, float]

_POINTS_PER_INCH = 72.0
_ROOM_FOR_A_NUMBER = "× -0.1234"


@dataclass(frozen=True)
class Curve:
    """The way of an edge, which can carry an arrowhead at either end.

    Attributes:
        tail: the tip of the arrow at the parent.
        points: the Bézier curve between the two arrows.
        head: the tip of the arrow at the child.
        label: the middle of what is written at the edge.
    """

    tail: Point
    points: tuple[Point, ...]
    head: Point
    label: Point


@dataclass(frozen=True)
class Layout:
    """The size of a picture, the centres of its boxes and the curves of its edges."""

    width: float
    height: float
    centres: list[Point]
    curves: list[Curve]


def arranged(
    sizes: Sequence[Point],
    edges: Sequence[tuple[int, int]],
    *,
    direction: str = "LR",
    labelled: bool = True,
) -> Layout:
    """Arrange boxes of given sizes so that edges lead from left to right, or from top to bottom.

    Args:
        sizes: the width and height of each box, in points.
        edges: pairs of places in sizes, parent first.
        direction: "LR" or "TB".
        labelled: whether to leave room for a number at each edge.

    Raises:
        RenderingError: if there is no Graphviz.

    >>> layout = arranged([(60, 40), (80, 40)], [(0, 1)])
    >>> layout.centres[0][0] < layout.centres[1][0]
    True
    """
    found = json.loads(render(_dot(sizes, edges, direction, labelled), "json0"))
    height = float(found["bb"].split(",")[3])
    width = float(found["bb"].split(",")[2])
    boxes = {box["name"]: _flipped(box["pos"], height) for box in found["objects"]}
    curves = {edge["id"]: _curve(edge, height) for edge in found.get("edges", [])}
    return Layout(
        width,
        height,
        [boxes[f"n{place}"] for place in range(len(sizes))],
        [curves[f"e{place}"] for place in range(len(edges))],
    )


def _dot(
    sizes: Sequence[Point], edges: Sequence[tuple[int, int]], direction: str, labelled: bool
) -> str:
    boxes = [
        f"n{place} [width={width / _POINTS_PER_INCH:.3f} height={height / _POINTS_PER_INCH:.3f}];"
        for place, (width, height) in enumerate(sizes)
    ]
    label = f'label="{_ROOM_FOR_A_NUMBER}"' if labelled else ""
    arrows = [
        f'n{parent} -> n{child} [id="e{place}" {label}];'
        for place, (parent, child) in enumerate(edges)
    ]
    settings = [
        f"rankdir={direction}; ranksep={0.3 if labelled else 0.5}; nodesep=0.12;",
        "node [shape=box fixedsize=true];",
        "edge [dir=both arrowsize=0.8 fontsize=9];",
    ]
    return "\n".join(["digraph {", *settings, *boxes, *arrows, "}"])


def _curve(edge: dict[str, Any], height: float) -> Curve:
    points, tips = [], {}
    for word in edge["pos"].split():
        if word[0] in "se":
            tips[word[0]] = _flipped(word[2:], height)
        else:
            points.append(_flipped(word, height))
    tail, head = tips.get("s", points[0]), tips.get("e", points[-1])
    label = _flipped(edge["lp"], height) if "lp" in edge else _middle(points)
    return Curve(tail, tuple(points), head, label)


def _flipped(position: str, height: float) -> Point:
    """Read a position; Graphviz counts y from the bottom, SVG from the top."""
    x, y = position.split(",")[:2]
    return float(x), height - float(y)


def _middle(points: Sequence[Point]) -> Point:
    """Return the point half-way along a chain of cubic Bézier curves."""
    pieces = (len(points) - 1) // 3
    start = 3 * (pieces // 2)
    if pieces % 2 == 0:
        return points[start]
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[start : start + 4]
    return (ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8
