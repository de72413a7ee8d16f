"""Tracing: a function is run on stand-ins for numbers, and what it does to them is recorded.

The stand-ins are Values without a number. Whatever would need one, such as a branch, can't be
recorded: it would be decided once and for all. So it is an error that says what to write instead.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn
from weakref import ReferenceType, WeakKeyDictionary

from autograd import modes, primitives, real
from autograd.compiled.code import LEAVES, Builder, Code, name_of
from autograd.compiled.dots import numbers_in_order, with_dots
from autograd.compiled.randomness import watched
from autograd.nested import flatten
from autograd.primitives import Primitive
from autograd.sweep import topological_order
from autograd.value import Value


class TracingError(TypeError):
    """Raised when a function does what can't be compiled, naming the line and what to write."""


def refuse(what: str, instead: str) -> NoReturn:
    """Raise a TracingError that names the user's line."""
    line = modes.calling_line()
    place = f" ({line})" if line else ""
    raise TracingError(
        f"{what} would be decided once, when the function is compiled, and not by the numbers it "
        f"is called with{place}: {instead}"
    )


_BRANCH = "write autograd.where(condition, x, y), maximum, minimum or clamp"
_NUMBER = "compute with autograd's functions of Values, such as autograd.exp, not with math's"
_INDEX = "write autograd.pick(numbers, index)"
_SWEEP = "call backward of the compiled function, or take the gradient of it as a whole"


class Traced(Value):
    """A stand-in for a number that is known only when the compiled function is called."""

    __slots__ = ("place", "recorder")

    def __init__(self, recorder: "Recorder", place: int) -> None:
        super().__init__(real.nan)
        self.recorder = recorder
        self.place = place

    @property
    def data(self) -> float:
        """The number, which is not known."""
        refuse("the data of a traced value", _NUMBER)

    @data.setter
    def data(self, number: float) -> None:
        refuse("setting a traced value", "compute a new one")

    @property
    def grad(self) -> float:
        """The gradient, which is not known."""
        refuse("the gradient of a traced value", _SWEEP)

    @grad.setter
    def grad(self, number: float) -> None:
        refuse("setting the gradient of a traced value", _SWEEP)

    def zero_grad(self) -> None:
        """Refuse: there is no gradient yet."""
        refuse("zero_grad of a traced value", _SWEEP)

    def detach(self) -> Value:
        """Return the same number, through which no gradient flows."""
        return self.recorder.detached(self)

    def __lt__(self, other: Any) -> Any:
        return self._compared("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self._compared("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared("less", other, self)

    def __ge__(self, other: Any) -> Any:
        return self._compared("less_equal", other, self)

    def __eq__(self, other: Any) -> Any:
        return self._compared("equal", self, other)

    def __ne__(self, other: Any) -> Any:
        equal = self == other
        return equal if equal is NotImplemented else ~equal

    __hash__ = Value.__hash__

    def _compared(self, name: str, x: Any, y: Any) -> Any:
        if not all(isinstance(z, Value) or real.number(z) is not None for z in (x, y)):
            return NotImplemented
        places = self.recorder.place_of(x), self.recorder.place_of(y)
        return Condition(self.recorder, self.recorder.builder.emit(name, *places))

    def __bool__(self) -> bool:
        refuse("a branch on whether a traced value is 0", _BRANCH)

    def __float__(self) -> float:
        refuse("float() of a traced value", _NUMBER)

    def __int__(self) -> int:
        refuse("int() of a traced value", "write autograd.trunc(x)")

    def __index__(self) -> int:
        refuse("an index that is a traced value", _INDEX)

    def __pick__(self, numbers: Sequence[Any]) -> Value:
        """Return one of several numbers, by this as their index."""
        return self.recorder.picked(self, numbers)

    def __repr__(self) -> str:
        return f"<traced v{self.place}>"

    def __format__(self, specification: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        refuse("a copy of a traced value", "use the value itself")

    def __copy__(self) -> Value:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return self


class Condition:
    """A comparison of numbers that are known only when the compiled function is called."""

    def __init__(self, recorder: "Recorder", place: int) -> None:
        self.recorder = recorder
        self.place = place

    def __bool__(self) -> bool:
        refuse("a branch on a comparison of traced values", _BRANCH)

    def __where__(self, x: Any, y: Any) -> Traced:
        """Return x where the condition holds, else y."""
        places = self.recorder.place_of(x), self.recorder.place_of(y)
        return self.recorder.traced(self.recorder.builder.emit("select", self.place, *places))

    def __and__(self, other: Any) -> "Condition":
        return self._joined("and", other)

    __rand__ = __and__

    def __or__(self, other: Any) -> "Condition":
        return self._joined("or", other)

    __ror__ = __or__

    def __invert__(self) -> "Condition":
        return Condition(self.recorder, self.recorder.builder.emit("not", self.place))

    def _joined(self, name: str, other: Any) -> "Condition":
        known = not isinstance(other, Condition)
        place = self.recorder.builder.constant(bool(other)) if known else other.place
        return Condition(self.recorder, self.recorder.builder.emit(name, self.place, place))


def checked_name(primitive: Primitive) -> str:
    """Return the name by which a primitive of the user's is found again when the code is run.

    Raises:
        TracingError: if another primitive has that name by now.
    """
    if Primitive.registered.get(primitive.name) is not primitive:
        raise TracingError(
            f"{primitive.name} can't be part of a program: it was declared anew since, or is the "
            "call of a compiled function in a graph that was made before; give each primitive a "
            "name of its own, and call compiled functions inside the function"
        )
    return name_of(primitive)


class Recorder:
    """Turns what is done to stand-ins into code. Other Values are constants in it.

    Attributes:
        builder: the code so far.
        indices: how many numbers were picked from by which input.
        primitives: those of the user's that were met.
    """

    def __init__(self) -> None:
        self.builder = Builder()
        self.indices: dict[int, int] = {}
        self.primitives: set[Primitive] = set()
        # Of Values that are no stand-ins, as long as somebody else keeps them.
        self._places: WeakKeyDictionary[Value, int] = WeakKeyDictionary()

    def _name_of(self, primitive: Primitive) -> str:
        if primitive.is_builtin:
            return primitive.name
        self.primitives.add(primitive)
        return checked_name(primitive)

    def traced(self, place: int) -> Traced:
        """Return a stand-in for the result of an instruction."""
        return Traced(self, place)

    def record(self, primitive: Primitive, parents: Sequence[Value]) -> Traced:
        """Record an operation; without a gradient inside `no_grad`."""
        places = [self.place_of(parent) for parent in parents]
        place = self.builder.emit(self._name_of(primitive), *places)
        if not modes.current.recording:
            place = self.builder.emit("detach", place)
        return self.traced(place)

    def place_of(self, x: Any) -> int:
        """Return where the number that something stands for is in the code."""
        if not isinstance(x, Value):
            return self.builder.constant(primitives.add.to_float(x))
        if not isinstance(x, Traced):
            return self._place_of_value(x)
        if x.recorder is not self:
            raise TracingError(
                "a traced value was kept after its function had been compiled, and used again: "
                "return it from the function instead"
            )
        return x.place

    def _place_of_value(self, value: Value) -> int:
        """Return the place of a leaf, or of a Value that was made before, with all it needs."""
        for node in [value] if value.is_leaf else topological_order([value]):
            if node in self._places:
                continue
            if node.primitive is None:
                place = self._place_of_leaf(node)
            else:
                operands = [self._places[parent] for parent in node.parents]
                place = self.builder.emit(self._name_of(node.primitive), *operands)
            self._places[node] = place
        return self._places[value]

    def _place_of_leaf(self, leaf: Value) -> int:
        return self.builder.constant(_number_of(leaf))

    def picked(self, index: Traced, numbers: Sequence[Any]) -> Traced:
        """Return one of several numbers, by an input as their index."""
        name, arguments = self.builder.instructions[index.place]
        if name != "input":
            raise TracingError(
                "an index is an input of the compiled function, such as the number of a class, "
                f"not the result of {name}"
            )
        least = min(len(numbers), self.indices.get(arguments[0], len(numbers)))
        self.indices[arguments[0]] = least
        places = [self.place_of(x) for x in numbers]
        return self.traced(self.builder.emit("pick", index.place, *places))

    def detached(self, value: Value) -> Traced:
        """Return the number of a Value, through which no gradient flows."""
        return self.traced(self.builder.emit("detach", self.place_of(value)))

    def refuse_reading(self, what: str) -> NoReturn:
        """Say that a number of a Value is not to be read: it may be another one later."""
        is_number = what == "number"
        instead = f"{_BRANCH} in place of a branch, and {_NUMBER}" if is_number else _SWEEP
        refuse(f"the {what} of a Value", instead)

    def refuse_setting(self) -> NoReturn:
        """Say that a Value is not to be given another number."""
        refuse("setting a number of a Value", "compute a new Value")

    def refuse_sweep(self) -> NoReturn:
        """Say that there is no graph to sweep through."""
        refuse("a sweep inside a compiled function", _SWEEP)

    def refuse_random(self, origin: str) -> NoReturn:
        """Say that random numbers would be drawn once.

        Args:
            origin: where they come from.
        """
        raise TracingError(
            f"the function does something else each time it is run: random numbers ({origin}), "
            "such as those of a Dropout in training, would be drawn once, when it is compiled; "
            "call model.eval() before, or give the numbers to the function as inputs"
        )


class _FunctionRecorder(Recorder):
    """A recorder of a function of the user's, which notes what leaves it closes over.

    Whether a leaf is one, and may have another number at the next call, or was made by the
    function itself, such as the 2 in ``2 * x``, shows when the function has returned: then
    nobody keeps those that it has made. Until then all are numbers of the call.

    Attributes:
        leaves: those that were met, in order, as long as somebody keeps them.
        numbers: the numbers that they had.
    """

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[ReferenceType[Value]] = []
        self.numbers: list[float] = []

    def _place_of_leaf(self, leaf: Value) -> int:
        self.leaves.append(ReferenceType(leaf))
        self.numbers.append(_number_of(leaf))
        return self.builder.emit("number", len(self.leaves) - 1)


def _number_of(leaf: Value) -> float:
    """Return a leaf's number, which can't be asked for while a function is traced."""
    with modes.switched(tracing=None):
        return leaf.data


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let operations on Values be recorded as code, in this thread."""
    with modes.switched(tracing=recorder, recording=True, locating=False, detecting=False):
        yield


@dataclass
class Trace:
    """A traced function.

    Attributes:
        code: what it does; its outputs are the function's.
        parameters: the leaves it closes over that require a gradient.
        held: other leaves it closes over, whose numbers are read at each call.
        shape: the shape of its result; () for one number.
        indices: how many numbers each input that serves as an index chooses from.
        primitives: the user's own that it uses, which live as long.
    """

    code: Code
    parameters: list[Value]
    held: list[Value]
    shape: tuple[int, ...]
    indices: dict[int, int] = field(default_factory=dict)
    primitives: frozenset[Primitive] = frozenset()

    def check_primitives(self) -> None:
        """Raise TracingError if a primitive was declared anew since, and so can't be found."""
        for primitive in self.primitives:
            checked_name(primitive)


def trace(f: Callable[..., Any], arguments: Sequence[Any]) -> Trace:
    """Run a function on stand-ins for numbers, once, and return what it does.

    Whatever else than Values it uses is what it is now: floats, the time, what is in a file.

    Args:
        f: a function of numbers or nested sequences of numbers.
        arguments: examples, of which nothing counts but how they are nested.

    Raises:
        TracingError: if f does what would be decided once and for all: by a number that is known
            only when it is called, or by random numbers from a generator of Python's or NumPy's
            that everybody shares or that it can reach.
    """
    (recorder, outputs, shape), drawn = watched(f, lambda: _run(f, arguments))
    if drawn is not None:  # it may have been another thread, but not twice
        (recorder, outputs, shape), drawn = watched(f, lambda: _run(f, arguments))
    if drawn is not None:
        recorder.refuse_random(drawn)
    gc.collect(1)  # what the function has made and still holds itself, in a cycle
    leaves = [reference() for reference in recorder.leaves]
    code = _with_constants(recorder, outputs, leaves)
    traced = _without_unused(code, leaves, shape, recorder.indices)
    return replace(traced, primitives=frozenset(recorder.primitives))


def _run(
    f: Callable[..., Any], arguments: Sequence[Any]
) -> tuple[_FunctionRecorder, tuple[int, ...], tuple[int, ...]]:
    """Run a function on stand-ins; return the record, where its results are, and their shape."""
    recorder = _FunctionRecorder()
    flat, rebuild = flatten(list(arguments))
    inputs = [recorder.traced(recorder.builder.emit("input", k)) for k in range(len(flat))]
    with recording(recorder):
        result = f(*rebuild(inputs))
        shape = _shape(result)
        return recorder, tuple(recorder.place_of(x) for x in flatten(result)[0]), shape


def _with_constants(
    recorder: _FunctionRecorder, outputs: Sequence[int], leaves: Sequence[Value | None]
) -> Code:
    """Return the code that was recorded, with constants for the leaves that nobody keeps."""
    builder = Builder()
    places: list[int] = []
    depends: list[bool] = []  # whether a gradient could flow through a result
    for name, arguments in recorder.builder.instructions:
        if name == "number" and leaves[arguments[0]] is None:
            place, depending = builder.constant(recorder.numbers[arguments[0]]), False
        elif name in LEAVES:
            place, depending = builder.copy((name, arguments), places), name != "constant"
        elif name == "detach" and not depends[arguments[0]]:
            place, depending = places[arguments[0]], False
        else:
            place = builder.copy((name, arguments), places)
            depending = name != "detach" and any(depends[x] for x in arguments)
        places.append(place)
        depends.append(depending)
    code = Code(tuple(builder.instructions), tuple(places[place] for place in outputs))
    return code.without_dead_code()


def _without_unused(
    code: Code, leaves: Sequence[Value | None], shape: tuple[int, ...], indices: dict[int, int]
) -> Trace:
    """Return a trace of the leaves that the code uses: first the parameters, then the others.

    They are in the order in which operations take them, so that a row of weights lies in a row.
    """
    used = numbers_in_order(with_dots(code))
    kept = {k: leaf for k in used if (leaf := leaves[k]) is not None}
    parameters = [k for k, leaf in kept.items() if leaf.requires_grad]
    held = [k for k, leaf in kept.items() if not leaf.requires_grad]
    moved = {old: new for new, old in enumerate(parameters + held)}
    instructions = tuple(
        (name, (moved[arguments[0]],)) if name == "number" else (name, arguments)
        for name, arguments in code.instructions
    )
    return Trace(
        Code(instructions, code.outputs),
        [kept[k] for k in parameters],
        [kept[k] for k in held],
        shape,
        indices,
    )


def _shape(result: Any) -> tuple[int, ...]:
    """Return the lengths of nested lists of results, which must be even."""
    if isinstance(result, Value) or real.number(result) is not None:
        return ()
    if not isinstance(result, (list, tuple)):
        raise TracingError(
            "a compiled function returns a Value or nested lists of Values, got "
            f"{primitives.describe(result)}"
        )
    shapes = {_shape(entry) for entry in result}
    if len(shapes) > 1:
        raise TracingError("a compiled function returned rows of different lengths")
    return (len(result), *(shapes.pop() if shapes else ()))
