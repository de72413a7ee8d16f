r"""Everything about one result and its gradients, written down: as text, as data, as LaTeX.

The text is for a person to read, so its equations have six digits; its tables and the data have
all digits, for a program to compare.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from autograd import formula, transforms
from autograd.formula import Formula, aligned_equations, latex_name, latex_short, visible
from autograd.sweep import Edge, Step, Sweep, topological_order
from autograd.value import Value

Section = tuple[str, list[str]]

_WIDEST_OPERATION = 60
_IS_INPUT = "nothing to do: the result is an input itself"
_IS_CONSTANT = "nothing to do: no input enters the result by arithmetic"


class Explanation:
    """The forward pass that made a value, the backward sweep, and the gradients.

    Args:
        root: the result.
        inputs: the labelled leaves whose gradients are wanted.

    >>> x = Value(3.0, label="x")
    >>> print(Explanation(x * x, [x]).text())
    Forward pass
      name  operation  value
      x     input      3.0
      v1    x · x      9.0
    <BLANKLINE>
    Backward pass, from v1.grad = 1
      1. v1 = x · x
         x.grad += x · v1.grad = 3 × 1 → 3.0
         x.grad += x · v1.grad = 3 × 1 → 3.0 + 3.0 = 6.0
    <BLANKLINE>
    Gradients of v1
      x  6.0
    """

    def __init__(self, root: Value, inputs: Sequence[Value]) -> None:
        self.root = root
        self.inputs = inputs
        order = topological_order([root])
        sweep = Sweep(root) if root.requires_grad else None
        self.steps: Sequence[Step] = () if sweep is None else sweep
        self.names = formula.Names(order) if sweep is None else sweep.names
        self.results = [node for node in order if not node.is_leaf]
        self.constants = [
            node
            for node in order
            if node.is_leaf and node not in inputs and (node.label or node is root)
        ]

    @property
    def gradients(self) -> dict[str, float]:
        """The derivatives of the result with respect to the inputs, by their labels."""
        slopes = transforms.gradients(self.root, list(self.inputs))
        return {node.label: slope for node, slope in zip(self.inputs, slopes, strict=True)}

    # As text ----------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the explanation as text."""
        return as_text(self.sections())

    def sections(self) -> list[Section]:
        """Return the parts of the text, each with its title."""
        name = visible(self._name(self.root))
        backward = f"Backward pass, from {name}.grad = 1" if self.steps else "Backward pass"
        gradients = f"Gradients of {name}" if self.steps else "Gradients"
        return [
            ("Forward pass", self._forward_lines()),
            (backward, self._backward_lines()),
            (gradients, self._gradient_lines()),
        ]

    def _forward_lines(self) -> list[str]:
        rows = [
            *((node.label, "input", node.data) for node in self.inputs),
            *((self.names[node], "constant", node.data) for node in self.constants),
            *(
                (self.names[node], _cut(self.names.operation(node)), node.data)
                for node in self.results
            ),
        ]
        names, operations, numbers = zip(*rows, strict=True) if rows else ((), (), ())
        return _table(
            ["name", *map(visible, names)],
            ["operation", *operations],
            _aligned("value", numbers),
        )

    def _backward_lines(self) -> list[str]:
        if not self.steps:
            return [f"  {_IS_INPUT if self.root in self.inputs else _IS_CONSTANT}"]
        lines = []
        for number, step in enumerate(self.steps, start=1):
            start = f"  {number}. "
            operation = _cut(self.names.operation(step.node))
            lines.append(f"{start}{visible(self.names[step.node])} = {operation}")
            lines += [" " * len(start) + line for line in str(step).splitlines()]
        return lines

    def _gradient_lines(self) -> list[str]:
        gradients = self.gradients
        return _table(list(map(visible, gradients)), _aligned("", list(gradients.values()))[1:])

    def _name(self, node: Value) -> str:
        return node.label if node in self.inputs else self.names[node]

    # As data ----------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """Return the explanation as dicts, lists, texts and numbers, ready for JSON.

        Numbers have full precision; nan and the infinities, which JSON has not, are the texts
        "nan", "inf" and "-inf", which ``float`` reads.

        >>> x = Value(3.0, label="x")
        >>> data = Explanation(x * x, [x]).data()
        >>> list(data), data["gradients"]
        (['result', 'value', 'forward', 'backward', 'gradients'], {'x': 6.0})
        """
        return {
            "result": self._name(self.root),
            "value": plain(self.root.data),
            "forward": [self._node_data(node) for node in self._nodes()],
            "backward": [self._step_data(step) for step in self.steps],
            "gradients": {label: plain(grad) for label, grad in self.gradients.items()},
        }

    def _nodes(self) -> Iterator[Value]:
        yield from self.inputs
        yield from self.constants
        yield from self.results

    def _node_data(self, node: Value) -> dict[str, Any]:
        return {
            "name": self._name(node),
            "operation": "" if node.is_leaf else self.names.operation(node),
            "primitive": "" if node.primitive is None else node.primitive.name,
            "parents": [self._name(parent) for parent in node.parents],
            "local_derivatives": [plain(partial) for partial in node.partials],
            "value": plain(node.data),
        }

    def _step_data(self, step: Step) -> dict[str, Any]:
        return {
            "node": self._name(step.node),
            "gradient": plain(step.upstream),
            "edges": [self._edge_data(edge) for edge in step.edges],
            "text": str(step).splitlines(),
        }

    def _edge_data(self, edge: Edge) -> dict[str, Any]:
        return {
            "parent": self._name(edge.parent),
            "local_derivative": plain(edge.local_derivative),
            "contribution": plain(edge.contribution),
            "before": plain(edge.before),
            "after": plain(edge.after),
        }

    # As LaTeX ---------------------------------------------------------------------------------

    def latex(self) -> str:
        r"""Return the explanation as LaTeX, for a document that uses the package amsmath.

        >>> x = Value(3.0, label="x")
        >>> print(Explanation(x * x, [x]).latex().partition("% Backward")[0])
        % Forward pass (needs \usepackage{amsmath})
        \[
        \begin{aligned}
        x &= 3 \\
        v_{1} &= x \cdot x = 9
        \end{aligned}
        \]
        <BLANKLINE>
        """
        root = latex_name(self._name(self.root))
        gradients = [
            rf"\frac{{\partial {root}}}{{\partial {latex_name(label)}}} &= {latex_short(grad)}"
            for label, grad in self.gradients.items()
        ]
        parts = [
            "% Forward pass (needs \\usepackage{amsmath})",
            _display(aligned_equations([self._equation(node) for node in self._nodes()])),
            "% Backward pass",
            *[_display(step.latex()) for step in self.steps],
            "% Gradients",
            _display(aligned_equations(gradients)),
        ]
        return "\n".join(parts)

    def _equation(self, node: Value) -> str:
        name = latex_name(self._name(node))
        if node.primitive is None:
            return f"{name} &= {latex_short(node.data)}"
        operands: list[Any] = [self.names.formula(parent) for parent in node.parents]
        written: Any = node.primitive(*operands)
        operation = written.latex if isinstance(written, Formula) else latex_short(written)
        return f"{name} &= {operation} = {latex_short(node.data)}"


def as_text(sections: Sequence[Section]) -> str:
    """Return titles and lines as one text.

    >>> print(as_text([("Fruit", ["  apple"]), ("Tools", ["  saw"])]))
    Fruit
      apple
    <BLANKLINE>
    Tools
      saw
    """
    return "\n\n".join("\n".join([title, *lines]) for title, lines in sections)


def plain(x: float) -> float | str:
    """Return a number as JSON can have it: nan and the infinities as texts.

    >>> plain(0.5), plain(-math.inf)
    (0.5, '-inf')
    """
    return x if math.isfinite(x) else repr(x)


def _cut(text: str) -> str:
    text = visible(text)
    return text if len(text) <= _WIDEST_OPERATION else text[: _WIDEST_OPERATION - 1] + "…"


def _table(*columns: Sequence[str]) -> list[str]:
    """Return lines with the columns side by side."""
    widths = [max(map(len, column), default=0) for column in columns]
    return [
        ("  " + "  ".join(map(str.ljust, row, widths))).rstrip()
        for row in zip(*columns, strict=True)
    ]


def _aligned(title: str, numbers: Sequence[float]) -> list[str]:
    """Return a title and numbers, the decimal points one below the other."""
    texts = [repr(number) for number in numbers]
    points = [len(text.partition(".")[0].partition("e")[0]) for text in texts]
    left = max(points, default=0)
    return [
        title,
        *(" " * (left - point) + text for point, text in zip(points, texts, strict=True)),
    ]


def _display(equations: str) -> str:
    return f"\\[\n{equations}\n\\]"
