"""The plug-ins, as other projects see them: in processes of their own, by entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def run_pytest(folder: Path, test: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    return run("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, cwd=folder)


# Hypothesis


@given(v=...)
def test_a_value_is_inferred_from_the_annotation(v: Value) -> None:
    assert isinstance(v, Value)
    assert v.requires_grad


@given(vs=...)
def test_values_inside_other_types_too(vs: list[Value]) -> None:
    assert all(isinstance(v, Value) for v in vs)


def test_the_inferred_strategy_is_values() -> None:
    assert "Value" in repr(st.from_type(Value))


@pytest.mark.parametrize(
    "first",
    [
        "import hypothesis",
        "import autograd",
        "import autograd.checking.hypothesis_plugin",
        "import autograd.checking.strategies",
        "from hypothesis import strategies",
    ],
)
def test_the_hypothesis_plugin_loads_in_any_order(tmp_path: Path, first: str) -> None:
    code = f"{first}\nimport hypothesis.strategies as st\nfrom autograd import Value\n"
    done = run("-W", "error", "-c", code + "st.from_type(Value).validate()", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_hypothesis_imports_little_of_ours(tmp_path: Path) -> None:
    code = "import hypothesis, sys; print([name for name in sys.modules if name in UNWANTED])"
    unwanted = {"autograd.checking.strategies", "mpmath", "numpy", "graphviz", "pygraphviz"}
    done = run("-c", code.replace("UNWANTED", repr(unwanted)), cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_strategies_without_hypothesis_name_the_extra(tmp_path: Path) -> None:
    (tmp_path / "hypothesis.py").write_text("raise ImportError", encoding="utf-8")
    done = run("-c", "import autograd.checking.strategies", cwd=tmp_path)
    assert done.stderr.strip().endswith(
        'ImportError: autograd.checking.strategies needs Hypothesis: pip install "stepgrad[check]"'
    )


# pytest

PASSING = """
import autograd

def test_gradient(gradcheck):
    assert gradcheck(lambda x, y: x * autograd.tanh(y), 2.0, 0.5)
"""

FAILING = """
import math
import autograd

wrong = autograd.Primitive("wrong_tanh", math.tanh, lambda out, x: (1.0 - out,))

def test_gradient(gradcheck):
    gradcheck(lambda x: autograd.exp(wrong(x)) * x, 0.5)
"""


def test_the_fixture_checks_gradients(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, PASSING)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_failure_names_the_operation_and_ends_at_the_line_of_the_test(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, FAILING)
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert "GradcheckError" in done.stdout
    assert "wrong_tanh" in done.stdout.partition("GradcheckError")[2]
    assert ">       gradcheck(lambda x: autograd.exp(wrong(x)) * x, 0.5)" in done.stdout
    traceback, _, _ = done.stdout.partition("short test summary")
    assert str(ROOT / "autograd") not in traceback
    assert "During handling" not in traceback


def test_the_fixture_lives_as_long_as_the_session(tmp_path: Path) -> None:
    test = (
        "import pytest\n@pytest.fixture(scope='session')\ndef mine(gradcheck): return gradcheck\n"
    )
    done = run_pytest(tmp_path, test + "def test_it(mine, gradcheck): assert mine is gradcheck\n")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("without", ["hypothesispytest", "doctest", "assertion"])
def test_the_fixture_needs_no_other_plugin(tmp_path: Path, without: str) -> None:
    done = run_pytest(tmp_path, PASSING, "-p", f"no:{without}")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_can_be_switched_off(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, PASSING, "-p", "no:stepgrad")
    assert "fixture 'gradcheck' not found" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_neither_hypothesis_nor_mpmath(tmp_path: Path) -> None:
    test = "import sys\ndef test_it(): assert not {'hypothesis', 'mpmath'} & set(sys.modules)\n"
    done = run_pytest(tmp_path, test)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
