"""Compiled functions as functions of JAX: for accelerators, and for JAX's transformations."""

from collections.abc import Sequence
from typing import Any

from autograd.compiled.arrays import find_numpy
from autograd.compiled.batch import Argument
from autograd.compiled.code import Code
from autograd.compiled.export.gates import gated
from autograd.compiled.export.jax_operations import ROWS, Operations
from autograd.compiled.export.vectors import (
    Group,
    dependences,
    entries_of,
    gathering,
    groups,
    is_shared,
)

Columns = Sequence[tuple[int, ...]]


class JaxFunction:
    """A compiled function as a pure function of JAX: ``f(params, *sample)``.

    Args:
        name: what it is called.
        code: what it does to one sample; the call's numbers are the parameters.
        arguments: what a sample consists of.
        parameters: the numbers of the parameters.
        shape: the shape of the result.

    Attributes:
        params: the numbers of the parameters as they were, an array to begin with.

    Raises:
        ImportError: if JAX is not installed.
        NotImplementedError: if a primitive of the user's own can't be written in JAX.
    """

    def __init__(
        self,
        name: str,
        code: Code,
        arguments: Sequence[Argument],
        parameters: Sequence[float],
        shape: tuple[int, ...],
    ) -> None:
        self.__name__ = name
        self.numpy = find_numpy()
        self.operations = Operations()
        self.jnp = self.operations.jnp
        self.params = self.numpy.array(parameters, dtype=float)
        self.arguments, self.shape = arguments, shape
        self.code = code = gated(code)
        owners = [k for k, argument in enumerate(arguments) for _ in range(argument.width)]
        self.groups = groups(code, dependences(code, owners))
        self.entries = entries_of(code, [a.width for a in arguments], self.groups)
        self.constants = [own[0] for name, own in code.instructions if name == "constant"]
        for group in self.groups:
            self.operations.elementwise(group.name, len(group.columns))  # or it is refused now

    def __call__(self, params: Any, *sample: Any) -> Any:
        """Return the result for one sample."""
        jnp = self.jnp
        given = self._read(params, sample)
        dtype = jnp.result_type(*given)
        if not jnp.issubdtype(dtype, jnp.floating):
            dtype = jnp.result_type(float)
        with self.numpy.errstate(over="ignore"):
            constants = self.numpy.array(self.constants, dtype=dtype)
        vectors = [constants, *(vector.astype(dtype) for vector in given)]
        for group in self.groups:
            vectors.append(self._result(group, vectors))
        return self._gathered(self.code.outputs, vectors).reshape(self.shape)

    def _read(self, params: Any, sample: Sequence[Any]) -> list[Any]:
        """Return the parameters and the numbers of each argument as vectors."""
        jnp = self.jnp
        if len(sample) != len(self.arguments):
            names = ", ".join(argument.name for argument in self.arguments)
            raise TypeError(
                f"the function takes params and {len(self.arguments)} arguments of a sample "
                f"({names}), got {len(sample)}"
            )
        given = jnp.asarray(params)
        if given.shape != self.params.shape:
            raise ValueError(
                f"params has the shape {given.shape}, but the function has {len(self.params)} "
                "parameters, in the order of program.parameters"
            )
        return [given, *map(self._vector, self.arguments, sample)]

    def _vector(self, argument: Argument, x: Any) -> Any:
        vector = self._joined(argument, x) if argument.shape is None else self.jnp.asarray(x)
        wanted = (argument.width,) if argument.shape is None else argument.shape
        if vector.shape != wanted:
            raise ValueError(
                f"{argument.name} has the shape {vector.shape}, but the function takes one sample, "
                f"of the shape {wanted}: use jax.vmap for a batch"
            )
        return vector.reshape(argument.width)

    def _joined(self, argument: Argument, x: Any) -> Any:
        """Return the numbers of uneven rows as a vector."""
        if isinstance(x, dict):  # JAX's transformations would put its keys in another order
            raise TypeError(f"{argument.name} is a dict: give a list of its entries, in order")
        if not isinstance(x, (list, tuple)):
            return self.jnp.ravel(self.jnp.asarray(x))
        return self.jnp.concatenate([self._joined(argument, entry) for entry in x])

    # Computing --------------------------------------------------------------------------------

    def _result(self, group: Group, vectors: Sequence[Any]) -> Any:
        """Return what a group of operations gives, as a vector."""
        name, columns, operations = group.name, group.columns, self.operations
        if name == "dot":
            return self._dots(columns, vectors)
        if name == "pick":
            indices = self._gathered(columns[0], vectors)
            return operations.pick(indices, self._matrix(columns[1:], vectors))
        if name in ROWS:
            return operations.rows(name, self._matrix(columns, vectors))
        function = operations.elementwise(name, len(columns))
        return function(*[self._gathered(column, vectors) for column in columns])

    def _dots(self, columns: Columns, vectors: Sequence[Any]) -> Any:
        """Return dot products: a matrix times a vector, if one side is the same in all of them."""
        half = len(columns) // 2
        left, right = columns[:half], columns[half:]
        if is_shared(left):
            left, right = right, left
        matrix = self._matrix(left, vectors)
        if is_shared(right):
            return matrix @ self._gathered([column[0] for column in right], vectors)
        return self.operations.dot(matrix, self._matrix(right, vectors))

    def _matrix(self, columns: Columns, vectors: Sequence[Any]) -> Any:
        """Return the results at these places as a matrix."""
        rows = [place for row in zip(*columns, strict=True) for place in row]
        return self._gathered(rows, vectors).reshape(-1, len(columns))

    def _gathered(self, places: Sequence[int], vectors: Sequence[Any]) -> Any:
        """Return the results at these places as a vector."""
        pieces, order = gathering([self.entries[place] for place in places])
        parts = [self._taken(vectors[number], positions) for number, positions in pieces]
        joined = parts[0] if len(parts) == 1 else self.jnp.concatenate(parts)
        return joined if order is None else joined[self.numpy.array(order)]

    def _taken(self, vector: Any, positions: Sequence[int]) -> Any:
        first, count = positions[0], len(positions)
        if list(positions) == list(range(first, first + count)):
            return vector if count == len(vector) else vector[first : first + count]
        return vector[self.numpy.array(positions)]

    def __repr__(self) -> str:
        """Show how to call it."""
        return f"<{self.__name__}(params, {', '.join(a.name for a in self.arguments)}) of JAX>"
