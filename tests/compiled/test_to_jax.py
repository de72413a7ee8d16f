"""Programs as functions of JAX: values and gradients are those of the graph."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Primitive, Program, Value
from autograd.checking import strategies
from autograd.compiled.export.jax_operations import Operations
from autograd.primitives import TABLE
from tests.compiled.every_primitive import applied, batch, example, points, same
from tests.compiled.test_primitives import NAMES, SPECIAL, eager

# JAX reads it when it is imported, which is not yet.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

TOLERANCE = 1e-12
LARGEST = 1e150  # jit makes a / (b * c) of a / b / c, which overflows sooner
# Where zeros or slopes are differences of larger numbers, and known to 1e-12 of these.
SCALES = {"tanh": 1.0, "lgamma": 1.0}
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@pytest.fixture(scope="module", autouse=True)
def jax() -> Iterator[Any]:
    import jax

    with jax.enable_x64(True):
        yield jax


def run(f: Callable[..., Any], *inputs: Any) -> Any:
    """What a function of JAX gives, compiled without much ado."""
    import jax

    return jax.jit(f).lower(*inputs).compile(QUICKLY)(*inputs)


def gradient_of_graph(f: Callable[..., Any], *point: float) -> tuple[float, list[float]]:
    inputs = [Value(x) for x in point]
    output = f(*inputs)
    if output.requires_grad:
        output.backward()
    return output.data, [x.grad for x in inputs]


# Values and gradients -------------------------------------------------------------------------


def test_every_primitive_at_special_points(jax: Any) -> None:
    names = [name for name in NAMES if name != "polygamma"]
    f = autograd.compile(applied(names), *example(names)).to_jax()

    def outputs_and_slopes(*rows: Any) -> Any:
        outputs, pull = jax.vjp(lambda *inputs: f(f.params, *inputs), *rows)
        return outputs, pull(jax.numpy.ones_like(outputs))

    outputs, slopes = run(jax.vmap(outputs_and_slopes), *batch(names, LARGEST))
    wrong = []
    for name, values, gradients in zip(names, outputs.T.tolist(), slopes, strict=True):
        scale = SCALES.get(name, 0.0)
        for point, y, row in zip(points(TABLE[name], LARGEST), values, gradients.tolist()):  # noqa: B905
            expected, partials = eager(TABLE[name], point)
            pairs = zip([y, *row], [expected, *partials], strict=True)
            if not all(same(a, b, TOLERANCE, scale) for a, b in pairs):
                wrong.append((name, point, y, expected, row, partials))
    assert wrong == []


def test_polygamma_of_any_constant_order(jax: Any) -> None:
    orders = [0.0, 1.0, 2.0, 5.0, 101.0, 0.5]
    xs = [*SPECIAL[:7], -20.7, 12.5, math.inf, -math.inf, math.nan]
    rows = numpy.array([(n, x) for n in orders for x in xs])

    def polygamma_and_slope(x: Any) -> Any:
        outputs, pull = jax.vjp(
            lambda x: Operations().elementwise("polygamma", 2)(rows[:, 0], x), x
        )
        return outputs, *pull(jax.numpy.ones_like(outputs))

    outputs, slopes = run(polygamma_and_slope, rows[:, 1])
    for (n, x), y, slope in zip(rows.tolist(), outputs.tolist(), slopes.tolist(), strict=True):
        expected, (_, gradient) = eager(TABLE["polygamma"], (n, x))
        assert same(y, expected, TOLERANCE, 0.0), (n, x, y)
        assert same(slope, gradient, TOLERANCE, 0.0), (n, x, slope)


several = st.lists(strategies.expressions(list(TABLE.values())), min_size=10, max_size=10)


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(expressions=several)
def test_random_programs(expressions: list[Any]) -> None:
    import jax

    points = [list(expression.point) for expression in expressions]
    parameters = [Value(point.pop()) for point in points]

    def all_of_them(*inputs: Any) -> Any:
        each = zip(expressions, inputs, parameters, strict=True)
        return [expression(*xs, w) for expression, xs, w in each]

    f = autograd.compile(all_of_them, *points).to_jax()

    def total(*inputs: Any) -> Any:
        outputs = f(*inputs)
        return outputs.sum(), outputs

    arrays = [numpy.array(point) for point in points]
    slopes, outputs = run(jax.grad(total, range(11), has_aux=True), f.params, *arrays)
    for k, expression in enumerate(expressions):
        expected, gradient = gradient_of_graph(expression, *expression.point)
        found = [outputs[k], *slopes[1 + k], slopes[0][k]]
        for x, y in zip(map(float, found), [expected, *gradient], strict=True):
            assert same(x, y, 1e-9, 1.0), expression


BRANCHES: dict[str, Callable[[Any], Any]] = {
    "log": lambda x: autograd.where(x > 0, autograd.log(x), 0.0) + x,
    "alone": lambda x: autograd.where(x > 0, autograd.log(x), 0.0),
    "root": lambda x: autograd.where(x >= 1, autograd.sqrt(x - 1), x),
    "of itself": lambda x: autograd.where((1 / x) > 0, autograd.sqrt(x), 3 * x),
    "inside": lambda x: autograd.where(
        x > -1, autograd.where(x > 0, autograd.log(x) * x, x), autograd.sqrt(-1 - x)
    ),
    "shared": lambda x: _shared(autograd.log(x), x),
    "on the way": lambda x: autograd.maximum(autograd.where(x > 0, autograd.log(x), 2 * x), -3.0),
}


def _shared(y: Any, x: Any) -> Any:
    return autograd.where(x > 0, y * y, 1.0) + autograd.where(x > 1, y, x)


def test_no_gradient_enters_a_branch_that_is_not_taken(jax: Any) -> None:
    f = autograd.compile(lambda *xs: [g(x) for g, x in zip(BRANCHES.values(), xs, strict=True)])
    f = f.trace(*[0.0] * len(BRANCHES)).to_jax()

    def slopes_both_ways(x: Any) -> Any:
        def same_for_all(*xs: Any) -> Any:
            return f(f.params, *xs)

        xs = (x,) * len(BRANCHES)
        outputs, pull = jax.vjp(same_for_all, *xs)
        _, changes = jax.jvp(same_for_all, xs, (jax.numpy.ones_like(x),) * len(BRANCHES))
        return outputs, jax.numpy.stack(pull(jax.numpy.ones_like(outputs))), changes

    points = numpy.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])
    found = [part.tolist() for part in run(jax.vmap(slopes_both_ways), points)]
    for x, *rows in zip(points.tolist(), *found, strict=True):
        for name, y, slope, change in zip(BRANCHES, *rows, strict=True):
            expected, (gradient,) = gradient_of_graph(BRANCHES[name], x)
            for a, b in ((y, expected), (slope, gradient), (change, gradient)):
                assert same(a, b, TOLERANCE, 0.0), (name, x, a, b)


def test_of_picked_numbers_only_one_has_a_gradient(jax: Any) -> None:
    w = Value(0.0)

    def choice(x: Any, k: Any) -> Any:
        return autograd.pick([autograd.sqrt(w) * x, autograd.exp(w), w * x], k)

    f = autograd.compile(choice, 0.0, 0).to_jax()
    indices = numpy.array([1, 2, 3, -1])
    each = jax.vmap(jax.value_and_grad(f), (None, None, 0))
    values, slopes = run(each, f.params, 2.0, indices)
    assert values[:2].tolist() == [1.0, 0.0]
    assert slopes[:2, 0].tolist() == [1.0, 2.0]
    assert numpy.isnan(values[2:]).all()  # there are no such numbers


def test_no_gradient_flows_through_what_is_detached(jax: Any) -> None:
    w = Value(-2.0)

    def product(x: Any) -> Any:
        with autograd.no_grad():
            exponent = w + 5.0
        return w * w.detach() * x + w**exponent  # whose slope by the exponent would be nan

    f = autograd.compile(product, 0.0).to_jax()
    assert run(jax.grad(f), f.params, 10.0).tolist() == [-20.0 + 3.0 * 4.0]


def test_what_is_not_wanted_has_no_part_in_a_gradient(jax: Any) -> None:
    w, v, u = Value(-2.0), Value(2.0), Value(3.0)
    f = autograd.compile(lambda x: w**x + v**u, 0.0).to_jax()
    expected = pytest.approx([12.0, 12.0, 8.0 * math.log(2.0)], rel=TOLERANCE)
    for derivative in (jax.grad, jax.jacfwd):  # that by x has the logarithm of -2, which is nan
        assert run(derivative(f), f.params, 3.0).tolist() == expected


# Primitives of the user's own -----------------------------------------------------------------


def test_derivatives_are_those_that_a_primitive_declares(jax: Any) -> None:
    reverse = Primitive("reverse", lambda x: +x, lambda out, x: (-2.0,), surrogate=True)
    softer = Primitive(
        "softer",
        lambda x, y: autograd.where(x > 0, autograd.sqrt(x) * y, y),
        lambda out, x, y: (autograd.where(x > 0, y / (2.0 * autograd.sqrt(x)), 0.0), out / y),
    )
    w = Value(0.5)
    f = autograd.compile(lambda x: reverse(w * x) + softer(w, x), 0.0).to_jax()
    expected = gradient_of_graph(lambda w, x: reverse(w * x) + softer(w, x), 0.5, 3.0)[1]
    slope, slope_of_x = run(jax.grad(f, argnums=(0, 1)), f.params, 3.0)
    assert [*slope.tolist(), float(slope_of_x)] == pytest.approx(expected, rel=TOLERANCE)


def test_a_primitive_that_computes_with_math_is_refused(jax: Any) -> None:
    own = Primitive("own", lambda x: math.exp(x), lambda out, x: (out,))
    program: Program = autograd.compile(lambda x: own(x) + 1.0, 0.0)
    with pytest.raises(NotImplementedError, match="to_jax can't express the primitive 'own': wri"):
        program.to_jax()
    degree = autograd.compile(autograd.polygamma, 0.0, 0.0).to_jax()
    with pytest.raises(NotImplementedError, match="a constant as the order of polygamma"):
        jax.jit(degree)(degree.params, 1.0, 2.0)


# JAX's transformations ------------------------------------------------------------------------


def network() -> tuple[Program, Any]:
    """A loss with an embedding, attention and classes, and a batch."""
    table = [[Value(math.sin(3 * i + j)) for j in range(2)] for i in range(5)]
    model = nn.MLP(4, [8, 5], activation="tanh", seed=1)

    def loss(words: Any, x: Any, y: Any) -> Any:
        vectors = [entry for word in words for entry in autograd.take(table, word)]
        scores = model([a + b for a, b in zip(vectors, x, strict=True)])
        return nn.losses.cross_entropy(scores, y) + nn.l2_penalty(model, 0.1)

    rng = numpy.random.default_rng(0)
    program: Program = autograd.compile(loss, [0, 0], [0.0] * 4, 0)
    words, y = rng.integers(5, size=(6, 2)), rng.integers(5, size=6)
    return program, (words, rng.normal(size=(6, 4)), y)


def test_a_network_on_several_devices(jax: Any) -> None:
    program, (words, X, y) = network()
    f = program.to_jax()

    def mean(params: Any, *batch: Any) -> Any:
        return jax.vmap(f, (None, 0, 0, 0))(params, *batch).mean()

    mesh = jax.sharding.Mesh(jax.devices()[:2], ("batch",))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    batch = [jax.device_put(part, rows) for part in (words, X, y)]
    assert len(batch[0].devices()) == 2
    value, slopes = run(jax.value_and_grad(mean), f.params, *batch)
    assert program.backward(words, X, y) == pytest.approx(float(value), rel=TOLERANCE)
    gradient = [parameter.grad for parameter in program.parameters]
    assert slopes.tolist() == pytest.approx(gradient, rel=1e-10, abs=1e-14)


def test_second_derivatives(jax: Any) -> None:
    def function(x: Any, y: Any) -> Any:
        return autograd.logsumexp([x * y, autograd.tanh(x) / y]) * autograd.lgamma(y)

    f = autograd.compile(function, 0.0, 0.0).to_jax()
    second = jax.hessian(lambda point: f(f.params, point[0], point[1]))
    found = run(second, numpy.array([0.3, 1.7]))
    expected = autograd.hessian(lambda point: function(*point))([0.3, 1.7])
    assert found.tolist() == [pytest.approx(row, rel=1e-11) for row in expected]


def test_wide_layers_are_few_operations() -> None:
    model = nn.MLP(16, [32, 32, 1], activation="relu", seed=1)
    f = autograd.compile(lambda x: model(x)[0], [0.0] * 16).to_jax()
    assert len(f.groups) < 12


# Calling --------------------------------------------------------------------------------------


def test_it_computes_in_the_type_of_its_inputs(jax: Any) -> None:
    w = Value(0.1)
    f = autograd.compile(lambda x: autograd.exp(w * x) + 1e300 * 0.0 * x, 0.0).to_jax()
    assert f(f.params, 2.0).dtype == numpy.float64
    single = f(numpy.float32([0.1]), numpy.float32(2.0))
    assert single.dtype == numpy.float32
    assert float(single) == pytest.approx(math.exp(0.2), rel=1e-6)
    assert f(numpy.array([1]), 2).dtype == numpy.float64


def test_params_are_those_that_a_gradient_is_wanted_of_and_others_are_kept(jax: Any) -> None:
    w, held = Value(3.0), Value(2.0, requires_grad=False)
    f = autograd.compile(lambda x: w * x + held, 0.0).to_jax()
    held.data, w.data = 7.0, 8.0
    assert f.params.tolist() == [3.0]
    assert float(f(f.params, 10.0)) == 32.0
    assert f.__name__ == "compiled"


def test_results_and_arguments_of_any_shape(jax: Any) -> None:
    f = autograd.compile(lambda x: [[x[0], x[1][0]], [x[1][1], 2.0]], [0.0, [0.0, 0.0]]).to_jax()
    assert f(f.params, [1.0, [2.0, 3.0]]).tolist() == [[1.0, 2.0], [3.0, 2.0]]
    assert f.params.shape == (0,)
    by_name = autograd.compile(lambda x: x["b"] - x["a"], {"b": 0.0, "a": 0.0}).to_jax()
    with pytest.raises(TypeError, match="x is a dict: give a list of its entries, in order"):
        by_name(by_name.params, {"b": 3.0, "a": 1.0})


def test_wrong_shapes_are_refused_with_what_to_do() -> None:
    program, (words, X, y) = network()
    f = program.to_jax()
    with pytest.raises(ValueError, match=r"words has the shape \(6, 2\), .* use jax.vmap for a"):
        f(f.params, words, X, y)
    with pytest.raises(ValueError, match=r"params has the shape \(3,\), but the function has 95 p"):
        f(f.params[:3], words[0], X[0], y[0])
    with pytest.raises(TypeError, match=r"3 arguments of a sample \(words, x, y\), got 1"):
        f(f.params, words[0])
