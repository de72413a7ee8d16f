"""Explanations say what `backward` does, of any graph."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, primitives, sum
from autograd.checking import strategies
from autograd.explanation import Explanation


@given(strategies.expressions(primitives=list(primitives.TABLE.values())))
def test_gradients_are_those_of_backward(f: strategies.Expression) -> None:
    inputs = [Value(x, label=f"x{k}") for k, x in enumerate(f.point)]
    root = f(*inputs)
    explanation = Explanation(root, inputs)
    shown = explanation.gradients
    assert all(x.grad == 0.0 for x in inputs)  # to explain changes nothing
    root.backward()
    assert list(shown.values()) == [x.grad for x in inputs]
    table = explanation.text().partition("\nGradients of ")[2].splitlines()[1:]
    assert [(line.split()[0], float(line.split()[1])) for line in table] == list(shown.items())
    data = json.loads(json.dumps(explanation.data(), allow_nan=False))
    assert data["gradients"] == shown
    nodes = {node["name"]: node for node in data["forward"]}
    assert len(nodes) == len(data["forward"])  # every name is that of one node
    for step in data["backward"]:
        node = nodes[step["node"]]
        tracked = [name for name in node["parents"] if name in nodes]
        assert [edge["parent"] for edge in step["edges"]] == tracked
        assert len(step["text"]) == len(step["edges"])
    assert explanation.latex().count(r"\mathrel{+}=") == len(re.findall(r"\+=", explanation.text()))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=8))
def test_numbers_stand_with_their_points_one_below_the_other(numbers: list[float]) -> None:
    inputs = [Value(x, label=f"x{k}") for k, x in enumerate(numbers)]
    lines = Explanation(sum(inputs), inputs).text().splitlines()[2 : 2 + len(numbers)]
    assert [float(line.split()[2]) for line in lines] == numbers
    assert len({line.index(".") for line in lines if "." in line}) <= 1


def test_labels_with_line_breaks_and_no_labels_keep_the_table_whole() -> None:
    x = Value(2.0, label="a\nb")
    text = Explanation(x * x, [x]).text()
    assert "a␊b" in text
    assert len(text.splitlines()) == 12


def test_gradients_of_an_earlier_sweep_are_not_counted() -> None:
    x = Value(3.0, label="x")
    (5.0 * x).backward()
    assert Explanation(x * x, [x]).gradients == {"x": 6.0}


def test_long_operations_are_cut_in_tables() -> None:
    inputs = [Value(1.0, label=f"x{k}") for k in range(100)]
    explanation = Explanation(sum(inputs), inputs)
    assert max(map(len, explanation.text().splitlines())) < 90
    assert "x99" in explanation.data()["forward"][-1]["operation"]


def test_a_result_that_is_a_constant() -> None:
    x = Value(1.0, label="x")
    explanation = Explanation(Value(2.0, requires_grad=False), [x])
    assert explanation.gradients == {"x": 0.0}
    assert explanation.data()["backward"] == []
    assert "  2     constant   2.0\n" in explanation.text()
    assert r"\frac{\partial 2}{\partial x} &= 0" in explanation.latex()
