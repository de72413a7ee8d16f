"""Training that may be killed: all of its state in a file, from which it goes on to the same bits.

A file is JSON: a line with its format and checksum, then a line for each part of the training.
"""

import hashlib
import json
import os
import random
import re
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, Protocol

from autograd import primitives
from autograd.explanation import plain
from autograd.files import write_whole
from autograd.nested import flatten
from nn.checks import amount, has_methods, positive_count, require_kind
from nn.data import Batch
from nn.module import Module
from nn.saving import SPECIAL, LoadError, cut
from nn.summary import kind, parts
from optim import Optimizer
from optim.schedules.scheduler import Schedule

VERSION = 1
_HEAD = '{{"format": "stepgrad training", "version": {}, "sha256": "{}",\n'
_HEAD_PATTERN = re.compile(
    rb'\{"format": "stepgrad training", "version": (\d{1,9}), "sha256": "([0-9a-f]{64})",\n'
)
_LONGEST_HEAD = 200
_DICTS = {"settings", "position"}

_SECONDS, _SHARE = 1.0, 0.05
"""How long `fit` goes on between two writings, and which share of its time they may take."""


_UNFIT = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What parts raise when they are given a state that is not theirs."""


class Stateful(Protocol):
    """Whatever tells its state and takes it back."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state: numbers, texts, lists and dicts of them."""

    def load_state_dict(self, saved: Any, /) -> None:
        """Set the state as `state_dict` returned it."""


class Checkpoint:
    """A file from which a training goes on to the same bits as if it had never stopped.

    `fit` keeps one itself: give it ``checkpoint="run.json"``. This is for loops of one's own.

    Args:
        path: the file. It need not be there yet.
        settings: what tells this training from others, such as its data and the size of a batch.
            A file with other settings is refused.
        parts: all that changes, by name: modules, whose numbers and random generators are kept;
            optimizers, schedules and whatever else has `state_dict` and `load_state_dict`;
            generators of Python (or its module `random`) and NumPy; None for what is not there.

    Raises:
        TypeError: if a part has no state that can be saved.

    The file is written whole or not at all: a crash leaves the one before. Every float in it is
    exact. Nothing in it is executed. Gradients are not kept: save when they have been used.

    >>> import tempfile
    >>> from nn import Neuron
    >>> from optim import SGD
    >>> def train(path, epochs):
    ...     model = Neuron(1, activation=None, seed=0)
    ...     optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    ...     checkpoint = Checkpoint(path, model=model, optimizer=optimizer)
    ...     for epoch in range(checkpoint.load().get("epoch", 0), epochs):
    ...         optimizer.zero_grad()
    ...         ((model([2.0]) - 3.0) ** 2).backward()
    ...         optimizer.step()
    ...         checkpoint.save(epoch=epoch + 1)
    ...     return model.state_dict()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stopped = train(f"{folder}/once.json", 3)
    ...     train(f"{folder}/once.json", 8) == train(f"{folder}/again.json", 8) != stopped
    True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Mapping[str, Any] | None = None,
        /,
        **parts: Any,
    ) -> None:
        require_kind(isinstance(path, (str, os.PathLike)), "a checkpoint is a file's path", path)
        self.path = Path(path)
        self._parts = {
            name: _stateful(name, part) for name, part in parts.items() if part is not None
        }
        self._changing = {n: part for n, part in parts.items() if not isinstance(part, Module)}
        self._settings = _plain(dict(settings or {})) | _described(parts)

    def save(self, **position: Any) -> Path:
        """Write the state to the file, and return its path.

        Args:
            position: where the training stands, such as ``epoch=3``: `load` returns it.

        Raises:
            TypeError: if the state has something else than numbers, texts, lists and dicts.
            OSError: if the file can't be written; the one before is still there then.
        """
        # What training itself changes, such as a scheduled rate, does not tell it from others.
        now = self._settings | _described(self._changing)
        lasting = {name: told for name, told in self._settings.items() if now[name] == told}
        entries = {"settings": lasting, "position": position} | self._state()
        lines = [f"  {json.dumps(name)}: {_json(entry)}" for name, entry in entries.items()]
        body = ('"training": {\n' + ",\n".join(lines) + "\n}}\n").encode()
        head = _HEAD.format(VERSION, hashlib.sha256(body).hexdigest())
        return write_whole(self.path, head.encode() + body)

    def load(self) -> dict[str, Any]:
        """Set all parts as they were when the file was written.

        Returns:
            The position that was saved; an empty dict if there is no file yet.

        Raises:
            LoadError: if the file is damaged, is no checkpoint, or belongs to another training.
                All parts are unchanged then.
            OSError: if the file can't be read.
        """
        try:
            saved = _read(self.path)
            self._compare(saved["settings"])
            self._set(saved)
        except FileNotFoundError:
            return {}
        except LoadError as error:
            raise LoadError(f"{self.path.name} {error}") from None
        self._settings = saved["settings"]
        position: dict[str, Any] = _in_the_form_of({}, saved["position"])
        return position

    def _compare(self, settings: Mapping[str, Any]) -> None:
        here = self._settings | _described(self._changing)
        for name, there in settings.items():
            if here.get(name) != there:
                raise LoadError(
                    f"belongs to another training, whose {name} is {_shown(there)} and not "
                    f"{_shown(here.get(name))}: give another file, or delete it to begin anew"
                )

    def _state(self) -> dict[str, Any]:
        return {f"state of {name}": part.state_dict() for name, part in self._parts.items()}

    def _set(self, saved: Mapping[str, Any]) -> None:
        """Set all parts, or none."""
        before = self._state()
        try:
            for name, state in before.items():
                self._parts[name.removeprefix("state of ")].load_state_dict(
                    _in_the_form_of(state, saved[name])
                )
        except BaseException as error:
            for name, part in self._parts.items():
                part.load_state_dict(before[f"state of {name}"])
            if isinstance(error, _UNFIT):
                raise LoadError(f"can't be gone on from: {error}") from None
            raise


class Keeper:
    """Loads and writes the checkpoint of `fit` when it is time; does nothing if there is none.

    Args:
        path: what to load and write, or None.
        every: after how many steps to write; None for after an epoch, if a second has passed
            since the last time, and enough for writing to take a small share of the time.
        settings: what `fit` was told.
        parts: as for `Checkpoint`.
        write_back: called before writing: it gives the parts their current numbers.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        every: int | None,
        settings: Mapping[str, Any],
        parts: Mapping[str, Any],
        write_back: Callable[[], Any],
    ) -> None:
        self.every = None if every is None else positive_count("fit's checkpoint_every", every)
        self.checkpoint: Checkpoint | None = None
        if path is not None:
            told = {name: _told(setting) for name, setting in settings.items()}
            self.checkpoint = Checkpoint(path, told, **parts)
        self.write_back = write_back
        self.steps = 0
        self.due = 0.0

    def begin(self) -> None:
        """Go on from the file; if there is none, write one now, since it may fail."""
        if self.checkpoint is None:
            return
        if self.checkpoint.path.exists():
            self.checkpoint.load()
        else:
            self.write()

    def before_step(self) -> None:
        """Write if it is time: never before an epoch's first step, since `after_epoch` has then."""
        if self.every is not None and self.steps >= self.every:
            self.write()
        self.steps += 1

    def after_epoch(self) -> None:
        """Write if it is time."""
        if self.every is None:
            is_time = time.monotonic() >= self.due
        else:
            is_time = self.steps >= self.every
        if is_time:
            self.write()

    def write(self) -> None:
        """Write the file."""
        if self.checkpoint is not None:
            begun = time.monotonic()
            self.write_back()
            self.checkpoint.save()
            ended = time.monotonic()
            self.due = ended + max(_SECONDS, (ended - begun) / _SHARE)
            self.steps = 0


def _told(setting: Any) -> Any:
    """Return a setting of `fit` as numbers and texts."""
    if isinstance(setting, Random):
        return "a generator"
    if isinstance(setting, tuple):
        return _digest(setting)
    if callable(setting):
        return getattr(setting, "__qualname__", type(setting).__name__)
    return setting


def _digest(samples: Batch) -> str:
    """Tell samples from others."""
    numbers, nested = flatten(list(samples))
    content = repr(nested([float(number) for number in numbers])).encode()
    return f"{amount(len(samples[0]), 'sample')} ({hashlib.sha256(content).hexdigest()[:16]})"


# The parts --------------------------------------------------------------------------------------


class _Network:
    """A module's numbers, and the random generators of all modules inside."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.generators = list(_generators(model))

    def state_dict(self) -> dict[str, Any]:
        generators = [generator.state_dict() for generator in self.generators]
        return {"numbers": self.model.state_dict(), "generators": generators}

    def load_state_dict(self, saved: Any) -> None:
        for generator, state in zip(self.generators, saved["generators"], strict=True):
            generator.load_state_dict(state)
        self.model.load_state_dict(saved["numbers"])


class _Generator:
    """A random generator of Python, or its module `random`, whose generator all share."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.generator.getstate()}

    def load_state_dict(self, saved: Any) -> None:
        self.generator.setstate(saved["state"])


class _NumPyGenerator:
    """A random generator of NumPy."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.generator.bit_generator.state
        return state

    def load_state_dict(self, saved: Any) -> None:
        self.generator.bit_generator.state = saved


def _stateful(name: str, part: Any) -> Stateful:
    if isinstance(part, Module):
        return _Network(part)
    generator = _as_generator(part)
    if generator is not None:
        return generator
    if not has_methods(part, "state_dict", "load_state_dict"):
        raise TypeError(
            f"a checkpoint can't keep the {name}, {primitives.describe(part)}: it needs the "
            "methods state_dict and load_state_dict"
        )
    stateful: Stateful = part
    return stateful


def _as_generator(part: Any) -> Stateful | None:
    if isinstance(part, random.SystemRandom):
        raise TypeError(
            "a checkpoint can't keep a random.SystemRandom, which draws what nobody can repeat: "
            "take a random.Random"
        )
    if isinstance(part, Random) or part is random:
        return _Generator(part)
    return _NumPyGenerator(part) if hasattr(part, "bit_generator") else None


def _generators(model: Module) -> Iterator[Stateful]:
    """Find the random generators in a network, each once."""
    seen: set[int] = set()
    for _, module in model.named_modules():
        for part in flatten(vars(module))[0]:
            if id(part) not in seen and (generator := _as_generator(part)) is not None:
                seen.add(id(part))
                yield generator


def _described(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what parts are, as it is in the file."""
    told = [entry for name, part in parts.items() for entry in _description(name, part)]
    return {name: _plain(entry) for name, entry in told}


def _description(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Tell what a part is, and what it was made with: names and what they stand for."""
    if part is None:
        yield name, None
    elif isinstance(part, Module):
        yield name, type(part).__name__
        yield from ((f"{name}.{inner.name}", kind(inner.module)) for inner in parts(part))
    elif isinstance(part, Optimizer):
        yield name, type(part).__name__
        for number, group in enumerate(part.state_dict()["param_groups"]):
            counted = group | {"params": len(group["params"])}
            yield from _entries(f"{name}.{number}", counted)
    elif isinstance(part, Schedule):
        yield name, type(part).__name__
        yield from _entries(name, part.state_dict())


def _entries(name: str, state: Any) -> Iterator[tuple[str, Any]]:
    """Go through a state that may have others inside."""
    if isinstance(state, dict):
        for key, entry in state.items():
            yield from _entries(f"{name}.{key}", entry)
    elif isinstance(state, list) and any(isinstance(entry, dict) for entry in state):
        yield from _entries(name, dict(enumerate(state)))
    else:
        yield name, state


# Reading and writing ----------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    """Return what is in a file, if it is as it was written."""
    with path.open("rb") as file:
        head = _HEAD_PATTERN.fullmatch(file.readline(_LONGEST_HEAD))
        if head is None:
            raise LoadError(
                "is not a checkpoint: give another file (an existing one is not overwritten)"
            )
        if int(head[1]) != VERSION:
            raise LoadError(f"is of version {int(head[1])}: this stepgrad reads {VERSION}")
        body = file.read()
    if hashlib.sha256(body).hexdigest() != head[2].decode():
        raise LoadError("is damaged: delete it to begin anew")
    try:
        saved: dict[str, Any] = json.loads(b"{" + body)["training"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise LoadError("does not hold a training") from None
    if not isinstance(saved, dict) or not _DICTS.issubset(saved):
        raise LoadError("does not hold a training")
    return saved


def _json(entry: Any) -> str:
    return json.dumps(_plain(entry), allow_nan=False)


def _plain(entry: Any) -> Any:
    """Return a state as JSON has it: nan and infinities as texts, tuples and arrays as lists."""
    if isinstance(entry, float):
        return plain(float(entry))
    if entry is None or isinstance(entry, (bool, int, str)):
        return entry
    if isinstance(entry, dict) and all(isinstance(name, str) for name in entry):
        return {name: _plain(inner) for name, inner in entry.items()}
    if isinstance(entry, (list, tuple, array)):
        return [_plain(inner) for inner in entry]
    if hasattr(entry, "tolist"):  # of NumPy
        return _plain(entry.tolist())
    raise TypeError(
        "a checkpoint holds numbers, texts, lists and dicts by name, got "
        f"{primitives.describe(entry)}"
    )


def _in_the_form_of(state: Any, saved: Any) -> Any:
    """Return what `_plain` made of such a state as it was."""
    if isinstance(saved, str) and not isinstance(state, str):
        return SPECIAL.get(saved, saved)
    if isinstance(saved, dict) and isinstance(state, dict):
        return {name: _in_the_form_of(state.get(name), entry) for name, entry in saved.items()}
    if isinstance(saved, list):
        forms = state if isinstance(state, (list, tuple)) else []
        entries = [
            _in_the_form_of(form, entry) for form, entry in zip_longest(forms[: len(saved)], saved)
        ]
        return tuple(entries) if isinstance(state, tuple) else entries
    return saved


def _shown(setting: Any) -> str:
    if setting is None:
        return "nothing"
    return cut(setting if isinstance(setting, str) else json.dumps(setting))
