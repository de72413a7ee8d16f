"""Compiled functions as models of ONNX: to be run where there is no Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd.compiled.batch import Argument
from autograd.compiled.code import Code
from autograd.compiled.export.onnx_graph import OnnxGraph
from autograd.compiled.export.vectors import (
    Group,
    dependences,
    entries_of,
    gathering,
    groups,
    is_shared,
)

OPSET = 13  # what onnxruntime has understood since 2020
IR_VERSION = 7
_OWN_NAMES = ("parameters", "output", "rows")
ROWS = ("sum", "mean", "dot", "logsumexp", "pick")

Columns = Sequence[tuple[int, ...]]


def onnx_model(
    name: str,
    code: Code,
    arguments: Sequence[Argument],
    parameters: Sequence[float],
    shape: tuple[int, ...],
) -> Any:
    """Return a model of ONNX, a ModelProto, that does to a batch what code does to a sample.

    Args:
        name: what the function is called.
        code: what it does; the call's numbers are the parameters.
        arguments: what a sample consists of.
        parameters: the numbers of the parameters.
        shape: the shape of a sample's result.

    Raises:
        ImportError: if ONNX is not installed.
        NotImplementedError: if a primitive can't be written in ONNX.
        ValueError: if there are no arguments.
    """
    return _Model(name, code, arguments, parameters, shape).written()


class _Model:
    """Writes code as a graph.

    Every vector is a matrix there, with a row for each sample; what depends on none has one row.
    """

    def __init__(
        self,
        name: str,
        code: Code,
        arguments: Sequence[Argument],
        parameters: Sequence[float],
        shape: tuple[int, ...],
    ) -> None:
        self.name, self.code, self.shape = name, code, shape
        self.arguments = arguments
        if not any(argument.width for argument in arguments):
            raise ValueError("to_onnx needs a function of at least one number")
        self.names = [_name_for(argument) for argument in arguments]
        self.graph = OnnxGraph([*self.names, *_OWN_NAMES])
        numpy = self.graph.numpy
        owners = [k for k, argument in enumerate(arguments) for _ in range(argument.width)]
        self.origins = dependences(code, owners)
        self.groups = groups(code, self.origins)
        self.entries = entries_of(code, [a.width for a in arguments], self.groups)
        constants = [own[0] for kind, own in code.instructions if kind == "constant"]
        self.constants = numpy.array([constants], dtype=float)
        self.parameters = numpy.array([parameters], dtype=float)
        # Those of the constants and of the parameters are written where they are used.
        self.vectors = [_Vector("", 0, False), _Vector("parameters", len(parameters), False)]

    def written(self) -> Any:
        """Return the model."""
        graph = self.graph
        self._write_rows()
        for argument, name in zip(self.arguments, self.names, strict=True):
            table = graph.reshaped(name, -1, argument.width)
            self.vectors.append(_Vector(table, argument.width, True))
        for group in self.groups:
            is_each = any(owner >= 0 for owner, _ in self.origins[group.places[0]])
            self.vectors.append(_Vector(self._written(group), len(group.places), is_each))
        outputs = self._gathered(self.code.outputs, for_each=True)
        graph.node("Reshape", outputs, graph.whole([-1, *self.shape]), output="output")
        return self._model()

    def _write_rows(self) -> None:
        """Write the number of samples, as the shape that what has one row is expanded to."""
        graph = self.graph
        whole = graph.node("Shape", self.names[0])
        count = graph.node("Gather", whole, graph.whole([0]), axis=0)
        graph.node("Concat", count, graph.whole([1]), axis=0, output="rows")

    def _model(self) -> Any:
        onnx, helper = self.graph.onnx, self.graph.helper
        double = onnx.TensorProto.DOUBLE
        inputs = [
            helper.make_tensor_value_info(name, double, ["batch", *_sample_shape(argument)])
            for name, argument in zip(self.names, self.arguments, strict=True)
        ]
        output = helper.make_tensor_value_info("output", double, ["batch", *self.shape])
        graph = helper.make_graph(
            self.graph.nodes, self.name, inputs, [output], list(self.graph.constants.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="stepgrad",
            doc_string=f"The function {self.name}, for every sample of a batch, in doubles.",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # Vectors ----------------------------------------------------------------------------------

    def _written(self, group: Group) -> str:
        """Write a group of operations, and return the name of what they give."""
        name, columns, graph = group.name, group.columns, self.graph
        if name == "dot":
            return self._dots(columns)
        if name == "pick":
            indices = self._gathered(columns[0], for_each=True)
            matrices = self._matrices(columns[1:], for_each=True)
            return graph.pick(indices, matrices, len(columns) - 1)
        if name in ROWS:
            return graph.rows(name, self._matrices(columns), len(columns))
        return graph.apply(name, [self._gathered(column) for column in columns])

    def _dots(self, columns: Columns) -> str:
        """Write dot products: as a matrix times a vector, where one side is the same in all."""
        half = len(columns) // 2
        left, right = columns[:half], columns[half:]
        if is_shared(left):
            left, right = right, left
        if is_shared(right) and not self._is_each(_flat(left)):
            vector = self._gathered([column[0] for column in right])
            matrix = self._gathered([place for column in left for place in column])
            matrix = self.graph.reshaped(matrix, half, len(left[0]))
            return self.graph.node("MatMul", vector, matrix)
        product = self.graph.node("Mul", self._matrices(left), self._matrices(right))
        return self.graph.sum(product)

    def _matrices(self, columns: Columns, for_each: bool = False) -> str:
        """Return the results at these places as a matrix for each sample."""
        gathered = self._gathered(_flat(columns), for_each)
        return self.graph.reshaped(gathered, -1, len(columns[0]), len(columns))

    def _is_each(self, places: Sequence[int]) -> bool:
        """Return whether any of these results is one for each sample."""
        return any(self.vectors[self.entries[place][0]].is_each for place in places)

    def _gathered(self, places: Sequence[int], for_each: bool = False) -> str:
        """Return the results at these places as a vector: one for each sample if that is wanted.

        What has one row can't be put beside what has several, and so is repeated.
        """
        pieces, order = gathering([self.entries[place] for place in places])
        for_each = for_each or (len(pieces) > 1 and self._is_each(places))
        parts = [self._taken(vector, positions) for vector, positions in pieces]
        if for_each:
            parts = [
                part if self.vectors[vector].is_each else self.graph.node("Expand", part, "rows")
                for part, (vector, _) in zip(parts, pieces, strict=True)
            ]
        joined = parts[0] if len(parts) == 1 else self.graph.node("Concat", *parts, axis=1)
        return joined if order is None else self.graph.gathered(joined, order)

    def _taken(self, number: int, positions: Sequence[int]) -> str:
        vector = self.vectors[number]
        if number == 0:
            return self.graph.constant(self.constants[:, list(positions)])
        if number == 1:
            self.graph.constant(self.parameters, vector.name)
        if list(positions) == list(range(vector.width)):
            return vector.name
        return self.graph.gathered(vector.name, positions)


@dataclass(frozen=True)
class _Vector:
    """A tensor: a row of so many numbers for each sample, or one row."""

    name: str
    width: int
    is_each: bool


def _flat(columns: Columns) -> list[int]:
    """Return the places row by row."""
    return [place for row in zip(*columns, strict=True) for place in row]


def _name_for(argument: Argument) -> str:
    """Return a name for an input of the graph."""
    name = argument.name.replace(" ", "_")
    return f"{name}_1" if name in _OWN_NAMES else name


def _sample_shape(argument: Argument) -> tuple[int, ...]:
    return (argument.width,) if argument.shape is None else argument.shape
