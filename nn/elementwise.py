"""Activations as modules, for `Sequential`: a function applied to every number."""

from typing import Any

from autograd import log_softmax, softmax
from nn import activations
from nn.activations import Activation
from nn.module import Module
from nn.shapes import as_nodes, each, name


class Elementwise(Module):
    """A function of one number, applied to each.

    Args:
        function: a name such as "relu", or a function of one Value.
        options: further arguments of the function, by name.

    Shapes:
        x: numbers in nested lists; the result is nested in the same way.

    Raises:
        ValueError: if there is no activation of this name.
        TypeError: if it is neither a name nor a function.

    >>> [[y.data for y in row] for row in Elementwise("relu")([[1.0, -2.0], [-3.0, 4.0]])]
    [[1.0, 0.0], [0.0, 4.0]]
    """

    def __init__(self, function: str | Activation, **options: Any) -> None:
        self.function = activations.find(function)
        self.options = options

    def forward(self, x: Any) -> Any:
        """Return the function of every number in x."""
        return self._applied(as_nodes(name(self), x))

    def _applied(self, x: Any) -> Any:
        if isinstance(x, list):
            return [self._applied(entry) for entry in x]
        return self.function(x, **self.options)

    def extra_repr(self) -> str:
        """Show the function, unless the class is named after it, and its options."""
        function = [activations.name_of(self.function)] if type(self) is Elementwise else []
        return ", ".join(function + [f"{key}={option}" for key, option in self.options.items()])


class Identity(Elementwise):
    """x itself; torch.nn.Identity.

    >>> Identity()([-1.0])[0].data
    -1.0
    """

    def __init__(self) -> None:
        super().__init__("identity")


class Tanh(Elementwise):
    """tanh(x); torch.nn.Tanh.

    >>> Tanh()([0.0])[0].data
    0.0
    """

    def __init__(self) -> None:
        super().__init__("tanh")


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x)); torch.nn.Sigmoid.

    >>> Sigmoid()([0.0])[0].data
    0.5
    """

    def __init__(self) -> None:
        super().__init__("sigmoid")


class Softsign(Elementwise):
    """x / (1 + abs(x)); torch.nn.Softsign.

    >>> Softsign()([1.0])[0].data
    0.5
    """

    def __init__(self) -> None:
        super().__init__("softsign")


class Softplus(Elementwise):
    """log(1 + exp(x)); torch.nn.Softplus.

    >>> Softplus()([1000.0])[0].data
    1000.0
    """

    def __init__(self) -> None:
        super().__init__("softplus")


class ReLU(Elementwise):
    """x where it is positive, else 0; torch.nn.ReLU.

    >>> ReLU()([-1.0])[0].data
    0.0
    """

    def __init__(self) -> None:
        super().__init__("relu")


class SELU(Elementwise):
    """The self-normalizing exponential linear unit; torch.nn.SELU.

    >>> SELU()([0.0])[0].data
    0.0
    """

    def __init__(self) -> None:
        super().__init__("selu")


class SiLU(Elementwise):
    """x * sigmoid(x); torch.nn.SiLU.

    >>> SiLU()([0.0])[0].data
    0.0
    """

    def __init__(self) -> None:
        super().__init__("silu")


class Mish(Elementwise):
    """x * tanh(softplus(x)); torch.nn.Mish.

    >>> Mish()([0.0])[0].data
    0.0
    """

    def __init__(self) -> None:
        super().__init__("mish")


class LeakyReLU(Elementwise):
    """x where it is positive, else negative_slope * x; torch.nn.LeakyReLU.

    >>> LeakyReLU()([-100.0])[0].data
    -1.0
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__("leaky_relu", negative_slope=negative_slope)


class ELU(Elementwise):
    """x where it is positive, else alpha * (exp(x) - 1); torch.nn.ELU.

    >>> ELU()([-1000.0])[0].data
    -1.0
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__("elu", alpha=alpha)


class GELU(Elementwise):
    """x times the probability that a standard normal number is below it; torch.nn.GELU.

    >>> GELU()([0.0])[0].data
    0.0
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__("gelu", approximate=approximate)


class Hardtanh(Elementwise):
    """x held between min_val and max_val; torch.nn.Hardtanh.

    >>> Hardtanh()([-3.0])[0].data
    -1.0
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__("hardtanh", min_val=min_val, max_val=max_val)


class Softmax(Module):
    """exp(x) / (exp(x1) + exp(x2) + …) for each x of a vector: torch.nn.Softmax(dim=-1).

    Shapes:
        x: a vector, or nested lists of such; the result is nested in the same way.

    Raises:
        ValueError: if x is a single number, or has rows of different lengths.

    >>> [y.data for y in Softmax()([0.0, 0.0])]
    [0.5, 0.5]
    """

    def forward(self, x: Any) -> Any:
        """Return the softmax of every vector in x."""
        return each(self, x, ("some",), softmax)


class LogSoftmax(Module):
    """The logarithm of the softmax of a vector: torch.nn.LogSoftmax(dim=-1).

    Shapes:
        x: a vector, or nested lists of such; the result is nested in the same way.

    Raises:
        ValueError: if x is a single number, or has rows of different lengths.

    >>> [y.data for y in LogSoftmax()([1000.0, 0.0])]
    [0.0, -1000.0]
    """

    def forward(self, x: Any) -> Any:
        """Return the logarithm of the softmax of every vector in x."""
        return each(self, x, ("some",), log_softmax)
