"""Functions of floats and, entry by entry, of NumPy arrays, with the same results to the bit.

What a rule needs besides arithmetic. The square root is not written ``x ** 0.5``: for floats that
is a power, whose last bit differs from NumPy's root in one case of a thousand, and which makes of
a negative number a complex one.
"""

import importlib
from typing import Any

import autograd


def sqrt(x: Any) -> Any:
    """Return the square root.

    >>> sqrt(9.0)
    3.0
    """
    return _library_of(x).sqrt(x)


def sign(x: Any) -> Any:
    """Return 1, 0 or -1 as x is positive, zero or negative; nan for nan.

    >>> sign(-0.5)
    -1.0
    """
    return _library_of(x).sign(x)


def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two numbers; nan if either is nan.

    >>> maximum(1.0, 2.0)
    2.0
    """
    return _library_of(x).maximum(x, y)


def minimum(x: Any, y: Any) -> Any:
    """Return the smaller of two numbers; nan if either is nan.

    >>> minimum(1.0, 2.0)
    1.0
    """
    return _library_of(x).minimum(x, y)


def _library_of(x: Any) -> Any:
    return importlib.import_module("numpy") if hasattr(x, "__array_ufunc__") else autograd
