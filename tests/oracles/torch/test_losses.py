"""Every loss and its gradient equal those of torch.nn.functional, with all their options."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from autograd.nested import flatten
from nn import losses

Tensor = torch.Tensor
close = {"rel": 1e-12, "abs": 1e-13}

numbers = st.one_of(
    st.floats(-50.0, 50.0), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e3, -1e3, 1e150, -1e150])
)
probabilities = st.one_of(
    st.floats(1e-6, 1.0 - 1e-6), st.sampled_from([0.5, 1e-9, 1e-11, 1.0 - 1e-9])
)
weights = st.floats(0.01, 10.0)
few = settings(max_examples=15)  # each test has many variants
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
maybe_weighted = pytest.mark.parametrize("weighted", [False, True])


def tensor(numbers: Any, requires_grad: bool = False) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=requires_grad)


def agree(own_loss: Any, torch_loss: Any, input: Any, target: Any) -> None:
    """The losses are equal, and the gradients with respect to the input and the target."""
    own_input, own_target = (as_values(x) for x in (input, target))
    theirs_input, theirs_target = tensor(input, True), as_tensor(target)
    own, theirs = own_loss(own_input, own_target), torch_loss(theirs_input, theirs_target)
    terms = flatten(own)[0]
    expected = theirs.flatten().tolist()
    assert [float(term) for term in terms] == pytest.approx(expected, **close, nan_ok=True)
    for term in terms:
        if isinstance(term, Value):
            term.backward()
    theirs.sum().backward()
    for mine, its in ((own_input, theirs_input), (own_target, theirs_target)):
        if its.requires_grad:
            found = [value.grad for value in flatten(mine)[0]]
            # A gradient of 0 is compared too; nan never agrees.
            assert found == pytest.approx(its.grad.flatten().tolist(), **close)


def as_values(numbers: Any) -> Any:
    """The same nested lists of Values; whole numbers, which are classes, as they are."""
    if isinstance(numbers, list):
        return [as_values(x) for x in numbers]
    return numbers if isinstance(numbers, int) else Value(numbers)


def as_tensor(target: Any) -> Tensor:
    if all(isinstance(x, int) for x in flatten(target)[0]):
        return torch.tensor(target)
    return tensor(target, requires_grad=True)


def rows_of(numbers: Any) -> Any:
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4
        )
    )


def like(rows: list[list[float]], numbers: Any, data: st.DataObject) -> list[list[float]]:
    return [[data.draw(numbers) for _ in row] for row in rows]


# One number at a time.

ELEMENTWISE: dict[str, tuple[Any, Any]] = {
    "mse": (losses.mse, F.mse_loss),
    "mae": (losses.mae, F.l1_loss),
    "huber": (losses.huber, F.huber_loss),
}


@every_reduction
@maybe_weighted
@pytest.mark.parametrize("name", ELEMENTWISE)
@few
@given(input=rows_of(numbers), data=st.data())
def test_regression(
    name: str, weighted: bool, reduction: str, input: list[list[float]], data: st.DataObject
) -> None:
    own, theirs = ELEMENTWISE[name]
    target = like(input, numbers, data)
    weight = like(input, weights, data) if weighted else None
    agree(
        lambda x, y: own(x, y, reduction=reduction, weight=weight),
        lambda x, y: theirs(x, y, reduction=reduction, weight=weight and tensor(weight)),
        input,
        target,
    )


@every_reduction
@few
@given(
    input=rows_of(numbers),
    delta=st.one_of(st.floats(1e-3, 1e3), st.sampled_from([1.0, 0.5, 50.0])),
    data=st.data(),
)
def test_huber_and_smooth_l1(
    reduction: str, input: list[list[float]], delta: float, data: st.DataObject
) -> None:
    # The differences lie at the border and on either side of it.
    differences = st.one_of(numbers, st.sampled_from([0.0, delta, -delta, 2.0 * delta]))
    target = like(input, st.just(0.0), data)
    input = like(input, differences, data)
    agree(
        lambda x, y: losses.huber(x, y, reduction=reduction, delta=delta),
        lambda x, y: F.huber_loss(x, y, reduction=reduction, delta=delta),
        input,
        target,
    )
    agree(
        lambda x, y: losses.smooth_l1(x, y, reduction=reduction, beta=delta),
        lambda x, y: F.smooth_l1_loss(x, y, reduction=reduction, beta=delta),
        input,
        target,
    )


def test_smooth_l1_without_a_parabola() -> None:
    agree(
        lambda x, y: losses.smooth_l1(x, y, beta=0.0),
        lambda x, y: F.smooth_l1_loss(x, y, beta=0.0),
        [1.0, 2.0, 3.5],
        [1.0, -2.0, 4.0],
    )


@every_reduction
@few
@given(scores=st.lists(numbers, min_size=1, max_size=5), data=st.data())
def test_hinge(reduction: str, scores: list[float], data: st.DataObject) -> None:
    target = [data.draw(st.sampled_from([1, -1])) for _ in scores]
    margin = data.draw(st.sampled_from([1.0, 0.0, 0.25]))
    # At the kink the gradient is 0 here and the whole slope in PyTorch: the least norm.
    scores = [x for x in scores if abs(x) != margin] or [7.0]
    target = target[: len(scores)]
    agree(
        lambda x, y: losses.hinge(x, y, reduction=reduction, margin=margin),
        lambda x, y: F.margin_ranking_loss(
            x, torch.zeros_like(x), y.double(), reduction=reduction, margin=margin
        ),
        scores,
        target,
    )


@every_reduction
@maybe_weighted
@few
@given(input=rows_of(probabilities), data=st.data())
def test_binary_cross_entropy(
    reduction: str, weighted: bool, input: list[list[float]], data: st.DataObject
) -> None:
    target = like(input, st.one_of(st.just(0), st.just(1)), data)
    weight = like(input, weights, data) if weighted else None
    agree(
        lambda x, y: losses.binary_cross_entropy(x, y, reduction=reduction, weight=weight),
        lambda x, y: F.binary_cross_entropy(
            x, y.double(), reduction=reduction, weight=weight and tensor(weight)
        ),
        input,
        target,
    )


@few
@given(input=rows_of(probabilities), data=st.data())
def test_binary_cross_entropy_with_wanted_probabilities(
    input: list[list[float]], data: st.DataObject
) -> None:
    target = like(input, probabilities, data)
    # PyTorch's derivative with respect to the target is compared as well.
    agree(losses.binary_cross_entropy, F.binary_cross_entropy, input, target)


@pytest.mark.parametrize("p", [0.0, 5e-324, 1e-60, 1e-30, 1e-13, 1.0 - 2.0**-53, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_the_value_of_binary_cross_entropy_at_certainty(p: float, target: float) -> None:
    """The values are equal; of the gradients PyTorch's are cut off at p·(1 - p) = 1e-12."""
    own, theirs = Value(p), tensor(p, requires_grad=True)
    expected = F.binary_cross_entropy(theirs, tensor(target))
    loss = losses.binary_cross_entropy(own, target)
    assert loss.data == pytest.approx(expected.item(), **close)
    loss.backward()
    slope = 0.0  # of the logarithms that are not cut off at -100
    if p >= math.exp(-100.0):
        slope -= target / p
    if p < 1.0:
        slope += (1.0 - target) / (1.0 - p)
    assert own.grad == pytest.approx(slope, rel=1e-12)


@every_reduction
@pytest.mark.parametrize("option", ["", "weight", "pos_weight", "both"])
@few
@given(input=rows_of(numbers), data=st.data())
def test_binary_cross_entropy_with_logits(
    reduction: str, option: str, input: list[list[float]], data: st.DataObject
) -> None:
    target = like(input, st.sampled_from([0.0, 1.0, 0.25, 0.9]), data)
    options: dict[str, Any] = {}
    if option in ("weight", "both"):
        options["weight"] = like(input, weights, data)
    if option in ("pos_weight", "both"):
        options["pos_weight"] = like(input[:1], weights, data)[0]
    torch_options = {name: tensor(entry) for name, entry in options.items()}
    own, theirs = as_values(input), tensor(input, requires_grad=True)
    loss = losses.binary_cross_entropy_with_logits(own, target, reduction=reduction, **options)
    expected = F.binary_cross_entropy_with_logits(
        theirs, tensor(target), reduction=reduction, **torch_options
    )
    # PyTorch takes (1 - t)·x + softplus(-x), which loses what is smaller than x by 1e-16.
    largest = max(abs(x) for row in input for x in row)
    found = [float(term) for term in flatten(loss)[0]]
    slack = {"rel": 1e-12, "abs": 1e-13 + 1e-14 * largest}
    assert found == pytest.approx(expected.flatten().tolist(), **slack)
    for term in flatten(loss)[0]:
        term.backward()
    expected.sum().backward()
    slopes = [value.grad for value in flatten(own)[0]]
    assert slopes == pytest.approx(theirs.grad.flatten().tolist(), **close)


# Classes.


@every_reduction
@maybe_weighted
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@few
@given(logits=rows_of(st.one_of(st.floats(-50.0, 50.0), st.floats(-1e4, 1e4))), data=st.data())
def test_cross_entropy(
    reduction: str,
    weighted: bool,
    smoothing: float,
    logits: list[list[float]],
    data: st.DataObject,
) -> None:
    classes = len(logits[0])
    ignored = data.draw(st.sampled_from([-100, 0]))
    target = [data.draw(st.sampled_from([*range(classes), ignored])) for _ in logits]
    weight = like(logits[:1], weights, data)[0] if weighted else None
    if all(wanted == ignored for wanted in target) and reduction == "mean":
        own = losses.cross_entropy(logits, target, ignore_index=ignored, weight=weight)
        assert math.isnan(own)
        return
    agree(
        lambda x, y: losses.cross_entropy(
            x,
            y,
            reduction=reduction,
            weight=weight,
            ignore_index=ignored,
            label_smoothing=smoothing,
        ),
        lambda x, y: F.cross_entropy(
            x,
            y,
            reduction=reduction,
            weight=weight and tensor(weight),
            ignore_index=ignored,
            label_smoothing=smoothing,
        ),
        logits,
        target,
    )


@every_reduction
@maybe_weighted
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@few
@given(logits=rows_of(st.floats(-50.0, 50.0)), data=st.data())
def test_cross_entropy_with_wanted_probabilities(
    reduction: str,
    weighted: bool,
    smoothing: float,
    logits: list[list[float]],
    data: st.DataObject,
) -> None:
    target = like(logits, st.floats(0.0, 1.0), data)
    weight = like(logits[:1], weights, data)[0] if weighted else None
    agree(
        lambda x, y: losses.cross_entropy(
            x, y, reduction=reduction, weight=weight, label_smoothing=smoothing
        ),
        lambda x, y: F.cross_entropy(
            x, y, reduction=reduction, weight=weight and tensor(weight), label_smoothing=smoothing
        ),
        logits,
        target,
    )


@every_reduction
@maybe_weighted
@few
@given(logs=rows_of(st.floats(-800.0, 0.0)), data=st.data())
def test_nll(reduction: str, weighted: bool, logs: list[list[float]], data: st.DataObject) -> None:
    target = [0, *(data.draw(st.sampled_from([*range(len(row)), -1])) for row in logs[1:])]
    weight = like(logs[:1], weights, data)[0] if weighted else None
    agree(
        lambda x, y: losses.nll(x, y, reduction=reduction, weight=weight, ignore_index=-1),
        lambda x, y: F.nll_loss(
            x, y, reduction=reduction, weight=weight and tensor(weight), ignore_index=-1
        ),
        logs,
        target,
    )


@maybe_weighted
@every_reduction
def test_one_sample_is_not_a_batch(reduction: str, weighted: bool) -> None:
    weight = [0.5, 2.0, 3.0] if weighted else None
    for own, theirs in ((losses.cross_entropy, F.cross_entropy), (losses.nll, F.nll_loss)):
        logits, target = Value(0.3), torch.tensor(1)
        expected = theirs(
            tensor([0.3, -0.5, -1.0]),
            target,
            reduction=reduction,
            weight=weight and tensor(weight),
        )
        loss = own([logits, -0.5, -1.0], 1, reduction=reduction, weight=weight)
        assert float(loss) == pytest.approx(expected.item(), **close)


# Distributions.

# PyTorch warns that its default is not the divergence of the definition.
quiet_about_mean = pytest.mark.filterwarnings("ignore:reduction:UserWarning")


@quiet_about_mean
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
@few
@given(logs=rows_of(st.floats(-800.0, 0.0)), data=st.data())
def test_kl_div(
    reduction: str, log_target: bool, logs: list[list[float]], data: st.DataObject
) -> None:
    target = like(logs, st.floats(-700.0, 0.0) if log_target else st.floats(1e-300, 1.0), data)
    agree(
        lambda x, y: losses.kl_div(x, y, reduction=reduction, log_target=log_target),
        lambda x, y: F.kl_div(x, y, reduction=reduction, log_target=log_target),
        logs,
        target,
    )


@quiet_about_mean
def test_kl_div_of_what_is_not_wanted_is_0() -> None:
    own, theirs = as_values([-1.0, -2.0]), tensor([-1.0, -2.0], requires_grad=True)
    loss, expected = (
        losses.kl_div(own, [0.0, 1.0]),
        F.kl_div(theirs, tensor([0.0, 1.0]), reduction="mean"),
    )
    loss.backward()
    expected.backward()
    assert loss.data == expected.item()
    assert [value.grad for value in own] == theirs.grad.tolist() == [0.0, -0.5]
