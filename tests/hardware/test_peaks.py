"""Peaks of the built packages beside the published ones, and docs/packages.md, which shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peaks import PUBLISHED, Published, peak_of, peak_ops_s, peak_table, reached_ops_s, source_tables
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.errors import InputError
from chipweave.files.package_file import resolve_package
from chipweave.files.presets import package_names
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model

PAGE = (Path(__file__).parents[2] / "docs" / "packages.md").read_text(encoding="utf-8")


def test_every_package_with_stacks_has_a_published_peak() -> None:
    assert {name for name in package_names() if resolve_package(name).memory} == PUBLISHED.keys()


EACH = [pytest.param(name, each, id=f"{name}-{each.precision}") for name, all_ in PUBLISHED.items() for each in all_]


@pytest.mark.parametrize(("name", "published"), EACH)
def test_the_peak_is_the_published_one(name: str, published: Published) -> None:
    """Units, lanes and clock of the file, times its rate at the precision."""
    (chiplet,) = resolve_package(name).classes
    rates = dict(chiplet.rates)
    rate = rates[int(published.bits)] if published.bits else chiplet.simd_lanes
    ours_ops_s = published.chiplets * 2 * chiplet.num_pes * rate * chiplet.clock_hz
    assert ours_ops_s == pytest.approx(published.ops_s, rel=published.within)
    assert peak_ops_s(chiplet, published.bits) * published.chiplets == pytest.approx(ours_ops_s, rel=1e-12)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_rate_is_of_a_published_peak(name: str) -> None:
    (chiplet,) = resolve_package(name).classes
    published = {int(each.bits) or chiplet.precision_bits for each in PUBLISHED[name]}
    assert published == ({width for width, _ in chiplet.rates} or {chiplet.precision_bits})


@pytest.mark.parametrize("name", PUBLISHED)
def test_at_its_own_precision_nothing_changes(name: str) -> None:
    """Models that state no widths, or the chiplet's own, are costed as on the chiplet without rates."""
    (chiplet,) = resolve_package(name).classes
    layer = Layer("gemm", Op.GEMM, K=96, C=160, Y=128)
    own = Model("m", (layer,), (Edge(-1, 0, 160 * 128),), weight_bits=chiplet.precision_bits)
    own = replace(own, activation_bits=own.weight_bits)
    costs = LoopnestCostModel("latency")
    plain = costs.costs([layer], replace(chiplet, rates=()))
    for layers in ([layer], own.layers):
        for key, values in vars(costs.costs(layers, chiplet)).items():
            assert values.tolist() == getattr(plain, key).tolist(), key


def test_what_does_not_agree_is_said() -> None:
    """Simba's 36 chiplets are published at 127.8 TOPS together, at a lower clock."""
    package = resolve_package("simba-as-built")
    assert 2e-12 * sum(chiplet.peak_macs_s for chiplet in package.chiplets) == pytest.approx(144.4, rel=0.001)
    assert any("127.8 TOPS" in text for text in package.chiplets[0].assumed)


CHEAP = ("simba-as-built", "wormhole-n300", "tpu-v4", "gaudi3-like", "mi300x-like", "b200-like")


@pytest.mark.parametrize(("name", "published"), [each for each in EACH if each.values[0] in CHEAP])
def test_a_large_gemm_comes_close(name: str, published: Published) -> None:
    package = resolve_package(name)
    (chiplet,) = package.classes
    assert 0.95 < reached_ops_s(chiplet, published.bits) / peak_ops_s(chiplet, published.bits) <= 1
    row = peak_table([peak_of(package, published)]).splitlines()[-1]
    assert row in PAGE, "python -m benchmarks.peaks --write"


@pytest.mark.parametrize("name", [name for name, all_ in PUBLISHED.items() if len(all_) > 1])
def test_wider_than_published_is_refused(name: str) -> None:
    (chiplet,) = resolve_package(name).classes
    widest = max(width for width, _ in chiplet.rates)
    wrong = rf"built-in {chiplet.name}:\d+: .* no rate for {2 * widest} bits; its widest is for {widest}"
    with pytest.raises(InputError, match=wrong):
        chiplet.at_bits(2 * widest)


def test_the_page_has_the_sources() -> None:
    assert [name for name, table in source_tables().items() if table not in PAGE] == [], "benchmarks.peaks --write"
