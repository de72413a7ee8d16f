"""Copying and pickling graphs of any depth, without recursion.

Python's own copy and pickle go from a node to its parents by recursion and stop at about a
thousand. Here the nodes are handed over in topological order, parents first, so that each finds
its parents done already.
"""

import threading
from copy import deepcopy as deepcopy_of
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from autograd.sweep import topological_order

if TYPE_CHECKING:
    from autograd.value import Value

_STATE = ("_data", "_grad", "requires_grad", "primitive")


class _Pickling(threading.local):
    """The graphs in work, by the ids of their nodes; a pickler keeps alive what it has in work."""

    def __init__(self) -> None:
        self.graphs: WeakValueDictionary[int, _Ancestors] = WeakValueDictionary()


_pickling = _Pickling()


def copy(value: "Value") -> "Value":
    """Return a node with the same parents."""
    return _rebuild(*_description(value, value.parents))


def deepcopy(value: "Value", memo: dict[int, Any]) -> "Value":
    """Return a copy of the whole graph; the memo keeps what is shared shared."""
    for node in topological_order([value], lambda parent: id(parent) not in memo):
        if id(node) not in memo:
            parents = tuple([memo[id(parent)] for parent in node.parents])
            copied = _rebuild(*_description(node, parents))
            memo[id(node)] = copied
            if hasattr(copied, "__dict__"):
                vars(copied).update(deepcopy_of(vars(node), memo))
    duplicate: Value = memo[id(value)]
    return duplicate


def reduce(value: "Value") -> tuple[Any, ...]:
    """Return how to pickle a node: by its parents, if they are in the pickle already."""
    graph = _pickling.graphs.get(id(value))
    if value.is_leaf or (graph is not None and graph.hands_over(value)):
        return _rebuild, _description(value, value.parents)
    # A node handed over before, and asked for again, is on its way into another pickle, which
    # may have none of its ancestors. For a new node, what was handed over before is left out.
    return _last, (_Ancestors(value, whole=graph is not None),)


class _Ancestors:
    """A node and all it was made from; pickles as the list of them, parents first."""

    def __init__(self, root: "Value", whole: bool) -> None:
        graphs = _pickling.graphs
        self.nodes = topological_order([root], lambda node: whole or id(node) not in graphs)
        self.waiting = {id(node) for node in self.nodes}
        graphs.update(dict.fromkeys(self.waiting, self))

    def hands_over(self, node: "Value") -> bool:
        """Return whether it is the node's turn, which comes once."""
        if id(node) not in self.waiting:
            return False
        self.waiting.remove(id(node))
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self.nodes)


def _last(nodes: "list[Value]") -> "Value":
    return nodes[-1]


def _description(value: "Value", parents: "tuple[Value, ...]") -> tuple[Any, ...]:
    state = tuple([getattr(value, name) for name in _STATE])
    extra = dict(getattr(value, "__dict__", {}))
    return type(value), parents, value.partials, value.label, state, extra


def _rebuild(
    kind: "type[Value]",
    parents: "tuple[Value, ...]",
    partials: tuple[float, ...],
    label: str,
    state: tuple[Any, ...],
    extra: dict[str, Any],
) -> "Value":
    from autograd.value import Value, link  # which imports this module

    value = kind.__new__(kind)
    Value.__init__(value, 0.0, label)
    for name, content in zip(_STATE, state, strict=True):
        setattr(value, name, content)
    link(value, parents, partials)
    if extra:
        vars(value).update(extra)  # attributes that a subclass has added
    return value
