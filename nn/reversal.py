"""GradientReversal: to learn what not to know."""

from typing import Any

from autograd import Primitive
from autograd.nested import flatten
from nn.checks import as_value
from nn.module import Module
from nn.shapes import name

reverse_gradient = Primitive(
    "reverse_gradient",
    lambda x, strength: x,
    lambda out, x, strength: (-strength, 0.0),
    exact=lambda mp, x, strength: x,
    surrogate=True,
)


class GradientReversal(Module):
    """Change nothing on the way forward, and multiply the gradient by -λ on the way back.

    Between features and a classifier that tells two domains apart, it makes the classifier
    better and the features such that it can't succeed. It is not the derivative of what it
    computes: `autograd.gradcheck` takes it as given, and says so.

    Args:
        lambda_: λ; assign to the attribute to change it during training. The authors let it
            grow from 0 to 1 as 2 / (1 + exp(-10 p)) - 1, where p is the share of training done.

    Shapes:
        x: numbers in nested lists; the result is nested in the same way.

    Ganin and Lempitsky (2015), "Unsupervised Domain Adaptation by Backpropagation", equations 7
    and 8.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> (y,) = GradientReversal(0.5)([x])
    >>> (y * y).backward()
    >>> y.data, x.grad  # and not 6.0
    (3.0, -3.0)
    """

    def __init__(self, lambda_: float = 1.0) -> None:
        self.lambda_ = lambda_

    def forward(self, x: Any) -> Any:
        """Return the same numbers, whose gradients will be reversed."""
        numbers, nested = flatten(x)
        values = [as_value(name(self), number) for number in numbers]
        return nested([reverse_gradient(value, self.lambda_) for value in values])

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return f"lambda_={self.lambda_:g}"
