"""Every primitive, compiled: value and derivatives as in a graph, at special points too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import mpmath
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Primitive, Value
from autograd.compiled.code import Builder, Code, name_of
from autograd.compiled.gradient import with_gradients
from autograd.compiled.kernels import make_kernel
from autograd.primitives import TABLE, chosen

inf, nan = math.inf, math.nan
BACKENDS = ("numpy", "llvm")
SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1e-300, -1e-300, 1e-20, 1e20, -1e20,
    1e155, -1e155, 1e300, -1e300, 710.0, -710.0, 800.0, -800.0, 40.0, -40.0, inf, -inf, nan,
)  # fmt: skip
FEW = (0.0, 1.0, -1.0, 2.5, -2.5, 1e200, -1e-200, 709.0, inf, -inf, nan)
NOT_OF_LLVM = {"lgamma", "digamma", "polygamma"}
NAMES = [name for name, entry in TABLE.items() if entry is not chosen]


def code_of(primitive: Primitive, count: int) -> Code:
    """The primitive applied to inputs, all of which a gradient is wanted of."""
    builder = Builder()
    inputs = [builder.emit("input", k) for k in range(count)]
    output = builder.emit(name_of(primitive), *inputs)
    code = Code(tuple(builder.instructions), (output,))
    gradients = with_gradients(code, (), range(count))
    return Code(gradients.instructions, gradients.outputs, gradients.totals)


def forward_of(primitive: Primitive, count: int) -> Code:
    builder = Builder()
    inputs = [builder.emit("input", k) for k in range(count)]
    output = builder.emit(name_of(primitive), *inputs)
    return Code(tuple(builder.instructions), (output,))


def compiled(
    primitive: Primitive, points: Sequence[Sequence[float]], backend: str
) -> tuple[list[float], list[list[float]]]:
    """The values and the derivatives at many points at once."""
    count = len(points[0])
    table = numpy.array(points, dtype=float)
    numbers = numpy.empty(0)
    values, _ = make_kernel(forward_of(primitive, count), [count], backend)([table], numbers)
    slopes, _ = make_kernel(code_of(primitive, count), [count], backend)([table], numbers)
    return values[:, 0].tolist(), slopes.tolist()


def eager(primitive: Primitive, point: Sequence[float]) -> tuple[float, list[float]]:
    inputs = [Value(x) for x in point]
    output = primitive(*inputs)
    if output.requires_grad:
        output.backward()
    return output.data, [x.grad for x in inputs]


def agree(x: float, y: float, scale: float = 0.0) -> bool:
    """The same number, to 1e-12 of its size; the sign of zero is not compared."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if math.isinf(x) or math.isinf(y):
        return x == y
    return abs(x - y) <= 1e-12 * max(abs(x), abs(y), scale) + 1e-307


def compare(primitive: Primitive, points: Sequence[Sequence[float]], backend: str) -> list[Any]:
    """The points at which a compiled primitive is wrong."""
    values, slopes = compiled(primitive, points, backend)
    wrong = []
    for point, value, row in zip(points, values, slopes, strict=True):
        expected, gradient = eager(primitive, point)
        fits = agree(value, expected) and all(map(agree, row, gradient))
        if not fits:
            wrong.append((point, value, expected, row, gradient))
    return wrong


def count_of(primitive: Primitive) -> int:
    return 4 if primitive.variadic else len(primitive.inputs)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_special_points_are_those_of_a_graph(name: str, backend: str) -> None:
    primitive = TABLE[name]
    if backend == "llvm" and name in NOT_OF_LLVM:
        with pytest.raises(NotImplementedError, match=name):
            compiled(primitive, [(1.0,) * count_of(primitive)], backend)
        return
    count = count_of(primitive)
    numbers = {1: SPECIAL, 2: FEW}.get(count, FEW[::2])
    points = list(itertools.product(numbers, repeat=count))[:5000]
    assert compare(primitive, points, backend) == []


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_points(backend: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([n for n in NAMES if n not in NOT_OF_LLVM]))
    primitive = TABLE[name]
    numbers = st.floats(-50.0, 50.0) | st.floats(allow_subnormal=False)
    row = st.tuples(*[numbers] * count_of(primitive))
    points = data.draw(st.lists(row, min_size=1, max_size=12))
    assert compare(primitive, points, backend) == []


DOMAINS = {
    "exp": (-708.0, 709.0), "expm1": (-40.0, 700.0), "log": (1e-300, 1e300),
    "log1p": (-0.999, 1e3), "log2": (1e-3, 1e3), "log10": (1e-3, 1e3), "cbrt": (-1e3, 1e3),
    "sin": (-1e4, 1e4), "cos": (-1e4, 1e4), "tan": (-1e4, 1e4), "sinh": (-700.0, 700.0),
    "cosh": (-700.0, 700.0), "tanh": (-20.0, 20.0), "asin": (-1.0, 1.0), "acos": (-1.0, 1.0),
    "atan": (-1e3, 1e3), "asinh": (-1e3, 1e3), "acosh": (1.0, 1e3), "atanh": (-1.0, 1.0),
    "erf": (-6.0, 6.0), "erfc": (-6.0, 26.0), "sigmoid": (-40.0, 40.0),
}  # fmt: skip


# Where the C library's functions of vectors are off by more than 2 ulp, found among millions.
WORST = {
    "expm1": [0.027140382947987294, 0.0030735969516863895], "log1p": [0.0004883772310586033],
    "log2": [1.0004995665525502], "log10": [1.0004912723524457], "asin": [0.5091319290431078],
    "atan": [0.1251230979832081], "asinh": [0.003905412802029386], "acosh": [1.0001218946129415],
}  # fmt: skip


@pytest.mark.parametrize("name", DOMAINS)
def test_machine_codes_functions_are_within_2_ulp(name: str) -> None:
    low, high = DOMAINS[name]
    rng = numpy.random.default_rng(0)
    points = numpy.concatenate([rng.uniform(low, high, 400), rng.normal(size=400)])
    points = points[(points >= low) & (points <= high)]
    points = numpy.append(points, WORST.get(name, []))
    table = points.reshape(-1, 1)
    kernel = make_kernel(forward_of(TABLE[name], 1), [1], "llvm")
    found = kernel(*[[table], numpy.empty(0)])[0][:, 0].tolist()
    with mpmath.workdps(40):
        exact = TABLE[name].exact or (lambda mp, x: getattr(mp, name)(x))
        for x, y in zip(points.tolist(), found, strict=True):
            wanted = exact(mpmath.mp, mpmath.mpf(x))
            # Without functions of vectors it is C's own, whose cbrt may be off by more.
            error_in_graph = abs(mpmath.mpf(TABLE[name].evaluate(x)) - wanted)
            allowed = max(2.0 * math.ulp(float(wanted)), error_in_graph)
            assert abs(mpmath.mpf(y) - wanted) <= allowed, x
