"""What twice the L2 would save, by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.evaluate import evaluate
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.results.larger_l2 import Saving, twice_the_l2
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.support import random_problem, random_schedule


@dataclass(frozen=True)
class Nothing:
    """Layers that take no time and no energy: all that costs is the DRAM."""

    name: str = "nothing"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return LayerCosts(*(np.zeros(len(layers)) for _ in range(9)))


SCHEDULE = Schedule((Window((Pipeline(0, (Stage(0, 1, (0,)),), 1),)),))


def chain(l2_bytes: int, fidelity: Fidelity = Fidelity.DETAILED) -> Problem:
    """Two layers of 16 bytes of weights each, with 16 bytes in, between and out; two samples; a byte a second."""
    layers = tuple(Layer(name, Op.CONV, K=4, C=4, Y=2, X=2) for name in "ab")
    model = Model("net", layers, (Edge(-1, 0, 16), Edge(0, 1, 16)))
    chiplet = Chiplet("one", num_pes=1, l2_bytes=l2_bytes, stream_bytes=4)
    package = Package("one", (chiplet,), (), (0,), dram_bandwidth_bytes_s=1.0, dram_latency_s=0.0)
    return pose(Scenario("net", (Task("net", model, 2),)), package, Nothing(), fidelity)


def test_twice_the_l2_by_hand() -> None:
    # Two blocks of 4 bytes and two pieces of 16 (a row in, a row out) leave 8 of 48 bytes: nothing stays. In 96 bytes
    # all weights and activations do.
    problem = chain(48)
    before, after = evaluate(SCHEDULE, problem), evaluate(SCHEDULE, chain(96))
    assert before.windows[0].dram_bytes == 2 * (32 + 16 + 16 + 32)  # weights, in, out, between out and back
    assert after.windows[0].dram_bytes == 32 + 2 * (16 + 16)
    assert (before.latency_s, after.latency_s) == (192, 96)
    saving = twice_the_l2(problem, SCHEDULE, before)
    assert saving == Saving(dram_bytes=0.5, latency=0.5, energy=pytest.approx(0.5), edp=pytest.approx(0.75))
    assert saving.worthwhile


def test_where_no_stage_wants_room_nothing_is_evaluated() -> None:
    assert twice_the_l2(chain(96), SCHEDULE, evaluate(SCHEDULE, chain(96))) is None
    paper = chain(48, Fidelity.PAPER)
    assert twice_the_l2(paper, SCHEDULE, evaluate(SCHEDULE, paper)) is None


def test_what_is_small_is_not_worth_a_word() -> None:
    assert not Saving(0.009, 0.2, 0.2, 0.009).worthwhile
    assert Saving(0.01, 0.0, 0.0, 0.0).worthwhile
    assert Saving(0.0, -0.1, 0.2, 0.01).worthwhile


@dataclass(frozen=True)
class Asked(Nothing):
    """Remembers for which chiplets it was asked."""

    chiplets: set[Chiplet] = field(default_factory=set)

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        self.chiplets.add(chiplet)
        return super().costs(layers, chiplet)

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        return self.costs(layers, chiplet)


def test_layers_cost_what_they_cost_and_blocks_stay() -> None:
    """The joules of an access and the blocks follow the size of an L2 unless the chiplet says otherwise."""
    chiplet = Chiplet("one", num_pes=1, l2_bytes=48)
    twins = replace(chiplet, stream_bytes=4), chiplet  # of one kind where the L2 is twice as large
    links = ((0, 1), (1, 2))
    model = Asked()
    package = replace(chain(48).package, chiplets=(chiplet, *twins), links=links)
    problem = pose(chain(48).scenario, package, model)
    together = Schedule((Window((Pipeline(0, (Stage(0, 0, (0,)), Stage(1, 1, (1,))), 2),)),))
    saving = twice_the_l2(problem, together, evaluate(together, problem))
    assert saving is not None
    assert saving.dram_bytes > 0
    assert model.chiplets == {chiplet, twins[0]}


@pytest.mark.parametrize("seed", range(20))
def test_more_room_moves_no_more_bytes(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=2)
    schedule = random_schedule(rng, problem)
    saving = twice_the_l2(problem, schedule, evaluate(schedule, problem))
    assert saving is None or saving.dram_bytes >= -1e-12
