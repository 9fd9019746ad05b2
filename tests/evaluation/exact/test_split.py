"""Parts of layers are costed by figures of their own: never by those of the whole, or of a layer of another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipweave.cost.table import load_table
from chipweave.errors import InputError
from chipweave.evaluation.exact.split import LISTED, Splits
from chipweave.evaluation.record import Split
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.schedule import Partition
from chipweave.workload.layer import Layer, Op

PLACE = Chiplet("big", num_pes=64)
ONE, TWO = (Layer(name, Op.GEMM, K=1, C=8, Y=1) for name in ("one", "two"))
LARGE = Layer("large", Op.CONV, K=8, C=8, Y=9, X=9)


def splits(folder: Path, text: str, *layers: Layer, most: int = 2) -> Splits:
    path = folder / "table.csv"
    path.write_text(text)
    table = load_table(path)
    return Splits(layers, (PLACE,), (table.costs(layers, PLACE),), table, most)


def test_layers_that_differ_in_name_only_have_their_own_figures(tmp_path: Path) -> None:
    """Samples can be parted, not the layers: 2 samples on 2 chiplets take as long as one."""
    table = splits(tmp_path, "layer,chiplet,cycles,energy_j\none,big,100,1e-9\ntwo,big,900,1e-9\n", ONE, TWO)
    for layer, cycles in enumerate((100, 900)):
        split = table.split(layer, Partition.WEIGHT_SHARED, (0, 0), 2)
        assert split == Split(samples=2)
        assert table.costs(layer, split, 2, (0, 0))[0] == pytest.approx(cycles / PLACE.clock_hz)


def test_equal_layers_are_costed_once(tmp_path: Path) -> None:
    table = splits(tmp_path, "layer,chiplet,cycles,energy_j\none,big,100,1e-9\ntwo,big,100,1e-9\n", ONE, TWO)
    assert table.distinct[0] == (ONE,)
    assert table.distinct[1].tolist() == [0, 0]


def test_parts_without_figures_are_named(tmp_path: Path) -> None:
    text = "layer,chiplet,cycles,energy_j\nlarge,big,900,1e-9\n"
    with pytest.raises(InputError) as few:
        splits(tmp_path, text, LARGE).split(0, Partition.WEIGHT_SHARED, (0, 0), 1)
    parts = ["9 rows, 5 columns, 8", "9 rows, 4 columns, 8", "5 rows, 9 columns, 8", "4 rows, 9 columns, 8"]
    for part, problem in zip([*parts, "9 rows, 9 columns, 4"], few.value.problems, strict=True):
        assert f"add a row with layer=large [{part} units of channels]" in problem
    with pytest.raises(InputError) as many:
        splits(tmp_path, text, LARGE, most=9).split(0, Partition.WEIGHT_SHARED, (0, 0), 1)
    assert len(many.value.problems) == 1 + LISTED
    assert "parts of layers, which stages on several chiplets need, have no costs" in many.value.problems[0]
    assert "`scar`, which splits no layer" in many.value.problems[0]
