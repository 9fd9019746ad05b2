"""A slow, obvious run of a tiled loop nest: every step, PE, MAC, element and cycle, one by one.

Written from docs/cost-model/loopnest.md alone. Values really move: an operand reaches a multiplier only through L2, an
L1 and a register, a partial sum leaves and returns only where it is counted, and it carries how many products are in
it, so the counts belong to a nest that computes the layer (`convolve` says what that is).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts, Three
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Axis, Shape

Element = tuple[int, ...]
"""Of W (g, k, c, r, s), of I (n, g, c, v, u), of O (n, g, k, y, x)."""
Values = dict[Element, int]
Sum = tuple[int, int]
"""A partial sum: its value, and how many products are in it."""
PE = tuple[int, ...]
"""A PE's position along each loop."""
Block = dict[str, range]
"""Per loop what a PE works on in a step."""

START, NO_PIVOT = -2, -1
"""Before all loops: where the first step moves, and where the pivot of a tensor that never moves is."""


def simulate(shape: Shape, mapping: Mapping, machine: Machine) -> Counts:
    """The counts of a run on any values."""
    return run(shape, mapping, machine, *operands(shape, random.Random(0)))[0]


def run(
    shape: Shape, mapping: Mapping, machine: Machine, inputs: Values, weights: Values
) -> tuple[Counts, dict[Element, int]]:
    """The counts of a run, and the outputs that it leaves in L2."""
    bounds = dict(zip(LOOPS, shape.bounds, strict=True))
    spatial = dict(zip(LOOPS, mapping.spatial, strict=True))
    tile = dict(zip(LOOPS, mapping.tile, strict=True))
    times = {d: -(-bounds[d] // (spatial[d] * tile[d])) for d in LOOPS}
    outer_pivot = {tensor: pivot(mapping.outer, RELEVANT[tensor], times) for tensor in "WIO"}
    inner_pivot = {tensor: pivot(mapping.inner, RELEVANT[tensor], tile) for tensor in "WIO"}

    l2 = Level2({"W": weights, "I": inputs})
    pes: dict[PE, Level1] = defaultdict(Level1)
    array: dict[str, Values] = {"W": {}, "I": {}}
    accumulating: dict[PE, set[Element]] = {}
    tally = Tally()
    steps = [tuple(index) for index in product(*(range(times[d]) for d in mapping.outer))]
    moves = [START, *(outermost_difference(a, b) for a, b in pairwise(steps))]

    for step, moved, next_moved in zip(steps, moves, [*moves[1:], START], strict=True):
        blocks = blocks_of(dict(zip(mapping.outer, step, strict=True)), bounds, spatial, tile)
        arriving = leaving = 0
        for tensor in "WI":
            if moved > outer_pivot[tensor]:
                continue  # only loops inside the pivot moved: the tensor stays, in idle PEs too
            shares = moved == outer_pivot[tensor]
            wanted = {pe: elements(tensor, block, shape) for pe, block in blocks.items()}
            held = array[tensor] if shares else {}
            array[tensor] = {}
            for element in set().union(*wanted.values()):
                if element not in held:
                    arriving += 1
                    tally.l2_read[tensor] += 1
                array[tensor][element] = held[element] if element in held else l2.operands[tensor][element]
            for pe in {*pes, *wanted}:
                mine = pes[pe].operands[tensor] if shares else {}
                new = wanted.get(pe, set())
                tally.l1_write[tensor] += len(new - mine.keys())
                # a neighbour or L2 passes on what the PE does not hold
                pes[pe].operands[tensor] = {e: mine[e] if e in mine else array[tensor][e] for e in new}
        if moved <= outer_pivot["O"]:
            accumulating = {pe: elements("O", block, shape) for pe, block in blocks.items() if keeps_sums(pe)}
            for pe, outputs in accumulating.items():
                for output in outputs & l2.partial.keys():
                    tally.l2_read["O"] += 1
                    tally.l1_write["O"] += 1
                    arriving += machine.sum_elements
                    pes[pe].sums[output] = l2.partial.pop(output)

        macs = [
            work(tree, blocks, pes, mapping.inner, inner_pivot, shape, tally) for tree in trees(blocks, accumulating)
        ]

        if next_moved <= outer_pivot["O"]:
            for pe, outputs in accumulating.items():
                for output in outputs:
                    tally.l1_read["O"] += 1
                    tally.l2_write["O"] += 1
                    finished = l2.take(output, pes[pe].sums.pop(output), whole=bounds["C"] * bounds["R"] * bounds["S"])
                    leaving += 1 if finished else machine.sum_elements

        for tensor in "WI":
            tally.see_l1(tensor, (len(pes[pe].operands[tensor]) for pe in pes))
            tally.see_l2(tensor, step, array[tensor])
        tally.see_l1("O", map(len, accumulating.values()))
        tally.see_l2("O", step, set().union(*accumulating.values()))
        tally.compute.append(-(-max(macs) // machine.simd_lanes))
        tally.arrive.append(-(-arriving // machine.noc_bandwidth))
        tally.leave.append(-(-leaving // machine.noc_bandwidth))

    assert not l2.partial, "partial sums are left over"
    assert not any(level.sums for level in pes.values()), "sums are left in PEs"
    return counts_of(tally, mapping.outer, times, outer_pivot, machine), l2.finished


# Memories --------------------------------------------------------------------------------------------------------


@dataclass
class Level2:
    """The shared memory: operands, partial sums that wait for their next pass, finished outputs."""

    operands: dict[str, Values]
    partial: dict[Element, Sum] = field(default_factory=dict)
    finished: dict[Element, int] = field(default_factory=dict)

    def take(self, output: Element, departing: Sum, whole: int) -> bool:
        """Store what leaves a PE; True if all `whole` products are in it."""
        value, products = departing
        assert output not in self.partial, f"output {output} is summed up in two places"
        assert output not in self.finished, f"output {output} is finished twice"
        if products < whole:
            self.partial[output] = departing
            return False
        assert products == whole
        self.finished[output] = value
        return True


@dataclass
class Level1:
    """The memory of one PE."""

    operands: dict[str, Values] = field(default_factory=lambda: {"W": {}, "I": {}})
    sums: dict[Element, Sum] = field(default_factory=dict)


@dataclass
class Registers:
    """One operand of each tensor in front of one multiplier, and where the PE's loops were when it last worked."""

    at: Sequence[int] | None = None
    operands: dict[str, tuple[Element, int]] = field(default_factory=dict)


@dataclass
class Tally:
    """All that is counted; accesses per tensor, cycles per step."""

    macs: int = 0
    l1_read: Counter[str] = field(default_factory=Counter)
    l1_write: Counter[str] = field(default_factory=Counter)
    l2_read: Counter[str] = field(default_factory=Counter)
    l2_write: Counter[str] = field(default_factory=Counter)
    reduction_transfers: int = 0
    compute: list[int] = field(default_factory=list)
    arrive: list[int] = field(default_factory=list)
    leave: list[int] = field(default_factory=list)
    largest: Counter[str] = field(default_factory=Counter)
    tiles: dict[str, list[tuple[Sequence[int], frozenset[Element]]]] = field(default_factory=lambda: defaultdict(list))

    def see_l1(self, tensor: str, sizes: Iterable[int]) -> None:
        self.largest[tensor] = max([self.largest[tensor], *sizes])

    def see_l2(self, tensor: str, step: Sequence[int], tile: Iterable[Element]) -> None:
        self.tiles[tensor].append((step, frozenset(tile)))

    def held(self, tensor: str, outer: str, times: dict[str, int]) -> int:
        """The most elements of the tensor that pass by while its outermost irrelevant loop goes round; one tile of
        the array without such a loop."""
        irrelevant = [at for at, d in enumerate(outer) if d not in RELEVANT[tensor] and times[d] > 1]
        outside = irrelevant[0] if irrelevant else len(outer)
        passing: dict[Sequence[int], set[Element]] = defaultdict(set)
        for step, tile in self.tiles[tensor]:
            passing[step[:outside]] |= tile
        return max(map(len, passing.values()))


# The nest --------------------------------------------------------------------------------------------------------


def pivot(order: str, relevant: str, sizes: dict[str, int]) -> int:
    """Where in `order` the innermost relevant loop is that moves."""
    return max((at for at, d in enumerate(order) if d in relevant and sizes[d] > 1), default=NO_PIVOT)


def outermost_difference(before: Sequence[int], now: Sequence[int]) -> int:
    """Which loop advanced: those inside of it have started over."""
    return next(at for at, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)


def blocks_of(
    step: dict[str, int], bounds: dict[str, int], spatial: dict[str, int], tile: dict[str, int]
) -> dict[PE, Block]:
    """What each PE with work does in a step."""
    per_loop = []
    for d in LOOPS:
        starts = ((step[d] * spatial[d] + p) * tile[d] for p in range(spatial[d]))
        cuts = [range(start, min(start + tile[d], bounds[d])) for start in starts]
        per_loop.append([(p, cut) for p, cut in enumerate(cuts) if cut])
    return {
        tuple(p for p, _ in choice): dict(zip(LOOPS, (cut for _, cut in choice), strict=True))
        for choice in product(*per_loop)
    }


def elements(tensor: str, block: Block, shape: Shape) -> set[Element]:
    """The distinct elements of a tensor that a block touches; of I the real ones."""
    if tensor == "W":
        return set(product(*(block[d] for d in "GKCRS")))
    if tensor == "O":
        return set(product(*(block[d] for d in "NGKYX")))
    rows = {position(shape.vertical, y, r) for y in block["Y"] for r in block["R"]} & {*range(shape.vertical.size)}
    columns = {position(shape.horizontal, x, s) for x in block["X"] for s in block["S"]}
    return set(product(block["N"], block["G"], block["C"], rows, columns & {*range(shape.horizontal.size)}))


def position(axis: Axis, output: int, tap: int) -> int:
    return axis.stride * output + axis.dilation * tap + axis.offset


def real(shape: Shape, element: Element) -> bool:
    """Whether an input is none of the padding."""
    *_, v, u = element
    return 0 <= v < shape.vertical.size and 0 <= u < shape.horizontal.size


def keeps_sums(pe: PE) -> bool:
    """Whether a PE is the first of those that differ in C, R, S only."""
    return not any(p for p, d in zip(pe, LOOPS, strict=True) if d in "CRS")


def trees(blocks: dict[PE, Block], roots: Iterable[PE]) -> Iterator[list[PE]]:
    """PEs that sum up together, the one that keeps the sum first."""
    members: dict[PE, list[PE]] = defaultdict(list)
    for pe in sorted(blocks):
        members[tuple(0 if d in "CRS" else p for p, d in zip(pe, LOOPS, strict=True))].append(pe)
    for root in roots:
        if members[root]:
            assert members[root][0] == root
            yield members[root]


def work(
    tree: list[PE],
    blocks: dict[PE, Block],
    pes: dict[PE, Level1],
    inner: str,
    pivots: dict[str, int],
    shape: Shape,
    tally: Tally,
) -> int:
    """Run one step of the PEs of a tree side by side; returns the MACs of the first, which has the most."""
    root = tree[0]
    registers = {pe: Registers() for pe in tree}
    sums = pes[root].sums
    output: Element | None = None
    register = (0, 0)

    def put_back() -> None:
        tally.l1_write["O"] += 1
        assert output is not None
        value, products = 0, 0
        if output in sums:
            tally.l1_read["O"] += 1
            value, products = sums[output]
        sums[output] = (value + register[0], products + register[1])

    macs = 0
    before: Sequence[int] | None = None
    for local in product(*(range(len(blocks[root][d])) for d in inner)):
        moved = START if before is None else outermost_difference(before, local)
        before = local
        macs += 1
        for pe in tree:
            if any(at >= len(blocks[pe][d]) for at, d in zip(local, inner, strict=True)):
                continue
            at = {d: blocks[pe][d][index] for index, d in zip(local, inner, strict=True)}
            if pe == root:
                if moved <= pivots["O"]:
                    if output is not None:
                        put_back()
                    output, register = tuple(at[d] for d in "NGKYX"), (0, 0)
            else:
                tally.reduction_transfers += 1
            assert output == tuple(at[d] for d in "NGKYX"), "a tree adds up products of different outputs"
            a, b = fetch(registers[pe], pes[pe], local, at, pivots, shape, tally)
            register = (register[0] + a * b, register[1] + 1)
            tally.macs += 1
    put_back()
    return macs


def fetch(
    registers: Registers,
    level: Level1,
    local: Sequence[int],
    at: dict[str, int],
    pivots: dict[str, int],
    shape: Shape,
    tally: Tally,
) -> tuple[int, int]:
    """The two operands of a MAC, from L1 where the registers have started over."""
    moved = START if registers.at is None else outermost_difference(registers.at, local)
    registers.at = local
    needed = {
        "W": tuple(at[d] for d in "GKCRS"),
        "I": (
            *(at[d] for d in "NGC"),
            position(shape.vertical, at["Y"], at["R"]),
            position(shape.horizontal, at["X"], at["S"]),
        ),
    }
    for tensor, element in needed.items():
        if moved <= pivots[tensor]:
            if tensor == "I" and not real(shape, element):
                registers.operands[tensor] = element, 0
            else:
                tally.l1_read[tensor] += 1
                registers.operands[tensor] = element, level.operands[tensor][element]
        assert registers.operands[tensor][0] == element, "a register holds another element"
    return registers.operands["W"][1], registers.operands["I"][1]


# The sum of it ---------------------------------------------------------------------------------------------------


def counts_of(tally: Tally, outer: str, times: dict[str, int], pivots: dict[str, int], machine: Machine) -> Counts:
    """Needs, and cycles from the three figures of each step."""

    def l1_bytes(buffers: dict[str, int]) -> int:
        width = {"W": machine.element_bytes, "I": machine.element_bytes, "O": machine.sum_bytes}
        return sum(buffers[tensor] * tally.largest[tensor] * width[tensor] for tensor in "WIO")

    twice = l1_bytes({tensor: 1 if pivots[tensor] == NO_PIVOT else 2 for tensor in "WIO"})
    overlapped = twice <= machine.l1_bytes
    spilled = tally.l2_read["O"] > 0
    width = {"W": machine.element_bytes, "I": machine.element_bytes}
    width["O"] = machine.sum_bytes if spilled else machine.element_bytes

    latency, last = machine.noc_latency, len(tally.compute) - 1
    cycles = Counter({"fill": latency, "drain": latency})
    for step, three in enumerate(zip(tally.compute, tally.arrive, tally.leave, strict=True)):
        compute, arrive, leave = three
        if not overlapped:
            cycles += Counter({"compute": compute, "in": arrive, "out": leave})
            continue
        if step == 0:
            cycles["fill"] += arrive
            arrive = 0
        if step == last:
            cycles["drain"] += leave
            leave = 0
        slowest = max(compute, arrive, leave)
        bound_by = ("compute", "in", "out")[(compute, arrive, leave).index(slowest)]
        cycles[bound_by] += slowest

    def three_of(counter: Counter[str]) -> Three:
        return counter["W"], counter["I"], counter["O"]

    return Counts(
        macs=tally.macs,
        l1_read=three_of(tally.l1_read),
        l1_write=three_of(tally.l1_write),
        l2_read=three_of(tally.l2_read),
        l2_write=three_of(tally.l2_write),
        reduction_transfers=tally.reduction_transfers,
        steps=last + 1,
        fill=cycles["fill"],
        compute=cycles["compute"],
        noc_in=cycles["in"],
        noc_out=cycles["out"],
        drain=cycles["drain"],
        overlapped=overlapped,
        l1_need_bytes=twice if overlapped else l1_bytes(dict.fromkeys("WIO", 1)),
        l2_need_bytes=sum(tally.held(tensor, outer, times) * width[tensor] for tensor in "WIO"),
    )


# What a layer computes -------------------------------------------------------------------------------------------


def operands(shape: Shape, rng: random.Random) -> tuple[Values, Values]:
    """Small random inputs and weights."""
    n, g, k, c, _, _, r, s = shape.bounds
    sizes = (n, g, c, shape.vertical.size, shape.horizontal.size), (g, k, c, r, s)
    inputs, weights = ({e: rng.randint(-9, 9) for e in product(*map(range, size))} for size in sizes)
    return inputs, weights


def convolve(shape: Shape, inputs: Values, weights: Values) -> dict[Element, int]:
    """The layer, directly: one sum per output."""
    n, g, k, c, y, x, r, s = map(range, shape.bounds)
    return {
        (ni, gi, ki, yi, xi): sum(
            inputs.get((ni, gi, ci, position(shape.vertical, yi, ri), position(shape.horizontal, xi, si)), 0)
            * weights[gi, ki, ci, ri, si]
            for ci, ri, si in product(c, r, s)
        )
        for ni, gi, ki, yi, xi in product(n, g, k, y, x)
    }
