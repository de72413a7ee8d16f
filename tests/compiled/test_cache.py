"""Machine code on disk: found again, and not trusted when it could be somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiled.cache import Cache

CODE = """
import autograd
w = autograd.Value(3.0)
print(autograd.compile(lambda x: autograd.tanh(w * x) - x, backend="llvm")([0.5, 2.0]).tolist())
"""


def run(folder: Path) -> str:
    environment = {**os.environ, "STEPGRAD_CACHE": str(folder)}
    command = [sys.executable, "-c", CODE]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_another_process_finds_it_and_gets_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = run(folder)
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    assert run(folder) == first
    assert file.stat().st_mtime_ns == written  # it was read, and not made again
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    assert run(folder) == first  # damaged: made anew
    assert bytes(content) != file.read_bytes()
    assert [entry.name for entry in folder.iterdir()] == [file.name]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such permissions")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_others_could_have_written_is_not_used(tmp_path: Path, what: str) -> None:
    cache = Cache(tmp_path / "kept")
    cache.put("a", b"code")
    assert cache.get("a") == b"code"
    (file,) = (tmp_path / "kept").iterdir()
    (file if what == "file" else file.parent).chmod(0o777)
    assert cache.get("a") is None
    cache.put("b", b"code")
    assert len(list(file.parent.iterdir())) == (2 if what == "file" else 1)


def test_without_a_place_to_write_it_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEPGRAD_CACHE", str(tmp_path / "file" / "below"))
    w = Value(2.0)
    program: Any = autograd.compile(lambda x: w * x, backend="llvm")
    assert program([1.5]).tolist() == [3.0]
