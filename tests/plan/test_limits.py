"""Limits of a scenario: what keeps them, what an objective makes of them, and objectives that order alike."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.scenario_file import scenario_from_dict, scenario_to_dict
from chipweave.plan.limits import MISSED, deadlines_s, missed, rising, within
from chipweave.plan.objective import in_terms_of, objective, of_powers, powers_of
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task

EDP = objective("edp")
positive = st.floats(1e-4, 1e3)


def scenario(*limits_s: float | None, **whole: float) -> Scenario:
    layer = Layer("l", Op.CONV, K=4, C=4, Y=4, X=4)
    model = Model("m", (layer,), (Edge(NETWORK_INPUT, 0, 64),))
    return Scenario("s", tuple(Task(f"t{i}", model, 1, limit) for i, limit in enumerate(limits_s)), "", **whole)


def test_what_a_schedule_misses_by_hand() -> None:
    """3 s and 12 J are 4 W: 50 % above 2 s, 20 % above 10 J, and 100 % above 2 W."""
    limits = scenario(None, latency_limit_s=2.0, energy_limit_j=10.0, power_limit_w=2.0)
    assert missed(limits, 3.0, 12.0) == pytest.approx(0.5 + 0.2 + 1.0)
    assert missed(limits, 2.0, 4.0) == 0.0
    assert missed(scenario(None), 3.0, 12.0) == 0.0


def test_a_model_has_to_end_by_its_own_limit_and_by_that_of_the_whole() -> None:
    assert deadlines_s(scenario(1.0, None, 5.0, latency_limit_s=3.0)) == pytest.approx([1.0, 3.0, 3.0])
    assert deadlines_s(scenario(1.0, None)) == [pytest.approx(1.0), math.inf]


@given(positive, positive, positive, positive, positive)
def test_what_keeps_its_limits_is_worth_less_than_what_does_not(
    a: float, b: float, c: float, d: float, w: float
) -> None:
    limits = scenario(None, latency_limit_s=a, energy_limit_j=b, power_limit_w=w)
    goal = within(EDP, limits)
    kept = c <= a and d <= b and d <= w * c
    assert (goal(c, d) < MISSED) == kept or missed(limits, c, d) < 1e-6
    if kept:
        assert goal(c, d) == EDP(c, d)
    assert rising(EDP, limits)(c, d) <= goal(c, d)


@given(positive, positive, positive, positive, st.floats(1, 10), st.floats(1, 10))
def test_what_searches_rule_out_by_never_falls(a: float, b: float, c: float, d: float, s: float, t: float) -> None:
    bound = rising(EDP, scenario(None, latency_limit_s=a, energy_limit_j=b, power_limit_w=1.0))
    assert bound(c * s, d * t) >= bound(c, d) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("text", "powers"),
    [
        ("sqrt(latency * energy)", (1, 1)),
        ("log(latency) + log(energy)", (1, 1)),
        ("3 * latency ** 0.5 * energy ** 0.5 + 1", (1, 1)),
        ("log(energy) + 2 * log(latency)", (2, 1)),
        ("2 * latency - 3", (1, 0)),
        ("log(energy)", (0, 1)),
        ("throughput", (1, 0)),
        ("latency + energy", None),
        ("max(latency, energy)", None),
        ("log(latency) + 0.001 * energy", None),
        ("1", None),
    ],
)
def test_the_powers_that_an_objective_orders_by(text: str, powers: tuple[int, int] | None) -> None:
    goal = objective(text)
    assert powers_of(goal) == powers
    if powers is not None:
        latency_s, energy_j = 0.02, 3.5
        value = of_powers(powers)(latency_s, energy_j)
        assert in_terms_of(goal, powers, value) == pytest.approx(goal(latency_s, energy_j))


def test_limits_of_the_whole_are_written_and_read_back() -> None:
    limits = scenario(1.0, latency_limit_s=2.0, energy_limit_j=0.5, power_limit_w=40.0)
    assert scenario_from_dict(scenario_to_dict(limits)) == limits
    assert "power_limit_w" not in scenario_to_dict(scenario(1.0))


@pytest.mark.parametrize("limit", [0.0, -1.0, math.inf, math.nan])
def test_a_limit_is_a_positive_number(limit: float) -> None:
    with pytest.raises(InputError, match=r"energy_limit_j=.* is not a positive number"):
        scenario(None, energy_limit_j=limit)
