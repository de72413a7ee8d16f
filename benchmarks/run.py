"""Measure this engine side by side with its peers, in one run, on one core: make bench.

    python benchmarks/run.py [--json FILE] [--picture FILE] [--only step nodes sizes]

Each engine works in a process of its own (workloads.py), a peer in an environment of its own.
They take turns, so that a noisy minute hits all alike; the figures are medians of CPU time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import environments
import machine
import picture
import report
from environments import NotThereError, say

from autograd.files import write_whole

HERE = Path(__file__).parent
PARTS = ("step", "nodes", "sizes")
Results = dict[str, dict[str, Any]]


class Worker:
    """An engine at work in a process of its own."""

    def __init__(self, engine: str, python: Path, environment: dict[str, str]) -> None:
        self._command: list[str | Path] = [python, HERE / "workloads.py", engine]
        self._environment = os.environ | environment
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *request: Any) -> Any:
        """Send a request and return the answer."""
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        if not answer:
            raise NotThereError(self._last_words())
        return json.loads(answer)

    def ask_afresh(self, *request: Any, seconds: float) -> Any:
        """Ask a new process, which has so long to answer."""
        process = self._start()
        try:
            answer, errors = process.communicate(json.dumps(request), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"error": f"not in {seconds:.0f} s"}
        if process.returncode != 0:
            return {"error": last_line(errors) or "crashes"}
        return json.loads(answer)

    def _start(self) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._environment
        )

    def _last_words(self) -> str:
        assert self._process is not None
        _, errors = self._process.communicate()
        return last_line(errors) or f"its process ended with {self._process.returncode}"

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def last_line(text: str) -> str:
    """Return the last line of a text, empty if there is none."""
    return (text.strip().splitlines() or [""])[-1]


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


def main() -> None:
    """Measure, and show the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--picture", type=Path, help="plot the cost against the graph's size")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure less")
    options = parser.parse_args()
    start = time.monotonic()
    results: Results = {}
    left_out: dict[str, str] = {}
    description = machine.description()
    found = workers(results, left_out)
    try:
        if "step" in options.only:
            measure_steps(found, results, rounds=5, seconds=0.15)
        if "nodes" in options.only:
            measure_nodes(found, results, operations=1_000_000)
        if "sizes" in options.only:
            measure_sizes(found, results, sizes=[10**k for k in range(2, 8)])
    finally:
        for worker in found.values():
            worker.stop()
    figures = {"machine": description, "engines": results, "left_out": left_out}
    print(report.text(figures))
    print(f"\nmeasured in {(time.monotonic() - start) / 60.0:.1f} minutes")
    if options.json:
        write_whole(options.json, (json.dumps(figures, indent=1) + "\n").encode())
    if options.picture and "sizes" in options.only:
        picture.save(figures, options.picture)


if __name__ == "__main__":
    main()
