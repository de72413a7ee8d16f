"""A primitive of the user's own: the declaration's errors, and the edges of its domain."""

import math

import pytest

from autograd import Primitive, Value


def test_value_and_partials_must_take_the_same_inputs() -> None:
    with pytest.raises(TypeError, match=r"partials takes the result and 1 inputs \(x\), but value"):
        Primitive("p", lambda x, y: x, lambda out, x: (1.0,))


def test_outside_the_domain_value_and_partial_are_nan() -> None:
    own_log = Primitive("p", lambda x: math.log(x), lambda out, x: (1 / x,), domain=lambda x: x > 0)
    y = own_log(Value(-1.0))
    assert math.isnan(y.data)
    assert math.isnan(y.partials[0])


def test_nan_in_gives_nan_partials() -> None:
    step = Primitive("p", lambda x: float(int(x)), lambda out, x: (1.0,))
    y = step(Value(math.nan))
    assert math.isnan(y.data)
    assert math.isnan(y.partials[0])


def test_an_error_inside_the_domain_is_the_users_with_a_note() -> None:
    broken = Primitive("broken", lambda x: 1.0 / 0.0, lambda out, x: (1.0,))
    with pytest.raises(ZeroDivisionError) as caught:
        broken(Value(2.0))
    assert "in the value of primitive 'broken' at 2.0" in caught.value.__notes__


def test_domain_may_be_an_interval() -> None:
    root = Primitive("p", math.sqrt, lambda out, x: (0.5 / out,), domain=(0.0, math.inf))
    assert root(4.0) == 2.0
    assert math.isnan(root(-4.0))
