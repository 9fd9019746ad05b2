"""The baselines that papers compare with. Each is as good as its own space allows."""

from __future__ import annotations

from chipweave.errors import InfeasibleError, InputError
from chipweave.schedule.problem import Problem
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.scar.reconfigure import Share, Windows, dependency_depths
from chipweave.schedulers.scar.scheduler import scar, search_windows
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


def _whole(problem: Problem, task: int) -> Share:
    return Share(task, 0, len(problem.scenario.tasks[task].model.units))
