"""Module, Neuron, Layer, MLP: structure, names, state, initial weights, errors."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Value
from nn import MLP, Layer, Module, Neuron, activations, init
from tests.optim.interrupting import left_by_ctrl_c


class Line(Module):
    def __init__(self) -> None:
        self.slope = Value(2.0)
        self.intercept = Value(1.0)

    def forward(self, x: float) -> Value:
        return self.slope * x + self.intercept


class Holder(Module):
    """A module with whatever attributes one likes."""

    def __init__(self, **attributes: Any) -> None:
        for name, attribute in attributes.items():
            setattr(self, name, attribute)


def names(module: Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


# Parameters.


def test_names_show_the_place() -> None:
    found = names(MLP(2, [3, 1]))
    assert found[:4] == [
        "layers.0.neurons.0.w[0]",
        "layers.0.neurons.0.w[1]",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w[0]",
    ]
    assert found[-1] == "layers.1.neurons.0.b"
    assert len(found) == len(set(found)) == 3 * (2 + 1) + 1 * (3 + 1)


def test_names_are_the_labels() -> None:
    model = Holder(first=Holder(inside=[MLP(2, [2, 1]), {"a": [Value(1.0)]}]), second=Line())
    assert {p.label for p in model.parameters()} == set(names(model))
    assert "first.inside.0.layers.1.neurons.0.w[1]" in names(model)
    assert "first.inside[1][a][0]" in names(model)


def test_labels_of_your_own_stay() -> None:
    model = Holder(line=Holder(w=Value(1.0, label="slope"), b=Value(0.0)))
    assert [p.label for p in model.parameters()] == ["slope", "line.b"]
    assert names(model) == ["line.w", "line.b"]


def test_a_shared_parameter_counts_once() -> None:
    shared, part = Value(1.0), Line()
    model = Holder(a=shared, b=[shared, Value(2.0)], c=part, d=[part])
    assert names(model) == ["a", "b[1]", "c.slope", "c.intercept"]
    assert list(model.state_dict()) == ["a", "b[1]", "c.slope", "c.intercept"]


def test_parameters_are_leaves_that_require_a_gradient() -> None:
    x = Value(1.0)
    model = Holder(x=x, result=x * 2.0, constant=Value(3.0, requires_grad=False), n=4, s="text")
    assert names(model) == ["x"]
    assert model.state_dict() == {"x": 1.0, "constant": 3.0}


def test_modules_that_contain_each_other() -> None:
    a, b = Holder(x=Value(1.0)), Holder(y=Value(2.0))
    a.other, b.other = b, a
    assert names(a) == ["x", "other.y"]
    assert "..." in repr(a)


def test_zero_grad() -> None:
    model = MLP(2, [2])
    model([1.0, 2.0])[0].backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_a_module_without_forward() -> None:
    with pytest.raises(NotImplementedError, match=r"Holder must define forward"):
        Holder()(1.0)


def test_repr_shows_the_structure() -> None:
    class Net(Module):
        def __init__(self) -> None:
            self.body = MLP(2, [3, 1], activation="relu")
            self.head = Neuron(1, activation=math.sin)

    assert repr(Net()) == (
        "Net(\n"
        "  body: MLP(\n"
        "    layers.0: Layer(2, 3, activation=relu)\n"
        "    layers.1: Layer(3, 1, activation=identity)\n"
        "  )\n"
        "  head: Neuron(1, activation=sin)\n"
        ")"
    )
    assert repr(Line()) == "Line()"


# State.


@given(st.data())
def test_state_goes_round_exactly(data: st.DataObject) -> None:
    model, other = MLP(2, [2, 1], seed=1), MLP(2, [2, 1], seed=2)
    for parameter in model.parameters():
        parameter.data = data.draw(st.floats(allow_nan=False, allow_infinity=False))
    other.load_state_dict(json.loads(json.dumps(model.state_dict())))
    assert other.state_dict() == model.state_dict()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda s: s.pop("b"), KeyError, "b is missing"),
        (lambda s: (s.pop("b"), s.pop("w[0]")), KeyError, r"b, w\[0\] are missing"),
        (lambda s: s.update(c=1.0), KeyError, "c is unknown"),
        (lambda s: s.update({f"c{k}": 1.0 for k in range(9)}), KeyError, "c4 and 4 more are unkn"),
        (lambda s: s.update(b="1.0"), TypeError, "entry b is unfit.*str '1.0'"),
        (lambda s: s.update(b=None), TypeError, "entry b is unfit"),
        (lambda s: s.update(b=[1.0]), TypeError, "entry b is unfit"),
    ],
)
def test_an_unfit_state_changes_nothing(change: Any, error: Any, words: str) -> None:
    neuron = Neuron(2, seed=0)
    before = neuron.state_dict()
    state = dict.fromkeys(before, 7.0)
    change(state)
    with pytest.raises(error, match=words):
        neuron.load_state_dict(state)
    assert neuron.state_dict() == before


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_equal_and_apart(copied: Any) -> None:
    model = MLP(2, [2, 1], activation="relu", seed=0)
    other = copied(model)
    assert repr(other) == repr(model)
    assert [v.data for v in other([1.0, -1.0])] == [v.data for v in model([1.0, -1.0])]
    assert [p.label for p in other.parameters()] == [p.label for p in model.parameters()]
    other.parameters()[0].data = 100.0
    assert model.parameters()[0].data != 100.0


def test_a_model_leaves_no_cycles() -> None:
    while gc.collect():  # what earlier tests left may take several rounds
        pass
    gc.disable()
    try:
        model = MLP(2, [2, 1])
        model([1.0, 2.0])[0].backward()
        del model
        assert gc.collect() == 0
    finally:
        gc.enable()


# What they compute.


def test_neuron_is_activation_of_weighted_sum_plus_bias() -> None:
    neuron = Neuron(2)
    neuron.load_state_dict({"w[0]": -3.0, "w[1]": 1.0, "b": 6.8813735870195432})
    x = [Value(2.0), Value(0.0)]
    neuron(x).backward()
    found = [x[0].grad, x[1].grad, neuron.w[0].grad, neuron.w[1].grad, neuron.b.grad]
    assert found == pytest.approx([-1.5, 0.5, 1.0, 0.0, 0.5])


def test_a_neurons_graph_is_small_and_named() -> None:
    output = Neuron(2)([1.0, 2.0])
    total = output.parents[0]
    product, bias = total.parents
    assert [output.op, total.op, product.op] == ["tanh", "+", "dot"]
    assert [bias.label, *(p.label for p in product.parents)] == ["b", "w[0]", "w[1]", "", ""]


def test_neurons_of_a_layer_share_the_nodes_of_the_inputs() -> None:
    first, second = Layer(1, 2, activation=None)([3.0])
    assert first.parents[0].parents[1] is second.parents[0].parents[1]


def test_mlp_is_its_layers_one_after_the_other() -> None:
    model = MLP(2, [3, 2], activation="relu", seed=0)
    by_hand = model.layers[1](model.layers[0]([0.3, -0.4]))
    assert [v.data for v in model([0.3, -0.4])] == [v.data for v in by_hand]
    assert min(v.data for v in MLP(2, [3], output_activation="sigmoid")([9.0, 9.0])) > 0.0


@given(st.permutations(range(4)), st.integers(0, 99))
def test_hidden_neurons_may_change_places(order: list[int], seed: int) -> None:
    model = MLP(3, [4, 2], seed=seed)
    before = [v.data for v in model([0.1, -0.2, 0.3])]
    hidden, output = model.layers
    hidden.neurons = [hidden.neurons[k] for k in order]
    for neuron in output.neurons:
        neuron.w = [neuron.w[k] for k in order]
    assert [v.data for v in model([0.1, -0.2, 0.3])] == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("x", [np.array([1.0, 2.0]), (1, 2), iter([1.0, 2.0]), [np.float32(1), 2]])
def test_inputs_may_be_any_sequence(x: Any) -> None:
    assert MLP(2, [1], seed=0)(x)[0].data == MLP(2, [1], seed=0)([1.0, 2.0])[0].data


def test_gradients_pass_gradcheck() -> None:
    def f(x: list[Value], numbers: list[Value]) -> list[Value]:
        model, rest = MLP(2, [3, 2], seed=0), iter(numbers)
        for layer in model.layers:
            for neuron in layer.neurons:
                neuron.w = [next(rest) for _ in neuron.w]
                neuron.b = next(rest)
        return model(x)

    model, x = MLP(2, [3, 2], seed=0), [0.5, -1.5]
    numbers = list(model.state_dict().values())
    assert autograd.gradcheck(f, x, numbers)
    inputs = [Value(number) for number in x]
    model(inputs)[1].backward()
    of_x, of_numbers = autograd.jacobian(f, argnums=(0, 1))(x, numbers)[1]
    assert [v.grad for v in inputs] == of_x
    assert [p.grad for p in model.parameters()] == of_numbers


# Initial weights.


@pytest.mark.parametrize(
    ("activation", "bound"),
    [("tanh", math.sqrt(6 / 90)), (None, math.sqrt(6 / 90)), ("relu", math.sqrt(6 / 40))],
)
def test_weights_begin_evenly_within_their_bound(activation: str | None, bound: float) -> None:
    layer = Layer(40, 50, activation, seed=0)
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert max(map(abs, weights)) <= bound
    assert sum(weights) / len(weights) == pytest.approx(0.0, abs=0.05 * bound)
    variance = sum(w * w for w in weights) / len(weights)
    assert variance == pytest.approx(bound**2 / 3, rel=0.06)
    assert {neuron.b.data for neuron in layer.neurons} == {0.0}


def test_every_activation_has_an_initialization() -> None:
    suited = {name: init.suited_to(f).__name__ for name, f in activations.ACTIVATIONS.items()}
    like_relu = {name for name, chosen in suited.items() if chosen == "he_uniform"}
    assert like_relu == {"relu", "leaky_relu", "elu", "gelu", "silu", "mish"}
    assert init.suited_to(lambda x: x) is init.xavier_uniform


def test_a_seed_gives_the_same_network() -> None:
    same = MLP(3, [4, 2], seed=5).state_dict()
    assert MLP(3, [4, 2], seed=5).state_dict() == same
    assert MLP(3, [4, 2], seed=Random(5)).state_dict() == same
    assert MLP(3, [4, 2], seed=6).state_dict() != same
    assert MLP(3, [4, 2]).state_dict() != MLP(3, [4, 2]).state_dict()


def test_a_seed_gives_the_same_numbers_on_every_machine() -> None:
    """Python documents that Random.random of a seed never changes."""
    random = Random(0).random
    bound = math.sqrt(6 / 2)
    assert Neuron(1, seed=0).w[0].data == pytest.approx(-bound + 2 * bound * random(), rel=1e-15)


def test_no_two_neurons_begin_alike() -> None:
    weights = [p.data for p in MLP(3, [4, 4, 2], seed=0).parameters() if p.data != 0.0]
    assert len(set(weights)) == len(weights) == 3 * 4 + 4 * 4 + 4 * 2


# Errors.


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Neuron(2)([1.0]), ValueError, r"Neuron\(2, activation=tanh\) takes 2 .* got 1"),
        (lambda: MLP(2, [3, 1])([1.0] * 4), ValueError, r"Layer\(2, 3, .* takes 2 inputs, got 4"),
        (lambda: Layer(2, 1)(1.0), TypeError, r"takes a list of 2 inputs, got 1.0"),
        (lambda: Layer(2, 1)("ab"), TypeError, r"takes a list of 2 inputs, got 'ab'"),
        (lambda: Layer(2, 1)(["a", "b"]), TypeError, "numbers or Values as inputs, got a str"),
        (lambda: Layer(2, 1)([[1, 2], [3, 4]]), TypeError, "got a list: call it once per sample"),
        (lambda: Layer(2, 1)(np.ones((2, 2))), TypeError, "ndarray: call it once per sample"),
        (lambda: Neuron(0), ValueError, "Neuron's number of inputs .* got 0"),
        (lambda: Neuron(2.0), ValueError, "Neuron's number of inputs .* got 2.0"),
        (lambda: Layer(2, -1), ValueError, "Layer's number of outputs .* got -1"),
        (lambda: Layer(2, True), ValueError, "Layer's number of outputs .* got True"),
        (lambda: MLP(2, []), ValueError, "at least one layer"),
        (lambda: MLP(2, 3), TypeError, r"list of its layers. sizes, such as \[8, 1\], got 3"),
        (lambda: MLP(2, [3, 0]), ValueError, "Layer's number of outputs .* got 0"),
        (lambda: Neuron(1, "tahn"), ValueError, "no activation 'tahn': choose one of .*tanh"),
        (lambda: MLP(2, [1], activation="tahn"), ValueError, "no activation 'tahn'"),
        (lambda: Neuron(1)([1.0, 2.0]), ValueError, r"takes 1 input, got 2"),
        (lambda: Neuron(1)(1.0), TypeError, r"takes a list of 1 input, got 1.0"),
        (lambda: Neuron(1, 3), TypeError, "an activation is a name or a function, got 3"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_ctrl_c_while_a_state_is_loaded_leaves_all_or_nothing() -> None:
    new = {"w[0]": 5.0, "w[1]": 6.0, "b": 7.0}
    old = Neuron(2, seed=0).state_dict()

    def make() -> tuple[Any, Any]:
        neuron = Neuron(2, seed=0)
        return lambda: neuron.load_state_dict(new), neuron.state_dict

    left = left_by_ctrl_c(make)
    assert len(left) > 10
    assert all(state in (old, new) for state in left)


@pytest.mark.parametrize("state", [None, [1.0], "w"])
def test_a_state_that_is_no_dict_is_told(state: Any) -> None:
    with pytest.raises(TypeError, match="a state is a dict of numbers by name, got a "):
        Neuron(1).load_state_dict(state)
