"""Every mapping of the map space (docs/cost-model/loopnest.md, "The map space"), costed one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby, permutations, product
from math import prod

from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts, energy_parts_j
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Shape

CostFunction = Callable[[Shape, Mapping, Machine], Counts]
Costed = tuple[Mapping, Counts]

STYLES = {
    "nvdla": Constraint(rows="GK", columns="C", stationary="W"),
    "shidiannao": Constraint(rows="YNKG", columns="XNKG", stationary="O"),
    "eyeriss": Constraint(rows="RC", columns="YKG", whole="S"),
}


def value(counts: Counts, machine: Machine, energies: Energies, objective: str) -> float:
    """What a search makes small: cycles, joules, or their product."""
    if objective == "latency":
        return counts.cycles
    energy_j = sum(energy_parts_j(counts, machine, energies))
    return energy_j if objective == "energy" else counts.cycles * energy_j


def best(costed: Sequence[Costed], machine: Machine, energies: Energies, objective: str) -> float:
    """The smallest value of the mappings that stand."""
    return min(value(counts, machine, energies, objective) for _, counts in costed)


def standing(shape: Shape, machine: Machine, cost: CostFunction, blocks: bool = True) -> list[Costed]:
    """The mappings that fit L1."""
    costed = ((mapping, cost(shape, mapping, machine)) for mapping in mappings(shape, machine, blocks))
    return [(mapping, counts) for mapping, counts in costed if counts.l1_need_bytes <= machine.l1_bytes]


def mappings(shape: Shape, machine: Machine, blocks: bool = True) -> Iterator[Mapping]:
    """All that the dataflow and the array allow; of orders that come to the same reuse one.

    Args:
        blocks: step loops in blocks only; else in any order, as if nothing were known of them.
    """
    constraint = machine.constraint
    per_loop = [
        list(factors(bound, unrolled=d in constraint.rows + constraint.columns, whole=d in constraint.whole))
        if d not in constraint.spread
        else [(spread(bound, d, machine), 1)]
        for d, bound in zip(LOOPS, shape.bounds, strict=True)
    ]
    for choice in product(*per_loop):
        spatial, tile = tuple(s for s, _ in choice), tuple(t for _, t in choice)
        if not fits_array(spatial, machine):
            continue
        for outer in orders(_stepping(shape, spatial, tile), constraint.stationary, blocks):
            for inner in orders(moving(tile), constraint.stationary, blocks=False):
                yield Mapping(spatial, tile, outer, inner)


def place(shape: Shape, mapping: Mapping, machine: Machine) -> object:
    """Where a mapping lies in the map space: equal for equal tilings and reuse.

    Raises:
        AssertionError: the orders are none of the map space.
    """
    outer = [d for d in mapping.outer if d in _stepping(shape, mapping.spatial, mapping.tile)]
    inner = [d for d in mapping.inner if d in moving(mapping.tile)]
    assert sorted(mapping.outer) == sorted(mapping.inner) == sorted(LOOPS)
    assert stays(outer, machine.constraint.stationary)
    assert stays(inner, machine.constraint.stationary)
    assert in_blocks(outer)
    return mapping.spatial, mapping.tile, reuse(outer), reuse(inner)


def factors(bound: int, unrolled: bool, whole: bool) -> Iterator[tuple[int, int]]:
    """Spatial factors and tiles of a loop: shares of PEs that are ceilings of the bound, tiles that are ceilings of
    the share."""
    for share in ceilings(bound) if unrolled else [bound]:
        for tile in ceilings(share):
            if tile == bound or not whole:
                yield -(-bound // share), tile


def spread(bound: int, loop: str, machine: Machine) -> int:
    """PEs side by side, one iteration in each, in the fewest steps that the longest axis of the loop allows: the
    fewest PEs that do."""
    axes = machine.array or (machine.num_pes, machine.num_pes)
    loops = machine.constraint.rows, machine.constraint.columns
    most = max(length for length, allowed in zip(axes, loops, strict=True) if loop in allowed)
    fewest = min(-(-bound // pes) for pes in range(1, most + 1))
    return min(pes for pes in range(1, most + 1) if -(-bound // pes) == fewest)


def ceilings(number: int) -> list[int]:
    return sorted({-(-number // parts) for parts in range(1, number + 1)})


def fits_array(spatial: tuple[int, ...], machine: Machine) -> bool:
    """Whether some choice of an axis for each unrolled loop keeps to the lengths of the axes."""
    if prod(spatial) > machine.num_pes:
        return False
    axes = machine.constraint.rows, machine.constraint.columns
    unrolled = [(d, s) for d, s in zip(LOOPS, spatial, strict=True) if s > 1]
    for choice in product((0, 1), repeat=len(unrolled)):
        lengths = [prod(s for (_, s), at in zip(unrolled, choice, strict=True) if at == axis) for axis in (0, 1)]
        allowed = all(d in axes[axis] for (d, _), axis in zip(unrolled, choice, strict=True))
        if allowed and (machine.array is None or all(a <= b for a, b in zip(lengths, machine.array, strict=True))):
            return True
    return False


def _stepping(shape: Shape, spatial: tuple[int, ...], tile: tuple[int, ...]) -> str:
    return moving([-(-bound // (s * t)) for bound, s, t in zip(shape.bounds, spatial, tile, strict=True)])


def moving(sizes: Sequence[int]) -> str:
    return "".join(d for d, size in zip(LOOPS, sizes, strict=True) if size > 1)


@cache
def orders(moving: str, stationary: str, blocks: bool) -> list[str]:
    """The orders of the loops that move in which the stationary tensor stays, one for each reuse; the others lead."""
    still = "".join(d for d in LOOPS if d not in moving)
    found: dict[object, str] = {}
    for chosen in permutations(moving):
        if stays(chosen, stationary) and (not blocks or in_blocks(chosen)):
            found.setdefault(reuse(chosen), still + "".join(chosen))
    return list(found.values())


def stays(order: Sequence[str], stationary: str) -> bool:
    """Whether the loops irrelevant to the stationary tensor are inside all others; `order` are loops that move."""
    if not stationary:
        return True
    relevant = [d in RELEVANT[stationary] for d in order]
    return relevant == sorted(relevant, reverse=True)


def in_blocks(order: Sequence[str]) -> bool:
    """Whether G is outermost, and the loops of each block, N Y X, K and C R S, are side by side."""
    block = {"G": 0} | dict.fromkeys("NYX", 1) | {"K": 2} | dict.fromkeys("CRS", 3)
    passed = [number for number, _ in groupby(block[d] for d in order)]
    return len(passed) == len(set(passed)) and 0 not in passed[1:]


def reuse(order: Sequence[str]) -> object:
    """All that an order of moving loops means for any count: per tensor its pivot and which loops are inside, and,
    for what L2 holds, which are inside of its outermost irrelevant loop."""
    meaning = []
    for tensor in "WIO":
        relevant = [at for at, d in enumerate(order) if d in RELEVANT[tensor]]
        others = [at for at, d in enumerate(order) if d not in RELEVANT[tensor]]
        pivot = relevant[-1] if relevant else -1
        repeated = others[0] if others else len(order)
        meaning.append((order[pivot] if relevant else "", frozenset(order[pivot + 1 :]), frozenset(order[repeated:])))
    return tuple(meaning)
