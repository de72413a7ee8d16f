"""Summaries: what a network is made of, as a table."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from autograd import Value, no_grad
from autograd.grouping import watching
from nn.module import Module, in_mode
from nn.shapes import shape, written


@dataclass(frozen=True)
class Row:
    """One module of a network.

    Attributes:
        name: where it is.
        kind: what it is, as its repr says.
        output: the shape of what it returned last, if that is known.
        parameters: how many parameters are its own: not those of another row.
    """

    name: str
    kind: str
    output: str
    parameters: int


@dataclass(frozen=True)
class Summary:
    """A table of a network's modules, which shows itself.

    Attributes:
        rows: the modules, in the order of the repr.
        total: the network itself, with all its parameters.
        constants: how many other numbers it keeps, such as running means.
    """

    rows: list[Row]
    total: Row
    constants: int

    def __repr__(self) -> str:
        """Show the table."""
        heads = ["module", "kind", "output", "parameters"]
        lines = [[row.name, row.kind, row.output, f"{row.parameters:,}"] for row in self.rows]
        last = [self.total.kind, "", self.total.output, f"{self.total.parameters:,}"]
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        widths[2] = max(widths[2], len(last[2]))
        widths[3] = max(widths[3], len(last[3]))
        widths[1] = max(widths[1], len(last[0]) - widths[0] - 2)
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        spanning = f"{last[0]:{widths[0] + 2 + widths[1]}}  {last[2]:>{widths[2]}}"
        table = [
            _line(heads, widths),
            rule,
            *[_line(line, widths) for line in lines],
            rule,
            f"{spanning}  {last[3]:>{widths[3]}}",
        ]
        if self.constants:
            table.append(f"and {self.constants:,} numbers that are not trained")
        return "\n".join(table)


def summarize(model: Module, x: Any = None) -> Summary:
    """Return a table of a network's modules: see `Module.summary`.

    >>> from nn import Linear
    >>> summarize(Linear(2, 3)).total
    Row(name='', kind='Linear', output='', parameters=9)
    """
    outputs = {} if x is None else _shapes(model, x)
    rows = [
        Row(part.name, kind(part.module), outputs.get(part.module, ""), len(part.parameters))
        for part in parts(model)
    ]
    trained = len(model.parameters())
    total = Row("", type(model).__name__, outputs.get(model, ""), trained)
    return Summary(rows, total, len(list(model.named_values())) - trained)


@dataclass(frozen=True)
class Part:
    """A module of a network that its repr shows.

    Attributes:
        name: where it is.
        module: the module.
        parameters: those that are in no part inside it.
        holds_parts: whether there are parts inside it.
    """

    name: str
    module: Module
    parameters: list[Value]
    holds_parts: bool


def parts(model: Module) -> list[Part]:
    """Return the modules that a network's repr shows: itself if it has parameters of its own.

    >>> from nn import MLP
    >>> [(part.name, len(part.parameters)) for part in parts(MLP(2, [3, 1]))]
    [('layers.0', 9), ('layers.1', 4)]
    """
    shown = {"": model} | dict(_shown("", model))
    owned: dict[str, list[Value]] = {name: [] for name in shown}
    for name, parameter in model.named_parameters():
        owned[_owner(name, shown)].append(parameter)
    if len(shown) > 1 and not owned[""]:
        del shown[""]
    return [
        Part(name, module, owned[name], holds_parts=any(_shown(name, module)))
        for name, module in shown.items()
    ]


def kind(module: Module) -> str:
    """Return a module's kind and what it was made with, in one line.

    >>> from nn import Linear
    >>> kind(Linear(2, 3))
    'Linear(2, 3)'
    """
    arguments = module.extra_repr()
    return f"{type(module).__name__}({arguments})" if arguments else type(module).__name__


def _owner(name: str, modules: Container[str]) -> str:
    """Return the innermost of these modules that a parameter is in."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def _shown(path: str, module: Module) -> Iterator[tuple[str, Module]]:
    """Go through the modules that the repr shows."""
    if module.extra_repr():
        return
    for name, part in module.named_children():
        place = f"{path}.{name}" if path else name
        yield place, part
        yield from _shown(place, part)


def _shapes(model: Module, x: Any) -> dict[Module, str]:
    outputs: dict[Module, Any] = {}
    with no_grad(), in_mode(model, training=False), watching(outputs.__setitem__):
        model(x)
    return {module: _shape(output) for module, output in outputs.items()}


def _shape(output: Any) -> str:
    if isinstance(output, tuple):
        return ", ".join(_shape(part) for part in output if part is not None)
    return written(shape("an output", output))


def _line(cells: list[str], widths: list[int]) -> str:
    name, kind, output, parameters = widths
    return f"{cells[0]:{name}}  {cells[1]:{kind}}  {cells[2]:>{output}}  {cells[3]:>{parameters}}"
