"""Mappings that a dataflow offers for a layer, and the best of them, for many layers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from chipweave.cost.maestro import layout, templates
from chipweave.cost.maestro.engine import Batch, Counts, Integers, evaluate, evaluate_template
from chipweave.cost.maestro.notation import (
    DIMENSIONS,
    LARGEST_NUMBER,
    LAYER_DIMENSIONS,
    LAYER_TYPES,
    parse_mapping,
    resolve,
)
from chipweave.cost.maestro.shapes import Shape
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Style, Tile

UNLIMITED = 2**62
"""Off-chip elements per cycle that never bind."""

NVDLA_LANES = 64
SHIDIANNAO_COLUMNS = 8
EYERISS_FILTERS = 16
"""Sizes in MAESTRO's own mapping files."""

_C, _K, _R, _S, _X, _Y = (1 + DIMENSIONS.index(dim) for dim in ("C", "K", "R", "S", "X", "Y"))
_STRIDE_Y, _STRIDE_X = 10, 11
_DSCONV, _GEMM = LAYER_TYPES.index("DSCONV"), LAYER_TYPES.index("GEMM")


@dataclass(frozen=True)
class Family:
    """Mappings of one template.

    Args:
        owner: (candidates,): index of the shape.
        directives: (candidates, rows, 4).
        closed_form: "nvdla" or "shidiannao" where the template has one.
        tile: (candidates,): the closed form's parameter.
    """

    owner: Integers
    directives: Integers
    closed_form: str = ""
    tile: Integers = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Chosen:
    """The mapping chosen for each shape, and its counts."""

    counts: Counts
    directives: tuple[Integers, ...]


def choose_mappings(
    shapes: Sequence[Shape], operators: Sequence[str], chiplet: Chiplet, offchip_bandwidth: int | None
) -> Chosen:
    """For each shape the mapping of the chiplet's dataflow with the fewest cycles, then the least energy, then the
    first in the order of `_families`. Under `tile: fixed` and for custom texts there is one candidate.

    A candidate that does less work than the layer needs (MAESTRO drops ragged outputs of strided layers), or whose
    buffers do not fit L2, is taken only if there is no other. A shape that no candidate fits keeps the first's fault.

    Args:
        shapes: what to map.
        operators: per shape the class of its text under a custom dataflow: `conv`, `dwconv` or `gemm`.
        chiplet: its dataflow and hardware.
        offchip_bandwidth: MAESTRO's off-chip floor, elements per cycle; None: off.

    Raises:
        InputError: a custom text that cannot be read.
    """
    if not shapes:
        return Chosen(Counts(np.zeros((0, layout.COLUMNS), np.int64)), ())
    layers = np.array(shapes, np.int64).reshape(-1, 12)
    hardware = np.array(
        [
            chiplet.num_pes,
            chiplet.noc_bandwidth,
            chiplet.noc_latency,
            UNLIMITED if offchip_bandwidth is None else offchip_bandwidth,
            chiplet.simd_lanes,
        ],
        np.int64,
    )
    families = [family for family in _families(layers, operators, chiplet) if len(family.owner)]
    owner = np.concatenate([family.owner for family in families])
    counts = Counts(np.concatenate([_evaluate(family, layers, hardware).table for family in families]))
    short = counts.macs < _work(layers[owner])
    crowded = counts.l2_size.sum(axis=1) > chiplet.l2_bytes
    useless = (counts.fault[:, 0] != 0) | counts.wrapped
    order = np.lexsort((counts.energy_macs, counts.cycles, crowded, short, useless, owner))
    winners = order[np.unique(owner[order], return_index=True)[1]]
    directives = [rows for family in families for rows in family.directives]
    return Chosen(Counts(counts.table[winners]), tuple(directives[winner] for winner in winners))


def _evaluate(family: Family, layers: Integers, hardware: Integers) -> Counts:
    count, rows, _ = family.directives.shape
    batch = Batch(
        layers[family.owner],
        np.ascontiguousarray(family.directives.reshape(-1, 4)),
        np.arange(count + 1) * rows,
        np.tile(hardware, (count, 1)),
    )
    return evaluate_template(family.closed_form, family.tile, batch) if family.closed_form else evaluate(batch)


def _work(layers: Integers) -> Integers:
    """Multiply-accumulates that the layers need (0 for the GEMM type, whose counts are never short)."""
    channels = np.where(layers[:, 0] == _DSCONV, 1, layers[:, _K]) * layers[:, _C]
    rows = (layers[:, _Y] - layers[:, _R]) // layers[:, _STRIDE_Y] + 1
    columns = (layers[:, _X] - layers[:, _S]) // layers[:, _STRIDE_X] + 1
    needed = channels * layers[:, _R] * layers[:, _S] * rows * columns
    return np.where(layers[:, 0] == _GEMM, 0, needed)


def _families(layers: Integers, operators: Sequence[str], chiplet: Chiplet) -> Iterator[Family]:
    dataflow = chiplet.dataflow
    if dataflow.style is Style.CUSTOM:
        yield from _custom(layers, operators, chiplet)
        return
    depthwise = layers[:, 0] == _DSCONV
    for group in (np.flatnonzero(~depthwise), np.flatnonzero(depthwise)):
        some = layers[group]
        if len(group):
            separate = bool(depthwise[group[0]])
            if separate and dataflow.style is not Style.SHIDIANNAO:
                rows = templates.nvdla_depthwise(some[:, _R], some[:, _S])
                yield Family(group, rows, "nvdla", np.ones(len(group), np.int64))
            elif dataflow.style is Style.SHIDIANNAO:
                yield from _shidiannao(group, some, chiplet, separate)
            elif dataflow.style is Style.NVDLA:
                official = dataflow.cluster or NVDLA_LANES
                pick, lanes = _sizes(some[:, _C], official, chiplet.num_pes, dataflow.tile)
                rows = templates.nvdla(some[pick, _C], some[pick, _R], some[pick, _S], lanes)
                yield Family(group[pick], rows, "nvdla", lanes)
            else:
                # Filters follow one another in time: the PE count does not bound them.
                pick, filters = _sizes(some[:, _K], EYERISS_FILTERS, LARGEST_NUMBER, dataflow.tile)
                yield Family(group[pick], templates.eyeriss(some[pick, _K], some[pick, _R], some[pick, _S], filters))


def _sizes(dimension: Integers, official: int, largest: int, tile: Tile) -> tuple[Integers, Integers]:
    """Pairs (index, size) for each of the dimensions: under `fixed` the official size; under `auto` also the powers
    of two below twice the dimension, and the dimension. No size exceeds `largest`."""
    official = min(official, largest)
    if tile is Tile.FIXED:
        return np.arange(len(dimension)), np.full(len(dimension), official)
    powers = 2 ** np.arange(largest.bit_length(), dtype=np.int64)
    columns = np.concatenate([powers, [official]])
    sizes = np.concatenate([np.tile(columns, (len(dimension), 1)), dimension[:, None]], axis=1)
    fits = (sizes <= largest) & (sizes < 2 * dimension[:, None])
    fits[:, -2] = True
    index, column = np.nonzero(fits)
    return index, sizes[index, column]


def _shidiannao(group: Integers, some: Integers, chiplet: Chiplet, depthwise: bool) -> Iterator[Family]:
    """Columns over a cluster and rows over clusters, as the official text; then channels over groups of PEs."""
    dataflow, pes = chiplet.dataflow, chiplet.num_pes
    C, R, S, X = some[:, _C], some[:, _R], some[:, _S], some[:, _X]
    stride_y, stride_x = some[:, _STRIDE_Y], some[:, _STRIDE_X]
    columns = (X - S) // stride_x + 1
    # A tile counts input columns at stride 1, so a strided layer may want it `stride` times as long.
    pick, tile = _sizes(columns * stride_x, dataflow.cluster or SHIDIANNAO_COLUMNS, pes, dataflow.tile)
    yield Family(group[pick], templates.shidiannao(R[pick], S[pick], X[pick], tile, depthwise), "shidiannao", tile)
    if dataflow.tile is Tile.FIXED:
        return
    rows = (some[:, _Y] - R) // stride_y + 1
    channels = C if depthwise else some[:, _K]
    powers = 2 ** np.arange(1, max(2, pes.bit_length()), dtype=np.int64)
    pick, at = np.nonzero((powers < 2 * channels[:, None]) & (powers <= pes))
    room = pes // powers[at]
    # As wide as the map allows, or about square; heights take the rest of a group's PEs.
    wide = np.minimum(columns[pick], room)
    square = np.minimum(columns[pick], 2 ** (np.floor(np.log2(room)) // 2).astype(np.int64))
    for width, keep in ((wide, slice(None)), (square, square != wide)):
        one, tile_x = pick[keep], width[keep]
        tile_y = np.minimum(rows[one], room[keep] // tile_x)
        tile_c = None
        if not depthwise:
            # As much of C as the double buffers in L2 hold: outputs leave a group once per tile of C.
            busy = np.minimum(channels[one], pes // (tile_y * tile_x))
            halo = ((tile_y - 1) * stride_y[one] + R[one]) * ((tile_x - 1) * stride_x[one] + S[one])
            free = chiplet.l2_bytes // 2 - busy * tile_y * tile_x
            tile_c = np.clip(free // (busy * R[one] * S[one] + halo), 1, C[one])
        directives = templates.shidiannao_grouped(R[one], S[one], stride_y[one], stride_x[one], tile_y, tile_x, tile_c)
        yield Family(group[one], directives)


def _custom(layers: Integers, operators: Sequence[str], chiplet: Chiplet) -> Iterator[Family]:
    texts = chiplet.dataflow.mappings
    for index, (layer, operator) in enumerate(zip(layers, operators, strict=True)):
        key = operator if operator in texts else "conv"
        where = f"chiplet '{chiplet.name}', mapping '{key}'"
        sizes = {dim: int(size) for dim, size in zip(LAYER_DIMENSIONS, layer[1:10], strict=True) if size}
        rows = np.array(resolve(parse_mapping(texts[key], where), sizes, where), np.int64).reshape(1, -1, 4)
        yield Family(np.array([index]), rows)
