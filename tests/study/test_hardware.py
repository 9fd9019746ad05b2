from __future__ import annotations

import pytest

from chipweave.study.hardware import Hardware, MappingText, chiplet, monolithic, package
from chipweave.workload.layer import Op
from chipweave.workload.zoo.catalog import build_model


def test_the_monolithic_chip_has_the_pes_and_l2_of_a_package() -> None:
    (chip,), four = monolithic(Hardware()).chiplets, package("WWWO", Hardware()).chiplets
    assert chip.num_pes == sum(c.num_pes for c in four) == 16384
    assert chip.l2_bytes == sum(c.l2_bytes for c in four) == 40 * 2**20
    assert (chip.noc_bandwidth, chip.clock_hz) == (four[0].noc_bandwidth, four[0].clock_hz)
    assert monolithic(Hardware(), noc_factor=4).chiplets[0].noc_bandwidth == sum(c.noc_bandwidth for c in four)


def test_every_chiplet_has_an_interface_and_the_diagonal_does_not_touch() -> None:
    diagonal = package("WOOW", Hardware())
    assert [diagonal.dram_hops(place) for place in range(4)] == [0, 0, 0, 0]
    assert all(diagonal.class_of[a] != diagonal.class_of[b] for a, b in diagonal.links)


@pytest.mark.parametrize("mapping", MappingText)
@pytest.mark.parametrize("kind", "WO")
def test_every_mapping_does_the_whole_work(kind: str, mapping: MappingText) -> None:
    """But for MAESTRO's over-count of strided layers, which the official texts share."""
    layers = [*build_model("resnet50").layers, *build_model("gpt2").layers[:8]]
    plain = [layer for layer in layers if not layer.rides and layer.stride == (1, 1)]
    for row, layer in zip(
        Hardware().cost_model.explain(plain, chiplet(kind, Hardware(mapping=mapping))), plain, strict=True
    ):
        if layer.op is not Op.MATMUL:
            assert row["run"]["macs"] * row["runs"] == layer.macs, layer.name
