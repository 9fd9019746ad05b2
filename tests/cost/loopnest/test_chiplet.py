"""From a chiplet to what `loopnest` needs: every size, the styles of the page, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.loopnest.chiplet import constraint_of, energies_of, machine_of
from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.shape import LOOPS
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.errors import InputError
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.presets import chiplet_names
from chipweave.hardware import dataflow, technology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Loops, Style, Tensor
from chipweave.workload.layer import Layer, Op

PAGE = (Path(__file__).parents[3] / "docs" / "cost-model" / "loopnest.md").read_text(encoding="utf-8")
CUSTOM = Dataflow(Style.CUSTOM, loops=Loops("NK", "", Tensor.INPUT, "RS"))


def test_loops_are_the_same_letters_everywhere() -> None:
    assert dataflow.LOOPS == LOOPS


@pytest.mark.parametrize("style", [style for style in Style if style is not Style.CUSTOM])
def test_styles_are_those_of_the_page(style: Style) -> None:
    (row,) = re.findall(rf"^\| `{style}` \(.*?\) \| (.*) \|$", PAGE, flags=re.MULTILINE)
    rows, columns, stays, whole = (cell.replace(" ", "").replace("-", "") for cell in row.split("|"))
    assert constraint_of(Dataflow(style)) == Constraint(rows, columns, stays, whole)


@pytest.mark.parametrize(
    ("tensor", "letter"), [(Tensor.WEIGHT, "W"), (Tensor.INPUT, "I"), (Tensor.OUTPUT, "O"), (None, "")]
)
def test_loops_override_the_style(tensor: Tensor | None, letter: str) -> None:
    own = Loops("GY", "X", tensor, "R")
    for style in (Style.NVDLA, Style.CUSTOM):
        assert constraint_of(Dataflow(style, loops=own)) == Constraint("GY", "X", letter, "R")
        spread = Loops("GY", "X", tensor, spread="Y")
        assert constraint_of(Dataflow(style, loops=spread)) == Constraint("GY", "X", letter, spread="Y")


def test_every_size_is_passed_on() -> None:
    chiplet = Chiplet(
        "c",
        CUSTOM,
        num_pes=6,
        array=(2, 3),
        simd_lanes=5,
        l1_bytes=70,
        l2_bytes=700,
        noc_bandwidth=11,
        noc_latency=13,
        precision_bits=12,
        sum_bits=30,
    )
    assert machine_of(chiplet) == Machine(
        num_pes=6,
        constraint=Constraint("NK", "", "I", "RS"),
        array=(2, 3),
        simd_lanes=5,
        l1_bytes=70,
        l2_bytes=700,
        noc_bandwidth=11,
        noc_latency=13,
        element_bytes=2,
        sum_bytes=4,
        sum_elements=3,  # 30 bits are two and a half operands
    )


@given(st.integers(1, 128), st.integers(0, 127))
def test_widths(precision_bits: int, more: int) -> None:
    sum_bits = min(128, precision_bits + more)
    machine = machine_of(Chiplet("c", precision_bits=precision_bits, sum_bits=sum_bits))
    assert 0 <= 8 * machine.element_bytes - precision_bits < 8
    assert 0 <= 8 * machine.sum_bytes - sum_bits < 8
    assert 0 <= machine.sum_elements * precision_bits - sum_bits < precision_bits


@pytest.mark.parametrize("name", [name for name in chiplet_names() if resolve_chiplet(name).node_nm == 28])
def test_built_in_chiplets(name: str) -> None:
    chiplet = resolve_chiplet(name)
    machine, energies = machine_of(chiplet), energies_of(chiplet)
    assert (machine.element_bytes, machine.sum_bytes, machine.sum_elements) == (1, 4, 4)
    assert energies.mac_j == chiplet.mac_energy_j
    assert energies.noc_j_per_element < energies.mac_j < energies.l1_j_per_byte < energies.l2_j_per_byte


def test_energies_by_hand() -> None:
    """2 KiB: 5 pJ for 64 bits at 45 nm; 1 MiB: 100 pJ. A PE of (282 + 137) um2 and 2048 x 8 x 0.242 / 0.7 um2."""
    chiplet = Chiplet("c", l1_bytes=2048, l2_bytes=2**20, node_nm=45, mac_energy_j=1e-12)
    pitch_mm = ((419 + 2048 * 8 * 0.242 / 0.7) * 1e-6) ** 0.5
    energies = energies_of(chiplet)
    assert energies.mac_j == 1e-12
    assert energies.l1_j_per_byte == pytest.approx(5e-12 / 8)
    assert energies.l2_j_per_byte == pytest.approx(100e-12 / 8)
    assert energies.noc_j_per_element == pytest.approx(8 * 310e-12 / 2560 * pitch_mm)


def test_wider_operands_cost_more_on_the_network() -> None:
    chiplet = Chiplet("c")
    wide = replace(chiplet, precision_bits=16)
    ratio = energies_of(wide).noc_j_per_element / energies_of(chiplet).noc_j_per_element
    assert ratio == pytest.approx(2 * (wide.pe_area_mm2 / chiplet.pe_area_mm2) ** 0.5)
    assert energies_of(wide).l1_j_per_byte == energies_of(chiplet).l1_j_per_byte


@pytest.mark.parametrize("key", ["l1_j_per_byte", "l2_j_per_byte", "noc_j_per_element_hop"])
def test_a_chiplets_own_figure_goes_first(key: str) -> None:
    figures: dict[str, Any] = {key: 3e-9}
    default, own = energies_of(Chiplet("c")), energies_of(Chiplet("c", **figures))
    assert own == replace(default, **{key.removesuffix("_hop"): 3e-9})
    assert isinstance(own, Energies)


def test_a_node_changes_all_but_the_stated_mac() -> None:
    at_28, at_7 = energies_of(Chiplet("c")), energies_of(Chiplet("c", node_nm=7))
    assert at_7.mac_j == at_28.mac_j
    assert at_7.l1_j_per_byte / at_28.l1_j_per_byte == pytest.approx(technology.node(7).feature_nm / 28)
    assert at_7.l2_j_per_byte < at_28.l2_j_per_byte
    assert at_7.noc_j_per_element < at_28.noc_j_per_element


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        (
            {"l1_bytes": 5},
            [
                "l1_bytes=5 cannot hold one MAC's operands (1 weight, 1 input, 1 partial sum: 6 bytes); "
                "raise l1_bytes to at least 6"
            ],
        ),
        (
            {"l1_bytes": 7, "l2_bytes": 5, "precision_bits": 16},
            [
                "l1_bytes=7 cannot hold one MAC's operands (1 weight, 1 input, 1 partial sum: 8 bytes); "
                "raise l1_bytes to at least 8",
                "l2_bytes=5 cannot hold one MAC's operands (1 weight, 1 input, 1 output: 6 bytes); "
                "raise l2_bytes to at least 6",
            ],
        ),
        (
            {"dataflow": Dataflow(Style.CUSTOM, mappings={"conv": "x"})},
            [
                "its dataflow is custom without `loops`, and `loopnest` needs them; write them under "
                "`dataflow: loops`, name a style, or take the cost model `maestro`, which reads its texts"
            ],
        ),
    ],
)
def test_refused(fields: dict[str, Any], problems: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        machine_of(Chiplet("x", **fields))
    assert list(caught.value.problems) == [f"chiplet 'x': {problem}" for problem in problems]


def test_the_smallest_memories_that_do() -> None:
    machine = machine_of(Chiplet("x", l1_bytes=6, l2_bytes=3))
    assert (machine.l1_bytes, machine.l2_bytes) == (6, 3)


def test_maestro_needs_mappings() -> None:
    layer = Layer("a", Op.GEMM, K=2, C=3, Y=4)
    with pytest.raises(InputError, match=r"^chiplet 'x': its dataflow is custom without `mappings`, and `maestro` "):
        MaestroCostModel().costs([layer], Chiplet("x", CUSTOM))
    own = Dataflow(loops=Loops("N", "K"))
    (plain, with_loops) = (MaestroCostModel().costs([layer], Chiplet("x", flow)).cycles for flow in (Dataflow(), own))
    assert plain == with_loops
