"""The paths of all optimizers, and their picture."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

import optim
from autograd import Value, exp, gradcheck
from optim import Optimizer, paths
from optim.path_labels import spread
from optim.path_picture import picture
from optim.paths import RUNNERS, SURFACES, Surface

EVERY_SURFACE = pytest.mark.parametrize("surface", SURFACES.values(), ids=list(SURFACES))


@EVERY_SURFACE
def test_the_minimum_is_one(surface: Surface) -> None:
    assert surface.minimum is not None
    x, y = map(Value, surface.minimum)
    height = surface.function(x, y)
    height.backward()
    assert (height.data, x.grad, y.grad) == (0.0, 0.0, 0.0)
    assert gradcheck(surface.function, *surface.start)


@EVERY_SURFACE
def test_everybody_runs_downhill_and_stays_in_the_picture(surface: Surface) -> None:
    found = paths.run(surface)
    assert list(found) == list(RUNNERS)
    for name, path in found.items():
        assert path[0] == surface.start
        assert len(path) == surface.steps + 1
        assert surface.function(*path[-1]) < 0.2 * surface.function(*surface.start), name
        for x, y in path:
            assert surface.x[0] < x < surface.x[1], name
            assert surface.y[0] < y < surface.y[1], name


def test_on_beales_function_nearly_all_arrive() -> None:
    surface = SURFACES["beale"]
    assert surface.minimum is not None
    distances = {
        name: math.dist(path[-1], surface.minimum) for name, path in paths.run(surface).items()
    }
    far = {name for name, distance in distances.items() if distance > 0.2}
    assert far == {"Adadelta", "Lion"}


def test_every_optimizer_of_the_package_takes_part() -> None:
    kinds = {type(runner.make([Value(1.0)], 0.1)) for runner in RUNNERS.values()}
    exported = {getattr(optim, name) for name in optim.__all__}
    assert kinds == {
        kind
        for kind in exported
        if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
    }


def test_the_paths_are_those_of_plain_steps() -> None:
    surface = Surface(
        "A bowl", lambda x, y: x * x + y * y, (4.0, -8.0), None, (0.0, 5.0), (-9.0, 0.0),
        rates={"SGD": 0.25},
    )  # fmt: skip
    assert paths.run(surface, steps=2) == {"SGD": [(4.0, -8.0), (2.0, -4.0), (1.0, -2.0)]}


def test_looks_are_told_apart_without_colour() -> None:
    looks = [(runner.look.dashes, runner.look.mark) for runner in RUNNERS.values()]
    assert len(set(looks)) == len(looks)
    colors = [runner.look.color for runner in RUNNERS.values()]
    assert len(set(colors)) == len(colors)


def boxes(texts: list[Any]) -> list[Any]:
    """Return the places of texts, without the lines that lead to them."""
    return [Text.get_window_extent(text) for text in texts]


@EVERY_SURFACE
def test_the_picture(surface: Surface) -> None:
    """Every path is there with its name, and no name hides another or leaves its panel."""
    figure = picture(surface, paths.run(surface))
    figure.draw_without_rendering()
    above, beside = figure.axes
    for axes in (above, beside):
        names = [text for text in axes.texts if text.get_text() in RUNNERS]
        assert sorted(text.get_text() for text in names) == sorted(RUNNERS)
        for text in names:
            assert text.get_color() == RUNNERS[text.get_text()].look.color
        for one, other in itertools.combinations(boxes(axes.texts), 2):
            overlap = (min(one.y1, other.y1) - max(one.y0, other.y0)) / one.height
            assert not one.overlaps(other) or overlap < 0.25
        for box in boxes(names):
            assert figure.bbox.x0 < box.x0
            assert box.x1 < figure.bbox.x1
    words = {text.get_text() for text in above.texts} - RUNNERS.keys()
    assert words == {"start", "minimum"}


def test_plot_writes_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "paths.png"
    paths.plot(path, steps=20)
    assert path.read_bytes()[1:4] == b"PNG"
    assert path.stat().st_size > 50_000


def test_plot_of_any_function(tmp_path: Path) -> None:
    """One whose minimum isn't known, that SGD leaves for infinity."""
    surface = Surface(
        "Any", lambda x, y: exp(x * x) + y**4, (1.5, 1.0), None, (-2.0, 2.0), (-2.0, 2.0),
        rates={"SGD": 10.0, "Adam": 0.1},
    )  # fmt: skip
    path = tmp_path / "any.svg"
    paths.plot(path, surface, steps=30)
    assert "<svg" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([], []),
        ([1.0], [1.0]),
        ([0.0, 10.0], [0.0, 10.0]),
        ([0.0, 0.0, 0.0], [-2.0, 0.0, 2.0]),
        ([0.0, 2.5, 3.0], [-1.0 / 6.0, 11.0 / 6.0, 23.0 / 6.0]),
    ],
)
def test_texts_are_spread(heights: list[float], expected: list[float]) -> None:
    assert spread(heights, 2.0) == pytest.approx(expected)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the surfaces are beale, rosenbrock, got 'banana'"):
        paths.plot(tmp_path / "x.png", "banana")
    with pytest.raises(ValueError, match="the number of steps is a whole number from 1 on, got 0"):
        paths.run("beale", steps=0)
    stranger = Surface(
        "", lambda x, y: x, (0.0, 0.0), None, (0.0, 1.0), (0.0, 1.0), 3, {"Newton": 1}
    )
    with pytest.raises(ValueError, match=r"the optimizers are SGD, .*, got 'Newton'"):
        paths.run(stranger)
