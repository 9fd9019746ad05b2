"""Is a schedule valid? (SCAR theorems 1 and 2, generalised to windows, stages and regions.)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chipweave.evaluation.exact.demand import cuts_of
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.exact.placement import lies_of
from chipweave.evaluation.law import fits_l2
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.strips import faults_of as strips_faults
from chipweave.hardware.package import Package, Placement
from chipweave.hardware.snake import connected
from chipweave.plan.certificate import LIMIT_LEVERS, Requirement, Unmet, infeasible
from chipweave.plan.limits import excess
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.room import bytes_at, shown_bytes
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import reducible
from chipweave.workload.model import Model


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that makes a schedule invalid: in which window, where it is a fault of one, and what."""

    window: int | None
    text: str

    def __str__(self) -> str:
        return self.text if self.window is None else f"window {self.window}: {self.text}"


def faults_of(schedule: Schedule, problem: Problem | Prepared) -> list[Fault]:
    """Everything that makes a schedule invalid; empty for a valid one.

    Every layer of every task runs in exactly one stage; a task's layers run in the model's order over windows
    and stages; riders stay with their producers; within a window each task has one pipeline and the regions
    are disjoint and connected; a dependent task starts in a later window than the one in which the task it
    depends on ends; in `paper` a micro-batch above 1 fits every stage's L2.
    """
    ready = prepare(problem)
    problem = ready.problem
    found = [
        Fault(index, text) for index, window in enumerate(schedule.windows) for text in _window_faults(window, problem)
    ]
    if not found:
        found += [Fault(None, text) for text in _coverage_faults(schedule, problem)]
    if not found:
        found += [Fault(None, text) for text in _dependency_faults(schedule, problem)]
        found += [
            Fault(index, text)
            for index, pipeline in schedule.pipelines()
            for text in _memory_faults(pipeline, ready, schedule.largest_region)
        ]
        found += [Fault(None, text) for text in missing_room(schedule, ready)]
    return found


def missing_room(schedule: Schedule, problem: Problem | Prepared) -> list[str]:
    """What does not fit at a memory interface where tensors lie nearest: weights, and the ends of the networks."""
    ready = prepare(problem)
    lies = [lies_of(ready, schedule, task) for task in range(len(ready.tasks))]
    placed = [(task, its) for task, its in zip(ready.tasks, lies, strict=True) if its is not None]
    return [
        f"the memory at the interface of chiplet {at} holds {shown_bytes(room_bytes)}, and the plan puts "
        f"{shown_bytes(bytes_)} of weights, inputs and outputs there; name other interfaces (`memory` of stages), give "
        "it more or larger stacks, or interleave tensors (`placement: interleaved`)"
        for at, bytes_ in sorted(bytes_at(placed).items())
        if (room_bytes := ready.package.interface_memory[at].capacity_bytes) is not None and bytes_ > room_bytes
    ]


def _window_faults(window: Window, problem: Problem) -> Iterator[str]:
    tasks, chiplets = problem.scenario.tasks, range(len(problem.package.chiplets))
    if not window.pipelines:
        yield "holds no pipeline; remove it"
    seen: set[int] = set()
    users: dict[int, str] = {}
    for pipeline in window.pipelines:
        if not 0 <= pipeline.task < len(tasks):
            yield f"task {pipeline.task} is not in the scenario, which has {len(tasks)}; name one of those"
            continue
        task = tasks[pipeline.task]
        if pipeline.task in seen:
            yield f"'{task.name}' has two pipelines; give it one per window"
        seen.add(pipeline.task)
        if not 1 <= pipeline.micro_batch <= task.batch:
            wrong = f"micro_batch={pipeline.micro_batch} is not in 1..{task.batch}, its batch"
            yield f"'{task.name}': {wrong}; give a number that is"
        if not pipeline.stages:
            yield f"'{task.name}' has no stages; give it some, or remove it"
        for stage in pipeline.stages:
            label = f"'{task.name}' layers {stage.first} to {stage.last}"
            if not 0 <= stage.first <= stage.last < len(task.model.layers):
                yield f"{label} are no layers of the model, which has 0 to {len(task.model.layers) - 1}; name those"
            if not stage.chiplets:
                yield f"{label} run on no chiplet; name at least one"
            repeated = [chiplet for chiplet in stage.chiplets if stage.chiplets.count(chiplet) > 1]
            if repeated:
                yield f"{label}: chiplet {repeated[0]} is named more than once; name each once"
                continue
            unknown = [chiplet for chiplet in stage.chiplets if chiplet not in chiplets]
            if unknown:
                wrong = f"chiplet {unknown[0]} is not in the package, which has 0 to {len(chiplets) - 1}"
                yield f"{label}: {wrong}; name one of those"
                continue
            for chiplet in stage.chiplets:
                if chiplet in users:
                    yield f"chiplet {chiplet} is used by {users[chiplet]} and by {label}; regions must be disjoint"
                users[chiplet] = label
            yield from _place_faults(label, stage, problem.package)
            yield from _region_faults(label, stage, problem)
            yield from _reduced_faults(label, stage, task.model)
            yield from _strips_faults(label, stage, task.model, problem)


def _place_faults(label: str, stage: Stage, package: Package) -> Iterator[str]:
    """A memory interface that the plan names for the stage's tensors, and cannot."""
    if stage.memory is None:
        return
    if package.placement is Placement.INTERLEAVED:
        yield (
            f"{label}: memory={stage.memory} says where its tensors lie, and in this package they are interleaved over "
            "all stacks; leave it out, or give the package `placement: nearest`"
        )
    elif stage.memory not in package.interfaces:
        listed = ", ".join(map(str, sorted(package.interfaces)))
        yield f"{label}: memory={stage.memory} has no memory interface; chiplets that have one are {listed}"


def _reduced_faults(label: str, stage: Stage, model: Model) -> Iterator[str]:
    """The first layer whose input channels cannot be parted over the region."""
    chiplets, others = len(stage.chiplets), f"use '{Partition.INPUT_SHARED}' or '{Partition.WEIGHT_SHARED}'"
    for number, partition in zip(stage.layers, stage.partitions, strict=False):
        layer = model.layers[number]
        if partition is not Partition.REDUCED or chiplets < 2 or (reducible(layer) and chiplets <= layer.C):
            continue
        if layer.rides:
            why = f"is of kind '{layer.op}', which adds up no input channels; {others}"
        elif layer.groups > 1:
            why = f"has {layer.groups} groups, whose sums are apart; {others}"
        elif not reducible(layer):
            why = f"is of kind '{layer.op}', a product of two tensors without weights; {others}"
        else:
            fewer = f"take at most {layer.C} chiplets, or {others}" if layer.C > 1 else others
            why = f"has fewer input channels, {layer.C}, than the region has chiplets, {chiplets}; {fewer}"
        yield f"{label}: layer '{layer.name}' cannot be '{Partition.REDUCED}': it {why}"
        return


def _strips_faults(label: str, stage: Stage, model: Model, problem: Problem) -> Iterator[str]:
    """Layers that cannot go strip by strip."""
    if not stage.strips or not 0 <= stage.first <= stage.last < len(model.layers):
        return
    if problem.fidelity is not Fidelity.DETAILED:
        yield (
            f"{label}: `rows` is no part of fidelity 'paper', the printed equations and nothing else; leave it out, or "
            "use 'detailed'"
        )
        return
    alone = len(stage.chiplets) == 1
    l2_bytes = problem.package.chiplets[stage.chiplet].l2_bytes if alone else None
    yield from (f"{label}: {text}" for text in strips_faults(model, stage, l2_bytes))


def _region_faults(label: str, stage: Stage, problem: Problem) -> Iterator[str]:
    chiplets = stage.chiplets
    if not chiplets:
        return
    if not connected(problem.package, chiplets):
        yield f"{label}: chiplets {list(chiplets)} are not connected; add those between them, or split the stage"
    layers = stage.last - stage.first + 1
    if stage.partitions and len(stage.partitions) != layers:
        yield f"{label}: {len(stage.partitions)} partitions for {layers} layers; give each layer one"
    partitions = set(stage.partitions) or {Partition.WHOLE}
    if len(chiplets) == 1 and partitions != {Partition.WHOLE}:
        other = sorted(partitions - {Partition.WHOLE})[0]
        yield f"{label}: partition '{other}' needs several chiplets; use '{Partition.WHOLE}'"
    if len(chiplets) > 1 and Partition.WHOLE in partitions:
        yield (
            f"{label}: partition '{Partition.WHOLE}' is for a single chiplet, this region has {len(chiplets)}; use "
            f"'{Partition.WEIGHT_SHARED}' or '{Partition.INPUT_SHARED}'"
        )


def _coverage_faults(schedule: Schedule, problem: Problem) -> Iterator[str]:
    for index, task in enumerate(problem.scenario.tasks):
        stages = [stage for _, p in schedule.pipelines() if p.task == index for stage in p.stages]
        expected = 0
        for stage in stages:
            if stage.first != expected:
                yield (
                    f"'{task.name}': a stage starts at layer {stage.first} where layer {expected} is due; "
                    "every layer runs once, in the model's order"
                )
                break
            expected = stage.last + 1
        else:
            if expected < len(task.model.layers):
                last = len(task.model.layers) - 1
                yield f"'{task.name}': layers {expected} to {last} are in no stage; every layer runs once, add them"
                continue
            yield from _rider_faults(task.name, task.model, {stage.last for stage in stages})


def _rider_faults(name: str, model: Model, cuts: set[int]) -> Iterator[str]:
    """Cuts that tear a pool, element-wise or upsample layer from its producer."""
    for cut in sorted(cuts - {last for _, last in model.units}):
        yield (
            f"'{name}': a stage ends at layer {cut} ('{model.layers[cut].name}'), between a pool, element-wise "
            "or upsample layer and its producer; keep them in one stage"
        )


def _dependency_faults(schedule: Schedule, problem: Problem) -> Iterator[str]:
    windows: dict[int, list[int]] = {}
    for index, pipeline in schedule.pipelines():
        windows.setdefault(pipeline.task, []).append(index)
    names = [task.name for task in problem.scenario.tasks]
    for number, task in enumerate(problem.scenario.tasks):
        if task.depends_on is not None:
            ends, starts = windows[names.index(task.depends_on)][-1], windows[number][0]
            if starts <= ends:
                yield (
                    f"'{task.name}' starts in window {starts}, but '{task.depends_on}', on which it depends, "
                    f"ends in window {ends}; start it later"
                )


def _memory_faults(pipeline: Pipeline, ready: Prepared, most: int) -> Iterator[str]:
    if pipeline.micro_batch == 1 or ready.detailed:
        return
    task = ready.tasks[pipeline.task]
    cuts = cuts_of(ready, pipeline, most)
    for stage in pipeline.stages:
        need = footprint(task.model, stage, pipeline.micro_batch, cuts)
        chiplet = min(stage.chiplets, key=lambda each: (ready.package.chiplets[each].l2_bytes, each))
        l2_bytes = ready.package.chiplets[chiplet].l2_bytes
        live, two = max(need.live), sum(sorted(need.weights)[-2:])
        if not fits_l2(live, two, l2_bytes):
            yield (
                f"'{task.name}' layers {stage.first} to {stage.last}: micro_batch={pipeline.micro_batch} needs "
                f"{two + live:.0f} bytes of L2, chiplet {chiplet} has {l2_bytes}; "
                "lower it (1 always runs)"
            )


def require_limits(evaluation: Evaluation, problem: Problem) -> None:
    """Hold a schedule against the limits of its models and of the whole.

    Raises:
        InfeasibleError: naming each limit that is missed: demand, limit and gap.
    """
    unmet = [each for each in held_against_limits(evaluation, problem) if excess(each.reached or 0.0, each.demand)]
    if unmet:
        raise infeasible(*unmet)


def keeps_limits(evaluation: Evaluation, problem: Problem) -> bool:
    """Whether a schedule keeps all limits."""
    return not any(excess(each.reached or 0.0, each.demand) for each in held_against_limits(evaluation, problem))


def held_against_limits(evaluation: Evaluation | None, problem: Problem) -> list[Unmet]:
    """Every limit of the models and of the whole, with what a schedule comes to where one is given, whether it keeps
    it or not."""
    found = []
    for index, task in enumerate(problem.scenario.tasks):
        ends_s = None if evaluation is None else evaluation.task_latency_s(index)
        found.append(Unmet(Requirement.LATENCY, task.name, "", task.latency_limit_s, reached=ends_s, unit="s"))
    latency_s, energy_j, power_w = (None, None, None) if evaluation is None else _whole(evaluation)
    scenario = problem.scenario
    found += [
        Unmet(Requirement.LATENCY, demand=scenario.latency_limit_s, reached=latency_s, unit="s"),
        Unmet(Requirement.ENERGY, demand=scenario.energy_limit_j, reached=energy_j, unit="J"),
        Unmet(Requirement.POWER, demand=scenario.power_limit_w, reached=power_w, unit="W"),
    ]
    return [replace(each, levers=LIMIT_LEVERS[each.what]) for each in found if each.demand is not None]


def _whole(evaluation: Evaluation) -> tuple[float, float, float]:
    """Seconds, joules and watts."""
    latency_s, energy_j = evaluation.latency_s, evaluation.energy_j
    return latency_s, energy_j, energy_j / latency_s if latency_s else 0.0
