"""Counts of Timeloop's mappings, against a loop nest that is run product by product."""

from __future__ import annotations

from itertools import product

from chipweave.validation.published import published
from chipweave.validation.timeloop import NOTES, QUANTITIES, counts

FIGURES = published("timeloop")
DESIGNS = {design["name"]: design for design in FIGURES["designs"]}


def test_cycles_by_hand() -> None:
    """MACs over PEs: every mapping divides its bounds without a rest."""
    macs = 112 * 112 * 32 * 3 * 3 * 3
    assert {name: counts(design, 2)["cycles"] for name, design in DESIGNS.items()} == {
        "eyeriss_like": macs // 126,
        "simba_like": macs // 48,
        "simple_output_stationary": macs // 16,
        "simple_weight_stationary": macs // 12,
    }


def test_what_leaves_the_buffer_by_going_through_the_steps() -> None:
    """Output stationary: 14 rows of outputs of 56 columns a tile, 32 tiles. A step reads a column of each filter, and
    the inputs under it, of a row of outputs; what the step before it read of that row stays."""
    read = 0
    before: set[tuple[int, int, int]] = set()
    for y, s in product(range(14), range(3)):
        now = {(c, 2 * y + r, 2 * x + s) for c, r, x in product(range(3), range(3), range(56))}
        read += len(now - before if s else now)
        before = now
    assert counts(DESIGNS["simple_output_stationary"], 2)["buffer_reads_input"] == 32 * read


def test_every_count_and_every_note_has_a_name() -> None:
    assert NOTES.keys() == DESIGNS.keys()
    for name, design in DESIGNS.items():
        assert NOTES[name].keys() <= QUANTITIES.keys() & design.keys()
