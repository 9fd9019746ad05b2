from __future__ import annotations

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.plan.problem import Fidelity
from chipweave.study.hardware import Hardware, MappingText
from chipweave.study.two_by_two import (
    BASELINES,
    HETEROGENEOUS,
    MODES,
    Factors,
    Gain,
    Study,
    TwoByTwoSetting,
    baselines_of,
    every_setting,
    findings,
    pair,
    reference_settings,
    run_monolithic,
    study,
)
from chipweave.study.verdict import Verdict


@pytest.fixture(scope="module", params=[Fidelity.PAPER, pytest.param(Fidelity.DETAILED, marks=pytest.mark.slow)])
def made(request: pytest.FixtureRequest) -> Study:
    return study(TwoByTwoSetting(Hardware(request.param, floor=64), batch=2))


def test_the_pair_is_the_small_gpt2_at_128_tokens() -> None:
    gpt2, resnet = (task.model for task in pair(1).tasks)
    projections = 12 * (4 * 768 * 768 + 8 * 768 * 768) + 768 * 50257
    attention = 12 * 2 * 128 * 768
    assert gpt2.macs == 128 * (projections + attention)
    assert (resnet.name, len([layer for layer in resnet.layers if layer.weight_elements])) == ("resnet50", 54)


def test_every_mode_is_a_valid_schedule(made: Study) -> None:
    for run in (*made.baselines, *made.modes):
        assert faults_of(run.schedule, run.problem) == []
    assert [run.name for run in made.modes] == [mode.name for mode in MODES]


def test_modes_are_what_they_say(made: Study) -> None:
    for mode, run in zip(MODES, made.modes, strict=True):
        stages = [stage for _, pipeline in run.schedule.pipelines() for stage in pipeline.stages]
        assert "".join(run.kinds).replace("/", "") == "".join(
            mode.kinds[s.chiplet]
            for task in (0, 1)
            for _, p in run.schedule.pipelines()
            if p.task == task
            for s in p.stages
        )
        if mode.scheduler == "standalone":
            assert len(stages) == len(run.schedule.windows[0].pipelines) == 2
    one_of_each = next(run for run in made.modes if run.name == "standalone, one of each")
    assert sorted(one_of_each.kinds) == ["O", "W"]


def test_pipelining_includes_running_alone(made: Study) -> None:
    """Standalone is one of the schedules that the pipelined search has."""
    edp = {run.name: run.evaluation.edp_js for run in made.modes}
    for kind in ("OS", "WS"):
        assert edp[f"pipelined, {kind}"] <= edp[f"standalone, {kind}"] * (1 + 1e-12)


def test_ratios(made: Study) -> None:
    for base, gains in zip(made.baselines, made.gains, strict=True):
        for run, gain in zip(made.modes, gains, strict=True):
            assert gain.throughput == pytest.approx(base.evaluation.latency_s / run.evaluation.latency_s)
            assert gain.efficiency == pytest.approx(base.evaluation.energy_j / run.evaluation.energy_j)
            assert gain.edp == pytest.approx(run.evaluation.edp_js / base.evaluation.edp_js)
            parts = gain.factors
            assert parts.transfers * parts.size * parts.kind * parts.busy == pytest.approx(gain.throughput)
            assert 0 < parts.busy <= 4
            assert min(gain.rates) >= gain.throughput * (1 - 1e-12)


def test_the_monolithic_chip_by_hand() -> None:
    """Printed equations, batch 1: two windows; each loads input and weights, computes, stores."""
    run = run_monolithic(BASELINES[0], TwoByTwoSetting(batch=1))
    expected_s = 0.0
    for task, ends in enumerate((128 * 768, 3 * 224 * 224)):
        model = run.problem.scenario.tasks[task].model
        outputs = model.layers[-1].output_elements
        compute_s = run.problem.layer_costs(task, 0).cycles.sum() / 500e6
        expected_s += compute_s + (ends + model.weight_elements + outputs) / 64e9 + 2 * 200e-9
    assert run.evaluation.latency_s == pytest.approx(expected_s, rel=1e-12)
    assert run.rates == pytest.approx([1 / expected_s] * 2)


def test_standalone_by_hand(made: Study) -> None:
    run = made.modes[0]
    cycles = [float(run.problem.layer_costs(task, 0).cycles.sum()) for task in (0, 1)]
    assert run.compute_s == pytest.approx(2 * sum(cycles) / 500e6)
    assert made.gains[0][0].factors.kind == pytest.approx(1.0)


def test_equal_baselines_are_run_once() -> None:
    assert len(baselines_of(TwoByTwoSetting())) == 4
    assert len(baselines_of(TwoByTwoSetting(Hardware(mapping=MappingText.AUTO)))) == 2
    assert len(baselines_of(TwoByTwoSetting(Hardware(dram_bandwidth_bytes_s=128e9)))) == 5


def gains(mixed: list[tuple[float, float]], alike: tuple[float, float], spatial: tuple[float, float]) -> list[Gain]:
    factors, part = Factors(1, 1, 1, 1), ("mac", 1.0, 1.0)
    figures = dict(zip(HETEROGENEOUS, mixed, strict=True))
    figures |= {"pipelined, OS": (1, 1), "pipelined, WS": alike, "standalone, one of each": spatial}
    return [Gain(name, "any", *both, (1, 1), factors, part) for name, both in figures.items()]


def test_findings() -> None:
    found = findings(gains([(2.3, 1.2), (2.0, 1.8), (1.0, 3.0), (1.0, 1.0)], (1.5, 2.0), (1.2, 1.1)))
    assert (found.throughput[0].throughput, found.throughput[1]) == (2.3, Verdict.REPRODUCED)
    assert (found.efficiency[0].efficiency, found.efficiency[1]) == (3.0, Verdict.ORDER)
    assert (found.together[0].throughput, found.together[1]) == (2.0, Verdict.REPRODUCED)  # 9 % and 5 % off
    assert found.order
    assert found.heterogeneity == pytest.approx((2.3 / 1.5, 3.0 / 2.0, 3.0 / 3.6))


def test_findings_take_the_worse_of_two_verdicts() -> None:
    found = findings(gains([(2.2, 0.9)] * 4, (1.5, 2.0), (3.0, 1.1)))
    assert found.together[1] is Verdict.NOT
    assert not found.order


def test_the_furthest_factor_dominates() -> None:
    assert Factors(transfers=1.1, size=0.25, kind=1, busy=3).dominant == "size"
    assert Factors(transfers=1.1, size=0.5, kind=1, busy=3).dominant == "busy"


def test_all_settings_differ() -> None:
    settings = every_setting()
    assert len(set(settings)) == len(settings) == 6 * 16 + 2 * 16 * 6
    assert set(reference_settings()) <= set(settings)
