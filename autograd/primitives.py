r"""The table of primitives: every operation the engine can differentiate, one entry each.

An entry says all there is to know about an operation: its value at floats, its local
derivatives, how it is written, where it is defined and where it has kinks. The operators of
`Value`, the backward sweep, derivatives of any order, the pictures and the property tests all
follow from the entry.

Read ``lambda out, x: (1.0 - out * out,)`` as a line from a table of derivatives: out is the
result of the operation, and there is one entry per input. The rules are written in the table's
own functions, so that the same line serves floats and, for higher derivatives, Values. Special
points (a kink, the edge of a domain, an infinity) are spelled out with `where`.
"""

import functools
import inspect
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, overload
from weakref import WeakValueDictionary

from autograd import modes, real
from autograd.real import inf, nan

if TYPE_CHECKING:
    from autograd.value import Value


class Primitive:
    r"""An operation with known local derivatives, callable on floats and Values.

    Args:
        name: what the operation is called, an identifier.
        value: the result for float inputs, a float. Inputs may have defaults.
        partials: ``partials(out, *inputs)`` returns the derivatives of the result with respect
            to each input, as a tuple; written with this package's functions, it also serves
            second and higher derivatives.
        symbol: how a graph shows the operation (default: the name).
        domain: where the operation is defined: a predicate of the inputs, or the closed interval
            ``(low, high)`` of the first input. Everywhere, if left out.
        kinks: where a derivative jumps: points of the first input, or a function of the inputs
            that returns numbers which are zero at the kinks.
        latex: a LaTeX operator such as ``r"\tanh"``, or a form with ``#1``, ``#2`` for the inputs.
        exact: ``exact(mp, *inputs)``, the same function in terms of an mpmath context, for
            checks at 50 digits.
        notation: a function that writes the operation in Python, given the inputs' texts.
        surrogate: the partials deliberately are not the derivative of the value: gradient
            reversal, straight-through estimators (Bengio et al. 2013). Checks take them as given.

    Raises:
        TypeError: if value or partials is not a function.
        ValueError: if the name is not an identifier.

    >>> cube = Primitive("cube", lambda x: x * x * x, lambda out, x: (3 * x * x,))
    >>> cube(2.0)
    8.0
    >>> from autograd import Value, grad
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    >>> grad(grad(cube))(2.0)
    12.0
    """

    registered: ClassVar["WeakValueDictionary[str, Primitive]"] = WeakValueDictionary()
    """The user's primitives by name; the built-in ones are in TABLE."""

    is_builtin = False
    """Whether the primitive belongs to TABLE, whose functions give floats and never fail."""

    def __init__(
        self,
        name: str,
        value: Callable[..., float],
        partials: Callable[..., Sequence[Any]],
        *,
        symbol: str | None = None,
        domain: Callable[..., bool] | tuple[float, float] | None = None,
        kinks: Sequence[float] | Callable[..., Sequence[float]] = (),
        latex: str | None = None,
        exact: Callable[..., Any] | None = None,
        notation: Callable[..., str] | None = None,
        surrogate: bool = False,
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a primitive's name is an identifier, got {name!r}")
        if not callable(value) or not callable(partials):
            raise TypeError(f"primitive {name!r}: value and partials must be functions")
        self.name = name
        self.value = value
        self.partials = partials
        self.symbol = name if symbol is None else symbol
        self.domain = domain
        self.kinks = kinks
        self.latex = latex
        self.exact = exact
        self.notation = notation
        self.surrogate = surrogate
        self.inputs, self.variadic = _input_names(name, partials)
        self.defaults = _defaults(name, value, self.inputs, self.variadic)
        self.__signature__ = _signature(self.inputs, self.variadic, self.defaults)
        if value.__doc__:
            self.__doc__ = inspect.getdoc(value)  # what help(tanh) shows
        Primitive.registered[name] = self

    @overload
    def __call__(self, *inputs: float, **named: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *inputs: "Value | float", **named: "Value | float") -> "Value": ...
    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Apply the operation: a float for floats, a Value as soon as one input is a Value."""
        if named or (len(inputs) != len(self.inputs) and not self.variadic):
            inputs = self._bind(inputs, named)
        for x in inputs:
            if type(x) is not float:
                record = getattr(type(x), "__primitive__", None)
                if record is not None:
                    return record(x, self, inputs)
        return self.evaluate(*[self.to_float(x) for x in inputs])

    def evaluate(self, *inputs: float) -> float:
        """Return the result at floats; nan where the value function fails outside the domain."""
        try:
            result = self.value(*inputs)
        except (ArithmeticError, ValueError) as error:
            if not self.defined_at(*inputs):
                return nan
            error.add_note(f"in the value of primitive {self.name!r} at {_point(inputs)}")
            raise
        if type(result) is float:
            return result
        return self._checked("value", result, inputs)

    def derivatives(self, out: Any, *inputs: Any) -> Sequence[Any]:
        """Return the local derivatives, one per input: floats for floats, else Values."""
        try:
            partials = self.partials(out, *inputs)
        except (ArithmeticError, ValueError) as error:
            if not self.defined_at(*inputs):
                return (nan,) * len(inputs)
            error.add_note(f"in the partials of primitive {self.name!r} at {_point(inputs)}")
            raise
        if not isinstance(partials, (tuple, list)) or len(partials) != len(inputs):
            raise TypeError(
                f"the partials of primitive {self.name!r} must return a tuple with one entry "
                f"per input ({len(inputs)}), got {partials!r}"
            )
        return partials

    def float_derivatives(self, out: float, *inputs: float) -> tuple[float, ...]:
        """Return the local derivatives at floats, each made sure to be a float."""
        if out != out and not self.is_builtin and not self.defined_at(*inputs):
            return (nan,) * len(inputs)
        partials = self.derivatives(out, *inputs)
        for partial in partials:
            if type(partial) is not float:
                return tuple([self._checked("partials", p, inputs) for p in partials])
        return tuple(partials)

    def defined_at(self, *inputs: Any) -> bool:
        """Return whether the inputs lie inside the domain.

        >>> log.defined_at(2.0), log.defined_at(-1.0), log.defined_at(nan)
        (True, False, False)
        """
        if not all(x <= inf for x in inputs):
            return False
        if self.domain is None:
            return True
        if callable(self.domain):
            return bool(self.domain(*inputs))
        low, high = self.domain
        return bool(low <= inputs[0] <= high)

    def kink_distances(self, *inputs: Any) -> Sequence[Any]:
        """Return numbers that are zero at the primitive's kinks, with the sign of the side.

        >>> relu.kink_distances(3.0), maximum.kink_distances(1.0, 4.0)
        ([3.0], (-3.0,))
        """
        if callable(self.kinks):
            return self.kinks(*inputs)
        return [inputs[0] - kink for kink in self.kinks]

    def write(self, *inputs: str) -> str:
        """Write the operation in Python, given the texts of its inputs.

        >>> multiply.write("x", "w"), tanh.write("n"), negative.write("x")
        ('x * w', 'tanh(n)', '-x')
        """
        if self.notation is not None:
            return self.notation(*inputs)
        if self.variadic:
            return f"{self.name}([{', '.join(inputs)}])"
        if self.symbol != self.name and len(inputs) == 2:
            return f"{inputs[0]} {self.symbol} {inputs[1]}"
        if self.symbol != self.name and len(inputs) == 1:
            return f"{self.symbol}{inputs[0]}"
        return f"{self.name}({', '.join(inputs)})"

    def write_latex(self, *inputs: str) -> str:
        r"""Write the operation in LaTeX, given the LaTeX of its inputs.

        >>> print(divide.write_latex("x", "y"), tanh.write_latex("n"))
        \frac{x}{y} \tanh\left(n\right)
        """
        form = self.latex
        if form is not None and "#" in form:
            return re.sub(r"#(\d)", lambda match: inputs[int(match[1]) - 1], form)
        if form is None:
            escaped = self.name.replace("_", r"\_")
            form = rf"\operatorname{{{escaped}}}"
        return rf"{form}\left({', '.join(inputs)}\right)"

    def to_float(self, x: Any) -> float:
        """Return an input as a float, or say in one sentence why it can't be one."""
        if type(x) is float:
            return x
        number = real.number(x)
        if number is None:
            raise TypeError(f"{self.name} needs real numbers or Values, got {describe(x)}")
        return number

    def _checked(self, what: str, result: Any, inputs: Sequence[float]) -> float:
        number = real.number(result)
        if number is not None:
            return number
        if not self.defined_at(*inputs):
            return nan
        raise TypeError(
            f"the {what} of primitive {self.name!r} must be real numbers, "
            f"got {result!r} at {_point(inputs)}"
        )

    def _bind(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """Put keyword arguments and defaults in their places."""
        call = f"{self.name}({', '.join(self.inputs)})"
        if len(inputs) > len(self.inputs):
            raise TypeError(f"{call} was given {len(inputs)} inputs")
        bound = dict(zip(self.inputs, inputs, strict=False))
        for name, x in named.items():
            if name not in self.inputs:
                raise TypeError(f"{call} has no input {name!r}")
            if name in bound:
                raise TypeError(f"{call} was given {name!r} twice")
            bound[name] = x
        missing = [n for n in self.inputs if n not in bound and n not in self.defaults]
        if missing:
            raise TypeError(f"{call} was not given {' and '.join(missing)}")
        return tuple(bound[n] if n in bound else self.defaults[n] for n in self.inputs)

    def __repr__(self) -> str:
        """Show the call, as in ``<primitive tanh(x)>``."""
        inputs = [n if n not in self.defaults else f"{n}={self.defaults[n]:g}" for n in self.inputs]
        return f"<primitive {self.name}({', '.join(inputs)})>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a primitive by its name: functions can't be pickled, tables can be looked up."""
        return (find_primitive, (self.name, self.is_builtin))

    def __copy__(self) -> "Primitive":
        """Return the primitive itself: there is one of each."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Primitive":
        """Return the primitive itself: there is one of each."""
        return self


def find_primitive(name: str, builtin: bool) -> Primitive:
    """Return the primitive of this name, for loading a pickled graph.

    >>> find_primitive("tanh", builtin=True)
    <primitive tanh(x)>
    """
    found = (TABLE if builtin else Primitive.registered).get(name)
    if found is None:
        raise LookupError(
            f"the primitive {name!r} is not declared in this process: "
            "import the module that declares it before loading the graph"
        )
    return found


def describe(x: Any) -> str:
    """Say what was given in place of a number and, if it is an array, what to do instead."""
    if hasattr(x, "__array__") or isinstance(x, (list, tuple)):
        return f"{type(x).__name__}: a Value is one scalar, apply the operation to each entry"
    return f"{type(x).__name__} {str(x)[:50]!r}"


def _point(inputs: Sequence[Any]) -> str:
    return ", ".join(repr(getattr(x, "data", x)) for x in inputs)


def _input_names(name: str, partials: Callable[..., Any]) -> tuple[list[str], bool]:
    """Return the names of the inputs, and whether there may be any number of them."""
    inputs = list(inspect.signature(partials).parameters.values())[1:]
    if not inputs:
        raise TypeError(f"primitive {name!r}: partials takes the result and then every input")
    variadic = inputs[0].kind is inspect.Parameter.VAR_POSITIONAL
    return [parameter.name for parameter in inputs], variadic


def _defaults(
    name: str, value: Callable[..., float], inputs: Sequence[str], variadic: bool
) -> dict[str, float]:
    """Return the defaults of a value function's inputs, and make sure it takes as many."""
    try:
        signature = inspect.signature(value)
    except ValueError:  # some functions written in C don't tell theirs
        return {}
    if not variadic:
        try:
            signature.bind(*inputs)
        except TypeError:
            raise TypeError(
                f"primitive {name!r}: partials takes the result and {len(inputs)} inputs "
                f"({', '.join(inputs)}), but value takes {signature}"
            ) from None
    parameters = signature.parameters
    return {n: p.default for n, p in parameters.items() if p.default is not p.empty}


def _signature(
    inputs: Sequence[str], variadic: bool, defaults: dict[str, float]
) -> inspect.Signature:
    """Return what an editor shows of a call."""
    kind = inspect.Parameter.VAR_POSITIONAL if variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter(name, kind, default=defaults.get(name, inspect.Parameter.empty))
            for name in inputs
        ]
    )


# Entries that rules above them refer to.
absolute: Primitive
cos: Primitive
cosh: Primitive
digamma: Primitive
divide: Primitive
hypot: Primitive
log: Primitive
polygamma: Primitive
power: Primitive
sigmoid: Primitive
sign: Primitive

# Choosing -------------------------------------------------------------------------------------

chosen = Primitive(
    "where",
    real.positive,
    lambda out, x: (1.0,),
    latex="#1",
    exact=lambda mp, x: x,
    notation=lambda x: f"where(True, {x}, 0.0)",
)


@overload
def where(condition: Any, x: float, y: float) -> float: ...
@overload
def where(condition: Any, x: "Value | float", y: "Value | float") -> "Value": ...
def where(condition: Any, x: Any, y: Any) -> Any:
    """Return x if the condition holds, else y; only the chosen one is linked into the graph.

    So a branch that is not taken can't spoil the gradient with its nan.

    >>> from autograd import Value, log
    >>> x = Value(0.0)
    >>> y = where(x > 0, log(x), 0.0)
    >>> y.backward()
    >>> y.data, x.grad
    (0.0, 0.0)
    """
    if type(condition) is not bool and hasattr(condition, "__where__"):
        return condition.__where__(x, y)  # it is not known yet: the function is being compiled
    taken, left = (x, y) if condition else (y, x)
    if type(taken) is float and type(left) is float:
        return taken
    for branch in (taken, left):
        record = getattr(type(branch), "__primitive__", None)
        if record is not None:
            result = record(branch, chosen, (taken,))
            if modes.current.recording and getattr(left, "requires_grad", False):
                result.requires_grad = True  # it does depend on the inputs, only not here
            return result
    return chosen.to_float(taken)


def _flag(condition: Any, out: Any) -> Any:
    """1 where the condition holds, else 0; nan where the result is nan."""
    if type(out) is float and out <= inf:
        return 1.0 if condition else 0.0
    return where(out <= inf, where(condition, 1.0, 0.0), nan)


def _inside(condition: Any, partial: Any) -> Any:
    """The partial inside the domain, nan outside."""
    return where(condition, partial, nan)


def _is_zero(x: Any) -> Any:
    return (x >= 0.0) & (x <= 0.0)  # == would compare Values by identity


# Arithmetic -----------------------------------------------------------------------------------

add = Primitive(
    "add",
    real.add,
    lambda out, x, y: (1.0, 1.0),
    symbol="+",
    latex="#1 + #2",
    exact=lambda mp, x, y: x + y,
)
subtract = Primitive(
    "subtract",
    real.subtract,
    lambda out, x, y: (1.0, -1.0),
    symbol="-",
    latex="#1 - #2",
    exact=lambda mp, x, y: x - y,
)
multiply = Primitive(
    "multiply",
    real.multiply,
    lambda out, x, y: (y, x),
    symbol="*",
    latex=r"#1 \cdot #2",
    exact=lambda mp, x, y: x * y,
)
divide = Primitive(
    "divide",
    real.divide,
    lambda out, x, y: (divide(1.0, y), divide(-out, y)),
    symbol="/",
    domain=lambda x, y: y != 0,
    latex=r"\frac{#1}{#2}",
    exact=lambda mp, x, y: x / y,
)


def _to_multiple(x: float, y: float) -> tuple[float, float]:
    if abs(x) >= 2.0**53 * abs(y):  # multiples of y are denser there than floats
        return 0.0, 0.0
    rest = real.remainder(x, y)
    return rest, rest - y


floor_divide = Primitive(
    "floor_divide",
    real.floor_divide,
    lambda out, x, y: (0.0, 0.0),
    symbol="//",
    domain=lambda x, y: y != 0,
    kinks=_to_multiple,
    latex=r"\left\lfloor\frac{#1}{#2}\right\rfloor",
    exact=lambda mp, x, y: mp.floor(x / y),
)
remainder = Primitive(
    "remainder",
    real.remainder,
    lambda out, x, y: (1.0, -floor_divide(x, y)),
    symbol="%",
    domain=lambda x, y: y != 0,
    kinks=_to_multiple,
    latex=r"#1 \bmod #2",
    exact=lambda mp, x, y: x - y * mp.floor(x / y),
)
negative = Primitive(
    "negative",
    real.negative,
    lambda out, x: (-1.0,),
    symbol="-",
    latex="-#1",
    exact=lambda mp, x: -x,
)
positive = Primitive(
    "positive",
    real.positive,
    lambda out, x: (1.0,),
    symbol="+",
    latex="+#1",
    exact=lambda mp, x: x,
)


def _power_partial(out: Any, x: Any, y: Any) -> Any:
    """y * x**(y - 1); where y - 1 loses digits of a small y, from out if that has its own."""
    less = y - 1.0
    is_exact = _is_zero(less + 1.0 - y)
    plain = y * power(x, less)
    if is_exact is True:
        return plain
    has_digits = (absolute(out) >= real.smallest_normal) & (absolute(out) < inf)
    better = where(absolute(x) < 1.0, divide(y * out, x), y * divide(out, x))
    inexact = where(has_digits & (absolute(x) < inf), better, plain)
    return where(is_exact, plain, inexact)


power = Primitive(
    "power",
    real.power,
    lambda out, x, y: (
        where(_is_zero(y), 0.0, _power_partial(out, x, y)),
        where(_is_zero(x) & (y >= 0.0), 0.0, out * log(x)),
    ),
    symbol="**",
    domain=lambda x, y: x > 0 or (x < 0 and y == real.floor(y)) or (x == 0 and y >= 0),
    kinks=lambda x, y: (x,) if y <= 0 or y != real.floor(y) else (),
    latex="{#1}^{#2}",
    exact=lambda mp, x, y: mp.power(x, y),
)

# Exponentials, logarithms, roots --------------------------------------------------------------

exp = Primitive("exp", real.exp, lambda out, x: (out,), latex=r"\exp")
expm1 = Primitive("expm1", real.expm1, lambda out, x: (exp(x),))
log = Primitive(
    "log",
    real.log,
    lambda out, x: (_inside(x >= 0.0, divide(1.0, x)),),
    domain=lambda x: x > 0,
    latex=r"\log",
)
log1p = Primitive(
    "log1p",
    real.log1p,
    lambda out, x: (_inside(x >= -1.0, divide(1.0, 1.0 + x)),),
    domain=lambda x: x > -1,
)
log2 = Primitive(
    "log2",
    real.log2,
    lambda out, x: (_inside(x >= 0.0, divide(1.0 / math.log(2.0), x)),),
    domain=lambda x: x > 0,
    latex=r"\log_2",
    exact=lambda mp, x: mp.log(x) / mp.log(2),
)
log10 = Primitive(
    "log10",
    real.log10,
    lambda out, x: (_inside(x >= 0.0, divide(1.0 / math.log(10.0), x)),),
    domain=lambda x: x > 0,
    latex=r"\log_{10}",
    exact=lambda mp, x: mp.log(x) / mp.log(10),
)
sqrt = Primitive(
    "sqrt",
    real.sqrt,
    lambda out, x: (divide(0.5, out),),
    domain=lambda x: x >= 0,
    latex=r"\sqrt{#1}",
)


def _cbrt_partial(out: Any, x: Any) -> Any:
    at_the_ends = _is_zero(x) | (absolute(x) >= inf)
    return where(at_the_ends, divide(1.0, out * out), divide(divide(out, x), 3.0))


cbrt = Primitive(
    "cbrt",
    real.cbrt,
    lambda out, x: (_cbrt_partial(out, x),),
    kinks=(0.0,),
    latex=r"\sqrt[3]{#1}",
    exact=lambda mp, x: mp.cbrt(x) if mp.re(x) >= 0 else -mp.cbrt(-x),
)

# Trigonometric and hyperbolic functions -------------------------------------------------------

sin = Primitive("sin", real.sin, lambda out, x: (cos(x),), latex=r"\sin")
cos = Primitive("cos", real.cos, lambda out, x: (-sin(x),), latex=r"\cos")
tan = Primitive("tan", real.tan, lambda out, x: (1.0 + out * out,), latex=r"\tan")
asin = Primitive(
    "asin",
    real.asin,
    lambda out, x: (divide(1.0, sqrt((1.0 - x) * (1.0 + x))),),
    domain=lambda x: abs(x) <= 1,
    latex=r"\arcsin",
)
acos = Primitive(
    "acos",
    real.acos,
    lambda out, x: (divide(-1.0, sqrt((1.0 - x) * (1.0 + x))),),
    domain=lambda x: abs(x) <= 1,
    latex=r"\arccos",
)


def _atan_partial(x: Any) -> Any:
    h = hypot(1.0, x)  # 1 / (1 + x*x) would overflow before the result vanishes
    return divide(divide(1.0, h), h)


def _atan2_partials(out: Any, y: Any, x: Any) -> tuple[Any, Any]:
    h = hypot(x, y)
    at_the_ends = (_is_zero(h) | (h >= inf)) & (out <= inf)
    return (
        where(at_the_ends, 0.0, divide(divide(x, h), h)),
        where(at_the_ends, 0.0, divide(divide(-y, h), h)),
    )


atan = Primitive("atan", real.atan, lambda out, x: (_atan_partial(x),), latex=r"\arctan")
atan2 = Primitive(
    "atan2",
    real.atan2,
    lambda out, y, x: _atan2_partials(out, y, x),
    domain=lambda y, x: x != 0 or y != 0,
    kinks=lambda y, x: (y,) if x <= 0 else (),
)
sinh = Primitive("sinh", real.sinh, lambda out, x: (cosh(x),), latex=r"\sinh")
cosh = Primitive("cosh", real.cosh, lambda out, x: (sinh(x),), latex=r"\cosh")
tanh = Primitive("tanh", real.tanh, lambda out, x: (1.0 - out * out,), latex=r"\tanh")
asinh = Primitive("asinh", real.asinh, lambda out, x: (divide(1.0, hypot(1.0, x)),))
acosh = Primitive(
    "acosh",
    real.acosh,
    lambda out, x: (divide(1.0, sqrt(x - 1.0) * sqrt(x + 1.0)),),
    domain=lambda x: x >= 1,
)
atanh = Primitive(
    "atanh",
    real.atanh,
    lambda out, x: (_inside(absolute(x) <= 1.0, divide(1.0, (1.0 - x) * (1.0 + x))),),
    domain=lambda x: abs(x) < 1,
)


def _hypot_partial(x: Any, y: Any, out: Any) -> Any:
    finite = where(_is_zero(out), 0.0, divide(x, out))
    at_infinity = where(absolute(y) >= inf, nan, sign(x))
    return where(absolute(x) >= inf, at_infinity, finite)


hypot = Primitive(
    "hypot",
    real.hypot,
    lambda out, x, y: (_hypot_partial(x, y, out), _hypot_partial(y, x, out)),
    kinks=lambda x, y: (real.hypot(x, y),),
    latex=r"\sqrt{{#1}^2 + {#2}^2}",
)

# Activations ----------------------------------------------------------------------------------

sigmoid = Primitive(
    "sigmoid",
    real.sigmoid,
    lambda out, x: (out * sigmoid(-x),),  # 1 - out would lose all digits for large x
    latex=r"\sigma",
    exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
)
softplus = Primitive(
    "softplus",
    real.softplus,
    lambda out, x: (sigmoid(x),),
    exact=lambda mp, x: mp.log1p(mp.exp(x)) if mp.re(x) < 0 else x + mp.log1p(mp.exp(-x)),
)
relu = Primitive(
    "relu",
    real.relu,
    lambda out, x: (_flag(x > 0.0, out),),
    kinks=(0.0,),
    exact=lambda mp, x: x if x > 0 else 0 * x,
)
leaky_relu = Primitive(
    "leaky_relu",
    real.leaky_relu,
    lambda out, x, negative_slope: (
        where(out <= inf, where(x > 0.0, 1.0, negative_slope), nan),
        where(x > 0.0, 0.0, x),
    ),
    kinks=(0.0,),
    exact=lambda mp, x, negative_slope: x if x > 0 else negative_slope * x,
)
elu = Primitive(
    "elu",
    real.elu,
    lambda out, x, alpha: (
        where(x > 0.0, 1.0, alpha * exp(x)),
        where(x > 0.0, 0.0, expm1(x)),
    ),
    kinks=(0.0,),
    exact=lambda mp, x, alpha: x if x > 0 else alpha * mp.expm1(x),
)
selu = Primitive(
    "selu",
    real.selu,
    lambda out, x: (real.SELU_SCALE * where(x > 0.0, 1.0, real.SELU_ALPHA * exp(x)),),
    kinks=(0.0,),
    exact=lambda mp, x: real.SELU_SCALE * (x if x > 0 else real.SELU_ALPHA * mp.expm1(x)),
)


def _gelu_partial(x: Any) -> Any:
    cdf = 0.5 * erfc(-math.sqrt(0.5) * x)
    density = exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return where(absolute(x) < inf, cdf + x * density, cdf)


def _gelu_tanh_partial(x: Any) -> Any:
    scale = 2.0 * math.sqrt(2.0 / math.pi)
    u = scale * (x + 0.044715 * x * x * x)
    gate = sigmoid(u)
    slope = gate * sigmoid(-u)
    curved = gate + x * slope * scale * (1.0 + 3.0 * 0.044715 * x * x)
    return where(slope > 0.0, curved, gate)  # where the gate is saturated, x*x may overflow


def _mish_partial(x: Any) -> Any:
    grown = softplus(x)
    gate = tanh(grown)
    slope = 4.0 * sigmoid(2.0 * grown) * sigmoid(-2.0 * grown)  # 1 - gate * gate, all its digits
    rising = where(absolute(x) < inf, gate + x * slope * sigmoid(x), gate)
    falling = where(x < -0.75, _mish_partial_below(x), _mish_partial_near_zero(x))
    return where((x < 0.0) & (x > -40.0), falling, rising)


def _mish_partial_near_zero(x: Any) -> Any:
    """The same with the fewest roundings, for x a little below 0."""
    e = exp(x)
    shared = e * (e + 2.0) + 2.0
    return e * ((e + 2.0) + divide(4.0 * x * (1.0 + e), shared)) / shared


def _mish_partial_below(x: Any) -> Any:
    """The same over a common denominator: further below, the two terms would cancel."""
    e = exp(x)
    numerator = 4.0 * (1.0 + x) + e * (6.0 + 4.0 * x + e * (4.0 + e))
    denominator = 4.0 + e * (8.0 + e * (8.0 + e * (4.0 + e)))
    return divide(e * numerator, denominator)


gelu_exact = Primitive(
    "gelu",
    real.gelu,
    lambda out, x: (_gelu_partial(x),),
    exact=lambda mp, x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
)
gelu_tanh = Primitive(
    "gelu_tanh",
    real.gelu_tanh,
    lambda out, x: (_gelu_tanh_partial(x),),
    exact=lambda mp, x: x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + 0.044715 * x**3))),
    notation=lambda x: f"gelu({x}, approximate='tanh')",
)
silu = Primitive(
    "silu",
    real.silu,
    lambda out, x: (where(absolute(x) < inf, sigmoid(x) + out * sigmoid(-x), sigmoid(x)),),
    exact=lambda mp, x: x / (1 + mp.exp(-x)),
)
mish = Primitive(
    "mish",
    real.mish,
    lambda out, x: (_mish_partial(x),),
    exact=lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(x))),
)


def _clamp_partials(out: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    return (
        _flag((x > low) & (x < high), out),
        _flag((x <= low) & (low < high), out),
        _flag((x >= high) | (low >= high), out),
    )


clamp = Primitive(
    "clamp",
    real.clamp,
    lambda out, x, min, max: _clamp_partials(out, x, min, max),
    kinks=lambda x, min, max: (x - min, x - max, max - min),
    exact=lambda mp, x, min, max: max if x >= max or min >= max else min if x <= min else x,
)
hardtanh = Primitive(
    "hardtanh",
    real.hardtanh,
    lambda out, x, min_val, max_val: _clamp_partials(out, x, min_val, max_val),
    kinks=lambda x, min_val, max_val: (x - min_val, x - max_val, max_val - min_val),
    exact=clamp.exact,
)


def _softsign_partial(x: Any) -> Any:
    grown = 1.0 + absolute(x)
    return divide(divide(1.0, grown), grown)


softsign = Primitive(
    "softsign",
    real.softsign,
    lambda out, x: (_softsign_partial(x),),
    exact=lambda mp, x: x / (1 + x if mp.re(x) > 0 else 1 - x),
)

# Special functions ----------------------------------------------------------------------------


def _bell(x: Any) -> Any:
    return 2.0 / math.sqrt(math.pi) * exp(-x * x)


def _away_from_poles(x: float) -> bool:
    return x > 0 or x != real.floor(x)


erf = Primitive("erf", real.erf, lambda out, x: (_bell(x),))
erfc = Primitive("erfc", real.erfc, lambda out, x: (-_bell(x),))
lgamma = Primitive(
    "lgamma",
    real.lgamma,
    lambda out, x: (digamma(x),),
    domain=_away_from_poles,
    latex=r"\log\left|\Gamma\left(#1\right)\right|",
    exact=lambda mp, x: mp.re(mp.loggamma(x)),
)
digamma = Primitive(
    "digamma",
    real.digamma,
    lambda out, x: (polygamma(1.0, x),),
    domain=_away_from_poles,
    latex=r"\psi",
    exact=lambda mp, x: mp.psi(0, x),
)
polygamma = Primitive(
    "polygamma",
    real.polygamma,
    lambda out, n, x: (nan, polygamma(n + 1.0, x)),
    domain=lambda n, x: n in range(int(real.HIGHEST_ORDER) + 1) and _away_from_poles(x),
    latex=r"\psi^{(#1)}\left(#2\right)",
    exact=lambda mp, n, x: mp.psi(int(n), x),
)

# Functions with kinks and steps ---------------------------------------------------------------


def _share(x: Any, y: Any) -> Any:
    """The derivative of max(x, y) with respect to x: 1, 0, or a half where they tie."""
    return where(x > y, 1.0, where(x < y, 0.0, where(x >= y, 0.5, nan)))


def _to_integer(x: float) -> tuple[float]:
    return (x - real.nearest(x),)


absolute = Primitive(
    "absolute",
    real.absolute,
    lambda out, x: (sign(x),),
    kinks=(0.0,),
    latex=r"\left|#1\right|",
    exact=lambda mp, x: x if x > 0 else -x,
)
maximum = Primitive(
    "maximum",
    real.maximum,
    lambda out, x, y: (_share(x, y), _share(y, x)),
    kinks=lambda x, y: (x - y,),
    latex=r"\max",
    exact=lambda mp, x, y: x if x > y else y,
)
minimum = Primitive(
    "minimum",
    real.minimum,
    lambda out, x, y: (_share(y, x), _share(x, y)),
    kinks=lambda x, y: (x - y,),
    latex=r"\min",
    exact=lambda mp, x, y: x if x < y else y,
)
floor = Primitive(
    "floor",
    real.floor,
    lambda out, x: (0.0,),
    kinks=_to_integer,
    latex=r"\left\lfloor #1 \right\rfloor",
)
ceil = Primitive(
    "ceil",
    real.ceil,
    lambda out, x: (0.0,),
    kinks=_to_integer,
    latex=r"\left\lceil #1 \right\rceil",
)
trunc = Primitive(
    "trunc",
    real.trunc,
    lambda out, x: (0.0,),
    kinks=_to_integer,
    exact=lambda mp, x: mp.floor(x) if x > 0 else mp.ceil(x),
)
round = Primitive(
    "round",
    real.nearest,
    lambda out, x: (0.0,),
    kinks=lambda x: _to_integer(x - 0.5),
    exact=lambda mp, x: mp.nint(x),
)
sign = Primitive("sign", real.sign, lambda out, x: (0.0,), kinks=(0.0,))
heaviside = Primitive(
    "heaviside",
    real.heaviside,
    lambda out, x, values: (0.0, where(_is_zero(x), 1.0, 0.0)),
    kinks=(0.0,),
    exact=lambda mp, x, values: values if x == 0 else mp.mpf(x > 0),
)

# Functions of any number of inputs ------------------------------------------------------------


def _halves(xys: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    middle = len(xys) // 2
    return xys[:middle], xys[middle:]


def _write_dot(*xys: str) -> str:
    xs, ys = _halves(xys)
    return f"dot([{', '.join(xs)}], [{', '.join(ys)}])"


sum_of = Primitive(
    "sum",
    real.total,
    lambda out, *xs: (1.0,) * len(xs),
    exact=lambda mp, *xs: mp.fsum(xs),
)
mean_of = Primitive(
    "mean",
    real.mean,
    lambda out, *xs: (1.0 / len(xs),) * len(xs),
    exact=lambda mp, *xs: mp.fsum(xs) / len(xs),
)
dot_of = Primitive(
    "dot",
    real.dot,
    lambda out, *xys: (*_halves(xys)[1], *_halves(xys)[0]),
    domain=lambda *xys: len(xys) % 2 == 0,
    exact=lambda mp, *xys: mp.fsum(x * y for x, y in zip(*_halves(xys), strict=True)),
    notation=_write_dot,
)


def _logsumexp_partials(out: Any, *xs: Any) -> tuple[Any, ...]:
    if type(out) is float:
        return real.shares(out, xs)
    shares = [where(x >= inf, 1.0, exp(x - out)) for x in xs]
    whole = sum_of(*shares)  # 1, but for the rounding of out
    return tuple([divide(share, whole) for share in shares])


def _exact_logsumexp(mp: Any, *xs: Any) -> Any:
    peak = max(xs, key=mp.re)  # the sum of the exponentials alone may be 1 to all digits
    return peak + mp.log(mp.fsum(mp.exp(x - peak) for x in xs))


logsumexp_of = Primitive(
    "logsumexp",
    real.logsumexp,
    _logsumexp_partials,
    exact=_exact_logsumexp,
)

TABLE = {entry.name: entry for entry in list(globals().values()) if isinstance(entry, Primitive)}
"""The built-in primitives by name."""

for entry in TABLE.values():
    entry.is_builtin = True
Primitive.registered.clear()

# Functions made of primitives -----------------------------------------------------------------


@overload
def gelu(x: float, approximate: str = "none") -> float: ...
@overload
def gelu(x: "Value", approximate: str = "none") -> "Value": ...
def gelu(x: Any, approximate: str = "none") -> Any:
    """Return x times the probability that a standard normal variable is below x.

    Hendrycks and Gimpel (2016), "Gaussian Error Linear Units"; torch.nn.functional.gelu.

    Args:
        x: a number.
        approximate: "none", or "tanh" for the authors' approximation.

    Raises:
        ValueError: for any other approximate.

    >>> print(f"{gelu(1.0):.6f} {gelu(1.0, approximate='tanh'):.6f}")
    0.841345 0.841192
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu's approximate is 'none' or 'tanh', got {approximate!r}")
    return gelu_exact(x) if approximate == "none" else gelu_tanh(x)


@overload
def sum(xs: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
@overload
def sum(xs: "Iterable[Value | float]") -> "Value": ...
def sum(xs: Iterable[Any]) -> Any:
    """Return the sum of some numbers, as one node of the graph.

    >>> from autograd import Value
    >>> sum([Value(1.0), 2.0]).data, sum([])
    (3.0, 0.0)
    """
    return sum_of(*_listed("sum", xs))


@overload
def mean(xs: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
@overload
def mean(xs: "Iterable[Value | float]") -> "Value": ...
def mean(xs: Iterable[Any]) -> Any:
    """Return the mean of some numbers, as one node of the graph.

    Raises:
        ValueError: if there are no numbers.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    return mean_of(*_listed("mean", xs, at_least_one=True))


@overload
def dot(xs: Iterable[float], ys: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
@overload
def dot(xs: "Iterable[Value | float]", ys: "Iterable[Value | float]") -> "Value": ...
def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """Return x1*y1 + x2*y2 + …, as one node of the graph.

    Raises:
        ValueError: if the two have different lengths.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    xs = xs if type(xs) is list else _listed("dot", xs)
    ys = ys if type(ys) is list else _listed("dot", ys)
    if len(xs) != len(ys):
        raise ValueError(f"dot needs as many numbers on both sides, got {len(xs)} and {len(ys)}")
    record = getattr(type(xs[0]), "__dot__", None) if xs else None
    result = NotImplemented if record is None else record(xs, ys)
    return dot_of(*xs, *ys) if result is NotImplemented else result


@overload
def logsumexp(xs: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
@overload
def logsumexp(xs: "Iterable[Value | float]") -> "Value": ...
def logsumexp(xs: Iterable[Any]) -> Any:
    """Return log(exp(x1) + exp(x2) + …) without overflow, as one node of the graph.

    Raises:
        ValueError: if there are no numbers.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return logsumexp_of(*_listed("logsumexp", xs, at_least_one=True))


@overload
def log_softmax(xs: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]
@overload
def log_softmax(xs: "Iterable[Value | float]") -> "list[Value]": ...
def log_softmax(xs: Iterable[Any]) -> list[Any]:
    """Return x - logsumexp(xs) for each x: the logarithms of the softmax, exact when it vanishes.

    Raises:
        ValueError: if there are no numbers.

    >>> log_softmax([1000.0, 0.0])
    [0.0, -1000.0]
    """
    numbers = [
        x if hasattr(type(x), "__primitive__") else logsumexp_of.to_float(x)
        for x in _listed("log_softmax", xs, at_least_one=True)
    ]
    peak = _largest(numbers)
    shifted = [x - peak for x in numbers]  # a constant shift changes nothing but the rounding
    normalizer = logsumexp_of(*shifted)
    return [x - normalizer for x in shifted]


def _largest(numbers: Sequence[Any]) -> Any:
    """The largest number, as a constant."""
    if modes.current.tracing is None:
        return real.largest([float(x) for x in numbers])
    with modes.switched(recording=False):
        return functools.reduce(maximum, numbers)


def pick(xs: Sequence[Any], index: Any) -> Any:
    """Return xs[index], where the index may be an input of a function that is compiled.

    Raises:
        IndexError: if there is no such entry.

    >>> pick([10.0, 20.0, 30.0], 1)
    20.0
    """
    return index.__pick__(xs) if hasattr(index, "__pick__") else xs[index]


def take(table: Sequence[Sequence[Any]], index: Any) -> list[Any]:
    """Return a row of a table, such as the vector of a word, by its number.

    Args:
        table: rows of one length, of numbers or Values: [row][column].
        index: which row, from 0 on; it may be an input of a function that is compiled, where
            no more than that row is read, and its gradient is added to that row alone.

    Raises:
        TypeError: if the index is not a whole number.
        IndexError: if there is no such row.
        ValueError: if there are no rows, or of different lengths.

    >>> take([[1.0, 2.0], [3.0, 4.0]], 1)
    [3.0, 4.0]
    """
    lengths = sorted(set(map(len, table)))
    if len(lengths) != 1:
        found = " and ".join(map(str, lengths)) or "none"
        raise ValueError(f"take needs rows of one length, got {found}")
    if hasattr(index, "__pick__"):
        return [pick(column, index) for column in zip(*table, strict=True)]
    if isinstance(index, bool) or not hasattr(type(index), "__index__"):
        raise TypeError(f"take's index is a whole number, got {describe(index)}")
    row = operator.index(index)
    if not 0 <= row < len(table):
        raise IndexError(f"take's index is from 0 to {len(table) - 1}, got {row}")
    return list(table[row])


@overload
def softmax(xs: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]
@overload
def softmax(xs: "Iterable[Value | float]") -> "list[Value]": ...
def softmax(xs: Iterable[Any]) -> list[Any]:
    """Return exp(x) / (exp(x1) + exp(x2) + …) for each x: positive numbers whose sum is 1.

    Raises:
        ValueError: if there are no numbers.

    >>> softmax([0.0, 0.0]), softmax([1000.0, 0.0])
    ([0.5, 0.5], [1.0, 0.0])
    """
    return [exp(x) for x in log_softmax(_listed("softmax", xs, at_least_one=True))]


def _listed(name: str, xs: Any, at_least_one: bool = False) -> list[Any]:
    if type(xs) is not list and (isinstance(xs, (str, bytes)) or not isinstance(xs, Iterable)):
        raise TypeError(f"{name} needs a sequence of numbers, got {describe(xs)}")
    numbers = list(xs)
    if at_least_one and not numbers:
        raise ValueError(f"{name} needs at least one number, got none")
    return numbers
