"""Module: what all networks share, which is knowing their parameters by name."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Self

from autograd import Value
from autograd.grouping import Maker

if TYPE_CHECKING:
    from nn.summary import Summary


class Module(Maker):
    """A part of a network: a function with parameters.

    Its parameters are the Values among its attributes, and those of the modules among its
    attributes; lists, tuples and dicts of them count too. A subclass says in `forward` what it
    computes. Assigning an attribute labels the parameters in it by their place, such as
    ``layers.0.neurons.3.w[1]``, so that pictures and messages show where a number belongs; a
    label of your own stays.

    Follows torch.nn.Module.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Value(2.0)
    ...         self.intercept = Value(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.intercept
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> line.slope
    Value(2.0, grad=0.0, label='slope')
    """

    training: bool = True
    """Whether the module is being trained: dropout and batch normalization differ then."""

    def __setattr__(self, name: str, attribute: Any) -> None:
        super().__setattr__(name, attribute)
        for place, part in _parts([(name, attribute)]):
            # A label such as w[1] was given from further inside: it grows into neurons.3.w[1].
            if isinstance(part, Value) and place.endswith(part.label):
                part.label = place

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield every parameter with its name; one in several places has the first one's.

        A parameter is a leaf that requires a gradient.

        >>> from nn import Layer
        >>> [name for name, parameter in Layer(2, 1).named_parameters()]
        ['neurons.0.w[0]', 'neurons.0.w[1]', 'neurons.0.b']
        """
        for name, value in self.named_values():
            if value.requires_grad:
                yield name, value

    def named_values(self) -> Iterator[tuple[str, Value]]:
        """Yield every parameter, and every constant such as a running mean, with its name.

        >>> from nn import BatchNorm1d
        >>> [name for name, value in BatchNorm1d(1, affine=False).named_values()]
        ['running_mean[0]', 'running_var[0]', 'num_batches_tracked']
        """
        for name, part in _parts(vars(self).items()):
            if isinstance(part, Value):
                yield name, part

    def named_modules(self) -> "Iterator[tuple[str, Module]]":
        """Yield this module, whose name is empty, and every one inside with its name.

        >>> from nn import MLP
        >>> [name for name, module in MLP(2, [1]).named_modules()]
        ['', 'layers.0', 'layers.0.neurons.0']
        """
        yield "", self
        for name, part in _parts(vars(self).items()):
            if isinstance(part, Module) and part is not self:
                yield name, part

    def parameters(self) -> list[Value]:
        """Return every parameter, each once.

        >>> from nn import MLP
        >>> len(MLP(4, [8, 3]).parameters())  # 8 * (4 + 1) + 3 * (8 + 1)
        67
        """
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Yield the modules directly inside with their names.

        >>> from nn import MLP
        >>> [name for name, module in MLP(2, [3, 1]).named_children()]
        ['layers.0', 'layers.1']
        """
        for name, part in _parts(vars(self).items(), into_modules=False):
            if isinstance(part, Module):
                yield name, part

    def train(self, mode: bool = True) -> Self:
        """Say to this module and those inside that they are being trained (or not).

        >>> from nn import Dropout, Sequential
        >>> model = Sequential(Dropout(1.0))
        >>> [output.data for output in model([1.0, 2.0])]
        [0.0, 0.0]
        >>> [output.data for output in model.eval()([1.0, 2.0])]
        [1.0, 2.0]
        """
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say to this module and those inside that they are being used, not trained."""
        return self.train(False)

    def state_dict(self) -> dict[str, float]:
        """Return all numbers of the module by name: its parameters, and its constants.

        >>> from nn import Neuron
        >>> sorted(Neuron(2).state_dict())
        ['b', 'w[0]', 'w[1]']
        """
        return {name: value.data for name, value in self.named_values()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set all numbers of the module by name, as `state_dict` returned them.

        Raises:
            KeyError: if a name is missing, or there is one that the module doesn't have.
            TypeError: if it is not a dict, or an entry not a real number. The module is
                unchanged then.

        >>> from nn import Neuron
        >>> neuron = Neuron(1)
        >>> neuron.load_state_dict({"w[0]": 3.0, "b": 1.0})
        >>> neuron.load_state_dict({"w[0]": 3.0, "c": 1.0})
        Traceback (most recent call last):
            ...
        KeyError: 'this Neuron cannot load this state: b is missing; c is unknown'
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"a state is a dict of numbers by name, got a {type(state).__name__}")
        values = dict(self.named_values())
        problems = [
            *_listed(values.keys() - state.keys(), "missing"),
            *_listed(state.keys() - values.keys(), "unknown"),
        ]
        if problems:
            kind = type(self).__name__
            raise KeyError(f"this {kind} cannot load this state: {'; '.join(problems)}")
        numbers = {name: _number(name, state[name]) for name in values}
        before = self.state_dict()
        try:
            for name, value in values.items():
                value.data = numbers[name]
        except BaseException:  # Ctrl-C too may come when only some numbers are set
            for name, value in values.items():
                value.data = before[name]
            raise

    def summary(self, x: Any = None) -> "Summary":
        """Return a table of the modules inside with the numbers of their parameters.

        Args:
            x: an input, with which the table also tells the shape of every module's output.

        >>> from nn import Linear, Sequential
        >>> Sequential(Linear(4, 8), "tanh", Linear(8, 3)).summary([0.0] * 4)
        module    kind               output  parameters
        -----------------------------------------------
        layers.0  Linear(4, 8)            8          40
        layers.1  Elementwise(tanh)       8           0
        layers.2  Linear(8, 3)            3          27
        -----------------------------------------------
        Sequential                        3          67
        """
        from nn.summary import summarize

        return summarize(self, x)

    def extra_repr(self) -> str:
        """Return what stands in the parentheses of the repr, in place of the modules inside."""
        return ""

    @recursive_repr()
    def __repr__(self) -> str:
        """Show the modules inside, one per line."""
        inside = [f"{name}: {part!r}".replace("\n", "\n  ") for name, part in self.named_children()]
        arguments = self.extra_repr()
        if inside and not arguments:
            arguments = "".join(f"\n  {line}" for line in inside) + "\n"
        return f"{type(self).__name__}({arguments})"


@contextmanager
def in_mode(module: Module, training: bool) -> Iterator[None]:
    """Have a module, and all inside, trained or not in a with block, then as each was before.

    >>> from nn import Dropout
    >>> dropout = Dropout()
    >>> with in_mode(dropout, training=False):
    ...     print(dropout.training)
    False
    >>> dropout.training
    True
    """
    before = [(part, part.training) for _, part in module.named_modules()]
    try:
        module.train(training)
        yield
    finally:
        for part, was_training in before:
            part.training = was_training


def _parts(
    entries: Iterable[tuple[str, Any]], into_modules: bool = True
) -> Iterator[tuple[str, "Value | Module"]]:
    """Yield the leaf Values and the modules in these entries with their names, each once."""
    seen: set[int] = set()
    stack = list(reversed(list(entries)))
    while stack:
        name, part = stack.pop()
        if id(part) in seen or not isinstance(part, (Value, Module, dict, list, tuple)):
            continue
        seen.add(id(part))
        if isinstance(part, Module) or (isinstance(part, Value) and part.is_leaf):
            yield name, part
        if into_modules or not isinstance(part, Module):
            stack.extend(reversed(_entries(name, part)))


def _entries(name: str, part: Any) -> list[tuple[str, Any]]:
    """Return what a part contains: ``.`` leads to a module or attribute, ``[]`` to a number."""
    if isinstance(part, Module):
        return [(f"{name}.{attribute}", child) for attribute, child in vars(part).items()]
    if isinstance(part, Value):
        return []
    entries = part.items() if isinstance(part, dict) else enumerate(part)
    return [
        (f"{name}.{key}" if isinstance(child, Module) else f"{name}[{key}]", child)
        for key, child in entries
    ]


def _listed(names: Iterable[str], what: str, most: int = 5) -> list[str]:
    """Say which names are missing or unknown, if any."""
    some = sorted(map(str, names))
    if not some:
        return []
    rest = f" and {len(some) - most} more" if len(some) > most else ""
    return [f"{', '.join(some[:most])}{rest} {'is' if len(some) == 1 else 'are'} {what}"]


def _number(name: str, entry: Any) -> float:
    try:
        return Value(entry).data
    except TypeError as error:
        raise TypeError(f"the state's entry {name} is unfit: {error}") from None
