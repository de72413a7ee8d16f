"""What the layers refuse, in one sentence that names them, what they got and what they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn import init

SHAPES: list[tuple[Any, Any, str]] = [
    (nn.Linear(3, 2), [1.0, 2.0], r"Linear\(3, 2\) takes 3 numbers, or lists of such, got 2 num"),
    (nn.Linear(3, 2), 1.0, "got a single number"),
    (nn.Linear(3, 2), [], "got 0 numbers"),
    (nn.Linear(3, 2), np.ones((2, 4)), "got 2 × 4 numbers"),
    (nn.Linear(2, 1), [[1, 2], [3, 4], [5]], r"row \[0\] has 2 numbers, row \[2\] has 1 number$"),
    (nn.Linear(2, 1), [[[1, 2]], [[3, 4], [5]]], r"row \[1\]\[0\] has 2 .*, row \[1\]\[1\] has 1 "),
    (nn.Linear(2, 1), [1, [2, 3]], r"row \[0\] has a single number, row \[1\] has 2 numbers"),
    (nn.LayerNorm((2, 3)), [[1.0, 2.0]], "takes 2 × 3 numbers, or lists of such, got 1 × 2 "),
    (
        nn.RMSNorm(3),
        [1.0],
        r"RMSNorm\(3, eps=.*\) takes 3 numbers, or lists of such, got 1 number$",
    ),
    (
        nn.BatchNorm1d(2),
        [1.0, 2.0],
        "takes samples × 2 or samples × 2 × positions num.*, got 2 num",
    ),
    (nn.BatchNorm1d(2), [[1.0], [2.0]], "got 2 × 1 numbers"),
    (nn.BatchNorm1d(2), [[1.0, 2.0]], "at least two numbers per feature .* got 1: .* call eval"),
    (nn.BatchNorm2d(2), [[1.0, 2.0]], "takes samples × 2 × rows × columns numbers, got 1 × 2"),
    (nn.Conv1d(2, 1, 3), [[1.0] * 4], "takes 2 × positions numbers, or lists of such, got 1 × 4"),
    (nn.Conv1d(1, 1, 3, dilation=2), [[1.0] * 4], "covers 5 positions at once, .* only 4, padding"),
    (nn.Conv1d(1, 1, 3, padding=2), [[]], "needs at least one position, got none"),
    (nn.Conv2d(1, 1, 1, padding=2), [[[], []]], "needs at least one position, got none"),
    (nn.Conv1d(2, 1, 1), [[1.0, 2.0], [1.0]], r"row \[0\] has 2 numbers, row \[1\] has 1 number$"),
    (nn.Conv2d(1, 1, 2), [[1.0, 2.0]], "takes 1 × rows × columns numbers, .* got 1 × 2 numbers"),
    (nn.Conv2d(1, 1, 2), [[[1.0], [2.0]]], "covers 2 positions at once, but there are only 1"),
    (nn.MaxPool1d(2), [1.0, 2.0], "takes channels × positions numbers, .* got 2 numbers"),
    (nn.AvgPool2d(3), [[[1.0]]], "covers 3 positions at once"),
    (nn.RNNCell(2, 3), [1.0], r"RNNCell\(2, 3\) takes 2 numbers, got 1 number$"),
    (nn.RNNCell(2, 3), [[1.0, 2.0]], r"takes 2 numbers, got 1 × 2 numbers"),
    (nn.GRU(2, 3), [1.0, 2.0], "takes steps × 2 numbers, got 2 numbers"),
    (nn.GRU(2, 3), [], "takes steps × 2 numbers, got 0 numbers"),
    (nn.MultiheadAttention(2, 1), [[1.0]], "takes positions × 2 numbers, got 1 × 1 numbers"),
    (
        nn.TransformerBlock(2, 1),
        [1.0],
        r"TransformerBlock\(\) takes positions × 2 .* got 1 number$",
    ),
    (nn.Softmax(), 1.0, "got a single number"),
    (
        nn.Flatten(2),
        [[1.0]],
        r"Flatten\(start_dim=2\) takes lists nested deeper, got 1 × 1 numbers",
    ),
    (nn.Embedding(3, 1), [0, 3], r"Embedding\(3, 1\) takes whole numbers from 0 to 2, got 3"),
    (nn.Embedding(3, 1), -1, "from 0 to 2, got -1"),
]


@pytest.mark.parametrize(("layer", "x", "words"), SHAPES)
def test_wrong_shapes(layer: nn.Module, x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        layer(x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "x", "words"),
    [
        (nn.Linear(2, 1), ["a", "b"], r"Linear\(2, 1\) takes numbers or Values .* got a str"),
        (nn.Conv1d(1, 1, 1), [[None]], "takes numbers or Values as inputs, got a NoneType"),
        (nn.Dropout(), ["a"], r"Dropout\(p=0.5\) takes numbers or Values as inputs, got a str"),
        (nn.Tanh(), [None], r"Tanh\(\) takes numbers or Values"),
        (nn.GradientReversal(), "a", "takes numbers or Values as inputs, got a str"),
        (nn.Embedding(3, 1), 1.0, r"Embedding\(3, 1\) takes whole numbers, got 1.0"),
        (nn.Embedding(3, 1), [True], "takes whole numbers, got True"),
    ],
)
def test_what_is_no_number(layer: nn.Module, x: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        layer(x)


x2 = [1.0, 2.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.GRUCell(2, 3)(x2, [1.0]), "takes 3 numbers as its state, got 1 number$"),
        (lambda: nn.LSTMCell(2, 3)(x2, [0.0] * 3), r"LSTMCell\(2, 3\) takes a pair \(h, c\)"),
        (lambda: nn.LSTMCell(2, 1)(x2, ([0.0], [0.0, 1.0])), "1 number as its state, got 2"),
        (lambda: nn.LSTM(2, 3)([x2], [0.0] * 3), r"LSTM\(2, 3\) takes a pair \(h, c\)"),
        (lambda: nn.GRU(2, 1, 2)([x2], [[0.0]]), "takes a state for 2 layers, got 1"),
        (
            lambda: nn.MultiheadAttention(2, 1)([x2], [x2, x2], [x2]),
            "as many keys as values, got 2 and 1",
        ),
        (lambda: nn.MultiheadAttention(2, 1)([x2], [[1.0]]), "× 2 numbers as its key, got 1 × 1"),
        (lambda: nn.unroll(lambda x, h: x, [1.0], truncate=0), "truncate .* above 0, got 0"),
        (lambda: nn.Linear(0, 1), "Linear's in_features is a whole number above 0, got 0"),
        (lambda: nn.Linear(1, 2.0), "Linear's out_features is a whole number above 0, got 2.0"),
        (lambda: nn.Embedding(2, 1, 2), "padding_idx is one of the 2 things, got 2"),
        (lambda: nn.Dropout(1.5), "Dropout's p is a probability between 0 and 1, got 1.5"),
        (lambda: nn.Dropout(float("nan")), "probability between 0 and 1, got nan"),
        (lambda: nn.LayerNorm(()), "LayerNorm's normalized_shape needs a length"),
        (lambda: nn.RMSNorm((2, 0)), "each length of a RMSNorm's normalized_shape .* got 0"),
        (lambda: nn.BatchNorm1d(0), "BatchNorm1d's num_features .* got 0"),
        (lambda: nn.Conv1d(3, 4, 1, groups=2), "groups must divide .* got 2 for 3 and 4"),
        (
            lambda: nn.Conv1d(1, 1, (1, 2)),
            r"Conv1d's kernel_size is a .*, or 1 of them, got \(1, 2",
        ),
        (lambda: nn.Conv2d(1, 1, 2, stride=0), "Conv2d's stride .* above 0, got 0"),
        (lambda: nn.Conv2d(1, 1, 2, padding=-1), "Conv2d's padding .* from 0 on, got -1"),
        (lambda: nn.Conv1d(1, 1, 2, padding="full"), "'same' or 'valid', got 'full'"),
        (lambda: nn.Conv1d(1, 1, 2, 2, "same"), "'same' only with stride 1"),
        (lambda: nn.MaxPool1d(2, padding=2), "at most half .* got 2 for 2 positions"),
        (lambda: nn.RNNCell(1, 1, nonlinearity="sine"), "'tanh' or 'relu', got 'sine'"),
        (lambda: nn.RNNCell(1, 0), "RNNCell's hidden_size .* got 0"),
        (lambda: nn.GRU(1, 1, 0), "num_layers is a whole number above 0, got 0"),
        (lambda: nn.LSTM(1, 1, truncate=0), "truncate is a whole number above 0, got 0"),
        (lambda: nn.MultiheadAttention(3, 2), "num_heads must divide embed_dim, got 2 for 3"),
        (lambda: nn.TransformerBlock(2, 1, norm="batch"), "norm is layer or rms, got 'batch'"),
        (lambda: nn.Sequential("tahn"), "no activation 'tahn'"),
        (lambda: init.gain("mish"), "no gain is known for 'mish', only for identity"),
        (lambda: init.fill([[0.0]], "xavier"), "no initialization 'xavier': choose one of xavier_"),
        (lambda: init.fill([nn.Neuron(1).b], "he_normal"), "needs a matrix of weights, got 1 num"),
        (lambda: init.fill_orthogonal([]), "needs a matrix of weights, got 0 numbers"),
    ],
)
def test_wrong_arguments(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_sequential_refuses_what_is_no_layer() -> None:
    with pytest.raises(TypeError, match="an activation is a name or a function, got 3"):
        nn.Sequential(nn.Linear(1, 1), 3)
