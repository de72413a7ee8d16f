"""The least that a scalar engine can do: the yardstick for what stepgrad's features cost.

A node has slots for its number, its gradient, its children and the local gradients, and nothing
else: no checks, no special points, no constants apart, no modes.
"""

from typing import Any


class Value:
    __slots__ = ("children", "data", "grad", "local_gradients")

    def __init__(
        self,
        data: float,
        children: tuple["Value", ...] = (),
        local_gradients: tuple[float, ...] = (),
    ) -> None:
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local_gradients = local_gradients

    def __add__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> "Value":
        return Value(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def relu(self) -> "Value":
        return Value(max(0.0, self.data), (self,), (float(self.data > 0.0),))

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        order: list[Value] = []
        seen: set[Value] = set()

        def visit(node: Value) -> None:
            if node not in seen:
                seen.add(node)
                for child in node.children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for child, local_gradient in zip(node.children, node.local_gradients, strict=True):
                child.grad += local_gradient * node.grad
