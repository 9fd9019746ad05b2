"""SCAR's tables as published, held against what its text says of them, and ours from made-up answers by hand."""

from __future__ import annotations

import math
from itertools import pairwise, product
from statistics import mean

import pytest

from chipweave.hardware import topology
from chipweave.reproduction.drawing import drawn
from chipweave.reproduction.exhibit import Exhibit, Table, Verdict
from chipweave.reproduction.scar import (
    ablations,
    fig_2,
    fig_7,
    fig_8,
    fig_9,
    fig_11,
    fig_12,
    fig_13,
    headline,
    space,
    table_iv,
    table_v,
)
from chipweave.reproduction.scar.profile import ARVR, DATACENTER, PROFILE, Experiment, Setting
from chipweave.reproduction.scar.profile_words import profile_in_words
from tests.reproduction.scar.made_up import outcome


def cell(exhibit: Exhibit, table: str, row: str, column: str) -> tuple[float | None, float | None]:
    (found,) = [c for t, r, k, c in exhibit.figures() if (t, r, k) == (table, row, column)]
    return found.published, found.ours


def verdicts(exhibit: Exhibit) -> dict[str, Verdict]:
    return {each.claim: each.verdict for each in exhibit.findings}


def test_table_iv_gives_the_percentages_of_the_text() -> None:
    """V-B: 46.02 % and 25.18 % over Simba (NVD), 1.7 and 1.25 times over Stand. (NVD)."""
    assert [headline.published_reduction(n, "Simba (NVD)") for n in (4, 5)] == pytest.approx([46.02, 25.18], abs=0.005)
    over = table_iv.published_over("edp_js", "Stand. (NVD)", "Het-Sides", (4, 5))
    assert over == pytest.approx([1.7, 1.25], abs=0.02)


@pytest.mark.parametrize("scenarios", [DATACENTER, ARVR])
def test_the_tables_give_the_headline(scenarios: tuple[int, ...]) -> None:
    reductions = [headline.published_reduction(*each) for each in product(scenarios, headline.BASELINES)]
    assert mean(reductions) == pytest.approx(headline.HEADLINE[scenarios], abs=0.05)


def test_table_v_gives_the_mean_of_the_text() -> None:
    """V-C: 17 % over Stand. (NVD)."""
    assert mean(table_v.PUBLISHED["edp_js", "Het-Sides"]) == pytest.approx(0.83)
    assert table_v.PUBLISHED["latency_s", "Stand. (Shi)"][4] == 1.24


def test_figure_7_follows_from_table_iv() -> None:
    """V-B: 2 times faster for 1.22 times the energy, 0.58 times the EDP; A1: 1.4, 1.3, 2.9 and 1 / 1.05."""
    of = [fig_7.published(metric, "edp", "Het-Sides")[3] for metric in ("latency_s", "energy_j", "edp_js")]
    assert of == pytest.approx([1 / 2.09, 1.22, 0.583], rel=0.005)
    speedups = [1 / (each or 1) for each in fig_7.published("latency_s", "latency", "Simba (NVD)")]
    assert speedups == pytest.approx([1.4, 1.3, 2.9, 1 / 1.05, 1 / 1.05], abs=0.07)
    assert fig_7.published("edp_js", "energy", "Het-CB") == [None] * 5


def test_table_vi_adds_up() -> None:
    """Ideal is the sum of a row, total the windows before a model's last and its own time there."""
    windows = fig_9.PUBLISHED["window"]
    for name in fig_9.MODELS.values():
        own = [each or 0.0 for each in fig_9.PUBLISHED[name][: fig_9.WINDOWS]]
        last = max(number for number, each in enumerate(own) if each)
        total = sum(each or 0.0 for each in windows[:last]) + own[last]
        assert sum(own) == pytest.approx(fig_9.PUBLISHED[name][fig_9.IDEAL], abs=0.045)
        assert total == pytest.approx(fig_9.PUBLISHED[name][fig_9.TOTAL], abs=0.045)
    assert sum(each or 0 for each in fig_9.PUBLISHED["layers"][: fig_9.WINDOWS]) == 269


def test_published_ratios_of_the_text() -> None:
    assert fig_13.PUBLISHED["edp_js", "Simba-6x6 (Shi)"] == 2.3
    assert fig_13.PUBLISHED["latency_s", "Simba-6x6 (NVD)"] == 1.8
    assert ablations.PROV_PUBLISHED["Simba (Shi)"] == (59.5, 57.6)
    assert ablations.PROV_PUBLISHED["Simba (NVD)"][0] == 33.0
    assert fig_2.printed("A2") == 0.78
    assert fig_2.printed("B3") == 0.28


def test_table_iv_of_made_up_answers() -> None:
    answers = {
        Experiment(4, "Het-Sides"): outcome(3.8, 1.0),
        Experiment(4, "Simba (NVD)"): outcome(2.0, 1.0),
        Experiment(4, "Het-Sides", setting=Setting(floor=64)): outcome(9.0, 1.0),
        Experiment(4, "Stand. (NVD)", setting=Setting(floor=64)): outcome(3.0, 1.5),
        Experiment(4, "Het-Sides", setting=Setting(flipped=True)): outcome(7.0, 1.0),
    }
    exhibit = table_iv.exhibit(answers)
    assert cell(exhibit, "EDP search, latency", "Het-Sides", "Sc4") == (3.8, 3.8)
    assert cell(exhibit, "EDP search, EDP", "Het-Sides, exchanged", "Sc4") == (3.328, 7.0)
    assert cell(exhibit, "EDP search, EDP over that of Stand. (NVD), off-chip floor 64", "Het-Sides", "Sc4")[1] == 2.0
    assert profile_in_words() in exhibit.setting
    assert "floor off" in profile_in_words()


def test_the_headline_of_made_up_answers() -> None:
    """EDP 0.5 against 1 and 0.4: 50 % and -25 %, 12.5 % together, in every scenario."""
    answers = {}
    for n in DATACENTER:
        answers[Experiment(n, "Het-Sides")] = outcome(0.5, 1.0)
        answers[Experiment(n, "Simba (Shi)")] = outcome(1.0, 1.0)
        answers[Experiment(n, "Simba (NVD)")] = outcome(0.4, 1.0)
    exhibit = headline.exhibit(answers)
    ours = [cell(exhibit, "Less EDP by Het-Sides, datacenter", row, "mean")[1] for row in _names(exhibit.tables[0])]
    assert ours == pytest.approx([50, -25, 12.5])
    found = verdicts(exhibit)
    assert found["datacenter: 27.6 % less EDP than homogeneous packages on average"] is Verdict.DIRECTION
    assert found["AR/VR: 29.6 % less EDP than homogeneous packages on average"] is Verdict.UNTOLD


def _names(table: Table) -> list[str]:
    return [row.name for row in table.rows]


def test_table_v_of_made_up_answers() -> None:
    answers = {Experiment(n, "Het-Sides"): outcome(0.8, 1.0) for n in ARVR}
    answers |= {Experiment(n, "Stand. (NVD)"): outcome(0.5, 2.0) for n in ARVR}
    exhibit = table_v.exhibit(answers)
    assert cell(exhibit, "EDP search, latency over that of Stand. (NVD)", "Het-Sides", "Sc8") == (0.78, 1.6)
    assert cell(exhibit, "EDP search, EDP over that of Stand. (NVD)", "Het-Sides", "Sc8") == (0.83, 0.8)
    found = verdicts(exhibit)
    assert found["Het-Sides has 17 % less EDP than Stand. (NVD) on average"] is Verdict.HOLDS
    assert found["in scenarios 6 and 7 Het-Sides is level with Stand. (NVD)"] is Verdict.NOT


def test_figures_7_8_and_11_of_made_up_answers() -> None:
    answers = {Experiment(3, "Simba (NVD)", "latency"): outcome(1.0, 2.0, front=[[1.0, 2.0]])}
    answers[Experiment(3, "Stand. (NVD)", "latency")] = outcome(3.0, 2.0)
    answers[Experiment(8, "Het-CB")] = outcome(3.0, 1.0, front=[[1.0, 4.0]])
    answers[Experiment(8, "Stand. (NVD)")] = outcome(2.0, 2.0)
    assert cell(fig_7.exhibit(answers), "A1: latency, latency search", "Simba (NVD)", "Sc3")[1] == pytest.approx(1 / 3)
    found = fig_8.exhibit(answers).findings[0]
    assert found.verdict is Verdict.HOLDS
    assert found.ours == "0.333"
    exhibit = fig_11.exhibit(answers)
    assert [cell(exhibit, "Scenario 8", "Het-CB", each)[1] for each in ("points", "least latency", "least EDP")] == [
        2,
        0.5,
        0.75,
    ]
    assert cell(exhibit, "Scenario 8", "Het-CB", "least EDP")[0] == 0.83


def schedule() -> dict[str, object]:
    """Two windows: GPT-L and ResNet side by side, then GPT-L alone."""
    first = [
        {"task": "gpt-l", "latency_s": 2.0, "stages": [[0, 9, [0]], [10, 19, [3]]]},
        {"task": "resnet-50", "latency_s": 1.5, "stages": [[0, 65, [4]]]},
    ]
    second = [{"task": "gpt-l", "latency_s": 1.0, "stages": [[20, 119, [8]]]}]
    return outcome(3.0, 1.0, windows=[{"latency_s": 2.0, "pipelines": first}, {"latency_s": 1.0, "pipelines": second}])


def test_table_vi_of_a_made_up_schedule() -> None:
    exhibit = fig_9.exhibit({fig_9.TOP: schedule()})
    ours = {row.name: [each.ours for each in row.cells] for row in exhibit.tables[0].rows}
    assert ours["GPT-L"] == [2.0, 1.0, None, None, None, 3.0, 3.0, 120]
    assert ours["ResNet"] == [1.5, 0.0, None, None, None, 1.5, 1.5, 66]
    assert ours["window"] == [2.0, 1.0, None, None, None, None, 3.0, None]
    assert ours["layers"] == [86, 100, None, None, None, None, None, 186]
    assert cell(exhibit, "Chiplets of each model", "GPT-L", "W0") == (None, 2)
    found = verdicts(exhibit)
    assert found["the best schedule has five windows"] is Verdict.NOT
    assert found["the models have this many layers"] is Verdict.NOT  # BERT-L and U-Net have none here


def test_a_grid_has_a_square_per_chiplet() -> None:
    exhibit = fig_9.exhibit({fig_9.TOP: schedule()})
    assert [panel.categories for panel in exhibit.panels] == [("NVD", "Shi", "NVD")] * 2
    assert [sum(len(series.x) for series in panel.series) for panel in exhibit.panels] == [9, 9]
    assert exhibit.panels[0].series[3].x == (1.0,)
    assert exhibit.panels[0].series[3].y == (1.0,)
    picture = drawn(exhibit, ("svg",))["svg"].decode()
    assert picture.count("fill: #3b6ea8") == 2 + 1 + 1  # GPT-L's chiplets in both windows, and the legend


def test_figure_12_of_made_up_answers() -> None:
    answers = {
        Experiment(4, "Het-T"): outcome(1.0, 1.0),
        Experiment(4, "Simba-T (Shi)"): outcome(2.5, 1.0),
        Experiment(4, "Simba-T (NVD)"): outcome(0.5, 1.0),
        Experiment(4, "Simba-T (NVD)", scheduler="standalone"): outcome(2.0, 2.0),
    }
    exhibit = fig_12.exhibit(answers)
    assert cell(exhibit, "EDP search, EDP", "Het-T", "Sc4") == (None, 0.25)
    assert [each.verdict for each in exhibit.findings[:3]] == [Verdict.HOLDS, Verdict.NOT, Verdict.UNTOLD]


def test_figure_13_takes_the_best_of_both_numbers_of_splits() -> None:
    def asked(strategy: str, splits: int) -> Experiment:
        return Experiment(4, strategy, options=(("n_splits", splits),))

    answers = {
        asked("Het-Cross", 2): outcome(2.0, 1.0),
        asked("Het-Cross", 3): outcome(1.0, 1.5),
        asked("Simba-6x6 (NVD)", 2): outcome(1.8, 1.75),
    }
    found = verdicts(fig_13.exhibit(answers))
    assert found["Het-Cross has 1.9 times less EDP than Simba-6x6 (NVD)"] is Verdict.HOLDS  # 1.5 / 3.15
    assert found["Het-Cross has 1.8 times less latency than Simba-6x6 (NVD)"] is Verdict.HOLDS
    assert found["Het-Cross has 2.3 times less EDP than Simba-6x6 (Shi)"] is Verdict.UNTOLD


def test_the_ablations_of_made_up_answers() -> None:
    def split(splits: int) -> Experiment:
        return Experiment(4, "Het-Sides", options=() if splits == 4 else (("n_splits", splits),))

    answers = {
        split(n): outcome(edp, 1.0) for n, edp in zip((1, 2, 3, 4, 5), (2.0, 1.6, 1.28, 1.024, 1.0), strict=True)
    }
    answers[Experiment(4, "Het-Sides", options=ablations.UNIFORM)] = outcome(1.024 * 1.218, 1.0 / 1.5)
    found = [each.verdict for each in ablations.exhibit(answers).findings]
    assert found[0] is Verdict.HOLDS  # 1.25 three times, then 1.024
    assert found[-2:] == [Verdict.HOLDS, Verdict.NOT]
    assert set(found[1:-2]) == {Verdict.UNTOLD}


def test_figure_2_of_made_up_answers() -> None:
    edp = {"A1": 1.0, "A2": 0.8, "A3": 0.45, "B1": 1.0, "B2": 0.9, "B3": 0.95, "best A": 0.4, "best B": 0.8}
    bars = {name: {"edp": value, "latency": value, "energy": 1.0, "kinds": ""} for name, value in edp.items()}
    exhibit = fig_2.exhibit({fig_2.PROFILE: {"bars": bars, "affinity": "WOWW"}})
    assert [each.verdict for each in exhibit.findings] == [
        *(Verdict.HOLDS, Verdict.HOLDS, Verdict.DIRECTION, Verdict.DIRECTION),  # 0.45 is near 0.48
        *(Verdict.HOLDS, Verdict.NOT),
    ]
    assert cell(exhibit, "EDP over that of A1, of B1", "B2, B1 on WS", "fixed, no floor") == (0.3, 0.9)


def test_the_printed_formula() -> None:
    """C^L times the interleavings: 4^4 * 4 and 4^4 * 6, and by listing every assignment and interleaving."""
    assert space.printed_formula(4, (3, 1)) == 1024
    assert space.printed_formula(4, (2, 2)) == 1536
    words = {order for order in product("ab", repeat=5) if order.count("a") == 3}
    assert space.printed_formula(2, (3, 2)) == 2**5 * len(words)
    assert math.log10(space.printed_formula(36, (50, 23))) == pytest.approx(132.4, abs=0.1)


def test_placements_are_all_that_can_be_listed() -> None:
    """Every way to give two models disjoint paths on a 2x2 mesh and to cut their layers."""
    near = topology.neighbours(4, topology.mesh(2, 2))
    paths = [
        path
        for length in (1, 2, 3, 4)
        for path in product(range(4), repeat=length)
        if len(set(path)) == length and all(b in near[a] for a, b in pairwise(path))
    ]
    limits, units = (3, 2), (4, 2)

    def cuts(path: tuple[int, ...], count: int) -> int:
        return sum(sum(sizes) == count for sizes in product(range(1, count + 1), repeat=len(path)))

    listed = sum(
        cuts(first, units[0]) * cuts(second, units[1])
        for first, second in product(paths, repeat=2)
        if len(first) <= limits[0] and len(second) <= limits[1] and not set(first) & set(second)
    )
    assert space.placements(paths, limits, units) == listed > 0


def test_one_real_experiment() -> None:
    """Standalone: one window, a chiplet for each of the two models, and the slower one decides."""
    found = Experiment(1, "Stand. (NVD)", setting=PROFILE).answer()
    (window,) = found["windows"]
    assert found["latency_s"] == window["latency_s"] == max(each["latency_s"] for each in window["pipelines"])
    assert [each["stages"][0][:2] for each in window["pipelines"]] == [[0, 119], [0, 59]]
    assert found["edp_js"] == pytest.approx(found["latency_s"] * found["energy_j"])
