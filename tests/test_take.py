"""take: a row of a table, chosen by a number that may be known only when a program is called."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, compile, take


def table(rows: int, columns: int, seed: int = 0) -> list[list[Value]]:
    rng = Random(seed)
    return [[Value(rng.gauss(0.0, 1.0)) for _ in range(columns)] for _ in range(rows)]


def gradients(values: list[list[Value]]) -> list[list[float]]:
    return [[value.grad for value in row] for row in values]


def test_it_is_the_row_itself_and_a_list_of_its_own() -> None:
    values = table(3, 2)
    row = take(values, np.int64(1))
    assert all(taken is value for taken, value in zip(row, values[1], strict=True))
    row.clear()
    assert len(values[1]) == 2


def test_the_gradient_goes_to_the_rows_that_were_taken_as_often_as_they_were() -> None:
    values = table(3, 2)
    x, y = take(values, 2)
    again, _ = take(values, 2)
    (3.0 * x + 5.0 * y + again).backward()
    assert gradients(values) == [[0.0, 0.0], [0.0, 0.0], [4.0, 5.0]]


@pytest.mark.parametrize("index", [1.0, True, None, "0", [0], Value(0.0)])
def test_an_index_is_a_whole_number(index: Any) -> None:
    with pytest.raises(TypeError, match=r"^take's index is a whole number, got \w+"):
        take([[1.0], [2.0]], index)


@pytest.mark.parametrize("index", [-1, 2])
def test_rows_are_counted_from_0_and_not_from_the_end(index: int) -> None:
    with pytest.raises(IndexError, match=rf"^take's index is from 0 to 1, got {index}$"):
        take([[1.0], [2.0]], index)


@pytest.mark.parametrize(
    ("rows", "found"), [([], "none"), ([[1.0], [], [2.0, 3.0]], "0 and 1 and 2")]
)
def test_rows_have_one_length(rows: Any, found: str) -> None:
    with pytest.raises(ValueError, match=f"^take needs rows of one length, got {found}$"):
        take(rows, 0)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("computed", [False, True])
def test_a_program_takes_as_the_graph_does(backend: str, computed: bool) -> None:
    values, other = table(5, 3), table(2, 3, seed=1)

    def loss(k: Any, j: Any) -> Any:
        rows = [[autograd.tanh(value) for value in row] for row in values] if computed else values
        both = zip(take(rows, k), take(rows, j), take(other, 1), strict=True)
        return autograd.sum(a * b * b + c for a, b, c in both)

    ks, js = [0, 3, 3, 4, 3], [1, 3, 0, 4, 3]
    program = compile(loss, backend=backend)
    found = program.backward(ks, js)
    compiled = gradients(values) + gradients(other)
    for row in values + other:
        for value in row:
            value.zero_grad()
    mean = autograd.mean([loss(k, j) for k, j in zip(ks, js, strict=True)])
    mean.backward()
    assert found == pytest.approx(mean.data, rel=1e-14)
    np.testing.assert_allclose(compiled, gradients(values) + gradients(other), rtol=1e-13)


def test_a_program_says_which_row_of_its_batch_takes_what_is_not_there() -> None:
    values = table(3, 2)
    program = compile(lambda k: autograd.sum(take(values, k)), backend="numpy")
    for wrong in (3, -1, 0.5):
        with pytest.raises(ValueError, match=r"^row 1 of k is .* one of 0, 1, … 2"):
            program([0, wrong])
