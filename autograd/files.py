"""Writing files whole."""

import os
import secrets
import shutil
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file so that nobody ever sees a part of it, and return its path.

    The content goes to a draft beside it first, which then takes its place. If that fails, the
    file is as it was, and no draft is left. A file that was there hands on its permissions, a
    link stays a link, and what is no file, such as /dev/null, is written to and not replaced.

    Raises:
        OSError: if the file can't be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "greeting"), b"hello").read_bytes()
    b'hello'
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            _replace(target, content)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # not that of the draft
    return path


def _replace(target: Path, content: bytes) -> None:
    draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a crash could leave the new name with the old content
        if target.exists():
            shutil.copymode(target, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
