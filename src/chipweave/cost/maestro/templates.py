"""The built-in dataflows as directives, for many layers at once.

Directive texts after MAESTRO's own mapping files (`kcp_ws`, `dpt`, `*_yxp_os`, `rs`); map sizes are
clipped to the dimension, since MAESTRO returns no cycles where a tile is larger than its dimension.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chipweave.cost.maestro.engine import Integers
from chipweave.cost.maestro.notation import DIMENSIONS, WORD_OF_KIND, Kind

_C, _K, _R, _S, _X, _Y, _OUT_X, _OUT_Y = (DIMENSIONS.index(dim) for dim in ("C", "K", "R", "S", "X", "Y", "X'", "Y'"))
_TEMPORAL, _SPATIAL, _CLUSTER = int(Kind.TEMPORAL), int(Kind.SPATIAL), int(Kind.CLUSTER)

Row = tuple[int, int, Integers | int, Integers | int]


def _stack(problems: int, rows: Sequence[Row]) -> Integers:
    """Directives of shape (problems, rows, 4) from rows whose sizes and offsets vary by problem or not."""
    table = np.empty((problems, len(rows), 4), np.int64)
    for index, (kind, dim, size, offset) in enumerate(rows):
        table[:, index, 0] = kind
        table[:, index, 1] = dim
        table[:, index, 2] = size
        table[:, index, 3] = offset
    return table


def _cluster(size: Integers | int) -> Row:
    return (_CLUSTER, -1, size, size)


def nvdla(C: Integers, R: Integers, S: Integers, lanes: Integers) -> Integers:
    """Weight stationary: K over clusters, `lanes` of C inside one; a window slides over Y, X."""
    tile = np.minimum(lanes, C)
    sliding: list[Row] = [(_TEMPORAL, _Y, R, 1), (_TEMPORAL, _X, S, 1)]
    whole: list[Row] = [(_TEMPORAL, _R, R, R), (_TEMPORAL, _S, S, S)]
    return _stack(
        len(C),
        [
            (_SPATIAL, _K, 1, 1),
            (_TEMPORAL, _C, tile, tile),
            *whole,
            *sliding,
            _cluster(lanes),
            (_SPATIAL, _C, 1, 1),
            *sliding,
            *whole,
        ],
    )


def nvdla_depthwise(R: Integers, S: Integers) -> Integers:
    """Depthwise layers on the NVDLA-like (and row-stationary) array: channels over all PEs."""
    return _stack(
        len(R),
        [
            (_SPATIAL, _C, 1, 1),
            (_TEMPORAL, _Y, R, 1),
            (_TEMPORAL, _X, S, 1),
            (_TEMPORAL, _R, R, R),
            (_TEMPORAL, _S, S, S),
        ],
    )


def shidiannao(R: Integers, S: Integers, X: Integers, tile: Integers, depthwise: bool) -> Integers:
    """Output stationary: output rows over clusters, `tile` columns inside one; K and C pass by in time."""
    channels: list[Row] = [(_TEMPORAL, _C, 1, 1)] if depthwise else [(_TEMPORAL, _K, 1, 1), (_TEMPORAL, _C, 1, 1)]
    return _stack(
        len(R),
        [
            *channels,
            (_SPATIAL, _Y, R, 1),
            (_TEMPORAL, _X, np.minimum(tile + S - 1, X), tile),
            _cluster(tile),
            (_SPATIAL, _X, S, 1),
            (_TEMPORAL, _R, R, R),
            (_TEMPORAL, _S, S, S),
        ],
    )


def shidiannao_grouped(
    R: Integers,
    S: Integers,
    stride_y: Integers,
    stride_x: Integers,
    tile_y: Integers,
    tile_x: Integers,
    tile_c: Integers | None,
) -> Integers:
    """Output stationary with output channels over groups of PEs: a group holds a `tile_y` x `tile_x` map of outputs
    while `tile_c` input channels, R and S pass by. Depthwise layers (`tile_c` None) spread C instead of K."""
    size_y, size_x = (tile_y - 1) * stride_y + R, (tile_x - 1) * stride_x + S
    rows: list[Row] = [(_SPATIAL, _C if tile_c is None else _K, 1, 1)]
    if tile_c is not None:
        rows.append((_TEMPORAL, _C, tile_c, tile_c))
    rows += [
        (_TEMPORAL, _Y, size_y, tile_y * stride_y),
        (_TEMPORAL, _X, size_x, tile_x * stride_x),
        _cluster(tile_y * tile_x),
    ]
    if tile_c is not None:
        rows.append((_TEMPORAL, _C, 1, 1))
    rows += [
        (_SPATIAL, _Y, R, 1),
        _cluster(tile_x),
        (_SPATIAL, _X, S, 1),
        (_TEMPORAL, _R, R, R),
        (_TEMPORAL, _S, S, S),
    ]
    return _stack(len(R), rows)


def eyeriss(K: Integers, R: Integers, S: Integers, tile_k: Integers) -> Integers:
    """Row stationary: filter rows over the PEs of a cluster, output rows over clusters, `tile_k` filters in turn."""
    tile = np.minimum(tile_k, K)
    return _stack(
        len(K),
        [
            (_SPATIAL, _OUT_Y, 1, 1),
            (_TEMPORAL, _OUT_X, 1, 1),
            (_TEMPORAL, _C, 1, 1),
            (_TEMPORAL, _K, tile, tile),
            (_TEMPORAL, _R, R, R),
            (_TEMPORAL, _S, S, S),
            _cluster(R),
            (_SPATIAL, _Y, 1, 1),
            (_SPATIAL, _R, 1, 1),
            (_TEMPORAL, _S, S, S),
        ],
    )


def text_of(rows: Integers) -> str:
    """Directive rows, shape (rows, 4), in MAESTRO's notation, one statement a line."""
    lines = []
    for kind, dim, size, offset in rows.tolist():
        word = WORD_OF_KIND[Kind(kind)]
        lines.append(f"{word}({size}, P);" if kind == _CLUSTER else f"{word}({size},{offset}) {DIMENSIONS[dim]};")
    return "\n".join(lines)
