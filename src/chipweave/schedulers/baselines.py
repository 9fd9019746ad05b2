"""The baselines that papers compare with. Each is as good as its own space allows."""

from __future__ import annotations

from dataclasses import replace

from chipweave.errors import InputError
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.problem import Problem, dependency_depths
from chipweave.schedulers.near import beside
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.scar.reconfigure import Share, Windows
from chipweave.schedulers.scar.scheduler import scar, search_windows
from chipweave.schedulers.search import Found, Request


def standalone(given: Problem | Prepared, request: Request) -> Found:
    """One chiplet a model, all models at once (SCAR V-A); dependent models in windows of their own.

    The best assignment of chiplets and the best micro-batches are found.

    Raises:
        InfeasibleError: more models at once than chiplets, or the latency limits cannot be met.
    """
    ready = prepare(given)
    problem = ready.problem
    depths = dependency_depths(problem)
    windows: Windows = tuple(
        tuple(_whole(problem, task) for task, at in enumerate(depths) if at == depth) for depth in sorted(set(depths))
    )
    crowd, room = max(map(len, windows)), len(problem.package.chiplets)
    if crowd > room:
        levers = ("use `scar`, which takes more windows", "take a package with more chiplets")
        chiplets = Requirement.CHIPLETS
        raise infeasible(Unmet(chiplets, by="standalone", demand=crowd, bound=room, unit="chiplets", levers=levers))
    found = search_windows(ready, request, [windows], ScarOptions(node_cap=1, provision=Provision.EXHAUSTIVE))
    if not request.near:
        return found
    return replace(found, near=beside(found.schedule, ready, request.objective, request.near))


def simba(problem: Problem | Prepared, request: Request) -> Found:
    """SCAR's engines on a homogeneous package: SCAR's Simba-like baseline (V-A). Takes scar's options.

    Raises:
        InputError: the package mixes chiplet classes.
    """
    ready = prepare(problem)
    package = ready.package
    classes = [chiplet.name for chiplet in package.classes]
    if len(classes) > 1:
        raise InputError(
            f"`simba` needs a package of one chiplet class, '{package.name}' has {', '.join(classes)}; use "
            "`scar`, or a package such as simba-nvdla-3x3"
        )
    return scar(ready, request)


def _whole(problem: Problem, task: int) -> Share:
    return Share(task, 0, len(problem.scenario.tasks[task].model.units))
