"""The same demo through stepgrad's own modules and losses, and what each layer costs."""

import random
import statistics
import time
from itertools import pairwise
from typing import Any

from engines import Floats
from workloads import POINTS, SIZES, moons

from autograd import Value
from nn import MLP, Layer, l2_penalty
from nn.losses import hinge
from optim import SGD


class ModulesDemo:
    """micrograd's demo, said with `MLP`, `hinge`, `l2_penalty` and `SGD`."""

    def __init__(self) -> None:
        self.engine = Floats()
        points = moons(POINTS, random.Random(0))
        self.inputs = [[x, y] for x, y, _ in points]
        self.labels = [label for *_, label in points]
        self.model = MLP(SIZES[0], SIZES[1:], "relu", seed=0)
        self.optimizer = SGD(self.model.parameters(), lr=0.01)

    def step(self) -> float:
        """Take one step of gradient descent and return the loss before it."""
        scores = [self.model(x)[0] for x in self.inputs]
        loss = hinge(scores, self.labels) + l2_penalty(self.model, 1e-4)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss)

    def layers(self) -> list[dict[str, Any]]:
        """Say what each layer costs forward: its sizes, and microseconds a call."""
        return [
            {"inputs": inputs, "outputs": outputs, "microseconds": microseconds(layer, inputs)}
            for layer, (inputs, outputs) in zip(self.model.layers, pairwise(SIZES), strict=True)
        ]


def microseconds(layer: Layer, inputs: int) -> float:
    """Return what a call of a layer takes: the median of several hundreds."""
    numbers = [Value(0.1) for _ in range(inputs)]
    taken = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(POINTS):
            layer(numbers)
        taken.append(time.process_time() - start)
    return statistics.median(taken) / POINTS * 1e6
