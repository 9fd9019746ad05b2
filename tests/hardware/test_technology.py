"""Energy and area: the published points, hand-worked values between them, and that more never costs less."""

from __future__ import annotations

import re
from itertools import pairwise
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.loopnest.chiplet import energies_of
from chipweave.errors import InputError
from chipweave.files.chiplet_file import load_chiplet, resolve_chiplet
from chipweave.hardware import technology
from chipweave.hardware.chiplet import MAC_ENERGY_28NM_J, Chiplet

PAGE = (Path(__file__).parents[2] / "docs" / "hardware-parameters.md").read_text(encoding="utf-8")
KIB, MIB = 2**10, 2**20
exactly = pytest.approx  # to 1e-6


@pytest.mark.parametrize(("bits", "multiply_pj", "add_pj"), [(8, 0.2, 0.03), (32, 3.1, 0.1)])
def test_arithmetic_meets_horowitz(bits: int, multiply_pj: float, add_pj: float) -> None:
    assert technology.mac_energy_j(bits, bits, 45) == exactly((multiply_pj + add_pj) * 1e-12)


def test_operands_and_sums_have_widths_of_their_own() -> None:
    assert technology.mac_energy_j(8, 32, 45) == exactly((0.2 + 0.1) * 1e-12)
    assert technology.mac_energy_j(8, 32) == exactly((0.2 + 0.1) * 1e-12 * 28 / 45)


def test_16_bits_are_the_geometric_mean_of_8_and_32() -> None:
    multiply_pj, add_pj = sqrt(0.2 * 3.1), sqrt(0.03 * 0.1)
    assert technology.mac_energy_j(16, 16, 45) == exactly((multiply_pj + add_pj) * 1e-12)
    area_um2 = sqrt(282 * 3495) + sqrt(36 * 137)
    assert technology.mac_area_mm2(16, 16, 45) == exactly(area_um2 * 1e-6)


def test_64_bits_are_twice_the_step_from_16_to_32() -> None:
    """The law goes on: 64 : 32 = 32 : 16."""
    wide, narrow = 3.1**2 / sqrt(0.2 * 3.1), 0.1**2 / sqrt(0.03 * 0.1)
    assert technology.mac_energy_j(64, 64, 45) == exactly((wide + narrow) * 1e-12)


def test_the_unit_of_the_papers_is_8_bits_at_28_nm() -> None:
    assert technology.mac_energy_j(8, 8, 28) == pytest.approx(MAC_ENERGY_28NM_J, rel=1e-14)


@pytest.mark.parametrize(("capacity", "picojoules"), [(8 * KIB, 10), (32 * KIB, 20), (MIB, 100)])
def test_memories_meet_horowitz(capacity: int, picojoules: float) -> None:
    assert technology.sram_energy_j(capacity, 64, 45) == exactly(picojoules * 1e-12)
    assert technology.sram_energy_j(capacity, 8, 28) == exactly(picojoules * 1e-12 / 8 * 28 / 45)


@pytest.mark.parametrize(
    ("capacity", "picojoules"),
    [
        (16 * KIB, sqrt(10 * 20)),
        (2 * KIB, 5),  # a quarter of 8 KiB, as that is of 32 KiB
        (KIB, 10 / sqrt(8)),
        (32 * KIB * 2, 20 * 5 ** (1 / 5)),  # 32 KiB to 1 MiB is five doublings and a factor of five
    ],
)
def test_memories_between_and_below(capacity: int, picojoules: float) -> None:
    assert technology.sram_energy_j(capacity, 64, 45) == exactly(picojoules * 1e-12)


def test_a_memory_above_1_mib_by_hand() -> None:
    """4 MiB at 28 nm: 2^25 cells x 0.127 um2 / 0.7 = 6.0877 mm2, a side of 2.4673 mm; 1 MiB has half of that. The
    difference of 1.2337 mm costs 64 x 121.09 fJ x 1.2337 = 9.561 pJ over 100 x 28 / 45 = 62.222 pJ."""
    assert technology.sram_area_mm2(4 * MIB) == pytest.approx(6.0877, abs=1e-4)
    assert technology.sram_energy_j(4 * MIB) == pytest.approx((62.222 + 9.561) * 1e-12, rel=1e-4)


def test_areas_by_hand() -> None:
    assert technology.sram_area_mm2(KIB) == exactly(8192 * 0.127 / 0.7 * 1e-6)
    assert technology.mac_area_mm2(8, 32, 45) == exactly((282 + 137) * 1e-6)
    assert technology.mac_area_mm2(8, 32, 28) == pytest.approx(162.22e-6, rel=1e-4)  # x 0.3872


def test_a_hop_by_hand() -> None:
    """8 bits over 0.5 mm of wire at 310 pJ per 2560 bit mm."""
    assert technology.hop_energy_j(8, 0.5) == exactly(4 * 310e-12 / 2560)


def test_lengths_of_nodes() -> None:
    """28 nm x sqrt(0.07 / 0.127) = 20.788, x sqrt(0.027 / 0.127) = 12.910."""
    lengths = [technology.node(name).feature_nm for name in (65, 45, 28, 16, 7, 5, 3)]
    assert lengths == pytest.approx([65, 45, 28, 20.788, 12.910, 11.386, 11.084], abs=1e-3)
    assert technology.node(40).feature_nm == 40
    assert technology.node(22).feature_nm == pytest.approx(23.831, abs=1e-3)  # 28 x sqrt(0.092 / 0.127)


def test_published_logic_densities_between_16_and_7_nm() -> None:
    """28.8, 52.51 and 91.2 million transistors a mm2 (WikiChip): ours are sparser, by less than a fifth."""
    area = {name: technology.mac_area_mm2(8, 32, name) for name in (16, 10, 7)}
    assert 0.8 < area[16] / area[10] / (52.51 / 28.8) < 1
    assert 0.8 < area[16] / area[7] / (91.2 / 28.8) < 1


def test_10_nm_by_hand() -> None:
    """28 nm x sqrt(0.042 / 0.127) = 16.102, over 45 nm 0.35782. A MAC of 8 + 32 bits: 300 fJ x 0.35782 = 107.35 fJ and
    419 um2 x 0.35782^2 = 53.648 um2; 1 MiB: 2^23 cells x 0.042 um2 / 0.7 = 0.50332 mm2 and 100 pJ x 0.35782; 4 MiB:
    the side is twice that of 1 MiB, 0.70945 mm more wire at 64 x 121.09 fJ = 5.4982 pJ."""
    assert technology.node(10).feature_nm == pytest.approx(16.102, abs=1e-3)
    assert technology.mac_energy_j(8, 32, 10) == pytest.approx(107.35e-15, rel=1e-4)
    assert technology.mac_area_mm2(8, 32, 10) == pytest.approx(53.648e-6, rel=1e-4)
    assert technology.sram_area_mm2(MIB, 10) == pytest.approx(0.50332, rel=1e-4)
    assert technology.sram_energy_j(MIB, 64, 10) == pytest.approx(35.782e-12, rel=1e-4)
    assert technology.sram_energy_j(4 * MIB, 64, 10) == pytest.approx((35.782 + 5.498) * 1e-12, rel=1e-4)


@pytest.mark.parametrize(("half", "whole", "share"), [(12, 16, 0.8), (6, 7, 0.84746), (4, 5, 1.0)])
def test_a_half_node_has_the_memories_of_the_node_before_it(half: int, whole: int, share: float) -> None:
    """Its cells, and what they cost, are those of the whole node; logic is denser: 1 / 1.18 = 0.84746."""
    for capacity in (KIB, 3 * MIB):
        assert technology.sram_energy_j(capacity, 64, half) == technology.sram_energy_j(capacity, 64, whole)
        assert technology.sram_area_mm2(capacity, half) == technology.sram_area_mm2(capacity, whole)
    assert technology.mac_energy_j(8, 32, half) == technology.mac_energy_j(8, 32, whole)
    ratio = technology.mac_area_mm2(8, 32, half) / technology.mac_area_mm2(8, 32, whole)
    assert ratio == pytest.approx(share, rel=1e-5)


def test_unknown_nodes_are_refused_with_the_list() -> None:
    known = "65, 45, 40, 28, 22, 16, 12, 10, 7, 6, 5, 4, 3"
    with pytest.raises(InputError, match=rf"^node_nm=32 is no technology node .*; known: {known}$"):
        technology.sram_energy_j(KIB, 64, 32)


nodes, capacities, widths = st.sampled_from(list(technology.NODES)), st.integers(1, 2**40), st.integers(1, 127)


@given(nodes, capacities, st.integers(1, 2**30))
def test_a_larger_memory_is_never_cheaper(node_nm: int, capacity: int, more: int) -> None:
    small, large = capacity, capacity + more
    assert technology.sram_energy_j(small, 8, node_nm) <= technology.sram_energy_j(large, 8, node_nm)
    assert technology.sram_area_mm2(small, node_nm) < technology.sram_area_mm2(large, node_nm)


@given(st.sampled_from([8 * KIB, 32 * KIB, MIB]), st.integers(1, 100), nodes)
def test_there_are_no_steps_at_the_points(point: int, by: int, node_nm: int) -> None:
    below, above = (technology.sram_energy_j(point + d, 8, node_nm) for d in (-by, by))
    assert 1 < above / below < 1.02


@given(nodes, widths, widths, capacities)
def test_wider_is_never_cheaper(node_nm: int, bits: int, sum_bits: int, capacity: int) -> None:
    for figure in (technology.mac_energy_j, technology.mac_area_mm2):
        assert figure(bits, sum_bits, node_nm) < figure(bits + 1, sum_bits, node_nm)
        assert figure(bits, sum_bits, node_nm) < figure(bits, sum_bits + 1, node_nm)
    narrow, wide = (technology.sram_energy_j(capacity, width, node_nm) for width in (bits, bits + 1))
    assert narrow < wide


@given(capacities, widths, widths)
def test_a_later_node_is_never_dearer_or_larger(capacity: int, bits: int, sum_bits: int) -> None:
    """From each node to the next; between whole nodes it is cheaper and smaller in everything."""
    figures: dict[int, tuple[float, float, float, float]] = {
        name: (
            technology.mac_energy_j(bits, sum_bits, name),
            technology.mac_area_mm2(bits, sum_bits, name),
            technology.sram_energy_j(capacity, bits, name),
            technology.sram_area_mm2(capacity, name),
        )
        for name in technology.NODES
    }
    assert list(technology.NODES) == sorted(technology.NODES, reverse=True)
    for earlier, later in pairwise(technology.NODES):
        assert all(new <= old for old, new in zip(figures[earlier], figures[later], strict=True))
    for earlier, later in pairwise((65, 45, 28, 22, 16, 10, 7, 5, 3)):
        assert all(new < old for old, new in zip(figures[earlier], figures[later], strict=True))


def rows_of_nodes() -> list[str]:
    rows = []
    for name in technology.NODES:
        length = technology.node(name).feature_nm
        pairs = ((8, 8), (8, 32), (16, 16), (16, 32), (32, 32))
        macs = [f"{technology.mac_energy_j(*pair, name) * 1e15:.0f}" for pair in pairs]
        cell, area = technology.node(name).bit_cell_um2, technology.mac_area_mm2(8, 32, name) * 1e6
        rows.append(f"| {name} | {length:.1f} | {cell:.3g} | {' | '.join(macs)} | {area:.1f} |")
        sizes = (KIB, 8 * KIB, 32 * KIB, MIB, 10 * MIB)
        accesses = [f"{technology.sram_energy_j(size, 64, name) * 1e12:.2f}" for size in sizes]
        rows.append(f"| {name} | {' | '.join(accesses)} | {technology.sram_area_mm2(MIB, name):.3f} |")
    return rows


def row_of_chiplet(name: str) -> str:
    chiplet = resolve_chiplet(name)
    energies = energies_of(chiplet)
    parts = (energies.l1_j_per_byte, energies.l2_j_per_byte, energies.noc_j_per_element)
    joules = " | ".join(f"{part * 1e15:.0f}" for part in parts)
    macs = ", ".join(f"{part / energies.mac_j:.2f}" for part in parts)
    area = f"{chiplet.pe_area_mm2 * 1e6:.0f} | {chiplet.pe_pitch_mm * 1e3:.1f} | {chiplet.area_mm2:.2f}"
    return f"| `{name}` | {joules} | {macs} | {area} |"


def test_the_tables_of_the_page() -> None:
    names = ("arvr-nvdla", "datacenter-nvdla", "simba-chiplet")
    missing = [row for row in [*rows_of_nodes(), *map(row_of_chiplet, names)] if row not in PAGE]
    assert not missing, "put these rows into docs/hardware-parameters.md:\n" + "\n".join(missing)
    for place in ("arvr", "datacenter"):
        rows = {row_of_chiplet(f"{place}-{style}").split("` ")[1] for style in ("nvdla", "shidiannao", "eyeriss")}
        assert len(rows) == 1


def test_what_the_page_says_of_maestro() -> None:
    mac_j = technology.mac_energy_j(8, 8)
    for size_kib, ratio in ((0.77, 1.68), (102, 18.61)):
        assert f"{size_kib} KiB" in PAGE
        assert technology.sram_energy_j(round(size_kib * KIB), 8) / mac_j == pytest.approx(ratio, rel=0.005)


def test_what_the_page_says_of_other_laws() -> None:
    """Stillmaker and Baas: energy a V^2 + b V + c of the HP transistors, here at 0.9 V; area as in their table."""
    fits = {
        45: (1.018, -0.3107, 0.1539),
        65: (3.755, -4.398, 1.975),
        16: (0.2958, -0.1241, 0.03024),
        10: (0.2068, -0.09311, 0.02375),
        7: (0.1776, -0.09097, 0.02447),
    }
    joules = {name: a * 0.9**2 + b * 0.9 + c for name, (a, b, c) in fits.items()}
    later = (65, 16, 10, 7)
    theirs = [f"{joules[name] / joules[45]:.2f}" for name in later]
    ours = [f"{technology.node(name).feature_nm / 45:.2f}" for name in later]
    areas = [technology.mac_area_mm2(8, 8, name) / technology.mac_area_mm2(8, 8, 45) for name in later]
    assert f"| energy, ours | {' | '.join(ours)} |" in PAGE
    assert f"| energy, Stillmaker and Baas | {' | '.join(theirs)} |" in PAGE
    assert f"| area of logic, ours | {' | '.join(f'{area:.2f}' for area in areas)} |" in PAGE
    denser = technology.mac_area_mm2(8, 8, 7) / technology.mac_area_mm2(8, 8, 5)
    assert f"logic {denser:.2f} times as dense as at 7 nm" in PAGE
    denser = technology.mac_area_mm2(8, 8, 5) / technology.mac_area_mm2(8, 8, 3)
    assert f"logic {denser:.2f} times as dense as at 5 nm" in PAGE


def test_what_the_page_says_of_simba() -> None:
    """752 KiB: 64 and 16 PEs' weights of 32, inputs of 8 and sums of 3. In 16 nm."""
    buffers = (64 + 16 * (32 + 8 + 3)) * KIB
    area = technology.sram_area_mm2(buffers, 16) + 1024 * technology.mac_area_mm2(8, 32, 16)
    assert buffers == 752 * KIB
    assert f"{area:.1f} mm2 by the formulas" in PAGE
    assert f"{4.01 / 1.29:.1f} mm2 in 16 nm" in PAGE


def test_the_example_of_the_page(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "measured.yaml").write_text(text)
    chiplet = load_chiplet(tmp_path / "measured.yaml")
    energies = energies_of(chiplet)
    assert (energies.l1_j_per_byte, energies.l2_j_per_byte, energies.noc_j_per_element) == (0.2e-12, 2.5e-12, 0.05e-12)
    assert energies.mac_j == Chiplet("any").mac_energy_j
