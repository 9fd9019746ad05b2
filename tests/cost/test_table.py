"""The `table` cost model: figures found by name and by shape, and every bad line of a file at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chipweave.cost.table import load_table
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op

PLACE = Chiplet("big", num_pes=64)
CONV = Layer("stem", Op.CONV, K=8, C=3, Y=16, X=16, R=3, S=3, padding=(1, 1), stride=(2, 1))
GEMM = Layer("head", Op.GEMM, K=10, C=8, Y=1)
POOL = Layer("pool", Op.POOL, K=8, C=8, groups=8, Y=8, X=16, R=2, S=2, stride=(2, 2))


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_figures_by_name_by_shape_and_for_riders(tmp_path: Path) -> None:
    text = """layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j,l2_j,drain_output_j,l2_need_elements
    head,,,,,,,,,,,big,100,2e-6,,,
    ,conv,1,8,3,3,3,16,16,2x1,1,big,250.5,,1e-6,5e-7,4096
    """
    costs = load_table(write(tmp_path, text)).costs([GEMM, CONV, POOL], PLACE)
    assert costs.cycles.tolist() == [100, 250.5, 8 * 4 * 8 * 4 / 64]
    assert costs.mac_j.tolist() == [2e-6, 0, 0]
    assert costs.l2_j.tolist() == [0, 1e-6, 0]
    assert costs.drain_output_j.tolist() == [0, 5e-7, 0]
    assert costs.l2_need_elements.tolist() == [0, 4096, 0]
    assert costs.energy_j.tolist() == pytest.approx([2e-6, 1.5e-6, 0])


def test_a_name_goes_before_a_shape_and_a_rider_may_be_listed(tmp_path: Path) -> None:
    text = """layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j
,gemm,1,10,8,1,1,1,1,1,1,big,7,1e-9
head,,,,,,,,,,,big,9,1e-9
pool,,,,,,,,,,,big,3,1e-9
"""
    other = Layer("tail", Op.GEMM, K=10, C=8, Y=1)
    costs = load_table(write(tmp_path, text)).costs([GEMM, other, POOL], PLACE)
    assert costs.cycles.tolist() == [9, 7, 3]


def test_missing_figures_are_all_named(tmp_path: Path) -> None:
    table = load_table(write(tmp_path, "layer,chiplet,cycles,energy_j\nhead,small,1,1e-9\n"))
    with pytest.raises(InputError) as caught:
        table.costs([GEMM, CONV, POOL], PLACE)
    first, second = caught.value.problems
    assert "layer 'head' on chiplet class 'big'" in first
    assert "add a row with layer=stem (or op=conv, N=1, K=8, C=3, R=3, S=3, Y=16, X=16, stride=2x1" in second


def test_a_row_by_shape_is_not_for_layers_of_different_outputs(tmp_path: Path) -> None:
    """A 3 x 3 filter on 3 x 3 inputs makes 9 outputs with padding and one without: padding is no column."""
    text = """layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j
,conv,1,4,4,3,3,3,3,1,1,big,900,1e-9
one,,,,,,,,,,,big,100,1e-9
"""
    nine = Layer("nine", Op.CONV, K=4, C=4, Y=3, X=3, R=3, S=3, padding=(1, 1))
    one = replace(nine, name="one", padding=(0, 0), out_y=1, out_x=1)
    table = load_table(write(tmp_path, text))
    assert table.costs([nine, one, nine], PLACE).cycles.tolist() == [900, 100, 900]
    with pytest.raises(InputError) as caught:
        table.costs([nine, replace(one, name="other")], PLACE)
    (problem,) = caught.value.problems
    assert "'nine', which makes 3 x 3 outputs, or for 'other', which makes 1 x 1" in problem
    assert "give each a row with its name" in problem


def test_all_bad_lines_come_at_once(tmp_path: Path) -> None:
    text = """layer,chiplet,cycles,energy_j
a,big,0,1e-9
b,big,-1,1e-9
c,big,nan,1e-9
d,big,5,-1
e,big,inf,1e-9
f,big,ten,
g,big,5
h,,5,1e-9
,big,5,1e-9
i,big,5,1e-9
i,big,6,1e-9
"""
    with pytest.raises(InputError) as caught:
        load_table(write(tmp_path, text))
    problems = caught.value.problems
    lines = [int(problem.split("table.csv:")[1].split(":")[0]) for problem in problems]
    assert lines == [2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 12]
    for line, words in {
        2: "cycles=0",
        3: "cycles=-1",
        4: "cycles=nan",
        5: "energy_j=-1",
        12: "already in line 11",
    }.items():
        assert any(f":{line}: " in problem and words in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "file is empty"),
        ("layer,chiplet,cycles,energy_j\n", "no rows"),
        ("layer,chiplet,cycels,energy_j\n", "unknown column 'cycels'"),
        ("layer,chiplet,cycles,cycles,energy_j\n", "appears twice"),
        ("layer,cycles,energy_j\n", "column 'chiplet' is missing"),
        ("chiplet,cycles,energy_j\n", "no column 'layer'"),
        ("op,K,chiplet,cycles,energy_j\n", "column 'C' is missing"),
        ("layer,chiplet,cycles\n", "column 'energy_j' is missing"),
        ("layer,chiplet,cycles,energy_j,l1_j\na,b,1,5e-9,1e-9\n", "its parts add up to 1e-09"),
        (
            "layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j\na,gemm,1,1,1,1,1,1,1,1,1,b,1,1\n",
            "both a layer name",
        ),
        ("layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j\n,gemm,1,1,1,1,1,1,0,1,1,b,1,1\n", "X=0"),
        ("layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j\n,gemm,1,1,1,1,1,1,,1,1,b,1,1\n", "or X"),
        ('layer,chiplet,cycles,energy_j\n"a,b,1,1\n', "is not CSV"),
        ("layer\0,chiplet\n", "NUL"),
        ("layer,chiplet,cycles,energy_j\na,b,1e308,1\n", "cycles=1e308 is out of range"),
        (
            "layer,op,N,K,C,R,S,Y,X,stride,groups,chiplet,cycles,energy_j\n,gemm,"
            + "1" * 5000
            + ",1,1,1,1,1,1,1,1,b,1,1\n",
            "is not a whole number",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_table(write(tmp_path, text))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    for name, words in (("absent.csv", "cannot be read"), (".", "cannot be read"), ("binary.csv", "not UTF-8")):
        with pytest.raises(InputError, match=words):
            load_table(tmp_path / name)
