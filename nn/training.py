"""Training: the loop that makes a loss small, and what it has to tell."""

import inspect
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from random import Random
from typing import Any, Literal, Protocol

import optim
from autograd import Value, no_grad
from autograd.optional import needed
from nn.checkpoint import Keeper
from nn.checks import amount, has_methods, positive_count, require_kind
from nn.data import Batch, Samples, portions, samples
from nn.divergence import Divergence, check_gradients, check_loss, check_parameters
from nn.history import History, Trained, take_snapshot
from nn.init import generator
from nn.losses import binary_cross_entropy_with_logits
from nn.module import Module, in_mode
from nn.passes import Compiled, NodeByNode, Passes, forward
from nn.summary import parts
from optim.checks import require_number
from optim.clipping import clip_grad_norm, clip_grad_value

Data = tuple[Samples, Samples]
Loss = Callable[[Any, Any], Any]
Judge = Callable[[Any, Any], float]


class Optimizer(Protocol):
    """What training asks of an optimizer; those of `optim` can do it."""

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0."""

    def step(self) -> None:
        """Move the parameters according to their gradients."""


class DivergedError(FloatingPointError):
    """Training met nan or inf: the message tells where it began and what to try.

    Attributes:
        history: what had happened in the epochs before.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def fit(
    model: Module,
    data: Data,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    batched: bool = False,
    compile: bool = False,
    seed: int | Random | None = None,
    validation: Data | None = None,
    accuracy: Judge | None = None,
    schedule: Any = None,
    schedule_per: Literal["epoch", "batch"] = "epoch",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    stop_at_loss: float | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    restore_best: bool = False,
    record_every: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    callbacks: Iterable[Callable[[History], Any]] = (),
    progress: bool = False,
) -> History:
    """Train a model, and return what happened.

    Every epoch goes once through the samples in a new order, batch by batch: forward, backward,
    one step of the optimizer. The model is in training mode (`Module.train`) for that, and not
    while it is validated; afterwards it is as it was.

    Ctrl-C ends the training early, and the history so far is returned: the parameters are those
    after the last step that was finished.

    With a checkpoint, the same program, run again after a crash, goes on where the file was last
    written, and ends with the same numbers and the same history to the bit as if nothing had
    happened. A training that has ended is not repeated, but goes on if more epochs are wanted.
    The file has the numbers of the model, the optimizer, the schedule, the history, the place in
    the data and the random generators: those of the model and the order of the samples, and that
    of Python's module `random`. Callbacks, and generators elsewhere, keep no state in it.

    Args:
        model: called with one row, it returns its output.
        data: the rows and their targets, as `batches` takes them: a pair (X, y).
        loss: called with the outputs and the targets of a batch, it returns their mean loss.
        optimizer: of the model's parameters.
        epochs: how often to go through the samples at most.
        batch_size: samples per step (default: all).
        shuffle: whether to mix the samples anew for each epoch.
        drop_last: whether to leave out the last batch of an epoch if it is smaller.
        batched: whether to call the model once with all rows of a batch, as BatchNorm needs it.
        compile: whether to run the passes as compiled programs: see `autograd.compile`. The
            results are the same but for rounding, and come in a fraction of the time. An
            optimizer of `optim` moves the parameters in an array; the Values have the current
            numbers at the end of an epoch in which anything looks at them, such as a callback,
            and at the end of the training. The model and the loss are recorded for one sample,
            so the loss of a batch must be the mean of its samples' losses; `accuracy` is given
            floats.
        seed: what the order of the samples depends on.
        validation: rows and targets to measure after each epoch and not to train on.
        accuracy: whether an output is right, as a function of it and its target, such as
            `is_correct`.
        schedule: one of `optim.schedules`; if its step takes a measure, it is given the loss:
            that of the validation data, if there are any.
        schedule_per: whether to step the schedule after each "epoch" or each "batch".
        clip_norm: the largest norm of all gradients together: see `optim.clip_grad_norm`.
        clip_value: the largest absolute gradient: see `optim.clip_grad_value`.
        stop_at_loss: stop when the loss (of the validation data, if there are any) is no larger.
        patience: stop when that loss has not become smaller for so many epochs in a row.
        min_delta: by how much it must become smaller to count as that.
        restore_best: whether to end with the numbers of the epoch where that loss was smallest.
        record_every: note all weights and gradients after every so many epochs, and before the
            first, for `History.plot_histograms`: 16 bytes for each parameter every time, and a
            tiny part of an epoch's time. None for not at all.
        checkpoint: the file to go on from, if it is there, and to write: see `Checkpoint`.
        checkpoint_every: after how many steps to write it; by default after an epoch, but not
            twice in a second, nor so often that it takes more than a twentieth of the time. It is
            written at the beginning and at the end in any case.
        callbacks: functions that are called with the history after each epoch; one that returns
            True stops the training.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if there are no samples, not as many targets as rows, or an option is out of
            its range; with compile, if the model is batched or the loss is not the mean of its
            samples' losses.
        TypeError: if an entry of the data is not a number, the loss is not a Value, or an
            argument is of the wrong kind.
        TracingError: if the model or the loss can't be compiled, and is to be.
        LoadError: if the checkpoint is damaged or of another training: other data, settings,
            kinds of layers, optimizer or schedule. It is not overwritten, and nothing is changed.
        OSError: if the checkpoint can't be read or written.
        DivergedError: if the loss, a gradient or a parameter becomes nan or inf. The model
            and the optimizer are as they were before that step.
        ImportError: if a progress bar is wanted and tqdm is not installed, or compile and NumPy.

    >>> from nn import MLP, losses
    >>> from optim import SGD
    >>> model = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[2.0], [3.0], [4.0]]
    >>> history = fit(model, (X, y), losses.mse, SGD(model.parameters(), lr=0.3), epochs=200)
    >>> print(f"{history.loss[-1]:.6f} {model([5.0])[0]:.4f}")
    0.000000 7.0000
    """
    _require_functions("fit", model, loss, accuracy)
    _require_movers(optimizer, schedule)
    callbacks = _checked_callbacks(callbacks)
    _require_limits(clip_norm, clip_value, stop_at_loss, min_delta)
    positive_count("the number of epochs", epochs)
    if schedule_per not in ("epoch", "batch"):
        raise ValueError(f'schedule_per is "epoch" or "batch", got {schedule_per!r}')
    if compile and batched:
        raise ValueError(
            "fit compiles a model that takes one row at a time: leave out batched or compile"
        )
    passes: Passes = (
        Compiled(model, loss, judged=accuracy is not None)
        if compile
        else NodeByNode(model, loss, batched)
    )
    trainer = _Trainer(model, loss, optimizer, accuracy, batched, clip_norm, clip_value, passes)
    trained_on = samples(*pair("data", data))
    held_out = None if validation is None else samples(*pair("validation", validation))
    stopping = _Stopping(model, stop_at_loss, patience, min_delta, restore_best)
    rng = generator(seed)
    place = _Place(len(trained_on[0]), epochs)
    logits = loss is binary_cross_entropy_with_logits
    history = History(trained=Trained(model, trained_on, held_out, batched, logits))
    recorder = _Recorder(model, history, record_every)
    kept = {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "order": rng,
        "random": random,
        "history": history,
        "stopping": stopping,
        "place": place,
    }
    settings = {
        "loss": loss,
        "data": trained_on,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "drop_last": drop_last,
        "batched": batched,
        "compile": compile,
        "seed": seed,
        "validation": held_out,
        "accuracy": accuracy,
        "schedule_per": schedule_per,
        "clip_norm": clip_norm,
        "clip_value": clip_value,
        "stop_at_loss": stop_at_loss,
        "patience": patience,
        "min_delta": min_delta,
        "restore_best": restore_best,
        "record_every": record_every,
    }
    keeper = Keeper(checkpoint, checkpoint_every, settings, kept, passes.write_back)
    keeper.begin()
    first, last = place.epochs, place.epochs if history.stopped_early else epochs
    try:
        with in_mode(model, training=True), _bar(first, last, progress) as bar:
            for _ in bar:
                if shuffle and place.steps == 0:
                    rng.shuffle(place.order)
                all_batches = portions(*trained_on, place.order, batch_size, drop_last)
                for batch in islice(all_batches, place.steps, None):
                    keeper.before_step()
                    trainer.step(batch, place.means)
                    if schedule is not None and schedule_per == "batch":
                        _step(schedule, place.means.means()[0], passes)
                    place.steps += 1
                if held_out or callbacks or record_every or restore_best:
                    passes.write_back()
                validated = trainer.measure(held_out) if held_out else []
                history.add(place.means.means(), validated)
                recorder.note(place.epochs + 1)
                place.end_epoch()
                if schedule is not None and schedule_per == "epoch":
                    _step(schedule, history.watched[-1], passes)
                if progress:
                    bar.set_postfix(history.last(), refresh=False)
                history.stopped = stopping.reason(history)
                answers = [callback(history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    history.stopped = history.stopped or "callback"
                if history.stopped:
                    break
                keeper.after_epoch()
            else:
                history.stopped = history.stopped or "epochs"
        keeper.write()
    except KeyboardInterrupt:
        history.cut(place.epochs)
        history.stopped = "interrupted"
    except Divergence as divergence:
        history.stopped = "diverged"
        message = f"training diverged in epoch {place.epochs + 1}: {divergence}"
        raise DivergedError(message, history) from None
    finally:
        passes.end()
    stopping.restore()
    return history


def evaluate(
    model: Module,
    data: Data,
    loss: Loss,
    accuracy: Judge | None = None,
    *,
    batched: bool = False,
) -> list[float]:
    """Return the mean loss of some samples and, if told what is right, their accuracy.

    The model is in the mode of use (`Module.eval`) meanwhile, and nothing is recorded.

    Args:
        model: as for `fit`.
        data: as for `fit`.
        loss: as for `fit`.
        accuracy: as for `fit`.
        batched: as for `fit`.

    Raises:
        ValueError: if there are no samples, or not as many targets as rows.
        TypeError: if an entry of the data is not a number, or an argument is of the wrong kind.

    >>> from nn import MLP, losses
    >>> evaluate(MLP(1, [2]), ([[0.0], [0.0]], [0, 1]), losses.cross_entropy, is_correct)
    [0.6931471805599453, 0.5]
    """
    _require_functions("evaluate", model, loss, accuracy)
    batch = samples(*pair("data", data))
    return _measured(model, batch, lambda batch: forward(model, batch, loss, batched), accuracy)


def is_correct(logits: Sequence[Any], target: int) -> bool:
    """Return whether the largest logit is that of the true class.

    >>> is_correct([0.5, 2.0, -1.0], 1)
    True
    """
    return max(range(len(logits)), key=lambda k: float(logits[k])) == target


class _Trainer:
    """One step of training, undone if it is not finished."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        accuracy: Judge | None,
        batched: bool,
        clip_norm: float | None,
        clip_value: float | None,
        passes: Passes,
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.accuracy = accuracy
        self.batched = batched
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.passes = passes
        self.values = [value for _, value in model.named_values()]
        self.parameters = list(model.named_parameters())

    def step(self, batch: Batch, means: "_Means") -> None:
        """Take a step, and add what was found to the means."""
        clips = self.clip_norm is not None or self.clip_value is not None
        found = self.passes.step(batch, self.optimizer, self._clip if clips else None)
        outputs, batch_loss = found or self._step_on_values(batch)
        means.add(batch_loss, outputs, batch[1], self.accuracy)

    def _step_on_values(self, batch: Batch) -> tuple[Any, Any]:
        before = {value: value.data for value in self.values}
        memory = self.optimizer.state if isinstance(self.optimizer, optim.Optimizer) else {}
        try:
            return self._move(batch, before)
        except BaseException:  # Ctrl-C too may come when only some parameters have moved
            for value, number in before.items():
                value.data = number
            if isinstance(self.optimizer, optim.Optimizer):
                self.optimizer.state = memory
            raise

    def _move(self, batch: Batch, before: dict[Value, float]) -> tuple[Any, Any]:
        def compute() -> Any:
            return forward(self.model, batch, self.loss, self.batched)[1]

        outputs, batch_loss = self.passes.forward(batch)
        check_loss(self.model, before, compute, batch_loss)
        self.optimizer.zero_grad()
        self.passes.backward(batch, batch_loss)
        check_gradients(self.parameters, compute)
        self._clip()
        self.optimizer.step()
        check_parameters(self.parameters, before)
        return outputs, batch_loss

    def _clip(self) -> None:
        moved = [parameter for _, parameter in self.parameters]
        if self.clip_norm is not None:
            clip_grad_norm(moved, self.clip_norm)
        if self.clip_value is not None:
            clip_grad_value(moved, self.clip_value)

    def measure(self, batch: Batch) -> list[float]:
        """Return the means of samples that are not trained on."""
        return _measured(self.model, batch, self.passes.forward, self.accuracy)


class _Stopping:
    """When to stop before the last epoch, and the best numbers so far."""

    def __init__(
        self,
        model: Module,
        stop_at_loss: float | None,
        patience: int | None,
        min_delta: float,
        restore_best: bool,
    ) -> None:
        self.model = model
        self.stop_at_loss = stop_at_loss
        self.patience = None if patience is None else positive_count("the patience", patience)
        self.min_delta = min_delta
        self.restore_best = restore_best
        self.best = math.inf
        self.waited = 0
        self.smallest = math.inf
        self.numbers: dict[str, float] = {}

    def reason(self, history: History) -> str:
        """Return why to stop after this epoch; empty if there is no reason."""
        loss = history.watched[-1]
        if loss < self.smallest:
            self.smallest = loss
            if self.restore_best:
                self.numbers = self.model.state_dict()
        if loss < self.best - self.min_delta:
            self.best = loss
            self.waited = 0
        else:
            self.waited += 1
        if self.stop_at_loss is not None and loss <= self.stop_at_loss:
            return "loss"
        return "patience" if self.waited == self.patience else ""

    def state_dict(self) -> dict[str, Any]:
        """Return what is remembered."""
        return {name: getattr(self, name) for name in ("best", "waited", "smallest", "numbers")}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Remember what `state_dict` returned."""
        vars(self).update({name: saved[name] for name in self.state_dict()})

    def restore(self) -> None:
        """Give the model its best numbers back, if that was wanted."""
        if self.numbers:
            self.model.load_state_dict(self.numbers)


class _Recorder:
    """Notes the weights and gradients of a model every so many epochs, and before the first."""

    def __init__(self, model: Module, history: History, every: int | None) -> None:
        self.history = history
        self.every = None if every is None else positive_count("fit's record_every", every)
        self.layers = [] if every is None else parts(model)
        self.note(0)

    def note(self, epoch: int) -> None:
        """Take a snapshot, if it is time for one."""
        if self.every is not None and epoch % self.every == 0:
            self.history.snapshots.append(take_snapshot(self.layers, epoch))


class _Place:
    """Where training stands: after how many epochs, and where in the one that goes on.

    Attributes:
        epochs: how many are done.
        steps: how many steps of the next one are done.
        order: the order of the samples in it.
        means: what was found in its steps.
    """

    def __init__(self, samples: int, wanted: int) -> None:
        self.wanted = wanted
        self.order = list(range(samples))
        self.epochs = 0
        self.steps = 0
        self.means = _Means()

    def end_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epochs += 1
        self.steps = 0
        self.means = _Means()

    def state_dict(self) -> dict[str, Any]:
        """Return all but how many epochs are wanted."""
        own = {name: getattr(self, name) for name in ("epochs", "steps", "order")}
        return own | {"means": dict(vars(self.means))}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go to the place that `state_dict` returned.

        Raises:
            ValueError: if it is beyond the last epoch.
        """
        epochs, steps, order = saved["epochs"], saved["steps"], saved["order"]
        if epochs + bool(steps) > self.wanted:
            raise ValueError(
                f"{amount(epochs, 'epoch')}{' and a part' if steps else ''} are done already, and "
                f"{amount(self.wanted, 'epoch')} are wanted"
            )
        self.epochs, self.steps, self.order = epochs, steps, list(order)
        self.means = _Means()
        vars(self.means).update(saved["means"])


class _Means:
    """Means over the samples of several batches."""

    def __init__(self) -> None:
        self.samples = 0
        self.totals: list[float] = []

    def add(self, loss: Any, outputs: Any, targets: list[Any], accuracy: Judge | None) -> None:
        """Add a batch."""
        sums = [float(loss) * len(targets)]
        if accuracy is not None:
            sums.append(float(sum(map(accuracy, outputs, targets))))
        self.samples += len(targets)
        self.totals = [a + b for a, b in zip(self.totals or [0.0] * len(sums), sums, strict=True)]

    def means(self) -> list[float]:
        """Return the mean loss and, if it was judged, the accuracy."""
        return [total / self.samples for total in self.totals]


def _measured(
    model: Module,
    batch: Batch,
    run: Callable[[Batch], tuple[Any, Any]],
    accuracy: Judge | None,
) -> list[float]:
    means = _Means()
    with no_grad(), in_mode(model, training=False):
        outputs, batch_loss = run(batch)
    means.add(batch_loss, outputs, batch[1], accuracy)
    return means.means()


def pair(what: str, data: Any) -> Data:
    """Return data if they are a pair of rows and their targets.

    Raises:
        TypeError: if they are something else.

    >>> pair("data", ([[1.0]], [2.0]))
    ([[1.0]], [2.0])
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(
            f"{what} is a pair (X, y) of rows and their targets, got a {type(data).__name__}"
            + (f" of {len(data)}" if isinstance(data, (tuple, list)) else "")
        )
    return data[0], data[1]


def _require_functions(caller: str, model: Any, loss: Any, accuracy: Any) -> None:
    require_kind(isinstance(model, Module), f"{caller} needs a Module as model", model)
    require_kind(callable(loss), f"{caller} needs a function as loss, such as nn.losses.mse", loss)
    require_kind(
        accuracy is None or callable(accuracy),
        f"{caller} needs a function as accuracy, such as nn.is_correct",
        accuracy,
    )


def _require_movers(optimizer: Any, schedule: Any) -> None:
    require_kind(
        has_methods(optimizer, "zero_grad", "step"),
        "fit needs an optimizer of optim, such as optim.SGD(model.parameters(), lr=0.1)",
        optimizer,
    )
    require_kind(
        schedule is None or has_methods(schedule, "step"),
        "fit needs a schedule of optim.schedules",
        schedule,
    )


def _require_limits(clip_norm: Any, clip_value: Any, stop_at_loss: Any, min_delta: Any) -> None:
    for what, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None:
            require_number(f"fit's {what}", limit)
    if stop_at_loss is not None:
        require_number("fit's stop_at_loss", stop_at_loss, least=None)
    require_number("fit's min_delta", min_delta, least=None)


def _checked_callbacks(callbacks: Any) -> list[Callable[[History], Any]]:
    what = "fit needs a list of functions as callbacks"
    require_kind(isinstance(callbacks, Iterable), what, callbacks)
    listed = list(callbacks)
    for callback in listed:
        require_kind(callable(callback), what, callback)
    return listed


def _step(schedule: Any, loss: float, passes: Passes) -> None:
    """Step a schedule, with the loss if it asks for a measure."""
    if type(schedule) not in vars(optim.schedules).values():
        passes.write_back()  # nobody knows what it looks at
    arguments = inspect.signature(schedule.step).parameters.values()
    asks = any(argument.default is argument.empty for argument in arguments)
    schedule.step(*[loss] if asks else [])


@contextmanager
def _bar(first: int, last: int, progress: bool) -> Iterator[Any]:
    epochs = range(first, last)
    if not progress:
        yield epochs
        return
    tqdm = needed("tqdm.auto", "a progress bar").tqdm
    with tqdm(epochs, initial=first, total=last, desc="training", unit="epoch") as bar:
        yield bar
