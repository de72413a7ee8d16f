"""Graph → DOT: what is drawn, and how the parts are told apart."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

from autograd import Value, exp, log, sum, tanh
from autograd.drawing import dot
from autograd.drawing.boxes import Graph, box_tree
from autograd.drawing.overview import everything
from autograd.drawing.palette import DARK, LIGHT, Palette, dark_style

THEMES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


def write_dot(roots: list[Value], palette: Palette, **options: Any) -> str:
    """Return all nodes of a graph in DOT."""
    graph = Graph(roots)
    return dot.write_dot(everything(graph, box_tree(graph)), palette, **options)


def boxes(*roots: Value) -> list[dict[str, str]]:
    """Return the attributes of the nodes, in topological order."""
    lines = re.findall(
        r"^\tn\d+ \[((?:.|\\\n)*)\]$", write_dot(list(roots), LIGHT), flags=re.MULTILINE
    )
    return [attributes(line) for line in lines]


def arrows(*roots: Value) -> list[dict[str, str]]:
    lines = re.findall(r"^\tn\d+ -> n\d+ ?(.*)$", write_dot(list(roots), LIGHT), flags=re.MULTILINE)
    return [attributes(line.strip("[]")) for line in lines]


def attributes(line: str) -> dict[str, str]:
    pairs = re.findall(r'(\w+)=(?:<(.*?)>(?= \w+=|$)|"(.*?)"|(\S+))', line, flags=re.DOTALL)
    return {name: html or quoted or bare for name, html, quoted, bare in pairs}


def words(label: str) -> str:
    return re.sub(r"<[^>]*>", "", label.replace("<br/>", " | "))


def test_a_box_says_name_operation_number_and_gradient() -> None:
    x, w = Value(2.0, "x"), Value(-3.0, "w", requires_grad=False)
    y = x * w
    y.backward()
    assert [words(box["label"]) for box in boxes(y)] == [
        "x | parameter | data 2  grad ▼ -3",
        "w | input | data -3",
        "v1 | x · w | data -6  grad ▲ 1",
    ]
    assert words(boxes(x * 5.0)[1]["label"]) == "5 | constant"
    assert "data = 2.0&#10;grad = -3.0" in boxes(y)[0]["tooltip"]


def test_a_labelled_constant_shows_its_number_even_if_that_is_its_label() -> None:
    constant = Value(3.0, "3", requires_grad=False)
    assert words(boxes(constant * Value(1.0))[0]["label"]) == "3 | input | data 3"


def test_kinds_differ_in_shape_and_in_colour() -> None:
    x, w = Value(2.0, "x", requires_grad=False), Value(-3.0, "w")
    drawn = boxes(tanh(x * w + 1.0))
    shapes = {(b["shape"], b.get("style"), b.get("peripheries")): b["color"] for b in drawn}
    assert len(shapes) == 5
    assert {*shapes.values(), LIGHT.kinds["group"]} == set(LIGHT.kinds.values())


def test_every_root_is_an_output() -> None:
    x = Value(2.0, "x")
    y = x * x
    z = y + 1.0
    assert [box.get("peripheries") for box in boxes(y, z)] == [None, "2", None, "2"]


def test_parallel_edges_are_kept() -> None:
    x = Value(3.0, "x")
    assert [words(arrow["label"]) for arrow in arrows(x * x)] == ["3", "3"]


def test_edges_without_gradient_are_dashed_and_have_no_derivative() -> None:
    with_gradient, without = arrows(Value(3.0, "x") * 2.0)
    assert "style" not in with_gradient
    assert words(with_gradient["label"]) == "2"
    assert without["style"] == "dashed"
    assert "label" not in without


def test_derivatives_can_be_left_out() -> None:
    x = Value(3.0, "x")
    source = write_dot([x * x], LIGHT, derivatives=False)
    assert not re.search(r"->.* label=", source)
    assert "∂v1/∂x = 3.0" in source  # but stays in the tooltip


def test_the_darker_the_larger_the_gradient() -> None:
    leaves = [Value(1.0, f"x{k}") for k in range(4)]
    y = sum([leaves[0] * 8.0, leaves[1] * -4.0, leaves[2] * 1e-9, leaves[3] * 0.0])
    y.backward()
    filled = {box["label"].split("</")[0][-2:]: box["fillcolor"] for box in boxes(y)}
    places = [LIGHT.shades.index(filled[f"x{k}"]) for k in range(4)]
    darkest = len(LIGHT.shades) - 1
    assert places == [darkest, darkest - 1, 1, 0]


def test_a_graph_without_gradients_has_no_shade() -> None:
    assert {box["fillcolor"] for box in boxes(tanh(Value(1.0)))} == {LIGHT.shades[0]}


@pytest.mark.parametrize(
    ("x", "number", "gradient"),
    [
        (0.0, "⚠ -inf", "▲ 1"),
        (math.nan, "⚠ nan", "▲ 1"),
    ],
)
def test_nan_and_inf_are_unmistakable(x: float, number: str, gradient: str) -> None:
    y = log(Value(x, "x"))
    y.backward()
    leaf, output = boxes(y)
    assert words(output["label"]) == f"v1 | log(x) | data {number}  grad {gradient}"
    for box in (leaf, output):  # the leaf has an infinite or undefined gradient
        assert (box["fillcolor"], box["color"]) == (LIGHT.alarm, LIGHT.alarm_edge)
        assert float(box["penwidth"]) > 2.0
    assert "grad ⚠" in words(leaf["label"])
    (arrow,) = arrows(y)
    assert words(arrow["label"]).startswith("⚠")
    assert arrow["color"] == LIGHT.warning


def test_a_nan_elsewhere_does_not_spoil_the_shades() -> None:
    x, y = Value(1.0, "x"), Value(math.inf, "y")
    out = exp(x) + y * 0.0
    out.backward()
    shades = [b["fillcolor"] for b in boxes(out) if b["fillcolor"] != LIGHT.alarm]
    assert shades[0] == LIGHT.shades[-1]


def test_long_labels_are_cut_in_the_box_and_whole_in_the_tooltip() -> None:
    label = "long" * 2500
    (box,) = boxes(Value(1.0, label))
    assert words(box["label"]).startswith(label[:31] + "… | parameter")
    assert box["tooltip"].replace("\\\n", "").startswith(label + "&#10;")


def test_an_operation_too_long_for_its_box_is_shortened_to_its_symbol() -> None:
    x = Value(1.0, "long" * 20)
    assert "| * |" in words(boxes(x * x)[1]["label"])
    assert "| sum |" in words(boxes(sum([x] * 50))[1]["label"])


def test_the_direction_is_written() -> None:
    assert "rankdir=TB" in write_dot([Value(1.0)], LIGHT, direction="TB")


def test_same_graph_same_text_and_no_addresses() -> None:
    def graph() -> Value:
        x = Value(2.0)
        return tanh(x * Value(3.0)) + x

    assert write_dot([graph()], LIGHT) == write_dot([graph()], LIGHT)
    assert "0x" not in write_dot([graph()], LIGHT)


# Colours --------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Return the relative luminance, as WCAG 2.2 defines it."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@THEMES
def test_texts_have_the_contrast_of_wcag_aa(palette: Palette) -> None:
    for text, inside in itertools.product([palette.text, palette.muted], palette.shades):
        assert contrast(text, inside) >= 4.5
    assert contrast(palette.alarm_text, palette.alarm) >= 4.5
    for text in (palette.text, palette.muted, palette.warning):
        assert contrast(text, palette.background) >= 4.5


@THEMES
def test_outlines_and_arrows_have_the_contrast_of_wcag_aa(palette: Palette) -> None:
    for line in (*palette.kinds.values(), palette.edge, palette.alarm_edge):
        assert contrast(line, palette.background) >= 3.0
    assert contrast(palette.alarm_edge, palette.alarm) >= 2.0


@THEMES
def test_shades_go_one_way(palette: Palette) -> None:
    distances = [contrast(shade, palette.background) for shade in palette.shades]
    assert distances == sorted(distances)


def test_each_colour_means_one_thing_so_that_it_can_be_exchanged() -> None:
    light = LIGHT.colours()
    assert len(set(light)) == len(light) == len(DARK.colours())
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in light + DARK.colours())
    style = dark_style(".here")
    for before, after in zip(light, DARK.colours(), strict=True):
        assert f'.here [fill="{before}"]{{fill:{after}}}' in style
