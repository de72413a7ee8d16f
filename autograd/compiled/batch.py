"""Batches: many samples as arrays, checked against what a function was compiled for."""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import primitives, real
from autograd.compiled.arrays import find_numpy
from autograd.nested import flatten
from autograd.value import Value


@functools.cache
def _kinds() -> tuple[Any, Any]:
    """Return NumPy's kind of arrays, and its kind of floats, of which there is one object."""
    numpy = find_numpy()
    return numpy.ndarray, numpy.dtype(float)


_MOST = 10_000_000  # numbers that an argument may have in a file: more are a mistake


class HasValues(TypeError):
    """Raised when arguments are Values: one sample that is part of a graph, and no batch."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has Values in it, and a batch is made of numbers: write v.data, or call the "
            "function itself, which takes one sample of Values"
        )


@dataclass(frozen=True)
class Argument:
    """An argument of a compiled function, as it is for one sample.

    Attributes:
        name: what it is called.
        shape: the lengths of its nested sequences, () for a number; None if they are uneven.
        width: of how many numbers it consists.
        indices: for those of its numbers that serve as an index, of how many it chooses one.
        layout: how it is nested, with the keys of its dicts in order; None if it has a shape.
    """

    name: str
    shape: tuple[int, ...] | None
    width: int
    indices: tuple[tuple[int, int], ...] = ()
    layout: Any = field(default=None, hash=False)

    def names(self) -> list[str]:
        """Return what to call its numbers.

        >>> Argument("x", (2,), 2).names()
        ['x[0]', 'x[1]']
        """
        if self.shape == ():
            return [self.name]
        places = itertools.product(*map(range, self.shape or (self.width,)))
        return [f"{self.name}{''.join(f'[{k}]' for k in place)}" for place in places]

    def numbers(self, sample: Any) -> list[Any]:
        """Return the numbers of one sample, whatever the order of its dicts' keys.

        Raises:
            ValueError: if a dict has other keys.

        >>> Argument("x", None, 2, layout=layout_of({"a": 0, "b": 0})).numbers({"b": 2, "a": 1})
        [1, 2]
        """
        in_order = sample if self.layout is None else _in_order(self.name, sample, self.layout)
        return flatten(in_order)[0]

    def check_sample(self, sample: Any) -> None:
        """Raise ValueError if one sample has another shape."""
        shape = sample_shape(sample)
        width = len(self.numbers(sample))
        if shape != self.shape or width != self.width:
            raise ValueError(
                f"{self.name} has the shape {shape}, but the function was compiled for samples of "
                f"the shape {self.shape}; with Values it takes one sample, not a batch"
            )

    def to_json(self) -> list[Any]:
        """Return it as plain lists."""
        return [self.name, self.shape, self.width, self.indices, self.layout]

    @classmethod
    def from_json(cls, saved: list[Any]) -> "Argument":
        """Return an argument from what `to_json` returned.

        Raises:
            ValueError: if it does not fit together.
            TypeError: likewise.
        """
        name, shape, width, indices, layout = saved
        lengths = None if shape is None else tuple(shape)
        places = tuple((k, n) for k, n in indices)
        numbers = [width, *(lengths or ()), *(entry for place in places for entry in place)]
        if not all(type(n) is int and 0 <= n <= _MOST for n in numbers):
            raise ValueError(f"the argument {name} is not made of so many numbers: {saved[1:4]}")
        if lengths is not None and math.prod(lengths) != width:
            raise ValueError(f"the argument {name} of the shape {shape} has not {width} numbers")
        if any(k >= width or n < 1 for k, n in places):
            raise ValueError(f"the argument {name} has not the indices {indices}")
        _check_layout(layout)
        return cls(str(name), lengths, width, places, layout)

    def read(self, X: Any) -> Any:
        """Return samples as an array with a row of numbers for each.

        Raises:
            TypeError: if an entry is not a number.
            ValueError: if there are no samples or they have another shape, or an index is out of
                range.
            HasValues: if entries are Values.
        """
        table = self._plain(X) if self.shape is not None else self._uneven(X)
        for column, count in self.indices:
            self._check_index(table[:, column], count)
        return table

    def _plain(self, X: Any) -> Any:
        array, float64 = _kinds()
        if type(X) is not array or X.dtype is not float64 or not X.flags.c_contiguous:
            X = self._converted(X, find_numpy())
        shape = X.shape
        if shape and not shape[0]:
            raise ValueError(f"{self.name} has no rows: a batch needs at least one sample")
        if shape[1:] != self.shape or not shape:
            raise ValueError(
                f"{self.name} has the shape {X.shape}, but the function was compiled for samples "
                f"of the shape {self.shape}: a batch has one more length in front, "
                f"{('rows', *(self.shape or ()))}".replace("'", "")
            )
        return X if len(shape) == 2 else X.reshape(shape[0], self.width)

    def _converted(self, X: Any, numpy: Any) -> Any:
        try:
            array = numpy.asarray(X)
        except ValueError:
            raise ValueError(
                f"{self.name} has rows of different lengths: the function was compiled for "
                f"samples of the shape {self.shape}"
            ) from None
        if array.dtype == object:
            self._check_entries(X)
        elif array.dtype.kind not in "biuf":
            raise TypeError(f"{self.name} is made of numbers, got an array of {array.dtype}")
        if not array.shape:
            raise TypeError(_no_batch(self.name, X))
        if numpy.ma.is_masked(X):
            raise ValueError(f"{self.name} has masked entries: fill them, or leave out their rows")
        try:
            return numpy.ascontiguousarray(array, dtype=float)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"{self.name} is no batch of numbers: {error}") from None

    def _uneven(self, X: Any) -> Any:
        numpy = find_numpy()
        if isinstance(X, dict):
            self._check_entries(X)
            raise TypeError(_no_batch(self.name, X))
        rows = [self.numbers(row) for row in X]
        self._check_entries(rows)
        if not rows:
            raise ValueError(f"{self.name} has no rows: a batch needs at least one sample")
        return numpy.array(rows, dtype=float)

    def _check_entries(self, X: Any) -> None:
        entries = flatten(X)[0]
        if any(isinstance(entry, Value) for entry in entries):
            raise HasValues(self.name)
        for entry in entries:
            if real.number(entry) is None:
                raise TypeError(f"{self.name} is made of numbers, got {primitives.describe(entry)}")

    def _check_index(self, column: Any, count: int) -> None:
        whole = find_numpy().floor(column)
        wrong = ((column < 0) | (column >= count) | (column != whole)).nonzero()[0]
        if len(wrong):
            raise ValueError(
                f"row {wrong[0]} of {self.name} is {column[wrong[0]]:g}, but it must be one of "
                f"0, 1, … {count - 1}: it chooses one of {count} numbers"
            )


def read_batch(arguments: Sequence[Argument], given: Sequence[Any]) -> list[Any]:
    """Return a table of numbers for each argument.

    Raises:
        TypeError: if there are not as many arguments, or as for `Argument.read`.
        ValueError: if the arguments have different numbers of rows, or as for `Argument.read`.
    """
    if not arguments:
        raise TypeError(
            "a compiled function takes at least one argument: the number of its rows is the "
            "number of samples"
        )
    if len(given) != len(arguments):
        raise TypeError(
            f"the function was compiled for {len(arguments)} arguments "
            f"({', '.join(argument.name for argument in arguments)}), got {len(given)}"
        )
    tables = [argument.read(X) for argument, X in zip(arguments, given, strict=True)]
    count = len(tables[0])
    for argument, table in zip(arguments, tables, strict=True):
        if len(table) != count:
            raise ValueError(
                f"{arguments[0].name} has {count} rows, {argument.name} {len(table)}: "
                "a batch has one row per sample in each argument"
            )
    return tables


def argument_like(name: str, example: Any, indices: dict[int, int], first: int) -> Argument:
    """Return what an argument is for one sample, given an example.

    Args:
        name: what it is called.
        example: a number, or nested sequences of numbers.
        indices: by their place in the whole sample, the numbers that serve as an index.
        first: the place of the argument's first number in the whole sample.
    """
    width = len(flatten(example)[0])
    own = sorted((place - first, n) for place, n in indices.items() if 0 <= place - first < width)
    shape = sample_shape(example)
    layout = layout_of(example) if shape is None else None
    return Argument(name, shape, width, tuple(own), layout)


def layout_of(example: Any) -> Any:
    """Return how a sample is nested: lists of parts, dicts with their keys, None for a number.

    >>> layout_of([1.0, {"a": 2.0}])
    [None, {'keys': ['a'], 'parts': [None]}]
    """
    if isinstance(example, dict):
        return {"keys": list(example), "parts": [layout_of(part) for part in example.values()]}
    if hasattr(example, "tolist"):
        example = example.tolist()
    if isinstance(example, (list, tuple)):
        return [layout_of(part) for part in example]
    return None


def _check_layout(layout: Any) -> None:
    """Raise an error if it is nothing that `layout_of` returns."""
    if layout is None:
        return
    parts = layout
    if isinstance(layout, dict):
        keys, parts = layout["keys"], layout["parts"]
        if len(set(keys)) != len(parts):
            raise ValueError(f"there are {len(keys)} keys of a dict and {len(parts)} parts")
    if not isinstance(parts, list):
        raise TypeError(f"{parts!r} tells no dicts")
    for part in parts:
        _check_layout(part)


def _in_order(name: str, sample: Any, layout: Any) -> Any:
    """Return a sample with lists in place of its dicts, in the order of the layout's keys.

    Raises:
        ValueError: if it is nested in another way.
    """
    if isinstance(layout, dict):
        keys = layout["keys"]
        if not isinstance(sample, dict) or set(sample) != set(keys):
            raise ValueError(
                f"{name} has {_keys(sample)}, but the function was compiled for samples with "
                f"{_keys(keys)}"
            )
        parts = zip(keys, layout["parts"], strict=True)
        return [_in_order(name, sample[key], part) for key, part in parts]
    if hasattr(sample, "tolist"):
        sample = sample.tolist()
    is_nested = isinstance(sample, (list, tuple, dict))
    if layout is None and not is_nested:
        return sample
    if layout is None or not isinstance(sample, (list, tuple)) or len(sample) != len(layout):
        found, wanted = map(_nesting, (sample, layout))
        raise ValueError(f"{name} has {found} where the function was compiled for {wanted}")
    return [_in_order(name, x, part) for x, part in zip(sample, layout, strict=True)]


def _nesting(part: Any) -> str:
    if isinstance(part, (list, tuple)):
        return f"a list of {len(part)}"
    return "a dict" if isinstance(part, dict) else "a number"


def _keys(keys: Any) -> str:
    if not isinstance(keys, (dict, list)):
        return primitives.describe(keys)
    return f"the keys {', '.join(map(repr, keys))}"


def sample_shape(example: Any) -> tuple[int, ...] | None:
    """Return the lengths of nested lists; None if they are uneven."""
    if hasattr(example, "shape"):
        return tuple(example.shape)
    if isinstance(example, dict):
        return None
    if not isinstance(example, (list, tuple)):
        return ()
    shapes = {sample_shape(entry) for entry in example}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(example), *(shapes.pop() or () if shapes else ()))


def _no_batch(name: str, X: Any) -> str:
    return f"{name} is a batch, a sequence with one entry per sample, got {primitives.describe(X)}"


def example_of(name: str, X: Any) -> Any:
    """Return the first sample of a batch, as an example of what a sample looks like.

    Raises:
        TypeError: if it is no sequence.
        ValueError: if it is empty.
    """
    if not hasattr(X, "__len__") or isinstance(X, (str, bytes, dict)):
        raise TypeError(_no_batch(name, X))
    if len(X) == 0:
        raise ValueError(f"{name} has no rows: a batch needs at least one sample")
    first = X.iloc[0] if hasattr(X, "iloc") else X[0]
    return first.tolist() if hasattr(first, "tolist") else first


def as_floats(X: Any) -> Any:
    """Return numbers in a list, or in an array of another kind, as an array of floats.

    Anything else is returned as it is.

    >>> as_floats([1, 2]).tolist()
    [1.0, 2.0]
    >>> as_floats(["a"])
    ['a']
    """
    numpy = find_numpy()
    if type(X) not in (list, numpy.ndarray):
        return X
    try:
        array = numpy.asarray(X)
    except ValueError:  # uneven rows
        return X
    is_batch = array.ndim > 0 and array.dtype.kind in "biuf"
    return numpy.ascontiguousarray(array, dtype=float) if is_batch else X
