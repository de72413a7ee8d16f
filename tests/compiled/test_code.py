"""Straight-line code: nothing twice, nothing known, nothing unwanted."""

from __future__ import annotations

import functools
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import Value
from autograd.compiled.code import AFTER, EACH, ONCE, Builder, Code, listing
from autograd.compiled.dots import with_dots
from autograd.compiled.forms import lowered
from autograd.compiled.llvm import plan
from autograd.compiled.llvm.dense import products
from autograd.compiled.llvm.operations import Target
from autograd.compiled.llvm.plan import Plan
from autograd.compiled.llvm.text import write_module


def place_of(*steps: tuple[str, ...]) -> tuple[Builder, list[int]]:
    builder = Builder()
    return builder, [builder.emit("input", 0), builder.emit("number", 0)]


def test_what_was_done_is_not_done_again_in_either_order() -> None:
    builder, (x, w) = place_of()
    assert builder.emit("multiply", x, w) == builder.emit("multiply", w, x)
    assert builder.emit("subtract", x, w) != builder.emit("subtract", w, x)
    assert builder.emit("less", x, w) != builder.emit("less", w, x)


def test_zeros_of_both_signs_and_nan_are_constants_of_their_own() -> None:
    builder = Builder()
    assert builder.constant(0.0) != builder.constant(-0.0)
    assert builder.constant(math.nan) == builder.constant(float("nan"))
    assert builder.constant(1.0) != builder.constant(True)


@pytest.mark.parametrize(
    ("name", "constant", "stays"),
    [
        ("multiply", 1.0, False),
        ("multiply", 0.0, True),  # 0 * inf is nan
        ("add", 0.0, False),
        ("subtract", 0.0, False),
        ("divide", 1.0, False),
        ("power", 1.0, False),
        ("power", 0.5, True),  # sqrt differs at -inf
        ("maximum", 0.0, True),
    ],
)
def test_only_what_is_exact_is_left_out(name: str, constant: float, stays: bool) -> None:
    builder, (x, _) = place_of()
    assert (builder.emit(name, x, builder.constant(constant)) != x) is stays


def test_constants_are_computed_as_the_primitives_do() -> None:
    builder = Builder()
    minus = builder.constant(-1.0)
    assert math.isnan(builder.value(builder.emit("log", minus)) or 0.0)
    assert builder.value(builder.emit("less", minus, builder.constant(0.0))) is True


def test_how_often_each_instruction_is_done() -> None:
    builder, (x, w) = place_of()
    once = builder.emit("exp", w)
    each = builder.emit("multiply", once, x)
    mean = builder.emit("batch_mean", each)
    after = builder.emit("multiply", mean, once)
    assert [builder.rates[p] for p in (once, each, mean, after)] == [ONCE, EACH, AFTER, AFTER]
    assert builder.emit("batch_mean", once) == once


def test_dead_code_goes() -> None:
    builder, (x, w) = place_of()
    builder.emit("exp", x)
    wanted = builder.emit("multiply", x, w)
    code = Code(tuple(builder.instructions), (wanted,)).without_dead_code()
    assert listing(code, ["x"], ["w"]) == ("for each sample:\n  v2 = x * w\nreturn per sample: v2")


def test_json_keeps_every_digit() -> None:
    numbers = [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308]
    builder = Builder()
    places = [builder.constant(x) for x in numbers]
    builder.constant(True)
    code = Code(tuple(builder.instructions), tuple(places))
    loaded = Code.from_json(code.to_json())
    assert repr(loaded) == repr(code)


# Sums of products ---------------------------------------------------------------------------


def neuron(style: str, w: list[Any], x: list[Any], b: Any) -> Any:
    """The sum of products that people write, in one of their ways."""
    products = [wi * xi if k % 2 else xi * wi for k, (wi, xi) in enumerate(zip(w, x, strict=True))]
    if style == "from the bias on":
        return sum(products, b)
    if style == "the bias last":
        return sum(products[1:], products[0]) + b
    if style == "from the right":
        return functools.reduce(lambda total, product: product + total, reversed(products), b)
    if style == "with sum":
        return autograd.sum([*products, b])
    k = len(w) // 2
    halves = neuron("with sum", w[:k], x[:k], b), neuron("the bias last", w[k:], x[k:], 0.0)
    return halves[0] + halves[1]


STYLES = ["from the bias on", "the bias last", "from the right", "with sum", "in halves"]


@pytest.mark.parametrize("style", STYLES)
def test_a_layer_written_out_by_hand_is_the_program_of_a_layer(style: str) -> None:
    model = nn.MLP(9, [5, 1], activation="tanh", seed=1)

    def by_hand(x: list[Any]) -> Any:
        for layer, activation in zip(model.layers, (autograd.tanh, lambda x: x), strict=True):
            x = [activation(neuron(style, n.w, x, n.b)) for n in layer.neurons]
        return x[0]

    x = [0.0] * 9
    written: Any = autograd.compile(by_hand, x)
    plain: Any = autograd.compile(lambda x: model(x)[0], x)
    assert len(written.parameters) == len(plain.parameters)
    for kind in ("forward", "backward"):
        found, expected = (
            products(program._variant(kind), program._variant(kind).rates)
            for program in (written, plain)
        )
        shapes = [[(len(p.outputs), len(p.inputs)) for p in some] for some in (found, expected)]
        assert shapes[0] == shapes[1] == [(5, 9)]
        assert names(written, kind) == names(plain, kind)


def names(program: Any, kind: str) -> dict[str, int]:
    return dict(Counter(name for name, _ in program._variant(kind).instructions))


def test_looking_for_dot_products_looks_at_each_term_a_few_times() -> None:
    builder, (x, _) = place_of()
    total = x
    for k in range(1000):
        term = builder.emit("exp", builder.emit("multiply", x, builder.emit("number", k)))
        total = builder.emit("add", total, term)
    looked_at = 0

    class Counting(tuple[Any, ...]):
        def __getitem__(self, k: Any) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(k)

    with_dots(Code(Counting(builder.instructions), (total,)))
    assert looked_at < 10 * len(builder.instructions)


def test_what_is_needed_elsewhere_stays_and_what_is_done_once_stays_so() -> None:
    builder, (x, w) = place_of()
    v = builder.emit("number", 1)
    shared = builder.emit("multiply", x, w)
    once = builder.emit("add", builder.emit("multiply", w, w), builder.emit("multiply", v, v))
    total = builder.emit("add", builder.emit("add", shared, builder.emit("multiply", x, v)), once)
    code = with_dots(Code(tuple(builder.instructions), (total, shared)))
    assert listing(code, ["x"], ["w", "v"]).splitlines() == [
        "once:",
        "  v4 = dot([w, v], [w, v])",
        "for each sample:",
        "  v3 = x * w",
        "  v5 = x * v",
        "  v6 = v3 + v5",
        "  v7 = v6 + v4",
        "return per sample: v7, v3",
    ]


numbers = st.floats(-100, 100) | st.sampled_from([math.inf, -math.inf, math.nan, 0.0, -0.0])


@settings(max_examples=25)
@given(
    st.sampled_from(STYLES),
    st.lists(st.tuples(numbers, numbers), min_size=4, max_size=9),
    numbers,
)
def test_a_dot_product_is_the_sum_that_was_written(
    style: str, factors: list[tuple[float, float]], bias: float
) -> None:
    w, x = [Value(w) for w, _ in factors], [x for _, x in factors]
    b = Value(bias)
    program: Any = autograd.compile(lambda x: neuron(style, w, x, b), backend="numpy")
    found, expected = float(program([x])[0]), neuron(style, w, x, b)
    size = sum(abs(w * x) for w, x in factors) + abs(bias)
    assert same(found, expected.data, size)
    expected.backward()
    gradients = [leaf.grad for leaf in (*w, b)]
    for leaf in (*w, b):
        leaf.zero_grad()
    program.backward([x])
    assert all(
        same(leaf.grad, gradient, abs(gradient))
        for leaf, gradient in zip((*w, b), gradients, strict=True)
    )


def same(x: float, y: float, size: float) -> bool:
    if math.isnan(y) or math.isinf(y):
        return repr(x) == repr(y)
    return abs(x - y) <= 1e-12 * size


# Tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("arrangement", ["rows", "reversed", "some frozen", "used twice"])
@pytest.mark.parametrize("long", [False, True])
def test_rows_of_a_table_are_read_and_their_gradients_added_where_they_lie(
    backend: str, arrangement: str, long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LONG", 0 if long else plan.LONG)
    table = [
        [
            Value(math.sin(5 * i + j), requires_grad=arrangement != "some frozen" or i != 2)
            for j in range(3)
        ]
        for i in range(5)
    ]

    def loss(tokens: Any, factor: Any) -> Any:
        rows = table if arrangement != "reversed" else table[::-1]
        taken = [
            [autograd.pick([row[j] for row in rows], token) for j in range(3)] for token in tokens
        ]
        if arrangement == "used twice":
            taken += table
        return factor * autograd.sum(
            autograd.tanh(x) * (k + j) for k, row in enumerate(taken) for j, x in enumerate(row)
        )

    X = [[(3 * k + j) % 5 for j in range(4)] for k in range(19)]
    Y = [math.cos(k) for k in range(19)]
    autograd.mean([loss(x, y) for x, y in zip(X, Y, strict=True)]).backward()
    leaves = [leaf for row in table for leaf in row if leaf.requires_grad]
    expected = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.zero_grad()
    program: Any = autograd.compile(loss, backend=backend)
    program.backward(X, Y)
    assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-11, abs=1e-13)
    work = [name for name, _ in lowered(program._variant("backward")).instructions]
    assert "select" not in work
    assert work.count("pick") == 12  # and not one operation for each of the table's numbers
    assert work.count("scatter") == 3


def test_the_gradient_of_what_is_done_once_when_some_samples_need_it() -> None:
    w, v = Value(2.0), Value(0.0)
    for backend in ("numpy", "llvm"):
        program: Any = autograd.compile(
            lambda x: autograd.where(x > 0, autograd.exp(w) + autograd.sqrt(v), 0.0),
            backend=backend,
        )
        w.grad = v.grad = 0.0
        program.backward([-1.0, -2.0])
        assert (w.grad, v.grad) == (0.0, 0.0)  # the slope of sqrt is infinite, but not needed
        program.backward([1.0, -1.0])
        assert w.grad == pytest.approx(math.exp(2.0) / 2)


# Long code ----------------------------------------------------------------------------------


def everything(model: Any) -> Any:
    """A function with every kind of operation, of samples, of parameters, and of both."""

    def loss(x: Any, label: Any) -> Any:
        rows = [autograd.dot(w, x) + b for w, b in model]
        w = [w for row, _ in model for w in row]
        folded = [autograd.where((a > 0) & ~(a >= 1.0) | (a < -2.0), a / 3.0, a) for a in rows]
        smooth = [autograd.tanh(a) + autograd.sin(a) * autograd.erf(a) for a in folded]
        kinked = [autograd.maximum(a, 0.5) + abs(a) + autograd.round(a) + a % 0.7 for a in folded]
        penalty = autograd.sum(w * w for w in w) + autograd.exp(w[0]) * autograd.log1p(w[1] ** 2)
        choice = autograd.pick(w, label) * autograd.pick(smooth, label)
        return autograd.logsumexp(smooth + kinked) + choice + 0.1 * penalty

    return loss


@pytest.mark.parametrize("count", [1, 83])
def test_code_on_a_tape_does_what_written_code_does(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = [([Value(math.sin(9 * i + j)) for j in range(9)], Value(i / 7)) for i in range(5)]
    X = [[math.cos(7 * k + j) for j in range(9)] for k in range(count)]
    Y = [k % 5 for k in range(count)]
    found = []
    for limit in (10**9, 0):
        monkeypatch.setattr(plan, "LONG", limit)
        program: Any = autograd.compile(everything(model), backend="llvm")
        for leaf in program.trace(X[0], 0).parameters:
            leaf.zero_grad()
        values = program(X, Y).tolist()
        found.append([*values, program.backward(X, Y), *(p.grad for p in program.parameters)])
        assert ("_tape" in program._kernels["backward"].text) is (limit == 0)
    assert found[1] == pytest.approx(found[0], rel=1e-12, abs=1e-14)


def test_registers_of_a_tape_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LONG", 0)
    builder, (x, _) = place_of()
    place = x
    for k in range(500):
        place = builder.emit("sin", builder.emit("multiply", place, builder.emit("number", k)))
    target = Target(8, True, {})
    _, layout = write_module(Code(tuple(builder.instructions), (place,)), [1], target)
    assert layout.room <= 4 * target.width


def test_the_text_of_a_tape_has_no_more_lines_for_longer_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "LONG", 100)

    def lines(count: int) -> int:
        builder, (x, w) = place_of()
        place = x
        for _ in range(count):
            place = builder.emit("multiply", builder.emit("tanh", place), w)
        code = Code(tuple(builder.instructions), (place,))
        return write_module(code, [1], Target(8, True, {}))[0].count("\n")

    assert lines(300) == lines(200)


# Layers -------------------------------------------------------------------------------------


def test_a_matrix_used_for_several_vectors_gets_its_gradient_from_loops() -> None:
    w = [[Value(math.sin(3 * i + j)) for j in range(9)] for i in range(11)]

    def loss(x: Any) -> Any:
        rows = [[autograd.dot(row, vector) for row in w] for vector in x]
        return autograd.sum(autograd.tanh(out) for row in rows for out in row)

    program: Any = autograd.compile(loss, [[0.0] * 9] * 3, backend="llvm")
    plan = Plan(lowered(program._variant("backward")), [27], Target(8, True, {}))
    assert len(plan.outers) == 3
    assert len(plan.layout.plain) == 99
    X = [[[math.cos(k + 5 * t + j) for j in range(9)] for t in range(3)] for k in range(77)]
    program.backward(X)
    found = [leaf.grad for row in w for leaf in row]
    for row in w:
        for leaf in row:
            leaf.zero_grad()
    autograd.mean([loss(x) for x in X]).backward()
    expected = [leaf.grad for row in w for leaf in row]
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_an_infinite_gradient_stays_in_its_own_row() -> None:
    w = [[Value(math.sin(3 * i + j)) for j in range(9)] for i in range(5)]
    program: Any = autograd.compile(
        lambda x, c: autograd.dot(c, [autograd.dot(row, x) for row in w]), backend="llvm"
    )
    X = [[1.0 + k + j for j in range(9)] for k in range(11)]
    program.backward(X, [[1.0, math.inf, 1.0, math.nan, 1.0]] * 11)
    plain = [row[0].grad for row in w]
    assert [math.isfinite(gradient) for gradient in plain] == [True, False, True, False, True]
    for row in w:
        kinds = {repr(leaf.grad) if not math.isfinite(leaf.grad) else "finite" for leaf in row}
        assert len(kinds) == 1


def test_what_a_table_hands_to_frozen_rows_falls_on_no_other_sum() -> None:
    table = [Value(k / 3, requires_grad=k != 3) for k in range(8)]  # 7 sums and the loss: a vector
    program: Any = autograd.compile(lambda k, x: x * autograd.pick(table, k) ** 2, backend="llvm")
    K, X = [[float(3 * k % 8) for k in range(43)], [1.0 + k for k in range(43)]]
    mean = program.backward(K, X)
    assert mean == pytest.approx(sum(x * (k / 3) ** 2 for k, x in zip(K, X, strict=True)) / 43)
