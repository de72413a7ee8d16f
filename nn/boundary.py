"""Decision boundaries: which class a model gives to each point of the plane."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import no_grad, sigmoid, softmax
from autograd.nested import flatten
from autograd.optional import needed
from autograd.plotting import LIGHT, Theme, halo, new_figure, set_axes
from nn.checks import amount
from nn.history import Trained
from nn.module import in_mode

STEPS = 80
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
"""Of the classes, in their order: they are told apart by shape too."""

Point = Sequence[float]
Span = tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """A trained model, and what its outputs say about classes.

    Attributes:
        trained: the model and its data.
        targets: the target that stands for each class.
        logits: whether a single output is the logit of the second class.
    """

    trained: Trained
    targets: list[Any]
    logits: bool

    def shares(self, points: Sequence[Point]) -> list[list[float]]:
        """Return how likely each class is at each point, according to the model."""
        model = self.trained.model
        with no_grad(), in_mode(model, training=False):
            rows = [list(point) for point in points]
            outputs = model(rows) if self.trained.batched else [model(row) for row in rows]
            return [self._share(numbers_in(output)) for output in outputs]

    def classes(self, targets: Sequence[Any]) -> list[int]:
        """Return the class that each target stands for."""
        return [self.targets.index(single(target)) for target in targets]

    def named(self, classes: Sequence[str]) -> list[str]:
        """Return what the classes are called: as given, or as their targets.

        Raises:
            ValueError: if there are not as many names as classes.
        """
        if classes and len(classes) != len(self.targets):
            raise ValueError(
                f"there are {len(self.targets)} classes to name, and {amount(len(classes), 'name')}"
            )
        return [str(name) for name in classes] or [f"{target:g}" for target in self.targets]

    def _share(self, outputs: list[float]) -> list[float]:
        if len(outputs) > 1:
            return [float(share) for share in softmax(outputs)]
        if self.logits:
            second = float(sigmoid(outputs[0]))
        else:
            low, high = self.targets
            second = min(1.0, max(0.0, (outputs[0] - low) / (high - low)))
        return [1.0 - second, second]


def judged(trained: Trained | None, logits: bool | None = None) -> Judged:
    """Return a trained model with what its outputs mean: see `History.plot_boundary`.

    Raises:
        ValueError: if the model has not two inputs, the targets are no classes, or nothing is
            known of the training.

    >>> judged(None)
    Traceback (most recent call last):
        ...
    ValueError: this history knows of no model, so it has no boundary: only one that fit returned
    """
    if trained is None:
        raise ValueError(
            "this history knows of no model, so it has no boundary: only one that fit returned"
        )
    rows, targets = trained.data
    inputs = len(numbers_in(rows[0]))
    if inputs != 2:
        raise ValueError(
            f"a boundary is drawn in the plane, for two inputs, and the model has {inputs}"
        )
    if isinstance(rows[0][0], (list, tuple)):
        raise ValueError(f"a boundary needs rows that are two numbers, got {rows[0]!r}")
    with no_grad(), in_mode(trained.model, training=False):
        first = trained.model([rows[0]])[0] if trained.batched else trained.model(rows[0])
    outputs = len(numbers_in(first))
    held_out = [] if trained.held_out is None else trained.held_out[1]
    found = sorted({single(target) for target in [*targets, *held_out]})
    if outputs > 1:
        if not set(found) <= set(range(outputs)):
            raise ValueError(
                f"a boundary of {outputs} outputs needs targets that are the numbers of classes, "
                f"from 0 to {outputs - 1}, got {_listed(found)}"
            )
        if outputs > len(MARKERS):
            raise ValueError(f"a boundary shows {len(MARKERS)} classes at most, not {outputs}")
        found = list(range(outputs))
    elif len(found) != 2:
        raise ValueError(
            f"a boundary of a single output needs targets of two values, got {_listed(found)}"
        )
    return Judged(trained, found, trained.logits if logits is None else logits)


def single(target: Any) -> float:
    """Return a target that stands for a class: a number, or a list of one.

    >>> single([1.0])
    1.0
    >>> single([0.0, 1.0])
    Traceback (most recent call last):
        ...
    ValueError: a boundary needs one class as target of each row, got [0.0, 1.0]
    """
    numbers = numbers_in(target)
    if len(numbers) != 1:
        raise ValueError(f"a boundary needs one class as target of each row, got {target!r}")
    return numbers[0]


def numbers_in(nested: Any) -> list[float]:
    """Return all numbers in nested lists.

    >>> numbers_in([[1, 2.0], [3]])
    [1.0, 2.0, 3.0]
    """
    return [float(number) for number in flatten(nested)[0]]


def _listed(found: Sequence[float], most: int = 5) -> str:
    shown = ", ".join(f"{number:g}" for number in found[:most])
    return f"{shown} and {len(found) - most} more" if len(found) > most else shown


# The plot ---------------------------------------------------------------------------------------


def draw_boundary(
    samples: Judged,
    title: str,
    inputs: Sequence[str],
    classes: Sequence[str],
    theme: Theme = LIGHT,
) -> Any:
    """Return a figure of a model's regions, with the points that it was trained on.

    Args:
        samples: the model and its data.
        title: what stands above.
        inputs: what the two inputs are called.
        classes: what the classes are called.
        theme: its colours.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    kinds = [("trained on", samples.trained.data, 26.0, theme.ground)]
    if samples.trained.held_out is not None:
        kinds.append(("held out", samples.trained.held_out, 62.0, theme.ink))
    points = [numbers_in(row) for _, (rows, _), _, _ in kinds for row in rows]
    spans = _span([a for a, _ in points]), _span([b for _, b in points])
    figure = new_figure(8, 1.6 + 7.4 * _shape(*spans), title, theme)
    axes = figure.subplots()
    x, y = inputs
    set_axes(axes, "", x, y, theme, grid=False)
    draw_regions(axes, samples.shares, *spans, theme)
    for _, (rows, targets), size, edge in kinds:
        flat, wanted = [numbers_in(row) for row in rows], samples.classes(targets)
        for k in range(len(classes)):
            of_class = [point for point, target in zip(flat, wanted, strict=True) if target == k]
            draw_points(axes, of_class, k, size=size, edge=edge, theme=theme)
    _, (rows, targets), _, _ = kinds[-1]
    wrong = _mistaken(samples, [numbers_in(row) for row in rows], samples.classes(targets))
    _ring(axes, wrong, theme)
    _explain(figure, classes, [(name, size, edge) for name, _, size, edge in kinds], wrong, theme)
    return figure


def draw_regions(
    axes: Any,
    shares: Callable[[list[Point]], list[list[float]]],
    x: Span,
    y: Span,
    theme: Theme = LIGHT,
) -> None:
    """Colour the plane by the likeliest class, with lines where two are equally likely.

    Args:
        axes: of matplotlib.
        shares: given points, it returns how likely each class is at each: from 0 to 1, 1 in all.
        x: the part of the first axis to show.
        y: the part of the second axis to show.
        theme: its colours: the more likely the class, the stronger.
    """
    numpy = needed("numpy", "a plot")
    xs, ys = numpy.linspace(*x, STEPS + 1), numpy.linspace(*y, STEPS + 1)
    found = numpy.array(shares([(float(a), float(b)) for b in ys for a in xs]))
    found = numpy.nan_to_num(found).reshape(len(ys), len(xs), -1)
    ranked = numpy.sort(found, axis=2)
    ahead = (ranked[..., -1] - ranked[..., -2])[..., None]
    ground, *hues = (_rgb(color) for color in (theme.ground, *theme.hues))
    winners = numpy.array(hues)[found.argmax(axis=2)]
    image = ground + 0.5 * ahead * (winners - ground)
    axes.imshow(
        image.clip(0.0, 1.0), extent=(*x, *y), origin="lower", interpolation="bilinear",
        aspect="equal" if _shape(x, y) == _steepness(x, y) else "auto",
    )  # fmt: skip
    count = found.shape[2]
    for k in range(count if count > 2 else 1):
        lead = found[..., k] - numpy.delete(found, k, axis=2).max(axis=2)
        if lead.min() < 0.0 < lead.max():
            axes.contour(xs, ys, lead, levels=[0.0], colors=theme.ink, linewidths=2.2)
    axes.set_xlim(*x)
    axes.set_ylim(*y)


def draw_points(
    axes: Any,
    points: Sequence[Point],
    place: int,
    *,
    size: float,
    edge: str,
    theme: Theme = LIGHT,
) -> Any:
    """Draw points of a class in its colour and its shape.

    Args:
        axes: of matplotlib.
        points: their two numbers each.
        place: which class.
        size: their area, in square points.
        edge: the colour around them.
        theme: its colours.
    """
    return axes.scatter(
        [a for a, _ in points],
        [b for _, b in points],
        s=size,
        marker=MARKERS[place],
        color=theme.hues[place],
        edgecolors=edge,
        linewidths=0.1 * size**0.5 + 0.2,
        zorder=3,
    )


def _mistaken(
    samples: Judged, points: Sequence[Point], wanted: Sequence[int]
) -> list[Sequence[float]]:
    """Return the points that are on the wrong side."""
    return [
        point
        for point, target, shares in zip(points, wanted, samples.shares(points), strict=True)
        if shares.index(max(shares)) != target
    ]


def _ring(axes: Any, points: Sequence[Point], theme: Theme) -> None:
    axes.scatter(
        [a for a, _ in points], [b for _, b in points], s=230, facecolors="none",
        edgecolors=theme.ink, linewidths=1.8, zorder=4,
    ).set_path_effects(halo(theme))  # fmt: skip


def _explain(
    figure: Any,
    classes: Sequence[str],
    kinds: Sequence[tuple[str, float, str]],
    wrong: Sequence[Point],
    theme: Theme,
) -> None:
    """Write below the axes what the marks mean: in the first row the colours, then the kinds."""
    line = needed("matplotlib.lines", "a plot").Line2D
    colors: list[tuple[str, dict[str, Any]]] = [
        (name, {"marker": MARKERS[k], "color": theme.hues[k], "markersize": 8})
        for k, name in enumerate(classes)
    ]
    sizes: list[tuple[str, dict[str, Any]]] = [
        (name, {"marker": "o", "color": theme.grey, "markersize": 1.2 * size**0.5, "mec": edge})
        for name, size, edge in kinds
    ]
    if wrong:
        ring = {"marker": "o", "color": "none", "mec": theme.ink, "mew": 1.8, "markersize": 13}
        sizes.append((f"{kinds[-1][0]}, on the wrong side: {len(wrong)}", ring))
    nothing: tuple[str, dict[str, Any]] = ("", {})
    columns = list(itertools.zip_longest(colors, sizes, fillvalue=nothing))
    marks = [mark for column in columns for mark in column]  # column by column, as legends are
    legend = figure.legend(
        handles=[line([], [], linestyle="", **look) for _, look in marks],
        labels=["?"] * len(marks),  # a text that begins with _ would be left out
        loc="outside lower center", ncols=len(columns), frameon=False,
    )  # fmt: skip
    for text, (name, _) in zip(legend.get_texts(), marks, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
        text.set_color(theme.ink)


def _rgb(color: str) -> Any:
    return needed("numpy", "a plot").array(needed("matplotlib.colors", "a plot").to_rgb(color))


def _shape(x: Span, y: Span) -> float:
    """Return how high the axes are for their width: as the plane is, within reason."""
    return min(1.2, max(0.4, _steepness(x, y)))


def _steepness(x: Span, y: Span) -> float:
    return (y[1] - y[0]) / (x[1] - x[0])


def _span(numbers: Sequence[float]) -> Span:
    margin = 0.1 * (max(numbers) - min(numbers)) or 0.5
    return min(numbers) - margin, max(numbers) + margin
