"""Tells Hypothesis how to make a Value: ``@given(v=...)`` infers it from the annotation.

Hypothesis imports this module itself, by its entry point, at the end of its own import. The
strategies are therefore imported only when a Value is asked for.
"""

from hypothesis import strategies as st

from autograd.value import Value


def _values(_: type[Value]) -> st.SearchStrategy[Value]:
    from autograd.checking.strategies import values

    return values()


st.register_type_strategy(Value, _values)
