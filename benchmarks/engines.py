"""What differs between the engines: how to make a number, to record, to sweep back, to descend.

All else, in workloads.py, is the same code for every engine. A library is imported when its
engine is made: each is installed in an environment of its own.
"""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

Function = Callable[[list[Any]], Any]


class Floats:
    """Python's own numbers: forward only, no derivatives. The others say what they do else.

    Attributes:
        number: returns an input of the network for a float.
        relu: returns its argument where that is positive, else 0.
    """

    def __init__(
        self,
        number: Callable[[float], Any] = float,
        relu: Callable[[Any], Any] = lambda x: x if x > 0.0 else 0.0,
    ) -> None:
        self.number = number
        self.relu = relu

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        """Return the numbers to differentiate with respect to."""
        return list(numbers)

    def record(self, function: Function, leaves: list[Any]) -> Any:
        """Compute a function forward, ready for the sweep back."""
        return function(leaves)

    def sweep(self, result: Any) -> None:
        """Compute the gradients of a result."""

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        """Return the leaves a step further down the gradient, without gradients."""
        return leaves

    def read(self, result: Any) -> float:
        """Return a result as a float."""
        return float(result)

    def tidy(self) -> None:
        """Do what is not to be measured, between two measurements."""


class Objects(Floats):
    """Engines of micrograd's kind: numbers with data, grad, relu and backward."""

    def __init__(self, module: str) -> None:
        value = import_module(module).Value
        super().__init__(value, value.relu)

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        return [self.number(x) for x in numbers]

    def sweep(self, result: Any) -> None:
        result.backward()

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        for leaf in leaves:
            leaf.data -= rate * leaf.grad
            leaf.grad = 0.0
        return leaves

    def read(self, result: Any) -> float:
        return float(result.data)


class Stepgrad(Objects):
    """This engine, in the form that is to be measured and in no other."""

    def __init__(self, backend: str) -> None:
        super().__init__("autograd")
        found = import_module("autograd").backend
        if found != backend:
            raise ImportError(f"the engine's form is {found} here, not {backend}")


class Uncollected(Objects):
    """The same with Python's garbage collector off; it runs between the measurements."""

    def tidy(self) -> None:
        gc.enable()
        gc.collect()
        gc.disable()


class Floor(Objects):
    """The tape of floor_tape.c, which begins anew at every step."""

    def __init__(self) -> None:
        super().__init__("floor_tape")
        self.reset = import_module("floor_tape").reset

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        self.reset()
        return super().leaves(numbers)

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        return self.leaves([leaf.data - rate * leaf.grad for leaf in leaves])


class Xad(Floats):
    """XAD: a tape in C++."""

    def __init__(self) -> None:
        adjoint = import_module("xad.adj_1st")
        self.real = adjoint.Real
        maximum = import_module("xad.math").max
        super().__init__(relu=lambda x: maximum(x, 0.0))
        self.tape = adjoint.Tape()
        self.tape.activate()

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        return [self.real(x) for x in numbers]

    def record(self, function: Function, leaves: list[Any]) -> Any:
        self.tape.clearAll()
        for leaf in leaves:
            self.tape.registerInput(leaf)
        self.tape.newRecording()
        return function(leaves)

    def sweep(self, result: Any) -> None:
        self.tape.registerOutput(result)
        result.derivative = 1.0
        self.tape.computeAdjoints()

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        return self.leaves([leaf.value - rate * leaf.derivative for leaf in leaves])

    def read(self, result: Any) -> float:
        return float(result.value)


class Torch(Floats):
    """PyTorch: every number is a tensor without dimensions."""

    def __init__(self) -> None:
        self.torch = import_module("torch")
        self.torch.set_num_threads(1)
        super().__init__(partial(self.torch.tensor, dtype=self.torch.float64), self.torch.relu)

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        return [self.number(x).requires_grad_() for x in numbers]

    def sweep(self, result: Any) -> None:
        result.backward()

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        with self.torch.no_grad():
            for leaf in leaves:
                leaf -= rate * leaf.grad
                leaf.grad = None
        return leaves

    def read(self, result: Any) -> float:
        return float(result.item())


class MyGrad(Floats):
    """MyGrad: every number is a tensor without dimensions."""

    def __init__(self) -> None:
        mygrad = import_module("mygrad")
        self.tensor = mygrad.tensor
        super().__init__(relu=lambda x: mygrad.maximum(x, 0.0))

    def leaves(self, numbers: Sequence[float]) -> list[Any]:
        return [self.tensor(x) for x in numbers]

    def sweep(self, result: Any) -> None:
        result.backward()

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        return self.leaves([leaf.item() - rate * leaf.grad.item() for leaf in leaves])


class Hips(Floats):
    """HIPS autograd: it differentiates functions of floats."""

    def __init__(self) -> None:
        self.make_vjp = import_module("autograd").make_vjp
        maximum = import_module("autograd.numpy").maximum
        super().__init__(relu=lambda x: maximum(x, 0.0))

    def record(self, function: Function, leaves: list[Any]) -> Any:
        self.pull_back, result = self.make_vjp(lambda boxed: function(list(boxed)))(leaves)
        return result

    def sweep(self, result: Any) -> None:
        self.gradients = self.pull_back(1.0)

    def descend(self, leaves: list[Any], rate: float) -> list[Any]:
        return [float(x - rate * g) for x, g in zip(leaves, self.gradients, strict=True)]


ENGINES: dict[str, Callable[[], Floats]] = {
    "stepgrad": lambda: Stepgrad("compiled"),
    "stepgrad, plain Python": lambda: Stepgrad("python"),
    "floor: C tape": Floor,
    "Python floats, forward": Floats,
    "slots node": lambda: Objects("slots_value"),
    "micrograd": lambda: Objects("micrograd.engine"),
    "micrograd, no collector": lambda: Uncollected("micrograd.engine"),
    "XAD": Xad,
    "PyTorch 0-d": Torch,
    "HIPS autograd": Hips,
    "MyGrad": MyGrad,
}
