"""The shapes of nested lists, and what it means that a layer takes many samples.

A sample is a number, a list of numbers (a vector), or lists nested deeper: a sequence is a list
of vectors, [position][feature]; a signal is a list of channels, [channel][position]; an image is
[channel][row][column]. A layer that treats every sample by itself also takes a list of samples,
or lists nested as deep as one likes, and returns its results nested in the same way.
"""

from collections.abc import Callable
from typing import Any

from autograd import Value
from nn.checks import as_value
from nn.module import Module

Shape = tuple[int, ...]
Form = tuple[int | str, ...]
"""What a sample looks like: a length, or a word where every length will do."""


def is_sequence(x: Any) -> bool:
    """Return whether x is a list, or something that can be read like one."""
    return hasattr(x, "__len__") and not isinstance(x, (str, bytes))


def shape(what: str, x: Any, place: tuple[int, ...] = ()) -> Shape:
    """Return the lengths of nested sequences, from the outside in; () for a number.

    Args:
        what: what to call x in a message.
        x: the sequences.
        place: where in it we are.

    Raises:
        ValueError: if rows have different lengths.

    >>> shape("the input", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (2, 3)
    >>> shape("x", [[1.0, 2.0, 3.0], [4.0, 5.0]])
    Traceback (most recent call last):
        ...
    ValueError: x has rows of different lengths: row [0] has 3 numbers, row [1] has 2 numbers
    """
    if not is_sequence(x):
        return ()
    if not any(map(is_sequence, x)):
        return (len(x),)
    shapes = [shape(what, row, (*place, number)) for number, row in enumerate(x)]
    for number, found in enumerate(shapes):
        if found != shapes[0]:
            raise ValueError(
                f"{what} has rows of different lengths: "
                f"row {_written_place((*place, 0))} has {counted(shapes[0])}, "
                f"row {_written_place((*place, number))} has {counted(found)}"
            )
    return (len(x), *shapes[0])


def written(form: Form) -> str:
    """Return a shape as text.

    >>> written((2, "rows", 3))
    '2 × rows × 3'
    """
    return " × ".join(map(str, form)) or "1"


def counted(form: Form) -> str:
    """Return a shape as text that says that these are numbers.

    >>> counted((2, 3)), counted((1,)), counted(())
    ('2 × 3 numbers', '1 number', 'a single number')
    """
    if not form:
        return "a single number"
    return f"{written(form)} number{'' if form == (1,) else 's'}"


def name(module: Module) -> str:
    """Return what to call a module in a message: its name and what it was made with.

    >>> from nn import Linear
    >>> name(Linear(3, 2))
    'Linear(3, 2)'
    """
    return f"{type(module).__name__}({module.extra_repr()})"


def as_nodes(what: str, x: Any) -> Any:
    """Return the same nested lists with every number as a node of the graph.

    Raises:
        TypeError: if an entry is neither a number nor a Value.
    """
    if not is_sequence(x):
        return as_value(what, x)
    if set(map(type, x)) == {Value}:  # as between two layers: nothing is to be done
        return list(x)
    return [as_nodes(what, row) for row in x]


def checked(module: Module, x: Any, *forms: Form, many: str = "") -> Any:
    """Return a module's input as nodes of the graph, if it has one of these shapes.

    Args:
        module: the module.
        x: its input.
        forms: the shapes that it may have.
        many: what to add to a message about them.

    Raises:
        ValueError: if it has another shape or rows of different lengths.
        TypeError: if an entry is neither a number nor a Value.
    """
    found = shape(f"the input of {name(module)}", x)
    if not any(len(found) == len(form) and _ends_with(found, form) for form in forms):
        raise _misshapen(module, found, *forms, many=many)
    return as_nodes(name(module), x)


def each(module: Module, x: Any, form: Form, compute: Callable[[Any], Any]) -> Any:
    """Return what a module computes of each sample, nested as the samples are.

    Args:
        module: the module.
        x: a sample, or nested lists of samples.
        form: the shape of a sample.
        compute: is given a sample whose numbers are nodes of the graph.

    Raises:
        ValueError: if a sample has another shape or rows of different lengths.
        TypeError: if an entry is neither a number nor a Value.

    >>> from nn import Linear
    >>> add = lambda vector: vector[0].data + vector[1].data
    >>> each(Linear(2, 1), [1.0, 2.0], (2,), add), each(Linear(2, 1), [[1, 2], [3, 4]], (2,), add)
    (3.0, [3.0, 7.0])
    >>> each(Linear(2, 1), [1.0, 2.0, 3.0], (2,), add)
    Traceback (most recent call last):
        ...
    ValueError: Linear(2, 1) takes 2 numbers, or lists of such, got 3 numbers
    """
    found = shape(f"the input of {name(module)}", x)
    if not _ends_with(found, form):
        raise _misshapen(module, found, form, many=", or lists of such")
    return at_depth(len(found) - len(form), as_nodes(name(module), x), compute)


def at_depth(depth: int, x: Any, compute: Callable[[Any], Any]) -> Any:
    """Return nested lists with a function applied to what lies so deep in them.

    >>> at_depth(1, [[1, 2], [3, 4]], sum)
    [3, 7]
    """
    return [at_depth(depth - 1, row, compute) for row in x] if depth else compute(x)


def _ends_with(found: Shape, form: Form) -> bool:
    """Return whether the innermost lengths are those of the form."""
    if len(found) < len(form):
        return False
    innermost = found[len(found) - len(form) :]
    return all(
        isinstance(wanted, str) or length == wanted
        for length, wanted in zip(innermost, form, strict=True)
    )


def _misshapen(module: Module, found: Shape, *forms: Form, many: str) -> ValueError:
    wanted = " or ".join(map(written, forms))
    plural = "" if wanted == "1" else "s"
    return ValueError(f"{name(module)} takes {wanted} number{plural}{many}, got {counted(found)}")


def _written_place(place: tuple[int, ...]) -> str:
    return "".join(f"[{number}]" for number in place)
