"""The engine against queueing theory and against what a mesh carries."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from benchmarks.simulation_parts.markdown import table
from chipweave.hardware import topology
from chipweave.simulation.engine import run
from chipweave.simulation.operations import Discipline, Operation, Packets, Resources, Route

SERVER = Resources((1.0,), (((0, 1.0),),))
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9)
ARRIVALS, SEEDS = 50_000, 8
SIDE = 8


def tables(_: Sequence[Path]) -> dict[str, str]:
    return {"queues": queues(), "closed network": closed_network(), "mesh": mesh()}


def queues() -> str:
    """Mean time in the system of one server, in units of the mean service, beside the theory."""

    def fixed(_: random.Random) -> float:
        return 1.0

    def memoryless(rng: random.Random) -> float:
        return rng.expovariate(1.0)

    def mixed(rng: random.Random) -> float:
        """One in ten jobs takes 5.5 times the mean, the others half of it."""
        return 5.5 if rng.random() < 0.1 else 0.5

    cases = (
        ("M/D/1, packets", Discipline.PACKETS, fixed, lambda load: 1 + load / (2 * (1 - load))),
        ("M/M/1, packets", Discipline.PACKETS, memoryless, lambda load: 1 / (1 - load)),
        ("M/G/1-PS, fluid", Discipline.FLUID, mixed, lambda load: 1 / (1 - load)),
    )
    rows = []
    for name, discipline, size, expected in cases:
        cells = []
        for load in LOADS:
            measured = fmean(time_in_system(random.Random(seed), load, size, discipline) for seed in range(SEEDS))
            cells.append(f"{measured:.3f} / {expected(load):.3f} ({100 * (measured / expected(load) - 1):+.1f} %)")
        rows.append([name, *cells])
    return table(["simulated / theory at load", *map(str, LOADS)], rows)


def time_in_system(
    rng: random.Random, load: float, size: Callable[[random.Random], float], discipline: Discipline
) -> float:
    """Of Poisson arrivals at one server."""
    operations: list[Operation] = []
    for _ in range(ARRIVALS):
        before = (len(operations) - 2,) if operations else ()
        operations.append(Operation(rng.expovariate(load), after=before))
        operations.append(Operation(0.0, size(rng), 0, after=(len(operations) - 1,)))
    made = run(operations, SERVER, discipline, Packets(1e9, 1))
    return float((made.end_s - made.start_s)[1::2].mean())


def closed_network() -> str:
    """Stages that load for a mean of 1 s at a DRAM that they share, then compute for a mean of 4 s: throughput beside
    mean value analysis (exact for exponential times) and beside the bounds for any times."""
    rows = []
    for count in (1, 2, 4, 6, 8, 12):
        measured = fmean(throughput(random.Random(seed), count) for seed in range(4))
        exact = mean_value(count, 1.0, 4.0)
        asymptote = min(count / 5.0, 1.0)
        balanced = count / (5.0 + (count - 1) * 1.0)
        rows.append(
            [count, f"{measured:.3f}", f"{exact:.3f}", f"{100 * (measured / exact - 1):+.1f} %",
             f"{balanced:.3f} to {asymptote:.3f}"]
        )  # fmt: skip
    return table(["stages", "simulated", "mean value analysis", "differs", "bounds"], rows)


def throughput(rng: random.Random, count: int, rounds: int = 6_000) -> float:
    operations: list[Operation] = []
    for _ in range(count):
        before: tuple[int, ...] = ()
        for _ in range(rounds):
            operations.append(Operation(0.0, rng.expovariate(1.0), 0, after=before))
            operations.append(Operation(rng.expovariate(0.25), after=(len(operations) - 1,)))
            before = (len(operations) - 1,)
    made = run(operations, SERVER, Discipline.FLUID)
    until_s = min(made.end_s[2 * rounds * (number + 1) - 1] for number in range(count))
    return int((made.end_s[1::2] <= until_s).sum()) / until_s


def mean_value(count: int, service_s: float, think_s: float) -> float:
    """Exact mean value analysis of one queue and a delay."""
    waiting, rate = 0.0, 0.0
    for customers in range(1, count + 1):
        response_s = service_s * (1 + waiting)
        rate = customers / (response_s + think_s)
        waiting = rate * response_s
    return rate


def mesh() -> str:
    """An 8 x 8 mesh with XY routes: what a node can send per cycle, where every channel carries one flit per cycle."""
    links = {
        pair: number for number, pair in enumerate(p for a, b in topology.mesh(SIDE, SIDE) for p in ((a, b), (b, a)))
    }
    uniform = saturation(links, lambda rng, node: rng.choice([each for each in range(SIDE**2) if each != node]))
    ideal = 1 / (SIDE / 4 * SIDE**2 / (SIDE**2 - 1))
    transposed = saturation(links, lambda _, node: node % SIDE * SIDE + node // SIDE)
    rows = [
        ["uniform random", f"{ideal:.3f}", f"{uniform:.3f}", f"{100 * (uniform / ideal - 1):+.1f} %"],
        ["transpose", f"{1 / (SIDE - 1):.3f}", f"{transposed:.3f}", f"{100 * (transposed * (SIDE - 1) - 1):+.1f} %"],
    ]
    curve = [[load, *latency(links, load)] for load in (0.05, 0.1, 0.2, 0.3, 0.4, 0.44, 0.47)]
    return "\n\n".join(
        [
            table(["pattern", "busiest channel allows", "simulated", "differs"], rows),
            table(["flits per node and cycle", "mean latency, cycles", "of it waiting"], curve),
        ]
    )


def saturation(links: dict[tuple[int, int], int], target: Callable[[random.Random, int], int]) -> float:
    """Flits per node and cycle where all have as many to send as they can: of those in `cycles` cycles at full load,
    how long the last one takes."""
    cycles, rng = 1500, random.Random(0)
    operations, resources = traffic(links, 1.0, cycles, rng, target)
    made = run(operations, resources, Discipline.PACKETS, Packets(1.0, 1))
    return cycles / float(made.end_s.max())


def latency(links: dict[tuple[int, int], int], load: float) -> tuple[str, str]:
    cycles, rng = 3000, random.Random(1)
    nodes = range(SIDE**2)
    operations, resources = traffic(
        links, load, cycles, rng, lambda rng, node: rng.choice([each for each in nodes if each != node])
    )
    made = run(operations, resources, Discipline.PACKETS, Packets(1.0, 1))
    sent = [n for n, each in enumerate(operations) if each.bytes_ and cycles / 5 <= made.start_s[n] <= cycles]
    took = [made.end_s[number] - made.start_s[number] for number in sent]
    hops = [len(resources.routes[operations[number].route]) for number in sent]
    # A cycle per channel for the head, which the engine counts as latency, and one for the flit itself.
    whole = [seconds - 1 + length for seconds, length in zip(took, hops, strict=True)]
    return f"{fmean(whole):.1f}", f"{fmean(whole) - fmean(hops):.1f}"


def traffic(
    links: dict[tuple[int, int], int],
    load: float,
    cycles: int,
    rng: random.Random,
    target: Callable[[random.Random, int], int],
) -> tuple[list[Operation], Resources]:
    """Poisson arrivals of one flit at every node; each passes the node's port, its links and the target's port."""
    routes: dict[Route, int] = {}
    operations: list[Operation] = []
    count = len(links)
    for node in range(SIDE**2):
        before: tuple[int, ...] = ()
        at_s = 0.0
        while True:
            gap_s = rng.expovariate(load)
            at_s += gap_s
            if at_s > cycles:
                break
            operations.append(Operation(gap_s, after=before))
            before = (len(operations) - 1,)
            to = target(rng, node)
            if to == node:
                continue
            path = [node]
            while path[-1] != to:
                here = path[-1]
                (row, column), (to_row, to_column) = divmod(here, SIDE), divmod(to, SIDE)
                step = (column < to_column) - (column > to_column)
                path.append(here + step if step else here + SIDE * ((row < to_row) - (row > to_row)))
            numbers = [count + node, *(links[pair] for pair in pairwise(path)), count + SIDE**2 + to]
            route = routes.setdefault(tuple((number, 1.0) for number in numbers), len(routes))
            operations.append(Operation(0.0, 1.0, route, after=before))
    return operations, Resources((1.0,) * (count + 2 * SIDE**2), tuple(routes))
