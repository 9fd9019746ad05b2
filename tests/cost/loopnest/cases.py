"""Random small layers, machines and mappings, odd in every way the model speaks of."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import prod

from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import LOOPS, Axis, Shape

FREE = Constraint(rows=LOOPS, columns=LOOPS)


@dataclass(frozen=True)
class Case:
    shape: Shape
    mapping: Mapping
    machine: Machine


@dataclass(frozen=True)
class Search:
    shape: Shape
    machine: Machine
    energies: Energies


def random_case(rng: random.Random, most_macs: int = 300) -> Case:
    """A case whose mapping fits L1, now with and now without second buffers."""
    shape = random_shape(rng, most_macs)
    mapping = random_mapping(rng, shape)
    return Case(shape, mapping, random_machine(rng, shape, mapping))


def random_shape(rng: random.Random, most_macs: int = 300, most_loops: int = 8, most: int = 7) -> Shape:
    """Bounds of 1 to `most`, at most `most_loops` of them above 1, with any axes."""
    bounds = dict.fromkeys(LOOPS, 1)
    loops = rng.sample(LOOPS, rng.randint(1, most_loops))
    fair = int(2 * most_macs ** (1 / len(loops)))  # the first loops leave some for the last
    for d in loops:
        bounds[d] = rng.randint(1, max(1, min(most, fair, most_macs // prod(bounds.values()))))
    vertical, horizontal = random_axis(rng, bounds["Y"], bounds["R"]), random_axis(rng, bounds["X"], bounds["S"])
    n, g, k, c, y, x, r, s = bounds.values()
    return Shape((n, g, k, c, y, x, r, s), vertical, horizontal)


def random_search(rng: random.Random, constraint: Constraint, most_macs: int = 200, most_loops: int = 4) -> Search:
    """A layer, and a machine with scarce memories now and then."""
    shape = random_shape(rng, most_macs, most_loops)
    array = rng.choice([None, (rng.randint(1, 4), rng.randint(1, 4))])
    machine = Machine(
        num_pes=prod(array) if array else rng.choice([1, 2, 3, 4, 6, 8, 12]),
        constraint=constraint,
        array=array,
        simd_lanes=rng.choice([1, 2, 4]),
        l1_bytes=rng.choice([8, 12, 20, 40, 80]),
        l2_bytes=rng.choice([20, 40, 100, 10**6]),
        noc_bandwidth=rng.choice([1, 2, 4, 16]),
        noc_latency=rng.choice([0, 1, 5]),
        element_bytes=rng.choice([1, 1, 2]),
        sum_bytes=rng.choice([2, 4]),
        sum_elements=rng.choice([1, 2, 4]),
    )
    return Search(shape, machine, Energies(*(rng.choice([1e-13, 1.7e-12, 6.3e-12]) * rng.random() for _ in range(4))))


def random_constraint(rng: random.Random) -> Constraint:
    """Any loops along either axis, any tensor that stays, a loop or none that is whole."""
    rows, columns = ("".join(rng.sample(LOOPS, rng.randint(0, 4))) for _ in range(2))
    return Constraint(rows, columns, rng.choice(["", "W", "I", "O"]), rng.choice(["", "", "R", "C", "Y"]))


def touched(axis: Axis, outputs: int, taps: int) -> int:
    """The real input positions that an axis reads."""
    reach = {axis.stride * y + axis.dilation * r + axis.offset for y in range(outputs) for r in range(taps)}
    return len(reach & {*range(axis.size)})


def random_axis(rng: random.Random, outputs: int, taps: int) -> Axis:
    """Strides and dilations up to 3, padding or a crop in front, inputs that end early or late; rarely only padding."""
    stride, dilation = rng.choice([1, 1, 1, 2, 3]), rng.choice([1, 1, 1, 2, 3])
    reach = stride * (outputs - 1) + dilation * (taps - 1) + 1
    offset = rng.choice([0, -rng.randrange(reach), -rng.randrange(min(3, reach)), rng.randint(1, 3)])
    size = rng.randint(max(1, reach + offset - 3), reach + offset + 2)
    if rng.random() < 0.02:
        offset = -reach
    return Axis(stride, dilation, offset, size)


def random_mapping(rng: random.Random, shape: Shape, most_pes: int = 12) -> Mapping:
    """Any loops side by side, tiles that need not divide, now and then more PEs than work, any orders."""
    spatial, tile = dict.fromkeys(LOOPS, 1), dict.fromkeys(LOOPS, 1)
    bounds = dict(zip(LOOPS, shape.bounds, strict=True))
    for d in rng.sample(LOOPS, rng.randint(0, 8)):
        most = min(bounds[d] + (rng.random() < 0.1), most_pes // prod(spatial.values()), 5)
        spatial[d] = rng.randint(1, most)
    for d, bound in bounds.items():
        tile[d] = rng.choice([1, rng.randint(1, bound), min(bound, rng.randint(1, 3)), -(-bound // spatial[d])])
    outer, inner = ("".join(rng.sample(LOOPS, len(LOOPS))) for _ in range(2))
    return Mapping(tuple(spatial.values()), tuple(tile.values()), outer, inner)


def random_machine(rng: random.Random, shape: Shape, mapping: Mapping) -> Machine:
    """L1 that holds the mapping's tiles once, and from just that to twice and more."""
    element_bytes, sum_bytes = rng.choice([(1, 4), (1, 3), (2, 4), (1, 1), (3, 4)])
    n, g, k, c, y, x, r, s = mapping.tile
    rows, columns = (
        min(outputs * taps, axis.stride * (outputs - 1) + axis.dilation * (taps - 1) + 1)
        for outputs, taps, axis in ((y, r, shape.vertical), (x, s, shape.horizontal))
    )
    once = (g * k * c * r * s + n * g * c * rows * columns) * element_bytes + n * g * k * y * x * sum_bytes
    return Machine(
        num_pes=prod(mapping.spatial) + rng.choice([0, 0, 1, 3]),
        constraint=FREE,
        simd_lanes=rng.choice([1, 1, 2, 3, 8]),
        l1_bytes=rng.randint(once, 2 * once + 2),
        noc_bandwidth=rng.choice([1, 2, 3, 5, 8, 64]),
        noc_latency=rng.choice([0, 1, 1, 2, 7]),
        element_bytes=element_bytes,
        sum_bytes=sum_bytes,
        sum_elements=rng.choice([1, 2, 3, 4]),
    )
