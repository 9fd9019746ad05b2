"""Objectives: what they compute, and which are refused."""

from __future__ import annotations

import math

import pytest

from chipweave.errors import InputError
from chipweave.files.package_file import resolve_package
from chipweave.hardware.price import Assembly, dies_of, making
from chipweave.plan.objective import objective, powers_of, require_objective


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("latency", 2.0),
        ("energy", 3.0),
        ("edp", 6.0),
        ("throughput", 2.0),
        ("energy * latency ** 2", 12.0),
        ("max(latency, energy) + 1", 4.0),
        ("min(latency, energy)", 2.0),
        ("sqrt(latency * 8)", 4.0),
        ("log(energy)", math.log(3)),
        ("-(1 / latency)", -0.5),
        ("+latency", 2.0),
        ("edp + latency", 8.0),
        ("power * latency ** 2", 6.0),
    ],
)
def test_expressions_compute(choice: str, value: float) -> None:
    assert objective(choice)(2.0, 3.0) == pytest.approx(value)
    assert objective(choice).name == choice


def test_a_callable_keeps_its_name() -> None:
    def weighted(latency_s: float, energy_j: float) -> float:
        return latency_s + 10 * energy_j

    made = objective(weighted)
    assert (made.name, made(1, 2)) == ("weighted", 21)


@pytest.mark.parametrize(
    ("choice", "falls_with"),
    [
        ("power", "latency"),
        ("-latency", "latency"),
        ("energy - latency", "latency"),
        ("latency / energy", "energy"),
        ("-energy", "energy"),
    ],
)
def test_objectives_that_fall_are_refused(choice: str, falls_with: str) -> None:
    with pytest.raises(InputError, match=f"falls when {falls_with} rises"):
        objective(choice)
    with pytest.raises(InputError, match="falls when energy rises"):
        objective(lambda latency_s, energy_j: latency_s - energy_j)


def test_a_dip_between_plateaus_is_found() -> None:
    with pytest.raises(InputError, match="falls when latency rises"):
        objective(lambda latency_s, energy_j: 0.0 if 1e-3 < latency_s < 1e-2 else 1.0)


@pytest.mark.parametrize(
    "choice",
    [
        "",
        "edpp",
        "latency +",
        "latency energy",
        "__import__('os').system('true')",
        "latency.__class__",
        "latency if energy else 1",
        "[latency]",
        "(lambda: latency)()",
        "latency and energy",
        "'latency'",
        "True",
        "1j",
        "max()",
        "max(latency)",
        "log(latency, 0)",
        "sqrt(0 - latency)",
        "latency ** 10 ** 10",
        "(0 - latency) ** 0.5",
        "latency % 2",
        "latency << 2",
        "latency // 2",
        "max(latency, key=energy)",
        "x := latency",
        "latency\x00",
        "(" * 300 + "latency" + ")" * 300,
        "+".join(["latency"] * 400),
    ],
)
def test_anything_else_is_refused_in_one_line(choice: str) -> None:
    with pytest.raises(InputError, match="objective") as caught:
        objective(choice)
    assert len(caught.value.problems) == 1


def test_objectives_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="must be a finite number"):
        objective(lambda latency_s, energy_j: math.nan)
    with pytest.raises(InputError, match="must be a finite number"):
        objective("latency + 1e400")
    with pytest.raises(InputError, match="must be a finite number"):
        objective(lambda latency_s, energy_j: "fast")  # type: ignore[arg-type,return-value]


def test_cost_and_area_are_constants_of_the_package() -> None:
    package = resolve_package("simba-nvdla-3x3")
    dies = dies_of(package)
    cost, area = making(dies, Assembly.ORGANIC).total_usd, sum(die.count * die.area_mm2 for die in dies)
    goal = objective("edp * cost + energy * area", package)
    assert goal(2.0, 3.0) == pytest.approx(6 * cost + 3 * area)
    assert powers_of(objective("edp * cost", package)) == (1, 1), "schedules are searched as for EDP"
    larger = resolve_package("simba-nvdla-6x6")
    assert objective("edp * cost", larger)(1.0, 1.0) > objective("edp * cost", package)(1.0, 1.0)


def test_cost_needs_a_package_with_a_price() -> None:
    require_objective("edp * cost")
    require_objective("latency * (cost - 5)")  # whether it falls hangs on the package
    with pytest.raises(InputError, match="'cost' is a package's, and none is given"):
        objective("edp * cost")
    with pytest.raises(InputError, match=r"'costs' is not allowed; .*cost, area"):
        require_objective("edp * costs + area")
    with pytest.raises(InputError, match="falls when latency rises"):
        objective("latency * (1 - cost)", resolve_package("het-2x2"))
