"""Scope and the baselines that it is compared with, on one space: stages on regions along a snake.

Our reconstruction: of Scope (arXiv 2602.14393) only the abstract is public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chipweave.errors import InfeasibleError, InputError
from chipweave.hardware.snake import connected, snake
from chipweave.schedule.plan import Schedule, Window
from chipweave.schedule.problem import Problem
from chipweave.schedulers.scar.reconfigure import dependency_depths
from chipweave.schedulers.scope.draft import Draft, Exact, pipeline_from
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.schedulers.scope.polish import Space
from chipweave.schedulers.scope.search import finish, search
from chipweave.schedulers.scope.tables import Ground, region_sizes
from chipweave.schedulers.search import Found, Progress, Request

SEQUENTIAL = Space(whole_package=True)
FULL_PIPELINE = Space(one_unit_a_stage=True, windows=1)
SEGMENTED = Space(one_unit_a_stage=True)
MERGED = Space()


def scope(problem: Problem, request: Request) -> Found:
    """Windows of merged pipelines: clusters of layers on regions of several chiplets (Scope; our reconstruction).

    The baselines' spaces are parts of this one; their best schedules are candidates too.
    """
    return _solve(problem, request, MERGED, (SEQUENTIAL, SEGMENTED, MERGED))


def sequential(problem: Problem, request: Request) -> Found:
    """All chiplets on each layer in turn; windows where that keeps more weights in L2."""
    return _solve(problem, request, SEQUENTIAL, (SEQUENTIAL,))


def segmented_pipeline(problem: Problem, request: Request) -> Found:
    """Windows of pipelines with one layer (and what rides with it) a stage: what Scope compares with."""
    return _solve(problem, request, SEGMENTED, (SEGMENTED,))


def full_pipeline(problem: Problem, request: Request) -> Found:
    """One window, one layer (and what rides with it) a stage.

    Raises:
        InfeasibleError: a model has more layers than the package has chiplets.
    """
    chiplets = len(problem.package.chiplets)
    for task in problem.scenario.tasks:
        need = len(task.model.units)
        if need > chiplets:
            raise InfeasibleError(
                f"`full-pipeline` needs a chiplet for each of the {need} layers of '{task.name}', the package has "
                f"{chiplets} ({need - chiplets} short); take a larger package, or `segmented-pipeline`"
            )
    return _solve(problem, request, FULL_PIPELINE, (FULL_PIPELINE,))


def _solve(problem: Problem, request: Request, space: Space, spaces: Sequence[Space]) -> Found:
    options = _options(request)
    package = problem.package
    order = snake(package)
    count = len(order)
    if any(not connected(package, order[at : at + 2]) for at in range(count - 1)):
        raise InputError(
            f"package '{package.name}' has no line through all chiplets along its links, which regions are laid out on; "
            "add a link, or use `scar`"
        )
    depths = dependency_depths(problem)
    tasks = sorted(range(len(depths)), key=lambda task: (depths[task], task))
    sizes = region_sizes(count)
    evaluated, windows, notes = 0, [], []
    complete = True
    for number, task in enumerate(tasks):
        ground = Ground(problem, task, order, sizes)
        exact = Exact(ground)

        def report(doing: str, number: int = number, task: int = task) -> None:
            name = problem.scenario.tasks[task].name
            request.progress(Progress(number, len(tasks), None, f"{name}: {doing}"))

        draft = _best(ground, exact, spaces, options, request, report)
        windows += [Window((pipeline_from(window, ground),)) for window in draft]
        evaluated += exact.stages
        notes.append(
            f"{problem.scenario.tasks[task].name}: {len(draft)} windows of "
            f"{', '.join(str(len(window.stages)) for window in draft)} stages along the snake"
        )
    if len(tasks) > 1:
        notes.append("models run one after another, each on the whole package")
    return Found(Schedule(tuple(windows)), evaluated, (), complete, tuple(notes))


def _best(
    ground: Ground,
    exact: Exact,
    spaces: Sequence[Space],
    options: RegionOptions,
    request: Request,
    report: Callable[[str], None],
) -> Draft:
    """The best draft of a task over the spaces, the last of which holds all of them."""
    import dataclasses

    def value(latency_s: float, energy_j: float) -> float:
        return request.objective(latency_s, energy_j)

    found: list[tuple[float, int, Draft]] = []
    for space in spaces:
        limited = dataclasses.replace(space, windows=space.windows or options.windows, micro_batch=options.micro_batch)
        candidates = search(ground, limited, _prices(request), report)
        made = finish(candidates, exact, limited, value, options.polish)
        found.append((value(made[1], made[2]), len(found), made[0]))
    return min(found)[2]


def _prices(request: Request) -> tuple[float, ...]:
    """What a joule is worth in seconds: nothing where only latency counts."""
    return (0.0,)


def _options(request: Request) -> RegionOptions:
    if request.options is None:
        return RegionOptions()
    if not isinstance(request.options, RegionOptions):
        raise InputError(f"options {request.options!r} are not RegionOptions")
    return request.options
