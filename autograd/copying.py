"""Copying and pickling graphs of any depth, without recursion.

Python's own copy and pickle go from a node to its parents by recursion and stop at about a
thousand. Here the nodes are handed over in topological order, parents first, so that each finds
its parents done already.
"""

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from autograd.sweep import topological_order

if TYPE_CHECKING:
    from autograd.value import Value

_STATE = ("_data", "_grad", "label", "requires_grad", "primitive", "partials")


class _Pickling(threading.local):
    def __init__(self) -> None:
        self.graphs: WeakSet[_Ancestors] = WeakSet()  # a pickler keeps alive what it has in work


_pickling = _Pickling()


def copy(value: "Value") -> "Value":
    """Return a node with the same parents."""
    return _rebuild(*_description(value, value.parents))


def deepcopy(value: "Value", memo: dict[int, Any]) -> "Value":
    """Return a copy of the whole graph; the memo keeps what is shared shared."""
    for node in topological_order([value], lambda parent: id(parent) not in memo):
        if id(node) not in memo:
            parents = tuple([memo[id(parent)] for parent in node.parents])
            memo[id(node)] = _rebuild(*_description(node, parents))
    duplicate: Value = memo[id(value)]
    return duplicate


def reduce(value: "Value") -> tuple[Any, ...]:
    """Return how to pickle a node: by its parents, if they are in the pickle already."""
    if value.is_leaf or any(id(value) in graph.members for graph in _pickling.graphs):
        return _rebuild, _description(value, value.parents)
    return _last, (_Ancestors(value),)


class _Ancestors:
    """A node and all it was made from; pickles as the list of them, parents first."""

    def __init__(self, root: "Value") -> None:
        self.nodes = topological_order([root])
        self.members = {id(node) for node in self.nodes}
        _pickling.graphs.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self.nodes)


def _last(nodes: "list[Value]") -> "Value":
    return nodes[-1]


def _description(value: "Value", parents: "tuple[Value, ...]") -> tuple[Any, ...]:
    state = tuple([getattr(value, name) for name in _STATE])
    return type(value), parents, state, dict(getattr(value, "__dict__", {}))


def _rebuild(
    kind: "type[Value]", parents: "tuple[Value, ...]", state: tuple[Any, ...], extra: dict[str, Any]
) -> "Value":
    value = kind.__new__(kind)
    for name, content in zip(_STATE, state, strict=True):
        setattr(value, name, content)
    value.parents = parents
    value.made_at = None
    if extra:
        vars(value).update(extra)  # attributes that a subclass has added
    return value
