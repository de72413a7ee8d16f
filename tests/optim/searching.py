"""A search that is to be killed: run as a program, it goes on from its journal."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from optim import random_search
from optim.search import SearchResult

TRIALS = 12


def experiment(lr: float, kind: str) -> dict[str, float]:
    """Take a moment; fail, or return a loss and another measure."""
    time.sleep(0.01)
    if lr < 0.2:
        raise ArithmeticError(f"{lr} is too small")
    return {"loss": 1.0 / lr / len(kind), "accuracy": lr}


def search(journal: Path | None, trials: int = TRIALS, seed: int = 4) -> SearchResult:
    rates = [k / 100 for k in range(1, 100)]
    choices = {"lr": rates, "kind": ["a", "bcd"]}
    return random_search(experiment, choices, trials, seed=seed, journal=journal)


if __name__ == "__main__":
    print(search(Path(sys.argv[1])))
