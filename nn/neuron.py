"""Neuron, Layer, MLP: a neural network on one page."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from autograd import Value, dot
from nn import activations, init
from nn.activations import Activation
from nn.checks import as_values, positive_count
from nn.module import Module

Numbers = Iterable[Value | float]


class Neuron(Module):
    """A weighted sum of the inputs plus a bias, bent by an activation.

    Args:
        inputs: how many numbers it takes.
        activation: a name such as "relu", a function, or None for a linear neuron.
        fan_out: how many neurons share these inputs, which matters for the weights' size.
        seed: what the random weights depend on: a number, a random.Random, or None for new
            weights each time.

    Raises:
        ValueError: if a number is not positive, an activation unknown, or the inputs are not as
            many as they should be.

    >>> neuron = Neuron(2, seed=1)
    >>> neuron.load_state_dict({"w[0]": -3.0, "w[1]": 1.0, "b": 6.8813735870195432})
    >>> output = neuron([2.0, 0.0])
    >>> output.backward()
    >>> print(f"{output:.4f} {neuron.w[0].grad:.4f}")
    0.7071 1.0000
    """

    def __init__(
        self,
        inputs: int,
        activation: str | Activation | None = "tanh",
        *,
        fan_out: int = 1,
        seed: int | Random | None = None,
    ) -> None:
        inputs = positive_count("a Neuron's number of inputs", inputs)
        rng = init.generator(seed)
        self.activation = activations.find(activation)
        draw_weight = init.suited_to(self.activation)
        self.w = [Value(draw_weight(rng, inputs, fan_out)) for _ in range(inputs)]
        self.b = Value(0.0)

    def forward(self, x: Numbers) -> Value:
        """Return activation(w · x + b)."""
        output: Value = self.activation(dot(self.w, as_values(self, x, len(self.w))) + self.b)
        return output

    def extra_repr(self) -> str:
        """Show what the neuron was made with."""
        return f"{len(self.w)}, activation={activations.name_of(self.activation)}"


class Layer(Module):
    """Neurons side by side: all see the same inputs, each gives one output.

    Args:
        inputs: how many numbers it takes.
        outputs: how many neurons it has.
        activation: as for `Neuron`.
        seed: as for `Neuron`.

    Raises:
        ValueError: as for `Neuron`.

    >>> [output.data for output in Layer(3, 2)([0.0, 0.0, 0.0])]
    [0.0, 0.0]
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: str | Activation | None = "tanh",
        *,
        seed: int | Random | None = None,
    ) -> None:
        outputs = positive_count("a Layer's number of outputs", outputs)
        rng = init.generator(seed)
        self.neurons = [
            Neuron(inputs, activation, fan_out=outputs, seed=rng) for _ in range(outputs)
        ]

    def forward(self, x: Numbers) -> list[Value]:
        """Return every neuron's output."""
        x = as_values(self, x, len(self.neurons[0].w))
        return [neuron(x) for neuron in self.neurons]

    def extra_repr(self) -> str:
        """Show what the layer was made with."""
        first = self.neurons[0]
        activation = activations.name_of(first.activation)
        return f"{len(first.w)}, {len(self.neurons)}, activation={activation}"


class MLP(Module):
    """A multi-layer perceptron: layers one after the other, each fed with the last one's outputs.

    Args:
        inputs: how many numbers it takes.
        sizes: how many neurons each layer has; the last ones are the outputs.
        activation: of all layers but the last, as for `Neuron`.
        output_activation: of the last layer; None, as losses expect it.
        seed: as for `Neuron`.

    Raises:
        ValueError: as for `Neuron`, and if there is no layer.

    >>> MLP(4, [8, 3])
    MLP(
      layers.0: Layer(4, 8, activation=tanh)
      layers.1: Layer(8, 3, activation=identity)
    )
    """

    def __init__(
        self,
        inputs: int,
        sizes: Sequence[int],
        activation: str | Activation | None = "tanh",
        output_activation: str | Activation | None = None,
        *,
        seed: int | Random | None = None,
    ) -> None:
        if not isinstance(sizes, Sequence):
            raise TypeError(
                f"an MLP takes a list of its layers' sizes, such as [8, 1], got {sizes!r}"
            )
        if not sizes:
            raise ValueError("an MLP needs the size of at least one layer")
        activation = activations.find(activation)  # said now, even if no layer uses it
        rng = init.generator(seed)
        all_activations = [activation] * (len(sizes) - 1) + [output_activation]
        self.layers = [
            Layer(fan_in, fan_out, bend, seed=rng)
            for fan_in, fan_out, bend in zip([inputs, *sizes], sizes, all_activations, strict=False)
        ]

    def forward(self, x: Numbers) -> list[Value]:
        """Return the outputs of the last layer."""
        outputs: Any = x
        for layer in self.layers:
            outputs = layer(outputs)
        return list(outputs)
