"""Optimizer: what all optimizers share, which is everything but the rule."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from autograd import Value
from optim.memory import MANY, Memory, columns, find_numpy

Number = Any
"""What a rule computes with: a float, or a NumPy array of one number per parameter."""

State = dict[str, Number]
"""What a rule remembers of a parameter from one step to the next, by name."""

Options = dict[str, Any]


class Optimizer:
    """Moves parameters, one step at a time, by a rule that each subclass states in `update`.

    Args:
        params: the Values to move, each counted once; or groups of them, which are dicts with
            "params" and whatever options are to be different in the group.
        defaults: the options where a group doesn't say otherwise.

    Attributes:
        param_groups: the groups, each a dict of its "params" and all options; changing an
            option here changes the steps from then on.
        state: what the rule remembers of each parameter.

    Raises:
        TypeError: if params is not a sequence of Values or groups, or an option not a number.
        ValueError: if there are no parameters, one is the result of an operation, one is in two
            groups, or an option is unknown or out of its range.

    Follows torch.optim.Optimizer, save that a parameter that took no part in the loss has the
    gradient 0 here, and none there.

    >>> from optim import SGD
    >>> x, y = Value(1.0), Value(1.0)
    >>> optimizer = SGD([{"params": [x]}, {"params": [y], "lr": 0.5}], lr=0.1)
    >>> (x + y).backward()
    >>> optimizer.step()
    >>> x.data, y.data
    (0.9, 0.5)
    """

    switches: ClassVar[frozenset[str]] = frozenset()
    """The options that are True or False."""

    pairs: ClassVar[frozenset[str]] = frozenset()
    """The options that are two numbers."""

    def __init__(self, params: Iterable[Any], defaults: Options) -> None:
        self.defaults = defaults
        self.param_groups: list[Options] = []
        self.state: Mapping[Value, State] = {}
        for group in _groups(params):
            self.add_param_group(group)

    update: ClassVar[Callable[..., tuple[Number, State]]]
    """``update(x, gradient, state, **options)``, the rule: what the parameter and the rule's
    memory of it are after one step.

    A rule is elementwise: floats give floats, NumPy arrays give arrays of the same results. It
    is given the parameter, the derivative of the loss with respect to it, what it returned last
    time as its memory (empty at first; it is left as it is), and the options of the group.
    """

    def check(self, options: Options) -> None:
        """Raise ValueError if an option is out of its range."""
        raise NotImplementedError("an optimizer must define check(self, options)")

    def _require_from_0(self, options: Options, *names: str) -> None:
        for name in names:
            what = f"{type(self).__name__}'s {name} is a number from 0 on"
            require(options[name] >= 0.0, what, options[name])

    def _require_betas(self, options: Options) -> None:
        for beta in options["betas"]:
            what = f"{type(self).__name__}'s betas are numbers from 0 to below 1"
            require(0.0 <= beta < 1.0, what, beta)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a group of parameters: a dict of "params" and options of their own.

        Raises:
            TypeError: as for the class.
            ValueError: as for the class. The optimizer is unchanged then.

        >>> from optim import SGD
        >>> optimizer = SGD([Value(1.0)], lr=0.1)
        >>> optimizer.add_param_group({"params": [Value(2.0)], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(group, Mapping):
            raise TypeError(
                f'a group of parameters is a dict with "params", got a {type(group).__name__}'
            )
        if "params" not in group:
            raise ValueError('a group of parameters is a dict with "params", got none')
        params = _checked_params(group["params"])
        for earlier in self.param_groups:
            for shared in set(earlier["params"]).intersection(params):
                raise ValueError(f"{shared!r} is in two groups of parameters")
        own = {name: option for name, option in group.items() if name != "params"}
        self._check_options(self.defaults | own)
        self.param_groups.append({"params": params} | self.defaults | own)

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.zero_grad()

    def step(self) -> None:
        """Move every parameter that requires a gradient; all, or none if it is interrupted.

        Raises:
            ZeroDivisionError: if the rule divides by 0, which an eps above 0 prevents.
        """
        if len(self.param_groups) == 1 and self._step_in_arrays(self.param_groups[0]):
            return
        moves = {}
        for group in self.param_groups:
            options = self._options(group)
            for parameter in group["params"]:
                if parameter.requires_grad:
                    state = self.state.get(parameter, {})
                    moves[parameter] = self._move(parameter, state, options)

        numbers = {parameter: x for parameter, (x, _) in moves.items()}
        states = {parameter: state for parameter, (_, state) in moves.items()}
        self._carry_out(numbers, {**self.state, **states})

    def _step_in_arrays(self, group: Options) -> bool:
        """Move many parameters at once, which takes a fraction of the time; False if it can't be.

        The results are the same to the bit, since rules are elementwise.
        """
        params = [parameter for parameter in group["params"] if parameter.requires_grad]
        numpy: Any = find_numpy() if len(params) >= MANY else None
        remembered = None if numpy is None else columns(numpy, self.state, params)
        if remembered is None:
            return False
        x = numpy.array([parameter.data for parameter in params])
        gradient = numpy.array([parameter.grad for parameter in params])
        try:
            with numpy.errstate(all="ignore", divide="raise", invalid="raise"):
                moved, state = self.update(x, gradient, remembered, **self._options(group))
        except (TypeError, ValueError, ArithmeticError):
            return False  # one by one, it can be told where
        numbers = dict(zip(params, moved.tolist(), strict=True))
        self._carry_out(numbers, Memory(params, state))
        return True

    def _carry_out(self, numbers: Mapping[Value, Number], state: Mapping[Value, State]) -> None:
        """Set the parameters and the memory; a Ctrl-C in between leaves both as they were."""
        before, memory = [parameter.data for parameter in numbers], self.state
        try:
            for parameter, x in numbers.items():
                parameter.data = x
            self.state = state
        except BaseException:
            for parameter, number in zip(numbers, before, strict=True):
                parameter.data = number
            self.state = memory
            raise

    def _move(self, parameter: Value, state: State, options: Options) -> tuple[Number, State]:
        try:
            return self.update(parameter.data, parameter.grad, state, **options)
        except ZeroDivisionError:
            raise ZeroDivisionError(
                f"{type(self).__name__} divides by 0 at {parameter!r}: choose an eps above 0"
            ) from None

    def state_dict(self) -> dict[str, Any]:
        """Return the options and the memory, of plain numbers, the parameters by position.

        >>> from optim import SGD
        >>> SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["state"]
        [{}]
        """
        groups = []
        params: list[Value] = []
        for group in self.param_groups:
            start = len(params)
            params += group["params"]
            groups.append(self._options(group) | {"params": list(range(start, len(params)))})
        return {
            "state": [dict(self.state.get(parameter, {})) for parameter in params],
            "param_groups": groups,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Set the options and the memory as `state_dict` returned them.

        Raises:
            ValueError: if it belongs to another number of groups or parameters, or has other
                options or another memory than this kind of optimizer.
            TypeError: if an entry is not a number. The optimizer is unchanged then.

        >>> from optim import SGD
        >>> x = Value(1.0)
        >>> first, second = SGD([x], lr=0.1), SGD([x], lr=0.5)
        >>> second.load_state_dict(first.state_dict())
        >>> second.param_groups[0]["lr"]
        0.1
        """
        try:
            places = [list(group["params"]) for group in saved["param_groups"]]
            states = list(saved["state"])
        except (KeyError, TypeError):
            raise ValueError(
                'a saved optimizer is a dict with "state" and "param_groups", as state_dict '
                "returns it"
            ) from None
        if places != [group["params"] for group in self.state_dict()["param_groups"]]:
            raise ValueError(
                "the saved optimizer has groups of "
                f"{[len(place) for place in places]} parameters, this one of "
                f"{[len(group['params']) for group in self.param_groups]}"
            )
        if len(states) != sum(map(len, places)):
            raise ValueError(
                f"the saved optimizer remembers {amount(len(states), 'parameter')} of "
                f"{sum(map(len, places))}"
            )
        all_options = [
            {name: option for name, option in group.items() if name != "params"}
            for group in saved["param_groups"]
        ]
        memory = iter(states)
        state = {}
        for group, options in zip(self.param_groups, all_options, strict=True):
            self._check_options(options)
            for parameter in group["params"]:
                state[parameter] = self._checked_state(parameter, next(memory), options)
        self._set(all_options, state)

    def _set(self, all_options: Iterable[Options], state: Mapping[Value, State]) -> None:
        """Set each group's options and the memory; a Ctrl-C in between leaves them as they were."""
        before, memory = [self._options(group) for group in self.param_groups], self.state
        try:
            for group, options in zip(self.param_groups, all_options, strict=True):
                group.update(options)
            self.state = state
        except BaseException:
            for group, options in zip(self.param_groups, before, strict=True):
                group.update(options)
            self.state = memory
            raise

    def _options(self, group: Mapping[str, Any]) -> Options:
        return {name: group[name] for name in self.defaults}

    def _check_options(self, options: Options) -> None:
        kind = type(self).__name__
        for name in options.keys() ^ self.defaults.keys():
            raise ValueError(
                f"{kind} has the options {', '.join(self.defaults)}: {name!r} is "
                f"{'unknown' if name in options else 'missing'}"
            )
        for name, option in options.items():
            if name in self.switches:
                continue
            pair = name in self.pairs
            if pair and not (isinstance(option, (tuple, list)) and len(option) == 2):
                raise TypeError(f"{kind}'s {name} are two numbers, got {option!r}")
            for number in option if pair else [option]:
                _as_float(f"{kind}'s {name}", number)
        self.check(options)

    def _checked_state(self, parameter: Value, state: Any, options: Options) -> State:
        """Return what the rule remembers of a parameter: nothing yet, or all that it needs."""
        remembered = self.update(0.0, 1.0, {}, **options)[1]
        if not isinstance(state, Mapping) or (state and state.keys() != remembered.keys()):
            raise ValueError(
                f"{type(self).__name__} remembers {', '.join(remembered) or 'nothing'} of "
                f"{parameter!r}, the saved optimizer {state!r}"
            )
        numbers = {
            name: entry if isinstance(entry, int) else _as_float(f"the saved {name}", entry)
            for name, entry in state.items()
        }
        if numbers and not self._can_go_on(parameter, numbers, options):
            raise ValueError(
                f"{type(self).__name__} can't go on at {parameter!r} from the saved {numbers!r}"
            )
        return numbers

    def _can_go_on(self, parameter: Value, state: State, options: Options) -> bool:
        """Return whether a step from finite numbers stays finite: no mean square is below 0."""
        try:
            x = self.update(parameter.data, 0.0, state, **options)[0]
        except ArithmeticError:
            return False
        if not all(map(math.isfinite, [parameter.data, *state.values()])):
            return True  # a training that had diverged is loaded as it was
        return math.isfinite(x)

    def __repr__(self) -> str:
        """Show the options and the number of parameters of each group."""
        groups = [
            ", ".join(
                [
                    amount(len(group["params"]), "parameter"),
                    *(f"{name}={option}" for name, option in self._options(group).items()),
                ]
            )
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"


def minimized_gradient(gradient: Number, x: Number, weight_decay: float, maximize: bool) -> Number:
    """Return the gradient of what is minimized: ± the loss, plus weight_decay/2 * x².

    >>> minimized_gradient(3.0, 2.0, weight_decay=0.5, maximize=True)
    -2.0
    """
    g = -gradient if maximize else gradient
    return g + weight_decay * x if weight_decay else g


def require(condition: bool, what: str, got: Any) -> None:
    """Raise ValueError if an option is out of its range.

    >>> require(-1.0 >= 0.0, "SGD's lr is a number from 0 on", -1.0)
    Traceback (most recent call last):
        ...
    ValueError: SGD's lr is a number from 0 on, got -1.0
    """
    if not condition:
        raise ValueError(f"{what}, got {got!r}")


def require_room(what: str, number: Any) -> None:
    """Raise ValueError if an integer is too large for a float.

    >>> require_room("SGD's lr", 10**400)
    Traceback (most recent call last):
        ...
    ValueError: SGD's lr is a number of up to 1.8e308, got a larger one
    """
    try:
        float(number)
    except OverflowError:
        raise ValueError(f"{what} is a number of up to 1.8e308, got a larger one") from None


def _groups(params: Any) -> list[Any]:
    """Return the groups of parameters; a plain sequence of parameters is one group."""
    listed = _listed(params)
    if not listed:
        raise ValueError("the optimizer was given no parameters")
    if all(isinstance(entry, Mapping) for entry in listed):
        return listed
    return [{"params": listed}]


def _checked_params(params: Any) -> list[Value]:
    listed = [params] if isinstance(params, Value) else _listed(params)
    for parameter in listed:
        if not isinstance(parameter, Value):
            raise TypeError(f"an optimizer moves Values, got a {type(parameter).__name__}")
        if not parameter.is_leaf:
            raise ValueError(
                f"an optimizer moves leaves, and {parameter!r} is the result of an operation"
            )
    return list(dict.fromkeys(listed))


def _listed(params: Any) -> list[Any]:
    if hasattr(params, "parameters"):
        raise TypeError(
            f"an optimizer takes a list of Values, got a {type(params).__name__}: "
            "give its parameters()"
        )
    if isinstance(params, (Value, Mapping, str, set, frozenset)) or not isinstance(
        params, Iterable
    ):
        raise TypeError(f"an optimizer takes a list of Values, got a {type(params).__name__}")
    return list(params)


def _as_float(what: str, number: Any) -> float:
    try:
        converted = Value(number).data
    except TypeError:
        raise TypeError(f"{what} is a real number, got {number!r}") from None
    require_room(what, number)
    return converted


def amount(number: int, noun: str) -> str:
    """Return how many there are as text.

    >>> amount(1, "parameter"), amount(2, "parameter")
    ('1 parameter', '2 parameters')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
