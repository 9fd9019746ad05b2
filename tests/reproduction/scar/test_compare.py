"""Ratios, verdicts on several of them, and fronts."""

from __future__ import annotations

import random

from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.question import Answers
from chipweave.reproduction.scar.compare import mean, on_best, on_edp, on_ratios, on_shidiannao, over
from chipweave.reproduction.scar.fronts import lower_left, on_the_front, relative_front
from chipweave.reproduction.scar.profile import Experiment
from tests.reproduction.scar.made_up import outcome

FAST, BASE = Experiment(1, "Het-Sides"), Experiment(1, "Stand. (NVD)")
ANSWERS: Answers = {FAST: outcome(1.0, 6.0), BASE: outcome(4.0, 3.0)}


def test_a_statement_holds_as_far_as_its_weakest_ratio() -> None:
    def verdict(*ours: float | None) -> Verdict:
        return on_ratios("", "", [0.5] * len(ours), ours).verdict

    assert verdict(0.5, 0.54) is Verdict.HOLDS
    assert verdict(0.5, 0.56) is Verdict.DIRECTION
    assert verdict(0.5, 0.9, 1.1) is Verdict.NOT
    assert verdict(0.5, 1.0) is Verdict.NOT
    assert verdict(1.1, None) is Verdict.UNTOLD


def test_near_one_a_ratio_has_to_be_on_its_side() -> None:
    assert on_ratios("", "", [0.92], [0.97]).verdict is Verdict.HOLDS
    assert on_ratios("", "", [0.92], [1.0]).verdict is Verdict.NOT
    assert on_ratios("", "", [1.05], [0.99]).verdict is Verdict.NOT
    assert on_ratios("", "", [1.01], [0.995]).verdict is Verdict.HOLDS  # published as level


def test_edp_and_what_it_is_the_product_of() -> None:
    assert over(ANSWERS, (FAST, BASE), "edp_js") == 6 / 12
    found = on_edp(ANSWERS, "", "", [0.25], [(FAST, BASE)])
    assert found.verdict is Verdict.DIRECTION
    assert "latency 0.25 times energy 2" in found.reason
    assert on_edp({FAST: ANSWERS[FAST]}, "", "", [0.25], [(FAST, BASE)]).verdict is Verdict.UNTOLD


def test_means_are_of_all_or_none() -> None:
    assert mean([1.0, 3.0]) == 2.0
    assert mean([1.0, None]) is None
    assert mean([]) is None


def test_figures_within_a_hundredth_share_the_first_place() -> None:
    def verdict(*scenarios: dict[str, float | None]) -> Verdict:
        return on_best("", "", ("a",), scenarios).verdict

    assert verdict({"a": 1.0, "b": 2.0}) is Verdict.HOLDS
    assert verdict({"a": 1.009, "b": 1.0}) is Verdict.HOLDS
    assert verdict({"a": 1.02, "b": 1.0}) is Verdict.NOT
    assert verdict({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}) is Verdict.NOT
    assert verdict({"a": 1.0, "b": None}) is Verdict.UNTOLD


def test_layers_on_the_second_dataflow() -> None:
    """Het-Sides has ShiDianNao-like chiplets 1, 4 and 7."""
    stages = [[0, 3, [0]], [4, 5, [1]], [6, 6, [4]], [7, 9, [5]]]
    windows = [{"pipelines": [{"stages": stages}]}, {"pipelines": [{"stages": [[0, 1, [7]]]}]}]
    assert on_shidiannao({FAST: outcome(1.0, 1.0, windows=windows)}, FAST) == "5 of 12"


def test_the_front_is_what_nothing_beats_in_both() -> None:
    randomly = random.Random(5)
    points = [(float(randomly.randrange(12)), float(randomly.randrange(12))) for _ in range(40)]
    brute = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
    assert set(lower_left(points)) == brute


def test_fronts_join_searches_and_are_relative() -> None:
    answers = {
        FAST: outcome(1.0, 6.0, front=[[1.0, 6.0], [2.0, 3.0]]),
        BASE: outcome(4.0, 3.0),
        Experiment(1, "Het-Sides", "energy"): outcome(2.0, 2.4, front=[[2.0, 2.4]]),
    }
    asked = [FAST, Experiment(1, "Het-Sides", "energy")]
    assert relative_front(answers, asked, BASE) == [(0.25, 2.0), (0.5, 2.4 / 3.0)]
    assert relative_front({BASE: answers[BASE]}, asked, BASE) == []
    found = on_the_front({1: {"a": [(1.0, 1.0)], "b": [(1.0, 2.0)], "c": [(0.5, 2.0)]}}, "")
    assert found.ours == "Sc1: a, c"
