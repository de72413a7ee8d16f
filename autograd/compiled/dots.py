"""Sums of products that were written out with * and +, recognised as dot products."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autograd.compiled.code import Builder, Code, operands

_SUMS = ("add", "sum")
_PRODUCTS = ("multiply", "dot")


def with_dots(code: Code) -> Code:
    """Return code in which the sum of two products or more is a dot product.

    A sum may be written as a chain of additions from either end, as a tree of them, or with
    ``sum``. Its terms are added up in another order, so that the last digits differ: by no more
    than the rounding of as many additions. Results that are needed elsewhere stay.

    >>> b = Builder()
    >>> w0, w1, x0, x1 = [b.emit(kind, k) for kind in ("number", "input") for k in (0, 1)]
    >>> output = b.emit("add", b.emit("multiply", x0, w0), b.emit("multiply", w1, x1))
    >>> with_dots(Code(tuple(b.instructions), (output,))).instructions[-1]
    ('dot', (0, 1, 2, 3))
    """
    finder = _Finder(code)
    finder.find()
    return finder.rewritten() if finder.found else code


def numbers_in_order(code: Code) -> list[int]:
    """Return which of the call's numbers code takes, in the order in which operations take them."""
    taken: dict[int, None] = {}
    wanted = (operands(name, arguments) for name, arguments in code.instructions)
    for places in (*wanted, code.outputs, code.totals):
        for place in places:
            name, arguments = code.instructions[place]
            if name == "number":
                taken[arguments[0]] = None
    return list(taken)


@dataclass
class _Sum:
    """A sum of products.

    Attributes:
        others: its terms that are no products.
        pairs: the factors of the products, apart by how often they are computed.
    """

    others: list[int] = field(default_factory=list)
    pairs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


class _Finder:
    """The sums of products in code.

    Attributes:
        found: the sums, by their places.
        absorbed: the places of additions and products that are part of them.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self.rates = code.rates
        self.uses = code.uses()
        self.found: dict[int, _Sum] = {}
        self.absorbed: set[int] = set()
        self.inner: set[int] = set()  # sums that are part of another one

    def find(self) -> None:
        """Look at each sum before those that are part of it."""
        for place in range(len(self.code.instructions) - 1, -1, -1):
            if self.code.instructions[place][0] in _SUMS and place not in self.inner:
                self._look_at(place)

    def _look_at(self, root: int) -> None:
        """Take the terms of a sum, and of the sums among them, apart."""
        found, parts, rate = _Sum(), [], self.rates[root]
        left = list(reversed(self.code.instructions[root][1]))
        while left:
            place = left.pop()
            name, arguments = self.code.instructions[place]
            if self.uses[place] > 1 or name not in _SUMS + _PRODUCTS:
                found.others.append(place)
                continue
            if self._is_product(place):
                parts.append(place)
                found.pairs.setdefault(self.rates[place], []).extend(self._pairs(arguments))
            elif self.rates[place] == rate:
                parts.append(place)
                self.inner.add(place)
                left.extend(reversed(arguments))
            else:
                found.others.append(place)
        terms = Counter(self.rates[part] for part in parts if self._is_product(part))
        if any(count > 1 for count in terms.values()):
            self.found[root] = found
            self.absorbed.update(parts)

    def _is_product(self, place: int) -> bool:
        return self.code.instructions[place][0] in _PRODUCTS

    def _pairs(self, factors: Sequence[int]) -> list[tuple[int, int]]:
        """Return the factors of products; those that are the same for all samples come first."""
        half = len(factors) // 2
        rates = self.rates
        return [
            (y, x) if rates[y] < rates[x] else (x, y)
            for x, y in zip(factors[:half], factors[half:], strict=True)
        ]

    def rewritten(self) -> Code:
        """Return the code with dot products."""
        builder = Builder()
        places: dict[int, int] = {}
        for place, instruction in enumerate(self.code.instructions):
            if place in self.found:
                places[place] = self._written(builder, self.found[place], places)
            elif place not in self.absorbed:
                places[place] = builder.copy(instruction, places)
        outputs, totals = (
            tuple(places[place] for place in wanted)
            for wanted in (self.code.outputs, self.code.totals)
        )
        return Code(tuple(builder.instructions), outputs, totals).without_dead_code()

    def _written(self, builder: Builder, found: _Sum, places: dict[int, int]) -> int:
        terms = []
        for pairs in found.pairs.values():
            lefts, rights = zip(*pairs, strict=True)
            terms.append(builder.emit("dot", *(places[x] for x in lefts + rights)))
        terms += [places[x] for x in found.others]
        return builder.emit("sum", *terms)
