"""The graph of a stepper as SVG: its final picture, in which a script can show and hide.

Colours come from the stylesheet; the attributes in the SVG itself are for readers that drop it.
"""

import functools
import html
import unicodedata
from collections.abc import Iterator

from autograd.drawing.dot import FONT, cut, marked, shade_of
from autograd.drawing.palette import LIGHT
from autograd.drawing.stepper.layout import Curve, Layout, Point, arranged
from autograd.drawing.stepper.story import Link, Story, is_alarming
from autograd.formula import visible

_FEW = 40  # edges: with more, numbers at all edges are more than the eye can follow
_LINE = 13.5  # points from one line of a box to the next
_TOP = 4.5  # from the upper edge to the first line
_SIDE = 7.0  # from an edge to the text
_FOLD = 9.0  # the folded corner of a parameter
_RING = 4.0  # from a box to the ring around it
_GAP = 6.0  # from a box to the arrows, for the ring
_DOUBLE = 2.5  # from the output's outline to the one around it
_MARGIN = 4.0  # around the whole picture
_ARROW = 3.6  # half the width of an arrowhead
_LETTER, _DIGIT, _WIDE = 7.4, 6.3, 13.0  # points, at 11 points
_ROOM = 7  # digits: boxes of small numbers are as wide as those of usual ones
_LONGEST_NAME = 18

_SIGNS = {"*": "×", "-": "−", "/": "÷", "**": "^", "//": "⌊÷⌋"}


# A live stepper draws the same boxes again and again with other numbers in them.
arranged_once = functools.lru_cache(maxsize=32)(arranged)


def write_svg(story: Story, direction: str = "LR") -> str:
    """Return the final picture of a story: all values and all gradients.

    Nodes are ``g.node`` and edges ``g.edge``, with their places in the story as ``data-place``.

    Args:
        story: what to draw.
        direction: "LR" draws from left to right, "TB" from top to bottom.

    Raises:
        RenderingError: if there is no Graphviz.
    """
    gradients = [abs(g) for g in story.gradients if g is not None and not is_alarming(g)]
    largest = max(gradients, default=0.0)
    boxes = [_Box(story, place, largest) for place in range(len(story.nodes))]
    pairs = [(link.parent, link.child) for link in story.links]
    few = len(pairs) <= _FEW
    sizes = tuple([box.size for box in boxes])
    layout = arranged_once(sizes, tuple(pairs), direction=direction, labelled=few)
    ways = list(enumerate(zip(story.links, layout.curves, strict=True)))
    edges = [_edge(number, link, curve) for number, (link, curve) in ways]
    nodes = [box.svg(centre) for box, centre in zip(boxes, layout.centres, strict=True)]
    numbers = [
        _local_derivative(number, link, curve.label, 3.0 if few else -4.0)
        for number, (link, curve) in ways
        if link.contribution is not None
    ]
    return "\n".join([_start(layout, story, few), *edges, *nodes, *numbers, "</svg>"])


def brief(number: float) -> str:
    """Write a number with at most four digits, for a box.

    >>> brief(0.70710678), brief(-2.0), brief(float("inf"))
    ('0.7071', '-2', '⚠ inf')
    """
    return marked(float(format(number, ".4g")) if number else 0.0)


def _start(layout: Layout, story: Story, few: bool) -> str:
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    corner = f"{-_MARGIN:g} {-_MARGIN:g}"
    title = html.escape(f"Computation graph of {story.name(len(story.nodes) - 1)}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{"few" if few else "many"}" '
        f'viewBox="{corner} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'style="--width:{width:.0f};--height:{height:.0f}" role="img" aria-label="{title}" '
        f'font-family="{FONT}" font-size="11">'
    )


class _Box:
    """One node: its name and operation, its value, its gradient."""

    def __init__(self, story: Story, place: int, largest: float) -> None:
        node = story.nodes[place]
        self.place = place
        self.kind = story.kind(place)
        self.whole_name = visible(story.names[node])
        self.name = cut(self.whole_name, _LONGEST_NAME)
        self.operation = visible(story.names.operation(node)) or self.kind
        self.sign = cut(_SIGNS.get(node.op, visible(node.op)), _LONGEST_NAME)
        self.value = node.data
        self.gradient = story.gradients[place]
        is_plain = not is_alarming(self.value, self.gradient)
        self.shade = shade_of(self.gradient or 0.0, largest) if is_plain else 0
        self.rows = list(self._rows())
        texts = ["0" * _ROOM, *(text for _, _, text in self.rows)]
        numbers = max(_width(text, _DIGIT) for text in texts)
        heading = _width(self.name, _LETTER) + _width(self.sign, _LETTER) + bool(self.sign) * 10
        fold = _FOLD if self.kind == "parameter" else 0.0
        room = heading + fold if self.is_bare else max(heading + fold, 30 + numbers)
        self.width = room + 2 * _SIDE
        self.height = 2 * _TOP + _LINE * (1 + len(self.rows))

    @property
    def size(self) -> Point:
        """The room that the box and the ring around it take."""
        around = 2 * (_GAP + (_DOUBLE if self.kind == "output" else 0.0))
        return self.width + around, self.height + around

    @property
    def is_bare(self) -> bool:
        """Whether the name is the number, as in a constant without a label."""
        return not self.rows

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        if self.kind == "constant" and self.gradient is None:
            return
        yield "value", "data", brief(self.value)
        if self.gradient is not None:
            yield "gradient", "grad", f"{_mark(self.gradient)}{brief(self.gradient)}"

    def svg(self, centre: Point) -> str:
        left, top = centre[0] - self.width / 2, centre[1] - self.height / 2
        classes = ["node", self.kind, f"shade-{self.shade}", "computed"]
        classes += ["swept"] * (self.gradient is not None) + ["bad-value"] * is_alarming(self.value)
        classes += ["bad-gradient"] * is_alarming(self.gradient)
        return "\n".join(
            [
                f'<g class="{" ".join(classes)}" data-place="{self.place}" '
                f'transform="translate({left:.1f},{top:.1f})">',
                f"<title>{html.escape(self._description())}</title>",
                self._ring(),
                *self._outline(),
                *self._heading(),
                *self._numbers(),
                "</g>",
            ]
        )

    def _description(self) -> str:
        gradient = "" if self.gradient is None else f"\ngrad = {self.gradient!r}"
        return f"{self.whole_name}\n{self.operation}\ndata = {self.value!r}{gradient}"

    def _ring(self) -> str:
        distance = _RING + (_DOUBLE if self.kind == "output" else 0.0)
        return self._around("ring", distance, 9)

    def _around(self, role: str, distance: float, radius: int) -> str:
        return (
            f'<rect class="{role}" x="{-distance}" y="{-distance}" '
            f'width="{self.width + 2 * distance:.1f}" height="{self.height + 2 * distance:.1f}" '
            f'rx="{radius}" fill="none" stroke="none"/>'
        )

    def _outline(self) -> Iterator[str]:
        """Draw what tells the kinds apart, also without colours."""
        w, h = self.width, self.height
        stroke = f'stroke="{LIGHT.kinds[self.kind]}"'
        colours = f'fill="{LIGHT.shades[self.shade]}" {stroke}'
        if self.kind == "parameter":
            corners = f"0,0 {w - _FOLD:.1f},0 {w:.1f},{_FOLD} {w:.1f},{h:.1f} 0,{h:.1f}"
            yield f'<polygon class="box" points="{corners}" {colours}/>'
            fold = f"{w - _FOLD:.1f},0 {w - _FOLD:.1f},{_FOLD} {w:.1f},{_FOLD}"
            yield f'<polyline class="line" points="{fold}" {colours}/>'
            return
        dashes = ' stroke-dasharray="4 3"' if self.kind == "constant" else ""
        radius = {"operation": 7, "output": 3}.get(self.kind, 0)
        yield (
            f'<rect class="box" width="{w:.1f}" height="{h:.1f}" rx="{radius}" {colours}{dashes}/>'
        )
        if self.kind == "output":
            yield self._around("line", _DOUBLE, 5).replace('stroke="none"', stroke)
        if self.kind == "input":
            for y in (h / 3 - 3, 2 * h / 3 - 3):
                yield f'<rect class="box" x="-3.5" y="{y:.1f}" width="7" height="6" {colours}/>'

    def _heading(self) -> Iterator[str]:
        middle = self.width / 2
        y = _TOP + 0.75 * _LINE
        if self.is_bare:
            yield _text("name", middle, y, self.name, anchor="middle")
            return
        yield _text("name", _SIDE, y, self.name)
        if self.sign:
            yield _text("sign", self.width - _SIDE, y, self.sign, anchor="end")

    def _numbers(self) -> Iterator[str]:
        right = self.width - _SIDE
        for line, (role, label, text) in enumerate(self.rows, start=1):
            y = _TOP + (line + 0.75) * _LINE
            signed = f" {_sign_name(self.gradient)}" if role == "gradient" else ""
            yield _text("what", _SIDE, y, label)
            yield _text(f"{role}{signed}", right, y, text, anchor="end")
            yield _text(f"no-{role}", right, y, "·", anchor="end", shown=False)


def _text(
    role: str, x: float, y: float, text: str, *, anchor: str = "start", shown: bool = True
) -> str:
    colour = LIGHT.muted if role in ("what", "sign") else LIGHT.text
    weight = ' font-weight="bold"' if role == "name" else ""
    size = ' font-size="9"' if role == "what" else ""
    hidden = "" if shown else ' visibility="hidden"'
    return (
        f'<text class="{role}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
        f"{weight}{size}{hidden}>{html.escape(text)}</text>"
    )


def _edge(number: int, link: Link, curve: Curve) -> str:
    """Draw an edge twice: as the values flow, and as the gradient flows back."""
    first, last = curve.points[0], curve.points[-1]
    bends = f"{_at(first)} C{' '.join(map(_at, curve.points[1:]))}"
    classes = f"edge {_sign_name(link.contribution)}"
    parts = [
        f'<g class="{classes}" data-place="{number}" stroke="{LIGHT.edge}" fill="{LIGHT.edge}">',
        f'<g class="there"><path d="M{_at(curve.tail)} L{bends}" fill="none"'
        f"{_dashes(link)}/>{_arrowhead(last, curve.head)}</g>",
    ]
    if link.contribution is not None:
        parts += [
            f'<g class="back" visibility="hidden"><path d="M{bends} L{_at(curve.head)}" '
            f'fill="none"/>{_arrowhead(first, curve.tail)}</g>',
        ]
    return "".join([*parts, "</g>"])


def _local_derivative(number: int, link: Link, place: Point, below: float) -> str:
    return (
        f'<text class="local {_sign_name(link.contribution)}" data-place="{number}" '
        f'x="{place[0]:.1f}" y="{place[1] + below:.1f}" text-anchor="middle" font-size="9" '
        f'fill="{LIGHT.muted}">× {brief(link.local_derivative)}</text>'
    )


def _dashes(link: Link) -> str:
    return ' stroke-dasharray="3 3"' if link.contribution is None else ""


def _arrowhead(base: Point, tip: Point) -> str:
    (x, y), (tip_x, tip_y) = base, tip
    length = max(1e-6, ((tip_x - x) ** 2 + (tip_y - y) ** 2) ** 0.5)
    across_x, across_y = _ARROW * (tip_y - y) / length, _ARROW * (x - tip_x) / length
    corners = [(x + across_x, y + across_y), tip, (x - across_x, y - across_y)]
    return f'<polygon stroke="none" points="{" ".join(map(_at, corners))}"/>'


def _at(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _mark(gradient: float) -> str:
    if is_alarming(gradient) or gradient == 0.0:
        return ""
    return "▲ " if gradient > 0.0 else "▼ "


def _sign_name(number: float | None) -> str:
    if number is None:
        return "constant"
    if is_alarming(number):
        return "alarming"
    return "positive" if number > 0.0 else "negative" if number < 0.0 else "zero"


def _width(text: str, usual: float) -> float:
    """Estimate the width of a text; the reader's fonts decide what it really is."""
    return sum(_WIDE if unicodedata.east_asian_width(c) in "WF" else usual for c in text)
