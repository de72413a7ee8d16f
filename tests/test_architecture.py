"""Who may import whom: the rules of the house, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTER = ("autograd.checking", "autograd.drawing", "autograd.compiled")
FACES = ("autograd", "autograd.cli")  # they put the parts together
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("autograd", "nn", "optim")
    for path in sorted((ROOT / package).rglob("*.py"))
}
HEAVY = (
    "numpy",
    "mpmath",
    "hypothesis",
    "matplotlib",
    "sklearn",
    "graphviz",
    "pygraphviz",
    "tqdm",
    "llvmlite",
    "jax",
    "onnx",
    "onnxruntime",
    "dask",
    "distributed",
    "pycountry",
)


def imports(module: str, *, when_called: bool) -> Iterator[str]:
    """The full names that a module imports, or those alone that importing it imports."""
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if when_called else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(name: str) -> str:
    """The outer package that a name belongs to; empty for the core."""
    return next((outer for outer in OUTER if f"{name}.".startswith(f"{outer}.")), "")


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("autograd.")])
def test_the_core_imports_no_outer_package_and_these_not_each_other(module: str) -> None:
    if module in FACES:
        return
    at_once = {part(name) for name in imports(module, when_called=False)} - {"", part(module)}
    assert at_once == set()
    later = {part(name) for name in imports(module, when_called=True)} - {"", part(module)}
    assert later <= ({"autograd.drawing"} if module == "autograd.value" else set())


@pytest.mark.parametrize("module", SOURCES)
def test_no_module_imports_what_is_private_to_another(module: str) -> None:
    private = [
        name
        for name in imports(module, when_called=True)
        if name.partition(".")[0] in ("autograd", "nn", "optim") and "._" in name
    ]
    assert private == []


@pytest.mark.parametrize("module", SOURCES)
def test_the_packages_stand_on_each_other_in_one_direction(module: str) -> None:
    package = module.partition(".")[0]
    above = {"autograd": {"nn", "optim"}, "optim": {"nn"}, "nn": set()}[package]
    # Only the command, when it is called, trains networks.
    imported = {name.partition(".")[0] for name in imports(module, when_called=module not in FACES)}
    assert imported & above == set()


def test_importing_is_light() -> None:
    code = f"import sys, autograd, nn, optim; print(sorted(sys.modules.keys() & {set(HEAVY)}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
