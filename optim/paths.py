"""The paths of all optimizers on one surface: as numbers, and as a picture."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import Value
from autograd.plotting import DARK, Plot, Theme, plotted, suffix_of, theme_named
from optim.adagrad import Adadelta, Adagrad
from optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from optim.checks import require_whole
from optim.optimizer import Optimizer, require
from optim.rmsprop import RMSprop
from optim.sgd import SGD
from optim.signs import Lion, Rprop

if TYPE_CHECKING:
    from optim.path_animation import PathAnimation

Place = str | os.PathLike[str] | None
Point = tuple[float, float]
Function = Callable[[Any, Any], Any]


class Look(NamedTuple):
    """How an optimizer's path is drawn: told apart by the dashes and the marks too.

    Attributes:
        light: its colour on a light ground.
        dark: its colour on a dark ground.
        dashes: of its line.
        mark: the shape of the marks on it.
    """

    light: str
    dark: str
    dashes: str
    mark: str

    def color_on(self, theme: Theme) -> str:
        """Return its colour on the ground of a theme."""
        return self.dark if theme is DARK else self.light


class Runner(NamedTuple):
    """An optimizer that takes part: how to make it for some parameters and a rate, and its look."""

    make: Callable[[list[Value], float], Optimizer]
    look: Look


# On a light ground, colours of Okabe and Ito, and three of Tol, for all eyes.
RUNNERS: dict[str, Runner] = {
    "SGD": Runner(lambda p, lr: SGD(p, lr), Look("#000000", "#ffffff", "-", "o")),
    "momentum": Runner(
        lambda p, lr: SGD(p, lr, momentum=0.9), Look("#0072b2", "#3d9be0", "-", "s")
    ),
    "Nesterov": Runner(
        lambda p, lr: SGD(p, lr, momentum=0.9, nesterov=True), Look("#56b4e9", "#a8dcff", "--", "D")
    ),
    "Adagrad": Runner(lambda p, lr: Adagrad(p, lr), Look("#e69f00", "#e69f00", "-", "^")),
    "Adadelta": Runner(lambda p, lr: Adadelta(p, lr), Look("#999933", "#cfcf5c", "--", "v")),
    "RMSprop": Runner(lambda p, lr: RMSprop(p, lr), Look("#d55e00", "#ff7a38", "-.", "P")),
    "Adam": Runner(lambda p, lr: Adam(p, lr), Look("#009e73", "#00b886", "-", "X")),
    "AdamW": Runner(lambda p, lr: AdamW(p, lr), Look("#004d40", "#9be8cf", ":", "p")),
    "Adamax": Runner(lambda p, lr: Adamax(p, lr), Look("#cc79a7", "#e3a3c6", "-", "h")),
    "NAdam": Runner(lambda p, lr: NAdam(p, lr), Look("#882255", "#cf6fa0", "--", "<")),
    "RAdam": Runner(lambda p, lr: RAdam(p, lr), Look("#ee3377", "#ff5f8f", "-.", ">")),
    "Rprop": Runner(lambda p, lr: Rprop(p, lr), Look("#555555", "#a9b0b8", ":", "d")),
    "Lion": Runner(lambda p, lr: Lion(p, lr), Look("#6a3d9a", "#b48ce0", "-", "*")),
}
"""All optimizers, by the name that stands in the picture."""


@dataclass(frozen=True)
class Surface:
    """A function of two numbers, what of it to look at, and rates that suit it.

    Attributes:
        name: what to call it.
        function: of two Values or floats, made of operators and autograd's functions.
        start: where the paths begin.
        minimum: where they should end; None if it isn't known.
        x: the part of the first axis to show.
        y: the part of the second axis to show.
        steps: how many steps to take, unless told otherwise.
        rates: each optimizer's learning rate, by name; those without one stay at home.
    """

    name: str
    function: Function
    start: Point
    minimum: Point | None
    x: Point
    y: Point
    steps: int = 300
    rates: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(RUNNERS, 0.01))


def beale(x: Any, y: Any) -> Any:
    """Return the height on a plain between steep corners.

    Beale (1958), "On an iterative method for finding a local minimum of a function of more than
    one variable".

    >>> beale(3.0, 0.5)
    0.0
    """
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def rosenbrock(x: Any, y: Any) -> Any:
    """Return the height in a long bent valley, whose floor hardly slopes.

    Rosenbrock (1960), "An automatic method for finding the greatest or least value of a
    function".

    >>> rosenbrock(1.0, 1.0)
    0.0
    """
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


SURFACES = {
    "beale": Surface(
        "Beale",
        beale,
        start=(0.5, -1.0),
        minimum=(3.0, 0.5),
        x=(0.0, 4.0),
        y=(-1.7, 1.2),
        rates={
            "SGD": 0.02,
            "momentum": 0.005,
            "Nesterov": 0.005,
            "Adagrad": 0.5,
            "Adadelta": 3.0,
            "RMSprop": 0.05,
            "Adam": 0.1,
            "AdamW": 0.1,
            "Adamax": 0.2,
            "NAdam": 0.05,
            "RAdam": 0.1,
            "Rprop": 0.05,
            "Lion": 0.01,
        },
    ),
    "rosenbrock": Surface(
        "Rosenbrock",
        rosenbrock,
        start=(-1.2, 1.0),
        minimum=(1.0, 1.0),
        x=(-1.5, 1.4),
        y=(-0.4, 1.6),
        steps=500,
        rates={
            "SGD": 0.002,
            "momentum": 0.001,
            "Nesterov": 0.001,
            "Adagrad": 0.5,
            "Adadelta": 3.0,
            "RMSprop": 0.02,
            "Adam": 0.2,
            "AdamW": 0.2,
            "Adamax": 0.3,
            "NAdam": 0.05,
            "RAdam": 0.005,
            "Rprop": 0.05,
            "Lion": 0.01,
        },
    ),
}
"""The surfaces that are known by name."""


def path_of(
    make: Callable[[list[Value]], Optimizer], function: Function, start: Point, steps: int
) -> list[Point]:
    """Return where an optimizer goes, from the start on: one point more than steps.

    >>> path_of(lambda p: SGD(p, lr=0.25), lambda x, y: x * x + y * y, (4.0, -8.0), steps=2)
    [(4.0, -8.0), (2.0, -4.0), (1.0, -2.0)]
    """
    x, y = Value(start[0], label="x"), Value(start[1], label="y")
    optimizer = make([x, y])
    path = [start]
    for _ in range(steps):
        optimizer.zero_grad()
        function(x, y).backward()
        optimizer.step()
        path.append((x.data, y.data))
    return path


def run(
    surface: Surface | str = "beale",
    steps: int | None = None,
    *,
    only: Iterable[str] | None = None,
) -> dict[str, list[Point]]:
    """Return the paths of optimizers on a surface, by name.

    Args:
        surface: a `Surface`, or the name of one in `SURFACES`.
        steps: how many steps each takes (default: the surface's).
        only: the names of those that take part (default: all that have a rate there).

    Raises:
        TypeError: if steps is not a whole number.
        ValueError: if the surface or an optimizer is not known, nobody takes part, or steps is
            below 1.

    >>> paths = run("rosenbrock", steps=2)
    >>> len(paths), paths["Adam"][0]
    (13, (-1.2, 1.0))
    >>> list(run(steps=2, only=["SGD", "Adam"]))
    ['SGD', 'Adam']
    """
    surface = _known(surface)
    steps = surface.steps if steps is None else steps
    require_whole("the number of steps", steps)
    names = list(surface.rates if only is None else [only] if isinstance(only, str) else only)
    for name in [*surface.rates, *names]:
        require(name in RUNNERS, f"the optimizers are {', '.join(RUNNERS)}", name)
    for name in names:
        rated = f"the optimizers with a rate on this surface are {', '.join(surface.rates)}"
        require(name in surface.rates, rated, name)
    require(bool(names), "at least one optimizer takes part", names)
    return {name: _path_on(surface, name, steps) for name in names}


def _path_on(surface: Surface, name: str, steps: int) -> list[Point]:
    def make(params: list[Value]) -> Optimizer:
        return RUNNERS[name].make(params, surface.rates[name])

    return path_of(make, surface.function, surface.start, steps)


def plot(
    path: Place = None,
    surface: Surface | str = "beale",
    *,
    steps: int | None = None,
    only: Iterable[str] | None = None,
    theme: str = "light",
) -> Plot:
    """Return a plot of the paths of optimizers on a surface, and how low each gets step by step.

    Args:
        path: where to save it: a file name that ends in .png, .svg or .pdf.
        surface: as for `run`.
        steps: as for `run`.
        only: as for `run`.
        theme: "light" or "dark".

    Raises:
        TypeError: as `run`.
        ValueError: as `run`, or for another suffix or theme.
        ImportError: if matplotlib is not installed.
        OSError: if the file can't be written.

    >>> plot(surface="rosenbrock", steps=20, only=["SGD", "Adam"])
    <Plot: the paths of SGD, Adam>
    """
    from optim.path_picture import picture

    surface = _known(surface)
    found = run(surface, steps, only=only)
    what = f"the paths of {', '.join(found)}"
    return plotted(path, theme, what, lambda colors: picture(surface, found, colors).figure)


def animate(
    path: Place = None,
    surface: Surface | str = "beale",
    *,
    steps: int | None = None,
    only: Iterable[str] | None = None,
    theme: str = "light",
) -> "PathAnimation":
    """Return an animation of what `plot` shows: the optimizers walk, all at once.

    Args:
        path: where to save it: a file name that ends in .gif, or in .html for a page that needs
            nothing else, with play, pause and a slider.
        surface: as for `run`.
        steps: as for `run`.
        only: as for `run`.
        theme: "light" or "dark"; a page follows the reader's preference instead.

    Raises:
        TypeError: as `run`.
        ValueError: as `run`, or for another suffix or theme.
        ImportError: if matplotlib is not installed.
        OSError: if the file can't be written.

    >>> animate(surface="rosenbrock", steps=20, only=["SGD", "Adam"])
    <PathAnimation: the paths of SGD, Adam>
    """
    from optim.path_animation import SUFFIXES, PathAnimation

    if path is not None:
        suffix_of(path, SUFFIXES)
    surface = _known(surface)
    animation = PathAnimation(surface, run(surface, steps, only=only), theme_named(theme))
    if path is not None:
        animation.save(path)
    return animation


def _known(surface: Surface | str) -> Surface:
    if isinstance(surface, Surface):
        return surface
    require(surface in SURFACES, f"the surfaces are {', '.join(SURFACES)}", surface)
    return SURFACES[surface]
