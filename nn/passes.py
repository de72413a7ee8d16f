"""A batch's way through a model to its loss and back: node by node, or compiled."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import autograd
import optim
from autograd import Value
from autograd.nested import flatten
from nn.data import Batch
from nn.module import Module

Clip = Callable[[], None]
"""Makes gradients smaller, those of the Values."""


class Passes(Protocol):
    """The two passes of a training step, and whole steps where that is possible."""

    def step(self, batch: Batch, optimizer: Any, clip: Clip | None) -> tuple[Any, Any] | None:
        """Take a whole step, without the Values; return the outputs and their mean loss before.

        None says that nothing was done: the step has to be taken on the Values, pass by pass.
        """

    def forward(self, batch: Batch) -> tuple[Any, Any]:
        """Return the model's outputs for a batch, and their mean loss."""

    def backward(self, batch: Batch, loss: Any) -> None:
        """Add the gradients of the loss that `forward` returned to the parameters' grad."""

    def write_back(self) -> None:
        """Give the Values and the optimizer their current numbers; they may be changed then."""

    def end(self) -> None:
        """Write back; there are no more steps."""


class NodeByNode:
    """Builds the graph anew for every batch, so that each number in it can be opened.

    Args:
        model: as for `nn.fit`.
        loss: likewise.
        batched: likewise.
    """

    def __init__(self, model: Module, loss: Any, batched: bool) -> None:
        self.model = model
        self.loss = loss
        self.batched = batched

    def step(self, batch: Batch, optimizer: Any, clip: Clip | None) -> None:
        """Leave the step to be taken on the Values."""

    def forward(self, batch: Batch) -> tuple[Any, Value]:
        """Return the outputs, and their loss as a graph.

        Raises:
            TypeError: if the loss is not a Value.
        """
        outputs, loss = forward(self.model, batch, self.loss, self.batched)
        if not isinstance(loss, Value):
            raise TypeError(
                f"fit needs a loss that returns one Value for a batch, got a {type(loss).__name__}"
            )
        return outputs, loss

    def backward(self, batch: Batch, loss: Value) -> None:
        """Sweep through the graph."""
        loss.backward()

    def write_back(self) -> None:
        """Do nothing: the numbers are nowhere else."""

    def end(self) -> None:
        """Do nothing, likewise."""


class Compiled:
    """Records what happens to one sample, once, and runs that on all samples of every batch.

    What a model does may depend on whether it is in training, so each mode has its own program.
    Where the optimizer's rule can be compiled too, whole steps are taken with the numbers in an
    array, until somebody looks at the Values.

    Args:
        model: as for `nn.fit`.
        loss: likewise; of a batch, it must be the mean of what it is for each sample alone.
        judged: whether anybody looks at the outputs; if not, they are left out.
    """

    def __init__(self, model: Module, loss: Any, judged: bool) -> None:
        self.model = model
        self.parameters = model.parameters()
        self.judged = judged
        self.node_by_node = NodeByNode(model, loss, batched=False)
        self.samples = _Samples(model, loss, judged)
        self.programs = {mode: autograd.compile(self.samples.entries) for mode in (True, False)}
        self.losses = {mode: autograd.compile(self.samples.loss_alone) for mode in (True, False)}
        self.training: Any = None
        self.mode = True
        self.values_lead = True
        self.is_checked = False

    # Whole steps ------------------------------------------------------------------------------

    def step(self, batch: Batch, optimizer: Any, clip: Clip | None) -> tuple[Any, float] | None:
        """Take a step in the array.

        It is undone, and left to be taken on the Values, if nan or inf came out.

        Raises:
            ValueError: if the loss of the first batch is not the mean of its samples' losses.
            TracingError: if the model or the loss does what can't be compiled.
            ImportError: if NumPy is not installed.
        """
        if self.values_lead and not self._can_step(optimizer):
            return None
        wanted = None if self.is_checked else self._loss_of_graph(batch)
        training = self._begun(optimizer)
        change = None if clip is None else self._change(training, clip)
        try:
            outputs, loss = training.step(*batch, change=change)
        except _NotFinite:
            self.write_back()
            return None
        if wanted is not None:
            self._check(loss, wanted, undo=training.undo)
        if not (math.isfinite(loss) and training.is_finite()):
            training.undo()
            self.write_back()
            return None
        return self._rebuilt(outputs), loss

    def _can_step(self, optimizer: Any) -> bool:
        """Return whether the optimizer is one of `optim` itself, and moves all parameters."""
        if type(optimizer) not in vars(optim).values():
            return False
        moved = {value for group in optimizer.param_groups for value in group["params"]}
        return all(value in moved or not value.requires_grad for value in self.parameters)

    def _begun(self, optimizer: Any) -> Any:
        """Return the training of the model's mode, in which the array is up to date."""
        if self.training is None or self.mode != self.model.training:
            self.end()
            self.mode = self.model.training
            self.training = self.programs[self.mode].begin_training(optimizer, has_aux=True)
        elif self.values_lead:
            self.training.read_again()
        self.values_lead = False
        return self.training

    def _change(self, training: Any, clip: Clip) -> Callable[[list[float]], list[float]]:
        """Return a function that clips gradients by way of the Values' own."""

        def clipped(gradients: list[float]) -> list[float]:
            if not all(map(math.isfinite, gradients)):
                raise _NotFinite
            for value, gradient in zip(training.values, gradients, strict=True):
                value.grad = gradient
            clip()
            return [value.grad for value in training.values]

        return clipped

    def _rebuilt(self, outputs: Any) -> list[Any]:
        return [self.samples.rebuild(row) for row in outputs.tolist()] if self.judged else []

    def write_back(self) -> None:
        """Give the Values and the optimizer their current numbers; they may be changed then."""
        if self.training is not None and not self.values_lead:
            self.training.write_back()
        self.values_lead = True

    def end(self) -> None:
        """Write back; there are no more steps."""
        self.write_back()
        if self.training is not None:
            self.training.end(write_back=False)
        self.training = None

    # Pass by pass -----------------------------------------------------------------------------

    def forward(self, batch: Batch) -> tuple[Any, float]:
        """Return the outputs as lists of floats, and the mean of the samples' losses.

        Raises:
            ValueError: as for `step`.
            TracingError: likewise.
            ImportError: likewise.
        """
        wanted = None if self.is_checked else self._loss_of_graph(batch)
        table = self.programs[self.model.training](*batch)
        losses = table[:, 0].tolist()
        loss = float(sum(losses) / len(losses))
        if wanted is not None:
            self._check(loss, wanted)
        return self._rebuilt(table[:, 1:]), loss

    def backward(self, batch: Batch, loss: float) -> None:
        """Run the program's own backward pass."""
        self.losses[self.model.training].backward(*batch)

    def _loss_of_graph(self, batch: Batch) -> float:
        """Return the loss of a batch, in whose graph nothing is taken sample by sample."""
        return float(self.node_by_node.forward(batch)[1])

    def _check(self, found: float, wanted: float, undo: Callable[[], None] | None = None) -> None:
        if abs(found - wanted) > 1e-6 * (abs(found) + abs(wanted)) + 1e-9:
            if undo is not None:
                undo()
            raise ValueError(
                f"the loss of the first batch is {wanted:g}, but the mean of its samples' losses "
                f"is {found:g}: fit can only compile a loss that is that mean; leave out "
                "compile=True"
            )
        self.is_checked = True


class _Samples:
    """What happens to one sample, as functions to compile.

    Args:
        model: as for `nn.fit`.
        loss: likewise.
        judged: whether the outputs are wanted too.

    Attributes:
        rebuild: nests the numbers of an output as the model does.
    """

    def __init__(self, model: Module, loss: Any, judged: bool) -> None:
        self.model = model
        self.loss = loss
        self.judged = judged
        self.rebuild: Callable[[Any], Any] = list

    def loss_alone(self, row: Any, target: Any) -> Any:
        """Return the sample's loss."""
        return self.loss([self.model(row)], [target])

    def entries(self, row: Any, target: Any) -> list[Any]:
        """Return the sample's loss and, if wanted, the numbers of its output."""
        output = self.model(row)
        numbers, rebuild = flatten(output)
        zeros = [0.0] * len(numbers)
        nested = rebuild(zeros)
        self.rebuild = list if nested == zeros else flatten(nested)[1]
        return [self.loss([output], [target]), *(numbers if self.judged else [])]


class _NotFinite(Exception):
    """Raised when gradients can't be clipped, since nan or inf is among them."""


def forward(model: Module, batch: Batch, loss: Any, batched: bool) -> tuple[Any, Any]:
    """Return a model's outputs for a batch, and their loss; the arguments are those of `fit`.

    >>> from nn import MLP, losses
    >>> outputs, loss = forward(MLP(1, [1]), ([[0.0], [0.0]], [1.0, 2.0]), losses.mse, False)
    >>> len(outputs), loss.data
    (2, 2.5)
    """
    rows, targets = batch
    outputs = model(rows) if batched else [model(row) for row in rows]
    return outputs, loss(outputs, targets)
