"""The style of all plots: its colours, and plots that show and save themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from autograd.plotting import (
    DARK,
    LIGHT,
    THEMES,
    Plot,
    Theme,
    label_ends,
    new_figure,
    plotted,
    set_axes,
    spread,
    theme_named,
)


def empty(theme: Theme = LIGHT) -> Any:
    figure = new_figure(4, 3, "Nothing", theme)
    set_axes(figure.subplots(), "of it", "x", "y", theme)
    return figure


def luminance(color: str) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [int(color[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_texts_and_lines_stand_out_from_the_ground(theme: Theme) -> None:
    assert contrast(theme.ink, theme.ground) > 7.0
    for color in (theme.blue, theme.orange, theme.green, theme.purple):
        assert contrast(color, theme.ground) >= 3.0  # WCAG 1.4.11: parts of a graphic
    assert len(set(theme.hues)) == len(theme.hues)


def seen_by(color: str, matrix: list[list[float]]) -> list[float]:
    rgb = [int(color[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    return [sum(a * b for a, b in zip(row, rgb, strict=True)) for row in matrix]


# Machado, Oliveira and Fernandes (2009), table 1, severity 1.0.
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
              [-0.003882, -0.048116, 1.051998]]  # fmt: skip
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881]]  # fmt: skip


@pytest.mark.parametrize("matrix", [PROTANOPIA, DEUTERANOPIA], ids=["protanopia", "deuteranopia"])
@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_blue_and_orange_differ_for_eyes_without_red_or_green(
    theme: Theme, matrix: list[list[float]]
) -> None:
    one, other = seen_by(theme.blue, matrix), seen_by(theme.orange, matrix)
    assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.4


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
)
def test_a_plot_is_saved_in_the_format_of_its_suffix(
    suffix: str, start: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"plot{suffix}"
    assert Plot(empty(), "nothing").save(path) == path
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_drawn_for_a_wrong_suffix_or_theme(tmp_path: Path) -> None:
    def never(theme: Theme) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match=r"saved as \.png, \.svg or \.pdf, not as 'a.jpg'"):
        plotted(tmp_path / "a.jpg", "light", "nothing", never)
    with pytest.raises(ValueError, match="a plot's theme is light or dark, got 'blue'"):
        plotted(None, "blue", "nothing", never)


def test_a_file_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(target: Any, **options: Any) -> None:
        with open(target, "wb") if isinstance(target, (str, Path)) else target as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    path = tmp_path / "plot.png"
    path.write_bytes(b"what was there")
    plot = Plot(empty(), "nothing")
    monkeypatch.setattr(plot.figure, "savefig", breaks_off)
    with pytest.raises(OSError, match="No space left"):
        plot.save(path)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_is_told_why_there_is_no_picture() -> None:
    plot = Plot(empty(), "nothing")
    plot.figure.axes[0].set_title(r"$\nonsense$")
    shown, _ = plot._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert shown["text/plain"].startswith("<Plot: nothing> can't be drawn: ")


def test_a_notebook_is_shown_a_picture_in_the_themes_colours() -> None:
    shown, told = Plot(empty(DARK), "nothing")._repr_mimebundle_()
    assert shown["image/png"].startswith(b"\x89PNG")
    assert told["image/png"]["alt"] == "nothing"
    assert shown["text/plain"] == "<Plot: nothing>"
    assert plotted(None, "dark", "", empty).figure.get_facecolor()[0] < 0.1
    assert theme_named("light") is LIGHT


def test_dollars_are_dollars(tmp_path: Path) -> None:
    figure = new_figure(4, 3, "from $5 to $6")
    set_axes(figure.subplots(), "$a", "b$", r"$\alpha$")
    path = Plot(figure, "").save(tmp_path / "a.svg")
    comments = re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))
    assert {"from $5 to $6", "$a", "b$", r"$\alpha$"} <= set(comments)


def test_the_same_plot_gives_the_same_bytes() -> None:
    assert Plot(empty(), "").png == Plot(empty(), "").png


def test_neither_pyplot_nor_a_display_is_needed() -> None:
    code = (
        "import sys; from nn import History; from optim import paths;"
        "History(loss=[2.0, 1.0]).plot()._repr_mimebundle_();"
        "paths.plot(surface='rosenbrock', steps=2, only=['SGD'])._repr_mimebundle_();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    environment = {"MPLBACKEND": "TkAgg", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("False\n", "")


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


def test_a_label_stands_at_the_last_point_that_is_seen_at_any_resolution() -> None:
    figure = new_figure(4, 3, "")
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1.0, 2.0, float("nan")], label="until nan")
    axes.plot([0, 1], [float("nan")] * 2, label="nowhere")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    label_ends(axes)
    [text] = axes.texts
    assert text.get_text() == "until nan"
    places = []
    for dpi in (72, 150):
        figure.set_dpi(dpi)
        figure.draw_without_rendering()
        ends = axes.transData.transform((1.0, 2.0))
        assert figure.transFigure.transform(text.xy) == pytest.approx(ends)
        box = Text.get_window_extent(text)
        places.append((box.x0 / figure.bbox.width, (box.y0 + box.y1) / figure.bbox.height))
    assert places[0] == pytest.approx(places[1], abs=0.01)
    assert places[0][0] > text.xy[0]  # to the right of the point
