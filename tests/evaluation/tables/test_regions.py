"""The tables and compiled programs of the searches against slow, obvious twins, and against the evaluator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pytest

from chipweave.cost.interface import CostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.layout import Cuts, extent, meet, sizes
from chipweave.evaluation.record import Split, StageEvaluation
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.edges import edge_entries
from chipweave.evaluation.tables.regions import (
    PARTITIONS,
    Floats,
    Ground,
    Ints,
    line_of,
    region_sizes,
    stage_tables,
    unit_tables,
)
from chipweave.evaluation.tables.regions_kernel import UnitTables
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.plan.problem import Fidelity, pose
from chipweave.schedulers.draft import DraftCosts, DraftStage, DraftWindow
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional, Together
from tests.evaluation.exact.test_regions import attention, convolution, gemms, maps
from tests.support import random_model, seeds

NEVER = 1e9
"""Seconds that no stage takes."""


def chain(rng: random.Random, most: int = 5) -> Model:
    """Convolutions, one after another, without riders."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    channels, rows, columns = rng.randint(1, 5), rng.randint(4, 9), rng.randint(4, 9)
    for index in range(rng.randint(2, most)):
        layer = convolution(rng, f"layer{index}", channels, rows, columns)
        edges.append(Edge(index - 1, index, channels * rows * columns))
        layers.append(layer)
        channels, rows, columns = layer.K, layer.out_y, layer.out_x
    return Model("chain", tuple(layers), tuple(edges), bytes_per_element=rng.choice([1, 2]))


def row_of(chiplets: int, l2_bytes: int, classes: int = 1) -> Package:
    """A row of chiplets whose links take no time per hop: routes do not show in the times."""
    kinds = [
        Chiplet("slow", l2_bytes=l2_bytes, num_pes=4, clock_hz=1e6),
        Chiplet("quick", l2_bytes=l2_bytes, num_pes=4, clock_hz=3e6),
    ]
    return Package(
        "row",
        tuple(kinds[i % classes] for i in range(chiplets)),
        topology.mesh(1, chiplets),
        (0,),
        link_bandwidth_bytes_s=1e4,
        dram_bandwidth_bytes_s=3e6,
        hop_latency_s=0.0,
        dram_latency_s=7e-6,
    )


def ground_of(
    model: Model,
    package: Package,
    batch: int = 6,
    fidelity: Fidelity = Fidelity.DETAILED,
    cost_model: CostModel | None = None,
) -> Ground:
    problem = pose(Scenario("s", (Task("m", model, batch),)), package, cost_model or Proportional(), fidelity)
    order = snake(package)
    return Ground(prepare(problem), 0, order, region_sizes(len(order)))


def skipping(rng: random.Random) -> Model:
    """Pointwise convolutions and sums with skips and slices."""
    return random_model(rng, "m", 8)


def any_model(rng: random.Random) -> Model:
    return rng.choice([chain, gemms, maps, maps, attention, skipping])(rng)


# Sizes, splits and boxes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 23, 24, 25, 64, 256, 1024])
def test_sizes_of_regions_are_all_small_ones_then_a_few_and_the_whole_package(most: int) -> None:
    made = region_sizes(most).tolist()
    assert made[: min(most, 24)] == list(range(1, min(most, 24) + 1))
    assert made[-1] == most
    assert made == sorted(set(made))
    assert all(b <= max(a + 1, round(1.06 * a)) for a, b in pairwise(made))


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("seed", seeds(10, 20))
def test_layers_are_cut_as_the_evaluator_cuts_them(seed: int, classes: int) -> None:
    rng = random.Random(seed)
    ground = ground_of(any_model(rng), row_of(7, 10**6, classes))
    table, class_of = ground.splits, tuple(i % classes for i in range(7))
    for micro_batch in (1, 2, 5, 9):
        splits, seconds = ground.split_rows(micro_batch)
        for layer, d in enumerate(table.distinct[1]):
            for s, size in enumerate(ground.sizes.tolist()):
                for p, partition in enumerate(PARTITIONS):
                    runs = {class_of[at : at + size] for at in range(7 - size + 1)}
                    cuts = [table.split(layer, partition, run, micro_batch) for run in runs]
                    every_s = [
                        table.costs(layer, split, micro_batch, run)[0] for split, run in zip(cuts, runs, strict=True)
                    ]
                    if classes == 1:
                        nb, ny, nx, units = splits[d, s].tolist()
                        assert cuts == [Split(units=units) if p else Split(nb, ny, nx)]
                        assert every_s == [pytest.approx(seconds[d, s, p])]
                    # the slowest run counts, by the time in which its chiplets do all quanta
                    assert max(every_s) <= seconds[d, s, p] * (1 + 1e-9)


def split_of(ground: Ground, splits: Ints, layer: int, s: int, p: int) -> Split:
    nb, ny, nx, units = splits[ground.splits.distinct[1][layer], s].tolist()
    return Split(units=units) if p else Split(nb, ny, nx)


def most_entries(cuts: Cuts, tensor: int, reader: int, chiplets: int) -> tuple[float, float]:
    """Of the tensor that a layer reads, the most that a chiplet needs, and the most of them that it does not make."""
    (need,) = cuts.need(tensor, [reader], chiplets).boxes
    made = sizes(meet(need, cuts.owned(tensor, chiplets).boxes)) if tensor >= 0 else 0.0
    return float(sizes(need).max()), float((sizes(need) - made).max())


@pytest.mark.parametrize("chiplets", [12, 26])
@pytest.mark.parametrize("seed", range(20))
def test_what_edges_bring_is_the_largest_part(seed: int, chiplets: int) -> None:
    """Of larger regions some parts are looked at: at most the largest."""
    rng = random.Random(seed)
    model = any_model(rng)
    ground = ground_of(model, row_of(chiplets, 10**6))
    micro_batch = rng.choice([1, 2, 5])
    splits, _ = ground.split_rows(micro_batch)
    tensors, readers, kinds, maker_kind, reader_kind, rest, entry_bytes = ground.edges
    received, needed = edge_entries(
        ground.rows, ground.sizes, splits, maker_kind, reader_kind, rest[:, 0].copy(), rest[:, 1:].copy(), micro_batch
    )
    edges = list(zip(tensors.tolist(), readers.tolist(), strict=True))
    for (tensor, reader), kind, bytes_ in zip(edges, kinds, entry_bytes, strict=True):
        assert bytes_ * np.prod(extent(model, tensor)) == pytest.approx(
            model.bytes_per_element * model.tensor_elements(tensor)
        )
        if edges.count((tensor, reader)) > 1:  # boxes are of both operands together
            continue
        for s, size in enumerate(ground.sizes.tolist()):
            for q, p in product(range(2), range(2)):
                here = {tensor: split_of(ground, splits, tensor, s, q)} if tensor >= 0 else {}
                here[reader] = split_of(ground, splits, reader, s, p)
                most = most_entries(Cuts(model, micro_batch, here, ground.splits.rows), tensor, reader, size)
                found = (needed[kind, s, p], received[kind, s, q, p] if tensor >= 0 else most[1])
                assert found == most if size <= 12 else found <= most


# Stages ----------------------------------------------------------------------------------------------------------


def plain_times(made: UnitTables, h: int, s: int, partitions: Sequence[int]) -> tuple[float, float]:
    """(pace, compute and exchange one after another): a unit's inputs come while the unit before computes."""
    pace_s = serial_s = 0.0
    for at, p in enumerate(partitions):
        u = h + at
        compute_s, inner_s, brought_s = made.compute_s[u, s, p], made.inner_s[u, s, p], 0.0
        if at:
            brought_s = made.chain_s[u, s, partitions[at - 1], p]
            brought_s += sum(made.skip_s[k, s, p] for k, (a, b) in enumerate(made.skip.tolist()) if b == u and a >= h)
            pace_s += max(0.0, brought_s - made.compute_s[u - 1, s, partitions[at - 1]])
        pace_s += max(compute_s, inner_s)
        serial_s += compute_s + inner_s + brought_s
    return pace_s, serial_s


@dataclass(frozen=True)
class Row:
    """One entry of the table of stages with the partitions that it stands for."""

    first: int
    chiplets: int
    s: int
    partitions: tuple[int, ...]
    terms: Floats


def rows_of(ground: Ground, made: UnitTables, micro_batch: int) -> list[Row]:
    units, line = len(ground.model.units), line_of(ground, micro_batch)

    def chosen(h: int, length: int, s: int, terms: Floats) -> Ints:
        run = kernel.Run(h, s, int(ground.sizes[s]), int(terms[kernel.MODE]))
        found: Ints = kernel.partitions_of(made, run, length, int(terms[kernel.LAST]), line)
        return found

    table = stage_tables(ground, made, line, range(len(ground.sizes)), units, NEVER)
    return [
        Row(h, size, s, tuple(chosen(h, length, s, terms).tolist()), terms)
        for h in range(units)
        for length in range(1, units - h + 1)
        for s, size in enumerate(ground.sizes.tolist())
        if np.isfinite((terms := table[h, length - 1, s])[kernel.PACE_S])
    ]


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(40))
def test_the_partitions_of_a_stage_have_its_times(seed: int, fidelity: Fidelity) -> None:
    """And where time alone decided, no others with the same last one are faster."""
    rng = random.Random(seed)
    ground = ground_of(any_model(rng), row_of(4, rng.choice([200, 600, 10**6])), fidelity=fidelity)
    micro_batch = rng.choice([1, 2])
    made = unit_tables(ground, micro_batch)
    found = rows_of(ground, made, micro_batch)
    assert found or micro_batch > 1
    for row in found:
        pace_s, serial_s = plain_times(made, row.first, row.s, row.partitions)
        assert row.terms[kernel.PACE_S] == pytest.approx(pace_s, rel=1e-12)
        assert row.terms[kernel.COMPUTE_S] + row.terms[kernel.EXCHANGE_S] == pytest.approx(serial_s, rel=1e-12)
        assert row.terms[kernel.FIRST] == row.partitions[0]
        assert row.terms[kernel.LAST] == row.partitions[-1]
        if row.terms[kernel.MODE] == 0 and row.chiplets > 1:
            rest = product(range(2), repeat=len(row.partitions) - 1)
            others = [plain_times(made, row.first, row.s, (*some, row.partitions[-1]))[0] for some in rest]
            assert pace_s == pytest.approx(min(others), rel=1e-12)


@pytest.mark.parametrize("l2_bytes", [150, 300, 500, 10**6])
@pytest.mark.parametrize("seed", seeds(6, 12))
def test_stages_of_a_chain_are_what_the_evaluator_says(seed: int, l2_bytes: int) -> None:
    """Without hops and riders compute and, where L2 holds all, weights are exact; exchanges may take the sender longer.

    What L2 keeps of less is an estimate on regions: from 0 to all weights are pinned.
    """
    rng = random.Random(seed)
    ground = ground_of(chain(rng) if seed % 3 else gemms(rng), row_of(4, l2_bytes))
    exact = DraftCosts(ground)
    micro_batch = 2 if seed % 2 else 1
    made = unit_tables(ground, micro_batch)
    for row in rows_of(ground, made, micro_batch):
        end = row.first + len(row.partitions)
        window = exact.window(DraftWindow(row.first, micro_batch, (DraftStage(end, row.chiplets, row.partitions),)))
        assert window is not None
        (stage,) = window[2]
        assert stage.l2 is not None
        terms = row.terms
        assert terms[kernel.COMPUTE_S] == pytest.approx(stage.compute_s)
        assert terms[kernel.PACE_S] <= stage.pace_s * (1 + 1e-12)
        assert terms[kernel.EXCHANGE_S] <= stage.exchange_s * (1 + 1e-12)
        if len(row.partitions) == 1:
            assert terms[kernel.PACE_S] == pytest.approx(stage.pace_s)
        weights_s = made.copied[row.first : end].sum() / ground.ready.rates.dram_bytes_s
        assert 0 <= terms[kernel.RESIDENT_S] <= weights_s * (1 + 1e-12)
        if l2_bytes == 10**6:
            assert stage.l2.resident
            assert terms[kernel.RESIDENT_S] == pytest.approx(stage.resident_s) == pytest.approx(weights_s)
            for name in (kernel.STREAMS_S, kernel.GATHER_S, kernel.EXPOSED_S):
                assert terms[name] == 0
            assert terms[kernel.READY_S] <= stage.ready_s * (1 + 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_weights_of_several_layers_come_once(fidelity: Fidelity) -> None:
    """Four products of one shape, the third with the first one's weights, the fourth with these, too: where all layers
    are cut alike and L2 holds all, weights from DRAM and their time are exact."""
    layers = tuple(
        Layer(f"layer{number}", Op.GEMM, K=8, C=8, Y=6, shares="layer0" if number > 1 else "") for number in range(4)
    )
    model = Model("tied", layers, tuple(Edge(number - 1, number, 48) for number in range(4)))
    ground = ground_of(model, row_of(4, 10**6), fidelity=fidelity)
    exact, made, seen = DraftCosts(ground), unit_tables(ground, 2), 0
    for row in rows_of(ground, made, 2):
        if row.chiplets == 1 or len(set(row.partitions)) > 1:
            continue
        end = row.first + len(row.partitions)
        window = exact.window(DraftWindow(row.first, 2, (DraftStage(end, row.chiplets, row.partitions),)))
        assert window is not None
        (stage,) = window[2]
        once = len({layer.shares or layer.name for layer in layers[row.first : end]}) * 64
        assert stage.bytes_.weights == once * (3 if fidelity is Fidelity.PAPER else 1)
        moved = ground.batch * (ground.crossing[row.first] + ground.crossing[end])
        assert row.terms[kernel.DRAM_BYTES] + moved == pytest.approx(stage.bytes_.dram, rel=1e-12)
        assert row.terms[kernel.RESIDENT_S] == pytest.approx(stage.resident_s, rel=1e-12)
        seen += once < 64 * len(row.partitions)
    assert seen > 3


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("micro_batch", [1, 2, 4, 6])
@pytest.mark.parametrize("l2_bytes", [100, 150, 300, 500, 10**6])
@pytest.mark.parametrize("seed", range(8))
def test_stages_on_one_chiplet_are_exact(seed: int, l2_bytes: int, micro_batch: int, fidelity: Fidelity) -> None:
    """Where nothing is geometric every term is the evaluator's: how weights are kept, spills and joules included.

    For stages that load their input, as a window's first one does; those in the middle are below. Where all weights
    and tensors fit, blocks may yet leave more room for a second copy: the table, which does not know how large that is,
    does not look at them and may miss that transfers overlap.
    """
    rng = random.Random(seed)
    model = chain(rng) if seed % 3 else gemms(rng)
    cost_model = Together() if seed % 2 else Proportional()
    ground = ground_of(model, row_of(1, l2_bytes), fidelity=fidelity, cost_model=cost_model)
    exact, line = DraftCosts(ground), line_of(ground, micro_batch)
    table = stage_tables(ground, unit_tables(ground, micro_batch), line, [0], len(model.units), NEVER)
    seen = 0
    for end in range(1, len(model.units) + 1):
        terms, draft = table[0, end - 1, 0], DraftStage(end, 1, (0,) * end)
        window = exact.window(DraftWindow(0, micro_batch, (draft,)))
        assert (window is None) == (not np.isfinite(terms[kernel.PACE_S]))
        if window is None:
            continue
        (stage,) = window[2]
        loaded, left = (micro_batch * ground.crossing[at] for at in (0, end))
        store_s = left / ground.ready.package.dram_bandwidth_bytes_s + 7e-6
        fill_s, steady_s = kernel.times(terms, loaded, left, 0.0, store_s, True, line)
        input_s = loaded / ground.ready.package.dram_bandwidth_bytes_s
        same_inside(terms, stage, input_s + store_s)
        overlaps = bool(terms[kernel.LEFT] >= terms[kernel.OPEN] * (loaded + left))
        if overlaps != stage.overlaps:
            assert stage.l2 is not None
            assert stage.l2.resident
            assert stage.l2.held_weights + stage.l2.activations <= l2_bytes
            assert not overlaps
            seen += 1
            continue
        assert (fill_s, steady_s) == pytest.approx((stage.fill_s, stage.steady_s), rel=1e-12)
        moved = line.batch * (ground.crossing[0] + ground.crossing[end])
        assert terms[kernel.DRAM_BYTES] + moved == pytest.approx(stage.bytes_.dram, rel=1e-12)
        assert terms[kernel.ENERGY_J] + moved * line.rates.dram_j == pytest.approx(stage.energy.total, rel=1e-12)
        seen += 1
    assert seen or micro_batch > 1


def same_inside(terms: Floats, stage: StageEvaluation, crossing_s: float) -> None:
    """What a stage of one chiplet takes inside. Beside its weights it reads its input from DRAM, the bytes alone, and
    sends its output out in `crossing_s`."""
    figures = {
        "compute_s": terms[kernel.COMPUTE_S],
        "pace_s": terms[kernel.PACE_S],
        "exposed_s": terms[kernel.EXPOSED_S],
        "exchange_s": terms[kernel.EXCHANGE_S],
        "resident_s": terms[kernel.RESIDENT_S],
        "ready_s": terms[kernel.READY_S] + (crossing_s if terms[kernel.READY_S] else 0.0),
    }
    for name, value in figures.items():
        assert value == pytest.approx(getattr(stage, name), rel=1e-12), name
    assert terms[kernel.STREAMS_S] == pytest.approx(stage.weights_s + stage.spill_s, rel=1e-12)
    assert terms[kernel.GATHER_S] == 0


@pytest.mark.parametrize("micro_batch", [1, 2, 4, 6])
@pytest.mark.parametrize("l2_bytes", [100, 150, 300, 500, 10**6])
@pytest.mark.parametrize("seed", range(8))
def test_stages_on_one_chiplet_are_exact_in_the_middle_of_a_window(seed: int, l2_bytes: int, micro_batch: int) -> None:
    """One stage before it makes its input, one behind it takes its output."""
    rng = random.Random(seed)
    model = chain(rng, 6) if seed % 3 else gemms(rng)
    ground = ground_of(model, row_of(3, l2_bytes), cost_model=Together() if seed % 2 else Proportional())
    exact, line, units = DraftCosts(ground), line_of(ground, micro_batch), len(model.units)
    made = unit_tables(ground, micro_batch)
    table = stage_tables(ground, made, line, [0], units, NEVER)
    for first in range(1, units):
        for end in range(first + 1, units):
            ends = ((0, first), (first, end), (end, units))
            stages = tuple(DraftStage(at, 1, (0,) * (at - before)) for before, at in ends)
            window = exact.window(DraftWindow(0, micro_batch, stages))
            assert window is not None
            terms, stage = table[first, end - first - 1, 0], window[2][1]
            came, left = (micro_batch * ground.crossing[at] for at in (first, end))
            same_inside(terms, stage, stage.forward_s)
            assert (terms[kernel.LEFT] >= terms[kernel.OPEN] * (came + left)) == stage.overlaps
            assert made.need[first, 0, 0] == came
            found = kernel.times(terms, 0.0, left, came, stage.forward_s, False, line)
            assert found == pytest.approx((stage.fill_s, stage.steady_s), rel=1e-12)
            assert terms[kernel.DRAM_BYTES] == pytest.approx(stage.bytes_.dram, rel=1e-12)
