"""Measure what compiling costs, and running what was compiled, as the graph grows."""

from collections.abc import Sequence
from typing import Any

import batches
from environments import NotThereError, say
from worker import Worker

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
PATIENCE = 40.0  # seconds
FAMILIES = (("stepgrad", "chain"), ("stepgrad", "network"), ("JAX", "chain"))


def measure(left_out: dict[str, str], sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Return the costs of programs of growing size, as long as they don't take too long.

    Args:
        left_out: to be told who isn't there, or gives up, and why.
        sizes: how many operations the programs have, about.
    """
    rows = []
    for engine, family in FAMILIES:
        try:
            python, environment = batches.PLACES[engine]()
        except NotThereError as error:
            left_out[engine] = str(error)
            continue
        afresh = environment | {"STEPGRAD_CACHE": ""}
        worker = Worker(engine, python, afresh, script="compiling.py")
        for size in sizes:
            say(f"compiling a {family} of {size:,} operations: {engine}")
            answer = worker.ask_afresh(family, size, seconds=PATIENCE)
            if "error" in answer:
                left_out[f"{engine}, a {family} of {size:,} operations"] = answer["error"]
                break
            rows.append({"engine": engine, "family": family} | answer)
    return rows
