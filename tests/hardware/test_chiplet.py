"""Chiplets and dataflows as values: what they refuse, and their area by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Loops, Style, Tensor

ARRAY = "in rows and columns; make their product equal, or leave the array out for any split"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"array": (64, 63)}, f"array=64 x 63 is not num_pes=4096 {ARRAY}"),
        ({"array": (64, 65)}, f"array=64 x 65 is not num_pes=4096 {ARRAY}"),
        ({"array": (-64, -64)}, f"array=-64 x -64 is not num_pes=4096 {ARRAY}"),
        ({"array": (4096,)}, "array=(4096,) is not a tuple of 2; give that"),
        ({"precision_bits": 0}, "precision_bits=0 is not in 1..128; give a number that is"),
        ({"precision_bits": 129}, "precision_bits=129 is not in 1..128; give a number that is"),
        ({"sum_bits": 7}, "sum_bits=7 is not in 8..128; give a sum as wide as an operand or wider"),
        ({"precision_bits": 64}, "sum_bits=32 is not in 64..128; give a sum as wide as an operand or wider"),
        ({"sum_bits": 129}, "sum_bits=129 is not in 8..128; give a sum as wide as an operand or wider"),
        (
            {"node_nm": 32},
            "node_nm=32 is no technology node with known figures; "
            "known: 65, 45, 40, 28, 22, 16, 12, 10, 7, 6, 5, 4, 3",
        ),
        ({"noc_bandwidth": 0}, "noc_bandwidth=0 is not a positive number; give one"),
        ({"noc_bandwidth": -4}, "noc_bandwidth=-4 is not a positive number; give one"),
        ({"stream_bytes": 0}, "stream_bytes=0 is not a positive number; give one"),
        ({"stream_bytes": 1001, "l2_bytes": 1000}, "stream_bytes=1001 is more than l2_bytes=1000; give at most that"),
        *(
            ({key: value}, f"{key}={value} is not a positive number; give one")
            for key in ("l1_j_per_byte", "l2_j_per_byte", "noc_j_per_element_hop")
            for value in (0.0, -1e-12, float("inf"), float("nan"))
        ),
    ],
)
def test_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Chiplet("c", **fields)
    assert caught.value.problems == (f"chiplet 'c': {problem}",)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Chiplet("c", num_pes=0, array=(1, 1), node_nm=1, l1_j_per_byte=0.0)
    assert [problem.split("=")[0] for problem in caught.value.problems] == [
        "chiplet 'c': num_pes",
        "chiplet 'c': l1_j_per_byte",
        "chiplet 'c': array",
        "chiplet 'c': node_nm",
    ]


def test_accepted() -> None:
    chiplet = Chiplet("c", num_pes=12, array=(3, 4), precision_bits=128, sum_bits=128, node_nm=7, l1_j_per_byte=1e-12)
    assert len({chiplet, replace(chiplet), replace(chiplet, array=None)}) == 2


def test_the_block_of_streamed_weights_is_a_tenth_of_l2_unless_given() -> None:
    assert Chiplet("c", l2_bytes=1015).block_bytes == 101.5
    assert Chiplet("c", l2_bytes=1000, stream_bytes=1000).block_bytes == 1000


def test_channels_that_fill_the_array() -> None:
    assert Chiplet("c", num_pes=48, array=(4, 12)).array_side == 12
    assert Chiplet("c", num_pes=256).array_side == 16
    assert Chiplet("c", num_pes=42).array_side == 6  # the root is 6.48
    assert Chiplet("c", num_pes=1).array_side == 1


def test_area_by_hand() -> None:
    """Two MACs of (282 + 137) um2 and 1000 bytes of 8 cells of 0.242 um2 at 0.7; four of these, and 2000 bytes."""
    cells_um2 = 8 * 0.242 / 0.7
    chiplet = Chiplet("c", num_pes=4, simd_lanes=2, l1_bytes=1000, l2_bytes=2000, node_nm=45)
    pe_um2 = 2 * (282 + 137) + 1000 * cells_um2
    assert chiplet.pe_area_mm2 == pytest.approx(pe_um2 * 1e-6)
    assert chiplet.pe_pitch_mm == pytest.approx(pe_um2**0.5 * 1e-3)
    assert chiplet.area_mm2 == pytest.approx((4 * pe_um2 + 2000 * cells_um2) * 1e-6)


@pytest.mark.parametrize(
    ("loops", "problems"),
    [
        (("GQ", "C"), ("loops: rows: 'Q' is no loop; they are N, G, K, C, Y, X, R, S",)),
        (
            ("GG", "CC"),
            ("loops: rows: loop G is given twice; give it once", "loops: columns: loop C is given twice; give it once"),
        ),
        (("G", "C", None, "SS"), ("loops: whole: loop S is given twice; give it once",)),
        (("G", "C", None, "C"), ("loops: whole: loop C is unrolled too; a PE cannot run all of it then; drop one",)),
        (("G", "C", None, "", "K"), ("loops: spread: loop K is not unrolled; name it in rows or columns, too",)),
        (("GY", "CY", None, "", "Y"), ("loops: spread: loop Y is in rows and in columns; leave it in one of them",)),
        (("GY", "C", None, "", "GY"), ("loops: spread: loops G and Y lie along the rows; spread one of them",)),
    ],
)
def test_refused_loops(loops: tuple[Any, ...], problems: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        Loops(*loops)
    assert caught.value.problems == problems


def test_loops_that_are_spread_along_both_axes_need_them() -> None:
    flow = Dataflow(Style.EYERISS, loops=Loops("R", "Y", spread="RY"))
    assert Chiplet("c", flow, num_pes=6, array=(2, 3)).dataflow.loops == flow.loops
    with pytest.raises(InputError, match="array=None: loops R and Y are spread along its axes"):
        Chiplet("c", flow, num_pes=6)


def test_custom_needs_mappings_or_loops() -> None:
    Dataflow(Style.CUSTOM, mappings={"conv": "x"})
    own = Dataflow(Style.CUSTOM, loops=Loops("", "", Tensor.INPUT))
    assert hash(own) != hash(replace(own, loops=Loops("K", "")))
    for lacking in ({}, {"mappings": {"gemm": "x"}}, {"mappings": {"gemm": "x"}, "loops": Loops("K", "C")}):
        with pytest.raises(InputError, match="needs a mapping text for 'conv', or `loops` alone"):
            Dataflow(Style.CUSTOM, **lacking)
