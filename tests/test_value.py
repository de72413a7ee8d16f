"""Value behaves as a number of Python's, and remembers how it was made."""

import builtins
import copy
import math
import operator
import pickle
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, primitives

moderate = st.floats(0.1, 30.0) | st.floats(-30.0, -0.1)
positive = st.floats(0.1, 30.0)

# What may stand beside a Value, made from a float.
KINDS: dict[str, Callable[[float], Any]] = {
    "float": float,
    "int": lambda x: int(x) or 1,
    "bool": lambda x: True,
    "Fraction": Fraction,
    "float64": np.float64,
    "float32": np.float32,
    "int64": lambda x: np.int64(int(x) or 1),
    "Value": Value,
}

# The operator, and its derivatives with respect to both sides, worked out by hand.
OPERATORS: dict[Callable[[Any, Any], Any], Callable[[float, float], tuple[float, float]]] = {
    operator.add: lambda x, y: (1.0, 1.0),
    operator.sub: lambda x, y: (1.0, -1.0),
    operator.mul: lambda x, y: (y, x),
    operator.truediv: lambda x, y: (1.0 / y, -x / y**2),
    operator.floordiv: lambda x, y: (0.0, 0.0),
    operator.mod: lambda x, y: (1.0, -(x // y)),
    operator.pow: lambda x, y: (y * x ** (y - 1.0), x**y * math.log(x)),
}

by_operator = pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
by_kind = pytest.mark.parametrize("kind", KINDS)


def numbers_for(op: Callable[[Any, Any], Any]) -> st.SearchStrategy[float]:
    return positive if op is operator.pow else moderate


# Operators ------------------------------------------------------------------------------------


@by_operator
@by_kind
@settings(max_examples=30)
@given(data=st.data())
def test_an_operator_and_its_reflected_form_take_every_kind_of_number(
    op: Callable[[Any, Any], Any], kind: str, data: st.DataObject
) -> None:
    x = data.draw(numbers_for(op))
    other = KINDS[kind](data.draw(numbers_for(op).map(abs) if kind == "Value" else positive))
    y = float(other)

    left = Value(x)
    result = op(left, other)
    assert type(result) is Value
    assert result.data == pytest.approx(op(x, y), rel=1e-15, abs=0.0)
    result.backward()
    assert left.grad == pytest.approx(OPERATORS[op](x, y)[0], rel=1e-12, abs=1e-300)

    x = abs(x)
    right = Value(x)
    result = op(other, right)
    assert type(result) is Value
    assert result.data == pytest.approx(op(y, x), rel=1e-15, abs=0.0)
    result.backward()
    assert right.grad == pytest.approx(OPERATORS[op](y, x)[1], rel=1e-12, abs=1e-300)


@by_operator
@given(x=positive, y=positive)
def test_an_operator_stores_its_local_derivatives_in_the_order_of_its_parents(
    op: Callable[[Any, Any], Any], x: float, y: float
) -> None:
    a, b = Value(x), Value(y)
    result = op(a, b)
    assert result.parents == (a, b)
    assert result.partials == pytest.approx(OPERATORS[op](x, y), rel=1e-12, abs=1e-300)


@by_operator
@pytest.mark.parametrize("array", [np.array([1.0, 2.0]), np.ones((2, 2)), np.array(3.0)])
def test_an_array_on_either_side_is_refused_in_one_sentence(
    op: Callable[[Any, Any], Any], array: Any
) -> None:
    x = Value(2.0)
    for operands in [(x, array), (array, x)]:
        with pytest.raises(TypeError, match=r"ndarray.*one scalar.*each entry"):
            op(*operands)


@by_operator
@pytest.mark.parametrize("stranger", ["2", None, 2j, [2.0], Decimal(2), object()])
def test_what_is_no_real_number_is_refused(op: Callable[[Any, Any], Any], stranger: Any) -> None:
    x = Value(2.0)
    with pytest.raises(TypeError):
        op(x, stranger)
    if not (op is operator.mod and isinstance(stranger, str)):  # "2" % x formats the text
        with pytest.raises(TypeError):
            op(stranger, x)


def test_an_operand_that_knows_values_is_asked_in_its_turn() -> None:
    class Vector:
        def __rmul__(self, other: Any) -> str:
            return f"{other.data} times me"

    assert Value(2.0) * Vector() == "2.0 times me"


@given(x=moderate, y=positive)
def test_divmod_is_floor_division_and_remainder(x: float, y: float) -> None:
    for pair in [divmod(Value(x), y), divmod(Value(x), Value(y)), divmod(x, Value(y))]:
        assert tuple(part.data for part in pair) == divmod(x, y)


@given(x=st.floats(-1e9, 1e9))
def test_the_functions_of_one_number(x: float) -> None:
    v = Value(x)
    cases: list[tuple[Callable[[Any], Any], float]] = [
        (operator.neg, -1.0),
        (operator.pos, 1.0),
        (abs, math.copysign(1.0, x) if x else 0.0),
        (builtins.round, 0.0),
        (math.floor, 0.0),
        (math.ceil, 0.0),
        (math.trunc, 0.0),
    ]
    for function, slope in cases:
        result = function(v)
        assert result.data == function(x), function
        assert result.partials == (slope,), function


@pytest.mark.parametrize(
    "name",
    ["exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sigmoid", "softplus", "relu"],
)
@given(x=positive)
def test_a_method_is_the_function_of_the_same_name(name: str, x: float) -> None:
    v = Value(x)
    method, function = getattr(v, name)(), getattr(autograd, name)(v)
    assert (method.data, method.partials) == (function.data, function.partials)
    assert method.primitive is function.primitive is getattr(autograd, name)


def test_python_s_sum_and_max_work() -> None:
    xs = [Value(1.0), Value(5.0), Value(3.0)]
    assert sum(xs).data == 9.0
    assert max(xs) is xs[1]
    assert min(xs) is xs[0]
    assert sorted(xs) == [xs[0], xs[2], xs[1]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda x: x / 0.0, math.inf),
        (lambda x: -x / 0, -math.inf),
        (lambda x: x // 0.0, math.inf),
        (lambda x: x % 0.0, math.nan),
        (lambda x: (-x) ** 0.5, math.nan),
        (lambda x: (2.0 * x) ** 1100, math.inf),
        (lambda x: (x - x).log(), -math.inf),
        (lambda x: (-x).log(), math.nan),
        (lambda x: (710.0 * x).exp(), math.inf),
        (lambda x: x * 10**400, math.inf),
    ],
)
def test_arithmetic_never_raises(expression: Callable[[Value], Value], expected: float) -> None:
    assert expression(Value(1.0)).data == pytest.approx(expected, nan_ok=True)


@by_operator
@given(x=st.floats(), y=st.floats())
def test_arithmetic_never_raises_for_any_floats(
    op: Callable[[Any, Any], Any], x: float, y: float
) -> None:
    result = op(Value(x), Value(y))
    assert type(result.data) is float
    assert [type(partial) for partial in result.partials] == [float, float]


# The graph ------------------------------------------------------------------------------------


def test_a_new_value_is_a_leaf() -> None:
    x = Value(2, label="x")
    assert (x.data, x.grad, x.label, x.op, x.parents, x.partials) == (2.0, 0.0, "x", "", (), ())
    assert type(x.data) is float
    assert x.is_leaf
    assert x.requires_grad


def test_x_times_x_keeps_two_edges() -> None:
    x = Value(3.0)
    y = x * x
    assert y.parents == (x, x)
    assert y.partials == (3.0, 3.0)
    assert (y.op, y.is_leaf, y.requires_grad) == ("*", False, True)
    y.backward()
    assert x.grad == 6.0


def test_an_augmented_assignment_makes_a_new_node() -> None:
    x = first = Value(2.0)
    x += 1.0
    x *= x
    assert first.data == 2.0
    assert x.data == 9.0
    x.backward()
    assert first.grad == 6.0


def test_results_of_constants_are_constants() -> None:
    a = Value(2.0, requires_grad=False)
    b = (a * 3.0).tanh()
    assert (b.requires_grad, b.parents, b.partials, b.is_leaf) == (False, (), (), True)


def test_an_untracked_parent_has_partial_0_and_receives_nothing() -> None:
    a, x = Value(5.0, requires_grad=False), Value(3.0)
    y = x * a
    assert y.parents == (x, a)
    assert y.partials == (5.0, 0.0)
    y.backward()
    assert (x.grad, a.grad) == (5.0, 0.0)


def test_an_untracked_parent_s_nan_stays_out_of_the_sweep() -> None:
    x = Value(-2.0)
    y = x**2.0  # the derivative with respect to the exponent is nan here
    assert y.partials == (-4.0, 0.0)


def test_detach_cuts_off() -> None:
    x = Value(3.0, label="x")
    y = (x * x).detach()
    assert (y.data, y.requires_grad, y.parents) == (9.0, False, ())
    assert x.detach().label == "x"
    assert x.detach() is not x


def test_zero_grad_forgets_the_gradient() -> None:
    x = Value(3.0)
    (x * x).backward()
    x.zero_grad()
    assert x.grad == 0.0


# What is accepted -----------------------------------------------------------------------------


@by_kind
def test_data_is_kept_as_a_float(kind: str) -> None:
    if kind != "Value":
        number = KINDS[kind](2.5)
        assert type(Value(number).data) is float
        assert Value(number).data == float(number)


STRANGERS = ["3", None, 2j, [1.0], np.array([1.0]), Decimal(1)]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_data_and_grad_are_real_numbers(stranger: Any) -> None:
    x = Value(1.0)
    with pytest.raises(TypeError, match="a Value's data is a real number, got"):
        Value(stranger)
    with pytest.raises(TypeError, match="a Value's data is a real number, got"):
        x.data = stranger
    with pytest.raises(TypeError, match="a Value's grad is a real number, got"):
        x.grad = stranger
    assert (x.data, x.grad) == (1.0, 0.0)


def test_a_value_of_a_value_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"v\.detach\(\)"):
        Value(Value(1.0))  # type: ignore[arg-type]


def test_a_label_is_a_text() -> None:
    with pytest.raises(TypeError, match="label is a text"):
        Value(1.0, label=3)  # type: ignore[arg-type]


def test_data_and_grad_can_be_set() -> None:
    x = Value(1.0)
    x.data -= 0.5
    x.grad = Fraction(1, 4)  # type: ignore[assignment]
    assert (x.data, x.grad, type(x.grad)) == (0.5, 0.25, float)


def test_misspelt_attributes_are_noticed() -> None:
    with pytest.raises(AttributeError):
        Value(1.0).gradient = 0.0  # type: ignore[attr-defined]


# Comparison, conversion, display --------------------------------------------------------------


@by_kind
@settings(max_examples=30)
@given(x=moderate, other=moderate)
def test_comparison_is_of_the_numbers(kind: str, x: float, other: float) -> None:
    y = KINDS[kind](other)
    number = float(y)
    for compare in [operator.lt, operator.le, operator.gt, operator.ge]:
        assert compare(Value(x), y) is compare(x, number)
        assert bool(compare(y, Value(x))) is compare(number, x)
        assert compare(Value(x), Value(x)) is compare(x, x)
        assert compare(Value(x), math.nan) is False


@pytest.mark.parametrize("stranger", ["1", None, 1j, np.array([1.0, 2.0])])
def test_values_have_no_order_with_what_is_no_number(stranger: Any) -> None:
    for compare in [operator.lt, operator.le, operator.gt, operator.ge]:
        with pytest.raises(TypeError):
            compare(Value(1.0), stranger)
        with pytest.raises(TypeError):
            compare(stranger, Value(1.0))


def test_equality_and_hash_are_of_the_object() -> None:
    x, y = Value(1.0), Value(1.0)
    assert x == x
    assert x != y
    assert x != 1.0
    assert len({x, y}) == 2
    assert {x: "x", y: "y"}[x] == "x"
    key = hash(x)
    x.data = 5.0
    assert hash(x) == key


@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_conversion_to_python_s_numbers(x: float) -> None:
    v = Value(x)
    assert float(v) == x
    assert int(v) == int(x)
    assert complex(v) == x
    assert bool(v) is bool(x)
    assert math.sqrt(abs(v)) == math.sqrt(abs(x))


@given(x=st.floats(allow_nan=False))
@pytest.mark.parametrize("specification", [".3f", "8.2e", "+", ">12", "%"])
def test_a_format_is_that_of_the_number(specification: str, x: float) -> None:
    assert format(Value(x), specification) == format(x, specification)


def test_repr_shows_number_gradient_label_and_operation() -> None:
    x = Value(2.0, label="x")
    y = x * x
    y.backward()
    assert repr(x) == "Value(2.0, grad=4.0, label='x')"
    assert repr(y) == "Value(4.0, grad=1.0, op='*')"
    assert f"{y}" == str(y) == repr(y)


# Objects --------------------------------------------------------------------------------------


def test_weak_references() -> None:
    x = Value(1.0)
    reference = weakref.ref(x)
    y = x * 2.0
    del x
    assert reference() is y.parents[0]
    del y
    assert reference() is None


class Parameter(Value):
    """A subclass with an attribute of its own."""

    def __init__(self, data: float, group: str) -> None:
        super().__init__(data, label="p")
        self.group = group
        self.history = [data]


def test_a_subclass_computes_as_a_value() -> None:
    p = Parameter(3.0, group="weights")
    y = p * p + 1.0
    assert isinstance(p, Value)
    assert type(y) is Value
    y.backward()
    assert p.grad == 6.0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_subclass_keeps_its_kind_and_attributes(duplicate: Callable[[Any], Any]) -> None:
    p = Parameter(3.0, group="weights")
    y = p * p
    twin = duplicate(y).parents[0]
    assert type(twin) is Parameter
    assert (twin.data, twin.label, twin.group, twin.history) == (3.0, "p", "weights", [3.0])
    twin.history.append(4.0)
    assert p.history == [3.0]


def test_comparison_with_an_int_beyond_the_floats_is_exact() -> None:
    assert Value(2.0**53) < 2**53 + 1
    assert not Value(2.0**53) < 2**53


def test_label_is_checked_whenever_it_is_set() -> None:
    x = Value(1.0, label="x")
    with pytest.raises(TypeError, match="label is a text, got int '3'"):
        x.label = 3  # type: ignore[assignment]
    assert x.label == "x"


def test_round_to_decimals() -> None:
    x = Value(2.345)
    rounded = round(x, 1)
    rounded.backward()
    assert (rounded.data, x.grad) == (2.3, 0.0)


def test_numpy_bool_is_a_number() -> None:
    assert (np.bool_(True) * Value(3.0)).data == 3.0
    assert (Value(3.0) * np.bool_(False)).data == 0.0


@given(st.floats(), st.floats())
def test_the_operators_written_out_are_the_table(x: float, y: float) -> None:
    a, b = Value(x), Value(y)
    for quick, primitive in [
        (a + b, primitives.add),
        (a - b, primitives.subtract),
        (a * b, primitives.multiply),
        (a / b, primitives.divide),
        (a.relu(), primitives.relu),
        (a**y, primitives.power),
        (a**2, primitives.power),
        (a**-0.5, primitives.power),
    ]:
        recorded = primitive(*quick.parents)
        assert repr(quick) == repr(recorded)
        assert repr(quick.partials) == repr(recorded.partials)
        assert quick.parents == recorded.parents
        assert quick.primitive is recorded.primitive
        assert quick.requires_grad
        assert (quick.grad, quick.label, quick.made_at) == (0.0, "", None)


def test_partials_that_do_not_fit_are_refused() -> None:
    y = Value(2.0).tanh()
    partials = y.partials
    with pytest.raises(ValueError, match="as many partials as parents, 1, got 0"):
        y.partials = ()
    with pytest.raises(ValueError, match="as many partials as parents, 1, got 2"):
        y.partials = (1.0, 2.0)
    with pytest.raises(TypeError, match="a Value's partial is a real number, got str 'a'"):
        y.partials = ("a",)  # type: ignore[assignment]
    assert y.partials == partials


def test_the_class_in_place_of_a_value_is_told_and_unharmed() -> None:
    with pytest.raises(TypeError, match="a sweep begins at a Value, got type"):
        autograd.backward(Value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tanh needs real numbers or Values, got type"):
        autograd.tanh(Value)  # type: ignore[call-overload]
    assert Value(1.0).grad == 0.0
