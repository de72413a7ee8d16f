"""Straight-line code: nothing twice, nothing known, nothing unwanted."""

from __future__ import annotations

import math

import pytest

from autograd.compiled.code import AFTER, EACH, ONCE, Builder, Code, listing


def place_of(*steps: tuple[str, ...]) -> tuple[Builder, list[int]]:
    builder = Builder()
    return builder, [builder.emit("input", 0), builder.emit("number", 0)]


def test_what_was_done_is_not_done_again_in_either_order() -> None:
    builder, (x, w) = place_of()
    assert builder.emit("multiply", x, w) == builder.emit("multiply", w, x)
    assert builder.emit("subtract", x, w) != builder.emit("subtract", w, x)
    assert builder.emit("less", x, w) != builder.emit("less", w, x)


def test_zeros_of_both_signs_and_nan_are_constants_of_their_own() -> None:
    builder = Builder()
    assert builder.constant(0.0) != builder.constant(-0.0)
    assert builder.constant(math.nan) == builder.constant(float("nan"))
    assert builder.constant(1.0) != builder.constant(True)


@pytest.mark.parametrize(
    ("name", "constant", "stays"),
    [
        ("multiply", 1.0, False),
        ("multiply", 0.0, True),  # 0 * inf is nan
        ("add", 0.0, False),
        ("subtract", 0.0, False),
        ("divide", 1.0, False),
        ("power", 1.0, False),
        ("power", 0.5, True),  # sqrt differs at -inf
        ("maximum", 0.0, True),
    ],
)
def test_only_what_is_exact_is_left_out(name: str, constant: float, stays: bool) -> None:
    builder, (x, _) = place_of()
    assert (builder.emit(name, x, builder.constant(constant)) != x) is stays


def test_constants_are_computed_as_the_primitives_do() -> None:
    builder = Builder()
    minus = builder.constant(-1.0)
    assert math.isnan(builder.value(builder.emit("log", minus)) or 0.0)
    assert builder.value(builder.emit("less", minus, builder.constant(0.0))) is True


def test_how_often_each_instruction_is_done() -> None:
    builder, (x, w) = place_of()
    once = builder.emit("exp", w)
    each = builder.emit("multiply", once, x)
    mean = builder.emit("batch_mean", each)
    after = builder.emit("multiply", mean, once)
    assert [builder.rates[p] for p in (once, each, mean, after)] == [ONCE, EACH, AFTER, AFTER]
    assert builder.emit("batch_mean", once) == once


def test_dead_code_goes() -> None:
    builder, (x, w) = place_of()
    builder.emit("exp", x)
    wanted = builder.emit("multiply", x, w)
    code = Code(tuple(builder.instructions), (wanted,)).without_dead_code()
    assert listing(code, ["x"], ["w"]) == ("for each sample:\n  v2 = x * w\nreturn per sample: v2")


def test_json_keeps_every_digit() -> None:
    numbers = [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308]
    builder = Builder()
    places = [builder.constant(x) for x in numbers] + [builder.constant(True)]
    code = Code(tuple(builder.instructions), tuple(places))
    loaded = Code.from_json(code.to_json())
    assert repr(loaded) == repr(code)
