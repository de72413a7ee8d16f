"""A training that is to be killed: run as a program, it goes on from a file to the end."""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any

from nn import BatchNorm1d, Dropout, History, Linear, Module, Sequential, fit, losses
from optim import Adam
from optim.optimizer import Optimizer
from optim.schedules import OneCycleLR, ReduceLROnPlateau

EPOCHS, SAMPLES, SIZE = 8, 20, 6
STEPS = EPOCHS * -(-SAMPLES // SIZE)


def data(count: int = SAMPLES, seed: int = 1) -> Any:
    """Points, and whether they are above a line."""
    rng = Random(seed)
    rows = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(count)]
    return rows, [[float(a + b > 0.0)] for a, b in rows]


class Training:
    """One with all that changes: weights, running means, dropout, momentum, rates, order."""

    def __init__(self, *, compile: bool = False) -> None:
        rng = Random(0)
        noise: list[Module] = [] if compile else [BatchNorm1d(3), Dropout(0.3, seed=rng)]
        self.model = Sequential(Linear(2, 3, seed=rng), *noise, "tanh", Linear(3, 1, seed=rng))
        self.optimizer: Optimizer = Adam(self.model.parameters(), lr=0.05)
        self.compile = compile

    def run(self, checkpoint: Any = None, every: int | None = 1, **options: Any) -> History:
        schedule: Any = ReduceLROnPlateau(self.optimizer, patience=0, factor=0.5)
        if options.get("schedule_per") == "batch":
            schedule = OneCycleLR(self.optimizer, max_lr=0.1, total_steps=2 * STEPS)
        settings: Any = {
            "epochs": EPOCHS,
            "batch_size": SIZE,
            "seed": 3,
            "validation": data(8, seed=2),
            "accuracy": lambda output, target: (float(output[0]) > 0.5) == (target[0] > 0.5),
            "record_every": 2,
            "restore_best": True,
            "batched": not self.compile,
            "compile": self.compile,
            "schedule": schedule,
            "checkpoint": checkpoint,
            "checkpoint_every": every,
        }
        return fit(self.model, data(), losses.mse, self.optimizer, **{**settings, **options})

    def outcome(self, history: History) -> dict[str, Any]:
        """Return all numbers, written exactly."""
        numbers = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": json.loads(json.dumps(history.state_dict(), default=list)),
        }
        result: dict[str, Any] = json.loads(json.dumps(numbers))
        return result


if __name__ == "__main__":
    checkpoint, outcome = sys.argv[1:]
    training = Training()
    found = training.outcome(training.run(checkpoint))
    with open(outcome, "w", encoding="utf-8") as file:
        json.dump(found, file)
