"""Rendering DOT: by a dot program, or by the Graphviz that comes with pygraphviz."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

_SECONDS = 120.0
_PIXELS_PER_INCH = 160  # of a PNG: sharp on screens of high resolution

_NEXT = "\n// the next graph\n"  # a comment in DOT; no label contains a line like this

# Graphviz runs in a child process, so that its warnings and crashes stay out of the user's.
_CHILD = """
import sys, pygraphviz
for text in sys.stdin.buffer.read().decode("utf-8").split(sys.argv[2]):
    graph = pygraphviz.AGraph(string=text)
    sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""


class RenderingError(RuntimeError):
    """Raised when a picture can't be rendered; the message says what to install."""


def render(dot: str, form: str) -> bytes:
    r"""Return a DOT text rendered in one of Graphviz's formats.

    Args:
        dot: the graph.
        form: "svg", "png" or "pdf".

    Raises:
        RenderingError: if there is no Graphviz, or it fails.

    >>> render("digraph { a -> b }", "png")[:4]
    b'\x89PNG'
    """
    if form == "png":
        dot = dot.replace("{", f"{{ dpi={_PIXELS_PER_INCH}", 1)
    trouble = None
    for command in _commands(form):
        try:
            rendered = _run(command, dot)
            return _without_date(rendered) if form == "pdf" else rendered
        except (OSError, subprocess.SubprocessError) as error:
            trouble = error
    if trouble is None:
        raise RenderingError(
            "no Graphviz was found to render the picture: "
            'pip install "pygraphviz>=2.0", or install the dot program from graphviz.org'
        )
    raise RenderingError(f"Graphviz could not render the picture: {_reason(trouble)}") from trouble


def render_svgs(dots: Sequence[str]) -> list[bytes]:
    """Return several DOT texts rendered as SVG, which takes little longer than one.

    Raises:
        RenderingError: as `render`.

    >>> [len(svg) > 100 for svg in render_svgs(["digraph { a }", "digraph { b }"])]
    [True, True]
    """
    rendered = render(_NEXT.join(dots), "svg")
    return re.split(rb"(?=<\?xml )", rendered)[1:]


def _commands(form: str) -> Iterator[list[str]]:
    program = shutil.which("dot")
    if program is not None:
        yield [program, f"-T{form}"]
    if sys.executable and importlib.util.find_spec("pygraphviz") is not None:
        yield [sys.executable, "-I", "-c", _CHILD, form, _NEXT]


def _run(command: list[str], dot: str) -> bytes:
    finished = subprocess.run(
        command,
        input=dot.encode(),
        capture_output=True,
        check=True,
        timeout=_SECONDS,
    )
    return finished.stdout


def _without_date(pdf: bytes) -> bytes:
    """Return a PDF as if made in 1970, so that the same picture gives the same bytes."""
    return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", b"19700101000000", pdf)


def _reason(trouble: Exception) -> str:
    """Return the last line that Graphviz wrote, or what kept it from running."""
    written = getattr(trouble, "stderr", None) or b""
    lines = written.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else str(trouble)
