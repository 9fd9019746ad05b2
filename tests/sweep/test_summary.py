"""What a sweep's report says, against its rows."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from chipweave.errors import InputError
from chipweave.sweep.gather import Unfinished, gather, levels, short_labels
from chipweave.sweep.reporting import points_csv
from chipweave.sweep.summary import MOST_OF_A_FRONT, MOST_SAMPLED, front_positions, summarise
from tests.sweep.made_up import AXES, made_up, row, rows

L2, LINK, CLASSES = AXES


def test_fronts_are_those_of_all_finished_rows() -> None:
    summary = summarise("s", made_up())
    found = list(rows())
    assert [front.figures for front in summary.fronts] == [("edp_js", "price_usd"), ("latency_s", "energy_j")]
    for front in summary.fronts:
        one, other = front.figures
        best = [
            each["position"]
            for each in found
            if not any(
                (o[one], o[other]) != (each[one], each[other]) and o[one] <= each[one] and o[other] <= each[other]
                for o in found
            )
        ]
        assert sorted(front.positions) == best
        values = [found[position][one] for position in front.positions]
        assert values == sorted(values)
        assert front.share is not None
        assert 0 < front.share <= 1
        for name, corner in zip(front.figures, front.reference, strict=True):
            every = [each[name] for each in found]
            assert corner == pytest.approx(max(every) + 0.1 * (max(every) - min(every)))


def test_figures_that_are_asked_for_come_first_and_more_may_be_better() -> None:
    summary = summarise("s", made_up(), ("throughput_samples_s", "price_usd", "energy_j"), (1000.0, 90.0, 4.0))
    front = summary.fronts[0]
    assert front.figures == ("throughput_samples_s", "price_usd", "energy_j")
    assert front.reference == (1000.0, 90.0, 4.0)
    fastest = max(rows(), key=lambda each: each["throughput_samples_s"])
    assert list(rows())[front.positions[0]]["throughput_samples_s"] == fastest["throughput_samples_s"]
    assert summary.groups[0].typical == pytest.approx(
        median(each["throughput_samples_s"] for each in rows() if each["axes"][L2] == 2**20)
    )


def test_the_best_of_each_value() -> None:
    summary = summarise("s", made_up({3: ("infeasible", "too small")}, waiting=(5,)))
    found = [each for each in rows() if each["position"] not in (3, 5)]
    for group in summary.groups:
        of = [each for each in found if each["axes"][group.axis] == group.values[0]]
        assert group.finished == len(of)
        assert group.position == min(of, key=lambda each: each["edp_js"])["position"]
        assert group.typical == pytest.approx(median(each["edp_js"] for each in of))
    assert sum(group.failed for group in summary.groups if group.axis == L2) == 1
    assert {group.axis for group in summary.groups} == set(AXES)


def test_many_numbers_are_ranges_and_of_many_names_the_best_are_shown() -> None:
    found = [row(n, {"a.x_s": float(n), "b": f"name {n}"}, 1.0 + n, 1.0, 1.0) for n in range(40)]
    groups = summarise("s", gather(found)).groups
    ranges = [group for group in groups if group.axis == "a.x_s"]
    assert [group.values for group in ranges] == [(5.0 * n, 5.0 * n + 4) for n in range(8)]
    assert [group.position for group in ranges] == [5 * n for n in range(8)]
    assert [group.values[0] for group in groups if group.axis == "b"] == [f"name {n}" for n in range(16)]


def test_sensitivities_are_exact_of_a_whole_product_by_factors() -> None:
    summary = summarise("s", made_up())
    assert summary.whole_product
    assert summary.by_factors == {"edp_js", "price_usd"}
    of = {(each.figure, each.axis): each for each in summary.sensitivities}
    nothing = of["edp_js", CLASSES]
    assert (nothing.first, nothing.total, nothing.typical, nothing.largest) == pytest.approx((0, 0, 1, 1))
    values = np.array([each["edp_js"] for each in rows()]).reshape(3, 4, 2)
    ratios = values.max(axis=1) / values.min(axis=1)
    assert of["edp_js", LINK].typical == pytest.approx(np.median(ratios))
    assert of["edp_js", LINK].largest == pytest.approx(ratios.max())
    assert of["edp_js", LINK].sets == 6
    logs = np.log(values)
    assert of["edp_js", L2].first == pytest.approx(logs.mean(axis=(1, 2)).var() / logs.var())
    assert of["edp_js", L2].total == pytest.approx(logs.var(axis=0).mean() / logs.var())


def test_with_holes_no_total_is_given() -> None:
    summary = summarise("s", made_up(waiting=(7,)))
    assert not summary.whole_product
    assert all(each.total is None for each in summary.sensitivities)
    assert any(each.first for each in summary.sensitivities)


def test_failures_are_counted_by_reason() -> None:
    failed = {2: ("input", "b"), 4: ("infeasible", "a"), 9: ("infeasible", "a")}
    summary = summarise("s", made_up(failed, waiting=(1,)))
    assert (summary.count, summary.finished, summary.failed, summary.waiting) == (24, 20, 3, 1)
    assert [(group.kind, group.reason, group.count, group.positions) for group in summary.failure_groups] == [
        ("infeasible", "a", 2, (4, 9)),
        ("input", "b", 1, (2,)),
    ]
    assert summary.at[9].reason == "a"
    many = {n: ("input", f"reason {n}") for n in range(22)}
    assert len(summarise("s", made_up(many)).failure_groups) == 22


def test_of_a_large_sweep_a_bounded_part_is_shown() -> None:
    """A front of 1,000 points, and 4,000 others."""
    front = [row(n, {"a": n}, 1.0 + n, 2000.0 - n, 1.0) for n in range(1000)]
    others = [row(1000 + n, {"a": 1000 + n}, 5e3, 5e3 + n, 2.0) for n in range(4000)]
    summary = summarise("s", gather(front + others), ("latency_s", "energy_j"))
    assert len(summary.fronts[0].positions) == 1000
    positions = front_positions(summary)
    assert len([n for n in positions if n < 1000]) >= MOST_OF_A_FRONT
    assert {0, 999, 4999} <= set(summary.at)
    assert len(summary.points) < 3 * MOST_OF_A_FRONT + MOST_SAMPLED


def test_rows_may_come_in_any_order() -> None:
    forward = summarise("s", gather(list(rows())))
    backward = summarise("s", gather(list(rows())[::-1]))
    assert forward.to_data() == backward.to_data()
    assert forward.same == {"scenario": "made-up", "scheduler": "scar"}


def test_figures_that_are_unknown_or_missing() -> None:
    found = made_up()
    for asked, said in {
        ("edp_j", "price_usd"): "figure 'edp_j': there is none of this name; did you mean 'edp_js'?",
        ("gap", "price_usd"): "figure 'gap': no point of the sweep has it; take another, such as edp_js",
        ("edp_js",): "a front is one of two or three different figures, not of edp_js",
        ("edp_js", "edp_js"): "a front is one of two or three different figures, not of edp_js, edp_js",
    }.items():
        with pytest.raises(InputError) as error:
            summarise("s", found, asked)
        assert str(error.value) == said
    with pytest.raises(InputError, match="needs as many finite numbers"):
        summarise("s", found, ("edp_js", "price_usd"), (1.0,))


def test_nothing_finished() -> None:
    nothing = made_up({0: ("killed", "memory")}, waiting=tuple(range(1, 24)))
    with pytest.raises(InputError, match="'s': of its 24 points none is finished, and 1 failed; run it first"):
        summarise("s", nothing)


def test_one_point_is_a_front() -> None:
    summary = summarise("s", gather([row(0, {"a": 1}, 1.0, 2.0, 3.0)]))
    assert summary.fronts[0].positions == (0,)
    assert summary.fronts[0].share is None
    assert summary.sensitivities == ()


def test_labels_are_the_shortest_that_tell_axes_apart() -> None:
    expected = {
        "chiplets.*.l2_bytes": "l2_bytes",
        "package.grid": "grid",
        "scenario.models.a.batch": "a.batch",
        "scenario.models.b.batch": "b.batch",
        "chiplets.A.noc_latency": "A.noc_latency",
        "chiplets.*.noc_latency": "*.noc_latency",
    }
    assert short_labels(list(expected)) == expected
    assert list(short_labels(["package", "scenario.package"]).values()) == ["package", "scenario.package"]


def test_levels_of_numbers_are_in_order_and_of_others_as_they_come() -> None:
    which, values = levels([3, 1.5, 3, 2])
    assert (which.tolist(), values) == ([2, 0, 2, 1], [1.5, 2, 3])
    which, values = levels(["1", 1, True, [1], "1", {"a": 1}, [1]])
    assert (which.tolist(), values) == ([0, 1, 2, 3, 0, 4, 3], ["1", 1, True, [1], {"a": 1}])


def test_the_table_of_all_points_is_read_back(tmp_path: Path) -> None:
    evil = ['a,b "c"', "two\nlines", {"x": [1, "é"]}, 1e-300, 7, True, "", "\r"]
    found = gather(
        [row(n, {"an, axis": value}, 0.1 * (n + 1), 1 / 3, 5.0) for n, value in enumerate(evil)],
        [Unfinished(8, "sha256:8", {"an, axis": 1.5}, "killed", 'said "no",\nand went')],
    )
    path = tmp_path / "points.csv"
    path.write_text(points_csv(found, summarise("s", found)), newline="")
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    cells = [each["an, axis"] for each in read]
    assert cells == ['a,b "c"', "two\nlines", '{"x": [1, "\\u00e9"]}', "1e-300", "7", "true", "", "\r", "1.5"]
    assert [float(each["latency_s"]) for each in read[:8]] == [0.1 * (n + 1) for n in range(8)]
    assert [each["windows"] for each in read] == ["2"] * 8 + [""]
    assert [each["position"] for each in read] == list("012345678")
    assert read[8]["failure"] == 'killed: said "no",\nand went'
