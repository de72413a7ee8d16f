"""Groups: which nodes were made by the same module.

Pictures of large graphs show one box per group. To know the group of every node it is enough to
mark those where the graph crosses a border: what a module is given, and what it returns. All
others were made where the nodes that use them were made.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autograd.value import NO_NOTES, Notes, Value

if TYPE_CHECKING:
    import cython  # seen by Cython alone
else:
    from autograd import uncompiled as cython


class Group:
    """The operations of one maker, such as a module, called from one place.

    Nodes refer to it, so it holds nothing of the graph, and the maker only weakly.

    Attributes:
        kind: the name of the maker's class.
        maker: a weak reference to what made them; None for what is made outside all groups.
        outer: the group in which the maker was called; None for what is made outside.
    """

    __slots__ = ("kind", "maker", "outer")

    def __init__(
        self, kind: str, maker: "weakref.ref[Any] | None" = None, outer: "Group | None" = None
    ) -> None:
        self.kind = kind
        self.maker = maker
        self.outer = outer

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what is made outside: the copy of a maker is another maker."""
        return _outside, ()


_DEEPEST = 20  # how deep nodes in nested sequences are looked for

OUTSIDE = Group("")
"""What is made by no module."""


def _outside() -> Group:
    return OUTSIDE


class _Place:
    """Where a thread is: whose nodes it makes, the list it marked last, and who is told."""

    __slots__ = ("marked", "note", "tell")

    def __init__(self) -> None:
        self.note = _OUTSIDE_NOTE
        self.marked: list[Value] = []
        self.tell: Callable[[Maker, Any], None] | None = None


class _Thread(threading.local):
    def __init__(self) -> None:
        self.place = _Place()


_OUTSIDE_NOTE = Notes(made_by=OUTSIDE)
_thread = _Thread()


class Maker:
    """A function with a state whose operations are a group; the base of modules.

    >>> from autograd import Value
    >>> class Double(Maker):
    ...     def forward(self, x):
    ...         return 2.0 * x
    >>> y = Double()(Value(2.0))
    >>> y.made_by.kind, y.made_by.outer is OUTSIDE
    ('Double', True)
    """

    # Those of the maker that has called it last, and those that its own nodes share.
    _notes: tuple[Notes | None, Notes] = (None, NO_NOTES)

    @cython.locals(place="_Place")
    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Return what `forward` computes; what it is given and what it returns is marked."""
        place = _thread.place
        outer = place.note
        for given in inputs:
            if type(given) is not list or given != place.marked:  # a layer's neurons share theirs
                _mark(given, outer, place)
        if named:
            _mark(named, outer, place)
        called_in, note = self._notes
        if called_in is not outer:
            note = Notes(made_by=Group(type(self).__name__, weakref.ref(self), outer.made_by))
            self._notes = outer, note
        place.note = note
        try:
            output = self.forward(*inputs, **named) if named else self.forward(*inputs)
            if type(output) is Value:
                _mark_node(output, note)
            else:
                _mark(output, note, place)
        finally:
            place.note = outer
            if outer is _OUTSIDE_NOTE:
                place.marked = []  # so that nothing of the graph is held here
        if place.tell is not None:
            place.tell(self, output)
        return output

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Compute the output from the inputs; to be written by each subclass.

        Raises:
            NotImplementedError: if the subclass has not done so.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")


@contextmanager
def watching(tell: Callable[[Any, Any], None]) -> Iterator[None]:
    """Call a function with every maker that has computed, and its output, in a with block.

    Makers inside others come before them; each thread has its own watcher.

    >>> class Double(Maker):
    ...     def forward(self, x):
    ...         return 2.0 * x
    >>> with watching(lambda maker, output: print(type(maker).__name__, output)):
    ...     output = Double()(3.0)
    Double 6.0
    """
    place = _thread.place
    before = place.tell
    place.tell = tell
    try:
        yield
    finally:
        place.tell = before


def _mark(part: Any, note: Notes, place: _Place, depth: int = _DEEPEST) -> None:
    """Mark all nodes in nested sequences that have no mark yet.

    Leaves are marked, too, if they require a gradient: inputs are not to be mistaken for
    parameters.
    """
    if isinstance(part, Value):
        _mark_node(part, note)
    elif depth == 0:
        return  # such as a list that contains itself: forward says what is wrong with it
    elif isinstance(part, (list, tuple)):
        for entry in part:
            if type(entry) is Value:
                _mark_node(entry, note)
            elif type(entry) is not float:
                _mark(entry, note, place, depth - 1)
        if type(part) is list and set(map(type, part)) == {Value}:
            place.marked = part.copy()
    elif isinstance(part, dict):
        for entry in part.values():
            _mark(entry, note, place, depth - 1)
    elif hasattr(part, "dtype") and hasattr(part, "tolist") and part.dtype.hasobject:
        _mark(part.tolist(), note, place)


def _mark_node(node: Value, note: Notes) -> None:
    """Mark a node that has no mark yet, if gradients flow through it."""
    if node.requires_grad:
        if node._notes is None:
            node._notes = note
        elif node._notes.made_by is None:
            node.made_by = note.made_by
