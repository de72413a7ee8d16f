"""Quantization: weights as whole numbers of one byte, and one scale for all of a layer."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from nn.module import Module
from nn.sizes import Size, size_of_tables, weights

LARGEST = 127

Network = TypeVar("Network", bound=Module)


@dataclass(frozen=True)
class Int8Table:
    """Numbers as multiples of a scale.

    Attributes:
        scale: what 1 stands for.
        multiples: whole numbers from -127 to 127.
    """

    scale: float
    multiples: list[int]

    def dequantized(self) -> list[float]:
        """Return the numbers that are meant.

        >>> Int8Table(0.5, [3, -2]).dequantized()
        [1.5, -1.0]
        """
        return [self.scale * multiple for multiple in self.multiples]


def quantize_per_tensor(numbers: Sequence[float]) -> Int8Table:
    """Return numbers as multiples, from -127 to 127, of a scale by which the largest is ±127.

    None is off by more than half of the scale, and 0 stays 0.

    Raises:
        ValueError: if a number is nan or infinite.

    Krishnamoorthi (2018), "Quantizing deep convolutional networks for efficient inference",
    section 2.2, the symmetric quantizer; torch.fake_quantize_per_tensor_affine with zero_point 0.

    >>> quantize_per_tensor([254.0, -100.9, 0.0])
    Int8Table(scale=2.0, multiples=[127, -50, 0])
    """
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"only finite numbers can be quantized, got {number}")
    scale = max(map(abs, numbers), default=0.0) / LARGEST
    if scale == 0.0:  # of nothing but 0, or of what is nearly so
        return Int8Table(1.0, [0] * len(numbers))
    return Int8Table(scale, [_within(round(number / scale)) for number in numbers])


@dataclass(frozen=True)
class Quantized:
    """A network's weights as whole numbers, a scale per layer, and its other numbers as floats.

    Attributes:
        tables: the weights of every layer, by name: see `nn.sizes.weights`.
        others: the other numbers, such as biases, by name.
    """

    tables: dict[str, Int8Table]
    others: dict[str, float]

    def size(self) -> Size:
        """Return how large it is: 1 byte for a weight, 8 for a scale or another number.

        As for `nn.sizes.size`, zeros cost a bit where there are many.
        """
        tables = {name: table.multiples for name, table in self.tables.items()}
        return size_of_tables(tables, 1, len(tables) + len(self.others))

    def load_into(self, module: Network) -> Network:
        """Give a network of the same make these numbers, and return it.

        Raises:
            KeyError: if its numbers have other names.
            ValueError: if a layer has another number of weights.
        """
        names = {value: name for name, value in module.named_values()}
        state = dict(self.others)
        for layer, table in weights(module).items():
            numbers = self.tables[layer].dequantized()
            state |= zip((names[value] for value in table), numbers, strict=True)
        module.load_state_dict(state)
        return module


def quantize(module: Module) -> Quantized:
    """Return a network's weights as whole numbers of one byte, and a scale for each layer.

    Only what is kept is smaller: to compute with it, `Quantized.load_into` a network.

    Raises:
        ValueError: if a weight is nan or infinite.

    >>> from nn import Linear
    >>> layer = Linear(2, 1)
    >>> layer.load_state_dict({"weight[0][0]": 1.27, "weight[0][1]": 0.333, "bias[0]": 0.1})
    >>> small = quantize(layer)
    >>> small.tables["weight"].multiples, small.size().nbytes
    ([127, 33], 18)
    >>> [round(weight.data, 6) for weight in small.load_into(Linear(2, 1)).weight[0]]
    [1.27, 0.33]
    """
    tables = weights(module)
    values = {value for table in tables.values() for value in table}
    return Quantized(
        {
            name: quantize_per_tensor([value.data for value in table])
            for name, table in tables.items()
        },
        {name: value.data for name, value in module.named_values() if value not in values},
    )


def rounded(module: Network) -> Network:
    """Return a copy of a network whose weights are what a byte each can tell.

    Raises:
        ValueError: as for `quantize`.

    >>> from nn import MLP
    >>> model = MLP(4, [3], seed=0)
    >>> exact, small = model([1.0] * 4), rounded(model)([1.0] * 4)
    >>> 0.0 < abs(exact[0].data - small[0].data) < 0.01
    True
    """
    return quantize(module).load_into(copy.deepcopy(module))


def _within(multiple: int) -> int:
    """Return a multiple no larger than the largest, which the tiniest scales would allow."""
    return max(-LARGEST, min(LARGEST, multiple))
