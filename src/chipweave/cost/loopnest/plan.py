"""What runs for some layers on a chiplet: their shapes, each under its best mapping, with its counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipweave.cost.interface import Tell
from chipweave.cost.loopnest import cache
from chipweave.cost.loopnest.allowed import allowed
from chipweave.cost.loopnest.chiplet import energies_of, machine_of
from chipweave.cost.loopnest.closed_form import count, count_all
from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts
from chipweave.cost.loopnest.shape import LOOPS, Shape, shapes_of
from chipweave.cost.loopnest.turn import turned_mapping, upright
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer

REPORT_EVERY_S = 0.3
"""About so often a search says how far it is and may be ended: so many shapes are searched at once."""

STORE_EVERY_S = 1.0
"""What was found goes to the disk at least so often, so that an interrupt loses little."""

LARGEST = 2**62
"""No count, and nothing on the way to one, is as large: the compiled kernels count in 64 bits."""


@dataclass(frozen=True, slots=True)
class Run:
    """A shape under its mapping."""

    shape: Shape
    mapping: Mapping
    counts: Counts


Known = dict[tuple[Machine, Energies, str], dict[Shape, Run]]
"""By machine, energies and objective what shapes run as."""


@dataclass(frozen=True)
class Plan:
    """Per layer its runs, one after another; none for layers that ride."""

    layers: tuple[Layer, ...]
    chiplet: Chiplet
    machine: Machine
    energies: Energies
    runs: tuple[tuple[Run, ...], ...]


def plan(
    layers: Sequence[Layer],
    chiplet: Chiplet,
    objective: str,
    jobs: int = 1,
    tell: Tell | None = None,
    known: Known | None = None,
) -> Plan:
    """Equal shapes are mapped once, and so are those that differ in which way they lie.

    Args:
        objective: of a layer's mapping: `latency`, `energy` or `edp`.
        jobs: threads; the result does not depend on it.
        tell: told now and then how far the search is; what it raises ends it. What was found until then is kept.
        known: what needs no search; what is found is added.

    Raises:
        InputError: layers without a mapping that fits L1, or too large to be counted, naming layer, chiplet and limit,
            all at once.
    """
    machine, energies = _machine(layers, chiplet), energies_of(chiplet)
    shapes = [shapes_of(layer) for layer in layers]
    refused = [
        f"{chiplet.where}layer '{layer.name}' on chiplet '{chiplet.name}': {problem}"
        for layer, each in zip(layers, shapes, strict=True)
        for problem in _refused(layer, each, machine)
    ]
    if refused:
        raise InputError(refused)
    found = {} if known is None else known.setdefault((machine, energies, objective), {})
    new = dict.fromkeys(shape for each in shapes for shape in each if shape not in found)
    stands = {shape: upright(shape, machine) for shape in new}
    distinct = [shape for shape in dict.fromkeys(stands.values()) if shape not in found]
    keys = dict(zip(distinct, cache.keys_of(distinct, machine, energies, objective), strict=True))
    found |= _cached(keys, machine)
    missing = {shape: key for shape, key in keys.items() if shape not in found}
    needs = {shape: _least_l1_bytes(shape, machine) for shape in missing if machine.constraint.whole}
    problems = [
        _too_big(layer, chiplet, machine, need)
        for layer, each in zip(layers, shapes, strict=True)
        if (need := max((needs.get(stands.get(shape, shape), 0) for shape in each), default=0)) > machine.l1_bytes
    ]
    if problems:
        raise InputError(problems)
    found |= _searched(missing, machine, energies, objective, jobs, tell or (lambda done, total: None))
    for shape, taller in stands.items():
        if shape not in found:
            found[shape] = Run(shape, turned_mapping(found[taller].mapping), found[taller].counts)
    runs = tuple(tuple(found[shape] for shape in each) for each in shapes)
    return Plan(tuple(layers), chiplet, machine, energies, runs)


def _machine(layers: Sequence[Layer], chiplet: Chiplet) -> Machine:
    """The chiplet's machine; where it cannot run a single product, the first layer that has any is named."""
    try:
        return machine_of(chiplet)
    except InputError as error:
        first = next((f"layer '{layer.name}' on " for layer in layers if not layer.rides), "")
        raise InputError([chiplet.where + first + problem for problem in error.problems]) from None


def _cached(keys: dict[Shape, bytes], machine: Machine) -> dict[Shape, Run]:
    """Of these shapes those that the cache has a mapping for, one that suits them."""
    stored = cache.load(list(keys.values()))
    known = {
        shape: stored[key] for shape, key in keys.items() if key in stored and allowed(stored[key], shape, machine)
    }
    counts = count_all(list(known), list(known.values()), machine)
    return {
        shape: Run(shape, mapping, each)
        for (shape, mapping), each in zip(known.items(), counts, strict=True)
        if each.l1_need_bytes <= machine.l1_bytes
    }


def _searched(
    keys: dict[Shape, bytes], machine: Machine, energies: Energies, objective: str, jobs: int, tell: Tell
) -> dict[Shape, Run]:
    """Each shape under its best mapping, which goes into the cache."""
    found: dict[Shape, Run] = {}
    if not keys:
        return found
    from chipweave.cost.loopnest.search import best_mappings

    shapes, at_once = list(keys), jobs
    new: dict[bytes, Mapping] = {}
    stored_s = time.monotonic()
    try:
        while len(found) < len(shapes):
            some, started_s = shapes[len(found) : len(found) + at_once], time.monotonic()
            mappings = best_mappings(some, machine, energies, objective, jobs)
            for shape, mapping, each in zip(some, mappings, count_all(some, mappings, machine), strict=True):
                found[shape] = Run(shape, mapping, each)
                new[keys[shape]] = mapping
            now_s = time.monotonic()
            at_once = at_once * 2 if now_s - started_s < REPORT_EVERY_S else max(jobs, at_once // 2)
            if now_s - stored_s > STORE_EVERY_S:
                cache.store(new)
                new, stored_s = {}, now_s
            tell(len(found), len(shapes))
    finally:
        cache.store(new)
    return found


MOST_OUTPUTS = 2**21
"""Along an axis under a filter: what its tiles read is counted tile by tile, and kept for every size of a tile."""

_SLIDING = tuple(map(LOOPS.index, "YX"))


def _refused(layer: Layer, shapes: Sequence[Shape], machine: Machine) -> list[str]:
    """What makes a layer one that cannot be counted.

    No tensor is read or written more than twice per MAC at any level, and a PE's iterations in one step are at most the
    product of its weights and its outputs.
    """
    if not shapes and not layer.rides:
        return ["none of its outputs gets a product; check its padding and output size"]
    macs = max((shape.macs for shape in shapes), default=0)
    each = max(4 * (machine.element_bytes + machine.sum_bytes), 2 + 3 * machine.sum_elements)
    if macs * each >= LARGEST:
        most = LARGEST // each
        return [f"{macs:.3g} multiply-accumulates are more than can be counted, {most:.3g}; make it several layers"]
    filtered = [shape.bounds for shape in shapes if max(shape.bounds[-2:]) > 1]
    longest = max((bounds[at] for bounds in filtered for at in _SLIDING), default=0)
    if longest > MOST_OUTPUTS:
        many = f"{longest} rows or columns of outputs under a filter"
        return [f"{many} are more than can be counted, {MOST_OUTPUTS}; make it several layers"]
    iterations = min(macs, machine.l1_bytes**2 // (machine.element_bytes * machine.sum_bytes))
    if iterations * machine.noc_bandwidth >= LARGEST:
        return [
            f"noc_bandwidth={machine.noc_bandwidth} is too large to be counted where a PE may run {iterations:.3g} "
            f"multiply-accumulates in one step; lower it to {(LARGEST - 1) // iterations} or less"
        ]
    return []


def _least_l1_bytes(shape: Shape, machine: Machine) -> int:
    """L1 of a PE that any mapping takes: a product at a time, but the loops whole that must be."""
    whole = machine.constraint.whole
    tile = tuple(bound if loop in whole else 1 for loop, bound in zip(LOOPS, shape.bounds, strict=True))
    smallest = Mapping((1,) * len(LOOPS), tile)
    # Without room for second buffers, so that they are not in the need.
    return count(shape, smallest, replace(machine, l1_bytes=1)).l1_need_bytes


def _too_big(layer: Layer, chiplet: Chiplet, machine: Machine, need: int) -> str:
    return (
        f"{chiplet.where}layer '{layer.name}' on chiplet '{chiplet.name}': the smallest tile with "
        f"{', '.join(machine.constraint.whole)} whole in a PE takes {need} bytes of L1, more than "
        f"l1_bytes={machine.l1_bytes}; raise l1_bytes, or take loops out of `whole`"
    )
