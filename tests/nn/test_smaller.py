"""Networks made smaller: what is pruned stays 0, what is rounded is near, who is taught learns."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
import optim
from autograd import Value
from nn import MLP, LayerNorm, Linear, Module, Sequential, prune, quantize
from nn.losses import cross_entropy, distillation
from nn.quantization import Int8Table, quantize_per_tensor, rounded
from nn.sizes import Size, size, size_of_tables, weights

KINDS: dict[str, tuple[Module, dict[str, int]]] = {
    "neuron": (nn.Neuron(3), {"w": 3}),
    "mlp": (MLP(3, [4, 2]), {"layers.0.w": 12, "layers.1.w": 8}),
    "conv": (nn.Conv2d(2, 3, 2), {"weight": 24}),
    "norms": (Sequential(Linear(2, 3), LayerNorm(3), nn.BatchNorm1d(3)), {"layers.0.weight": 6}),
    "recurrent": (nn.LSTM(2, 3), {"cells.0.weight_ih": 24, "cells.0.weight_hh": 36}),
    "attention": (
        nn.MultiheadAttention(4, 2),
        {"in_proj_weight": 48, "out_proj.weight": 16},
    ),
}


def numbers(module: Module) -> list[float]:
    return [value.data for table in weights(module).values() for value in table]


# How large a network is.


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_what_inputs_are_multiplied_by(kind: str) -> None:
    module, expected = KINDS[kind]
    assert {name: len(table) for name, table in weights(module).items()} == expected


def test_zeros_cost_a_bit_where_that_is_less() -> None:
    assert size_of_tables({"a": [1.0] * 16}, 8, others=0) == Size(16, 16, 128)
    assert size_of_tables({"a": [1.0] + [0.0] * 15}, 8, others=3) == Size(16, 1, 8 + 2 + 24)
    assert size_of_tables({"a": [1] * 15 + [0]}, 1, others=0) == Size(16, 15, 16)
    assert size_of_tables({"a": [-0.0, 2.0], "b": [0.0]}, 8, others=0) == Size(3, 1, 8 + 1 + 1)


def test_the_size_of_a_module_has_its_biases() -> None:
    model = MLP(64, [64, 32, 10], seed=0)
    assert size(model) == Size(6464, 6464, (6464 + 106) * 8)
    prune(model, 0.9)
    assert size(model).nonzero == 6464 - round(0.9 * 6464)


# Pruning.


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("optimizer", [optim.AdamW, optim.SGD])
def test_what_is_pruned_stays_0_and_the_rest_learns(optimizer: Any, compiled: bool) -> None:
    model = MLP(2, [6, 2], seed=0)
    prune(model, 0.5)
    before = numbers(model)
    nn.fit(
        model,
        ([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]),
        cross_entropy,
        optimizer(model.parameters(), lr=0.1, weight_decay=0.1),
        epochs=3,
        compile=compiled,
    )
    after = numbers(model)
    assert [x == 0.0 for x in before] == [x == 0.0 for x in after]
    assert before.count(0.0) == len(before) // 2
    assert all(x != y for x, y in zip(before, after, strict=True) if x != 0.0)


def test_an_amount_counts_what_is_pruned_already() -> None:
    model = Linear(10, 1, seed=0)
    once = copy.deepcopy(model)
    prune(once, 0.8)
    for amount in (0.5, 0.8, 0.2):
        prune(model, amount)
        assert not any(w.grad for w in model.weight[0])
    assert numbers(model) == numbers(once)


def test_biases_are_not_pruned() -> None:
    model = MLP(2, [2], seed=0)  # its biases are 0
    prune(model, 1.0)
    assert set(numbers(model)) == {0.0}
    assert [name for name, _ in model.named_parameters()] == [
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.b",
    ]


@pytest.mark.parametrize("amount", [-0.1, 1.1, 3, math.nan])
def test_an_amount_is_a_share(amount: float) -> None:
    with pytest.raises(ValueError, match="the amount to prune is a share between 0 and 1"):
        prune(Linear(2, 2), amount)


# Quantization.


@given(st.lists(st.floats(-1e300, 1e300), max_size=20))
def test_a_byte_is_off_by_half_a_scale_at_most(xs: list[float]) -> None:
    table = quantize_per_tensor(xs)
    assert all(isinstance(k, int) and abs(k) <= 127 for k in table.multiples)
    for x, found in zip(xs, table.dequantized(), strict=True):
        assert abs(x - found) <= 0.5000001 * table.scale or abs(x) < 1e-300
        assert found == 0.0 or x != 0.0
    if max(map(abs, xs), default=0.0) > 1e-300:
        assert max(map(abs, table.multiples)) == 127


@pytest.mark.parametrize("numbers", [[], [0.0, -0.0], [5e-324, 0.0]])
def test_what_is_nearly_0_has_bytes_too(numbers: list[float]) -> None:
    assert quantize_per_tensor(numbers) == Int8Table(1.0, [0] * len(numbers))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers_have_bytes(number: float) -> None:
    with pytest.raises(ValueError, match=f"only finite numbers can be quantized, got {number}"):
        quantize_per_tensor([1.0, number])


@pytest.mark.parametrize("kind", KINDS)
def test_a_rounded_copy_is_near_in_its_weights_and_the_same_elsewhere(kind: str) -> None:
    module = copy.deepcopy(KINDS[kind][0])
    near = rounded(module)
    assert near is not module
    tables = weights(near)
    for name, table in weights(module).items():
        scale = max(abs(w.data) for w in table) / 127
        others = [w.data for w in tables[name]]
        assert [w.data for w in table] == pytest.approx(others, abs=0.51 * scale)
        assert [w.data for w in table] != others
        assert others == pytest.approx([round(x / scale) * scale for x in others], rel=1e-9)
    in_tables = {w for table in weights(module).values() for w in table}
    elsewhere = [name for name, value in module.named_values() if value not in in_tables]
    kept, found = module.state_dict(), near.state_dict()
    assert [kept[name] for name in elsewhere] == [found[name] for name in elsewhere]


def test_each_layer_has_a_scale_and_the_size_counts_it() -> None:
    model = MLP(4, [8, 3], seed=0)
    for w in weights(model)["layers.1.w"]:
        w.data *= 100.0
    small = quantize(model)
    first, second = small.tables.values()
    assert second.scale > 20.0 * first.scale
    assert small.size().nbytes == 56 + 8 * (2 + 11)


def test_what_is_pruned_stays_0_when_rounded() -> None:
    model = MLP(8, [8], seed=0)
    prune(model, 0.75)
    assert quantize(model).size() == Size(64, 16, 16 + 8 + 8 * (1 + 8))
    zeros = [x == 0.0 for x in numbers(model)]
    assert all(x == 0.0 for x, zero in zip(numbers(rounded(model)), zeros, strict=True) if zero)


def test_numbers_of_another_network_are_refused() -> None:
    with pytest.raises((KeyError, ValueError)):
        quantize(Linear(2, 3)).load_into(Linear(3, 3))
    with pytest.raises(KeyError):
        quantize(Linear(2, 3)).load_into(MLP(2, [3]))


# Distillation.


def test_a_pupil_that_says_what_its_teacher_says_has_no_gradient() -> None:
    teacher = [3.0, -1.0, 0.5]
    values = [Value(x) for x in teacher]
    distillation(values, 0, teacher, alpha=1.0).backward()
    assert [v.grad for v in values] == pytest.approx([0.0] * 3, abs=1e-12)


def test_the_losses_of_samples_are_reduced() -> None:
    logits, targets, said = [[1.0, 0.0], [0.0, 2.0]], [1, 0], [[0.0, 3.0], [1.0, 1.0]]
    each = [distillation(*one) for one in zip(logits, targets, said, strict=True)]
    assert distillation(logits, targets, said, reduction="none") == each
    assert distillation(logits, targets, said) == pytest.approx(sum(each) / 2)
    assert distillation(logits, targets, said, reduction="sum") == pytest.approx(sum(each))


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([0.0], 0, [0.0]), {"temperature": 0.0}, "temperature is a number above 0, got 0.0"),
        (([0.0], 0, [0.0]), {"temperature": math.nan}, "temperature is a number above 0"),
        (([0.0], 0, [0.0]), {"alpha": 1.5}, "alpha is between 0 and 1, got 1.5"),
        (([0.0], 0, [0.0]), {"reduction": "avg"}, "a reduction is one of"),
        (([[0.0]] * 2, [0], [[0.0]] * 2), {}, "a target for each of 2 samples, got 1"),
        (([[0.0]] * 2, 0, [[0.0]] * 2), {}, "a target for each of 2 samples, got a single number"),
        (([[0.0]] * 2, [0, 0], [[0.0]]), {}, "teacher's logits for each of 2 samples, got 1"),
        (([0.0, 0.0], 0, [0.0]), {}, "1 probabilities for 2 classes"),
    ],
)
def test_what_cannot_be_taught(arguments: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        distillation(*arguments, **options)


def test_a_pool_of_the_largest_is_machine_code() -> None:
    model = Sequential(nn.MaxPool1d(2), nn.Flatten())
    program = autograd.compile(lambda row: model([row])[0])
    rows = [[1.0, 3.0, -2.0, -5.0], [2.0, 2.0, 0.0, 1.0]]
    assert program(rows).tolist() == [3.0, 2.0]
    assert program.backend == "llvm"
