"""The backward sweep: what it adds where, whole and step by step."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Sweep, Value, backward, exp, gradients, no_grad, sin, tanh
from autograd.primitives import sum_of
from autograd.sweep import topological_order, tracked_order
from autograd.value import link

numbers = st.floats(-1.0, 1.0)  # and no operation below leaves this interval

# Random graphs in which any earlier node may be used again --------------------------------------

Instruction = tuple[str, int, int]
programs = st.lists(
    st.tuples(
        st.sampled_from(["add", "sub", "mul", "tanh", "sin"]),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=12,
)


def run(program: list[Instruction], inputs: list[Any]) -> list[Any]:
    """Return the inputs of a program, and then its result after each instruction."""
    nodes = list(inputs)
    for name, i, j in program:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        operations: dict[str, Callable[[], Any]] = {
            "add": lambda x=x, y=y: 0.5 * (x + y),
            "sub": lambda x=x, y=y: (x - y) / 2,
            "mul": lambda x=x, y=y: x * y,
            "tanh": lambda x=x: tanh(x),
            "sin": lambda x=x: sin(x),
        }
        nodes.append(operations[name]())
    return nodes


def sum_over_paths(root: Value, node: Value) -> float:
    """The derivative by the definition: over all paths, the product of the local derivatives."""
    if root is node:
        return 1.0
    return math.fsum(
        partial * sum_over_paths(parent, node)
        for parent, partial in zip(root.parents, root.partials, strict=True)
    )


@given(program=programs, x=numbers, y=numbers)
def test_the_gradient_is_the_sum_over_all_paths(
    program: list[Instruction], x: float, y: float
) -> None:
    nodes = run(program, [Value(x), Value(y)])
    root = nodes[-1]
    root.backward()
    for node in topological_order([root]):
        assert node.grad == pytest.approx(sum_over_paths(root, node), rel=1e-9, abs=1e-9)


@given(program=programs, x=numbers, y=numbers)
def test_parents_come_before_children_and_each_once(
    program: list[Instruction], x: float, y: float
) -> None:
    nodes = run(program, [Value(x), Value(y)])
    order = topological_order([nodes[-1], nodes[len(nodes) // 2]])
    place = {node: k for k, node in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


@given(program=programs, x=numbers, y=numbers, seed=numbers)
def test_all_ways_to_sweep_agree(
    program: list[Instruction], x: float, y: float, seed: float
) -> None:
    leaves = [Value(x), Value(y)]
    root = run(program, leaves)[-1] * 1.0
    nodes = tracked_order([root])
    expected = [g * seed for g in gradients(root, nodes)]

    root.backward(seed)
    assert [node.grad for node in nodes] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    swept = [node.grad for node in nodes]

    for leaf in leaves:
        leaf.zero_grad()
    sweep = Sweep(root, seed)
    sweep.goto(len(sweep))
    assert [node.grad for node in nodes] == swept


# Accumulation -----------------------------------------------------------------------------------


def test_two_sweeps_of_the_cube_leave_24() -> None:
    x = Value(2.0)
    y = x**3
    y.backward()
    assert x.grad == 12.0
    y.backward()
    assert x.grad == 24.0


def test_two_sweeps_through_interior_nodes_double_the_leaves_only() -> None:
    x = Value(2.0)
    square = x * x
    y = square * square
    for sweeps in (1, 2, 3):
        y.backward()
        assert (x.grad, square.grad, y.grad) == (32.0 * sweeps, 8.0, 1.0)


def test_what_stood_in_the_gradients_before() -> None:
    x = Value(2.0)
    square = x * x
    y = square + 1.0
    x.grad, square.grad, y.grad = 100.0, 100.0, 100.0
    y.backward()
    assert (x.grad, square.grad, y.grad) == (104.0, 1.0, 1.0)


def test_two_graphs_that_share_leaves_add_up() -> None:
    x = Value(3.0)
    (x * x).backward()
    (5.0 * x).backward()
    assert x.grad == 11.0


def test_a_root_that_is_a_leaf() -> None:
    x = Value(2.0)
    x.backward()
    x.backward(3.0)
    assert x.grad == 4.0


@given(seed=st.floats(-1e6, 1e6) | st.integers(-1000, 1000) | st.fractions(-5, 5))
def test_the_seed_scales_the_gradients(seed: Any) -> None:
    x = Value(2.0)
    (x**3).backward(seed)
    assert x.grad == 12.0 * float(seed)


def test_nodes_outside_the_sweep_keep_their_gradients() -> None:
    x = Value(2.0)
    used, unused = x * x, x * 3.0
    unused.backward()
    used.backward()
    assert (unused.grad, x.grad) == (1.0, 7.0)


def test_an_untracked_part_is_left_alone() -> None:
    constant = Value(3.0, requires_grad=False)
    x = Value(2.0)
    y = (constant * constant) * x
    y.backward()
    assert (constant.grad, x.grad) == (0.0, 9.0)


def test_a_leaf_that_is_frozen_afterwards_receives_nothing() -> None:
    x, w = Value(2.0), Value(3.0)
    y = x * w
    w.requires_grad = False
    y.backward()
    assert (x.grad, w.grad) == (3.0, 0.0)


# Several roots ----------------------------------------------------------------------------------


@given(program=programs, x=numbers, y=numbers, seeds=st.tuples(numbers, numbers, numbers))
def test_roots_swept_together_and_one_by_one_agree(
    program: list[Instruction], x: float, y: float, seeds: tuple[float, float, float]
) -> None:
    leaves = [Value(x), Value(y)]
    nodes = run(program, leaves)
    roots = [nodes[-1], nodes[len(nodes) // 2], nodes[-1]]  # ancestors of each other, one twice
    expected = [
        math.fsum(
            seed * gradient
            for root, seed in zip(roots, seeds, strict=True)
            for gradient in [gradients(root, leaf)]
        )
        for leaf in leaves
    ]
    backward(roots, seeds)
    assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_root_that_is_an_ancestor_of_another() -> None:
    x = Value(3.0)
    square = x * x
    top = 10.0 * square
    for roots in ([square, top], (top, square)):
        x.zero_grad()
        backward(roots)
        assert (x.grad, square.grad, top.grad) == (66.0, 11.0, 1.0)


def test_the_same_root_twice_counts_twice() -> None:
    x = Value(3.0)
    y = x * x
    backward([y, y])
    assert (x.grad, y.grad) == (12.0, 2.0)


def test_leaves_among_the_roots() -> None:
    x = Value(3.0)
    backward([x, x * x, x], [1.0, 10.0, 100.0])
    assert x.grad == 161.0


def test_one_root_needs_no_list_and_any_iterable_serves() -> None:
    x = Value(3.0)
    backward(x * x)
    backward(iter([x * x]))
    backward((x * x,), (2.0,))
    backward(x * x, 0.5)
    assert x.grad == 27.0


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roots", "seeds", "error", "message"),
    [
        (lambda x: [x, x], [1.0], ValueError, "one seed per root, got 1 for 2"),
        (lambda x: [x], [1.0, 2.0], ValueError, "one seed per root, got 2 for 1"),
        (lambda x: [x, x], 1.0, ValueError, "one seed per root, got 1 for 2"),
        (lambda x: [x, 3.0], None, TypeError, "got float '3.0'"),
        (lambda x: 3.0, None, TypeError, "got float '3.0'"),
        (lambda x: None, None, TypeError, "got NoneType"),
        (lambda x: x, "1", TypeError, "a seed is a real number, got str '1'"),
        (lambda x: x, 1j, TypeError, "a seed is a real number, got complex"),
    ],
)
def test_roots_and_seeds_that_fit_not(
    roots: Callable[[Value], Any], seeds: Any, error: type[Exception], message: str
) -> None:
    x = Value(2.0)
    with pytest.raises(error, match=message) as caught:
        backward(roots(x), seeds)
    assert "\n" not in str(caught.value)
    assert x.grad == 0.0


def test_a_root_without_tracked_inputs_is_refused() -> None:
    constant = Value(2.0, label="c", requires_grad=False)
    with no_grad():
        untracked = Value(2.0) * 3.0
    for root in (constant, untracked, constant * 2.0):
        with pytest.raises(RuntimeError, match=r"requires a gradient.*no_grad"):
            root.backward()
        with pytest.raises(RuntimeError, match="requires a gradient"):
            root.steps()


def test_a_sweep_begins_at_one_value() -> None:
    with pytest.raises(TypeError, match="a sweep begins at a Value, got"):
        Sweep([Value(1.0)])  # type: ignore[arg-type]


# Interruption -----------------------------------------------------------------------------------


class Interrupting:
    """A local derivative at which Ctrl-C is pressed when it is used."""

    def __mul__(self, gradient: float) -> float:
        raise KeyboardInterrupt

    def __float__(self) -> float:
        raise KeyboardInterrupt


def test_an_interrupted_sweep_leaves_the_leaves_as_they_were() -> None:
    x, w = Value(2.0), Value(5.0)
    x.grad, w.grad = 7.0, 8.0
    inner = sum_of(x * 3.0, tanh(w * x), w)
    y = x * inner
    right = inner.partials
    link(inner, inner.parents, (1.0, Interrupting(), 1.0))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (x.grad, w.grad) == (7.0, 8.0)

    inner.partials = right
    y.backward()
    slope = 1.0 - math.tanh(10.0) ** 2
    assert x.grad == pytest.approx(7.0 + inner.data + 2.0 * (3.0 + 5.0 * slope))
    assert w.grad == pytest.approx(8.0 + 2.0 * (2.0 * slope + 1.0))


# Step by step -----------------------------------------------------------------------------------


def example() -> tuple[Value, Value, Value]:
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    return x, w, x * w + x


def test_a_step_tells_all_about_itself() -> None:
    x, w, y = example()
    first, second = y.steps()
    product = y.parents[0]

    assert (first.node, first.upstream) == (y, 1.0)
    assert [edge.parent for edge in first.edges] == [product, x]
    assert (second.node, second.upstream) == (product, 1.0)
    to_x, to_w = second.edges
    assert (to_x.parent, to_w.parent) == (x, w)
    assert (to_x.local_derivative, to_x.contribution) == (-3.0, -3.0)
    assert (to_x.before, to_x.after) == (1.0, -2.0)
    assert (to_w.local_derivative, to_w.contribution) == (2.0, 2.0)
    assert (to_w.before, to_w.after) == (0.0, 2.0)


def test_a_parent_used_twice_appears_twice() -> None:
    x = Value(3.0)
    (step,) = (x * x).steps()
    assert [(edge.parent, edge.before, edge.after) for edge in step.edges] == [
        (x, 0.0, 3.0),
        (x, 3.0, 6.0),
    ]


def test_looking_at_the_steps_changes_nothing() -> None:
    x, w, y = example()
    x.grad = 5.0
    sweep = y.steps()
    assert [str(step) for step in sweep]
    assert sweep[-1].latex()
    assert (x.grad, w.grad, y.grad) == (5.0, 0.0, 0.0)
    assert sweep[1].edges[0].before == 6.0  # the sweep adds to what stands there


@given(program=programs, x=numbers, y=numbers, moves=st.lists(st.integers(0, 30), max_size=8))
def test_going_forward_and_back_is_undone_exactly(
    program: list[Instruction], x: float, y: float, moves: list[int]
) -> None:
    leaves = [Value(x), Value(y)]
    root = run(program, leaves)[-1] * 2.0
    nodes = topological_order([root])
    for k, node in enumerate(nodes):
        node.grad = float(k)
    before = [node.grad for node in nodes]
    sweep = Sweep(root)
    seen = {0: before}
    for move in moves:
        position = move % (len(sweep) + 1)
        sweep.goto(position)
        assert sweep.position == position
        now = [node.grad for node in nodes]
        assert seen.setdefault(position, now) == now
    sweep.goto(0)
    assert [node.grad for node in nodes] == before


def test_both_ends_of_a_sweep() -> None:
    x, _, y = example()
    sweep = Sweep(y)
    assert sweep.back() is None
    assert sweep.forward() is sweep[0]
    assert sweep.forward() is sweep[1]
    assert sweep.forward() is None
    assert x.grad == -2.0
    assert sweep.back() is sweep[1]
    assert repr(sweep) == "<Sweep of 2 steps, 1 done>"
    for position in (-1, 3):
        with pytest.raises(IndexError, match="positions 0 to 2"):
            sweep.goto(position)


def test_repr_of_a_step_says_it_in_one_line() -> None:
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    [step] = (x * w).steps()
    assert repr(step) == (
        "<Step: x.grad += w · v1.grad = -3 × 1 → -3.0; w.grad += x · v1.grad = 2 × 1 → 2.0>"
    )


def test_a_sweep_is_a_sequence() -> None:
    _, _, y = example()
    sweep = y.steps()
    assert len(sweep) == 2
    assert sweep[-1] is sweep[1]
    assert sweep[::-1] == [sweep[1], sweep[0]]
    assert list(reversed(sweep)) == sweep[::-1]
    assert sweep[0] in sweep
    with pytest.raises(IndexError):
        sweep[2]


def test_a_leaf_has_no_steps() -> None:
    x = Value(2.0)
    sweep = x.steps()
    assert len(sweep) == 0
    assert sweep.forward() is None


def test_only_tracked_parents_have_an_edge() -> None:
    x = Value(2.0)
    (step,) = (x * 5.0).steps()
    assert [edge.parent for edge in step.edges] == [x]


def test_the_example_of_the_textbooks() -> None:
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    e = exp(2.0 * (x1 * w1 + x2 * w2 + b))
    ((e - 1.0) / (e + 1.0)).backward()
    found = [v.grad for v in (x1, x2, w1, w2, b)]
    assert found == pytest.approx([-1.5, 0.5, 1.0, 0.0, 0.5], rel=1e-12)
