"""Finding layers: dot products that make up a matrix times a vector, and the sums behind them.

Such code is written as loops over the rows and columns, which takes no longer to compile for a
large layer than for a small one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograd.compiled.code import EACH, Code

LEAST = 8  # numbers in a vector: shorter dot products are written out
FEWEST = 4  # rows of a matrix


@dataclass(frozen=True)
class Product:
    """A matrix of the call's numbers times a vector of the sample's.

    Attributes:
        outputs: the places of the dot products.
        inputs: the places of the vector's entries.
        first: which of the call's numbers is at the matrix's first row and column.
        row: how much further the next row is.
        column: how much further the next column is.
    """

    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    first: int
    row: int
    column: int


@dataclass(frozen=True)
class Outer:
    """Sums over the samples of all products of two vectors' entries.

    Attributes:
        left: the places of the first vector's entries: one per row.
        right: those of the second vector's.
        first: which sum is that of the first row and column; the next column's comes next.
        row: how much further the next row is.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    first: int
    row: int

    def flipped(self) -> "Outer":
        """Return the same with the last row first.

        >>> Outer((1, 2), (5, 6), 10, 2).flipped()
        Outer(left=(2, 1), right=(5, 6), first=12, row=-2)
        """
        last = self.first + self.row * (len(self.left) - 1)
        return Outer(self.left[::-1], self.right, last, -self.row)


def products(code: Code, rates: Sequence[int]) -> list[Product]:
    """Return the matrices times vectors in code, in order."""
    rows: dict[tuple[tuple[int, ...], int], list[tuple[int, int]]] = {}
    for place, (name, arguments) in enumerate(code.instructions):
        if name == "dot" and rates[place] == EACH and len(arguments) >= 2 * LEAST:
            found = _row(code, rates, arguments)
            if found is not None:
                inputs, first, column = found
                rows.setdefault((inputs, column), []).append((place, first))
    result = []
    for (inputs, column), entries in rows.items():
        for run, step in _runs([first for _, first in entries]):
            if len(run) >= FEWEST:
                outputs = tuple(entries[k][0] for k in run)
                result.append(Product(outputs, inputs, entries[run[0]][1], step, column))
    return sorted(result, key=lambda product: product.outputs)


def _row(
    code: Code, rates: Sequence[int], xys: tuple[int, ...]
) -> tuple[tuple[int, ...], int, int] | None:
    """Return the vector of a dot product, its first number, and how far the next one is."""
    half = len(xys) // 2
    for numbers, inputs in ((xys[:half], xys[half:]), (xys[half:], xys[:half])):
        names = {code.instructions[place][0] for place in numbers}
        if names == {"number"} and all(rates[place] == EACH for place in inputs):
            indices = [code.instructions[place][1][0] for place in numbers]
            column = indices[1] - indices[0]
            if indices == list(range(indices[0], indices[0] + half * column, column or 1)):
                return inputs, indices[0], column
    return None


def _runs(numbers: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Cut numbers into runs with the same step; yield the places of each, and the step."""
    start = 0
    while start < len(numbers):
        end = start + 1
        step = numbers[end] - numbers[start] if end < len(numbers) else 1
        while end < len(numbers) and numbers[end] - numbers[end - 1] == step:
            end += 1
        yield list(range(start, end)), step
        start = end


def outers(
    sums: Sequence[tuple[int, int] | None], vectors: Sequence[tuple[int, ...]]
) -> list[Outer]:
    """Return the sums of products that make up matrices.

    Args:
        sums: the two factors whose product each sum is of; None for other sums.
        vectors: the inputs of matrices, which are known to be vectors.
    """
    position: dict[int, tuple[int, int]] = {}
    for number, vector in enumerate(vectors):
        for k, place in enumerate(vector):
            position.setdefault(place, (number, k))
    rows: dict[int, list[tuple[int, int]]] = {}
    start = 0
    while start < len(sums):
        found = _outer_row(sums, start, vectors, position)
        if found is None:
            start += 1
            continue
        left, number = found
        rows.setdefault(number, []).append((left, start))
        start += len(vectors[number])
    result = []
    for number, entries in rows.items():
        for run, step in _runs([first for _, first in entries]):
            factors = tuple(entries[k][0] for k in run)
            if len(set(factors)) == len(factors):
                result.append(Outer(factors, vectors[number], entries[run[0]][1], step))
    return result


def _outer_row(
    sums: Sequence[tuple[int, int] | None],
    start: int,
    vectors: Sequence[tuple[int, ...]],
    position: dict[int, tuple[int, int]],
) -> tuple[int, int] | None:
    """Return the common factor of sums from some place on, and the vector of the others."""
    factors = sums[start]
    for left, right in (factors, factors[::-1]) if factors is not None else ():
        number, k = position.get(right, (0, 1))
        if k == 0:
            vector = vectors[number]
            wanted = [{left, x} for x in vector]
            given = [set(pair) if pair else None for pair in sums[start : start + len(vector)]]
            if given == wanted:
                return left, number
    return None
