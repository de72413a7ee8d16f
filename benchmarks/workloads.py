"""The workloads, written once for every engine: run as a script, it measures one engine.

    python benchmarks/workloads.py stepgrad

prints the measurements as one line of JSON. Each engine gives a scalar class with + * ** relu,
.data, .grad and .backward(); the code below is the same for all.
"""

import importlib
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

ENGINES = {"stepgrad": "autograd", "slots": "slots_value", "micrograd": "micrograd.engine"}


def moons(count: int, rng: random.Random) -> list[tuple[float, float, float]]:
    """Two interleaved half circles with noise: (x, y, label -1 or 1)."""
    points = []
    for k in range(count):
        angle = math.pi * rng.random()
        x, y, label = math.cos(angle), math.sin(angle), -1.0
        if k % 2:
            x, y, label = 1.0 - x, 0.5 - y, 1.0
        points.append((x + rng.gauss(0.0, 0.1), y + rng.gauss(0.0, 0.1), label))
    return points


class Network:
    """A 2-16-16-1 network with ReLU, made of the engine's scalars."""

    def __init__(self, value: Callable[[float], Any], rng: random.Random) -> None:
        self.layers = [
            [
                ([value(rng.uniform(-1.0, 1.0)) for _ in range(inputs)], value(0.0))
                for _ in range(outputs)
            ]
            for inputs, outputs in ((2, 16), (16, 16), (16, 1))
        ]
        self.parameters = [
            parameter
            for layer in self.layers
            for weights, bias in layer
            for parameter in (*weights, bias)
        ]

    def __call__(self, inputs: list[Any]) -> Any:
        for depth, layer in enumerate(self.layers):
            outputs = []
            for weights, bias in layer:
                total = bias
                for weight, x in zip(weights, inputs, strict=True):
                    total = total + weight * x
                outputs.append(total if depth == 2 else total.relu())
            inputs = outputs
        return inputs[0]


def training_step(network: Network, points: list[tuple[float, float, float]]) -> None:
    """micrograd's own demo: max-margin loss over all points, L2 penalty, gradient descent."""
    losses = [(1.0 + -label * network([x, y])).relu() for x, y, label in points]
    data_loss = sum(losses[1:], losses[0]) * (1.0 / len(losses))
    penalty = sum((p * p for p in network.parameters[1:]), network.parameters[0] ** 2)
    loss = data_loss + penalty * 1e-4
    for parameter in network.parameters:
        parameter.grad = 0.0
    loss.backward()
    for parameter in network.parameters:
        parameter.data -= 0.1 * parameter.grad


def chain(value: Callable[[float], Any], length: int) -> tuple[float, float]:
    """Nanoseconds per operation to build a chain of + * and relu, and to sweep it."""
    x, w = value(0.5), value(1.0000001)
    start = time.process_time()
    result = x
    for _ in range(length // 3):
        result = (result * w + x).relu()
    built = time.process_time()
    result.backward()
    swept = time.process_time()
    return (built - start) / length * 1e9, (swept - built) / length * 1e9


def measure(engine: str) -> dict[str, float]:
    """Return the medians of all workloads for one engine."""
    value = importlib.import_module(ENGINES[engine]).Value
    rng = random.Random(0)
    network, points = Network(value, rng), moons(100, rng)
    steps = []
    for _ in range(5):
        start = time.process_time()
        training_step(network, points)
        steps.append(time.process_time() - start)
    sys.setrecursionlimit(100_000)  # the others' sweeps recurse along the chain
    chains = [chain(value, 6000) for _ in range(15)]
    return {
        "step_ms": statistics.median(steps) * 1e3,
        "forward_ns": statistics.median(forward for forward, _ in chains),
        "backward_ns": statistics.median(backward for _, backward in chains),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
