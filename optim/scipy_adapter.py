"""SciPy's optimizers on functions of Values."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from autograd import Value, dot, gradients
from autograd.optional import needed
from optim.checks import values_of
from optim.optimizer import amount


class ScipyFunction:
    """A function of Values as SciPy takes one: see `as_scipy`.

    Attributes:
        params: the Values.
        x0: their numbers when this was made, as an array: where to start.
    """

    def __init__(self, f: Callable[..., Any], params: Iterable[Value]) -> None:
        if not callable(f):
            raise TypeError(f"as_scipy takes a function, got a {type(f).__name__}")
        self.params = values_of("as_scipy", params)
        for value in self.params:
            if not value.is_leaf:
                raise ValueError(
                    f"as_scipy moves leaves, and {value!r} is the result of an operation"
                )
        self._call = _caller(f, self.params)
        self._numpy = needed("numpy", "as_scipy")
        self.x0 = self._array([value.data for value in self.params])

    def set(self, x: Any) -> None:
        """Give the Values the numbers of an array: ``fun.set(result.x)`` after an optimization.

        Raises:
            ValueError: if there are not as many numbers as Values.
        """
        numbers = self._numbers("the point", x)
        for value, number in zip(self.params, numbers, strict=True):
            value.data = number

    def __call__(self, x: Any) -> tuple[float, Any]:
        """Return the value and the gradient, an array, at a point, and leave the Values there.

        Raises:
            TypeError: if f doesn't return one number.
            ValueError: if the point has not as many numbers as there are Values, or what f
                returns doesn't depend on them.
        """
        output = self._output(x)
        return output.data, self._array(gradients(output, self.params))

    def hessp(self, x: Any, vector: Any) -> Any:
        """Return the product of the second derivatives at a point with a vector, as an array.

        It is the gradient of the gradient's component along the vector.

        Raises:
            TypeError: as a call.
            ValueError: as a call, or if the vector has not as many numbers as there are Values.
        """
        output = self._output(x)
        slopes = gradients(output, self.params, create_graph=True)
        along = dot(slopes, self._numbers("the vector", vector))
        return self._array(gradients(along, self.params))

    def _output(self, x: Any) -> Value:
        self.set(x)
        output = self._call()
        if not isinstance(output, Value):
            raise TypeError(f"as_scipy needs a function that returns a Value, got {output!r}")
        if not output.requires_grad:
            raise ValueError(
                "as_scipy needs a function that depends on the params, and what it returned was "
                "not made from them, or within no_grad()"
            )
        return output

    def _numbers(self, what: str, array: Any) -> list[float]:
        numbers: list[float] = self._array(array).ravel().tolist()
        if len(numbers) != len(self.params):
            raise ValueError(
                f"{what} has {amount(len(numbers), 'number')} for "
                f"{amount(len(self.params), 'Value')}"
            )
        return numbers

    def _array(self, numbers: Any) -> Any:
        return self._numpy.array(numbers, dtype=float)


def as_scipy(f: Callable[..., Any], params: Iterable[Value]) -> ScipyFunction:
    """Return a function of one array that gives value and gradient, as SciPy's optimizers want.

    After every call the Values are at the point of the call: after an optimization, where it
    looked last, which need not be the best point. ``fun.set(result.x)`` puts them there. Their
    .grad is left alone.

    Args:
        f: called as f() if it needs no arguments, as f(x, y, ...) if it takes as many as there
            are Values, and else as f([x, y, ...]), it returns a Value.
        params: the Values to move, each counted once. They must be leaves.

    Returns:
        A function for ``scipy.optimize.minimize(fun, fun.x0, jac=True)``; methods that want
        second derivatives take ``hessp=fun.hessp``.

    Raises:
        TypeError: if f is not a function, or a parameter not a Value.
        ValueError: if one is the result of an operation.
        ImportError: if NumPy is not installed.

    >>> from scipy.optimize import minimize
    >>> x, y = Value(-1.0), Value(2.0)
    >>> fun = as_scipy(lambda: (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2, [x, y])
    >>> result = minimize(fun, fun.x0, jac=True, method="BFGS")
    >>> fun.set(result.x)
    >>> print(f"{x:.4f} {y:.4f}")
    1.0000 1.0000
    """
    return ScipyFunction(f, params)


def _caller(f: Callable[..., Any], params: list[Value]) -> Callable[[], Any]:
    """Return f with its arguments in place, in whichever way it takes them."""
    signature = inspect.signature(f)
    variadic = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    if not variadic and _accepts(signature):
        return f
    if _accepts(signature, *params):
        return lambda: f(*params)
    return lambda: f(params)


def _accepts(signature: inspect.Signature, *arguments: Any) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
