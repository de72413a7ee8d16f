"""What all tests share: the Hypothesis profiles, and what to do without PyTorch or Chromium."""

from __future__ import annotations

import gc
import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest

from tests.browser import chromium

TORCH_TESTS = Path(__file__).parent / "oracles" / "torch"
TORCH_IS_HERE = importlib.util.find_spec("torch") is not None

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not TORCH_IS_HERE and collection_path.is_relative_to(TORCH_TESTS):
        return True
    return None


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: thousands of tests, and what they import."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TORCH_IS_HERE and TORCH_TESTS.is_dir():
        terminalreporter.write_line(
            "The comparison with PyTorch was left out; to include it: pip install torch==2.13.0"
        )
    if chromium.LEFT_OUT:
        terminalreporter.write_line(
            f"The tests in a browser were left out; to include them: {chromium.HOW_TO_GET_IT}"
        )
