"""`loopnest` as a cost model: what it adds up, and what it says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from chipweave.cost.choose import choose, describe
from chipweave.cost.loopnest import search
from chipweave.cost.loopnest.allowed import allowed, axes_of
from chipweave.cost.loopnest.chiplet import energies_of, machine_of
from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.explain import bound_by, explain, text_of
from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import energy_parts_j
from chipweave.cost.loopnest.model import LoopnestCostModel, costs_of
from chipweave.cost.loopnest.plan import Plan, Run
from chipweave.cost.loopnest.shape import RELEVANT, Shape, shapes_of
from chipweave.cost.loopnest.turn import upright
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.workload.layer import Layer, Op

CHIPLET = Chiplet("small", num_pes=16, noc_bandwidth=4)
CONV = Layer("conv", Op.CONV, K=6, C=3, Y=7, X=7, R=3, S=3, padding=(1, 1))
UPCONV = Layer("up", Op.TRANSPOSED, K=4, C=3, Y=4, X=4, R=3, S=3, stride=(2, 2), padding=(1, 1))
MATMUL = Layer("scores", Op.MATMUL, K=10, C=6, Y=5, groups=2)
POOL = Layer("pool", Op.POOL, K=6, C=6, Y=7, X=7, R=2, S=2, stride=(2, 2), groups=6)
LAYERS = [CONV, POOL, UPCONV, MATMUL]


def planned(layer: Layer, machine: Machine, energies: Energies, mapping: Mapping) -> Plan:
    """The plan of one layer under a given mapping."""
    (shape,) = shapes_of(layer)
    run = Run(shape, mapping, count(shape, mapping, machine))
    return Plan((layer,), CHIPLET, machine, energies, ((run,),))


# Sums --------------------------------------------------------------------------------------------------------------


def test_a_product_by_hand() -> None:
    """Two rows times a 2x2 matrix on 2x2 PEs, K along rows and C along columns, one row of inputs a step.

    Weights: 4 from L2, once. Inputs: 2 a step, each for both rows of PEs: 4 from L2, 8 into L1. Products: 8, of which 4
    cross to the PE that sums up and 4 stay there; each sum is written once and leaves at once.
    Cycles: 1 + ceil((4 + 2) / 2) to fill; in the first step 1 to compute or to send out 2; in the second 1 to compute
    or to bring 2; ceil(2 / 2) + 1 to drain.
    """
    layer = Layer("product", Op.GEMM, K=2, C=2, Y=2)
    machine = Machine(4, Constraint("GK", "C", "W"), noc_bandwidth=2, noc_latency=1)
    made = planned(layer, machine, Energies(1, 10, 100, 1000), Mapping((1, 1, 2, 2, 1, 1, 1, 1), (1,) * 8))
    costs = costs_of(made)
    assert {key: float(value[0]) for key, value in vars(costs).items()} == {
        "cycles": (1 + 3) + 1 + 1 + (1 + 1),
        "mac_j": 8,
        "l1_j": 10 * ((4 + 8) + (8 + 8) + 4 * (4 + 4)),
        "l2_j": 100 * (4 + 4 + 4),
        "noc_j": 1000 * (4 + 8 + 4 + 4 * 4),
        "fill_input_j": 400,
        "fill_weight_j": 400,
        "drain_output_j": 400,
        "l2_need_elements": 4 + 2 + 2,
    }
    (row,) = explain(made)
    assert row["cycles"] == {"total": 8, "fill": 4, "compute": 2, "noc_in": 0, "noc_out": 0, "drain": 2}
    assert row["noc"] == {"weight": 4, "input": 8, "output": 4, "reduction": 4}
    assert row["l1"]["input"] == {"read": 8, "write": 8}
    assert row["l2"]["output"] == {"read": 0, "write": 4}
    assert (row["pes_used"], row["pes"], row["utilisation"]) == (4, 4, 8 / (8 * 4))
    assert row["bound_by"] == "fill and drain 75 %"
    assert row["mapping"][0]["text"] == "rows K 2, columns C 2 | steps: Y 2"


def test_layers_without_products_by_hand() -> None:
    """16 PEs, 4 elements a cycle each way, two bytes an element.

    Pool: 6 x 7 x 7 = 294 inputs, 6 x 3 x 3 = 54 outputs of 4 taps: 294 / 4 = 73.5 cycles in, 54 / 4 = 13.5 out,
    54 * 4 / 16 = 13.5 in the PEs.
    Sum of 2 x 5 x 3 = 30 elements, three whole operands: 90 / 4 = 22.5 in, 30 / 4 = 7.5 out, 30 / 16 in the PEs.
    Upsample by 2: the same 30 in, 120 out: 7.5 in, 30 out, 120 / 16 = 7.5 in the PEs.
    Average of 64 x 64 under a 64 x 64 window, with 8192 elements a cycle: 1 in, 1 out, 4096 / 16 = 256 in the PEs.
    """
    chiplet = replace(CHIPLET, precision_bits=16, l2_j_per_byte=100.0, noc_j_per_element_hop=1000.0)
    added = Layer("sum", Op.ELEMENTWISE, K=2, C=2, Y=5, X=3, groups=2, operands=3)
    grown = Layer("grown", Op.UPSAMPLE, K=2, C=2, Y=5, X=3, groups=2, stride=(2, 2))
    costs = LoopnestCostModel().costs([POOL, added, grown], chiplet)
    read, written = np.array([294, 90, 30]), np.array([54, 30, 120])
    assert costs.cycles.tolist() == [74, 23, 30]
    assert costs.l2_j.tolist() == (2 * 100 * (read + written)).tolist()
    assert costs.noc_j.tolist() == (1000 * (read + written)).tolist()
    assert costs.fill_input_j.tolist() == (2 * 100 * read).tolist()
    assert costs.drain_output_j.tolist() == (2 * 100 * written).tolist()
    assert not np.any([costs.mac_j, costs.l1_j, costs.fill_weight_j, costs.l2_need_elements])
    average = Layer("average", Op.POOL, K=1, C=1, Y=64, X=64, R=64, S=64)
    rows = LoopnestCostModel().explain([POOL, added, grown], chiplet)
    rows += LoopnestCostModel().explain([average], replace(chiplet, noc_bandwidth=8192))
    assert [row["bound_by"].split(";")[0] for row in rows] == ["noc in", "noc in", "noc out", "compute"]
    assert rows[3]["cycles"] == {"total": 256, "fill": 0, "compute": 256, "noc_in": 0, "noc_out": 0, "drain": 0}
    assert rows[1]["l2"]["input"] == {"read": 90, "write": 0}
    assert rows[1]["noc"] == {"weight": 0, "input": 90, "output": 30, "reduction": 0}


@pytest.mark.parametrize("objective", ["edp", "latency", "energy"])
@pytest.mark.parametrize("style", [Style.NVDLA, Style.SHIDIANNAO, Style.EYERISS])
def test_a_layer_is_the_sum_of_its_runs(style: Style, objective: str) -> None:
    chiplet = replace(CHIPLET, dataflow=Dataflow(style))
    machine, energies = machine_of(chiplet), energies_of(chiplet)
    costs = LoopnestCostModel(objective).costs(LAYERS, chiplet)
    byte_j = machine.element_bytes * energies.l2_j_per_byte
    assert len(shapes_of(UPCONV)) == 4
    for index, layer in enumerate(LAYERS):
        shapes = [upright(shape, machine) for shape in shapes_of(layer)]
        runs = [count(shape, search.best_mapping(shape, machine, energies, objective), machine) for shape in shapes]
        if layer is POOL:
            assert costs.cycles[index] == -(-6 * 7 * 7 // 4)  # more than the 14 of the PEs
            assert costs.resident_j[index] == costs.l2_j[index] + costs.noc_j[index]
            assert costs.l2_need_elements[index] == 0
            continue
        assert costs.cycles[index] == sum(run.cycles for run in runs)
        parts = np.sum([energy_parts_j(run, machine, energies) for run in runs], axis=0)
        found = [getattr(costs, part)[index] for part in ("mac_j", "l1_j", "l2_j", "noc_j")]
        assert found == pytest.approx(parts, rel=1e-12)
        assert costs.l2_need_elements[index] == max(run.l2_need_bytes for run in runs) / machine.element_bytes
        assert costs.drain_output_j[index] == pytest.approx(byte_j * layer.output_elements)
    assert costs.fill_input_j == pytest.approx(byte_j * np.array([3 * 7 * 7, 6 * 7 * 7, 3 * 4 * 4, 5 * 6 + 5 * 6]))
    assert costs.fill_weight_j == pytest.approx(byte_j * np.array([6 * 3 * 9, 0, 4 * 3 * 9, 0]))


def test_equal_shapes_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Shape] = []
    best = search.best_mappings

    def noted(shapes: Sequence[Shape], *rest: object) -> list[Mapping]:
        asked.extend(shapes)
        return best(shapes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "best_mappings", noted)
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    alone = LoopnestCostModel().costs([CONV], CHIPLET)
    asked.clear()
    costs = LoopnestCostModel().costs([CONV, POOL, replace(CONV, name="again"), UPCONV, CONV], CHIPLET)
    assert len(asked) == 1 + 3  # of the four phases of the outputs, two are one on its side
    for key, values in vars(costs).items():
        assert values[0] == values[2] == values[4] == getattr(alone, key)[0]


def test_jobs_and_order_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    layers = [replace(CONV, name=f"conv{k}", K=k) for k in range(1, 25)]
    one = LoopnestCostModel(jobs=1).costs(layers, CHIPLET)
    three = LoopnestCostModel(jobs=3).costs(layers[::-1], CHIPLET)
    for key, values in vars(one).items():
        assert np.array_equal(values, getattr(three, key)[::-1])


def test_no_layers_cost_nothing() -> None:
    assert LoopnestCostModel().costs([], CHIPLET).cycles.shape == (0,)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    told: list[tuple[int, int]] = []
    layers = [replace(CONV, name=f"conv{k}", K=k) for k in range(1, 25)]
    LoopnestCostModel(jobs=1).plan(layers, CHIPLET, lambda done, total: told.append((done, total)))
    assert told == sorted(set(told))
    assert len(told) > 1
    assert told[-1] == (24, 24)


# In words ----------------------------------------------------------------------------------------------------------


def test_a_mapping_in_words() -> None:
    shape = Shape((1, 1, 64, 24, 8, 14, 3, 1))
    mapping = Mapping((1, 1, 8, 3, 1, 1, 1, 1), (1, 1, 2, 8, 1, 14, 1, 1), "RKYNGCXS", "CXKNGYRS")
    machine = Machine(24, Constraint("GK", "C", "W"))
    run = Run(shape, mapping, count(shape, mapping, machine))
    assert text_of(run, machine) == "rows K 8, columns C 3 | steps: R 3, K 4, Y 8 | in a PE: C 8, X 14, K 2"
    alone = Mapping((1,) * 8, (1,) * 8)
    assert text_of(Run(Shape((1,) * 8), alone, count(Shape((1,) * 8), alone, machine)), machine) == "one PE"


def test_a_loop_of_both_axes_goes_where_there_is_room() -> None:
    machine = Machine(32, Constraint("YNKG", "XNKG", "O"), array=(4, 8))
    assert axes_of(Mapping((1, 1, 8, 1, 4, 1, 1, 1), (1,) * 8), machine) == ("Y", "K")
    assert axes_of(Mapping((1, 1, 4, 1, 1, 8, 1, 1), (1,) * 8), machine) == ("K", "X")
    assert axes_of(Mapping((2, 1, 4, 1, 2, 1, 1, 1), (1,) * 8), machine) == ("NY", "K")
    assert axes_of(Mapping((1, 1, 8, 1, 8, 1, 1, 1), (1,) * 8), machine) is None


def test_what_binds() -> None:
    shape = Shape((1, 1, 3, 64, 1, 1, 1, 1))
    mapping = Mapping((1, 1, 3, 64, 1, 1, 1, 1), (1,) * 8)
    cycles = {"fill": 1, "compute": 94, "noc_in": 3, "noc_out": 1, "drain": 1}
    array = Machine(64 * 64, Constraint("GK", "C"), array=(64, 64))
    run = Run(shape, mapping, count(shape, mapping, array))
    assert bound_by(cycles, [run], array) == "compute 94 % (3 of 64 rows used)"
    assert bound_by(cycles, [run], replace(array, array=None)) == "compute 94 % (192 of 4,096 PEs used)"
    assert bound_by(cycles, [run], replace(array, num_pes=200, array=None)) == "compute 94 %"
    assert bound_by(cycles | {"noc_out": 300}, [run], array) == "noc out 75 %"
    assert bound_by(cycles | {"noc_in": 300}, [run], array) == "noc in 76 %"
    assert bound_by(cycles | {"drain": 299}, [run], array) == "fill and drain 75 %"


def test_explain_agrees_with_costs() -> None:
    model = LoopnestCostModel()
    costs, rows = model.costs(LAYERS, CHIPLET), model.explain(LAYERS, CHIPLET)
    for index, (layer, row) in enumerate(zip(LAYERS, rows, strict=True)):
        done = sum(shape.macs for shape in shapes_of(layer))
        assert (row["name"], row["macs"], row["note"]) == (layer.name, done, "")
        assert row["cycles"]["total"] == costs.cycles[index]
        assert row["energy_j"] == {part: getattr(costs, f"{part}_j")[index] for part in ("mac", "l1", "l2", "noc")}
        assert len(row["mapping"]) == len(shapes_of(layer))
    assert rows[1]["bound_by"] == "noc in; rides with its producer"
    assert sum(value for key, value in rows[0]["cycles"].items() if key != "total") == rows[0]["cycles"]["total"]


def test_what_is_cropped_uses_no_pes() -> None:
    """One output of a 4x4 map under a 4x4 filter: a sixteenth of the products of the whole map."""
    cropped = Layer("cropped", Op.TRANSPOSED, K=4, C=4, Y=4, X=4, R=4, S=4, padding=(3, 3))
    assert (cropped.out_y, cropped.out_x) == (1, 1)
    (row,) = LoopnestCostModel().explain([cropped], replace(CHIPLET, num_pes=1))
    assert row["macs"] == 4 * 4 * 4 * 4 == cropped.macs / 16
    assert 0.5 < row["utilisation"] <= 1


def test_what_does_not_fit_l2_is_noted() -> None:
    (row,) = LoopnestCostModel().explain([CONV], replace(CHIPLET, l2_bytes=10))
    assert row["l2_need_bytes"] > 10
    assert row["note"] == f"needs {row['l2_need_bytes']:,} bytes of L2 and has 10: the rest is read again"


# What is allowed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stays", ["W", "I", "O", ""])
def test_loops_that_move_the_tensor_that_stays_are_outside(stays: str) -> None:
    """Against the sentence itself, over all orders of three steps and three tiles that move."""
    shape = Shape((1, 1, 4, 4, 4, 1, 1, 1))
    machine = Machine(1, Constraint("", "", stays))
    rest = "NGXRS"
    for outer, inner in product(map("".join, permutations("KCY")), repeat=2):
        mapping = Mapping((1,) * 8, (1, 1, 2, 2, 2, 1, 1, 1), rest + outer, inner + rest)
        fine = not stays or not any(
            order.index(other) < order.index(own)
            for order in (outer, inner)
            for own in order
            if own in RELEVANT[stays]
            for other in order
            if other not in RELEVANT[stays]
        )
        assert allowed(mapping, shape, machine) == fine


@pytest.mark.parametrize("style", [Style.NVDLA, Style.SHIDIANNAO, Style.EYERISS])
def test_the_best_mappings_are_allowed(style: Style) -> None:
    chiplet = replace(CHIPLET, dataflow=Dataflow(style))
    machine = machine_of(chiplet)
    for layer in (CONV, UPCONV, MATMUL):
        for shape in shapes_of(layer):
            assert allowed(search.best_mapping(shape, machine, energies_of(chiplet), "edp"), shape, machine)


# Input -------------------------------------------------------------------------------------------------------------


def test_l1_too_small_for_a_mac() -> None:
    with pytest.raises(InputError, match="layer 'conv' on chiplet 'small': l1_bytes=5 cannot hold one MAC's operands"):
        LoopnestCostModel().costs([POOL, CONV, MATMUL], replace(CHIPLET, l1_bytes=5))
    LoopnestCostModel().costs([POOL, CONV, MATMUL], replace(CHIPLET, l1_bytes=6))


def test_l1_too_small_for_what_must_be_whole() -> None:
    """Row stationary: three weights and three inputs of a filter's row, and one sum of four bytes."""
    chiplet = replace(CHIPLET, dataflow=Dataflow(Style.EYERISS), l1_bytes=9)
    wide = replace(CONV, name="wide", S=5)
    with pytest.raises(InputError) as caught:
        LoopnestCostModel().costs([CONV, wide, MATMUL], chiplet)
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        f"layer '{name}' on chiplet 'small': the smallest tile with S whole in a PE takes {need} bytes of L1, more "
        "than l1_bytes=9"
        for name, need in (("conv", 10), ("wide", 14))
    ]
    LoopnestCostModel().costs([CONV], replace(chiplet, l1_bytes=10))


@pytest.mark.parametrize(
    ("layer", "changes", "message"),
    [
        (Layer("vast", Op.GEMM, K=10**6, C=10**6, Y=10**6), {}, "layer 'vast' on chiplet 'small': 1e+18 multiply-acc"),
        (
            Layer("one-step", Op.GEMM, K=10**4, C=10**4, Y=10**4),
            {"l1_bytes": 10**9, "noc_bandwidth": 2**31 - 1},
            "noc_bandwidth=2147483647 is too large to be counted where a PE may run 1e+12 multiply-accumulates in one "
            "step; lower it to 4611686 or less",
        ),
        (
            Layer("empty", Op.TRANSPOSED, K=2, C=2, Y=1, X=1, R=2, S=2, stride=(2, 2), dilation=(2, 2), padding=(1, 1)),
            {},
            "layer 'empty' on chiplet 'small': none of its outputs gets a product",
        ),
    ],
)
def test_what_cannot_be_counted(layer: Layer, changes: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        LoopnestCostModel().costs([CONV, layer], replace(CHIPLET, **changes))  # type: ignore[arg-type]


def test_the_largest_counts_are_exact() -> None:
    """All of a product of matrices in one step of one PE: what is read and written follows from the layer alone."""
    k, c, y = 10**5, 10**5, 10**5
    (shape,) = shapes_of(Layer("large", Op.GEMM, K=k, C=c, Y=y))
    machine = Machine(1, Constraint("K", "C"), l1_bytes=10**12, noc_bandwidth=4096)
    counts = count(shape, Mapping((1,) * 8, (1, 1, k, c, y, 1, 1, 1)), machine)
    assert counts.compute == k * c * y
    assert counts.fill == 1 - -(k * c + c * y) // 4096
    assert counts.drain == 1 - -(k * y) // 4096
    assert counts.l2_read == (k * c, c * y, 0)


@pytest.mark.parametrize("objective", ["", "EDP", "throughput"])
def test_unknown_objectives(objective: str) -> None:
    with pytest.raises(InputError, match="objective"):
        LoopnestCostModel(objective)


def test_by_name() -> None:
    assert choose("loopnest") == LoopnestCostModel("edp")
    assert choose("loopnest:latency", jobs=2) == LoopnestCostModel("latency", 2)
    assert choose("loopnest", objective="energy") == choose("loopnest:energy", objective="energy")
    assert describe(choose("loopnest:energy", jobs=2)) == {"name": "loopnest", "objective": "energy"}
    for wrong in (
        lambda: choose("loopnest:energy", objective="edp"),
        lambda: choose("loopnest:"),
        lambda: choose("loopnest:speed"),
        lambda: choose("maestro", objective="edp"),
        lambda: choose("loopnest", offchip_bandwidth=1),
    ):
        with pytest.raises(InputError):
            wrong()
