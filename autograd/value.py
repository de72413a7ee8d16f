"""A number that remembers how it was made.

Arithmetic on Values gives Values. Each result keeps its parents (the Values it was made from)
and its local derivatives with respect to them. That record is all that backpropagation needs:
`backward` walks it from the result to the inputs and applies the chain rule once per edge.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd import copying, modes, primitives, real, sweep
from autograd.modes import current, special
from autograd.primitives import Primitive, add, divide, multiply, subtract

if TYPE_CHECKING:
    import cython  # seen by Cython alone

    from autograd.drawing import Picture, Stepper
    from autograd.drawing.stepper.widget import StepperWidget
else:
    from autograd import uncompiled as cython


class Notes(NamedTuple):
    """What a person may want to know of a Value; most have none."""

    label: str = ""
    made_at: str | None = None
    made_by: Any = None


NO_NOTES = Notes()


@cython.no_gc
@cython.freelist(8000)
@cython.cclass
class Value:
    """A real number that remembers how it was made, and can say how it depends on its inputs.

    Args:
        data: the number.
        label: a name for messages and pictures.
        requires_grad: whether gradients with respect to it are wanted (as in PyTorch).

    Attributes:
        primitive: the operation that made it; None for a leaf.
        requires_grad: whether gradients with respect to it are wanted.

    Raises:
        TypeError: if data is not a real number, or label not a text.

    Graphs have no cycles, so the compiled form keeps its nodes out of the garbage collector's
    sight: if a subclass's attribute holds what was computed from its own object, let go of it.

    >>> x = Value(2.0, label="x")
    >>> w = Value(-3.0, label="w")
    >>> y = x * w + x
    >>> y.backward()
    >>> y.data, x.grad, w.grad  # dy/dx = w + 1, dy/dw = x
    (-4.0, -2.0, 2.0)
    """

    # Almost all operations have one or two inputs. Keeping these in the node itself, and not in
    # tuples, makes a node a single object for Python's garbage collector to look after.
    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_height",
        "_left",
        "_many",
        "_notes",
        "_right",
        "_slope_left",
        "_slope_right",
        "_visit",
        "primitive",
        "requires_grad",
    )

    # NumPy leaves arithmetic with us to us, so that np.float64(2.0) * x is a Value.
    __array_ufunc__ = None

    def __init__(self, data: float, label: str = "", requires_grad: bool = True) -> None:
        self._data = _to_float(data, "data")
        self._grad = 0.0
        self._notes: Notes | None = None
        if label != "":
            self.label = label
        self.requires_grad = bool(requires_grad)
        self.primitive: Primitive | None = None
        self._left: Value | None = None
        self._right: Value | None = None
        self._slope_left = self._slope_right = 0.0
        self._many: tuple[tuple[Value, ...], tuple[float, ...]] | None = None
        self._visit = 0  # the number of the last sweep that came here
        if cython.compiled:
            self._height = 0  # how many operations lead up to this one, along the longest way

    def __dealloc__(self) -> None:  # called in the compiled form alone
        if self._height > 200:
            _release(self)

    @property
    def data(self) -> float:
        """The number itself."""
        if special.threads:
            _check_reading()
        return self._data

    @data.setter
    def data(self, number: float) -> None:
        if special.threads:
            _check_setting()
        self._data = _to_float(number, "data")

    @property
    def grad(self) -> float:
        """The derivative of what was swept with respect to this; 0.0 at first."""
        if special.threads:
            _check_reading("gradient")
        return self._grad

    @grad.setter
    def grad(self, number: float) -> None:
        if special.threads:
            _check_setting()
        self._grad = _to_float(number, "grad")

    @property
    def label(self) -> str:
        """A name for messages and pictures."""
        return (self._notes or NO_NOTES).label

    @label.setter
    def label(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a Value's label is a text, got {primitives.describe(text)}")
        self._note(label=text)

    @property
    def made_at(self) -> str | None:
        """The line that made it, if it was made inside `detect_anomaly`; else None."""
        return (self._notes or NO_NOTES).made_at

    @made_at.setter
    def made_at(self, line: str | None) -> None:
        self._note(made_at=line)

    @property
    def made_by(self) -> Any:
        """The group of operations, such as a module's call, whose result it is; or None."""
        return (self._notes or NO_NOTES).made_by

    @made_by.setter
    def made_by(self, group: Any) -> None:
        self._note(made_by=group)

    def _note(self, **note: Any) -> None:
        notes = (self._notes or NO_NOTES)._replace(**note)
        self._notes = None if notes == NO_NOTES else notes

    @property
    def parents(self) -> "tuple[Value, ...]":
        """The Values this was made from, in order; ``x * x`` has x twice."""
        if self._many is not None:
            return self._many[0]
        if self._left is None:
            return ()
        return (self._left,) if self._right is None else (self._left, self._right)

    @property
    def partials(self) -> tuple[float, ...]:
        """The derivatives of this value with respect to each parent; 0.0 for constants."""
        if special.threads:
            _check_reading("partials")
        if self._many is not None:
            return self._many[1]
        if self._left is None:
            return ()
        if self._right is None:
            return (self._slope_left,)
        return (self._slope_left, self._slope_right)

    @partials.setter
    def partials(self, slopes: tuple[float, ...]) -> None:
        numbers = tuple([_to_float(slope, "partial") for slope in slopes])
        if len(numbers) != len(self.parents):
            raise ValueError(
                f"a Value has as many partials as parents, {len(self.parents)}, got {len(numbers)}"
            )
        link(self, self.parents, numbers)

    @property
    def op(self) -> str:
        """The symbol of the operation that made this, such as ``*``; empty for a leaf."""
        return "" if self.primitive is None else self.primitive.symbol

    @property
    def is_leaf(self) -> bool:
        """Whether this was not made from other Values."""
        return self.primitive is None

    # Backpropagation --------------------------------------------------------------------------

    def backward(self, seed: float = 1.0) -> None:
        """Add the derivative of this value with respect to each leaf to the leaf's grad.

        Gradients between are set anew by each sweep, those of leaves accumulate, as in PyTorch.

        Args:
            seed: the gradient of this value itself.

        Raises:
            RuntimeError: if nothing this was made from requires a gradient.

        >>> x = Value(2.0)
        >>> y = x**3
        >>> y.backward()
        >>> y.backward()
        >>> x.grad
        24.0
        """
        sweep.backward(self, seed)

    def steps(self) -> "sweep.Sweep":
        """Return the backward sweep as a sequence of steps, without changing any gradient.

        >>> x = Value(2.0, label="x")
        >>> for step in (x * x).steps():
        ...     print(step.node.op, [edge.contribution for edge in step.edges])
        * [2.0, 2.0]
        """
        return sweep.Sweep(self)

    def zero_grad(self) -> None:
        """Set the gradient of this value to 0."""
        self.grad = 0.0

    def detach(self) -> "Value":
        """Return the same number as a constant, cut off from the graph."""
        if special.threads and current.tracing is not None:
            constant: Value = current.tracing.detached(self)
            return constant
        return Value(self._data, self.label, requires_grad=False)

    def draw(self, **options: Any) -> "Picture":
        """Return a picture of the graph that made this: see `autograd.draw`."""
        from autograd.drawing import draw

        return draw(self, **options)

    def stepper(self, **options: Any) -> "Stepper | StepperWidget":
        """Return a walk through both passes, node by node: see `autograd.stepper`."""
        from autograd.drawing import stepper

        walk: Stepper | StepperWidget = stepper(self, **options)
        return walk

    # Arithmetic: each operator is a primitive, recorded. Graphs consist mostly of + - * / between
    # Values, relu and constant powers: for these the table's entries are written out, which saves
    # most of the time.

    @cython.locals(right="Value")
    def __add__(self, other: Any) -> Any:
        if type(other) is Value:
            right = other
            return _result(self._data + right._data, add, self, right, 1.0, 1.0)
        if type(other) in (float, int):
            return self + _number(other)
        return record_operator(add, self, other)

    def __radd__(self, other: Any) -> Any:
        if type(other) in (float, int):
            return _number(other) + self
        return record_operator(add, other, self)

    @cython.locals(right="Value")
    def __sub__(self, other: Any) -> Any:
        if type(other) is Value:
            right = other
            return _result(self._data - right._data, subtract, self, right, 1.0, -1.0)
        if type(other) in (float, int):
            return self - _number(other)
        return record_operator(subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        if type(other) in (float, int):
            return _number(other) - self
        return record_operator(subtract, other, self)

    @cython.locals(right="Value")
    def __mul__(self, other: Any) -> Any:
        if type(other) is Value:
            right = other
            x, y = self._data, right._data
            return _result(x * y, multiply, self, right, y, x)
        if type(other) in (float, int):
            return self * _number(other)
        return record_operator(multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        if type(other) in (float, int):
            return _number(other) * self
        return record_operator(multiply, other, self)

    @cython.locals(right="Value")
    def __truediv__(self, other: Any) -> Any:
        if type(other) is Value and other._data != 0.0:
            right = other
            y = right._data
            data = self._data / y
            return _result(data, divide, self, right, 1.0 / y, -data / y)
        if type(other) in (float, int):
            return self / _number(other)
        return record_operator(divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        if type(other) in (float, int):
            return _number(other) / self
        return record_operator(divide, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return record_operator(primitives.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return record_operator(primitives.floor_divide, other, self)

    def __mod__(self, other: Any) -> Any:
        return record_operator(primitives.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return record_operator(primitives.remainder, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, other: Any) -> Any:
        if type(other) is float or (type(other) is int and -1000 < other < 1000):
            return _power(self, other)
        return record_operator(primitives.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return record_operator(primitives.power, other, self)

    def __neg__(self) -> "Value":
        return record(primitives.negative, (self,))

    def __pos__(self) -> "Value":
        return record(primitives.positive, (self,))

    def __abs__(self) -> "Value":
        return record(primitives.absolute, (self,))

    def __round__(self, digits: int = 0) -> "Value":
        if digits == 0:
            return record(primitives.round, (self,))
        rounded: Value = round(self * 10.0**digits) / 10.0**digits
        return rounded

    def __floor__(self) -> "Value":
        return record(primitives.floor, (self,))

    def __ceil__(self) -> "Value":
        return record(primitives.ceil, (self,))

    def __trunc__(self) -> "Value":
        return record(primitives.trunc, (self,))

    # The common functions, as methods: every function of `autograd` takes Values too ----------

    def exp(self) -> "Value":
        """e to the power of this."""
        return record(primitives.exp, (self,))

    def log(self) -> "Value":
        """The natural logarithm of this."""
        return record(primitives.log, (self,))

    def sqrt(self) -> "Value":
        """The square root of this."""
        return record(primitives.sqrt, (self,))

    def sin(self) -> "Value":
        """The sine of this angle in radians."""
        return record(primitives.sin, (self,))

    def cos(self) -> "Value":
        """The cosine of this angle in radians."""
        return record(primitives.cos, (self,))

    def tan(self) -> "Value":
        """The tangent of this angle in radians."""
        return record(primitives.tan, (self,))

    def tanh(self) -> "Value":
        """The hyperbolic tangent of this."""
        return record(primitives.tanh, (self,))

    def sigmoid(self) -> "Value":
        """1 / (1 + exp(-x)) of this."""
        return record(primitives.sigmoid, (self,))

    def softplus(self) -> "Value":
        """log(1 + exp(x)) of this."""
        return record(primitives.softplus, (self,))

    def relu(self) -> "Value":
        """This where it is positive, else 0."""
        if self._data > 0.0:
            return _result(self._data, primitives.relu, self, None, 1.0, 0.0)
        if self._data <= 0.0:
            return _result(0.0, primitives.relu, self, None, 0.0, 0.0)
        return record(primitives.relu, (self,))

    # Comparison is of the numbers; == and hash are of the object, so that Values can be keys --

    def __hash__(self) -> int:
        return id(self) >> 4  # as Python does it; the lowest digits are always 0

    def __lt__(self, other: Any) -> bool:
        number = _comparable(other)
        return NotImplemented if number is None else self._data < number

    def __le__(self, other: Any) -> bool:
        number = _comparable(other)
        return NotImplemented if number is None else self._data <= number

    def __gt__(self, other: Any) -> bool:
        number = _comparable(other)
        return NotImplemented if number is None else self._data > number

    def __ge__(self, other: Any) -> bool:
        number = _comparable(other)
        return NotImplemented if number is None else self._data >= number

    # Conversion and display -------------------------------------------------------------------

    def __bool__(self) -> bool:
        if special.threads:
            _check_reading()
        return self._data != 0.0

    def __float__(self) -> float:
        if special.threads:
            _check_reading()
        if current.symbolic:
            raise TypeError(
                "a primitive's partials turned a Value into a float, which loses its higher "
                "derivatives: write them with autograd's functions, not with math's"
            )
        return self._data

    def __int__(self) -> int:
        return int(float(self))

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        made_by = f", op={self.op!r}" if self.parents else ""
        return f"Value({self._data!r}, grad={self._grad!r}{label}{made_by})"

    def __format__(self, specification: str) -> str:
        return format(self._data, specification) if specification else repr(self)

    # Copies keep the whole graph, however deep ------------------------------------------------

    def __copy__(self) -> "Value":
        if special.threads:
            _check_reading()
        return copying.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Value":
        if special.threads:
            _check_reading()
        return copying.deepcopy(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if special.threads:
            _check_reading()
        return copying.reduce(self)

    def __primitive__(self, primitive: Primitive, inputs: tuple[Any, ...]) -> "Value":
        """Record a primitive that was called with this among its inputs."""
        return record(
            primitive,
            tuple(
                [x if isinstance(x, Value) else _constant(primitive.to_float(x)) for x in inputs]
            ),
        )

    @staticmethod
    def __dot__(xs: list[Any], ys: list[Any]) -> Any:
        """Record the dot product of two lists of Values; NotImplemented for anything else."""
        return _linked_dot(xs, ys)


if not cython.compiled:  # Python's own is the same, without a call
    Value.__hash__ = object.__hash__  # type: ignore[method-assign]


def record(primitive: Primitive, parents: tuple[Value, ...]) -> Value:
    """Apply a primitive and remember its inputs and its local derivatives at them."""
    if special.threads or not primitive.is_builtin:
        return _record(primitive, parents)
    if len(parents) == 1:
        left = parents[0]
        data = primitive.value(left._data)
        (slope,) = primitive.partials(data, left._data)
        return _result(data, primitive, left, None, slope, 0.0)
    if len(parents) == 2:
        left, right = parents
        data = primitive.value(left._data, right._data)
        slope_left, slope_right = primitive.partials(data, left._data, right._data)
        return _result(data, primitive, left, right, slope_left, slope_right)
    numbers = [parent._data for parent in parents]
    data = primitive.value(*numbers)
    return _linked(data, primitive, parents, primitive.partials(data, *numbers))


def _linked_dot(xs: list[Any], ys: list[Any]) -> Any:
    """Do the same for the dot product of two lists of Values: the table's entry, written out.

    What asks for more care is left to the table: NotImplemented.
    """
    count = len(xs)
    if special.threads or count < 2:
        return NotImplemented
    total, height, tracked = 0.0, 0, 0
    for place in range(count):
        if type(xs[place]) is not Value or type(ys[place]) is not Value:
            return NotImplemented
        left, right = xs[place], ys[place]
        total += left._data * right._data
        if cython.compiled:
            height = max(height, left._height, right._height)
        tracked += left.requires_grad + right.requires_grad
    node = _constant(total)
    if tracked:
        slopes = [value._data for value in ys] + [value._data for value in xs]
        parents = tuple(xs + ys)
        if tracked < 2 * count:
            slopes = [x if y.requires_grad else 0.0 for x, y in zip(slopes, parents, strict=True)]
        node.requires_grad = True
        node.primitive = primitives.dot_of
        if cython.compiled:
            node._height = 1 + height
        node._many = (parents, tuple(slopes))
    return node


def _record(primitive: Primitive, parents: tuple[Value, ...]) -> Value:
    """Do the same for any primitive and in any mode."""
    if current.tracing is not None:
        traced: Value = current.tracing.record(primitive, parents)
        return traced
    numbers = [parent._data for parent in parents]
    # A built-in primitive's functions are called without more ado.
    data = primitive.value(*numbers) if primitive.is_builtin else primitive.evaluate(*numbers)
    if not (current.recording and any(parent.requires_grad for parent in parents)):
        if current.detecting:
            modes.check_constant(primitive, parents, data)
        return _constant(data)
    rule = primitive.partials if primitive.is_builtin else primitive.float_derivatives
    result = _linked(data, primitive, parents, rule(data, *numbers))
    if current.locating:
        result.made_at = modes.calling_line()
    if current.detecting:
        modes.check_value(result)
    return result


def recompute(node: Value) -> None:
    """Compute a result's number and local derivatives anew, from its parents' numbers."""
    if node.primitive is not None:
        with modes.switched(recording=True):
            fresh = record(node.primitive, node.parents)
        node._data, node.partials = fresh._data, fresh.partials


def record_operator(primitive: Primitive, x: Any, y: Any) -> Any:
    """Record an operator; Python may try the other operand's own if its kind is unknown here."""
    left = _operand(x)
    right = _operand(y)
    if left is not None and right is not None:
        return record(primitive, (left, right))
    stranger = x if left is None else y
    if hasattr(stranger, "__array__"):
        raise TypeError(f"{primitive.symbol} was given {primitives.describe(stranger)}")
    return NotImplemented


def _operand(x: Any) -> Value | None:
    """Return a Value itself, a real number as a constant, and None for anything else."""
    if isinstance(x, Value):
        return x
    number = x if type(x) is float else real.number(x)
    return None if number is None else _constant(number)


def _result(
    data: float,
    primitive: Primitive,
    left: Value,
    right: Value | None,
    slope_left: float,
    slope_right: float,
) -> Value:
    """Return what an operation on one or two Values gave."""
    if special.threads:
        return _record(primitive, (left,) if right is None else (left, right))
    node = _constant(data)
    if left.requires_grad or (right is not None and right.requires_grad):
        node.requires_grad = True
        node.primitive = primitive
        node._left, node._right = left, right
        if cython.compiled:
            node._height = left._height + 1
            if right is not None and right._height > left._height:
                node._height = right._height + 1
        node._slope_left = slope_left if left.requires_grad else 0.0
        node._slope_right = slope_right if right is not None and right.requires_grad else 0.0
    return node


def _constant(data: float) -> Value:
    """Return a constant, without the checks that the user's numbers need."""
    node = Value.__new__(Value)
    node._data = data
    if not cython.compiled:  # where it is, a new object is empty
        node._grad = node._slope_left = node._slope_right = 0.0
        node._left = node._right = node._many = node._notes = node.primitive = None
        node._visit = 0
        node.requires_grad = False
    return node


def _linked(
    data: float, primitive: Primitive, parents: tuple[Value, ...], slopes: Sequence[float]
) -> Value:
    """Return what an operation on any number of Values gave."""
    node = _constant(data)
    tracked = [bool(parent.requires_grad) for parent in parents]
    if True in tracked:
        if False in tracked:
            slopes = [slope if t else 0.0 for slope, t in zip(slopes, tracked, strict=True)]
        node.requires_grad = True
        node.primitive = primitive
        link(node, parents, tuple(slopes))
    return node


def link(node: Value, parents: tuple[Value, ...], partials: tuple[float, ...]) -> None:
    """Have a node remember its parents, and the local derivatives with respect to them."""
    if cython.compiled:
        node._height = 1 + max([parent._height for parent in parents], default=0)
    if len(parents) == 2:
        node._left, node._right = parents
        node._slope_left, node._slope_right = partials
    elif len(parents) == 1:
        (node._left,) = parents
        (node._slope_left,) = partials
    elif parents:
        node._many = (parents, partials)


def _number(x: float) -> Value:
    """Return a number of Python's as a constant; an int that no float can hold is infinite."""
    try:
        return _constant(float(x))
    except OverflowError:
        return _constant(real.inf if x > 0 else -real.inf)


def _power(base: Value, exponent: float) -> Value:
    """Return a power with a constant exponent: the table's entry, written out for most numbers."""
    x, less = base._data, exponent - 1.0
    is_plain = less + 1.0 == exponent != 0.0 and (x > 0.0 or (x < 0.0 and exponent % 1.0 == 0.0))
    if not is_plain:
        return record(primitives.power, (base, _number(exponent)))
    try:
        data, slope = x**exponent, exponent * x**less
    except OverflowError:
        return record(primitives.power, (base, _number(exponent)))
    return _result(data, primitives.power, base, _number(exponent), slope, 0.0)


_nesting = 0  # how many nodes are being freed, each by the one before
_released: list[Any] = []  # what is freed when they are done


def _release(node: Value) -> None:
    """Let go of a node's parents, which may free a million of them one after the other.

    Plain Python does this by itself without deep recursion; the compiled form has to see to it,
    and so it counts how many nodes stand above one another.
    """
    global _nesting
    if _nesting > 100:
        _released.append((node._left, node._right, node._many))
        return
    _nesting += 1
    node._left = node._right = node._many = None
    if _nesting == 1:
        while _released:
            _released.pop()
    _nesting -= 1


def _to_float(x: Any, what: str) -> float:
    if type(x) is float:
        return x
    number = real.number(x)
    if number is None:
        hint = "; write v.data or v.detach()" if isinstance(x, Value) else ""
        raise TypeError(f"a Value's {what} is a real number, got {primitives.describe(x)}{hint}")
    return number


def _check_reading(what: str = "number") -> None:
    """Raise if the number of a Value is asked for while a function is compiled."""
    if current.tracing is not None:
        current.tracing.refuse_reading(what)


def _check_setting() -> None:
    """Raise if a Value is given another number while a function is compiled."""
    if current.tracing is not None:
        current.tracing.refuse_setting()


def _comparable(x: Any) -> Any:
    """Return what Python can compare with a float, None if x is no number."""
    if special.threads:
        _check_reading()
    if isinstance(x, Value):
        return x._data
    return x if isinstance(x, int) else real.number(x)  # a large int would lose digits
