"""Machine code kept on disk, so that the same function is compiled once and not in each process.

The folder is the user's own, and so is every file in it: what anybody else could have written is
not run. Files are written whole, under a name that tells the code, the version of LLVM and the
processor; a damaged one is made anew.
"""

import hashlib
import os
import stat
from pathlib import Path

from autograd.files import write_whole

VARIABLE = "STEPGRAD_CACHE"
"""The environment variable that names the folder; empty, nothing is kept."""


class Cache:
    """Machine code by what it was made from.

    Args:
        folder: where it is kept; None to keep nothing.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = Cache(Path(folder, "code"))
    ...     cache.put("what it is", b"machine code")
    ...     cache.get("what it is"), cache.get("something else")
    (b'machine code', None)
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, source: str) -> bytes | None:
        """Return what was kept for this source; None if there is nothing that can be trusted."""
        path = self._path(source)
        try:
            if path is None or not (_is_private(path.parent) and _is_private(path)):
                return None
            content = path.read_bytes()
        except OSError:
            return None
        digest, code = content[:_DIGEST], content[_DIGEST:]
        return code if _checksum(source, code) == digest else None

    def put(self, source: str, code: bytes) -> None:
        """Keep machine code, if the folder can be written to."""
        path = self._path(source)
        if path is None:
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(path.parent):
                write_whole(path, _checksum(source, code) + code)
        except OSError:
            pass  # a full or read-only disk: it will be compiled again

    def _path(self, source: str) -> Path | None:
        name = hashlib.sha256(source.encode()).hexdigest()
        return None if self.folder is None else self.folder / f"{name}.o"


_DIGEST = hashlib.sha256().digest_size


def _checksum(source: str, code: bytes) -> bytes:
    """Return what tells code that was kept for this source from any other, and from a damaged."""
    return hashlib.sha256(hashlib.sha256(source.encode()).digest() + code).digest()


def _is_private(path: Path) -> bool:
    """Return whether nobody but this user can write to a file or folder."""
    found = path.stat()
    if not hasattr(os, "getuid"):
        return True  # Windows keeps a user's folder to the user
    others = stat.S_IWGRP | stat.S_IWOTH
    return found.st_uid == os.getuid() and not found.st_mode & others


def users_cache() -> Cache:
    """Return the cache that the environment names, or the user's own."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Cache(Path(named) if named else None)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return Cache(Path(base or Path.home() / ".cache") / "stepgrad" / "compiled")
    except RuntimeError:  # there is no home
        return Cache(None)
