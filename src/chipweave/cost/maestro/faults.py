"""Why MAESTRO has no figures for a layer, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chipweave.cost.maestro import layout
from chipweave.cost.maestro.engine import Integers
from chipweave.cost.maestro.notation import DIMENSIONS, WORD_OF_KIND, Kind


def fault_in_words(fault: Sequence[int], rows: Integers, layer: Integers, num_pes: int) -> str:
    """The directive at fault, what is wrong with it, and what to do.

    Args:
        fault: (code, level, dimension) of `engine.Counts.fault`.
        rows: the problem's directives, shape (rows, 4).
        layer: its row of `engine.Batch.layers`.
        num_pes: PEs of the hardware.
    """
    code, level, dim = (int(value) for value in fault)
    levels: list[list[list[int]]] = [[]]
    clusters = []
    for row in rows.tolist():
        if row[0] == Kind.CLUSTER:
            clusters.append(row[2])
            levels.append([])
        else:
            levels[-1].append(row)
    where = f"level {level + 1} of the mapping"
    name = DIMENSIONS[dim] if dim >= 0 else ""
    directive = _directive_of(dim, level, levels)
    if code == layout.PARTIAL_FILTER:
        size = int(layer[1 + dim])
        whole = f"TemporalMap({size},{size}) {name}" if size else f"no map of {name}"
        return f"{directive} ({where}) cuts the filter; a TemporalMap of {name} takes all of it: write {whole}"
    if code == layout.NO_SPATIAL:
        return f"{where} has no SpatialMap; add one, so that its units share the work"
    if code == layout.MANY_SPATIAL:
        spatial = [_text(row) for row in levels[level] if row[0] == Kind.SPATIAL]
        return f"{where} has {len(spatial)} SpatialMaps ({', '.join(spatial)}); keep at most two, or add a Cluster"
    if code == layout.NO_SUCH_DIMENSION:
        return f"{directive} ({where}): this type of layer has no dimension {name} there; remove the directive"
    if code == layout.FEW_PES:
        texts = ", ".join(f"Cluster({size}, P)" for size in clusters)
        return f"{texts}: a cluster of {math.prod(clusters)} PEs does not fit {num_pes} PEs; make it smaller"
    if code == layout.MANY_LEVELS:
        return f"{len(clusters)} Cluster directives make {len(levels)} levels; MAESTRO has at most {layout.MAX_LEVELS}"
    if code == layout.NO_FILTER:
        need = "S" if name == "X'" else "R"
        return f"{directive} ({where}) needs its filter beside it; add TemporalMap(Sz({need}),Sz({need})) {need}"
    if code == layout.MANY_MAPS:
        return f"{where} has more than {layout.MAX_MAPS} directives; remove repeated dimensions"
    if code == layout.NOTHING_NEW:
        return f"{directive} ({where}) steps but brings nothing new (its tile covers the dimension); make it smaller"
    if code == layout.TOO_LARGE:
        return "the loops multiply to more than 2^60 iterations; the counts would leave 64 bits"
    for dim_name, filter_name in (("Y", "R"), ("X", "S")):
        size, filter_size = (int(layer[1 + DIMENSIONS.index(key)]) for key in (dim_name, filter_name))
        if size < filter_size:
            return f"filter {filter_name}={filter_size} is larger than {dim_name}={size}; add the padding to {dim_name}"
    tight = _larger_than_dimension(levels, layer)
    if tight:
        return f"{tight}: no whole output is left (0 cycles); clip its size to the dimension"
    step = "in a step" if code == layout.NO_COMPUTATION else "in all"
    return f"{directive} ({where}) leaves no whole output (0 cycles {step}); give it a size that divides the work"


def _directive_of(dim: int, level: int, levels: Sequence[Sequence[Sequence[int]]]) -> str:
    """The directive that maps `dim` at `level`: its own, or the one inherited from the levels above."""
    output = {DIMENSIONS.index("X"): DIMENSIONS.index("X'"), DIMENSIONS.index("Y"): DIMENSIONS.index("Y'")}
    for upper in reversed(levels[: level + 1]):
        for row in upper:
            if row[1] == dim or (dim in output and row[1] == output[dim]):
                return _text(row)
    return f"TemporalMap(Sz({DIMENSIONS[dim]})) {DIMENSIONS[dim]} (implied, no directive names it)" if dim >= 0 else ""


def _text(row: Sequence[int]) -> str:
    return f"{WORD_OF_KIND[Kind(row[0])]}({row[2]},{row[3]}) {DIMENSIONS[row[1]]}"


def _larger_than_dimension(levels: Sequence[Sequence[Sequence[int]]], layer: Integers) -> str:
    """The first directive whose tile is larger than what it maps: the layer's dimension, or the level above's tile."""
    bounds = {dim: int(layer[1 + dim]) for dim in range(9)}
    for index, level in enumerate(levels):
        for row in level:
            bound = bounds.get(row[1], 0)
            if bound and row[2] > bound:
                return f"{_text(row)} (level {index + 1}, where the dimension is {bound})"
        for row in level:
            if row[1] in bounds:
                bounds[row[1]] = min(bounds[row[1]], row[2])
    return ""
