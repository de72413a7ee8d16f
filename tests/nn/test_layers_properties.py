"""What the layers compute, by laws that need no other library."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Value
from autograd.nested import flatten
from nn.pooling import largest


def numbers(nested: Any) -> Any:
    leaves, rebuild = flatten(nested)
    return rebuild([float(leaf) for leaf in leaves])


def random_input(rng: Random, *lengths: int) -> Any:
    if not lengths:
        return rng.gauss(0.0, 1.0)
    return [random_input(rng, *lengths[1:]) for _ in range(lengths[0])]


def values(nested: Any) -> Any:
    leaves, rebuild = flatten(nested)
    return rebuild([Value(leaf) for leaf in leaves])


def gradients(nested: Any) -> Any:
    leaves, rebuild = flatten(nested)
    return rebuild([leaf.grad for leaf in leaves])


def sum_of(nested: Any) -> Any:
    return autograd.sum(flatten(nested)[0])


# One sample or many, lists or arrays, copies.

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(3, 2, seed=0), (3,)),
    "layer norm": (nn.LayerNorm((2, 3)), (2, 3)),
    "rms norm": (nn.RMSNorm(3), (3,)),
    "batch norm, eval": (nn.BatchNorm1d(2).eval(), (5, 2)),
    "conv1d": (nn.Conv1d(2, 3, 2, seed=0), (2, 4)),
    "conv2d": (nn.Conv2d(1, 2, 2, padding=1, groups=1, seed=0), (1, 3, 3)),
    "max pool": (nn.MaxPool2d(2), (2, 4, 4)),
    "avg pool": (nn.AvgPool1d(2, padding=1), (2, 4)),
    "transformer block": (nn.TransformerBlock(4, 2, seed=0), (3, 4)),
    "softmax": (nn.Softmax(), (4,)),
    "tanh": (nn.Tanh(), (4,)),
    "rnn": (nn.RNN(2, 2, truncate=2, seed=0), (3, 2)),
    "lstm cell": (nn.LSTMCell(2, 2, seed=0), (2,)),
    "attention": (nn.MultiheadAttention(4, 2, seed=0), (3, 4)),
    "reversal": (nn.GradientReversal(0.5), (2, 2)),
}
OF_ONE_ONLY = ("rnn", "lstm cell", "attention", "batch norm, eval")
every_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in OF_ONE_ONLY])
def test_samples_are_treated_each_by_itself(name: str) -> None:
    layer, lengths = LAYERS[name]
    samples = random_input(Random(0), 2, 3, *lengths)
    apart = [[numbers(layer(sample)) for sample in row] for row in samples]
    assert numbers(layer(samples)) == apart


@every_layer
def test_inputs_may_be_arrays_and_tuples(name: str) -> None:
    layer, lengths = LAYERS[name]
    x = random_input(Random(0), *lengths)
    expected = numbers(layer(x))
    assert numbers(layer(np.array(x))) == expected
    if len(lengths) > 1:
        found = flatten(layer([tuple(row) for row in x]))[0]
        assert numbers(found) == flatten(expected)[0]


@every_layer
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_equal_and_apart(name: str, copied: Any) -> None:
    layer, lengths = LAYERS[name]
    x = random_input(Random(0), *lengths)
    other = copied(layer)
    assert repr(other) == repr(layer)
    assert numbers(other(x)) == numbers(layer(x))
    assert not {id(p) for p in other.parameters()} & {id(p) for p in layer.parameters()}


@every_layer
def test_state_goes_round(name: str) -> None:
    layer, lengths = LAYERS[name]
    x, other = random_input(Random(0), *lengths), copy.deepcopy(layer)
    for parameter in other.parameters():
        parameter.data += 1.0
    other.load_state_dict(layer.state_dict())
    assert numbers(other(x)) == numbers(layer(x))


def test_names_are_those_of_torch_with_their_places() -> None:
    block = nn.Sequential(nn.Embedding(1, 2), nn.TransformerBlock(2, 1, 1), nn.LSTM(2, 1))
    found = [name for name, _ in block.named_parameters()]
    assert found[:2] == ["layers.0.weight[0][0]", "layers.0.weight[0][1]"]
    assert "layers.1.self_attn.in_proj_weight[5][1]" in found
    assert "layers.1.linear2.bias[1]" in found
    assert "layers.2.cells.0.weight_hh[3][0]" in found
    assert {p.label for p in block.parameters()} == set(found)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: nn.Linear(3, 2, seed=seed),
        lambda seed: nn.Embedding(3, 2, seed=seed),
        lambda seed: nn.Conv2d(1, 2, 2, seed=seed),
        lambda seed: nn.GRU(2, 2, 2, seed=seed),
        lambda seed: nn.TransformerBlock(2, 1, seed=seed),
    ],
)
def test_a_seed_gives_the_same_layer(make: Any) -> None:
    state = make(5).state_dict()
    assert make(5).state_dict() == make(Random(5)).state_dict() == state
    assert make(6).state_dict() != state != make(None).state_dict()
    random = [number for name, number in state.items() if number not in (0.0, 1.0)]
    assert len(set(random)) == len(random)


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (nn.Linear(2, 3, bias=False), "Linear(2, 3, bias=False)"),
        (nn.Embedding(4, 2, -1), "Embedding(4, 2, padding_idx=3)"),
        (nn.Dropout(0.25), "Dropout(p=0.25)"),
        (nn.LayerNorm((2, 3)), "LayerNorm(2 × 3, eps=1e-05)"),
        (nn.Conv1d(2, 4, 3, 2, 1), "Conv1d(2, 4, 3, stride=2, padding=1)"),
        (
            nn.Conv2d(2, 4, (3, 1), groups=2, bias=False),
            "Conv2d(2, 4, (3, 1), groups=2, bias=False)",
        ),
        (nn.Conv1d(1, 1, 3, padding="same"), "Conv1d(1, 1, 3, padding='same')"),
        (nn.MaxPool2d(2), "MaxPool2d(2)"),
        (
            nn.AvgPool1d(3, 1, 1, False),
            "AvgPool1d(3, stride=1, padding=1, count_include_pad=False)",
        ),
        (nn.RNNCell(2, 3, nonlinearity="relu"), "RNNCell(2, 3, nonlinearity=relu)"),
        (nn.LSTM(2, 3, 2, truncate=5), "LSTM(2, 3, num_layers=2, truncate=5)"),
        (nn.MultiheadAttention(4, 2, False), "MultiheadAttention(4, 2, bias=False)"),
        (nn.ReLU(), "ReLU()"),
        (nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
        (
            nn.Elementwise("leaky_relu", negative_slope=0.2),
            "Elementwise(leaky_relu, negative_slope=0.2)",
        ),
        (nn.GradientReversal(2), "GradientReversal(lambda_=2)"),
    ],
)
def test_repr(layer: nn.Module, shown: str) -> None:
    assert repr(layer) == shown


# Graphs.


def test_graphs_are_small() -> None:
    (y,) = nn.Linear(3, 1)(values([1.0, 2.0, 3.0]))
    assert [y.op, y.parents[0].op] == ["+", "dot"]
    ((pooled,),) = nn.MaxPool1d(3)([values([1.0, 5.0, 2.0])])
    assert (pooled.op, pooled.partials) == ("largest", (0.0, 1.0, 0.0))
    ((pooled,),) = nn.AvgPool1d(2, padding=1, stride=3)([values([1.0])])
    assert (pooled.op, pooled.data) == ("mean", 0.5)
    first, second = nn.Conv1d(1, 2, 1)([values([4.0])])
    assert first[0].parents[0].parents[1] is second[0].parents[0].parents[1]


def test_batch_norm_names_its_running_statistics_in_the_graph() -> None:
    layer = nn.BatchNorm1d(1).eval()
    ((y,),) = layer([values([3.0])])
    labels = {node.label for node in autograd.sweep.topological_order([y])}
    assert {"weight[0]", "bias[0]", "running_mean[0]"} <= labels


# Containers.


def test_sequential_is_its_layers_one_after_the_other() -> None:
    first, last = nn.Linear(2, 3, seed=0), nn.Linear(3, 1, seed=1)
    model = nn.Sequential(first, "relu", autograd.tanh, last)
    x = [0.3, -0.4]
    hidden = [y.relu().tanh() for y in first(x)]
    assert numbers(model(x)) == numbers(last(hidden))
    assert (len(model), model[0], model[-1], list(model)[3]) == (4, first, last, last)
    assert nn.Sequential()(x) is x


def test_flatten_goes_row_after_row() -> None:
    image = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    assert numbers(nn.Flatten()(image)) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert numbers(nn.Flatten(1)(image)) == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]


# Dropout.


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    for p in (0.1, 0.5, 0.8):
        outputs = numbers(nn.Dropout(p, seed=0)([1.0] * 20_000))
        assert set(outputs) == {0.0, 1.0 / (1.0 - p)}
        deviation = math.sqrt(p / (1.0 - p) / len(outputs))
        assert sum(outputs) / len(outputs) == pytest.approx(1.0, abs=4.0 * deviation)


def test_dropout_hands_the_gradient_to_those_that_stay() -> None:
    x = values([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    outputs = nn.Dropout(0.5, seed=0)(x)
    sum_of(outputs).backward()
    assert [v.grad for v in x] == [2.0 if y.data else 0.0 for y in outputs]
    assert 0 < sum(y.data == 0.0 for y in outputs) < 6


def test_dropout_repeats_by_seed_and_changes_by_call() -> None:
    x = [1.0] * 30
    first, second = nn.Dropout(0.5, seed=3), nn.Dropout(0.5, seed=3)
    runs = [numbers(first(x)) for _ in range(3)]
    assert runs == [numbers(second(x)) for _ in range(3)]
    assert runs[0] != runs[1] != runs[2]
    assert numbers(nn.Dropout(0.5, seed=4)(x)) != runs[0]


def test_dropout_at_the_ends_and_in_use() -> None:
    x = [1.0, [-2.0, 3.0]]
    assert numbers(nn.Dropout(0.0)(x)) == x
    assert numbers(nn.Dropout(1.0)(x)) == [0.0, [-0.0, 0.0]]
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(1.0)))
    assert numbers(model([1.0, 2.0])) == [0.0, 0.0]
    model.eval()
    assert numbers(model([1.0, 2.0])) == numbers(model[0]([1.0, 2.0]))
    assert numbers(model.train()([1.0, 2.0])) == [0.0, 0.0]


# Normalization.


@given(st.lists(st.lists(st.floats(-50, 50), min_size=2, max_size=2), min_size=2, max_size=6))
@settings(max_examples=40)
def test_batch_norm_gives_mean_0_and_variance_1(batch: list[list[float]]) -> None:
    outputs = numbers(nn.BatchNorm1d(2)(batch))
    for k in range(2):
        column = np.array([sample[k] for sample in batch])
        normal = np.array([sample[k] for sample in outputs])
        assert normal.mean() == pytest.approx(0.0, abs=1e-9)
        variance = column.var()
        assert normal.var() == pytest.approx(variance / (variance + 1e-5), rel=1e-6, abs=1e-9)


def test_running_variance_is_unbiased_and_normalization_is_not() -> None:
    layer = nn.BatchNorm1d(1, eps=0.0, momentum=1.0)
    outputs = numbers(layer([[0.0], [2.0], [4.0]]))
    assert outputs[2][0] == pytest.approx(2.0 / math.sqrt(8.0 / 3.0), rel=1e-15)
    assert (layer.running_mean[0].data, layer.running_var[0].data) == (2.0, 4.0)


def test_without_momentum_running_statistics_are_means() -> None:
    layer = nn.BatchNorm1d(1, momentum=None)
    for batch in ([[0.0], [2.0]], [[2.0], [6.0]], [[8.0], [8.0]]):
        layer(batch)
    assert layer.running_mean[0].data == pytest.approx((1 + 4 + 8) / 3, rel=1e-15)
    assert layer.running_var[0].data == pytest.approx((2 + 8 + 0) / 3, rel=1e-15)


def test_eval_uses_and_keeps_the_running_statistics() -> None:
    layer = nn.BatchNorm1d(1, eps=0.0)
    layer([[1.0], [3.0]])
    state = layer.eval().state_dict()
    x = values([[7.0]])
    assert numbers(layer(x)) == [[pytest.approx((7.0 - 0.2) / math.sqrt(1.1), rel=1e-15)]]
    sum_of(layer(x)).backward()
    assert gradients(x) == [[pytest.approx(1.0 / math.sqrt(1.1), rel=1e-15)]]
    assert layer.state_dict() == state


@given(st.floats(0.1, 10.0), st.floats(-10.0, 10.0))
@settings(max_examples=30)
def test_norms_do_not_see_scale(scale: float, shift: float) -> None:
    x = [0.3, -1.0, 2.0]
    moved = [scale * number + shift for number in x]
    scaled = [scale * number for number in x]
    layer_norm, rms_norm = nn.LayerNorm(3, eps=0.0), nn.RMSNorm(3, eps=0.0)
    assert numbers(layer_norm(moved)) == pytest.approx(numbers(layer_norm(x)), rel=1e-9, abs=1e-9)
    assert numbers(rms_norm(scaled)) == pytest.approx(numbers(rms_norm(x)), rel=1e-12)
    assert sum(y * y for y in numbers(rms_norm(x))) == pytest.approx(3.0, rel=1e-12)


# Convolution and pooling.

# Length, kernel, stride, padding, dilation.
Size = tuple[int, int, int, int, int]
sizes = st.tuples(
    st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)
)


def starts(length: int, kernel: int, stride: int, padding: int, dilation: int) -> Iterator[int]:
    """Where windows begin; by trial, not by the formula."""
    start = -padding
    while start + dilation * (kernel - 1) < length + padding:
        yield start
        start += stride


@given(sizes, st.sampled_from([(1, 1, 1), (2, 3, 1), (2, 4, 2)]), st.integers(0, 99))
@settings(max_examples=80)
def test_conv1d_is_its_sum(size: Size, channels: tuple[int, int, int], seed: int) -> None:
    inputs, outputs, groups = channels
    length, kernel, stride, padding, dilation = size
    layer = nn.Conv1d(inputs, outputs, kernel, stride, padding, dilation, groups, seed=seed)
    x = random_input(Random(seed), inputs, length)
    places = list(starts(*size))
    if not places:
        with pytest.raises(ValueError, match="positions at once"):
            layer(x)
        return
    weight, bias = numbers(layer.weight), numbers(layer.bias)
    per_group = inputs // groups
    expected = []
    for o in range(outputs):
        first = o // (outputs // groups) * per_group
        expected.append([])
        for start in places:
            total = bias[o]
            for c in range(per_group):
                for k in range(kernel):
                    position = start + dilation * k
                    if 0 <= position < length:
                        total += weight[o][c][k] * x[first + c][position]
            expected[-1].append(pytest.approx(total, rel=1e-12, abs=1e-12))
    assert numbers(layer(x)) == expected


def test_conv2d_of_separable_kernels_is_two_conv1d() -> None:
    rng = Random(0)
    image, down, across = (random_input(rng, *n) for n in ((5, 6), (2,), (3,)))
    layer = nn.Conv2d(1, 1, (2, 3), stride=(2, 1), padding=(1, 2), bias=False)
    for row, a in zip(layer.weight[0][0], down, strict=True):
        for weight, b in zip(row, across, strict=True):
            weight.data = a * b
    one, other = nn.Conv1d(1, 1, 3, padding=2, bias=False), nn.Conv1d(1, 1, 2, 2, 1, bias=False)
    for weight, b in zip(one.weight[0][0], across, strict=True):
        weight.data = b
    for weight, a in zip(other.weight[0][0], down, strict=True):
        weight.data = a
    rows = [numbers(one([row]))[0] for row in image]
    columns = [numbers(other([list(column)]))[0] for column in zip(*rows, strict=True)]
    expected = [list(row) for row in zip(*columns, strict=True)]
    (found,) = numbers(layer([image]))
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_padding_same_keeps_the_size() -> None:
    for kernel in range(1, 6):
        for dilation in (1, 2):
            layer = nn.Conv1d(1, 1, kernel, padding="same", dilation=dilation)
            assert len(layer([[1.0] * 4])[0]) == 4
    layer = nn.Conv1d(1, 1, 2, padding="same", bias=False)
    for weight in layer.weight[0][0]:
        weight.data = 1.0
    assert numbers(layer([[1.0, 2.0, 4.0]])) == [[3.0, 6.0, 4.0]]  # an odd zero comes after


@given(sizes, st.integers(0, 99))
@settings(max_examples=60)
def test_pooling_is_the_largest_and_the_mean(size: Size, seed: int) -> None:
    length, kernel, stride, padding, dilation = size
    padding = min(padding, kernel // 2)
    (x,) = random_input(Random(seed), 1, length)
    seen = [
        [x[p] for p in range(s, s + dilation * kernel, dilation) if 0 <= p < length]
        for s in starts(length, kernel, stride, padding, dilation)
    ]
    if not seen:
        return
    found = numbers(nn.MaxPool1d(kernel, stride, padding, dilation)([x]))
    assert found == [[max(window, default=-math.inf) for window in seen]]
    if dilation == 1:
        for whole in (True, False):
            found = numbers(nn.AvgPool1d(kernel, stride, padding, whole)([x]))[0]
            expected = [sum(window) / (kernel if whole else len(window)) for window in seen]
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_ties_share_the_gradient_of_the_largest() -> None:
    x = values([[3.0, 1.0, 3.0, 3.0]])
    nn.MaxPool1d(4)(x)[0][0].backward()
    assert gradients(x) == [[1 / 3, 0.0, 1 / 3, 1 / 3]]


def test_the_largest_of_nan_is_nan() -> None:
    x = values([1.0, math.nan])
    y = largest(*x)
    y.backward()
    assert math.isnan(y.data)
    assert all(math.isnan(v.grad) for v in x)
    assert autograd.gradcheck(lambda xs: largest(*xs), [2.0, 2.0, 2.0, 1.0])
    assert autograd.gradcheck(lambda xs: largest(*xs) ** 2, [2.0, 2.5, 1.0], order=2)


# Recurrent networks.


@pytest.mark.parametrize("truncate", [None, 1, 2, 3, 7, 8])
@pytest.mark.parametrize("network", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_gradient_flows_back_to_the_last_cut_and_no_further(
    network: Any, truncate: int | None
) -> None:
    layer = network(1, 2, num_layers=2, truncate=truncate, seed=0)
    for last in range(7):
        x = values([[0.5]] * 7)
        outputs, _ = layer(x)
        sum_of(outputs[last]).backward()
        cut = last - last % truncate if truncate else 0
        reached = [number for number, (v,) in enumerate(x) if v.grad != 0.0]
        assert reached == list(range(cut, last + 1))


@pytest.mark.parametrize("network", [nn.RNN, nn.GRU, nn.LSTM])
def test_truncation_changes_no_output(network: Any) -> None:
    x = random_input(Random(0), 5, 2)
    whole, cut = network(2, 2, seed=0), network(2, 2, truncate=2, seed=0)
    assert numbers(whole(x)) == numbers(cut(x))


@pytest.mark.parametrize("network", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_sequence_may_be_read_in_parts(network: Any) -> None:
    layer, x = network(2, 2, num_layers=2, seed=0), random_input(Random(0), 5, 2)
    outputs, state = layer(x)
    first, between = layer(x[:2])
    second, last = layer(x[2:], between)
    assert numbers(first + second) == numbers(outputs)
    assert numbers(last) == numbers(state)


def test_gates() -> None:
    """A GRU whose update gate is open keeps its state; an LSTM that forgets and refuses has 0."""
    gru = nn.GRUCell(1, 2, seed=0)
    for k in range(2, 4):
        gru.bias_ih[k].data = 1000.0
    assert numbers(gru([0.3], [0.25, -0.5])) == [0.25, -0.5]
    for k in range(4):  # now it forgets, and makes its new state without looking at the old one
        gru.bias_ih[k].data = -1000.0
    new = [math.tanh(gru.weight_ih[k][0].data * 0.3 + gru.bias_ih[k].data) for k in (4, 5)]
    assert numbers(gru([0.3], [0.25, -0.5])) == pytest.approx(new, rel=1e-15)
    lstm = nn.LSTMCell(1, 1, seed=0)
    lstm.bias_ih[0].data = lstm.bias_ih[1].data = -1000.0  # neither new input, nor old state
    assert numbers(lstm([0.3], ([0.25], [-0.5]))) == ([0.0], [0.0])
    lstm.bias_ih[1].data = lstm.bias_ih[3].data = 1000.0  # but the old state, and shown
    assert numbers(lstm([0.3], ([0.25], [-0.5]))) == ([math.tanh(-0.5)], [-0.5])


# Attention.


@pytest.mark.parametrize("is_causal", [True, False])
def test_shares_are_positive_and_sum_to_1(is_causal: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, seed=0)
    x = random_input(Random(0), 5, 4)
    _, heads = layer(x, is_causal=is_causal, average_attn_weights=False)
    for rows in [*heads, layer(x, is_causal=is_causal)[1]]:
        for position, row in enumerate(numbers(rows)):
            assert sum(row) == pytest.approx(1.0, rel=1e-14)
            assert [share > 0.0 for share in row] == [
                not is_causal or k <= position for k in range(5)
            ]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: nn.MultiheadAttention(4, 2, seed=0)(x, is_causal=True)[0],
        nn.TransformerBlock(4, 2, 3, activation="gelu", is_causal=True, seed=0),
        nn.Sequential(*[nn.TransformerBlock(4, 1, 3, norm="rms", is_causal=True) for _ in "ab"]),
    ],
)
def test_the_future_has_no_gradient(call: Any) -> None:
    for position in range(4):
        x = values(random_input(Random(0), 4, 4))
        sum_of(call(x)[position][0]).backward()
        reached = [any(v.grad for v in row) for row in x]
        assert reached == [k <= position for k in range(4)]


def test_attention_knows_no_order() -> None:
    block = nn.TransformerBlock(4, 2, seed=0)
    x, order = random_input(Random(0), 4, 4), [2, 0, 3, 1]
    expected = numbers(block(x))
    found = numbers(block([x[k] for k in order]))
    for k, row in zip(order, found, strict=True):
        assert row == pytest.approx(expected[k], rel=1e-12, abs=1e-14)


def test_a_shares_temperature_is_the_square_root_of_the_heads_length() -> None:
    layer = nn.MultiheadAttention(8, 2, bias=False)
    for k, row in enumerate(layer.in_proj_weight):
        for j, weight in enumerate(row):
            weight.data = float(k % 8 == j)
    x = [[1.0] * 8, [0.0] * 8]
    _, shares = layer(x)
    assert shares[0][1].data == pytest.approx(1.0 / (1.0 + math.exp(4.0 / math.sqrt(4.0))))


def test_need_weights_says_whether_there_are_shares() -> None:
    layer = nn.MultiheadAttention(2, 1, seed=0)
    x = [[1.0, 2.0]]
    outputs, shares = layer(x, need_weights=False)
    assert shares is None
    assert numbers(outputs) == numbers(layer(x)[0])


def test_dropout_of_a_block_is_off_in_use() -> None:
    block = nn.TransformerBlock(2, 1, dropout=0.5, seed=0)
    plain = nn.TransformerBlock(2, 1, seed=0)
    x = random_input(Random(0), 3, 2)
    assert numbers(block(x)) != numbers(block(x))
    assert numbers(block.eval()(x)) == numbers(plain(x))
    all_dropped = nn.TransformerBlock(2, 1, dropout=1.0, seed=0)
    assert numbers(all_dropped(x)) == x


# Embedding.


def test_embedding_adds_the_gradients_of_each_use() -> None:
    table = nn.Embedding(3, 2, seed=0)
    sum_of(table([[2, 0], [2, 2]])).backward()
    assert gradients(table.weight) == [[1.0, 1.0], [0.0, 0.0], [3.0, 3.0]]


def test_padding_begins_as_0_and_is_not_trained() -> None:
    table = nn.Embedding(3, 2, padding_idx=-2, seed=0)
    assert numbers(table([1, np.int64(1)])) == [[0.0, 0.0], [0.0, 0.0]]
    sum_of(table([1, 2])).backward()
    assert gradients(table.weight) == [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
