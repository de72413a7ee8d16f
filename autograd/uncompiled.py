"""Cython's decorators in plain Python, where they change nothing.

The files of the engine are compiled by Cython where there is a C compiler. What they tell it by
decorators is only for it: run as they are, they need no Cython.
"""

from collections.abc import Callable
from typing import Any, TypeVar

_Decorated = TypeVar("_Decorated")

compiled = False


def cclass(decorated: _Decorated) -> _Decorated:
    """Make a class a C structure with functions."""
    return decorated


def no_gc(decorated: _Decorated) -> _Decorated:
    """Keep a class out of the garbage collector's sight: its objects cannot form cycles."""
    return decorated


def freelist(size: int) -> Callable[[_Decorated], _Decorated]:
    """Let a class keep the memory of so many freed objects for the next ones."""
    return cclass


def locals(**types: Any) -> Callable[[_Decorated], _Decorated]:
    """Give variables of a function the types of C."""
    return cclass
