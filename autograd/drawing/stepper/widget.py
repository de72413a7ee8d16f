"""The live stepper: Python reads and sets the step, sliders move the leaves."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, Protocol

from autograd import primitives, replay
from autograd.drawing.stepper import Stepper, page, stepper
from autograd.value import Value

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError('a live stepper needs anywidget: pip install "stepgrad[notebook]"') from error


_LARGEST = 1.7e308  # can still be rounded


class Optimizer(Protocol):
    """What moves parameters along their gradients, such as those of `optim`."""

    def zero_grad(self) -> object:
        """Forget the gradients."""

    def step(self) -> object:
        """Move the parameters."""


class StepperWidget(anywidget.AnyWidget):
    """A stepper that is alive: what is moved in the notebook is moved in Python, and vice versa.

    When a leaf is moved, the operations of the graph are done again with the new number, along
    the branches that were taken when it was made, and so is the backward sweep: the nodes' data
    and grad are those that the notebook shows. What was computed of constants alone is no part
    of the graph, and stays as it is. If anything fails, all is as it was before.

    Args:
        root: the result whose gradients are wanted.
        optimizer: moves the parameters at the press of a button: anything with `zero_grad` and
            `step`.
        options: theme, direction and max_steps, as of `stepper`.

    Attributes:
        step: the step that is shown, from 0; set it to go there.
        message: what went wrong with the last thing done in the notebook, or an empty text.
        leaves: the leaves that can be moved: all but constants without a label.
        still: the stepper that keeps the numbers of this moment, to be saved as a page.

    Raises:
        TypeError: if root is no Value, or the optimizer can't do what it should.
        RuntimeError: if it depends on nothing that requires a gradient.
        ValueError: if there are too many steps, or for an unknown theme or direction.

    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> widget = StepperWidget(y)
    >>> widget.step = 2
    >>> widget.move(x, 5.0)
    >>> y.data, x.grad
    (25.0, 10.0)
    """

    step = traitlets.Int(0).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    _esm = traitlets.Unicode("").tag(sync=True)
    _css = traitlets.Unicode("").tag(sync=True)
    _content = traitlets.Dict().tag(sync=True)
    _levers: Any = traitlets.List().tag(sync=True)
    _optimizes = traitlets.Bool(False).tag(sync=True)
    _theme = traitlets.Unicode("auto").tag(sync=True)

    def __init__(
        self,
        root: Any,
        optimizer: Optimizer | None = None,
        **options: Any,
    ) -> None:
        _check_optimizer(optimizer)
        self.still: Stepper = stepper(root, **options)
        self._options = options
        self.root: Value = root
        self.optimizer = optimizer
        self.leaves = [node for node in self.still.story.nodes if _can_be_moved(node)]
        self._ranges = [_Range(leaf.data) for leaf in self.leaves]
        super().__init__(
            _esm=f"{page.script()}\n{_resource('widget.js')}",
            _css=f"{page.style(self.still.theme)}\n{_resource('widget.css')}",
            _optimizes=optimizer is not None,
            _theme=self.still.theme,
            _content=self._written(),
            _levers=self._positions(),
        )
        self.on_msg(self._receive)

    # What Python can do -----------------------------------------------------------------------

    def move(self, leaf: Value, number: float) -> None:
        """Give a leaf another number, and do both passes again.

        Raises:
            ValueError: if the graph has no such leaf that can be moved.
            TypeError: if number is no real number.
        """
        if leaf not in self.leaves:
            raise ValueError(f"{leaf!r} is no leaf of this graph that can be moved")
        with self._redone():
            leaf.data = number

    def optimize(self) -> None:
        """Let the optimizer take a step along the gradients of the root, and do both passes again.

        Raises:
            RuntimeError: if the widget was made without an optimizer.
        """
        if self.optimizer is None:
            raise RuntimeError("this stepper has no optimizer: pass one, optimizer=…")
        with self._redone():
            self.optimizer.zero_grad()
            self._sweep()
            self.optimizer.step()

    def refresh(self) -> None:
        """Do both passes again, after leaves were changed in Python."""
        with self._redone():
            pass

    # All or nothing ---------------------------------------------------------------------------

    @contextmanager
    def _redone(self) -> Iterator[None]:
        """Do both passes again after the block; if anything fails, nothing was done."""
        nodes = self.still.story.nodes
        before = [(node, node.data, node.partials, node.grad) for node in nodes]
        still = self.still
        try:
            yield
            replay.recompute(self.root)
            self._sweep()
            self.still = stepper(self.root, **self._options)
            content, positions = self._written(), self._positions()
        except BaseException:
            self.still = still
            for node, number, slopes, gradient in before:
                node.data, node.partials, node.grad = number, slopes, gradient
            raise
        with self.hold_sync():
            self.message = ""
            self._content = content
            self._levers = positions

    def _sweep(self) -> None:
        for leaf in self.still.story.nodes:
            leaf.zero_grad()
        self.root.backward()

    # What the notebook is shown, and says -----------------------------------------------------

    def _written(self) -> dict[str, Any]:
        story = self.still.story
        return {"html": page.markup(story, self.still.direction), **page.data(story)}

    def _positions(self) -> list[dict[str, Any]]:
        return [
            {"name": self.still.story.names[leaf], **extent.around(leaf.data)}
            for leaf, extent in zip(self.leaves, self._ranges, strict=True)
        ]

    def _receive(self, widget: Any, wish: dict[str, Any], buffers: Any) -> None:
        """Do what the notebook asks for, and say so when it is done."""
        try:
            if "move" in wish:
                self.move(self.leaves[wish["move"]], wish["to"])
            elif wish.get("optimize"):
                self.optimize()
        except Exception as error:
            self.message = _said(error)
        finally:
            self.send({"done": True})

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        step: int = proposal["value"]
        last = len(self.still) - 1
        if not 0 <= step <= last:
            raise traitlets.TraitError(f"the stepper has steps 0 to {last}, not {step}")
        return step

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and for readers without a kernel the page as it is now."""
        alive = super()._repr_mimebundle_(**options)
        if not isinstance(alive, tuple):
            return alive
        bundle, metadata = alive
        return {**self.still._repr_mimebundle_(), **bundle, "text/plain": repr(self)}, metadata

    def __repr__(self) -> str:
        """Say what it walks through."""
        return repr(self.still).replace("Stepper", "StepperWidget", 1)


class _Range:
    """The numbers that a slider reaches."""

    def __init__(self, x: float) -> None:
        self._centre(x)

    def _centre(self, x: float) -> None:
        middle = x if math.isfinite(x) else 0.0
        size = max(abs(middle), 0.5)
        digits = math.floor(1.7 - math.log10(size))  # some hundred places to stop at
        self.grain = 10.0**-digits
        self.low = min(middle, round(max(-_LARGEST, middle - 2.0 * size), digits))
        self.high = max(middle, round(min(_LARGEST, middle + 2.0 * size), digits))

    def around(self, x: float) -> dict[str, float | None]:
        """Return a slider's numbers as JSON can have them; it moves along if x is out of reach."""
        if math.isfinite(x) and not self.low <= x <= self.high:
            self._centre(x)
        value = x if math.isfinite(x) else None
        return {"value": value, "low": self.low, "high": self.high, "grain": self.grain}


def _can_be_moved(node: Value) -> bool:
    """Return whether a node is a leaf, and no constant that is called by its number."""
    return node.is_leaf and (node.requires_grad or bool(node.label))


def _check_optimizer(optimizer: Any) -> None:
    wanted = () if optimizer is None else ("zero_grad", "step")
    missing = [name for name in wanted if not callable(getattr(optimizer, name, None))]
    if missing:
        raise TypeError(
            f"an optimizer has zero_grad() and step(), got {primitives.describe(optimizer)}"
        )


def _said(error: Exception) -> str:
    """Say in one sentence what went wrong."""
    reason = str(error).strip().partition("\n")[0]
    return f"Nothing was changed: {type(error).__name__}{': ' * bool(reason)}{reason}"


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
