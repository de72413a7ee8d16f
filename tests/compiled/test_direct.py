"""Direct steps: the same as through Python to the bit, and whatever is unusual is left to that."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import BuiltinFunctionType
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import optim
from autograd import Value
from autograd.compiled import Program
from autograd.compiled.llvm import direct
from autograd.compiled.training import Training

OPTIMIZERS: dict[str, Callable[[list[Value]], Any]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.02, weight_decay=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
}
RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(13, 2)), RNG.normal(size=13)


def network() -> tuple[Program, list[Value]]:
    """A small network of three parameters, compiled by LLVM."""
    w = [Value(0.0) for _ in range(3)]

    def loss(x: Any, y: Any) -> Any:
        return (autograd.tanh(w[0] * x[0] + w[1] * x[1] + w[2]) - y) ** 2

    return autograd.compile(loss, backend="llvm"), w


NETWORK = network()  # compiled once for all tests


def made(optimizer: str = "SGD") -> tuple[Program, list[Value], Any]:
    """The network as it is before training, and an optimizer."""
    program, w = NETWORK
    for value, number in zip(w, (0.3, -0.4, 0.1), strict=True):
        value.data = number
    return program, w, OPTIMIZERS[optimizer](w)


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the ordinary function is called with, every time."""
    calls: list[Any] = []
    step = Training.step

    def noted(self: Training, *batch: Any, **options: Any) -> Any:
        calls.append(batch)
        return step(self, *batch, **options)

    monkeypatch.setattr(Training, "step", noted)
    return calls


@contextmanager
def started(*arguments: Any) -> Iterator[tuple[Any, Program, Any]]:
    """A training in which steps are direct from now on: step, program, optimizer."""
    program, _, optimizer = made(*arguments)
    with program.training(optimizer) as step:
        step(X, Y)
        yield step, program, optimizer


def test_steps_after_the_first_are_direct(ordinary: list[Any]) -> None:
    with started() as (step, _, _):
        assert isinstance(step, BuiltinFunctionType)
        assert type(step(X, Y)) is float
        for count in (1, 5, 13):
            step(X[:count], Y[:count])
        assert len(ordinary) == 1


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(list(OPTIMIZERS)),
    rates=st.lists(
        st.one_of(st.none(), st.floats(1e-3, 0.5), st.sampled_from([0.0, 0, 1, True])),
        min_size=1,
        max_size=12,
    ),
    decays=st.lists(st.sampled_from([None, 0.0, 0.1, 1]), min_size=12, max_size=12),
    data=st.data(),
)
def test_direct_steps_are_those_of_the_ordinary_function_to_the_bit(
    name: str, rates: list[Any], decays: list[Any], data: st.DataObject
) -> None:
    """With options that change on the way, in every kind of number, and batches of every size."""
    counts = data.draw(st.lists(st.integers(1, 13), min_size=len(rates), max_size=len(rates)))
    unusual = data.draw(st.lists(st.booleans(), min_size=len(rates), max_size=len(rates)))
    found = []
    for by in ("step", "ordinary", "either"):
        program, w, optimizer = made(name)
        group = optimizer.param_groups[0]
        means = []
        with program.training(optimizer) as step:
            slow = program._open.mean_of_step  # type: ignore[union-attr]
            for rate, decay, count, is_unusual in zip(rates, decays, counts, unusual, strict=False):
                if rate is not None:
                    group["lr"] = rate
                if decay is not None:
                    group["weight_decay"] = decay
                take = slow if by == "ordinary" or (by == "either" and is_unusual) else step
                means.append(take(X[:count], Y[:count]))
        memory = [entry for value in w for entry in optimizer.state[value].values()]
        found.append([*means, *(value.data for value in w), *(value.grad for value in w), *memory])
    assert found[0] == found[1] == found[2]


class Array(numpy.ndarray[Any, Any]):
    """A kind of array of its own."""


def with_indices() -> tuple[Program, Any]:
    """A function that chooses by the second entry of k, of three numbers."""
    w = [Value(0.3), Value(-0.4), Value(0.1)]

    def loss(x: Any, k: Any) -> Any:
        return -autograd.pick(autograd.log_softmax(w), k[1]) * x

    return autograd.compile(loss, backend="llvm"), optim.SGD(w, lr=0.1)


CHOOSING = with_indices()


@pytest.mark.parametrize(
    "batch",
    [
        (X.tolist(), Y),
        (X.astype(numpy.float32), Y),
        (numpy.asfortranarray(X), Y),
        (X[::2], Y[::2]),
        (X.astype(">f8"), Y),
        (X.view(Array), Y),
        (numpy.ones((13, 2), dtype=int), Y),
        (numpy.frombuffer(b"\0" + X.tobytes(), numpy.uint8)[1:].view(float).reshape(13, 2), Y),
    ],
    ids=["lists", "single", "columns", "steps", "big end first", "subclass", "whole", "unaligned"],
)
def test_other_arrays_are_converted(
    batch: Any, ordinary: list[Any], request: pytest.FixtureRequest
) -> None:
    is_left = request.node.callspec.id in ("subclass", "unaligned")
    with started() as (step, program, _):
        wanted = float(program(*batch).mean())
        assert step(*batch) == pytest.approx(wanted, rel=1e-12)
        assert len(ordinary) == 1 + is_left
        step(X, Y)
        assert len(ordinary) == 1 + is_left


@pytest.mark.parametrize(
    "batch",
    [
        (),
        (X,),
        (X, Y, Y),
        (X[:0], Y[:0]),
        (X, Y[:-1]),
        (X[:-1], Y),
        (X[:, :1], Y),
        (X.reshape(13, 1, 2), Y),
        (X, Y.reshape(13, 1)),
        (X, Y[0]),
        (X, numpy.array(2.0)),
        (None, Y),
        (X, "text"),
        (X.astype(complex), Y),
        (X.astype(object).tolist(), [None] * 13),
    ],
)
def test_what_is_wrong_is_refused_in_the_same_words_and_nothing_moves(batch: Any) -> None:
    with started() as (step, program, _):
        before = program(X, Y).tolist()
        with pytest.raises((TypeError, ValueError)) as wanted:
            program.backward(*batch)
        with pytest.raises(wanted.type) as found:
            step(*batch)
        assert str(found.value) == str(wanted.value)
        assert program(X, Y).tolist() == before
        with pytest.raises(TypeError, match="takes no keyword arguments"):
            step(x=X, y=Y)


@pytest.mark.parametrize("index", [0.0, -0.0, 1.0, 2.0])
def test_indices_in_their_range_are_direct(index: float, ordinary: list[Any]) -> None:
    loss, optimizer = CHOOSING
    x, k = numpy.ones(5), numpy.zeros((5, 2))
    k[:, 0] = 7.5  # no index
    with loss.training(optimizer) as step:
        step(x, k)
        k[3, 1] = index
        step(x, k)
    assert len(ordinary) == 1


@pytest.mark.parametrize("index", [-1.0, 3.0, 0.5, 1e300, numpy.nan, numpy.inf, -numpy.inf])
def test_other_indices_are_refused(index: float) -> None:
    loss, optimizer = CHOOSING
    x, k = numpy.ones(5), numpy.zeros((5, 2))
    with loss.training(optimizer) as step:
        step(x, k)
        before = loss(x, k).tolist()
        bad = k.copy()
        bad[3, 1] = index
        with pytest.raises(ValueError, match=r"row 3 of k is .*, but it must be one of 0, 1"):
            step(x, bad)
        assert loss(x, k).tolist() == before


def test_rows_of_uneven_sequences_are_left_to_python(ordinary: list[Any]) -> None:
    w = Value(0.5)
    loss = autograd.compile(lambda x: (w * x[0] - x[1][0]) ** 2, backend="llvm")
    with loss.training(optim.SGD([w], lr=0.1)) as step:
        for _ in range(3):
            step([[1.0, [2.0]], [2.0, [1.0]]])
    assert len(ordinary) == 3


def test_options_that_are_lists_may_change_within() -> None:
    results = []
    for betas in ([0.5, 0.5], (0.5, 0.5)):
        program, w, _ = made()
        optimizer = optim.Adam(w, lr=0.1, betas=betas)  # type: ignore[arg-type]
        with program.training(optimizer) as step:
            for k in range(6):
                step(X, Y)
                if k == 3 and isinstance(betas, list):
                    betas[0] = 0.9
                elif k == 3:
                    optimizer.param_groups[0]["betas"] = (0.9, 0.5)
        results.append([value.data for value in w])
    assert results[0] == results[1]


def test_an_option_that_is_taken_away_is_missed() -> None:
    with started() as (step, _, optimizer):
        rate = optimizer.param_groups[0].pop("lr")
        with pytest.raises(KeyError, match="lr"):
            step(X, Y)
        optimizer.param_groups[0]["lr"] = rate


def test_a_whole_number_counts_again_after_a_float() -> None:
    found = []
    for decays in ((1, 0.1, 1), (1.0, 0.1, 1.0)):
        program, w, optimizer = made()
        with program.training(optimizer) as step:
            for decay in decays:
                optimizer.param_groups[0]["weight_decay"] = decay
                step(X, Y)
        found.append([value.data for value in w])
    assert found[0] == found[1]


def test_a_list_that_comes_later_may_change_within_too() -> None:
    results = []
    for kind in (list, tuple):
        program, w, _ = made()
        optimizer = optim.Adam(w, lr=0.1, betas=(0.5, 0.5))
        group = optimizer.param_groups[0]
        with program.training(optimizer) as step:
            for k in range(6):
                step(X, Y)
                if k == 2:
                    group["betas"] = kind((0.6, 0.5))
                elif k == 4 and kind is list:
                    group["betas"][0] = 0.9
                elif k == 4:
                    group["betas"] = (0.9, 0.5)
        results.append([value.data for value in w])
    assert results[0] == results[1]


@pytest.mark.parametrize("rate", [None, "fast", {}])
def test_an_option_that_is_no_number_is_no_number_as_before(rate: Any) -> None:
    with started() as (step, program, optimizer):
        before = program(X, Y).tolist()
        optimizer.param_groups[0]["lr"] = rate
        for _ in range(2):
            with pytest.raises(TypeError):
                step(X, Y)
        assert program(X, Y).tolist() == before
        optimizer.param_groups[0]["lr"] = 0.2
        step(X, Y)
        assert program(X, Y).tolist() != before


def test_an_option_may_be_an_array() -> None:
    found = []
    for rate in (0.25, numpy.array(0.25)):
        with started() as (step, program, optimizer):
            optimizer.param_groups[0]["lr"] = rate
            step(X, Y)
            found.append(program(X, Y).tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-14)


@pytest.mark.parametrize("when", [0, 1])
def test_an_interrupt_while_options_are_told_leaves_what_direct_steps_look_at(
    when: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever table the machine code is told of, it is kept."""
    tell = direct.Desk.tell

    def interrupted(self: direct.Desk, **entries: int) -> None:
        if when:
            tell(self, **entries)
        raise KeyboardInterrupt

    with started() as (step, program, optimizer):
        desk = program._open.desk  # type: ignore[union-attr]
        for rate in (1, 2, 3):
            optimizer.param_groups[0]["lr"] = rate
            with monkeypatch.context() as patch:
                patch.setattr(direct.Desk, "tell", interrupted)
                patch.setattr(direct.Desk, "close", lambda self: None)
                patch.setattr(direct.Desk, "open", lambda self: None)
                with pytest.raises(KeyboardInterrupt):
                    step(X.tolist(), Y)
            assert desk["option_table"] in tables(desk.kept["options"])
        optimizer.param_groups[0]["lr"] = 4
        step(X, Y)
        assert tables(desk.kept["options"]) == {desk["option_table"]}


def tables(kept: Any) -> set[int]:
    """Where the arrays in nested tuples are."""
    if isinstance(kept, tuple):
        return {place for entry in kept for place in tables(entry)}
    return {kept.ctypes.data} if isinstance(kept, numpy.ndarray) else set()


def test_nan_and_inf_pass() -> None:
    for number in (numpy.nan, numpy.inf, -numpy.inf):
        program, w, optimizer = made()
        with program.training(optimizer) as step:
            step(X, Y)
            bad = Y.copy()
            bad[5] = number
            mean = step(X, bad)
            assert mean != mean if number != number else mean == numpy.inf
        assert not any(numpy.isfinite(value.data) for value in w)


def test_a_batch_that_takes_long_lets_other_threads_run(
    monkeypatch: pytest.MonkeyPatch, ordinary: list[Any]
) -> None:
    monkeypatch.setattr("autograd.compiled.program._SHORT", 100)
    with started() as (step, program, _):
        most = 100 // len(program.code.instructions)
        assert 0 < most < 13
        step(X[:most], Y[:most])
        assert len(ordinary) == 1
        step(X[: most + 1], Y[: most + 1])
        assert len(ordinary) == 2


def test_steps_of_several_threads_come_one_after_the_other() -> None:
    """Directly, and by way of Python; each moves w by exactly 1."""
    w = Value(0.0)
    loss = autograd.compile(lambda x: w * x, backend="llvm")
    ones = numpy.ones(3)
    means: list[float] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with loss.training(optim.SGD([w], lr=1.0, momentum=0.0)) as step:

            def run(own: list[Any]) -> None:
                for k in range(200):
                    means.append(step(own[k % len(own)]))

            kinds = [[ones], [ones.tolist()], [ones, ones.tolist()], [ones]]
            threads = [threading.Thread(target=run, args=(own,)) for own in kinds]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert w.data == -800.0
    assert sorted(means, reverse=True) == [-float(k) for k in range(800)]


def test_an_interrupt_arrives_between_direct_steps(ordinary: list[Any]) -> None:
    program, w, optimizer = made()
    means = []

    def interrupted() -> None:
        with program.training(optimizer) as step:
            means.append(step(X, Y))
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            while True:
                means.append(step(X, Y))

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(ordinary) == 1
    assert len(means) > 10
    found = [value.data for value in w]
    _, _, optimizer = made()
    with program.training(optimizer) as step:
        for mean in means:
            assert step(X, Y) == mean
        last = program._numbers().tolist()
        step(X, Y)
        assert found in (last, program._numbers().tolist())  # a mean may have got lost


def test_after_the_end_a_step_is_refused() -> None:
    program, w, optimizer = made()
    with program.training(optimizer) as step:
        step(X, Y)
        step(X, Y)
    reached = [value.data for value in w]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="this training has ended"):
            step(X, Y)
    assert [value.data for value in w] == reached


def test_a_step_keeps_what_it_needs_and_nothing_for_ever() -> None:
    program, w = network()
    with program.training(optim.SGD(w)) as step:
        step(X, Y)
        gone = weakref.ref(program)
    del program, w
    gc.collect()
    with pytest.raises(RuntimeError, match="this training has ended"):
        step(X, Y)
    del step
    gc.collect()
    assert gone() is None


def test_arguments_and_results_are_not_kept() -> None:
    with started() as (step, _, _):
        x, y = X.copy(), Y.copy()
        before = sys.getrefcount(x), sys.getrefcount(y), sys.getrefcount(step)
        for _ in range(10):
            step(x, y)
        assert (sys.getrefcount(x), sys.getrefcount(y), sys.getrefcount(step)) == before


def test_where_objects_are_laid_out_otherwise_python_does_it(
    monkeypatch: pytest.MonkeyPatch, ordinary: list[Any]
) -> None:
    assert direct._is_known_layout()
    for part in ("_TYPE", "_DATA", "_DIMENSIONS", "_DTYPE", "_FLAGS"):
        with monkeypatch.context() as patch:
            patch.setattr(direct, part, direct._LENGTHS)
            assert not direct._is_known_layout()
    monkeypatch.setattr(direct._machinery(), "can_be_called", False)
    with started() as (step, _, _):
        means = [step(X, Y) for _ in range(4)]
    assert len(ordinary) == 5
    assert all(x > y for x, y in pairwise(means))
