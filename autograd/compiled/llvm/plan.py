"""How code is cut into functions, and where the results lie that they pass to each other."""

import heapq
from collections.abc import Iterator, Sequence

from autograd.compiled.code import AFTER, EACH, MEANS, ONCE, Code, operands
from autograd.compiled.llvm.dense import Outer, Product, outers, products
from autograd.compiled.llvm.frame import BLOCKS, Layout, padded
from autograd.compiled.llvm.operations import Target

PIECE = 400  # operations in a function
LONG = 20_000  # operations: more of them are put on a tape


class Plan:
    """What is done where, and where results lie in memory.

    Args:
        code: the code.
        widths: of how many numbers each argument of a sample consists.
        target: the machine.

    Attributes:
        pieces: for each of ONCE, EACH and AFTER, the instructions of each function.
        taped: those of ONCE, EACH and AFTER whose code is so long that it is put on a tape.
        layout: where the results lie that are passed from function to function.
        products: the matrices times vectors; each is a piece by itself.
        outers: the sums of products that are added up by loops, after the pieces.
        sums: to which sums over the samples a result is added.
        tables: of each scatter, to which sum each index leads.
        turned: where the vectors that outers are made of lie once more, a row per sample.
        outputs: in which rows a result is put out.
    """

    def __init__(self, code: Code, widths: Sequence[int], target: Target) -> None:
        self.code = code
        self.widths = widths
        self.target = target
        self.rates = code.rates
        self.columns = [(table, k) for table, width in enumerate(widths) for k in range(width)]
        self.uses = code.uses()
        self.layout = Layout(means=self._means())
        self.sums: dict[int, list[int]] = {}
        self.tables: dict[int, dict[int, int]] = {}
        for k, place in enumerate(self.layout.means):
            source, *entry = code.instructions[place][1]
            if entry:
                self.tables.setdefault(source, {})[int(self.constant(entry[0]))] = k
            else:
                self.sums.setdefault(source, []).append(k)
        self.outputs: dict[int, list[int]] = {}
        for k, place in enumerate(code.outputs):
            self.outputs.setdefault(place, []).append(k)
        self.products = self._with_vectors(products(code, self.rates))
        self.outers = self._with_rows()
        self.grouped = {place for product in self.products for place in product.outputs}
        self.layout.plain = {
            outer.first + i * outer.row + j
            for outer in self.outers
            for i in range(len(outer.left))
            for j in range(len(outer.right))
        }
        self.summed = {  # products that are needed for nothing but a sum in a loop
            code.instructions[self.layout.means[k]][1][0] for k in self.layout.plain
        }
        self.taped = {rate for rate in (ONCE, EACH, AFTER) if self._is_long(rate)}
        self.pieces = {rate: self._cut(rate) for rate in (ONCE, EACH, AFTER)}
        self.turned: dict[tuple[int, ...], int] = {}
        self._lay_out()

    def _with_vectors(self, found: list[Product]) -> list[Product]:
        """Lay out the vectors of products; leave out those that can't lie in a row."""
        kept = []
        for product in found:
            if self._is_laid_out(product.inputs) and self._is_laid_out(product.outputs):
                kept.append(product)
        return kept

    def _is_laid_out(self, places: tuple[int, ...]) -> bool:
        """Let results lie one after the other in memory, if they don't lie elsewhere."""
        vectors = self.layout.vectors
        if all(place not in vectors for place in places) and len(set(places)) == len(places):
            for place in places:
                vectors[place] = len(vectors)
        first = vectors.get(places[0], -1)
        return [vectors.get(place) for place in places] == [*range(first, first + len(places))]

    def _with_rows(self) -> list[Outer]:
        """Return the sums of products that are done by loops, those of the same sums together."""
        factors = [self._factors(place) for place in self.layout.means]
        vectors = [product.inputs for product in self.products]
        result = []
        for count in sorted({len(pairs) for pairs in factors if pairs}):
            alike: dict[tuple[int, ...], list[Outer]] = {}
            for k in range(count):  # a matrix that is used several times: one after the other
                kth = [pairs[k] if pairs and len(pairs) == count else None for pairs in factors]
                for outer in outers(kth, vectors):
                    shape = (outer.first, outer.row, len(outer.left), len(outer.right))
                    alike.setdefault(shape, []).append(outer)
            for several in alike.values():
                fitting = [outer for outer in map(self._fitting, several) if outer is not None]
                if len(fitting) == count:
                    result += fitting
        return result

    def _fitting(self, outer: Outer) -> Outer | None:
        """Return an outer product, with its last row first if only so its rows lie in a row."""
        either = (outer, outer.flipped())
        return next((one for one in either if self._is_laid_out(one.left)), None)

    def _factors(self, mean: int) -> list[tuple[int, int]] | None:
        """Return the pairs whose products a mean is of, if they are needed for nothing else."""
        place = self.code.instructions[mean][1][0]
        name, arguments = self.code.instructions[place]
        if name not in ("multiply", "dot") or self.uses[place] > 1:
            return None
        if any(self.rates[x] != EACH for x in arguments):
            return None
        half = len(arguments) // 2
        return list(zip(arguments[:half], arguments[half:], strict=True))

    def _written(self, rate: int) -> Iterator[int]:
        """Return the instructions of one kind that are not done in loops."""
        looped = self.grouped | self.summed
        for place, (name, _) in enumerate(self.code.instructions):
            is_done = name not in ("constant", "number", *MEANS)
            if is_done and self.rates[place] == rate and place not in looped:
                yield place

    def _is_long(self, rate: int) -> bool:
        """Return whether one kind of code, or an operation of it, is too long to be written out."""
        lengths = [len(self.code.instructions[place][1]) for place in self._written(rate)]
        return sum(lengths) > LONG or max(lengths, default=0) > 2 * PIECE

    def _cut(self, rate: int) -> list[list[int]]:
        """Return the instructions of one kind, in pieces of a function each.

        A product of a matrix is a piece by itself: it is there where its first row was.
        """
        whole = {product.outputs[0]: product.outputs for product in self.products}
        starts = [] if rate != EACH else list(whole)
        pieces: list[list[int]] = []
        size, kind = PIECE, ""
        for place in heapq.merge(self._written(rate), sorted(starts)):
            before, kind = kind, self._kind(rate, place)
            if kind != before or size >= PIECE or kind == "loops":
                pieces.append([])
                size = 0
            pieces[-1] += whole.get(place, (place,))
            size += len(self.code.instructions[place][1])
        return pieces

    def _kind(self, rate: int, place: int) -> str:
        """Return how an instruction is done: by "loops", on a "tape", or as it is "written"."""
        if place in self.grouped:
            return "loops"
        apart = self.code.instructions[place][0] in ("pick", "scatter")
        return "tape" if rate in self.taped and not apart else "written"

    def is_on_tape(self, rate: int, piece: Sequence[int]) -> bool:
        """Return whether a piece belongs to the tape, and is no function."""
        return self._kind(rate, piece[0]) == "tape"

    def is_fused(self, place: int) -> bool:
        """Return whether a product is needed for nothing but one sum over the samples."""
        name = self.code.instructions[place][0]
        used_once = self.uses[place] == 1 and len(self.sums.get(place, ())) == 1
        return self.rates[place] == EACH and used_once and name in ("multiply", "dot")

    def _lay_out(self) -> None:
        """Find out which other results must be in memory: those that another function needs."""
        home = {
            place: (rate, -1 if self.is_on_tape(rate, piece) else k)
            for rate, pieces in self.pieces.items()
            for k, piece in enumerate(pieces)
            for place in piece
        }
        layout = self.layout
        layout.scalars = {place: k for k, place in enumerate(layout.means)}
        width = self.target.width
        room = padded(len(layout.means) + width, width)  # means are written several at once
        passed = {*self.code.totals, *(x for x in self.code.outputs if self.rates[x] != EACH)}
        for place, (name, arguments) in enumerate(self.code.instructions):
            if name not in MEANS and place not in self.summed:
                here = home.get(place)
                passed.update(x for x in operands(name, arguments) if home.get(x) != here)
        order = self._order()  # so that totals lie one after the other
        for place in sorted(passed & home.keys(), key=lambda x: (order.get(x, len(order)), x)):
            if self.rates[place] != EACH:
                layout.scalars[place] = room
                room += 1
            elif self.code.instructions[place][0] != "input" and place not in layout.vectors:
                layout.vectors[place] = len(layout.vectors)
        for outer in self.outers:
            if outer.right not in self.turned:
                self.turned[outer.right] = room = padded(room, width)
                room += BLOCKS * width * padded(len(outer.right), width)
        layout.room = room

    def _means(self) -> list[int]:
        """Return the places of the means, in the order of the totals as far as they are such.

        The others are in the order of the numbers that they are gradients of: the sweep meets
        the last of them first.
        """
        order = self._order()
        means = [p for p, (name, _) in enumerate(self.code.instructions) if name in MEANS]
        return sorted(means, key=lambda place: (order.get(place, len(order)), *self._rank(place)))

    def _order(self) -> dict[int, int]:
        """Return the order of the totals, by their places."""
        return {place: k for k, place in reversed(list(enumerate(self.code.totals)))}

    def _rank(self, mean: int) -> tuple[bool, int]:
        return self.code.instructions[mean][0] == "mean_at", -mean

    def constant(self, place: int) -> float:
        """Return the number of a constant."""
        number: float = self.code.instructions[place][1][0]
        return number
