"""A dataflow: how a chiplet maps the loops of each operator class to its PEs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chipweave.errors import InputError


class Style(StrEnum):
    """`nvdla` is weight stationary, `shidiannao` output stationary, `eyeriss` row stationary."""

    NVDLA = "nvdla"
    SHIDIANNAO = "shidiannao"
    EYERISS = "eyeriss"
    CUSTOM = "custom"


class Tile(StrEnum):
    """`auto`: per layer, the best size the PE count allows. `fixed`: the official text, clipped to the layer."""

    AUTO = "auto"
    FIXED = "fixed"


@dataclass(frozen=True)
class Dataflow:
    """A mapping style with its parameters.

    Args:
        style: a built-in style, or `custom` with the user's own text.
        tile: how tile sizes are chosen (see `Tile`); custom text is always taken as it stands.
        cluster: PEs per cluster under `tile: fixed` (nvdla: C lanes, 64; shidiannao: X lanes, 8);
            None takes the style's default.
        mappings: for `custom`: directive text in MAESTRO's data-centric notation per operator class
            (`conv`, `dwconv`, `gemm`); a class left out uses `conv`.
    """

    style: Style = Style.NVDLA
    tile: Tile = Tile.AUTO
    cluster: int | None = None
    mappings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cluster is not None and self.cluster < 1:
            raise InputError(f"dataflow: cluster={self.cluster} is not at least 1")
        if self.style is Style.CUSTOM and "conv" not in self.mappings:
            raise InputError("dataflow: style 'custom' needs a mapping text for 'conv'")
        object.__setattr__(self, "mappings", dict(sorted(self.mappings.items())))

    def __hash__(self) -> int:
        return hash((self.style, self.tile, self.cluster, tuple(self.mappings.items())))
