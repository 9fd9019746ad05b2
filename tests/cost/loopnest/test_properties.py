"""What holds for the best mapping of any layer on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Constraint, Machine
from chipweave.cost.loopnest.search import best_mapping
from chipweave.cost.loopnest.shape import C, G, K, N, R, S, X, Y
from tests.cost.loopnest.cases import FREE, Search, random_constraint, random_search, touched
from tests.cost.loopnest.enumeration import STYLES, value

OBJECTIVES = ("latency", "energy", "edp")
CONSTRAINTS: dict[str, Constraint | None] = {**STYLES, "free": FREE, "any": None}


def cases(style: str, seeds: range) -> list[Search]:
    """Layers of up to 3,000 MACs on machines with room for any mapping in L2, and for a whole loop in L1."""
    found = []
    for seed in seeds:
        rng = random.Random(f"{style} {seed}")
        case = random_search(rng, CONSTRAINTS[style] or random_constraint(rng), most_macs=3000, most_loops=8)
        machine = replace(case.machine, l1_bytes=case.machine.l1_bytes + 48)
        found.append(replace(case, machine=machine))
    return found


def best(case: Search, machine: Machine, objective: str) -> float:
    counts = count(case.shape, best_mapping(case.shape, machine, case.energies, objective), machine)
    return value(counts, machine, case.energies, objective)


@pytest.mark.parametrize("style", CONSTRAINTS)
def test_never_below_what_any_mapping_must_do(style: str) -> None:
    for case in cases(style, range(40)):
        shape, machine, bounds = case.shape, case.machine, case.shape.bounds
        weights = bounds[G] * bounds[K] * bounds[C] * bounds[R] * bounds[S]
        rows, columns = touched(shape.vertical, bounds[Y], bounds[R]), touched(shape.horizontal, bounds[X], bounds[S])
        inputs = bounds[N] * bounds[G] * bounds[C] * rows * columns
        outputs = bounds[N] * bounds[G] * bounds[K] * bounds[Y] * bounds[X]
        for objective in OBJECTIVES:
            counts = count(shape, best_mapping(shape, machine, case.energies, objective), machine)
            assert counts.macs == shape.macs
            assert counts.cycles >= -(-shape.macs // (machine.num_pes * machine.simd_lanes)) + 2 * machine.noc_latency
            assert counts.cycles * machine.noc_bandwidth >= weights + inputs
            assert counts.cycles * machine.noc_bandwidth >= outputs
            arriving = counts.l2_read[0] + counts.l2_read[1] + machine.sum_elements * counts.l2_read[2]
            leaving = outputs + machine.sum_elements * (counts.l2_write[2] - outputs)
            assert counts.cycles * machine.noc_bandwidth >= max(arriving, leaving)
            assert counts.l2_read[0] >= weights
            assert counts.l2_read[1] >= inputs
            assert counts.l2_write[2] >= outputs
            assert all(read >= write for read, write in zip(counts.l1_read[:2], counts.l1_write[:2], strict=True))


Change = Callable[[Machine], list[Machine]]


def longer_arrays(machine: Machine) -> list[Machine]:
    """A row or a column more; one PE more where any split goes."""
    if machine.array is None:
        return [replace(machine, num_pes=machine.num_pes + 1), replace(machine, num_pes=2 * machine.num_pes)]
    rows, columns = machine.array
    lengths = [(rows + 1, columns), (rows, columns + 1)]
    return [replace(machine, array=array, num_pes=array[0] * array[1]) for array in lengths]


MORE: dict[str, Change] = {
    "l1_bytes": lambda machine: [replace(machine, l1_bytes=machine.l1_bytes + more) for more in (1, 7, 100)],
    "noc_bandwidth": lambda machine: [replace(machine, noc_bandwidth=machine.noc_bandwidth + more) for more in (1, 8)],
    "simd_lanes": lambda machine: [replace(machine, simd_lanes=machine.simd_lanes + more) for more in (1, 4)],
    "array": longer_arrays,
}

NEAR = 1 + 1e-12
"""The search takes what differs by rounding as equal."""


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("style", CONSTRAINTS)
def test_more_is_never_worse(style: str, more: str) -> None:
    better = 0
    for case in cases(style, range(100, 112)):
        for objective in OBJECTIVES:
            before = best(case, case.machine, objective)
            for machine in MORE[more](case.machine):
                after = best(case, machine, objective)
                assert after <= before * NEAR, f"{objective}: {case} on {machine}"
                better += after < before
    assert better > 0
