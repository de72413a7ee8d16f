"""Tracing: a function is run on stand-ins for numbers, and what it does to them is recorded.

The stand-ins are Values without a number. Whatever would need one, such as a branch, can't be
recorded: it would be decided once and for all. So it is an error that says what to write instead.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from autograd import modes, primitives, real
from autograd.compiled.code import Builder, Code, name_of
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
        return self.recorder.traced(self.recorder.builder.emit("detach", self.place))

    def __lt__(self, other: Any) -> Any:
        return self._compared("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self._compared("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared("less", other, self)

    def __ge__(self, other: Any) -> Any:
        return self._compared("less_equal", other, self)

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


class Recorder:
    """Turns what is done to stand-ins into code.

    Args:
        numbers: the leaves whose numbers belong to the call, in order.

    Attributes:
        builder: the code so far.
        leaves: all leaves that were met besides, in order.
        indices: how many numbers were picked from by which input.
    """

    def __init__(self, numbers: Sequence[Value] = ()) -> None:
        self.builder = Builder()
        self.leaves: dict[Value, None] = {}
        self.indices: dict[int, int] = {}
        self._numbers = {leaf: place for place, leaf in enumerate(numbers)}
        self._places: dict[Value, int] = {}  # of Values that were made before
        self._depends: list[bool] = []

    def traced(self, place: int) -> Traced:
        """Return a stand-in for the result of an instruction."""
        return Traced(self, place)

    def record(self, primitive: Primitive, parents: Sequence[Value]) -> Traced:
        """Record an operation; without a gradient inside `no_grad`."""
        places = [self.place_of(parent) for parent in parents]
        place = self.builder.emit(name_of(primitive), *places)
        if not modes.current.recording and self._is_dependent(place):
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
        for node in topological_order([value]):
            if node in self._places:
                continue
            if node.primitive is None:
                place = self._place_of_leaf(node)
            else:
                operands = [self._places[parent] for parent in node.parents]
                place = self.builder.emit(name_of(node.primitive), *operands)
            self._places[node] = place
        return self._places[value]

    def _place_of_leaf(self, leaf: Value) -> int:
        number = self._numbers.get(leaf)
        if number is not None:
            return self.builder.emit("number", number)
        self.leaves[leaf] = None
        with modes.switched(tracing=None):
            return self.builder.constant(leaf.data)

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

    def refuse_reading(self) -> NoReturn:
        """Say that the number of a Value is not to be read: it may be another one later."""
        refuse("the number of a Value", f"{_BRANCH} in place of a branch, and {_NUMBER}")

    def refuse_sweep(self) -> NoReturn:
        """Say that there is no graph to sweep through."""
        refuse("a sweep inside a compiled function", _SWEEP)

    def _is_dependent(self, place: int) -> bool:
        """Return whether a gradient could flow through the result of an instruction."""
        depends = self._depends
        for name, arguments in self.builder.instructions[len(depends) :]:
            if name in ("input", "number"):
                depends.append(True)
            elif name in ("constant", "detach"):
                depends.append(False)
            else:
                depends.append(any(depends[x] for x in arguments))
        return depends[place]


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
    """

    code: Code
    parameters: list[Value]
    held: list[Value]
    shape: tuple[int, ...]
    indices: dict[int, int] = field(default_factory=dict)


def trace(f: Callable[..., Any], arguments: Sequence[Any]) -> Trace:
    """Run a function on stand-ins for numbers and return what it does.

    It is run three times: to see which Values it closes over, to record it, and to see that it
    does the same again.

    Args:
        f: a function of numbers or nested sequences of numbers.
        arguments: examples, of which nothing counts but how they are nested.

    Raises:
        TracingError: if f does what would be decided once and for all by a number.
    """
    leaves = list(_run(f, arguments, [])[1].leaves)
    numbers = sorted(leaves, key=lambda leaf: not leaf.requires_grad)
    traced, recorder = _run(f, arguments, numbers)
    if _run(f, arguments, numbers)[0].code != traced.code:
        raise TracingError(
            "the function does something else each time it is run: random numbers, such as those "
            "of a Dropout in training, would be drawn once, when it is compiled; call model.eval() "
            "before, or give the numbers to the function as inputs"
        )
    return _without_unused(traced, numbers, recorder)


def _run(
    f: Callable[..., Any], arguments: Sequence[Any], numbers: Sequence[Value]
) -> tuple[Trace, Recorder]:
    """Run a function on stand-ins once, and return what it did and how that was recorded."""
    recorder = Recorder(numbers)
    flat, rebuild = flatten(list(arguments))
    inputs = [recorder.traced(recorder.builder.emit("input", k)) for k in range(len(flat))]
    with recording(recorder):
        result = f(*rebuild(inputs))
        entries, _ = flatten(result)
        shape = _shape(result)
        outputs = tuple(recorder.place_of(x) for x in entries)
    code = Code(tuple(recorder.builder.instructions), outputs)
    return Trace(code, [], [], shape, recorder.indices), recorder


def _without_unused(traced: Trace, numbers: Sequence[Value], recorder: Recorder) -> Trace:
    """Return a trace whose numbers are the parameters, and the constants that were met again.

    Other constants were made by the function itself, and are in the code.
    """
    code = traced.code.without_dead_code()
    used = {x for name, (x, *_) in code.instructions if name == "number"}
    kept = sorted(used)
    moved = {old: new for new, old in enumerate(kept)}
    instructions = tuple(
        (name, (moved[arguments[0]],)) if name == "number" else (name, arguments)
        for name, arguments in code.instructions
    )
    leaves = [numbers[place] for place in kept]
    return Trace(
        Code(instructions, code.outputs),
        [leaf for leaf in leaves if leaf.requires_grad],
        [leaf for leaf in leaves if not leaf.requires_grad],
        traced.shape,
        recorder.indices,
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
