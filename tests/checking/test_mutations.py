"""Every primitive passes gradcheck, and one part in a million wrong in any partial is caught."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd import Primitive, Value, gradcheck
from autograd.checking.kinks import kinks_of
from autograd.checking.rounding import partial_tolerances
from autograd.primitives import TABLE

WITHOUT_DERIVATIVE = {("polygamma", 0): "the order of polygamma is no continuous input"}


def width(primitive: Primitive) -> int:
    return 4 if primitive.variadic else len(primitive.inputs)


def number(draw: random.Random) -> float:
    kind = draw.random()
    if kind < 0.5:
        return draw.gauss(0.0, 1.5)
    if kind < 0.7:
        return float(draw.randint(-4, 5))
    return draw.choice((-1.0, 1.0)) * 10.0 ** draw.uniform(-4.0, 1.3)


@functools.cache
def points(name: str, count: int) -> list[tuple[float, ...]]:
    """Points inside the domain, off the kinks, with finite derivatives."""
    draw = random.Random(name)
    found: list[tuple[float, ...]] = []
    primitive = TABLE[name]
    while len(found) < count:
        point = tuple(number(draw) for _ in range(width(primitive)))
        if not primitive.defined_at(*point):
            continue
        node = primitive(*[Value(x) for x in point])
        tracked = [p for k, p in enumerate(node.partials) if (name, k) not in WITHOUT_DERIVATIVE]
        on_kink = any(kink.distance == 0.0 for kink in kinks_of([node]))
        if not on_kink and all(map(math.isfinite, (node.data, *tracked))):
            found.append(point)
    return found


def larger_expression(primitive: Primitive) -> Callable[..., Any]:
    """The primitive with operations below and above it; its order, if any, a constant."""

    def f(*xs: Value) -> Value:
        inputs: list[Any] = [2.0 * x for x in xs]
        for place, x in enumerate(xs):
            if (primitive.name, place) in WITHOUT_DERIVATIVE:
                inputs[place] = 2.0 * x.data
        middle = primitive(*inputs)  # the operation under test
        return 0.5 * middle + xs[-1] * 0.25

    return f


def halves(point: tuple[float, ...]) -> list[float]:
    return [x / 2.0 for x in point]


def mutant(primitive: Primitive, place: int, exact: Any) -> Primitive:
    @functools.wraps(primitive.partials)  # its signature names the inputs
    def partials(out: Any, *inputs: Any) -> tuple[Any, ...]:
        honest = list(primitive.partials(out, *inputs))
        p = honest[place]
        honest[place] = p * (1.0 + 1e-6) if p != 0.0 else 1e-6
        return tuple(honest)

    return Primitive(
        primitive.name,
        primitive.value,
        partials,
        symbol=primitive.symbol,
        domain=primitive.domain,
        kinks=primitive.kinks,
        exact=exact,
    )


def exact_form(primitive: Primitive) -> Any:
    name = primitive.name
    return primitive.exact or (lambda mp, *xs: getattr(mp, name)(*xs))


def mutations() -> Iterator[tuple[str, int]]:
    for name, primitive in TABLE.items():
        for place in range(width(primitive)):
            if (name, place) not in WITHOUT_DERIVATIVE:
                yield name, place


def well_conditioned(primitive: Primitive, place: int) -> tuple[float, ...]:
    """A point where a part in a million is more than rounding; not 0, if there is such."""
    for wanted in (True, False):
        for point in points(primitive.name, 60):
            out = primitive.evaluate(*point)
            p = primitive.float_derivatives(out, *point)[place]
            allowed = partial_tolerances(primitive, out, point)[place]
            if (p != 0.0) is wanted and allowed <= 1e-8 * (abs(p) or 1.0):
                return point
    raise AssertionError(f"no point for {primitive.name}")


@pytest.mark.parametrize("name", TABLE)
def test_every_primitive_passes(name: str) -> None:
    for point in points(name, 12):
        assert gradcheck(larger_expression(TABLE[name]), *halves(point), method="exact")
    for point in points(name, 2):
        assert gradcheck(larger_expression(TABLE[name]), *halves(point))


@pytest.mark.parametrize("with_exact", [True, False], ids=["exact", "by differences"])
@pytest.mark.parametrize(("name", "place"), list(mutations()))
def test_a_part_in_a_million_is_caught_and_blamed(name: str, place: int, with_exact: bool) -> None:
    primitive = TABLE[name]
    wrong = mutant(primitive, place, exact_form(primitive) if with_exact else None)
    point = well_conditioned(primitive, place)

    report = gradcheck(
        larger_expression(wrong), *halves(point), method="exact", raise_exception=False
    )

    assert not report
    blame = report.blame
    assert blame is not None
    assert blame.node.primitive is wrong
    assert blame.what == blame.inputs[place][0]
    assert blame.others == 0
    assert "# the operation under test" in str(blame.node.made_at)
    assert "# the operation under test" in str(report)


@pytest.mark.parametrize("name", ["tanh", "exp", "sin", "multiply", "divide", "sigmoid", "erf"])
def test_a_part_in_a_billion_is_caught_where_rounding_allows(name: str) -> None:
    primitive = TABLE[name]
    place = width(primitive) - 1

    @functools.wraps(primitive.partials)  # its signature names the inputs
    def partials(out: Any, *inputs: Any) -> tuple[Any, ...]:
        honest = list(primitive.partials(out, *inputs))
        honest[place] = honest[place] * (1.0 + 1e-9)
        return tuple(honest)

    wrong = Primitive(name, primitive.value, partials, exact=exact_form(primitive))
    report = gradcheck(
        larger_expression(wrong), *[0.3] * width(primitive), method="exact", raise_exception=False
    )
    assert report.blame is not None
    assert report.blame.node.primitive is wrong
