"""MAESTRO's analysis of many (layer, mapping, hardware) problems, compiled.

Importing this module imports Numba; `engine.evaluate` does so when first needed. Everything is 64-bit integers;
divisions that may see negative numbers go through `_quotient`, which truncates toward zero as C does.
Field names follow docs/cost-model/maestro.md.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, void

MAX_LEVELS = 4
MAX_MAPS = 16
_DIMS = 11
_C, _G, _K, _M, _N, _R, _S, _X, _Y, _OUT_X, _OUT_Y = range(_DIMS)
_TEMPORAL, _SPATIAL, _CLUSTER = 0, 1, 2

# Why a problem has no figures (column 0 of the result; column 1: level, column 2: dimension).
OK, PARTIAL_FILTER, NO_SPATIAL, MANY_SPATIAL, NO_SUCH_DIMENSION, FEW_PES, MANY_LEVELS, NO_FILTER, MANY_MAPS = range(9)
NOTHING_NEW, NO_COMPUTATION, NO_CYCLES, TOO_LARGE = range(9, 13)

# Columns of the result.
FAULT, FAULT_LEVEL, FAULT_DIM, RUNTIME, MACS = range(5)
L1_READ, L1_WRITE, L1_SIZE, L2_READ, L2_WRITE, L2_SIZE = range(5, 23, 3)
COLUMNS = 23

# Dimensions coupled to input, weight and output, in order; -1 ends a list. Rows: CONV, TRCONV, DSCONV, NGCONV, GEMM.
_CONV = [[_N, _C, _Y, _X, -1, -1], [_K, _C, _R, _S, -1, -1], [_N, _K, _Y, _X, -1, -1]]
_COUPLED = np.array(
    [
        _CONV,
        _CONV,
        [[_N, _C, _Y, _X, -1, -1], [_C, _R, _S, -1, -1, -1], [_N, _C, _Y, _X, -1, -1]],
        [[_N, _G, _C, _Y, _X, -1], [_G, _K, _C, _R, _S, -1], [_N, _G, _K, _C, _Y, _X]],
        [[_M, _K, -1, -1, -1, -1], [_K, _N, -1, -1, -1, -1], [_M, _N, -1, -1, -1, -1]],
    ],
    dtype=np.int64,
)
_GEMM = 4

# Columns of the maps, the per-dimension tables, the states and the level facts.
_KIND, _DIM, _SIZE, _OFFSET = range(4)
_D, _MAPPED, _MAPPED_EDGE, _UNIQUE, _UNIQUE_EDGE, _FIRST = range(6)
_POSITION, _COUNT, _EDGE, _SEE, _UNROLLED = range(5)
_INIT, _STEADY, _AT_EDGE = range(3)
_UNITS, _EDGE_UNITS, _PARALLEL, _MAPS = range(4)
_PES, _BANDWIDTH, _LATENCY, _OFFCHIP, _LANES = range(5)

_UNKNOWN = -(2**62)


@njit(int64(int64, int64), cache=True, inline="always")
def _quotient(a, b):
    """a / b toward zero, for b > 0."""
    return a // b if a >= 0 else -((-a) // b)


@njit(int64(int64, int64, int64), cache=True)
def _delay(elements, bandwidth, latency):
    """Cycles of a transfer: latency + ceil(elements / bandwidth) - 1; a remainder adds one whatever its sign."""
    sends = _quotient(elements, bandwidth)
    return latency + sends + (1 if sends * bandwidth != elements else 0) - 1


@njit(cache=True)
def _complete(layer, rows, coupled, maps, tables, facts, num_pes, out):
    """Splits the directives into levels and completes each; the level count, or 0 with the fault in `out`."""
    levels, product = 1, 1
    for row in range(rows.shape[0]):
        if rows[row, _KIND] == _CLUSTER:
            levels += 1
            product *= rows[row, _SIZE]
            if product > num_pes:
                return _fault(out, FEW_PES, levels - 1, -1)
    if levels > MAX_LEVELS:
        return _fault(out, MANY_LEVELS, MAX_LEVELS, -1)

    row = 0
    units = num_pes // product
    for level in range(levels):
        table, fact = tables[level], facts[level]
        table[:, _FIRST] = -1
        for dim in range(9):
            if level == 0:
                table[dim, _D] = layer[1 + dim]
            else:
                upper = tables[level - 1]
                used = (coupled[0] | coupled[1]) >> dim & 1
                table[dim, _D] = min(maps[level - 1, upper[dim, _FIRST], _SIZE], upper[dim, _D]) if used else 0
        fact[_UNITS] = units
        count = 0
        inherited = 0
        if level > 0:
            # What this level does not list comes first, in the reverse of the upper level's order.
            listed = 0
            for own in range(row, rows.shape[0]):
                if rows[own, _KIND] == _CLUSTER:
                    break
                listed |= 1 << rows[own, _DIM]
            for dim, primed in ((_X, _OUT_X), (_Y, _OUT_Y)):
                if listed >> primed & 1:
                    listed |= 1 << dim
            for index in range(facts[level - 1, _MAPS]):
                dim = maps[level - 1, index, _DIM]
                if not listed >> dim & 1:
                    listed |= 1 << dim
                    for at in range(inherited, 0, -1):
                        maps[level, at] = maps[level, at - 1]
                    maps[level, 0, _KIND] = _TEMPORAL
                    maps[level, 0, _DIM] = dim
                    maps[level, 0, _SIZE] = maps[level - 1, index, _SIZE]
                    maps[level, 0, _OFFSET] = maps[level - 1, index, _OFFSET]
                    inherited += 1
        count = inherited
        while row < rows.shape[0] and rows[row, _KIND] != _CLUSTER:
            if count == MAX_MAPS:
                return _fault(out, MANY_MAPS, level, rows[row, _DIM])
            dim = rows[row, _DIM]
            if (dim == _R or dim == _S) and rows[row, _KIND] == _TEMPORAL:
                if rows[row, _SIZE] != rows[row, _OFFSET] or rows[row, _SIZE] != layer[1 + dim]:
                    return _fault(out, PARTIAL_FILTER, level, dim)
            maps[level, count] = rows[row]
            count += 1
            row += 1
        if row < rows.shape[0]:
            units = rows[row, _SIZE]
        row += 1

        # Output rows and columns become input rows and columns, unless those are listed too (then at the end).
        for dim in (_X, _Y):
            present, primed, filter_size = False, -1, 0
            for index in range(inherited, count):
                present |= maps[level, index, _DIM] == dim
                if maps[level, index, _DIM] == dim + 2 and primed < 0:
                    primed = index
                if maps[level, index, _DIM] == (_R if dim == _Y else _S):
                    filter_size = maps[level, index, _SIZE]
            if primed >= 0:
                if filter_size == 0:
                    return _fault(out, NO_FILTER, level, dim + 2)
                if not present:
                    maps[level, primed, _DIM] = dim
                    maps[level, primed, _SIZE] += filter_size - 1

        for index in range(count):
            if table[maps[level, index, _DIM], _FIRST] < 0:
                table[maps[level, index, _DIM], _FIRST] = index
        for dim in range(9):
            if (coupled[0] | coupled[1]) >> dim & 1 and table[dim, _FIRST] < 0:
                if count == MAX_MAPS:
                    return _fault(out, MANY_MAPS, level, dim)
                maps[level, count, _KIND] = _TEMPORAL
                maps[level, count, _DIM] = dim
                maps[level, count, _SIZE] = table[dim, _D]
                maps[level, count, _OFFSET] = table[dim, _D]
                table[dim, _FIRST] = count
                count += 1

        # Strides: only whole output positions are mapped.
        for index in range(count):
            dim = maps[level, index, _DIM]
            if dim == _Y or dim == _X:
                filter_size = layer[1 + (_R if dim == _Y else _S)]
                stride = layer[10 if dim == _Y else 11]
                size = maps[level, index, _SIZE]
                if stride != 1 and size >= filter_size:
                    outputs = (size + stride - filter_size) // stride
                    target = table[dim, _FIRST]
                    maps[level, target, _SIZE] = outputs * min(stride, filter_size) + max(filter_size - stride, 0)
                    maps[level, target, _OFFSET] = outputs * (filter_size if level > 0 and filter_size < stride else stride)

        spatial = 0
        fact[_PARALLEL] = -1
        for index in range(count):
            dim = maps[level, index, _DIM]
            if dim >= _OUT_X:
                filter_dim = _S if dim == _OUT_X else _R
                filter_size = 1
                for other in range(count):
                    if maps[level, other, _DIM] == filter_dim:
                        filter_size = maps[level, other, _SIZE]
                dim -= 2
                maps[level, index, _DIM] = dim
                maps[level, index, _SIZE] += filter_size - 1
                if table[dim, _FIRST] < 0 or table[dim, _FIRST] > index:
                    table[dim, _FIRST] = index
            if table[dim, _D] < 1:
                return _fault(out, NO_SUCH_DIMENSION, level, dim)
            if maps[level, index, _KIND] == _SPATIAL:
                spatial += 1
                if fact[_PARALLEL] < 0:
                    fact[_PARALLEL] = index
        if spatial == 0:
            return _fault(out, NO_SPATIAL, level, -1)
        if spatial > 2:
            return _fault(out, MANY_SPATIAL, level, -1)
        fact[_MAPS] = count
        _tabulate(maps[level], table, fact)
    return levels


@njit(cache=True)
def _fault(out, fault, level, dim):
    out[FAULT], out[FAULT_LEVEL], out[FAULT_DIM] = fault, level, dim
    return 0


@njit(cache=True)
def _tabulate(maps, table, fact):
    """Elements mapped to a unit, and those new in a step, inside and at the edge, of every dimension."""
    for index in range(fact[_MAPS]):
        dim, size, offset = maps[index, _DIM], maps[index, _SIZE], maps[index, _OFFSET]
        bound = table[dim, _D]
        steps = max(0, _quotient(bound - size, offset))
        rest = bound - (steps + 1) * offset
        if rest < 0:
            rest = bound
        ragged = steps * offset + size < bound or size > bound
        table[dim, _MAPPED] = size
        table[dim, _MAPPED_EDGE] = rest if ragged else size
        table[dim, _UNIQUE] = 0 if maps[index, _KIND] == _TEMPORAL and bound <= size else min(size, offset)
        table[dim, _UNIQUE_EDGE] = max(offset - (size - rest), 0)
    for dim, filter_dim in ((_X, _S), (_Y, _R)):
        index = table[dim, _FIRST]
        if index >= 0:
            table[dim + 2, _MAPPED] = table[dim, _MAPPED] - table[filter_dim, _MAPPED] + 1
            table[dim + 2, _MAPPED_EDGE] = table[dim, _MAPPED_EDGE] - table[filter_dim, _MAPPED_EDGE] + 1
            table[dim + 2, _UNIQUE] = min(maps[index, _SIZE], maps[index, _OFFSET])
            table[dim + 2, _UNIQUE_EDGE] = min(maps[index, _OFFSET], table[dim + 2, _MAPPED_EDGE])

    parallel = fact[_PARALLEL]
    size, offset = maps[parallel, _SIZE], maps[parallel, _OFFSET]
    bound, units = table[maps[parallel, _DIM], _D], fact[_UNITS]
    cover = offset * (units - 1) + size
    active = 1
    if bound > cover:
        rounds = ((bound - size) // offset + 1) // units
        rest = bound - rounds * offset * units
        if rest >= size:
            active = (rest - size) // offset + 1
    elif bound > size:
        active = (bound - size) // offset + 1
        if offset * (active - 1) + size < bound:
            active += 1
    fact[_EDGE_UNITS] = active


@njit(cache=True)
def _list_states(maps, dims, fact, states, counts):
    """The states of every directive for dimensions `dims`; the number of cases."""
    cases = 1
    units = fact[_UNITS]
    for index in range(fact[_MAPS]):
        size, offset, bound = maps[index, _SIZE], maps[index, _OFFSET], dims[maps[index, _DIM]]
        temporal = maps[index, _KIND] == _TEMPORAL
        cover = size if temporal else offset * (units - 1) + size
        state = states[index]
        state[0, _POSITION] = _INIT
        state[0, _COUNT] = 1
        state[0, _EDGE] = bound < cover
        state[0, _SEE] = not temporal and bound < cover
        state[0, _UNROLLED] = bound <= cover
        count = 1
        if bound > cover:
            see = False
            if temporal:
                steady = (bound - size) // offset
                edge = steady * offset + size < bound
            else:
                steady = ((bound - size) // offset + 1) // units - 1
                step = offset * units
                edge = (steady + 1) * step + cover > bound and steady * step + cover != bound
                rest = bound - (steady + 1) * step
                active = 1 if rest < size else (rest - size) // offset + 1
                see = (active - 1) * offset + size < rest
            if steady > 0:
                state[count, _POSITION] = _STEADY
                state[count, _COUNT] = steady
                state[count, _EDGE:] = 0
                count += 1
            if edge:
                state[count, _POSITION] = _AT_EDGE
                state[count, _COUNT] = 1
                state[count, _EDGE] = 1
                state[count, _SEE] = see
                state[count, _UNROLLED] = 0
                count += 1
        counts[index] = count
        cases *= count
    return cases


@njit(cache=True)
def _output_factor(kind, dim, name, first, see, reuse, table, current, edge_units):
    """Elements of one dimension that a unit puts out; `name` is Y' or X' for Y or X of the output."""
    edge, position = current[dim, _EDGE], current[dim, _POSITION]
    if kind == _TEMPORAL:
        return table[name, _MAPPED_EDGE] if edge else table[name, _MAPPED]
    if position == _INIT and edge and see:
        return table[name, _UNIQUE_EDGE] if edge_units > 1 and reuse else table[name, _MAPPED_EDGE]
    if position == _AT_EDGE:
        if edge_units == 1:
            return table[dim, _MAPPED_EDGE] if first or see else 1
        if see:
            return table[name, _UNIQUE_EDGE]
    if first:
        return table[name, _MAPPED]
    return table[name, _UNIQUE] if table[name, _UNIQUE] != 0 else 1


@njit(cache=True)
def _outputs(dims, first, see, reuse, maps, table, current, fact):
    """Output elements of a unit in one iteration."""
    result = 1
    for slot in range(6):
        dim = dims[slot]
        if dim < 0:
            break
        kind = maps[table[dim, _FIRST], _KIND]
        name = dim + 2 if dim >= _X else dim
        result *= _output_factor(kind, dim, name, first, see, reuse, table, current, fact[_EDGE_UNITS])
    return result


@njit(cache=True)
def _reductions(output, first, see, maps, table, current, fact):
    """Partial sums of a unit per output element in one iteration."""
    result = 1
    for index in range(fact[_MAPS]):
        dim = maps[index, _DIM]
        if not output >> dim & 1:
            kind = maps[index, _KIND]
            result *= _output_factor(kind, dim, dim, first, see, False, table, current, fact[_EDGE_UNITS])
    return result


@njit(cache=True)
def _load(mask, stepping, inited, first, see, maps, table, current, fact):
    """Elements of a tensor that a unit needs anew in one iteration; -1 where the stepping loop brings nothing."""
    result = 1
    for index in range(fact[_MAPS]):
        dim = maps[index, _DIM]
        if not mask >> dim & 1:
            continue
        position, edge = current[dim, _POSITION], current[dim, _EDGE]
        whole = table[dim, _MAPPED_EDGE] if see else table[dim, _MAPPED]
        steps = index == stepping and not inited
        if maps[index, _KIND] == _TEMPORAL:
            if position == _INIT:
                result *= table[dim, _MAPPED_EDGE] if edge else table[dim, _MAPPED]
            elif steps:
                if table[dim, _UNIQUE] == 0:
                    return -1
                result *= table[dim, _UNIQUE]
            else:
                result *= table[dim, _MAPPED]
        elif stepping < 0:
            if not edge:
                result *= table[dim, _MAPPED]
            elif fact[_EDGE_UNITS] > 1:
                result *= whole
            elif first or see:
                result *= table[dim, _MAPPED_EDGE]
        elif first or (position == _INIT and index <= stepping) or (position != _INIT and not steps):
            result *= whole
        else:
            result *= table[dim, _UNIQUE_EDGE] if see else table[dim, _UNIQUE]
    return result


@njit(cache=True)
def _spatial_state(dims, maps, table, current):
    """Whether a tensor's dimensions are spread over units, any at its edge, and the last one's ragged unit."""
    spread, edge, see = False, False, False
    for slot in range(6):
        dim = dims[slot]
        if dim < 0:
            break
        if maps[table[dim, _FIRST], _KIND] == _SPATIAL:
            spread = True
            edge = edge or current[dim, _EDGE] != 0
            see = current[dim, _SEE] != 0
    return spread, edge, see


@njit(cache=True)
def _ingress(dims, mask, maps, table, current, fact):
    """Elements of a tensor that all units need anew in one iteration; -1 where MAESTRO gives up."""
    stepping = -1
    for index in range(fact[_MAPS] - 1, -1, -1):
        if current[maps[index, _DIM], _POSITION] != _INIT:
            stepping = index
            break
    inited = False
    if stepping >= 0:
        if not mask >> maps[stepping, _DIM] & 1:
            return 0
        for index in range(stepping + 1, fact[_MAPS]):
            dim = maps[index, _DIM]
            if mask >> dim & 1 and current[dim, _POSITION] == _INIT and not current[dim, _UNROLLED]:
                inited = True
    spread, edge, see = _spatial_state(dims, maps, table, current)
    active = fact[_EDGE_UNITS] if edge else fact[_UNITS]
    result = _load(mask, stepping, inited, True, edge and see and active == 1, maps, table, current, fact)
    if result < 0 or not spread or active == 1:
        return result
    ragged = 1 if edge and see else 0
    if active - ragged > 1:
        later = _load(mask, stepping, inited, False, False, maps, table, current, fact)
        result += (active - ragged - 1) * later
    if ragged:
        result += _load(mask, stepping, inited, False, True, maps, table, current, fact)
    return result


@njit(cache=True)
def _egress(dims, maps, table, current, fact):
    """Output elements of all units in one iteration."""
    spread, edge, see = _spatial_state(dims, maps, table, current)
    active = fact[_EDGE_UNITS] if edge else fact[_UNITS]
    result = _outputs(dims, True, edge and see and active == 1, True, maps, table, current, fact)
    if not spread or active == 1:
        return result
    ragged = 1 if edge and see else 0
    if active - ragged > 1:
        result += (active - ragged - 1) * _outputs(dims, False, False, True, maps, table, current, fact)
    if ragged:
        result += _outputs(dims, False, True, True, maps, table, current, fact)
    return result


@njit(cache=True)
def _work(dims, output, maps, table, current, fact):
    """Multiply-accumulates of all units in one iteration."""
    edge, see = False, False
    for index in range(fact[_PARALLEL], fact[_MAPS]):
        if maps[index, _KIND] == _SPATIAL:
            edge = edge or current[maps[index, _DIM], _EDGE] != 0
            see = current[maps[index, _DIM], _SEE] != 0
    whole = _outputs(dims, True, False, True, maps, table, current, fact)
    whole *= _reductions(output, True, False, maps, table, current, fact)
    if not edge:
        return fact[_UNITS] * whole
    active = fact[_EDGE_UNITS]
    if not see:
        return active * whole
    if active == 1:
        return _outputs(dims, True, True, True, maps, table, current, fact) * _reductions(
            output, True, True, maps, table, current, fact
        )
    last = _outputs(dims, False, True, False, maps, table, current, fact)
    last *= _reductions(output, False, True, maps, table, current, fact)
    return (active - 1) * whole + last


@njit(
    int64(
        int64,
        int64,
        int64[:, ::1],
        int64[::1],
        int64[::1],
        int64[:, :, ::1],
        int64[:, :, ::1],
        int64[:, ::1],
        int64[:, :, :, ::1],
        int64[:, ::1],
        int64[:, :, ::1],
        int64[:, ::1],
        int64[:, ::1],
        int64[::1],
    ),
    cache=True,
)
def _run(level, levels, coupled, masks, hardware, maps, tables, facts, states, counts, current, dims, memo, out):
    """Cycles of one level for the dimensions in `dims[level]`, or -1 with the fault in `out`.

    The top level also fills `out`. A lower level depends on its caller only through which dimensions are at the
    edge, so its result is kept in `memo` under that set.
    """
    own, table, fact, state = maps[level], tables[level], facts[level], current[level]
    bandwidth, latency = hardware[_BANDWIDTH], hardware[_LATENCY]
    output = masks[2]
    edge_units = fact[_EDGE_UNITS]
    parallel = own[fact[_PARALLEL], _DIM]
    total = _list_states(own, dims[level], fact, states[level], counts[level])
    runtime, valid_seen, tries = 0, False, 0
    l2_input, l2_weight, l2_output = 0, 0, 0
    floor_cycles = 0

    for case in range(total):
        occurrences, period, all_init = 1, total, True
        for index in range(fact[_MAPS]):
            options = counts[level, index]
            chosen = 0
            if options > 1:
                period //= options
                chosen = (case + period - 1) // period % options
            picked = states[level, index, chosen]
            dim = own[index, _DIM]
            for column in range(5):
                state[dim, column] = picked[column]
            occurrences *= picked[_COUNT]
        for index in range(fact[_MAPS]):
            all_init = all_init and state[own[index, _DIM], _POSITION] == _INIT
        occurrences = (occurrences + 2**31) % 2**32 - 2**31  # a 32-bit number in MAESTRO

        spread, edge, see = _spatial_state(coupled[2], own, table, state)
        ragged = edge and see and edge_units == 1
        critical = _outputs(coupled[2], True, ragged, True, own, table, state, fact)
        critical *= _reductions(output, True, ragged, own, table, state, fact)
        egress = _egress(coupled[2], own, table, state, fact)
        work = 0
        if level == 0:
            work = _work(coupled[2], output, own, table, state, fact)
            out[L2_WRITE + 2] += occurrences * egress
            out[L1_READ + 2] += occurrences * work
        valid = critical > 0
        if not valid and valid_seen:
            continue
        load_input = _ingress(coupled[0], masks[0], own, table, state, fact)
        load_weight = _ingress(coupled[1], masks[1], own, table, state, fact)
        if load_input < 0 or load_weight < 0:
            for index in range(fact[_MAPS] - 1, -1, -1):
                if state[own[index, _DIM], _POSITION] != _INIT:
                    break
            _fault(out, NOTHING_NEW, level, own[index, _DIM])
            return -1
        if not valid_seen:
            tries += 1
            l2_input += 2 * load_input
            l2_weight += 2 * load_weight
            l2_output = 2 * egress
            valid_seen = valid
            if level == 0:
                offchip = hardware[_OFFCHIP]
                floor_cycles = max((l2_input + l2_weight) // offchip // 2, _quotient(_quotient(l2_output, offchip), 2))
        if not valid:
            continue

        if level == levels - 1:
            compute = -(-critical // hardware[_LANES])
        else:
            compute = 0
            at_edge = state[parallel, _EDGE] != 0
            ragged_unit = at_edge and state[parallel, _SEE] != 0
            for view in range(2):
                if view == 0 and not ragged_unit:
                    continue
                if view == 1 and ragged_unit and edge_units == 1:
                    continue
                key = 0
                for index in range(fact[_MAPS]):
                    dim = own[index, _DIM]
                    small = state[dim, _EDGE] != 0
                    if own[index, _KIND] == _SPATIAL:
                        small = small and (edge_units == 1 or view == 0)
                    dims[level + 1, dim] = table[dim, _MAPPED_EDGE] if small else table[dim, _MAPPED]
                    key = key & ~(1 << dim) | (1 << dim if small else 0)
                if memo[level + 1, key] == _UNKNOWN:
                    below = _run(
                        level + 1, levels, coupled, masks, hardware, maps, tables, facts, states, counts, current, dims, memo, out
                    )
                    if out[FAULT] != OK:
                        return -1
                    memo[level + 1, key] = below
                compute = max(compute, memo[level + 1, key])

        ingress_cycles = _delay(load_input + load_weight, bandwidth, latency)
        if all_init:
            cycles = compute + ingress_cycles
        else:
            cycles = max(compute, ingress_cycles, _delay(egress, bandwidth, latency))
        if level == 0:
            if compute == 0:
                _fault(out, NO_COMPUTATION, min(1, levels - 1), -1)
                return -1
            cycles = max(cycles, floor_cycles)
            out[MACS] += occurrences * work
            out[L2_READ] += occurrences * load_input
            out[L2_READ + 1] += occurrences * load_weight
        runtime += occurrences * cycles

    if out[L1_SIZE + 2] == _UNKNOWN:
        for tensor in range(3):
            size = 2 * (tries if tensor < 2 else 1)
            for slot in range(6):
                if coupled[tensor, slot] < 0:
                    break
                size *= table[coupled[tensor, slot], _MAPPED]
            out[L1_SIZE + tensor] = size
    if level == 0:
        out[RUNTIME] = runtime
        out[L2_SIZE], out[L2_SIZE + 1], out[L2_SIZE + 2] = l2_input, l2_weight, l2_output
    return runtime


@njit(void(int64[:, ::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1]), cache=True)
def evaluate_batch(layers, directives, starts, hardware, out):
    """Fills `out`, shape (problems, COLUMNS), one row a problem (see `engine.Batch` for the inputs)."""
    maps = np.zeros((MAX_LEVELS, MAX_MAPS, 4), np.int64)
    tables = np.zeros((MAX_LEVELS, _DIMS, 6), np.int64)
    facts = np.zeros((MAX_LEVELS, 4), np.int64)
    states = np.zeros((MAX_LEVELS, MAX_MAPS, 3, 5), np.int64)
    counts = np.zeros((MAX_LEVELS, MAX_MAPS), np.int64)
    current = np.zeros((MAX_LEVELS, _DIMS, 5), np.int64)
    dims = np.zeros((MAX_LEVELS, _DIMS), np.int64)
    memo = np.full((MAX_LEVELS, 2**9), _UNKNOWN, np.int64)
    coupled = np.zeros((3, 6), np.int64)
    masks = np.zeros(3, np.int64)
    for problem in range(layers.shape[0]):
        layer, result = layers[problem], out[problem]
        result[:] = 0
        for tensor in range(3):
            slots = 0
            masks[tensor] = 0
            coupled[tensor] = -1
            for slot in range(6):
                dim = _COUPLED[layer[0], tensor, slot]
                if dim >= 0 and (dim != _N or layer[0] == _GEMM or layer[1 + _N] > 0):
                    coupled[tensor, slots] = dim
                    masks[tensor] |= 1 << dim
                    slots += 1
        rows = directives[starts[problem] : starts[problem + 1]]
        levels = _complete(layer, rows, masks, maps, tables, facts, hardware[problem, _PES], result)
        if levels == 0:
            continue
        for dim in range(9):
            dims[0, dim] = layer[1 + dim]
        memo[1:levels] = _UNKNOWN
        result[L1_SIZE + 2] = _UNKNOWN
        runtime = _run(
            0, levels, coupled, masks, hardware[problem], maps, tables, facts, states, counts, current, dims, memo, result
        )
        if result[FAULT] != OK:
            continue
        if runtime <= 0:
            _fault(result, NO_CYCLES, 0, -1)
            continue
        for tensor in range(3):
            size = 1
            for slot in range(6):
                dim = coupled[tensor, slot]
                if dim < 0:
                    break
                size *= layer[1 + dim]
                if tensor == 2 and dim >= _X:
                    size = size // layer[1 + dim] * (layer[1 + dim] - layer[1 + (_R if dim == _Y else _S)] + 1)
            if tensor < 2:
                result[L2_WRITE + tensor] = size
                result[L1_READ + tensor] = result[MACS]
                result[L1_WRITE + tensor] = result[L2_READ + tensor]
            else:
                result[L2_READ + 2] = size
                result[L1_WRITE + 2] = result[L1_READ + 2]
