"""Classes of links: figures of a package by hand, and what is no class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.errors import InputError
from chipweave.files.presets import link_presets
from chipweave.hardware.links import LinkClass
from chipweave.hardware.package import Package

LANES = LinkClass("lanes", 8e9, 3e-9, 1e-12)


def test_modules_widen_a_link_and_nothing_else() -> None:
    assert LANES.of_package(3) == {
        "link_bandwidth_bytes_s": 24e9,
        "hop_latency_s": 3e-9,
        "nop_energy_j_per_bit": 1e-12,
    }
    assert LANES.of_package(1).keys() <= Package.__dataclass_fields__.keys()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bandwidth_bytes_s": 0.0}, "link class 'lanes': bandwidth_bytes_s: 0.0 is not a positive number; give one"),
        ({"latency_s": -1.0}, "link class 'lanes': latency_s: -1.0 is negative or not a number; give 0 or more"),
        (
            {"energy_j_per_bit": -1.0},
            "link class 'lanes': energy_j_per_bit: -1.0 is negative or not a number; give 0 or more",
        ),
    ],
)
def test_classes_that_are_none(change: dict[str, float], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(LANES, **change)  # type: ignore[arg-type]
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(("package", "lanes"), [("standard", 16), ("advanced", 64)])
@pytest.mark.parametrize("rate", [16, 24, 32, 48, 64])
def test_ucie_is_lanes_by_rate(package: str, lanes: int, rate: int) -> None:
    assert link_presets()[f"ucie-{package}-{rate}"]["bandwidth_bytes_s"] == lanes * rate * 1e9 / 8


def test_the_advanced_package_never_costs_more() -> None:
    presets = link_presets()
    for rate in (16, 24, 32, 48, 64):
        standard, advanced = (presets[f"ucie-{package}-{rate}"] for package in ("standard", "advanced"))
        assert advanced["energy_j_per_bit"] < standard["energy_j_per_bit"]
        assert advanced["bandwidth_bytes_s"] > standard["bandwidth_bytes_s"]
