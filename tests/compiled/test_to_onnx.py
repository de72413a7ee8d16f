"""Programs as models of ONNX: onnxruntime gives what the graph gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Primitive, Program, Value
from autograd.checking import strategies
from autograd.primitives import TABLE
from tests.compiled.every_primitive import applied, batch, example, points, same
from tests.compiled.test_primitives import NAMES

TOLERANCE = 1e-13
# Beside a zero of these, no more than so much of 1 is known.
SCALES = {"sin": 1e-2, "cos": 1e-2, "tan": 1e-2, "lgamma": 1.0}
MISSING = ("digamma", "polygamma")


def outputs(model: Any, *batch: Any) -> Any:
    """What onnxruntime makes of a batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [entry.name for entry in session.get_inputs()]
    (result,) = session.run(None, dict(zip(names, map(doubles, batch), strict=True)))
    return result


def doubles(table: Any) -> Any:
    return numpy.array(table, dtype=float)


# The same as the graph ------------------------------------------------------------------------


def test_every_primitive_at_special_points() -> None:
    names = [name for name in NAMES if name not in MISSING]
    model = autograd.compile(applied(names), *example(names)).to_onnx()
    columns = outputs(model, *batch(names)).T.tolist()
    wrong = []
    for name, column in zip(names, columns, strict=True):
        for point, found in zip(points(TABLE[name]), column):  # noqa: B905
            expected = TABLE[name].evaluate(*point)
            if not same(found, expected, TOLERANCE, SCALES.get(name, 0.0)):
                wrong.append((name, point, found, expected))
    assert wrong == []


several = st.lists(
    strategies.expressions([TABLE[name] for name in NAMES if name not in MISSING]),
    min_size=20,
    max_size=20,
)


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(expressions=several)
def test_random_programs(expressions: list[Any]) -> None:
    parameters = [Value(expression.point[0]) for expression in expressions]
    inputs = [[*expression.point[1:], 0.0] for expression in expressions]

    def all_of_them(*inputs: Any) -> Any:
        each = zip(expressions, inputs, parameters, strict=True)
        return [expression(w, *xs[:-1]) for expression, xs, w in each]

    program: Program = autograd.compile(all_of_them, *inputs)
    (found,) = outputs(program.to_onnx(), *[[row] for row in inputs]).tolist()
    for expression, x in zip(expressions, found, strict=True):
        assert same(x, expression(*expression.point), 1e-10, 1.0), expression


def test_branches_choices_and_what_depends_on_no_sample() -> None:
    w, v = [Value(x, label=f"w{k}") for k, x in enumerate([2.0, -3.0])]
    held = Value(10.0, requires_grad=False)

    def function(x: Any, k: Any) -> Any:
        scaled = autograd.exp(w) + held  # once for all samples
        chosen = autograd.where((x > 0) & ~(x >= 2), autograd.log(x), scaled)
        some = autograd.mean([x, scaled, w]) + autograd.logsumexp([x, v, v.detach()])
        return [[chosen, autograd.pick([w, v, scaled], k)], [some, scaled], [1.5, x]]

    program: Program = autograd.compile(function, 0.0, 0)
    X, K = [-1.0, 0.0, 1.0, 2.0, math.inf], [0, 1, 2, 2, 1]
    found = outputs(program.to_onnx(), X, K)
    assert found.shape == (5, 3, 2)
    assert found.tolist() == [[pytest.approx(r, rel=1e-13) for r in y] for y in program(X, K)]


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_a_wrong_index_is_refused_when_it_is_run(wrong: float) -> None:
    model = autograd.compile(lambda x, k: autograd.pick([x, 2 * x, x], k), 0.0, 0).to_onnx()
    with pytest.raises(Exception, match="GatherElements"):
        outputs(model, [1.0], [wrong])


def test_a_network_with_attention_and_classes() -> None:
    table = [[Value(math.sin(3 * i + j)) for j in range(4)] for i in range(5)]
    attention, norm = nn.MultiheadAttention(4, 2, seed=1), nn.LayerNorm(4)
    last = nn.MLP(4, [8, 5], activation="gelu", seed=2)

    def loss(words: Any, y: Any) -> Any:
        vectors = [autograd.take(table, word) for word in words]
        mixed, _ = attention(vectors)
        return nn.losses.cross_entropy(last(norm(mixed[-1])), y)

    program: Program = autograd.compile(loss, [0, 0, 0], 0)
    rng = numpy.random.default_rng(0)
    words, y = rng.integers(5, size=(9, 3)), rng.integers(5, size=9)
    found = outputs(program.to_onnx(), words, y).tolist()
    assert found == pytest.approx(program(words, y).tolist(), rel=1e-12)


def test_wide_layers_are_few_nodes() -> None:
    network = nn.MLP(16, [32, 32, 1], activation="relu", seed=1)
    model = autograd.compile(lambda x: network(x)[0], [0.0] * 16).to_onnx()
    assert len(model.graph.node) < 40


# The model ------------------------------------------------------------------------------------


def test_inputs_outputs_and_parameters_have_names() -> None:
    w, b = Value(2.0), Value(1.0)
    program: Program = autograd.compile(lambda x, parameters: w * x[0] + b + parameters, [0.0], 0.0)
    graph = program.to_onnx().graph
    shapes = {
        entry.name: [axis.dim_param or axis.dim_value for axis in entry.type.tensor_type.shape.dim]
        for entry in [*graph.input, *graph.output]
    }
    assert shapes == {"x": ["batch", 1], "parameters_1": ["batch"], "output": ["batch"]}
    from onnx import numpy_helper

    held = {entry.name: numpy_helper.to_array(entry).tolist() for entry in graph.initializer}
    assert held["parameters"] == [[2.0, 1.0]]


def test_it_is_written_to_a_file_as_a_whole(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "double.onnx"
    model = autograd.compile(lambda x: 2 * x, 0.0).to_onnx(path)
    read = onnx.load(path)
    assert read == model
    assert (read.producer_name, read.opset_import[0].version) == ("stepgrad", 13)
    assert outputs(read, [1.0, 3.0]).tolist() == [2.0, 6.0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["double.onnx"]


def test_what_cant_be_written_is_refused() -> None:
    own = Primitive("own", lambda x: math.exp(x), lambda out, x: (out,))
    with pytest.raises(NotImplementedError, match="to_onnx can't express the primitive 'own': wri"):
        autograd.compile(lambda x: own(x) + 1.0, 0.0).to_onnx()
    with pytest.raises(NotImplementedError, match="'digamma': ONNX has no such function"):
        autograd.compile(autograd.digamma, 0.0).to_onnx()
    with pytest.raises(ValueError, match="to_onnx needs a function of at least one number"):
        autograd.compile(lambda x: 2.0, []).to_onnx()


def test_a_primitive_of_your_own_is_what_its_value_is_made_of() -> None:
    own = Primitive(
        "own",
        lambda x, y: autograd.sum([autograd.expm1(x), y, autograd.dot([x, y], [y, y])]),
        lambda out, x, y: (autograd.exp(x) + y, 1.0 + x + 2.0 * y),
    )
    program: Program = autograd.compile(lambda x, y: own(x, y), 0.0, 0.0)
    found = outputs(program.to_onnx(), [0.5, 1e-9], [2.0, 0.0]).tolist()
    assert found == pytest.approx([own(0.5, 2.0), own(1e-9, 0.0)], rel=1e-13)
