"""What is said where there is no Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import chromium

HERE = Path(__file__).parent


def run_without_chromium(tests: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run tests where Chromium can't be found."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        cwd=HERE.parent.parent,
        env={**kept, **variables, chromium.VARIABLE: "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_said_that_tests_were_left_out_and_how_to_get_it() -> None:
    done = run_without_chromium(HERE)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    (line,) = [line for line in done.stdout.splitlines() if "in a browser were left out" in line]
    assert "apt install chromium" in line


def test_it_is_an_error_where_all_must_be_tested() -> None:
    done = run_without_chromium(HERE / "test_nbconvert.py", CI="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "there is no browser to test with: apt install chromium" in done.stdout
