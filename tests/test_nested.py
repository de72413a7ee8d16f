"""Nested sequences, flat and back."""

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.nested import flatten

structures = st.recursive(
    st.integers() | st.none() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(structure=structures)
def test_the_leaves_put_back_give_the_same_structure(structure: Any) -> None:
    leaves, rebuild = flatten(structure)
    assert rebuild(leaves) == structure
    assert flatten(rebuild(range(len(leaves))))[0] == list(range(len(leaves)))


@given(structure=structures)
def test_nothing_is_changed_in_place(structure: Any) -> None:
    text = repr(structure)
    leaves, rebuild = flatten(structure)
    rebuild([object() for _ in leaves])
    assert repr(structure) == text


@given(structure=structures)
def test_a_wrong_number_of_leaves_is_refused(structure: Any) -> None:
    leaves, rebuild = flatten(structure)
    with pytest.raises(ValueError, match=f"expected {len(leaves)} entries, got {len(leaves) + 1}"):
        rebuild([*leaves, 0])


def test_the_kinds_of_sequences() -> None:
    pair = namedtuple("pair", "a b")
    leaves, rebuild = flatten(pair([1], OrderedDict(z=2, a=(3, {}))))
    assert leaves == [1, 2, 3]
    back = rebuild("xyz")
    assert back == pair(["x"], {"z": "y", "a": ("z", {})})
    assert type(back) is pair


def test_arrays_come_back_as_lists() -> None:
    leaves, rebuild = flatten([np.array([[1.0, 2.0], [3.0, 4.0]]), 5])
    assert leaves == [1.0, 2.0, 3.0, 4.0, 5]
    assert {type(leaf) for leaf in leaves} == {float, int}
    assert rebuild("abcde") == [[["a", "b"], ["c", "d"]], "e"]


@pytest.mark.parametrize("leaf", [1.0, "text", b"bytes", None, {1, 2}, Value(1.0), np.float64(2.0)])
def test_all_else_is_a_leaf(leaf: Any) -> None:
    leaves, rebuild = flatten(leaf)
    assert leaves[0] is leaf
    assert rebuild(["new"]) == "new"


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[object] = [1.0]
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply, or contain themselves"):
        flatten(endless)
