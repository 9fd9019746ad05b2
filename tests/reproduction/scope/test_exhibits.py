"""What the exhibits of Scope make of answers, by answers made up by hand."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest

from chipweave.reproduction.exhibit import Exhibit, Verdict
from chipweave.reproduction.question import Answer, Answers, Question
from chipweave.reproduction.scope import complexity, rank, throughput
from chipweave.reproduction.scope.complexity import Tables
from chipweave.reproduction.scope.runs import CHIPLETS


def cells(exhibit: Exhibit, table: str, row: str) -> list[float | None]:
    return [cell.ours for title, name, _, cell in exhibit.figures() if (title, name) == (table, row)]


def run(latency_s: float, energy_j: float = 1.0, plan: Any = None) -> Answer:
    return {"latency_s": latency_s, "energy_j": energy_j, "bound_s": 0.5, "plan": plan or [[[6, 4]]], "shares": None}


def ours(speed_ups: dict[int, float], energy_j: float = 1.0, plan: Any = None) -> Answers:
    found: dict[Question, Answer] = {}
    for chiplets, ratio in speed_ups.items():
        found[throughput.asked(chiplets, "segmented-pipeline")] = run(2.0)
        found[throughput.asked(chiplets, "scope")] = run(2.0 / ratio, energy_j, plan)
    return found


def test_the_largest_speed_up_is_held_against_the_published_one() -> None:
    made = throughput.exhibit(ours(dict(zip(CHIPLETS, (1.1, 1.2, 1.7, 1.3, 1.0), strict=True)), 0.95))
    speed, energy, _ = made.findings
    assert (speed.verdict, speed.ours) == (Verdict.HOLDS, "up to 1.7 (64 chiplets)")
    assert (energy.verdict, energy.ours) == (Verdict.HOLDS, "0.95 of the segmented pipeline's (64 chiplets)")
    row = cells(made, "`scope` over `segmented-pipeline`", "throughput, batch 64")
    assert row == pytest.approx([1.1, 1.2, 1.7, 1.3, 1.0, 1.7])
    assert cells(made, "`scope` over `segmented-pipeline`", "throughput at most, batch 64")[:5] == [4.0] * 5
    assert cells(made, "Throughput of ResNet-152, batch 64", "segmented-pipeline") == [32.0] * 5


def test_verdicts_of_other_outcomes() -> None:
    assert throughput.exhibit({}).findings == ()
    for ratio, verdict in (
        (1.55, Verdict.DIRECTION),
        (1.56, Verdict.HOLDS),
        (1.95, Verdict.DIRECTION),
        (0.9, Verdict.NOT),
    ):
        assert throughput.exhibit(ours({64: ratio})).findings[0].verdict is verdict
    for joules, verdict in ((0.8, Verdict.DIRECTION), (1.09, Verdict.HOLDS), (1.2, Verdict.NOT)):
        assert throughput.exhibit(ours({64: 1.5}, joules)).findings[1].verdict is verdict


def test_the_largest_of_all_sizes_needs_all_sizes() -> None:
    made = throughput.exhibit(ours({64: 1.5}))
    assert cells(made, "`scope` over `segmented-pipeline`", "throughput, batch 64")[-1] is None


def test_a_merged_pipeline_has_stages_side_by_side_one_of_several_layers() -> None:
    assert throughput.merged({"plan": [[[6, 4]], [[1, 2], [3, 2]]]})
    assert not throughput.merged({"plan": [[[6, 4]], [[3, 4]]]})
    assert not throughput.merged({"plan": [[[1, 2], [1, 2]]]})
    assert throughput.exhibit(ours({64: 1.5}, plan=[[[2, 2], [1, 2]]])).findings[2].verdict is Verdict.HOLDS
    assert throughput.exhibit(ours({64: 1.5})).findings[2].verdict is Verdict.NOT
    mixed = {**ours({64: 1.5}), **ours({16: 1.2}, plan=[[[2, 2], [1, 2]]])}
    assert throughput.exhibit(mixed).findings[2].verdict is Verdict.DIRECTION


@pytest.mark.parametrize(("better", "size"), [(0, 1000), (1, 1000), (7, 10_000), (40, 500)])
def test_the_share_at_most_is_met_once_in_twenty_times(better: int, size: int) -> None:
    """By the binomial distribution, summed: at that share so few better ones are drawn in 5 % of samples at most, and
    nearly in 5 %."""
    share = rank.at_most(better, size)
    chance = sum(comb(size, k) * share**k * (1 - share) ** (size - k) for k in range(better + 1))
    assert 0.04 < chance <= 0.05


def counted(better: int) -> Answer:
    return {"population": 100_000, "better": better, "ours_s": 1.1, "best_s": 1.0}


def sampled(better: int, before: int | None) -> Answer:
    times = {"ours_s": 1.0, "baseline_s": 1.5, "best_s": 1.2, "typical_s": [2.0, 3.0, 9.0]}
    return {"magnitude": 20.0, "size": 10_000, "better": better, "before": before, **times}


def test_ranks() -> None:
    made = rank.exhibit({rank.COUNTED[0]: counted(50), rank.SAMPLES[0]: sampled(0, 12), rank.SAMPLES[1]: sampled(1, 0)})
    (finding,) = made.findings
    assert (finding.verdict, finding.ours) == (Verdict.HOLDS, "3 of 3 instances are within 0.05 %")
    assert cells(made, "Every schedule counted", rank.label(rank.COUNTED[0])) == pytest.approx([1e5, 50, 0.05, 1.1])
    first = cells(made, "A uniform random sample", rank.label(rank.SAMPLES[0]))
    assert first == pytest.approx([20, 10_000, 0, 0.02996, 0.1944, 1.2, 3.0], rel=1e-3)
    assert "In 2 of the sampled instances" in made.notes[-1]
    assert "in 1 of them. So the rank alone does not tell" in made.notes[-1]
    apart = rank.exhibit({rank.SAMPLES[0]: sampled(0, 12)})
    assert "in 0 of them. So here the rank tells the two apart." in apart.notes[-1]


def test_a_rank_that_is_missed_somewhere() -> None:
    missed = {rank.COUNTED[0]: counted(51), rank.SAMPLES[0]: sampled(0, None), rank.SAMPLES[1]: sampled(0, None)}
    assert rank.exhibit(missed).findings[0].verdict is Verdict.DIRECTION
    assert rank.exhibit({rank.COUNTED[0]: counted(51)}).findings[0].verdict is Verdict.NOT
    assert rank.exhibit({}).findings[0].verdict is Verdict.UNTOLD


def test_growth() -> None:
    def made(by_layers: float, by_chiplets: float) -> Exhibit:
        return complexity.exhibit(
            {
                Tables(network, chiplets): {"stages": complexity.units_of(network) ** by_layers * chiplets**by_chiplets}
                for network in complexity.NETWORKS
                for chiplets in CHIPLETS
            }
        )

    linear = made(1.0, 0.3)
    assert cells(linear, "How they grow", "slope of the tables against L, mean over N")[0] == pytest.approx(1.0)
    assert [each.verdict for each in linear.findings] == [Verdict.HOLDS, Verdict.HOLDS]
    assert made(1.2, 0.3).findings[1].verdict is Verdict.NOT
    assert made(1.0, 1.3).findings[1].verdict is Verdict.NOT
    assert complexity.exhibit({}).findings[1].verdict is Verdict.UNTOLD
