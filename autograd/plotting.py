"""The style that all plots share, and plots that show and save themselves.

Figures are made without pyplot: no display is needed, and no state is shared between threads.
"""

import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd.files import write_whole
from autograd.optional import needed

SUFFIXES = (".png", ".svg", ".pdf")
DPI = 150
_WIDEST = 1000.0  # in a notebook, in pixels
LABEL_SIZE = 11.0  # of the names beside lines, in points

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""What a notebook shows, by its kind, and what it is told about it."""


@dataclass(frozen=True)
class Theme:
    """The colours of a plot: Okabe and Ito's, which all eyes can tell apart.

    Attributes:
        ground: what the plot stands on.
        ink: axes and texts.
        faint: the grid.
        grey: what is of less importance.
        slate: the heights of a surface.
        blue: what was trained on, and the first class.
        orange: what was held out, and the second class.
        green: the third.
        purple: the fourth.
        gold: the fifth.
        sky: the sixth.
        brown: the seventh.
    """

    ground: str
    ink: str
    faint: str
    grey: str
    slate: str
    blue: str
    orange: str
    green: str
    purple: str
    gold: str
    sky: str
    brown: str

    @property
    def hues(self) -> tuple[str, ...]:
        """The colours of classes, in their order."""
        first = (self.blue, self.orange, self.green, self.purple)
        return (*first, self.gold, self.sky, self.brown)


LIGHT = Theme(
    ground="#ffffff",
    ink="#333333",
    faint="#dddddd",
    grey="#999999",
    slate="#aebdcc",
    blue="#0072b2",
    orange="#d55e00",
    green="#009e73",
    purple="#aa4488",
    gold="#e69f00",
    sky="#56b4e9",
    brown="#7a5230",
)
DARK = Theme(
    ground="#0d1117",
    ink="#e3e6ea",
    faint="#343b45",
    grey="#7f8894",
    slate="#43566e",
    blue="#4ba3e3",
    orange="#f28536",
    green="#2fc095",
    purple="#d883bb",
    gold="#f0c33c",
    sky="#a5daf8",
    brown="#c09a76",
)
THEMES = {"light": LIGHT, "dark": DARK}
"""The themes by name."""


class Plot:
    """A plot, which shows itself in a notebook and saves itself.

    Attributes:
        figure: matplotlib's, to be changed at will.
        title: what it shows.

    >>> Plot(new_figure(4, 3, "Nothing yet"), "nothing yet")
    <Plot: nothing yet>
    """

    def __init__(self, figure: Any, title: str) -> None:
        self.figure = figure
        self.title = title

    @property
    def png(self) -> bytes:
        """The content of a PNG file."""
        return as_png(self.figure)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plot to a file, whole or not at all, and return its path.

        Args:
            path: a file name that ends in .png, .svg or .pdf.

        Raises:
            ValueError: for any other suffix.
            OSError: if the file can't be written.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Plot(new_figure(1, 1, ""), "nothing").save(f"{folder}/nothing.png").name
        'nothing.png'
        """
        suffix = suffix_of(path)
        return write_whole(path, _content(self.figure, suffix, DPI))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        try:
            dpi = min(100.0, _WIDEST / self.figure.get_size_inches()[0])
            image = _of_few_colours(_content(self.figure, ".png", dpi))
            described = {"image/png": {"alt": self.title}}  # for readers who don't see it
            return {"image/png": image, "text/plain": repr(self)}, described
        except Exception as error:  # a notebook shows the text instead
            return {"text/plain": f"{self!r} can't be drawn: {error}"}, {}

    def __repr__(self) -> str:
        """Say what the plot shows."""
        return f"<Plot: {self.title}>"


def plotted(
    path: str | os.PathLike[str] | None, theme: str, title: str, draw: Callable[[Theme], Any]
) -> Plot:
    """Return a plot, saved if a path is given.

    Args:
        path: where to save it, or None.
        theme: "light" or "dark".
        title: what it shows.
        draw: given the theme, it returns the figure.

    Raises:
        ValueError: if there is no such theme, or the path has another suffix than .png, .svg
            or .pdf: before anything is drawn.

    >>> plotted(None, "dark", "nothing", lambda theme: new_figure(4, 3, "Nothing", theme))
    <Plot: nothing>
    """
    if path is not None:
        suffix_of(path)
    plot = Plot(draw(theme_named(theme)), title)
    if path is not None:
        plot.save(path)
    return plot


def theme_named(name: str) -> Theme:
    """Return a theme.

    >>> theme_named("sepia")
    Traceback (most recent call last):
        ...
    ValueError: a plot's theme is light or dark, got 'sepia'
    """
    if name not in THEMES:
        raise ValueError(f"a plot's theme is {' or '.join(THEMES)}, got {name!r}")
    return THEMES[name]


def suffix_of(path: str | os.PathLike[str], allowed: Sequence[str] = SUFFIXES) -> str:
    """Return the suffix of a file to write, in small letters.

    >>> suffix_of("loss.PNG")
    '.png'
    >>> suffix_of("loss.txt")
    Traceback (most recent call last):
        ...
    ValueError: a plot is saved as .png, .svg or .pdf, not as 'loss.txt'
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in allowed:
        *others, last = allowed
        raise ValueError(
            f"a plot is saved as {', '.join(others)}{' or ' if others else ''}{last}, "
            f"not as {path.name!r}"
        )
    return suffix


def new_figure(width: float, height: float, title: str, theme: Theme = LIGHT) -> Any:
    """Return an empty matplotlib figure with a title.

    Args:
        width: in inches, of 150 pixels each.
        height: likewise.
        title: what stands above, as it is: a $ is a $.
        theme: its colours.

    Raises:
        ImportError: if matplotlib is not installed.

    >>> new_figure(4, 3, "Nothing yet").axes
    []
    """
    figure = needed("matplotlib.figure", "a plot").Figure(
        figsize=(width, height), dpi=DPI, layout="constrained", facecolor=theme.ground
    )
    if title:
        bold = {"fontsize": 14, "fontweight": "bold", "parse_math": False}
        figure.suptitle(title, color=theme.ink, **bold)
    return figure


def set_axes(
    axes: Any,
    title: str,
    x: str,
    y: str,
    theme: Theme = LIGHT,
    *,
    grid: bool = True,
    weight: str = "normal",
) -> None:
    """Give axes a title on the left, names, and as little ink as will do.

    >>> axes = new_figure(4, 3, "A plot").subplots()
    >>> set_axes(axes, "Speed", "time (s)", "speed (m/s)")
    >>> axes.get_xlabel()
    'time (s)'
    """
    axes.set_facecolor(theme.ground)
    axes.set_title(title, color=theme.ink, loc="left", fontweight=weight, parse_math=False)
    axes.set_xlabel(x, color=theme.ink, parse_math=False)
    axes.set_ylabel(y, color=theme.ink, parse_math=False)
    axes.tick_params(colors=theme.ink, which="both")
    if grid:
        axes.grid(color=theme.faint, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.ink)


def as_png(figure: Any) -> bytes:
    """Return a figure as the content of a PNG file.

    >>> as_png(new_figure(1, 1, ""))[1:4]
    b'PNG'
    """
    return _content(figure, ".png", DPI)


def _content(figure: Any, suffix: str, dpi: float) -> bytes:
    """Return a figure as the content of a file, without the time of day."""
    undated: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    image = io.BytesIO()
    figure.savefig(image, format=suffix[1:], dpi=dpi, metadata=undated.get(suffix))
    return image.getvalue()


def _of_few_colours(png: bytes) -> bytes:
    """Return a PNG with a palette of 256 colours, for notebooks not to grow large."""
    pillow = needed("PIL.Image", "a plot", package="pillow")
    small = io.BytesIO()
    with pillow.open(io.BytesIO(png)) as image:
        colours = image.convert("RGB").quantize(256, pillow.Quantize.FASTOCTREE, dither=0)
        colours.save(small, "PNG", optimize=True)
    return small.getvalue()


def freeze_layout(figure: Any) -> None:
    """Place the parts of a figure for good, so that texts can be placed between them."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def halo(theme: Theme = LIGHT) -> list[Any]:
    """Return an outline for a text in the colour of the ground: it is legible on anything."""
    effects = needed("matplotlib.patheffects", "a plot")
    return [effects.withStroke(linewidth=3, foreground=theme.ground)]


def label_ends(axes: Any, theme: Theme = LIGHT) -> None:
    """Write each line's label beside its end, moved up or down where two would overlap.

    Args:
        axes: matplotlib's, placed for good, with lines whose ends have room to the right of them.
        theme: its colours.
    """
    step = 1.3 * LABEL_SIZE * float(axes.figure.dpi) / 72.0
    ends = [(end, line) for line in axes.lines if (end := _end_of(axes, line)) is not None]
    ends.sort(key=lambda end: end[0][1])
    heights = spread([y for (_, y), _ in ends], step)
    for (end, line), height in zip(ends, heights, strict=True):
        write_beside(
            axes, line.get_label(), line.get_color(), end, (end[0] + 1.6 * step, height), theme,
            side="left",
        )  # fmt: skip


def _end_of(axes: Any, line: Any) -> tuple[float, float] | None:
    """Return where a line ends on the figure, in pixels; None if it is nowhere to be seen."""
    points = [(float(x), float(y)) for x, y in axes.transData.transform(line.get_xydata())]
    return next((point for point in reversed(points) if all(map(math.isfinite, point))), None)


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


def write_beside(
    axes: Any,
    text: str,
    color: str,
    anchor: Sequence[float],
    at: Sequence[float],
    theme: Theme = LIGHT,
    *,
    side: str = "center",
) -> Any:
    """Write a text, with a thin line from it to what it names, and return matplotlib's of it.

    Args:
        axes: matplotlib's, placed for good.
        text: what to write.
        color: of the text and the line.
        anchor: the point that is named, in pixels of the figure.
        at: where to write, likewise.
        theme: its colours.
        side: which side of the text is there: left, center or right.
    """
    # As shares of the figure, these points hold for any resolution.
    anchor, at = axes.figure.transFigure.inverted().transform([anchor, at])
    note = axes.annotate(
        text, anchor, at, xycoords="figure fraction", annotation_clip=False, ha=side, va="center",
        color=color, fontsize=LABEL_SIZE, fontweight="bold", zorder=6, parse_math=False,
        arrowprops={"arrowstyle": "-", "color": color, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    note.set_path_effects(halo(theme))
    return note
