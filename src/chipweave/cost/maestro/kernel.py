"""MAESTRO's analysis of many (layer, mapping, hardware) problems, compiled.

Importing this module imports Numba; `engine.evaluate` does so when first needed. Everything is 64-bit integers;
divisions that may see negative numbers go through `_quotient`, which truncates toward zero as C does.
Field names follow docs/cost-model/maestro.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import entry, inner, number, recursive
from chipweave.cost.maestro.delay import delay, quotient
from chipweave.cost.maestro.layout import (
    COLUMNS,
    FAULT,
    FAULT_DIM,
    FAULT_LEVEL,
    FEW_PES,
    L1_READ,
    L1_SIZE,
    L1_WRITE,
    L2_READ,
    L2_SIZE,
    L2_WRITE,
    MACS,
    MANY_LEVELS,
    MANY_MAPS,
    MANY_SPATIAL,
    MAX_LEVELS,
    MAX_MAPS,
    NO_COMPUTATION,
    NO_CYCLES,
    NO_FILTER,
    NO_SPATIAL,
    NO_SUCH_DIMENSION,
    NOTHING_NEW,
    OK,
    PARTIAL_FILTER,
    RUNTIME,
    TOO_LARGE,
    WRAPPED,
)

Ints = NDArray[np.int64]

_DIMS = 11
_C, _G, _K, _M, _N, _R, _S, _X, _Y, _OUT_X, _OUT_Y = range(_DIMS)
_TEMPORAL, _SPATIAL, _CLUSTER = 0, 1, 2

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
_D, _MAPPED, _MAPPED_EDGE, _UNIQUE, _UNIQUE_EDGE, _FIRST, _LAST = range(7)
_POSITION, _COUNT, _EDGE, _SEE, _UNROLLED = range(5)
_INIT, _STEADY, _AT_EDGE = range(3)
_UNITS, _EDGE_UNITS, _PARALLEL, _MAPS = range(4)
# How a dimension of a tensor stands to the loop that steps: nothing has stepped yet, whole tiles, only what is new.
_OPENING, _KEPT, _FRESH = range(3)
# Which unit: the first or a later one, in each case an inner one or the ragged last; _WHOLE is the last without reuse.
_FIRST_UNIT, _FIRST_SEE, _LATER, _LATER_SEE, _WHOLE = range(5)
_PES, _BANDWIDTH, _LATENCY, _OFFCHIP, _LANES = range(5)

_UNKNOWN = -(2**62)


class Room(NamedTuple):
    """What is computed of a problem, by level, and room for it.

    Args:
        coupled, masks: per tensor its dimensions in order, -1 ends a list, and as bits; for all levels.
        maps, tables, facts: completed directives, elements per dimension, and the rest, as `_complete` fills them.
        states, turns, outputs, loads: see `_run` and `_list_factors`.
        dims: sizes of the dimensions at hand; memo: see `_run`.
    """

    coupled: Ints
    masks: Ints
    maps: Ints
    tables: Ints
    facts: Ints
    states: Ints
    turns: Ints
    outputs: Ints
    loads: Ints
    dims: Ints
    memo: Ints


def room() -> Room:
    """For `evaluate_batch`."""
    return Room(
        coupled=np.zeros((3, 6), np.int64),
        masks=np.zeros(3, np.int64),
        maps=np.zeros((MAX_LEVELS, MAX_MAPS, 4), np.int64),
        tables=np.zeros((MAX_LEVELS, _DIMS, 7), np.int64),
        facts=np.zeros((MAX_LEVELS, 4), np.int64),
        states=np.zeros((MAX_LEVELS, MAX_MAPS, 3, 5), np.int64),
        turns=np.zeros((MAX_LEVELS, 14, MAX_MAPS), np.int64),
        outputs=np.zeros((MAX_LEVELS, _DIMS, 3, 5), np.int64),
        loads=np.zeros((MAX_LEVELS, MAX_MAPS, 3, 3, 4), np.int64),
        dims=np.zeros((MAX_LEVELS, _DIMS), np.int64),
        memo=np.full((MAX_LEVELS, 2**9), _UNKNOWN, np.int64),
    )


@inner
def _copy(target: Ints, source: Ints) -> None:
    """Entry by entry: a slice assignment takes numba many times longer to compile."""
    for index in range(len(target)):
        target[index] = source[index]


@inner
def _complete(layer: Ints, rows: Ints, room: Room, num_pes: int, out: Ints) -> int:
    """Splits the directives into levels and completes each; the level count, or 0 with the fault in `out`."""
    levels, product = 1, 1
    for row in range(rows.shape[0]):
        if rows[row, _KIND] == _CLUSTER:
            levels += 1
            product *= rows[row, _SIZE]
            if product > num_pes:
                return _fault(out, (FEW_PES, levels - 1, -1))
    if levels > MAX_LEVELS:
        return _fault(out, (MANY_LEVELS, MAX_LEVELS, -1))

    row = 0
    units = num_pes // product
    for level in range(levels):
        own, table, fact = room.maps[level], room.tables[level], room.facts[level]
        _list_sizes(layer, room, level)
        fact[_UNITS] = units
        inherited = _inherit(rows, row, room, level) if level > 0 else 0
        count = inherited
        while row < rows.shape[0] and rows[row, _KIND] != _CLUSTER:
            if count == MAX_MAPS:
                return _fault(out, (MANY_MAPS, level, rows[row, _DIM]))
            if _cuts_filter(layer, rows[row]):
                return _fault(out, (PARTIAL_FILTER, level, rows[row, _DIM]))
            _copy(own[count], rows[row])
            count += 1
            row += 1
        if row < rows.shape[0]:
            units = rows[row, _SIZE]
        row += 1
        for dim in (_X, _Y):
            if not _take_in(own, inherited, count, dim):
                return _fault(out, (NO_FILTER, level, dim + 2))
        for index in range(count):
            if table[own[index, _DIM], _FIRST] < 0:
                table[own[index, _DIM], _FIRST] = index
        for dim in range(9):
            if (room.masks[0] | room.masks[1]) >> dim & 1 and table[dim, _FIRST] < 0:
                if count == MAX_MAPS:
                    return _fault(out, (MANY_MAPS, level, dim))
                _set(own[count], dim, table[dim, _D], table[dim, _D])
                table[dim, _FIRST] = count
                count += 1
        for index in range(count):
            _stride(layer, own, table, index, level)
        fact[_MAPS] = count
        if not _spread(own, table, fact, level, out):
            return 0
        _tabulate(own, table, fact)
    return levels


@inner
def _list_sizes(layer: Ints, room: Room, level: int) -> None:
    """Fills the sizes of a level's dimensions: the layer's, or what the level above maps to one of its units."""
    table = room.tables[level]
    for dim in range(_DIMS):
        table[dim, _FIRST] = -1
    for dim in range(9):
        if level == 0:
            table[dim, _D] = layer[1 + dim]
        else:
            upper = room.tables[level - 1]
            used = (room.masks[0] | room.masks[1]) >> dim & 1
            table[dim, _D] = min(room.maps[level - 1, upper[dim, _FIRST], _SIZE], upper[dim, _D]) if used else 0


@inner
def _set(directive: Ints, dim: int, size: int, offset: int) -> None:
    """Fills a temporal directive."""
    directive[_KIND], directive[_DIM], directive[_SIZE], directive[_OFFSET] = _TEMPORAL, dim, size, offset


@inner
def _inherit(rows: Ints, row: int, room: Room, level: int) -> int:
    """What a level does not list comes first, in the reverse of the upper level's order; how many those are.

    Args:
        row: the first of the level's own directives.
    """
    own, upper = room.maps[level], room.maps[level - 1]
    listed = 0
    for at in range(row, rows.shape[0]):
        if rows[at, _KIND] == _CLUSTER:
            break
        listed |= 1 << rows[at, _DIM]
    for dim in (_X, _Y):
        if listed >> dim + 2 & 1:
            listed |= 1 << dim
    inherited = 0
    for index in range(room.facts[level - 1, _MAPS]):
        dim = upper[index, _DIM]
        if not listed >> dim & 1:
            listed |= 1 << dim
            for at in range(inherited, 0, -1):
                _copy(own[at], own[at - 1])
            _set(own[0], dim, upper[index, _SIZE], upper[index, _OFFSET])
            inherited += 1
    return inherited


@inner
def _cuts_filter(layer: Ints, row: Ints) -> bool:
    """Whether a directive maps a filter dimension in time, but not whole."""
    if row[_KIND] != _TEMPORAL or row[_DIM] not in (_R, _S):
        return False
    return bool(row[_SIZE] != row[_OFFSET] or row[_SIZE] != layer[1 + row[_DIM]])


@inner
def _take_in(own: Ints, first: int, count: int, dim: int) -> bool:
    """Output rows or columns (of Y or X) become input ones, unless those are listed too (then at the end); False if
    there is no filter to say how many."""
    present, primed, filter_size = False, -1, 0
    for index in range(first, count):
        present |= own[index, _DIM] == dim
        if own[index, _DIM] == dim + 2 and primed < 0:
            primed = index
        if own[index, _DIM] == (_R if dim == _Y else _S):
            filter_size = own[index, _SIZE]
    if primed >= 0 and filter_size > 0 and not present:
        own[primed, _DIM] = dim
        own[primed, _SIZE] += filter_size - 1
    return primed < 0 or filter_size != 0


@inner
def _stride(layer: Ints, own: Ints, table: Ints, index: int, level: int) -> None:
    """Strides: only whole output positions are mapped."""
    dim = own[index, _DIM]
    if dim in (_Y, _X):
        filter_size = layer[1 + (_R if dim == _Y else _S)]
        stride = layer[10 if dim == _Y else 11]
        size = own[index, _SIZE]
        if stride != 1 and size >= filter_size:
            outputs = (size + stride - filter_size) // stride
            target = table[dim, _FIRST]
            own[target, _SIZE] = outputs * min(stride, filter_size) + max(filter_size - stride, 0)
            step = filter_size if level > 0 and filter_size < stride else stride
            own[target, _OFFSET] = outputs * step


@inner
def _spread(own: Ints, table: Ints, fact: Ints, level: int, out: Ints) -> bool:
    """Finds the directive that is spread over units, and names the last output dimensions as input ones; False with the
    fault in `out`."""
    spatial, count = 0, fact[_MAPS]
    fact[_PARALLEL] = -1
    for index in range(count):
        dim = own[index, _DIM]
        if dim >= _OUT_X:
            filter_dim = _S if dim == _OUT_X else _R
            filter_size = 1
            for other in range(count):
                if own[other, _DIM] == filter_dim:
                    filter_size = own[other, _SIZE]
            dim -= 2
            own[index, _DIM] = dim
            own[index, _SIZE] += filter_size - 1
            if table[dim, _FIRST] < 0 or table[dim, _FIRST] > index:
                table[dim, _FIRST] = index
        if table[dim, _D] < 1:
            return _fault(out, (NO_SUCH_DIMENSION, level, dim)) != 0
        if own[index, _KIND] == _SPATIAL:
            spatial += 1
            if fact[_PARALLEL] < 0:
                fact[_PARALLEL] = index
    if spatial == 0:
        _fault(out, (NO_SPATIAL, level, -1))
    if spatial > 2:
        _fault(out, (MANY_SPATIAL, level, -1))
    return 1 <= spatial <= 2


@inner
def _fault(out: Ints, fault_level_dim: tuple[int, int, int]) -> int:
    out[FAULT], out[FAULT_LEVEL], out[FAULT_DIM] = fault_level_dim
    return 0


@inner
def _tabulate(maps: Ints, table: Ints, fact: Ints) -> None:
    """Elements mapped to a unit, and those new in a step, inside and at the edge, of every dimension."""
    for index in range(fact[_MAPS]):
        dim, size, offset = maps[index, _DIM], maps[index, _SIZE], maps[index, _OFFSET]
        bound = table[dim, _D]
        steps = max(0, quotient(bound - size, offset))
        rest = bound - (steps + 1) * offset
        if rest < 0:
            rest = bound
        ragged = steps * offset + size < bound or size > bound
        table[dim, _LAST] = index
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


@inner
def _list_states(maps: Ints, dims: Ints, fact: Ints, states: Ints, counts: Ints) -> int:
    """The states of every directive for dimensions `dims`; the number of cases."""
    cases = 1
    units = fact[_UNITS]
    for index in range(fact[_MAPS]):
        size, offset, bound = maps[index, _SIZE], maps[index, _OFFSET], dims[maps[index, _DIM]]
        temporal = maps[index, _KIND] == _TEMPORAL
        cover = size if temporal else offset * (units - 1) + size
        states[index, 0, _POSITION] = _INIT
        states[index, 0, _COUNT] = 1
        states[index, 0, _EDGE] = bound < cover
        states[index, 0, _SEE] = not temporal and bound < cover
        states[index, 0, _UNROLLED] = bound <= cover
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
                states[index, count, _POSITION] = _STEADY
                states[index, count, _COUNT] = steady
                states[index, count, _EDGE] = 0
                states[index, count, _SEE] = 0
                count += 1
            if edge:
                states[index, count, _POSITION] = _AT_EDGE
                states[index, count, _COUNT] = 1
                states[index, count, _EDGE] = 1
                states[index, count, _SEE] = see
                count += 1
        counts[index] = count
        cases *= count
    return cases


class Held(NamedTuple):
    """Elements of one dimension that a unit holds, and those new in a step, inside and at the edge."""

    mapped: int
    mapped_edge: int
    unique: int
    unique_edge: int


class State(NamedTuple):
    """Where a directive stands, and how many units its level has at the edge."""

    spatial: bool
    position: int
    edge: bool
    edge_units: int


@inner
def _output_factor(state: State, held: Held, view: int, reuse: bool, raw_edge: int) -> int:
    """Elements of one dimension that a unit puts out; `raw_edge`: the edge of Y or X where the rest is of Y', X'."""
    first, see = view < _LATER, view in (_FIRST_SEE, _LATER_SEE, _WHOLE)
    if not state.spatial:
        return held.mapped_edge if state.edge else held.mapped
    if state.position == _INIT and state.edge and see:
        return held.unique_edge if state.edge_units > 1 and reuse else held.mapped_edge
    if state.position == _AT_EDGE:
        if state.edge_units == 1:
            return raw_edge if first or see else 1
        if see:
            return held.unique_edge
    if first:
        return held.mapped
    return held.unique if held.unique != 0 else 1


@inner
def _load_factor(state: State, held: Held, view: int, relation: int) -> int:
    """Elements of one dimension that a unit needs anew; -1 where MAESTRO gives up on a loop that brings nothing."""
    first, see = view < _LATER, view in (_FIRST_SEE, _LATER_SEE)
    whole = held.mapped_edge if see else held.mapped
    if not state.spatial:
        if state.position == _INIT:
            return held.mapped_edge if state.edge else held.mapped
        if relation == _FRESH:
            return held.unique if held.unique != 0 else -1
        return held.mapped
    if relation == _OPENING:
        if not state.edge:
            return held.mapped
        if state.edge_units > 1:
            return whole
        return held.mapped_edge if first or see else 1
    if first or relation == _KEPT:
        return whole
    return held.unique_edge if see else held.unique


@inner
def _held(table: Ints, dim: int) -> Held:
    return Held(table[dim, _MAPPED], table[dim, _MAPPED_EDGE], table[dim, _UNIQUE], table[dim, _UNIQUE_EDGE])


@inner
def _list_factors(room: Room, level: int) -> None:
    """What each state of each dimension contributes to outputs (`outputs[level, dim, state, view]`) and what each state
    of each directive contributes to loads (`loads[level, index, state, relation, view]`)."""
    maps, table, fact, states = room.maps[level], room.tables[level], room.facts[level], room.states[level]
    outputs, loads, counts = room.outputs[level], room.loads[level], room.turns[level, 0]
    for index in range(fact[_MAPS]):
        dim = maps[index, _DIM]
        holder = table[dim, _LAST]
        coupled = room.masks[2] >> dim & 1 != 0
        first = index == table[dim, _FIRST]
        held, put = _held(table, dim), _held(table, dim + 2 if coupled and dim >= _X else dim)
        for choice in range(counts[holder]):
            position, edge = states[holder, choice, _POSITION], states[holder, choice, _EDGE] != 0
            state = State(maps[index, _KIND] == _SPATIAL, position, edge, fact[_EDGE_UNITS])
            if first or not coupled:
                for view in range(5):
                    factor = _output_factor(state, put, view, coupled and view != _WHOLE, held.mapped_edge)
                    outputs[dim, choice, view] = factor if first else outputs[dim, choice, view] * factor
            for relation in range(3):
                for view in range(4):
                    loads[index, choice, relation, view] = _load_factor(state, held, view, relation)


@inner
def _over_units(tensor: int, turns: Ints, table: Ints, states: Ints, fact: Ints) -> int:
    """Elements of a tensor over all units, from its volumes by view; shared elements count once."""
    volumes, edge_units = turns[7:12], fact[_EDGE_UNITS]
    edge, see = _edges(tensor, turns, table, states)
    active = edge_units if edge else fact[_UNITS]
    ragged = 1 if edge and see else 0
    result = volumes[tensor, _FIRST_SEE if ragged and active == 1 else _FIRST_UNIT]
    if turns[3 + tensor, 0] < 0 or active == 1:
        return int(result)
    if active - ragged > 1:
        result += (active - ragged - 1) * volumes[tensor, _LATER]
    if ragged:
        result += volumes[tensor, _LATER_SEE]
    return int(result)


@inner
def _list_spatial(coupled: Ints, maps: Ints, table: Ints, fact: Ints, spatial: Ints) -> None:
    """Dimensions spread over units: per tensor in its own order, then of the whole level; -1 ends a list."""
    for which in range(4):
        spatial[which, 0] = spatial[which, 1] = -1
    for tensor in range(3):
        found = 0
        for slot in range(6):
            dim = coupled[tensor, slot]
            if dim >= 0 and maps[table[dim, _FIRST], _KIND] == _SPATIAL and found < 2:
                spatial[tensor, found] = dim
                found += 1
    found = 0
    for index in range(fact[_MAPS]):
        if maps[index, _KIND] == _SPATIAL:
            spatial[3, found] = maps[index, _DIM]
            found += 1


@inner
def _edges(which: int, turns: Ints, table: Ints, states: Ints) -> tuple[bool, bool]:
    """Of a tensor's (or the level's) dimensions spread over units: is any at its edge, has the last a ragged unit?"""
    picked = turns[2]
    edge, see = False, False
    for slot in range(2):
        dim = turns[3 + which, slot]
        if dim >= 0:
            holder = table[dim, _LAST]
            edge = edge or states[holder, picked[dim], _EDGE] != 0
            see = states[holder, picked[dim], _SEE] != 0
    return edge, see


@inner
def _next(turns: Ints, size: int, case: int) -> None:
    """The next case in MAESTRO's order: the innermost loop turns first, each starting at its second state."""
    counts, turn = turns[0], turns[1]
    for index in range(size - 1, -1, -1):
        if case == 0:
            turn[index] = 0
        elif counts[index] > 1:
            turn[index] = turn[index] + 1 if turn[index] + 1 < counts[index] else 0
            if case > 1 and turn[index] != 1:
                break


@inner
def _choose(room: Room, level: int, out: Ints) -> tuple[int, int]:
    """Fills the states of the dimensions; how often the case occurs, and the innermost directive that has stepped."""
    own, table, options, turns = room.maps[level], room.tables[level], room.states[level], room.turns[level]
    turn, picked = turns[1], turns[2]
    occurrences, stepping = 1, -1
    for index in range(room.facts[level, _MAPS]):
        dim = own[index, _DIM]
        occurrences *= options[index, turn[index], _COUNT]
        picked[dim] = turn[table[dim, _LAST]]
        if picked[dim] > 0:
            stepping = index
    exact = occurrences
    occurrences = (occurrences + 2**31) % 2**32 - 2**31  # a 32-bit number in MAESTRO
    if exact != occurrences:
        out[WRAPPED] = 1
    return occurrences, stepping


@inner
def _list_moves(room: Room, level: int, stepping: int) -> None:
    """Which of input and weight move, and from which directive on they bring only what is new.

    A tensor that the stepping loop does not touch brings nothing; one with a loop inside that starts again brings whole
    tiles.
    """
    own, table, options, turns = room.maps[level], room.tables[level], room.states[level], room.turns[level]
    moves, new_from = turns[12], turns[13]
    for tensor in range(2):
        moves[tensor] = stepping < 0 or room.masks[tensor] >> own[stepping, _DIM] & 1
        new_from[tensor] = stepping
        for index in range(stepping + 1, room.facts[level, _MAPS]):
            dim = own[index, _DIM]
            if room.masks[tensor] >> dim & 1 and not options[table[dim, _LAST], 0, _UNROLLED]:
                new_from[tensor] = stepping + 1


@inner
def _list_volumes(room: Room, level: int, stepping: int) -> bool:
    """Fills the volumes by view; whether a loop steps that brings nothing."""
    own, turns, masks = room.maps[level], room.turns[level], room.masks
    made, needed = room.outputs[level], room.loads[level]
    picked, volumes, moves, new_from = turns[2], turns[7:12], turns[12], turns[13]
    for which in range(4):
        for view in range(5):
            volumes[which, view] = 1
    dry = False
    for index in range(room.facts[level, _MAPS]):
        dim = own[index, _DIM]
        choice = picked[dim]
        if index == room.tables[level, dim, _FIRST]:
            which = 2 if masks[2] >> dim & 1 else 3
            for view in range(5):
                volumes[which, view] *= made[dim, choice, view]
        for tensor in range(2):
            if moves[tensor] and masks[tensor] >> dim & 1:
                relation = _OPENING if stepping < 0 else (_FRESH if index >= new_from[tensor] else _KEPT)
                for view in range(4):
                    volumes[tensor, view] *= needed[index, choice, relation, view]
                dry = dry or needed[index, choice, relation, 0] < 0
    return dry


@inner
def _critical(room: Room, level: int, out: Ints) -> int:
    """Products of the slowest unit; where there are none and nothing is blamed yet, what is."""
    turns, fact = room.turns[level], room.facts[level]
    edge, see = _edges(number(2), turns, room.tables[level], room.states[level])
    view = _FIRST_SEE if edge and see and fact[_EDGE_UNITS] == 1 else _FIRST_UNIT
    products = turns[9, view] * turns[10, view]
    if products <= 0 and out[FAULT_DIM] < 0:
        # Should nothing be left to do at all, this is why.
        for index in range(fact[_MAPS]):
            dim = room.maps[level, index, _DIM]
            if room.outputs[level, dim, turns[2, dim], view] <= 0:
                out[FAULT_LEVEL], out[FAULT_DIM] = level, dim
    return int(products)


@inner
def _work(turns: Ints, table: Ints, states: Ints, fact: Ints) -> int:
    """Products of all units of the top level."""
    volumes, units, edge_units = turns[7:12], fact[_UNITS], fact[_EDGE_UNITS]
    edge, see = _edges(number(3), turns, table, states)
    whole = volumes[2, _FIRST_UNIT] * volumes[3, _FIRST_UNIT]
    if not (edge and see):
        whole *= edge_units if edge else units
    elif edge_units == 1:
        whole = volumes[2, _FIRST_SEE] * volumes[3, _FIRST_SEE]
    else:
        whole = (edge_units - 1) * whole + volumes[2, _WHOLE] * volumes[3, _WHOLE]
    return int(whole)


@inner
def _enter(room: Room, level: int, ragged: bool) -> int:
    """Fills the sizes for the level below, those of the ragged last unit or of the others; the edges as a set."""
    own, table, options = room.maps[level], room.tables[level], room.states[level]
    picked, below, fact = room.turns[level, 2], room.dims[level + 1], room.facts[level]
    key = 0
    for index in range(fact[_MAPS]):
        dim = own[index, _DIM]
        small = options[table[dim, _LAST], picked[dim], _EDGE] != 0
        if own[index, _KIND] == _SPATIAL:
            small = small and (fact[_EDGE_UNITS] == 1 or ragged)
        below[dim] = table[dim, _MAPPED_EDGE] if small else table[dim, _MAPPED]
        key = key & ~(1 << dim) | (1 << dim if small else 0)
    return key


@inner
def _list_l1(room: Room, table: Ints, tries: int, out: Ints) -> None:
    """Fills the double buffers of a PE."""
    for tensor in range(3):
        elements = 2 * (tries if tensor < 2 else 1)
        for slot in range(6):
            if room.coupled[tensor, slot] < 0:
                break
            elements *= table[room.coupled[tensor, slot], _MAPPED]
        out[L1_SIZE + tensor] = elements


@recursive(0, 0, np.zeros(5, np.int64), room(), np.zeros(COLUMNS, np.int64))
def _run(level: int, levels: int, hardware: Ints, room: Room, out: Ints) -> int:
    """Cycles of one level for the dimensions in `dims[level]`, or -1 with the fault in `out`.

    The top level also fills `out`. A lower level depends on its caller only through which dimensions are at the
    edge, so its result is kept in `memo` under that set.

    `turns[level]` holds per directive the number of states, its state and its dimension's state, then per tensor
    (and for the level) two spatial dimensions, then per tensor (and for the level) the volumes by view, which of input
    and weight move, and from which directive on what they bring is new.
    """
    own, table, fact, options = room.maps[level], room.tables[level], room.facts[level], room.states[level]
    turns, bandwidth, latency, offchip = room.turns[level], hardware[_BANDWIDTH], hardware[_LATENCY], hardware[_OFFCHIP]
    parallel = own[fact[_PARALLEL], _DIM]
    runtime, valid_seen, tries, floor_cycles = 0, False, 0, 0
    l2_input, l2_weight, l2_output = 0, 0, 0
    total = _list_states(own, room.dims[level], fact, options, turns[0])
    _list_factors(room, level)
    for case in range(total):
        _next(turns, fact[_MAPS], case)
        occurrences, stepping = _choose(room, level, out)
        _list_moves(room, level, stepping)
        dry = _list_volumes(room, level, stepping)
        egress, work = _over_units(number(2), turns, table, options, fact), 0
        critical = _critical(room, level, out)
        if level == 0:
            work = _work(turns, table, options, fact)
            out[L2_WRITE + 2] += occurrences * egress
            out[L1_READ + 2] += occurrences * work
        if critical <= 0 and valid_seen:
            continue
        if dry:
            return _fault(out, (NOTHING_NEW, level, own[stepping, _DIM])) - 1
        load_input = _over_units(number(0), turns, table, options, fact) if turns[12, 0] else 0
        load_weight = _over_units(number(1), turns, table, options, fact) if turns[12, 1] else 0
        if not valid_seen:
            tries += 1
            l2_input, l2_weight, l2_output = l2_input + 2 * load_input, l2_weight + 2 * load_weight, 2 * egress
            valid_seen = critical > 0
            floor_cycles = quotient(quotient(l2_output, offchip), number(2))
            floor_cycles = max((l2_input + l2_weight) // offchip // 2, floor_cycles)
        if critical <= 0:
            continue

        compute = -(-critical // hardware[_LANES]) if level == levels - 1 else 0
        if level < levels - 1:
            holder = table[parallel, _LAST]
            state = turns[2, parallel]
            ragged = options[holder, state, _EDGE] != 0 and options[holder, state, _SEE] != 0
            for other in range(2):  # the ragged last unit, then the others
                if not ragged if other == 0 else ragged and fact[_EDGE_UNITS] == 1:
                    continue
                key = _enter(room, level, other == 0)
                if room.memo[level + 1, key] == _UNKNOWN:
                    below = _run(level + 1, levels, hardware, room, out)
                    if out[FAULT] != OK:
                        return -1
                    room.memo[level + 1, key] = below
                compute = max(compute, room.memo[level + 1, key])

        cycles = delay(load_input + load_weight, bandwidth, latency)
        cycles = cycles + compute if stepping < 0 else max(compute, cycles, delay(egress, bandwidth, latency))
        if level == 0:
            if compute == 0:
                out[FAULT] = NO_COMPUTATION
                return -1
            cycles = max(cycles, floor_cycles)
            out[MACS] += occurrences * work
            out[L2_READ] += occurrences * load_input
            out[L2_READ + 1] += occurrences * load_weight
        runtime += occurrences * cycles

    if out[L1_SIZE + 2] == _UNKNOWN:
        _list_l1(room, table, tries, out)
    if level == 0:
        out[RUNTIME] = runtime
        out[L2_SIZE], out[L2_SIZE + 1], out[L2_SIZE + 2] = l2_input, l2_weight, l2_output
    return runtime


@inner
def _too_large(layer: Ints, rows: Ints) -> bool:
    """Whether counts could leave 64 bits: dimensions, or tiles, that multiply to 2**60 or more."""
    loops, tiles = 1.0, 1.0
    for dim in range(_DIMS):
        largest = 1
        for row in range(rows.shape[0]):
            if rows[row, _DIM] == dim:
                largest = max(largest, rows[row, _SIZE])
        tiles *= largest
        if dim < 9:
            loops *= max(layer[1 + dim], 1)
    return bool(max(loops, tiles) >= 2.0**60)


@inner
def _list_coupled(layer: Ints, room: Room) -> None:
    for tensor in range(3):
        slots = 0
        room.masks[tensor] = 0
        for slot in range(6):
            room.coupled[tensor, slot] = -1
        for slot in range(6):
            dim = _COUPLED[layer[0], tensor, slot]
            if dim >= 0 and (dim != _N or layer[0] == _GEMM or layer[1 + _N] > 0):
                room.coupled[tensor, slots] = dim
                room.masks[tensor] |= 1 << dim
                slots += 1


@inner
def _list_fills(layer: Ints, coupled: Ints, result: Ints) -> None:
    """The accesses that follow from the others, and each tensor's size."""
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


@entry
def evaluate_batch(layers: Ints, directives: Ints, starts: Ints, hardware: Ints, out: Ints, room: Room) -> None:
    """Fills `out`, shape (problems, COLUMNS), zero, one row a problem (see `engine.Batch` for the inputs)."""
    for problem in range(layers.shape[0]):
        layer, result = layers[problem], out[problem]
        result[FAULT_DIM] = -1
        _list_coupled(layer, room)
        rows = directives[starts[problem] : starts[problem + 1]]
        if _too_large(layer, rows):
            _fault(result, (TOO_LARGE, 0, -1))
            continue
        levels = _complete(layer, rows, room, hardware[problem, _PES], result)
        if levels == 0:
            continue
        for dim in range(9):
            room.dims[0, dim] = layer[1 + dim]
        for level in range(levels):
            _list_spatial(room.coupled, room.maps[level], room.tables[level], room.facts[level], room.turns[level, 3:7])
            for key in range(room.memo.shape[1]):
                room.memo[level, key] = _UNKNOWN
        result[L1_SIZE + 2] = _UNKNOWN
        runtime = _run(number(0), levels, hardware[problem], room, result)
        if result[FAULT] == OK and runtime <= 0:
            result[FAULT] = NO_CYCLES
        if result[FAULT] == OK:
            result[FAULT_LEVEL], result[FAULT_DIM] = 0, 0
            _list_fills(layer, room.coupled, result)
