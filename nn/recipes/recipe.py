"""What a recipe is: data, a network, settings, and what to tell of the training."""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Literal

from autograd.files import write_whole
from autograd.optional import needed
from nn.checks import positive_count
from nn.history import History
from nn.module import Module
from nn.recipes.choices import (
    make_optimizer,
    make_schedule,
    optimizer_named,
    schedule_named,
    suited_rate,
)
from nn.recipes.seeds import for_each_seed
from nn.training import DivergedError, Loss, fit, is_correct
from optim import Optimizer

LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        optimizer: the name of one of `optim`.
        lr: the learning rate.
        schedule: how the rate changes from epoch to epoch, by name.
        batch_size: samples per step; None for all.
        epochs: how often to go through the samples, at most.
        seed: what chance depends on: the data's split or noise, the first weights and the order
            of the samples.
        compile: whether the passes are compiled: the same results but for rounding, sooner.
    """

    optimizer: str = "Adam"
    lr: float = 0.01
    schedule: str = "constant"
    batch_size: int | None = None
    epochs: int = 100
    seed: int = 0
    compile: bool = False

    @property
    def own(self) -> tuple[Field[Any], ...]:
        """Return what a recipe has beside these: whole numbers, whose metadata holds a help."""
        return fields(self)[len(fields(Settings)) :]


@dataclass(frozen=True)
class Data:
    """Samples to learn from and, for most recipes, others to be judged by.

    Attributes:
        training: the rows and their targets.
        held_out: likewise, or None.
        inputs: what the numbers of a row are called.
        classes: what the classes are called, if the targets are classes.
    """

    training: tuple[list[list[float]], list[Any]]
    held_out: tuple[list[list[float]], list[Any]] | None = None
    inputs: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


@dataclass
class Result:
    """What a recipe has come to.

    Attributes:
        settings: how it was trained.
        data: what it was trained on.
        model: the trained model.
        history: the losses and accuracies of every epoch.
        seconds: how long the training took, with its compiling if it was compiled.
        findings: what came out, in a line or a few.
        files: the pictures that were written.
    """

    settings: Settings
    data: Data
    model: Any
    history: History
    seconds: float = 0.0
    findings: str = ""
    files: list[Path] = field(default_factory=list)

    @property
    def accuracy(self) -> float | None:
        """The share of held-out samples that are classified correctly; None if there are none."""
        shares = self.history.validation_accuracy
        return shares[-1] if shares else None


class Recipe:
    """A whole training, from the data to the pictures; each subclass is one.

    Attributes:
        name: what it is called on the command line.
        summary: what it does, in a few words.
        defaults: the settings where nothing else is wanted; of a subclass of Settings, if the
            recipe has some of its own.
        adams_rate: the learning rate that is good for Adam, if the default is another optimizer.
        enough: the loss at which to stop, if any.
        classifies: whether the outputs are logits of classes.
        schedule_per: whether the rate changes after each "epoch" or each "batch".
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    defaults: ClassVar[Settings]
    adams_rate: ClassVar[float | None] = None
    enough: ClassVar[float | None] = None
    classifies: ClassVar[bool] = False
    schedule_per: ClassVar[Literal["epoch", "batch"]] = "epoch"

    def data(self, seed: int) -> Data:
        """Return the samples."""
        raise NotImplementedError

    def model(self, seed: int) -> Module:
        """Return the network before training."""
        raise NotImplementedError

    @property
    def loss(self) -> Loss:
        """What is made small, as for `fit`."""
        raise NotImplementedError

    def optimizer(self, model: Module, settings: Settings) -> Optimizer:
        """Return the optimizer of the network's parameters."""
        return make_optimizer(settings.optimizer, model.parameters(), settings.lr)

    def findings(self, result: Result) -> str:
        """Say what came out."""
        raise NotImplementedError

    def pictures(self, result: Result) -> Mapping[str, bytes]:
        """Draw what is worth seeing: the contents of files, by their names."""
        raise NotImplementedError

    def train(
        self,
        *,
        folder: str | Path | None = None,
        checkpoint: str | Path | None = None,
        progress: bool = True,
        **wanted: Any,
    ) -> Result:
        """Train, and say and draw what came out; see `nn.recipes.train`."""
        settings = self.settings(**wanted)
        if folder is not None:
            needed("matplotlib", "a plot")  # before the training, not after it
        if settings.compile:
            needed("llvmlite", "compiled training", extra="compile")
        data = self.data(settings.seed)
        model = self.model(settings.seed)
        start = perf_counter()
        history = self.fitted(
            model,
            data,
            settings,
            record_every=None if folder is None else 1,
            checkpoint=checkpoint,
            progress=progress,
        )
        seconds = perf_counter() - start
        if not history.loss:
            raise KeyboardInterrupt  # before there was anything to tell
        result = Result(settings, data, model, history, seconds)
        result.findings = self.findings(result)
        if folder is not None:
            result.files = self._write_pictures(result, Path(folder))
        return result

    def fitted(
        self,
        model: Module,
        data: Data,
        settings: Settings,
        *,
        record_every: int | None,
        checkpoint: str | Path | None,
        progress: bool,
    ) -> History:
        """Train the network, and return what happened."""
        optimizer = self.optimizer(model, settings)
        steps = 1 if self.schedule_per == "epoch" else _batches(data, settings.batch_size)
        return fit(
            model,
            data.training,
            self.loss,
            optimizer,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            compile=settings.compile,
            validation=data.held_out,
            accuracy=is_correct if self.classifies else None,
            schedule=make_schedule(settings.schedule, optimizer, settings.epochs * steps),
            schedule_per=self.schedule_per,
            stop_at_loss=self.enough,
            seed=settings.seed,
            record_every=record_every,
            checkpoint=checkpoint,
            progress=progress,
        )

    def over_seeds(self, count: int, *, progress: bool = True, **wanted: Any) -> str:
        """Train from as many seeds, on all processors, and return a table of what came out.

        Args:
            count: how many seeds; the first is that of the settings.
            progress: whether to show a progress bar.
            wanted: as for `train`.

        Raises:
            ValueError: as for `train`, or if count is not positive.
            ImportError: as for `train`, or if joblib is not installed.
        """
        settings = self.settings(**wanted)
        positive_count("the number of seeds", count)
        found = for_each_seed(partial(_findings, self, wanted), settings.seed, count, progress)
        lines = [
            f"seed {seed}: {text.splitlines()[0]}"
            for seed, (text, _) in enumerate(found, settings.seed)
        ]
        accuracies = [accuracy for _, accuracy in found if accuracy is not None]
        if accuracies:
            lines.append(
                f"mean accuracy {sum(accuracies) / len(accuracies):.4f}, "
                f"from {min(accuracies):.4f} to {max(accuracies):.4f}"
            )
        return "\n".join(lines)

    def settings(self, **wanted: Any) -> Settings:
        """Return the settings with which to train, checked.

        If another optimizer is wanted and no learning rate, it gets one that suits it.

        Raises:
            TypeError: if there is no such setting.
            ValueError: if a name is unknown or a number out of its range.
        """
        for name in wanted.keys() - {setting.name for setting in fields(self.defaults)}:
            raise TypeError(f"a recipe has no setting {name!r}")
        settings = replace(self.defaults, **wanted)
        optimizer = optimizer_named(settings.optimizer)
        lr = settings.lr if "lr" in wanted else self.default_rate(optimizer)
        return replace(
            settings,
            optimizer=optimizer,
            lr=_rate(lr),
            schedule=schedule_named(settings.schedule),
            batch_size=_size(settings.batch_size),
            epochs=positive_count("the number of epochs", settings.epochs),
            seed=_seed(settings.seed),
        )

    def default_rate(self, optimizer: str) -> float:
        """Return the learning rate for an optimizer where no other is wanted."""
        if optimizer == self.defaults.optimizer:
            return self.defaults.lr
        return suited_rate(optimizer, self.adams_rate or self.defaults.lr)

    def _write_pictures(self, result: Result, folder: Path) -> list[Path]:
        pictures = self.pictures(result)
        folder.mkdir(parents=True, exist_ok=True)
        return [write_whole(folder / name, content) for name, content in pictures.items()]


def _findings(recipe: Recipe, wanted: Mapping[str, Any], seed: int) -> tuple[str, float | None]:
    try:
        result = recipe.train(progress=False, **{**wanted, "seed": seed})
    except DivergedError as error:
        return str(error), None
    return result.findings, result.accuracy


def _rate(lr: float) -> float:
    if not (math.isfinite(lr) and lr > 0.0):
        raise ValueError(f"the learning rate is a number above 0, got {lr!r}")
    return float(lr)


def _size(size: int | None) -> int | None:
    return None if size is None else positive_count("the size of a batch", size)


def _batches(data: Data, size: int | None) -> int:
    """Return how many batches the samples make."""
    samples = len(data.training[0])
    return math.ceil(samples / (size or samples))


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"a seed is a whole number from 0 to {LARGEST_SEED}, got {seed!r}")
    return seed
