"""Equations with the real numbers: str(step), step.latex(), and the names of nodes."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Primitive, Value, exp, log, primitives, real, tanh, where
from autograd.formula import (
    Formula,
    Names,
    decimal,
    latex_name,
    local_derivatives,
    short,
    visible,
)
from autograd.sweep import topological_order

# Formulas -------------------------------------------------------------------------------------

BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: real.divide,
    ast.FloorDiv: real.floor_divide,
    ast.Mod: real.remainder,
    ast.Pow: real.power,
}
VARIABLES = {"x": 1.75, "y": -0.5, "z": 3.0}


def computed(node: ast.expr) -> float:
    """Compute an expression in the order in which Python reads it."""
    match node:
        case ast.BinOp(left, sign, right):
            return BINARY[type(sign)](computed(left), computed(right))
        case ast.UnaryOp(ast.USub(), operand):
            return -computed(operand)
        case ast.Call(ast.Name(name), [argument]):
            return primitives.TABLE[name](computed(argument))
        case ast.Name(name):
            return VARIABLES[name]
        case ast.Constant(number):
            return float(number)
    raise AssertionError(ast.dump(node))


def combined(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    signs = st.sampled_from(
        [
            operator.add,
            operator.sub,
            operator.mul,
            operator.truediv,
            operator.floordiv,
            operator.mod,
            operator.pow,
        ]
    )
    return (
        st.builds(lambda sign, x, y: sign(x, y), signs, children, children)
        | st.builds(operator.neg, children)
        | st.builds(lambda x: tanh(x), children)
    )


FORMULAS = st.recursive(
    st.sampled_from([Formula(number, name) for name, number in VARIABLES.items()])
    | st.sampled_from([Formula(2.0, "2"), Formula(1e-7, "1e-07", strength=3)]),
    combined,
    max_leaves=8,
)


@given(FORMULAS)
def test_a_formula_is_read_as_it_was_computed(formula: Formula) -> None:
    python = formula.text.replace("·", "*").replace("^", "**")
    number = computed(ast.parse(python, mode="eval").body)
    assert number == formula.number or (math.isnan(number) and math.isnan(formula.number))


@given(FORMULAS)
def test_parentheses_and_braces_close_in_latex(formula: Formula) -> None:
    assert formula.latex.count(r"\left") == formula.latex.count(r"\right")
    assert formula.latex.count("{") == formula.latex.count("}")


X, Y = Formula(1.0, "x"), Formula(2.0, "y")


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (X - (Y - X), "x - (y - x)", r"x - \left(y - x\right)"),
        (X * -Y, "x · (-y)", r"x \cdot \left(-y\right)"),
        (primitives.negative(-X), "-(-x)", r"-\left(-x\right)"),
        (X**-1.0, "x^(-1)", "{x}^{-1}"),
        ((-X) ** 2.0, "(-x)^2", r"{\left(-x\right)}^{2}"),
        ((X**Y) ** 2.0, "(x^y)^2", r"{\left({x}^{y}\right)}^{2}"),
        (Formula(1e-7, "x") / (X * Y), "x / (x · y)", r"\frac{x}{x \cdot y}"),
        (X / 1e-7, "x / 1e-07", r"\frac{x}{10^{-7}}"),
        (abs(X + Y), "absolute(x + y)", r"\left|x + y\right|"),
        (primitives.sqrt(X + Y), "sqrt(x + y)", r"\sqrt{x + y}"),
        (primitives.tanh(X + Y), "tanh(x + y)", r"\tanh\left(x + y\right)"),
        (
            primitives.hypot(X + Y, Y),
            "hypot(x + y, y)",
            r"\sqrt{{\left(x + y\right)}^2 + {y}^2}",
        ),
        (X**1.0, "x", "x"),
    ],
)
def test_parentheses_stand_where_they_are_needed(formula: Formula, text: str, latex: str) -> None:
    assert (formula.text, formula.latex) == (text, latex)


def test_operators_of_a_user_are_kept_apart() -> None:
    blend = Primitive("blend", lambda x, y: x + y, lambda out, x, y: (1.0, 1.0), symbol="⊕")
    nested = blend(X + Y, blend(X, Y))
    assert str(nested) == "(x + y) ⊕ (x ⊕ y)"
    assert str(nested * X) == "((x + y) ⊕ (x ⊕ y)) · x"


def test_a_formula_compares_as_its_number() -> None:
    assert Formula(0.0, "x") == 0.0
    assert Formula(0.0, "x") != Formula(1.0, "x")
    assert hash(Formula(2.0, "x")) == hash(2.0)
    assert X < Y <= 2.0


def test_a_formula_of_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="a formula needs numbers, got str 'two'"):
        X + "two"


# Local derivatives ----------------------------------------------------------------------------


def inner_point(primitive: Primitive) -> list[float]:
    """Return a point in the domain, away from kinks."""
    if primitive.name == "polygamma":
        return [1.0, 2.25]
    first = {"acosh": 1.5, "where": 0.25}.get(primitive.name, 0.375)
    count = 4 if primitive.variadic else len(primitive.inputs)
    return [first, 0.625, 1.5, -0.5][:count]


@pytest.mark.parametrize("primitive", primitives.TABLE.values(), ids=lambda p: p.name)
def test_the_rule_of_every_primitive_can_be_written(primitive: Primitive) -> None:
    inputs = [Value(x, f"x{k}") for k, x in enumerate(inner_point(primitive))]
    node = primitive(*inputs)
    rules = local_derivatives(node, Names(topological_order([node])))
    assert [rule.number for rule in rules] == pytest.approx(node.partials, rel=1e-12, nan_ok=True)
    assert all(rule.text and rule.latex for rule in rules)


def test_a_rule_shows_names_and_numbers() -> None:
    x = Value(2.0, "x")
    out = tanh(x)
    assert written_rules(out) == ["1 - v1 · v1"]
    assert written_rules(x**3) == ["3 · x^2"]
    assert written_rules(x / Value(4.0, "y")) == ["1 / y", "-v1 / y"]


def written_rules(node: Value) -> list[str]:
    rules = local_derivatives(node, Names(topological_order([node])))
    return [rule.text for rule, p in zip(rules, node.parents, strict=True) if p.requires_grad]


def test_rules_of_a_user_that_need_floats_are_still_written() -> None:
    halve = Primitive("halve", lambda x: x / 2, lambda out, x: (0.5 if x.is_integer() else 0.25,))
    step = halve(Value(2.0, "x")).steps()[0]
    assert str(step) == "x.grad += ∂v1/∂x · v1.grad = 0.5 × 1 → 0.5"
    assert r"\frac{\partial v_{1}}{\partial x} \cdot" in step.latex()


def test_a_rule_that_compares_numbers_takes_the_same_branch() -> None:
    spike = Primitive("spike", lambda x: 0.0, lambda out, x: (7.0 if x == 0.0 else 1.0,))
    assert "7 · v1.grad = 7 × 1" in str(spike(Value(0.0, "x")).steps()[0])


def test_a_user_function_in_latex() -> None:
    cube = Primitive("cube", lambda x: x**3, lambda out, x: (3 * x * x,), latex="#1^3")
    assert cube(X + Y).latex == r"\left(x + y\right)^3"


# Names ----------------------------------------------------------------------------------------


def names_of(*roots: Value) -> list[str]:
    order = topological_order(roots)
    names = Names(order)
    return [names[node] for node in order]


def test_a_label_used_twice_or_like_a_made_up_name_stays_unambiguous() -> None:
    x, also_x, v1 = Value(1.0, "x"), Value(2.0, "x"), Value(3.0, "v1")
    assert names_of(x * also_x + v1) == ["x", "x_2", "v2", "v1", "v3"]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=8))
def test_names_are_different_and_stand_in_one_line(labels: list[str]) -> None:
    names = names_of(primitives.sum([Value(0.5, label) for label in labels]))
    assert len(set(names)) == len(labels) + 1
    assert all(len(name.splitlines()) == 1 for name in names)


@given(st.text())
def test_visible_text_can_be_written_anywhere(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert visible(shown) == shown
    assert "\n" not in shown
    if text.isascii() and text.isprintable():
        assert shown == text


def test_emoji_and_what_joins_them_stay() -> None:
    assert visible("👩‍🔬 é ß 数") == "👩‍🔬 é ß 数"
    assert visible("\0\x7f\x85\u202e\ud800") == "␀␡\\u0085\\u202e\\ud800"


def test_operations_are_written_with_the_names() -> None:
    x, y = Value(2.0, "x"), Value(-3.0, "x*w")
    order = topological_order([x - y * 4.0])
    names = Names(order)
    assert [names.operation(node) for node in order] == ["", "", "", "(x*w) · 4", "x - v1"]
    node = x * y
    assert Names(topological_order([node])).operation(node) == "x · (x*w)"
    node = where(True, x, y)
    assert Names(topological_order([node])).operation(node) == "where(…, x)"
    node = x**1.0
    assert Names(topological_order([node])).operation(node) == "x^1"


# Steps ----------------------------------------------------------------------------------------


def test_a_step_says_the_sum_where_a_value_is_used_twice() -> None:
    x = Value(-3.0, "x")
    y = x * x
    y.label = "y"
    assert str(y.steps()[0]) == (
        "x.grad += x · y.grad = -3 × 1 → -3.0\nx.grad += x · y.grad = -3 × 1 → -3.0 - 3.0 = -6.0"
    )


def test_negative_upstream_and_compound_rules_are_in_parentheses() -> None:
    x = Value(0.5, "x")
    y = tanh(x)
    y.label = "y"
    (step,) = list((y * -1.0).steps())[1:]
    assert str(step).startswith("x.grad += (1 - y · y) · y.grad = 0.786448 × (-1) → ")


def test_a_label_that_is_a_formula_is_one_thing() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    product = x * w
    product.label = "x*w"
    lines = [str(step) for step in exp(product).steps()]
    assert lines[0].startswith("(x*w).grad += v1 · v1.grad = ")
    assert lines[1].startswith("x.grad += w · (x*w).grad = ")


def test_labels_cannot_break_the_lines_of_a_step() -> None:
    step = (Value(1.0, "a\nb") * Value(2.0, "c\0")).steps()[0]
    assert str(step).splitlines() == [
        "a␊b.grad += c␀ · v1.grad = 2 × 1 → 2.0",
        "c␀.grad += a␊b · v1.grad = 1 × 1 → 1.0",
    ]


def test_latex_of_a_step() -> None:
    x = Value(2.0, "x1")
    step = (x * Value(-3.0, "w")).steps()[0]
    assert step.latex() == (
        "\\begin{aligned}\n"
        r"\bar{x_{1}} &\mathrel{+}= w \cdot \bar{v_{1}} = -3 \times 1 \rightarrow -3.0 \\"
        "\n"
        r"\bar{w} &\mathrel{+}= x_{1} \cdot \bar{v_{1}} = 2 \times 1 \rightarrow 2.0"
        "\n\\end{aligned}"
    )


def test_latex_writes_powers_of_ten_and_infinity() -> None:
    assert r"= 10^{-7} \times 1 \rightarrow 10^{-7}" in (Value(1.0, "x") * 1e-7).steps()[0].latex()
    assert r"= \infty \times 1 \rightarrow \infty" in log(Value(0.0, "x")).steps()[0].latex()


# Numbers and names ----------------------------------------------------------------------------


@given(st.floats())
def test_short_numbers_are_short_and_near(x: float) -> None:
    assert len(short(x)) <= 13
    assert float(short(x)) == pytest.approx(x, rel=1e-5, abs=1e-320, nan_ok=True)
    assert float(decimal(x)) == pytest.approx(float(short(x)), nan_ok=True)


def test_zero_has_no_sign() -> None:
    assert short(-0.0) == "0"
    assert decimal(-0.0) == "0.0"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("w12", "w_{12}"),
        ("w_3", "w_{3}"),
        ("loss", r"\mathrm{loss}"),
        ("-2.5", "-2.5"),
        ("2.5e+20", r"2.5 \times 10^{20}"),
        ("-1e-07", "-10^{-7}"),
        ("inf", r"\infty"),
        ("-inf", r"-\infty"),
        ("nan", r"\mathrm{nan}"),
        (r"\input{x}$", r"\mathrm{\backslash{}input\{x\}\$}"),
        ("a_b^c&d#~", r"\mathrm{a\_b\wedge{}c\&d\#\sim{}}"),
        ("a\nb", r"\mathrm{a␊b}"),
    ],
)
def test_names_in_latex(name: str, latex: str) -> None:
    assert latex_name(name) == latex
