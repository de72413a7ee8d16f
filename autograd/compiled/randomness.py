"""Random numbers: those that a function draws while it is traced would never be drawn again.

Modules of `nn` say themselves that they are about to draw. For all other random numbers the
generators are watched, those that everybody shares and those that the function can reach: one
that has moved on while the function ran was drawn from. (Or another thread drew from it at the
same moment, which will not happen again when the function is run once more.)
"""

import importlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

from autograd.value import Value

Result = TypeVar("Result")

_MOST = 20_000  # how many things are looked through for generators
_FEW = 1_000  # how many of the entries of one list
_WITHOUT_PARTS = {Value, float, int, bool, str, bytes, type(None), ModuleType, type}


def watched(f: Callable[..., Any], run: Callable[[], Result]) -> tuple[Result, str | None]:
    """Run something, and return its result and the name of a random generator that it used.

    Args:
        f: what is run in the end: it is looked through for generators.
        run: what to call.
    """
    generators = list(_generators(f))
    # Those that everybody shares come first: they are read right before and after the function, so
    # that other threads have little time to draw from them, as that of a cluster's client does.
    before = [read() for _, read in reversed(generators)]
    result = run()
    for (name, read), state in zip(generators, reversed(before), strict=True):
        if read() != state:
            return result, name
    return result, None


def _generators(f: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Go through generators: what to call them, and a function that reads their state."""
    yield "Python's random", random.getstate
    # NumPy loads its random numbers at their first use: that might be the function's.
    numpy = importlib.import_module("numpy.random") if "numpy" in sys.modules else None
    if numpy is not None:
        yield "numpy.random", partial(_state_of_old_generator, numpy)
    for thing in _reachable(f):
        if isinstance(thing, random.Random) and not isinstance(thing, random.SystemRandom):
            yield "a random.Random", thing.getstate
        elif numpy is not None and isinstance(thing, numpy.Generator):
            yield "a numpy.random.Generator", partial(_state_of_generator, thing)
        elif numpy is not None and isinstance(thing, numpy.RandomState):
            yield "a numpy.random.RandomState", partial(_state_of_old_generator, thing)


def _state_of_generator(generator: Any) -> str:
    return repr(generator.bit_generator.state)


def _state_of_old_generator(generator: Any) -> Any:
    name, keys, *rest = generator.get_state()
    return name, keys.tobytes(), rest


def _reachable(f: Callable[..., Any]) -> Iterator[Any]:
    """Go through what a function closes over and names, and through the parts of that."""
    things: list[Any] = [f]
    seen: set[int] = set()
    for thing in things:  # which grows
        if len(seen) == _MOST:
            return
        if id(thing) not in seen:
            seen.add(id(thing))
            yield thing
            things += [part for part in _parts(thing) if type(part) not in _WITHOUT_PARTS]


def _parts(thing: Any) -> Iterable[Any]:
    if isinstance(thing, FunctionType):
        return _parts_of_function(thing)
    if isinstance(thing, MethodType):
        return (thing.__self__, thing.__func__)
    if isinstance(thing, partial):
        return (thing.func, *thing.args, *thing.keywords.values())
    if isinstance(thing, dict):
        return list(islice(thing.values(), _FEW))
    if isinstance(thing, (list, tuple, set, frozenset)):
        return list(islice(thing, _FEW))
    if isinstance(thing, type):
        return ()
    methods = [x for kind in type(thing).__mro__ for x in vars(kind).values()]
    own = getattr(thing, "__dict__", None)  # anything at all, where a class makes its attributes up
    parts = own.values() if isinstance(own, dict) else ()
    return [*parts, *filter(_is_function, methods)]


def _is_function(thing: Any) -> bool:
    return isinstance(thing, FunctionType)


def _parts_of_function(f: FunctionType) -> Iterator[Any]:
    yield from f.__defaults__ or ()
    yield from (f.__kwdefaults__ or {}).values()
    yield from vars(f).values()
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that has no value yet
            continue
    names = set(_names(f.__code__))
    for name in names & f.__globals__.keys():
        thing = f.__globals__[name]
        yield thing
        if isinstance(thing, ModuleType):
            yield from (vars(thing)[own] for own in names & vars(thing).keys())


def _names(code: Any) -> Iterator[str]:
    """Go through the names that code looks up, also in functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names(constant)
