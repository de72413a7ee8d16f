"""Data: every sample once per epoch, in batches; what is no data is refused, naming the row."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import batches


@given(st.integers(1, 30), st.integers(1, 30), st.booleans(), st.booleans(), st.integers(0, 9))
def test_batches_hold_every_sample_once(
    count: int, size: int, shuffle: bool, drop_last: bool, seed: int
) -> None:
    size = min(size, count)
    X, y = [[k] for k in range(count)], [10 * k for k in range(count)]
    portions = list(batches(X, y, size, shuffle=shuffle, seed=seed, drop_last=drop_last))
    rows = [row for some, _ in portions for row in some]
    assert len(rows) == (count - count % size if drop_last else count)
    assert len({row[0] for row in rows}) == len(rows)
    assert [10 * row[0] for row in rows] == [target for _, some in portions for target in some]
    full, rest = (portions, []) if drop_last else (portions[:-1], portions[-1:])
    assert {len(some) for some, _ in full} <= {size}
    assert all(0 < len(some) <= size for some, _ in rest)
    assert shuffle or rows == X[: len(rows)]


def test_batches_of_a_seed_are_the_same_and_of_a_generator_go_on() -> None:
    X = y = list(range(20))

    def order(seed: Any) -> list[int]:
        return [k for rows, _ in batches(X, y, 3, shuffle=True, seed=seed) for k in rows]

    assert order(1) == order(1) != order(2)
    rng = Random(1)
    first, second = order(rng), order(rng)
    assert order(1) == first != second
    assert list(range(20)) == X


ROWS, TARGETS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 1, 0]


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (ROWS, TARGETS),
        (tuple(map(tuple, ROWS)), tuple(TARGETS)),
        (np.array(ROWS), np.array(TARGETS)),
        (list(np.array(ROWS)), list(np.array(TARGETS))),
        (np.array(ROWS, dtype=np.float32), np.array(TARGETS, dtype=np.uint8)),
        (pd.DataFrame(ROWS, columns=["a", "b"], index=[7, 8, 9]), pd.Series(TARGETS)),
        (pd.DataFrame(ROWS, dtype="Float64"), pd.Series(TARGETS, dtype="Int64")),
    ],
)
@pytest.mark.parametrize("size", [None, 1, 2])
def test_all_kinds_of_data_are_the_same(X: Any, y: Any, size: int | None) -> None:
    portions = list(batches(X, y, size))
    assert [list(row) for rows, _ in portions for row in rows] == ROWS
    targets = [target for _, some in portions for target in some]
    assert targets == TARGETS
    assert not any(isinstance(target, float) for target in targets)  # classes stay whole
    assert [len(rows) for rows, _ in portions] == {None: [3], 1: [1, 1, 1], 2: [2, 1]}[size]


def test_samples_may_be_numbers_pictures_values_or_sequences_of_several_lengths() -> None:
    value = Value(2.0)
    for X in (
        [1.0, 2.0],
        [[[1.0, 2.0], [3.0, 4.0]]] * 2,
        [[value], [3.0]],
        [[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]],
        np.zeros((2, 3, 4)),
    ):
        ((rows, _),) = batches(X, [0, 1])
        assert len(rows) == 2
    ((rows, _),) = batches([[value], [3.0]], [0, 1])
    assert rows[0][0] is value


FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, None]}, index=["x", "y"])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2], [1]), ValueError, "2 rows, 1 target$"),
        (([], []), ValueError, "no samples"),
        (([1], [1], 0), ValueError, "size of a batch .* got 0"),
        (([1], [1], 1.5), ValueError, "size of a batch .* got 1.5"),
        (([[1], [None]], [1, 2]), TypeError, r"row 1 of X has NoneType 'None' at \[0\], not"),
        (([[1, 2], [1, "2"]], [1, 2]), TypeError, r"row 1 of X has str '2' at \[1\], not"),
        (([[[1]], [[1j]]], [1, 2]), TypeError, r"row 1 of X has complex .* at \[0\]\[0\]"),
        (([1, 2], [1, None]), TypeError, "row 1 of y has NoneType 'None', not a number"),
        (([1, 2], ["cat", "dog"]), TypeError, "row 0 of y has str 'cat'"),
        (([[1, 2], [3]], [1, 2]), ValueError, "row 1 of X has 1 number, but row 0 has 2 numbers"),
        (([[1, 2], 3], [1, 2]), ValueError, "row 1 of X has a single number, but row 0 has 2"),
        (([[1], [2]], [[1, 0], [1]]), ValueError, "row 1 of y has 1 number, but row 0 has 2"),
        (([[1], [math.nan]], [1, 2]), ValueError, r"row 1 of X has nan at \[0\]: .*finite=False"),
        (([[1], [2]], [1, math.inf]), ValueError, "row 1 of y has inf: "),
        ((np.array([[1.0], [np.nan]]), [1, 2]), ValueError, r"row 1 of X has nan at \[0\]"),
        ((FRAME, [1, 2]), ValueError, r"row 1 \(index 'y'\) of X has nan in column 'b'"),
        ((FRAME.astype("Float64"), [1, 2]), TypeError, r"row 1 \(index 'y'\) of X has NAType"),
        ((FRAME[["a"]].astype(str), [1, 2]), TypeError, "row 0 .* has str '1.0' in column 'a'"),
        ((pd.DataFrame({"t": pd.to_datetime(["2020", "2021"])}), [1, 2]), TypeError, "column 't'"),
        (({1: 2}, [1]), TypeError, "X is a list of samples, .* got dict"),
        (({1, 2}, [1, 2]), TypeError, "X is a list of samples, .* got set"),
        (("ab", [1, 2]), TypeError, "X is a list of samples, .* got str 'ab'"),
        ((3, [1]), TypeError, "X is a list of samples, .* got int"),
        ((iter([1]), [1]), TypeError, "X is a list of samples"),
    ],
)
def test_what_is_no_data_is_refused_at_once(arguments: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        batches(*arguments)


def test_nan_is_let_through_if_that_is_wanted() -> None:
    ((rows, targets),) = batches([[math.nan]], [math.inf], finite=False)
    assert math.isnan(rows[0][0])
    assert targets == [math.inf]


def test_dropping_all_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 3 is too large for 2 samples"):
        batches([1, 2], [1, 2], 3, drop_last=True)


def test_size_shuffle_and_seed_may_be_given_by_position() -> None:
    by_name = batches(list(range(9)), list(range(9)), size=2, shuffle=True, seed=3)
    assert list(batches(list(range(9)), list(range(9)), 2, True, 3)) == list(by_name)
