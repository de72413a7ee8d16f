"""The strategies draw what they promise, quickly, and failures shrink to something to read."""

from __future__ import annotations

import gc
import math
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpmath
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.vendor.pretty import pretty

from autograd import Primitive, Value, gradcheck, real
from autograd.checking.strategies import Expression, expressions, points, values
from autograd.primitives import TABLE

by_name = pytest.mark.parametrize("name", TABLE)


# Values


@given(values())
def test_values_are_finite_unlabelled_and_tracked(v: Value) -> None:
    assert math.isfinite(v.data)
    assert (v.label, v.requires_grad, v.is_leaf) == ("", True, True)


@given(values(-2.0, 3.0, labels=st.sampled_from(["w", "b"]), requires_grad=False))
def test_values_keep_to_what_is_asked(v: Value) -> None:
    assert -2.0 <= v.data <= 3.0
    assert v.label in ("w", "b")
    assert not v.requires_grad


@pytest.mark.parametrize("is_there", [math.isnan, math.isinf])
def test_nan_and_infinity_are_drawn_when_allowed(is_there: Any) -> None:
    special = values(allow_nan=True, allow_infinity=True)
    assert is_there(find(special, lambda v: is_there(v.data)).data)


def test_values_with_contradictory_bounds() -> None:
    with pytest.raises(InvalidArgument):
        values(1.0, 0.0).validate()


# Points


@by_name
def test_points_are_inside_the_domain_and_off_the_kinks(name: str) -> None:
    primitive = TABLE[name]

    @settings(max_examples=50)
    @given(points(primitive))
    def good(point: tuple[float, ...]) -> None:
        assert all(type(x) is float and math.isfinite(x) for x in point)
        assert primitive.defined_at(*point)
        assert math.isfinite(primitive(*point))
        assert all(distance != 0.0 for distance in primitive.kink_distances(*point))

    good()


def drawn(strategy: st.SearchStrategy[Any], count: int = 500) -> list[Any]:
    found = []

    @settings(max_examples=count, phases=[Phase.generate], derandomize=True, database=None)
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


@pytest.mark.parametrize(
    ("name", "is_hard"),
    [
        ("log", lambda x: 0.0 < x < 1e-300),
        ("log", lambda x: x > 1e300),
        ("log", lambda x: 0.0 < abs(x - 1.0) < 1e-12),
        ("asin", lambda x: 1.0 - 1e-12 < x < 1.0),
        ("acosh", lambda x: 1.0 < x < 1.0 + 1e-12),
        ("relu", lambda x: -1e-300 < x < 0.0),
        ("round", lambda x: x % 1.0 != 0.0 and abs(x) > 100.0),
        ("sin", lambda x: abs(x) > 1e20),
        ("exp", lambda x: 700.0 < x < 710.0),
        ("maximum", lambda x, y: 0.0 < abs(x - y) < 1e-9 * abs(x)),
        ("power", lambda x, y: x < 0.0),
        ("polygamma", lambda n, x: n > 0.0 and x < 0.0),
    ],
)
def test_hard_places_are_drawn_often(name: str, is_hard: Any) -> None:
    assert sum(is_hard(*point) for point in drawn(points(TABLE[name]), 1500)) >= 3


def test_points_at_the_domain_of_a_users_primitive() -> None:
    bump = Primitive(
        "bump",
        lambda x: math.exp(1.0 / (x - 40.0) - 1.0 / (x - 39.0)),
        lambda out, x: (out * (1.0 / (x - 39.0) ** 2 - 1.0 / (x - 40.0) ** 2),),
        domain=(39.25, 39.75),
        kinks=(39.5,),
    )
    found = [x for (x,) in drawn(points(bump), 200)]
    assert all(39.25 < x < 39.75 and x != 39.5 for x in found)
    assert any(0.0 < abs(x - 39.5) < 1e-9 for x in found)


def test_points_of_something_else() -> None:
    with pytest.raises(TypeError, match="points needs a Primitive, got builtin"):
        points(math.tanh)  # type: ignore[arg-type]


# Expressions


def replay(expression: Expression) -> Iterator[tuple[Primitive, list[float], float]]:
    """Each operation with its inputs, defaults included, and its result."""
    numbers = list(expression.point)
    for primitive, operands in expression.operations:
        inputs = [numbers[k] for k in operands]
        numbers.append(primitive(*inputs))
        if not primitive.variadic:
            inputs += [primitive.defaults[n] for n in primitive.inputs[len(inputs) :]]
        yield primitive, inputs, numbers[-1]


@given(expressions())
def test_the_point_is_good_for_every_operation(expression: Expression) -> None:
    assert all(abs(x) <= 10.0 for x in expression.point)
    for primitive, inputs, result in replay(expression):
        assert abs(result) <= 10.0
        assert all(abs(distance) > 1e-3 for distance in primitive.kink_distances(*inputs))
        for k, x in enumerate(inputs):
            for moved in (x - 1e-3, x, x + 1e-3):
                assert primitive.defined_at(*inputs[:k], moved, *inputs[k + 1 :])


@given(expressions())
def test_gradients_at_the_point_are_finite(expression: Expression) -> None:
    xs = [Value(x) for x in expression.point]
    y = expression(*xs)
    assert y.data == expression(*expression.point)
    y.backward()
    assert all(math.isfinite(x.grad) for x in xs)


@given(expressions(max_inputs=2, max_operations=4, largest=3.0))
def test_the_bounds_are_kept(expression: Expression) -> None:
    assert 1 <= len(expression.point) <= 2
    assert 1 <= len(expression.operations) <= 4
    assert all(abs(result) <= 3.0 for _, _, result in replay(expression))


def test_expressions_are_varied_shared_and_seldom_rejected() -> None:
    found = drawn(expressions(list(TABLE.values())), 600)
    assert len(found) == 600
    used = {primitive.name for e in found for primitive, _ in e.operations}
    assert len(set(TABLE) - {"where", "polygamma"} - used) <= 2
    assert not used & {"where", "polygamma"}  # no operations, or an order that is no variable
    results = [
        [k for _, operands in e.operations for k in set(operands) if k >= len(e.point)]
        for e in found
    ]
    assert sum(len(places) > len(set(places)) for places in results) > 30  # a shared result
    assert sum(len(e.operations) >= 5 for e in found) > 60
    assert sum(len(e.point) > 1 for e in found) > 100


@given(expressions())
def test_every_operation_is_needed(expression: Expression) -> None:
    used = {k for _, operands in expression.operations for k in operands}
    results = range(len(expression.point), len(expression.point) + len(expression.operations))
    assert set(results) - used == {results[-1]}


@pytest.mark.parametrize("name", ["acosh", "asin", "log", "power", "dot", "clamp", "lgamma"])
def test_expressions_of_one_primitive_only(name: str) -> None:
    @settings(max_examples=30)
    @given(expressions([TABLE[name]]))
    def only(expression: Expression) -> None:
        assert {primitive.name for primitive, _ in expression.operations} == {name}

    only()


@given(expressions(list(TABLE.values())))
def test_gradcheck_agrees_with_the_sweep_of_any_expression(expression: Expression) -> None:
    assert gradcheck(expression, *expression.point)


def test_expressions_agree_with_mpmath_in_passing() -> None:
    """310 random graphs, value and all: the issue's measure of speed is about 0.44 s."""
    mp = mpmath.mp.clone()
    mp.dps = 50
    count = 0

    @settings(max_examples=310, suppress_health_check=list(HealthCheck))
    @given(expressions(list(TABLE.values())))
    def agrees(expression: Expression) -> None:
        nonlocal count
        count += 1
        numbers = [mp.mpf(x) for x in expression.point]
        for (primitive, operands), (_, inputs, _) in zip(
            expression.operations, replay(expression), strict=True
        ):
            exact = [numbers[k] for k in operands]
            exact += inputs[len(exact) :]
            here = (
                primitive.exact(mp, *exact)
                if primitive.exact
                else getattr(mp, primitive.name)(*exact)
            )
            numbers.append(mp.mpf(here))
        assert math.isclose(expression(*expression.point), numbers[-1], rel_tol=1e-6, abs_tol=1e-9)

    agrees()
    assert count >= 310


def test_what_expressions_refuses() -> None:
    with pytest.raises(TypeError, match="expressions needs Primitives, got builtin"):
        expressions([math.tanh])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least one primitive, got none"):
        expressions([])
    for bounds in ({"max_inputs": 0}, {"max_operations": 0}, {"largest": math.nan}):
        with pytest.raises(ValueError, match="must be at least 1, and largest positive"):
            expressions(**bounds)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the expression has 2 inputs, got 1"):
        Expression(((TABLE["add"], (0, 1)),), (1.0, 2.0))(1.0)


# The user's own primitives


def test_a_users_primitive_is_drawn_as_long_as_it_lives() -> None:
    gc.collect()  # primitives of other tests

    def uses_cube(expression: Expression) -> bool:
        return any(primitive.name == "cube" for primitive, _ in expression.operations)

    strategy = expressions()
    cube = Primitive("cube", lambda x: x * x * x, lambda out, x: (3.0 * x * x,))
    assert uses_cube(find(strategy, uses_cube, settings=settings(max_examples=5000)))
    del cube
    gc.collect()
    assert not any(map(uses_cube, drawn(strategy, 300)))


def test_a_users_primitive_takes_the_place_of_a_built_in_one_of_its_name() -> None:
    mine = Primitive("tanh", real.tanh, lambda out, x: (1.0 - out * out,))
    found = {p for e in drawn(expressions(), 600) for p, _ in e.operations if p.name == "tanh"}
    assert found == {mine}


# Shrinking


def wrong_slope(expression: Expression) -> bool:
    """Whether the sweep and a difference of the values disagree."""
    xs = [Value(x) for x in expression.point]
    expression(*xs).backward()
    h = 1e-5
    for k, x in enumerate(expression.point):
        moved = [
            expression(*expression.point[:k], x + step, *expression.point[k + 1 :])
            for step in (h, -h)
        ]
        slope = (moved[0] - moved[1]) / (2.0 * h)
        if not math.isclose(xs[k].grad, slope, rel_tol=1e-3, abs_tol=1e-3):
            return True
    return False


@pytest.mark.parametrize(
    ("name", "partials"),
    [
        ("tanh", lambda out, x: (1.0 - out,)),
        ("exp", lambda out, x: (1.1 * out,)),
        ("sin", lambda out, x: (TABLE["sin"](x),)),
    ],
)
def test_a_wrong_primitive_shrinks_to_itself_alone(name: str, partials: Any) -> None:
    gc.collect()
    wrong = Primitive(name, TABLE[name].value, partials)
    table = [*map(TABLE.__getitem__, ("add", "multiply", "relu", "atan", "maximum")), wrong]
    found = find(expressions(table), wrong_slope, settings=settings(max_examples=3000))
    assert found.operations == ((wrong, (0,)),)
    assert len(found.point) == 1


FAILING = """
import sys
from hypothesis import given, settings
from autograd import Primitive, Value, gradcheck, real
from autograd.checking.strategies import expressions

wrong = Primitive("tanh", real.tanh, lambda out, x: (0.0,))

@settings(max_examples=2000, database=None, print_blob=False)
@given(e=expressions())
def test_it(e):
    assert all(primitive is not wrong for primitive, _ in e.operations)

try:
    test_it()
except AssertionError as error:
    print("\\n".join(error.__notes__))
"""


def test_the_falsifying_example_can_be_pasted(tmp_path: Path, capsys: Any) -> None:
    gc.collect()  # primitives of other tests
    script = tmp_path / "failing.py"
    script.write_text(FAILING, encoding="utf-8")
    here = runpy.run_path(str(script))
    code = """from autograd import Primitive

tanh = Primitive.registered["tanh"]

def f(x):
    return tanh(x)

point = (0.7,)
"""
    assert f"\n{code}" in capsys.readouterr().out
    pasted = tmp_path / "pasted.py"
    pasted.write_text(code, encoding="utf-8")
    names = runpy.run_path(str(pasted))
    assert names["f"](*names["point"]) == math.tanh(0.7)
    assert names["tanh"] is here["wrong"]


# The code


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expressions(list(TABLE.values())))
def test_the_repr_is_code_that_computes_the_same(tmp_path: Path, expression: Expression) -> None:
    pasted = tmp_path / "pasted.py"
    pasted.write_text(repr(expression), encoding="utf-8")
    names = runpy.run_path(str(pasted))
    assert names["point"] == expression.point
    assert names["f"](*names["point"]) == expression(*expression.point)


def test_the_repr_has_one_line_per_operation() -> None:
    add, dot, gelu = TABLE["add"], TABLE["dot"], TABLE["gelu_tanh"]
    expression = Expression(
        ((add, (0, 3)), (dot, (4, 1, 2, 4)), (gelu, (5,)), (add, (6, 5))), (0.5, 1.0, -2.0, 3.0)
    )
    assert repr(expression) == (
        "from autograd import dot, gelu\n\n"
        "def f(x1, x2, x3, x4):\n"
        "    v1 = x1 + x4\n"
        "    v2 = dot([v1, x2], [x3, v1])\n"
        "    v3 = gelu(v2, approximate='tanh')\n"
        "    return v3 + v2\n\n"
        "point = (0.5, 1.0, -2.0, 3.0)"
    )
    assert pretty(expression) == f"\n{expression!r}\n"
