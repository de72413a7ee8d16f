"""Summaries: every parameter in one row, every output with its shape."""

from __future__ import annotations

from typing import Any

import pytest

from autograd import Value
from autograd.grouping import watching
from nn import (
    LSTM,
    MLP,
    BatchNorm1d,
    Dropout,
    Linear,
    Module,
    Neuron,
    Sequential,
    TransformerBlock,
)


def rows(model: Module, x: Any = None) -> list[tuple[str, str, str, int]]:
    return [(row.name, row.kind, row.output, row.parameters) for row in model.summary(x).rows]


def test_a_network_of_networks() -> None:
    model = Sequential(Linear(4, 8), "tanh", Sequential(Linear(8, 8), "relu"), Linear(8, 3))
    assert rows(model, [0.0] * 4) == [
        ("layers.0", "Linear(4, 8)", "8", 40),
        ("layers.1", "Elementwise(tanh)", "8", 0),
        ("layers.2", "Sequential", "8", 0),
        ("layers.2.layers.0", "Linear(8, 8)", "8", 72),
        ("layers.2.layers.1", "Elementwise(relu)", "8", 0),
        ("layers.3", "Linear(8, 3)", "3", 27),
    ]
    assert model.summary().total.parameters == 139


def test_several_outputs() -> None:
    assert [row.output for row in LSTM(2, 3).summary([[1.0, 2.0]] * 4).rows] == [
        "4 × 3, 1 × 3, 1 × 3"
    ]
    outputs = {row.name: row.output for row in TransformerBlock(4, 2).summary([[0.1] * 4]).rows}
    assert outputs["self_attn"] == "1 × 4"  # its second output is None


def test_parameters_of_its_own_and_shared_ones() -> None:
    class Tied(Module):
        def __init__(self) -> None:
            self.scale = Value(1.0)
            self.there = Linear(2, 2)
            self.back = Linear(2, 2)
            self.back.weight = self.there.weight

        def forward(self, x: Any) -> Any:
            return self.back(self.there(x))

    table = rows(Tied())
    assert [(name, parameters) for name, _, _, parameters in table] == [
        ("", 1),
        ("there", 6),
        ("back", 2),
    ]


@pytest.mark.parametrize(
    "model", [Neuron(3), Linear(3, 2), MLP(3, [4, 2]), LSTM(3, 2), TransformerBlock(4, 2)]
)
def test_no_parameter_is_lost_or_counted_twice(model: Module) -> None:
    summary = model.summary()
    assert sum(row.parameters for row in summary.rows) == len(model.parameters())
    assert summary.total.parameters == len(model.parameters())


def test_numbers_that_are_not_trained_are_told() -> None:
    summary = BatchNorm1d(3).summary()
    assert (summary.total.parameters, summary.constants) == (6, 7)
    assert repr(summary).endswith("and 7 numbers that are not trained")
    assert "not trained" not in repr(Linear(1, 1).summary())


def test_an_example_changes_nothing() -> None:
    model = Sequential(Linear(2, 3), BatchNorm1d(3), Dropout(0.5))
    before = model.state_dict()
    assert [row.output for row in model.summary([[1.0, 2.0]]).rows] == ["1 × 3"] * 3
    assert model.state_dict() == before
    assert all(module.training for _, module in model.named_modules())


def test_the_table_is_straight() -> None:
    for model in (MLP(64, [32, 10]), Linear(1, 1), Sequential()):
        lines = repr(model.summary()).splitlines()
        assert len({len(line) for line in lines}) == 1, lines


def test_watching_is_over_after_the_block_and_after_an_error() -> None:
    seen: list[Module] = []
    model = Linear(1, 1)
    with watching(lambda module, output: seen.append(module)):
        model([1.0])
    with pytest.raises(ValueError, match="takes 1"), watching(lambda m, output: seen.append(m)):
        model([1.0, 2.0])
    model([1.0])
    assert seen == [model]
