"""The paths of all optimizers, and their picture."""

from __future__ import annotations

import functools
import html
import itertools
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

import optim
from autograd import Value, exp, gradcheck
from autograd.cli import main
from autograd.plotting import THEMES
from optim import Optimizer, paths
from optim.path_animation import PathAnimation
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
    for theme in THEMES.values():
        colors = [runner.look.color_on(theme) for runner in RUNNERS.values()]
        assert len(set(colors)) == len(colors)


def boxes(texts: list[Any]) -> list[Any]:
    """Return the places of texts, without the lines that lead to them."""
    return [Text.get_window_extent(text) for text in texts]


@EVERY_SURFACE
def test_the_picture(surface: Surface) -> None:
    """Every path is there with its name, and no name hides another or leaves its panel."""
    figure = picture(surface, paths.run(surface)).figure
    figure.draw_without_rendering()
    above, beside = figure.axes
    for axes in (above, beside):
        names = [text for text in axes.texts if text.get_text() in RUNNERS]
        assert sorted(text.get_text() for text in names) == sorted(RUNNERS)
        for text in names:
            assert text.get_color() == RUNNERS[text.get_text()].look.light
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


# The animation.


@functools.cache
def tour() -> PathAnimation:
    return paths.animate(surface="rosenbrock", steps=30, only=["SGD", "Adam"])


def test_the_gif_grows_to_the_whole_picture(tmp_path: Path) -> None:
    path = tmp_path / "paths.gif"
    animation = paths.animate(path, "rosenbrock", steps=30, only=["SGD", "Adam"], theme="dark")
    is_the_gif = path.read_bytes() == animation.gif
    assert is_the_gif
    with Image.open(path) as gif:
        assert gif.n_frames > 20
        assert gif.info["loop"] == 0
        frames = []
        for k in range(gif.n_frames):
            gif.seek(k)
            frames.append(np.asarray(gif.convert("RGB")).astype(int))
        assert gif.info["duration"] == 3000
    ground = frames[0]
    changed = [(abs(frame - ground).max(axis=2) > 30).sum() for frame in frames]
    assert changed[5] < changed[15] < changed[-2] < changed[-1]
    assert all((frame[0, 0] == ground[0, 0]).all() for frame in frames)  # no flicker
    assert ground[0, 0].max() < 40  # dark


def test_the_page_holds_every_step_of_every_path() -> None:
    animation = tour()
    [svg] = re.findall("<svg.*</svg>", animation.html)
    ways = [e.get("d", "") for e in ET.fromstring(svg).iter("path") if e.get("class") == "way"]
    assert len(ways) == 2 * len(animation.paths)
    for name, way in zip(animation.paths, ways, strict=False):
        points = [tuple(map(float, point.split())) for point in way[1:].split("L")]
        assert len(points) == 31
        xs = [x for x, _ in animation.paths[name]]
        drawn = [x for x, _ in points]
        np.testing.assert_allclose(np.corrcoef(xs, drawn)[0, 1], 1.0, atol=1e-4)
        ys = [y for _, y in animation.paths[name]]
        np.testing.assert_allclose(np.corrcoef(ys, [y for _, y in points])[0, 1], -1.0, atol=1e-4)


def test_the_page_needs_nothing_else_and_says_its_title_as_it_is() -> None:
    wicked = replace(SURFACES["beale"], name="<script>alert('&')</script> $1 $title")
    page = PathAnimation(wicked, paths.run(wicked, 2, only=["SGD"])).html
    head, body = page.split("<body>")
    assert "<title>&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt; $1 $title: the" in head
    assert page.count("<script>") == 1
    addresses = re.findall(r'(?:src|srcset|href)="([^"]{,30})', body)
    assert {address.partition(",")[0] for address in addresses} == {"data:image/png;base64"}
    assert re.findall(r"url\([^#]|@import|fetch|//\w", head + body.split("<script>")[1]) == []


def test_a_notebook_is_shown_the_page_and_a_picture() -> None:
    shown, told = tour()._repr_mimebundle_()
    assert shown["image/png"].startswith(b"\x89PNG")
    assert told["image/png"]["alt"] == "the paths of SGD, Adam"
    assert shown["text/plain"] == "<PathAnimation: the paths of SGD, Adam>"
    [page] = re.findall('srcdoc="([^"]*)"', shown["text/html"])
    is_the_page = html.unescape(page) == tour().html
    assert is_the_page


def test_a_notebook_is_told_why_there_is_no_picture() -> None:
    nowhere = Surface(
        "Nowhere", lambda x, y: x / 0.0, (1.0, 1.0), None, (0.0, 2.0), (0.0, 2.0), 3, {"SGD": 0.1}
    )
    shown, _ = PathAnimation(nowhere, paths.run(nowhere))._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    with pytest.raises(ValueError, match="Nowhere is not finite at its start"):
        paths.plot(surface=nowhere)


@pytest.mark.parametrize("name", ["paths.gif", "paths.html"])
def test_the_command_animates(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--surface", "rosenbrock", "--steps", "3", "--only", "SGD, Adam"]
    assert main(["paths", *options, "-o", name]) == 0
    assert Path(name).read_bytes()[:3] in (b"GIF", b"<!D")
    assert main(["paths", "--only", "Newton", "-o", name]) == 2


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
    with pytest.raises(ValueError, match=r"the optimizers are SGD, .*, got 'newton'"):
        paths.run(only=["newton"])
    with pytest.raises(ValueError, match="at least one optimizer takes part, got"):
        paths.run(only=[])
    alone = replace(SURFACES["beale"], rates={"SGD": 0.01})
    with pytest.raises(ValueError, match="with a rate on this surface are SGD, got 'Adam'"):
        paths.run(alone, only="Adam")
    with pytest.raises(ValueError, match=r"saved as \.png, \.svg or \.pdf, not as 'x.gif'"):
        paths.plot(tmp_path / "x.gif")
    with pytest.raises(ValueError, match=r"saved as \.gif or \.html, not as 'x.png'"):
        paths.animate(tmp_path / "x.png")
