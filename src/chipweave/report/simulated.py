"""What a simulation says, in words and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from rich.console import Console
from rich.text import Text

from chipweave.plan.problem import Problem
from chipweave.report.naming import layers_of, ranges
from chipweave.report.palette import letter
from chipweave.report.quantities import percent, quantity
from chipweave.report.selection import picked
from chipweave.report.text_table import print_columns
from chipweave.results.result import Result
from chipweave.simulation.machine import Machine
from chipweave.simulation.outcome import Simulation, Stretch
from chipweave.simulation.path import Bound

FIRST_WINDOWS, LONGEST_WINDOWS = 3, 5
MOST_BOUNDS = 3
LEAST_SHARE = 0.005
"""Of a window, below which nothing is said of what it is spent on."""
KINDS = {
    "dram": "moving from and to DRAM",
    "dram wait": "waiting for others' DRAM traffic",
    "link": "moving over the package",
    "link wait": "waiting for others' traffic on links and ports",
    "channel": "waiting for a DMA channel",
}


def change(ratio: float) -> str:
    """`+2.1 %`."""
    return f"{100 * (ratio - 1):+.1f} %".replace("-0.0", "+0.0")


def sentence(simulation: Simulation, result: Result) -> str:
    """One line for every report: how far the simulation is from the evaluation, and why."""
    bound = longest(simulation).bounds[0]
    return (
        f"simulated {quantity(simulation.latency_s, 's')} ({change(simulation.ratio)}): mostly {named(bound, result)}"
    )


def longest(simulation: Simulation) -> Stretch:
    return max(simulation.stretches, key=lambda stretch: stretch.latency_s)


def named(bound: Bound, result: Result) -> str:
    """What time is spent on."""
    if bound.by in KINDS:
        return KINDS[bound.by]
    pipeline = result.evaluation.windows[bound.window].pipelines[bound.pipeline]
    model = result.problem.scenario.tasks[pipeline.task].model
    stage = f"{letter(pipeline.task)}{bound.stage + 1} ({layers_of(pipeline.stages[bound.stage], model)})"
    return f"computing in {stage}" if bound.by == "compute" else f"waiting for room at {stage}"


def machine_words(machine: Machine) -> str:
    """The fields that are not as by default."""
    other = [
        f"{each.name}={_word(getattr(machine, each.name))}"
        for each in fields(Machine)
        if getattr(machine, each.name) != getattr(Machine(), each.name)
    ]
    return ", ".join(other) or "the default machine"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def report(simulation: Simulation, result: Result, console: Console) -> None:
    """Print a simulation beside the evaluation."""
    problem = result.problem
    console.print(Text(f"{problem.scenario.name} on {problem.package.name}, simulated", style="bold"))
    console.print(Text(f"machine: {machine_words(simulation.machine)}"))
    latency = quantity(simulation.latency_s, "s")
    console.print(
        Text(f"latency {latency}, evaluated {quantity(simulation.evaluated_s, 's')}: ")
        + Text(change(simulation.ratio), "bold")
    )
    if simulation.spans_s:
        spans = ", ".join(f"{name} {quantity(seconds, 's')}" for name, seconds in simulation.spans_s)
        console.print(Text(f"by discipline: {spans}"))
    if len(simulation.windows) > 1:
        _print_windows(simulation, console)
    shown = picked([stretch.latency_s for stretch in simulation.stretches], FIRST_WINDOWS, LONGEST_WINDOWS)
    for index in shown:
        _print_stretch(simulation, index, result, console)
    if hidden := len(simulation.stretches) - len(shown):
        console.print(Text(f"… and {hidden} more windows, see --json"))
    _print_models(simulation, problem, console)


def _print_windows(simulation: Simulation, console: Console) -> None:
    console.print()
    shown = picked([window.latency_s for window in simulation.windows], FIRST_WINDOWS, LONGEST_WINDOWS)
    rows = [
        (
            Text(f"{index}"),
            (
                quantity(window.latency_s, "s"),
                quantity(window.evaluated_s, "s"),
                change(window.ratio),
                _span([seconds / window.evaluated_s for _, seconds in window.spans_s]),
            ),
        )
        for index in shown
        for window in [simulation.windows[index]]
    ]
    print_columns(console, "Window", ("simulated", "evaluated", "more", "by discipline"), rows)


def _span(ratios: Sequence[float]) -> str:
    return f"{change(min(ratios))} to {change(max(ratios))}" if ratios else ""


def _print_stretch(simulation: Simulation, index: int, result: Result, console: Console) -> None:
    stretch = simulation.stretches[index]
    console.print()
    console.print(Text("All windows" if simulation.machine.prefetch else f"Window {index}", style="bold"))
    told = [bound for bound in stretch.bounds if bound.seconds >= LEAST_SHARE * stretch.latency_s][:MOST_BOUNDS]
    parts = (f"{percent(bound.seconds, stretch.latency_s)} {named(bound, result)}" for bound in told)
    console.print(Text(f"  bound by: {', '.join(parts)}"))
    busiest = sorted(stretch.uses, key=lambda use: -use.busy)[:MOST_BOUNDS]
    shares = ", ".join(f"{use.name} {percent(use.busy, 1)}" for use in busiest)
    if shares:
        console.print(Text(f"  busy: {shares}"))
    waited = [use for use in sorted(stretch.uses, key=lambda use: -use.waited_s)[:MOST_BOUNDS] if use.waited_s > 0]
    words = [f"for the {use.name} {quantity(use.waited_s, 's')}" for use in waited]
    words += [f"for room at readers {quantity(stretch.room_s, 's')}"] if stretch.room_s else []
    words += [f"for DMA channels {quantity(stretch.channel_s, 's')}"] if stretch.channel_s else []
    if words:
        console.print(Text(f"  waited, all transfers together: {', '.join(words)}"))


def _print_models(simulation: Simulation, problem: Problem, console: Console) -> None:
    rows = []
    for index, (task, (ends_s, evaluated_s)) in enumerate(
        zip(problem.scenario.tasks, simulation.models_s, strict=True)
    ):
        limit = "-" if task.latency_limit_s is None else quantity(task.latency_limit_s, "s")
        cells = (quantity(ends_s, "s"), quantity(evaluated_s, "s"), change(ends_s / evaluated_s), limit)
        rows.append((Text(f"{letter(index)} {task.name}"), cells))
    console.print()
    print_columns(console, "Models", ("ends at", "evaluated", "more", "limit"), rows)


def explain(steps: Sequence[tuple[str, Simulation]], console: Console) -> None:
    """Print the ladder from the machine to the formulas."""
    before: float | None = None
    rows = []
    for words, simulation in steps:
        step = "" if before is None else change(simulation.latency_s / before)
        rows.append((Text(words), (quantity(simulation.latency_s, "s"), change(simulation.ratio), step)))
        before = simulation.latency_s
    console.print()
    print_columns(console, "From the machine to the formulas", ("latency", "to evaluated", "step"), rows)
    last = steps[-1][1]
    if last.ratio < 1 - 1e-9:
        console.print(
            Text(
                "What is left is what the evaluator takes a window to last at least for its shared resources, or for "
                "a pipeline of several stages whose first and whose slowest stage are not the same."
            )
        )


def chiplets_words(chiplets: Sequence[int]) -> str:
    return f"chiplet{'s' if len(chiplets) > 1 else ''} {ranges(chiplets)}"
