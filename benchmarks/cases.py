"""Networks in training, the same for every library: sizes, samples and the numbers at first."""

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from workloads import moons

RATE = 0.01


@dataclass(frozen=True)
class Case:
    """A network with ReLU between its layers, trained by gradient descent on one batch.

    With one output it is micrograd's demo: two moons, max-margin loss, L2. With several it tells
    random samples' classes apart by cross-entropy.

    Attributes:
        sizes: how many inputs there are, and outputs of each layer.
        batch: how many samples.
    """

    sizes: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        """The network's sizes as they are written."""
        return "-".join(map(str, self.sizes))

    @property
    def has_classes(self) -> bool:
        """Whether samples have classes: 0, 1, ... and not labels -1.0 and 1.0."""
        return self.sizes[-1] > 1

    @property
    def penalty(self) -> float:
        """What is added to the loss is so many times the sum of the parameters' squares."""
        return 0.0 if self.has_classes else 1e-4

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Of each layer's parameters: a row per neuron, its weights and then its bias."""
        return [(outputs, inputs + 1) for inputs, outputs in pairwise(self.sizes)]

    def numbers(self) -> list[float]:
        """Return the parameters at first: layer by layer, row by row."""
        rng = random.Random(0)
        return [
            rng.uniform(-1.0, 1.0) / math.sqrt(columns)
            for rows, columns in self.shapes
            for _ in range(rows * columns)
        ]

    def samples(self) -> tuple[list[list[float]], list[Any]]:
        """Return the samples' inputs, and their labels or classes."""
        rng = random.Random(0)
        if not self.has_classes:
            points = moons(self.batch, rng)
            return [[x, y] for x, y, _ in points], [label for *_, label in points]
        inputs = [[rng.gauss(0.0, 1.0) for _ in range(self.sizes[0])] for _ in range(self.batch)]
        return inputs, [rng.randrange(self.sizes[-1]) for _ in range(self.batch)]
