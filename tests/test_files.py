"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from autograd import files
from autograd.files import write_whole


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_written_and_replaced(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "file"
    for content in (b"first and long", b"second", b""):
        assert write_whole(kind(path), content) == path
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: Any
) -> None:
    path = write_whole(tmp_path / "file", b"old")

    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(error):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_old_file_is_there_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "file", b"old")
    replace = os.replace

    def look_and_replace(draft: Path, target: Path) -> None:
        assert (draft.read_bytes(), target.read_bytes()) == (b"new", b"old")
        assert draft.parent == target.parent  # within one file system, or it would be a copy
        replace(draft, target)

    monkeypatch.setattr(files.os, "replace", look_and_replace)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
