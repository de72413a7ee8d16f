"""no_grad and detect_anomaly: what they do, where, and that nothing stays switched on."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import autograd
import nn
import optim
from autograd import (
    AnomalyError,
    Primitive,
    Sweep,
    Value,
    detect_anomaly,
    exp,
    grad,
    gradients,
    hessian,
    hypot,
    log,
    no_grad,
    sqrt,
    tanh,
    where,
)
from autograd.modes import current, switched


def states() -> tuple[bool, ...]:
    return (current.recording, current.locating, current.detecting, current.symbolic)


USUAL = (True, False, False, False)


# no_grad ----------------------------------------------------------------------------------------


def test_no_grad_makes_constants() -> None:
    x = Value(3.0)
    with no_grad():
        results = [x * x, -x, x.tanh(), exp(x), 2.0 - x, autograd.sum([x, x]), where(True, x, 0.0)]
    for y in results:
        assert (y.requires_grad, y.parents, y.partials, y.op) == (False, (), (), "")
    assert x.requires_grad
    assert (x * x).parents == (x, x)


def test_no_grad_is_a_decorator_and_nests() -> None:
    x = Value(3.0)

    @no_grad()
    def predict() -> Value:
        with no_grad():
            pass
        return x * x

    assert not predict().requires_grad
    assert (x * x).requires_grad


def test_a_new_leaf_inside_no_grad_is_tracked_afterwards() -> None:
    with no_grad():
        x = Value(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_a_graph_built_outside_can_be_swept_inside_no_grad() -> None:
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 6.0


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_nothing_stays_switched_on_after_an_exception(mode: Callable[[], Any]) -> None:
    for error in (ValueError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), mode():
            raise error
        assert states() == USUAL


def test_switched_restores_what_was_there_before() -> None:
    with switched(detecting=True, recording=False):
        with switched(detecting=False):
            assert states() == (False, False, False, False)
        assert states() == (False, False, True, False)
    assert states() == USUAL


# detect_anomaly: values -------------------------------------------------------------------------


def anomaly(compute: Callable[[], Any]) -> str:
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute()
    assert states() == USUAL
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_first_operation_is_named_with_its_inputs_and_its_line() -> None:
    x, w = Value(-1.0, label="x"), Value(2.0, label="w")

    def compute() -> Value:
        product = x * w
        product.label = "product"
        bad = log(product)  # the culprit
        return tanh(bad) + 1.0

    message = anomaly(compute)
    assert message.startswith("log made nan from product = -2.0 (")
    assert f"{__file__}, line " in message
    assert message.endswith(": bad = log(product)  # the culprit)")


@pytest.mark.parametrize(
    ("compute", "beginning"),
    [
        (lambda x: x / 0.0, "divide made inf from x = 2.0, 0.0 ("),
        (lambda x: exp(x * 1000.0), "exp made inf from 2000.0 ("),
        (lambda x: (-x).sqrt(), "sqrt made nan from -2.0 ("),
        (lambda x: x * math.inf, "multiply made inf from x = 2.0, inf ("),
        (lambda x: 1e308 * x, "multiply made inf from 1e+308, x = 2.0 ("),
        (lambda x: autograd.sum([x] * 20 + [math.nan]), "sum made nan from x = 2.0, x = 2.0, "),
    ],
)
def test_every_way_to_call_an_operation_is_watched(
    compute: Callable[[Value], Any], beginning: str
) -> None:
    x = Value(2.0, label="x")
    assert anomaly(lambda: compute(x)).startswith(beginning)


def test_operations_that_are_not_recorded_are_watched_too() -> None:
    constant, x = Value(-1.0, label="c", requires_grad=False), Value(-2.0, label="x")
    message = anomaly(lambda: log(constant) * x)
    assert message.startswith(f"log made nan from c = -1.0 ({__file__}, line ")

    def compute() -> Value:
        with no_grad():
            return log(x)

    assert anomaly(compute).startswith(f"log made nan from x = -2.0 ({__file__}, line ")


def test_the_inputs_of_a_wide_operation_are_cut_short() -> None:
    message = anomaly(lambda: autograd.sum([Value(1.0)] * 20 + [math.inf]))
    assert " and 13 more (" in message


def test_what_is_finite_passes() -> None:
    x = Value(2.0)
    with detect_anomaly():
        y = tanh(x) / sqrt(x) + log(x) ** 3.0
        y.backward()
        slope = gradients(exp(x * x), x)
        curvature = hessian(lambda t: sqrt(t) * t)(2.0)
    assert all(map(math.isfinite, (x.grad, slope, curvature)))


def test_without_detect_anomaly_nothing_is_watched() -> None:
    x = Value(0.0)
    y = log(x)
    y.backward()
    assert (y.data, x.grad, y.made_at) == (-math.inf, math.inf, None)


# detect_anomaly: gradients ----------------------------------------------------------------------


def test_a_gradient_s_operation_is_named_with_its_inputs_and_its_line() -> None:
    x = Value(0.0, label="x")

    def compute() -> None:
        root = sqrt(x)  # has slope inf at 0
        (3.0 * root).backward()

    message = anomaly(compute)
    assert message.startswith("the sweep through sqrt made the gradient of x inf")
    assert "local derivative inf times 3.0 from above, at x = 0.0 (" in message
    assert f"{__file__}, line " in message
    assert message.endswith(": root = sqrt(x)  # has slope inf at 0)")
    assert x.grad == 0.0


def test_the_first_gradient_is_named_not_those_below_it() -> None:
    x = Value(0.0, label="x")
    message = anomaly(lambda: tanh(sqrt(x * 2.0)).backward())
    assert "the sweep through sqrt made the gradient of the result of * inf" in message


def test_a_labelled_operation_is_named_by_its_label_too() -> None:
    x = Value(0.0)
    root = sqrt(x)
    root.label = "distance"
    message = anomaly((root + 1.0).backward)
    assert message.startswith("the sweep through sqrt (labelled 'distance') made")


def test_a_graph_built_outside_is_swept_inside_and_told_so() -> None:
    x = Value(0.0, label="x")
    y = sqrt(x) + 1.0
    message = anomaly(y.backward)
    assert "the sweep through sqrt made the gradient of x inf" in message
    assert "made outside detect_anomaly" in message


def test_a_sum_of_finite_contributions_that_overflows_is_found() -> None:
    x = Value(1e-10, label="x")
    message = anomaly(lambda: (x * 1e308 + x * 1e308).backward())
    assert "made the gradient of x inf: local derivative 1e+308 times 1.0" in message


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_are_watched_too(create_graph: bool) -> None:
    x = Value(0.0, label="x")
    message = anomaly(lambda: gradients(sqrt(x), x, create_graph=create_graph))
    assert "the sweep through sqrt made the gradient of x inf" in message


def test_transforms_are_watched_at_every_order() -> None:
    assert "made the gradient" in anomaly(lambda: grad(sqrt)(0.0))
    assert "made" in anomaly(lambda: grad(grad(lambda x: x**1.5))(0.0))
    assert "log made nan" in anomaly(lambda: hessian(log)(-1.0))


def test_branches_of_a_rule_that_are_not_chosen_are_no_anomaly() -> None:
    with detect_anomaly():
        assert grad(grad(lambda x: x**2.0))(0.0) == 2.0
        assert grad(grad(lambda x: hypot(x, 4.0)))(0.0) == 0.25


# Whose line -------------------------------------------------------------------------------------


def living_in(package: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, as if it were written in a file of the package."""
    filename = str(Path(package.__file__).parent / "some" / "file.py")
    code = function.__code__.replace(co_filename=filename)  # type: ignore[attr-defined]
    return FunctionType(code, function.__globals__)  # type: ignore[attr-defined]


def forward(x: Value) -> Value:
    return log(x) + 1.0


@pytest.mark.parametrize("package", [autograd, nn, optim])
def test_the_line_is_the_user_s_not_that_of_our_own_packages(package: Any) -> None:
    layer = living_in(package, forward)

    def compute() -> Value:
        return layer(Value(-1.0))  # the user's line  # type: ignore[no-any-return]

    message = anomaly(compute)
    assert f"({__file__}, line " in message
    assert ": return layer(Value(-1.0))  # the user's line" in message


def test_the_line_of_a_user_s_primitive() -> None:
    bad = Primitive("bad", lambda x: math.nan, lambda out, x: (1.0,))
    message = anomaly(lambda: bad(Value(1.0, label="x")))
    assert message.startswith(f"bad made nan from x = 1.0 ({__file__}, line ")


# Threads ----------------------------------------------------------------------------------------


def in_another_thread(compute: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(compute).result()


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_a_mode_belongs_to_its_thread(mode: Callable[[], Any]) -> None:
    with mode():
        mine = states()
        assert mine != USUAL
        assert in_another_thread(states) == USUAL
        assert in_another_thread(lambda: (Value(2.0) * 3.0).requires_grad)
        assert math.isnan(in_another_thread(lambda: log(Value(-1.0)).data))
        assert states() == mine


def test_modes_alternate_in_two_threads_without_disturbing_each_other() -> None:
    turns = threading.Barrier(2, timeout=30.0)
    x = Value(2.0)

    def without_grad() -> list[bool]:
        seen = []
        for _ in range(50):
            with no_grad():
                turns.wait()
                seen.append((x * x).requires_grad)
                turns.wait()
        return seen

    def with_grad() -> list[bool]:
        seen = []
        for _ in range(50):
            turns.wait()
            seen.append((x * x).requires_grad)
            turns.wait()
        return seen

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(without_grad), pool.submit(with_grad)
        assert one.result() == [False] * 50
        assert other.result() == [True] * 50


def train(seed: int) -> list[float]:
    """Some steps of everything that keeps state while it works."""
    x, w = Value(0.1 * seed), Value(0.5)
    found = []
    for step in range(40):
        with detect_anomaly() if step % 2 else no_grad():
            pass
        loss = (tanh(x * w + float(step) / 40.0) - 0.3) ** 2.0
        loss.backward()
        found += [
            loss.data,
            x.grad,
            w.grad,
            *hessian(lambda p: tanh(p[0]) * p[1])([0.3, w.data])[0],
        ]
        found.append(Sweep(loss)[0].upstream)
        w.data -= 0.1 * w.grad
        x.zero_grad()
        w.zero_grad()
    return found


def test_sweeps_in_several_threads_give_what_one_alone_gives() -> None:
    alone = [train(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(train, range(6))) == alone


def test_an_anomaly_in_one_thread_is_none_in_another() -> None:
    def failing() -> str:
        with pytest.raises(AnomalyError) as caught, detect_anomaly():
            log(Value(-1.0, label="there"))
        return str(caught.value)

    with detect_anomaly():
        assert "from there = -1.0" in in_another_thread(failing)
        assert states()[2]
    assert states() == USUAL


def test_the_line_of_an_operator_is_the_users() -> None:
    x = Value(0.0)
    with detect_anomaly(), pytest.raises(AnomalyError, match="x / x  # this very line"):
        x / x  # this very line


def test_a_mode_left_in_another_thread_is_left_in_its_own() -> None:
    def suspended() -> Iterator[None]:
        with no_grad():
            yield

    generator = suspended()
    next(generator)
    with ThreadPoolExecutor(1) as other:
        other.submit(generator.close).result()
    assert (Value(1.0) * Value(2.0)).requires_grad
