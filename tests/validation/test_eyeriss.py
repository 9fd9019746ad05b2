"""Eyeriss's constraint: what its PEs do, and what is worked out of its figures."""

from __future__ import annotations

from math import ceil

import pytest

from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.several_samples import together
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import resolve_package
from chipweave.validation import eyeriss, eyeriss_counts
from chipweave.validation.single_layer import evaluate_alone
from chipweave.workload.zoo import build_model

CONVOLUTIONS = [layer for layer in build_model("alexnet_2012").layers if layer.name.startswith("conv")]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=lambda layer: layer.name)
def test_a_pe_runs_a_row_of_a_filter_and_sets_of_them_fill_the_array(layer) -> None:  # type: ignore[no-untyped-def]
    """A set is R rows by the rows of outputs of a strip, of which the array has 14 columns; conv2's 27 rows are strips
    of 14 and 13. Of channels no more sets than fit."""
    chiplet = resolve_chiplet(eyeriss.CHIPLET)
    (behind,) = LoopnestCostModel().explain([together(layer, chiplet, eyeriss.BATCH)], chiplet)
    (mapping,) = behind["mapping"]
    rows, columns = 12, 14
    strip = ceil(layer.out_y / ceil(layer.out_y / columns))
    assert mapping["spatial"]["R"] == layer.R
    assert mapping["spatial"]["Y"] == strip
    assert mapping["tile"]["S"] == layer.S
    assert not {"R", "Y"} & mapping["tile"].keys()
    sets = mapping["pes"] // (layer.R * strip)
    assert 1 <= sets <= (rows // layer.R) * (columns // strip)


def test_the_time_is_no_less_than_that_of_its_macs() -> None:
    """105,415,200 MACs of conv1 on at most 154 PEs, four samples, 200 MHz."""
    conv1 = CONVOLUTIONS[0]
    ours = eyeriss.predict(conv1, resolve_chiplet(eyeriss.CHIPLET))
    assert ours.time_s >= 4 * 105_415_200 / 154 / 200e6
    assert ours.least_s(154) == pytest.approx(4 * 105_415_200 / 154 / 200e6)
    assert ours.as_built_j > ours.energy_j > 0


def test_a_layer_alone_moves_each_of_its_tensors_at_least_once() -> None:
    """conv1: 34,848 weights, 227 x 227 x 3 inputs and 55 x 55 x 96 outputs of each of four samples, of two bytes."""
    alone = evaluate_alone(CONVOLUTIONS[0], resolve_package(eyeriss.PACKAGE), eyeriss.BATCH, LoopnestCostModel())
    once = 2 * (34_848 + 4 * (227 * 227 * 3 + 55 * 55 * 96))
    assert once <= alone.dram_bytes <= 2 * once
    assert alone.latency_s >= alone.dram_bytes / 720e6


def test_energies_of_isca_are_counts_times_their_costs() -> None:
    """16 samples of conv1; a MAC makes four accesses at most."""
    conv1 = CONVOLUTIONS[0]
    ours = eyeriss_counts.predict(conv1, eyeriss_counts.paper_package())
    once = 200 * (34_848 + 16 * (227 * 227 * 3 + 55 * 55 * 96))
    assert ours.macs == 16 * 105_415_200
    assert 0 < ours.scratchpads < 4 * ours.macs
    assert ours.dram * (1 - ours.again) == once
