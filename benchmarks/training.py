"""Networks in training, with one library.

Run as a script it answers requests, a line of JSON each, with a line of JSON:

    python benchmarks/training.py "NumPy by hand"
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cases import Case
from trainers import TRAINERS, Trainer

SHORTEST = 0.005  # seconds, so that the clock itself does not count


def after(trainer: Trainer, sizes: list[int], batch: int, steps: int) -> list[float]:
    """Return the parameters after so many steps."""
    trainer.begin(Case(tuple(sizes), batch))
    trainer.run(steps)
    return trainer.numbers()


def timed(trainer: Trainer, sizes: list[int], batch: int, seconds: float) -> list[float]:
    """Train for so long: the microseconds of a step, several times."""
    trainer.begin(Case(tuple(sizes), batch))
    steps = trainer.steps_a_call
    trainer.run(steps)  # to warm up
    while duration(trainer, steps) < min(SHORTEST, seconds):
        steps *= 4
    samples: list[float] = []
    end = time.process_time() + seconds
    while not samples or time.process_time() < end:
        samples.append(duration(trainer, steps) / steps * 1e6)
    return samples


def duration(trainer: Trainer, steps: int) -> float:
    """Return the seconds that so many steps take."""
    start = time.process_time()
    trainer.run(steps)
    return time.process_time() - start


def main() -> None:
    """Answer requests until there are no more."""
    trainer = TRAINERS[sys.argv[1]]()
    requests: dict[str, Callable[..., Any]] = {
        "after": partial(after, trainer),
        "timed": partial(timed, trainer),
    }
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        print(json.dumps(requests[request](*arguments)), flush=True)


if __name__ == "__main__":
    main()
