"""Which module made which node: every node is in exactly one box, and in the right one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, exp, sum, tanh
from autograd.drawing.boxes import Box, Graph, box_tree
from autograd.drawing.bundles import bundled
from autograd.drawing.overview import Item, Overview, everything, inside, overview
from nn import LSTM, MLP, Embedding, Layer, Linear, Module, Neuron, Sequential, losses

# Graphs that mix modules, arithmetic around them, and modules in modules.


class Residual(Module):
    """x + inner(tanh(x)), with arithmetic of its own around the inner module."""

    def __init__(self, inner: Module) -> None:
        self.inner = inner
        self.scale = Value(0.5)

    def forward(self, x: list[Any]) -> list[Any]:
        inner = self.inner([tanh(v) for v in x])
        return [a + self.scale * b for a, b in zip(x, inner, strict=True)]


def modules(depth: int) -> st.SearchStrategy[Module]:
    """Modules that take two numbers and return two."""
    simple = st.sampled_from([lambda: Layer(2, 2), lambda: Linear(2, 2), lambda: MLP(2, [3, 2])])
    plain = simple.map(lambda make: make())
    if not depth:
        return plain
    deeper = modules(depth - 1)
    return plain | deeper.map(Residual) | st.lists(deeper, max_size=3).map(lambda m: Sequential(*m))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Module, Graph]:
    model = draw(modules(2))
    samples = draw(st.integers(1, 4))
    outputs = []
    for number in range(samples):
        x: list[Any] = [float(number), 1.0]
        if draw(st.booleans()):
            x = [exp(Value(0.1 * number, f"x{number}")), Value(1.0)]
        outputs += model(x)
    loss = sum([Value(1.0), losses.mse(outputs, [0.0] * len(outputs))])
    loss.backward()
    return model, Graph([loss])


def boxes(graph: Graph) -> dict[str, Box]:
    return {box.name: box for box in box_tree(graph).all_boxes()}


def operations(graph: Graph, box: Box) -> list[str]:
    return [graph.nodes[place].op for place in box.own if graph.parents[place]]


@settings(max_examples=25)
@given(graphs())
def test_every_node_is_in_exactly_one_box(made: tuple[Module, Graph]) -> None:
    _, graph = made
    tree = box_tree(graph)
    places = [place for box in tree.all_boxes() for place in box.own]
    assert sorted(places) == tree.members() == list(range(len(graph.nodes)))
    assert len({box.number for box in tree.all_boxes()}) == len(list(tree.all_boxes()))


@settings(max_examples=25)
@given(graphs())
def test_parameters_are_in_the_box_of_their_module(made: tuple[Module, Graph]) -> None:
    model, graph = made
    owner = {graph.nodes[p]: box for box in box_tree(graph).all_boxes() for p in box.own}
    for name, parameter in model.named_parameters():
        home = owner[parameter]
        assert any(parameter is own for own in home.module.parameters())
        assert not any(parameter in box.module.parameters() for box in home.inner)
        assert home.outer is not None
        assert home.outer.outer is None or name.startswith(f"{home.name}.")


@settings(max_examples=25)
@given(graphs())
def test_names_are_the_paths_in_the_model(made: tuple[Module, Graph]) -> None:
    model, graph = made
    paths = {path: module for path, module in model.named_modules() if path}
    for box in box_tree(graph).all_boxes():
        if box.depth > 1:
            assert paths[box.name] is box.module
            assert box.full_name == f"{type(model).__name__}.{box.name}"


@settings(max_examples=25)
@given(graphs(), st.integers(1, 120))
def test_an_overview_keeps_all_nodes_and_edges(made: tuple[Module, Graph], most: int) -> None:
    _, graph = made
    tree = box_tree(graph)
    shown = overview(graph, tree, most)
    assert sorted(p for item in shown.items for p in item.members) == list(range(len(graph.nodes)))
    assert len(shown.items) <= most
    item_of = {place: k for k, item in enumerate(shown.items) for place in item.members}
    expected: dict[tuple[int, int], int] = {}
    for place, parents in enumerate(graph.parents):
        for parent in parents:
            pair = item_of[parent], item_of[place]
            if pair[0] != pair[1]:
                expected[pair] = expected.get(pair, 0) + 1
    assert {pair: link.count for pair, link in shown.links.items()} == expected


@settings(max_examples=25)
@given(graphs(), st.data())
def test_an_opened_box_is_shown_with_all_that_touches_it(
    made: tuple[Module, Graph], data: st.DataObject
) -> None:
    _, graph = made
    tree = box_tree(graph)
    shown = overview(graph, tree, 12)
    closed = [item for item in shown.items if len(item.boxes) == 1 and item.boxes[0].outer]
    if not closed:
        return
    item = data.draw(st.sampled_from(closed))
    part = inside(shown, item.boxes[0], 60)
    assert sorted(_members(part, around=False)) == item.members
    members = set(item.members)
    crossing = [
        (parent, place)
        for place, parents in enumerate(graph.parents)
        for parent in parents
        if (parent in members) != (place in members)
    ]
    assert set(_members(part, around=True)) == {p for pair in crossing for p in pair} - members


def _members(shown: Overview, around: bool) -> Iterator[int]:
    return (p for item in shown.items if item.is_neighbour is around for p in item.members)


# What is where ----------------------------------------------------------------------------------


def test_arithmetic_before_between_and_after_modules() -> None:
    x = [Value(1.0, "x") * 2.0, exp(Value(0.5))]
    model = Sequential(Residual(Linear(2, 2)), Linear(2, 1))
    graph = Graph([losses.mse(model(x), [1.0])])
    found = boxes(graph)
    assert operations(graph, found["layers.0"]).count("tanh") == 2
    assert operations(graph, found["layers.0.inner"]) == ["dot", "+"] * 2
    assert operations(graph, found["layers.1"]) == ["dot", "+"]
    assert {"*", "exp", "-", "mean"} >= set(operations(graph, found[""])) >= {"exp", "-"}


def test_a_neuron_called_for_many_samples_is_one_box() -> None:
    neuron = Neuron(2)
    graph = Graph([sum([neuron([float(k), 1.0]) for k in range(100)])])
    found = boxes(graph)
    assert set(found) == {"", "Neuron"}
    (item,) = [i for i in overview(graph, found[""], 50).items if i.boxes]
    assert (len(item.parameters), len(item.operations)) == (3, 300)


def test_a_recurrent_cell_is_one_box() -> None:
    outputs, _ = LSTM(1, 2)([[0.1]] * 5)
    assert set(boxes(Graph(outputs[-1]))) == {"", "LSTM", "cells.0"}


def test_a_module_that_calls_itself_is_one_box() -> None:
    class Tree(Module):
        def __init__(self) -> None:
            self.join = Linear(2, 1)

        def forward(self, tree: Any) -> Any:
            if not isinstance(tree, tuple):
                return tree
            return self.join([self(tree[0]), self(tree[1])])[0]

    x = Value(1.0)
    assert set(boxes(Graph([Tree()(((x, x), (x, (x, x))))]))) == {"", "Tree", "join"}


def test_two_models_of_a_kind_are_told_apart() -> None:
    first, second = Linear(1, 1), Linear(1, 1)
    assert set(boxes(Graph([second(first([1.0]))[0]]))) == {"", "Linear", "Linear 2"}


def test_a_penalty_does_not_move_a_parameter_out_of_its_module() -> None:
    neuron = Neuron(1)
    loss = neuron([1.0]) + neuron.w[0] * neuron.w[0]
    graph = Graph([loss])
    found = boxes(graph)
    assert neuron.w[0] in [graph.nodes[place] for place in found["Neuron"].own]
    assert sorted(operations(graph, found[""])) == ["*", "+"]


def test_a_parameter_of_two_modules_is_in_one_of_them() -> None:
    model = Sequential(Linear(1, 1), Linear(1, 1))
    model.layers[1].weight = model.layers[0].weight
    graph = Graph([model([1.0])[0]])
    found = boxes(graph)
    shared = model.layers[0].weight[0][0]
    homes = [name for name, box in found.items() if shared in [graph.nodes[p] for p in box.own]]
    assert homes in (["layers.0"], ["layers.1"])


def test_a_result_that_leaves_a_module_by_a_side_door_is_in_it() -> None:
    class Remembering(Module):
        def forward(self, x: Value) -> Value:
            self.hidden = tanh(x)
            return self.hidden * 2.0

    module = Remembering()
    loss = module(Value(1.0)) + module.hidden
    graph = Graph([loss])
    assert operations(graph, boxes(graph)["Remembering"]) == ["tanh", "*"]


def test_inputs_and_constants() -> None:
    layer = Layer(2, 2)
    x, const = Value(1.0, "x", requires_grad=False), 3.0
    graph = Graph(layer([x, const]))
    outside = [graph.nodes[place] for place in boxes(graph)[""].own]
    assert [node.data for node in outside] == [1.0, 3.0]  # both neurons use both
    graph = Graph([Sequential(Residual(Linear(1, 1)))([Value(1.0)])[0] * 2.0])
    assert [
        graph.nodes[place].data for place in boxes(graph)[""].own if not graph.parents[place]
    ] == [1.0, 2.0]


def test_rows_of_an_embedding_are_its_parameters() -> None:
    embedding = Embedding(3, 2)
    model = Sequential(embedding, Linear(2, 1))
    graph = Graph([model(1)[0]])
    found = boxes(graph)
    assert [graph.nodes[place] for place in found["layers.0"].own] == embedding.weight[1]


def test_a_module_that_is_gone_is_named_by_the_labels_of_its_parameters() -> None:
    graph = Graph(MLP(2, [2, 1])([1.0, 2.0]))
    assert set(boxes(graph)) == {
        "",
        "MLP",
        "layers.0",
        "layers.0.neurons.0",
        "layers.0.neurons.1",
        "layers.1",
        "layers.1.neurons.0",
    }


# Bundles ------------------------------------------------------------------------------------------


def test_what_does_the_same_with_the_same_is_put_together() -> None:
    neuron = Neuron(1)
    loss = losses.mse([neuron([float(k)]) for k in range(100)], [0.0] * 100)
    graph = Graph([loss])
    items = [item for item in overview(graph, box_tree(graph), 100).items if not item.boxes]
    found = [(len(i.members), *{graph.nodes[p].op or "leaf" for p in i.members}) for i in items]
    assert sorted(found) == [(1, "mean"), (100, "*"), (100, "-"), (100, "leaf")]


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 200), st.randoms())
def test_bundles_of_any_graph_are_few_and_keep_every_node(
    most: int, size: int, random: Any
) -> None:
    nodes = [Value(1.0), Value(2.0, requires_grad=False)]
    for _ in range(size):
        one, other = random.choice(nodes[-20:]), random.choice(nodes)
        nodes.append(random.choice([one + other, one * other, tanh(one)]))
    graph = Graph([nodes[-1]])
    places = list(range(len(graph.nodes)))
    found = bundled(graph, places, [None] * len(places), most)
    assert sorted(place for bundle in found for place in bundle) == places
    assert len(found) <= max(most, 9)  # eight stretches and the output


def test_a_long_chain_is_cut_where_gradients_flow_one_way() -> None:
    x = Value(0.5, "x")
    y = x
    for _ in range(500):
        y = y * 1.001 + 0.001
    y.backward()
    graph = Graph([y])
    shown = overview(graph, box_tree(graph), 100)
    assert len(shown.items) == 10
    assert all(used < user for used, user in shown.links)
    means = [item.mean_gradient for item in shown.items]
    assert means == sorted(means, reverse=True)  # it shrinks on the way


def test_labelled_nodes_and_outputs_stay_alone_if_they_are_few() -> None:
    y = Value(1.0, "x")
    for k in range(300):
        y = tanh(y)
        if k == 150:
            y.label = "half-way"
    graph = Graph([y])
    shown = overview(graph, box_tree(graph), 100)
    alone = [graph.nodes[item.members[0]].label for item in shown.items if item.is_single]
    assert alone == ["x", "half-way", ""]


# Numbers on the boxes --------------------------------------------------------------------------


@settings(max_examples=25)
@given(graphs())
def test_the_mean_gradient_is_that_of_the_parameters(made: tuple[Module, Graph]) -> None:
    _, graph = made
    tree = box_tree(graph)
    for box in tree.all_boxes():
        item = Item(graph, box.members(), [box], tree)
        if box.outer is not None and list(box.module.parameters()):
            parameters = box.module.parameters()
            mean = math.fsum(abs(p.grad) for p in parameters) / len(parameters)
            assert len(item.parameters) == len(parameters)
            assert item.mean_gradient == pytest.approx(mean)


def test_nan_is_counted_and_left_out_of_the_mean() -> None:
    a, b = Value(1.0), Value(2.0)
    a.grad, b.grad = math.nan, 3.0
    graph = Graph([a * b])
    item = Item(graph, [0, 1], [], box_tree(graph))
    assert (item.alarms, item.mean_gradient) == (1, 3.0)
    assert Item(graph, [2], [], box_tree(graph)).mean_gradient == 0.0


def test_small_graphs_are_shown_node_by_node() -> None:
    graph = Graph(MLP(2, [2, 1])([1.0, 2.0]))
    tree = box_tree(graph)
    shown = overview(graph, tree, 100)
    assert [i.members for i in shown.items] == [i.members for i in everything(graph, tree).items]
    assert not shown.frames
