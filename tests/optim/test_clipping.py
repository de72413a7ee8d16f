"""Clipping: norms, what is left alone, and gradients that are no numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import AnomalyError, Value
from optim import clip_grad_norm, clip_grad_value

NAN, INF = math.nan, math.inf
slopes_of_any_size = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6)


def parameters(*slopes: float) -> list[Value]:
    values = [Value(0.0, label=f"w{k}") for k in range(len(slopes))]
    for value, slope in zip(values, slopes, strict=True):
        value.grad = slope
    return values


def gradients(values: list[Value]) -> list[float]:
    return [value.grad for value in values]


@pytest.mark.parametrize(
    ("norm_type", "norm"), [(1, 7.0), (2, 5.0), (3, 91.0 ** (1 / 3)), (INF, 4.0)]
)
def test_norms(norm_type: float, norm: float) -> None:
    values = parameters(3.0, -4.0)
    assert clip_grad_norm(values, 1.0, norm_type) == pytest.approx(norm, rel=1e-15)
    scale = 1.0 / (norm + 1e-6)
    assert gradients(values) == pytest.approx([3.0 * scale, -4.0 * scale], rel=1e-14)


def test_a_norm_within_the_bound_changes_nothing() -> None:
    values = parameters(0.3, -0.4)
    assert clip_grad_norm(values, 0.6) == 0.5
    assert gradients(values) == [0.3, -0.4]


@given(slopes_of_any_size, st.floats(1e-3, 1e3), st.sampled_from([1.0, 2.0, 7.0, INF]))
def test_the_norm_after_is_within_the_bound_and_the_direction_stays(
    slopes: list[float], bound: float, p: float
) -> None:
    values = parameters(*slopes)
    clip_grad_norm(values, bound, p)
    after = parameters(*gradients(values))
    assert clip_grad_norm(after, INF, p) <= bound * (1.0 + 1e-12)
    largest = max(map(abs, slopes))
    for slope, value in zip(slopes, values, strict=True):
        scaled = value.grad / max(max(map(abs, gradients(values))), 5e-324)
        assert scaled == pytest.approx(slope / max(largest, 5e-324), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("size", [1e200, 1e300, 1.7e308, 1e-200])
def test_no_overflow_between(size: float) -> None:
    """The squares are beyond all floats, and for 1.7e308 the norm is too."""
    values = parameters(size, size)
    norm = clip_grad_norm(values, 1.0)
    assert norm == pytest.approx(size * math.sqrt(2.0), rel=1e-15)
    expected = math.sqrt(0.5) if size > 1.0 else size
    assert gradients(values) == pytest.approx([expected, expected], rel=2e-6)


def test_a_parameter_given_twice_counts_once() -> None:
    x, y = parameters(3.0, 4.0)
    assert clip_grad_norm([x, y, x], 10.0) == 5.0


def test_one_parameter_and_none() -> None:
    (x,) = parameters(-4.0)
    assert clip_grad_norm(x, 2.0) == 4.0
    assert x.grad == pytest.approx(-2.0, rel=1e-6)
    clip_grad_value(x, 1.0)
    assert x.grad == -1.0
    assert clip_grad_norm([], 1.0) == 0.0
    clip_grad_value([], 1.0)


def test_an_iterator_will_do() -> None:
    values = parameters(3.0, 4.0)
    assert clip_grad_norm(iter(values), 1.0) == 5.0
    clip_grad_value(iter(values), 0.1)
    assert gradients(values) == [0.1, 0.1]


def test_values_are_cut_off_one_by_one() -> None:
    values = parameters(3.0, -3.0, 0.5, INF, -INF)
    clip_grad_value(values, 1.0)
    assert gradients(values) == [1.0, -1.0, 0.5, 1.0, -1.0]


# A gradient that is no number is told, and stays where it is.


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("norm_type", [2.0, INF])
def test_norm_of_a_gradient_that_is_no_number(bad: float, norm_type: float) -> None:
    values = parameters(100.0, bad, 100.0)
    with pytest.raises(AnomalyError, match=rf"gradient of {bad}, that of parameter 1 \(w1\)"):
        clip_grad_norm(values, 1.0, norm_type)
    assert repr(gradients(values)) == repr([100.0, bad, 100.0])
    norm = clip_grad_norm(values, 1.0, norm_type, error_if_nonfinite=False)
    assert repr(norm) == repr(abs(bad))
    assert repr(gradients(values)) == repr([100.0, bad, 100.0])


def test_nan_wins_over_inf() -> None:
    assert math.isnan(clip_grad_norm(parameters(INF, NAN), 1.0, error_if_nonfinite=False))


def test_value_of_a_gradient_that_is_no_number() -> None:
    values = parameters(100.0, NAN)
    values[1].label = ""
    with pytest.raises(AnomalyError, match="gradient of nan, that of parameter 1: run") as raised:
        clip_grad_value(values, 1.0)
    assert "\n" not in str(raised.value)
    assert gradients(values)[0] == 100.0


class Model:
    def parameters(self) -> list[Value]:
        return []


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
@pytest.mark.parametrize(
    ("given_parameters", "bound", "error", "message"),
    [
        ([1.0], 1.0, TypeError, "takes Values, got a float"),
        (Model(), 1.0, TypeError, r"a list of Values, got a Model: give its parameters\(\)"),
        ([], -1.0, ValueError, "is a number from 0 on, got -1.0"),
        ([], NAN, ValueError, "is a number from 0 on, got nan"),
        ([], "1", TypeError, "is a number, got '1'"),
    ],
)
def test_errors(
    clip: Any, given_parameters: Any, bound: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        clip(given_parameters, bound)


@pytest.mark.parametrize("norm_type", [0.0, -1.0, NAN])
def test_a_norm_type_that_is_none(norm_type: float) -> None:
    with pytest.raises(ValueError, match="norm_type is a number"):
        clip_grad_norm(parameters(1.0), 1.0, norm_type)


def test_parameters_that_are_no_list_are_told() -> None:
    with pytest.raises(TypeError, match="clip_grad_norm takes a list of Values, got a NoneType"):
        clip_grad_norm(None, 1.0)  # type: ignore[arg-type]
