"""Collapsed pictures: what is written on the boxes, what `detail` opens, and the page."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from autograd import Primitive, Value, draw, sum, tanh
from autograd.drawing import page
from autograd.drawing.palette import LIGHT
from nn import LSTM, MLP, Linear, Module, Neuron, Sequential, losses

SVG = "{http://www.w3.org/2000/svg}"


def loss_of(model: Module, samples: int = 8) -> Value:
    outputs = [model([0.1 * k - 0.4, 0.3])[0] for k in range(samples)]
    loss = losses.mse(outputs, [float(k % 2) for k in range(samples)])
    loss.label = "loss"
    loss.backward()
    return loss


def boxes(dot: str) -> dict[str, str]:
    """Return the attributes of everything that is drawn, by its name."""
    found = {}
    for line in re.findall(r"^\t+n\d+ \[(.*)\]$", dot, flags=re.MULTILINE):
        label = re.search(r"label=<(.*?)> \w+=|label=<(.*)>$", line)
        assert label is not None
        found[lines(label[1] or label[2])[0]] = line
    return found


def lines(label: str) -> list[str]:
    return re.sub(r"<(?!br/)[^>]*>", "", label).split("<br/>")


def text(line: str) -> list[str]:
    label = re.search(r"label=<(.*?)> \w+=", line)
    assert label is not None
    return lines(label[1])


def test_a_neuron_is_a_folder_that_tells_what_is_in_it() -> None:
    model = MLP(2, [4, 4, 1], seed=1)
    picture = draw(loss_of(model))
    assert repr(picture) == "<Picture: Computation graph of loss (286 nodes in 14 boxes)>"
    box = boxes(picture.dot)["layers.0.neurons.3"]
    parameters = model.layers[0].neurons[3].parameters()
    mean = sum([abs(p.grad) for p in parameters]) / 3
    assert text(box) == [
        "layers.0.neurons.3",
        "Neuron · 3 parameters",
        "24 operations",
        f"mean |grad| {mean:.3g}",
    ]
    assert "shape=folder" in box
    bundle = boxes(picture.dot)["8 × subtract"]
    assert "shape=box3d" in bundle
    assert "shape=folder" not in bundle


def test_open_modules_are_frames() -> None:
    dot = draw(loss_of(MLP(2, [4, 4, 1]))).dot
    frames = [lines(label) for label in re.findall(r"label=<(.*?)> labeljust", dot)]
    assert frames == [["MLP"], ["layers.0 · Layer"], ["layers.1 · Layer"], ["layers.2 · Layer"]]


def test_bundled_edges_tell_how_many_they_are() -> None:
    dot = draw(loss_of(MLP(2, [2, 1], seed=1), samples=40)).dot
    assert "×40" in dot
    assert 'tooltip="40 edges"' in dot
    assert 'tooltip="80 edges: no gradient flows here"' in dot


def test_layers_then_models_are_collapsed_if_neurons_are_too_many() -> None:
    loss = loss_of(MLP(2, [16, 16, 1]))
    assert {"layers.0", "layers.1", "layers.2"} <= set(boxes(draw(loss, max_nodes=30).dot))
    assert "MLP" in boxes(draw(loss, max_nodes=6).dot)
    (everything,) = boxes(draw(loss, max_nodes=2).dot)
    assert everything == "the whole graph"


def test_detail_opens_a_neuron_and_keeps_the_rest_closed() -> None:
    loss = loss_of(MLP(2, [4, 4, 1]))
    opened = set(boxes(draw(loss, detail="layers.1.neurons.2").dot))
    assert {"layers.1.neurons.2.w[3]", "layers.1.neurons.2.b", "layers.0", "layers.2"} <= opened
    assert {f"layers.1.neurons.{k}" for k in (0, 1, 3)} <= opened


@pytest.mark.parametrize(
    "detail", ["MLP.layers.1.neurons.2", "layers.1.neurons.2.b", ["layers.1.neurons.2", "loss"]]
)
def test_a_box_is_found_by_its_full_name_and_by_what_is_in_it(detail: Any) -> None:
    loss = loss_of(MLP(2, [4, 4, 1]))
    assert "layers.1.neurons.2.w[0]" in boxes(draw(loss, detail=detail).dot)


def test_several_boxes_can_be_opened() -> None:
    loss = loss_of(MLP(2, [4, 4, 1]), samples=2)
    opened = boxes(draw(loss, detail=["layers.0.neurons.0", "layers.2"]).dot)
    assert {"layers.0.neurons.0.b", "layers.2.neurons.0.b", "layers.1"} <= set(opened)


def test_an_opened_neuron_of_many_samples_has_room() -> None:
    opened = boxes(draw(loss_of(MLP(2, [16, 16, 1]), 100), detail="layers.1.neurons.2").dot)
    assert {"100 × dot", "100 × add", "100 × tanh", "16 parameters", "15 × Neuron"} <= set(opened)


def test_an_unknown_detail_is_told_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"got 'layer': its modules are MLP, layers.0, layers.0"):
        draw(loss_of(MLP(2, [4, 4, 1])), detail="layer")
    with pytest.raises(ValueError, match="got 'y': it has no modules"):
        draw(Value(1.0, "x") * 2.0, detail="y")


def test_detail_all_shows_every_node() -> None:
    loss = loss_of(MLP(2, [4, 4, 1]))
    dot = draw(loss, detail="all").dot
    assert len(re.findall(r"^\t+n\d+ \[", dot, flags=re.MULTILINE)) == 286
    assert "folder" not in dot


def test_thousands_of_modules_are_put_together() -> None:
    loss = sum([Neuron(1)([1.0]) for _ in range(1000)])
    dot = draw(loss).dot
    shown = boxes(dot)
    assert len(shown) < 50
    assert text(shown["63 × Neuron"])[1:4] == ["Neuron 883", "to Neuron 945", "126 parameters"]


def test_nan_inside_is_seen_from_outside() -> None:
    model = MLP(2, [4, 4, 1], seed=1)
    model.layers[1].neurons[2].w[0].data = float("nan")
    box = boxes(draw(loss_of(model)).dot)["layers.1.neurons.2"]
    assert text(box)[-1].startswith("⚠ ")
    assert text(box)[-1].endswith(" nan or inf")
    assert LIGHT.alarm in box


def test_the_same_network_gives_the_same_text() -> None:
    first, second = (draw(loss_of(MLP(2, [4, 4, 1], seed=1))).dot for _ in range(2))
    assert first == second


def test_a_recurrent_network_is_drawn() -> None:
    outputs, _ = LSTM(2, 4, seed=1)([[0.1, 0.2]] * 6)
    assert "cells.0" in boxes(draw(sum(outputs[-1])).dot)
    assert draw(sum(outputs[-1]), detail="cells.0").svg


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b\\N', "{|}&amp;", "👩‍🔬\n\0"])
def test_names_cannot_break_a_collapsed_picture(name: str, tmp_path: Path) -> None:
    kind = type(name.replace("\0", ""), (Linear,), {})
    model = kind(2, 1)
    setattr(model, name, Linear(1, 1))
    nasty = Primitive("nasty", lambda x: x, lambda out, x: (1.0,), symbol=name)
    loss = sum([nasty(tanh(model([0.1 * k, 1.0])[0])) for k in range(60)])
    loss = loss + sum([nasty(tanh(Value(1.0))) for _ in range(60)])
    loss.label = name
    picture = draw(loss)
    root = ET.fromstring(picture.svg)
    assert not [e for e in root.iter() if e.tag.removeprefix(SVG) in ("script", "a")]
    html = picture.save(tmp_path / "g.html").read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert "alert(1)<" not in html.replace("alert(1)&lt;", "")


# The page -----------------------------------------------------------------------------------------


def test_a_page_has_a_picture_of_every_folder(tmp_path: Path) -> None:
    loss = loss_of(MLP(2, [4, 4, 1]))
    html = draw(loss).save(tmp_path / "g.html").read_text(encoding="utf-8")
    numbers = set(re.findall(r'class="node box-(\d+)"', html))
    assert numbers == set(re.findall(r'<details id="box-(\d+)">', html))
    assert len(numbers) == 9
    assert "<summary><b>layers.1.neurons.2</b> Neuron, 5 parameters, 24 operations" in html


def test_folders_in_folders_can_be_opened(tmp_path: Path) -> None:
    loss = loss_of(Sequential(MLP(2, [3, 2]), MLP(2, [3, 1])), samples=30)
    html = draw(loss, max_nodes=8).save(tmp_path / "g.html").read_text(encoding="utf-8")
    for path in ("layers.0", "layers.1", "layers.0.layers.1.neurons.1"):
        assert f"<summary><b>{path}</b>" in html


def test_the_script_is_the_one_that_the_page_allows(tmp_path: Path) -> None:
    html = draw(loss_of(MLP(2, [4, 4, 1]))).save(tmp_path / "g.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in html
    assert not re.search(r"\b(src|href)=", html)


@pytest.mark.parametrize("sizes", [[6, 6, 1], [16, 8, 1], [5, 7, 1], [10, 10, 10, 1]])
def test_the_neurons_of_a_layer_stand_in_their_order(sizes: list[int]) -> None:
    root = ET.fromstring(draw(loss_of(MLP(2, sizes), samples=2)).svg)
    heights = {text.text: float(text.attrib["y"]) for text in root.iter(f"{SVG}text")}
    for layer, size in enumerate(sizes):
        ys = [heights[f"layers.{layer}.neurons.{number}"] for number in range(size)]
        assert ys == sorted(ys)


def test_a_small_graphs_page_has_no_script(tmp_path: Path) -> None:
    html = draw(Value(1.0) * 2.0).save(tmp_path / "g.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "script-src" not in html
    assert "<details" not in html


def test_pages_do_not_grow_without_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "_MOST_PICTURES", 5)
    loss = loss_of(MLP(2, [4, 4, 1]))
    html = draw(loss).save(tmp_path / "g.html").read_text(encoding="utf-8")
    assert html.count("<details") == 5
    monkeypatch.setattr(page, "_MOST_NODES", 10)
    html = draw(loss).save(tmp_path / "g.html").read_text(encoding="utf-8")
    assert html.count("<details") == 0


def test_a_collapsed_svg_has_no_ids_and_tooltips_for_frames() -> None:
    root = ET.fromstring(draw(loss_of(MLP(2, [4, 4, 1]))).svg)
    assert not [element for element in root.iter() if "id" in element.attrib]
    titles = [
        group.findtext(f"{SVG}title")
        for group in root.iter(f"{SVG}g")
        if (group.get("class") or "").startswith("cluster")
    ]
    assert titles == ["MLP", "MLP.layers.0", "MLP.layers.1", "MLP.layers.2"]
    used = {e.get(a) for e in root.iter() for a in ("fill", "stroke")}
    assert used - {None, "none"} <= set(LIGHT.colours())
