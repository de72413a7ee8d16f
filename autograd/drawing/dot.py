"""Writing a computation graph in DOT, the language of Graphviz."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from autograd.drawing.palette import Palette
from autograd.formula import Names, short, visible
from autograd.sweep import topological_order
from autograd.value import Value

FONT = "Helvetica,Arial,sans-serif"
_LONGEST_TEXT = 32  # characters in a box
_LONGEST_LINE = 1000  # characters, of at most nine bytes when written
_SMALL = "9"  # points

_SHAPES = {
    "input": {"shape": "component", "margin": "0.12,0.03"},
    "parameter": {"shape": "note", "margin": "0.12,0.03"},
    "constant": {"shape": "box", "style": "filled,dashed"},
    "operation": {"shape": "box", "style": "filled,rounded"},
    "output": {"shape": "box", "peripheries": "2"},
}


def write_dot(
    roots: Sequence[Value], palette: Palette, *, direction: str = "LR", derivatives: bool = True
) -> str:
    """Return the graph that made the roots, written in DOT.

    The same graph gives the same text: nodes are numbered in topological order.

    Args:
        roots: the outputs.
        palette: the colours.
        direction: "LR" draws from left to right, "TB" from top to bottom.
        derivatives: whether to write the local derivatives at the edges.

    >>> from autograd.drawing.palette import LIGHT
    >>> x = Value(2.0, label="x")
    >>> print(write_dot([x * x], LIGHT).splitlines()[0])
    digraph stepgrad {
    """
    import graphviz

    order = topological_order(roots)
    view = _View(Names(order), palette, _largest_gradient(order), frozenset(roots), derivatives)
    keys = {node: f"n{place}" for place, node in enumerate(order)}
    graph = graphviz.Digraph(
        "stepgrad",
        graph_attr={
            "rankdir": direction,
            "bgcolor": palette.background,
            "ranksep": "0.25",
            "nodesep": "0.12",
            "pad": "0.1",
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
    for node in order:
        graph.node(keys[node], **view.box(node))
    for node in order:
        for parent, partial in zip(node.parents, node.partials, strict=True):
            graph.edge(keys[parent], keys[node], **view.arrow(node, parent, partial))
    source: str = graph.source
    return source


def _largest_gradient(order: Sequence[Value]) -> float:
    return max((abs(node.grad) for node in order if math.isfinite(node.grad)), default=0.0)


@dataclass(frozen=True)
class _View:
    """How the nodes and edges of one graph look."""

    names: Names
    palette: Palette
    largest_gradient: float
    roots: frozenset[Value]
    derivatives: bool

    def kind(self, node: Value) -> str:
        if node in self.roots:
            return "output"
        if node.parents:
            return "operation"
        return _kind_of_leaf(node)

    def box(self, node: Value) -> dict[str, str]:
        """Return the DOT attributes of a node."""
        kind = self.kind(node)
        alarming = not (math.isfinite(node.data) and math.isfinite(node.grad))
        colours = self.palette
        outline = colours.alarm_edge if alarming else colours.kinds[kind]
        inside = colours.alarm if alarming else colours.shades[self.shade(node.grad)]
        return {
            "label": self.label(node, alarming),
            "tooltip": tooltip(self.description(node)),
            "color": outline,
            "fillcolor": inside,
            "penwidth": "2.5" if alarming else "1.2",
            **_SHAPES[kind],
        }

    def shade(self, gradient: float) -> int:
        """Return the shade for a gradient: the darkest for the largest, one lighter per halving."""
        if gradient == 0.0:
            return 0
        darkest = len(self.palette.shades) - 1
        halvings = math.log2(self.largest_gradient) - math.log2(abs(gradient))
        return max(1, darkest - int(halvings))

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
            return _kind_of_leaf(node)
        operation = self.names.operation(node)
        return operation if len(operation) <= _LONGEST_TEXT else node.op

    def description(self, node: Value) -> str:
        """Return what a box has no room for: the whole name and all digits."""
        gradient = f"\ngrad = {node.grad!r}" if node.requires_grad else ""
        operation = self.names.operation(node) or self.origin(node)
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


def _kind_of_leaf(node: Value) -> str:
    if node.requires_grad:
        return "parameter"
    return "input" if node.label else "constant"


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


def cut(text: str) -> str:
    """Return the text, or its beginning and an ellipsis if it is too long for a box.

    >>> cut("x" * 40) == "x" * 31 + "…"
    True
    """
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


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
