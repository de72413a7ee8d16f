"""Every primitive, compiled: value and derivatives as in a graph, at special points too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Primitive, Value
from autograd.compiled.code import Code, Builder, name_of
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
    both = Code(gradients.instructions, (*gradients.outputs,), gradients.totals)
    return both


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


if __name__ == "__main__":
    for backend in BACKENDS:
        for name in NAMES:
            if backend == "llvm" and name in NOT_OF_LLVM: continue
            primitive = TABLE[name]
            count = count_of(primitive)
            numbers = {1: SPECIAL, 2: FEW}.get(count, FEW[::2])
            points = list(itertools.product(numbers, repeat=count))[:3000]
            try:
                wrong = compare(primitive, points, backend)
            except Exception as e:
                print(backend, name, repr(e)[:300]); continue
            if wrong: print(backend, name, len(wrong), *wrong[:3], sep="\n    ")
