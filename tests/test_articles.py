"""Two programs from tutorials that don't work: what they do, and what a check says to them.

Each is written here from its formulas, with NumPy. The first is to learn XOR with a 2-3-1 network;
the second, to find a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import Primitive, Value, gradcheck, gradients, mean, relu
from autograd import sum as sum_of
from nn.losses import mse

Arrays = list[Any]

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])

# XOR: hidden = max(X·W1 + b1, 0), output = hidden·W2 + b2, mean squared error.


def weights(seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 3)), np.zeros((1, 3)), rng.normal(size=(3, 1)), np.zeros((1, 1))]


def forward(params: Arrays) -> tuple[Any, Any]:
    W1, b1, W2, b2 = params
    hidden = np.maximum(X @ W1 + b1, 0.0)
    return hidden, hidden @ W2 + b2


def mean_squared_error(params: Arrays) -> float:
    return float(np.mean((forward(params)[1] - Y) ** 2))


def printed_gradients(params: Arrays) -> Arrays:
    hidden, output = forward(params)
    d_output = 2.0 * (output - Y)
    d_hidden = d_output @ params[2].T
    return [X.T @ d_hidden, d_hidden.sum(0), hidden.T @ d_output, d_output.sum(0)]


def right_gradients(params: Arrays) -> Arrays:
    """Return what the printed ones should be: with the mean's 1/4, and with the ReLU's mask."""
    hidden, output = forward(params)
    d_output = 2.0 * (output - Y) / 4.0
    d_hidden = d_output @ params[2].T * (hidden > 0.0)
    return [X.T @ d_hidden, d_hidden.sum(0), hidden.T @ d_output, d_output.sum(0)]


def moved(params: Arrays, by: float, along: Arrays) -> Arrays:
    return [
        param + by * part.reshape(param.shape) for param, part in zip(params, along, strict=True)
    ]


def network_loss(
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    bend: Callable[[Any], Any] = relu,
    average: Callable[[list[Any]], Any] = mean,
) -> Any:
    """Return the same loss, of Values in nested lists."""
    errors = []
    for x, (wanted,) in zip(X.tolist(), Y.tolist(), strict=True):
        hidden = [bend(sum_of([x[i] * W1[i][j] for i in range(2)]) + b1[0][j]) for j in range(3)]
        output = sum_of([hidden[j] * W2[j][0] for j in range(3)]) + b2[0][0]
        errors.append((output - wanted) ** 2)
    return average(errors)


def our_gradients(params: Arrays) -> Arrays:
    leaves = [[[Value(number) for number in row] for row in param.tolist()] for param in params]
    flat = [leaf for param in leaves for row in param for leaf in row]
    found = iter(gradients(network_loss(*leaves), flat))
    return [np.array([[float(next(found)) for _ in row] for row in param]) for param in leaves]


@pytest.mark.parametrize("seed", range(5))
def test_xor_as_printed_climbs_until_the_loss_is_nan(seed: int) -> None:
    params = weights(seed)
    losses = [mean_squared_error(params)]
    with np.errstate(all="ignore"):
        for _ in range(100):
            params = moved(params, +0.1, printed_gradients(params))
            losses.append(mean_squared_error(params))
    assert losses[1] > losses[0]
    assert np.isnan(losses[-1])


@pytest.mark.parametrize("seed", range(5))
def test_xor_the_printed_gradients_lack_a_quarter_and_the_mask(seed: int) -> None:
    params = weights(seed)
    assert gradcheck(network_loss, *[param.tolist() for param in params])
    ours = our_gradients(params)
    for mine, right in zip(ours, right_gradients(params), strict=True):
        np.testing.assert_allclose(mine.ravel(), right.ravel(), rtol=1e-12, atol=1e-14)

    _, b1, W2, b2 = (param.ravel() for param in printed_gradients(params))
    np.testing.assert_allclose(W2 / 4.0, ours[2].ravel(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(b2 / 4.0, ours[3].ravel(), rtol=1e-12, atol=1e-14)
    hidden, _ = forward(params)
    always_on = (hidden > 0.0).all(axis=0)
    assert not always_on.any(), "at (0, 0) no unit is on: the mask matters for each"
    assert not np.allclose(b1 / 4.0, ours[1].ravel(), rtol=1e-3)


def test_xor_gradcheck_blames_a_relu_without_its_mask() -> None:
    maskless = Primitive("maskless_relu", lambda x: max(x, 0.0), lambda out, x: (1.0,))
    point = [param.tolist() for param in weights(0)]
    assert gradcheck(network_loss, *point)

    def as_printed(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        return network_loss(W1, b1, W2, b2, bend=maskless)

    b1 = [[0.1, 0.1, 0.1]]  # off the kink, on which any number from 0 to 1 would pass
    report = gradcheck(as_printed, point[0], b1, *point[2:], raise_exception=False)
    assert not report
    assert report.blame is not None
    assert report.blame.node.op == "maskless_relu"
    assert (report.blame.said, report.blame.expected) == (1.0, 0.0)
    assert all(number < 0.0 for _, number in report.blame.inputs)


def test_xor_gradcheck_blames_a_mean_without_its_quarter() -> None:
    total = Primitive(
        "mean_of_4", lambda *errors: sum(errors) / 4.0, lambda out, *errors: (1.0,) * 4
    )
    point = [param.tolist() for param in weights(0)]

    def as_printed(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        return network_loss(W1, b1, W2, b2, average=lambda errors: total(*errors))

    report = gradcheck(as_printed, *point, raise_exception=False)
    assert not report
    assert report.blame is not None
    assert report.blame.node.op == "mean_of_4"
    assert (report.blame.said, report.blame.expected) == (1.0, 0.25)


def test_xor_is_learned_once_all_three_are_put_right() -> None:
    params = weights(6)
    for _ in range(3000):
        params = moved(params, -0.1, right_gradients(params))
    assert mean_squared_error(params) < 1e-4
    np.testing.assert_allclose(forward(params)[1], Y, atol=0.05)


# Linear regression: ŷ = x·w + b, mean squared error.


def points(count: int = 100) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.random((count, 1))
    return x, x + 2.0 + 0.1 * rng.normal(size=(count, 1))


def printed_step(w: Any, b: Any, x: Any, y: Any, lr: float = 0.1) -> tuple[Any, Any]:
    predicted = x @ w + b
    return w - lr * 2.0 * (predicted - y) * x, b - lr * 2.0 * (predicted - y)


def line_loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    return mse([w * number + b for number in x.ravel().tolist()], y.ravel().tolist())


def test_line_as_printed_stops_at_the_second_step() -> None:
    x, y = points()
    w, b = printed_step(np.zeros((1, 1)), np.zeros((1, 1)), x, y)
    assert w.shape == b.shape == (100, 1), "one number has become a column"
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        printed_step(w, b, x, y)


def test_line_the_printed_columns_are_gradients_of_a_hundred_losses() -> None:
    x, y = points()
    w, b = 0.5, -0.25
    columns = 2.0 * (x * w + b - y) * x, 2.0 * (x * w + b - y)
    for k in (0, 57):
        of_one = gradcheck(lambda w, b, k=k: line_loss(w, b, x[k : k + 1], y[k : k + 1]), w, b)
        engine = [entry.engine for entry in of_one.entries[:2]]
        np.testing.assert_allclose(engine, [column[k, 0] for column in columns], rtol=1e-12)
    of_all = gradcheck(lambda w, b: line_loss(w, b, x, y), w, b)
    engine = [entry.engine for entry in of_all.entries[:2]]
    np.testing.assert_allclose(engine, [column.mean() for column in columns], rtol=1e-12)
    assert not np.allclose(engine, [column.sum() for column in columns], rtol=1e-3)


def test_line_gradcheck_blames_a_sum_where_the_mean_is_meant() -> None:
    x, y = points(10)

    def partials(out: Any, w: Any, b: Any) -> tuple[Any, Any]:
        error = [w * a + b - c for a, c in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
        return (
            sum_of([2.0 * e * a for e, a in zip(error, x.ravel().tolist(), strict=True)]),
            sum_of([2.0 * e for e in error]),
        )

    summed = Primitive("line_error", lambda w, b: float(line_loss(w, b, x, y)), partials)
    report = gradcheck(lambda w, b: summed(w, b), 0.5, -0.25, raise_exception=False)
    assert not report
    wrong = [entry for entry in report.entries if not entry.agrees]
    assert len(wrong) == 2
    for entry in wrong:
        assert entry.expected is not None
        assert entry.engine / entry.expected == pytest.approx(10.0, rel=1e-6)


def test_line_is_found_once_the_mean_is_taken() -> None:
    x, y = points()
    w, b = Value(0.0), Value(0.0)
    for _ in range(400):
        by_w, by_b = gradients(line_loss(w, b, x, y), [w, b])
        w, b = Value(w.data - 0.5 * float(by_w)), Value(b.data - 0.5 * float(by_b))
    slope, intercept = np.polyfit(x.ravel(), y.ravel(), 1)
    np.testing.assert_allclose([w.data, b.data], [slope, intercept], rtol=1e-6)
    assert abs(w.data - 1.0) < 0.1
    assert abs(b.data - 2.0) < 0.1
