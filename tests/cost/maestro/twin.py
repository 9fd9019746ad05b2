"""MAESTRO's data-centric analysis, written slowly and obviously: dictionaries and loops, one function a rule.

The compiled engine is checked against it on mappings that no reference row holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

COUPLED = {
    "CONV": ("NCYX", "KCRS", "NKYX"),
    "TRCONV": ("NCYX", "KCRS", "NKYX"),
    "DSCONV": ("NCYX", "CRS", "NCYX"),
    "NGCONV": ("NGCYX", "GKCRS", "NGKCYX"),
    "GEMM": ("MK", "KN", "MN"),
}
FILTER = {"Y": "R", "X": "S"}
PRIMED = {"Y": "Y'", "X": "X'"}
SPATIAL, TEMPORAL = "spatial", "temporal"
INIT, STEADY, EDGE = "init", "steady", "edge"


class Refused(Exception):
    """MAESTRO exits, crashes or returns no cycles here."""


@dataclass
class Map:
    kind: str
    dim: str
    size: int
    offset: int


@dataclass
class State:
    position: str
    count: int
    edge: bool = False
    see: bool = False
    unrolled: bool = False


@dataclass
class Level:
    maps: list[Map]
    units: int
    sizes: dict[str, int]
    mapped: dict[str, int] = field(default_factory=dict)
    mapped_edge: dict[str, int] = field(default_factory=dict)
    unique: dict[str, int] = field(default_factory=dict)
    unique_edge: dict[str, int] = field(default_factory=dict)
    edge_units: int = 1

    def first(self, dim: str) -> Map | None:
        return next((m for m in self.maps if m.dim == dim), None)


def quotient(a: int, b: int) -> int:
    """Division as C does it, toward zero."""
    return abs(a) // abs(b) * (1 if (a >= 0) == (b >= 0) else -1)


def complete(kind, sizes, strides, levels, clusters, num_pes):
    tensors = coupled_dims(kind, sizes)
    inputs = sorted(set(tensors[0] + tensors[1]))
    units = [num_pes // math.prod(clusters), *clusters]
    if units[0] == 0 or len(units) > 4:
        raise Refused("clusters")
    result: list[Level] = []
    dims = dict(sizes)
    for index, original in enumerate(levels):
        maps = [Map(*m) for m in original]
        for m in maps:
            if m.dim in ("R", "S") and m.kind == TEMPORAL and not m.size == m.offset == sizes.get(m.dim):
                raise Refused("filter not whole")
        level = Level(maps, units[index], dims)
        for dim in "YX":
            primed = level.first(PRIMED[dim])
            if primed is not None:
                filters = [m for m in maps if m.dim == FILTER[dim]]
                if not filters:
                    raise Refused("filter not listed")
                if level.first(dim) is None:
                    primed.dim, primed.size = dim, primed.size + filters[-1].size - 1
        if index:
            for upper in result[-1].maps:
                if level.first(upper.dim) is None:
                    maps.insert(0, Map(TEMPORAL, upper.dim, upper.size, upper.offset))
        for dim in inputs:
            if level.first(dim) is None:
                maps.append(Map(TEMPORAL, dim, dims[dim], dims[dim]))
        for m in maps:
            if m.dim in FILTER:
                filter_size, stride = sizes[FILTER[m.dim]], strides[m.dim]
                if stride != 1 and m.size >= filter_size:
                    q = (m.size + stride - filter_size) // stride
                    target = level.first(m.dim)
                    target.size = q * min(stride, filter_size) + max(filter_size - stride, 0)
                    target.offset = q * filter_size if index and filter_size < stride else q * stride
        for m in maps:
            if m.dim in ("Y'", "X'"):
                m.dim = m.dim[0]
                m.size += [f for f in maps if f.dim == FILTER[m.dim]][-1].size - 1
            if m.dim not in dims:
                raise Refused("unknown dimension")
        if not 1 <= sum(m.kind == SPATIAL for m in maps) <= 2:
            raise Refused("spatial maps")
        tabulate(level)
        result.append(level)
        dims = {dim: min(level.first(dim).size, dims[dim]) for dim in inputs}
    return result, tensors


def coupled_dims(kind, sizes):
    return [[d for d in dims if d != "N" or kind == "GEMM" or "N" in sizes] for dims in COUPLED[kind]]


def tabulate(level: Level) -> None:
    for m in level.maps:
        dim = level.sizes[m.dim]
        k = max(0, quotient(dim - m.size, m.offset))
        ragged = k * m.offset + m.size < dim or m.size > dim
        e = dim - (k + 1) * m.offset
        if e < 0:
            e = dim
        level.mapped[m.dim] = m.size
        level.mapped_edge[m.dim] = e if ragged else m.size
        level.unique[m.dim] = 0 if m.kind == TEMPORAL and dim <= m.size else min(m.size, m.offset)
        level.unique_edge[m.dim] = max(m.offset - (m.size - e), 0)
    for dim, primed in PRIMED.items():
        m = level.first(dim)
        if m is None:
            continue
        filter_size = level.mapped[FILTER[dim]]
        level.mapped[primed] = level.mapped[dim] - filter_size + 1
        level.mapped_edge[primed] = level.mapped_edge[dim] - level.mapped_edge[FILTER[dim]] + 1
        level.unique[primed] = min(m.offset, m.size)
        level.unique_edge[primed] = min(m.offset, level.mapped_edge[primed])
    p = next(m for m in level.maps if m.kind == SPATIAL)
    dim, n = level.sizes[p.dim], level.units
    cover = p.offset * (n - 1) + p.size
    if dim > cover:
        w = ((dim - p.size) // p.offset + 1) // n - 1
        rest = dim - (w + 1) * p.offset * n
        level.edge_units = 1 if rest < p.size else (rest - p.size) // p.offset + 1
    elif dim > p.size:
        level.edge_units = (dim - p.size) // p.offset + 1
        if p.offset * (level.edge_units - 1) + p.size < dim:
            level.edge_units += 1


def states(m: Map, dim: int, n: int) -> list[State]:
    if m.kind == TEMPORAL:
        k = quotient(dim - m.size, m.offset)
        result = [State(INIT, 1, edge=dim < m.size, unrolled=dim <= m.size)]
        if m.size < dim and k > 0:
            result.append(State(STEADY, k))
        if dim >= m.size and k * m.offset + m.size < dim:
            result.append(State(EDGE, 1, edge=True))
        return result
    cover = m.offset * (n - 1) + m.size
    result = [State(INIT, 1, edge=dim < cover, see=dim < cover, unrolled=dim <= cover)]
    w = quotient(quotient(dim - m.size, m.offset) + 1, n) - 1
    step = m.offset * n
    if cover < dim and w > 0:
        result.append(State(STEADY, w))
    if dim > cover and (w + 1) * step + cover > dim and w * step + cover != dim:
        rest = dim - (w + 1) * step
        active = 1 if rest < m.size else quotient(rest - m.size, m.offset) + 1
        result.append(State(EDGE, 1, edge=True, see=(active - 1) * m.offset + m.size < rest))
    return result


class Case:
    """One iteration case of a level."""

    def __init__(self, level: Level, state: dict[str, State], occurrences: int, tensors) -> None:
        self.level, self.state, self.occurrences = level, state, occurrences
        self.inputs, self.output = tensors[:2], tensors[2]
        self.all_init = all(s.position == INIT for s in state.values())

    def spatial(self, dims) -> list[State]:
        return [self.state[d] for d in dims if self.level.first(d).kind == SPATIAL]

    def _output_factor(self, kind, dim, name, first, see, reuse) -> int:
        level, state = self.level, self.state[dim]
        nec = level.edge_units
        later = level.unique[name] or 1
        if kind == TEMPORAL:
            return level.mapped_edge[name] if state.edge else level.mapped[name]
        if state.position == INIT and state.edge and see:
            return level.unique_edge[name] if nec > 1 and reuse else level.mapped_edge[name]
        if state.position == EDGE:
            if nec == 1:
                return level.mapped_edge[dim] if first or see else 1
            if see:
                return level.unique_edge[name]
        return level.mapped[name] if first else later

    def outputs(self, psum, first, see, reuse=True) -> int:
        result = 1
        for dim in self.output:
            kind = self.level.first(dim).kind
            result *= self._output_factor(kind, dim, PRIMED.get(dim, dim), first, see, reuse)
        if psum:
            for m in self.level.maps:
                if m.dim not in self.output:
                    result *= self._output_factor(m.kind, m.dim, m.dim, first, see, False)
        return result

    def spread(self, dims, volume) -> int:
        spatial, nec = self.spatial(dims), self.level.edge_units
        if not spatial:
            return volume(True, False)
        if not any(s.edge for s in spatial):
            return volume(True, False) + (self.level.units - 1) * volume(False, False)
        see = spatial[-1].see
        result = volume(True, nec == 1 and see)
        if nec > 1:
            result += max(nec - see - 1, 0) * volume(False, False)
            result += volume(False, True) if see else 0
        return result

    def egress(self) -> int:
        return self.spread(self.output, lambda first, see: self.outputs(False, first, see))

    def critical_work(self) -> int:
        spatial = self.spatial(self.output)
        see = any(s.edge for s in spatial) and self.level.edge_units == 1 and spatial[-1].see
        return self.outputs(True, True, see)

    def work(self) -> int:
        spatial = [self.state[m.dim] for m in self.level.maps if m.kind == SPATIAL]
        nec, see = self.level.edge_units, spatial[-1].see
        if not any(s.edge for s in spatial):
            return self.level.units * self.outputs(True, True, False)
        result = self.outputs(True, True, nec == 1 and see)
        if nec > 1:
            result += max(nec - see - 1, 0) * self.outputs(True, True, False)
            result += self.outputs(True, False, True, reuse=False) if see else 0
        return result

    def ingress(self, tensor) -> int:
        return self.spread(tensor, lambda first, see: self._load(tensor, first, see))

    def _load(self, tensor, first, see) -> int:
        level, nec, result = self.level, self.level.edge_units, 1
        stepping = [i for i, m in enumerate(level.maps) if self.state[m.dim].position != INIT]
        j = stepping[-1] if stepping else -1
        if j >= 0 and level.maps[j].dim not in tensor:
            return 0
        inited = any(
            m.dim in tensor and self.state[m.dim].position == INIT and not self.state[m.dim].unrolled
            for m in level.maps[j + 1 :]
        )
        for i, m in enumerate(level.maps):
            if m.dim not in tensor:
                continue
            state, dim = self.state[m.dim], m.dim
            whole = level.mapped_edge[dim] if see else level.mapped[dim]
            new = level.unique_edge[dim] if see else level.unique[dim]
            steps = i == j and not inited
            if m.kind == TEMPORAL:
                if state.position == INIT:
                    result *= level.mapped_edge[dim] if state.edge else level.mapped[dim]
                elif steps:
                    if level.unique[dim] == 0:
                        raise Refused("nothing new")
                    result *= level.unique[dim]
                else:
                    result *= level.mapped[dim]
            elif j < 0:
                if not state.edge or nec > 1:
                    result *= whole if state.edge else level.mapped[dim]
                elif first or see:
                    result *= level.mapped_edge[dim]
            elif first:
                result *= whole
            elif state.position == INIT:
                result *= new if i > j else whole
            else:
                result *= new if steps else whole
        return result

    def handed_down(self, see) -> dict[str, int]:
        result = {}
        for m in self.level.maps:
            edge = self.state[m.dim].edge and (m.kind == TEMPORAL or self.level.edge_units == 1 or see)
            result[m.dim] = (self.level.mapped_edge if edge else self.level.mapped)[m.dim]
        return result


def cases(level: Level, dims: dict[str, int], tensors):
    lists = [states(m, dims[m.dim], level.units) for m in level.maps]
    total = math.prod(map(len, lists))
    periods = [math.prod(map(len, lists[i + 1 :])) for i in range(len(lists))]
    for k in range(total):
        chosen = [options[-(-k // f) % len(options)] for options, f in zip(lists, periods, strict=True)]
        occurrences = (math.prod(s.count for s in chosen) + 2**31) % 2**32 - 2**31
        state = {m.dim: s for m, s in zip(level.maps, chosen, strict=True)}
        yield Case(level, state, occurrences, tensors)


def evaluate(kind, sizes, strides, levels, clusters, *, num_pes, bandwidth, latency, offchip, lanes):
    """Figures of one layer, or Refused. Levels: lists of (kind, dim, size, offset)."""
    chain, tensors = complete(kind, sizes, strides, levels, clusters, num_pes)
    l1_size: list[int] = []

    def delay(x):
        return latency + quotient(x, bandwidth) + (math.fmod(x, bandwidth) != 0) - 1

    def run(index, dims):
        level, top = chain[index], index == 0
        runtime, seen_valid, tries = 0, False, 0
        counts = dict.fromkeys(("macs", "read_i", "read_w", "write_o", "all_macs"), 0)
        size = [0, 0, 0]
        for case in cases(level, dims, tensors):
            occ = case.occurrences
            egress, work = case.egress(), case.work()
            counts["write_o"] += occ * egress
            counts["all_macs"] += occ * work
            valid = case.critical_work() > 0
            loads = [case.ingress(t) for t in tensors[:2]] if valid or not seen_valid else None
            if not seen_valid:
                tries += 1
                size = [size[0] + 2 * loads[0], size[1] + 2 * loads[1], 2 * egress]
                seen_valid = valid
            if not valid:
                continue
            counts["macs"] += occ * work
            counts["read_i"] += occ * loads[0]
            counts["read_w"] += occ * loads[1]
            if index == len(chain) - 1:
                comp = math.ceil(case.critical_work() / lanes)
            else:
                p = next(m for m in level.maps if m.kind == SPATIAL)
                state = case.state[p.dim]
                views = [False]
                if state.edge and state.see:
                    views = [True, False] if level.edge_units > 1 else [True]
                comp = max(0, *(run(index + 1, case.handed_down(see)) for see in views))
            out = comp + delay(sum(loads)) if case.all_init else max(comp, delay(sum(loads)), delay(egress))
            if top:
                if comp == 0:
                    raise Refused("no computation")
                out = max(out, (size[0] + size[1]) // offchip // 2, quotient(quotient(size[2], offchip), 2))
            runtime += occ * out
        if not l1_size:
            mapped = level.mapped
            l1_size.extend(2 * math.prod(mapped[d] for d in t) for t in tensors)
            l1_size[0] *= tries
            l1_size[1] *= tries
        return (runtime, counts, size) if top else runtime

    runtime, counts, l2_size = run(0, sizes)
    if runtime <= 0:
        raise Refused("no cycles")
    full = [math.prod(sizes[d] for d in t) for t in tensors]
    out = math.prod(sizes[d] - (sizes[FILTER[d]] - 1 if d in FILTER else 0) for d in tensors[2])
    macs = counts["macs"]
    return {
        "runtime": runtime,
        "macs": macs,
        "l1_read": [macs, macs, counts["all_macs"]],
        "l1_write": [counts["read_i"], counts["read_w"], counts["all_macs"]],
        "l1_size": l1_size,
        "l2_read": [counts["read_i"], counts["read_w"], out],
        "l2_write": [full[0], full[1], counts["write_o"]],
        "l2_size": l2_size,
    }
