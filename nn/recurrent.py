"""Recurrent networks: a cell that reads a sequence step by step and keeps a state."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, ClassVar

from autograd import Value, relu, sigmoid, tanh
from autograd.nested import flatten
from nn import init
from nn.checks import positive_count
from nn.linear import affine
from nn.module import Module
from nn.shapes import checked, name

Vector = list[Any]
Cell = Callable[[Any, Any], Any]
"""A function of an input and the state before (None at first) that returns the state after."""


def unroll(
    cell: Cell, sequence: Sequence[Any], state: Any = None, truncate: int | None = None
) -> tuple[list[Any], Any]:
    """Run a cell over a sequence.

    With `truncate` the gradient flows back through so many steps at most: after every so many
    the state goes on as a constant, without the graph that made it. This keeps the graph of the
    loss of a long sequence short, and the gradient blind for what lies further back.

    Args:
        cell: called with an input and the state before, it returns the state after: a vector, or
            a tuple whose first entry is the output.
        sequence: the inputs.
        state: the state before the first input; None for the cell's own.
        truncate: after how many steps the state is detached; None for never.

    Returns:
        The output after each input, and the last state.

    Raises:
        ValueError: if truncate is not positive.

    Williams and Peng (1990), "An Efficient Gradient-Based Algorithm for On-Line Training of
    Recurrent Network Trajectories".

    >>> x = [Value(1.0), Value(2.0), Value(3.0)]
    >>> add = lambda number, total: number + (total or 0.0)
    >>> outputs, state = unroll(add, x, truncate=2)
    >>> state.backward()
    >>> [output.data for output in outputs], [number.grad for number in x]
    ([1.0, 3.0, 6.0], [0.0, 0.0, 1.0])
    """
    if truncate is not None:
        positive_count("truncate", truncate)
    outputs = []
    for number, x in enumerate(sequence):
        if truncate is not None and number and number % truncate == 0:
            state = detached(state)
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return outputs, state


def detached(state: Any) -> Any:
    """Return the same numbers as constants, nested as they are.

    >>> x = Value(2.0)
    >>> detached([x * x])[0].parents
    ()
    """
    numbers, nested = flatten(state)
    return nested([x.detach() if isinstance(x, Value) else x for x in numbers])


class _Cell(Module):
    """What all cells share: weights for the input and for the state, gate below gate."""

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        seed: int | Random | None = None,
    ) -> None:
        a = f"a {type(self).__name__}'s"
        self.input_size = positive_count(f"{a} input_size", input_size)
        self.hidden_size = positive_count(f"{a} hidden_size", hidden_size)
        rng, bound, rows = init.generator(seed), hidden_size**-0.5, self.gates * hidden_size
        self.weight_ih = init.uniform(rng, bound, rows, input_size)
        self.weight_hh = init.uniform(rng, bound, rows, hidden_size)
        self.bias_ih = init.uniform(rng, bound, rows) if bias else None
        self.bias_hh = init.uniform(rng, bound, rows) if bias else None

    def _input(self, x: Any) -> Vector:
        vector: Vector = checked(self, x, (self.input_size,))
        return vector

    def _state(self, state: Any) -> Vector:
        """Return the state before as nodes of the graph; zeros if there is none."""
        if state is None:
            return [Value(0.0, requires_grad=False) for _ in range(self.hidden_size)]
        vector: Vector = checked(self, state, (self.hidden_size,), many=" as its state")
        return vector

    def _from_input(self, x: Vector) -> list[Vector]:
        return self._by_gate(affine(self.weight_ih, x, self.bias_ih))

    def _from_state(self, h: Vector) -> list[Vector]:
        return self._by_gate(affine(self.weight_hh, h, self.bias_hh))

    def _by_gate(self, numbers: Vector) -> list[Vector]:
        size = self.hidden_size
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    def extra_repr(self) -> str:
        """Show what the cell was made with."""
        without = "" if self.bias_ih else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{without}"


class RNNCell(_Cell):
    """One step of an Elman network: h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh).

    Args:
        input_size: how many numbers an input has.
        hidden_size: how many numbers the state has.
        bias: whether to add b_ih and b_hh.
        nonlinearity: "tanh" or "relu".
        seed: what the random numbers depend on: a number, a random.Random, or None for new ones
            each time. All begin evenly within ±1/sqrt(hidden_size).

    Shapes:
        x: a vector of input_size.
        h: the state, a vector of hidden_size; None for zeros.
        result: the state after, h'.
        weight_ih: [hidden][input]; weight_hh: [hidden][hidden]; bias_ih, bias_hh: [hidden].

    Raises:
        ValueError: if a size is not positive, the nonlinearity unknown, or x or h has another
            shape.

    Elman (1990), "Finding Structure in Time"; torch.nn.RNNCell.

    >>> cell = RNNCell(2, 3, seed=0)
    >>> len(cell([1.0, -1.0])), len(cell([1.0, -1.0], [0.0, 0.0, 0.0]))
    (3, 3)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        seed: int | Random | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, seed=seed)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"an RNNCell's nonlinearity is 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity

    def forward(self, x: Any, h: Any = None) -> Vector:
        """Return the state after the input x."""
        (from_input,) = self._from_input(self._input(x))
        (from_state,) = self._from_state(self._state(h))
        bend = tanh if self.nonlinearity == "tanh" else relu
        return [bend(a + b) for a, b in zip(from_input, from_state, strict=True)]

    def extra_repr(self) -> str:
        """Show what the cell was made with."""
        bent = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + bent


class GRUCell(_Cell):
    """One step of a gated recurrent unit.

    With a = W_ih · x + b_ih and b = W_hh · h + b_hh, three parts each, for reset, update, new:
    r = sigmoid(a_r + b_r), z = sigmoid(a_z + b_z), n = tanh(a_n + r * b_n),
    h' = (1 - z) * n + z * h.

    Args:
        input_size, hidden_size, bias, seed: as for `RNNCell`.

    Shapes:
        x, h, result: as for `RNNCell`.
        weight_ih: [3 * hidden][input]; weight_hh: [3 * hidden][hidden];
            bias_ih, bias_hh: [3 * hidden]; reset, then update, then new.

    Raises:
        ValueError: as for `RNNCell`.

    Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", equations 5 to
    8, with r applied after W_hh as in torch.nn.GRUCell.

    >>> len(GRUCell(2, 3)([1.0, -1.0]))
    3
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> Vector:
        """Return the state after the input x."""
        h = self._state(h)
        a, b = self._from_input(self._input(x)), self._from_state(h)
        state = []
        for ar, az, an, br, bz, bn, before in zip(*a, *b, h, strict=True):
            reset, update = sigmoid(ar + br), sigmoid(az + bz)
            new = tanh(an + reset * bn)
            state.append((1.0 - update) * new + update * before)
        return state


class LSTMCell(_Cell):
    """One step of a long short-term memory.

    With a = W_ih · x + b_ih + W_hh · h + b_hh, four parts, for input, forget, cell, output:
    i = sigmoid(a_i), f = sigmoid(a_f), g = tanh(a_g), o = sigmoid(a_o),
    c' = f * c + i * g, h' = o * tanh(c').

    Args:
        input_size, hidden_size, bias, seed: as for `RNNCell`.

    Shapes:
        x: a vector of input_size.
        state: (h, c), two vectors of hidden_size; None for zeros.
        result: (h', c'), the state after.
        weight_ih: [4 * hidden][input]; weight_hh: [4 * hidden][hidden];
            bias_ih, bias_hh: [4 * hidden]; input, then forget, then cell, then output.

    Raises:
        ValueError: as for `RNNCell`.

    Hochreiter and Schmidhuber (1997), "Long Short-Term Memory", with the forget gate of Gers,
    Schmidhuber and Cummins (2000); torch.nn.LSTMCell.

    >>> h, c = LSTMCell(2, 3)([1.0, -1.0])
    >>> len(h), len(c)
    (3, 3)
    """

    gates = 4

    def forward(self, x: Any, state: Any = None) -> tuple[Vector, Vector]:
        """Return the state after the input x."""
        h, c = self._both(state)
        a, b = self._from_input(self._input(x)), self._from_state(h)
        hidden, cell = [], []
        for ai, af, ag, ao, bi, bf, bg, bo, before in zip(*a, *b, c, strict=True):
            accept, keep = sigmoid(ai + bi), sigmoid(af + bf)
            cell.append(keep * before + accept * tanh(ag + bg))
            hidden.append(sigmoid(ao + bo) * tanh(cell[-1]))
        return hidden, cell

    def _both(self, state: Any) -> tuple[Vector, Vector]:
        if state is None:
            return self._state(None), self._state(None)
        h, c = _pair(name(self), state)
        return self._state(h), self._state(c)


class _Recurrent(Module):
    """What RNN, GRU and LSTM share: layers of cells, each reading what the one below says."""

    def __init__(self, cells: list[Any], truncate: int | None) -> None:
        self.truncate = None if truncate is None else positive_count("truncate", truncate)
        self.cells = cells

    def forward(self, sequence: Any, state: Any = None) -> tuple[list[Vector], Any]:
        """Return the last layer's output at each step, and the state after the last step."""
        outputs = checked(self, sequence, ("steps", self.cells[0].input_size))
        states = []
        for cell, before in zip(self.cells, self._by_layer(state), strict=True):
            outputs, after = unroll(cell, outputs, before, self.truncate)
            states.append(after)
        return outputs, self._together(states)

    def _by_layer(self, state: Any) -> list[Any]:
        """Return the state before of every layer."""
        count = len(self.cells)
        if state is None:
            return [None] * count
        if len(state) != count:
            raise ValueError(f"{name(self)} takes a state for {count} layers, got {len(state)}")
        return list(state)

    def _together(self, states: list[Any]) -> Any:
        """Return the states of all layers in the form in which the user gives and gets them."""
        return states

    def extra_repr(self) -> str:
        """Show what the network was made with."""
        layers = f", num_layers={len(self.cells)}" if len(self.cells) > 1 else ""
        steps = "" if self.truncate is None else f", truncate={self.truncate}"
        first: Module = self.cells[0]
        return first.extra_repr() + layers + steps


def _input_sizes(input_size: int, hidden_size: int, num_layers: int) -> list[int]:
    """Return how many numbers each layer reads."""
    positive_count("num_layers", num_layers)
    return [input_size] + [hidden_size] * (num_layers - 1)


class RNN(_Recurrent):
    """An Elman network over a sequence: `RNNCell` at every step.

    Args:
        input_size: how many numbers an input has.
        hidden_size: how many numbers a layer's state has.
        num_layers: how many layers; each reads the states of the one below.
        nonlinearity: "tanh" or "relu".
        bias: whether the cells have biases.
        truncate: through how many steps the gradient flows back at most: after every so many the
            states are detached (see `unroll`); None for all steps.
        seed: as for `RNNCell`.

    Shapes:
        sequence: [step][input].
        state: the state before, [layer][hidden]; None for zeros.
        result: the outputs [step][hidden] of the last layer, and the state after the last step.
        cells: their weights are those of `RNNCell`.

    Raises:
        ValueError: as for `RNNCell`, and if truncate or num_layers is not positive.

    Follows torch.nn.RNN, of one sequence.

    >>> outputs, state = RNN(2, 3, seed=0)([[1.0, 0.0], [0.0, 1.0]])
    >>> len(outputs), len(outputs[0]), state == [outputs[-1]]
    (2, 3, True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        *,
        truncate: int | None = None,
        seed: int | Random | None = None,
    ) -> None:
        rng = init.generator(seed)
        cells = [
            RNNCell(size, hidden_size, bias, nonlinearity, seed=rng)
            for size in _input_sizes(input_size, hidden_size, num_layers)
        ]
        super().__init__(cells, truncate)


class GRU(_Recurrent):
    """Gated recurrent units over a sequence: `GRUCell` at every step.

    Args:
        input_size, hidden_size, num_layers, bias, truncate, seed: as for `RNN`.

    Shapes:
        sequence, state, result: as for `RNN`.

    Raises:
        ValueError: as for `RNN`.

    Follows torch.nn.GRU, of one sequence.

    >>> outputs, state = GRU(2, 3, num_layers=2, seed=0)([[1.0, 0.0], [0.0, 1.0]])
    >>> len(outputs), len(state)
    (2, 2)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        *,
        truncate: int | None = None,
        seed: int | Random | None = None,
    ) -> None:
        rng = init.generator(seed)
        cells = [
            GRUCell(size, hidden_size, bias, seed=rng)
            for size in _input_sizes(input_size, hidden_size, num_layers)
        ]
        super().__init__(cells, truncate)


class LSTM(_Recurrent):
    """Long short-term memory over a sequence: `LSTMCell` at every step.

    Args:
        input_size, hidden_size, num_layers, bias, truncate, seed: as for `RNN`.

    Shapes:
        sequence: [step][input].
        state: the state before, a pair (h, c), both [layer][hidden]; None for zeros.
        result: the outputs [step][hidden] of the last layer, and the state after the last step.

    Raises:
        ValueError: as for `RNN`.

    Follows torch.nn.LSTM, of one sequence.

    >>> outputs, (h, c) = LSTM(2, 3, seed=0)([[1.0, 0.0], [0.0, 1.0]])
    >>> len(outputs), h == [outputs[-1]]
    (2, True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        *,
        truncate: int | None = None,
        seed: int | Random | None = None,
    ) -> None:
        rng = init.generator(seed)
        cells = [
            LSTMCell(size, hidden_size, bias, seed=rng)
            for size in _input_sizes(input_size, hidden_size, num_layers)
        ]
        super().__init__(cells, truncate)

    def _by_layer(self, state: Any) -> list[Any]:
        if state is None:
            return super()._by_layer(None)
        h, c = _pair(name(self), state)
        return list(zip(super()._by_layer(h), super()._by_layer(c), strict=True))

    def _together(self, states: list[Any]) -> Any:
        return [h for h, _ in states], [c for _, c in states]


def _pair(what: str, state: Any) -> tuple[Any, Any]:
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise ValueError(f"{what} takes a pair (h, c) as its state")
    return state[0], state[1]
