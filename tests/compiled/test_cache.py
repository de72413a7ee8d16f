"""Machine code on disk: found again, and not trusted when it could be somebody else's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value
from autograd.compiled.llvm.cache import Cache

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


def test_an_interrupted_compile_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*paths: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("STEPGRAD_CACHE", str(tmp_path))
    w = Value(2.0)
    program: Any = autograd.compile(lambda x: autograd.exp(w * x), backend="llvm")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)  # while the code is being kept
        with pytest.raises(KeyboardInterrupt):
            program([0.0])
    assert list(tmp_path.iterdir()) == []
    found: list[Any] = []
    other = threading.Thread(target=lambda: found.append(program([0.0]).tolist()))
    other.start()  # which would wait for ever for a lock that was left closed
    other.join(60.0)
    assert found == [[1.0]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_compile_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STEPGRAD_CACHE", str(tmp_path))
    failures = [ZeroDivisionError("once")]
    w = Value(2.0)

    def f(x: Any) -> Any:
        if failures:
            raise failures.pop()
        return w * x

    program: Any = autograd.compile(f, backend="llvm")
    with pytest.raises(ZeroDivisionError, match="once"):
        program([1.0])
    assert repr(program) == "<compiled f, not yet called>"
    assert program([1.5]).tolist() == [3.0]
    unknown: Any = autograd.compile(lambda x: autograd.lgamma(w * x), backend="llvm")
    kept = list(tmp_path.iterdir())
    with pytest.raises(NotImplementedError, match="lgamma"):
        unknown([1.5])
    assert list(tmp_path.iterdir()) == kept


def test_code_of_another_function_is_not_used(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "code")
    kept.put("one", b"machine code")
    kept.put("two", b"")
    one, two = (kept._path(source) for source in ("one", "two"))
    assert one is not None
    assert two is not None
    two.write_bytes(one.read_bytes())
    assert kept.get("two") is None
    two.write_bytes(hashlib.sha256(b"").digest())
    assert kept.get("two") is None
    assert kept.get("one") == b"machine code"
