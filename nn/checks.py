"""Checks of what the modules are given, with errors in the user's terms."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from autograd import Value, primitives


def positive_count(what: str, number: Any) -> int:
    """Return a whole number above 0.

    Raises:
        ValueError: if it is none.

    >>> positive_count("a Layer's number of outputs", 0)
    Traceback (most recent call last):
        ...
    ValueError: a Layer's number of outputs is a whole number above 0, got 0
    """
    if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
        raise ValueError(f"{what} is a whole number above 0, got {number!r}")
    return int(number)


def as_values(module: Any, x: Any, count: int) -> list[Value]:
    """Return a module's inputs as nodes of the graph: Values as they are, numbers as constants.

    Raises:
        TypeError: if x is not a sequence of numbers or Values.
        ValueError: if there are not as many as the module takes.

    >>> as_values("this neuron", [1.0, 2.0], 3)
    Traceback (most recent call last):
        ...
    ValueError: this neuron takes 3 inputs, got 2
    """
    if type(x) is not list and (isinstance(x, (str, bytes)) or not isinstance(x, Iterable)):
        raise TypeError(f"{module} takes a list of {amount(count, 'input')}, got {x!r}")
    inputs = list(x)
    if len(inputs) != count:
        raise ValueError(f"{module} takes {amount(count, 'input')}, got {len(inputs)}")
    if set(map(type, inputs)) == {Value}:
        return inputs
    return [as_value(module, entry) for entry in inputs]


def as_value(module: Any, entry: Any) -> Value:
    """Return one of a module's inputs as a node of the graph.

    Raises:
        TypeError: if it is neither a number nor a Value.

    >>> as_value("this neuron", 2.0)
    Value(2.0, grad=0.0)
    """
    if isinstance(entry, Value):
        return entry
    try:
        return Value(entry, requires_grad=False)
    except TypeError:
        hint = ": call it once per sample" if isinstance(entry, Iterable) else ""
        raise TypeError(
            f"{module} takes numbers or Values as inputs, got a {type(entry).__name__}{hint}"
        ) from None


def require_kind(condition: bool, what: str, got: Any) -> None:
    """Raise TypeError if an argument is not of the kind that is needed.

    >>> require_kind(False, "fit needs a Module as model", 3)
    Traceback (most recent call last):
        ...
    TypeError: fit needs a Module as model, got int '3'
    """
    if not condition:
        raise TypeError(f"{what}, got {primitives.describe(got)}")


def has_methods(part: Any, *methods: str) -> bool:
    """Return whether something has these methods, and is not a class that was not called.

    >>> has_methods([], "append"), has_methods(list, "append"), has_methods(None, "append")
    (True, False, False)
    """
    return not isinstance(part, type) and all(
        callable(getattr(part, method, None)) for method in methods
    )


def amount(number: int, noun: str) -> str:
    """Return how many there are as text.

    >>> amount(1, "row"), amount(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
