"""Measure this engine side by side with its peers, in one run, on one core: make bench.

    python benchmarks/run.py [--json FILE] [--pictures FOLDER] [--only PART ...]

Node by node: step, nodes, sizes. Compiled: compiled, networks, compile-time. Each engine works in
a process of its own (workloads.py, training.py, compiling.py), a peer in an environment of its
own. They take turns, so that a noisy minute hits all alike; the figures are medians of CPU time.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import batches
import environments
import growth
import machine
import picture
import report
from environments import NotThereError, say
from worker import Worker

from autograd.files import write_whole

NODE_BY_NODE = ("step", "nodes", "sizes")
PARTS = (*NODE_BY_NODE, "compiled", "networks", "compile-time")
Results = dict[str, dict[str, Any]]


def floor() -> tuple[Path, dict[str, str]]:
    """Return the Python of the C tape, and where that is found."""
    return Path(sys.executable), {"PYTHONPATH": str(environments.floor())}


def compiled() -> tuple[Path, dict[str, str]]:
    """Return the Python of the compiled form, if there is one."""
    python, environment = Path(sys.executable), {"STEPGRAD_PURE": "0"}
    worker = Worker("stepgrad", python, environment)
    try:
        worker.ask("size", 100, 0.0)
    finally:
        worker.stop()
    return python, environment


def peer(name: str) -> Callable[[], tuple[Path, dict[str, str]]]:
    """Return how to find a peer's Python."""
    return lambda: (environments.peer(name), {})


PYTHONS: dict[str, Callable[[], tuple[Path, dict[str, str]]]] = {
    "floor: C tape": floor,
    "Python floats, forward": lambda: (Path(sys.executable), {}),
    "stepgrad": compiled,
    "stepgrad, plain Python": lambda: (Path(sys.executable), {"STEPGRAD_PURE": "1"}),
    "slots node": lambda: (Path(sys.executable), {}),
    "micrograd": peer("micrograd"),
    "micrograd, no collector": peer("micrograd"),
    "XAD": peer("XAD"),
    "PyTorch 0-d": peer("PyTorch"),
    "HIPS autograd": peer("HIPS autograd"),
    "MyGrad": peer("MyGrad"),
}


def workers(results: Results, left_out: dict[str, str]) -> dict[str, Worker]:
    """Return every engine that can be had, and say which can't."""
    found = {}
    for engine, python in PYTHONS.items():
        try:
            found[engine] = Worker(engine, *python())
        except NotThereError as error:
            left_out[engine] = str(error)
        else:
            results[engine] = {}
    return found


def measure_steps(found: dict[str, Worker], results: Results, rounds: int, seconds: float) -> None:
    """Let the engines take the demo's step in turn; a slow one sits out after 8 seconds."""
    samples: dict[tuple[str, str], list[float]] = {}
    for round_number in range(rounds + 1):
        say(f"the demo's step, round {round_number} of {rounds}")
        for engine, worker in found.items():
            for request, name in (("steps", "step_ms"), ("modules", "modules_ms")):
                if request == "modules" and not engine.startswith("stepgrad"):
                    continue
                taken = samples.setdefault((engine, name), [])
                if round_number > 2 and sum(taken) > 8_000:
                    continue
                answer = worker.ask(request, seconds)
                if round_number > 0:  # the first is to warm up
                    taken += answer["milliseconds"]
                else:
                    results[engine][f"{request}_first_loss"] = answer["losses"][0]
    for (engine, name), taken in samples.items():
        results[engine][name] = statistics.median(taken)
    for engine, worker in found.items():
        if engine.startswith("stepgrad"):
            results[engine]["layers"] = worker.ask("layers")
    check_losses(results)


def check_losses(results: Results) -> None:
    """Make sure that all engines computed the same."""
    losses = {engine: r["steps_first_loss"] for engine, r in results.items()}
    if max(losses.values()) - min(losses.values()) > 1e-9:
        raise SystemExit(f"the engines don't compute the same loss: {losses}")


def measure_nodes(found: dict[str, Worker], results: Results, operations: int) -> None:
    """Measure a deep chain: bytes per operation, and whether the engine survives."""
    for engine, worker in found.items():
        if engine != "Python floats, forward":
            say(f"a chain of {operations:,} operations: {engine}")
            results[engine]["deep"] = worker.ask_afresh("deep", operations, seconds=45.0)


def measure_sizes(found: dict[str, Worker], results: Results, sizes: Iterable[int]) -> None:
    """Measure graphs of growing size, as long as they take no more than some seconds."""
    still = dict(found)
    for size in sizes:
        for engine in list(still):
            if not bearable(results[engine], size):
                del still[engine]
        say(f"graphs of {size:,} operations: {', '.join(still)}")
        samples: dict[str, dict[str, list[float]]] = {
            engine: {"forward": [], "backward": []} for engine in still
        }
        for _ in range(5 if size < 100_000 else 3 if size < 1_000_000 else 1):
            for engine, worker in still.items():
                for part, taken in worker.ask("size", size, 0.05).items():
                    samples[engine][part] += taken
        for engine, parts in samples.items():
            medians = {part: statistics.median(taken) for part, taken in parts.items()}
            results[engine].setdefault("sizes", []).append({"operations": size} | medians)


def bearable(result: dict[str, Any], size: int, seconds: float = 8.0) -> bool:
    """Tell whether a graph will take neither too long nor too much memory."""
    if "sizes" not in result:
        return True
    last = result["sizes"][-1]
    time_needed = (last["forward"] + last["backward"]) * size * 1e-9
    memory_needed = result.get("deep", {}).get("bytes", 1000.0) * size
    return bool(time_needed < seconds and memory_needed < machine.free_memory() / 2.0)


def measure_node_by_node(parts: Sequence[str], figures: dict[str, Any]) -> None:
    """Measure the engines that make a node of each operation."""
    results = figures["engines"]
    found = workers(results, figures["left_out"])
    try:
        if "step" in parts:
            measure_steps(found, results, rounds=5, seconds=0.15)
        if "nodes" in parts:
            measure_nodes(found, results, operations=1_000_000)
        if "sizes" in parts:
            measure_sizes(found, results, sizes=[10**k for k in range(2, 8)])
    finally:
        for worker in found.values():
            worker.stop()


def measure_batches(parts: Sequence[str], figures: dict[str, Any]) -> None:
    """Measure those that compute whole batches at once."""
    field = batches.Field()
    try:
        if "compiled" in parts:
            figures["training"] += batches.measure(field, batches.DEMO, tuple(batches.PLACES))
        if "networks" in parts:
            figures["training"] += batches.measure(field, batches.NETWORKS, batches.LARGER)
    finally:
        field.stop()
    figures["left_out"] |= field.left_out


def main() -> None:
    """Measure, and show the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--pictures", type=Path, help="plot what was measured into this folder")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure less")
    options = parser.parse_args()
    start = time.monotonic()
    figures: dict[str, Any] = {
        "machine": machine.description(),
        "engines": {},
        "training": [],
        "compiling": [],
        "left_out": {},
    }
    if not set(NODE_BY_NODE).isdisjoint(options.only):
        measure_node_by_node(options.only, figures)
    if {"compiled", "networks"} & set(options.only):
        measure_batches(options.only, figures)
    if "compile-time" in options.only:
        figures["compiling"] = growth.measure(figures["left_out"])
    print(report.text(figures))
    print(f"\nmeasured in {(time.monotonic() - start) / 60.0:.1f} minutes")
    if options.json:
        write_whole(options.json, (json.dumps(figures, indent=1) + "\n").encode())
    if options.pictures:
        picture.save_all(figures, options.pictures)


if __name__ == "__main__":
    main()
