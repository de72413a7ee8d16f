"""The two forms of the engine, compiled and in plain Python: the same to the last bit."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import Value, installation

ROOT = Path(__file__).parent.parent
FORMS = ["python", "compiled"] if installation.is_compiled() else ["python"]

# Random programs over the whole table, with shared, constant and special operands; every number
# of every node, and every gradient, is printed to the last bit.
PROGRAMS = """
import math, random
from autograd import Value, backward, gradients, no_grad
from autograd.primitives import TABLE

rng = random.Random(20)
special = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e308, 5e-324, 2, True, 10**400]
operators = ["a + b", "a - b", "a * b", "a / b", "a ** b", "a % b", "a // b", "-a", "abs(a)",
             "a ** 2", "a ** 3.0", "a ** -0.5", "a ** 1.5", "a ** -1", "a ** 1e-20",
             "a.relu()", "a.tanh()", "a.exp()"]
compiled = [compile(text, "program", "eval") for text in operators]
for program in range(400):
    nodes = [Value(rng.gauss(0.0, 2.0), requires_grad=rng.random() < 0.8) for _ in range(3)]
    leaves = list(nodes)
    for _ in range(12):
        a = rng.choice(nodes)
        b = rng.choice(special) if rng.random() < 0.15 else rng.choice(nodes)
        if rng.random() < 0.3:
            primitive = rng.choice(list(TABLE.values()))
            count = rng.choice([2, 4]) if primitive.variadic else len(primitive.inputs)
            node = primitive(*[rng.choice(nodes) for _ in range(count)])
        else:
            names = {"a": a, "b": b} if rng.random() < 0.7 else {"a": b, "b": a}
            if not isinstance(names["a"], Value) and program % 2:
                names = {"a": a, "b": b}
            try:
                node = eval(rng.choice(compiled[:7] if names["a"] is b else compiled), names)
            except (AttributeError, TypeError, OverflowError, ZeroDivisionError) as error:
                print(type(error).__name__)
                continue
        if isinstance(node, Value):
            nodes.append(node)
    for root in nodes:
        if root.requires_grad:
            backward([root, nodes[-1]] if nodes[-1].requires_grad else root)
    for node in nodes:
        print(node.op, node.data.hex(), node.grad.hex(), node.requires_grad, node.is_leaf,
              [p.hex() for p in map(float, node.partials)], [p.data.hex() for p in node.parents])
"""


def run(form: str, program: str) -> str:
    environment = {**os.environ, "STEPGRAD_PURE": "1" if form == "python" else "0"}
    command = [sys.executable, "-c", f"import autograd\nassert autograd.backend == {form!r}\n"]
    command[-1] += program
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_forms_give_the_same_to_the_last_bit() -> None:
    outputs = [run(form, PROGRAMS) for form in FORMS]
    lines = outputs[0].splitlines()
    assert len(lines) > 4000
    assert all(output.splitlines() == lines for output in outputs)


@pytest.mark.parametrize("form", FORMS)
def test_the_form_can_be_told_and_chosen(form: str) -> None:
    suffix = run(form, "from autograd import modes, sweep, value\nprint(value.__file__[-3:])")
    assert (suffix.strip() == ".py") == (form == "python")


@pytest.mark.parametrize("form", FORMS)
def test_a_long_chain_is_swept_and_freed_at_once(form: str) -> None:
    program = """
import gc, sys, weakref
from autograd import Value, sum
gc.disable()
x = Value(1.0)
ends = [x, x, x]
for _ in range(200_000):
    ends[0] = ends[0] * x
    ends[1] = sum([ends[1], x, x])
    ends[2] = (ends[2] / x).tanh()
for end in ends:
    end.backward()
print(x.grad > 599_000)
watched = [weakref.ref(end) for end in ends]
parents = sys.getrefcount(x)
del ends, end
print([reference() for reference in watched], parents - sys.getrefcount(x))
"""
    assert run(form, program).splitlines() == ["True", "[None, None, None] 800003"]


def test_a_compiled_node_is_small_and_none_of_the_garbage_collectors_business() -> None:
    y = Value(2.0) * Value(3.0)
    if autograd.backend == "compiled":
        assert sys.getsizeof(y) <= 112
        assert not gc.is_tracked(y)
    else:
        assert gc.is_tracked(y)


def test_a_subclass_may_be_part_of_a_cycle_that_is_found() -> None:
    class Named(Value):
        pass

    named = Named(1.0)
    named.itself = named
    before = gc.collect() and 0
    del named
    assert gc.collect() > before


def test_a_source_that_is_being_worked_on_runs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_FOLDER", tmp_path)
    source, compiled = tmp_path / "value.py", tmp_path / "value.so"
    source.touch()
    compiled.touch()
    assert installation._is_current("autograd.value", compiled)
    os.utime(compiled, (0.0, source.stat().st_mtime - 60.0))
    assert not installation._is_current("autograd.value", compiled)
    assert not installation._is_current("autograd.value", None)
    source.unlink()  # compiled code alone was installed
    assert installation._is_current("autograd.value", compiled)
