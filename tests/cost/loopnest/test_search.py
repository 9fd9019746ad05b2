"""The search against plain enumeration of the map space."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from itertools import permutations

import pytest

from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Constraint, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts
from chipweave.cost.loopnest.search import best_mapping
from chipweave.cost.loopnest.shape import LOOPS, Shape
from chipweave.errors import InputError
from tests.cost.loopnest.cases import FREE, random_case, random_constraint, random_search
from tests.cost.loopnest.enumeration import STYLES, best, moving, place, reuse, standing, value
from tests.support import seeds

OBJECTIVES = ("latency", "energy", "edp")
EYERISS_V1 = Constraint(rows="RCK", columns="YCK", whole="S", spread="RY")
"""Of `eyeriss-65nm`."""

CONSTRAINTS: dict[str, Constraint | None] = {
    **STYLES,
    "eyeriss-v1": EYERISS_V1,
    "free": FREE,
    "any": None,
    "any, spread": None,
}


def constraint_of(style: str, rng: random.Random) -> Constraint:
    """That of the style, or any; where it says so with a loop that is spread."""
    found = CONSTRAINTS[style] or random_constraint(rng)
    unrolled = [loop for loop in found.rows + found.columns if loop not in found.whole]
    return replace(found, spread=rng.choice(unrolled)) if style.endswith("spread") and unrolled else found


@pytest.mark.parametrize("block", seeds(1, 3))
@pytest.mark.parametrize("style", CONSTRAINTS)
def test_the_best_of_the_map_space(style: str, block: int) -> None:
    tried = 0
    for seed in range(block * 15, (block + 1) * 15):
        rng = random.Random(seed)
        case = random_search(rng, constraint_of(style, rng))
        costed = standing(case.shape, case.machine, count)
        for objective in OBJECTIVES:
            if not costed:
                with pytest.raises(InputError, match=f"no mapping fits l1_bytes={case.machine.l1_bytes}"):
                    best_mapping(case.shape, case.machine, case.energies, objective)
                continue
            found = best_mapping(case.shape, case.machine, case.energies, objective)
            least = best(costed, case.machine, case.energies, objective)
            counts = count(case.shape, found, case.machine)
            assert value(counts, case.machine, case.energies, objective) == least, f"seed {seed}, {objective}: {case}"
            places = {place(case.shape, mapping, case.machine) for mapping, _ in costed}
            assert place(case.shape, found, case.machine) in places, f"seed {seed}, {objective}: {case}"
            tried += 1
    assert tried >= 30


@pytest.mark.parametrize("style", CONSTRAINTS)
def test_orders_out_of_blocks_are_no_better(style: str) -> None:
    more = 0
    for seed in range(1000, 1010):
        rng = random.Random(seed)
        case = random_search(rng, constraint_of(style, rng), most_macs=100)
        machine = case.machine
        blocks, all_ = (standing(case.shape, machine, count, blocks) for blocks in (True, False))
        more += len(all_) - len(blocks)
        for objective in OBJECTIVES if blocks else ():
            values = [best(some, machine, case.energies, objective) for some in (blocks, all_)]
            assert values[0] == values[1], f"seed {seed}, {objective}: {case}"
    assert more > 0


@pytest.mark.parametrize("block", seeds(2, 4))
def test_orders_of_the_same_reuse_count_the_same(block: int) -> None:
    """What the enumeration leaves out it has costed already."""
    left_out = 0
    for seed in range(block * 50, (block + 1) * 50):
        case = random_case(random.Random(seed), most_macs=3000)
        shape, tile = case.shape, case.mapping.tile
        steps = [-(-d // (s * t)) for d, s, t in zip(shape.bounds, case.mapping.spatial, tile, strict=True)]
        for sizes in (steps, tile):
            if len(moving(sizes)) > 5:
                continue  # too many orders
            groups: dict[object, set[Counts]] = defaultdict(set)
            for order in permutations(moving(sizes)):
                whole = "".join(order) + "".join(d for d in LOOPS if d not in order)
                orders = (whole, case.mapping.inner) if sizes is steps else (case.mapping.outer, whole)
                mapping = Mapping(case.mapping.spatial, tile, *orders)
                groups[reuse(order)].add(count(shape, mapping, case.machine))
                left_out += 1
            assert all(len(different) == 1 for different in groups.values()), f"seed {seed}: {case}"
            left_out -= len(groups)
    assert left_out > 100


def test_what_does_not_fit_is_an_error() -> None:
    """One operand of each kind and one partial sum are 1 + 1 + 4 bytes."""
    shape, machine = Shape((1, 1, 4, 4, 1, 1, 1, 1)), Machine(4, FREE, l1_bytes=6)
    case = random_search(random.Random(0), FREE)
    assert best_mapping(shape, machine, case.energies, "edp").tile[2:4] == (1, 1)
    with pytest.raises(InputError, match="l1_bytes=5"):
        best_mapping(shape, Machine(4, FREE, l1_bytes=5), case.energies, "edp")
