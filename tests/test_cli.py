"""The stepgrad command: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import autograd
import nn.recipes
from autograd import Value
from autograd.cli import NEURON, NEURON_POINT, main
from autograd.explanation import Explanation
from autograd.expression import FUNCTIONS, parse
from autograd.primitives import TABLE
from nn.recipes import OPTIMIZERS, RECIPES, SCHEDULES

ROOT = Path(__file__).parent.parent
COMMANDS = ("explain", "check", "draw", "step", "train", "search", "failures", "paths", "demo")


@dataclass
class Outcome:
    status: int
    out: str
    err: str


def stepgrad(*arguments: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    return Outcome(status, out.getvalue(), err.getvalue())


def complaint(*arguments: str) -> str:
    """Return the one line that a wrong use gets."""
    started = time.process_time()
    outcome = stepgrad(*arguments)
    assert time.process_time() - started < 1.0
    assert (outcome.status, outcome.out) == (2, "")
    line, *others = outcome.err.splitlines()
    assert others == []
    assert line.startswith("stepgrad: ")
    return line


def process(
    *arguments: str, cwd: Path, before: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with some code before it."""
    code = f"import sys\n{before}\nfrom autograd.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


# explain


def test_the_neuron_step_by_step() -> None:
    outcome = stepgrad("explain", NEURON, *NEURON_POINT)
    assert (outcome.status, outcome.err) == (0, "")
    before_check, _, check = outcome.out.partition("\nCheck\n")
    assert (
        before_check
        == """\
Forward pass
  name  operation  value
  x1    input       2.0
  w1    input      -3.0
  x2    input       0.0
  w2    input       1.0
  b     input       6.881373587019543
  v1    x1 · w1    -6.0
  v2    x2 · w2     0.0
  v3    v1 + v2    -6.0
  n     v3 + b      0.8813735870195432
  v4    tanh(n)     0.7071067811865477

Backward pass, from v4.grad = 1
  1. v4 = tanh(n)
     n.grad += (1 - v4 · v4) · v4.grad = 0.5 × 1 → 0.5
  2. n = v3 + b
     v3.grad += 1 · n.grad = 1 × 0.5 → 0.5
     b.grad += 1 · n.grad = 1 × 0.5 → 0.5
  3. v3 = v1 + v2
     v1.grad += 1 · v3.grad = 1 × 0.5 → 0.5
     v2.grad += 1 · v3.grad = 1 × 0.5 → 0.5
  4. v2 = x2 · w2
     x2.grad += w2 · v2.grad = 1 × 0.5 → 0.5
     w2.grad += x2 · v2.grad = 0 × 0.5 → 0.0
  5. v1 = x1 · w1
     x1.grad += w1 · v1.grad = -3 × 0.5 → -1.5
     w1.grad += x1 · v1.grad = 2 × 0.5 → 1.0

Gradients of v4
  x1  -1.4999999999999993
  w1   0.9999999999999996
  x2   0.4999999999999998
  w2   0.0
  b    0.4999999999999998
"""
    )
    assert "passed" in check
    assert "all agree over 5 operations" in check


def test_a_value_used_twice_shows_the_sum() -> None:
    lines = stepgrad("explain", "x*x + 3*x", "x=2").out
    assert "x.grad += x · v1.grad = 2 × 1 → 3.0 + 2.0 = 5.0" in lines
    assert "x.grad += x · v1.grad = 2 × 1 → 5.0 + 2.0 = 7.0" in lines


@pytest.mark.parametrize("places", [0, 1, 2, 3])
def test_options_may_stand_anywhere(places: int) -> None:
    arguments = ["-x*w", "x=-3", "w=-.5"]
    arguments.insert(places, "--json")
    data = json.loads(stepgrad("explain", *arguments).out)
    assert (data["value"], data["gradients"]) == (-1.5, {"x": 0.5, "w": 3.0})


@pytest.mark.parametrize(
    "text", ["-x", "--x", "-h*1", "-x.real", "-o", "--json", "-", "--", "-1", "---svg"]
)
def test_an_expression_may_begin_with_a_minus(text: str) -> None:
    outcome = stepgrad("explain", text, "x=1")
    assert outcome.status == (0 if text in ("-x", "--x") else 2)
    assert len(outcome.err.splitlines()) == outcome.status / 2


def test_after_two_dashes_nothing_is_an_option() -> None:
    assert json.loads(stepgrad("explain", "--json", "--", "-h", "h=2").out)["value"] == -2.0


def test_json_has_all_digits_and_stable_keys() -> None:
    data = json.loads(stepgrad("explain", "n = x/3; tanh(n) * n", "x=0.1", "--json").out)
    x = Value(0.1)
    n = x / 3
    y = n.tanh() * n
    y.backward()
    keys = ["expression", "result", "value", "forward", "backward", "gradients", "check"]
    assert list(data) == keys
    assert (data["value"], data["gradients"]) == (y.data, {"x": x.grad})
    assert [list(node) for node in data["forward"]] == [
        ["name", "operation", "primitive", "parents", "local_derivatives", "value"]
    ] * 4
    assert [node["name"] for node in data["forward"]] == ["x", "n", "v1", data["result"]]
    product = data["backward"][0]
    assert list(product) == ["node", "gradient", "edges", "text"]
    keys = ["parent", "local_derivative", "contribution", "before", "after"]
    assert [list(edge) for edge in product["edges"]] == [keys] * 2
    assert [edge["parent"] for edge in product["edges"]] == ["v1", "n"]
    last = data["backward"][-1]["edges"][-1]
    assert (last["parent"], last["after"]) == ("x", x.grad)
    assert data["check"]["verdict"] == "passed"


def test_json_has_nan_and_infinities_as_texts_that_float_reads() -> None:
    data = json.loads(stepgrad("explain", "log(x) * y", "x=-1", "y=inf", "--json").out)
    assert math.isnan(float(data["value"]))
    assert [node["value"] for node in data["forward"][:2]] == [-1.0, "inf"]
    assert data["check"] == {
        "verdict": "not checked",
        "report": ["not checked: gradients can't be checked where y is inf"],
    }


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_variable_that_is_not_finite_is_explained_but_not_checked(number: str) -> None:
    outcome = stepgrad("explain", "x*x", f"x={number}")
    assert outcome.status == 0
    assert f"not checked: gradients can't be checked where x is {number}" in outcome.out
    assert f"where x is {number}" in complaint("check", "x*x", f"x={number}")


def test_a_result_that_is_not_finite_is_explained_but_not_checked() -> None:
    outcome = stepgrad("explain", "log(x)", "x=-1")
    assert outcome.status == 0
    assert "not checked: gradients can't be checked where log(x) is nan" in outcome.out
    assert "where log(x) is nan" in complaint("check", "log(x)", "x=-1")
    assert "where sqrt(x) has the derivative inf" in complaint("check", "sqrt(x)", "x=0")
    line = complaint("check", "1e-300 / x", "x=1e-310")
    assert "where 1e-300 / x has the derivative -inf" in line


@pytest.mark.parametrize(
    ("text", "gradient", "reason"),
    [
        ("x", 1.0, "nothing to do: the result is an input itself"),
        ("where(x > 0, 1, 2)", 0.0, "nothing to do: no input enters the result by arithmetic"),
    ],
)
def test_nothing_to_sweep(text: str, gradient: float, reason: str) -> None:
    outcome = stepgrad("explain", text, "x=3")
    assert (outcome.status, outcome.err) == (0, "")
    assert reason in outcome.out
    assert f"Gradients\n  x  {gradient}\n" in outcome.out
    assert json.loads(stepgrad("explain", "--json", text, "x=3").out)["gradients"]["x"] == gradient


def test_unused_variables_have_gradient_zero() -> None:
    data = json.loads(stepgrad("explain", "n = y*2; x*x", "x=3", "y=1", "--json").out)
    assert data["gradients"] == {"y": 0.0, "x": 6.0}


def test_latex_is_balanced_and_has_every_step() -> None:
    latex = stepgrad("explain", "a_1 = x/w; a_1**2 + sqrt(x)", "x=2", "w=1e-7", "--latex").out
    for opening, closing in (
        ("\\[", "\\]"),
        ("{", "}"),
        (r"\left(", r"\right)"),
        (r"\begin", r"\end"),
    ):
        assert latex.count(opening) == latex.count(closing)
    assert r"a_{1} &= \frac{x}{w} = 2 \times 10^{7} \\" in latex
    assert latex.count(r"\mathrel{+}=") == 6
    assert r"\frac{\partial v_{3}}{\partial w} &= " in latex


def test_svg_is_drawn_beside_the_explanation(tmp_path: Path) -> None:
    path = tmp_path / "graph.svg"
    outcome = stepgrad("explain", "x*x", "x=3", "--svg", str(path))
    assert outcome.out.endswith(f"The graph is drawn in {path}\n")
    assert "<svg" in path.read_text(encoding="utf-8")
    assert json.loads(stepgrad("explain", "x*x", "x=3", "--json", f"--svg={path}").out)


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["x*w", "x=1"], "'w' has no value: add w=…"),
        (["x*w_1", "x=1", "w1=2"], "'w_1' has no value; did you mean w1?"),
        (["x", "x=1", "y=2"], "'y' does not occur in the expression, whose variables are x"),
        (["x", "x=1", "x=2"], "'x' is given twice"),
        (["ｘ", "x=1", "ｘ=2"], "'x' is given twice"),
        (["x", "x=abc"], "'x' is not given as a number: 'abc'"),
        (["x", "x="], "'x' is not given as a number: ''"),
        (["x", "x"], "'x' is not of the form name=number; the expression is 'x'"),
        (["x", "=1"], "not of the form"),
        (["x", "2x=1"], "not of the form"),
        (["х", "x=1"], "with CYRILLIC SMALL LETTER HA"),
        (["1 + 1"], "no variable, so there is nothing to differentiate"),
        (["pi"], "no variable"),
        (["n = x; n", "x=1", "n=2"], "'n' is a variable"),
        ([], "the following arguments are required: EXPR"),
        (["x", "x=1", "--jsn"], "unrecognized arguments: --jsn"),
        (["x", "x=1", "--json", "--latex"], "exclude each other"),
        (["x", "x=1", "--svg"], "--svg: expected one argument"),
        (["x", "x=1", "--svg", "a.png"], "ends in .svg, not 'a.png'"),
        (["x.y", "x=1"], "no attributes"),
        (["(" * 10**6, "x=1"], "at most 10,000"),
        (["x" * 10**6, "x=1"], "at most 10,000"),
        (["x", "x=" + "1" * 10**6 + "_"], "is not given as a number"),
        (["x", "y" * 10**6 + "=1"], "'x' has no value"),
        (["9**9**9", "x=1"], "not finite"),
        (["\0", "x=1"], "can't be read"),
        (["\udc80", "x=1"], "no text"),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_wrong_use_of_explain_is_one_line(arguments: list[str], reason: str) -> None:
    line = complaint("explain", *arguments)
    assert reason in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["exlpain", "x", "x=1"], "invalid choice: 'exlpain'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["check", "x", "x=1", "-" * 10**6], "unrecognized arguments: ---"),
        (["check"], "required: EXPR"),
        (["check", "x", "x=1", "--order", "3"], "invalid choice: 3"),
        (["draw", "x", "x=1"], "required: -o/--output"),
        (["draw", "x", "x=1", "-o", "x.jpeg"], "not as 'x.jpeg'"),
        (["draw", "x", "x=1", "-o", "x.svg", "--detail", "few"], "invalid choice: 'few'"),
        (["draw", "x", "x=1", "-o", "no-such-folder/x.svg"], "no-such-folder"),
        (["step"], "required: EXPR"),
        (["step", "x", "x=1", "-o", "x.svg"], "saved as .html, not as 'x.svg'"),
        (["step", "x", "x=1", "-o", "no-such-folder/x.html"], "no-such-folder"),
        (["step", "x" + "*x" * 300, "x=1"], "step through a part of it"),
        (["step", "n = x; 3", "x=1"], "depends on no Value that requires a gradient"),
        (["train"], "required: RECIPE"),
        (["train", "roses"], "invalid choice: 'roses'"),
        (["train", "iris", "--epochs", "many"], "invalid int value: 'many'"),
        (["train", "iris", "--lr", "0"], "the learning rate is a number above 0, got 0.0"),
        (["train", "iris", "--lr", "nan"], "above 0, got nan"),
        (["train", "xor", "--optimizer", "adm"], "'adm' (did you mean Adam?): choose one of SGD"),
        (["train", "xor", "--schedule", "cosin"], "'cosin' (did you mean cosine?)"),
        (["train", "xor", "--batch-size", "0"], "size of a batch is a whole number above 0"),
        (["train", "xor", "--seed", "-1"], "a seed is a whole number from 0"),
        (["train", "xor", "--seeds", "0"], "number of seeds is a whole number above 0"),
        (["train", "xor", "--seeds", "2", "--plot"], "leave out --plot and --folder"),
        (["train", "xor", "--no-plot", "--folder", "f"], "leave one out"),
        (["paths", "--surface", "mars"], "the surfaces are"),
        (["paths", "--steps", "0"], "the number of steps"),
        (["demo", "x"], "unrecognized arguments: x"),
    ],
)
def test_other_wrong_uses_are_one_line(arguments: list[str], reason: str) -> None:
    line = complaint(*arguments)
    assert reason in line
    assert len(line) < 1100


WORDS = "x y n pi inf tanh where softmax sum 0 2.5 1e308 + - * / // % ** ( ) [ ] , ; = < . :"
SOUP = st.lists(st.sampled_from([*WORDS.split(), "\0"]), max_size=20).map(" ".join)


def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
    functions = sorted(UNARY & FUNCTIONS.keys())
    return st.one_of(
        st.builds("({}) {} ({})".format, parts, operators, parts),
        st.builds("{}({})".format, st.sampled_from(functions), parts),
        st.builds("where({0} < {1}, {0}, sum([{1}, x]))".format, parts, parts),
    )


UNARY = {name for name, entry in TABLE.items() if entry.inputs == ["x"] and not entry.variadic}
VALID = st.recursive(st.sampled_from(["x", "x", "2", "0.5", "1e200"]), larger, max_leaves=8)


# Fuzz: whatever the text, a status and no exception, in bounded time.


@settings(max_examples=60)
@given(st.text(max_size=60) | SOUP | VALID)
@example("x" + "+x" * 300)
@example("polygamma(3, x)")
@example("exp(exp(exp(x)))")
@example("where(x > 0, x, x)")
@example("lgamma(x) + digamma(x) ** floor(x)")
def test_any_expression_is_explained_or_refused(text: str) -> None:
    started = time.process_time()
    outcome = stepgrad("explain", text, "x=1")
    assert time.process_time() - started < 5.0
    assert outcome.status in (0, 2)
    assert len(outcome.err.splitlines()) == outcome.status / 2


@given(
    st.lists(st.text(max_size=8) | st.sampled_from(["explain", "--json", "x=1", "x"]), max_size=5)
)
def test_any_arguments_give_a_status(arguments: list[str]) -> None:
    assume(not (set(COMMANDS) - {"explain", "check"}) & set(arguments))  # they write files
    assert stepgrad(*arguments).status in (0, 1, 2)


# check, draw and step


def test_check_says_its_verdict_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = stepgrad("check", "tanh(x) * y", "x=0.5", "y=2")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.strip()
    monkeypatch.setattr(autograd.primitives.tanh, "partials", lambda out, x: (1.0 - out,))
    outcome = stepgrad("check", "tanh(x) * y", "x=0.5", "y=2")
    assert (outcome.status, outcome.err) == (1, "")
    assert "FAILED" in outcome.out
    assert "  made in the expression: 'tanh(x)'" in outcome.out
    assert '"failed"' in stepgrad("explain", "tanh(x) * y", "x=0.5", "y=2", "--json").out


def test_check_of_the_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stepgrad("check", "sin(x) * x", "x=0.5", "--order", "2").status == 0
    wrong = lambda out, x: (autograd.cos(autograd.Value(float(x)).data),)  # noqa: E731
    monkeypatch.setattr(autograd.primitives.sin, "partials", wrong)
    assert stepgrad("check", "sin(x) * x", "x=0.5").status == 0


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("svg", b"<"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
        ("dot", b"digraph"),
        ("html", b"<!DOCTYPE html>"),
    ],
)
def test_draw(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"graph.{suffix}"
    outcome = stepgrad("draw", "x*y + sin(x)", "x=2", "y=3", "-o", str(path))
    assert (outcome.status, outcome.out, outcome.err) == (0, f"The graph is drawn in {path}\n", "")
    assert path.read_bytes()[: len(start)].lower() == start.lower()


def test_drawings_have_the_gradients(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    stepgrad("draw", "n = x*x; n + 1", "x=3", "-o", str(path))
    root = parse("n = x*x; n + 1")(3.0)
    root.backward()
    assert path.read_text(encoding="utf-8") == autograd.draw(root).dot


def test_all_nodes_of_a_large_graph_are_drawn_if_wanted(tmp_path: Path) -> None:
    path, text = tmp_path / "graph.dot", "x" + "*x" * 150
    for options, boxes in (([], range(2, 100)), (["--detail", "all"], range(151, 152))):
        stepgrad("draw", text, "x=1", "-o", str(path), *options)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert sum(line.startswith("\tn") and "label=<<" in line for line in lines) in boxes


def test_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "walk.html"
    outcome = stepgrad("step", "n = x*y; n + sin(x)", "x=2", "y=3", "-o", str(path))
    said = f"The steps are in {path}: open it in a browser\n"
    assert (outcome.status, outcome.out, outcome.err) == (0, said, "")
    root = parse("n = x*y; n + sin(x)")(2.0, 3.0)
    x, y = (node for node in autograd.Sweep(root).order if node.is_leaf)
    x.label, y.label = "x", "y"
    assert path.read_text(encoding="utf-8") == autograd.stepper(root).page()
    monkeypatch.chdir(tmp_path)
    assert stepgrad("step", "x*x", "x=3").status == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["steps.html", "walk.html"]


def test_a_folder_in_the_place_of_the_picture_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.mkdir()
    assert str(path) in complaint("draw", "x", "x=1", "-o", str(path))


# train and demo


@pytest.mark.parametrize("name", RECIPES)
def test_the_help_of_a_recipe_tells_its_defaults(name: str) -> None:
    text = " ".join(stepgrad("train", name, "--help").out.split())
    defaults = RECIPES[name].defaults
    size = "all" if defaults.batch_size is None else defaults.batch_size
    for told in (
        f"(default: {defaults.optimizer})",
        f"(default: {defaults.lr:g} for {defaults.optimizer}",
        f"(default: {defaults.schedule})",
        f"samples per step (default: {size})",
        f"at most (default: {defaults.epochs})",
        f"(default: {defaults.seed})",
        *OPTIMIZERS,
        *SCHEDULES,
    ):
        assert told in text
    assert f"{name} {RECIPES[name].summary}" in " ".join(stepgrad("train", "--help").out.split())


def test_train_draws_unless_told_not_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = stepgrad("train", "linear", "--seed", "1", "--no-plot")
    assert (outcome.status, list(tmp_path.iterdir())) == (0, [])
    assert outcome.out.startswith("linear: found y = 1.0")
    assert len(outcome.out.splitlines()) == 2
    drawn = stepgrad("train", "linear", "--seed", "1")
    files = ["linear-fit.png", "linear-training.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert drawn.out == outcome.out + "".join(f"  {name}\n" for name in files)


def test_train_from_many_seeds() -> None:
    outcome = stepgrad("train", "linear", "--seeds", "2", "--epochs", "3")
    assert outcome.status == 0
    assert [line.split(":")[0] for line in outcome.out.splitlines()] == ["seed 0", "seed 1"]


def test_train_compiled_finds_the_same_and_tells_the_time() -> None:
    plain = stepgrad("train", "linear", "--no-plot")
    compiled = stepgrad("train", "linear", "--no-plot", "--compile")
    *found, time = compiled.out.splitlines()
    assert (compiled.status, found) == (0, plain.out.splitlines())
    assert re.fullmatch(r"  trained in \d+\.\d\d s, compiling included", time)


def test_train_compiled_without_llvm_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    line = complaint("train", "linear", "--no-plot", "--compile")
    assert line.endswith('compiled training needs llvmlite: pip install "stepgrad[compile]"')


def test_train_that_diverges_is_one_line() -> None:
    outcome = stepgrad("train", "linear", "--lr", "1e200")
    assert (outcome.status, outcome.out) == (2, "")
    assert "stepgrad: training diverged in epoch 1" in outcome.err.splitlines()[-1]


def test_train_that_is_interrupted_tells_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nn.recipes.recipe.fit

    def interrupted(*arguments: object, **options: object) -> object:
        def interrupt(history: nn.History) -> None:
            if len(history.loss) == 3:
                raise KeyboardInterrupt

        return whole(*arguments, **options, callbacks=[interrupt])  # type: ignore[arg-type]

    monkeypatch.setattr(nn.recipes.recipe, "fit", interrupted)
    outcome = stepgrad("train", "linear", "--no-plot")
    assert outcome.status == 130
    assert outcome.out.startswith("linear: found y = ")
    assert outcome.err.splitlines()[-1] == "stepgrad: interrupted after 3 of 100 epochs"


def test_paths_draws_all_optimizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = stepgrad("paths", "--steps", "20")
    assert (outcome.status, outcome.out) == (0, "The paths are drawn in paths.png\n")
    assert Path("paths.png").read_bytes().startswith(b"\x89PNG")
    assert stepgrad("paths", "--steps", "5", "-o", "p.svg", "--surface", "rosenbrock").status == 0
    assert "<svg" in Path("p.svg").read_text(encoding="utf-8")
    assert "no/p.png" in complaint("paths", "--steps", "5", "-o", "no/p.png")
    assert "nonsense" in complaint("paths", "--steps", "5", "-o", "p.nonsense")


def test_train_iris(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "iris"
    options = ["--epochs", "2", "--seed", "3", "--lr", "0.01", "--batch-size", "50"]
    outcome = stepgrad("train", "iris", "--folder", str(folder), *options)
    assert outcome.status == 0
    found = re.search(r"held-out accuracy ([\d.]+)", outcome.out)
    assert found
    assert 0.0 <= float(found[1]) <= 1.0
    assert {path.suffix for path in folder.iterdir()} == {".png", ".svg"}
    assert all(str(path) in outcome.out for path in folder.iterdir())
    again = stepgrad("train", "iris", "--folder", str(folder), *options)
    assert again.out == outcome.out


def test_train_hands_on_what_is_given_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def train(name: str, **options: object) -> object:
        calls.append((name, options))
        history = type("History", (), {"stopped": "epochs"})
        return type("Result", (), {"findings": "well", "files": [], "history": history})

    monkeypatch.setattr(nn.recipes, "train", train)
    monkeypatch.chdir(tmp_path)
    assert stepgrad("train", "iris").status == 0
    assert stepgrad("train", "iris", "--seed", "0", "--lr", "0.5", "--folder", "f").status == 0
    options = ["--optimizer", "SGD", "--schedule", "step", "--batch-size", "2", "--epochs", "3"]
    assert stepgrad("train", "xor", "--plot", *options).out == "xor: well\n"
    assert calls == [
        ("iris", {"folder": Path()}),
        ("iris", {"folder": Path("f"), "seed": 0, "lr": 0.5}),
        (
            "xor",
            {
                "folder": Path(),
                "optimizer": "SGD",
                "schedule": "step",
                "batch_size": 2,
                "epochs": 3,
            },
        ),
    ]


def test_train_without_its_packages_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for name in [name for name in sys.modules if name.startswith("sklearn.")]:
        monkeypatch.delitem(sys.modules, name)
    outcome = stepgrad("train", "iris", "--folder", str(tmp_path))
    assert outcome.status == 2
    assert 'pip install "stepgrad[train]"' in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_train_without_graphviz_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.drawing.render._commands", lambda form: iter(()))
    outcome = stepgrad("train", "iris", "--epochs", "1", "--folder", str(tmp_path))
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1].startswith("stepgrad: no Graphviz was found")


def test_train_with_an_impossible_number_is_one_line(tmp_path: Path) -> None:
    outcome = stepgrad("train", "iris", "--epochs", "0", "--folder", str(tmp_path))
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("command", [["demo"], ["train", "iris"]])
def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "stepgrad-demo"
    file.write_text("mine", encoding="utf-8")
    for folder in (file, file / "deeper"):
        line = complaint(*command, "--folder", str(folder))
        assert str(folder) in line
        assert "--folder" in line
    assert file.read_text(encoding="utf-8") == "mine"


def test_demo_writes_what_it_says_and_does_so_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = nn.recipes.train
    monkeypatch.setattr(nn.recipes, "train", lambda *args, **named: whole(*args, epochs=2, **named))
    monkeypatch.chdir(tmp_path)
    outcome = stepgrad("demo")
    assert outcome.status == 0
    folder = tmp_path / "stepgrad-demo"
    closing = outcome.out.partition("All this is in stepgrad-demo")[2]
    listed = set(re.findall(r"^  (\S+\.\w+) ", closing, re.MULTILINE))
    assert {path.name for path in folder.iterdir()} == listed
    assert {"explanation.txt", "neuron.svg", "neuron.html", "steps.html"} < listed
    explanation = (folder / "explanation.txt").read_text(encoding="utf-8")
    assert "w1.grad += x1 · v1.grad = 2 × 0.5 → 1.0" in explanation
    assert explanation in outcome.out
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "neuron.svg").write_text("old", encoding="utf-8")
    assert stepgrad("demo").out == outcome.out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# The process around it


def test_help_and_version() -> None:
    alone = stepgrad()
    assert (alone.status, alone.err) == (0, "")
    assert stepgrad("--help").out == alone.out
    assert all(name in alone.out for name in COMMANDS)
    assert stepgrad("--version").out == f"stepgrad {autograd.__version__}\n"
    for name in COMMANDS:
        outcome = stepgrad(name, "--help")
        assert outcome.status == 0
        assert f"stepgrad {name} " in outcome.out.partition("example")[2]


def test_explain_starts_quickly(tmp_path: Path) -> None:
    before = "import time; started = time.process_time()"
    slow = ["numpy", "matplotlib", "sklearn", "nn", "optim", "hypothesis", "pygraphviz"]
    code = f"{before}\nfrom autograd.cli import main\nmain(['explain', 'x*x', 'x=2', '--latex'])\n"
    code += f"print([n for n in {slow} if n in sys.modules], time.process_time() - started)"
    done = process(cwd=tmp_path, before=f"{code}\nsys.exit()")
    loaded, seconds = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 0.5


@pytest.mark.parametrize("encoding", ["ascii:strict", "ascii:surrogateescape"])  # that of LC_ALL=C
def test_an_encoding_without_our_signs_gets_question_marks(tmp_path: Path, encoding: str) -> None:
    done = process("explain", "x*x", "x=2", cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "x.grad += x ? v1.grad = 2 ? 1 ? 2.0" in done.stdout


def test_styles_are_for_terminals_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033" not in stepgrad("explain", "x*x", "x=2").out
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    with contextlib.redirect_stdout(terminal):
        main(["explain", "x*x", "x=2"])
        assert terminal.getvalue().startswith("\033[1mForward pass\033[0m\n")
        monkeypatch.setenv("NO_COLOR", "1")
        terminal.truncate(0)
        main(["explain", "x*x", "x=2"])
    assert "\033" not in terminal.getvalue()


@pytest.mark.parametrize(("terms", "lines"), [(1, 0), (600, 1)])
def test_a_closed_pipe_is_quiet(tmp_path: Path, terms: int, lines: int) -> None:
    text = "+".join(["sin(x)"] * terms)
    code = "import sys; from autograd.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, "explain", text, "x=1", "--latex"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        for _ in range(lines):
            assert done.stdout.readline().startswith(b"% Forward pass")
        done.stdout.close()
        assert done.stderr.read() == b""
    assert done.returncode == 141


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    err = io.StringIO()
    with contextlib.redirect_stdout(Full()), contextlib.redirect_stderr(err):
        assert main(["explain", "x*x", "x=2", "--latex"]) == 2
    assert err.getvalue() == "stepgrad: can't write the output: No space left on device\n"


def test_what_was_printed_survives_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    done = process("explain", "x*x", "x=2", "--latex", "--svg", "no/x.svg", cwd=tmp_path)
    assert done.returncode == 2
    assert "Gradients" in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_interruption_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: object, *arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Explanation, "__init__", interrupt)
    outcome = stepgrad("explain", "x*x", "x=2")
    assert (outcome.status, outcome.out) == (130, "")
    assert outcome.err.strip() == "stepgrad: interrupted"


def test_another_autograd_in_the_place_of_ours_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(autograd, "Sweep")
    assert "pip uninstall autograd" in complaint("explain", "x*x", "x=2")
