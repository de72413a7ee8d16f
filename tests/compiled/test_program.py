"""Programs: what a compiled function gives is what the graph gives, for whole batches."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Primitive, Program, Value
from autograd.checking import strategies
from autograd.compiled import kernels
from autograd.compiled.llvm import backend as llvm_backend
from autograd.sweep import topological_order, tracked_order

BACKENDS = ("numpy", "llvm")
each_backend = pytest.mark.parametrize("backend", BACKENDS)


def eager(f: Callable[..., Any], *batch: Any) -> tuple[float, dict[Value, float]]:
    """The mean of a loss over a batch, node by node, and the gradients of its parameters."""
    losses = [f(*sample) for sample in zip(*batch, strict=True)]
    mean = autograd.mean(losses)
    leaves = [leaf for leaf in _leaves(mean) if leaf.requires_grad]
    before = {leaf: leaf.grad for leaf in leaves}
    mean.backward()
    found = {leaf: leaf.grad - before[leaf] for leaf in leaves}
    for leaf in leaves:
        leaf.grad = before[leaf]
    return mean.data, found


def _leaves(root: Value) -> list[Value]:
    return [node for node in topological_order([root]) if node.is_leaf]


def close(x: float, y: float, scale: float = 0.0) -> bool:
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y or abs(x - y) <= 1e-12 * max(abs(x), abs(y), scale)


def assert_same_as_graph(f: Callable[..., Any], backend: str, *batch: Any) -> Program:
    """Compile f, and compare its values and gradients over a batch with the graph's."""
    program: Program = autograd.compile(f, backend=backend)
    values = program(*batch)
    expected = [f(*sample).data for sample in zip(*batch, strict=True)]
    assert all(map(close, values.tolist(), expected)), (values.tolist(), expected)
    mean, gradients = eager(f, *batch)
    for leaf in program.parameters:
        leaf.zero_grad()
    assert close(program.backward(*batch), mean, 1.0)
    assert set(program.parameters) == set(gradients)
    size = max(map(abs, gradients.values()))
    for leaf, gradient in gradients.items():
        assert close(leaf.grad, gradient, size), (leaf, gradient)
    assert program.backend == backend
    return program


def samples(count: int, width: int, seed: int = 0) -> tuple[list[list[float]], list[float]]:
    rng = numpy.random.default_rng(seed)
    rows = rng.normal(size=(count, width)).tolist()
    return rows, numpy.sign(rng.normal(size=count)).tolist()


# The same as the graph ------------------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 63, 64, 65, 72, 133])
def test_every_number_of_samples_gives_the_graphs_mean_and_gradients(
    backend: str, count: int
) -> None:
    model = nn.MLP(3, [4, 1], activation="tanh", seed=1)

    def loss(x: Any, y: Any) -> Any:
        return (model(x)[0] - y) ** 2 + nn.l2_penalty(model, 1e-2)

    assert_same_as_graph(loss, backend, *samples(count, 3))


@each_backend
@pytest.mark.parametrize("sizes", [[8, 4], [9, 12, 3], [16, 16, 1], [11, 8, 8, 2]])
def test_layers_large_enough_for_loops(backend: str, sizes: list[int]) -> None:
    model = nn.MLP(9, sizes, activation="relu", seed=2)

    def loss(x: Any, y: Any) -> Any:
        return autograd.sum(out * out for out in model(x)) * y

    assert_same_as_graph(loss, backend, *samples(83, 9))


@each_backend
def test_linear_layers_which_keep_their_biases_apart(backend: str) -> None:
    model = nn.Sequential(nn.Linear(10, 9, seed=1), nn.ReLU(), nn.Linear(9, 8, bias=False, seed=2))

    def loss(x: Any, y: Any) -> Any:
        return autograd.sum(out**2 for out in model(x)) + y

    assert_same_as_graph(loss, backend, *samples(20, 10))


@each_backend
def test_a_weight_matrix_used_twice_and_one_used_backwards(backend: str) -> None:
    w = [[Value(math.sin(3 * i + j)) for j in range(8)] for i in range(8)]

    def loss(x: Any) -> Any:
        once = [autograd.tanh(autograd.dot(row, x)) for row in w]
        twice = [autograd.tanh(autograd.dot(row, once)) for row in w]
        back = [autograd.dot([row[j] for row in reversed(w)], twice) for j in range(8)]
        return autograd.sum(b * b for b in back)

    assert_same_as_graph(loss, backend, samples(19, 8)[0])


@each_backend
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_cross_entropy_by_the_number_of_the_class(backend: str, classes: int) -> None:
    model = nn.MLP(4, [9, classes], activation="relu", seed=3)

    def loss(x: Any, y: Any) -> Any:
        return nn.losses.cross_entropy(model(x), y)

    rows, _ = samples(30, 4)
    targets = [k % classes for k in range(30)]
    program = assert_same_as_graph(loss, backend, rows, targets)
    assert "where(" not in program.listing().replace("where(v", "")  # no branch on the class


@each_backend
def test_attention_convolution_and_normalization(backend: str) -> None:
    attention = nn.MultiheadAttention(4, 2, seed=1)
    norm = nn.LayerNorm(4)

    def loss(x: Any, y: Any) -> Any:
        out = norm(attention(x)[0])
        return autograd.sum(v * v for row in out for v in row) * y

    rng = numpy.random.default_rng(0)
    assert_same_as_graph(loss, backend, rng.normal(size=(5, 3, 4)).tolist(), [1.0, 2, 3, 4, 5])


SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 1e20, 1e155, -1e300, 710.0, -710.0, 40.0,
    math.inf, -math.inf, math.nan,
)  # fmt: skip
any_point = st.lists(st.sampled_from(SPECIAL), min_size=3, max_size=3)
three_points = st.lists(any_point, min_size=3, max_size=3)


@settings(max_examples=50, deadline=None)
@given(expression=strategies.expressions(), points=three_points)
def test_random_expressions_with_numpy(expression: Any, points: list[list[float]]) -> None:
    assert_same_as_expression(expression, "numpy", points)


@settings(max_examples=20, deadline=None)
@given(expression=strategies.expressions(), points=three_points)
def test_random_expressions_with_llvm(expression: Any, points: list[list[float]]) -> None:
    assert_same_as_expression(expression, "auto", points)  # which is NumPy for a few primitives


def assert_same_as_expression(expression: Any, backend: str, points: list[list[float]]) -> None:
    """Compare values and gradients at the expression's own point, and at special ones."""
    count = len(expression.point)
    shifts = [Value(0.0) for _ in range(count)]

    def f(x: Any) -> Any:
        return expression(*[s + number for s, number in zip(shifts, x, strict=True)])

    program: Program = autograd.compile(f, [0.0] * count, backend=backend)
    rows = [list(expression.point), *(point[:count] for point in points)]
    for row, value in zip(rows, program(rows).tolist(), strict=True):
        root = f(row)
        assert agrees(value, root), (row, value, root)
        if root.requires_grad and program.parameters:
            slopes = autograd.gradients(root, shifts, create_graph=True)
            for shift in shifts:
                shift.zero_grad()
            program.backward([row])
            for shift, slope in zip(shifts, slopes, strict=True):
                assert agrees(shift.grad, slope), (row, shift.grad, slope)


def agrees(x: float, node: Value) -> bool:
    """The same number: to 1e-12 of it, or to a few roundings of what it is made from.

    Where terms cancel, the graph's own number has no more true digits than that.
    """
    y = node.data
    if math.isnan(x) or math.isnan(y) or math.isinf(y):
        return x == y or (math.isnan(x) and math.isnan(y))
    rounding = roundings(node)
    return math.isnan(rounding) or abs(x - y) <= 1e-12 * abs(y) + 8.0 * rounding + 1e-28


def roundings(node: Value) -> float:
    """By how much a number changes if each number on the way to it is rounded differently.

    Higham (2002), "Accuracy and Stability of Numerical Algorithms", section 3.1: to first order
    each relative error 2**-53 of a number comes out multiplied by the derivative with respect to
    it. (Products of two such errors are below 1e-28.)
    """
    if not node.requires_grad:
        return 0.0
    order = tracked_order([node])
    slopes = dict.fromkeys(order, 0.0)
    slopes[node] = 1.0
    total = 0.0
    for user in reversed(order):
        total += abs(slopes[user] * user.data)
        for parent, partial in zip(user.parents, user.partials, strict=True):
            if parent.requires_grad:
                slopes[parent] += partial * slopes[user]
    return 2.0**-53 * total


# Special points -------------------------------------------------------------------------------


@each_backend
def test_a_branch_that_is_not_taken_does_not_spoil_the_gradient(backend: str) -> None:
    w = Value(1.0)

    def loss(x: Any) -> Any:
        z = w * x
        return autograd.where(z > 0.0, autograd.log(z), z)

    program = assert_same_as_graph(loss, backend, [0.0, -2.0, 3.0])
    w.zero_grad()
    assert program.backward([0.0]) == 0.0
    assert w.grad == 0.0  # and not nan, although log has the derivative inf there


@each_backend
def test_branches_within_branches(backend: str) -> None:
    w = Value(0.7)

    def loss(x: Any) -> Any:
        z = w * x
        inner = autograd.where(z < -1.0, autograd.sqrt(z + 1.0), z * z)
        return autograd.where((z < 0.0) & (z > -3.0), inner, autograd.log(z)) + inner

    assert_same_as_graph(loss, backend, [0.0, 0.5, -0.5, -1.0, -2.0, -5.0, 3.0])


@each_backend
def test_both_branches_of_a_branch_that_is_not_taken(backend: str) -> None:
    w = Value(1.0)

    def loss(x: Any) -> Any:
        z = w * x
        root = autograd.sqrt(z)
        inner = autograd.where(z > 2.0, root, 2.0 * root)
        return autograd.where(z > 0.0, inner, z)

    program = assert_same_as_graph(loss, backend, [0.0, 1.0, 3.0, -1.0])
    w.zero_grad()
    program.backward([0.0])
    assert w.grad == 0.0


@each_backend
def test_nan_and_inf_pass_and_the_other_samples_are_what_they_were(backend: str) -> None:
    model = nn.MLP(2, [3, 1], seed=1)
    program: Program = autograd.compile(lambda x: model(x)[0], backend=backend)
    rows = [[1.0, 2.0], [math.nan, 0.0], [math.inf, 1.0], [0.5, 0.5]]
    alone = program([rows[0], rows[3]])
    found = program(rows)
    assert found[[0, 3]].tolist() == alone.tolist()
    assert math.isnan(found[1])


@each_backend
def test_copies_that_fill_a_block_count_nothing(backend: str) -> None:
    w = Value(1.0)
    program: Program = autograd.compile(lambda x: w / x, backend=backend)
    w.zero_grad()
    assert program.backward([0.0, 1.0, 1.0]) == math.inf  # not nan, as 0 * inf would be
    assert w.grad == math.inf


# Primitives of the user's own -----------------------------------------------------------------


@each_backend
def test_a_composition_is_compiled_and_a_surrogate_kept(backend: str) -> None:
    cube = Primitive("cube", lambda x: x * x * x, lambda out, x: (3 * x * x,))
    w = Value(2.0)
    assert_same_as_graph(lambda x: cube(w * x), backend, [1.0, -2.0])
    reversal = nn.GradientReversal(0.5)
    assert_same_as_graph(lambda x: reversal([w * x])[0] * w, backend, [1.0, -2.0])


@each_backend
@pytest.mark.parametrize("domain", [(0.0, math.inf), lambda x: x >= 0.0, None])
def test_outside_the_domain_the_derivatives_of_ones_own_are_nan(backend: str, domain: Any) -> None:
    half = Primitive("half", lambda x: x**0.5, lambda out, x: (1.0,), domain=domain)
    w = Value(1.0)
    points = [4.0, math.nan, *([-1.0] if domain else [])]
    program: Program = autograd.compile(lambda x: half(w * x), backend=backend)
    for x in points:
        eager_gradient = eager(lambda x: half(w * x), [x])[1][w]
        w.zero_grad()
        program.backward([x])
        assert close(w.grad, eager_gradient), x


def test_a_value_that_is_no_composition_runs_with_numpy_only() -> None:
    def value(x: float) -> float:
        return math.exp(x) if x < 1.0 else x * math.e

    own = Primitive("own", value, lambda out, x: (autograd.minimum(out, math.e),))
    w = Value(2.0)

    def loss(x: Any) -> Any:
        return own(w * x)

    assert_same_as_graph(loss, "numpy", [0.2, 3.0])
    with pytest.raises(NotImplementedError, match=r"user\.own: compile with backend='numpy'"):
        autograd.compile(loss, backend="llvm")([0.2])
    automatic: Program = autograd.compile(loss)
    automatic([0.2])
    assert automatic.backend == "numpy"


def test_partials_that_need_floats_are_refused_with_the_reason() -> None:
    own = Primitive("own", lambda x: x * x, lambda out, x: (math.sqrt(x),))
    w = Value(2.0)
    program: Program = autograd.compile(lambda x: own(w * x), backend="numpy")
    with pytest.raises(autograd.TracingError, match="the partials of primitive 'own' can't be"):
        program.backward([1.0])


# What is closed over --------------------------------------------------------------------------


@each_backend
def test_values_closed_over_are_read_at_each_call(backend: str) -> None:
    w, shift = Value(2.0), Value(1.0, requires_grad=False)
    program: Program = autograd.compile(lambda x: w * x + shift, backend=backend)
    assert program([1.0]).tolist() == [3.0]
    w.data, shift.data = 5.0, 10.0
    assert program([1.0]).tolist() == [15.0]
    assert program.parameters == [w]
    program.backward([3.0])
    program.backward([3.0])
    assert (w.grad, shift.grad) == (6.0, 0.0)


@each_backend
def test_a_parameter_frozen_later_gets_no_gradient(backend: str) -> None:
    w, b = Value(2.0), Value(1.0)
    program: Program = autograd.compile(lambda x: w * x + b, backend=backend)
    program([1.0])
    w.requires_grad = False
    program.backward([3.0])
    assert (w.grad, b.grad) == (0.0, 1.0)


@each_backend
def test_results_without_a_sample_or_without_parameters(backend: str) -> None:
    w = Value(2.0)
    program: Program = autograd.compile(lambda x: w * w, backend=backend)
    assert program([1.0, 2.0, 3.0]).tolist() == [4.0, 4.0, 4.0]
    assert program.backward([1.0, 2.0]) == 4.0
    assert w.grad == 4.0
    constant: Program = autograd.compile(lambda x: 1.5, backend=backend)
    assert constant([1.0, 2.0]).tolist() == [1.5, 1.5]
    with pytest.raises(RuntimeError, match="closes over no Value that requires a gradient"):
        constant.backward([1.0])


@each_backend
def test_results_of_several_numbers_have_the_shape_of_the_lists(backend: str) -> None:
    w = Value(2.0)
    program: Program = autograd.compile(lambda x: [[w * x, x], [w, 1.0], [x, x]], backend=backend)
    result = program([1.0, 3.0])
    assert result.tolist() == [[[2, 1], [2, 1], [1, 1]], [[6, 3], [2, 1], [3, 3]]]
    with pytest.raises(TypeError, match=r"returns \(3, 2\) numbers per sample: backward needs"):
        program.backward([1.0])


# What batches may look like -------------------------------------------------------------------


@each_backend
def test_batches_may_be_lists_arrays_views_frames_and_uneven(backend: str) -> None:
    program: Program = autograd.compile(lambda x: x[0] - 2.0 * x[1], backend=backend)
    wanted = [-3.0, -5.0]
    table = numpy.array([[1.0, 2.0], [3.0, 4.0]])
    wide = numpy.arange(8.0).reshape(2, 4)
    assert program([[1, 2], [3, 4]]).tolist() == wanted
    assert program(table).tolist() == wanted
    assert program(table.astype("float32")).tolist() == wanted
    assert program(table.astype(int)).tolist() == wanted
    assert program(wide[:, 1:3]).tolist() == [-3.0, -7.0]
    assert program(table.T.copy().T).tolist() == wanted
    table.flags.writeable = False
    assert program(table).tolist() == wanted
    uneven: Program = autograd.compile(
        lambda x: x["a"] + x["b"][0] * x["b"][1], {"a": 0, "b": [0, 0]}, backend=backend
    )
    assert uneven([{"a": 1, "b": [2, 3]}, {"a": 4, "b": (5, 6)}]).tolist() == [7.0, 34.0]


WRONG: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    (([[1.0, 2.0]],), TypeError, r"compiled for 2 arguments \(x, y\), got 1"),
    (([[1.0, 2.0]], [1.0, 2.0]), ValueError, "x has 1 rows, y 2: a batch has one row per sample"),
    (([1.0, 2.0], [1.0, 2.0]), ValueError, r"x has the shape \(2,\), but .* shape \(2,\): a batch"),
    (([[1.0, 2.0, 3.0]], [1.0]), ValueError, r"x has the shape \(1, 3\), but .* \(2,\)"),
    (([[1.0, 2.0], [1.0]], [1.0, 2.0]), ValueError, "x has rows of different lengths"),
    (([], []), ValueError, "x has no rows: a batch needs at least one sample"),
    (([["a", "b"]], [1.0]), TypeError, "x is made of numbers, got an array of <U1"),
    (([[1.0, None]], [1.0]), TypeError, "x is made of numbers, got NoneType 'None'"),
    (([[1.0, 2j]], [1.0]), TypeError, "x is made of numbers, got an array of complex128"),
    (([[1.0, 10**400]], [1.0]), TypeError, "x is no batch of numbers: int too large"),
    (
        (numpy.ma.masked_array([[1.0, 2.0]], [[False, True]]), [1.0]),
        ValueError,
        "x has masked entries: fill them, or leave out their rows",
    ),
]


@each_backend
@pytest.mark.parametrize(("batch", "kind", "message"), WRONG)
def test_wrong_batches_are_told_in_one_sentence(
    backend: str, batch: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    program: Program = autograd.compile(
        lambda x, y: x[0] * x[1] * y, [0.0, 0.0], 0.0, backend=backend
    )
    with pytest.raises(kind, match=message):
        program(*batch)


@each_backend
def test_values_in_a_batch_are_told_where_only_numbers_do(backend: str) -> None:
    w = Value(2.0)
    for program in (
        autograd.compile(lambda x: w * x, 0.0, backend=backend),
        autograd.compile(lambda x: w * x[0], backend=backend),
    ):
        with pytest.raises(TypeError, match=r"has Values in it, and a batch is made of numbers: "):
            program.backward([Value(1.0)])


@each_backend
@pytest.mark.parametrize("column", [0, 3, 99])
def test_a_gradient_that_is_an_input(backend: str, column: int) -> None:
    w = Value(2.0)
    program: Program = autograd.compile(lambda x: w * x[column], backend=backend)
    X = numpy.arange(300.0).reshape(3, 100)
    program.backward(X)
    assert w.grad == X[:, column].mean()


WHATEVER = [-1.0, 4.0, 0.5, 3.5, 1e300, -1e300, 2.0**63, -(2.0**63), math.nan, math.inf, -math.inf]


@each_backend
@pytest.mark.parametrize("gathered", [False, True])
def test_whatever_an_index_is_no_other_numbers_are_touched(backend: str, gathered: bool) -> None:
    """The code itself: a batch with such an index is refused before."""
    w = [Value(1.0), Value(2.0), Value(4.0), Value(8.0)]
    program: Program = autograd.compile(
        lambda k: autograd.pick(w if gathered else [x * 1.5 for x in w], k), 0.0, backend=backend
    )
    table = numpy.array(WHATEVER)[:, None]
    outputs, _ = program._kernel("forward")([table], program._numbers())
    scale = 1.0 if gathered else 1.5
    assert {x / scale for x in outputs[:, 0]} <= {1.0, 2.0, 4.0, 8.0}
    _, totals = program._kernel("backward")([table], program._numbers())
    if gathered:
        assert totals[1:].sum() == pytest.approx(1.0)


@each_backend
@pytest.mark.parametrize("wrong", [3, -1, 0.5, 2.0000001, math.nan, math.inf, 1e300])
def test_an_index_out_of_range_is_told_with_its_row(backend: str, wrong: float) -> None:
    program: Program = autograd.compile(
        lambda x, y: autograd.pick([x, 2 * x, 3 * x], y), backend=backend
    )
    assert program([1.0, 1.0], [0, 2]).tolist() == [1.0, 3.0]
    with pytest.raises(ValueError, match=r"row 1 of y is .*, but it must be one of 0, 1, … 2"):
        program([1.0, 1.0], [0, wrong])


@each_backend
def test_samples_that_are_dicts_are_read_by_their_keys(backend: str) -> None:
    program: Program = autograd.compile(lambda d: d["a"] - d["b"][0]["c"], backend=backend)
    rows = [{"a": 5, "b": [{"c": 2}]}, {"b": [{"c": 1}], "a": 7}]
    assert program(rows).tolist() == [3.0, 6.0]
    assert program({"b": [{"c": Value(2.0)}], "a": Value(5.0)}).data == 3.0
    assert program.graph({"b": [{"c": 2.0}], "a": 5.0}).data == 3.0
    loaded = Program.from_json(program.to_json(), backend=backend)
    assert loaded(rows).tolist() == [3.0, 6.0]
    with pytest.raises(ValueError, match=r"d has the keys 'a', but .* with the keys 'a', 'b'"):
        program([{"a": 5}])
    with pytest.raises(ValueError, match=r"d has int '3', but .* with the keys 'a', 'b'"):
        program([3])
    with pytest.raises(TypeError, match="d is a batch, a sequence with one entry per sample"):
        program({"a": [5], "b": [[{"c": 2}]]})


@each_backend
def test_nested_sequences_of_any_kind(backend: str) -> None:
    program: Program = autograd.compile(lambda p: p[0][0] - p[1], backend=backend)
    assert program([((5.0,), 2.0), ([6.0], 1.0)]).tolist() == [3.0, 5.0]
    with pytest.raises(ValueError, match=r"p has a list of 2 where .* compiled for a list of 1"):
        program([((5.0,), 2.0), ((6.0, 1.0), 1.0)])
    with pytest.raises(ValueError, match=r"p has a number where .* compiled for a list of 1"):
        program([((5.0,), 2.0), (6.0, [1.0])])  # as many numbers
    with pytest.raises(ValueError, match=r"p has a list of 1 where .* compiled for a number"):
        program([((5.0,), [2.0])])


@each_backend
def test_no_results_no_arguments_and_arguments_with_defaults(backend: str) -> None:
    w = Value(2.0)
    nothing: Program = autograd.compile(lambda x: [[], []], backend=backend)
    assert nothing([1.0, 2.0]).shape == (2, 2, 0)
    with pytest.raises(TypeError, match=r"returns \(2, 0\) numbers per sample"):
        nothing.backward([1.0])
    with pytest.raises(ValueError, match="drawn from at least one Value"):
        nothing.draw()
    with pytest.raises(TypeError, match="a compiled function takes at least one argument"):
        autograd.compile(lambda: w, backend=backend)()
    scaled: Program = autograd.compile(lambda x, scale=3.0: w * x * scale, backend=backend)
    assert scaled([1.0]).tolist() == [6.0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'scale'"):
        scaled([1.0], scale=[2.0])  # type: ignore[call-arg]


@each_backend
def test_an_index_among_uneven_numbers_is_checked_too(backend: str) -> None:
    program: Program = autograd.compile(
        lambda x: autograd.pick([x["a"], 0.0], x["k"][0]), {"a": 0, "k": [0]}, backend=backend
    )
    assert program([{"a": 5, "k": [0]}, {"a": 5, "k": [1]}]).tolist() == [5.0, 0.0]
    with pytest.raises(ValueError, match="row 0 of x is 2, but it must be one of 0, 1"):
        program([{"a": 5, "k": [2]}])


# As a node ------------------------------------------------------------------------------------


@each_backend
def test_called_with_values_it_is_one_node_of_their_graph(backend: str) -> None:
    model = nn.MLP(2, [3, 1], seed=1)
    program: Program = autograd.compile(
        lambda x, y: (model(x)[0] - y) ** 2, [0.0, 0.0], 0.0, backend=backend
    )
    x = [Value(0.3), Value(-0.7)]
    loss = 2.0 * program(x, 1.0)
    node = loss.parents[1] if loss.parents[0].is_leaf else loss.parents[0]
    assert node.data == pytest.approx((model(x)[0] - 1.0).data ** 2, rel=1e-12)
    assert len(node.parents) == 3 + len(model.parameters())
    loss.backward()
    found = [v.grad for v in [*x, *model.parameters()]]
    for v in [*x, *model.parameters()]:
        v.zero_grad()
    (2.0 * (model(x)[0] - 1.0) ** 2).backward()
    assert found == pytest.approx([v.grad for v in [*x, *model.parameters()]], rel=1e-12)
    with pytest.raises(ValueError, match="with Values it takes one sample, not a batch"):
        program([x, x], 1.0)


def test_as_a_node_it_has_higher_derivatives_and_passes_gradcheck() -> None:
    w = Value(0.5)
    program: Program = autograd.compile(lambda x: autograd.tanh(w * x) * x, 0.0, backend="numpy")
    assert autograd.gradcheck(program, 0.7)
    second = autograd.grad(autograd.grad(program))(0.7)
    plain = autograd.grad(autograd.grad(lambda x: autograd.tanh(0.5 * x) * x))(0.7)
    assert second == pytest.approx(plain, rel=1e-12)
    assert "compiled" not in Primitive.registered  # property tests can't try it on their points


# Reading and keeping --------------------------------------------------------------------------


def test_what_depends_on_parameters_only_is_done_once_per_call() -> None:
    w = Value(2.0, label="w")
    program: Program = autograd.compile(
        lambda x: autograd.exp(w) * x + autograd.exp(w) * x, 0.0, backend="numpy"
    )
    assert program.listing() == (
        "once:\n  v2 = exp(w)\nfor each sample:\n  v3 = v2 * x\n  v4 = v3 + v3\n"
        "return per sample: v4"
    )
    assert program.listing("backward").count("exp(") == 1
    assert "after all samples:" in program.listing("backward")


def test_it_is_drawn_as_the_graph_that_it_stands_for() -> None:
    w = Value(2.0, label="w")
    program: Program = autograd.compile(lambda x, y: autograd.tanh(w * x[1]) - y)
    program.trace([0.0, 0.0], 0.0)
    dot = program.draw().dot
    assert "tanh" in dot
    assert "x[1]" in dot
    assert program.graph([1.0, 3.0], 0.5).data == pytest.approx(math.tanh(6.0) - 0.5)
    several: Program = autograd.compile(lambda x: [x["a"] * w, 1.0])
    several.trace({"a": 0.0})
    assert several.draw().dot.count("peripheries=2") == 2


@each_backend
def test_json_keeps_code_numbers_and_checks(backend: str) -> None:
    model = nn.MLP(2, [3], seed=1)
    program: Program = autograd.compile(
        lambda x, y: nn.losses.cross_entropy(model(x), y), [0.0, 0.0], 0, backend=backend
    )
    loaded = Program.from_json(program.to_json(), backend=backend)
    batch = [[0.1, 0.2], [0.3, 0.4]], [2, 0]
    assert loaded(*batch).tolist() == program(*batch).tolist()
    assert [p.label for p in loaded.parameters] == [p.label for p in program.parameters]
    with pytest.raises(ValueError, match="row 0 of y is 3"):
        loaded([[0.0, 0.0]], [3])
    shared = Program.from_json(program.to_json(), model.parameters(), backend=backend)
    assert shared.parameters == model.parameters()
    with pytest.raises(ValueError, match="the program has 9 parameters, got 1"):
        Program.from_json(program.to_json(), [Value(1.0)])


def test_json_of_anything_else_is_refused() -> None:
    w = Value(2.0)
    good = json.loads(autograd.compile(lambda x: w * x, 0.0).to_json())
    for change in (
        {"instructions": [["multiply", [0, 1]]], "outputs": [0], "totals": []},
        {"instructions": [["input", [7]]], "outputs": [0], "totals": []},
        {"instructions": [["input", [-1]]], "outputs": [0], "totals": []},
        {"instructions": [["constant", ["0x1p0"]]], "outputs": [3], "totals": []},
        {"instructions": [["constant", [[]]]], "outputs": [0], "totals": []},
        {"instructions": 3},
    ):
        with pytest.raises(ValueError, match=r"code|compiled"):
            Program.from_json(json.dumps({**good, "code": change}))
    for text in (
        "",
        "[" * 100_000,
        "[]",
        "3",
        json.dumps({**good, "parameters": [["w", "1"] * 2]}),
    ):
        with pytest.raises(ValueError, match="not the JSON of a compiled program"):
            Program.from_json(text)
    unknown = {"instructions": [["input", [0]], ["os.system", [0]]], "outputs": [1], "totals": []}
    with pytest.raises(LookupError, match="is not declared in this process"):
        Program.from_json(json.dumps({**good, "code": unknown}))
    with pytest.raises(ValueError, match="not the JSON of a compiled program"):
        Program.from_json("{}")


def saved_choice() -> Any:
    """A program with a choice, as it is saved: inputs 0 to 2, the last of which is an index."""
    w = [Value(2.0), Value(3.0)]
    program = autograd.compile(
        lambda x, d: autograd.where(x[0] < x[1], w[0], w[1]) * autograd.pick(x, d["k"]),
        [0.0, 0.0],
        {"k": 0.0},
    )
    return json.loads(program.to_json())


@pytest.mark.parametrize(
    ("place", "forged"),
    [
        ((0, 2), 5000),
        ((0, 2), 1),
        ((0, 2), 10**400),
        ((0, 2), True),
        ((0, 1), [2, -1, -1]),
        ((0, 1), [10**9]),
        ((0, 1), ["2"]),
        ((1, 2), -1),
        ((1, 3), [[1, 2]]),
        ((1, 3), [[-1, 2]]),
        ((1, 3), [[0, 0]]),
        ((1, 3), [[0, 1e300]]),
        ((1, 3), [0, 2]),
        ((1, 4), {"keys": ["k"]}),
        ((1, 4), {"keys": ["k"], "parts": []}),
        ((1, 4), {"keys": [["k"]], "parts": [None]}),
        ((1, 4), "k"),
        ((1,), []),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(
    place: tuple[int, ...], forged: Any
) -> None:
    saved = saved_choice()
    Program.from_json(json.dumps(saved))
    part = saved["arguments"]
    for k in place[:-1]:
        part = part[k]
    part[place[-1]] = forged
    with pytest.raises(ValueError, match=r"not the JSON of a compiled program: .+"):
        Program.from_json(json.dumps(saved))


INSTRUCTIONS = [["input", [0]], ["input", [2]], ["number", [0]], ["less", [0, 2]]]


@pytest.mark.parametrize(
    "forged",
    [
        ["multiply", [0, 3]],
        ["select", [0, 1, 2]],
        ["select", [3, 3, 0]],
        ["not", [0]],
        ["and", [3, 0]],
        ["less", [0, 2]],
        ["constant", [10**400]],
        ["constant", []],
        ["input", []],
        ["input", [True]],
        ["input", [3]],
        ["number", [2]],
        ["number", [10**30]],
        ["dot", [0]],
        ["dot", [0, 1, 2]],
        ["pick", [2, 0, 1]],
        ["batch_mean", [0]],
        ["scatter", [2, 1, 0]],
        ["mean_at", [0, 2]],
        ["multiply", [0, True]],
        ["multiply", [0, 4]],
    ],
)
def test_code_that_is_not_of_numbers_of_one_sample_is_refused(forged: Any) -> None:
    saved = saved_choice()
    saved["code"] = {"instructions": [*INSTRUCTIONS, ["sum", [0, 2]]], "outputs": [4], "totals": []}
    assert Program.from_json(json.dumps(saved), backend="numpy").operations == 2
    saved["code"]["instructions"][4] = forged
    with pytest.raises(ValueError, match="code"):
        Program.from_json(json.dumps(saved))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2]},
        {"shape": [-1, -1]},
        {"shape": [True]},
        {"shape": None},
        {"code": {"instructions": INSTRUCTIONS, "outputs": [0, 1], "totals": []}},
        {"code": {"instructions": INSTRUCTIONS, "outputs": [0], "totals": [2]}},
    ],
)
def test_results_that_do_not_fit_the_shape_are_refused(change: Any) -> None:
    with pytest.raises(ValueError, match=r"the code returns|not the JSON of a compiled program"):
        Program.from_json(json.dumps({**saved_choice(), **change}))


@each_backend
def test_threads_may_call_it_at_the_same_time(backend: str) -> None:
    model = nn.MLP(2, [9, 8, 1], seed=1)
    program: Program = autograd.compile(lambda x: model(x)[0], backend=backend)
    batches = [numpy.random.default_rng(k).normal(size=(50 + k, 2)) for k in range(8)]
    found: list[Any] = [None] * 8

    def run(k: int) -> None:
        for _ in range(30):
            found[k] = program(batches[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for batch, result in zip(batches, found, strict=True):
        assert result.tolist() == program(batch).tolist()


def test_without_llvmlite_numpy_does_it_and_asking_for_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.setattr(llvm_backend, "_found", [])
    monkeypatch.setattr(kernels, "is_installed", lambda package: False)
    program: Program = autograd.compile(lambda x: 2.0 * x)
    assert program([1.5]).tolist() == [3.0]
    assert program.backend == "numpy"
    with pytest.raises(ImportError, match=r'needs llvmlite: pip install "stepgrad\[compile\]"'):
        autograd.compile(lambda x: 2.0 * x, backend="llvm")([1.5])


def test_wrong_arguments_of_compile() -> None:
    with pytest.raises(TypeError, match="compile takes a function, got int '3'"):
        autograd.compile(3)
    with pytest.raises(ValueError, match="a backend is one of auto, llvm, numpy, got 'cuda'"):
        autograd.compile(backend="cuda")
    with pytest.raises(RuntimeError, match="has not been traced yet: call it with a batch"):
        autograd.compile(lambda x: x).listing()


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], list[Any]]] = {
    "mse": (lambda out, y: nn.losses.mse(out[0], y), [0.5, -1.0, 2.0]),
    "huber": (lambda out, y: nn.losses.huber(out[0], y), [0.5, -4.0, 2.0]),
    "hinge": (lambda out, y: nn.losses.hinge(out[0], y), [1.0, -1.0, 1.0]),
    "kl_div": (lambda out, y: nn.losses.kl_div(out[0], y), [0.5, 0.0, 0.25]),
    "bce": (
        lambda out, y: nn.losses.binary_cross_entropy(autograd.sigmoid(out[0]), y),
        [1.0, 0.0, 0.3],
    ),
    "bce with logits": (
        lambda out, y: nn.losses.binary_cross_entropy_with_logits(out[0], y),
        [1.0, 0.0, 0.3],
    ),
    "nll": (lambda out, y: nn.losses.nll(autograd.log_softmax(out), y), [0, 1, 2]),
    "smoothed": (
        lambda out, y: nn.losses.cross_entropy(out, y, label_smoothing=0.1),
        [0, 1, 2],
    ),
}


@each_backend
@pytest.mark.parametrize("name", LOSSES)
def test_the_losses_of_nn_can_be_compiled(name: str, backend: str) -> None:
    loss, targets = LOSSES[name]
    model = nn.MLP(2, [4, 3], seed=1)
    rows, _ = samples(3, 2)
    assert_same_as_graph(lambda x, y: loss(model(x), y), backend, rows, targets)


@pytest.mark.parametrize("is_traced", [False, True])
def test_a_program_within_a_program(is_traced: bool) -> None:
    w = Value(2.0)

    @autograd.compile(backend="numpy")
    def inner(x: Any, k: Any) -> Any:
        y = autograd.where((x > 0.0) & (x < 5.0), w * x, -3.0 * x)
        return y + autograd.pick([x, w], k) * w.detach()

    if is_traced:
        inner.trace(0.0, 0)
    outer = autograd.compile(lambda a, k: inner(2.0 * a, k) * w, backend="numpy")
    X, K = [1.0, -1.0, 4.0], [0, 1, 0]
    assert outer(X, K).tolist() == (inner([2.0 * x for x in X], K) * w.data).tolist()
    outer.backward(X, K)
    found, w.grad = w.grad, 0.0
    for x, k in zip(X, K, strict=True):
        y = w * (2.0 * x) if 0.0 < 2.0 * x < 5.0 else -6.0 * x
        loss = (y + (2.0 * x if k == 0 else w) * w.data) * w / len(X)
        loss.backward()
    assert found == pytest.approx(w.grad, rel=1e-14)
