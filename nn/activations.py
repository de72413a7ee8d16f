"""The functions that a neuron may end with, by name."""

from collections.abc import Callable
from typing import Any

import autograd

Activation = Callable[[Any], Any]


def identity(x: Any) -> Any:
    """Return x itself: the activation of a linear neuron."""
    return x


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "elu": autograd.elu,
    "gelu": autograd.gelu,
    "hardtanh": autograd.hardtanh,
    "leaky_relu": autograd.leaky_relu,
    "mish": autograd.mish,
    "relu": autograd.relu,
    "selu": autograd.selu,
    "sigmoid": autograd.sigmoid,
    "silu": autograd.silu,
    "softplus": autograd.softplus,
    "softsign": autograd.softsign,
    "tanh": autograd.tanh,
}


def find(activation: str | Activation | None) -> Activation:
    """Return the activation of this name; a function as it is; the identity for None.

    Raises:
        ValueError: if there is none of this name.
        TypeError: if it is neither a name nor a function.

    >>> find("relu")
    <primitive relu(x)>
    """
    if activation is None:
        return identity
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"there is no activation {activation!r}: "
                f"choose one of {', '.join(ACTIVATIONS)}, or give a function"
            )
        return ACTIVATIONS[activation]
    if not callable(activation):
        raise TypeError(f"an activation is a name or a function, got {activation!r}")
    return activation


def name_of(activation: Activation) -> str:
    """Return what an activation is called.

    >>> name_of(find("relu")), name_of(abs)
    ('relu', 'abs')
    """
    for name, function in ACTIVATIONS.items():
        if function is activation:
            return name
    return str(getattr(activation, "__name__", None) or getattr(activation, "name", activation))
