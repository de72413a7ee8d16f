"""Penalties: the price of large weights, to be added to a loss."""

from collections.abc import Iterable
from typing import Any

from autograd import Value, absolute, dot, sum
from nn.module import Module


def l1_penalty(parameters: Module | Iterable[Value], strength: float) -> Any:
    """Return strength · Σ |w|, which draws small weights to 0 itself.

    Args:
        parameters: a module, for all its parameters; or the Values that are to be small, each
            counted once.
        strength: the price of a size of 1.

    Raises:
        TypeError: if a parameter is not a Value.

    Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso", section 2.1, as a
    penalty instead of a bound.

    >>> l1_penalty([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    return strength * sum([absolute(w) for w in _values("l1_penalty", parameters)])


def l2_penalty(parameters: Module | Iterable[Value], strength: float) -> Any:
    """Return strength · Σ w², which makes large weights pay more.

    Its derivative is 2 · strength · w: with SGD, as ``weight_decay=2 * strength``.

    Args:
        parameters: as for `l1_penalty`.
        strength: the price of a size of 1.

    Raises:
        TypeError: as for `l1_penalty`.

    Hoerl and Kennard (1970), "Ridge Regression", section 3.

    >>> l2_penalty([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    values = _values("l2_penalty", parameters)
    return strength * dot(values, values)


def _values(penalty: str, parameters: Any) -> list[Value]:
    listed = parameters.parameters() if isinstance(parameters, Module) else list(parameters)
    for value in listed:
        if not isinstance(value, Value):
            raise TypeError(
                f"{penalty} takes a module or Values, got a list with a {type(value).__name__}"
            )
    return list(dict.fromkeys(listed))
