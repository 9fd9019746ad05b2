"""A dataflow: how a chiplet maps the loops of each operator class to its PEs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chipweave.errors import InputError
from chipweave.plain import settle


class Style(StrEnum):
    """`nvdla` is weight stationary, `shidiannao` output stationary, `eyeriss` row stationary."""

    NVDLA = "nvdla"
    SHIDIANNAO = "shidiannao"
    EYERISS = "eyeriss"
    CUSTOM = "custom"


class Tile(StrEnum):
    """Of `maestro`. `auto`: per layer, the best size the PE count allows. `fixed`: the official text, clipped."""

    AUTO = "auto"
    FIXED = "fixed"


class Tensor(StrEnum):
    """Of a layer."""

    WEIGHT = "weight"
    INPUT = "input"
    OUTPUT = "output"


LOOPS = "NGKCYXRS"
"""Loops of a layer: samples, groups, output and input channels of a group, output rows and columns, filter."""


@dataclass(frozen=True)
class Loops:
    """What a dataflow allows, for the `loopnest` cost model (docs/cost-model/loopnest.md).

    Args:
        rows, columns: letters of the loops that may be unrolled along each axis of the PE array.
        stationary: the tensor that stays, in the array and in the PEs' registers; None leaves it open.
        whole: loops that a PE runs from end to end.
        spread: loops that lie along the array from end to end, one iteration in a PE; where an axis is too short, as
            evenly as it allows, in the fewest steps.

    Raises:
        InputError: an unknown letter, one given twice, a loop that is whole and unrolled, or spread without an axis of
            its own.
    """

    rows: str
    columns: str
    stationary: Tensor | None = None
    whole: str = ""
    spread: str = ""

    def __post_init__(self) -> None:
        settle(self, "loops")
        faults = []
        for key in ("rows", "columns", "whole", "spread"):
            letters = getattr(self, key)
            for letter in dict.fromkeys(letters):
                if letter not in LOOPS:
                    faults.append((key, f"'{letter}' is no loop; they are {', '.join(LOOPS)}"))
                elif letters.count(letter) > 1:
                    faults.append((key, f"loop {letter} is given twice; give it once"))
        for letter in self.whole:
            if letter in self.rows + self.columns:
                faults.append(("whole", f"loop {letter} is unrolled too; a PE cannot run all of it then; drop one"))
        faults += [("spread", wrong) for wrong in self._spread_faults()]
        faults = list(dict.fromkeys(faults))
        if faults:
            raise InputError([f"loops: {key}: {wrong}" for key, wrong in faults], fields=faults)

    def _spread_faults(self) -> list[str]:
        """What is wrong with loops that are spread: each has an axis of its own."""
        faults = []
        for letter in self.spread:
            axes = (letter in self.rows) + (letter in self.columns)
            if axes == 0:
                faults.append(f"loop {letter} is not unrolled; name it in rows or columns, too")
            if axes == 2:
                faults.append(f"loop {letter} is in rows and in columns; leave it in one of them")
        for name, loops in (("rows", self.rows), ("columns", self.columns)):
            along = [letter for letter in dict.fromkeys(self.spread) if letter in loops]
            if len(along) > 1:
                faults.append(f"loops {' and '.join(along)} lie along the {name}; spread one of them")
        return faults


@dataclass(frozen=True)
class Dataflow:
    """A mapping style with its parameters.

    Args:
        style: a built-in style, or `custom` with the user's own `mappings`, `loops` or both.
        tile: how `maestro` chooses tile sizes (see `Tile`); custom text is always taken as it stands.
        cluster: PEs per cluster under `maestro`'s `tile: fixed` (nvdla: C lanes, 64; shidiannao: X lanes, 8);
            None takes the style's default.
        mappings: for `custom`: directive text in MAESTRO's data-centric notation per operator class
            (`conv`, `dwconv`, `gemm`); a class left out uses `conv`. The `maestro` cost model reads them.
        loops: what the `loopnest` cost model may do; None takes the style's, which `custom` has none of.
    """

    style: Style = Style.NVDLA
    tile: Tile = Tile.AUTO
    cluster: int | None = None
    mappings: Mapping[str, str] = field(default_factory=dict)
    loops: Loops | None = None

    def __post_init__(self) -> None:
        settle(self, "dataflow")
        if self.cluster is not None and self.cluster < 1:
            raise InputError(f"dataflow: cluster={self.cluster} is not at least 1; give a number that is")
        if self.style is Style.CUSTOM and "conv" not in self.mappings and (self.mappings or self.loops is None):
            raise InputError("dataflow: style 'custom' needs a mapping text for 'conv', or `loops` alone")
        object.__setattr__(self, "mappings", dict(sorted(self.mappings.items())))

    def __hash__(self) -> int:
        return hash((self.style, self.tile, self.cluster, tuple(self.mappings.items()), self.loops))
