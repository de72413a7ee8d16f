"""Which module made which node of a graph: a tree of boxes, one per module."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from autograd.formula import visible
from autograd.grouping import OUTSIDE, Group
from autograd.sweep import topological_order
from autograd.value import Value


def inside(node: Value) -> list[Value]:
    """Return the graph in a node that stands for one, such as a compiled function's call.

    It begins at the node's parents, which are not in it, and its last node has the same number.
    """
    if not can_open(node):
        return []
    function: Any = node.primitive
    nodes: list[Value] = function.inside(node.parents, node.grad)
    return nodes


def can_open(node: Value) -> bool:
    """Return whether a node stands for a graph."""
    return hasattr(node.primitive, "inside")


class Call(NamedTuple):
    """What to call a node that stands for a graph.

    Attributes:
        number: its own one among those of its graph.
        name: the function's, with a number behind it from the second call on.
        operations: how many are in it.
    """

    number: int
    name: str
    operations: int


class Graph:
    """A graph whose nodes are called by their place in topological order.

    Args:
        roots: its outputs.
        opened: nodes that stand for a graph, such as a compiled function's call, which is to be a
            part of this one.
        only: leave out all other nodes (default: none).

    Attributes:
        nodes: all nodes, parents before children.
        parents: the places of every node's parents.
        edges: how many edges there are.
        outputs: the places of the roots.
        insides: the places of the nodes in an opened one, of which it is the last.
    """

    def __init__(
        self,
        roots: Sequence[Value],
        opened: Collection[Value] = (),
        only: Collection[Value] | None = None,
    ) -> None:
        self.nodes: list[Value] = []
        self.insides: dict[Value, list[int]] = {}
        self._made: dict[Value, Value] = {}
        for node in topological_order(roots):
            if only is None or node in only:
                if node in opened:
                    self._open(node)
                self.nodes.append(node)
        self._places = places = {node: place for place, node in enumerate(self.nodes)}
        self.parents = [
            tuple([places[p] for p in self.made(node).parents if p in places])
            for node in self.nodes
        ]
        self.edges = sum(map(len, self.parents))
        self.outputs = frozenset(places[root] for root in roots if root in places)

    def made(self, node: Value) -> Value:
        """Return the node that tells how a node was made: itself, or the last one inside it."""
        return self._made.get(node, node)

    def partials(self, place: int) -> tuple[float, ...]:
        """Return the local derivatives of a node, in the order of its parents."""
        node = self.made(self.nodes[place])
        if len(self.parents[place]) == len(node.partials):
            return node.partials
        edges = zip(node.parents, node.partials, strict=True)
        return tuple(partial for parent, partial in edges if parent in self._places)

    def _open(self, node: Value) -> None:
        """Add what is inside a node, but for the last node, for which this one stands."""
        inner = inside(node)
        if inner:
            start = len(self.nodes)
            self.nodes += inner[:-1]
            self.insides[node] = list(range(start, start + len(inner)))
            self._made[node] = inner[-1]

    @cached_property
    def calls(self) -> dict[Value, Call]:
        """The nodes that stand for a graph, and what to call them."""
        counts: Counter[str] = Counter()
        calls: dict[Value, Call] = {}
        for node in filter(can_open, self.nodes):
            function: Any = node.primitive
            name = visible(function.name)
            counts[name] += 1
            name = name if counts[name] == 1 else f"{name} {counts[name]}"
            calls[node] = Call(len(calls), name, function.operations)
        return calls

    def closed_call(self, node: Value) -> Call | None:
        """Return what to call a node, if it stands for a graph and is not open."""
        return self.calls[node] if can_open(node) and node not in self.insides else None

    @cached_property
    def users(self) -> list[list[int]]:
        """The places of the nodes that use each node."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for place, parents in enumerate(self.parents):
            for parent in parents:
                users[parent].append(place)
        return users


class Box:
    """What one module made, or one call of a compiled function.

    Attributes:
        kind: the name of the module's class, or of the function; empty for the outermost box,
            which holds all others and what no module has made.
        maker: a weak reference to the module; None for a function.
        outer: the box in which this one is; None for the outermost.
        inner: the boxes in this one.
        own: the places of the nodes that are in this box, but in no inner one.
        name: the module's path in the outermost module; the kind, for that one itself.
        full_name: the path with the outermost module's name before it.
        number: its own one among the boxes of its graph.
    """

    def __init__(self, kind: str = "", maker: Any = None, outer: "Box | None" = None) -> None:
        self.kind = kind
        self.maker = maker
        self.outer = outer
        self.inner: list[Box] = []
        self.own: list[int] = []
        self.name = self.full_name = kind
        self.number = 0
        self.depth: int = 0 if outer is None else outer.depth + 1

    @property
    def module(self) -> Any:
        """The module; None if it is gone, and for the outermost box."""
        return None if self.maker is None else self.maker()

    def enclosing(self) -> "Iterator[Box]":
        """Go through this box and those in which it is, from the inside out."""
        box: Box | None = self
        while box is not None:
            yield box
            box = box.outer

    def all_boxes(self) -> "Iterator[Box]":
        """Go through this box and all inside, outer ones first."""
        stack = [self]
        while stack:
            box = stack.pop()
            yield box
            stack.extend(reversed(box.inner))

    def members(self) -> list[int]:
        """Return the places of all nodes in this box and those inside, in topological order."""
        return sorted(place for box in self.all_boxes() for place in box.own)


def box_tree(graph: Graph) -> Box:
    """Return the outermost box of a graph; every node is in exactly one box of the tree.

    An operation without a mark was made where the nodes that use it were made. A parameter is in
    the box of its module. A number that one operation uses is in the box of that; inputs, and
    numbers that several use, are outside.

    >>> x = Value(2.0, label="x")
    >>> box_tree(Graph([x * x])).own
    [0, 1]
    """
    boxes = _Boxes()
    owners = _owners(graph, boxes)
    homes = _homes(boxes.outermost)
    opened = _opened(graph, owners)
    for place, node in enumerate(graph.nodes):
        box = owners[place] if node.primitive is not None else homes.get(node, owners[place])
        opened.get(place, box).own.append(place)
    _put_in_order(boxes.outermost)
    _name_boxes(boxes.outermost, graph)
    for number, box in enumerate(boxes.outermost.all_boxes()):
        box.number = number
    return boxes.outermost


def _opened(graph: Graph, owners: Sequence[Box]) -> dict[int, Box]:
    """Return boxes for the opened nodes, by the places of all nodes in them."""
    opened: dict[int, Box] = {}
    for node, places in graph.insides.items():
        around = owners[places[-1]]
        box = Box(node.op, outer=around)
        box.name = box.full_name = graph.calls[node].name
        around.inner.append(box)
        opened.update(dict.fromkeys(places, box))
    return opened


class _Boxes:
    """The boxes, found by the groups of which the nodes know."""

    def __init__(self) -> None:
        self.outermost = Box()
        self._of_group: dict[Group, Box] = {OUTSIDE: self.outermost}
        self._of_maker: dict[tuple[Box, int], Box] = {}

    def __getitem__(self, group: Group) -> Box:
        chain = []
        while group not in self._of_group:
            chain.append(group)
            group = group.outer or OUTSIDE
        box = self._of_group[group]
        for inner in reversed(chain):
            box = self._of_group[inner] = self._inside(box, inner)
        return box

    def _inside(self, outer: Box, group: Group) -> Box:
        for box in outer.enclosing():
            if box.maker is group.maker:  # the module has called itself
                return box
        key = outer, id(group.maker)
        if key not in self._of_maker:
            self._of_maker[key] = Box(group.kind, group.maker, outer)
            outer.inner.append(self._of_maker[key])
        return self._of_maker[key]


def _owners(graph: Graph, boxes: _Boxes) -> list[Box]:
    """Return in which box every node was made, by the marks at the borders."""
    owners: list[Box | None] = [None] * len(graph.nodes)
    uses = [0] * len(graph.nodes)
    outermost = boxes.outermost
    for place in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[place]
        mark, owner = node.made_by, owners[place] or outermost
        if isinstance(mark, Group):
            owner = boxes[mark]
        elif node.primitive is None and not node.requires_grad:
            owner = outermost if node.label or uses[place] > 1 else owner
        owners[place] = owner
        for parent in graph.parents[place]:
            uses[parent] += 1
            before = owners[parent]
            if before is not owner:
                owners[parent] = owner if before is None else _shared(before, owner)
    return [owner or outermost for owner in owners]


def _shared(one: Box, other: Box) -> Box:
    """Return the box of a node that is used in two boxes: the inner one, or one around both."""
    if one is other:
        return one
    inner, outer = (one, other) if one.depth > other.depth else (other, one)
    around = set(inner.enclosing())
    return inner if outer in around else next(box for box in outer.enclosing() if box in around)


def _homes(outermost: Box) -> dict[Value, Box]:
    """Return the box of every parameter, and other number, that a module keeps."""
    homes: dict[Value, Box] = {}
    for box in sorted(outermost.all_boxes(), key=lambda box: -box.depth):  # inner ones first
        if hasattr(box.module, "named_values"):
            for _, value in box.module.named_values():
                homes.setdefault(value, box)
    return homes


def _put_in_order(outermost: Box) -> None:
    """Drop the boxes without nodes, and sort the others by their first ones."""
    first: dict[Box, int] = {}
    for box in reversed(list(outermost.all_boxes())):
        box.inner = [inner for inner in box.inner if inner in first]
        box.inner.sort(key=first.__getitem__)
        places = box.own[:1] + [first[inner] for inner in box.inner]
        if places:
            first[box] = min(places)


def _name_boxes(outermost: Box, graph: Graph) -> None:
    kinds: Counter[str] = Counter()
    for top in outermost.inner:
        if top.maker is None:
            continue
        kinds[top.kind] += 1
        number = kinds[top.kind]
        top.name = top.full_name = top.kind if number == 1 else f"{top.kind} {number}"
        paths = _paths(top.module)
        for box in reversed(list(top.all_boxes())):  # inner ones first
            if box is not top and box.maker is not None:
                path = visible(paths.get(id(box.module), "")) or _path_in_labels(box, graph)
                box.name, box.full_name = path, f"{top.name}.{path}"
        order = {path: place for place, path in enumerate(paths.values())}
        for box in top.all_boxes():
            box.inner.sort(key=lambda inner: (order.get(inner.name, 0), _natural(inner.name)))


def _natural(name: str) -> list[tuple[bool, int | str]]:
    """Return a key that puts neurons.2 before neurons.10."""
    parts = name.split(".")
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]


def _paths(module: Any) -> dict[int, str]:
    """Return the paths of all modules in one."""
    if not hasattr(module, "named_modules"):
        return {}
    return {id(part): path for path, part in module.named_modules()}


def _path_in_labels(box: Box, graph: Graph) -> str:
    """Return where a module was that is gone: its parameters are labelled by their place."""
    nodes = [graph.nodes[place] for place in box.members()]
    labels = [node.label for node in nodes if node.is_leaf and node.requires_grad]
    path = _common_path([label.split(".")[:-1] for label in labels])
    if any(inner.name == visible(".".join(path)) for inner in box.inner):  # the only one in it
        path = path[: -2 if path[-1].isdigit() else -1]
    return visible(".".join(path)) or box.kind


def _common_path(paths: list[list[str]]) -> list[str]:
    """Return how far all paths go together; if they part in a list, without the list's name."""
    path = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        path.append(parts[0])
    parts_in_list = any(len(other) > len(path) and other[len(path)].isdigit() for other in paths)
    return path[:-1] if parts_in_list else path


def kind(node: Value) -> str:
    """Return "operation", "parameter", "input" or "constant".

    >>> kind(Value(3.0)), kind(Value(3.0, "x", requires_grad=False)), kind(Value(3.0) * 2.0)
    ('parameter', 'input', 'operation')
    """
    if node.parents:
        return "operation"
    if node.requires_grad:
        return "parameter"
    return "input" if node.label else "constant"
