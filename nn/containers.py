"""Sequential and Flatten: what holds other layers together."""

from collections.abc import Iterator
from typing import Any

from autograd.nested import flatten
from nn.activations import Activation
from nn.elementwise import Elementwise
from nn.module import Module
from nn.shapes import as_nodes, at_depth, counted, name, shape


class Sequential(Module):
    """Layers one after the other, each fed with what the last one returned.

    Args:
        layers: modules; and activations, by name or as functions of one number.

    Shapes:
        as the first layer takes and the last one returns.

    Raises:
        ValueError: if there is no activation of a name.
        TypeError: if a layer is neither a module nor an activation.

    Follows torch.nn.Sequential.

    >>> from nn import Linear
    >>> model = Sequential(Linear(2, 3), "tanh", Linear(3, 1))
    >>> model
    Sequential(
      layers.0: Linear(2, 3)
      layers.1: Elementwise(tanh)
      layers.2: Linear(3, 1)
    )
    >>> len(model), len(model([0.5, -1.0]))
    (3, 1)
    """

    def __init__(self, *layers: Module | str | Activation) -> None:
        self.layers = [
            layer if isinstance(layer, Module) else Elementwise(layer) for layer in layers
        ]

    def forward(self, x: Any) -> Any:
        """Return what the last layer returns; x itself if there are none."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        """Go through the layers."""
        return iter(self.layers)

    def __getitem__(self, number: int) -> Module:
        """Return a layer by its number."""
        return self.layers[number]


class Flatten(Module):
    """Put all the numbers of a sample into one vector, for example between Conv2d and Linear.

    Args:
        start_dim: how deep the samples lie: 0 for one sample, 1 for a list of samples, ….

    Shapes:
        x: a sample of any shape, row after row; the result is a vector.

    Raises:
        ValueError: if x is not nested so deep, or has rows of different lengths.

    torch.nn.Flatten, whose start_dim is 1, as it is for lists of samples.

    >>> [y.data for y in Flatten()([[1.0, 2.0], [3.0, 4.0]])]
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, start_dim: int = 0) -> None:
        self.start_dim = start_dim

    def forward(self, x: Any) -> Any:
        """Return the numbers of every sample as a vector."""
        found = shape(f"the input of {name(self)}", x)
        if len(found) <= self.start_dim:
            raise ValueError(f"{name(self)} takes lists nested deeper, got {counted(found)}")
        return at_depth(self.start_dim, as_nodes(name(self), x), lambda sample: flatten(sample)[0])

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        return f"start_dim={self.start_dim}"
