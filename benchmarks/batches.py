"""Measure what a training step costs, compiled and with peers, for batches of many sizes."""

import os
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import environments
from cases import Case
from environments import NotThereError, say
from worker import Worker

OURS = "stepgrad"
DEMO = [Case((2, 16, 16, 1), batch) for batch in (1, 10, 100, 1_000, 10_000)]
NETWORKS = [Case(s, batch) for s in ((64, 32, 10), (64, 128, 64, 10)) for batch in (1, 32, 256)]
LARGER = (OURS, "NumPy by hand", "PyTorch", "JAX")  # those that train the larger networks too

STEPS = 10
TOLERANCE = 1e-9
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
Place = tuple[Path, dict[str, str]]


def here() -> Place:
    """Return this Python."""
    return Path(sys.executable), ONE_THREAD


def by_hand() -> Place:
    """Return this Python, once the C is compiled."""
    environments.training_step()
    return here()


def peer(name: str, kept: str = "") -> Callable[[], Place]:
    """Return how to find a peer's Python.

    Args:
        name: the environment's.
        kept: a variable that says where the peer keeps what it compiles; with {} for a folder.
    """

    def find() -> Place:
        python = environments.peer(name)
        variable, _, value = kept.partition("=")
        folder = python.parents[1] / "kept"
        return python, ONE_THREAD | ({variable: value.format(folder)} if kept else {})

    return find


def compiled_torch() -> Place:
    """Return the Python of PyTorch, if there is what it compiles with."""
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))):
        raise NotThereError("there is no C++ compiler, without which torch.compile does nothing")
    return peer("PyTorch", "TORCHINDUCTOR_CACHE_DIR={}")()


PLACES: dict[str, Callable[[], Place]] = {
    OURS: here,
    "stepgrad, NumPy alone": here,
    "C by hand, loop of 1000": by_hand,
    "C by hand": by_hand,
    "NumPy by hand": here,
    "PyTorch": peer("PyTorch"),
    "PyTorch, compiled": compiled_torch,
    "JAX": peer("JAX"),
    "JAX, loop of 1000": peer("JAX"),
    "CasADi, generated C": peer("CasADi"),
    "PyTensor, Numba": peer("PyTensor", "PYTENSOR_FLAGS=base_compiledir={}"),
}


class Field:
    """Those that are measured side by side, in processes of their own.

    Attributes:
        left_out: who isn't there, or computes something else, and why.
    """

    def __init__(self) -> None:
        self.workers: dict[str, Worker] = {}
        self.left_out: dict[str, str] = {}

    def enter(self, names: Sequence[str]) -> None:
        """Let those in who can be had."""
        for name in names:
            if name not in self.workers and name not in self.left_out:
                try:
                    self.workers[name] = Worker(name, *PLACES[name](), script="training.py")
                except NotThereError as error:
                    self.left_out[name] = str(error)

    def ask(self, name: str, *request: Any) -> Any:
        """Return somebody's answer; None, and it is left out, if there is none."""
        try:
            return self.workers[name].ask(*request)
        except NotThereError as error:
            self.leave_out(name, str(error))
            return None

    def leave_out(self, name: str, why: str) -> None:
        """Go on without somebody."""
        self.left_out[name] = why
        self.workers.pop(name).stop()

    def stop(self) -> None:
        """End all processes."""
        for worker in self.workers.values():
            worker.stop()


def measure(
    field: Field, cases: Sequence[Case], names: Sequence[str], rounds: int = 3, seconds: float = 0.1
) -> list[dict[str, Any]]:
    """Return what a step costs in each case, those in the field taking turns."""
    field.enter(names)
    rows = []
    for case in cases:
        check(field, case, [name for name in names if name in field.workers])
        still = [name for name in names if name in field.workers]
        samples: dict[str, list[float]] = {name: [] for name in still}
        for number in range(rounds):
            say(f"{case.name}, batches of {case.batch:,}, round {number + 1} of {rounds}")
            for name in [name for name in still if name in field.workers]:
                samples[name] += field.ask(name, "timed", case.sizes, case.batch, seconds) or []
        rows += [
            {
                "network": case.name,
                "batch": case.batch,
                "engine": name,
                "microseconds": statistics.median(taken),
            }
            for name, taken in samples.items()
            if taken
        ]
    return rows


def check(field: Field, case: Case, names: Sequence[str]) -> None:
    """Leave those out who don't come to the first one's parameters, ours, after some steps."""
    reference = None
    for name in names:
        say(f"{case.name}, batches of {case.batch:,}: checking {name}")
        numbers = field.ask(name, "after", case.sizes, case.batch, STEPS)
        if reference is None or numbers is None:
            reference = reference or numbers
        elif not (away := difference(reference, numbers)) <= TOLERANCE:
            field.leave_out(
                name,
                f"its parameters are {away:.1e} away from ours after {STEPS} steps of "
                f"{case.name} with batches of {case.batch:,}",
            )


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the greatest difference of parameters; infinite if they aren't as many."""
    if len(ours) != len(theirs):
        return float("inf")
    return max(abs(x - y) for x, y in zip(ours, theirs, strict=True))
