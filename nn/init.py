"""Random weights to begin with, of a size that neither blows signals up nor lets them fade.

An initialization is a function of a random generator, the number of inputs of a neuron
(fan_in) and the number of neurons in its layer (fan_out) that draws one weight.
"""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import autograd
from autograd import Value, modes
from autograd.nested import flatten
from nn.activations import Activation
from nn.shapes import counted, shape

Initialization = Callable[[Random, int, int], float]


def generator(seed: int | Random | None) -> Random:
    """Return a random generator: for the same seed one that draws the same numbers.

    Args:
        seed: a number; a generator, which is used as it is; or None for numbers that are new
            each time.

    Raises:
        TracingError: for None in a function that is being compiled.

    >>> generator(1).random() == generator(1).random()
    True
    """
    if seed is None:
        refuse_when_traced("a module that is made inside the function")
    return seed if isinstance(seed, Random) else Random(seed)


def refuse_when_traced(origin: str) -> None:
    """Raise TracingError if a function is being compiled: random numbers would be drawn once.

    Args:
        origin: where they come from.

    >>> refuse_when_traced("a Dropout in training")
    """
    if modes.current.tracing is not None:
        modes.current.tracing.refuse_random(origin)


def xavier_uniform(rng: Random, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Draw a weight evenly from ±gain * sqrt(6 / (fan_in + fan_out)).

    With it the variance of signals is kept, forward and backward on average, by neurons that
    are nearly linear around 0, such as tanh's.

    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", equation 16; torch.nn.init.xavier_uniform_.

    >>> abs(xavier_uniform(Random(0), 2, 4)) <= 1.0
    True
    """
    return _evenly(rng, gain * (6.0 / (fan_in + fan_out)) ** 0.5)


def xavier_normal(rng: Random, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Draw a weight normally with standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Glorot and Bengio (2010), equation 12; torch.nn.init.xavier_normal_.

    >>> abs(xavier_normal(Random(0), 50, 50)) < 1.0
    True
    """
    return rng.gauss(0.0, gain * (2.0 / (fan_in + fan_out)) ** 0.5)


def he_uniform(rng: Random, fan_in: int, fan_out: int, gain: float = 2.0**0.5) -> float:
    """Draw a weight evenly from ±gain * sqrt(3 / fan_in), whatever fan_out is.

    Twice the variance that a linear neuron needs, since a ReLU lets half of its inputs through.

    He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", equation 10, as a uniform
    distribution; torch.nn.init.kaiming_uniform_ with nonlinearity="relu".

    >>> abs(he_uniform(Random(0), 6, 4)) <= 1.0
    True
    """
    return _evenly(rng, gain * (3.0 / fan_in) ** 0.5)


def he_normal(rng: Random, fan_in: int, fan_out: int, gain: float = 2.0**0.5) -> float:
    """Draw a weight normally with standard deviation gain / sqrt(fan_in).

    He, Zhang, Ren and Sun (2015), equation 10; torch.nn.init.kaiming_normal_ with
    nonlinearity="relu".

    >>> abs(he_normal(Random(0), 50, 50)) < 1.0
    True
    """
    return rng.gauss(0.0, gain * (1.0 / fan_in) ** 0.5)


def lecun_uniform(rng: Random, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Draw a weight evenly from ±gain * sqrt(3 / fan_in): a linear neuron keeps the variance.

    LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", equation 16.

    >>> abs(lecun_uniform(Random(0), 3, 4)) <= 1.0
    True
    """
    return he_uniform(rng, fan_in, fan_out, gain)


def lecun_normal(rng: Random, fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Draw a weight normally with standard deviation gain / sqrt(fan_in).

    LeCun, Bottou, Orr and Müller (1998), equation 16; what selu needs: Klambauer, Unterthiner,
    Mayr and Hochreiter (2017), "Self-Normalizing Neural Networks".

    >>> abs(lecun_normal(Random(0), 50, 50)) < 1.0
    True
    """
    return he_normal(rng, fan_in, fan_out, gain)


def _evenly(rng: Random, bound: float) -> float:
    return rng.uniform(-bound, bound)


INITIALIZATIONS: dict[str, Initialization] = {
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
}

GAINS: dict[str, float] = {
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": 2.0**0.5,
    "leaky_relu": (2.0 / (1.0 + 0.01**2)) ** 0.5,
    "selu": 0.75,
}


def gain(activation: str) -> float:
    """Return by how much weights should be larger than those of a linear neuron.

    Args:
        activation: the name of the activation that follows; leaky_relu with its default slope.

    Raises:
        ValueError: if none is known for it.

    The values of torch.nn.init.calculate_gain.

    >>> gain("tanh")
    1.6666666666666667
    >>> fill([[Value(0.0), Value(0.0)]], "xavier_uniform", gain=gain("tanh"), seed=0)
    """
    if activation not in GAINS:
        raise ValueError(
            f"no gain is known for {activation!r}, only for {', '.join(GAINS)}: give a number"
        )
    return GAINS[activation]


def fill(
    weight: Any,
    initialization: str | Initialization,
    *,
    gain: float | None = None,
    seed: int | Random | None = None,
) -> None:
    """Set the weights of a layer to new random numbers.

    Args:
        weight: the layer's weight, [output][input] or [output][input][kernel …].
        initialization: its name, or the function itself.
        gain: a factor (default: the initialization's own).
        seed: a number; a generator; or None for numbers that are new each time.

    Raises:
        ValueError: if the initialization is unknown, or the weight is no matrix.

    torch.nn.init.xavier_uniform_(weight) and its kin.

    >>> from nn import Linear
    >>> layer = Linear(2, 3)
    >>> fill(layer.weight, "he_normal", seed=0)
    """
    rng, draw = generator(seed), _named(initialization)
    fan_in, fan_out = _fans(weight)
    options = {} if gain is None else {"gain": gain}
    for parameter in flatten(weight)[0]:
        parameter.data = draw(rng, fan_in, fan_out, **options)


def _named(initialization: str | Initialization) -> Callable[..., float]:
    if callable(initialization):
        return initialization
    if initialization not in INITIALIZATIONS:
        raise ValueError(
            f"there is no initialization {initialization!r}: "
            f"choose one of {', '.join(INITIALIZATIONS)}, or give a function"
        )
    return INITIALIZATIONS[initialization]


def _fans(weight: Any) -> tuple[int, int]:
    """Return with how many inputs an output is connected, and an input with how many outputs."""
    lengths = shape("the weight", weight)
    if len(lengths) < 2:
        raise ValueError(f"an initialization needs a matrix of weights, got {counted(lengths)}")
    outputs, inputs, *kernel = lengths
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def fill_orthogonal(weight: Any, *, gain: float = 1.0, seed: int | Random | None = None) -> None:
    """Set the weights of a layer to a random orthogonal matrix, times a gain.

    Its rows (or columns, if they are fewer) have length 1 and are at right angles, so it turns
    vectors and leaves their lengths alone. The numbers behind [output] count as one row.

    Args:
        weight: the layer's weight, [output][input] or [output][input][kernel …].
        gain: a factor.
        seed: as for `fill`.

    Raises:
        ValueError: if the weight is no matrix.

    Saxe, McClelland and Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks"; torch.nn.init.orthogonal_.

    >>> weight = [[Value(0.0), Value(0.0)], [Value(0.0), Value(0.0)]]
    >>> fill_orthogonal(weight, seed=0)
    >>> round(abs(autograd.dot(weight[0], weight[1]).data), 12)
    0.0
    """
    fan_in, _ = _fans(weight)
    rows, rng = len(weight), generator(seed)
    count, length = sorted((rows, fan_in))
    directions: list[list[float]] = []
    while len(directions) < count:
        directions.append(_at_right_angles([rng.gauss() for _ in range(length)], directions))
    matrix = directions if rows <= fan_in else list(zip(*directions, strict=True))
    for parameter, number in zip(flatten(weight)[0], flatten(matrix)[0], strict=True):
        parameter.data = gain * number


def _at_right_angles(vector: list[float], others: list[list[float]]) -> list[float]:
    """Return the part of a vector at right angles to others of length 1, with length 1."""
    for other in others + others:  # twice, for what rounding left over the first time
        along = autograd.dot(vector, other)
        vector = [x - along * y for x, y in zip(vector, other, strict=True)]
    length = math.hypot(*vector)
    return [x / length for x in vector]


def uniform(rng: Random, bound: float, *lengths: int) -> Any:
    """Return parameters drawn evenly from ±bound, in nested lists of these lengths.

    >>> weight = uniform(Random(0), 1.0, 2, 3)
    >>> len(weight), len(weight[0])
    (2, 3)
    """
    return parameters(lambda: _evenly(rng, bound), *lengths)


def parameters(draw: Callable[[], float], *lengths: int) -> Any:
    """Return new parameters, each with a number of its own, in nested lists of these lengths.

    >>> parameters(lambda: 1.0, 2)
    [Value(1.0, grad=0.0), Value(1.0, grad=0.0)]
    """
    if not lengths:
        return Value(draw())
    return [parameters(draw, *lengths[1:]) for _ in range(lengths[0])]


LIKE_RELU = (
    autograd.relu,
    autograd.leaky_relu,
    autograd.elu,
    autograd.gelu,
    autograd.silu,
    autograd.mish,
)


def suited_to(activation: Activation) -> Initialization:
    """Return He's initialization for ReLU and its kin, else Xavier's.

    >>> suited_to(autograd.relu).__name__, suited_to(autograd.tanh).__name__
    ('he_uniform', 'xavier_uniform')
    """
    return he_uniform if activation in LIKE_RELU else xavier_uniform
