"""Measure a step on a cluster of this machine's processes against one process.

    python benchmarks/cluster.py [--workers 1 2] [--largest ROWS] [--json FILE]

A step finds the mean loss of a batch and its gradients. The data is in memory and, after the first
step, on the workers. The figures are wall-clock times in milliseconds, the median and the least;
one process and the cluster take turns, so that a noisy minute hits both alike.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy
from distributed import Client, LocalCluster

import autograd
import nn
from autograd import Program
from autograd.files import write_whole

NETWORKS = {"2-16-16-1": [2, 16, 16, 1], "16-64-64-1": [16, 64, 64, 1]}


def compiled(sizes: list[int]) -> Program:
    """Compile the squared error of a network."""
    model = nn.MLP(sizes[0], sizes[1:], activation="tanh", seed=1)
    program: Program = autograd.compile(lambda x, y: (model(x)[0] - y) ** 2)
    return program


def data(rows: int, columns: int) -> tuple[Any, Any]:
    """Make a batch."""
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(rows, columns)), rng.normal(size=rows)


def milliseconds(step: Callable[[], Any]) -> float:
    """Measure one step."""
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def measure(program: Program, client: Client, rows: int, columns: int) -> dict[str, Any]:
    """Measure steps of one batch: alone, on the cluster, and the first one there."""
    X, y = data(rows, columns)
    on_cluster = program.distributed(client)
    alone, together = program.backward(X, y), on_cluster.backward(X, y)
    if abs(alone - together) > 1e-12 * abs(alone):
        raise SystemExit(f"the cluster computes another loss: {together}, not {alone}")
    taken: dict[str, list[float]] = {"one process": [], "cluster": [], "first": []}
    start = time.monotonic()
    while time.monotonic() - start < 4.0 or len(taken["cluster"]) < 5:
        taken["one process"].append(milliseconds(lambda: program.backward(X, y)))
        taken["cluster"].append(milliseconds(lambda: on_cluster.backward(X, y)))
    for k in range(3):  # other data, which has to be sent
        other = X + 1.0 + k
        taken["first"].append(milliseconds(lambda: on_cluster.backward(other, y)))  # noqa: B023
    return {name: [statistics.median(times), min(times)] for name, times in taken.items()}


def sizes(largest: int) -> list[int]:
    """Return the numbers of rows: powers of ten from 100."""
    return [10**k for k in range(2, 10) if 10**k <= largest]


def report(results: list[dict[str, Any]]) -> str:
    """Write the table."""
    columns = ("one process", "cluster", "first")
    lines = ["network     workers      rows" + "".join(f"{name:>20}" for name in columns)]
    for result in results:
        start = f"{result['network']:12}{result['workers']:>7}{result['rows']:>10}"
        cells = [f"{median:>11.2f} {least:>8.2f}" for median, least in map(result.get, columns)]
        lines.append(start + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Measure, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--largest", type=int, default=1_000_000, help="rows of the largest batch")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    results = []
    for workers in options.workers:
        with (
            LocalCluster(workers, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            for name, network in NETWORKS.items():
                program = compiled(network)
                for rows in sizes(options.largest):
                    print(f"{workers} workers, {name}, {rows} rows", file=sys.stderr)
                    figures = measure(program, client, rows, network[0])
                    results.append({"network": name, "workers": workers, "rows": rows} | figures)
    print(f"{machine.processor()}, {os.cpu_count()} cores, load {machine.load()}")
    print(report(results))
    if options.json:
        write_whole(options.json, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
