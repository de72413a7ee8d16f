"""Tracing: what would be decided once and for all is refused, in words that help."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import pickle
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import autograd
import nn
from autograd import Primitive, Program, TracingError, Value
from autograd.compiled.trace import trace

w = Value(2.0, label="w")
square = w * w

REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "branch": (lambda x: x if x > 0 else -x, "a branch on a comparison .* autograd.where"),
    "truth": (lambda x: x or 1.0, "a branch on whether a traced value is 0 .* autograd.where"),
    "equal": (lambda x: x if x == 1 else -x, "a branch on a comparison .* autograd.where"),
    "unequal": (lambda x: x if x != 1.0 else -x, "a branch on a comparison .* autograd.where"),
    "among": (lambda x: x if x in (0, 1) else -x, "a branch on a comparison .* autograd.where"),
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
    "parameter's grad": (lambda x: x * w.grad, "the gradient of a Value .* call backward"),
    "partials": (lambda x: x * square.partials[0], "the partials of a Value"),
    "setting a parameter": (lambda x: setattr(w, "data", 1.0), "setting a number of a Value"),
    "setting a gradient": (lambda x: setattr(w, "grad", 1.0), "setting a number of a Value"),
    "zero_grad": (lambda x: w.zero_grad(), "setting a number of a Value"),
    "copy": (lambda x: x * copy.copy(w), "the number of a Value"),
    "deep copy": (lambda x: x * copy.deepcopy(w), "the number of a Value"),
    "pickle": (lambda x: x * pickle.loads(pickle.dumps(w)), "the number of a Value"),
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


def test_the_function_is_run_once() -> None:
    calls: list[Any] = []

    def loss(x: Any, y: Any) -> Any:
        calls.append(x)
        zero = Value(0.0)
        return (zero + 2.0 * w * x - y) ** 2

    program: Program = autograd.compile(loss, backend="numpy")
    program([1.0, 2.0], [0.0, 0.0])
    program.backward([1.0], [0.0])
    program(Value(1.0), 0.0)
    program.listing()
    assert len(calls) == 1


class _Noise(nn.Module):
    def __init__(self, rng: Any) -> None:
        self.rng = rng

    def forward(self, x: Any) -> Any:
        return x * self.rng.uniform(0.0, 1.0)


python_rng = random.Random(0)
somewhere: Any = types.ModuleType("somewhere")
somewhere.own_rng = random.Random(0)
GENERATORS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "global": (lambda x: x * random.gauss(0.0, 1.0), "Python's random"),
    "named": (lambda x: x * python_rng.random(), "a random.Random"),
    "numpy": (lambda x: x * numpy.random.normal(), "numpy.random"),
    "default": (lambda x, rng=python_rng: x * rng.random(), "a random.Random"),
    "module": (nn.Sequential(_Noise(random.Random(0))).forward, "a random.Random"),
    "called": (lambda x: (lambda: x * python_rng.random())(), "a random.Random"),
    "attribute": (lambda x: x * somewhere.own_rng.random(), "a random.Random"),
    "generator": (_Noise(numpy.random.default_rng(0)).__call__, "a numpy.random.Generator"),
    "old": (functools.partial(_Noise(numpy.random.RandomState(0))), "a numpy.random.RandomState"),
    "weights": (lambda x: nn.Linear(1, 1)([x]), "a module that is made inside the function"),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_random_numbers_are_refused_wherever_they_come_from(name: str) -> None:
    f, origin = GENERATORS[name]
    with pytest.raises(TracingError, match=rf"random numbers \({origin}\), .* as inputs"):
        trace(f, [0.0])


def test_numpys_random_numbers_are_watched_before_their_first_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numpy, "random", numpy.random)  # to have it back afterwards
    monkeypatch.delitem(sys.modules, "numpy.random")  # as NumPy leaves it until it is asked for
    with pytest.raises(TracingError, match=r"random numbers \(numpy.random\)"):
        trace(lambda x: x * numpy.random.normal(), [0.0])


def test_another_threads_random_numbers_are_not_the_functions() -> None:
    calls: list[None] = []

    def doubled(x: Any) -> Any:
        if not calls:  # as a thread might do it at this moment
            random.random()
        calls.append(None)
        return 2.0 * x

    assert autograd.compile(doubled, 0.0, backend="numpy")([1.0]).tolist() == [2.0]
    assert len(calls) == 2


def test_generators_that_are_not_drawn_from_may_be_there() -> None:
    block = nn.TransformerBlock(4, 2, dropout=0.0, seed=random.Random(0))
    made_inside = trace(lambda x: nn.Linear(1, 1, seed=1)([x])[0], [0.0])
    assert made_inside.parameters == []
    assert len(trace(block.forward, [[[0.0] * 4]]).parameters) == len(block.parameters())


def test_what_is_found_of_a_function_ends() -> None:
    a_list: list[Any] = [[] for _ in range(100_000)]
    a_list[0] = a_list
    assert trace(lambda x: x if a_list else 0.0, [0.0]).code.outputs == (0,)


def test_leaves_that_the_function_makes_are_constants_and_others_are_not() -> None:
    v, kept = Value(3.0), []

    def loss(x: Any) -> Any:
        zero = Value(0.0)
        shift = Value(1.5)
        kept.append(Value(4.0))

        def power(k: int) -> Any:  # holds itself, and so what it uses
            return shift if k == 0 else x * power(k - 1)

        return zero + v * power(2) + 1.0 * kept[0]

    traced = trace(loss, [0.0])
    assert traced.parameters == [v, kept[0]]
    constants = [x for name, (x, *_) in traced.code.instructions if name == "constant"]
    assert constants == [1.5]  # what was added to 0, or multiplied by 1, is as it was


def test_constants_met_in_no_grad_need_no_detaching() -> None:
    def f(x: Any) -> Any:
        with autograd.no_grad():
            return 2.0 * (3.0 * Value(4.0)) + x

    names = [name for name, _ in trace(f, [0.0]).code.instructions]
    assert names == ["input", "constant", "add", "detach"]


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


def test_two_primitives_of_one_name_are_not_mixed_up() -> None:
    wrong = Primitive("bell", lambda x: x * x, lambda out, x: (-2.0 * x,))
    right = Primitive("bell", lambda x: x * x, lambda out, x: (2.0 * x,))
    with pytest.raises(TracingError, match="bell can't be part of a program: it was declared anew"):
        trace(lambda x: wrong(x), [0.0])
    graph = wrong(w)
    with pytest.raises(TracingError, match="bell can't be part of a program"):
        trace(lambda x: x * graph, [0.0])
    program = autograd.compile(lambda x: right(x * w), 0.0, backend="numpy")
    program([1.0])
    again = Primitive("bell", lambda x: x, lambda out, x: (1.0,))
    with pytest.raises(TracingError, match="bell can't be part of a program"):
        program.backward([1.0])
    del again


def test_a_detached_parameter_is_read_at_each_call() -> None:
    slope = Value(2.0)
    product = autograd.compile(lambda x: slope.detach() * x + slope, 0.0, backend="numpy")
    slope.data = 3.0
    assert product([4.0]).tolist() == [15.0]
    product.backward([4.0])
    assert slope.grad == 1.0


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


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_inputs_are_equal_by_their_numbers(backend: str) -> None:
    def losses(p: Any, label: Any) -> Any:
        return [autograd.where(label == 1, w * p, -p), autograd.where(label != 2, p, 0.0)]

    program = autograd.compile(losses, backend=backend)
    assert program([3.0, 4.0, 5.0], [1, 0, 2]).tolist() == [[6.0, 3.0], [-4.0, 4.0], [-5.0, 0.0]]


def test_where_min_max_and_clamp_are_what_to_write_instead() -> None:
    f = autograd.compile(
        lambda x: autograd.where((x > 1.0) | (x < -1.0), autograd.clamp(x, -2.0, 2.0), 0.0)
    )
    assert f([0.5, 1.5, -9.0, math.nan]).tolist()[:3] == [0.0, 1.5, -2.0]
