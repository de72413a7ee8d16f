"""Primitives of the tests on a cluster, which its workers declare when they start."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from autograd import Primitive

FOLDER = "STEPGRAD_TEST_TRAP"
"""The environment variable of the workers that names the folder of the trap."""


def declare() -> list[Primitive]:
    """Declare them, for as long as the list is kept."""
    return [
        Primitive("trap", _stay_if_it_is_set, lambda out, x: (1.0,)),
        Primitive("fragile", _refuse_hundreds, lambda out, x: (1.0,)),
    ]


def dask_setup(worker: Any) -> None:
    """Declare them on a worker: Dask calls this."""
    worker.primitives = declare()


def _stay_if_it_is_set(x: float) -> float:
    """Stay for so long that one can be killed, if one is the first to find the trap set."""
    x = float(x)  # not to be traced: it is to be called for each sample
    folder = Path(os.environ.get(FOLDER, "nowhere"))
    try:
        os.rename(folder / "set", folder / f"caught-{os.getpid()}")
    except FileNotFoundError:
        return x
    time.sleep(60.0)
    return x


def _refuse_hundreds(x: float) -> float:
    if x >= 100.0:
        raise KeyError(f"there is no {x:g}")
    return x
