"""Claims are judged by hand-made figures, each rule both ways, and by the paper's own table."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.page import markdown, table_csv
from chipweave.reproduction.question import Answer, Answers, key_of
from chipweave.reproduction.scar import claims, distance, sensitivity
from chipweave.reproduction.scar.claim import (
    Case,
    Claim,
    Less,
    Ratio,
    Scope,
    either,
    judged,
    order,
    order_claim,
    printed,
    size_claim,
    sizes,
)
from chipweave.reproduction.scar.parts import Part
from chipweave.reproduction.scar.profile import PROFILE, Experiment, Setting
from chipweave.reproduction.scar.statements import datacenter, insights
from chipweave.reproduction.scar.statements.all_claims import CLAIMS, quick_claims
from chipweave.reproduction.scar.statements.elsewhere import comparable
from chipweave.schedulers.scar.options import Packing, Provision, ScarOptions

A, B, C = Case(1, "Het-Sides"), Case(1, "Het-CB"), Case(1, "Simba (NVD)")


def edp(value: float) -> Answer:
    return {"edp_js": value}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (0.98, 0.98, Verdict.HOLDS),
        (0.98, 0.995, Verdict.DIRECTION),  # the second is level
        (0.995, 1.005, Verdict.NOT),  # both are level
        (0.5, 1.02, Verdict.NOT),  # the second is reversed
        (1.02, 1.02, Verdict.NOT),
    ],
)
def test_order(first: float, second: float, verdict: Verdict) -> None:
    """Two comparisons with 1: less by more than 1 % holds, level does not, one reversed spoils the claim."""
    judge = order("edp_js", [Less("x", (A,), (C,)), Less("y", (B,), (C,))])
    assert judge({A: edp(first), B: edp(second), C: edp(1.0)}).verdict is verdict


def test_order_compares_the_least_of_each_side() -> None:
    judge = order("edp_js", [Less("x", (A, B), (C,))])
    assert judge({A: edp(5.0), B: edp(1.0), C: edp(2.0)}).verdict is Verdict.HOLDS
    assert judge({A: edp(5.0), B: edp(3.0), C: edp(2.0)}).verdict is Verdict.NOT


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (0.54, Verdict.HOLDS),
        (0.45, Verdict.HOLDS),
        (0.3, Verdict.DIRECTION),
        (0.9, Verdict.DIRECTION),
        (1.1, Verdict.NOT),
    ],
)
def test_size(ours: float, verdict: Verdict) -> None:
    """Published 0.5: within 10 % it holds, below 1 in direction."""
    judge = sizes("edp_js", [Ratio("x", 0.5, ((A, B),))])
    assert judge({A: edp(3 * ours), B: edp(3.0)}).verdict is verdict


@pytest.mark.parametrize(
    ("published", "ours", "verdict"),
    [
        (1.05, 1.06, Verdict.HOLDS),
        (1.05, 1.005, Verdict.NOT),
        (1.05, 0.97, Verdict.NOT),
        (0.95, 0.97, Verdict.HOLDS),
        (0.95, 0.995, Verdict.NOT),
        (0.95, 1.03, Verdict.NOT),
    ],
)
def test_a_size_near_1_has_to_be_on_its_side(published: float, ours: float, verdict: Verdict) -> None:
    """However near the figures are; unless the claim is that there is little difference."""
    assert Ratio("x", published, ((A, B),)).verdict(ours) is verdict
    assert Ratio("x", published, ((A, B),), sided=False).verdict(ours) is Verdict.HOLDS


def test_of_several_sizes_the_worst_counts() -> None:
    judge = sizes("edp_js", [Ratio("x", 0.5, ((A, C),)), Ratio("y", 0.5, ((B, C),))])
    assert judge({A: edp(0.5), B: edp(0.9), C: edp(1.0)}).verdict is Verdict.DIRECTION
    found = judge({A: edp(0.5), B: edp(1.2), C: edp(1.0)})
    assert found.verdict is Verdict.NOT
    assert "y" in found.reason
    assert "x" not in found.reason


def test_a_size_of_several_pairs_is_their_mean() -> None:
    """(0.2 + 0.8) / 2 = 0.5."""
    judge = sizes("edp_js", [Ratio("x", 0.5, ((A, C), (B, C)))])
    assert judge({A: edp(0.2), B: edp(0.8), C: edp(1.0)}).ours == "x: 0.5"


def test_of_two_readings_the_better_one_counts() -> None:
    judge = either(
        {"one": sizes("edp_js", [Ratio("x", 0.5, ((A, C),))]), "two": sizes("edp_js", [Ratio("x", 0.5, ((B, C),))])}
    )
    found = judge({A: edp(1.2), B: edp(0.5), C: edp(1.0)})
    assert found.verdict is Verdict.HOLDS
    assert found.reason == "read as two"


def test_a_claim_is_untold_where_something_is_missing_or_has_no_schedule() -> None:
    claim = order_claim("k", "t", "V-B", "edp_js", [Less("x", (A,), (C,))], published="p")
    some: Answers = {A.under(PROFILE): edp(1.0)}
    assert judged(claim, PROFILE, some).verdict is Verdict.UNTOLD
    failed = judged(claim, PROFILE, {**some, C.under(PROFILE): {"failed": "too large"}})
    assert failed.verdict is Verdict.UNTOLD
    assert "too large" in failed.reason
    assert judged(claim, PROFILE, {**some, C.under(PROFILE): edp(2.0)}).verdict is Verdict.HOLDS


def test_a_case_leaves_out_what_it_does_not_depend_on() -> None:
    """A homogeneous package has no polarity, AR/VR no BERT-L; a mixed package of the datacenter has both."""
    setting = Setting(flipped=True, bert_blocks=24, floor=64)
    assert Case(4, "Het-Sides").under(setting).setting == setting
    assert Case(4, "Simba (NVD)").under(setting).setting == Setting(bert_blocks=24, floor=64)
    assert Case(8, "Het-Sides").under(setting).setting == Setting(flipped=True, floor=64)


def paper(case: Case) -> Answer:
    return {name: printed(case, name) for name in ("latency_s", "edp_js", "energy_j")}


def in_table_iv(claim: Claim) -> bool:
    return all(
        case.scenario <= 5 and not case.options and case.objective != "energy" for case in claim.cases
    ) and not any("-T" in case.strategy or case.strategy == "Het-T" for case in claim.cases)


WINDOWS = (datacenter.even_pipelines, datacenter.small_ones_first, datacenter.language_rules)


@pytest.mark.parametrize(
    "claim", [each for each in CLAIMS if in_table_iv(each) and each.judge not in WINDOWS], ids=lambda claim: claim.key
)
def test_the_papers_own_table_satisfies_the_claims_made_of_it(claim: Claim) -> None:
    assert claim.judge({case: paper(case) for case in claim.cases}).verdict is Verdict.HOLDS


def test_most_claims_of_section_b_are_made_of_the_table() -> None:
    """So that the test above asks something."""
    assert sum(in_table_iv(each) and each.judge not in WINDOWS for each in CLAIMS) >= 18


def test_claims_have_a_place_in_the_paper() -> None:
    assert len(CLAIMS) >= 20
    assert all(re.match(r"abstract|V-[B-F]", each.where) for each in CLAIMS)
    assert len({each.key for each in CLAIMS}) == len(CLAIMS)
    sections = {each.where[:3] for each in CLAIMS if each.where != "abstract"}
    assert sections == {"V-B", "V-C", "V-D", "V-E", "V-F"}
    assert {re.findall(r"Insight (\d)", each.text)[0] for each in insights.CLAIMS} == set("123456")


def window(*pipelines: tuple[str, float, int]) -> dict[str, Any]:
    """Of (task, latency, chiplets), a stage on each chiplet."""
    return {
        "latency_s": max(latency for _, latency, _ in pipelines),
        "pipelines": [
            {"task": task, "latency_s": latency, "stages": [[at, at, [at]] for at in range(chiplets)]}
            for task, latency, chiplets in pipelines
        ],
    }


def windows(*some: dict[str, Any]) -> dict[Case, Answer]:
    return {Case(3, "Simba (NVD)", "latency"): {"windows": list(some)}}


def test_even_pipelines() -> None:
    others = window(("gpt-l", 9.0, 1), ("bert-l", 1.0, 1))
    even = window(("gpt-l", 0.28, 3), ("bert-l", 0.32, 3), ("resnet-50", 0.33, 3))
    uneven = window(("gpt-l", 0.1, 3), ("bert-l", 0.32, 3), ("resnet-50", 0.33, 3))
    single = window(("gpt-l", 0.28, 1), ("bert-l", 0.32, 3), ("resnet-50", 0.33, 3))
    assert datacenter.even_pipelines(windows(uneven, even, others)).verdict is Verdict.HOLDS
    assert datacenter.even_pipelines(windows(even, uneven)).verdict is Verdict.DIRECTION
    assert datacenter.even_pipelines(windows(single)).verdict is Verdict.NOT


def test_small_models_first() -> None:
    language = window(("gpt-l", 1.0, 1), ("bert-l", 1.0, 1))
    everything = window(*((task, 1.0, 1) for task in ("gpt-l", "bert-l", "u-net", "resnet-50")))
    with_one = window(("gpt-l", 1.0, 1), ("bert-l", 1.0, 1), ("u-net", 1.0, 1))
    assert datacenter.small_ones_first(windows(everything, language)).verdict is Verdict.HOLDS
    assert datacenter.small_ones_first(windows(everything, with_one)).verdict is Verdict.DIRECTION
    assert datacenter.small_ones_first(windows(everything)).verdict is Verdict.NOT


def test_language_models_rule_from_the_third_window_on() -> None:
    image = window(("resnet-50", 2.0, 1), ("gpt-l", 1.0, 1))
    language = window(("resnet-50", 1.0, 1), ("bert-l", 2.0, 1))
    assert datacenter.language_rules(windows(image, image, language, language)).verdict is Verdict.HOLDS
    assert datacenter.language_rules(windows(image, image, language, image)).verdict is Verdict.DIRECTION
    assert datacenter.language_rules(windows(language, language, image)).verdict is Verdict.NOT
    assert datacenter.language_rules(windows(language, language)).verdict is Verdict.NOT


def test_comparable() -> None:
    alone, mixed = Case(6, "Stand. (NVD)"), Case(6, "Het-CB")
    assert comparable({alone: edp(1.0), mixed: edp(1.09)}).verdict is Verdict.HOLDS
    assert comparable({alone: edp(1.0), mixed: edp(1.12)}).verdict is Verdict.NOT
    assert comparable({alone: edp(1.0), mixed: edp(0.88)}).verdict is Verdict.NOT


def by_key(key: str) -> Claim:
    return next(each for each in CLAIMS if each.key == key)


def test_the_objective_counts() -> None:
    claim = by_key("I4 the objective counts")

    def found(**energy: float) -> Verdict:
        """Het-Sides and Simba (NVD) with these joules at EDPs of 1 and 2; the others are worse in both."""
        outcomes = {case: {"edp_js": 5.0, "energy_j": 9.0} for case in claim.cases}
        outcomes[Case(4, "Het-Sides")] = {"edp_js": 1.0, "energy_j": energy["sides"]}
        outcomes[Case(4, "Simba (NVD)")] = {"edp_js": energy.get("edp", 2.0), "energy_j": energy["simba"]}
        return claim.judge(outcomes).verdict

    assert found(sides=2.0, simba=1.0) is Verdict.HOLDS
    assert found(sides=1.0, simba=2.0) is Verdict.NOT
    assert found(sides=1.005, simba=1.0) is Verdict.NOT  # level: one strategy is the best in both
    assert found(sides=1.0, simba=2.0, edp=0.5) is Verdict.DIRECTION


def test_the_workload_counts() -> None:
    claim = by_key("I6 know the workload")
    figures = {case: {"edp_js": 2.0, "latency_s": 2.0} for case in claim.cases}
    always = {case: {"edp_js": 1.0, "latency_s": 1.0} for case in claim.cases if case.strategy == "Simba (NVD)"}
    assert claim.judge({**figures, **always}).verdict is Verdict.NOT
    but_once = {Case(5, "Het-Sides", "latency"): {"edp_js": 2.0, "latency_s": 0.9}}
    assert claim.judge({**figures, **always, **but_once}).verdict is Verdict.HOLDS


def test_advantages_differ() -> None:
    claim = by_key("I5 topology counts")

    def found(third: float, fourth: float) -> Verdict:
        """Het-Sides is level with Simba (NVD); Het-T has these times the EDP of Simba-T (NVD)."""
        times = {3: third, 4: fourth}
        return claim.judge(
            {case: edp(times[case.scenario] if case.strategy == "Het-T" else 1.0) for case in claim.cases}
        ).verdict

    assert found(1.2, 0.8) is Verdict.HOLDS
    assert found(1.2, 1.05) is Verdict.DIRECTION
    assert found(0.95, 1.05) is Verdict.NOT


@pytest.mark.parametrize("module", [claims, sensitivity, distance])
def test_a_quick_run_asks_a_part_of_the_full_one(module: Any) -> None:
    quick, full = set(module.questions(True)), set(module.questions(False))
    assert quick < full
    assert all(question.scenario in (1, 2, 3) for question in quick)


@pytest.mark.parametrize("module", [claims, sensitivity, distance])
def test_questions_have_options_that_the_scheduler_takes(module: Any) -> None:
    for question in module.questions(False):
        if isinstance(question, Experiment) and question.options:
            ScarOptions(**dict(question.options))


def test_options_of_claims() -> None:
    """Provisioning and packing are asked by the scheduler's own types, whose names are those of the command line."""
    asked = {option for claim in CLAIMS for case in claim.cases for option in case.options}
    assert {("provision", Provision.EXHAUSTIVE), ("packing", Packing.UNIFORM)} < asked


def test_every_question_of_a_claim_is_asked() -> None:
    asked = set(claims.questions(False))
    assert asked >= {each for claim in CLAIMS for each in claim.experiments(PROFILE)}
    assert len({key_of(each) for each in asked}) == len(asked)


def test_an_insight_that_fails_is_tried_elsewhere() -> None:
    """Het-Sides loses everywhere but under the flipped polarity."""
    claim = by_key("I1 heavy: mixed")
    answers: dict[Any, Answer] = {}
    for setting, sides in ((PROFILE, 2.0), (Setting(flipped=True), 0.5), (Setting(floor=64), 2.0)):
        for case in claim.cases:
            value = sides if case.strategy == "Het-Sides" else 1.0
            everything = window(*((task, value, 1) for task in ("gpt-l", "bert-l", "u-net", "resnet-50")))
            figures = {"edp_js": value, "latency_s": value, "energy_j": value}
            answers[case.under(setting)] = {**figures, "windows": [everything]}
    shown = next(each for each in claims.exhibit(answers).findings if each.claim == claim.text)
    assert shown.verdict is Verdict.NOT
    assert "holds under *flipped*; not under *floor 64*" in shown.reason


def test_the_page_of_a_run_without_answers_says_so() -> None:
    shown = claims.exhibit({})
    assert len(shown.findings) == len(CLAIMS)
    assert {each.verdict for each in shown.findings} == {Verdict.UNTOLD}
    assert "cannot be told" in markdown(shown)
    assert table_csv([shown]).count("\n") == 1 + len(CLAIMS)


def test_all_models_are_the_whole_scenario() -> None:
    """The part with all models and their batches comes to what the scenario comes to; one model alone to less."""
    whole = Experiment(1, "Stand. (NVD)").answer()
    part = Part(1, "Stand. (NVD)", (("gpt-l", 1), ("bert-l", 3))).answer()
    assert part == whole
    less = Part(1, "Stand. (NVD)", (("bert-l", 1),)).answer()
    assert less["latency_s"] < whole["latency_s"]
    assert [each["task"] for each in less["windows"][0]["pipelines"]] == ["bert-l"]


def test_quick_claims_are_cheap() -> None:
    assert quick_claims()
    assert all(each.scope is Scope.ALL for each in quick_claims())


def test_size_claims_print_what_the_paper_has() -> None:
    assert size_claim("k", "t", "V-B", "edp_js", [Ratio("Sc4", 0.5398, ((A, B),))]).published == "Sc4: 0.54"
