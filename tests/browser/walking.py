"""A stepper in a page, as its reader sees and uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd import Value
from autograd.sweep import Sweep

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator, Page

STEPPER = ".stepgrad-stepper:has(.graph)"  # not the levers beside it

# What can be seen in the boxes and at the edges, and how the step's node and edges stand out.
LOOK = """
(element) => {
  const shown = (node, role) => {
    const text = node.querySelector(`text.${role}`);
    return text && getComputedStyle(text).visibility === "visible" ? text.textContent : null;
  };
  const nodes = [...element.querySelectorAll("svg .node")].map((node) => {
    const ring = getComputedStyle(node.querySelector(".ring"));
    return {
      name: node.querySelector(".name").textContent,
      value: shown(node, "value"),
      gradient: shown(node, "gradient"),
      unknown: shown(node, "no-gradient"),
      ringed: ring.stroke !== "none" && parseFloat(ring.strokeWidth) >= 2,
    };
  });
  const edges = [...element.querySelectorAll("svg .edge")].map((edge) => {
    const lines = [...edge.querySelectorAll("path")];
    const style = getComputedStyle(
      lines.find((line) => getComputedStyle(line).visibility === "visible"));
    return {
      width: parseFloat(style.strokeWidth),
      colour: style.stroke,
      dashes: style.strokeDasharray,
    };
  });
  return { nodes, edges };
}
"""


class Walk:
    """One stepper.

    Attributes:
        element: its outermost element.
        slider: the slider for the step.
        heading: the line that says which step it is.
    """

    def __init__(self, place: Page | FrameLocator | Locator, *, nth: int = 0) -> None:
        self.element = place.locator(STEPPER).nth(nth)
        self.slider = self.element.get_by_role("slider", name="Step", exact=True)
        self.heading = self.element.locator(".heading")

    @property
    def step(self) -> int:
        """The number of the step, from 0."""
        return int(self.slider.input_value())

    @property
    def last(self) -> int:
        return int(self.slider.get_attribute("max") or 0)

    def button(self, name: str) -> Locator:
        return self.element.get_by_role("button", name=name, exact=True)

    def node(self, name: str) -> Locator:
        """The box with a name."""
        has_name = self.element.page.locator(f'text.name:text-is("{name}")')
        return self.element.locator("svg .node").filter(has=has_name)

    def look(self) -> dict[str, list[dict[str, Any]]]:
        """What can be seen of every node and every edge, in the order of the graph."""
        seen: dict[str, list[dict[str, Any]]] = self.element.evaluate(LOOK)
        return seen

    def seen(self, what: str) -> dict[str, float]:
        """The numbers that can be seen, "value" or "gradient", by the nodes' names."""
        nodes = self.look()["nodes"]
        return {node["name"]: number(node[what]) for node in nodes if node[what] is not None}

    def ringed(self) -> list[str]:
        return [node["name"] for node in self.look()["nodes"] if node["ringed"]]


def number(text: str) -> float:
    """Read a number as a box writes it."""
    return float(text.strip("▲▼⚠ ").replace("−", "-").replace("∞", "inf"))


def final_gradients(root: Value) -> dict[str, float]:
    """The gradient of every node when the sweep is through, by the nodes' names."""
    sweep = Sweep(root)
    found = {sweep.names[root]: sweep.seed}
    for step in sweep:
        found |= {sweep.names[edge.parent]: edge.after for edge in step.edges}
    return found
