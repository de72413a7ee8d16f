"""What the engine does besides computing, switched per thread: no_grad and detect_anomaly."""

import linecache
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


class _Modes(threading.local):
    recording = True  # off in no_grad: results forget how they were made
    locating = False  # on in detect_anomaly and gradcheck: nodes remember the line that made them
    detecting = False  # on in detect_anomaly: nan and inf raise
    symbolic = False  # on while rules run on Values: a float made of one would lose derivatives
    tracing: Any = None  # while a function is compiled: what records operations instead

    @property
    def plain(self) -> bool:
        """Whether results are recorded, and nothing besides."""
        watched = self.locating or self.detecting or self.tracing is not None
        return self.recording and not watched


current = _Modes()


class Special:
    """The threads that are not plain.

    An operation looks here first: to read a thread's own data takes as long as the operation.
    """

    __slots__ = ("threads",)

    def __init__(self) -> None:
        self.threads: set[int] = set()


special = Special()


class AnomalyError(FloatingPointError):
    """Raised inside `detect_anomaly` by the first operation that made nan or inf."""


@contextmanager
def switched(**states: Any) -> Iterator[None]:
    """Switch modes of this thread for the length of a with block."""
    mine = vars(current)
    before = {name: getattr(current, name) for name in states}
    try:
        mine.update(states)
        _tell()
        yield
    finally:
        mine.update(before)  # first, so that no KeyboardInterrupt comes in between
        _tell()


def _tell() -> None:
    """Let operations know whether this thread is plain."""
    if current.plain:
        special.threads.discard(threading.get_ident())
    else:
        special.threads.add(threading.get_ident())


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording the graph: results are constants.

    A context manager and a decorator; each thread has its own (torch.no_grad).

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad, y.parents
    (False, ())
    """
    with switched(recording=False):
        yield


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise at the first nan or inf that an operation or a backward sweep makes.

    The message names the operation, its inputs and the line that made it
    (torch.autograd.detect_anomaly).

    Raises:
        AnomalyError: inside the block, at the first result or gradient that is not finite.

    >>> from autograd import Value, log
    >>> x = Value(-1.0, label="x")
    >>> with detect_anomaly():
    ...     log(x)
    Traceback (most recent call last):
        ...
    autograd.modes.AnomalyError: log made nan from x = -1.0 (...line 2: log(x))
    """
    with switched(detecting=True, locating=True):
        yield


_OWN_FOLDERS = tuple(
    str(Path(__file__).parent.parent / package) + os.sep for package in ("autograd", "nn", "optim")
)


def calling_line() -> str | None:
    """Return where the user's code called us: 'file, line n: the line', or None."""
    frame: FrameType | None = sys._getframe()  # compiled functions have none of their own
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FOLDERS):
        frame = frame.f_back
    if frame is None:
        return None
    filename, number = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(filename, number, frame.f_globals).strip()
    place = _notebook_cell(frame) or filename
    return f"{place}, line {number}" + (f": {source}" if source else "")


def _notebook_cell(frame: FrameType) -> str | None:
    """Return what IPython calls the cell that a frame runs in, such as ``Cell In[5]``."""
    shell = frame.f_globals.get("get_ipython", lambda: None)()
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", lambda filename: None)
    name = name_of(frame.f_code.co_filename)
    return None if name is None else " ".join(name)


def check_value(node: Any) -> None:
    """Raise if an operation made nan or inf."""
    if not math.isfinite(node.data):
        inputs = _inputs(node.parents)
        raise AnomalyError(f"{_operation(node)} made {node.data} from {inputs}{_line(node)}")


def check_constant(primitive: Any, inputs: Sequence[Any], result: float) -> None:
    """Raise if an operation that is not recorded made nan or inf."""
    if not math.isfinite(result):
        raise AnomalyError(
            f"{primitive.name} made {result} from {_inputs(inputs)} ({calling_line()})"
        )


def check_gradient(
    node: Any, parent: Any, partial: float, upstream: float, gradient: float
) -> None:
    """Raise if the sweep through a node made its parent's gradient nan or inf."""
    if not math.isfinite(gradient):
        raise AnomalyError(
            f"the sweep through {_operation(node)} made the gradient of {_name(parent)} "
            f"{gradient}: local derivative {partial} times {upstream} from above, "
            f"at {_inputs(node.parents)}{_line(node)}"
        )


def _operation(node: Any) -> str:
    name = node.primitive.name
    return f"{name} (labelled {node.label!r})" if node.label else str(name)


def _name(node: Any) -> str:
    return node.label or (f"the result of {node.op}" if node.parents else f"the input {node.data}")


def _inputs(parents: Sequence[Any], most: int = 8) -> str:
    texts = [f"{p.label} = {p.data}" if p.label else f"{p.data}" for p in parents[:most]]
    rest = f" and {len(parents) - most} more" if len(parents) > most else ""
    return ", ".join(texts) + rest


def _line(node: Any) -> str:
    if node.made_at is None:
        return " (made outside detect_anomaly: build the graph inside it to see the line)"
    return f" ({node.made_at})"
