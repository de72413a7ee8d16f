"""Checks of arguments, with errors in the user's terms."""

from numbers import Integral, Real
from typing import Any

from optim.optimizer import require


def require_number(what: str, number: Any, *, least: float | None = 0.0) -> None:
    """Raise an error if an argument is not a number, or is below the least allowed.

    >>> require_number("StepLR's gamma", -0.1)
    Traceback (most recent call last):
        ...
    ValueError: StepLR's gamma is a number from 0 on, got -0.1
    """
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{what} is a number, got {number!r}")
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
    require(int(number) >= least, f"{what} is a whole number from {least} on", number)
