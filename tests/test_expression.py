"""The expression language: what it means, what it refuses, and that nothing else can happen."""

from __future__ import annotations

import ast
import math
import operator
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import Value, primitives
from autograd.checking import strategies
from autograd.expression import (
    FUNCTIONS,
    ExpressionError,
    parse,
    suggestion,
)


def at(text: str, **values: float) -> float:
    expression = parse(text, values)
    return expression(*[values[name] for name in expression.variables]).data


def refusal(text: str) -> str:
    started = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        parse(text)(1.0)
    assert time.process_time() - started < 1.0
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


# Meaning


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2 - 3 - x", -4.0),
        ("2 ** x ** 2", 512.0),
        ("-x ** 2", -9.0),
        ("(-x) ** 2", 9.0),
        ("7 // x + 7 % x", 3.0),
        ("-7 % x", 2.0),
        ("x / 2 / 2", 0.75),
        ("0x10 + 1_000 + 1e1 + x", 1029.0),
        ("+x - -x", 6.0),
        ("cos(pi) * x + e - e + 0 * x", -3.0),
        ("minimum(inf, x)", 3.0),
        ("abs(-x)", 3.0),
        ("clamp(x, max=1)", 1.0),
        ("clamp(x, 0, 2)", 2.0),
        ("sum([x, x, 1]) + mean([x, 1]) + dot([x, 1], (2, 3))", 18.0),
        ("softmax([x, x])[1]", 0.5),
        ("s = softmax([x, 1, 2]); s[0] + s[1] + s[2]", 1.0),
        ("xs = [x, 2]; sum(xs) + xs[0]", 8.0),
        ("exp(log_softmax([x, x])[0])", 0.5),
        ("gelu(x, approximate='tanh')", primitives.gelu_tanh(3.0)),
        ("where(x > 2, 10, 20)", 10.0),
        ("where(0 < x <= 2, 10, 20)", 20.0),
        ("where(x == 3 and not x != 3, 10, 20)", 10.0),
        ("where(x < 0 or True, x, 20)", 3.0),
        ("where(x > 0, x, log(-x))", 3.0),
        ("n = x * 2; m = n + 1; n * m", 42.0),
        ("n = x * 2\nn + 1 # a comment", 7.0),
        ("k = 2; x ** k", 9.0),
        ("n = x; n * x", 9.0),
        ("x;", 3.0),
        ("ｔａｎｈ(0 * ｘ)", 0.0),
    ],
)
def test_meaning(text: str, result: float) -> None:
    assert at(text, x=3.0) == pytest.approx(result, rel=1e-15)


def test_given_names_come_before_constants() -> None:
    assert at("e * pi * inf", e=2.0, pi=3.0, inf=4.0) == 24.0
    assert parse("e * x").variables == ("x",)


def test_variables_are_listed_in_the_order_of_their_appearance() -> None:
    assert parse("n = z + a; where(c > 0, n, a) * b").variables == ("z", "a", "c", "b")


def test_assignments_label_the_nodes() -> None:
    root = parse("n = x*w; m = n; k = 2; s = softmax([n, x]); y = n + k*s[0]; y")(3.0, 4.0)
    labels = {node.label: node for node in autograd.sweep.topological_order([root]) if node.label}
    assert root.label == "y"
    assert set(labels) == {"x", "w", "n", "k", "y", "s[0]"}
    assert (labels["n"].op, labels["s[0]"].op) == ("*", "exp")
    assert not labels["k"].requires_grad


def test_a_name_is_one_node_however_often_it_is_used() -> None:
    x = Value(1.0)
    text = "".join(f"v{k} = v{k - 1} + v{k - 1}; " for k in range(1, 61)).replace("v0", "x")
    root = parse(text + "v60")(x)
    root.backward()
    assert x.grad == 2.0**60


def test_operations_on_constants_alone_are_no_nodes() -> None:
    root = parse("x * (2 * 3 + sum([1, 1]))")(1.0)
    assert [parent.data for parent in root.parents] == [1.0, 8.0]
    assert root.parents[1].is_leaf


def test_values_are_taken_as_they_are_and_numbers_become_labelled_values() -> None:
    x = Value(2.0)
    root = parse("x * y")(x, 3.0)
    assert root.parents[0] is x
    assert root.parents[1].label == "y"
    with pytest.raises(TypeError, match="needs 2 inputs, got 1"):
        parse("x * y")(1.0)


def test_every_public_function_can_be_called_and_nothing_else() -> None:
    of_table = {entry.name for entry in primitives.TABLE.values() if entry.symbol == entry.name}
    public = {name for name in vars(autograd) if name in of_table}
    assert set(FUNCTIONS) == public | {"softmax", "log_softmax", "abs"}
    assert all(FUNCTIONS[name] is getattr(autograd, name) for name in public)


def test_long_chains_are_no_nesting() -> None:
    assert at("+".join(["x"] * 1500), x=1.0) == 1500.0


# Refusal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("# nothing", "empty"),
        ("x.data", "no attributes"),
        ("().__class__.__bases__[0]", "a list such as"),
        ("__import__('os').system('true')", "there are no attributes"),
        ("exec(x)", "no function 'exec'"),
        ("tahn(x)", "did you mean tan or tanh?"),
        ("max(x, 1)", "did you mean maximum?"),
        ("ln(x)", "did you mean log?"),
        ("tanh", "write tanh(…)"),
        ("lambda: x", "'lambda: x' is not part of the language"),
        ("[y for y in x]", "not part"),
        ("(y for y in x)", "not part"),
        ("{x}", "not part"),
        ("{x: x}", "not part"),
        ("x + 'a'", "\"'a'\" is not part"),
        ("f'{x}'", "not part"),
        ("b'x'", "not part"),
        ("1j * x", "'1j' is not part"),
        ("x + True", "'True' is not part"),
        ("None", "not part"),
        ("x if x else 1", "write where"),
        ("x > 0", "belongs inside where"),
        ("x and x", "belong inside where"),
        ("not x", "not part"),
        ("~x", "not part"),
        ("x ^ 2", "write x ** y"),
        ("x @ x", "not part"),
        ("x << 1", "not part"),
        ("(y := x)", "write 'name = expression;'"),
        ("y := x", "can't be read at ':= x'"),
        ("x = 2", "without a name: add '; x'"),
        ("x; x", "only the last part has no name"),
        ("n = x; n = 2; n", "'n' is assigned twice"),
        ("x * 2; x", "only the last part"),
        ("n = x + y; x = 2; n", "'x' is a variable and can't be assigned"),
        ("a = b = x; a", "not part"),
        ("a, b = x; a", "not part"),
        ("a.b = x; a", "not part"),
        ("a: int = x; a", "not part"),
        ("a += x; a", "not part"),
        ("import os", "not part"),
        ("def f(): pass", "not part"),
        ("del x", "not part"),
        ("*x", "not part"),
        ("tanh(*x)", "'*x' is not part"),
        ("tanh(**x)", "not part"),
        ("tanh(x, x)", "tanh(x) was given 2 inputs"),
        ("tanh()", "tanh(x) was not given x"),
        ("tanh(y=x)", "has no input 'y'"),
        ("tanh(x, x=x)", "given 'x' twice"),
        ("tanh(x=x, x=x)", "gives 'x' twice"),
        ("tanh([x])", "belongs inside sum"),
        ("tanh(x)(x)", "not part"),
        ("gelu(x, approximate='no')", "'none' or 'tanh'"),
        ("sum(x)", "a list such as [x, y] is needed in place of 'x'"),
        ("sum(1, x)", "a list such as"),
        ("mean([]) * x", "at least one number"),
        ("dot([x], [1, 2])", "got 1 and 2"),
        ("[x]", "a list belongs inside"),
        ("x, 1", "the result is one number"),
        ("softmax([x])", "write softmax([…])[0]"),
        ("softmax([x])[1]", "outside the list, which has 1 entries"),
        ("softmax([x])[-1]", "not part"),
        ("softmax([x])[x]", "not part"),
        ("softmax([x, x])[True]", "not part"),
        ("softmax([x])[0:1]", "not part"),
        ("s = [x, x]; s", "write s[0]"),
        ("x[0]", "a list such as"),
        ("where(x, 1, 2)", "needs a condition"),
        ("where(x > 0, 1)", "needs just these three"),
        ("where(x > 0, 1, y=2)", "needs just these three"),
        ("where(x in [1], 1, 2)", "not part"),
        ("where(x is x, 1, 2)", "not part"),
        ("9**9**9", "'9**9**9' is not finite: it is inf"),
        ("x + 1 / 0", "'1 / 0' is not finite"),
        ("log(-1) * x", "'log(-1)' is not finite: it is nan"),
        ("1e400 * x", "'1e400' is not finite"),
        ("0x" + "f" * 300 + " * x", "is not finite"),
        ("9" * 5000 + " * x", "can't be read"),
        ("(" * 10**6 + ")" * 10**6, "has 2,000,000 characters; at most 10,000"),
        ("x" * 10**6, "at most 10,000"),
        ("(" * 101 + "x" + ")" * 101, "at most 100 levels"),
        ("[" * 4000, "at most 100 levels"),
        ("-" * 101 + "x", "at most 100 levels"),
        ("-" * 9000 + "x", "at most 100 levels"),
        ("x" + ".a" * 4000, "at most 100 levels"),
        ("x" + "**x" * 3000, "at most 100 levels"),
        ("tanh(" * 101 + "x" + ")" * 101, "at most 100 levels"),
        ("where(" + "not " * 2000 + "x>0,x,x)", "at most 100 levels"),
        ("x" + "+x" * 4900, "at most 100 levels"),
        ("s=[" + "x," * 2000 + "];" + "+".join(["sum(s)"] * 700), "at most 20,000 operations"),
        ("s=[" + "x," * 1500 + "];" + "".join(f"s{k}=softmax(s);" for k in range(9)) + "x", "too"),
        ("(", "was never closed"),
        ("x)", "unmatched"),
        ("x +", "at its end"),
        ("x y", "can't be read"),
        ("1and x", "can't be read"),
        ("where(x > 1and x > 2, 1, 2)", "can't be read"),
        ("'\\d'", "can't be read"),
        ("x\n  + 1", "unexpected indent"),
        ("\0", "can't be read"),
        ("x\0", "can't be read"),
        ("\udc80", "no text"),
        ("т(x)", "with CYRILLIC SMALL LETTER TE"),
        ("x − 1", "invalid character"),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_refusal(text: str, reason: str) -> None:
    assert reason in refusal(text)


def test_infinity_by_name_is_allowed_where_infinity_by_accident_is_not() -> None:
    assert at("-inf * x", x=1.0) == -math.inf
    assert math.isnan(at("(inf - inf) * x", x=1.0))
    refusal("(1e308 * 10) * x")


def test_a_given_name_can_not_be_assigned() -> None:
    with pytest.raises(ExpressionError, match="'n' is a variable and can't be assigned"):
        parse("n = x; n", given=["n", "x"])


def test_suggestions_are_quick_for_long_names() -> None:
    assert suggestion("x" * 10**6, FUNCTIONS) == ""


@given(st.text(max_size=200))
def test_any_text_is_an_expression_or_refused_in_one_line(text: str) -> None:
    _parses_or_refuses(text)


WORDS = r"""
    x y n pi e inf tanh where softmax sum dot gelu approximate polygamma 0 1 2.5 1e308 9 'tanh'
    True None + - * / // % ** ( ) [ ] { } , ; = == < > := . : @ ^ ~ and or not if else for in
    lambda # \ ' " é ² ｘ _ __class__ f'' yield await * **
"""
TOKENS = st.sampled_from([*WORDS.split(), "\n", "\0", "\t"])


@given(st.lists(TOKENS, max_size=40).map(" ".join))
@example("where ( x < 1 , softmax ( [ x , y ] ) [ 0 ] , 1 )")
def test_any_soup_of_tokens_is_an_expression_or_refused_in_one_line(text: str) -> None:
    _parses_or_refuses(text)


def _parses_or_refuses(text: str) -> None:
    try:
        expression = parse(text)
        root = expression(*[1.5] * len(expression.variables))
    except ExpressionError as error:
        message = str(error)
    else:
        message = repr(root)
    assert len(message.splitlines()) == 1


# Against floats: an expression is generated as text and, beside it, as a computation.

Computation = Callable[[dict[str, float]], float]
Written = tuple[str, Computation]

INFIX: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": autograd.real.divide,
    "//": autograd.real.floor_divide,
    "%": autograd.real.remainder,
    "**": autograd.real.power,
}
PREFIX: dict[str, Callable[[float], float]] = {"-": operator.neg, "+": operator.pos}
CALLS: dict[str, Callable[[float], float]] = {
    "tanh": math.tanh,
    "atan": math.atan,
    "erf": math.erf,
    "cbrt": math.cbrt,
    "abs": abs,
}


def variable(name: str) -> Written:
    return name, lambda point: point[name]


def number(x: float) -> Written:
    return repr(x), lambda point: x


def infix(left: Written, symbol: str, right: Written) -> Written:
    function = INFIX[symbol]
    return (
        f"({left[0]}) {symbol} ({right[0]})",
        lambda point: function(left[1](point), right[1](point)),
    )


def prefix(symbol: str, operand: Written) -> Written:
    return f"{symbol}({operand[0]})", lambda point: PREFIX[symbol](operand[1](point))


def call(name: str, operand: Written) -> Written:
    return f"{name}({operand[0]})", lambda point: CALLS[name](operand[1](point))


def choice(left: Written, right: Written, x: Written, y: Written) -> Written:
    return (
        f"where({left[0]} < {right[0]}, {x[0]}, {y[0]})",
        lambda point: x[1](point) if left[1](point) < right[1](point) else y[1](point),
    )


def larger(parts: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    return st.one_of(
        st.builds(infix, parts, st.sampled_from(sorted(INFIX)), parts),
        st.builds(prefix, st.sampled_from(sorted(PREFIX)), parts),
        st.builds(call, st.sampled_from(sorted(CALLS)), parts),
        st.builds(choice, parts, parts, parts, parts),
    )


NUMBERS = st.integers(0, 4).map(float) | st.floats(0.25, 8.0)
WRITTEN = st.recursive(
    st.sampled_from("xyz").map(variable) | NUMBERS.map(number), larger, max_leaves=12
)
POINTS = st.fixed_dictionaries(dict.fromkeys("xyz", st.floats(-8.0, 8.0)))


@given(WRITTEN, POINTS)
def test_valid_expressions_mean_the_same_in_floats(
    written: Written, point: dict[str, float]
) -> None:
    text, compute = written
    try:
        result = at(text, **point)
    except ExpressionError as refused:
        reason = str(refused)
        result = math.nan
    else:
        reason = ""
    expected = compute(point)
    assert "is not finite" in reason or result == expected or math.isnan(result * expected)


LINKS = st.tuples(
    st.sampled_from(sorted(INFIX)), st.sampled_from(["", "-", "+", "- -"]), st.sampled_from("xy2")
)


@given(st.lists(LINKS, max_size=12))
def test_precedence_is_that_of_pythons_grammar(links: list[tuple[str, str, str]]) -> None:
    text = " ".join(["x", *(f"{symbol} {sign}{name}" for symbol, sign, name in links)])
    try:
        root = parse(text)(*[3.0, 5.0][: len(parse(text).variables)])
    except ExpressionError as refused:
        reason = str(refused)
    else:
        reason = ""
    tree = ast.parse(text.strip(), mode="eval").body
    assert "is not finite" in reason or repr(root.data) == repr(_float(tree))


def _float(node: ast.expr) -> float:
    symbols = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
    symbols |= {ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**"}
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return INFIX[symbols[type(op)]](_float(left), _float(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_float(operand)
        case ast.UnaryOp(operand=operand):
            return _float(operand)
        case ast.Name(id=name):
            return {"x": 3.0, "y": 5.0}[name]
    assert isinstance(node, ast.Constant)
    return float(node.value)


BUILT_IN = [entry for name, entry in primitives.TABLE.items() if hasattr(autograd, name)]
BUILT_IN += [entry for entry in primitives.TABLE.values() if entry.symbol != entry.name]


@given(strategies.expressions(primitives=BUILT_IN))
def test_the_code_of_random_graphs_is_read_back_exactly(f: strategies.Expression) -> None:
    code = repr(f).partition("def f(")[2]
    names, _, body = code.partition("):\n")
    lines = [line.strip().removeprefix("return ") for line in body.splitlines()[:-2]]
    expression = parse("\n".join(lines))
    point = dict(zip(names.split(", "), f.point, strict=True))
    result = expression(*[point[name] for name in expression.variables])
    assert result.data == float(f(*f.point))
