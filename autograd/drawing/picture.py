"""Pictures of computation graphs, which show themselves in notebooks and save themselves."""

import functools
import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograd import primitives
from autograd.drawing.dot import cut, write_dot
from autograd.drawing.palette import DARK, LIGHT, PALETTES, Palette
from autograd.drawing.render import render
from autograd.drawing.svg import finish
from autograd.files import write_whole
from autograd.formula import visible
from autograd.nested import flatten
from autograd.sweep import topological_order
from autograd.value import Value

_DIRECTIONS = ("LR", "TB")
_SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".html")
_FEW = 30  # nodes: with more, numbers at the edges are more than the eye can follow


class Picture:
    """A picture of a computation graph, as `draw` makes it.

    It shows itself in a notebook. It keeps the numbers of the moment when it was drawn.

    Attributes:
        dot: the graph in DOT, the language of Graphviz.
        title: what it shows.
        theme: "auto", "light" or "dark".
    """

    def __init__(self, dot: str, title: str, theme: str) -> None:
        self.dot = dot
        self.title = title
        self.theme = theme

    @functools.cached_property
    def svg(self) -> str:
        """The picture as SVG text.

        Raises:
            RenderingError: if there is no Graphviz to render it.
        """
        return finish(render(self.dot, "svg"), self.title, follows_reader=self.theme == "auto")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, in the format of its suffix.

        The file is written whole or not at all.

        Args:
            path: a file name that ends in .svg, .png, .pdf, .dot or .html.

        Returns:
            The path.

        Raises:
            ValueError: for any other suffix.
            FileNotFoundError: if the folder doesn't exist.
            RenderingError: if there is no Graphviz to render it (.dot needs none).

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw(Value(2.0) * 3.0).save(f"{folder}/product.svg").name
        'product.svg'
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError(
                f"a picture is saved as {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}, "
                f"not as {path.name!r}"
            )
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {str(path.parent)!r} to save {path.name!r} in: create it first"
            )
        return write_whole(path, self._content(suffix))

    def _content(self, suffix: str) -> bytes:
        if suffix == ".dot":
            return self.dot.encode()
        if suffix == ".svg":
            return self.svg.encode()
        if suffix == ".html":
            return _page(self).encode()
        return render(self.dot, suffix[1:])

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except Exception:  # a notebook shows the text instead
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": f"{error}\nHere is the graph in DOT:\n\n{self.dot}"}

    def __repr__(self) -> str:
        """Say what the picture shows."""
        return f"<Picture: {self.title}>"


def draw(
    root: Any,
    *,
    direction: str = "LR",
    theme: str = "auto",
    derivatives: bool | None = None,
    max_nodes: int = 500,
) -> Picture:
    """Return a picture of the graph that made a value.

    Each box has three lines: the name, the operation, the number and its gradient. Parameters
    (leaves with a gradient) have a folded corner, inputs (named leaves without) two plugs at the
    left, constants are dashed, operations rounded, outputs have a double outline. The darker a
    box, the larger its gradient, a shade for each doubling; ▲ marks a positive one, ▼ a negative
    one. A box with nan or inf is red with a thick outline. An edge through which no
    gradient flows is dashed.

    Args:
        root: a Value or nested sequences of Values, the outputs.
        direction: "LR" draws from left to right, "TB" from top to bottom.
        theme: "light", "dark", or "auto": an SVG or HTML follows the reader's preference, all
            else is light.
        derivatives: whether to write the local derivatives at the edges (default: in graphs of
            up to 30 nodes).
        max_nodes: refuse to draw more nodes than this, or four times as many edges.

    Raises:
        TypeError: if root is not made of Values.
        ValueError: if there are too many nodes, or for an unknown direction or theme.

    >>> x = Value(2.0, label="x")
    >>> draw(x * x)
    <Picture: Computation graph (2 nodes)>
    """
    _check_option("direction", direction, _DIRECTIONS)
    _check_option("theme", theme, tuple(PALETTES))
    roots = _checked_roots(root)
    order = topological_order(roots)
    nodes, edges = len(order), sum(len(node.parents) for node in order)
    if nodes > max_nodes or edges > 4 * max_nodes:
        raise ValueError(
            f"the graph has {nodes:,} nodes and {edges:,} edges, too many to draw with "
            f"max_nodes={max_nodes:,}: draw a part of it, or raise max_nodes and be patient"
        )
    if derivatives is None:
        derivatives = nodes <= _FEW
    dot = write_dot(roots, PALETTES[theme], direction=direction, derivatives=derivatives)
    return Picture(dot, _title(roots, nodes), theme)


def _check_option(name: str, choice: str, known: Sequence[str]) -> None:
    if choice not in known:
        options = " or ".join(map(repr, known))
        raise ValueError(f"{name} is {options}, got {choice!r}")


def _checked_roots(root: Any) -> list[Value]:
    roots: list[Value] = flatten(root)[0]
    for value in roots:
        if not isinstance(value, Value):
            raise TypeError(f"a graph is drawn from Values, got {primitives.describe(value)}")
    if not roots:
        raise ValueError("a graph is drawn from at least one Value, got none")
    return roots


def _title(roots: Sequence[Value], nodes: int) -> str:
    labels = ", ".join(visible(root.label) for root in roots if root.label)
    subject = f" of {cut(labels)}" if labels else ""
    return f"Computation graph{subject} ({nodes:,} {'node' if nodes == 1 else 'nodes'})"


def _page(picture: Picture) -> str:
    """Return a page that needs nothing but itself, not even scripts."""
    title = html.escape(picture.title)
    dark = _page_colours(DARK)
    colours = _page_colours(DARK if picture.theme == "dark" else LIGHT)
    if picture.theme == "auto":
        colours += f"\n@media (prefers-color-scheme: dark) {{ {dark} }}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ margin: 2em; font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.3em; overflow-wrap: anywhere; }}
.picture {{ overflow-x: auto; }}
.picture svg {{ max-width: none !important; }}
{colours}
</style>
</head>
<body>
<h1>{title}</h1>
<div class="picture">
{picture.svg}
</div>
<p>{_LEGEND}</p>
</body>
</html>
"""


def _page_colours(palette: Palette) -> str:
    return f"body {{ background: {palette.background}; color: {palette.text}; }}"


_LEGEND = (
    "Each box has three lines: the name, the operation, the number and its gradient. "
    "Parameters have a folded corner, inputs have two plugs, constants are dashed, "
    "operations rounded, outputs have a double outline. "
    "The darker a box, the larger its gradient, a shade for each doubling; "
    "▲ marks a positive one, ▼ a negative one. "
    "A box with nan or inf is red with a thick outline and a ⚠. "
    "The numbers at the edges are local derivatives; "
    "no gradient flows along a dashed edge. "
    "Point at a box to see its whole name and all digits."
)
