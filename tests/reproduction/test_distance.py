"""How far searches end from the best: the arithmetic on made-up answers, and `optimal` as a question."""

from __future__ import annotations

import pytest

from chipweave.reproduction.question import Answer, Question
from chipweave.reproduction.scar import distance
from chipweave.reproduction.scar.distance import Freed
from chipweave.reproduction.scar.profile import Experiment


def answers(scenario: int) -> dict[Question, Answer]:
    """Searches end at 6 J.s, the best within the windows at 4, `optimal` at 3, and 2 is proven."""
    found: dict[Question, Answer] = {}
    for question in distance.questions(False):
        if isinstance(question, Freed):
            value: Answer = {"edp_js": 3.0, "bound": 2.0}
        else:
            assert isinstance(question, Experiment)
            value = {"edp_js": 4.0 if question.options == distance.WITHIN else 6.0}
        if question.scenario == scenario:  # type: ignore[attr-defined]
            found[question] = value
    return found


def test_ratios_to_the_three_references() -> None:
    shown = distance.exhibit(answers(2))
    assert [table.columns for table in shown.tables] == [("Sc2",)] * 3
    for table, (search, within, optimal) in zip(
        shown.tables, ((1.5, 1, 0.75), (2, 4 / 3, 1), (3, 2, 1.5)), strict=True
    ):
        figures = [row.cells[0].ours for row in table.rows]
        assert figures == pytest.approx([*[search] * len(distance.SEARCHES), within, optimal])


def test_only_scenarios_with_all_references_are_shown() -> None:
    some = answers(2)
    del some[Freed(2, distance.STRATEGY)]
    assert distance.exhibit(some).tables[0].columns == ()
    assert distance.exhibit(some).panels == ()


def test_the_geometric_mean() -> None:
    """Of 1.5 in scenario 2 and 1.5 * 4 in scenario 1: 3."""
    far = {question: {**answer, "edp_js": 4 * answer["edp_js"]} for question, answer in answers(1).items()}
    within = Experiment(1, distance.STRATEGY, options=distance.WITHIN)
    far[within] = {"edp_js": 4.0}
    (note,) = distance.exhibit({**answers(2), **far}).notes
    assert "- Eq. 2, top-k 1: 3 (at most 6)" in note


@pytest.mark.slow
def test_optimal_is_no_worse_than_scar_and_not_below_what_is_proven() -> None:
    freed = Freed(2, "Stand. (NVD)", steps=1000).answer()
    alone = Experiment(2, "Stand. (NVD)").answer()
    assert freed["bound"] <= freed["edp_js"] <= alone["edp_js"] * (1 + 1e-9)
