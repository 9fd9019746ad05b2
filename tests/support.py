"""Random problems and schedules, small enough to reason about, odd enough to break things."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.law import fits_l2
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task


def seeds(few: int | Collection[int], many: int) -> list[object]:
    """Seeds below `many` as parameters: a few, or the first so many, in every run, the others in the slow one."""
    quick = range(few) if isinstance(few, int) else few
    return [pytest.param(seed, marks=() if seed in quick else pytest.mark.slow) for seed in range(many)]


@dataclass(frozen=True)
class RoundNumbers:
    """A cost model without physics: figures that depend on layer and chiplet only, and differ between chiplets.

    Samples that run together share a part of their work, so many times one sample's; how large it is depends on the
    layer.
    """

    name: str = "round-numbers"

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        shared = np.array([layer.K % 3 for layer in layers], float)
        return LayerCosts(
            *(values * (samples + shared) / (1 + shared) for values in vars(self.costs(layers, chiplet)).values())
        )

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        salt = sum(map(ord, chiplet.name))
        base = np.array([[1 + (salt * (k + 3) + layer.K * (k + 1)) % 7 for k in range(8)] for layer in layers], float)
        scale = np.array([[max(layer.macs, layer.output_elements)] for layer in layers], float)
        cycles, *joules = (scale * base).T
        return LayerCosts(cycles * 40, *(1e-10 * j for j in joules[:7]), l2_need_elements=np.zeros(len(layers)))


def random_model(rng: random.Random, name: str, most: int = 6) -> Model:
    """A graph of 1x1 convolutions and adds with skips, slices and several outputs."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    for index in range(rng.randint(1, most)):
        label = f"{name}{index}"
        if index >= 2 and rng.random() < 0.25:
            one, two = rng.sample(range(index), 2)
            size = max(layers[one].K, layers[two].K)
            layers.append(Layer(label, Op.ELEMENTWISE, K=size, C=size, Y=4, X=4, groups=size))
            edges += [Edge(p, index, layers[p].output_elements) for p in (one, two)]
            continue
        channels = rng.choice([4, 8, 16])
        sources = {index - 1} if index and rng.random() < 0.8 else {NETWORK_INPUT}
        if index and rng.random() < 0.4:
            sources.add(rng.randrange(-1, index))
        operands = []
        for source in sorted(sources):
            whole = 4 * 4 * 8 if source == NETWORK_INPUT else layers[source].output_elements
            operands.append(Edge(source, index, whole // 2 if rng.random() < 0.2 else whole))
        elements = sum(edge.elements for edge in operands)
        layers.append(Layer(label, Op.CONV, K=channels, C=elements // 16, Y=4, X=4))
        edges += operands
    return Model(name, tuple(layers), tuple(edges), bytes_per_element=rng.choice([1, 2]))


def random_package(rng: random.Random, rows: int = 2, columns: int = 2, l2_bytes: int = 2000) -> Package:
    """A mesh or triangle of two classes of chiplets with slow links, so that every term shows."""
    kinds = [Chiplet("a", l2_bytes=l2_bytes, num_pes=16), Chiplet("b", l2_bytes=l2_bytes + 500, num_pes=16)]
    shape, routing = rng.choice(
        [(topology.mesh, Routing.XY), (topology.mesh, Routing.SHORTEST), (topology.triangular, Routing.SHORTEST)]
    )
    return Package(
        "random",
        tuple(rng.choice(kinds) for _ in range(rows * columns)),
        shape(rows, columns),
        interfaces=tuple(sorted({r * columns for r in range(rows)} | {0})),
        positions=topology.grid_positions(rows, columns),
        routing=routing,
        link_bandwidth_bytes_s=rng.choice([1e6, 1e7, 1e9]),
        dram_bandwidth_bytes_s=rng.choice([2e5, 3e7, 1e9]),
    )


def random_problem(
    rng: random.Random, fidelity: Fidelity, *, tasks: int = 2, most: int = 6, rows: int = 2, columns: int = 2
) -> Problem:
    """A posed problem of `tasks` random models on a random package."""
    entries = tuple(
        Task(f"m{t}", random_model(rng, f"m{t}", most), batch=rng.choice([1, 2, 3, 5])) for t in range(tasks)
    )
    package = random_package(rng, rows, columns, l2_bytes=rng.choice([600, 2000, 8000]))
    return pose(Scenario("random", entries), package, RoundNumbers(), fidelity)


def fits(problem: Problem, task: int, stage: Stage, micro_batch: int) -> bool:
    """What `paper` asks of a micro-batch above 1 on a single chiplet."""
    need = footprint(problem.scenario.tasks[task].model, stage, micro_batch)
    return fits_l2(max(need.live), sum(sorted(need.weights)[-2:]), problem.package.chiplets[stage.chiplet].l2_bytes)


def random_schedule(rng: random.Random, problem: Problem, windows: int = 2) -> Schedule:
    """A valid schedule: random cuts into windows and stages, random chiplets, a micro-batch that fits (`paper`)."""
    count = len(problem.package.chiplets)
    parts: list[list[tuple[int, tuple[tuple[int, int], ...]]]] = [[] for _ in range(windows)]
    for index, task in enumerate(problem.scenario.tasks):
        units = task.model.units
        cuts = sorted(rng.randint(0, len(units)) for _ in range(windows - 1))
        for window, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(units)], strict=True)):
            if a < b:
                parts[window].append((index, units[a:b]))
    made = []
    for part in parts:
        free = list(range(count))
        rng.shuffle(free)
        pipelines = []
        for left, (index, units) in zip(range(len(part), 0, -1), part, strict=True):
            most = min(len(units), len(free) - left + 1)
            number = rng.randint(1, most)
            inner = sorted(rng.sample(range(1, len(units)), number - 1))
            bounds = zip([0, *inner], [*inner, len(units)], strict=True)
            stages = tuple(Stage(units[a][0], units[b - 1][1], (free.pop(),)) for a, b in bounds)
            task = problem.scenario.tasks[index]
            fitting = [
                micro
                for micro in range(1, task.batch + 1)
                if micro == 1
                or problem.fidelity is Fidelity.DETAILED
                or all(fits(problem, index, s, micro) for s in stages)
            ]
            pipelines.append(Pipeline(index, stages, rng.choice(fitting)))
        if pipelines:
            made.append(Window(tuple(pipelines)))
    return Schedule(tuple(made))
