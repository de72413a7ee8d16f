"""Primitives as functions of JAX's arrays, entry by entry.

Their values are JAX's own where it has them, else compositions. Their derivatives are those of
the primitives' entries: JAX's own are others at kinks and ties, and where they overflow.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd import real
from autograd.compiled.arrays import find_numpy
from autograd.compiled.code import Code
from autograd.compiled.export.vectors import alone
from autograd.compiled.forms import lowered
from autograd.compiled.gradient import with_gradients
from autograd.optional import needed

# What JAX calls the operations that it has, in jax.numpy …
_NAMES = {
    **{name: name for name in ("add", "subtract", "multiply", "divide", "negative", "power")},
    **{name: name for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot")},
    **{name: name for name in ("absolute", "maximum", "minimum", "floor", "ceil")},
    **{name: name for name in ("remainder", "floor_divide", "less", "less_equal", "equal")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    **{name: f"logical_{name}" for name in ("and", "or", "not")},
    "round": "rint",
    "select": "where",
}
# … and in jax.scipy.special.
_SPECIAL = {"erf": "erf", "erfc": "erfc", "lgamma": "gammaln"}
# Operations whose derivatives JAX can't get wrong.
_PLAIN = ("add", "subtract", "multiply", "negative", "select")
_CONDITIONS = ("less", "less_equal", "equal", "and", "or", "not")
ROWS = ("sum", "mean", "dot", "logsumexp", "pick")
"""Operations of any number of inputs, which are the columns of a matrix."""


class Operations:
    """What a compiled function can be made of in JAX.

    Raises:
        ImportError: if JAX is not installed.
    """

    def __init__(self) -> None:
        self.numpy = find_numpy()
        self.jax = needed("jax", "to_jax", package="JAX", extra="jax")
        self.jnp = self.jax.numpy
        self.special = needed("jax.scipy.special", "to_jax", package="JAX", extra="jax")
        self._symbolic_zero = needed("jax.custom_derivatives", "to_jax", extra="jax").SymbolicZero
        self._found: dict[tuple[str, int], Callable[..., Any]] = {}
        self._derivative_of_digamma = functools.cache(self._make_derivative_of_digamma)

    def elementwise(self, name: str, count: int) -> Callable[..., Any]:
        """Return the function of so many arrays that an operation is.

        Raises:
            NotImplementedError: if it is a primitive that can't be written in JAX.
        """
        key = name, count
        if key not in self._found:
            self._found[key] = self._made(name, count)
        return self._found[key]

    def _made(self, name: str, count: int) -> Callable[..., Any]:
        if name == "detach":
            stopped: Callable[..., Any] = self.jax.lax.stop_gradient
            return stopped
        if name in ROWS:
            return functools.partial(self._columns, name)
        if name == "digamma":
            return self._derivative_of_digamma(0)
        if name == "polygamma":
            return self._polygamma
        value = self._value(name, count)
        if name in _PLAIN or name in _CONDITIONS:
            return value
        return self._with_derivatives(value, name, count)

    def _value(self, name: str, count: int) -> Callable[..., Any]:
        """Return what gives an operation's value alone."""
        if name in _NAMES or name in _SPECIAL:
            module = self.jnp if name in _NAMES else self.special
            function: Callable[..., Any] = getattr(module, _NAMES.get(name) or _SPECIAL[name])
            return function
        code = lowered(alone(name, count))
        if any(own == name for own, _ in code.instructions):
            raise NotImplementedError(
                f"to_jax can't express the primitive {name.rpartition('.')[2]!r}: write its value "
                "with autograd's functions, and autograd.where in place of if"
            )
        return lambda *inputs: self.follow(code, inputs)[0]

    def _with_derivatives(
        self, value: Callable[..., Any], name: str, count: int
    ) -> Callable[..., Any]:
        """Return the function with the derivatives of the primitive's entry."""
        slopes = with_gradients(alone(name, count), (), range(count))
        codes = [
            Code(slopes.instructions, (place,)).without_dead_code() for place in slopes.outputs
        ]
        function: Any = self.jax.custom_jvp(value)

        def rule(inputs: Sequence[Any], changes: Sequence[Any]) -> tuple[Any, Any]:
            result = function(*inputs)
            change = self.jnp.zeros_like(result)
            for code, moved in zip(codes, changes, strict=True):
                if not isinstance(moved, self._symbolic_zero):
                    change = change + self.follow(code, inputs)[0] * moved
            return result, change

        function.defjvp(rule, symbolic_zeros=True)
        found: Callable[..., Any] = function
        return found

    def follow(self, code: Code, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs of code, entry by entry."""
        known: list[Any] = []
        for name, arguments in code.instructions:
            if name == "constant":
                known.append(arguments[0])
            elif name == "input":
                known.append(inputs[arguments[0]])
            else:
                function = self.elementwise(name, len(arguments))
                known.append(function(*[known[x] for x in arguments]))
        return [known[place] for place in code.outputs]

    def _columns(self, name: str, *columns: Any) -> Any:
        matrix = self.jnp.stack(self.jnp.broadcast_arrays(*columns), axis=-1)
        if name == "dot":
            half = len(columns) // 2
            return self.dot(matrix[..., :half], matrix[..., half:])
        if name == "pick":
            return self.pick(matrix[..., 0], matrix[..., 1:])
        return self.rows(name, matrix)

    def rows(self, name: str, matrix: Any) -> Any:
        """Return the sum, the mean or the logsumexp of each row of a matrix."""
        if name == "sum":
            return matrix.sum(axis=-1)
        if name == "mean":
            return self._mean(matrix)
        return self._logsumexp(matrix)

    def dot(self, xs: Any, ys: Any) -> Any:
        """Return the dot products of the rows of two matrices."""
        return (xs * ys).sum(axis=-1)

    def pick(self, indices: Any, matrix: Any) -> Any:
        """Return an entry of each row, nan where the index is none."""
        jnp = self.jnp
        count = matrix.shape[-1]
        is_index = (indices >= 0) & (indices < count) & (indices == jnp.floor(indices))
        whole = jnp.where(is_index, indices, 0).astype(int)
        picked = jnp.take_along_axis(matrix, whole[..., None], axis=-1)[..., 0]
        return jnp.where(is_index, picked, jnp.nan)

    def _mean(self, matrix: Any) -> Any:
        plain = matrix.sum(axis=-1) / matrix.shape[-1]
        careful = (matrix / matrix.shape[-1]).sum(axis=-1)
        return self.jnp.where(self.jnp.isfinite(plain), plain, careful)

    @functools.cached_property
    def _logsumexp(self) -> Callable[[Any], Any]:
        jnp = self.jnp
        function: Any = self.jax.custom_jvp(self._logsumexp_value)

        def rule(inputs: Sequence[Any], changes: Sequence[Any]) -> tuple[Any, Any]:
            result = function(*inputs)
            matrix = inputs[0]
            shares = jnp.where(matrix >= jnp.inf, 1.0, jnp.exp(matrix - result[..., None]))
            slopes = shares / shares.sum(axis=-1, keepdims=True)
            return result, (slopes * changes[0]).sum(axis=-1)

        function.defjvp(rule)
        found: Callable[[Any], Any] = function
        return found

    def _logsumexp_value(self, matrix: Any) -> Any:
        jnp = self.jnp
        first = matrix.argmax(axis=-1, keepdims=True)  # of a nan, if there is one
        peak = jnp.take_along_axis(matrix, first, axis=-1)
        is_first = jnp.arange(matrix.shape[-1]) == first
        others = jnp.where(is_first, 0.0, jnp.exp(matrix - peak)).sum(axis=-1)
        peak = peak[..., 0]
        return jnp.where(jnp.isfinite(peak), peak + jnp.log1p(others), peak)

    # Derivatives of lgamma: JAX's own polygamma is wrong for negative x.

    def _polygamma(self, orders: Any, x: Any) -> Any:
        jnp = self.jnp
        if isinstance(orders, self.jax.core.Tracer):
            raise NotImplementedError("to_jax needs a constant as the order of polygamma")
        result = jnp.zeros_like(x)
        for order in set(self.numpy.ravel(orders).tolist()):
            is_own = orders == order
            own = jnp.where(is_own, x, self.jax.lax.stop_gradient(x))
            result = jnp.where(is_own, self._of_order(order)(own), result)
        return result

    def _of_order(self, order: float) -> Callable[[Any], Any]:
        if 0.0 <= order <= real.HIGHEST_ORDER and order == int(order):
            return self._derivative_of_digamma(int(order))
        return lambda x: x * self.jnp.nan

    def _make_derivative_of_digamma(self, order: int) -> Callable[[Any], Any]:
        function: Any = self.jax.custom_jvp(functools.partial(self._polygamma_value, order))

        def rule(inputs: Sequence[Any], changes: Sequence[Any]) -> tuple[Any, Any]:
            slope = self._derivative_of_digamma(order + 1)(*inputs)
            return function(*inputs), slope * changes[0]

        function.defjvp(rule)
        found: Callable[[Any], Any] = function
        return found

    def _polygamma_value(self, order: int, x: Any) -> Any:
        """Abramowitz and Stegun (1964), 6.4.11 for large x, 6.4.7 for negative x."""
        jnp, sign = self.jnp, -1.0 if order % 2 else 1.0
        mirrored = jnp.where(x > 0.0, x, 1.0 - x)
        positive = self.special.polygamma(order, mirrored)
        if order:
            leading = -sign * math.factorial(order - 1) / mirrored**order
            positive = jnp.where(mirrored > 1e18, leading, positive)
        negative = sign * positive - self._cotangent_derivative(order, x)
        negative = jnp.where(x == jnp.floor(x), jnp.nan, negative)
        at_zero = jnp.inf if order % 2 else jnp.copysign(jnp.inf, -x)
        return jnp.where(x > 0.0, positive, jnp.where(x == 0.0, at_zero, negative))

    def _cotangent_derivative(self, order: int, x: Any) -> Any:
        """Return the order-th derivative of pi cot(pi x), a polynomial in c = cot(pi x)."""
        polynomial = self.numpy.poly1d([1.0, 0.0])
        for _ in range(order):  # p(c)' = -pi (1 + c*c) p'(c)
            polynomial = -self.numpy.poly1d([1.0, 0.0, 1.0]) * polynomial.deriv()
        angle = self.jnp.pi * (x - self.jnp.round(x))
        result = self.jnp.zeros_like(x)
        for coefficient in polynomial.coeffs.tolist():
            result = result * (self.jnp.cos(angle) / self.jnp.sin(angle)) + coefficient
        return result * math.pi ** (order + 1)
