"""What a simulated schedule comes to (docs/simulation.md, "The result")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from chipweave.collector import without_collector
from chipweave.errors import InputError
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.record import Evaluation
from chipweave.plan.certificate import LATENCY_LEVERS, Requirement, Unmet
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Schedule
from chipweave.simulation.draft import Draft, What
from chipweave.simulation.engine import run
from chipweave.simulation.kernels.play import latest
from chipweave.simulation.machine import DEFAULT, Machine, ladder
from chipweave.simulation.operations import NONE, Discipline, Packets, Run
from chipweave.simulation.path import Bound, bounds
from chipweave.simulation.transfers import floor_of
from chipweave.simulation.windows import WindowRun, lay_out_together, lay_out_window, window_runs

DISCIPLINES: dict[str, dict[str, object]] = {
    "fluid": {"discipline": Discipline.FLUID},
    "packets": {"discipline": Discipline.PACKETS},
    "large packets": {"discipline": Discipline.PACKETS, "packet_bytes": 1_048_576},
}
"""In how many ways transfers may share resources; how far their results are apart is how far a simulation can be
trusted."""
DISTINCT = 0.02
"""Differences below this share are not told apart: disciplines differ by as much."""


@dataclass(frozen=True, slots=True)
class Use:
    """A resource that something crossed.

    Args:
        busy: share of the time; waited_s: by which transfers took longer because they shared it, all together.
    """

    name: str
    kind: str
    bytes_: float
    busy: float
    waited_s: float


@dataclass(frozen=True, slots=True)
class SimulatedWindow:
    """A window.

    Args:
        start_s: from the start of the schedule; latency_s, evaluated_s: simulated and by the evaluator.
        ends_s: per pipeline, when it ends, from the start of the schedule.
        spans_s: its latency by discipline, where several were asked for and it was simulated by itself.
    """

    start_s: float
    latency_s: float
    evaluated_s: float
    ends_s: tuple[float, ...]
    spans_s: tuple[tuple[str, float], ...] = ()

    @property
    def ratio(self) -> float:
        return self.latency_s / self.evaluated_s


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was simulated together: a window, or with prefetch all of them.

    Args:
        uses: of all resources that are crossed, by their number.
        room_s: seconds for which what was sent waited for room at its reader, channel_s: transfers for a channel, all
            together.
        bounds: what its length is spent on.
        draft, run: its operations, and when they were.
    """

    start_s: float
    latency_s: float
    uses: tuple[Use, ...]
    room_s: float
    channel_s: float
    bounds: tuple[Bound, ...]
    draft: Draft = field(repr=False, compare=False)
    run: Run = field(repr=False, compare=False)

    def spans(self) -> Iterator[tuple[What, float, float]]:
        """Every operation: what it is, and when it started and ended, from the start of the schedule."""
        starts_s, ends_s = ((self.start_s + each).tolist() for each in (self.run.start_s, self.run.end_s))
        for what, start_s, end_s in zip(self.draft.laid_out().whats.tolist(), starts_s, ends_s, strict=True):
            yield What._make(what), start_s, end_s


@dataclass(frozen=True, slots=True)
class Simulation:
    """A schedule, simulated.

    Args:
        latency_s, evaluated_s: of the schedule, simulated and by the evaluator.
        models_s: per task of the scenario, when its last stage ends, simulated and by the evaluator.
        spans_s: the latency by discipline, where several were asked for.
    """

    machine: Machine
    latency_s: float
    evaluated_s: float
    windows: tuple[SimulatedWindow, ...]
    stretches: tuple[Stretch, ...]
    models_s: tuple[tuple[float, float], ...]
    spans_s: tuple[tuple[str, float], ...] = ()

    @property
    def ratio(self) -> float:
        return self.latency_s / self.evaluated_s

    @property
    def median_s(self) -> float:
        """Of the disciplines; of one, its own."""
        return median(seconds for _, seconds in self.spans_s) if self.spans_s else self.latency_s

    @property
    def events(self) -> int:
        return sum(stretch.run.events for stretch in self.stretches)


def simulate(
    problem: Problem | Prepared, schedule: Schedule, evaluation: Evaluation, machine: Machine = DEFAULT
) -> Simulation:
    """Play a valid schedule through.

    Args:
        evaluation: of the schedule, to stand beside.

    Raises:
        InputError: the problem's fidelity is `paper`, or layers run strip by strip.
    """
    ready = prepare(problem)
    require_detailed(ready)
    require_whole_maps(schedule)
    with without_collector():
        return _played(ready, schedule, evaluation, machine)


def simulate_all(
    problem: Problem | Prepared, schedule: Schedule, evaluation: Evaluation, machine: Machine = DEFAULT
) -> Simulation:
    """As `simulate`, and the latency under every discipline beside it."""
    ready = prepare(problem)
    require_detailed(ready)
    require_whole_maps(schedule)
    with without_collector():
        return _played_in_all(ready, schedule, evaluation, machine)


def _played_in_all(ready: Prepared, schedule: Schedule, evaluation: Evaluation, machine: Machine) -> Simulation:
    made = _played(ready, schedule, evaluation, machine)
    own_s = [stretch.latency_s for stretch in made.stretches]
    lengths: dict[str, list[float]] = {}
    for name, fields in DISCIPLINES.items():
        other = replace(machine, **fields)  # type: ignore[arg-type]
        same = other == machine or not machine.contention
        lengths[name] = own_s if same else [float(run_draft(each.draft, other).end_s.max()) for each in made.stretches]
    found = made.windows
    if len(found) == len(own_s):
        by_window = (tuple(zip(lengths, each, strict=True)) for each in zip(*lengths.values(), strict=True))
        found = tuple(replace(window, spans_s=spans) for window, spans in zip(found, by_window, strict=True))
    return replace(made, windows=found, spans_s=tuple((name, sum(each)) for name, each in lengths.items()))


def explained(
    problem: Problem | Prepared, schedule: Schedule, evaluation: Evaluation, machine: Machine = DEFAULT
) -> list[tuple[str, Simulation]]:
    """The schedule on the machine, and on those between it and the formulas' machine, one convention after another."""
    ready = prepare(problem)
    return [(words, simulate(ready, schedule, evaluation, each)) for words, each in ladder(machine)]


def late(simulation: Simulation, problem: Problem) -> list[Unmet]:
    """The models that end behind their latency limits."""
    return [
        Unmet(
            Requirement.LATENCY,
            of=task.name,
            demand=task.latency_limit_s,
            reached=ends_s,
            unit="s",
            levers=LATENCY_LEVERS,
        )
        for task, (ends_s, _) in zip(problem.scenario.tasks, simulation.models_s, strict=True)
        if task.latency_limit_s is not None and ends_s > task.latency_limit_s
    ]


def require_detailed(ready: Prepared) -> None:
    """Refuse `paper`, whose printed equations leave nothing to simulate."""
    if ready.problem.fidelity is not Fidelity.DETAILED:
        raise InputError(
            "fidelity 'paper' is the printed equations and nothing else; simulate a schedule of fidelity 'detailed'"
        )


def require_whole_maps(schedule: Schedule) -> None:
    """Refuse layers that run strip by strip, whose transfers are not laid out in time."""
    if schedule.in_strips:
        raise InputError(
            "the simulator does not play layers in strips; leave out `rows` of the plan's stages, or take the "
            "evaluation, which knows them"
        )


def _drafts(ready: Prepared, windows: Sequence[WindowRun], machine: Machine) -> list[Draft]:
    """What is simulated together, as operations."""
    floor = floor_of(ready.package, machine)
    if machine.prefetch and not machine.turns:
        draft = Draft(machine, floor)
        lay_out_together(draft, windows)
        return [draft]
    drafts = []
    for window in windows:
        drafts.append(Draft(machine, floor))
        lay_out_window(drafts[-1], window, {})
    return drafts


def run_draft(draft: Draft, machine: Machine) -> Run:
    """When the operations of a draft start and end, by a machine's discipline."""
    packets = Packets(float(machine.packet_bytes), machine.packets_in_flight)
    return run(draft.laid_out().operations, draft.resources, machine.discipline, packets)


def _played(ready: Prepared, schedule: Schedule, evaluation: Evaluation, machine: Machine) -> Simulation:
    windows = window_runs(ready, schedule, floor_of(ready.package, machine), machine)
    start_s, stretches = 0.0, []
    ends = np.zeros((len(windows), max(map(len, windows))))
    for draft in _drafts(ready, windows, machine):
        made = run_draft(draft, machine)
        stretch = _stretch(draft, made, start_s)
        stretches.append(stretch)
        whats = draft.laid_out().whats
        own = (whats["kind"] != "window") & (whats["kind"] != "pin")
        np.maximum.at(ends, (whats["window"][own], whats["pipeline"][own]), start_s + made.end_s[own])
        start_s += stretch.latency_s
    found, start_s = [], 0.0
    for window, costs in zip(ends.tolist(), evaluation.windows, strict=True):
        ends_s = tuple(window[: len(costs.pipelines)])
        found.append(SimulatedWindow(start_s, max(ends_s) - start_s, costs.latency_s, ends_s))
        start_s = max(ends_s)
    models = []
    for task in range(len(ready.tasks)):
        own_s = max(
            found[window].ends_s[number]
            for window, plan in enumerate(schedule.windows)
            for number, pipeline in enumerate(plan.pipelines)
            if pipeline.task == task
        )
        models.append((own_s, evaluation.task_latency_s(task)))
    return Simulation(machine, start_s, evaluation.latency_s, tuple(found), tuple(stretches), tuple(models))


def _stretch(draft: Draft, made: Run, start_s: float) -> Stretch:
    floor, latency_s, layout, resources = draft.floor, float(made.end_s.max()), draft.laid_out(), draft.resources
    uses = tuple(
        Use(floor.names[each], floor.kinds[each], bytes_, bytes_ / floor.bytes_s[each] / latency_s, waited_s)
        for each, (bytes_, waited_s) in enumerate(zip(draft.carried.tolist(), made.waited_s.tolist(), strict=True))
        if bytes_
    )
    operations = layout.operations
    sent = (layout.whats["kind"] == "forward") & (operations.room < operations.first[1:])
    behind = latest(operations, made.end_s)[0][sent]
    room_s = np.maximum(0.0, made.ready_s[sent] - np.where(behind == NONE, 0.0, made.end_s[behind]))
    return Stretch(
        start_s=start_s,
        latency_s=latency_s,
        uses=uses,
        room_s=float(room_s.sum()),
        channel_s=float((made.start_s - made.ready_s).sum()),
        bounds=bounds(layout, resources, made, floor.kinds),
        draft=draft,
        run=made,
    )
