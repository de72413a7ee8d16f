"""Pictures of what a network reads in handwritten digits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd.optional import needed
from autograd.plotting import LIGHT, new_figure, set_axes

SIDE = 8
COLUMNS, MOST_ROWS = 5, 3
SHOWN = 10
"""How many digits stand in a row of those that were looked at."""


@dataclass(frozen=True)
class Looked:
    """A digit, and what a network looked at in it.

    Attributes:
        pixels: how much ink each pixel has.
        slopes: how fast the score of what was read grows with it.
        true: what it is.
        said: what was read.
    """

    pixels: Sequence[float]
    slopes: Sequence[float]
    true: int
    said: int


def as_rows(pixels: Any) -> list[Any]:
    """Return the 64 pixels of a digit as 8 rows.

    >>> as_rows(list(range(64)))[1]
    [8, 9, 10, 11, 12, 13, 14, 15]
    """
    return [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]


def draw_mistakes(
    counts: list[list[int]], mistakes: Sequence[tuple[Sequence[float], int, int]], title: str
) -> Any:
    """Return a figure of how often each digit was read as each, and of digits that were misread.

    Args:
        counts: a row for each digit, a column for each that was read.
        mistakes: the pixels, what they are, and what was read.
        title: what stands above.

    >>> counts = [[0] * 10 for _ in range(10)]
    >>> len(draw_mistakes(counts, [([0.0] * 64, 3, 5)], "One digit").axes)
    6
    """
    figure = new_figure(12, 5.6, title)
    left, right = figure.subfigures(1, 2, width_ratios=[1.0, 1.05])
    _draw_confusion(left.subplots(), counts)
    shown = mistakes[: COLUMNS * MOST_ROWS]
    right.suptitle(
        f"Misread ({len(shown)} of {len(mistakes)}): what it is → what was read",
        color=LIGHT.ink,
        fontsize=12,
    )
    rows = math.ceil(len(shown) / COLUMNS) or 1
    for axes in right.subplots(rows, COLUMNS).flat:
        axes.set_axis_off()
    for axes, (pixels, true, said) in zip(right.axes, shown, strict=False):
        _draw_digit(axes, pixels)
        _write_above(axes, f"{true} → {said}", LIGHT.orange)
    return figure


def draw_saliency(right: Sequence[Looked], wrong: Sequence[Looked]) -> Any:
    """Return a figure of digits, and below each how its score depends on each pixel.

    Args:
        right: digits that were read correctly, at most 10.
        wrong: digits that were misread, likewise.

    >>> looked = Looked([0.0] * 64, [1.0] * 64, true=3, said=5)
    >>> draw_saliency([], [looked]).get_suptitle()
    'What the network looks at'
    """
    figure = new_figure(12, 7.0 if right and wrong else 4.0, "What the network looks at")
    parts = [(looked, heading) for looked, heading in _headed(right, wrong) if looked]
    *panels, foot = figure.subfigures(
        len(parts) + 1, 1, height_ratios=[1.0] * len(parts) + [0.14]
    ).flat
    for panel, (looked, heading) in zip(panels, parts, strict=True):
        panel.suptitle(heading, color=LIGHT.ink, fontsize=12)
        _draw_looked(panel.subplots(2, SHOWN), looked)
    _draw_legend(foot)
    return figure


def _headed(right: Sequence[Looked], wrong: Sequence[Looked]) -> list[tuple[Sequence[Looked], str]]:
    return [
        (right, "Read correctly"),
        (wrong, "Misread: what it is → what was read, and how ink changes the score of that"),
    ]


def _draw_looked(panels: Any, looked: Sequence[Looked]) -> None:
    for axes in panels.flat:
        axes.set_axis_off()
    for (above, below), digit in zip(panels.T, looked, strict=False):
        is_right = digit.true == digit.said
        _draw_digit(above, digit.pixels)
        _write_above(
            above,
            str(digit.true) if is_right else f"{digit.true} → {digit.said}",
            LIGHT.blue if is_right else LIGHT.orange,
        )
        _draw_slopes(below, digit)


def _draw_slopes(axes: Any, digit: Looked) -> None:
    """Colour each pixel by its slope, on a scale of the digit's own, with dots for its ink."""
    steepest = max(map(abs, digit.slopes)) or 1.0
    axes.imshow(as_rows(digit.slopes), cmap=_colours(), vmin=-steepest, vmax=steepest)
    places = [(k % SIDE, k // SIDE, ink) for k, ink in enumerate(digit.pixels) if ink > 0.0]
    xs, ys, inks = zip(*places, strict=True) if places else ((), (), ())
    axes.scatter(xs, ys, s=[16.0 * ink for ink in inks], color=LIGHT.ink, linewidths=0)


def _draw_legend(figure: Any) -> None:
    """Say what the colours and the dots mean."""
    patches = needed("matplotlib.patches", "a plot")
    lines = needed("matplotlib.lines", "a plot")
    dot = {"linestyle": "none", "marker": "o", "markersize": 4, "color": LIGHT.ink}
    handles = [
        patches.Patch(color=LIGHT.blue, label="ink here speaks for what was read"),
        patches.Patch(color=LIGHT.orange, label="ink here speaks against it"),
        lines.Line2D([], [], label="the ink that is there", **dot),
    ]
    figure.legend(
        handles=handles, loc="center", ncols=3, frameon=False, labelcolor=LIGHT.ink, fontsize=11
    )


def _colours() -> Any:
    colors = needed("matplotlib.colors", "a plot")
    return colors.LinearSegmentedColormap.from_list(
        "against and for", [LIGHT.orange, LIGHT.ground, LIGHT.blue]
    )


def _draw_digit(axes: Any, pixels: Sequence[float]) -> None:
    axes.imshow(as_rows(pixels), cmap="Greys", vmin=0.0, vmax=1.0)


def _write_above(axes: Any, text: str, color: str) -> None:
    axes.set_title(text, color=color, fontsize=12, fontweight="bold", pad=3)


def _draw_confusion(axes: Any, counts: list[list[int]]) -> None:
    """Write the counts, the right ones on blue, the wrong ones on orange, the darker the more."""
    set_axes(axes, "How often each digit was read as each", "read as", "digit", grid=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlim(-0.5, 9.5)
    axes.set_ylim(9.5, -0.5)
    axes.set_aspect("equal")
    for true, row in enumerate(counts):
        for said, count in enumerate(row):
            _draw_count(axes, said, true, count)


def _draw_count(axes: Any, said: int, true: int, count: int) -> None:
    rectangle = needed("matplotlib.patches", "a plot").Rectangle
    right = said == true
    shade = min(1.0, count / 50 if right else 0.25 + count / 10) if count else 0.0
    color = needed("matplotlib", "a plot").colormaps["Blues" if right else "Oranges"](0.8 * shade)
    axes.add_patch(
        rectangle((said - 0.46, true - 0.46), 0.92, 0.92, facecolor=color if count else "#f6f6f6")
    )
    if count:
        ink = "white" if shade > 0.6 else LIGHT.ink
        axes.text(said, true, str(count), color=ink, ha="center", va="center", fontsize=10)
