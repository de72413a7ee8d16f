"""Marks at the borders of modules: where they are, and that they hold and change nothing."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from autograd import Value, exp, no_grad, tanh
from autograd.grouping import OUTSIDE, Group, Maker, watching
from nn import MLP, Flatten, Linear, Module, Neuron, Sequential


class Apply(Maker):
    """Whatever a function does."""

    def __init__(self, function: Any) -> None:
        self.forward = function


def path(node: Value) -> list[Any]:
    """Return the makers of a node, from the inside out."""
    found = []
    group = node.made_by
    while group is not OUTSIDE:
        found.append(group.maker())
        group = group.outer
    return found


def test_a_result_knows_the_modules_that_made_it() -> None:
    model = MLP(2, [3, 1])
    (output,) = model([1.0, 2.0])
    layer = model.layers[1]
    assert path(output) == [layer.neurons[0], layer, model]
    assert output.made_by.kind == "Neuron"


def test_the_nodes_between_have_no_mark() -> None:
    output = Neuron(2)([1.0, 2.0])
    assert [node.made_by for node in (*output.parents, *output.parents[0].parents)] == [None] * 3


def test_what_a_module_is_given_was_made_outside() -> None:
    x = [Value(1.0) * 2.0, Value(3.0)]
    Neuron(2)(x)
    assert [node.made_by for node in x] == [OUTSIDE, OUTSIDE]


def test_what_a_module_makes_between_those_inside_is_its_own() -> None:
    glue = []

    class Block(Module):
        def __init__(self) -> None:
            self.first, self.second = Linear(2, 2), Linear(2, 1)

        def forward(self, x: Any) -> Any:
            glue.extend([tanh(v) for v in self.first(x)])
            return [self.second(glue)[0] + x[0]]

    block = Block()
    (output,) = block([Value(1.0), Value(2.0)])
    assert [path(node) for node in (output, *glue)] == [[block]] * 3


def test_a_list_changed_in_place_is_looked_at_again() -> None:
    x = [Value(1.0) * 2.0]
    inner = Apply(lambda x: x[0] + 1.0)

    def forward() -> Value:
        first = inner(x)
        x[0] = exp(first)
        return inner(x)

    outer = Apply(forward)
    outer()
    assert path(x[0]) == [outer]


def test_what_passes_through_keeps_its_mark() -> None:
    model = Sequential(Linear(2, 2), Flatten(), "identity")
    outputs = model([1.0, 2.0])
    assert [path(output) for output in outputs] == [[model.layers[0], model]] * 2


@pytest.mark.parametrize(
    "nested",
    [
        lambda v: v,
        lambda v: [v],
        lambda v: (3.0, [v]),
        lambda v: {"a": {"b": v}},
        lambda v: np.array([v, v], dtype=object),
        lambda v: [1, "a", None, v],
    ],
)
def test_nodes_are_found_in_nested_sequences(nested: Any) -> None:
    x = Value(1.0) * 2.0
    made = []

    def forward(x: Any) -> Any:
        made.append(Value(1.0) * 3.0)
        return nested(made[0])

    maker = Apply(forward)
    maker(nested(x))
    assert x.made_by is OUTSIDE
    assert path(made[0]) == [maker]
    y = Value(1.0) * 2.0
    Apply(lambda x: None)(x=nested(y))
    assert y.made_by is OUTSIDE


def test_without_a_graph_there_are_no_marks() -> None:
    with no_grad():
        outputs = MLP(2, [2])([1.0, 2.0])
    assert [output.made_by for output in outputs] == [None, None]


def test_parameters_that_are_returned_belong_to_their_module() -> None:
    weight = Value(1.0)
    maker = Apply(lambda: weight)
    maker()
    assert path(weight) == [maker]


def test_a_label_stays_and_can_be_given_later() -> None:
    output = Neuron(1)([1.0])
    group = output.made_by
    output.label = "y"
    assert (output.label, output.made_by) == ("y", group)
    named = Value(1.0, "x")
    Neuron(1)([named])
    assert (named.label, named.made_by) == ("x", OUTSIDE)


def test_an_error_leaves_no_trace() -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        Apply(Apply(fail))()
    maker = Apply(lambda: Value(1.0) * 2.0)
    assert path(maker()) == [maker]


def test_a_list_that_contains_itself_is_refused_by_the_module() -> None:
    x: list[Any] = [1.0]
    x.append(x)
    with pytest.raises(TypeError, match="takes numbers or Values as inputs, got a list"):
        Neuron(2)(x)


def test_threads_have_their_own_places() -> None:
    outputs = []
    inner = Apply(lambda: Value(1.0) * 2.0)

    def forward() -> None:
        thread = threading.Thread(target=lambda: outputs.append(inner()))
        thread.start()
        thread.join()

    Apply(forward)()
    assert path(outputs[0]) == [inner]


def test_copies_have_no_marks_and_make_their_own() -> None:
    neuron = Neuron(1)
    output = neuron([1.0])
    for duplicate in (copy.deepcopy(output), pickle.loads(pickle.dumps(output))):
        assert duplicate.made_by is None
    for other in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert path(other([1.0])) == [other]
    assert path(neuron([1.0])) == [neuron]
    assert isinstance(copy.deepcopy(output.made_by), Group)


# What marks must not do --------------------------------------------------------------------------


def test_a_graph_does_not_hold_its_module() -> None:
    model = MLP(2, [2, 1])
    alive = weakref.ref(model)
    (output,) = model([1.0, 2.0])
    del model
    assert alive() is None
    assert output.made_by.maker() is None


def test_nothing_is_held_that_the_graph_does_not_hold() -> None:
    """A module that detaches its input must not keep the graph before it alive."""
    before = exp(Value(1.0))
    alive = weakref.ref(before)
    detaching = Apply(lambda x: x[0].detach() * Value(2.0))
    after = detaching([before])
    del before
    assert alive() is None
    assert path(after) == [detaching]


def test_there_are_no_reference_cycles() -> None:
    gc.collect()
    gc.disable()
    try:
        xs = [Value(1.0) * 2.0]
        model = Sequential(Flatten(), Linear(1, 1))
        xs.append(model(xs)[0])  # the output goes into the list that was the input
        alive = weakref.ref(xs[1])
        del xs, model
        assert alive() is None
    finally:
        gc.enable()


def test_modules_in_modules_are_watched_from_the_inside_out() -> None:
    seen = []
    inner = Apply(lambda: 1.0)
    outer = Apply(lambda: inner() + 1.0)
    with watching(lambda maker, output: seen.append((maker, output))):
        outer()
    outer()
    assert seen == [(inner, 1.0), (outer, 2.0)]
