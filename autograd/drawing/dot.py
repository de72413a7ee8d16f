"""Writing a computation graph in DOT, the language of Graphviz."""

import html
import itertools
import math
from collections.abc import Iterator
from typing import Any

from autograd.drawing.boxes import Box, kind
from autograd.drawing.captions import caption, counted
from autograd.drawing.overview import PARALLEL_EDGES, Item, Link, Overview
from autograd.drawing.palette import LIGHT, Palette
from autograd.formula import Names, short, visible
from autograd.value import Value

FONT = "Helvetica,Arial,sans-serif"
_LONGEST_TEXT = 32  # characters in a box
_LONGEST_LINE = 1000  # characters, of at most nine bytes when written
_SMALL = "9"  # points
_FEW_LINKS = 20  # with more, numbers at the arrows are more than the eye can follow
_MANY_LINKS = 60  # with more, arrows are thin

_SHAPES = {
    "input": {"shape": "component", "margin": "0.12,0.03"},
    "parameter": {"shape": "note", "margin": "0.12,0.03"},
    "constant": {"shape": "box", "style": "filled,dashed"},
    "operation": {"shape": "box", "style": "filled,rounded"},
    "output": {"shape": "box", "peripheries": "2"},
    "module": {"shape": "folder", "margin": "0.14,0.06"},
    "bundle": {"shape": "box3d", "margin": "0.14,0.06"},
}


def write_dot(
    overview: Overview, palette: Palette, *, direction: str = "LR", derivatives: bool = True
) -> str:
    """Return what is to be shown of a graph, written in DOT.

    The same graph gives the same text: nodes are numbered in topological order.

    Args:
        overview: the graph and what to show of it.
        palette: the colours.
        direction: "LR" draws from left to right, "TB" from top to bottom.
        derivatives: whether to write the local derivatives at the edges.

    >>> from autograd.drawing.boxes import Graph, box_tree
    >>> from autograd.drawing.overview import everything
    >>> from autograd.drawing.palette import LIGHT
    >>> x = Value(2.0, label="x")
    >>> graph = Graph([x * x])
    >>> print(write_dot(everything(graph, box_tree(graph)), LIGHT).splitlines()[0])
    digraph stepgrad {
    """
    import graphviz

    view = _View(overview, palette, direction, derivatives)
    graph = graphviz.Digraph(
        "stepgrad",
        graph_attr={
            "rankdir": direction,
            "bgcolor": palette.background,
            "ranksep": view.distance,
            "nodesep": "0.12",
            "pad": "0.1",
            "remincross": "false",  # doing it twice forgets the order of the boxes in a row
        },
        node_attr={
            "fontname": FONT,
            "fontsize": "11",
            "margin": "0.11,0.03",
            "height": "0",
            "width": "0",
            "style": "filled",
        },
        edge_attr={
            "color": palette.edge,
            "arrowsize": "0.6",
            "fontname": FONT,
            "fontsize": _SMALL,
        },
    )
    _write_items(graph, overview, overview.outermost, view)
    for (used, user), link in overview.links.items():
        for attributes in view.arrows(overview.items[used], overview.items[user], link):
            graph.edge(f"n{used}", f"n{user}", **attributes)
    source: str = graph.source
    return source


def _write_items(graph: Any, overview: Overview, frame: Box, view: "_View") -> None:
    """Write the items in an open box, and the open boxes in it, each with a frame around it."""
    for number, item in enumerate(overview.items):
        if item.frame is frame:
            graph.node(f"n{number}", **view.item(item))
    row = overview.row(frame)
    if row:
        with graph.subgraph(graph_attr={"rank": "same"}) as rank:
            for one, other in itertools.pairwise(row if view.direction == "TB" else row[::-1]):
                rank.edge(f"n{one}", f"n{other}", style="invis")  # keeps them in order
    for number, inner in enumerate(overview.frames):
        if overview.surrounding(inner) is frame:
            with graph.subgraph(name=f"cluster_{number}", graph_attr=view.frame(inner)) as cluster:
                _write_items(cluster, overview, inner, view)


def _largest_gradient(overview: Overview) -> float:
    """Return the largest gradient of all nodes shown, and the largest mean of all boxes."""
    nodes = overview.graph.nodes
    sizes = [
        abs(nodes[item.members[0]].grad) if item.is_single else item.mean_gradient or 0.0
        for item in overview.items
    ]
    return max(filter(math.isfinite, sizes), default=0.0)


class _View:
    """How the nodes, boxes and edges of one picture look."""

    def __init__(
        self, overview: Overview, palette: Palette, direction: str, derivatives: bool
    ) -> None:
        graph = overview.graph
        singles = [item.members[0] for item in overview.items if item.is_single]
        named = {parent for place in singles for parent in graph.parents[place]} | set(singles)
        self.graph = graph
        self.nodes = graph.nodes
        in_order = [graph.nodes[place] for place in sorted(named)]
        self.named = set(in_order)
        self.names = Names(in_order)
        self.palette = palette
        self.largest_gradient = _largest_gradient(overview)
        self.roots = {graph.nodes[place] for place in graph.outputs}
        self.direction = direction
        self.derivatives = derivatives
        self.counting = len(overview.links) <= _FEW_LINKS
        self.crowded = len(overview.links) > _MANY_LINKS
        far = "1" if self.crowded else "0.4"  # inches from one rank to the next
        self.distance = far if overview.is_collapsed else "0.25"

    def item(self, item: Item) -> dict[str, str]:
        """Return the DOT attributes of a node, a bundle or a collapsed box."""
        attributes = self.node(item) if item.is_single else self.group(item)
        return attributes | {"class": item.key} if item.key else attributes  # a page looks for it

    def group(self, item: Item) -> dict[str, str]:
        """Return the DOT attributes of a bundle or a collapsed box."""
        colours = self.palette
        alarming = item.alarms > 0
        name, *lines = caption(item)
        strong = colours.alarm_text if alarming else colours.text
        quiet = colours.alarm_text if alarming else colours.muted
        rows = [f"<b>{_font(cut(name), strong)}</b>"]
        rows += [_font(cut(line), quiet, _SMALL) for line in lines]
        shade = self.shade(item.mean_gradient or 0.0)
        attributes = {
            "label": f"<{'<br/>'.join(rows)}>",
            "tooltip": tooltip("\n".join([name, *lines])),
            "color": colours.alarm_edge if alarming else colours.kinds["group"],
            "fillcolor": colours.alarm if alarming else shade,
            "penwidth": "2.5" if alarming else "1.2",
            **_SHAPES["module" if item.boxes else "bundle"],
        }
        if item.is_neighbour:
            attributes |= {"style": "dashed", "fillcolor": colours.background}
        return attributes

    def frame(self, box: Box) -> dict[str, str]:
        """Return the DOT attributes of the frame around an open box."""
        muted = self.palette.muted
        name = f"<b>{_font(cut(box.name), muted)}</b>"
        is_named = box.name == box.kind or box.maker is None
        own_kind = "" if is_named else _font(f" · {box.kind}", muted, _SMALL)
        return {
            "label": f"<{name}{own_kind}>",
            "tooltip": tooltip(box.full_name),
            "color": self.palette.edge,
            "fontname": FONT,
            "fontsize": "11",
            "labeljust": "l",
            "style": "rounded",
            "margin": "8",
        }

    def arrows(self, used: Item, user: Item, link: Link) -> Iterator[dict[str, str]]:
        """Go through the DOT attributes of the edges from one item to another."""
        if used.is_single and user.is_single and link.count <= PARALLEL_EDGES:
            for parent, node, partial in link.edges:
                yield self.arrow(node, parent, partial)
        else:
            yield self.bundle(link)

    def bundle(self, link: Link) -> dict[str, str]:
        """Return the DOT attributes of an arrow that stands for several edges."""
        width = 1.0 + math.log10(link.count) / 2
        attributes = {"tooltip": counted(link.count, "edge"), "penwidth": f"{width:.2f}"}
        if not link.has_gradient:
            attributes["style"] = "dashed"
            attributes["tooltip"] += ": no gradient flows here"
        if self.crowded:
            attributes |= {"penwidth": "0.5", "arrowsize": "0.4"}
        if link.is_alarming:
            attributes |= {"color": self.palette.warning, "penwidth": "2.5"}
        if link.count > 1 and self.counting:
            attributes["label"] = f"<{_font(f'×{link.count:,}', self.palette.muted)}>"
        return attributes

    def node(self, item: Item) -> dict[str, str]:
        """Return the DOT attributes of a node; one that can be opened is a folder."""
        node = self.nodes[item.members[0]]
        attributes = self.box(node)
        if item.call is None:
            return attributes
        peripheries = {"peripheries": "2"} if node in self.roots else {}
        return attributes | _SHAPES["module"] | peripheries

    def box(self, node: Value) -> dict[str, str]:
        """Return the DOT attributes of a node."""
        role = "output" if node in self.roots else kind(node)
        alarming = not (math.isfinite(node.data) and math.isfinite(node.grad))
        colours = self.palette
        outline = colours.alarm_edge if alarming else colours.kinds[role]
        inside = colours.alarm if alarming else self.shade(node.grad)
        return {
            "label": self.label(node, alarming),
            "tooltip": tooltip(self.description(node)),
            "color": outline,
            "fillcolor": inside,
            "penwidth": "2.5" if alarming else "1.2",
            **_SHAPES[role],
        }

    def shade(self, gradient: float) -> str:
        return self.palette.shades[shade_of(gradient, self.largest_gradient)]

    def label(self, node: Value, alarming: bool) -> str:
        """Return three lines: the name, what made it, its number and gradient."""
        strong = self.palette.alarm_text if alarming else self.palette.text
        quiet = self.palette.alarm_text if alarming else self.palette.muted
        numbers = [_font("data", quiet, _SMALL), _font(marked(node.data), strong)]
        if node.requires_grad:
            numbers += [_font(" grad", quiet, _SMALL), _font(_signed(node.grad), strong)]
        lines = [
            f"<b>{_font(cut(self.names[node]), strong)}</b>",
            _font(cut(self.origin(node)), quiet, _SMALL),
            " ".join(numbers),
        ]
        if self.origin(node) == "constant" and not alarming:  # its name is its number
            lines.pop()
        return f"<{'<br/>'.join(lines)}>"

    def origin(self, node: Value) -> str:
        """Return the operation, in full if it is short; for a leaf, its kind."""
        if node.primitive is None:
            return kind(node)
        call = self.graph.closed_call(node)
        if call is not None:
            return f"{call.name} · {counted(call.operations, 'operation')}"
        operation = self.operation(node)
        return operation if len(operation) <= _LONGEST_TEXT else self.graph.made(node).op

    def operation(self, node: Value) -> str:
        """Return the operation that made a node; its symbol, if not all parents are named."""
        made = self.graph.made(node)
        is_whole = all(parent in self.named for parent in made.parents)
        return self.names.operation(made) if is_whole else made.op

    def description(self, node: Value) -> str:
        """Return what a box has no room for: the whole name and all digits."""
        gradient = f"\ngrad = {node.grad!r}" if node.requires_grad else ""
        operation = self.operation(node) or self.origin(node)
        return f"{self.names[node]}\n{operation}\ndata = {node.data!r}{gradient}"

    def arrow(self, node: Value, parent: Value, partial: float) -> dict[str, str]:
        """Return the DOT attributes of an edge."""
        if not parent.requires_grad:
            return {"style": "dashed", "tooltip": "no gradient flows here"}
        change = f"∂{self.names[node]}/∂{self.names[parent]}"
        attributes = {"tooltip": tooltip(f"{change} = {partial!r}")}
        alarming = not math.isfinite(partial)
        if alarming:
            attributes |= {"color": self.palette.warning, "penwidth": "2.5"}
        if self.derivatives:
            colour = self.palette.warning if alarming else self.palette.muted
            attributes["label"] = f"<{_font(marked(partial), colour)}>"
        return attributes


def shade_of(gradient: float, largest: float) -> int:
    """Return the shade for a gradient: the darkest for the largest, one lighter per halving.

    >>> shade_of(8.0, 8.0), shade_of(-4.0, 8.0), shade_of(1e-9, 8.0), shade_of(0.0, 8.0)
    (8, 7, 1, 0)
    """
    if gradient == 0.0:
        return 0
    darkest = len(LIGHT.shades) - 1
    halvings = math.log2(largest) - math.log2(abs(gradient))
    return max(1, darkest - int(halvings))


def marked(number: float) -> str:
    """Write a number, with a warning sign if it is nan or inf.

    >>> marked(2.0), marked(math.inf)
    ('2', '⚠ inf')
    """
    return short(number) if math.isfinite(number) else f"⚠ {short(number)}"


def _signed(gradient: float) -> str:
    if not math.isfinite(gradient) or gradient == 0.0:
        return marked(gradient)
    return f"{'▲' if gradient > 0.0 else '▼'} {short(gradient)}"


def cut(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return the text, or its beginning and an ellipsis if it is too long for a box.

    >>> cut("x" * 40) == "x" * 31 + "…"
    True
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def markup(text: str, backslash: str = r"\\") -> str:
    r"""Write a text so that it is shown as it is in Graphviz's HTML-like labels.

    >>> print(markup(r"<b> & \N"))
    &lt;b&gt; &amp; \\N
    """
    return html.escape(visible(text)).replace("\\", backslash)


def tooltip(text: str) -> str:
    """Write a text so that it is shown as it is in Graphviz's tooltips.

    These unescape backslashes twice, and no line of them may be longer than 16384 bytes.
    """
    return "&#10;".join(_continued(line) for line in text.split("\n"))


def _continued(line: str) -> str:
    parts = [line[start : start + _LONGEST_LINE] for start in range(0, len(line), _LONGEST_LINE)]
    return "\\\n".join(markup(part, backslash=r"\\\\") for part in parts)


def _font(text: str, colour: str, size: str | None = None) -> str:
    points = f' point-size="{size}"' if size else ""
    return f'<font color="{colour}"{points}>{markup(text)}</font>'
