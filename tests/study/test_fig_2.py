from __future__ import annotations

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.plan.problem import Fidelity
from chipweave.study.fig_2 import (
    BLOCKS,
    GPT,
    OUTPUT_STATIONARY,
    RESNET,
    Fig2Setting,
    WorkedCase,
    deciding_term,
    every_fig_2_setting,
    mixed_pipelines,
    work,
    worked_case,
)
from chipweave.study.hardware import Hardware, MappingText

INPUT, MIDDLE, OUTPUT = 256 * 56 * 56, 64 * 56 * 56, 256 * 56 * 56
"""Bytes of layer1.1's tensors."""
WEIGHTS = 256 * 64 + 64 * 64 * 9 + 64 * 256


@pytest.fixture(scope="module")
def case() -> WorkedCase:
    return worked_case(Fig2Setting(Hardware(floor=64)))


def dram_s(bytes_: float) -> float:
    return bytes_ / 64e9 + 200e-9


def package_s(bytes_: float) -> float:
    return bytes_ / 100e9 + 35e-9


def test_the_work() -> None:
    resnet, gpt = work("layer1.1", "gpt2")
    assert [layer.macs for layer in resnet.layers] == [3136 * 256 * 64, 3136 * 64 * 64 * 9, 3136 * 64 * 256]
    assert [layer.macs for layer in gpt.layers] == [128 * 768 * 3072]
    assert resnet.weight_elements == WEIGHTS
    assert work("layer2.0", "gpt2_large")[1].macs == 128 * 1280 * 5120
    assert [layer.macs for layer in work("layer2.0", "gpt2")[0].layers] == [
        3136 * 256 * 128,
        784 * 128 * 128 * 9,
        784 * 128 * 512,
    ]
    assert all(len(work(block, "gpt2")[0].layers) == 3 for block in BLOCKS)


def test_mixed_pipelines_use_both_kinds_and_neighbours() -> None:
    pipelines = mixed_pipelines()
    kinds = {
        "".join(("O" if s.chiplet == OUTPUT_STATIONARY else "W") * len(s.layers) for s in p.stages) for p in pipelines
    }
    assert kinds == {"WWO", "WOO", "OWW", "OOW", "WOW"}


def test_every_bar_is_valid(case: WorkedCase) -> None:
    assert [bar.name for bar in case.bars] == ["A1", "A2", "A3", "B1", "B2", "B3", "best A", "best B"]
    for bar in case.bars:
        assert faults_of(bar.schedule, bar.problem) == []


def test_one_chiplet_by_hand(case: WorkedCase) -> None:
    for name, place in (("A1", OUTPUT_STATIONARY), ("A2", 0)):
        bar = case.bar(name)
        costs = bar.problem.layer_costs(RESNET, place)
        expected_s = costs.cycles.sum() / 500e6 + dram_s(INPUT + WEIGHTS) + dram_s(OUTPUT)
        expected_j = costs.energy_j.sum() + 8 * (INPUT + WEIGHTS + OUTPUT) * 14.8e-12
        assert bar.evaluation.latency_s == pytest.approx(expected_s, rel=1e-12)
        assert bar.evaluation.energy_j == pytest.approx(expected_j, rel=1e-12)


def test_the_mixed_pipeline_by_hand(case: WorkedCase) -> None:
    bar = case.bar("A3")
    assert bar.kinds == "WOW"
    w, o = (bar.problem.layer_costs(RESNET, place) for place in (1, OUTPUT_STATIONARY))
    sides = [
        dram_s(INPUT + 256 * 64) + w.cycles[0] / 500e6 + package_s(MIDDLE),
        dram_s(64 * 64 * 9) + o.cycles[1] / 500e6 + package_s(MIDDLE),
        dram_s(64 * 256) + w.cycles[2] / 500e6 + dram_s(OUTPUT),
    ]
    assert bar.evaluation.latency_s == pytest.approx(sum(sides), rel=1e-12)
    assert bar.times.package == pytest.approx(2 * package_s(MIDDLE), rel=1e-12)
    inside_j = w.energy_j[0] + o.energy_j[1] + w.energy_j[2]
    moved_j = 8 * (INPUT + WEIGHTS + OUTPUT) * 14.8e-12 + 8 * 2 * MIDDLE * 2.04e-12
    assert bar.evaluation.energy_j == pytest.approx(inside_j + moved_j, rel=1e-12)


def test_two_models_by_their_parts(case: WorkedCase) -> None:
    single, multi = ({n: case.bar(f"{s}{n}").evaluation for n in (1, 2, 3)} for s in "AB")
    costs = case.bar("B1").problem.layer_costs
    bytes_ = 128 * 768 + 768 * 3072, 128 * 3072

    def gpt_s(place: int) -> float:
        return float(costs(GPT, place).cycles.sum()) / 500e6 + sum(map(dram_s, bytes_))

    assert multi[1].latency_s == pytest.approx(single[2].latency_s + gpt_s(0), rel=1e-12)
    assert multi[2].latency_s == pytest.approx(max(single[2].latency_s, gpt_s(OUTPUT_STATIONARY)), rel=1e-12)
    assert multi[3].latency_s == pytest.approx(single[3].latency_s + gpt_s(OUTPUT_STATIONARY), rel=1e-12)
    assert multi[2].energy_j - single[2].energy_j == pytest.approx(multi[3].energy_j - single[3].energy_j, rel=1e-9)


def test_chiplet_1_is_output_stationary_on_request() -> None:
    case = worked_case(Fig2Setting(Hardware(floor=64), start="O"), search=False)
    assert case.bar("B1").kinds == "OOO"
    assert case.bar("B1").edp == case.bar("A1").edp == 1


@pytest.mark.parametrize("fidelity", Fidelity)
@pytest.mark.parametrize("mapping", MappingText)
def test_ratios_and_times_add_up(fidelity: Fidelity, mapping: MappingText) -> None:
    case = worked_case(Fig2Setting(Hardware(fidelity, None, mapping)), search=False)
    for bar in case.bars:
        reference = case.bar(f"{bar.name[0]}1").evaluation
        assert bar.edp == pytest.approx(bar.evaluation.edp_js / reference.edp_js)
        spent = bar.times
        assert spent.compute + spent.dram + spent.package + spent.shared == pytest.approx(bar.evaluation.latency_s)
        assert min(spent.compute, spent.dram, spent.package, spent.shared) >= -1e-15


def test_the_search_is_at_least_as_good_as_the_hand(case: WorkedCase) -> None:
    assert case.bar("best A").edp <= min(case.bar(f"A{n}").edp for n in (1, 2, 3)) * (1 + 1e-12)


def test_the_deciding_term(case: WorkedCase) -> None:
    term, before_s, after_s = deciding_term(case.bar("A1").times, case.bar("A2").times)
    assert term == "compute"
    costs = case.bar("A1").problem.layer_costs
    assert (before_s, after_s) == pytest.approx(
        [costs(RESNET, place).cycles.sum() / 500e6 for place in (OUTPUT_STATIONARY, 0)]
    )


def test_all_settings_differ() -> None:
    settings = every_fig_2_setting()
    assert len(set(settings)) == len(settings) == 2 * 2 * 4 * 3 * 3 * 3 * 2 * 2
