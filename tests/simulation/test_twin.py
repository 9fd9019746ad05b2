"""The engine against its twin: random small problems, compared operation by operation.

The twin reckons in fractions, the engine in floats, so that they may part where several things happen at one moment by
the definition and at slightly different ones by rounding, and their order decides what comes next. Problems in `EVEN`
numbers are full of such moments; they are made of powers of two, of which floats keep sums and quotients exactly. (Only
a third of a resource they do not keep, and in these problems it decides nothing.) In `UNEVEN` numbers moments coincide
only where one thing causes the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from random import Random

import numpy as np
import pytest

from chipweave.evaluation.evaluate import evaluate
from chipweave.simulation.engine import run
from chipweave.simulation.kernels.problem import Operations
from chipweave.simulation.machine import Machine
from chipweave.simulation.operations import NONE, Discipline, Operation, Packets, Resources, Route
from chipweave.simulation.outcome import simulate
from tests.evaluation.exact.test_regions import mixed_case
from tests.simulation.twin import run_twin

RELATIVE = 1e-9

Draw = Callable[[Random], float]


@dataclass(frozen=True)
class Numbers:
    """What the numbers of a problem are drawn from, in units of its own."""

    seconds: Draw
    bytes_: Draw
    bytes_s: Draw
    share: Draw
    packet_bytes: Draw


EVEN = Numbers(
    seconds=lambda rng: rng.choice((0.5, 1.0, 1.0, 2.0, 3.0)),
    bytes_=lambda rng: rng.choice((1.0, 2.0, 4.0, 4.0, 6.0, 8.0, 11.0)),
    bytes_s=lambda rng: rng.choice((1.0, 2.0, 2.0, 4.0)),
    share=lambda rng: rng.choice((0.25, 0.5, 0.75, 1.0, 1.0)),
    packet_bytes=lambda rng: rng.choice((1.5, 2.0, 2.0, 4.0, 16.0)),
)
UNEVEN = Numbers(
    seconds=lambda rng: rng.uniform(0.01, 3),
    bytes_=lambda rng: rng.uniform(0.01, 12),
    bytes_s=lambda rng: rng.uniform(0.5, 4),
    share=lambda rng: rng.uniform(0.05, 1),
    packet_bytes=lambda rng: rng.uniform(1.5, 6),
)


def draw_route(rng: Random, numbers: Numbers, resources: int) -> Route:
    """Some resources in any order; the largest share is 1."""
    crossed = rng.sample(range(resources), rng.randint(1, resources))
    widest = rng.choice(crossed)
    return tuple((resource, 1.0 if resource == widest else numbers.share(rng)) for resource in crossed)


def draw_problem(seed: int, numbers: Numbers) -> tuple[list[Operation], Resources, Packets]:
    """Up to twelve operations that wait for each other in no order of their numbers, on up to four resources.

    Units reach from seconds and bytes to 2^-30 s and 2^20 bytes.
    """
    rng = Random(seed)
    second, byte = rng.choice((1.0, 2.0**-10, 2.0**-30)), rng.choice((1.0, 2.0**20))
    bytes_s = tuple(numbers.bytes_s(rng) * byte / second for _ in range(rng.randint(1, 4)))
    routes = tuple(draw_route(rng, numbers, len(bytes_s)) for _ in range(rng.randint(1, 4)))
    pools = tuple(rng.randint(1, 2) for _ in range(rng.randint(0, 2)))
    number_of_operations = rng.randint(1, 12)
    rank = rng.sample(range(number_of_operations), number_of_operations)
    how_tied, how_many_transfers = rng.choice((0.0, 0.1, 0.3)), rng.choice((0.4, 0.7, 1.0))
    operations = []
    for number in range(number_of_operations):
        earlier = [other for other in range(number_of_operations) if rank[other] < rank[number]]
        is_transfer = rng.random() < how_many_transfers
        operations.append(
            Operation(
                seconds=rng.choice((0.0, numbers.seconds(rng) * second)),
                bytes_=numbers.bytes_(rng) * byte if is_transfer else 0.0,
                route=rng.randrange(len(routes)) if is_transfer else NONE,
                after=tuple(other for other in earlier if rng.random() < how_tied),
                room=tuple(other for other in earlier if rng.random() < how_tied / 2),
                channels=rng.randint(NONE, len(pools) - 1),
            )
        )
    packets = Packets(numbers.packet_bytes(rng) * byte, rng.randint(1, 3))
    return operations, Resources(bytes_s, routes, pools), packets


def differences(seed: int, numbers: Numbers, discipline: Discipline) -> list[str]:
    """Operations of one problem that start or end at other times in the engine than in its twin."""
    operations, resources, packets = draw_problem(seed, numbers)
    engine = run(operations, resources, discipline, packets)
    twin = run_twin(operations, resources, discipline, packets)
    return [
        f"seed {seed}, operation {number}: engine {start_s, end_s}, twin {expected}"
        for number, (start_s, end_s, expected) in enumerate(zip(engine.start_s, engine.end_s, twin, strict=True))
        if not all(isclose(*pair, rel_tol=RELATIVE) for pair in zip((start_s, end_s), expected, strict=True))
    ]


@pytest.mark.parametrize("discipline", Discipline)
@pytest.mark.parametrize("numbers", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    "seeds", [range(250), pytest.param(range(250, 5_000), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_engine_and_twin_give_the_same_times(seeds: range, numbers: Numbers, discipline: Discipline) -> None:
    assert [difference for seed in seeds for difference in differences(seed, numbers, discipline)] == []


def as_list(made: Operations) -> list[Operation]:
    """The same operations, one by one."""
    found = []
    for number, (begin, room, end) in enumerate(zip(made.first[:-1], made.room, made.first[1:], strict=True)):
        after, needs = (tuple(made.before[span].tolist()) for span in (slice(begin, room), slice(room, end)))
        values = float(made.seconds[number]), float(made.bytes_[number]), int(made.route[number])
        found.append(Operation(*values, after, needs, int(made.channels[number])))
    return found


@pytest.mark.parametrize("discipline", Discipline)
@pytest.mark.parametrize(
    "seeds", [range(20), pytest.param(range(20, 1_000), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_windows_of_schedules_are_the_same_to_both(seeds: range, discipline: Discipline) -> None:
    """Every other schedule is on regions."""
    machine = Machine(discipline=discipline, packet_bytes=300)
    packets = Packets(machine.packet_bytes, machine.packets_in_flight)
    for seed in seeds:
        problem, schedule = mixed_case(seed)
        for stretch in simulate(problem, schedule, evaluate(schedule, problem), machine).stretches:
            operations = as_list(stretch.draft.laid_out().operations)
            twin = run_twin(operations, stretch.draft.resources, discipline, packets)
            engine = list(zip(stretch.run.start_s, stretch.run.end_s, strict=True))
            assert np.array(engine) == pytest.approx(np.array(twin, np.float64), rel=RELATIVE), f"seed {seed}"
