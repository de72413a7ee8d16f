"""Pictures of computation graphs, which show themselves in notebooks and save themselves."""

import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autograd import primitives
from autograd.drawing.boxes import Box, Call, Graph, box_tree
from autograd.drawing.captions import counted
from autograd.drawing.dot import cut, write_dot
from autograd.drawing.overview import EDGES_PER_ITEM, Overview, everything, overview
from autograd.drawing.page import OpenedBox, opened_boxes, page
from autograd.drawing.palette import PALETTES
from autograd.drawing.render import render
from autograd.drawing.svg import as_image, finish
from autograd.files import write_whole
from autograd.formula import visible
from autograd.nested import flatten
from autograd.value import Value

DIRECTIONS = ("LR", "TB")
_SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".html")
_FEW = 30  # nodes: with more, numbers at the edges are more than the eye can follow
_MOST = 100  # nodes and boxes: with more, names are too small to be read
_MOST_EDGES = 10_000_000
_FEW_NAMES = 8  # in a message
_MOST_OF_ALL = 2000  # when all nodes were asked for: Graphviz takes seconds


class Picture:
    """A picture of a computation graph, as `draw` makes it.

    It shows itself in a notebook. It keeps the numbers of the moment when it was drawn.

    Attributes:
        dot: the graph in DOT, the language of Graphviz.
        title: what it shows.
        theme: "auto", "light" or "dark".
    """

    def __init__(self, dot: str, title: str, theme: str, boxes: Sequence[OpenedBox] = ()) -> None:
        self.dot = dot
        self.title = title
        self.theme = theme
        self._boxes = boxes

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
            return page(self.title, self.theme, self.dot, self._boxes).encode()
        return render(self.dot, suffix[1:])

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except Exception:  # a notebook shows the text instead
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            image = as_image(self.svg, self.title)
            return {"image/svg+xml": self.svg, "text/html": image, "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": self._as_text(error)}

    def _mime_(self) -> tuple[str, str]:
        """Return what marimo shows: in it, pointing at a box shows all digits."""
        try:
            return "text/html", self.svg
        except Exception as error:
            return "text/plain", self._as_text(error)

    def _as_text(self, trouble: Exception) -> str:
        return f"{trouble}\nHere is the graph in DOT:\n\n{self.dot}"

    def __repr__(self) -> str:
        """Say what the picture shows."""
        return f"<Picture: {self.title}>"


def draw(
    root: Any,
    *,
    detail: str | Iterable[str] | None = None,
    direction: str = "LR",
    theme: str = "auto",
    derivatives: bool | None = None,
    max_nodes: int | None = None,
) -> Picture:
    """Return a picture of the graph that made a value.

    Each box has three lines: the name, the operation, the number and its gradient. Parameters
    (leaves with a gradient) have a folded corner, inputs (named leaves without) two plugs at the
    left, constants are dashed, operations rounded, outputs have a double outline. The deeper the
    colour of a box, the larger its gradient, a shade for each doubling; ▲ marks a positive one,
    ▼ a negative one. A box with nan or inf is red with a thick outline. An edge through which no
    gradient flows is dashed.

    A graph of more than 100 nodes is shown collapsed: a folder stands for all that a module of
    `nn` made, a neuron or, if these are too many, a layer or a whole model. A block stands for
    other nodes, those put together that do the same. They tell the mean size of the gradients
    of their parameters, or else of their operations. In a page (.html) a click opens a folder.

    A call of a compiled function is one node, drawn as a folder too: opened, it shows the graph
    that the function stands for, with the numbers and gradients of this call.

    Args:
        root: a Value or nested sequences of Values, the outputs.
        detail: which folders to open: the names of modules, such as "layers.0.neurons.3", or the
            labels of nodes in them; of compiled functions, or of one call, such as "loss 2";
            "all" shows all nodes, those in calls of compiled functions left out.
        direction: "LR" draws from left to right, "TB" from top to bottom.
        theme: "light", "dark", or "auto": an SVG or HTML follows the reader's preference, all
            else is light.
        derivatives: whether to write the local derivatives at the edges (default: in graphs of
            up to 30 nodes).
        max_nodes: how many nodes, folders and blocks to show at most, with up to four times as
            many arrows (default: 100; with detail="all" 2,000).

    Raises:
        TypeError: if root is not made of Values.
        ValueError: if all nodes were asked for and there are too many, if there are more than
            ten million edges, for a detail that is not in the graph, and for an unknown
            direction or theme.

    >>> x = Value(2.0, label="x")
    >>> draw(x * x)
    <Picture: Computation graph (2 nodes)>
    """
    check_option("direction", direction, DIRECTIONS)
    check_option("theme", theme, tuple(PALETTES))
    roots = _checked_roots(root)
    graph = Graph(roots)
    if graph.edges > _MOST_EDGES:
        raise ValueError(
            f"the graph has {len(graph.nodes):,} nodes and {graph.edges:,} edges, which takes "
            "minutes to look through: draw a part of it, such as the loss of one sample"
        )
    names = [detail] if isinstance(detail, str) else list(detail or ())
    calls = [node for node, call in graph.calls.items() if _is_called(node, call, names)]
    if calls:
        graph = Graph(roots, opened=calls)
        _check_opened(graph, calls)
    outermost = box_tree(graph)
    shown = _shown(graph, outermost, names, max_nodes)
    if derivatives is None:
        derivatives = len(shown.items) <= _FEW and not shown.is_collapsed

    def write(part: Overview) -> str:
        return write_dot(part, PALETTES[theme], direction=direction, derivatives=bool(derivatives))

    return Picture(write(shown), _title(roots, shown), theme, opened_boxes(shown, write))


def _is_called(node: Value, call: Call, names: Sequence[str]) -> bool:
    """Return whether a node that stands for a graph, or all calls of its function, are named."""
    return not {node.op, node.label, call.name}.isdisjoint(names)


def _check_opened(graph: Graph, calls: Sequence[Value]) -> None:
    for node in calls:
        if node not in graph.insides:
            call = graph.calls[node]
            raise ValueError(
                f"{call.name} can't be opened in a picture: "
                f"{counted(call.operations, 'operation')} are "
                f"{'too many' if call.operations else 'nothing to see'}"
            )


def _shown(graph: Graph, outermost: Box, names: Sequence[str], max_nodes: int | None) -> Overview:
    """Return what to show of a graph."""
    if "all" not in names:
        opened = [box for name in names for box in _boxes_called(name, graph, outermost)]
        return overview(graph, outermost, max_nodes or _MOST, opened)
    most = max_nodes or _MOST_OF_ALL
    nodes = len(graph.nodes)
    if nodes > most or graph.edges > EDGES_PER_ITEM * most:
        raise ValueError(
            f"the graph has {nodes:,} nodes and {graph.edges:,} edges, too many to draw all of "
            f"them with max_nodes={most:,}: leave out detail for a collapsed picture, name a "
            "module to open, or raise max_nodes and be patient"
        )
    return everything(graph, outermost)


def _boxes_called(name: str, graph: Graph, outermost: Box) -> list[Box]:
    """Return the boxes with a name, or those with a node of this label."""
    boxes = list(outermost.all_boxes())
    found = [box for box in boxes if box.outer and name in (box.name, box.full_name)]
    found += [
        box for box in boxes if box.outer and box.maker is None and name == box.kind != box.name
    ]
    found = found or [
        box for box in boxes if any(graph.nodes[place].label == name for place in box.own)
    ]
    if not found:
        known = [cut(box.name) for box in boxes[1 : _FEW_NAMES + 1]]
        more = ", …" if len(boxes) > _FEW_NAMES + 1 else ""
        modules = f"its modules are {', '.join(known)}{more}" if known else "it has no modules"
        raise ValueError(
            f"detail is 'all', a module or a label in the graph, got {name!r}: {modules}"
        )
    return found


def check_option(name: str, choice: str, known: Sequence[str]) -> None:
    """Raise a ValueError that tells the known choices, unless this is one of them."""
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


def _title(roots: Sequence[Value], shown: Overview) -> str:
    labels = ", ".join(visible(root.label) for root in roots if root.label)
    subject = f" of {cut(labels)}" if labels else ""
    size = counted(len(shown.graph.nodes), "node")
    boxes = f" in {len(shown.items):,} boxes" if shown.is_collapsed else ""
    return f"Computation graph{subject} ({size}{boxes})"
