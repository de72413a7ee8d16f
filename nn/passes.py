"""A batch's way through a model to its loss and back: node by node, or compiled."""

from typing import Any, Protocol

import autograd
from autograd import Value
from nn.data import Batch
from nn.module import Module


class Passes(Protocol):
    """The two passes of a training step."""

    def forward(self, batch: Batch) -> tuple[Any, Any]:
        """Return the model's outputs for a batch, and their mean loss."""

    def backward(self, batch: Batch, loss: Any) -> None:
        """Add the gradients of the loss that `forward` returned to the parameters' grad."""


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


class Compiled:
    """Records what happens to one sample, once, and runs that on all samples of every batch.

    What a model does may depend on whether it is in training, so each mode has its own programs.

    Args:
        model: as for `nn.fit`.
        loss: likewise; of a batch, it must be the mean of what it is for each sample alone.
        judged: whether anybody looks at the outputs; if not, they are left out.
    """

    def __init__(self, model: Module, loss: Any, judged: bool) -> None:
        self.model = model
        self.judged = judged
        self.node_by_node = NodeByNode(model, loss, batched=False)
        self.losses = {mode: self._program_of_loss(loss) for mode in (True, False)}
        self.outputs = {mode: self._program_of_outputs() for mode in (True, False)}
        self.is_checked = False

    def _program_of_loss(self, loss: Any) -> Any:
        return autograd.compile(lambda row, target: loss([self.model(row)], [target]))

    def _program_of_outputs(self) -> Any:
        return autograd.compile(lambda row: self.model(row))

    def forward(self, batch: Batch) -> tuple[Any, float]:
        """Return the outputs as lists of floats, and the mean of the samples' losses.

        Raises:
            ValueError: if that isn't the loss of the batch: only the first batch is checked.
            TracingError: if the model or the loss does what can't be compiled.
            ImportError: if NumPy is not installed.
        """
        if not self.is_checked:
            self._check(batch)
        mode, (rows, _) = self.model.training, batch
        outputs = self.outputs[mode](rows).tolist() if self.judged else []
        return outputs, self._mean_loss(batch)

    def _mean_loss(self, batch: Batch) -> float:
        losses = self.losses[self.model.training](*batch).tolist()
        return float(sum(losses) / len(losses))

    def _check(self, batch: Batch) -> None:
        """Compare with the graph of the batch, in which nothing is taken sample by sample."""
        wanted = float(self.node_by_node.forward(batch)[1])
        found = self._mean_loss(batch)
        if abs(found - wanted) > 1e-6 * (abs(found) + abs(wanted)) + 1e-9:
            raise ValueError(
                f"the loss of the first batch is {wanted:g}, but the mean of its samples' losses "
                f"is {found:g}: fit can only compile a loss that is that mean; leave out "
                "compile=True"
            )
        self.is_checked = True

    def backward(self, batch: Batch, loss: float) -> None:
        """Run the program's own backward pass."""
        self.losses[self.model.training].backward(*batch)


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
