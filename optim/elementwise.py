"""Functions of floats and, entry by entry, of NumPy arrays, with the same results to the bit.

What a rule needs besides arithmetic. The square root is not written ``x ** 0.5``: for floats that
is a power, whose last bit differs from NumPy's root in one case of a thousand, and which makes of
a negative number a complex one.
"""

import importlib
from typing import Any

import autograd
from autograd import Value


def sqrt(x: Any) -> Any:
    """Return the square root.

    >>> sqrt(9.0)
    3.0
    """
    return _function("sqrt", x)(x)


def sign(x: Any) -> Any:
    """Return 1, 0 or -1 as x is positive, zero or negative; nan for nan.

    >>> sign(-0.5)
    -1.0
    """
    return _function("sign", x)(x)


def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two numbers; nan if either is nan.

    >>> maximum(1.0, 2.0)
    2.0
    """
    return _function("maximum", x)(x, y)


def minimum(x: Any, y: Any) -> Any:
    """Return the smaller of two numbers; nan if either is nan.

    >>> minimum(1.0, 2.0)
    1.0
    """
    return _function("minimum", x)(x, y)


def _function(name: str, x: Any) -> Any:
    """Return NumPy's function for its arrays, else that of the primitive's values.

    While the rule is compiled, its numbers are Values, and the primitive itself is recorded.
    """
    if isinstance(x, Value):
        return getattr(autograd, name)
    if hasattr(x, "__array_ufunc__"):
        return getattr(importlib.import_module("numpy"), name)
    return getattr(autograd, name).value
