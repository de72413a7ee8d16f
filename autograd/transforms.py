"""Derivatives of functions: gradients, grad, value_and_grad, jvp, jacobian, hessian, hvp.

The functions take numbers or nested sequences of numbers. Inside, the sweep is made of Values
itself where a further derivative may be asked for, so every transform can be applied to the
result of another, to any order.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from autograd import modes, primitives, real
from autograd.nested import flatten
from autograd.sweep import checked_roots, tracked_order
from autograd.value import Value

Function = Callable[..., Any]


def gradients(output: Any, inputs: Any, create_graph: bool = False) -> Any:
    """Return the derivatives of one value with respect to others, leaving every .grad alone.

    Args:
        output: a Value, or a sequence of Values whose sum is meant.
        inputs: a Value or nested sequences of Values, leaves or interior nodes.
        create_graph: return Values that can be differentiated again, instead of floats.

    Returns:
        The derivatives, nested as the inputs are; 0 for an input that output doesn't depend on.

    Raises:
        TypeError: if an output or an input is not a Value.
        RuntimeError: if an input doesn't require a gradient.

    Follows torch.autograd.grad.

    >>> x = Value(2.0)
    >>> first = gradients(x**3, x, create_graph=True)
    >>> first.data, gradients(first, x)
    (12.0, 12.0)
    """
    nodes, rebuild = flatten(inputs)
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"gradients needs Values as inputs, got {primitives.describe(node)}")
        if not node.requires_grad:
            raise RuntimeError(f"{node!r} does not require a gradient")
    roots = [root for root in flatten(output)[0] if not _is_constant(root)]
    found = _sweep(roots, nodes, differentiable_partials if create_graph else _recorded_partials)
    slopes = [found.get(node, 0.0) for node in nodes]
    return rebuild([_as_value(slope) for slope in slopes] if create_graph else slopes)


def _is_constant(root: Any) -> bool:
    return isinstance(root, Value) and not root.requires_grad


def _between(roots: list[Value], inputs: list[Value]) -> list[Value]:
    """The nodes that lie between inputs and roots, in topological order."""
    between: set[Value] = set(inputs)
    order = []
    for node in tracked_order(checked_roots(roots, None)[0]):
        if node in between or any(parent in between for parent in node.parents):
            between.add(node)
            order.append(node)
    return order


def _sweep(
    roots: list[Value], inputs: list[Value], partials: Callable[[Value], Sequence[Any]]
) -> dict[Value, Any]:
    """Sweep from the roots to the inputs: with floats, or with Values if the partials are."""
    order = _between(roots, inputs)
    total: dict[Value, Any] = dict.fromkeys(order, 0.0)
    for root in roots:
        if root in total:
            total[root] += 1.0
    for node in reversed(order):
        for parent, partial in zip(node.parents, partials(node), strict=True):
            if parent in total:
                total[parent] = _plus(total[parent], _times(partial, total[node]))
                if modes.current.detecting:
                    modes.check_gradient(
                        node, parent, float(partial), float(total[node]), float(total[parent])
                    )
    return total


def _recorded_partials(node: Value) -> Sequence[float]:
    return node.partials


def differentiable_partials(node: Value) -> Sequence[Any]:
    """Return a node's local derivatives as functions of its parents: Values, or constants."""
    if node.primitive is None:
        return ()
    inputs = [parent if parent.requires_grad else parent.data for parent in node.parents]
    # Branches of a rule that are not chosen may well be nan: that is no anomaly.
    with modes.switched(symbolic=True, detecting=False):
        partials = node.primitive.derivatives(node, *inputs)
    _make_sure_current(node, partials)
    return partials


def _make_sure_current(node: Value, partials: Sequence[Any]) -> None:
    """Raise if an input was given another number after the node was computed from it."""
    for parent, partial, recorded in zip(node.parents, partials, node.partials, strict=True):
        if parent.requires_grad and float(partial) != recorded and recorded == recorded:
            raise RuntimeError(
                f"the data of a Value was set after {node!r} had been computed from it: "
                "build the graph anew before asking for higher derivatives"
            )


def _times(x: Any, y: Any) -> Any:
    if type(x) is float and x == 1.0:
        return y
    return x if type(y) is float and y == 1.0 else x * y


def _plus(x: Any, y: Any) -> Any:
    return y if type(x) is float and x == 0.0 else x + y


def _as_value(x: Any) -> Value:
    return x if isinstance(x, Value) else _as_constant(x)


def _as_constant(number: float) -> Value:
    return Value(number, requires_grad=False)


# Transforms of functions ----------------------------------------------------------------------


class _Depth(threading.local):
    level = 0  # how many transforms are at work, one inside the other


_depth = _Depth()


class _Inputs:
    """The arguments of a function as fresh Values, connected to the caller's if it has any.

    A transform inside another must not confuse its own inputs with the other's, even where they
    are the same number: so each gets nodes of its own.
    """

    def __init__(self, arguments: tuple[Any, ...], argnums: int | Sequence[int] | None) -> None:
        self.numbers = _argument_numbers(arguments, argnums)
        chosen = [arguments[number] for number in self.numbers]
        leaves, self.rebuild = flatten(chosen)
        self.nodes = [_fresh(leaf) for leaf in leaves]
        self.has_values = any(isinstance(leaf, Value) for leaf in flatten(list(arguments))[0])
        self.single = isinstance(argnums, int)
        wrapped = dict(zip(self.numbers, self.rebuild(self.nodes), strict=True))
        self.arguments = [wrapped.get(k, argument) for k, argument in enumerate(arguments)]

    def shaped(self, entries: Sequence[Any]) -> Any:
        """Return one entry per node in the shape of the arguments."""
        shaped = self.rebuild(entries)
        return shaped[0] if self.single else tuple(shaped)


def _argument_numbers(arguments: tuple[Any, ...], argnums: int | Sequence[int] | None) -> list[int]:
    if argnums is None:
        return list(range(len(arguments)))
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    for number in wanted:
        if not -len(arguments) <= number < len(arguments):
            raise ValueError(
                f"argnums names argument {number}, but the function was given {len(arguments)}"
            )
    numbers = [number % len(arguments) for number in wanted]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"argnums names an argument twice: {argnums}")
    return numbers


def _fresh(leaf: Any) -> Value:
    if isinstance(leaf, Value):
        connected = leaf.requires_grad and modes.current.recording
        return +leaf if connected else Value(leaf.data, leaf.label)
    return Value(leaf)


def _scalar(output: Any, function: Function) -> Value:
    if isinstance(output, Value):
        return output
    name = getattr(function, "__name__", "the function")
    if real.number(output) is not None:  # it doesn't depend on its inputs at all
        return _as_constant(output)
    raise TypeError(
        f"{name} must return one number to have a gradient, "
        f"got {primitives.describe(output)}; jacobian takes functions of several outputs"
    )


def _transform(
    function: Function,
    arguments: tuple[Any, ...],
    argnums: int | Sequence[int] | None,
    derive: Callable[[_Inputs, bool], Any],
) -> Any:
    """Run a transform: its results are Values if a transform around it may need them.

    A no_grad around it makes its results constants, but doesn't hinder the transform itself.
    """
    if not callable(function):
        raise TypeError(f"a function is differentiated, got {primitives.describe(function)}")
    inputs = _Inputs(arguments, argnums)
    inner = _depth.level > 0 or inputs.has_values
    _depth.level += 1
    try:
        with modes.switched(recording=True):
            result = derive(inputs, inner)
    finally:
        _depth.level -= 1
    if inner and modes.current.recording:
        return result
    leaves, rebuild = flatten(result)
    numbers = [leaf.data if isinstance(leaf, Value) else leaf for leaf in leaves]
    return rebuild([_as_constant(x) for x in numbers] if inner else numbers)


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that gives f's value and its gradient.

    Args:
        f: a function of numbers or nested sequences of numbers that returns one number.
        argnums: the argument, or several, to differentiate with respect to.

    Returns:
        A function of f's arguments that returns (value, gradient): floats if all arguments are
        floats, Values if one is a Value. The gradient is shaped as the argument is. Keyword
        arguments are handed on to f as they are.

    Raises:
        TypeError: if f is not a function or, when it is called, doesn't return one number.
        ValueError: if argnums names an argument twice, or one that f wasn't given.

    Follows torch.func.grad_and_value, with the value first as in jax.value_and_grad.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """

    @functools.wraps(f)
    def value_and_gradient(*arguments: Any, **options: Any) -> Any:
        def derive(inputs: _Inputs, inner: bool) -> Any:
            output = _scalar(f(*inputs.arguments, **options), f)
            slopes = gradients(output, inputs.nodes, create_graph=inner)
            return output, inputs.shaped(slopes)

        return _transform(f, arguments, argnums, derive)

    return value_and_gradient


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the gradient function of f.

    Args:
        f: a function of numbers or nested sequences of numbers that returns one number.
        argnums: the argument, or several, to differentiate with respect to.

    Returns:
        A function of f's arguments; see `value_and_grad`. Follows torch.func.grad.

    Raises:
        TypeError: as `value_and_grad`.
        ValueError: as `value_and_grad`.

    >>> from autograd import sin
    >>> grad(grad(sin))(0.5) == -sin(0.5)
    True
    >>> grad(lambda xs: xs[0] * xs[1])([2.0, 5.0])
    [5.0, 2.0]
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*arguments: Any, **options: Any) -> Any:
        return both(*arguments, **options)[1]

    return gradient


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function of f's first derivatives, for an f of several outputs.

    Args:
        f: a function of numbers or nested sequences that returns a number or nested sequences.
        argnums: the argument, or several, to differentiate with respect to.

    Returns:
        A function of f's arguments: the outputs' nesting, each output replaced by its gradient.
        Follows torch.func.jacrev.

    Raises:
        TypeError: if f is not a function or, when it is called, returns anything but numbers.
        ValueError: as `value_and_grad`.

    >>> jacobian(lambda xs: [xs[0] * xs[1], 3.0 * xs[1]])([2.0, 5.0])
    [[5.0, 2.0], [0.0, 3.0]]
    """

    @functools.wraps(f)
    def jacobian_of_f(*arguments: Any, **options: Any) -> Any:
        def derive(inputs: _Inputs, inner: bool) -> Any:
            outputs, rebuild = flatten(f(*inputs.arguments, **options))
            rows = [gradients(_scalar(y, f), inputs.nodes, create_graph=inner) for y in outputs]
            return rebuild([inputs.shaped(row) for row in rows])

        return _transform(f, arguments, argnums, derive)

    return jacobian_of_f


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function of f's second derivatives: the Jacobian of the gradient.

    Args:
        f: a function of numbers or nested sequences that returns one number.
        argnums: the argument, or several, to differentiate with respect to.

    Returns:
        A function of f's arguments; follows torch.func.hessian.

    Raises:
        TypeError: as `value_and_grad`.
        ValueError: as `value_and_grad`.

    >>> hessian(lambda xs: xs[0] * xs[0] * xs[1])([2.0, 5.0])
    [[10.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def jvp(f: Function) -> Function:
    """Return the forward derivative of f: how its outputs move when its inputs move.

    Args:
        f: a function of numbers or nested sequences that returns a number or nested sequences.

    Returns:
        ``jvp(f)(primals, tangents)`` returns the outputs and their derivatives in the direction
        of the tangents, which are shaped as the primals. A tuple of primals is f's arguments
        (torch.func.jvp); anything else is its only argument.

    Raises:
        TypeError: if f is not a function, or a tangent not a number.
        ValueError: if there are not as many tangents as primals.

    >>> jvp(lambda x, y: x * y)((2.0, 5.0), (1.0, 10.0))
    (10.0, 25.0)
    """

    @functools.wraps(f)
    def forward(primals: Any, tangents: Any) -> Any:
        arguments, directions = _as_arguments(primals, tangents)

        def derive(inputs: _Inputs, inner: bool) -> Any:
            direction = _direction(directions, inputs)
            outputs, rebuild = flatten(f(*inputs.arguments))
            moved = _push_forward(outputs, dict(zip(inputs.nodes, direction, strict=True)), inner)
            return rebuild(outputs), rebuild(moved)

        return _transform(f, arguments, None, derive)

    return forward


def _as_arguments(primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if isinstance(primals, tuple):
        return primals, tuple(tangents) if isinstance(tangents, (tuple, list)) else (tangents,)
    return (primals,), (tangents,)


def _direction(directions: tuple[Any, ...], inputs: _Inputs) -> list[Any]:
    entries: list[Any] = flatten(directions)[0]
    if len(entries) != len(inputs.nodes):
        raise ValueError(
            f"the tangents have {len(entries)} numbers for {len(inputs.nodes)} inputs: "
            "they must have the shape of the primals"
        )
    return [_tangent(entry) for entry in entries]


def _tangent(entry: Any) -> Any:
    if isinstance(entry, Value):
        return entry
    number = real.number(entry)
    if number is None:
        raise TypeError(f"a tangent is a real number or a Value, got {primitives.describe(entry)}")
    return number


def _push_forward(outputs: list[Any], tangents: dict[Value, Any], inner: bool) -> list[Any]:
    """Carry tangents through the graph, from the inputs to the outputs."""
    roots = [y for y in outputs if isinstance(y, Value) and y.requires_grad]
    moved: dict[Any, Any] = dict(tangents)
    for node in tracked_order(roots):
        if node not in moved:
            partials = differentiable_partials(node) if inner else node.partials
            terms = [
                _times(partial, moved[parent])
                for parent, partial in zip(node.parents, partials, strict=True)
                if parent in moved
            ]
            if terms:
                moved[node] = functools.reduce(_plus, terms)
    return [moved.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in outputs]


def hvp(f: Function) -> Function:
    """Return the product of f's second derivatives with a vector, without forming them.

    Args:
        f: a function of numbers or nested sequences that returns one number.

    Returns:
        ``hvp(f)(primals, vector)`` returns the product, shaped as the primals, which are given
        as in `jvp`. It is the forward derivative of the gradient: Pearlmutter (1994), "Fast
        exact multiplication by the Hessian".

    Raises:
        TypeError: as `grad` and `jvp`.
        ValueError: as `jvp`.

    >>> hvp(lambda xs: xs[0] * xs[0] * xs[1])([2.0, 5.0], [1.0, 0.0])
    [10.0, 4.0]
    """

    @functools.wraps(f)
    def product(primals: Any, vector: Any) -> Any:
        argnums = tuple(range(len(primals))) if isinstance(primals, tuple) else 0
        return jvp(grad(f, argnums))(primals, vector)[1]

    return product
