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


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "file", b"old")
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to("file")
    assert write_whole(link, b"new") == link
    assert (link.is_symlink(), path.read_bytes()) == (True, b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"through")
        assert os.read(end, 100) == b"through"
    finally:
        os.close(end)
    assert os.listdir(tmp_path) == ["pipe"]
    assert pipe.is_fifo()


def test_an_error_names_the_file_and_not_the_draft(tmp_path: Path) -> None:
    path = tmp_path / "none" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(path, b"new")
    assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"new")
    assert os.listdir(tmp_path) == []
