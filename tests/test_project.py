"""The project's files agree with each other, and its import names with what is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import autograd

ROOT = Path(__file__).parent.parent
PACKAGES = ("autograd", "nn", "optim")
ENGINE = ("grouping", "modes", "sweep", "value")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def first(pattern: str, name: str) -> str:
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} has no line of the form {pattern}"
    return found[1]


def run(
    *arguments: str, path: tuple[Path, ...] = (), cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run Python with `path`, then the project, in front of its own sys.path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, ROOT)))
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


def is_one_sentence(text: str) -> bool:
    """Whether `text` is one line with at most one end of a sentence.

    A full stop inside a name, a version or a path is none.
    """
    return "\n" not in text and len(re.findall(r"[.!?][)`']?(?=\s|$)", text)) <= 1


# The files agree.


def test_version_in_the_package() -> None:
    assert PYPROJECT["project"]["version"] == autograd.__version__


def test_version_in_the_citation() -> None:
    assert first(r"^version: (\S+)$", "CITATION.cff") == autograd.__version__


def test_version_in_the_changelog() -> None:
    heading = r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$"
    assert first(heading, "CHANGELOG.md") == autograd.__version__


def test_release_date_in_the_citation_and_the_changelog() -> None:
    released = first(r"^## \[\d[^\]]*\] - (\S+)$", "CHANGELOG.md")
    assert first(r"^date-released: (\S+)$", "CITATION.cff") == released


def test_every_package_is_listed() -> None:
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == there


def test_every_folder_with_python_is_a_package() -> None:
    folders = {source.parent for package in PACKAGES for source in (ROOT / package).rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"][package]


# Pieces, so that this file does not itself contain what it looks for.
REGISTRY = re.compile(
    "|".join(("py" + r"pi\.(org|python)", "python" + "hosted", "index" + "-url", "find" + "-links"))
)
MACHINE_PATH = re.compile(
    r"(?<![\w.~/:-])/(" + "|".join(("home", "root", "work", "Users", "opt", "mnt")) + r")/\w"
)


def project_files() -> list[Path]:
    """All files that are tracked, or that git would add."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        output = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
        names = [os.fsdecode(name) for name in output.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive, without git
        folders = (*PACKAGES, "tests", "notebooks", "benchmarks", ".ci")
        files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        hidden = re.compile(r"(^|/)(\.venv|\.hypothesis|__pycache__)")
        names = [path.relative_to(ROOT).as_posix() for path in (*files, *ROOT.glob("*.*"))]
        names = [name for name in names if not hidden.search(name)]
    return [ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    offences = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(text.splitlines(), start=1):
            if REGISTRY.search(line) or MACHINE_PATH.search(line):
                offences.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert offences == []


def test_no_lock_files() -> None:
    locks = re.compile(r"(\.lock|-lock\.\w+|^requirements.*\.txt)$")
    assert [path.name for path in project_files() if locks.search(path.name)] == []


def make(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, also when make runs the tests."""
    of_make = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    return subprocess.run(
        ["make", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_makefile_lists_its_targets() -> None:
    lines = make(cwd=ROOT).stdout.splitlines()
    targets = ["help", "demo", "test", "lint", "bench", "notebook", "docs", "links", "clean"]
    assert [line.split()[:2] for line in lines] == [["make", target] for target in targets]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "notebook", "docs"])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("version_info", "stepgrad needs Python 3.11 or newer"),
        ("ensurepip", "apt install python3-venv"),
    ],
)
def test_make_without_a_fit_python_is_one_sentence(
    tmp_path: Path, target: str, question: str, answer: str
) -> None:
    engine = [f"autograd/{name}.{kind}" for name in ENGINE for kind in ("py", "pxd")]
    (tmp_path / "autograd").mkdir()
    for name in ("Makefile", "pyproject.toml", "setup.py", *engine):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    unfit = tmp_path / "python"
    unfit.write_text(f'#!/bin/sh\ncase "$*" in *{question}*) exit 1 ;; esac\n', encoding="utf-8")
    unfit.chmod(0o755)
    made = make(target, f"PYTHON={unfit}", cwd=tmp_path)
    assert made.returncode != 0
    sentence, *rest = made.stderr.splitlines()
    assert answer in sentence
    assert all("***" in line for line in rest)  # make's own
    assert not (tmp_path / ".venv").exists()


# The import name `autograd` is also that of another distribution.


def test_the_other_autograd_installed_is_a_warning(tmp_path: Path) -> None:
    metadata = tmp_path / "autograd-1.8.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: autograd\nVersion: 1.8.0\n", encoding="utf-8")
    done = run("-W", "always", "-c", "import autograd", path=(tmp_path,), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "Warning: " in line]
    assert len(warnings) == 1, done.stderr
    sentence = warnings[0].partition("Warning: ")[2]
    assert is_one_sentence(sentence), sentence
    assert "stepgrad" in sentence
    assert re.search(r"\bautograd\b.*pip uninstall autograd\b", sentence), sentence


def test_no_warning_without_the_other_autograd(tmp_path: Path) -> None:
    done = run("-W", "error", "-c", "import autograd, nn, optim", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("package", ["nn", "optim"])
def test_the_other_autograd_in_our_place_is_an_import_error(tmp_path: Path, package: str) -> None:
    other = tmp_path / "autograd"
    other.mkdir()
    (other / "__init__.py").touch()
    done = run("-c", f"import {package}", path=(tmp_path,), cwd=tmp_path)
    assert done.returncode == 1
    kind, _, sentence = done.stderr.strip().splitlines()[-1].partition(": ")
    assert kind == "ImportError", done.stderr
    assert is_one_sentence(sentence), sentence
    assert str(other) in sentence
