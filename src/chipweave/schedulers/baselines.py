"""The baselines that papers compare with. Each is as good as its own space allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chipweave.errors import InfeasibleError, InputError
from chipweave.schedule.batch import Candidates, Workbench
from chipweave.schedule.plan import Pipeline, Stage
from chipweave.schedule.problem import Problem, micro_batch_candidates
from chipweave.schedulers.scar.assemble import assemble
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.scar.reconfigure import Share, Windows, dependency_depths
from chipweave.schedulers.scar.scheduler import scar, search_windows
from chipweave.schedulers.scar.window import WindowOption
from chipweave.schedulers.search import Found, Request


def standalone(problem: Problem, request: Request) -> Found:
    """One chiplet a model, all models at once (SCAR V-A); dependent models in windows of their own.

    The best assignment of chiplets and the best micro-batches are found.

    Raises:
        InfeasibleError: more models at once than chiplets, or the latency limits cannot be met.
    """
    depths = dependency_depths(problem)
    windows: Windows = tuple(
        tuple(_whole(problem, task) for task, at in enumerate(depths) if at == depth) for depth in sorted(set(depths))
    )
    crowd, room = max(map(len, windows)), len(problem.package.chiplets)
    if crowd > room:
        raise InfeasibleError(
            f"`standalone` needs {crowd} chiplets for {crowd} models, the package has {room} ({crowd - room} short); "
            "`scar` takes more windows, or use a package with more chiplets"
        )
    return search_windows(problem, request, [windows], ScarOptions(node_cap=1, provision=Provision.EXHAUSTIVE))


def simba(problem: Problem, request: Request) -> Found:
    """SCAR's engines on a homogeneous package: SCAR's Simba-like baseline (V-A). Takes scar's options.

    Raises:
        InputError: the package mixes chiplet classes.
    """
    classes = [chiplet.name for chiplet in problem.package.classes]
    if len(classes) > 1:
        raise InputError(
            f"`simba` needs a package of one chiplet class, '{problem.package.name}' has {', '.join(classes)}; use "
            "`scar`, or a package such as simba-nvdla-3x3"
        )
    return scar(problem, request)


def nn_baton(problem: Problem, request: Request) -> Found:
    """Models one after another, each whole on the starting chiplet 0 (SCAR II-C's reading of NN-Baton).

    NN-Baton splits a layer that exceeds a chiplet; here its weights stream instead. The best micro-batches
    are found.

    Raises:
        InfeasibleError: the latency limits cannot be met.
    """
    bench = Workbench(problem)
    depths = dependency_depths(problem)
    order = sorted(range(len(depths)), key=lambda task: (depths[task], task))
    made = assemble([_on_the_starting_chiplet(bench, task) for task in order], request.objective)
    if not made:
        raise InfeasibleError(
            "`nn-baton` runs the models one after another and cannot meet the latency limits; `scar` runs them side "
            "by side"
        )
    best = min(made, key=lambda m: request.objective(m.latency_s, m.energy_j))
    evaluated = sum(len(micro_batch_candidates(task.batch)) for task in problem.scenario.tasks)
    return Found(best.schedule, evaluated, tuple((m.latency_s, m.energy_j) for m in made))


def _whole(problem: Problem, task: int) -> Share:
    return Share(task, 0, len(problem.scenario.tasks[task].model.units))


def _on_the_starting_chiplet(bench: Workbench, task: int) -> Sequence[WindowOption]:
    entry, share = bench.problem.scenario.tasks[task], _whole(bench.problem, task)
    micros = np.array(micro_batch_candidates(entry.batch))
    ones = np.ones((len(micros), 1), dtype=np.int64)
    batch = bench.score(task, 0, share.end, Candidates(micros, ones[:, 0], share.end * ones, 0 * ones))
    latency_s, energy_j = bench.window_cost(batch)
    limit_s = np.inf if entry.latency_limit_s is None else entry.latency_limit_s
    stage = Stage(0, len(entry.model.layers) - 1, (0,))
    return [
        WindowOption(
            float(latency_s[m]),
            float(energy_j[m]),
            float(limit_s - batch.latency_s[m]),
            (Pipeline(task, (stage,), int(micro)),),
        )
        for m, micro in enumerate(micros)
        if np.isfinite(latency_s[m])
    ]
