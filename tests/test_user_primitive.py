"""A primitive of the user's own: the declaration's errors, the edges of its domain, its help."""

import inspect
import math
import pydoc

import pytest

from autograd import Primitive, Value, leaky_relu, tanh
from autograd.primitives import TABLE


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


# What help() and editors show ------------------------------------------------------------------


def test_help_shows_the_docstring_of_the_value_and_not_of_the_class() -> None:
    def value(x: float) -> float:
        """Return x to the third power."""
        return x * x * x

    cube = Primitive("cube", value, lambda out, x: (3 * x * x,))
    shown = pydoc.plain(pydoc.render_doc(cube))
    assert "<primitive cube(x)>\n    Return x to the third power." in shown
    assert "hyperbolic tangent" in pydoc.render_doc(tanh)
    without = Primitive("without", lambda x: x, lambda out, x: (1.0,))
    assert without.__doc__ == Primitive.__doc__


def test_signature_has_the_inputs_names_and_defaults() -> None:
    assert str(inspect.signature(leaky_relu)) == "(x, negative_slope=0.01)"
    assert str(inspect.signature(TABLE["sum"])) == "(*xs)"
