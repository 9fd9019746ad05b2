"""The NVDLA-like and the ShiDianNao-like template without enumerating iterations, compiled.

Each form gives exactly what `kernel` gives for the template's directives, wherever it says it applies (the function
returns True), at several million layers a second. Derivations: docs/cost-model/maestro.md, "Closed forms".
Arguments are rows of `engine.Batch.layers` and `engine.Batch.hardware`, and the tile; results are the kernel's.
"""

# ruff: noqa: SIM300 - the capital letters are sizes, not constants
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import entry, inner, number
from chipweave.cost.maestro.delay import delay
from chipweave.cost.maestro.layout import L1_READ, L1_SIZE, L1_WRITE, L2_READ, L2_SIZE, L2_WRITE, MACS, RUNTIME

Ints = NDArray[np.int64]

# Columns of a layer's row.
_C, _K, _R, _S, _X, _Y = 1, 3, 6, 7, 8, 9
_DSCONV = 2


@inner
def _applies(K: int, C: int, R: int, S: int, Y: int, X: int, stride_y: int, stride_x: int) -> bool:
    """Strides of at most 2, a filter inside the map, and counts far from the end of 64 bits."""
    small = 1.0 * K * C * R * S * Y * X < 2.0**60
    return small and stride_y <= 2 and stride_x <= 2 and R <= Y and S <= X


@inner
def _totals(
    out: Ints,
    macs: int,
    input_reads: int,
    weight_reads: int,
    output_writes: int,
    input_size: int,
    weight_size: int,
    output_size: int,
) -> None:
    """The columns that follow from the four counts."""
    for tensor in range(3):
        out[L1_READ + tensor] = macs
    out[MACS] = macs
    out[L1_WRITE], out[L1_WRITE + 1], out[L1_WRITE + 2] = input_reads, weight_reads, macs
    out[L2_READ], out[L2_READ + 1], out[L2_READ + 2] = input_reads, weight_reads, output_size
    out[L2_WRITE], out[L2_WRITE + 1], out[L2_WRITE + 2] = input_size, weight_size, output_writes


@inner
def _nvdla(layer: Ints, tile: int, hardware: Ints, out: Ints) -> bool:
    depthwise = layer[0] == _DSCONV
    C, K, R, S, X, Y = layer[_C], layer[_K], layer[_R], layer[_S], layer[_X], layer[_Y]
    stride_y, stride_x = layer[10], layer[11]
    pes, bandwidth, latency, offchip, lanes = hardware[0], hardware[1], hardware[2], hardware[3], hardware[4]
    if depthwise:
        # Channels take the place of output channels, one filter each; the array has one level.
        channels, first_c, tiles_c, tile = C, 1, 1, 1
    else:
        channels, first_c, tiles_c = K, min(C, tile), -(-C // tile)
    if tile > pes or not _applies(channels, C, R, S, Y, X, stride_y, stride_x):
        return False
    window, units = R * S, pes // tile
    compute = -(-window // lanes)
    if not depthwise:
        compute += delay(2 * first_c * window, bandwidth, latency)
    steps_y, steps_x = (Y - R) // stride_y, (X - S) // stride_x
    row = R if X > S else min(R, stride_y)

    full_rounds, rest = channels // units, channels % units
    if 1.0 * (full_rounds + 1) * tiles_c * (steps_y + 1) * (steps_x + 1) >= 2.0**31:
        return False  # MAESTRO's 32-bit counts may wrap round
    runtime, output_writes, input_reads, weight_reads = 0, 0, 0, 0
    floor, first_output = 0, 0
    for position in range(3):
        # Rounds over units: the first, the full ones after it, the ragged last.
        if position == 0:
            rounds, active = 1, min(channels, units)
            egress = units if channels >= units else max(channels - 1, 1)
        elif position == 1:
            rounds, active, egress = full_rounds - 1, units, units
        else:
            rounds, active, egress = (1 if rest > 0 and channels > units else 0), rest, rest
        if rounds <= 0:
            continue
        fan_in = active if depthwise else 1
        weights = active * first_c * window
        load_x = fan_in * first_c * R * min(S, stride_x)
        load_y = fan_in * first_c * S * row
        load_c = first_c * window
        drain = delay(egress, bandwidth, latency)
        if position == 0:
            opening = fan_in * first_c * window
            first_output = egress
            floor = max((2 * (opening + weights)) // offchip // 2, (2 * egress) // offchip // 2)
            out[L2_SIZE], out[L2_SIZE + 1], out[L2_SIZE + 2] = 2 * opening, 2 * weights, 2 * egress
            start = compute + delay(opening + weights, bandwidth, latency)
        else:
            opening = active * window if depthwise else 0
            start = max(compute, delay(opening + weights, bandwidth, latency), drain)
        runtime += rounds * max(start, floor)
        input_reads += rounds * opening
        weight_reads += rounds * weights
        others = tiles_c - 1
        if others > 0:
            step = max(compute, delay(load_c + active * load_c, bandwidth, latency), drain, floor)
            runtime += rounds * others * step
            input_reads += rounds * others * load_c
            weight_reads += rounds * others * active * load_c
        if steps_y > 0:
            times = rounds * tiles_c * steps_y
            runtime += times * max(compute, delay(load_y, bandwidth, latency), drain, floor)
            input_reads += times * load_y
        if steps_x > 0:
            times = rounds * tiles_c * (steps_y + 1) * steps_x
            runtime += times * max(compute, delay(load_x, bandwidth, latency), drain, floor)
            input_reads += times * load_x
        output_writes += rounds * tiles_c * (steps_y + 1) * (steps_x + 1) * egress

    macs = channels * (1 if depthwise else C) * (steps_y + 1) * (steps_x + 1) * window
    out[RUNTIME] = runtime
    out[L1_SIZE], out[L1_SIZE + 1], out[L1_SIZE + 2] = 2 * window, 2 * window, 2 * window
    weight_size = channels * (1 if depthwise else C) * window
    outputs = channels * (Y - R + 1) * (X - S + 1)
    _totals(out, macs, input_reads, weight_reads, output_writes, C * Y * X, weight_size, outputs)
    return first_output > 0


@entry
def nvdla(layers: Ints, tile: Ints, hardware: Ints, out: Ints, exact: NDArray[np.bool_]) -> None:
    """Fills `out` and `exact` for the NVDLA-like template (tile = C lanes; unused for depthwise)."""
    for index in range(layers.shape[0]):
        exact[index] = _nvdla(layers[index], tile[index], hardware[index], out[index])


@inner
def _over_units(
    first: int, first_see: int, later: int, later_see: int, edge: bool, see: int, units: int, edge_units: int
) -> int:
    """Total over units of what the first, a later, and a ragged unit bring."""
    if not edge:
        return first + (units - 1) * later
    if edge_units == 1:
        return first_see if see else first
    return first + (edge_units - see - 1) * later + see * later_see


@inner
def _shidiannao(layer: Ints, tile: int, hardware: Ints, out: Ints) -> bool:
    depthwise = layer[0] == _DSCONV
    C, K, R, S, X, Y = layer[_C], layer[_K], layer[_R], layer[_S], layer[_X], layer[_Y]
    stride_y, stride_x = layer[10], layer[11]
    pes, bandwidth, latency, offchip, lanes = hardware[0], hardware[1], hardware[2], hardware[3], hardware[4]
    if depthwise:
        K = 1
    if tile > pes or not _applies(K, C, R, S, Y, X, stride_y, stride_x):
        return False
    window, units = R * S, pes // tile

    # Columns: tiles of `size` every `offset`; a ragged last tile of `size_edge`.
    size, offset = min(tile + S - 1, X), tile
    if stride_x != 1:
        outputs = (size + stride_x - S) // stride_x
        size, offset = outputs * min(stride_x, S) + max(S - stride_x, 0), outputs * stride_x
    steps_x = (X - size) // offset
    edge_x = steps_x * offset + size < X
    size_edge = X - (steps_x + 1) * offset
    if edge_x and (size_edge < S or size_edge > size):
        return False

    # One tile in a cluster: each PE takes a window of S columns, shared along the row.
    hop = 1 if stride_x == 1 else min(stride_x, S)
    steps = (size - S) // hop
    windows = steps + 1
    last = S
    if steps * hop + S < size:
        windows += 1
        last = size - (steps + 1) * hop
    columns = (windows - 1) * S + last
    compute = -(-window // lanes) + delay(R * columns + window, bandwidth, latency)

    # Rows: R of them every `stride_y`, one output row a cluster.
    rounds = ((Y - R) // stride_y + 1) // units - 1
    cover = stride_y * (units - 1) + R
    fresh = min(R, stride_y)
    if ((Y - R) // stride_y) * stride_y + R < Y:
        return False  # left-over rows
    if 1.0 * K * C * (rounds + 2) * (steps_x + 1) >= 2.0**31:
        return False  # MAESTRO's 32-bit counts may wrap round
    active = (Y - R) // stride_y + 1 - (rounds + 1) * units if Y > cover else (Y - R) // stride_y + 1

    runtime, macs, input_reads, output_writes, floor = 0, 0, 0, 0, 0
    passes, one = K * C, number(1)
    for row in range(3):
        if row == 0:
            count, edge = 1, Y < cover
        elif row == 1:
            count, edge = (rounds if Y > cover else 0), False
        else:
            count, edge = (1 if Y > cover and Y != rounds * stride_y * units + cover else 0), True
        if count <= 0:
            continue
        see = 1 if edge and row == 0 else 0
        busy = active if edge else units
        kept = busy * R
        shared = _over_units(R, R, fresh, 0 if R >= stride_y else Y + 1, edge, see, units, active)
        rows_out = _over_units(one, one, fresh, one, edge, see, units, active)
        if edge and row == 2 and active == 1:
            rows_out = R  # MAESTRO takes input rows for output rows here
        rows_work = R if edge and row == 2 and active == 1 else busy
        for column in range(3):
            times = count * (1 if column == 0 else (steps_x if column == 1 else (1 if edge_x else 0)))
            if times <= 0:
                continue
            width = size_edge if column == 2 else size
            columns_out = width - S + 1
            egress = rows_out * columns_out
            drain = max(delay(egress, bandwidth, latency), compute)
            output_writes += passes * times * egress
            macs += passes * times * rows_work * columns_out * window
            if column > 0:
                load = kept * min(size, offset)
                runtime += passes * times * max(drain, delay(load, bandwidth, latency), floor)
                input_reads += passes * times * load
            elif row > 0:
                load = (kept if X > size else shared) * width
                runtime += passes * times * max(drain, delay(load, bandwidth, latency), floor)
                input_reads += passes * times * load
            else:
                opening, load = kept * width, shared * width
                floor = max((2 * (opening + window)) // offchip // 2, (2 * egress) // offchip // 2)
                out[L2_SIZE], out[L2_SIZE + 1], out[L2_SIZE + 2] = 2 * opening, 2 * window, 2 * egress
                runtime += max(compute + delay(opening + window, bandwidth, latency), floor)
                runtime += K * (C - 1) * max(drain, delay(load + window, bandwidth, latency), floor)
                runtime += (K - 1) * max(drain, delay(window, bandwidth, latency), floor)
                input_reads += opening + K * (C - 1) * load

    out[RUNTIME] = runtime
    out[L1_SIZE], out[L1_SIZE + 1], out[L1_SIZE + 2] = 2 * window, 2 * window, 2 * window
    channels = C if depthwise else K
    weight_size = (1 if depthwise else K) * C * window
    outputs = channels * (Y - R + 1) * (X - S + 1)
    _totals(out, macs, input_reads, passes * window, output_writes, C * Y * X, weight_size, outputs)
    return True


@entry
def shidiannao(layers: Ints, tile: Ints, hardware: Ints, out: Ints, exact: NDArray[np.bool_]) -> None:
    """Fills `out` and `exact` for the ShiDianNao-like template (tile = columns of a cluster)."""
    for index in range(layers.shape[0]):
        exact[index] = _shidiannao(layers[index], tile[index], hardware[index], out[index])
