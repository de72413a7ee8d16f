"""Programs on a cluster of processes: the numbers of one process, whatever happens to a worker."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag
import numpy
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
import optim
from autograd import Program, Value
from autograd.compiled.cluster import distributed, tasks
from tests.compiled import worker_primitives

COUNT, ROWS = 100, 9  # 12 partitions: more than are added up at once


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trap")


@pytest.fixture(scope="module")
def cluster_client(trap: Path) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs="CRITICAL",
            preload=[worker_primitives.__name__],
            env={"STEPGRAD_CACHE": "", worker_primitives.FOLDER: str(trap)},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(cluster_client: Client) -> Client:
    cluster_client.wait_for_workers(2)  # one may have been killed by another test
    return cluster_client


def made(backend: str = "numpy") -> tuple[nn.MLP, Program]:
    model = nn.MLP(2, [5, 1], activation="tanh", seed=1)
    loss: Program = autograd.compile(
        lambda x, y: (model(x)[0] - y) ** 2 + nn.l2_penalty(model, 1e-3), backend=backend
    )
    return model, loss


def data(count: int = COUNT) -> tuple[Any, Any]:
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(count, 2)), rng.normal(size=count)


def taken(program: Any, values: list[Value], *batch: Any) -> Any:
    """The mean over a batch, and its gradients."""
    for value in values:
        value.zero_grad()
    mean = program.backward(*batch)
    return numpy.array([mean, *(value.grad for value in values)])


def equal(found: Any, wanted: Any) -> bool:
    return bool(numpy.abs(found - wanted).max() <= 1e-12 * numpy.abs(wanted).max())


def chunked(X: Any, *sizes: int) -> Any:
    return da.from_array(X, chunks=(sizes or (30, 70), *X.shape[1:]))


MADE = made()  # compiled once

# The same numbers -----------------------------------------------------------------------------

FORMS: dict[str, Any] = {
    "arrays": lambda X, y: (X, y),
    "lists": lambda X, y: (X.tolist(), y.tolist()),
    "Dask arrays": lambda X, y: (chunked(X), chunked(y)),
    "Dask arrays that were computed": lambda X, y: (chunked(X).persist(), chunked(y).persist()),
    "Dask arrays made of others": lambda X, y: (chunked(X.T.copy(), 2).T.rechunk((25, 2)), y),
    "one Dask array": lambda X, y: (X, chunked(y, 1, 50, 49)),
    "chunks without rows": lambda X, y: (chunked(X, 0, 40, 0, 60), chunked(y, 0, 40, 0, 60)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_are_those_of_one_process(client: Client, form: str) -> None:
    X, y = data()
    model, loss = made("auto")
    batch = FORMS[form](X, y)
    values = model.parameters()
    found = taken(loss.distributed(client, rows=ROWS), values, *batch)  # traced by this call
    assert equal(found, taken(loss, values, X, y))
    outputs = loss.distributed(client, rows=ROWS)(*batch)
    assert isinstance(outputs, da.Array) == any(isinstance(x, da.Array) for x in batch)
    assert equal(numpy.asarray(outputs), loss(X, y))


def test_the_number_of_workers_changes_no_bit(client: Client) -> None:
    model, loss = made()
    program = loss.distributed(client, rows=3)
    batch, values = data(), model.parameters()
    together = taken(program, values, *batch)
    for address in client.scheduler_info()["workers"]:
        with dask.annotate(workers=[address], allow_other_workers=False):
            assert (taken(program, values, *batch) == together).all()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30).filter(any))
def test_the_shares_of_any_partitions_are_added_up(sizes: list[int]) -> None:
    model, loss = MADE
    X, y = data(sum(sizes))
    whole = taken(loss, model.parameters(), X, y)
    firsts = itertools.accumulate(sizes[:-1], initial=0)
    partitions = [
        distributed.Partition(n, k, (X[k : k + n], y[k : k + n]))
        for n, k in zip(sizes, firsts, strict=True)
        if n
    ]
    text = tasks.written(loss, "numpy")
    numbers = numpy.array([value.data for value in loss.parameters])
    plan = distributed.shares(dask, text, numbers, partitions)
    assert len(plan) <= distributed.FAN_IN
    assert equal(sum(dask.compute(*plan, scheduler="synchronous")), whole)


def test_functions_of_several_numbers_and_uneven_samples(client: Client) -> None:
    w = Value(2.0)
    held = Value(3.0, requires_grad=False)
    table = autograd.compile(lambda x: [[w * x[0], held + x[1][0]], [x[1][1], held]])
    batch = [[1.0, [2.0, 3.0]], [4.0, [5.0, 6.0]], [7.0, [8.0, 9.0]]]
    program = table.distributed(client, rows=1)
    assert program(batch).tolist() == table(batch).tolist()
    held.data = 5.0
    assert program(batch).tolist() == table(batch).tolist()
    rows = autograd.compile(lambda x: [[w * x[0], x[1]]])
    lazy = rows.distributed(client)(chunked(data()[0], 30, 0, 70))
    assert lazy.chunks == ((30, 0, 70), (1,), (2,))
    assert (lazy.compute() == rows(data()[0])).all()


def test_results_still_to_be_computed_have_the_parameters_of_the_call(client: Client) -> None:
    w = Value(2.0)
    program = autograd.compile(lambda x: w * x).distributed(client)
    lazy = program(da.ones(4, chunks=2))
    w.data = 7.0
    assert lazy.compute().tolist() == [2.0] * 4
    assert program(da.ones(4, chunks=2)).compute().tolist() == [7.0] * 4


# Training -------------------------------------------------------------------------------------


def test_training_moves_the_parameters_as_in_one_process(client: Client) -> None:
    X, y = data()
    found = []
    for rows in (None, ROWS):
        model, loss = made()
        foreign = Value(4.0)
        optimizer = optim.Adam([*model.parameters(), foreign], lr=0.05)
        program: Any = loss if rows is None else loss.distributed(client, rows=rows)
        with program.training(optimizer) as step:
            means = [step(X, y) for _ in range(5)]
            seen = loss(X, y).mean()  # the program sees the numbers in the array
        values = [*model.parameters(), foreign]
        memory = [x for value in values for x in optimizer.state[value].values()]
        found.append([*means, seen, *(v.data for v in values), *(v.grad for v in values), *memory])
    assert equal(*map(numpy.array, reversed(found)))


def test_what_is_refused_leaves_a_training_as_it_was(client: Client) -> None:
    X, y = data()
    model, loss = made()
    program = loss.distributed(client, rows=ROWS)
    with program.training(optim.SGD(model.parameters(), lr=0.1)) as step:
        step(X, y)
        before = loss(X, y).tolist()
        with pytest.raises(ValueError, match="x has 100 rows, y 99"):
            step(X, y[1:])
        with (
            pytest.raises(RuntimeError, match="another training of this program is going on"),
            program.training(optim.SGD(model.parameters())),
        ):
            pass
        assert loss(X, y).tolist() == before


# What is sent ---------------------------------------------------------------------------------


def test_data_is_sent_once_and_again_when_it_was_changed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    scatter = client.scatter
    monkeypatch.setattr(client, "scatter", lambda *a, **k: sent.append(a) or scatter(*a, **k))
    X, y = data()
    others = X + 1.0
    model, loss = made()
    values = model.parameters()
    program = loss.distributed(client, rows=ROWS)
    for batch in ((X, y), (others, y), (X.tolist(), y)):
        assert equal(taken(program, values, *batch), taken(loss, values, *batch))
    assert len(sent) == 3  # X, y, and the others
    X[50, 1] = -7.0
    assert equal(taken(program, values, X, y), taken(loss, values, X, y))
    y[0] = numpy.nan
    assert numpy.isnan(taken(program, values, X, y)).any()
    taken(program, values, X, y)
    assert len(sent) == 5


def test_a_worker_compiles_a_program_once(client: Client) -> None:
    w = Value(1.0)
    loss = autograd.compile(lambda x, y: (w * x[0] + 123.0 - y) ** 2)  # known to no worker
    compilations = client.run(_compilations)
    for k in range(3):  # whatever its numbers are
        w.data = float(k)
        loss.distributed(client, rows=5).backward(*data())
    done = {worker: n - compilations[worker] for worker, n in client.run(_compilations).items()}
    assert set(done.values()) <= {0, 1}
    assert any(done.values())


def _compilations() -> int:
    return tasks._compiled.cache_info().misses


def test_the_program_is_sent_as_json_and_nothing_else_of_the_users() -> None:
    secret = threading.Lock()  # can't be pickled
    w = Value(2.0, label="secret")

    def f(x: Any) -> Any:
        assert not secret.locked()
        return w * x

    text = tasks.written(autograd.compile(f, 1.0), "numpy")
    assert "secret" not in text
    saved = json.loads(json.loads(text)["program"])
    assert saved["parameters"] == [["", "0x0.0p+0"]]


# Lost workers ---------------------------------------------------------------------------------


def wait_until(happens: Callable[[], Any]) -> Any:
    """What is found, as soon as it is anything; an error after half a minute."""
    deadline = time.monotonic() + 30.0
    while not (found := happens()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def kill_who_is_caught(trap: Path, killed: list[int]) -> None:
    """Kill the process that gets into the trap, in the middle of its task."""
    (caught,) = wait_until(lambda: list(trap.glob("caught-*")))
    killed.append(int(caught.name.partition("-")[2]))
    caught.unlink()
    os.kill(*killed, signal.SIGKILL)


@pytest.mark.parametrize("form", ["arrays", "Dask arrays that were computed"])
def test_a_worker_killed_in_the_middle_of_a_step_loses_nothing(
    client: Client, trap: Path, form: str
) -> None:
    trapped, _ = worker_primitives.declare()
    model, _ = made()
    values = model.parameters()
    loss = autograd.compile(lambda x, y: (model([trapped(x[0]), x[1]])[0] - y) ** 2)
    X, y = data()
    program = loss.distributed(client, rows=ROWS)
    wanted = taken(program, values, *FORMS[form](X, y))
    assert equal(wanted, taken(loss, values, X, y))
    killed: list[int] = []
    killer = threading.Thread(target=kill_who_is_caught, args=(trap, killed))
    killer.start()
    (trap / "set").touch()
    found = taken(program, values, *FORMS[form](X, y))
    killer.join()
    assert len(killed) == 1
    assert (found == wanted).all()


def test_a_worker_killed_between_two_steps_loses_nothing(client: Client) -> None:
    model, loss = made()
    program = loss.distributed(client, rows=ROWS)
    wanted = taken(program, model.parameters(), *data())
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    assert (taken(program, model.parameters(), *data()) == wanted).all()


def test_data_lost_again_and_again_is_an_error(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(futures: Any) -> None:
        raise CancelledError

    w, program = simple(client)
    monkeypatch.setattr(client, "gather", lose)
    with pytest.raises(RuntimeError, match=r"data was lost with a worker .* 4 times in one step"):
        program.backward([1.0])
    assert w.grad == 0.0


def test_an_interrupt_ends_the_tasks_and_changes_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def interrupt(futures: Any) -> None:
        begun.extend(futures)
        raise KeyboardInterrupt

    w, program = simple(client)
    monkeypatch.setattr(client, "gather", interrupt)
    with pytest.raises(KeyboardInterrupt):
        program.backward([1.0])
    assert w.grad == 0.0
    for future in begun:  # released by now; the client takes note of it in a thread of its own
        wait_until(lambda: future.key not in client.futures)  # noqa: B023


# What is refused ------------------------------------------------------------------------------


def simple(client: Any, function: Any = lambda w, x: w * x) -> tuple[Value, Any]:
    w = Value(2.0)
    return w, autograd.compile(lambda x: function(w, x)).distributed(client)


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "rows": (lambda X, y: (chunked(X), y[1:]), ValueError, "x has 100 rows, y 99"),
    "chunks": (
        lambda X, y: (chunked(X), chunked(y, 50, 50)),
        ValueError,
        r"not in the same chunks: y.rechunk\(\{0: x.chunks\[0\]\}\) makes",
    ),
    "columns": (
        lambda X, y: (da.from_array(X, chunks=(50, 1)), y),
        ValueError,
        r"samples of x are cut into several chunks: x.rechunk\(\{1: -1\}\)",
    ),
    "unknown": (
        lambda X, y: (X, (a := chunked(y))[a > 0]),
        ValueError,
        r"y has chunks of unknown sizes: y.compute_chunk_sizes\(\)",
    ),
    "no rows": (
        lambda X, y: (chunked(X[:0], 0), chunked(y[:0], 0)),
        ValueError,
        "x has no rows: a batch needs at least one sample",
    ),
    "no rows in memory": (lambda X, y: (X[:0], y[:0]), ValueError, "x has no rows"),
    "shape": (
        lambda X, y: (chunked(numpy.ones((100, 3))), y),
        ValueError,
        r"x has the shape \(100, 3\), but .* compiled for samples of the shape \(2,\)",
    ),
    "a number": (lambda X, y: (da.ones(()), y), ValueError, r"x has the shape \(\)"),
    "arguments": (lambda X, y: (chunked(X),), TypeError, r"2 arguments \(x, y\), got 1"),
    "texts": (lambda X, y: (X, numpy.array(["a"] * 100)), TypeError, "y is made of numbers"),
    "texts on a worker": (
        lambda X, y: (X, chunked(numpy.array(["a"] * 100))),
        TypeError,
        "y is made of numbers, got an array of <U1",
    ),
    "other collections": (
        lambda X, y: (dask.bag.from_sequence([1]), y),
        TypeError,
        "of Dask's collections a batch takes arrays, got a Bag",
    ),
    "Values": (
        lambda X, y: ([Value(1.0), 2.0], 3.0),
        TypeError,
        "a cluster takes batches of numbers: for one sample of Values, call the program itself",
    ),
    "chunks that lie": (
        lambda X, y: (chunked(X), chunked(y).map_blocks(numpy.ravel).map_blocks(_first_half)),
        ValueError,
        r"a partition of y has (15|35) rows where (30|70) were promised",
    ),
}


def _first_half(block: Any) -> Any:
    return block[: len(block) // 2]


@pytest.mark.parametrize("case", REFUSED)
def test_batches_that_do_not_fit_are_refused(client: Client, case: str) -> None:
    give, error, message = REFUSED[case]
    model, loss = made()
    batch = give(*data())
    program = loss.trace([0.0, 0.0], 0.0).distributed(client)
    with pytest.raises(error, match=message):
        program.backward(*batch)
    assert all(value.grad == 0.0 for value in model.parameters())


def test_an_index_out_of_range_is_found_on_the_worker(client: Client) -> None:
    numbers = [Value(1.0), Value(2.0)]
    program = autograd.compile(lambda k: autograd.pick(numbers, k)).distributed(client)
    indices = numpy.array([0.0, 1.0, 0.0, 1.0])
    assert program(chunked(indices, 2, 2)).compute().tolist() == [1.0, 2.0, 1.0, 2.0]
    indices[3] = 2.0
    with pytest.raises(ValueError, match="row 1 of k is 2, but it must be one of 0") as raised:
        program.backward(chunked(indices, 2, 2))
    assert raised.value.__notes__ == ["in a partition whose first row is row 2"]
    with pytest.raises(ValueError, match="row 3 of k is 2"):
        program.backward(indices)


def test_an_error_on_a_worker_is_that_of_one_process(client: Client) -> None:
    _, fragile = worker_primitives.declare()
    w, program = simple(client, lambda w, x: fragile(w * x))
    batch = [1.0, 2.0, 50.0, 3.0]
    for run in (program.program, program):
        with pytest.raises(KeyError, match="there is no 100"):
            run.backward(batch)
    assert w.grad == 0.0
    assert program.backward([1.0, 2.0]) == 3.0


def test_a_primitive_that_workers_do_not_know(client: Client) -> None:
    unheard = autograd.Primitive("unheard", lambda x: x, lambda out, x: (1.0,))
    w, program = simple(client, lambda w, x: unheard(w * x))
    with pytest.raises(LookupError, match=r"'unheard' is not declared .* worker .* preload"):
        program.backward([1.0])
    assert w.grad == 0.0


def test_functions_of_several_numbers_have_no_backward(client: Client) -> None:
    _, program = simple(client, lambda w, x: [w, x])
    with pytest.raises(TypeError, match="backward needs a function of one number"):
        program.backward([1.0])
    _, program = simple(client, lambda w, x: x)
    with pytest.raises(RuntimeError, match="closes over no Value that requires a gradient"):
        program.backward([1.0])


@pytest.mark.parametrize("wrong", [None, 3, "tcp://127.0.0.1:8786", Client])
def test_anything_but_a_client_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="distributed takes a client of Dask's"):
        made()[1].distributed(wrong)


@pytest.mark.parametrize("rows", [0, -1, 1.5, True])
def test_partitions_have_rows(client: Client, rows: Any) -> None:
    with pytest.raises(ValueError, match="a partition has at least one row, got rows="):
        made()[1].distributed(client, rows=rows)


def test_a_closed_client_is_an_error(client: Client) -> None:
    with Client(client.scheduler.address, set_as_default=False) as other:
        w, program = simple(other)
        assert program.backward([1.0]) == 2.0
    for use in (lambda: program.backward([1.0]), lambda: simple(other)):
        with pytest.raises(RuntimeError, match="client is closed: make a new one"):
            use()
    assert w.grad == 1.0


def test_without_dask_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ImportError, match=r'needs Dask: pip install "stepgrad\[distributed\]"'):
        made()[1].distributed(None)


def test_it_says_what_runs_where(client: Client) -> None:
    _, loss = made()
    assert repr(loss.distributed(client)).startswith("<<compiled ")
