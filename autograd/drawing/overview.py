"""What a picture shows of a graph: its nodes one by one where there is room, else boxes."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autograd.drawing.boxes import Box, Call, Graph, kind
from autograd.drawing.bundles import bundled
from autograd.value import Value

_CHUNKS = 16  # how many boxes stand for modules that are too many
_MANY = 30  # bundles in one box
_FEW = 12  # what is fewer than this is never put together for tidiness
EDGES_PER_ITEM = 4
"""With more, lines hide the picture."""

PARALLEL_EDGES = 12
"""From one node to another; more are drawn as one."""

Edge = tuple[Value, Value, float]
"""A node that is used, the one that uses it, and the local derivative."""


class Link:
    """All edges from one item to another.

    Attributes:
        count: how many there are.
        edges: the first ones.
        has_gradient: whether a gradient flows along any.
        is_alarming: whether a local derivative is nan or inf.
    """

    __slots__ = ("count", "edges", "has_gradient", "is_alarming")

    def __init__(self) -> None:
        self.count = 0
        self.edges: list[Edge] = []
        self.has_gradient = False
        self.is_alarming = False

    def add(self, parent: Value, node: Value, partial: float) -> None:
        """Count one edge more."""
        self.count += 1
        if self.count <= PARALLEL_EDGES:
            self.edges.append((parent, node, partial))
        if parent.requires_grad:
            self.has_gradient = True
            if not math.isfinite(partial):
                self.is_alarming = True


@dataclass(eq=False)
class Item:
    """Something that a picture shows: a node, a bundle of nodes, or collapsed boxes.

    Attributes:
        graph: the graph.
        members: the places of its nodes.
        boxes: the collapsed boxes that it stands for; none for nodes and bundles.
        frame: the open box that it is in.
        is_neighbour: whether it only shows where edges come from or go to.
    """

    graph: Graph
    members: list[int]
    boxes: list[Box]
    frame: Box
    is_neighbour: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it is a node, drawn as such."""
        return not self.boxes and len(self.members) == 1

    @property
    def call(self) -> Call | None:
        """What to call it, if it is a node that stands for a graph and is not open."""
        node = self.graph.nodes[self.members[0]]
        return self.graph.closed_call(node) if self.is_single else None

    @property
    def key(self) -> str:
        """By what a page finds it in other pictures; empty if it can't be opened."""
        if self.call is not None:
            return f"call-{self.call.number}"
        is_box = len(self.boxes) == 1 and self.boxes[0].outer is not None
        return f"box-{self.boxes[0].number}" if is_box else ""

    @cached_property
    def operations(self) -> list[int]:
        """The places of the operations in it."""
        return [place for place in self.members if self.graph.parents[place]]

    @cached_property
    def parameters(self) -> list[int]:
        """The places of the parameters in it."""
        return [p for p in self.members if kind(self.graph.nodes[p]) == "parameter"]

    @cached_property
    def mean_gradient(self) -> float | None:
        """The mean size of its parameters' gradients; of its operations', if it has none.

        Gradients that are nan or inf are left out. None if no gradient flows in it.
        """
        places = self.parameters or self.operations
        nodes = [self.graph.nodes[place] for place in places]
        sizes = [abs(n.grad) for n in nodes if n.requires_grad and math.isfinite(n.grad)]
        return math.fsum(size / len(sizes) for size in sizes) if sizes else None

    @cached_property
    def alarms(self) -> int:
        """How many of its nodes have a number or a gradient that is nan or inf."""
        nodes = [self.graph.nodes[place] for place in self.members]
        return sum(not (math.isfinite(n.data) and math.isfinite(n.grad)) for n in nodes)


class Overview:
    """What a picture shows of a graph.

    Attributes:
        graph: the graph.
        outermost: its boxes.
        items: what is shown; no node is in two of them.
        frames: the open boxes to be drawn as frames, outer ones first.
    """

    def __init__(
        self, graph: Graph, outermost: Box, items: list[Item], frames: Sequence[Box] = ()
    ) -> None:
        self.graph = graph
        self.outermost = outermost
        self.items = items
        self.frames = list(frames)

    @cached_property
    def links(self) -> dict[tuple[int, int], Link]:
        """The edges between two items, by the numbers of the one used and the one that uses it."""
        number = [-1] * len(self.graph.nodes)
        for k, item in enumerate(self.items):
            for place in item.members:
                number[place] = k
        links: dict[tuple[int, int], Link] = {}
        for place in sorted(place for item in self.items for place in item.members):
            user, parents = number[place], self.graph.parents[place]
            if {number[parent] for parent in parents} <= {user}:
                continue
            node = self.graph.nodes[place]
            for parent, partial in zip(parents, self.graph.partials(place), strict=True):
                pair = number[parent], user
                if self._is_shown(*pair):
                    if pair not in links:
                        links[pair] = Link()
                    links[pair].add(self.graph.nodes[parent], node, partial)
        return links

    def _is_shown(self, used: int, user: int) -> bool:
        """Return whether an edge between two items is drawn: not between neighbours."""
        if used < 0 or used == user:
            return False
        return not (self.items[used].is_neighbour and self.items[user].is_neighbour)

    def row(self, frame: Box) -> list[int]:
        """Return the numbers of the closed boxes in a frame, if all have the same inputs."""
        row = [k for k, item in enumerate(self.items) if item.boxes and item.frame is frame]
        inputs: dict[int, set[int]] = {k: set() for k in row}
        for used, user in self.links:
            if user in inputs:
                inputs[user].add(used)
        alike = all(some == inputs[row[0]] for some in inputs.values())
        in_order = sorted(row, key=lambda k: self.items[k].boxes[0].number)
        return in_order if alike and not inputs.keys() & set().union(*inputs.values()) else []

    def surrounding(self, frame: Box) -> Box:
        """Return the frame around a frame; the outermost box if there is none."""
        around = (box for box in frame.enclosing() if box is not frame and box in self.frames)
        return next(around, self.outermost)

    @property
    def is_collapsed(self) -> bool:
        """Whether there is an item that is more than one node."""
        return not all(item.is_single for item in self.items)


def everything(graph: Graph, outermost: Box) -> Overview:
    """Return an overview of all nodes, one by one."""
    places = range(len(graph.nodes))
    return Overview(graph, outermost, [Item(graph, [place], [], outermost) for place in places])


def overview(graph: Graph, outermost: Box, most: int, opened: Collection[Box] = ()) -> Overview:
    """Return what to show of a graph.

    The finest view that fits: all nodes; a box per module that has none inside, such as a
    neuron; a box per module one step further out, such as a layer; and so on. Boxes to be opened
    are shown as finely as fits, and the others as coarsely as possible.

    Args:
        graph: the graph.
        outermost: its boxes.
        most: how many items there may be.
        opened: boxes to be opened.
    """
    if not opened and len(graph.nodes) <= most and graph.edges <= EDGES_PER_ITEM * most:
        return everything(graph, outermost)
    for view in _views(outermost, opened):
        found = view.overview(graph, outermost, most)
        if found is not None:
            return found
    members = list(range(len(graph.nodes)))
    return Overview(graph, outermost, [Item(graph, members, [outermost], outermost)])


def inside(whole: Overview, box: Box, most: int) -> Overview:
    """Return what to show of one box, and what in an overview it is connected with.

    Args:
        whole: the overview in which it is collapsed.
        box: the box to be opened.
        most: how many items it may have.
    """
    graph = whole.graph
    boxes = set(box.all_boxes())
    views = [_View(boxes, apart=boxes), *_views(box, ())]
    shown = (view.overview(graph, box, most) for view in views)
    closed = Overview(graph, box, [Item(graph, box.members(), [box], box)])
    found = next(filter(None, shown), closed)
    members = {place for item in found.items for place in item.members}
    around = {parent for place in members for parent in graph.parents[place]}
    around.update(user for place in members for user in graph.users[place])
    around -= members
    neighbours = [
        Item(graph, touching, item.boxes, whole.outermost, is_neighbour=True)
        for item in whole.items
        if (touching := [place for place in item.members if place in around])
    ]
    frames = [box, *found.frames]
    return Overview(graph, whole.outermost, found.items + neighbours, frames)


def inside_call(graph: Graph, place: int, most: int) -> Overview | None:
    """Return what to show of the graph that a node stands for, and what it is connected with.

    Args:
        graph: the graph in which it is one node.
        place: that of the node.
        most: how many items it may have.

    Returns:
        None if there is nothing to be seen in it.
    """
    node = graph.nodes[place]
    users = [graph.nodes[user] for user in graph.users[place]]
    part = Graph(users or [node], opened=[node], only={node, *users, *node.parents})
    if node not in part.insides:
        return None
    part.calls = graph.calls
    outermost = Box()
    box = Box(node.op, outer=outermost)
    box.name = box.full_name = graph.calls[node].name
    box.own = part.insides[node]
    outermost.inner = [box]
    outermost.own = sorted(set(range(len(part.nodes))) - set(box.own))
    return inside(overview(part, outermost, most), box, most)


@dataclass(frozen=True)
class _View:
    """A way to show a graph.

    Attributes:
        open: the open boxes.
        apart: the open boxes whose nodes are shown one by one; those of others are bundled.
        chunked: the open boxes whose inner boxes are put together if they are too many.
        passed: the open boxes that matter only for what is in one of their inner boxes.
    """

    open: Collection[Box]
    apart: Collection[Box]
    chunked: Collection[Box] = ()
    passed: Collection[Box] = ()

    def overview(self, graph: Graph, outermost: Box, most: int) -> Overview | None:
        """Return what is shown in this way; None if it is too much."""
        frames = list(self._frames(outermost))
        items = [item for frame in frames for item in self._collapsed(graph, frame, most)]
        items += [
            Item(graph, [place], [], frame)
            for frame in frames
            if frame in self.apart
            for place in frame.own
        ]
        if len(items) > most:
            return None
        items += self._bundles(graph, frames, items, most)
        items.sort(key=lambda item: item.members[0])
        found = Overview(graph, outermost, items, frames[1:])
        fits = len(items) <= most and len(found.links) <= EDGES_PER_ITEM * most
        return found if fits else None

    def _frames(self, box: Box) -> Iterator[Box]:
        if box in self.open:
            yield box
            for inner in box.inner:
                yield from self._frames(inner)

    def _collapsed(self, graph: Graph, frame: Box, most: int) -> Iterator[Item]:
        """Go through the closed boxes in an open one, put together if they are too many."""
        closed = [box for box in frame.inner if box not in self.open]
        size = 1
        if frame in self.passed and len(closed) > _FEW:
            size = len(closed)
        elif frame in self.chunked and len(closed) > max(_CHUNKS, most // 2):
            size = math.ceil(len(closed) / _CHUNKS)
        for start in range(0, len(closed), size):
            boxes = closed[start : start + size]
            members = sorted(place for box in boxes for place in box.members())
            yield Item(graph, members, boxes, frame)

    def _bundles(
        self, graph: Graph, frames: list[Box], items: list[Item], most: int
    ) -> Iterator[Item]:
        crowded = [frame for frame in frames if frame.own and frame not in self.apart]
        if not crowded:
            return
        homes: list[Any] = [None] * len(graph.nodes)
        for frame in frames:
            for place in frame.own:
                homes[place] = frame
        for item in items:
            for place in item.members:
                homes[place] = item
        room = min(_MANY, max(_FEW, (most - len(items)) // len(crowded)))
        for frame in crowded:
            for bundle in bundled(graph, frame.own, homes, room):
                yield Item(graph, bundle, [], frame)


def _views(outermost: Box, opened: Collection[Box]) -> Iterator[_View]:
    """Go through the ways to show a graph, from the finest to the coarsest."""
    boxes = list(outermost.all_boxes())
    heights: dict[Box, int] = {}
    for box in reversed(boxes):
        heights[box] = 1 + max((heights[inner] for inner in box.inner), default=-1)
    highest = heights[outermost]
    if not opened:
        for height in range(min(1, highest), highest + 1):
            open_boxes = {box for box in boxes if heights[box] >= height} | {outermost}
            few = {box for box in open_boxes if len(box.own) <= _FEW}
            last = height == highest
            yield _View(open_boxes, apart=few, chunked=open_boxes if last else ())
    asked = {inner for box in opened for inner in box.all_boxes()}
    passed = {around for box in opened for around in box.enclosing()} | {outermost}
    passed.difference_update(opened)
    for height in range(highest + 1) if opened else ():
        open_boxes = {box for box in asked if heights[box] >= height} | set(opened) | passed
        few = {box for box in passed if len(box.own) <= _FEW}
        for apart in (asked | few, few):
            yield _View(open_boxes, apart, chunked=asked, passed=passed)
