"""Compiled functions in pictures: a call is one folder, which opens to what it does."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, draw, stepper
from autograd.compiled import nodes
from autograd.drawing.boxes import Graph, box_tree

w = Value(2.0, label="w")


@pytest.fixture
def called() -> Value:
    """A graph with two calls of the same function, the second a result; 3 nodes are inside."""

    @autograd.compile(backend="numpy")
    def curve(x: Any, y: Any) -> Any:
        return autograd.tanh(w * x) - y

    first = curve(Value(0.5, label="x"), 0.25)
    last: Value = curve(first * 3.0, 1.0)
    last.label = "L"
    w.zero_grad()
    last.backward()
    return last


def boxes(dot: str) -> dict[str, str]:
    """Return the attributes of what is drawn, by the first line of its text."""
    found = {}
    for line in re.findall(r"^\t+n\d+ \[(.*)\]$", dot, flags=re.MULTILINE):
        label = re.search(r"label=<(.*?)> \w+=", line)
        assert label is not None
        found[texts(label[1])[0]] = line
    return found


def texts(label: str) -> list[str]:
    return re.sub(r"<(?!br/)[^>]*>", "", label).split("<br/>")


def frames(dot: str) -> list[str]:
    return [texts(label)[0] for label in re.findall(r"label=<(.*?)> labeljust", dot)]


def test_a_call_is_one_folder_that_tells_what_is_in_it(called: Value) -> None:
    picture = draw(called)
    found = boxes(picture.dot)
    assert repr(picture) == "<Picture: Computation graph of L (8 nodes)>"
    assert "curve · 3 operations" in found["v1"]
    assert "curve 2 · 3 operations" in found["L"]
    assert all("shape=folder" in found[name] for name in ("v1", "L"))
    assert "peripheries=2" in found["L"]
    assert "peripheries" not in found["v1"]
    assert "tanh" not in picture.dot
    assert picture.dot.count("->") == 8  # each call has three parents, as any other node


def test_detail_opens_a_call_by_its_name_or_label_and_all_by_the_functions(called: Value) -> None:
    every = draw(called, detail="curve").dot
    assert sorted(frames(every)) == ["curve", "curve 2"]
    assert every.count("tanh(") >= 2
    for name in ("curve 2", "L"):
        second = draw(called, detail=name).dot
        assert frames(second) == ["curve 2"]
        assert "curve · 3 operations" in second  # and the first is closed
    with pytest.raises(ValueError, match=r"its modules are|it has no modules"):
        draw(called, detail="curve 3")


def test_an_open_call_has_the_numbers_and_gradients_of_the_same_graph(called: Value) -> None:
    graph = Graph([called], opened=[called, called.parents[0].parents[0]])
    shown = {node.op: (node.data, node.grad) for node in graph.nodes}
    slope = 1.0 - math.tanh(2.0 * called.parents[0].data) ** 2
    assert shown["tanh"] == (math.tanh(2.0 * called.parents[0].data), 1.0)
    assert called.grad == 1.0
    inner = [graph.nodes[place] for place in graph.insides[called]]
    assert [node.op for node in inner] == ["*", "tanh", "curve"]  # which stands for the last one
    assert inner[0].grad == pytest.approx(slope, rel=1e-15)
    before = w.grad
    draw(called, detail="curve")
    assert w.grad == before  # pictures change no gradient
    tree = box_tree(graph)
    assert [box.name for box in tree.inner] == ["curve", "curve 2"]
    assert all(len(box.own) == 3 for box in tree.inner)


def test_edges_of_an_open_call_have_the_derivatives_inside(called: Value) -> None:
    graph = Graph([called], opened=[called])
    assert graph.partials(len(graph.nodes) - 1) == (1.0, 0.0)  # of tanh(w * x) - 1
    assert len(graph.parents[-1]) == 2


def test_a_page_opens_each_call(called: Value, tmp_path: Path) -> None:
    path = draw(called).save(tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    assert re.findall(r'<details id="(.*?)">\n<summary>(.*?)</summary>', page) == [
        ("call-0", "<b>curve</b> compiled, 3 operations"),
        ("call-1", "<b>curve 2</b> compiled, 3 operations"),
    ]
    whole, first, second = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert 'class="node call-0"' in whole
    assert 'class="node call-1"' in whole
    assert "tanh" not in whole
    assert "tanh" in first
    assert 'class="node call-0"' not in first  # it is open there
    assert 'class="node call-0"' not in second  # and is not connected with the second


def test_large_calls_are_shown_by_what_they_consist_of() -> None:
    weights = [Value(math.sin(k)) for k in range(300)]
    long = autograd.compile(
        lambda x: autograd.sum([autograd.tanh(v * x) for v in weights]), backend="numpy"
    )
    result = long(Value(0.5, label="x"))
    result.backward()
    dot = draw(result, detail="compiled").dot
    assert "300 × tanh" in dot
    assert frames(dot) == ["compiled"]
    inside = draw(result)._boxes[0]
    assert "300 × multiply" in inside.dot
    assert "300 parameters" in inside.dot
    assert inside.content == "compiled, 601 operations"


def test_calls_too_large_to_open_stay_closed(
    called: Value, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "_MOST_OPERATIONS", 2)
    assert draw(called)._boxes == []
    with pytest.raises(ValueError, match="curve can't be opened in a picture: 3 operations"):
        draw(called, detail="curve")
    assert "too much for a picture" in stepper(called).page()


def test_a_call_with_nothing_inside_is_a_box_like_others() -> None:
    same = autograd.compile(lambda x: x, backend="numpy")
    result = same(Value(0.5, label="x")) * 2.0
    assert draw(result)._boxes == []
    with pytest.raises(ValueError, match="can't be opened"):
        draw(result, detail="compiled")


def test_a_stepper_unfolds_a_call_at_its_step(called: Value) -> None:
    walk = stepper(called)
    inside = [scene.inside for scene in walk.story.scenes if scene.inside]
    assert inside == ["curve: 3 operations"] * 2
    page = walk.page()
    assert page.count('<details class="inside"><summary>Inside curve: 3 operations<') == 2
    assert "; img-src data:" in page
    assert "Here gradients are those of v1 alone" in page
    assert called.grad == 1.0
    assert "img-src" not in stepper(w * 2.0).page()  # where it is not needed


def test_labels_are_escaped_inside_a_call(tmp_path: Path) -> None:
    evil = Value(0.5, label="<script>alert(1)</script>\\N&\"'")
    square = autograd.compile(lambda x: x * evil, backend="numpy")
    result = square(evil)
    result.label = "</details>"
    result.backward()
    page = draw(result).save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("</details>") == 1
    walk = stepper(result).page()
    assert "<script>alert" not in walk
