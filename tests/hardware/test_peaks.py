"""Peaks of the built packages beside the published ones, and docs/packages.md, which shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peaks import PUBLISHED, peak_of, peak_table, reached_ops_s, source_tables
from chipweave.files.package_file import resolve_package
from chipweave.files.presets import package_names

PAGE = (Path(__file__).parents[2] / "docs" / "packages.md").read_text(encoding="utf-8")


def test_every_package_with_stacks_has_a_published_peak() -> None:
    assert {name for name in package_names() if resolve_package(name).memory} == PUBLISHED.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_peak_is_the_published_one(name: str) -> None:
    published, (chiplet,) = PUBLISHED[name], resolve_package(name).classes
    ours_ops_s = published.chiplets * 2 * chiplet.num_pes * chiplet.simd_lanes * chiplet.clock_hz
    assert ours_ops_s == pytest.approx(published.ops_s, rel=published.within)


def test_what_does_not_agree_is_said() -> None:
    """Simba's 36 chiplets are published at 127.8 TOPS together, at a lower clock."""
    package = resolve_package("simba-as-built")
    assert 2e-12 * sum(chiplet.peak_macs_s for chiplet in package.chiplets) == pytest.approx(144.4, rel=0.001)
    assert any("127.8 TOPS" in text for text in package.chiplets[0].assumed)


@pytest.mark.parametrize("name", ["simba-as-built", "wormhole-n300", "tpu-v4", "gaudi3-like"])
def test_a_large_gemm_comes_close(name: str) -> None:
    (chiplet,) = resolve_package(name).classes
    assert 0.95 < reached_ops_s(chiplet) / (2 * chiplet.peak_macs_s) <= 1
    package = resolve_package(name)
    row = peak_table([peak_of(package, PUBLISHED[name])]).splitlines()[-1]
    assert row in PAGE, "python -m benchmarks.peaks --write"


def test_the_page_has_the_sources() -> None:
    assert [name for name, table in source_tables().items() if table not in PAGE] == [], "benchmarks.peaks --write"
