"""Running a graph again: at other numbers, in place, and how far off its numbers may be."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
from autograd import AnomalyError, Primitive, Value, detect_anomaly, primitives
from autograd.checking.strategies import Expression, expressions
from autograd.replay import depending, recompute, values
from autograd.sweep import topological_order

cube = Primitive("cube_again", lambda x: x * x * x, lambda out, x: (3 * x * x,))
TABLE = [*primitives.TABLE.values(), cube]


def bits(*numbers: float) -> list[bytes]:
    """Return the numbers' bits, with one nan for all."""
    return [struct.pack("d", math.nan if x != x else x) for x in numbers]


def state(root: Value) -> list[list[bytes]]:
    return [bits(node.data, *node.partials) for node in topological_order([root])]


@given(expressions(TABLE, max_operations=6), st.data())
def test_a_graph_is_computed_anew_as_it_would_be_built_anew(
    expression: Expression, data: st.DataObject
) -> None:
    tracked = data.draw(st.lists(st.booleans(), min_size=8, max_size=8))
    inputs = [Value(x, requires_grad=t) for x, t in zip(expression.point, tracked, strict=False)]
    root = expression(*inputs)
    for leaf in inputs:
        if leaf.requires_grad:  # the results of constants alone are no part of the graph
            leaf.data = data.draw(st.floats(-1e3, 1e3))
    recompute(root)
    copies = [Value(leaf.data, requires_grad=leaf.requires_grad) for leaf in inputs]
    again = expression(*copies)
    if root.requires_grad:
        assert state(root) == state(again)
        root.backward()
        again.backward()
        gradients = [
            bits(*[node.grad for node in topological_order([y]) if node.is_leaf])
            for y in (root, again)
        ]
        assert gradients[0] == gradients[1]


@pytest.mark.parametrize("x", [-2.5, -0.0, 0.5, math.inf, math.nan])
@pytest.mark.parametrize(
    "f",
    [
        *[lambda x, k=k: x**k for k in (-2, -1, -0.5, 0, 0.5, 1, 2, 3, 2.5)],
        lambda x: 2.0**x,
        lambda x: x / 3.0 - 1.0 / x,
        lambda x: 5.0 - x * 0.1 + x,
        lambda x: -x + abs(x) * +x,
        lambda x: x // 2.0 + x % 2.0,
        lambda x: ag.relu(x) * x,
        lambda x: ag.sum([x, 2.0, x]) * ag.dot([x, 1.0], [3.0, x]),
    ],
)
def test_operators_that_are_written_out_for_speed(f: Callable[[Value], Value], x: float) -> None:
    leaf = Value(1.25)
    root = f(leaf)
    leaf.data = x
    recompute(root)
    assert state(root) == state(f(Value(x)))


def test_the_branch_that_was_taken_is_kept() -> None:
    x = Value(2.0)
    y = ag.where(x > 0.0, 3.0 * x, 5.0 * x)
    x.data = -1.0
    recompute(y)
    assert y.data == -3.0


def test_gradients_and_leaves_stay() -> None:
    x = Value(2.0)
    y = x * x
    y.backward()
    x.data = 7.0
    recompute(y)
    assert (x.data, x.grad, y.grad) == (7.0, 4.0, 1.0)


def test_a_graph_that_is_deep() -> None:
    x = Value(1.0)
    y = x
    for _ in range(10_000):
        y = y + x
    x.data = 2.0
    recompute(y)
    assert y.data == 20_002.0


def test_nothing_is_half_done_when_an_operation_fails() -> None:
    picky = Primitive("picky", lambda x: [1.0, 2.0][int(x)], lambda out, x: (1.0,))
    x = Value(1.0)
    first = x * 3.0
    y = picky(x) * first
    before = state(y)[1:]
    x.data = 5.0
    with pytest.raises(IndexError):
        recompute(y)
    assert state(y)[1:] == before


def test_an_anomaly_is_told() -> None:
    x = Value(1.0)
    y = ag.log(x)
    x.data = -1.0
    with detect_anomaly(), pytest.raises(AnomalyError, match="log made nan"):
        recompute(y)
    assert y.data == 0.0


def test_values_elsewhere_leave_the_graph_as_it_is() -> None:
    x, w = Value(2.0), Value(3.0)
    v = x * w
    y = v * v + w
    order = topological_order([y])
    assert values(order, {x: 1.0})[y] == 12.0
    assert values(order, {v: 1.0})[y] == values(order, {x: 5.0, v: 1.0})[y] == 4.0
    assert x not in values(order, {v: 1.0})
    assert y.data == 39.0


def test_what_depends_on_a_node() -> None:
    x, w = Value(2.0), Value(3.0)
    v = x * w
    y = v * v + w
    order = topological_order([y])
    assert depending(order, x) == [v, y.parents[0], y]
    assert depending(order, w) == [v, y.parents[0], y]
    assert depending(order, v) == [y.parents[0], y]
    assert depending(order, y) == []
