"""Checks of arguments, with errors in the user's terms."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from autograd import Value
from optim.optimizer import require, require_room


def require_number(what: str, number: Any, *, least: float | None = 0.0) -> None:
    """Raise an error if an argument is not a number, or is below the least allowed.

    >>> require_number("StepLR's gamma", -0.1)
    Traceback (most recent call last):
        ...
    ValueError: StepLR's gamma is a number from 0 on, got -0.1
    """
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{what} is a number, got {number!r}")
    require_room(what, number)
    if least is not None:
        require(float(number) >= least, f"{what} is a number from {least:g} on", number)


def require_whole(what: str, number: Any, *, least: int = 1) -> None:
    """Raise an error if an argument is not a whole number, or is below the least allowed.

    >>> require_whole("StepLR's step_size", 0)
    Traceback (most recent call last):
        ...
    ValueError: StepLR's step_size is a whole number from 1 on, got 0
    """
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"{what} is a whole number, got {number!r}")
    require_room(what, number)
    require(int(number) >= least, f"{what} is a whole number from {least} on", number)


def require_list(what: str, entries: Any, length: int | None = None) -> None:
    """Raise an error if a saved argument is not a list, or not of a certain length.

    >>> require_list("the saved milestones", None)
    Traceback (most recent call last):
        ...
    ValueError: the saved milestones are a list, got None
    """
    require(isinstance(entries, list), f"{what} are a list", entries)
    if length is not None:
        require(len(entries) == length, f"{what} are {length} in number", entries)


def values_of(function: str, parameters: Any) -> list[Value]:
    """Return the Values among a function's parameters, one or several, each once.

    >>> values_of("clip_grad_norm", [1.0])
    Traceback (most recent call last):
        ...
    TypeError: clip_grad_norm takes Values, got a float
    """
    given = [parameters] if isinstance(parameters, Value) else parameters
    if hasattr(given, "parameters"):
        raise TypeError(
            f"{function} takes a list of Values, got a {type(given).__name__}: "
            "give its parameters()"
        )
    if not isinstance(given, Iterable):
        raise TypeError(f"{function} takes a list of Values, got a {type(given).__name__}")
    values = list(given)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{function} takes Values, got a {type(value).__name__}")
    return list(dict.fromkeys(values))
