"""What all of SCAR's exhibits have in common, from answers that nobody computed."""

from __future__ import annotations

import pytest

from chipweave.reproduction.catalog import REPRODUCTIONS
from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.page import markdown, table_csv
from chipweave.reproduction.question import Reproduction
from tests.reproduction.scar.made_up import answer_to

NAMES = (
    *("scar-headline", "scar-fig-2", "scar-space", "scar-table-iv", "scar-fig-7", "scar-fig-8", "scar-fig-9"),
    *("scar-table-v", "scar-fig-11", "scar-fig-12", "scar-fig-13", "scar-ablations"),
)
OURS = [each for each in REPRODUCTIONS if each.name in NAMES]
ARITHMETIC = 2
"""Statements of `scar-space` that need no experiment: the paper's own formula."""


def test_every_name_is_in_the_catalog() -> None:
    assert tuple(each.name for each in OURS) == NAMES


@pytest.mark.parametrize("reproduction", OURS, ids=lambda each: each.name)
def test_quick_questions_are_a_part_of_all(reproduction: Reproduction) -> None:
    quick, everything = set(reproduction.questions(True)), set(reproduction.questions(False))
    assert quick
    assert quick <= everything
    assert len(quick) < len(everything)


@pytest.mark.parametrize("reproduction", OURS, ids=lambda each: each.name)
def test_without_answers_nothing_is_told(reproduction: Reproduction) -> None:
    exhibit = reproduction.exhibit({})
    told = [each for each in exhibit.findings if each.verdict is not Verdict.UNTOLD]
    assert len(told) == (ARITHMETIC if reproduction.name == "scar-space" else 0)
    assert not any(cell.ours for table, *_, cell in exhibit.figures() if table != "The printed formula")


@pytest.mark.parametrize("reproduction", OURS, ids=lambda each: each.name)
def test_with_all_answers_everything_is_told(reproduction: Reproduction) -> None:
    exhibit = reproduction.exhibit({question: answer_to(question) for question in reproduction.questions(False)})
    assert exhibit.name == reproduction.name
    assert exhibit.title == reproduction.title
    assert exhibit.findings
    assert exhibit.notes
    assert all(each.reason for each in exhibit.findings if each.verdict is Verdict.UNTOLD)
    untold = [each.claim for each in exhibit.findings if each.verdict is Verdict.UNTOLD]
    if reproduction.name != "scar-fig-9":  # its made-up schedule has no windows
        assert untold == [claim for claim in untold if claim.startswith("which strategies")]
    text = markdown(exhibit, "./")
    assert "nan" not in text.split()
    assert "None" not in text
    assert table_csv([exhibit]).count("\n") == 1 + len(list(exhibit.figures())) + len(exhibit.findings)
