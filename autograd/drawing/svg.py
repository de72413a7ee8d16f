"""Finishing the SVG that Graphviz writes."""

import base64
import html
import xml.etree.ElementTree as ET

from autograd.drawing.palette import dark_style

_SVG = "http://www.w3.org/2000/svg"
_TOOLTIP = "{http://www.w3.org/1999/xlink}title"
_SMALLEST = 0.7  # a wide picture shrinks to its page, but not so far that it can't be read
_SHAPES = {"polygon", "polyline", "path", "ellipse", "text"}


def finish(svg: bytes, title: str, *, follows_reader: bool) -> str:
    """Return Graphviz's SVG with a title, tooltips, and colours for light and dark.

    It has no ids, so that several pictures can stand on one page, and no scripts.

    Args:
        svg: what Graphviz wrote.
        title: what the picture shows, also for readers who don't see it.
        follows_reader: whether to turn dark where the reader prefers dark.
    """
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("id", None)
    for group in root.iter("g"):
        if group.get("class", "").split()[:1] in (["node"], ["edge"], ["cluster"]):
            _set_tooltip(group)
    root.set("xmlns", _SVG)
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("style", f"max-width:max(100%,{_SMALLEST * _width(root):.0f}pt);height:auto")
    graph = root.find("g/title")
    if graph is not None:
        graph.text = title
    if follows_reader:
        root.set("class", "stepgrad-auto")
        style = ET.Element("style")
        style.text = dark_style(".stepgrad-auto")
        root.insert(0, style)
    return ET.tostring(root, encoding="unicode")


def as_image(svg: str, title: str) -> str:
    """Return an SVG as an image in HTML: a notebook that isn't trusted shows no other SVG.

    Args:
        svg: the drawing.
        title: what it shows, for readers who don't see it.

    >>> as_image("<svg/>", "Nothing & all")
    '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="Nothing &amp; all">'
    """
    source = base64.b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{source}" alt="{html.escape(title)}">'


def _set_tooltip(group: ET.Element) -> None:
    """Put the tooltip where browsers look for it; Graphviz makes it the title of a link."""
    texts = [link.get(_TOOLTIP, "") for link in group.iter("a")]
    shapes = [element for element in group.iter() if element.tag in _SHAPES]
    for child in list(group):
        group.remove(child)
    if texts:
        ET.SubElement(group, "title").text = texts[0]
    group.extend(shapes)


def _width(root: ET.Element) -> float:
    """Return the width in points."""
    return float(root.get("width", "0pt").removesuffix("pt"))
