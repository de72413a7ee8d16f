"""How large a network is: its weights, how many of them are not 0, and the bytes that it takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autograd import Value
from nn.module import Module

FLOAT_BYTES = 8

_WEIGHT = re.compile(r"(?:^|\.)(?:w\[\d+\]|(?:\w+_)?weight\w*(?:\[\d+\]){2,})$")
_NUMBERS = re.compile(r"neurons\.\d+\.|\[\d+\]")


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        weights: how many weights it has.
        nonzero: how many of them are not 0.
        nbytes: the bytes that it takes, with its other numbers.
    """

    weights: int
    nonzero: int
    nbytes: int


def weights(module: Module) -> dict[str, list[Value]]:
    """Return the weights of every layer by name: what its inputs are multiplied by.

    Biases are not among them, nor the scales of a normalization. The neurons of a `Layer` have
    theirs together, as the rows of a `Linear` do.

    >>> from nn import MLP, Linear, Sequential
    >>> {name: len(table) for name, table in weights(MLP(4, [8, 3])).items()}
    {'layers.0.w': 32, 'layers.1.w': 24}
    >>> list(weights(Sequential(Linear(4, 8), "relu", Linear(8, 3))))
    ['layers.0.weight', 'layers.2.weight']
    """
    tables: dict[str, list[Value]] = {}
    for name, value in module.named_values():
        if _WEIGHT.search(name):
            tables.setdefault(_NUMBERS.sub("", name), []).append(value)
    return tables


def size(module: Module) -> Size:
    """Return how large a network is, a number being a float64 of 8 bytes.

    A layer of which many weights are 0 is counted as it would be kept: those that are not 0, and
    a bit for each weight that says which they are.

    >>> from nn import MLP
    >>> size(MLP(4, [8, 3]))
    Size(weights=56, nonzero=56, nbytes=536)
    """
    tables = {name: [value.data for value in table] for name, table in weights(module).items()}
    others = len(list(module.named_values())) - sum(map(len, tables.values()))
    return size_of_tables(tables, FLOAT_BYTES, others)


def size_of_tables(
    tables: Mapping[str, "list[float] | list[int]"], weight_bytes: int, others: int
) -> Size:
    """Return how large a network is, given the weights of its layers.

    Args:
        tables: the weights by name.
        weight_bytes: how many bytes a weight takes.
        others: how many numbers there are besides, all of them float64.

    >>> size_of_tables({"layer": [0, 0, 0, 0, 0, 0, 0, 5]}, weight_bytes=1, others=2)
    Size(weights=8, nonzero=1, nbytes=18)
    """
    counts = [(len(table), len(table) - list(table).count(0)) for table in tables.values()]
    kept = sum(_table_bytes(count, nonzero, weight_bytes) for count, nonzero in counts)
    return Size(
        sum(count for count, _ in counts),
        sum(nonzero for _, nonzero in counts),
        kept + others * FLOAT_BYTES,
    )


def _table_bytes(count: int, nonzero: int, weight_bytes: int) -> int:
    """Return the bytes of a table, kept whole or without its zeros, whichever is less."""
    which = -(-count // 8)  # a bit each
    return min(count * weight_bytes, nonzero * weight_bytes + which)
