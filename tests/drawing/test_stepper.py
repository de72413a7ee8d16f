"""The stepper: what each step says, and a page that stands by itself whatever a label contains."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Sweep, Value, gradients, sin, stepper, tanh
from autograd.drawing import RenderingError, Stepper
from autograd.drawing.stepper import graph, layout, page
from autograd.drawing.stepper.graph import brief
from autograd.drawing.stepper.story import Story

SVG = "{http://www.w3.org/2000/svg}"
NASTY = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]>",
    "</style></svg></title>",
    "'\"><img src=x onerror=alert(1)>",
    "&lt; &amp; &#60;",
    "👩‍🔬 漢字 ∑",
    "a\nb\0\u2028",
    "\ud800\uffff",
    "\\u003c ${x} `y`",
    "y" * 10_000,
]

TAGS = (
    "html head meta title body main h1 div style figure svg g path polygon polyline rect text "
    "details summary p ol li b table thead tbody tr th td script math mrow mfrac mi mn mo mtext "
    "msub msup msqrt mtable mtr mtd mspace mstyle mover munder"
)


def neuron() -> Value:
    x1, x2 = (Value(x, f"x{k}", requires_grad=False) for k, x in ((1, 2.0), (2, 0.0)))
    w1, w2, b = Value(-3.0, "w1"), Value(1.0, "w2"), Value(6.8813735870195432, "b")
    out = tanh(x1 * w1 + x2 * w2 + b)
    out.label = "o"
    return out


def polynomial() -> Value:
    x = Value(3.0, "x")
    return x * x + sin(x)


class Reader(html.parser.HTMLParser):
    """What a browser would find: the elements, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.in_script = tag == "script"
        if self.in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.scripts[-1] += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name or class."""
        return [
            attributes
            for tag, attributes in self.elements
            if tag == name or name in (attributes.get("class") or "").split()
        ]

    def data(self) -> dict[str, Any]:
        (content,) = (text for text in self.scripts if text.startswith("{"))
        return json.loads(content)


def svg_of(root: Value) -> ET.Element:
    (text,) = re.findall(r"<svg.*?</svg>", page.markup(Story(root, 300)), re.DOTALL)
    return ET.fromstring(text)


def groups(svg: ET.Element, kind: str) -> list[ET.Element]:
    return [g for g in svg.iter(f"{SVG}g") if kind in (g.get("class") or "").split()]


def texts(group: ET.Element, role: str) -> list[str]:
    roles = [(text, (text.get("class") or "").split()) for text in group.iter(f"{SVG}text")]
    return [text.text or "" for text, classes in roles if role in classes]


# The steps ------------------------------------------------------------------------------------


def test_first_the_values_in_order_then_the_gradients_in_the_order_of_the_sweep() -> None:
    root = polynomial()
    story = Story(root, 300)
    sweep = Sweep(root)
    turns = [(scene.phase, scene.node) for scene in story.scenes]
    operations = [place for place, node in enumerate(story.nodes) if not node.is_leaf]
    assert turns[: 1 + len(operations)] == [
        ("forward", None),
        *(("forward", place) for place in operations),
    ]
    backward = [
        story.nodes[place] for phase, place in turns if phase == "backward" and place is not None
    ]
    assert backward == list(reversed(sweep.order))
    assert turns[-1] == ("backward", None)
    assert len(stepper(root)) == len(turns) == 9


@st.composite
def graphs(draw: st.DrawFn) -> Value:
    numbers = st.floats(-2.0, 2.0)
    nodes = [Value(draw(numbers), f"a{k}", requires_grad=k != 1) for k in range(3)]
    for _ in range(draw(st.integers(1, 8))):
        x, y = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        nodes.append(draw(st.sampled_from([x + y, x * y, x - y, tanh(x), sin(x)])))
    return nodes[-1] + nodes[0]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_gradients_are_those_of_the_sweep_whatever_was_accumulated_before(root: Value) -> None:
    story = Story(root, 300)
    tracked = [node for node in story.nodes if node.requires_grad]
    slopes = dict(zip(tracked, gradients(root, tracked), strict=True))
    told = dict(zip(story.nodes, story.gradients, strict=True))
    assert {node: told[node] for node in tracked} == pytest.approx(slopes, rel=1e-12, abs=1e-300)
    assert all(told[node] is None for node in story.nodes if not node.requires_grad)
    root.backward()  # leaves a gradient at each leaf
    assert Story(root, 300).gradients == story.gradients
    for step in Sweep(root):
        assert told[step.node] == step.upstream


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_a_step_carries_along_the_edges_of_its_node_and_nothing_is_told_before_it_is_known(
    root: Value,
) -> None:
    story = Story(root, 300)
    computed, swept = story.turns("forward"), story.turns("backward")
    for number, scene in enumerate(story.scenes):
        links = [story.links[link] for link in scene.links]
        if scene.phase == "forward":
            assert all(link.child == scene.node for link in links)
            assert all(computed[link.parent] < number for link in links)
        else:
            assert all(link.parent == scene.node for link in links)
            assert all(swept[link.child] < number for link in links)
        if scene.phase == "backward" and scene.node not in (None, len(story.nodes) - 1):
            shares = [link.contribution or 0.0 for link in links]
            assert math.fsum(shares) == pytest.approx(story.gradients[scene.node or 0], abs=1e-12)
    carried = [link for scene in story.scenes if scene.phase == "backward" for link in scene.links]
    assert sorted(carried) == [
        number for number, link in enumerate(story.links) if link.contribution is not None
    ]


def test_every_gradient_comes_with_its_equation_its_chain_rule_and_its_check() -> None:
    story = Story(polynomial(), 300)
    for scene in story.scenes:
        if scene.node is None:
            continue
        assert scene.equation.startswith("<math")
        if scene.phase == "backward":
            assert (scene.verdict, "finite differences" in scene.check) == ("agrees", True)
            assert scene.chain.startswith("<math") == (scene.node != len(story.nodes) - 1)


def test_a_wrong_rule_is_found_at_its_step() -> None:
    x = Value(2.0, "x")
    square = x * x
    square.partials = (2.0, 3.0)
    verdicts = {scene.node: scene.verdict for scene in Story(square + 1.0, 300).scenes}
    assert verdicts[0] == "disagrees"
    assert list(verdicts.values()).count("disagrees") == 1
    text = page.page(Story(square + 1.0, 300))
    assert 'class="check disagrees"><b>✗</b>' in text


def test_sentences_count_the_ways() -> None:
    sentences = [scene.sentence for scene in Story(polynomial(), 300).scenes]
    assert "x goes into v1 (2 times) and v2. What comes back" in sentences[-2]
    assert "v1 goes into v3 only" in sentences[-3]


def test_nan_and_infinities_are_told() -> None:
    root = Value(1.0, "x") / Value(0.0, "zero", requires_grad=False)
    nodes = groups(svg_of(root), "node")
    classes = [set((node.get("class") or "").split()) for node in nodes]
    assert [("bad-value" in c, "bad-gradient" in c) for c in classes] == [
        (False, True),
        (False, False),
        (True, False),
    ]
    assert texts(nodes[0], "gradient") == ["⚠ inf"]
    assert page.data(Story(root, 300))["nodes"][0]["exact"] == "inf"


def test_the_nodes_are_not_touched() -> None:
    root = polynomial()
    root.backward()
    before = [node.grad for node in Sweep(root).order]
    stepper(root).page()
    assert [node.grad for node in Sweep(root).order] == before


# The picture ----------------------------------------------------------------------------------


def test_the_picture_shows_all_values_and_gradients() -> None:
    root = neuron()
    story = Story(root, 300)
    svg = svg_of(root)
    for place, node in enumerate(groups(svg, "node")):
        gradient = story.gradients[place]
        assert node.get("data-place") == str(place)
        assert texts(node, "value") == [brief(story.nodes[place].data)]
        assert [text.split()[-1] for text in texts(node, "gradient")] == (
            [] if gradient is None else [brief(gradient)]
        )
    kinds = {(node.get("class") or "").split()[1] for node in groups(svg, "node")}
    assert kinds == {"input", "parameter", "operation", "output"}


def test_both_edges_of_a_square_are_drawn() -> None:
    x = Value(3.0, "x")
    edges = groups(svg_of(x * x), "edge")
    assert len(edges) == 2
    paths = [path.get("d") for edge in edges for path in edge.iter(f"{SVG}path")]
    assert len(set(paths)) == 4  # each there and back, on ways of their own


def test_the_sign_of_what_flows_back_is_in_the_class_of_its_edge() -> None:
    w = Value(2.0, "w")
    root = Value(0.0, "x", requires_grad=False) * w + w * -3.0 + w
    signs = {(edge.get("class") or "").split()[1] for edge in groups(svg_of(root), "edge")}
    assert signs == {"zero", "negative", "positive", "constant"}


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_edges_lead_from_box_to_box(direction: str) -> None:
    sizes = [(60.0, 40.0), (90.0, 30.0)]
    arranged = layout.arranged(sizes, [(0, 1), (0, 1)], direction=direction)
    for curve in arranged.curves:
        for tip, centre, (width, height) in zip(
            (curve.tail, curve.head), arranged.centres, sizes, strict=True
        ):
            assert abs(tip[0] - centre[0]) <= width / 2 + 2
            assert abs(tip[1] - centre[1]) <= height / 2 + 2
    axis = 0 if direction == "LR" else 1
    assert arranged.centres[0][axis] < arranged.centres[1][axis]


# The page -------------------------------------------------------------------------------------


def test_a_page_needs_nothing_but_itself() -> None:
    text = stepper(neuron()).page()
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1998/Math/MathML",
    }
    assert not re.search(r"@import|\burl\(|\bfetch\(|XMLHttpRequest|\bimport\b[ (]", text)
    reader = Reader(text)
    assert all(not {"src", "href", "data"} & attributes.keys() for _, attributes in reader.elements)
    assert not reader.all("link")


def test_the_policy_allows_the_one_script_and_no_network() -> None:
    text = stepper(neuron()).page()
    reader = Reader(text)
    (policy,) = (m["content"] for m in reader.all("meta") if m.get("http-equiv"))
    (module,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(module.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def test_without_scripts_all_steps_are_a_list() -> None:
    story = Story(neuron(), 300)
    reader = Reader(page.page(story))
    steps = [attributes.get("class") for tag, attributes in reader.elements if tag == "li"]
    assert steps == [scene.phase for scene in story.scenes]
    assert all("hidden" not in attributes for _, attributes in reader.elements)
    assert len(reader.all("math")) >= len(story.scenes) - 2


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=2, max_size=4))
@example(NASTY)
def test_no_label_can_do_harm(labels: list[str]) -> None:
    root = sum((Value(1.0 + k, label) for k, label in enumerate(labels)), Value(0.5, labels[0]))
    root.label = labels[-1]
    story = Story(root, 300)
    text = page.page(story)
    reader = Reader(text)
    assert len(reader.all("script")) == 2
    assert len(reader.all("style")) == len(reader.all("svg")) == 1
    assert len(reader.all("li")) == len(story.scenes) == len(reader.data()["steps"])
    assert {tag for tag, _ in reader.elements} <= set(TAGS.split())
    attributes = {name for _, attributes in reader.elements for name in attributes}
    assert not [name for name in attributes if name.startswith("on") or name in ("src", "href")]
    assert [node["name"] for node in reader.data()["nodes"]] == [
        story.name(place) for place in range(len(story.nodes))
    ]
    ET.fromstring(re.findall(r"<svg.*?</svg>", text, re.DOTALL)[0])


def test_two_renderings_share_no_name() -> None:
    shown = stepper(neuron())
    first, second = Reader(shown._repr_html_() or ""), Reader(shown._repr_html_() or "")
    tokens = [reader.all("stepgrad-stepper")[0]["data-stepper"] for reader in (first, second)]
    assert tokens[0] != tokens[1]
    assert tokens[0] in first.scripts[-1]
    assert tokens[1] not in first.scripts[-1]
    for reader in (first, second, Reader(shown.page())):
        assert all("id" not in attributes for _, attributes in reader.elements)


def test_the_data_tell_when_each_number_becomes_known() -> None:
    root = neuron()
    data = Reader(stepper(root).page()).data()
    story = Story(root, 300)
    assert [step["node"] for step in data["steps"]] == [scene.node for scene in story.scenes]
    for place, node in enumerate(data["nodes"]):
        leaf, gradient = story.nodes[place].is_leaf, story.gradients[place]
        assert node["computed"] == 0 if leaf else data["steps"][node["computed"]]["node"] == place
        assert (node["exact"] is None) == (gradient is None)
        if gradient is not None:
            assert float(node["exact"]) == gradient
            assert data["steps"][node["swept"]] == {
                "phase": "backward",
                "node": place,
                "links": list(story.scenes[node["swept"]].links),
                "sentence": story.scenes[node["swept"]].sentence,
            }


def test_a_notebook_that_is_not_trusted_keeps_the_picture() -> None:
    reader = Reader(stepper(neuron())._repr_html_() or "")
    assert not reader.all("svg")  # it would be taken apart
    (image,) = reader.all("img")
    kind, _, content = (image["src"] or "").partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert len(groups(ET.fromstring(base64.b64decode(content)), "node")) == 10


@pytest.mark.parametrize(("theme", "scheme"), [("light", "light"), ("dark", "dark")])
def test_a_theme_can_be_chosen(theme: str, scheme: str) -> None:
    text = stepper(neuron(), theme=theme).page()
    assert re.findall(r"color-scheme: (\w+)", text) == [scheme]
    assert "prefers-color-scheme" not in text
    assert set(re.findall(r"color-scheme: (\w+)", stepper(neuron()).page())) == {"light", "dark"}


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read(theme: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", page.style(theme)))
    grounds = [colours["background"], colours["raised"]]
    boxes = [colour for name, colour in colours.items() if name.startswith("shade-")]
    for name in ("text", "muted", "link", "good", "warning", "positive", "negative"):
        assert min(contrast(colours[name], ground) for ground in grounds) >= 4.5
    for name in ("text", "muted", "positive", "negative"):
        assert min(contrast(colours[name], box) for box in boxes) >= 4.5
    assert contrast(colours["alarm-text"], colours["alarm"]) >= 4.5
    assert contrast(colours["background"], colours["focus"]) >= 4.5  # of the button Next
    assert contrast(colours["edge"], colours["background"]) >= 3.0


def test_steppers_of_several_themes_on_one_page_keep_their_own() -> None:
    for theme in ("auto", "light", "dark"):
        shown = neuron().stepper(theme=theme)
        mark = f'data-stepgrad-theme="{theme}"'
        assert re.search(f'<div class="stepgrad-stepper" [^>]*{mark}', shown._fragment())
        assert re.search(f'<body class="stepgrad-stepper-page" {mark}', shown.page())
        coloured = re.findall(r"([^{}]+)\{ color-scheme: ", page.style(theme))
        assert len(coloured) == (4 if theme == "auto" else 1)
        assert all(mark in selector for selector in coloured)


# The object -----------------------------------------------------------------------------------


def test_saving(tmp_path: Path) -> None:
    shown = neuron().stepper()
    assert isinstance(shown, Stepper)
    path = shown.save(tmp_path / "steps.html")
    assert path.read_text(encoding="utf-8") == shown.page() == shown.page()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"saved as \.html, not as 'steps\.pdf'"):
        shown.save(tmp_path / "steps.pdf")
    with pytest.raises(FileNotFoundError, match="create it first"):
        shown.save(tmp_path / "nowhere" / "steps.html")


def test_what_cannot_be_stepped_through_is_refused_in_a_sentence() -> None:
    x = Value(1.0, "x")
    with pytest.raises(TypeError, match="a sweep begins at a Value, got list"):
        stepper([x])
    with pytest.raises(RuntimeError, match="depends on no Value that requires a gradient"):
        stepper(x.detach())
    with pytest.raises(ValueError, match="theme is 'auto' or 'light' or 'dark', got 'blue'"):
        stepper(x, theme="blue")
    with pytest.raises(ValueError, match="direction is 'LR' or 'TB', got 'up'"):
        stepper(x, direction="up")
    for _ in range(200):
        x = x * 1.001
    with pytest.raises(ValueError, match=r"takes 403 steps, more than max_steps=300: step through"):
        stepper(x)
    assert len(stepper(x, max_steps=403)) == 403


def test_a_leaf_is_its_own_result() -> None:
    shown = stepper(Value(3.0, "x"))
    assert len(shown) == 3
    assert shown.story.gradients == [1.0]
    assert "There is nothing to compute" in shown.page()


def test_in_notebooks() -> None:
    shown = stepper(neuron())
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == repr(shown) == "<Stepper: 15 steps through o>"
    kind, frame = shown._mime_()
    assert kind == "text/html"
    (attributes,) = Reader(frame).all("iframe")
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == shown.page()


def test_without_graphviz_a_notebook_shows_the_steps_in_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: Any) -> bytes:
        raise RenderingError("no Graphviz was found")

    monkeypatch.setattr(layout, "render", fail)
    graph.arranged_once.cache_clear()
    shown = stepper(neuron())
    assert shown._repr_html_() is None
    for text in (shown._repr_mimebundle_()["text/plain"], shown._mime_()[1]):
        assert text.startswith("no Graphviz was found\n")
        assert "w1.grad += x1 · v1.grad = 2 × 0.5 → 1.0" in text
    with pytest.raises(RenderingError):
        shown.save(tmp_path / "steps.html")
    assert list(tmp_path.iterdir()) == []


def test_the_script_and_the_stylesheet_come_with_the_package() -> None:
    assert "export function mount(" in page.script()
    assert ".stepgrad-stepper" in page.style()
    assert "</script" not in page.script().lower()
