"""Copies and pickles keep numbers, structure and identity."""

import copy
import io
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Primitive, Value, grad, gradients, tanh
from autograd.sweep import topological_order

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def by_pickle(protocol: int) -> Callable[[Any], Any]:
    return lambda x: pickle.loads(pickle.dumps(x, protocol))


def by_python_s_own_pickle(protocol: int) -> Callable[[Any], Any]:
    return lambda x: pickle._loads(pickle._dumps(x, protocol))  # type: ignore[attr-defined]


WAYS = {"deepcopy": copy.deepcopy}
WAYS |= {f"pickle{p}": by_pickle(p) for p in PROTOCOLS}
WAYS |= {f"_pickle{p}": by_python_s_own_pickle(p) for p in PROTOCOLS}

every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

mine = Primitive("mine_to_pickle", lambda x: 3.0 * x, lambda out, x: (3.0,))


def description(root: Value) -> list[Any]:
    """All there is to know of a graph: the nodes in order, parents by their place."""
    order = topological_order([root])
    place = {node: k for k, node in enumerate(order)}
    return [
        (
            type(node),
            node.data,
            node.grad,
            node.label,
            node.requires_grad,
            node.op,
            node.primitive,
            node.partials,
            [place[parent] for parent in node.parents],
        )
        for node in order
    ]


def example() -> tuple[Value, Value]:
    x = Value(0.5, label="x")
    shared = x * x
    shared.label = "shared"
    y = tanh(shared) + mine(shared) / Value(2.0, requires_grad=False) + 1
    y.backward()
    return x, y


@every_way
def test_a_copied_graph_is_the_same_graph(way: Callable[[Any], Any]) -> None:
    _, y = example()
    before = description(y)
    twin = way(y)
    assert description(twin) == before == description(y)
    assert set(topological_order([twin])).isdisjoint(topological_order([y]))


@every_way
def test_a_copied_graph_lives_on_its_own(way: Callable[[Any], Any]) -> None:
    x, y = example()
    twin_x, twin = way((x, y))
    old = x.grad
    twin.backward()
    assert (x.grad, twin_x.grad) == (old, 2.0 * old)
    again = gradients(twin, twin_x, create_graph=True)
    assert again.data == pytest.approx(old)
    assert grad(mine)(1.0) == 3.0


@every_way
def test_what_is_shared_stays_shared(way: Callable[[Any], Any]) -> None:
    x, y = example()
    z = y * x
    copies = way([x, z, {"y": y, "z": z}, (x, y), z])
    assert copies[0] is copies[3][0]
    assert copies[1] is copies[2]["z"] is copies[4]
    assert copies[1].parents == (copies[2]["y"], copies[0])
    assert copies[2]["y"] is copies[3][1]


programs = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12)


@given(program=programs, chosen=st.lists(st.integers(0, 99), min_size=1, max_size=5))
def test_any_nodes_of_any_graph_keep_their_structure(
    program: list[tuple[int, int]], chosen: list[int]
) -> None:
    nodes = [Value(1.0), Value(2.0, requires_grad=False)]
    for i, j in program:
        nodes.append(nodes[i % len(nodes)] * nodes[j % len(nodes)] + 0.5)
    handed_over = [nodes[k % len(nodes)] for k in chosen]
    before = [description(node) for node in handed_over]
    for way in (copy.deepcopy, by_pickle(5), by_python_s_own_pickle(2)):
        copies = way(handed_over)
        assert [description(node) for node in copies] == before
        for one, other in zip(handed_over, copies, strict=True):
            assert [one is v for v in handed_over] == [other is v for v in copies]
        together = topological_order(copies)
        assert len(together) == len(topological_order(handed_over))


def test_a_shallow_copy_keeps_the_parents() -> None:
    x, y = example()
    twin = copy.copy(y)
    assert twin is not y
    assert twin.parents == y.parents
    assert all(one is other for one, other in zip(twin.parents, y.parents, strict=True))
    assert (twin.data, twin.grad, twin.partials) == (y.data, y.grad, y.partials)
    twin.backward()
    assert x.grad == pytest.approx(2.0 * gradients(y, x))


def test_one_pickler_may_be_used_again() -> None:
    x, y = example()
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.dump(y)
    pickler.dump([x, y * 2.0])
    pickler.clear_memo()
    pickler.dump(y)
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    first, (twin_x, later) = unpickler.load(), unpickler.load()
    assert later.parents[0] is first
    assert twin_x in topological_order([first])
    assert description(unpickler.load()) == description(y)


def chain(length: int) -> list[Value]:
    nodes = [Value(1.0, label="x")]
    for _ in range(length):
        nodes.append(nodes[-1] * 1.5)
    return nodes


def test_another_pickle_is_begun_while_one_is_open() -> None:
    nodes = chain(3000)
    open_pickler = pickle.Pickler(io.BytesIO())
    open_pickler.dump(nodes[-1])  # and keeps what it has pickled in its memo
    for node in (nodes[-1], nodes[-1] + 1.0, nodes[2000]):
        assert description(pickle.loads(pickle.dumps(node))) == description(node)


def test_a_pickle_begun_inside_another() -> None:
    class Outer:
        def __init__(self, content: Any) -> None:
            self.content = content

        def __reduce__(self) -> Any:
            return pickle.loads, (pickle.dumps(self.content),)

    nodes = chain(3000)
    one, other, wrapped = pickle.loads(pickle.dumps([nodes[1500], nodes[-1], Outer(nodes[-1])]))
    assert one in topological_order([other])
    assert description(other) == description(wrapped) == description(nodes[-1])


def test_every_node_of_a_chain_in_a_list_takes_no_more_than_the_chain() -> None:
    nodes = chain(2000)
    alone, together = len(pickle.dumps(nodes[-1])), len(pickle.dumps(nodes))
    assert together < 2 * alone
    copies = pickle.loads(pickle.dumps(nodes))
    assert all(b.parents[0] is a for a, b in pairwise(copies))


def test_a_pickle_that_failed_leaves_nothing_behind() -> None:
    nodes = chain(3000)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps([nodes[-1], lambda: None])
    assert description(pickle.loads(pickle.dumps(nodes[-1]))) == description(nodes[-1])


def test_primitives_are_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(tanh)) is tanh
    assert copy.deepcopy(mine) is mine
    assert copy.copy(mine) is mine
    gone = Primitive("gone_tomorrow", lambda x: x, lambda out, x: (1.0,))
    saved = pickle.dumps(gone(Value(1.0)))
    del gone
    with pytest.raises(LookupError, match="'gone_tomorrow' is not declared"):
        pickle.loads(saved)


class Node(Value):
    """A subclass whose attribute leads to other Values."""

    buddy: Value


@every_way
def test_an_added_attribute_may_lead_to_other_values(way: Callable[[Any], Any]) -> None:
    a, b = Node(1.0), Node(2.0)
    a.buddy = b * 3.0
    y = a * b
    twin = way(y)
    first, second = twin.parents
    assert first.buddy.parents[0] is second
    assert first.buddy.data == 6.0
    assert first.buddy is not a.buddy
