"""Reading mapping texts: what is understood, and what is refused with a line and a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.maestro.notation import parse_mapping, resolve
from chipweave.errors import InputError

SIZES = {"K": 8, "C": 4, "R": 3, "S": 3, "Y": 10, "X": 12}


def test_sizes_names_comments_and_separators() -> None:
    text = """
    // outer level
    SpatialMap( 1 ,1 )K; /* a comment
    over lines */ TemporalMap(8+Sz(S)-1, 8) X;
    TemporalMap(Sz(R),1) Y'
    Cluster(Sz(R), P);
    SpatialMap(1,1) R;;
    """
    assert resolve(parse_mapping(text, "text"), SIZES, "text") == [
        (1, 2, 1, 1),
        (0, 7, 10, 8),
        (0, 10, 3, 1),
        (2, -1, 3, 3),
        (1, 5, 1, 1),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SpatialMap(1,1) K;\nSpatialMap(1,1) Q;", 2, "'Q' is not a dimension"),
        ("SpatialMap(1,1) K;\n\nRepeatMap(1,1) C;", 3, "'RepeatMap' is not a mapping directive"),
        ("SpatialMap(1.5,1) K;", 1, "'1.5' is not a whole number"),
        ("SpatialMap(99999999999,1) K;", 1, "not a whole number"),
        ("SpatialMap(-1,1) K;", 1, "'-' is not a whole number"),
        ("SpatialMap(1,", 1, "ends in the middle"),
        ("SpatialMap(1,1)", 1, "ends in the middle"),
        ("SpatialMap(Sz(Q),1) K;", 1, "Sz(Q)"),
        ("SpatialMap(1,1) K; /* never", 1, "never closed"),
        ("SpatialMap(1,1) K; $", 1, "unexpected character '$'"),
    ],
)
def test_bad_texts_are_refused_with_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping(text, "map.txt")
    (problem,) = caught.value.problems
    assert problem.startswith(f"map.txt:{line}: ")
    assert words in problem
    assert ";" in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SpatialMap(1,1) K;\nTemporalMap(Sz(G),1) C;", "text:2: Sz(G)"),
        ("TemporalMap(Sz(R)-3,1) C;", "size 0"),
        ("TemporalMap(1,0) C;", "offset 0"),
        ("Cluster(0, P);", "size 0"),
    ],
)
def test_sizes_that_a_layer_does_not_have(text: str, words: str) -> None:
    with pytest.raises(InputError, match="text:") as caught:
        resolve(parse_mapping(text, "text"), SIZES, "text")
    assert words in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        directives = parse_mapping(text, "text")
    except InputError as error:
        message = str(error)
    else:
        message, lines = "text:", text.count("\n") + 1
        assert all(1 <= directive.line <= lines for directive in directives)
    assert message.startswith("text:")
