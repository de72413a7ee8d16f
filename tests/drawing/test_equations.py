"""Equations in MathML: what they say, and that any browser can read them."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd import Primitive, Value, primitives, real
from autograd.checking.strategies import Expression, expressions
from autograd.drawing import mathml
from autograd.drawing.equations import chain_rule, forward_equation, gradient_equation
from autograd.formula import Formula, Names
from autograd.sweep import topological_order

ATTRIBUTES = {
    "math": {"display", "aria-label"},
    "mi": {"mathvariant"},
    "mtd": {"style"},
    "mtable": {"displaystyle"},
}
ELEMENTS = {"mn", "mo", "mrow", "mfrac", "msqrt", "mroot", "msub", "msup", "mtext", "mtr"}
BUILTIN = list(primitives.TABLE.values())  # other tests declare wrong ones
PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2}


def parsed(equation: str) -> ElementTree.Element:
    """Read an equation, and make sure that it is made of MathML Core as it should be."""
    root = ElementTree.fromstring(equation)
    for element in root.iter():
        assert element.tag in ATTRIBUTES or element.tag in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set())
        assert len(element) == PARTS.get(element.tag, len(element))
        assert not (len(element) and (element.text or "").strip())
    assert root.tag == "math"
    assert root.attrib["aria-label"]
    return root


def seen(element: ElementTree.Element) -> str:
    """Return what is read, in one line."""
    parts = [seen(part) for part in element]
    match element.tag:
        case "mfrac":
            return "/".join(parts)
        case "msub":
            return "_".join(parts)
        case "msup":
            return "^".join(parts)
        case "mtr":
            return " ".join(parts)
        case "mtable":
            return " ; ".join(parts)
        case "mo":
            sign = (element.text or "").replace("\u2061", "")
            return f" {sign} " if sign in tuple("=+·−") else sign
    return (element.text or "") + "".join(parts)


def forward(node: Value) -> str:
    return " ".join(lines(forward_equation(node, Names(topological_order([node])))))


def lines(equation: str) -> list[str]:
    return [" ".join(line.split()) for line in seen(parsed(equation)).split(";")]


# Formulas -------------------------------------------------------------------------------------

VARIABLES = {"x": 1.75, "y": -0.5, "z": 3.0}
FORMULAS = st.recursive(
    st.sampled_from([Formula(number, name) for name, number in VARIABLES.items()])
    | st.sampled_from([Formula(2.0, "2"), Formula(-3.0, "-3", strength=3)]),
    lambda parts: (
        st.builds(
            lambda sign, x, y: sign(x, y),
            st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv, pow]),
            parts,
            parts,
        )
        | st.builds(operator.neg, parts)
        | st.builds(lambda function, x: function(x), st.sampled_from([ag.tanh, ag.sqrt]), parts)
    ),
    max_leaves=8,
)


def python(element: ElementTree.Element) -> str:
    """Return the Python of a formula as it is read: a bar encloses, an exponent doesn't."""
    parts = [python(part) for part in element]
    match element.tag:
        case "mfrac":
            return f"divide({parts[0]}, {parts[1]})"
        case "msqrt":
            return f"sqrt({parts[0]})"
        case "msup":
            assert element[0].tag != "mfrac", "the exponent would be above the bar"
            return f"{parts[0]}**({parts[1]})"
        case "mo":
            return {"−": "-", "·": "*", "\u2061": ""}.get(element.text or "", element.text or "")
        case "mrow":
            return "".join(parts)
    return element.text or ""


CALCULATED: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: real.add,
    ast.Sub: real.subtract,
    ast.Mult: real.multiply,
    ast.Pow: real.power,
}


def calculated(node: ast.expr) -> float:
    """Compute an expression in the order in which Python reads it."""
    match node:
        case ast.BinOp(left, sign, right):
            return CALCULATED[type(sign)](calculated(left), calculated(right))
        case ast.UnaryOp(ast.USub(), operand):
            return -calculated(operand)
        case ast.Call(ast.Name(name), arguments):
            return primitives.TABLE[name](*map(calculated, arguments))
        case ast.Name(name):
            return VARIABLES[name]
        case ast.Constant(number):
            return float(number)
    raise AssertionError(ast.dump(node))


@given(FORMULAS)
def test_a_formula_is_read_as_it_was_computed(formula: Formula) -> None:
    markup = f"<mrow>{mathml.written(formula).markup}</mrow>"
    number = calculated(ast.parse(python(ElementTree.fromstring(markup)), mode="eval").body)
    assert number == formula.number or (math.isnan(number) and math.isnan(formula.number))


def written(text: str) -> str:
    return " ".join(seen(ElementTree.fromstring(text)).split())


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("x", "<mi>x</mi>"),
        ("x1", "<msub><mi>x</mi><mn>1</mn></msub>"),
        ("w[12]", "<msub><mi>w</mi><mn>12</mn></msub>"),
        ("W[1][2]", "<msub><mi>W</mi><mn>1,2</mn></msub>"),
        ("loss_3", "<msub><mi>loss</mi><mn>3</mn></msub>"),
        ("loss", "<mi>loss</mi>"),
        ("12", "<mi>12</mi>"),
        ("<b>&", "<mi>&lt;b&gt;&amp;</mi>"),
        ("%", '<mi mathvariant="normal">%</mi>'),
        ("a\nb", "<mi>a␊b</mi>"),
    ],
)
def test_names(name: str, markup: str) -> None:
    assert mathml.name(name).markup == markup


def test_a_long_name_is_cut() -> None:
    assert mathml.width(mathml.name("x" * 10_000)) < 40
    assert mathml.width(mathml.name("x" * 10_000 + "1")) < 40


@pytest.mark.parametrize(
    ("number", "text", "words"),
    [
        (0.1 + 0.2, "0.3", "0.3"),
        (-0.0, "0", "0"),
        (-2.0, "− 2", "minus 2"),
        (-3e-7, "− 3×10^ − 7", "minus 3e-07"),
        (1e20, "10^20", "1e+20"),
        (math.nan, "nan", "not a number"),
        (-math.inf, "− ∞", "minus infinity"),
    ],
)
def test_numbers(number: float, text: str, words: str) -> None:
    shown = mathml.number(number)
    assert (written(shown.markup), shown.words) == (text, words)


@pytest.mark.parametrize("primitive", primitives.TABLE.values(), ids=lambda p: p.name)
def test_the_form_of_every_primitive_can_be_read(primitive: Primitive) -> None:
    count = 4 if primitive.variadic else len(primitive.inputs)
    inputs = [mathml.name(name) for name in "abcd"[:count]]
    shown = mathml.application(primitive, inputs)
    text = written(shown.markup)
    assert all(name in text for name in "abcd"[:count])
    spelled = primitive.latex is None or primitive.latex.lstrip("\\") == primitive.name
    assert (f"<mi>{primitive.name}</mi>" in shown.markup) == spelled


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{#1}{1 + #1_2}", "x/1 + x_2"),
        (r"\operatorname{my\_f}", "my_f(x)"),
        (r"#1^\oplus", "x^⊕"),
        (r"\left\langle #1 \right\rangle", "⟨x⟩"),
        (r"\unknown{#1}", "f(x)"),
        (r"\frac{#1}", "f(x)"),
        ("#2", "f(x)"),
        ("^2#1", "f(x)"),
        ("#1 & 2", "f(x)"),
        (r"\left(#1", "f(x)"),
        (r"\sqrt[3]{#1", "f(x)"),
    ],
)
def test_a_form_of_a_user_is_read_or_else_the_function_is_called(latex: str, text: str) -> None:
    f = Primitive("f", lambda x: x, lambda out, x: (1.0,), latex=latex)
    shown = mathml.application(f, [mathml.name("x")]).markup
    parsed(f'<math aria-label="f">{shown}</math>')
    assert written(shown) == text


# Values ---------------------------------------------------------------------------------------


def test_a_value_in_symbols_and_with_numbers() -> None:
    x, w = Value(2.0, "x1"), Value(-3.0, "w")
    assert forward(x) == "x_1 = 2"
    assert forward(Value(2.0, requires_grad=False)) == "2 (a constant)"
    product = x * w
    product.label = "y"
    assert forward(product) == "y = x_1 · w = 2 · ( − 3) = − 6"
    assert forward(x**2) == "v_1 = x_1^2 = 2^2 = 4"
    assert forward(x / w) == "v_1 = x_1/w = 2/ − 3 = − 0.666667"
    assert forward(ag.where(x > 1, x, w)) == "v_1 = where(…,x_1) = where(…,2) = 2"


def test_sums_are_spelled_out_and_long_ones_cut_short() -> None:
    xs = [Value(float(k), f"x{k}") for k in range(1, 1001)]
    assert forward(ag.sum(xs[:2])) == "v_1 = x_1 + x_2 = 1 + 2 = 3"
    assert forward(ag.mean(xs[:2])) == "v_1 = x_1 + x_2/2 = 1 + 2/2 = 1.5"
    assert forward(ag.dot(xs[:2], [xs[2], -3.0])) == (
        "v_1 = x_1 · x_3 + x_2 · ( − 3) = 1 · 3 + 2 · ( − 3) = − 3"
    )
    assert "x_1 + x_2 + x_3 + x_4 + ⋯ + x_999 + x_1000 =" in forward(ag.sum(xs))
    assert "logsumexp(x_1,x_2,x_3,x_4,⋯,x_999,x_1000)" in forward(ag.logsumexp(xs))


# Gradients ------------------------------------------------------------------------------------


def test_the_seed() -> None:
    y = Value(2.0, "x") * 2.0
    y.label = "y"
    assert lines(gradient_equation(y.steps(), y)) == ["∂y/∂y = 1 (the seed)"]
    assert lines(chain_rule(ag.Sweep(y, seed=-0.5), y)) == ["∂y/∂y = − 0.5 (the seed)"]


def test_a_value_that_is_used_once() -> None:
    x, w = Value(2.0, "x"), Value(-3.0, "w")
    v = x * w
    v.label = "v"
    y = ag.tanh(v)
    y.label = "y"
    assert lines(gradient_equation(y.steps(), v)) == [
        "∂y/∂v = ∂y/∂y · ∂y/∂v",
        "= ∂y/∂y · (1 − y · y)",
        "= 1 · (1 − ( − 0.999988 · ( − 0.999988)))",
        "= 1 · 2.45765×10^ − 5",
        "= 2.45765×10^ − 5",
    ]
    assert lines(chain_rule(y.steps(), x)) == [
        "∂y/∂x = ∂y/∂v · ∂v/∂x",
        "= (1 − y · y) · w",
        "= 2.45765×10^ − 5 · ( − 3)",
        "= − 7.37296×10^ − 5",
    ]


def test_a_value_that_one_operation_uses_twice() -> None:
    x = Value(3.0, "x")
    y = x * x
    y.label = "y"
    assert lines(gradient_equation(y.steps(), x)) == [
        "∂y/∂x = ∂y/∂y · ∂y/∂x_1st + ∂y/∂y · ∂y/∂x_2nd",
        "= ∂y/∂y · x + ∂y/∂y · x",
        "= 1 · 3 + 1 · 3",
        "= 6",
    ]
    assert lines(chain_rule(y.steps(), x)) == [
        "∂y/∂x = ∂y/∂x_1st = 3 = 3",
        "+ ∂y/∂x_2nd = 3 = 3",
        "= 6",
    ]


def test_a_value_with_several_uses_has_a_sum_and_several_paths() -> None:
    x = Value(3.0, "x")
    half = x / -2.0
    half.label = "h"
    y = half * x
    y.label = "y"
    sweep = ag.Sweep(y, seed=10.0)
    assert lines(gradient_equation(sweep, x)) == [
        "∂y/∂x = ∂y/∂y · ∂y/∂x + ∂y/∂h · ∂h/∂x",
        "= ∂y/∂y · h + ∂y/∂h · ( − 0.5)",
        "= 10 · ( − 1.5) + 30 · ( − 0.5)",
        "= − 30",
    ]
    assert lines(chain_rule(sweep, x)) == [
        "∂y/∂x = ∂y/∂x = 10 · ( − 1.5) = − 15",
        "+ ∂y/∂h · ∂h/∂x = 10 · 3 · ( − 0.5) = − 15",
        "= − 30",
    ]


def test_gradients_of_before_don_t_enter() -> None:
    x = Value(3.0, "x")
    x.grad = 100.0
    assert lines(gradient_equation((x * 2.0).steps(), x))[-1] == "= 2"


def test_what_no_gradient_flows_to() -> None:
    x, c = Value(3.0, "x"), Value(2.0, "c", requires_grad=False)
    sweep = (x * c).steps()
    assert lines(gradient_equation(sweep, c)) == ["no gradient flows to c"]
    assert lines(chain_rule(sweep, c)) == ["no gradient flows to c"]


def test_a_user_rule_that_can_t_be_written() -> None:
    halve = Primitive("halve", lambda x: x / 2, lambda out, x: (0.5 if x.is_integer() else 0.25,))
    x = Value(2.0, "x")
    y = halve(x)
    y.label = "y"
    assert lines(gradient_equation(y.steps(), x)) == [
        "∂y/∂x = ∂y/∂y · ∂y/∂x",
        "= 1 · 0.5",
        "= 0.5",
    ]


def test_nan_and_infinity_are_shown() -> None:
    x = Value(0.0, "x")
    y = ag.log(x)
    y.label = "y"
    assert lines(gradient_equation(y.steps(), x))[-2:] == ["= 1 · ∞", "= ∞"]
    assert forward(y).endswith("= − ∞")
    z = y * 0.0
    z.label = "z"
    assert lines(gradient_equation(z.steps(), x))[-2:] == ["= 0 · ∞", "= nan"]


def test_many_uses_are_cut_short_and_added_up_whole() -> None:
    x = Value(1.0, "x")
    y = ag.sum([x * float(k) for k in range(1, 1001)])
    sweep = y.steps()
    equation = lines(gradient_equation(sweep, x))
    assert equation[0].count("+") == 6
    assert "⋯" in equation[0]
    assert equation[-1] == "= 500500"
    paths = lines(chain_rule(sweep, x))
    assert len(paths) == 10
    assert paths[-2:] == ["+ 992 more paths", "= 500500"]


def test_all_paths_are_counted_though_they_double_at_each_step() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(40):
        y = y + y
    assert lines(chain_rule(y.steps(), x))[-2:] == [
        f"+ {2**40 - 8:,} more paths",
        "= 1.09951×10^12",
    ]
    for _ in range(2_000):
        y = y * 0.5 + y * 0.5
    assert "+ about 10^614 more paths" in lines(chain_rule(y.steps(), x))


def test_one_more_path() -> None:
    x = Value(1.0, "x")
    assert "+ one more path" in lines(chain_rule(ag.sum([x] * 9).steps(), x))


def test_a_deep_graph_has_one_long_path() -> None:
    x = Value(0.5, "x")
    y = x
    for _ in range(5_000):
        y = y * 1.0
    first, *_, last = lines(chain_rule(y.steps(), x))
    assert first.count("·") == 6
    assert last == "= 1"


def all_paths(sweep: ag.Sweep, node: Value) -> list[list[float]]:
    """Enumerate the paths from the root to a node, as the derivatives along them."""
    if node is sweep.root:
        return [[]]
    return [
        [*path, edge.local_derivative]
        for step in sweep
        for edge in step.edges
        if edge.parent is node
        for path in all_paths(sweep, step.node)
    ]


@given(expressions(BUILTIN, max_operations=6))
@settings(max_examples=60)
def test_every_equation_of_every_graph(expression: Expression) -> None:
    inputs = [Value(x, f"<{k}>") for k, x in enumerate(expression.point)]
    root = expression(*inputs)
    if not root.requires_grad:
        return
    sweep = root.steps()
    root.backward()
    for node in sweep.order:
        parsed(forward_equation(node, sweep.names))
        value = written(mathml.number(node.grad if node is not root else 1.0).markup)
        gradient = lines(gradient_equation(sweep, node))
        assert gradient[-1].removesuffix(" (the seed)").endswith(f"= {value}")
        if node is not root:
            paths = all_paths(sweep, node)
            shown = lines(chain_rule(sweep, node))
            assert shown[-1].endswith(f"= {value}")
            more = [line for line in shown if line.endswith(" more paths")]
            assert len(more) == (len(paths) > 9)
            assert more in ([], [f"+ {len(paths) - 8} more paths"])
            if len(paths) > 1:
                products = [written(mathml.number(math.prod(path)).markup) for path in paths]
                for line in shown[: min(8, len(paths))]:
                    assert line.rpartition("= ")[2] in products or "−" in line


LABELS = [
    "<script>alert(1)</script>",
    '"&quot;',
    "a\nb\0",
    "]]>",
    "x" * 10_000,
    "数 👩🔬",
    "\ud800",
]


@pytest.mark.parametrize("label", LABELS)
def test_labels_can_contain_anything(label: str) -> None:
    x = Value(2.0, label)
    y = ag.tanh(x) * x
    y.label = f"{label}1"
    sweep = y.steps()
    for equation in (
        forward_equation(y, sweep.names),
        gradient_equation(sweep, x),
        chain_rule(sweep, x),
    ):
        parsed(equation.encode().decode())
        assert "<script" not in equation
        assert len(equation) < 10_000


def test_equations_can_be_read_aloud() -> None:
    x = Value(3.0, "x")
    y = -x / 2.0 + x**2
    y.label = "y"
    spoken = parsed(gradient_equation(y.steps(), x)).attrib["aria-label"]
    assert spoken.startswith(
        "the derivative of y by x equals the derivative of y by v3 times the derivative of v3 by x "
        "plus the derivative of y by v1 times the derivative of v1 by x; equals"
    )
    assert parsed(forward_equation(y, y.steps().names)).attrib["aria-label"] == (
        "y equals v2 plus v3 equals minus 1.5 plus 9 equals 7.5"
    )
