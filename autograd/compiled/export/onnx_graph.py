"""Graphs of ONNX, written node by node, and the operations of compiled code in them."""

import functools
import math
from collections.abc import Sequence
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.code import Code
from autograd.compiled.export.elementary import ELEMENTARY
from autograd.compiled.export.vectors import alone
from autograd.compiled.forms import lowered
from autograd.compiled.trace import trace
from autograd.optional import needed

# What ONNX calls the operations that onnxruntime has for doubles.
_NAMES = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "power": "Pow",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "tanh": "Tanh",
    "absolute": "Abs",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "maximum": "Max",
    "minimum": "Min",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "and": "And",
    "or": "Or",
    "not": "Not",
    "select": "Where",
    "detach": "Identity",
}


class OnnxGraph:
    """A graph in the making. Tensors are known by their names.

    Args:
        taken: names that the graph's own tensors may not have.

    Raises:
        ImportError: if ONNX is not installed.
    """

    def __init__(self, taken: Sequence[str]) -> None:
        self.numpy = find_numpy()
        self.onnx = needed("onnx", "to_onnx", package="ONNX", extra="onnx")
        self.helper = needed("onnx.helper", "to_onnx", package="ONNX", extra="onnx")
        self.numpy_helper = needed("onnx.numpy_helper", "to_onnx", package="ONNX", extra="onnx")
        self.nodes: list[Any] = []
        self.constants: dict[Any, Any] = {}
        self._taken = set(taken)
        self._count = 0
        self._codes: dict[tuple[str, int], Code] = {}

    def name(self) -> str:
        """Return a name for a new tensor."""
        self._count += 1
        name = f"t{self._count}"
        return self.name() if name in self._taken else name

    def node(
        self, operation: str, *inputs: str, output: str | None = None, **attributes: Any
    ) -> str:
        """Add a node of one output, and return the name of this."""
        name = output or self.name()
        self.nodes.append(self.helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def constant(self, numbers: Any, name: str | None = None) -> str:
        """Return the name of a constant tensor."""
        array = self.numpy.ascontiguousarray(numbers)
        key = name or (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            own = name or self.name()
            self.constants[key] = self.numpy_helper.from_array(array, own)
        found: str = self.constants[key].name
        return found

    def reshaped(self, tensor: str, *shape: int) -> str:
        """Return a tensor with the same numbers in another shape; -1 is whatever is left."""
        return self.node("Reshape", tensor, self.whole(shape))

    def gathered(self, tensor: str, positions: Sequence[int]) -> str:
        """Return columns of a matrix."""
        return self.node("Gather", tensor, self.whole(positions), axis=1)

    def whole(self, numbers: Sequence[int]) -> str:
        """Return the name of a constant vector of whole numbers."""
        return self.constant(self.numpy.array(numbers, dtype=self.numpy.int64))

    def number(self, x: float) -> str:
        """Return the name of a constant number."""
        return self.constant(self.numpy.array([[x]], dtype=bool if type(x) is bool else float))

    # Operations on entries --------------------------------------------------------------------

    def apply(self, name: str, inputs: Sequence[str]) -> str:
        """Add what an operation does to the entries of tensors.

        Raises:
            NotImplementedError: if it can't be written in ONNX.
        """
        if name in _NAMES:
            return self.node(_NAMES[name], *inputs)
        if name == "remainder":
            return self._remainder(*inputs)
        if name == "floor_divide":
            return self._floor_divide(*inputs)
        if name == "sum":
            return functools.reduce(functools.partial(self.node, "Add"), inputs)
        if name == "dot":
            pairs = zip(inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :], strict=True)
            return self.apply("sum", [self.node("Mul", *pair) for pair in pairs])
        return self._follow(self._code(name, len(inputs)), inputs)

    def _code(self, name: str, count: int) -> Code:
        """Return what an operation is made of."""
        key = name, count
        if key not in self._codes:
            form = ELEMENTARY.get(name)
            code = lowered(alone(name, count)) if form is None else trace(form, [0.0] * count).code
            if any(own == name for own, _ in code.instructions):
                raise NotImplementedError(_reason(name))
            self._codes[key] = code
        return self._codes[key]

    def _follow(self, code: Code, inputs: Sequence[str]) -> str:
        known: list[str] = []
        for name, arguments in code.instructions:
            if name == "constant":
                known.append(self.number(arguments[0]))
            elif name == "input":
                known.append(inputs[arguments[0]])
            else:
                known.append(self.apply(name, [known[x] for x in arguments]))
        return known[code.outputs[0]]

    def _remainder(self, x: str, y: str) -> str:
        """Of the sign of y, as in Python, where C's is of the sign of x."""
        rest, zero = self.node("Mod", x, y, fmod=1), self.number(0.0)
        moved = self.node("Add", rest, y)
        return self.node("Where", self._differs(rest, y, zero), moved, rest)

    def _differs(self, rest: str, y: str, zero: str) -> str:
        """Whether a rest is not 0, and its sign is not that of y."""
        other = self.node("Xor", self.node("Less", rest, zero), self.node("Less", y, zero))
        return self.node("And", other, self.node("Not", self.node("Equal", rest, zero)))

    def _floor_divide(self, x: str, y: str) -> str:
        """As in Python: what is left after the remainder was taken away is a multiple of y."""
        zero, one = self.number(0.0), self.number(1.0)
        rest = self.node("Mod", x, y, fmod=1)
        quotient = self.node("Div", self.node("Sub", x, rest), y)
        below = self.node("Sub", quotient, one)
        quotient = self.node("Where", self._differs(rest, y, zero), below, quotient)
        whole = self.node("Round", quotient)
        by_zero = self.node("Equal", y, zero)
        return self.node("Where", by_zero, self.node("Div", x, y), whole)

    # Operations on rows -----------------------------------------------------------------------

    def rows(self, name: str, matrices: str, count: int) -> str:
        """Add the sum, the mean or the logsumexp of each row of so many numbers.

        Args:
            name: which one.
            matrices: a matrix for each sample.
            count: how many columns they have.
        """
        if name == "sum":
            return self.sum(matrices)
        return self._mean(matrices, count) if name == "mean" else self._logsumexp(matrices, count)

    def sum(self, matrices: str, keepdims: int = 0) -> str:
        """Add the sum of each row."""
        return self.node("ReduceSum", matrices, self.whole([-1]), keepdims=keepdims)

    def _mean(self, matrices: str, count: int) -> str:
        """The sum divided by the count, also where the sum alone would overflow."""
        number = self.number(float(count))
        plain = self.node("Div", self.sum(matrices), number)
        careful = self.sum(self.node("Div", matrices, number))
        return self.node("Where", self._is_finite(plain), plain, careful)

    def _logsumexp(self, matrices: str, count: int) -> str:
        """The largest, and what the others add to it without the loss of small terms."""
        peak = self.node("ReduceMax", matrices, axes=[-1], keepdims=1)
        terms = self.node("Exp", self.node("Sub", matrices, peak))
        first = self.node("ArgMax", matrices, axis=-1, keepdims=1)
        is_first = self.node("Equal", self.whole(range(count)), first)
        others = self.sum(self.node("Where", is_first, self.number(0.0), terms), keepdims=1)
        grown = self.node("Add", peak, self.apply("log1p", [others]))
        result = self.sum(self.node("Where", self._is_finite(peak), grown, peak))  # of one column
        own = self.node("Equal", matrices, matrices)
        nans = self.sum(self.node("Where", own, self.number(0.0), matrices))
        return self.node("Add", result, nans)

    def pick(self, indices: str, matrices: str, count: int) -> str:
        """Add the entry of each row that its index says; onnxruntime refuses a wrong one."""
        whole = self.node("Floor", indices)
        at_least_0 = self.node("LessOrEqual", self.number(0.0), whole)
        is_index = self.node("And", self.node("Equal", whole, indices), at_least_0)
        checked = self.node("Where", is_index, whole, self.number(float(count)))
        integers = self.node("Cast", checked, to=self.onnx.TensorProto.INT64)
        places = self.node("Unsqueeze", integers, self.whole([-1]))
        return self.sum(self.node("GatherElements", matrices, places, axis=-1))

    def _is_finite(self, x: str) -> str:
        return self.node("Less", self.node("Abs", x), self.number(math.inf))


def _reason(name: str) -> str:
    """Say why a primitive can't be written in ONNX."""
    owner, _, own_name = name.rpartition(".")
    instead = (
        "write its value with autograd's functions, and autograd.where in place of if"
        if owner
        else "ONNX has no such function for doubles"
    )
    return f"to_onnx can't express the primitive {own_name!r}: {instead}"
