"""What cannot be met, as values and as the sentence that is made of them."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from chipweave.plan.certificate import LATENCY_LEVERS, Requirement, Space, Unmet, infeasible

LATE = Unmet(Requirement.LATENCY, of="m", demand=0.5, unit="s", levers=LATENCY_LEVERS)
SHORT = Unmet(Requirement.CHIPLETS, by="standalone", demand=6, bound=4, unit="chiplets", levers=("use `scar`",))


@pytest.mark.parametrize(
    ("unmet", "impossible", "gap"),
    [
        (LATE, False, None),
        (replace(LATE, bound=0.5), False, None),
        (replace(LATE, bound=0.75), True, 0.25),
        (replace(LATE, reached=1.0), False, 0.5),
        (replace(LATE, bound=0.75, reached=1.0), True, 0.5),
        (SHORT, True, 2),
        (replace(SHORT, bound=6), False, None),
        (Unmet(Requirement.MICRO_BATCH, of="m", demand=8, unit="samples"), False, None),
        (Unmet(Requirement.TIME, demand=10, reached=3, unit="shapes"), False, 7),
        (Unmet(Requirement.TIME), False, None),
    ],
)
def test_impossible_is_what_is_proven(unmet: Unmet, impossible: bool, gap: float | None) -> None:
    assert unmet.impossible is impossible
    assert unmet.gap == gap


@pytest.mark.parametrize(
    ("unmet", "says"),
    [
        (LATE, "'m' must end by 0.5 s"),
        (replace(LATE, bound=0.25), "'m' must end by 0.5 s (alone it needs 0.25 s or more)"),
        (
            replace(LATE, bound=0.75, space=Space.ONE_CHIPLET),
            "'m' must end by 0.5 s, but schedules with one chiplet a stage take at least 0.75 s "
            "(1.5 times the limit: impossible)",
        ),
        (replace(LATE, reached=1.0), "'m' ends at 1 s, its limit is 0.5 s (2 times, 0.5 s over)"),
        (
            replace(LATE, reached=0.25, bound=0.125),
            "'m' ends at 0.25 s, its limit is 0.5 s (kept); it never ends before 0.125 s",
        ),
        (
            Unmet(Requirement.ENERGY, demand=2.0, reached=3.0, unit="J"),
            "the schedule takes 3 J, its limit is 2 J (1.5 times, 1 J over)",
        ),
        (Unmet(Requirement.POWER, demand=2.0, unit="W"), "the schedule must draw at most 2 W"),
        (SHORT, "`standalone` needs 6 chiplets for 6 models, the package has 4 (2 short)"),
        (
            replace(SHORT, of="m", by="full-pipeline"),
            "`full-pipeline` needs a chiplet for each of the 6 layers of 'm', the package has 4 (2 short)",
        ),
        (
            Unmet(Requirement.STAGES, of="m", demand=5, bound=4, unit="stages", searched="windows=2 of 2 chiplets"),
            "'m': windows=2 of 2 chiplets do not hold 5 layers, one a stage",
        ),
        (
            Unmet(Requirement.MICRO_BATCH, of="m", demand=8, unit="samples"),
            "'m': no schedule found whose stages fit L2 with micro_batch=8",
        ),
        (
            Unmet(Requirement.TIME, demand=10, reached=3, unit="shapes"),
            "stopped while layers were costed (3 of 10 shapes), before any schedule was found",
        ),
        (Unmet(Requirement.TIME), "stopped before any schedule within the latency limits was found"),
    ],
)
def test_the_sentence_of_each_requirement(unmet: Unmet, says: str) -> None:
    assert str(unmet) == says


def test_the_error_says_every_demand_and_each_lever_once() -> None:
    late = replace(LATE, reached=1.0)
    assert str(infeasible(late, replace(late, of="n"))) == (
        "no schedule within the latency limits was found: 'm' ends at 1 s, its limit is 0.5 s (2 times, 0.5 s over); "
        "'n' ends at 1 s, its limit is 0.5 s (2 times, 0.5 s over). Raise the limit, lower the batch, or take a "
        "package with more or faster "
        "chiplets"
    )
    found = str(infeasible(replace(LATE, by="nn-baton", searched="windows")))
    assert found.startswith("no schedule within the latency limits was found by `nn-baton` in windows: 'm' must end by")
    assert str(infeasible(SHORT)).endswith("(2 short); use `scar`")
    assert str(infeasible()) == "no schedule was found"


def test_the_error_carries_the_values_to_another_process() -> None:
    error = infeasible(LATE, SHORT)
    again = pickle.loads(pickle.dumps(error))
    assert again.unmet == error.unmet == (LATE, SHORT)
    assert (str(again), again.exit_code) == (str(error), 1)
