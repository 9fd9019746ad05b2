"""The space of schedules beside plain enumeration, and its random members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random

import numpy as np
import pytest

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground
from chipweave.hardware.snake import snake
from chipweave.plan.problem import micro_batch_candidates, pose
from chipweave.reproduction.scope.exhaustive import cut_model, mesh
from chipweave.reproduction.scope.sampling import LeastTimes, Space, printed_size
from chipweave.schedulers.draft import DraftCosts
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

Stages = tuple[tuple[int, int, tuple[int, ...]], ...]


def windows(units: int, chiplets: int) -> Iterator[Stages]:
    """Stages of (units, chiplets, partitions) that hold so many units on at most so many chiplets."""
    if units == 0:
        yield ()
        return
    for own in range(1, units + 1):
        for size in range(1, chiplets + 1):
            for split in product((0, 1), repeat=own) if size > 1 else [(0,) * own]:
                for rest in windows(units - own, chiplets - size):
                    yield ((own, size, split), *rest)


def schedules(units: int, chiplets: int, micro_batches: int) -> Iterator[tuple[tuple[int, Stages], ...]]:
    if units == 0:
        yield ()
    for own in range(1, units + 1):
        for window in windows(own, chiplets):
            for number in range(micro_batches):
                for rest in schedules(units - own, chiplets, micro_batches):
                    yield ((number, window), *rest)


@pytest.mark.parametrize(("units", "chiplets"), [(1, 1), (1, 3), (2, 2), (3, 2), (3, 3), (4, 3), (2, 5)])
def test_the_size_is_that_of_plain_enumeration(units: int, chiplets: int) -> None:
    space = Space(units, chiplets, (1, 4))
    assert space.of_one_window() == 2 * sum(1 for _ in windows(units, chiplets))
    assert space.size == sum(1 for _ in schedules(units, chiplets, 2))


def test_the_printed_size_counts_all_chiplets_and_two_partitions_each() -> None:
    """In the formula a layer has two partitions on a single chiplet too, and no chiplet is left over."""
    for units, chiplets in ((1, 1), (3, 2), (4, 5), (2, 6)):
        own = sum(
            2**units
            for window in {tuple((u, s) for u, s, _ in each) for each in windows(units, chiplets)}
            if sum(size for _, size in window) == chiplets
        )
        assert printed_size(units, chiplets) == own


def test_every_schedule_is_drawn_as_often_as_every_other() -> None:
    for one_window, size in ((True, 28), (False, 48)):
        space = Space(2, 3 if one_window else 2, (1, 2))
        assert size == (space.of_one_window() if one_window else space.size)
        random, drawn = Random(1), 150 * size
        counted = Counter(space.draw(random, one_window) for _ in range(drawn))
        assert len(counted) == size
        # chi squared: its mean is size - 1, its standard deviation the root of twice that
        spread = sum((times - 150) ** 2 / 150 for times in counted.values())
        assert spread < size - 1 + 4 * (2 * (size - 1)) ** 0.5


def test_drawn_schedules_hold_all_units_in_order_on_chiplets_that_are_there() -> None:
    space, random = Space(30, 12, (1, 2, 8)), Random(0)
    for _ in range(200):
        draft = space.draw(random, one_window=False)
        ends = [stage.end for window in draft for stage in window.stages]
        assert ends == sorted(set(ends))
        assert ends[-1] == 30
        assert [window.first for window in draft] == [0, *(window.end for window in draft[:-1])]
        assert all(1 <= window.chiplets <= 12 and min(s.chiplets for s in window.stages) >= 1 for window in draft)


@pytest.mark.parametrize(("name", "first", "end"), [("resnet18", 0, 6), ("gpt2_medium", 3, 8)])
def test_computing_alone_takes_no_longer_than_the_whole(name: str, first: int, end: int) -> None:
    model = cut_model(build_model(name), first, end)
    problem = pose(Scenario("cut", (Task("cut", model, 6),)), mesh(3, 1 << 18), MaestroCostModel())
    order = snake(problem.package)
    ground = Ground(prepare(problem), 0, order, np.arange(1, len(order) + 1))
    space, exact = Space(len(model.units), len(order), micro_batch_candidates(6)), DraftCosts(ground)
    least, random = LeastTimes(ground), Random(2)
    shares = []
    for _ in range(60):
        draft = space.draw(random, one_window=False)
        shares.append(least.of(draft) / exact.require(draft)[0])
    assert max(shares) <= 1 + 1e-12
    assert max(shares) > 0.5
