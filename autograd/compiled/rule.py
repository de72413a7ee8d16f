"""An optimizer's elementwise rule, compiled: the parameters are its samples."""

from collections.abc import Callable
from typing import Any

from autograd.compiled.code import EACH, Code
from autograd.compiled.kernels import Kernel, make_kernel
from autograd.compiled.trace import Recorder, Traced, recording
from autograd.nested import flatten

State = dict[str, Any]


class Option(Traced):
    """An option of a rule that isn't 0: of its number, a rule may ask no more than that."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


class CompiledRule:
    """A rule as code, for options of which the same are 0, and for memory of the same kind.

    Args:
        update: the rule: ``update(x, gradient, state, **options)``.
        state: an example of what it remembers: arrays, and numbers that all parameters share.
        options: an example of its options.
        backend: as for `compile`.

    Raises:
        TypeError: if the rule can't be traced.
        NotImplementedError: if the backend doesn't know an operation.
    """

    def __init__(
        self, update: Callable[..., Any], state: State, options: dict[str, Any], backend: str
    ) -> None:
        self.key = key_of(state, options)
        self.kinds = {name: type(entry) for name, entry in state.items()}
        self.arrays = [name for name, entry in state.items() if hasattr(entry, "shape")]
        self.shared = [name for name, entry in state.items() if not hasattr(entry, "shape")]
        self.counts = [name for name, entry in state.items() if isinstance(entry, int)]
        recorder = Recorder()
        builder = recorder.builder
        places = [builder.emit("input", k) for k in range(2 + len(self.arrays))]
        x, gradient, *entries = [recorder.traced(place) for place in places]
        count = len(numbers_of(options))
        numbers = [Option(recorder, builder.emit("number", k)) for k in range(count)]
        symbolic = _with_numbers(options, iter(numbers))
        remembered: State = dict(zip(self.arrays, entries, strict=True))
        for k, name in enumerate(self.shared):
            remembered[name] = Option(recorder, builder.emit("number", count + k))
        with recording(recorder):
            moved, after = update(x, gradient, {n: remembered[n] for n in state}, **symbolic)
            results = {name: recorder.place_of(entry) for name, entry in after.items()}
            output = recorder.place_of(moved)
        fresh = {name: entry for name, entry in after.items() if isinstance(entry, int)}
        rates = builder.rates
        self.fresh = fresh
        self.varying = [n for n in results if rates[results[n]] == EACH]
        self.common = [n for n in results if n not in self.varying and n not in fresh]
        self.order = list(results)
        code = Code(
            tuple(builder.instructions),
            (output, *(results[name] for name in self.varying)),
            tuple(results[name] for name in self.common),
        )
        self.kernel: Kernel = make_kernel(
            code.without_dead_code(), [1] * (2 + len(self.arrays)), backend
        )

    def key_for(self, options: dict[str, Any]) -> tuple[Any, ...]:
        """Return what a rule would depend on with other options and the same kind of memory."""
        return (*self.kinds.items(), *_fixed(options))

    @property
    def is_steady(self) -> bool:
        """Whether what it remembers after a step is of the same kind as before."""
        return self.varying == self.arrays and self.common == self.shared and not self.fresh

    def __call__(
        self, numpy: Any, x: Any, gradient: Any, state: State, options: dict[str, Any]
    ) -> tuple[Any, State]:
        """Return the parameters and the memory after a step, as the rule itself does."""
        tables = [x, gradient, *(state[name] for name in self.arrays)]
        numbers = numpy.array(numbers_of(options) + [float(state[n]) for n in self.shared])
        outputs, totals = self.kernel(tables, numbers)
        after: State = dict(self.fresh)
        for k, name in enumerate(self.varying):
            after[name] = numpy.ascontiguousarray(outputs[:, 1 + k])
        for name, total in zip(self.common, totals.tolist(), strict=True):
            after[name] = round(total) if name in self.counts else total
        moved = numpy.ascontiguousarray(outputs[:, 0])
        return moved, {name: after[name] for name in self.order}


_NUMBER = object()
"""Stands for any number; it equals no option, as None would."""


def can_change_within(options: dict[str, Any]) -> bool:
    """Return whether an option may become another one unseen, as the entries of a list do.

    >>> can_change_within({"betas": (0.9, 0.99)}), can_change_within({"betas": [0.9, 0.99]})
    (False, True)
    """
    try:
        hash(tuple(options.values()))
    except TypeError:
        return True
    return False


def key_of(state: State, options: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a compiled rule depends on: which options are 0, and what is remembered."""
    kinds = [(name, type(entry)) for name, entry in state.items()]
    return (*kinds, *_fixed(options))


def _fixed(options: dict[str, Any]) -> list[Any]:
    return [x if _is_fixed(x) else _NUMBER for x in _flat(options)]


def _flat(options: dict[str, Any]) -> list[Any]:
    return flatten(list(options.values()))[0]


def _is_fixed(x: Any) -> bool:
    """Return whether an option is part of the code: a switch, or 0."""
    return isinstance(x, bool) or not isinstance(x, (int, float)) or x == 0


def numbers_of(options: dict[str, Any]) -> list[float]:
    """Return the options that are numbers which a compiled rule is given at each step.

    >>> numbers_of({"lr": 0.1, "betas": (0.9, 0.99), "weight_decay": 0.0, "maximize": False})
    [0.1, 0.9, 0.99]
    """
    return [float(x) for x in _flat(options) if not _is_fixed(x)]


def settings_of(options: dict[str, Any]) -> dict[str, int]:
    """Return the places of options among the numbers, if they are one number each.

    >>> settings_of({"betas": (0.9, 0.99), "lr": 0.1, "weight_decay": 0.0, "maximize": False})
    {'lr': 2}
    """
    places, count = {}, 0
    for name, option in options.items():
        numbers = numbers_of({name: option})
        if numbers and isinstance(option, (int, float)):
            places[name] = count
        count += len(numbers)
    return places


def _with_numbers(options: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """Return options with stand-ins in the place of their numbers."""
    entries, rebuild = flatten(list(options.values()))
    replaced = rebuild([x if _is_fixed(x) else next(numbers) for x in entries])
    return dict(zip(options, replaced, strict=True))


def compiled_rule(
    update: Callable[..., Any], state: State, options: dict[str, Any], backend: str
) -> CompiledRule | None:
    """Return a rule compiled, or None if it can't be."""
    try:
        return CompiledRule(update, state, options, backend)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError):
        return None
