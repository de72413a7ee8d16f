"""gradients, grad, value_and_grad, jvp, jacobian, hessian and hvp, to any order."""

import math
from collections import namedtuple
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import (
    Primitive,
    Value,
    absolute,
    cos,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    maximum,
    no_grad,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
    value_and_grad,
    where,
)

numbers = st.floats(-2.0, 2.0)
close = pytest.approx


def cubic(x: Any) -> Any:
    return x**3 - 4.0 * x


# gradients --------------------------------------------------------------------------------------


def test_gradients_are_nested_as_the_inputs_are() -> None:
    x, y, z = Value(2.0), Value(3.0), Value(4.0)
    out = x * y * y + z
    assert gradients(out, y) == 12.0
    assert gradients(out, [x, (y, {"z": z})]) == [9.0, (12.0, {"z": 1.0})]
    assert gradients(out, []) == []
    assert gradients(out, (x, x)) == (9.0, 9.0)


def test_gradients_leave_every_grad_alone() -> None:
    x = Value(2.0)
    square = x * x
    out = square * x
    before = [(v, float(k)) for k, v in enumerate([x, square, out])]
    for v, grad_before in before:
        v.grad = grad_before
    gradients(out, [x, square])
    gradients(out, [x, square], create_graph=True)
    assert [(v, v.grad) for v in (x, square, out)] == before


def test_gradients_of_interior_nodes_and_of_the_output_itself() -> None:
    x = Value(2.0)
    square = x * x
    out = square * square + x
    assert gradients(out, square) == 8.0
    assert gradients(out, [out, square, x]) == [1.0, 8.0, 33.0]


def test_an_input_that_is_not_reached_has_gradient_0() -> None:
    x, unused = Value(2.0), Value(3.0)
    assert gradients(x * x, [unused, x]) == [0.0, 4.0]
    zero = gradients(x * x, unused, create_graph=True)
    assert (zero.data, zero.requires_grad) == (0.0, False)


def test_the_sum_of_several_outputs_is_meant() -> None:
    x = Value(3.0)
    y = x * x
    assert gradients([y, y, 10.0 * x], x) == 22.0
    assert gradients([y, Value(1.0, requires_grad=False)], x) == 6.0
    assert gradients(Value(1.0, requires_grad=False), x) == 0.0


def test_gradients_can_be_differentiated_again() -> None:
    x, y = Value(2.0), Value(3.0)
    by_x = gradients(x**3 * y**2, x, create_graph=True)
    assert by_x.data == close(108.0)
    assert gradients(by_x, [x, y]) == [close(108.0), close(72.0)]
    by_x.backward()
    assert (x.grad, y.grad) == (close(108.0), close(72.0))


def test_what_gradients_refuse() -> None:
    x = Value(2.0)
    with pytest.raises(TypeError, match="inputs, got float"):
        gradients(x * x, 2.0)
    with pytest.raises(TypeError, match="got float"):
        gradients(5.0, x)
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        gradients(x * x, Value(1.0, requires_grad=False))


# Against closed forms ---------------------------------------------------------------------------

# A function of one number and its first three derivatives, worked out by hand.
CLOSED_FORMS: list[tuple[Callable[[Any], Any], ...]] = [
    (cubic, lambda x: 3 * x**2 - 4, lambda x: 6 * x, lambda x: 6.0),
    (sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)),
    (lambda x: exp(2.0 * x), *[lambda x, k=k: 2**k * math.exp(2 * x) for k in (1, 2, 3)]),
    (
        lambda x: 1.0 / (x + 5.0),
        lambda x: -1 / (x + 5) ** 2,
        lambda x: 2 / (x + 5) ** 3,
        lambda x: -6 / (x + 5) ** 4,
    ),
    (
        lambda x: log(x * x + 1.0),
        lambda x: 2 * x / (x * x + 1),
        lambda x: 2 * (1 - x * x) / (x * x + 1) ** 2,
        lambda x: 4 * x * (x * x - 3) / (x * x + 1) ** 3,
    ),
]


@pytest.mark.parametrize("family", CLOSED_FORMS)
@given(x=numbers)
def test_three_orders_against_closed_forms(family: Any, x: float) -> None:
    f, *expected = family
    derivative = f
    for closed_form in expected:
        derivative = grad(derivative)
        assert derivative(x) == close(closed_form(x), rel=1e-10, abs=1e-10)


COMPOSED: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (
        lambda x: tanh(x * sin(x)) + exp(-x) / (x * x + 1.0),
        lambda x: mpmath.tanh(x * mpmath.sin(x)) + mpmath.exp(-x) / (x * x + 1),
    ),
    (
        lambda x: softplus(x**3) * cos(x) - sqrt(x + 4.0),
        lambda x: mpmath.log(1 + mpmath.exp(x**3)) * mpmath.cos(x) - mpmath.sqrt(x + 4),
    ),
    (
        lambda x: sigmoid(2.0 * x) ** 2 / log(x + 5.0),
        lambda x: 1 / (1 + mpmath.exp(-2 * x)) ** 2 / mpmath.log(x + 5),
    ),
]


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("pair", COMPOSED, ids=["tanh", "softplus", "sigmoid"])
@pytest.mark.parametrize("x", [-1.7, -0.3, 0.4, 1.9])
def test_high_derivatives_of_composed_expressions(pair: Any, order: int, x: float) -> None:
    f, exact = pair
    with mpmath.workdps(60):
        expected = float(mpmath.diff(exact, mpmath.mpf(x), order))
    derivative = f
    for _ in range(order):
        derivative = grad(derivative)
    assert derivative(x) == close(expected, rel=1e-9, abs=1e-9)

    along = f
    for _ in range(order):
        along = (lambda g: lambda t: jvp(g)(t, 1.0)[1])(along)
    assert along(x) == close(expected, rel=1e-9, abs=1e-9)


# The transforms agree with each other -------------------------------------------------------------


def curved(xs: Any) -> Any:
    a, b, c = xs
    return tanh(a * b) + sin(b + c * a) * exp(-0.1 * c * c) + a * b * c


def many(xs: Any) -> Any:
    a, b, c = xs
    return [a * b, {"sin": sin(c), "all": a * b * c}, (b * b,)]


three = st.tuples(numbers, numbers, numbers).map(list)


@given(xs=three, v=three)
def test_hvp_is_the_hessian_times_the_vector(xs: list[float], v: list[float]) -> None:
    matrix = np.array(hessian(curved)(xs))
    assert matrix == close(matrix.T, rel=1e-9, abs=1e-9)
    assert hvp(curved)(xs, v) == close(list(matrix @ v), rel=1e-9, abs=1e-9)


@given(xs=three, v=three)
def test_jvp_is_the_jacobian_times_the_vector(xs: list[float], v: list[float]) -> None:
    outputs, moved = jvp(many)(xs, v)
    rows = jacobian(many)(xs)
    assert outputs[0] == xs[0] * xs[1]
    assert moved[0] == close(np.dot(rows[0], v))
    assert moved[1]["sin"] == close(np.dot(rows[1]["sin"], v))
    assert moved[1]["all"] == close(np.dot(rows[1]["all"], v))
    assert moved[2][0] == close(np.dot(rows[2][0], v))


@given(xs=three)
def test_backward_gradients_grad_and_jacobian_agree(xs: list[float]) -> None:
    leaves = [Value(x) for x in xs]
    out = curved(leaves)
    out.backward()
    swept = [leaf.grad for leaf in leaves]
    assert gradients(curved(leaves), leaves) == swept
    assert grad(curved)(xs) == swept
    assert jacobian(curved)(xs) == swept
    assert value_and_grad(curved)(xs) == (out.data, swept)
    by_graph = gradients(curved(leaves), leaves, create_graph=True)
    assert [g.data for g in by_graph] == close(swept, rel=1e-12, abs=1e-12)


@given(xs=three)
def test_forward_over_reverse_and_every_other_order_agree(xs: list[float]) -> None:
    reference = np.array(hessian(curved)(xs))
    basis = np.eye(3).tolist()
    forward_over_reverse = [jvp(grad(curved))(xs, e)[1] for e in basis]
    reverse_over_forward = [grad(lambda p, e=e: jvp(curved)(p, e)[1])(xs) for e in basis]
    forward_over_forward = [
        [jvp(lambda p, e=e: jvp(curved)(p, e)[1])(xs, d)[1] for d in basis] for e in basis
    ]
    for found in (forward_over_reverse, reverse_over_forward, forward_over_forward):
        assert np.array(found) == close(reference, rel=1e-9, abs=1e-9)


# Arguments and shapes ---------------------------------------------------------------------------


def weighted(x: Any, y: Any) -> Any:
    return x * y * y


def test_argnums_choose_the_arguments() -> None:
    assert grad(weighted)(2.0, 3.0) == 9.0
    assert grad(weighted, argnums=1)(2.0, 3.0) == 12.0
    assert grad(weighted, argnums=-1)(2.0, 3.0) == 12.0
    assert grad(weighted, argnums=(1, 0))(2.0, 3.0) == (12.0, 9.0)
    assert value_and_grad(weighted, argnums=[1])(2.0, 3.0) == (18.0, (12.0,))
    assert jacobian(lambda x, y: [x * y, x], argnums=(0, 1))(2.0, 3.0) == [(3.0, 2.0), (1.0, 0.0)]
    assert hessian(weighted, argnums=(0, 1))(2.0, 3.0) == ((0.0, 6.0), (6.0, 4.0))
    assert jvp(weighted)((2.0, 3.0), (1.0, 10.0)) == (18.0, 129.0)
    assert hvp(weighted)((2.0, 3.0), (1.0, 10.0)) == (60.0, 46.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
@pytest.mark.parametrize(
    ("argnums", "message"),
    [(2, "argument 2"), (-3, "argument -3"), ((0, 0), "twice"), ((0, -2), "twice")],
)
def test_argnums_name_each_argument_once(transform: Any, argnums: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        transform(weighted, argnums=argnums)(2.0, 3.0)


def test_arguments_may_be_nested() -> None:
    point = namedtuple("point", "w b")

    def f(p: Any) -> Any:
        return p["layers"][0].w * p["layers"][1].b[0] * p["scale"]

    p = {"layers": [point(2.0, [0.0]), point(0.0, (5.0,))], "scale": 3}
    found = grad(f)(p)
    assert found == {"layers": [point(15.0, [0.0]), point(0.0, (6.0,))], "scale": 10.0}
    assert type(found["layers"][0]) is point


def test_arguments_may_be_arrays() -> None:
    matrix = np.array([[2.0, 3.0], [4.0, 5.0]])
    assert grad(lambda m: m[0][1] * m[1][0])(matrix) == [[0.0, 4.0], [3.0, 0.0]]
    assert grad(lambda x: x * x)(np.float32(1.5)) == 3.0
    assert hvp(lambda v: v[0] * v[0] * v[1])(np.array([2.0, 5.0]), np.array([1.0, 0.0])) == [
        10.0,
        4.0,
    ]


@pytest.mark.parametrize("kind", [int, float, bool, Fraction, np.float64, np.float32, np.int64])
def test_arguments_may_be_numbers_of_any_kind(kind: Callable[[int], Any]) -> None:
    value, slope = value_and_grad(cubic)(kind(1))
    assert (value, slope) == (-3.0, -1.0)
    assert (type(value), type(slope)) == (float, float)


@pytest.mark.parametrize("number", [3, 3.0, Fraction(3), np.float32(3.0), np.int64(3), True])
def test_a_constant_function_has_gradient_0(number: Any) -> None:
    assert value_and_grad(lambda x: number)(2.0) == (float(number), 0.0)
    assert jacobian(lambda x: [number, x])(2.0) == [0.0, 1.0]
    assert jvp(lambda x: number)(2.0, 1.0)[1] == 0.0
    assert hessian(lambda x: number)(2.0) == 0.0
    assert hvp(lambda x: number)(2.0, 1.0) == 0.0
    assert hessian(lambda x: 3.0 * x)(2.0) == 0.0


def test_arguments_that_are_not_chosen_are_handed_on_untouched() -> None:
    def f(x: float, options: Any) -> Any:
        assert type(options) is dict
        return x * options["scale"] + len(options["name"])

    assert grad(f)(2.0, {"scale": 5.0, "name": "n"}) == 5.0
    for transform in (grad, jacobian):
        assert transform(f)(2.0, options={"scale": 5.0, "name": "n"}) == 5.0
    assert value_and_grad(f)(2.0, options={"scale": 5.0, "name": "n"}) == (11.0, 5.0)
    assert hessian(f)(2.0, options={"scale": 5.0, "name": "n"}) == 0.0


@pytest.mark.parametrize("output", [[1.0], None, "1", 1j, np.array([1.0])])
def test_a_function_with_a_gradient_returns_one_number(output: Any) -> None:
    with pytest.raises(TypeError, match="must return one number"):
        grad(lambda x: output)(2.0)


def test_what_the_transforms_refuse() -> None:
    with pytest.raises(TypeError, match="a function is differentiated, got float"):
        grad(3.0)(2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="real number, got str"):
        grad(cubic)("2")
    with pytest.raises(TypeError, match="real number, got complex"):
        jacobian(cubic)(2j)
    with pytest.raises(ValueError, match="1 numbers for 2 inputs"):
        jvp(lambda xs: xs[0])([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="1 numbers for 2 inputs"):
        hvp(lambda xs: xs[0])([1.0, 2.0], [1.0])
    with pytest.raises(TypeError, match="real number"):
        jvp(cubic)(1.0, "1")


def test_a_transform_keeps_the_name_and_the_description() -> None:
    for transform in (grad, value_and_grad, jacobian, hessian, jvp, hvp):
        assert transform(cubic).__name__ == "cubic"


@given(x=numbers)
def test_floats_give_floats_and_values_give_values(x: float) -> None:
    assert type(grad(cubic)(x)) is float
    leaf = Value(x)
    value, slope = value_and_grad(cubic)(leaf)
    assert (type(value), type(slope)) == (Value, Value)
    slope.backward()
    assert leaf.grad == close(6.0 * x)
    assert type(grad(cubic)(Value(x, requires_grad=False))) is Value


def test_the_caller_s_values_are_left_as_they_were() -> None:
    x = Value(2.0, label="x")
    x.grad = 5.0
    for transform in (grad, value_and_grad, jacobian, hessian):
        transform(cubic)(x)
    assert (x.grad, x.is_leaf, x.label) == (5.0, True, "x")


# Nested transforms ------------------------------------------------------------------------------


@given(x=numbers, y=numbers)
def test_a_transform_inside_another_keeps_its_own_inputs_apart(x: float, y: float) -> None:
    # d/dx [x · d/dy (x + y)] = 1, which confused perturbations turn into 2.
    assert grad(lambda x: x * grad(lambda y: x + y)(y))(x) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(y))(x) == close(2.0 * x)
    assert grad(lambda x: x * grad(lambda y: x * y * y)(x))(x) == close(6.0 * x * x)
    assert jvp(lambda x: x * jvp(lambda y: x + y)(y, 1.0)[1])(x, 1.0)[1] == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x * y)(x, x)[1])(x, 1.0)[1] == close(3.0 * x * x)
    assert grad(lambda x: x * jvp(lambda y: x * y)(y, 1.0)[1])(x) == close(2.0 * x)
    assert jvp(lambda x: x * grad(lambda y: x * y)(y))(x, 1.0)[1] == close(2.0 * x)


def test_the_direction_of_a_jvp_can_be_differentiated() -> None:
    assert grad(lambda v: jvp(cubic)(2.0, v)[1])(5.0) == 8.0
    assert grad(lambda v: hvp(cubic)(2.0, v))(5.0) == 12.0


def test_an_optimizer_s_step_can_be_differentiated() -> None:
    def loss_after_a_step(rate: Any) -> Any:
        w = 3.0
        return (w - rate * grad(lambda w: w * w)(w)) ** 2

    assert grad(loss_after_a_step)(0.1) == close(2 * (3 - 0.1 * 6) * -6)


def test_a_failing_function_leaves_nothing_behind() -> None:
    def failing(x: Any) -> Any:
        raise ZeroDivisionError

    for transform in (grad, jacobian, hessian):
        with pytest.raises(ZeroDivisionError):
            transform(failing)(2.0)
    assert type(grad(cubic)(2.0)) is float  # no transform is still at work
    assert Value(1.0).exp().requires_grad


# no_grad ----------------------------------------------------------------------------------------


def test_a_transform_works_inside_no_grad() -> None:
    with no_grad():
        assert grad(cubic)(2.0) == 8.0
        assert hessian(cubic)(2.0) == 12.0
        assert jvp(cubic)(2.0, 1.0) == (0.0, 8.0)
        assert grad(grad(grad(cubic)))(2.0) == 6.0
        assert not (Value(1.0) * 2.0).requires_grad


@pytest.mark.parametrize("tracked", [True, False])
def test_inside_no_grad_the_results_are_constants(tracked: bool) -> None:
    x = Value(2.0, requires_grad=tracked)
    with no_grad():
        value, slope = value_and_grad(cubic)(x)
    assert (value.data, slope.data) == (0.0, 8.0)
    assert not value.requires_grad
    assert not slope.requires_grad


def test_no_grad_around_an_inner_transform_makes_it_a_constant() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            slope = grad(cubic)(x)
        return slope * x

    assert grad(f)(2.0) == 8.0


def test_what_a_function_computes_inside_no_grad_is_a_constant() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            scale = x * x
        return scale * x

    assert grad(f)(3.0) == 9.0


# Kinks and branches -------------------------------------------------------------------------------


def test_second_derivatives_of_functions_with_kinks_and_branches() -> None:
    assert grad(grad(lambda x: absolute(x) * x))(-3.0) == -2.0
    assert hessian(lambda xs: maximum(xs[0], xs[1]) ** 2)([3.0, 2.0]) == [[2.0, 0.0], [0.0, 0.0]]
    assert grad(grad(lambda x: where(x > 0, x**3, 0.0)))(2.0) == 12.0
    assert grad(grad(lambda x: where(x > 0, x**3, 0.0)))(-2.0) == 0.0
    assert grad(grad(lambda x: x**3 if x > 0 else -x))(2.0) == 12.0


# A user's own primitive -------------------------------------------------------------------------

cube = Primitive("cube", lambda x: x * x * x, lambda out, x: (3.0 * x * x,))
scaled = Primitive("scaled", lambda x, k=2.0: k * x, lambda out, x, k: (k, x))
euclid = Primitive(
    "euclid",
    lambda *xs: math.sqrt(math.fsum(x * x for x in xs)),
    lambda out, *xs: tuple(x / out for x in xs),
    domain=lambda *xs: any(xs),  # property tests elsewhere may draw it, too
    kinks=lambda *xs: (math.hypot(*xs),),
)


@given(x=numbers)
def test_a_user_s_primitive_is_differentiated_like_the_others(x: float) -> None:
    assert cube(x) == x * x * x
    leaf = Value(x)
    node = cube(leaf)
    assert (node.op, node.parents, node.partials) == ("cube", (leaf,), (3.0 * x * x,))
    node.backward()
    assert leaf.grad == 3.0 * x * x
    assert grad(grad(cube))(x) == close(6.0 * x)
    assert grad(grad(grad(cube)))(x) == close(6.0)
    assert jvp(cube)(x, 2.0) == (x * x * x, close(6.0 * x * x))
    composed = grad(grad(lambda t: sin(cube(t))))(x)
    assert composed == close(6 * x * math.cos(x**3) - 9 * x**4 * math.sin(x**3), abs=1e-12)


def test_a_user_s_primitive_of_any_number_of_inputs() -> None:
    assert euclid(3.0, 4.0) == 5.0
    assert grad(lambda xs: euclid(*xs))([3.0, 4.0]) == [0.6, 0.8]
    matrix = hessian(lambda xs: euclid(*xs))([3.0, 4.0])
    assert np.array(matrix) == close(np.array([[16, -12], [-12, 9]]) / 125)


def test_defaults_and_keywords_of_a_user_s_primitive() -> None:
    assert scaled(3.0) == 6.0
    assert scaled(3.0, 5.0) == scaled(3.0, k=5.0) == scaled(k=5.0, x=3.0) == 15.0
    x, k = Value(3.0), Value(5.0)
    scaled(x, k=k).backward()
    assert (x.grad, k.grad) == (5.0, 3.0)
    assert scaled(x).partials == (2.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: scaled(), "not given x"),
        (lambda x: scaled(x, 1.0, 2.0), "given 3 inputs"),
        (lambda x: scaled(x, j=1.0), "no input 'j'"),
        (lambda x: scaled(x, x=1.0), "'x' twice"),
        (lambda x: cube(x, x), "given 2 inputs"),
        (lambda x: cube("3"), "cube needs real numbers or Values, got str"),
        (lambda x: scaled(x, None), "scaled needs real numbers or Values, got NoneType"),
        (lambda x: cube(np.array([1.0])), "one scalar"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(call: Callable[[Value], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Value(1.0))


@pytest.mark.parametrize(
    ("value", "partials", "message"),
    [
        (lambda x: x, lambda out, x: (1.0, 2.0), "one entry per input"),
        (lambda x: x, lambda out, x: (), "one entry per input"),
        (lambda x: x, lambda out, x: 1.0, "one entry per input"),
        (lambda x: x, lambda out, x: (None,), "partials of primitive 'wrong' must be real"),
        (lambda x: x, lambda out, x: (1j,), "partials of primitive 'wrong' must be real"),
        (lambda x: None, lambda out, x: (1.0,), "value of primitive 'wrong' must be real"),
        (lambda x: (-x) ** 0.5, lambda out, x: (1.0,), "value of primitive 'wrong' must be real"),
    ],
)
def test_a_wrong_rule_is_told_in_one_sentence(value: Any, partials: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Primitive("wrong", value, partials)(Value(1.0))


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, ("two words", abs, lambda out, x: (1.0,))),
        (ValueError, (3, abs, lambda out, x: (1.0,))),
        (TypeError, ("wrong", 3.0, lambda out, x: (1.0,))),
        (TypeError, ("wrong", abs, (1.0,))),
        (TypeError, ("wrong", abs, lambda: (1.0,))),
        (TypeError, ("wrong", abs, lambda out: (1.0,))),
    ],
)
def test_a_wrong_declaration_is_refused(error: type[Exception], arguments: Any) -> None:
    with pytest.raises(error, match="primitive"):
        Primitive(*arguments)


def test_a_value_function_that_raises_gives_nan_only_outside_the_domain() -> None:
    halves = Primitive(
        "halves", lambda x: math.log(x), lambda out, x: (1.0 / x,), domain=lambda x: x > 0
    )
    assert math.isnan(halves(-1.0))
    assert math.isnan(halves(Value(0.0)).partials[0])  # 1/x raises there as well
    everywhere = Primitive("everywhere", lambda x: math.log(x), lambda out, x: (1.0 / x,))
    with pytest.raises(ValueError, match="math domain error") as caught:
        everywhere(Value(-1.0))
    assert caught.value.__notes__ == ["in the value of primitive 'everywhere' at -1.0"]


@pytest.mark.parametrize(
    "rule",
    [
        lambda out, x: (math.cos(x),),
        lambda out, x: (float(cos(x)),),
    ],
)
def test_a_rule_in_math_s_functions_serves_the_first_order_and_refuses_the_second(
    rule: Any,
) -> None:
    mine = Primitive("mine", lambda x: math.sin(x), rule)
    assert grad(mine)(1.0) == math.cos(1.0)
    for second in (grad(grad(mine)), hessian(mine)):
        with pytest.raises(TypeError, match="autograd's functions"):
            second(1.0)
    assert float(Value(1.0)) == 1.0  # and the error leaves no trace
    assert grad(grad(sin))(1.0) == -math.sin(1.0)


def test_a_primitive_may_be_named_like_a_built_in_one() -> None:
    mine = Primitive("tanh", lambda x: 2.0 * x, lambda out, x: (2.0,))
    assert mine(3.0) == 6.0
    assert autograd.tanh(3.0) == Value(3.0).tanh().data == math.tanh(3.0)
    assert grad(mine)(1.0) == 2.0


def test_a_second_primitive_of_a_name_leaves_the_nodes_of_the_first_alone() -> None:
    first = Primitive("again", lambda x: 2.0 * x, lambda out, x: (2.0,))
    x = Value(1.0)
    node = first(x)
    second = Primitive("again", lambda x: x * x * x, lambda out, x: (3.0 * x * x,))
    assert gradients(gradients(node * node, x, create_graph=True), x) == 8.0
    assert (first(2.0), second(2.0)) == (4.0, 8.0)


def test_data_set_after_the_graph_was_made_is_noticed() -> None:
    x = Value(3.0, label="x")
    y = x * x * x
    x.data = 4.0
    assert gradients(y, x) == 27.0  # the derivatives recorded when y was computed
    with pytest.raises(RuntimeError, match="build the graph anew"):
        gradients(y, x, create_graph=True)
