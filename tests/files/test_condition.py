"""Conditions: held against Python itself, and never run as code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.condition import condition

PATHS = {"a": "x.a", "x.a": "x.a", "b": "y.b"}
SHAPES = [
    "a < b",
    "not a <= b < 3",
    "a + 2 * b >= 7 and a != b or b == 1",
    "a in [1, 2, 3] and b not in (4, 5)",
    "max(a, b, 2) - min(a, -b) > abs(b - a)",
    "a % 3 == 1 or a // 2 < b / 2",
]


@given(st.sampled_from(SHAPES), st.integers(-9, 9), st.integers(-9, 9))
def test_conditions_are_what_python_says(text: str, a: int, b: int) -> None:
    assert condition(text, PATHS)({"x.a": a, "y.b": b}) == eval(text, {}, {"a": a, "b": b})


def test_names_are_axes_by_their_last_part_or_whole() -> None:
    assert condition("x.a == 'mesh-16' and b", PATHS)({"x.a": "mesh-16", "y.b": True})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c < 1", "'c' names no axis; known: a, x.a, b"),
        ("x.aa < 1", "'x.aa' names no axis; did you mean 'x.a'?"),
        ("1 < 2", "names no axis"),
        ("a <", "is no condition"),
        ("import os", "is no condition"),
        ("a.__class__", "'a.__class__' names no axis"),
        ("__import__('os').system('true') == a", "is not allowed"),
        ("a ** 9 ** 9 < 1", "is not allowed"),
        ("[x for x in a]", "is not allowed"),
        ("a < " + "1" * 600, "has 604 characters"),
    ],
)
def test_what_is_no_condition(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        condition(text, PATHS)
    assert said in str(caught.value)


@pytest.mark.parametrize(("text", "values"), [("a < b", (1, "x")), ("a / b > 1", (1, 0)), ("a * b", ("x", 10**9))])
def test_conditions_that_cannot_be_computed(text: str, values: tuple[object, object]) -> None:
    with pytest.raises(InputError, match="cannot be computed at a="):
        condition(text, PATHS)({"x.a": values[0], "y.b": values[1]})
