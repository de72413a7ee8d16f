"""Losses: closed forms, extreme logits, shapes, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from nn.losses import cross_entropy, mse

logits = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6)


def test_mse_and_its_gradient() -> None:
    predictions = [Value(3.0), Value(5.0)]
    loss = mse(predictions, [1.0, 4.0])
    loss.backward()
    assert (loss.data, [p.grad for p in predictions]) == (2.5, [2.0, 1.0])


def test_mse_reductions() -> None:
    predictions, targets = [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]
    assert mse(predictions, targets) == 7.5
    assert mse(predictions, targets, reduction="sum") == 30.0
    assert mse(predictions, targets, reduction="none") == [[1.0, 4.0], [9.0, 16.0]]
    assert mse(3.0, 1.0, reduction="none") == 4.0


@pytest.mark.parametrize(
    ("predictions", "targets"),
    [
        ([[1.0], [2.0]], [3.0, 5.0]),  # a model of one output, a plain list of targets
        ([1.0, 2.0], [[3.0, 5.0]]),
        (np.array([[1.0], [2.0]]), (3, 5)),
    ],
)
def test_mse_looks_past_sizes_of_one(predictions: Any, targets: Any) -> None:
    assert mse(predictions, targets) == 6.5
    assert mse([7.0], 4.0) == 9.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_cross_entropy_of_two_classes_is_softplus(a: float, b: float) -> None:
    expected = autograd.softplus(b - a)
    assert cross_entropy([a, b], 0) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(logits, st.data())
def test_cross_entropy_gradient_is_softmax_minus_one_hot(xs: list[float], data: Any) -> None:
    target = data.draw(st.integers(0, len(xs) - 1))
    values = [Value(x) for x in xs]
    cross_entropy(values, target).backward()
    expected = [p - (k == target) for k, p in enumerate(autograd.softmax(xs))]
    assert [v.grad for v in values] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(logits, st.floats(-1e3, 1e3), st.data())
def test_cross_entropy_knows_differences_only(xs: list[float], shift: float, data: Any) -> None:
    target = data.draw(st.integers(0, len(xs) - 1))
    order = data.draw(st.permutations(range(len(xs))))
    loss = cross_entropy(xs, target)
    assert loss >= 0.0
    assert cross_entropy([x + shift for x in xs], target) == pytest.approx(loss, abs=1e-9)
    mixed = cross_entropy([xs[k] for k in order], order.index(target))
    assert mixed == pytest.approx(loss, rel=1e-12, abs=1e-12)


@given(logits, st.data())
def test_a_class_is_a_certain_probability(xs: list[float], data: Any) -> None:
    target = data.draw(st.integers(0, len(xs) - 1))
    certain = [float(k == target) for k in range(len(xs))]
    assert cross_entropy(xs, certain) == pytest.approx(cross_entropy(xs, target), abs=1e-12)


def test_extreme_logits() -> None:
    assert cross_entropy([1e300, -1e300], 0) == 0.0
    assert cross_entropy([1e300, -1e300], 1) == 2e300
    assert cross_entropy([1.7e308, -1.7e308], 1) == math.inf
    assert cross_entropy([1e300, 0.0], 1) == 1e300
    assert cross_entropy([0.0, -800.0], 0) == 0.0
    assert cross_entropy([40.0, 0.0], 0) == pytest.approx(math.exp(-40.0), rel=1e-12)
    values = [Value(1000.0), Value(0.0)]
    cross_entropy(values, 1).backward()
    assert [v.grad for v in values] == [1.0, -1.0]


def test_cross_entropy_of_batches() -> None:
    rows, targets = [[2.0, 0.0], [0.0, 0.0], [-1.0, 3.0]], [0, 1, 0]
    each = [cross_entropy(row, target) for row, target in zip(rows, targets, strict=True)]
    assert cross_entropy(rows, targets, reduction="none") == each
    assert cross_entropy(rows, targets, reduction="sum") == pytest.approx(sum(each))
    assert cross_entropy(rows, targets) == pytest.approx(sum(each) / 3)
    assert cross_entropy(np.array(rows), np.array(targets)) == cross_entropy(rows, targets)


@pytest.mark.parametrize("target", [1, [0.2, 0.5, 0.3]])
def test_cross_entropy_passes_gradcheck(target: Any) -> None:
    assert autograd.gradcheck(lambda x: cross_entropy(x, target), [0.3, -2.0, 1.5])


def test_mse_passes_gradcheck() -> None:
    assert autograd.gradcheck(lambda x: mse(x, [1.0, 2.0]), [0.3, -2.0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mse([1.0], [1.0, 2.0]), ValueError, "got 1 predictions and 2 targets"),
        (lambda: mse([[1, 2, 3]] * 2, [[1, 2]] * 3), ValueError, "2 × 3 predictions and 3 × 2"),
        (lambda: mse([[1.0], [2.0, 3.0]], [1, 2, 3]), ValueError, "rows of different lengths"),
        (lambda: mse([], []), ValueError, "at least one prediction"),
        (lambda: mse([1.0], [1.0], reduction="avg"), ValueError, "mean, sum, none, got 'avg'"),
        (lambda: cross_entropy([1.0, 2.0], 2), ValueError, "is class 2, .* classes 0 to 1"),
        (lambda: cross_entropy([1.0, 2.0], -1), ValueError, "is class -1"),
        (lambda: cross_entropy([[1.0, 2.0]] * 3, [0, 1, 5]), ValueError, "of sample 2 is class 5"),
        (lambda: cross_entropy([[1.0, 2.0]] * 3, [0, 1]), ValueError, "got 2 for 3 samples"),
        (lambda: cross_entropy([[1.0, 2.0]] * 3, 1), ValueError, "got a single one for 3 samples"),
        (lambda: cross_entropy([1.0, 2.0], 1.0), TypeError, "number of a class .* got 1.0"),
        (lambda: cross_entropy([1.0, 2.0], True), TypeError, "number of a class .* got True"),
        (lambda: cross_entropy([1.0, 2.0], "a"), TypeError, "number of a class .* got 'a'"),
        (lambda: cross_entropy([1.0, 2.0], [0.5]), ValueError, "has 1 probabilities for 2"),
        (lambda: cross_entropy([], 0), ValueError, "needs a list of logits"),
        (lambda: cross_entropy(1.0, 0), ValueError, "needs a list of logits"),
        (lambda: cross_entropy([[[1.0]]], [0]), ValueError, "needs a list of logits"),
        (lambda: cross_entropy([[1.0], [1.0, 2.0]], [0, 0]), ValueError, "different lengths"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
