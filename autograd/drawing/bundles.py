"""Putting nodes together that are too many to be drawn one by one.

First come nodes that do the same with the same: a loss over a hundred samples consists of a
hundred differences, a hundred squares and a sum. Where that is not enough, runs of the same
operation follow, and in the end whatever is next to each other.
"""

from collections.abc import Hashable, Sequence

from autograd.drawing.boxes import Graph, kind

_STRETCHES = 8
_LANDMARKS = 12

Bundle = list[int]


def bundled(
    graph: Graph, places: Sequence[int], homes: Sequence[Hashable], most: int
) -> list[Bundle]:
    """Return bundles of nodes, every node in exactly one.

    Outputs, nodes to which the user has given a label, and calls of compiled functions stay
    alone if they are few.

    Args:
        graph: the graph.
        places: those of the nodes to put together, in topological order.
        homes: in which box every node of the graph is.
        most: how many bundles there should be, besides those of one node.

    >>> from autograd import Value, exp, sum
    >>> graph = Graph([sum([exp(Value(1.0)) for _ in range(9)])])
    >>> [len(bundle) for bundle in bundled(graph, range(19), [None] * 19, 10)]
    [9, 9, 1]
    """
    alone = _landmarks(graph, places)
    bundles = _alike(graph, places, homes, alone)
    if len(bundles) > most:
        bundles = _runs(graph, bundles, alone)
    if len(bundles) > most:
        bundles = _stretches(graph, bundles, alone, _STRETCHES)
    return bundles


def _landmarks(graph: Graph, places: Sequence[int]) -> set[int]:
    """Return what is of interest by itself, where there are few of its kind.

    Outputs, labelled operations, labelled inputs, and nodes that stand for a graph.
    """
    outputs = [place for place in places if place in graph.outputs]
    labelled = [place for place in places if graph.nodes[place].label]
    operations = [place for place in labelled if graph.parents[place]]
    inputs = [place for place in labelled if not graph.parents[place]]
    calls = [place for place in places if graph.closed_call(graph.nodes[place])]
    few = [some for some in (outputs, operations, inputs, calls) if len(some) <= _LANDMARKS]
    return {place for some in few for place in some}


def _alike(
    graph: Graph, places: Sequence[int], homes: Sequence[Hashable], alone: set[int]
) -> list[Bundle]:
    """Put together what does the same operation with the same, and the leaves for the same."""
    here = set(places)
    described: dict[int, int] = {}
    numbers: dict[Hashable, int] = {}  # a short name for each description

    def describe(place: int, description: Hashable) -> None:
        key = (place,) if place in alone else description
        described[place] = numbers.setdefault(key, len(numbers))

    for place in places:
        node, parents = graph.nodes[place], graph.parents[place]
        from_here = (described[p] if p in here else homes[p] for p in parents)
        describe(place, (node.primitive, *dict.fromkeys(from_here)) if parents else kind(node))
    for place in places:
        if not graph.parents[place]:
            users = frozenset(described.get(u, homes[u]) for u in graph.users[place])
            describe(place, (kind(graph.nodes[place]), users))
    return _together(places, described)


def _runs(graph: Graph, bundles: list[Bundle], alone: set[int]) -> list[Bundle]:
    """Put together what is used by the same operation alone, such as the terms of a long sum."""
    number = {place: k for k, bundle in enumerate(bundles) for place in bundle}
    user = _only_users(graph, number, len(bundles))
    operation = [graph.nodes[bundle[0]].primitive for bundle in bundles]
    lonely = {number[place] for place in alone}
    merged = list(range(len(bundles)))
    for k in sorted(merged, key=lambda k: -bundles[k][-1]):  # users come first
        other = user[k]
        if other >= 0 and operation[k] is operation[other] and lonely.isdisjoint((k, other)):
            merged[k] = merged[other]
    return _together(sorted(number), {place: merged[k] for place, k in number.items()})


def _only_users(graph: Graph, number: dict[int, int], count: int) -> list[int]:
    """Return for each bundle which other one uses it; -1 if several or none do."""
    user = [-2] * count
    for place, mine in number.items():
        for other in graph.users[place]:
            theirs = number.get(other, -1)
            if theirs != mine:
                user[mine] = theirs if user[mine] in (-2, theirs) else -1
    return user


def _stretches(graph: Graph, bundles: list[Bundle], alone: set[int], count: int) -> list[Bundle]:
    """Cut the way from the inputs to the outputs in stretches of about the same size."""
    depth: dict[int, int] = {}
    for place in sorted(place for bundle in bundles for place in bundle):
        depth[place] = 1 + max((depth.get(p, 0) for p in graph.parents[place]), default=-1)
    operations = [bundle for bundle in bundles if depth[bundle[0]]]
    total = sum(map(len, operations))
    stretch: dict[int, int] = {}
    done = 0
    for bundle in sorted(operations, key=lambda bundle: depth[bundle[-1]]):
        stretch.update(dict.fromkeys(bundle, done * count // total))
        done += len(bundle)
    for place in depth.keys() - stretch.keys():  # leaves are where they are used first
        stretch[place] = min((stretch.get(u, 0) for u in graph.users[place]), default=0)
    stretch.update((place, -place - 1) for place in alone)
    return _together(sorted(stretch), stretch)


def _together(places: Sequence[int], key: dict[int, int]) -> list[Bundle]:
    bundles: dict[Hashable, Bundle] = {}
    for place in places:
        bundles.setdefault(key[place], []).append(place)
    return list(bundles.values())
