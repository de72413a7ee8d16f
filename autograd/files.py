"""Writing files whole."""

import os
import secrets
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file so that nobody ever sees a part of it, and return its path.

    The content goes to a draft beside it first, which then takes its place. If that fails, the
    file is as it was, and no draft is left.

    Raises:
        OSError: if the file can't be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "greeting"), b"hello").read_bytes()
    b'hello'
    """
    path = Path(path)
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a crash could leave the new name with the old content
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path
