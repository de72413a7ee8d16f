"""A number that remembers how it was made.

Arithmetic on Values gives Values. Each result keeps its parents (the Values it was made from)
and its local derivatives with respect to them. That record is all that backpropagation needs:
`backward` walks it from the result to the inputs and applies the chain rule once per edge.
"""

from typing import TYPE_CHECKING, Any

from autograd import copying, modes, primitives, real, sweep
from autograd.modes import current
from autograd.primitives import Primitive

if TYPE_CHECKING:
    from autograd.drawing import Picture


# Results are made by the thousand: these slots are set only when there is something to set.
_UNSET = {"_grad": 0.0, "_label": "", "made_at": None, "made_by": None}


class Value:
    """A real number that remembers how it was made, and can say how it depends on its inputs.

    Args:
        data: the number.
        label: a name for messages and pictures.
        requires_grad: whether gradients with respect to it are wanted (as in PyTorch).

    Attributes:
        parents: the Values it was made from, in order; ``x * x`` has x twice.
        partials: the derivatives of this value with respect to each parent.
        primitive: the operation that made it; None for a leaf.
        made_at: the line that made it, if it was made inside `detect_anomaly`; else None.
        made_by: the group of operations, such as a module's call, whose result it is; or None.

    Raises:
        TypeError: if data is not a real number, or label not a text.

    >>> x = Value(2.0, label="x")
    >>> w = Value(-3.0, label="w")
    >>> y = x * w + x
    >>> y.backward()
    >>> y.data, x.grad, w.grad  # dy/dx = w + 1, dy/dw = x
    (-4.0, -2.0, 2.0)
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_label",
        "made_at",
        "made_by",
        "parents",
        "partials",
        "primitive",
        "requires_grad",
    )

    # NumPy leaves arithmetic with us to us, so that np.float64(2.0) * x is a Value.
    __array_ufunc__ = None

    def __init__(self, data: float, label: str = "", requires_grad: bool = True) -> None:
        self._data = _to_float(data, "data")
        self._grad = 0.0
        self.label = label
        self.requires_grad = bool(requires_grad)
        self.primitive: Primitive | None = None
        self.parents: tuple[Value, ...] = ()
        self.partials: tuple[float, ...] = ()
        self.made_at: str | None = None
        self.made_by: Any = None

    def __getattr__(self, name: str) -> Any:
        """Return the default of a slot that `_node` leaves unset."""
        if name in _UNSET:
            return _UNSET[name]
        raise AttributeError(f"a {type(self).__name__} has no {name!r}", name=name, obj=self)

    @property
    def data(self) -> float:
        """The number itself."""
        return self._data

    @data.setter
    def data(self, number: float) -> None:
        self._data = _to_float(number, "data")

    @property
    def grad(self) -> float:
        """The derivative of what was swept with respect to this; 0.0 at first."""
        return self._grad

    @grad.setter
    def grad(self, number: float) -> None:
        self._grad = _to_float(number, "grad")

    @property
    def label(self) -> str:
        """A name for messages and pictures."""
        return self._label

    @label.setter
    def label(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a Value's label is a text, got {primitives.describe(text)}")
        self._label = text

    @property
    def op(self) -> str:
        """The symbol of the operation that made this, such as ``*``; empty for a leaf."""
        return "" if self.primitive is None else self.primitive.symbol

    @property
    def is_leaf(self) -> bool:
        """Whether this was not made from other Values."""
        return not self.parents

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
        self._grad = 0.0

    def detach(self) -> "Value":
        """Return the same number as a constant, cut off from the graph."""
        return Value(self._data, self.label, requires_grad=False)

    def draw(self, **options: Any) -> "Picture":
        """Return a picture of the graph that made this: see `autograd.draw`."""
        from autograd.drawing import draw

        return draw(self, **options)

    # Arithmetic: each operator is a primitive, recorded. Graphs consist mostly of + - * between
    # Values: for these the table's entries are written out, which saves half of the time.

    def __add__(self, other: Any) -> Any:
        if type(other) is Value and self.requires_grad and other.requires_grad and current.plain:
            return _node(self._data + other._data, primitives.add, (self, other), (1.0, 1.0))
        return record_operator(primitives.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return record_operator(primitives.add, other, self)

    def __sub__(self, other: Any) -> Any:
        if type(other) is Value and self.requires_grad and other.requires_grad and current.plain:
            return _node(self._data - other._data, primitives.subtract, (self, other), (1.0, -1.0))
        return record_operator(primitives.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return record_operator(primitives.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        if type(other) is Value and self.requires_grad and other.requires_grad and current.plain:
            x, y = self._data, other._data
            return _node(x * y, primitives.multiply, (self, other), (y, x))
        return record_operator(primitives.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return record_operator(primitives.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return record_operator(primitives.divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return record_operator(primitives.divide, other, self)

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
        return record(primitives.relu, (self,))

    # Comparison is of the numbers; == and hash are of the object, so that Values can be keys --

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
        return self._data != 0.0

    def __float__(self) -> float:
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
        return copying.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Value":
        return copying.deepcopy(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return copying.reduce(self)

    def __primitive__(self, primitive: Primitive, inputs: tuple[Any, ...]) -> "Value":
        """Record a primitive that was called with this among its inputs."""
        return record(
            primitive,
            tuple([x if isinstance(x, Value) else _node(primitive.to_float(x)) for x in inputs]),
        )


def record(primitive: Primitive, parents: tuple[Value, ...]) -> Value:
    """Apply a primitive and remember its inputs and its local derivatives at them."""
    numbers = [parent._data for parent in parents]
    tracked = [parent.requires_grad for parent in parents]
    builtin = primitive.is_builtin  # if so, its functions are called without more ado
    data = primitive.value(*numbers) if builtin else primitive.evaluate(*numbers)
    if not (current.recording and True in tracked):
        if current.detecting:
            modes.check_constant(primitive, parents, data)
        return _node(data)
    rule = primitive.partials if builtin else primitive.float_derivatives
    partials = tuple(rule(data, *numbers))
    if False in tracked:
        partials = tuple([p if t else 0.0 for p, t in zip(partials, tracked, strict=True)])
    result = _node(data, primitive, parents, partials)
    if current.locating:
        result.made_at = modes.calling_line()
    if current.detecting:
        modes.check_value(result)
    return result


def record_operator(primitive: Primitive, x: Any, y: Any) -> Any:
    """Record an operator; Python may try the other operand's own if its kind is unknown here."""
    left = x if isinstance(x, Value) else _constant(x)
    right = y if isinstance(y, Value) else _constant(y)
    if left is not None and right is not None:
        return record(primitive, (left, right))
    stranger = x if left is None else y
    if hasattr(stranger, "__array__"):
        raise TypeError(f"{primitive.symbol} was given {primitives.describe(stranger)}")
    return NotImplemented


def _constant(x: Any) -> Value | None:
    """Return a real number as a constant, and None for anything else."""
    number = x if type(x) is float else real.number(x)
    return None if number is None else _node(number)


def _node(
    data: float,
    primitive: Primitive | None = None,
    parents: tuple[Value, ...] = (),
    partials: tuple[float, ...] = (),
) -> Value:
    """Return a result, or a constant, without the checks that the user's numbers need."""
    node = Value.__new__(Value)
    node._data = data
    node.requires_grad = primitive is not None
    node.primitive = primitive
    node.parents = parents
    node.partials = partials
    return node


def _to_float(x: Any, what: str) -> float:
    if type(x) is float:
        return x
    number = real.number(x)
    if number is None:
        hint = "; write v.data or v.detach()" if isinstance(x, Value) else ""
        raise TypeError(f"a Value's {what} is a real number, got {primitives.describe(x)}{hint}")
    return number


def _comparable(x: Any) -> Any:
    """Return what Python can compare with a float, None if x is no number."""
    if isinstance(x, Value):
        return x._data
    return x if isinstance(x, int) else real.number(x)  # a large int would lose digits
