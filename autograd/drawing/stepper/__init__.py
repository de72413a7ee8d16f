"""Walking through the forward and the backward pass, in a notebook or in a file."""

import html
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from autograd.drawing.palette import PALETTES
from autograd.drawing.picture import DIRECTIONS, check_option
from autograd.drawing.stepper import page
from autograd.drawing.stepper.story import Story
from autograd.files import write_whole

if TYPE_CHECKING:
    from autograd.drawing.stepper.widget import Optimizer, StepperWidget

_MOST_STEPS = 300
_FRAME_HEIGHT = 760  # pixels


class Stepper:
    """Both passes through a graph, one node at a time, as `stepper` makes it.

    It shows itself in a notebook. It keeps the numbers of the moment when it was made.

    Attributes:
        story: what it tells.
        theme: "auto", "light" or "dark".
        direction: "LR" or "TB".
    """

    def __init__(self, story: Story, theme: str = "auto", direction: str = "LR") -> None:
        self.story = story
        self.theme = theme
        self.direction = direction

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.story.scenes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that works anywhere: one file, which needs no network and nothing else.

        The file is written whole or not at all.

        Args:
            path: a file name that ends in .html.

        Returns:
            The path.

        Raises:
            ValueError: for any other suffix.
            FileNotFoundError: if the folder doesn't exist.
            RenderingError: if there is no Graphviz to arrange the graph.

        >>> import tempfile
        >>> from autograd import Value
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     stepper(Value(2.0, label="x") * 3.0).save(f"{folder}/steps.html").name
        'steps.html'
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a stepper is saved as .html, not as {path.name!r}")
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {str(path.parent)!r} to save {path.name!r} in: create it first"
            )
        return write_whole(path, self.page().encode())

    def page(self) -> str:
        """Return the page that `save` writes."""
        return page.page(self.story, theme=self.theme, direction=self.direction)

    def _fragment(self) -> str:
        """Return a part for a page, which can be on it many times: each has a token of its own."""
        token = secrets.token_hex(8)
        return page.fragment(self.story, token=token, theme=self.theme, direction=self.direction)

    def _as_text(self, trouble: Exception) -> str:
        return "\n".join([f"{trouble}", "Here are the steps in text:", *map(str, self.story.sweep)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"text/html": self._fragment(), "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": self._as_text(error)}

    def _repr_html_(self) -> str | None:
        try:
            return self._fragment()
        except Exception:  # whoever asks shows the text instead
            return None

    def _mime_(self) -> tuple[str, str]:
        """Return what marimo shows, which runs scripts in frames only."""
        try:
            content = html.escape(self.page())
        except Exception as error:
            return "text/plain", self._as_text(error)
        return "text/html", (
            f'<iframe sandbox="allow-scripts" width="100%" height="{_FRAME_HEIGHT}" '
            f'style="border: 0" title="{html.escape(repr(self))}" srcdoc="{content}"></iframe>'
        )

    def __repr__(self) -> str:
        """Say what it walks through."""
        name = self.story.name(len(self.story.nodes) - 1)
        return f"<Stepper: {len(self)} steps through {name}>"


@overload
def stepper(
    root: Any,
    *,
    theme: str = "auto",
    direction: str = "LR",
    max_steps: int = _MOST_STEPS,
    live: Literal[False] = False,
) -> Stepper: ...
@overload
def stepper(
    root: Any,
    *,
    theme: str = "auto",
    direction: str = "LR",
    max_steps: int = _MOST_STEPS,
    live: Literal[True],
    optimizer: "Optimizer | None" = None,
) -> "StepperWidget": ...
def stepper(
    root: Any,
    *,
    theme: str = "auto",
    direction: str = "LR",
    max_steps: int = _MOST_STEPS,
    live: bool = False,
    optimizer: "Optimizer | None" = None,
) -> "Stepper | StepperWidget":
    """Return both passes through the graph that made a value, to be walked node by node.

    In a notebook it shows itself; elsewhere, save it as a page. First the forward pass computes
    one value after another, then the backward pass computes one gradient after another, each
    with its equation, in symbols and with numbers, and its comparison with finite differences.
    No gradient of the nodes themselves is read or changed.

    Args:
        root: the result whose gradients are wanted.
        theme: "light", "dark", or "auto", which follows the notebook or else the reader.
        direction: "LR" draws from left to right, "TB" from top to bottom.
        max_steps: refuse to walk through a graph with more steps than this.
        live: make a widget for a notebook with a running kernel: its sliders move the leaves in
            Python, and both passes are done again (see `autograd.drawing.stepper.widget`).
        optimizer: of a live stepper: moves the parameters at the press of a button.

    Raises:
        TypeError: if root is no Value, or an optimizer is given to a stepper that isn't live.
        RuntimeError: if it depends on nothing that requires a gradient.
        ValueError: if there are too many steps, or for an unknown theme or direction.
        ImportError: for a live one without anywidget.

    >>> from autograd import Value
    >>> x = Value(2.0, label="x")
    >>> stepper(x * x + 1.0)
    <Stepper: 7 steps through v2>
    """
    check_option("theme", theme, tuple(PALETTES))
    check_option("direction", direction, DIRECTIONS)
    if live:
        from autograd.drawing.stepper.widget import StepperWidget

        options = {"theme": theme, "direction": direction, "max_steps": max_steps}
        return StepperWidget(root, optimizer, **options)
    if optimizer is not None:
        raise TypeError("only a live stepper takes an optimizer: write live=True too")
    return Stepper(Story(root, max_steps), theme, direction)
