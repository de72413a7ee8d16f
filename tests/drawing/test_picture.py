"""Pictures: what they show in a notebook, what they save, and that no label breaks them."""

from __future__ import annotations

import base64
import html.parser
import importlib.util
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Primitive, Value, draw, sum, tanh
from autograd.drawing import Picture, RenderingError, render
from autograd.drawing.dot import cut
from autograd.drawing.palette import DARK, LIGHT
from autograd.formula import visible

SVG = "{http://www.w3.org/2000/svg}"
KNOWN = {"svg", "style", "g", "title", "polygon", "polyline", "path", "text"}
NASTY = [
    "<script>alert(1)</script>",
    "</text></svg><script>",
    "--><!-- ]]>",
    "</title></style>",
    "\"quoted\" 'single'",
    r"\n \N \G \l \\ \\\n",
    "trailing\\",
    "a|b{c}<d>",
    "<b>bold</b>",
    "<<b>x</b>>",
    "&amp; &lt; &#65; &unknown; &",
    "👩‍🔬 é 数 ∑",
    "a\nb\tc\rd",
    "\0\x1b[31m\x7f",
    "\u202egnp.exe",
    "\ud800\uffff",
    "  two  spaces  ",
    " ",
    "];} digraph {",
    "%s {0} $x",
    "/CreationDate (D:20200202020202Z)",
]


def neuron() -> Value:
    x1, x2, b = Value(2.0, "x1"), Value(0.0, "x2"), Value(6.8813735870195432, "b")
    out = tanh(x1 * Value(-3.0, "w1") + x2 * Value(1.0, "w2") + b)
    out.label = "o"
    out.backward()
    return out


def labelled(labels: list[str]) -> Value:
    return sum([Value(float(k), label) for k, label in enumerate(labels)])


def plain(text: str) -> str:
    return text.replace("\xa0", " ").strip()


def names_in(svg: str) -> dict[str, str]:
    """Return, for every node, the whole name from its tooltip and the name in its box."""
    root = ET.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= KNOWN
    nodes = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    titles = [(node.findtext(f"{SVG}title") or "").rsplit("\n", 3)[0] for node in nodes]
    texts = [node.findtext(f"{SVG}text") or "" for node in nodes]
    return {plain(title): plain(text) for title, text in zip(titles, texts, strict=True)}


# Labels ---------------------------------------------------------------------------------------


SPECIAL = st.text(st.sampled_from("\\\\NGEnlr&;#x41amplt<>/\"'|{}[]()$% \n\0-!?"), max_size=40)


@settings(max_examples=5)
@given(
    st.lists(
        st.text(max_size=20) | SPECIAL,
        min_size=20,
        max_size=20,
        unique_by=lambda text: plain(visible(text)),
    )
)
@example(NASTY)
@example(["x" * 2_000, "\\" * 2_000, "<" * 2_000])
def test_labels_are_shown_as_they_are(labels: list[str]) -> None:
    shown = [visible(label) for label in labels if plain(visible(label))]
    names = names_in(draw(labelled(labels)).svg)
    assert {plain(label): plain(cut(label)) for label in shown}.items() <= names.items()


class Elements(html.parser.HTMLParser):
    """Collects the elements and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("label", NASTY)
def test_labels_cannot_break_out_of_a_page(label: str, tmp_path: Path) -> None:
    root = Value(1.0, label) * 2.0
    root.label = label
    page = Elements(draw(root).save(tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.tags <= KNOWN | {"html", "head", "meta", "body", "h1", "div", "p"}
    assert not any(name.startswith("on") or name.endswith("href") for name in page.attributes)
    assert f"Computation graph of {cut(visible(label))} (3 nodes)" in page.texts


def test_symbols_of_a_users_primitive_cannot_break_a_picture() -> None:
    nasty = Primitive(
        "nasty", lambda x, y: x, lambda out, x, y: (1.0, 0.0), symbol='<b>&\\N"|\0' * 9
    )
    assert set(names_in(draw(nasty(Value(1.0, "x"), Value(2.0, "y"))).svg)) == {"x", "y", "v1"}


# Formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("g.svg", b"<svg "),
        ("g.png", b"\x89PNG"),
        ("g.pdf", b"%PDF"),
        ("g.dot", b"digraph"),
        ("g.html", b"<!DOCTYPE html>"),
        ("G.SVG", b"<svg "),
    ],
)
def test_saving_follows_the_suffix_and_gives_the_same_bytes_each_time(
    name: str, start: bytes, tmp_path: Path
) -> None:
    first = neuron().draw().save(tmp_path / name).read_bytes()
    second = draw(neuron()).save(str(tmp_path / name)).read_bytes()
    assert first.startswith(start)
    assert first == second
    assert os.listdir(tmp_path) == [name]


def test_a_pdf_does_not_tell_the_time(tmp_path: Path) -> None:
    assert b"/CreationDate (D:1970" in draw(Value(1.0)).save(tmp_path / "g.pdf").read_bytes()


@pytest.mark.parametrize("name", ["graph", "graph.jpeg", ".svg"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.dot or \.html, not as '") as info:
        draw(Value(1.0)).save(tmp_path / name)
    assert repr(name) in str(info.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere' to save 'g.svg'"):
        draw(Value(1.0)).save(tmp_path / "nowhere" / "g.svg")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "g.dot"
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        draw(Value(1.0)).save(target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["g.dot"]


def test_the_svg_has_a_title_and_no_ids() -> None:
    root = ET.fromstring(draw(neuron()).svg)
    assert root.get("aria-label") == "Computation graph of o (10 nodes)"
    assert root.findtext(f"{SVG}g/{SVG}title") == root.get("aria-label")
    assert not [element for element in root.iter() if "id" in element.attrib]


def test_tooltips_tell_all_digits() -> None:
    svg = draw(neuron()).svg
    assert "o\ntanh(v4)\ndata = 0.7071067811865477\ngrad = 1.0" in svg
    assert "∂o/∂v4 = 0.4999999999999998</title>" in svg


def test_themes() -> None:
    auto, light, dark = (draw(neuron(), theme=theme).svg for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme: dark" in auto
    assert "<style" not in light + dark
    assert LIGHT.background in light
    assert DARK.background not in light
    assert DARK.background in dark
    used = {
        element.get(attribute)
        for element in ET.fromstring(auto).iter()
        for attribute in ("fill", "stroke")
    }
    assert used - {None, "none"} <= set(LIGHT.colours())  # else it would stay light in the dark


def test_a_dark_page_is_dark(tmp_path: Path) -> None:
    page = draw(Value(1.0), theme="dark").save(tmp_path / "g.html").read_text(encoding="utf-8")
    assert f"body {{ background: {DARK.background};" in page
    assert LIGHT.background not in page


def test_a_picture_keeps_the_numbers_of_its_moment() -> None:
    x = Value(2.0, "x")
    picture = draw(x * 3.0)
    x.data = 5.0
    assert "data = 2.0" in picture.svg


# In a notebook --------------------------------------------------------------------------------


def test_a_notebook_shows_the_svg() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    picture = draw(neuron())
    bundle, _ = formatters.DisplayFormatter().format(picture)
    assert bundle["image/svg+xml"] == picture.svg == picture._repr_svg_()
    assert bundle["text/plain"] == "<Picture: Computation graph of o (10 nodes)>"


def test_a_notebook_that_is_not_trusted_shows_an_image() -> None:
    picture = draw(neuron())
    image = ET.fromstring(picture._repr_mimebundle_()["text/html"].replace(">", "/>"))
    kind, _, content = image.attrib["src"].partition(",")
    assert (image.tag, kind) == ("img", "data:image/svg+xml;base64")
    assert base64.b64decode(content).decode() == picture.svg
    assert image.attrib["alt"] == "Computation graph of o (10 nodes)"


def test_marimo_shows_the_svg_itself() -> None:
    picture = draw(neuron())
    assert picture._mime_() == ("text/html", picture.svg)


@pytest.fixture
def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("without_graphviz")
def test_without_graphviz_there_is_the_text_and_what_to_install(tmp_path: Path) -> None:
    picture = draw(neuron())
    assert picture._repr_svg_() is None
    text = picture._repr_mimebundle_()["text/plain"]
    assert text.startswith('no Graphviz was found to render the picture: pip install "pygraphviz')
    assert text.endswith(picture.dot)
    assert "digraph" in picture.save(tmp_path / "g.dot").read_text(encoding="utf-8")
    for name in ("g.svg", "g.png", "g.html"):
        with pytest.raises(RenderingError, match="no Graphviz was found"):
            picture.save(tmp_path / name)
    assert os.listdir(tmp_path) == ["g.dot"]


def test_showing_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: 1 / 0)
    picture = draw(neuron())
    assert picture._repr_svg_() is None
    assert set(picture._repr_mimebundle_()) == {"text/plain"}
    assert picture._mime_()[0] == "text/plain"


# Rendering ------------------------------------------------------------------------------------


def install_dot(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a dot program on the path, written in Python."""
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_dot_program_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_dot(tmp_path, monkeypatch, "print(sys.argv[1:], sys.stdin.read())")
    assert render.render("digraph { é }", "pdf") == "['-Tpdf'] digraph { é }\n".encode()


def test_a_broken_dot_program_is_stepped_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_dot(tmp_path, monkeypatch, "sys.exit('no plugins')")
    assert render.render("digraph { a }", "svg").rstrip().endswith(b"</svg>")


def test_the_reason_of_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    install_dot(tmp_path, monkeypatch, "sys.exit('there is no layout engine')")
    with pytest.raises(RenderingError, match=r"not render the picture: there is no layout engine$"):
        render.render("digraph { a }", "svg")


def test_graphviz_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_SECONDS", 0.001)
    with pytest.raises(RenderingError, match="timed out"):
        render.render("digraph { a }", "svg")


def test_broken_dot_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RenderingError, match=r"^Graphviz could not render the picture: .*\S$"):
        Picture("digraph {", "broken", "light").svg  # noqa: B018
    assert capfd.readouterr() == ("", "")


# What is refused ------------------------------------------------------------------------------


def test_all_nodes_are_refused_if_they_are_too_many() -> None:
    x = y = Value(1.0)
    for _ in range(2000):
        y = -y
    with pytest.raises(ValueError, match=r"has 2,001 nodes and .* max_nodes=2,000: leave out det"):
        draw(y, detail="all")
    with pytest.raises(ValueError, match="has 2 nodes and 2,001 edges, too many"):
        draw(sum([x] * 2001), detail="all", max_nodes=500)
    assert draw(y, detail="all", max_nodes=2001).dot.count("->") == 2000


def test_too_many_edges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.drawing.picture._MOST_EDGES", 9)
    with pytest.raises(ValueError, match="2 nodes and 10 edges, which takes minutes to look thr"):
        draw(sum([Value(1.0)] * 10))


def test_many_edges_between_two_nodes_are_one() -> None:
    dot = draw(sum([Value(1.0)] * 2001)).dot
    assert dot.count("->") == 1
    assert "×2,001" in dot


def test_derivatives_are_left_out_of_larger_graphs() -> None:
    def chain(length: int) -> str:
        x = Value(1.5, "x")
        for _ in range(length):
            x = tanh(x)
        return draw(x).dot

    assert chain(29).count("[label=<<font") == 29
    assert chain(30).count("[label=<<font") == 0


def test_several_roots() -> None:
    x = Value(2.0, "x")
    a, b = x * x, x + 1.0
    a.label, b.label = "a", "b"
    assert repr(draw([a, (b,)])) == "<Picture: Computation graph of a, b (4 nodes)>"


@pytest.mark.parametrize(
    ("root", "options", "error", "message"),
    [
        (3.0, {}, TypeError, "a graph is drawn from Values, got float '3.0'"),
        ([Value(1.0), "x"], {}, TypeError, "from Values, got str 'x'"),
        ([], {}, ValueError, "at least one Value"),
        (Value(1.0), {"direction": "up"}, ValueError, "direction is 'LR' or 'TB', got 'up'"),
        (Value(1.0), {"theme": "pink"}, ValueError, "theme is 'auto' or 'light' or 'dark'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    root: object, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw(root, **options)  # type: ignore[arg-type]
