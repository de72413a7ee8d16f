"""Tracing: what would be decided once and for all is refused, in words that help."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import autograd
import nn
from autograd import TracingError, Value
from autograd.compiled.trace import trace

w = Value(2.0, label="w")

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "branch": (lambda x: x if x > 0 else -x, "a branch on a comparison .* autograd.where"),
    "truth": (lambda x: x or 1.0, "a branch on whether a traced value is 0 .* autograd.where"),
    "loop": (lambda x: list(itertools.takewhile(lambda k: x < k, (1, 2))), "a branch on a comp"),
    "float": (lambda x: float(x), r"float\(\) of a traced value .* autograd's functions"),
    "math": (lambda x: math.exp(x), r"float\(\) of a traced value .* such as autograd.exp"),
    "int": (lambda x: int(x), r"int\(\) of a traced value .* autograd.trunc"),
    "index": (lambda x: [1.0, 2.0][x], "an index .* autograd.pick"),
    "range": (lambda x: list(range(x)), "an index .* autograd.pick"),
    "data": (lambda x: Value(x.data), "the data of a traced value"),
    "grad": (lambda x: x.grad, "the gradient of a traced value"),
    "set": (lambda x: setattr(x, "data", 1.0), "setting a traced value"),
    "sweep": (lambda x: (x * w).backward(), "a sweep inside .* call backward of the compiled"),
    "gradients": (lambda x: autograd.gradients(x * w, w), "a sweep inside a compiled function"),
    "parameter's data": (lambda x: x * w.data, "the number of a Value .* branch"),
    "parameter's float": (lambda x: x * float(w), "the number of a Value"),
    "parameter's sign": (lambda x: x if w > 0 else -x, "the number of a Value"),
    "parameter's truth": (lambda x: x if w else -x, "the number of a Value"),
    "random": (lambda x: x * random.random(), r"something else each time .* random numbers"),
    "dropout": (nn.Dropout(0.5).forward, r"Dropout in training.* call model.eval\(\)"),
    "text": (lambda x: "x", "returns a Value or nested lists of Values, got str"),
    "nothing": (lambda x: None, "returns a Value or nested lists of Values, got NoneType"),
    "uneven": (lambda x: [x, [x]], "rows of different lengths"),
    "index computed": (lambda x: autograd.pick([x, x], x + 1), "an index is an input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    f, message = REFUSED[name]
    example = [[0.0] * 40] if name == "dropout" else [0.0]
    with pytest.raises(TracingError, match=message):
        trace(f, example)
    assert autograd.modes.current.tracing is None
    assert len((w * w).parents) == 2  # and Values record as before


def test_the_message_names_the_users_line() -> None:
    def f(x: Any) -> Any:
        return math.log(x)  # here

    with pytest.raises(TracingError, match=r"test_trace.py, line \d+: return math.log\(x\)  # her"):
        trace(f, [0.0])


def test_an_error_of_the_function_itself_comes_out_and_leaves_nothing_switched() -> None:
    def f(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        trace(f, [0.0])
    assert autograd.modes.current.tracing is None
    assert (w * w).data == 4.0


def test_a_traced_value_that_was_kept_can_not_be_used() -> None:
    kept: list[Any] = []
    trace(lambda x: kept.append(x) or x * w, [0.0])  # type: ignore[func-returns-value]
    with pytest.raises(TracingError, match="kept after its function had been compiled"):
        trace(lambda x: x * kept[0], [0.0])


def test_dropout_in_use_is_compiled() -> None:
    dropout = nn.Dropout(0.5).eval()
    assert autograd.compile(lambda x: dropout([x])[0])([3.0]).tolist() == [3.0]


def test_detach_and_no_grad_stop_the_gradient() -> None:
    v = Value(3.0)

    def loss(x: Any) -> Any:
        with autograd.no_grad():
            constant = v * x
        return v * constant + (v * x).detach() * v

    program = autograd.compile(loss, backend="numpy")
    v.zero_grad()
    assert program.backward([2.0]) == 36.0
    assert v.grad == 12.0


def test_a_graph_made_before_is_part_of_the_function() -> None:
    v = Value(3.0)
    square = v * v
    program = autograd.compile(lambda x: square * x, backend="numpy")
    assert program([2.0]).tolist() == [18.0]
    v.data = 1.0  # unlike the graph, the program computes it anew
    assert program([2.0]).tolist() == [2.0]
    v.zero_grad()
    program.backward([2.0])
    assert v.grad == 4.0


def test_parameters_come_once_in_the_order_in_which_they_are_met() -> None:
    a, b = Value(1.0), Value(2.0)
    traced = trace(lambda x: b * x + a + b, [0.0])
    assert traced.parameters == [b, a]
    unused = Value(5.0)
    assert unused not in trace(lambda x: x + 0.0 * a if unused is None else x + a, [0.0]).parameters


def test_where_min_max_and_clamp_are_what_to_write_instead() -> None:
    f = autograd.compile(
        lambda x: autograd.where((x > 1.0) | (x < -1.0), autograd.clamp(x, -2.0, 2.0), 0.0)
    )
    assert f([0.5, 1.5, -9.0, math.nan]).tolist()[:3] == [0.0, 1.5, -2.0]
