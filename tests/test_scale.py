"""Depth, width and memory: no recursion, no cycles, no waste."""

import copy
import gc
import pickle
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import autograd
from autograd import (
    AnomalyError,
    Primitive,
    Sweep,
    Value,
    backward,
    detect_anomaly,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    sin,
    sqrt,
    tanh,
)
from autograd.sweep import topological_order

MILLION = 1_000_000
DEEP = 100_000
COPIED = 30_000


@pytest.fixture(autouse=True)
def no_recursion_to_speak_of() -> Iterator[None]:
    """A recursion over the graph would end at once."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, 1000))
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is freed in the test is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def chain(x: Any, length: int) -> Any:
    for _ in range(length):
        x = x * 1.000001
    return x


# Depth ------------------------------------------------------------------------------------------


def test_a_chain_of_a_million_operations(no_collector: None) -> None:
    x = Value(2.0)
    y = chain(x, MILLION)
    assert y.data == pytest.approx(2.0 * 1.000001**MILLION, rel=1e-9)
    y.backward()
    assert x.grad == pytest.approx(1.000001**MILLION, rel=1e-9)
    assert gradients(y, x) == x.grad

    middle = y
    for _ in range(MILLION // 2):
        middle = middle.parents[0]
    reference = weakref.ref(middle)
    del middle
    assert reference() is not None
    del y
    assert reference() is None  # dropped without a recursion, and at once


def test_a_value_used_a_million_times_one_after_the_other() -> None:
    x = Value(2.0)
    y = x
    for _ in range(MILLION - 1):
        y = y + x
    y.backward()
    assert (y.data, x.grad) == (2.0 * MILLION, MILLION)


def test_a_value_used_a_million_times_at_once() -> None:
    x, w = Value(2.0), Value(3.0)
    y = autograd.sum([x] * MILLION)
    assert len(y.parents) == MILLION
    y.backward()
    assert (y.data, x.grad) == (2.0 * MILLION, MILLION)
    x.zero_grad()
    autograd.dot([x] * DEEP, [w] * DEEP).backward()
    assert (x.grad, w.grad) == (3.0 * DEEP, 2.0 * DEEP)


def test_very_many_roots_and_leaves() -> None:
    xs = [Value(float(k)) for k in range(DEEP)]
    backward(xs)
    assert all(x.grad == 1.0 for x in xs)
    assert gradients(autograd.sum(xs), xs) == [1.0] * DEEP


def test_paths_that_double_at_every_step_are_not_walked_one_by_one() -> None:
    x = Value(1.0)
    y = x
    for _ in range(1000):
        y = (y + y) * 0.5
    y.backward()  # 2**1000 paths lead from y to x
    assert x.grad == 1.0
    assert gradients(y, x) == 1.0
    assert len(topological_order([y])) == 3001  # x; a sum, a constant, a product per step
    assert hessian(lambda t: ladder(t, 200))(0.5) == pytest.approx(0.0, abs=1e-12)
    assert jvp(lambda t: ladder(t, 200))(0.5, 1.0)[1] == 1.0


def ladder(y: Any, steps: int) -> Any:
    for _ in range(steps):
        y = (y + y) * 0.5
    return y


def test_every_transform_goes_deep() -> None:
    length = 5000
    slope = 1.000001**length
    assert grad(chain)(1.0, length) == pytest.approx(slope)
    assert jvp(lambda x: chain(x, length))(1.0, 1.0)[1] == pytest.approx(slope)
    assert jacobian(lambda x: [chain(x, length), x])(1.0) == [pytest.approx(slope), 1.0]

    def squared(x: Any) -> Any:
        return chain(x, length) * chain(x, length)

    assert hessian(squared)(1.0) == pytest.approx(2.0 * slope * slope)
    assert hvp(squared)(1.0, 3.0) == pytest.approx(6.0 * slope * slope)
    assert grad(grad(grad(lambda x: tanh(chain(x, length)))))(0.5) == pytest.approx(
        slope**3 * (6.0 * tanh(0.5 * slope) ** 2 - 2.0) * (1.0 - tanh(0.5 * slope) ** 2)
    )


def test_a_deep_graph_step_by_step() -> None:
    x = Value(2.0, label="x")
    sweep = Sweep(chain(x, DEEP))
    assert len(sweep) == DEEP
    sweep.goto(DEEP)
    assert x.grad == pytest.approx(1.000001**DEEP)
    assert str(sweep[DEEP // 2])
    sweep.goto(0)
    assert x.grad == 0.0


# Copies and pickles -------------------------------------------------------------------------------


def assert_is_a_copy_of_a_pair(twin: Any, pair: list[Value]) -> None:
    x, y = pair
    twin_x, twin_y = twin
    order = topological_order([twin_y])
    assert len(order) == len(topological_order([y]))
    assert twin_x is order[0]
    assert twin_x is not x
    assert (twin_y.data, twin_y.partials) == (y.data, y.partials)
    assert gradients(twin_y, twin_x) == gradients(y, x)


def test_a_deep_graph_is_pickled() -> None:
    x = Value(2.0)
    pair = [x, chain(x, COPIED)]
    assert_is_a_copy_of_a_pair(pickle.loads(pickle.dumps(pair)), pair)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickler_recurses(protocol: int) -> None:
    x = Value(2.0)
    pair = [x, chain(x, 3000)]
    assert_is_a_copy_of_a_pair(pickle.loads(pickle.dumps(pair, protocol)), pair)
    saved = pickle._dumps(pair, protocol)  # type: ignore[attr-defined]
    assert_is_a_copy_of_a_pair(pickle._loads(saved), pair)  # type: ignore[attr-defined]


def test_a_deep_graph_is_copied() -> None:
    x = Value(2.0)
    pair = [x, chain(x, COPIED)]
    twin = copy.deepcopy(pair)
    assert_is_a_copy_of_a_pair(twin, pair)
    assert copy.copy(pair[1]).parents == pair[1].parents


def test_a_wide_graph_is_pickled_and_copied() -> None:
    x = Value(2.0)
    pair = [x, autograd.sum([x] * COPIED)]
    assert_is_a_copy_of_a_pair(pickle.loads(pickle.dumps(pair)), pair)
    assert_is_a_copy_of_a_pair(copy.deepcopy(pair), pair)


# Freed at once ------------------------------------------------------------------------------------


def graph() -> tuple[Value, Value]:
    x = Value(0.5, label="x")
    return x, tanh(x * x) + sin(x) * 3.0


def look_at_steps(x: Value, y: Value) -> None:
    sweep = Sweep(y)
    sweep.goto(2)
    assert [str(step) + step.latex() for step in sweep]


def fail_in_the_sweep(x: Value, y: Value) -> None:
    x.data = 0.0
    root = sqrt(x) + y
    with pytest.raises(AnomalyError), detect_anomaly():
        root.backward()


def fail_in_the_forward_pass(x: Value, y: Value) -> None:
    with pytest.raises(AnomalyError), detect_anomaly():
        log(y - 100.0)


def fail_in_a_rule(x: Value, y: Value) -> None:
    broken = Primitive("broken", lambda x: x, lambda out, x: (1.0 / 0.0,))
    with pytest.raises(ZeroDivisionError):
        broken(y)


def fail_in_the_roots(x: Value, y: Value) -> None:
    with pytest.raises(TypeError):
        backward([y, "y"])  # type: ignore[list-item]


DEEDS: list[Callable[[Value, Value], Any]] = [
    lambda x, y: None,
    lambda x, y: y.backward(),
    lambda x, y: gradients(y, x),
    lambda x, y: gradients(gradients(y, x, create_graph=True), x, create_graph=True),
    lambda x, y: gradients(y, x, create_graph=True).backward(),
    lambda x, y: hessian(lambda t: tanh(t) * y)(x),
    lambda x, y: hvp(lambda t: tanh(t) * y)(x, 1.0),
    lambda x, y: pickle.loads(pickle.dumps([x, y])),
    lambda x, y: copy.deepcopy([x, y]),
    lambda x, y: repr(y),
    look_at_steps,
    fail_in_the_sweep,
    fail_in_the_forward_pass,
    fail_in_a_rule,
    fail_in_the_roots,
]


@pytest.mark.parametrize("deed", DEEDS)
def test_a_dropped_graph_is_freed_at_once(
    deed: Callable[[Value, Value], Any], no_collector: None
) -> None:
    x, y = graph()
    deed(x, y)
    references = [weakref.ref(node) for node in topological_order([y]) if node is not x]
    del y
    assert [reference() for reference in references] == [None] * len(references)


def leave_no_cycle(compute: Callable[[], Any]) -> None:
    compute()  # once, for what is kept for good
    gc.collect()
    gc.disable()
    try:
        compute()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: grad(f)(0.5),
        lambda f: grad(grad(f))(0.5),
        lambda f: jacobian(f)(0.5),
        lambda f: hessian(f)(0.5),
        lambda f: jvp(f)(0.5, 1.0),
        lambda f: hvp(f)(0.5, 1.0),
        lambda f: f(Value(0.5)).backward(),
        lambda f: Sweep(f(Value(0.5))).goto(3),
        lambda f: copy.deepcopy(f(Value(0.5))),
        lambda f: pickle.loads(pickle.dumps(f(Value(0.5)))),
    ],
)
def test_nothing_is_left_for_the_collector(transform: Callable[[Any], Any]) -> None:
    leave_no_cycle(lambda: transform(lambda x: tanh(x * x) / (x + 1.0)))


def test_an_anomaly_that_was_handled_leaves_nothing_for_the_collector() -> None:
    def compute() -> None:
        x = Value(0.0)
        try:
            with detect_anomaly():
                sqrt(x).backward()
        except AnomalyError:
            pass

    leave_no_cycle(compute)


def test_a_chain_that_is_not_kept_takes_no_memory(no_collector: None) -> None:
    x = Value(1.0)
    tracemalloc.start()
    chain(x, 10_000)  # what is kept for the next nodes is kept from now on
    before = tracemalloc.get_traced_memory()[0]
    y = chain(x, 10_000)
    y.backward()
    held = tracemalloc.get_traced_memory()[0] - before
    del y
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert left < held / 20
    # A node with its constant beside it, and the floats they hold.
    assert held / 10_000 < 450


def test_a_value_has_slots() -> None:
    assert not hasattr(Value(1.0), "__dict__")
    # Two parents and two local derivatives are in it: there are no tuples beside it.
    assert sys.getsizeof(Value(1.0)) <= 136
