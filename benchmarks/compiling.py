"""What compiling costs, and running what was compiled, as the graph grows.

Run as a script it answers one request, a line of JSON, with a line of JSON:

    echo '["chain", 1000]' | python benchmarks/compiling.py stepgrad
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

BATCH = 256
RATE = 1e-3
STEPS = 20
Step = Callable[[Any], Any]


@dataclass
class Task:
    """What is to be done.

    Attributes:
        training: gives, as long as it is open, a function that takes a step with a batch.
        batch: of random samples.
        operations: how many a sample takes forward.
    """

    training: AbstractContextManager[Step]
    batch: Any
    operations: int


def chain(end: Any, weights: list[Any], bias: Any, tanh: Callable[[Any], Any], links: int) -> Any:
    """Three operations a link, each on the result of the one before."""
    for k in range(links):
        end = tanh(end * weights[k % len(weights)] + bias)
    return end


def numbers(count: int) -> list[float]:
    """Return random numbers about 1."""
    rng = random.Random(0)
    return [rng.uniform(0.5, 1.5) for _ in range(count)]


def stepgrad_chain(operations: int) -> Task:
    """Train a chain."""
    numpy = import_module("numpy")
    autograd, optim = import_module("autograd"), import_module("optim")
    links = operations // 3
    *weights, bias = parameters = [autograd.Value(x) for x in numbers(17)]
    program = autograd.compile(lambda x: chain(x, weights, bias, autograd.tanh, links))
    training = program.training(optim.SGD(parameters, lr=RATE))
    return Task(training, numpy.array(numbers(BATCH)), 3 * links)


def stepgrad_network(operations: int) -> Task:
    """Train an 8-n-n-1 network with ReLU, n as large as need be."""
    numpy = import_module("numpy")
    nn, optim = import_module("nn"), import_module("optim")
    width = next(n for n in range(1, operations) if count(n) * 1.1 >= operations)
    model = nn.MLP(8, [width, width, 1], "relu", seed=0)
    program = import_module("autograd").compile(lambda x: model(x)[0])
    training = program.training(optim.SGD(model.parameters(), lr=RATE))
    return Task(training, numpy.array(numbers(8 * BATCH)).reshape(BATCH, 8), count(width))


def count(width: int) -> int:
    """Return how many operations an 8-n-n-1 network takes: *, +, and relu in its hidden layers."""
    sizes = (8, width, width, 1)
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(sizes)) + 2 * width


def jax_chain(operations: int) -> Task:
    """Train the same chain in JAX."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp, links = import_module("jax.numpy"), operations // 3
    parameters = [jnp.array(x) for x in numbers(17)]

    def mean(parameters: list[Any], batch: Any) -> Any:
        *weights, bias = parameters
        return jax.vmap(lambda x: chain(x, weights, bias, jnp.tanh, links))(batch).mean()

    @jax.jit  # type: ignore[untyped-decorator]
    def moved(parameters: list[Any], batch: Any) -> Any:
        loss, gradients = jax.value_and_grad(mean)(parameters, batch)
        return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], loss

    training = nullcontext(lambda batch: jax.block_until_ready(moved(parameters, batch)))
    return Task(training, jnp.array(numbers(BATCH)), 3 * links)


MAKERS: dict[str, dict[str, Callable[[int], Task]]] = {
    "stepgrad": {"chain": stepgrad_chain, "network": stepgrad_network},
    "JAX": {"chain": jax_chain},
}


def costs(make: Callable[[int], Task], operations: int) -> dict[str, float]:
    """Say what the first step costs, and what the others cost per operation and sample."""
    first_and_others(make(10))  # what the libraries do but once
    task = make(operations)
    first, others = first_and_others(task)
    return {
        "operations": task.operations,
        "seconds": first - others,
        "nanoseconds": others * 1e9 / task.operations / BATCH,
    }


def first_and_others(task: Task) -> tuple[float, float]:
    """Return the seconds that the first step takes, and the median of the others."""
    with task.training as step:
        first, *others = [duration(step, task.batch) for _ in range(1 + STEPS)]
    return first, statistics.median(others)


def duration(step: Step, batch: Any) -> float:
    """Return the seconds that a step takes."""
    start = time.process_time()
    step(batch)
    return time.process_time() - start


def main() -> None:
    """Answer one request."""
    family, operations = json.loads(sys.stdin.readline())
    print(json.dumps(costs(MAKERS[sys.argv[1]][family], operations)))


if __name__ == "__main__":
    main()
