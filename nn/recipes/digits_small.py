"""A network that reads digits, made smaller: distilled, pruned, quantized."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd.files import write_whole
from autograd.plotting import as_png
from nn.losses import cross_entropy, distillation
from nn.module import Module
from nn.neuron import MLP
from nn.pruning import prune
from nn.quantization import quantize
from nn.recipes.choices import make_optimizer, make_schedule
from nn.recipes.digits import Digits
from nn.recipes.digits_pictures import SIDE
from nn.recipes.digits_small_pictures import draw_sizes
from nn.recipes.recipe import Data, Result, Settings
from nn.recipes.splitting import held_out_accuracy, reader
from nn.sizes import Size, size
from nn.training import Loss, fit, is_correct

HIDDEN = 8
AMOUNTS = (0.5, 0.8, 0.9)
LONGER = 2
"""How many times as many epochs as its teacher the small network learns for."""
RETRAINED = 0.5
"""How many times as many a pruned one does."""


@dataclass(frozen=True)
class Smaller:
    """A network, how large it is, and how much it reads correctly.

    Attributes:
        name: how it was made.
        size: how large it is.
        accuracy: the share of the held-out digits that it reads correctly.
    """

    name: str
    size: Size
    accuracy: float


class DigitsSmall(Digits):
    """Make the network that reads digits smaller, in three ways, and compare.

    It is the teacher of a network with 8 hidden neurons (`nn.losses.distillation`), compared
    with one that had no teacher; 50, 80 and 90 % of its weights are set to 0, each time followed
    by a short training of the others (`nn.prune`); and the weights of all are rounded to a byte
    (`nn.quantize`). A teacher that isn't asked to be certain teaches worse, so its loss is the
    cross-entropy as it is: Müller, Kornblith and Hinton (2019), "When Does Label Smoothing Help?",
    section 4.

    A checkpoint is of the teacher's training alone.
    """

    name = "digits-small"
    summary = "a network that reads digits, made smaller (minutes; seconds with --compile)"

    @property
    def loss(self) -> Loss:
        """Cross-entropy."""
        return cross_entropy

    def findings(self, result: Result) -> str:
        """Tell the teacher's accuracy."""
        return held_out_accuracy(result)

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw the teacher's training."""
        return {f"{self.name}-training.png": result.history.plot(title="The teacher").png}

    def train(
        self,
        *,
        folder: str | Path | None = None,
        checkpoint: str | Path | None = None,
        progress: bool = True,
        **wanted: Any,
    ) -> Result:
        """Train the network, make it smaller, and tell in a table what that costs."""
        result = super().train(folder=folder, checkpoint=checkpoint, progress=progress, **wanted)
        networks = list(smaller(result.model, result.data, result.settings, progress=progress))
        result.findings = f"{result.findings}\n{table(networks)}"
        if folder is not None:
            content = as_png(draw_sizes(networks))
            result.files.append(write_whole(Path(folder) / f"{self.name}-sizes.png", content))
        return result


def smaller(
    model: Module, data: Data, settings: Settings, *, progress: bool = False
) -> Iterator[Smaller]:
    """Make a trained network smaller, and yield what comes out, the network itself first.

    Args:
        model: the network; it is not changed.
        data: what it was trained on and is judged by.
        settings: how it was trained.
        progress: whether to show progress bars.

    Raises:
        KeyboardInterrupt: if a training is ended early.
    """
    teacher, pupil = _Judge(model, data, settings), make_pupil(settings.seed)
    small = _Judge(pupil, data, settings)
    yield from teacher.with_bytes("teacher", model)
    _train(pupil, data, cross_entropy, settings, LONGER, progress)
    yield from small.with_bytes(f"{HIDDEN} hidden neurons", pupil)
    pupil = make_pupil(settings.seed)
    lessons = as_taught(data, teacher.read(data.training[0]))
    _train(pupil, lessons, taught, settings, LONGER, progress)
    yield from small.with_bytes("the same, distilled", pupil)
    pruned = copy.deepcopy(model)
    for amount in AMOUNTS:
        prune(pruned, amount)
        yield teacher.of(f"{amount:.0%} pruned, not retrained", pruned)
        _train(pruned, data, cross_entropy, settings, RETRAINED, progress)
        yield from teacher.with_bytes(f"{amount:.0%} pruned", pruned)


def make_pupil(seed: int) -> MLP:
    """Return a network with 8 hidden neurons.

    >>> len(make_pupil(0).parameters())
    610
    """
    return MLP(SIDE * SIDE, [HIDDEN, 10], "relu", seed=seed)


def as_taught(data: Data, logits: Sequence[list[float]]) -> Data:
    """Return data whose targets are two rows: what is true as probabilities, the teacher's logits.

    >>> as_taught(Data(([[0.5]], [1])), [[0.0] * 10]).training[1][0][0]
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    rows, targets = data.training
    both = [[_one_hot(digit), said] for digit, said in zip(targets, logits, strict=True)]
    return Data((rows, both))


def taught(input: Any, target: Any) -> Any:
    """Return `nn.losses.distillation`, given targets as of `as_taught`.

    >>> f"{taught([[0.0, 0.0]], [[[1.0, 0.0], [2.0, -2.0]]]):.3f}"
    '10.051'
    """
    return distillation(input, [wanted for wanted, _ in target], [said for _, said in target])


def table(networks: Iterable[Smaller]) -> str:
    """Return what came out as a table.

    >>> print(table([Smaller("teacher", Size(1000, 250, 4321), 0.98)]))
    network                         weights not 0   bytes  accuracy
    teacher                            250 of 1000    4321    0.9800
    """
    lines = [f"{'network':30}  {'weights not 0':>14}  {'bytes':>6}  accuracy"]
    for network in networks:
        count = f"{network.size.nonzero} of {network.size.weights}"
        lines.append(
            f"{network.name:30}  {count:>14}  {network.size.nbytes:6}  {network.accuracy:8.4f}"
        )
    return "\n".join(lines)


class _Judge:
    """Measures networks of one make by what is held out, with a copy that takes their numbers.

    So there is one program to compile for all of them.
    """

    def __init__(self, model: Module, data: Data, settings: Settings) -> None:
        assert data.held_out is not None
        self.rows, self.targets = data.held_out
        self.copy = copy.deepcopy(model)
        self.read = reader(self.copy, compiled=settings.compile)

    def with_bytes(self, name: str, model: Module) -> Iterator[Smaller]:
        """Yield a network as it is, and with a byte for each weight."""
        yield self.of(name, model)
        small = quantize(model)
        small.load_into(self.copy)
        yield self._found(f"{name}, int8", small.size())

    def of(self, name: str, model: Module) -> Smaller:
        """Return what is found of a network."""
        self.copy.load_state_dict(model.state_dict())
        return self._found(name, size(model))

    def _found(self, name: str, size: Size) -> Smaller:
        right = sum(map(is_correct, self.read(self.rows), self.targets))
        return Smaller(name, size, right / len(self.targets))


def _train(
    model: Module, data: Data, loss: Loss, settings: Settings, times: float, progress: bool
) -> None:
    """Train a network as its teacher was, for so many times as many epochs."""
    epochs = max(1, round(times * settings.epochs))
    optimizer = make_optimizer(settings.optimizer, model.parameters(), settings.lr)
    history = fit(
        model,
        data.training,
        loss,
        optimizer,
        epochs=epochs,
        batch_size=settings.batch_size,
        compile=settings.compile,
        schedule=make_schedule(settings.schedule, optimizer, epochs),
        seed=settings.seed,
        progress=progress,
    )
    if history.stopped == "interrupted":
        raise KeyboardInterrupt


def _one_hot(digit: int) -> list[float]:
    return [float(digit == k) for k in range(10)]
