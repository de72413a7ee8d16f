"""Programs on a cluster: the rows of a batch in partitions, each done by one of Dask's workers.

A worker is sent the program as JSON, which it compiles once; at each step it is sent the
parameters' numbers. It gives back its share of the mean and of the gradients. The shares are added
up in a tree whose form follows from the data and not from the workers: so however many there are,
whichever does what, and whatever is done again because one was lost, the sum is the same.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.batch import Argument, HasValues, example_of, read_batch
from autograd.compiled.cluster import tasks
from autograd.compiled.code import EACH, operands
from autograd.compiled.training import Subject
from autograd.optional import needed
from autograd.primitives import describe

if TYPE_CHECKING:
    from autograd.compiled.program import Program

FAN_IN = 8  # shares that are added up at once, and that are handed to the driver
_ATTEMPTS = 4  # how often a step is begun whose data is lost with a worker
_WORK = 4e8  # operands that make a task: some 50 ms of work, where a task costs 5 ms
_KEPT = 8  # of how many arrays in memory it is known that they were sent

_find = functools.partial(
    needed, purpose="running on a cluster", package="Dask", extra="distributed"
)


class DistributedProgram:
    """A program that runs on a cluster: what `Program.distributed` returns.

    A batch is, for each argument, a Dask array or data in memory. A Dask array's chunks of rows
    are the partitions; it is computed anew at each step, unless it was persisted. Data in memory is
    cut into partitions by its size, and sent once, as long as its numbers are the same: they are
    compared with those that were sent, so that arrays and lists may be changed in place.

    Whatever the number of workers, the results are the same to the last bit; they are those of
    the program in one process but for the order in which the samples are added up. What is lost
    with a worker is done again by another one.

    Attributes:
        program: the program, whose parameters are moved.
        client: the client of the cluster.
        rows: of data in memory, how many rows make a partition at most; None to go by what they
            cost.
    """

    def __init__(self, program: "Program", client: Any, rows: int | None = None) -> None:
        self._dask, self._arrays = _find("dask"), _find("dask.array")
        distributed = _find("distributed")
        if not isinstance(client, distributed.Client) or client.asynchronous:
            raise TypeError(
                "distributed takes a client of Dask's that is not asynchronous, such as "
                f"dask.distributed.Client(), got {describe(client)}"
            )
        if rows is not None and (type(rows) is not int or rows < 1):
            raise ValueError(f"a partition has at least one row, got rows={rows!r}")
        self.program = program
        self.client = client
        self.rows = rows
        self._lost = (CancelledError, distributed.comm.CommClosedError)
        self._sent = _Sent(client)
        self._check_client()

    def __call__(self, *batch: Any) -> Any:
        """Return the function's results for every sample of a batch.

        Args:
            batch: for each argument, a Dask array or data in memory, with one entry per sample.

        Returns:
            An array with one entry per sample; if there is a Dask array in the batch, a Dask array
            that is still to be computed, with the parameters as they are now.

        Raises:
            TypeError: as for the program itself, or for other collections of Dask's.
            ValueError: as for the program itself, or if the chunks of a Dask array don't fit.
            RuntimeError: if the client is closed, or workers are lost again and again.
        """
        batch_read = self._read(batch)
        numbers = self.program._numbers()
        if any(map(self._is_dask, batch_read)):
            return self._outputs_to_compute(batch_read, numbers)
        return find_numpy().concatenate(self._run(batch_read, _outputs, numbers))

    def backward(self, *batch: Any) -> float:
        """Add the gradients of the mean over a batch to the parameters' grad.

        Args:
            batch: as for a call.

        Returns:
            The mean of the function's results.

        Raises:
            TypeError: as for a call, or if the function returns several numbers.
            ValueError: as for a call.
            RuntimeError: as for a call, or if the function closes over no parameters.
        """
        batch_read = self._read(batch)
        self.program._require_gradient()
        mean, *gradients = self._totals(batch_read, self.program._numbers()).tolist()
        self.program._add(gradients)
        return float(mean)

    @contextmanager
    def training(self, optimizer: Any) -> Iterator[Callable[..., float]]:
        """Return a context like that of `Program.training`, with the gradients from the cluster.

        It gives a function ``step(*batch)``, which moves the parameters by the gradient of the
        mean over a batch and returns the mean before. The optimizer's own step is done here.

        Args:
            optimizer: one of `optim`, whose rule is elementwise.

        Raises:
            TypeError: if it is no such optimizer, or the function returns several numbers.
            RuntimeError: if another training of the program is going on.
        """
        training = self.program._begin(optimizer, self._read, self._subject)
        try:
            yield training.mean_of_step
        finally:
            training.end()

    def _subject(self) -> Subject:
        """Return what is trained."""
        self.program._require_gradient()
        return Subject(
            kernel=_ClusterKernel(self._totals),
            leaves=self.program._leaves,
            count=len(self.program.parameters),
            arguments=self.program._arguments,
            most_rows=0,
            has_outputs=False,
        )

    def __repr__(self) -> str:
        """Say what runs where."""
        return f"<{self.program!r}, on the cluster of {self.client!r}>"

    # Running ----------------------------------------------------------------------------------

    def _totals(self, batch: Sequence[Any], numbers: Any) -> Any:
        """Return the mean over a batch and its gradients."""
        return tasks.added(*self._run(batch, shares, numbers))

    def _run(self, batch: Sequence[Any], plan: Callable[..., list[Any]], numbers: Any) -> list[Any]:
        """Return what tasks give; if data is lost with a worker, send it and begin again."""
        for _ in range(_ATTEMPTS):
            self._check_client()
            try:
                text = self._sent.text(self._text)
                return self._computed(plan(self._dask, text, numbers, self._partitions(batch)))
            except self._lost as error:
                self._sent.forget()
                lost = error
        raise RuntimeError(
            f"data was lost with a worker of the cluster {_ATTEMPTS} times in one step: see the "
            "workers' logs; the parameters are as they were before it"
        ) from lost

    def _computed(self, todo: list[Any]) -> list[Any]:
        futures = self.client.compute(todo)
        try:
            found: list[Any] = self.client.gather(futures)
            return found
        finally:  # so that after an error or an interrupt nothing goes on
            for future in futures:
                future.release()

    def _check_client(self) -> None:
        if self.client.status != "running":
            raise RuntimeError(
                f"the cluster's client is {self.client.status}: make a new one, and give it to "
                "distributed"
            )

    @functools.cached_property
    def _text(self) -> str:
        return tasks.written(self.program, self.program._wanted)

    def _partitions(self, batch: Sequence[Any]) -> list["Partition"]:
        sizes = self._sizes(batch)
        columns = [
            X.to_delayed().ravel().tolist()
            if self._is_dask(X)
            else self._sent.blocks(_samples(argument, X), sizes)
            for argument, X in zip(self.program._arguments, batch, strict=True)
        ]
        firsts = itertools.accumulate(sizes[:-1], initial=0)
        rows = zip(sizes, firsts, zip(*columns, strict=True), strict=True)
        return [Partition(*row) for row in rows if row[0]]

    def _sizes(self, batch: Sequence[Any]) -> list[int]:
        """Return how many rows each partition has."""
        for X in batch:
            if self._is_dask(X):
                return list(X.chunks[0])
        count = len(batch[0])
        parts = math.ceil(count / (self.rows or self._rows_of_a_task))
        return [count * (k + 1) // parts - count * k // parts for k in range(parts)]

    @functools.cached_property
    def _rows_of_a_task(self) -> int:
        """How many rows are worth a task."""
        code = self.program.code
        instructions = zip(code.instructions, code.rates, strict=True)
        cost = sum(len(operands(*each)) for each, rate in instructions if rate == EACH)
        return math.ceil(_WORK / max(cost, 1))

    def _outputs_to_compute(self, batch: Sequence[Any], numbers: Any) -> Any:
        """Return the results as a Dask array."""
        sizes, shape = self._sizes(batch), self.program._trace.shape
        indices = itertools.count(1)  # 0 is that of the rows, all others are each length's own
        pairs: list[Any] = []
        for argument, X in zip(self.program._arguments, batch, strict=True):
            array = X
            if not self._is_dask(X):
                samples = _samples(argument, X)
                array = self._arrays.from_array(samples, (tuple(sizes), *samples.shape[1:]))
            pairs += [array, (0, *itertools.islice(indices, array.ndim - 1))]
        lengths = dict(zip(indices, shape, strict=False))
        return self._arrays.blockwise(
            tasks.outputs_of_blocks,
            (0, *lengths),
            *pairs,
            text=self._dask.delayed(self._text, pure=True),
            numbers=numbers,
            new_axes=lengths,
            concatenate=True,
            align_arrays=False,
            dtype=float,
            meta=find_numpy().empty((0,) * (1 + len(shape))),
        )

    # Reading ----------------------------------------------------------------------------------

    def _is_dask(self, X: Any) -> bool:
        return isinstance(X, self._arrays.Array)

    def _read(self, batch: Sequence[Any]) -> list[Any]:
        """Return Dask arrays that fit, and tables of the numbers that are in memory."""
        for X in batch:
            if self._dask.is_dask_collection(X) and not self._is_dask(X):
                raise TypeError(
                    f"of Dask's collections a batch takes arrays, got a {type(X).__name__}; the "
                    "rows of a DataFrame are an array by to_dask_array(lengths=True)"
                )
        try:
            if any(map(self._is_dask, batch)):
                return self._read_with_arrays(batch)
            return self.program._read(batch)
        except HasValues:
            raise TypeError(
                "a cluster takes batches of numbers: for one sample of Values, call the program "
                "itself"
            ) from None

    def _read_with_arrays(self, batch: Sequence[Any]) -> list[Any]:
        if self.program._traced is None:
            self.program.trace(*map(self._example, self.program._names(len(batch)), batch))
        arguments = self.program._arguments
        if len(batch) != len(arguments):
            read_batch(arguments, batch)  # which says what is missing
        read = [
            _checked(argument, X) if self._is_dask(X) else argument.read(X)
            for argument, X in zip(arguments, batch, strict=True)
        ]
        self._check_rows(arguments, read)
        return read

    def _example(self, name: str, X: Any) -> Any:
        if self._is_dask(X):
            _check_lengths(name, X)
            return find_numpy().zeros(X.shape[1:]).tolist()
        return example_of(name, X)

    def _check_rows(self, arguments: Sequence[Argument], batch: Sequence[Any]) -> None:
        """Raise ValueError if not all arguments have the same rows, in the same chunks."""
        counts = [len(X) for X in batch]
        names = [argument.name for argument in arguments]
        for name, count in zip(names, counts, strict=True):
            if count != counts[0]:
                raise ValueError(
                    f"{names[0]} has {counts[0]} rows, {name} {count}: a batch has one row per "
                    "sample in each argument"
                )
        chunked = [
            (name, X.chunks[0]) for name, X in zip(names, batch, strict=True) if self._is_dask(X)
        ]
        first, sizes = chunked[0]
        for name, other in chunked:
            if other != sizes:
                raise ValueError(
                    f"the rows of {first} and {name} are not in the same chunks: "
                    f"{name}.rechunk({{0: {first}.chunks[0]}}) makes them so"
                )


@dataclass(frozen=True)
class Partition:
    """Some rows of a batch.

    Attributes:
        rows: how many there are.
        first: how many come before them.
        blocks: for each argument its rows, by what stands for them on the cluster.
    """

    rows: int
    first: int
    blocks: tuple[Any, ...]


def shares(dask: Any, text: Any, numbers: Any, partitions: list[Partition]) -> list[Any]:
    """Return the tasks that find the shares, and add them up until few are left."""
    share, added = (dask.delayed(task, pure=False) for task in (tasks.share, tasks.added))
    count = sum(partition.rows for partition in partitions)
    found = [share(text, numbers, count, p.rows, p.first, *p.blocks) for p in partitions]
    while len(found) > FAN_IN:
        found = [added(*found[k : k + FAN_IN]) for k in range(0, len(found), FAN_IN)]
    return found


def _outputs(dask: Any, text: Any, numbers: Any, partitions: list[Partition]) -> list[Any]:
    """Return the tasks that find the results of each partition."""
    outputs = dask.delayed(tasks.outputs, pure=False)
    return [outputs(text, numbers, p.rows, p.first, *p.blocks) for p in partitions]


class _ClusterKernel:
    """What a training finds its gradients with: it gives no outputs, but the totals."""

    name = "dask"

    def __init__(self, totals: Callable[[Sequence[Any], Any], Any]) -> None:
        self.totals = totals

    def __call__(self, tables: Sequence[Any], numbers: Any) -> tuple[None, Any]:
        return None, self.totals(tables, numbers)


class _Sent:
    """What was sent to the cluster and can be used again.

    Args:
        client: the client of the cluster.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.forget()

    def forget(self) -> None:
        """Take nothing for granted: from now on everything is sent again."""
        self._text: Any = None
        self._samples: list[tuple[Any, list[int], list[Any]]] = []

    def text(self, text: str) -> Any:
        """Return what stands for the program on the cluster."""
        if self._text is None:
            self._text = self.client.submit(str, text, pure=False)
        return self._text

    def blocks(self, samples: Any, sizes: list[int]) -> list[Any]:
        """Return what stands for partitions of samples on the cluster."""
        for kept in self._samples:
            if kept[1] == sizes and _are_the_same(kept[0], samples):
                break
        else:
            # A copy: what was sent is not to change, and with workers in this process it is used.
            own = samples.copy()
            stops = list(itertools.accumulate(sizes))
            blocks = [own[stop - size : stop] for size, stop in zip(sizes, stops, strict=True)]
            kept = (own, sizes, self.client.scatter(blocks, hash=False))
        others = [other for other in self._samples if other is not kept]
        self._samples = [kept, *others][:_KEPT]
        return kept[2]


def _are_the_same(X: Any, Y: Any) -> bool:
    """Return whether arrays have the same bits; most that don't differ in the first row."""
    numpy = find_numpy()
    return X.shape == Y.shape and all(
        numpy.array_equal(x.view(numpy.int64), y.view(numpy.int64))
        for x, y in ((X[:1], Y[:1]), (X, Y))
    )


def _samples(argument: Argument, table: Any) -> Any:
    """Return a table of numbers as samples of the argument's shape, if it has one."""
    return table if argument.shape is None else table.reshape(len(table), *argument.shape)


def _checked(argument: Argument, X: Any) -> Any:
    """Return a Dask array, as far as is known before it is computed one for this argument.

    Raises:
        ValueError: if its samples have another shape, it has no rows, or its chunks don't fit.
    """
    name = argument.name
    _check_lengths(name, X)
    if not X.ndim or X.shape[1:] != argument.shape:
        raise ValueError(
            f"{name} has the shape {X.shape}, but the function was compiled for samples of the "
            f"shape {argument.shape}"
        )
    if not len(X):
        raise ValueError(f"{name} has no rows: a batch needs at least one sample")
    if any(len(chunks) > 1 for chunks in X.chunks[1:]):
        whole = ", ".join(f"{k}: -1" for k in range(1, X.ndim))
        raise ValueError(
            f"the samples of {name} are cut into several chunks: "
            f"{name}.rechunk({{{whole}}}) leaves them whole"
        )
    return X


def _check_lengths(name: str, X: Any) -> None:
    if any(math.isnan(length) for length in X.shape):
        raise ValueError(
            f"{name} has chunks of unknown sizes: {name}.compute_chunk_sizes() finds them out"
        )
