"""Code carried out with Values: the graph again, node by node."""

from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiled.code import Code, primitive_named
from autograd.primitives import pick, where
from autograd.value import Value

# What is compared may be part of a function that is being traced.
_CONDITIONS: dict[str, Callable[..., Any]] = {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "equal": lambda x, y: (x <= y) & (y <= x),
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "not": lambda x: not x if isinstance(x, bool) else ~x,
}


def replay(code: Code, inputs: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
    """Return the outputs of code for one sample, as a graph.

    Args:
        code: the code.
        inputs: the numbers of the sample, floats or Values.
        numbers: those of the call.
    """
    known: list[Any] = []
    for name, arguments in code.instructions:
        if name == "constant":
            known.append(arguments[0])
        elif name == "input":
            known.append(inputs[arguments[0]])
        elif name == "number":
            known.append(numbers[arguments[0]])
        else:
            known.append(_result(name, [known[x] for x in arguments]))
    return [known[place] for place in code.outputs]


def _result(name: str, operands: list[Any]) -> Any:
    if name in _CONDITIONS:
        return _CONDITIONS[name](*operands)
    if name == "select":
        return where(*operands)
    if name == "pick":
        index = operands[0]
        return pick(operands[1:], index if hasattr(index, "__pick__") else int(index))
    if name == "detach":
        return operands[0].detach() if isinstance(operands[0], Value) else operands[0]
    return primitive_named(name)(*operands)
