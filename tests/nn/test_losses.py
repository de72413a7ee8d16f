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
from nn import Linear, Sequential, l1_penalty, l2_penalty, losses
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
    assert cross_entropy([40.0, 0.0], 0) == pytest.approx(math.exp(-40.0), rel=1e-12, abs=0.0)
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


POINT = [0.3, -2.0, 1.5]
GRADCHECKS: dict[str, tuple[Any, Any]] = {
    "mse": (lambda x: mse(x, [1.0, 2.0, 0.0], weight=[1.0, 2.0, 3.0]), POINT),
    "half_squared_error": (lambda x: losses.half_squared_error(x, [1.0, 2.0, 0.0]), POINT),
    "mae": (lambda x: losses.mae(x, [1.0, 2.0, 0.0]), POINT),
    "huber": (lambda x: losses.huber(x, [1.0, 2.0, 0.0], delta=0.9), POINT),
    "smooth_l1": (lambda x: losses.smooth_l1(x, [1.0, 2.0, 0.0], beta=0.9), POINT),
    "hinge": (lambda x: losses.hinge(x, [1, -1, 1]), POINT),
    "distillation": (lambda x: losses.distillation(x, 1, [0.5, 2.0, -1.0]), POINT),
    "binary_cross_entropy": (
        lambda p: losses.binary_cross_entropy(p, [1, 0, 0.25]),
        [0.3, 0.4, 0.6],
    ),
    "binary_cross_entropy_with_logits": (
        lambda x: losses.binary_cross_entropy_with_logits(x, [1, 0, 0.25], pos_weight=3.0),
        POINT,
    ),
    "cross_entropy": (lambda x: cross_entropy(x, 1, label_smoothing=0.2), POINT),
    "cross_entropy of probabilities": (lambda x: cross_entropy(x, [0.2, 0.5, 0.3]), POINT),
    "nll": (lambda x: losses.nll(x, 1, weight=[1.0, 2.0, 3.0]), POINT),
    "kl_div": (lambda x: losses.kl_div(x, [0.2, 0.5, 0.3]), POINT),
    "kl_div of its target": (lambda p: losses.kl_div(POINT, p), [0.2, 0.5, 0.3]),
    "kl_div of logarithms": (lambda q: losses.kl_div(POINT, q, log_target=True), [-2.0, -1, -3]),
}


@pytest.mark.parametrize("name", GRADCHECKS)
def test_losses_pass_gradcheck(name: str) -> None:
    loss, point = GRADCHECKS[name]
    assert autograd.gradcheck(loss, point)


def test_every_loss_is_checked() -> None:
    assert {name.partition(" ")[0] for name in GRADCHECKS} == set(losses.__all__)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=5))
def test_half_squared_error_pulls_with_the_error(pairs: list[tuple[float, float]]) -> None:
    outputs, targets = [Value(x) for x, _ in pairs], [y for _, y in pairs]
    loss = losses.half_squared_error(outputs, targets)
    loss.backward()
    assert [output.grad for output in outputs] == [x - y for x, y in pairs]
    twice = mse([x for x, _ in pairs], targets, reduction="sum")
    assert 2.0 * loss.data == pytest.approx(twice, rel=1e-12)


def test_at_its_kink_a_loss_has_the_gradient_of_least_norm() -> None:
    for loss in (losses.mae(x := Value(1.0), 1.0), losses.hinge(x, 1)):
        x.zero_grad()
        loss.backward()
        assert x.grad == 0.0


def test_hinge_is_content_beyond_the_margin() -> None:
    x = Value(1.5)
    losses.hinge(x, 1).backward()
    assert x.grad == 0.0
    losses.hinge(x, -1).backward()
    assert x.grad == 1.0
    assert losses.hinge([0.5, 0.5], [1, -1], reduction="none", margin=2.0) == [1.5, 2.5]


def test_logits_that_would_be_certain_keep_their_gradient() -> None:
    """Where sigmoid is 0 or 1 to the last bit, the loss still tells how wrong it is."""
    for x, target in ((800.0, 0), (-800.0, 1), (1e300, 0)):
        logit = Value(x)
        loss = losses.binary_cross_entropy_with_logits(logit, target)
        loss.backward()
        assert (loss.data, logit.grad) == (abs(x), 1.0 - 2.0 * target)


@pytest.mark.parametrize(("x", "target"), [(-40.0, 0), (40.0, 1)])
def test_small_losses_of_logits_are_exact(x: float, target: int) -> None:
    loss = losses.binary_cross_entropy_with_logits(x, target)
    assert loss == pytest.approx(math.exp(-40.0), rel=1e-12, abs=0.0)


@given(st.floats(-30.0, 30.0), st.floats(0.0, 1.0))
def test_the_forms_of_binary_cross_entropy_agree(x: float, target: float) -> None:
    logits = losses.binary_cross_entropy_with_logits(x, target)
    p = losses.binary_cross_entropy(autograd.sigmoid(x), target)
    assert p == pytest.approx(logits, rel=1e-3 if abs(x) > 20 else 1e-7, abs=1e-14)
    assert cross_entropy([0.0, x], [1.0 - target, target]) == pytest.approx(logits, abs=1e-12)


def test_probabilities_at_the_border_are_no_anomaly() -> None:
    with autograd.detect_anomaly():
        p, q = Value(0.0), Value(1.0)
        losses.binary_cross_entropy([p, q], [1, 0]).backward()
        losses.kl_div([p, q], [0.0, 1.0]).backward()


def test_a_nan_probability_is_told_by_a_nan_loss() -> None:
    assert math.isnan(losses.binary_cross_entropy(math.nan, 1))
    assert math.isnan(losses.kl_div(0.0, math.nan))


def test_ignored_samples_count_nothing() -> None:
    rows = [[Value(2.0), Value(0.0)], [Value(5.0), Value(1.0)]]
    loss = cross_entropy(rows, [0, -100])
    loss.backward()
    assert loss.data == cross_entropy([2.0, 0.0], 0)
    assert [value.grad for value in rows[1]] == [0.0, 0.0]
    assert math.isnan(cross_entropy(rows, [-100, -100]))
    assert cross_entropy(rows, [-100, -100], reduction="sum") == 0.0


def test_penalties() -> None:
    model = Sequential(Linear(2, 2, seed=0), "relu", Linear(2, 1, seed=1))
    numbers = [parameter.data for parameter in model.parameters()]
    l1_penalty(model, 0.1).backward()
    assert l1_penalty(model, 0.1).data == pytest.approx(0.1 * sum(map(abs, numbers)))
    assert [w.grad for w in model.parameters()] == [math.copysign(0.1, w) for w in numbers]
    model.zero_grad()
    loss = l2_penalty(model.parameters(), 0.1)
    loss.backward()
    assert loss.data == pytest.approx(0.1 * sum(w * w for w in numbers))
    assert [w.grad for w in model.parameters()] == pytest.approx([0.2 * w for w in numbers])


def test_a_penalty_counts_a_shared_parameter_once() -> None:
    w = Value(3.0)
    assert (l1_penalty([w, w], 1.0).data, l2_penalty([w, w], 1.0).data) == (3.0, 9.0)


def test_a_weight_of_0_is_not_drawn_to_either_side() -> None:
    w = Value(0.0)
    l1_penalty([w], 1.0).backward()
    assert w.grad == 0.0


def test_weights_are_repeated_along_the_last_places() -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    zeros = [[0.0, 0.0], [0.0, 0.0]]
    assert mse(rows, zeros, weight=[1.0, 0.0], reduction="none") == [[1.0, 0.0], [9.0, 0.0]]
    assert mse(rows, zeros, weight=[1.0, 0.0]) == 5.0  # divided by the sum of the weights
    assert mse(rows, zeros, weight=2.0) == 7.5
    assert losses.huber(rows, zeros, weight=2.0) == 2.0 * losses.huber(rows, zeros)


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
        (lambda: cross_entropy([1.0, 2.0], 0, weight=[1.0]), ValueError, "are 2, got 1 number"),
        (lambda: cross_entropy([1.0], 0, label_smoothing=1.5), ValueError, "between 0 and 1"),
        (lambda: cross_entropy([1.0], 0, label_smoothing=math.nan), ValueError, "between 0 and 1"),
        (lambda: losses.nll([-1.0, -2.0], [0.5, 0.5]), TypeError, "is the number of a class, got"),
        (lambda: mse([1.0, None], [1.0, 2.0]), TypeError, "input is made of numbers, .* number 1"),
        (lambda: mse([1.0], ["1"]), TypeError, "target is made of numbers, got str '1'"),
        (lambda: mse([1.0, 2.0], [1, 2], weight=[1.0] * 3), ValueError, "weight is a number, or"),
        (lambda: losses.huber(1.0, 0.0, delta=0.0), ValueError, "delta is a number above 0"),
        (lambda: losses.huber(1.0, 0.0, delta=math.nan), ValueError, "delta is a number above 0"),
        (lambda: losses.smooth_l1(1.0, 0.0, beta=-1.0), ValueError, "beta is a number from 0 on"),
        (lambda: losses.hinge([1.0, 2.0], [1, 0]), ValueError, "1 and -1, got 0 as number 1"),
        (
            lambda: losses.binary_cross_entropy([0.5, 1.5], [1, 0]),
            ValueError,
            "got 1.5 as number 1",
        ),
        (lambda: losses.binary_cross_entropy(-0.1, 1), ValueError, "for logits there is"),
        (lambda: losses.kl_div([-1.0], [-0.5]), ValueError, "log_target=True"),
        (lambda: losses.kl_div([-1.0], [0.5], reduction="avg"), ValueError, "none, batchmean, got"),
        (lambda: mse([1.0], [1.0], reduction="batchmean"), ValueError, "got 'batchmean'"),
        (lambda: l1_penalty([1.0], 0.1), TypeError, "a list with a float"),  # type: ignore[list-item]
    ],
)
def test_errors_say_what_is_wrong(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
