"""What a worker of a cluster is asked to do: one partition of a batch, and sums of shares.

A task consists of these functions and of numbers. What the program does is told in JSON, so no
code of anybody's is sent or run, and workers need nothing but this package.
"""

import functools
import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.compiled.arrays import find_numpy

if TYPE_CHECKING:
    from autograd.compiled.program import Program

_compiling = threading.Lock()


def written(program: "Program", backend: str) -> str:
    """Return a program as JSON, with the backend that is to run it.

    The numbers of its Values are left out, as they are sent with every task: so it is the same
    text, and compiled once, whatever they are.
    """
    saved = json.loads(program.to_json())
    for kind in ("parameters", "held"):
        saved[kind] = [["", (0.0).hex()] for _ in saved[kind]]
    return json.dumps({"backend": backend, "program": json.dumps(saved)})


def compiled(text: str) -> "Program":
    """Return the program that a text tells, made once in each process.

    Raises:
        LookupError: if it has a primitive that is not declared in this process.
    """
    with _compiling:
        return _compiled(text)


@functools.lru_cache(maxsize=16)
def _compiled(text: str) -> "Program":
    from autograd.compiled.program import Program

    saved = json.loads(text)
    try:
        return Program.from_json(saved["program"], backend=saved["backend"])
    except LookupError as error:
        raise LookupError(
            f"{error}. This process is a worker of the cluster: let every worker import that "
            "module when it starts, as by the option preload of Dask's workers"
        ) from None


def share(text: str, numbers: Any, count: int, rows: int, first: int, *blocks: Any) -> Any:
    """Return a partition's share of the mean over a batch and of its gradients.

    Args:
        text: the program, as `written`.
        numbers: those of its Values.
        count: how many rows the batch has.
        rows: how many of them are in the partition.
        first: how many come before it.
        blocks: for each argument, its rows in the partition.
    """
    program = compiled(text)
    tables = _read(program, rows, first, blocks)
    return program._kernel("backward")(tables, numbers)[1] * (rows / count)


def outputs(text: str, numbers: Any, rows: int, first: int, *blocks: Any) -> Any:
    """Return a program's results for the rows of a partition."""
    program = compiled(text)
    found, _ = program._kernel("forward")(_read(program, rows, first, blocks), numbers)
    return found.reshape(len(found), *program._trace.shape)


def outputs_of_blocks(*blocks: Any, text: str, numbers: Any) -> Any:
    """Return a program's results for blocks of Dask arrays, which may be empty."""
    rows = len(blocks[0])
    if not rows:
        return find_numpy().empty((0, *compiled(text)._trace.shape))
    return outputs(text, numbers, rows, 0, *blocks)


def added(*shares: Any) -> Any:
    """Return the sum of shares, added up in this order.

    >>> added(1.0, 2.0, 3.0)
    6.0
    """
    return sum(shares[1:], start=shares[0])


def _read(program: "Program", rows: int, first: int, blocks: Sequence[Any]) -> list[Any]:
    """Return the blocks as tables, of as many rows as was said."""
    tables = []
    for argument, block in zip(program._arguments, blocks, strict=True):
        try:
            # Rows of uneven sequences have been read before they were sent.
            table = block if argument.shape is None else argument.read(block)
        except (TypeError, ValueError) as error:
            error.add_note(f"in a partition whose first row is row {first}")
            raise
        if len(table) != rows:
            raise ValueError(
                f"a partition of {argument.name} has {len(table)} rows where {rows} were "
                "promised: the chunks of the Dask array are not what they say"
            )
        tables.append(table)
    return tables
