"""SEG as an evolutionary search, for packages with too many paths to try all (SCAR V-A: 6x6).

An individual says where each task of a window is cut. SCHED lays each pipeline, largest demand first, along a
path of free chiplets: a depth-first walk of the tree that keeps the most promising partial paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np

from chipweave.errors import InputError
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.law import end_s, pipeline_s
from chipweave.evaluation.tables.bench import (
    Candidates,
    Kind,
    Scores,
    StageTables,
    arrays_of,
    score,
    stage_tables,
    window_cost,
)
from chipweave.ndarrays import Ints
from chipweave.plan.limits import excess, judged
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Pipeline, Stage
from chipweave.schedulers.fronts import WindowOption, front_of
from chipweave.schedulers.scar.comparing import Beat, Comparing
from chipweave.schedulers.scar.energy_caps import NO_CAPS, ladder
from chipweave.schedulers.scar.known import nothing_known
from chipweave.schedulers.scar.labels import fronts
from chipweave.schedulers.scar.options import ScarOptions
from chipweave.schedulers.scar.reconfigure import Share
from chipweave.schedulers.scar.rest import rest_of
from chipweave.schedulers.scar.segment import beat_of
from chipweave.schedulers.scar.trees import Tree, onward

Cuts = tuple[int, ...]
"""Units before which a pipeline's stages end; the last is the share's end."""

SEED_TOLERANCES = ((0.02, 2_000_000), (0.06, 2_000_000), (0.3, 2**62))
"""How coarsely the segmentations to start from are compared, and how much work that may be, in turn."""

KEPT_PATHS = 6
"""Partial paths kept at each depth while a pipeline is laid."""


@dataclass(frozen=True)
class _Tables:
    """Stages of one share at one micro-batch, on every kind of place."""

    micro_batch: int
    beat: Beat
    stages: StageTables


@dataclass(frozen=True)
class _Member:
    """A share of the window with what is needed to cut and place it."""

    share: Share
    nodes: int
    limit_s: float
    tables: tuple[_Tables, ...]
    seeds: tuple[Cuts, ...]


def require_pymoo() -> None:
    """Say so early where the evolutionary search cannot run.

    Raises:
        InputError: pymoo is not installed.
    """
    if find_spec("pymoo") is None:
        raise InputError(
            "the evolutionary search, for packages of more than 12 chiplets, needs pymoo; install it with "
            "`pip install pymoo`, or search a smaller package"
        )


def evolve_window(
    ready: Prepared,
    window: Sequence[Share],
    nodes: Sequence[int],
    limits_s: Sequence[float],
    objective: Objective,
    options: ScarOptions,
    seed: int,
) -> tuple[list[WindowOption], int]:
    """The non-dominated ways to run a window that the population met, and how many it tried."""
    kinds, kind_of = _kinds(ready)
    members = [
        _member(ready, share, count, limit_s, kinds, objective)
        for share, count, limit_s in zip(window, nodes, limits_s, strict=True)
    ]
    met: dict[tuple[Cuts, ...], WindowOption | None] = {}

    def score(individual: Ints) -> float:
        cuts = _decode(individual, members)
        if cuts not in met:
            met[cuts] = _place_all(ready, members, cuts, kind_of, objective)
        option = met[cuts]
        if option is None:
            return math.inf
        late_s = max(0.0, -option.latest_start_s)
        return judged(late_s / option.latency_s, objective(option.latency_s, option.energy_j))

    _evolve(score, _first_population(members, options.population, seed), _bounds(members), options, seed)
    found = [option for option in met.values() if option is not None]
    if not found:
        return [], len(met)
    kept = front_of(
        np.array([option.latency_s for option in found]),
        np.array([option.energy_j for option in found]),
        np.array([-option.latest_start_s for option in found]),
    )
    return [found[at] for at in kept], len(met)


def _kinds(ready: Prepared) -> tuple[tuple[Kind, ...], list[int]]:
    package = ready.package
    each = [(package.class_of[c], package.dram_way(c)) for c in range(len(package.chiplets))]
    kinds = tuple(sorted(set(each)))
    return kinds, [kinds.index(kind) for kind in each]


def _member(
    ready: Prepared, share: Share, nodes: int, limit_s: float, kinds: tuple[Kind, ...], objective: Objective
) -> _Member:
    tables = []
    for micro in ready.micro_batches(share.task):
        stages = stage_tables(ready, *share, micro, kinds, nodes)
        tables.append(_Tables(micro, beat_of(ready, share.task, micro), stages))
    return _Member(share, nodes, limit_s, tuple(tables), _seeds(ready, share, nodes, tables, objective))


def _seeds(
    ready: Prepared,
    share: Share,
    nodes: int,
    tables: Sequence[_Tables],
    objective: Objective,
) -> tuple[Cuts, ...]:
    """Good segmentations to start from: per kind of place and number of stages, the best if all were of that kind."""
    best: dict[tuple[int, int], tuple[float, Cuts]] = {}
    depth = np.arange(1, nodes + 1)
    chain = Tree(
        depth - 2, np.zeros(nodes, dtype=np.int64), depth, (depth < nodes).astype(np.int64), depth - 2, depth - 1
    )
    free = ladder([NO_CAPS] * nodes)
    for table in tables:
        for kind, stages in enumerate(_uniform_places(table.stages)):
            rest = rest_of(stages, onward(chain, nodes))
            least = rest.first_s[-1, 0, -1], rest.steady_s[-1, 0], rest.energy_j[-1, 0, -1], math.inf
            coarse = np.array(least) / math.sqrt(nodes)
            for tolerance, budget in SEED_TOLERANCES:
                comparing = Comparing(table.beat, nodes, 3, 1, tolerance * coarse, budget)
                start, figures, cuts, _, done = fronts(stages, chain, rest, nothing_known(nodes), free, comparing)
                if done:
                    break
            node = np.repeat(depth - 1, np.diff(start))
            for at, (latency_s, energy_j, _) in zip(node, figures, strict=True):
                value = objective(float(latency_s), float(energy_j))
                key = (kind, int(at))
                if key not in best or value < best[key][0]:
                    row = cuts[np.flatnonzero((node == at) & (figures[:, 0] == latency_s))[0]][: at + 1]
                    best[key] = (value, tuple(int(cut) + share.first for cut in row))
    ranked = sorted(best.values(), key=lambda entry: (entry[0], len(entry[1]), entry[1]))
    return tuple(dict.fromkeys(cuts for _, cuts in ranked))


def _uniform_places(tables: StageTables) -> Iterator[StageTables]:
    """Stage figures [1, i, j] as if all places were of one kind, of each in turn, and each stage on its fastest."""
    for kind in range(len(tables.fill_s)):
        yield StageTables(*(array[kind : kind + 1] for array in tables))
    fastest = np.argmin(tables.fill_s, axis=0)[None]
    yield StageTables(*(np.take_along_axis(array, fastest, axis=0) for array in tables))


def _bounds(members: Sequence[_Member]) -> tuple[Ints, Ints]:
    """Per task: a number of stages, then nodes - 1 cut positions."""
    low = np.concatenate([[1, *([m.share.first + 1] * (m.nodes - 1))] for m in members])
    high = np.concatenate([[m.nodes, *([m.share.end - 1] * (m.nodes - 1))] for m in members])
    return low, np.maximum(low, high)


def _encode(member: _Member, cuts: Cuts, rng: np.random.Generator) -> list[int]:
    spare = rng.integers(member.share.first + 1, max(member.share.end, member.share.first + 2), size=member.nodes)
    positions = [*cuts[:-1], *(int(cut) for cut in spare)][: member.nodes - 1]
    return [len(cuts), *positions]


def _decode(individual: Ints, members: Sequence[_Member]) -> tuple[Cuts, ...]:
    """The first stages - 1 positions, sorted and without repeats, are the cuts."""
    found, at = [], 0
    for member in members:
        stages = int(individual[at])
        inner = sorted({int(cut) for cut in individual[at + 1 : at + stages]})
        found.append((*(cut for cut in inner if member.share.first < cut < member.share.end), member.share.end))
        at += member.nodes
    return tuple(found)


def _first_population(members: Sequence[_Member], size: int, seed: int) -> Ints:
    """The tasks' best seeds together, then mixtures of their better ones."""
    rng = np.random.default_rng(seed)
    rows = []
    for row in range(size):
        genes: list[int] = []
        for member in members:
            most = len(member.seeds)
            pick = min(row, most - 1) if row < 2 else int(rng.integers(0, most))
            genes += _encode(member, member.seeds[pick], rng)
        rows.append(genes)
    return np.array(rows, dtype=np.int64)


def _evolve(
    score: Callable[[Ints], float],
    population: Ints,
    bounds: tuple[Ints, Ints],
    options: ScarOptions,
    seed: int,
) -> None:
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.optimize import minimize

    class Segmentation(ElementwiseProblem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=population.shape[1], n_obj=1, xl=bounds[0], xu=bounds[1], vtype=int)

        def _evaluate(self, x: Ints, out: dict[str, float], *args: object, **kwargs: object) -> None:
            value = score(x)
            out["F"] = value if math.isfinite(value) else 1e300

    algorithm = GA(
        pop_size=len(population),
        sampling=population,
        crossover=SBX(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(Segmentation(), algorithm, ("n_gen", options.generations), seed=seed, verbose=False)


def _place_all(
    ready: Prepared, members: Sequence[_Member], cuts: tuple[Cuts, ...], kind_of: Sequence[int], objective: Objective
) -> WindowOption | None:
    """Lay every task's pipeline on free chiplets, those with most stages first; None if one finds no path."""
    free = set(range(len(kind_of)))
    order = sorted(range(len(members)), key=lambda k: (-len(cuts[k]), k))
    pipelines: dict[int, Pipeline] = {}
    for place, k in enumerate(order):
        waiting = len(order) - place - 1
        pipeline = _lay(ready, members[k], cuts[k], free, waiting, kind_of, _in_time(members[k], objective))
        if pipeline is None:
            return None
        pipelines[k] = pipeline
        free -= {stage.chiplet for stage in pipeline.stages}
    batches = [_batch(ready, member, cuts[k], pipelines[k]) for k, member in enumerate(members)]
    total = batches[0]
    for batch in batches[1:]:
        total = total + batch
    latency_s, energy_j = window_cost(ready, total)
    slowest_s = float(total.latency_s[0])
    start_s = min(
        m.limit_s - end_s(float(batch.latency_s[0]), slowest_s, float(latency_s[0]))
        for m, batch in zip(members, batches, strict=True)
    )
    if not math.isfinite(latency_s[0]):
        return None
    return WindowOption(
        float(latency_s[0]), float(energy_j[0]), start_s, tuple(pipelines[k] for k in range(len(members)))
    )


def _in_time(member: _Member, objective: Objective) -> Objective:
    """The objective of a pipeline that ends in time; above it by how much it does not."""
    limit_s = member.limit_s
    if math.isinf(limit_s):
        return objective
    late = partial(excess, limit=limit_s)
    return Objective(objective.name, lambda s, j: judged(late(s), objective(s, j)))


def _lay(
    ready: Prepared,
    member: _Member,
    cuts: Cuts,
    free: set[int],
    waiting: int,
    kind_of: Sequence[int],
    objective: Objective,
) -> Pipeline | None:
    """The best path found for a pipeline, at its best micro-batch, leaving a chiplet for each task that waits."""
    if len(free) - len(cuts) < waiting:
        return None
    ends = [cut - member.share.first for cut in cuts]
    begins = [0, *ends[:-1]]
    best: tuple[float, tuple[int, ...], int] | None = None
    for table in member.tables:
        stages = [
            [tuple(float(of[k, i, j - 1]) for of in table.stages[:4]) for k in range(len(table.stages.fill_s))]
            for i, j in zip(begins, ends, strict=True)
        ]
        if any(math.isinf(kind[0]) for stage in stages for kind in stage):
            continue
        for value, path in _walk(ready, stages, table.beat, free, kind_of, objective):
            if best is None or value < best[0]:
                best = (value, path, table.micro_batch)
    if best is None:
        return None
    task = arrays_of(ready, member.share.task)
    firsts = [member.share.first, *cuts[:-1]]
    return Pipeline(
        member.share.task,
        tuple(
            Stage(int(task.first[u]), int(task.last[v - 1]), (chiplet,))
            for u, v, chiplet in zip(firsts, cuts, best[1], strict=True)
        ),
        best[2],
    )


def _walk(
    ready: Prepared,
    stages: Sequence[Sequence[tuple[float, ...]]],
    beat: Beat,
    free: set[int],
    kind_of: Sequence[int],
    objective: Objective,
) -> list[tuple[float, tuple[int, ...]]]:
    """Paths of free chiplets for given stages with their objective values; `KEPT_PATHS` partial ones are kept.

    Of equal ones, those with fewer free neighbours left go first: they leave the package less torn.
    """
    near = ready.package.neighbours
    kept: list[tuple[float, int, tuple[int, ...], float, float, float]] = [(0.0, 0, (), 0.0, 0.0, 0.0)]
    for kinds in stages:
        longer = []
        for _, _, path, total_s, slowest_s, joules in kept:
            for chiplet in sorted(free) if not path else near[path[-1]]:
                if chiplet not in free or chiplet in path:
                    continue
                fill_s, ready_s, steady_s, stage_j = kinds[kind_of[chiplet]]
                new = (max(total_s + fill_s, ready_s), max(slowest_s, steady_s), joules + stage_j)
                value = objective(pipeline_s(new[0], new[1], beat.number - 1 + beat.last), new[2])
                open_ = sum(1 for other in near[chiplet] if other in free and other not in path)
                longer.append((value, open_, (*path, chiplet), *new))
        kept = sorted(longer)[: KEPT_PATHS if len(longer[0][2]) > 1 else len(longer)] if longer else []
    return [(value, path) for value, _, path, *_ in kept]


def _batch(ready: Prepared, member: _Member, cuts: Cuts, pipeline: Pipeline) -> Scores:
    return score(
        ready,
        member.share.task,
        member.share.first,
        member.share.end,
        Candidates(
            np.array([pipeline.micro_batch]),
            np.array([len(cuts)]),
            np.array([cuts]),
            np.array([[stage.chiplet for stage in pipeline.stages]]),
        ),
    )
