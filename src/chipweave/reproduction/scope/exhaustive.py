"""How many schedules of scope's space are better than one: counted exactly, without a search's help.

The space: windows x stages x regions (runs of the snake from its start, one after the other) x partition per unit
(where a region has several chiplets) x micro-batch per window.

`Everything.population` counts all valid schedules. `Everything.better_than` finds every pipeline that may be part of a
schedule below a latency: those that a lower bound rules out are left, all others are evaluated exactly. The bound of a
stage is what the evaluator says of it where hops cost nothing and nothing is brought from or sent to other stages and
windows: what these add is never negative. It holds in `detailed`, on chiplets of one class. The bound of a pipeline
adds the loads and stores of its window at DRAM bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from chipweave.evaluation.exact.demand import Setting, StageWork, ways_of
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.tensors import Location
from chipweave.evaluation.tables.regions import PARTITIONS, Ground
from chipweave.files.package_file import resolve_package
from chipweave.hardware import topology
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, Problem, micro_batch_candidates
from chipweave.plan.schedule import Partition, Pipeline, Stage
from chipweave.schedulers.draft import Draft, DraftCosts, DraftStage, DraftWindow
from chipweave.workload.model import NETWORK_INPUT, Model

Floats = NDArray[np.float64]
Span = tuple[int, int]
BEFORE, HERE = 0, 1
SLACK = 1e-9


def cut_model(model: Model, first: int, end: int) -> Model:
    """Units first to end - 1 as a model of their own; what comes from outside is its input."""
    low, high = model.units[first][0], model.units[end - 1][1]
    edges = tuple(
        replace(edge, producer=max(edge.producer - low, NETWORK_INPUT), consumer=edge.consumer - low)
        for edge in model.edges
        if low <= edge.consumer <= high
    )
    name = f"{model.name} {first}-{end - 1}"
    layers = model.layers[low : high + 1]
    return replace(model, name=name, layers=layers, edges=edges, input_elements=0, source="")


def mesh(columns: int, l2_bytes: int) -> Package:
    """Two rows of Simba chiplets, memory at both ends of the rows."""
    chiplet = replace(resolve_package("mesh-16").chiplets[0], l2_bytes=l2_bytes)
    ends = (0, columns - 1, columns, 2 * columns - 1)
    return Package(
        f"2x{columns}",
        (chiplet,) * (2 * columns),
        topology.mesh(2, columns),
        interfaces=tuple(sorted(set(ends))),
        positions=topology.grid_positions(2, columns),
        routing=Routing.XY,
    )


@dataclass(frozen=True)
class Stages:
    """All stages of the same units on regions of the same size: by partitions, with lower bounds of fill seconds and of
    steady seconds."""

    partitions: tuple[tuple[int, ...], ...]
    fill_s: Floats
    steady_s: Floats


Bounds = dict[tuple[int, int, int, int], Stages]
"""By micro-batch, first unit, end and chiplets."""


def drafts(first: int, end: int, chiplets: int, batch: int) -> Iterator[DraftWindow]:
    """Every window of these units, whether it fits or not."""
    for micro_batch in micro_batch_candidates(batch):
        for stages in _stages(first, end, chiplets):
            yield DraftWindow(first, micro_batch, stages)


def _stages(first: int, end: int, chiplets: int) -> Iterator[tuple[DraftStage, ...]]:
    for to in range(first + 1, end + 1):
        for size in range(1, chiplets + 1):
            for partitions in _choices(to - first, size):
                own = DraftStage(to, size, partitions)
                if to == end:
                    yield (own,)
                else:
                    for rest in _stages(to, end, chiplets - size):
                        yield (own, *rest)


def _choices(units: int, chiplets: int) -> list[tuple[int, ...]]:
    return [(0,) * units] if chiplets == 1 else list(product((0, 1), repeat=units))


def bounds(problem: Problem, order: tuple[int, ...]) -> Bounds:
    """The stages of every run of units of the only task on up to all chiplets."""
    assert problem.fidelity is Fidelity.DETAILED
    assert len(problem.package.classes) == 1
    near = replace(problem, package=replace(problem.package, hop_latency_s=0.0))
    (task,) = problem.scenario.tasks
    units, made = len(task.model.units), {}
    for micro_batch in micro_batch_candidates(task.batch):
        for first in range(units):
            for end in range(first + 1, units + 1):
                for chiplets in range(1, len(order) + 1):
                    made[micro_batch, first, end, chiplets] = _bounded(near, order, micro_batch, first, end, chiplets)
    return made


def _bounded(problem: Problem, order: tuple[int, ...], micro_batch: int, first: int, end: int, chiplets: int) -> Stages:
    (task,) = problem.scenario.tasks
    model, kept, fill_s, steady_s = task.model, [], [], []
    low, high = model.units[first][0], model.units[end - 1][1]
    # layers before count as run in this window, layers after as run before it: nothing moves to or from them
    where = Location(
        tuple(HERE if layer <= high else BEFORE for layer in range(len(model.layers))),
        (0,) * len(model.layers),
    )
    ready = prepare(problem)
    for choice in _choices(end - first, chiplets):
        split: tuple[Partition, ...] = ()
        if chiplets > 1:
            split = tuple(
                PARTITIONS[p]
                for p, unit in zip(choice, model.units[first:end], strict=True)
                for _ in range(unit[0], unit[1] + 1)
            )
        stage = Stage(low, high, order[:chiplets], split)
        setting = Setting(ready, HERE, Pipeline(0, (stage,), micro_batch), where, len(order))
        # Which way of keeping weights is best depends on what else is moved: take any.
        ways = [option.terms for option in ways_of(StageWork(setting, 0))]
        kept.append(choice)
        fill_s.append(min(way.fill_s for way in ways))
        steady_s.append(min(way.steady_s for way in ways))
    return Stages(tuple(kept), np.array(fill_s), np.array(steady_s))


@dataclass
class Everything:
    """The whole space of one problem.

    Args:
        ground: of the problem's only task; its last size is how many chiplets of the snake may be used.
        bounds: of at least so many chiplets.
    """

    ground: Ground
    bounds: Bounds

    def __post_init__(self) -> None:
        self.exact = DraftCosts(self.ground)
        self.units = len(self.ground.model.units)
        self.chiplets = len(self.ground.order)
        self.micro_batches = micro_batch_candidates(self.ground.batch)

    @cached_property
    def spans(self) -> list[Span]:
        return [(a, b) for a in range(self.units) for b in range(a + 1, self.units + 1)]

    def population(self) -> int:
        """Valid schedules."""
        count = [1] + [0] * self.units
        for end in range(1, self.units + 1):
            count[end] = sum(count[first] * self.pipelines(first, end) for first in range(end))
        return count[-1]

    def pipelines(self, first: int, end: int) -> int:
        """Valid windows of these units."""
        total = 0
        for micro_batch in self.micro_batches:
            ways = {(end, left): 1 for left in range(self.chiplets + 1)}
            for h in range(end - 1, first - 1, -1):
                for left in range(self.chiplets + 1):
                    ways[h, left] = sum(
                        len(self.bounds[micro_batch, h, to, size].partitions) * ways[to, left - size]
                        for to in range(h + 1, end + 1)
                        for size in range(1, left + 1)
                    )
            total += ways[first, self.chiplets]
        return total

    def better_than(self, latency_s: float) -> tuple[int, tuple[float, Draft] | None]:
        """How many schedules take less, and the fastest of them with its latency."""
        least = {span: self._least_s(span) for span in self.spans}
        before, after = [0.0] + [np.inf] * self.units, [np.inf] * self.units + [0.0]
        for end in range(1, self.units + 1):
            before[end] = min(before[first] + least[first, end] for first in range(end))
        for first in range(self.units - 1, -1, -1):
            after[first] = min(least[first, end] + after[end] for end in range(first + 1, self.units + 1))
        windows: dict[Span, list[tuple[float, DraftWindow]]] = {}
        for first, end in self.spans:
            limit_s = (latency_s - before[first] - after[end]) * (1 + SLACK)
            made = [(self.exact.window(draft), draft) for draft in self._below(first, end, limit_s)]
            windows[first, end] = sorted(
                ((cost[0], draft) for cost, draft in made if cost is not None and cost[0] < limit_s),
                key=lambda item: item[0],
            )
        return self._count(windows, after, latency_s), self._fastest(windows, latency_s)

    def _count(self, windows: dict[Span, list[tuple[float, DraftWindow]]], after: list[float], latency_s: float) -> int:
        sums = [np.zeros(1)] + [np.zeros(0)] * self.units
        for end in range(1, self.units + 1):
            parts = []
            for first in range(end):
                times = np.array([time for time, _ in windows[first, end]])
                total = np.add.outer(sums[first], times).ravel()
                parts.append(total[total + after[end] * (1 - SLACK) < latency_s * (1 + SLACK)])
            sums[end] = np.concatenate(parts)
        return int((sums[-1] < latency_s * (1 - 1e-12)).sum())

    def _fastest(
        self, windows: dict[Span, list[tuple[float, DraftWindow]]], latency_s: float
    ) -> tuple[float, Draft] | None:
        nothing: Draft = ()
        best = [(0.0, nothing)] + [(np.inf, nothing)] * self.units
        for end in range(1, self.units + 1):
            for first in range(end):
                if windows[first, end]:
                    time_s, draft = windows[first, end][0]
                    if best[first][0] + time_s < best[end][0]:
                        best[end] = (best[first][0] + time_s, (*best[first][1], draft))
        return best[-1] if best[-1][0] < latency_s * (1 - 1e-12) else None

    def _dram_s(self, first: int, end: int, micro_batch: int) -> float:
        """Least seconds of a micro-batch's loads from earlier windows and stores for later ones (the network's own
        input and outputs are in the stages' bounds)."""
        model, package = self.ground.model, self.ground.ready.problem.package
        low, high = model.units[first][0], model.units[end - 1][1]
        loads = stores = 0
        for tensor in range(len(model.layers)):
            readers = model.consumers[tensor]
            within = sum(edge.elements for edge in readers if low <= edge.consumer <= high)
            later = sum(edge.elements for edge in readers if edge.consumer > high)
            if tensor < low:
                loads += min(within, model.tensor_elements(tensor))
            elif tensor <= high:
                stores += min(later, model.tensor_elements(tensor))
        scale = micro_batch * model.activation_width
        return sum(
            scale * elements / package.dram_bandwidth_bytes_s + package.dram_latency_s
            for elements in (loads, stores)
            if elements
        )

    def _rest(self, end: int, micro_batch: int) -> tuple[dict[Span, float], dict[Span, float]]:
        """By unit h and chiplets left: least sum of fills, and least slowest steady time, of units h to end - 1."""
        key = (end, micro_batch)
        if key not in self._rests:
            fill = {(end, left): 0.0 for left in range(self.chiplets + 1)}
            slow = dict(fill)
            for h in range(end - 1, -1, -1):
                for left in range(self.chiplets + 1):
                    fill[h, left] = slow[h, left] = np.inf
                    for to in range(h + 1, end + 1):
                        for size in range(1, left + 1):
                            made = self.bounds[micro_batch, h, to, size]
                            if made.partitions:
                                after = (to, left - size)
                                fill[h, left] = min(fill[h, left], float(made.fill_s.min()) + fill[after])
                                slow[h, left] = min(slow[h, left], max(float(made.steady_s.min()), slow[after]))
            self._rests[key] = fill, slow
        return self._rests[key]

    @cached_property
    def _rests(self) -> dict[tuple[int, int], tuple[dict[Span, float], dict[Span, float]]]:
        return {}

    def _least_s(self, span: Span) -> float:
        """A lower bound of any window of these units."""
        first, end = span
        found = []
        for micro_batch in self.micro_batches:
            rounds = self.ground.batch / micro_batch - 1  # a short last one takes its share at least
            fill, slow = self._rest(end, micro_batch)
            at = (first, self.chiplets)
            found.append(fill[at] + rounds * slow[at] + self._dram_s(first, end, micro_batch))
        return min(found)

    def _below(self, first: int, end: int, limit_s: float) -> Iterator[DraftWindow]:
        """All windows of these units that the bound does not rule out."""
        for micro_batch in self.micro_batches:
            rounds = self.ground.batch / micro_batch - 1  # a short last one takes its share at least
            fill, slow = self._rest(end, micro_batch)

            def follow(
                h: int,
                left: int,
                so_far: float,
                slowest: float,
                micro_batch: int = micro_batch,
                rounds: float = rounds,
                fill: dict[Span, float] = fill,
                slow: dict[Span, float] = slow,
            ) -> Iterator[tuple[DraftStage, ...]]:
                for to in range(h + 1, end + 1):
                    for size in range(1, left + 1):
                        made, after = self.bounds[micro_batch, h, to, size], (to, left - size)
                        if not made.partitions or fill[after] == np.inf:
                            continue
                        total = so_far + made.fill_s + fill[after]
                        pace = np.maximum(made.steady_s, max(slowest, slow[after]))
                        for p in np.flatnonzero(total + rounds * pace < limit_s):
                            stage = DraftStage(to, size, made.partitions[p])
                            if to == end:
                                yield (stage,)
                                continue
                            slower = max(slowest, float(made.steady_s[p]))
                            for rest in follow(to, left - size, so_far + float(made.fill_s[p]), slower):
                                yield (stage, *rest)

            for stages in follow(first, self.chiplets, self._dram_s(first, end, micro_batch), 0.0):
                yield DraftWindow(first, micro_batch, stages)
