"""The workloads, written once for every engine.

Run as a script it is one engine at work: it reads requests, a line of JSON each, such as
``["steps", 0.1]``, and answers each with a line of JSON.

    python benchmarks/workloads.py stepgrad
"""

import json
import math
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from engines import ENGINES, Floats

SIZES = (2, 16, 16, 1)
POINTS = 100
Point = tuple[float, float, float]


def moons(count: int, rng: random.Random) -> list[Point]:
    """Two interleaved half circles with noise: (x, y, label -1 or 1)."""
    points = []
    for k in range(count):
        angle = math.pi * rng.random()
        x, y, label = math.cos(angle), math.sin(angle), -1.0
        if k % 2:
            x, y, label = 1.0 - x, 0.5 - y, 1.0
        points.append((x + rng.gauss(0.0, 0.1), y + rng.gauss(0.0, 0.1), label))
    return points


def initial_numbers(rng: random.Random) -> list[float]:
    """The network's weights, neuron by neuron, each with its bias first."""
    numbers = []
    for inputs, outputs in pairwise(SIZES):
        for _ in range(outputs):
            numbers += [0.0] + [rng.uniform(-1.0, 1.0) for _ in range(inputs)]
    return numbers


class Demo:
    """micrograd's own demo: a 2-16-16-1 ReLU network, max-margin loss over 100 points, L2."""

    def __init__(self, engine: Floats) -> None:
        rng = random.Random(0)
        self.engine = engine
        self.points = moons(POINTS, rng)
        self.leaves = engine.leaves(initial_numbers(rng))

    def step(self) -> float:
        """Take one step of gradient descent and return the loss before it."""
        loss = self.engine.record(self.loss, self.leaves)
        self.engine.sweep(loss)
        self.leaves = self.engine.descend(self.leaves, 0.01)
        return self.engine.read(loss)

    def loss(self, parameters: list[Any]) -> Any:
        """65,077 operations."""
        layers = arranged(parameters)
        losses = [
            self.engine.relu(1.0 + -label * self.network(layers, x, y))
            for x, y, label in self.points
        ]
        penalty = sum(p * p for p in parameters)
        return sum(losses) * (1.0 / len(losses)) + penalty * 1e-4

    def network(self, layers: list[Any], x: float, y: float) -> Any:
        """The network's output for one point."""
        inputs = [self.engine.number(x), self.engine.number(y)]
        *hidden, (output,) = layers
        for layer in hidden:
            inputs = [self.engine.relu(weighted_sum(neuron, inputs)) for neuron in layer]
        return weighted_sum(output, inputs)


def arranged(parameters: list[Any]) -> list[list[list[Any]]]:
    """The parameters as layers of neurons, each its bias and its weights."""
    rest = iter(parameters)
    return [
        [[next(rest) for _ in range(inputs + 1)] for _ in range(outputs)]
        for inputs, outputs in pairwise(SIZES)
    ]


def weighted_sum(neuron: list[Any], inputs: list[Any]) -> Any:
    total = neuron[0]
    for weight, x in zip(neuron[1:], inputs, strict=True):
        total = total + weight * x
    return total


def steps(demo: Any, seconds: float) -> dict[str, Any]:
    """Take steps for so long, one at least: the milliseconds of each, and the losses."""
    milliseconds: list[float] = []
    losses: list[float] = []
    end = time.process_time() + seconds
    while not losses or time.process_time() < end:
        demo.engine.tidy()
        start = time.process_time()
        losses.append(demo.step())
        milliseconds.append((time.process_time() - start) * 1e3)
    return {"milliseconds": milliseconds, "losses": losses}


def graph(engine: Floats, leaves: list[Any], operations: int) -> Any:
    """Chains of 99 operations, * + and relu in turn, added up in pairs: about so many in all."""
    x, w = leaves
    ends = []
    for _ in range(max(1, operations // 100)):
        end = x
        for _ in range(33):
            end = engine.relu(end * w + x)
        ends.append(end)
    while len(ends) > 1:
        odd = [ends.pop()] if len(ends) % 2 else []
        ends = [a + b for a, b in zip(ends[::2], ends[1::2], strict=True)] + odd
    return ends[0]


def size(engine: Floats, operations: int, seconds: float) -> dict[str, list[float]]:
    """Build and sweep graphs for so long, one at least: nanoseconds per operation of each."""
    samples: dict[str, list[float]] = {"forward": [], "backward": []}
    end = time.process_time() + seconds
    while not samples["forward"] or time.process_time() < end:
        engine.tidy()
        leaves = engine.leaves([0.5, 0.9])
        start = time.process_time()
        result = engine.record(lambda leaves: graph(engine, leaves, operations), leaves)
        built = time.process_time()
        engine.sweep(result)
        swept = time.process_time()
        samples["forward"].append((built - start) * 1e9 / operations)
        samples["backward"].append((swept - built) * 1e9 / operations)
    return samples


def chain(leaves: list[Any], operations: int) -> Any:
    """One chain of * and + in turn."""
    x, w = leaves
    end = x
    for _ in range(operations // 2):
        end = end * w + x
    return end


def deep(engine: Floats, operations: int) -> dict[str, Any]:
    """Build a deep chain and sweep it: seconds, bytes per operation; or what went wrong."""
    leaves = engine.leaves([0.5, 0.9])
    before = memory()
    start = time.process_time()
    result = engine.record(lambda leaves: chain(leaves, operations), leaves)
    built = time.process_time()
    after = memory()
    answer = {"bytes": (after - before) / operations, "forward": built - start}
    try:
        engine.sweep(result)
    except RecursionError:
        return answer | {"error": "RecursionError"}
    swept = time.process_time()
    return answer | {"backward": swept - built, "megabytes": max(after, memory()) / 1e6}


def memory() -> int:
    """The memory that this process takes, in bytes; where that isn't said, the most it took."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Answer requests until there are no more."""
    engine = ENGINES[sys.argv[1]]()
    requests: dict[str, Callable[..., Any]] = {
        "steps": partial(steps, Demo(engine)),
        "size": partial(size, engine),
        "deep": partial(deep, engine),
    }
    if sys.argv[1].startswith("stepgrad"):
        from stepgrad_modules import ModulesDemo

        modules = ModulesDemo()
        requests |= {"modules": partial(steps, modules), "layers": modules.layers}
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        print(json.dumps(requests[request](*arguments)), flush=True)


if __name__ == "__main__":
    main()
