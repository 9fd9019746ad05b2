"""A result for people: what runs where, what it costs, what binds it, and how far it can be from the best."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chipweave.evaluation.glossary import TERMS
from chipweave.evaluation.record import ENERGY_PARTS, RESOURCES, Energy, StageEvaluation, WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Stage, Window
from chipweave.report.bottleneck import binding, contended
from chipweave.report.caveats import result_notes, room_notes, search_notes, table_notes
from chipweave.report.html.layout import grid_lines
from chipweave.report.l2_use import l2_words, moved_for_want_of_room, wants_room
from chipweave.report.naming import (
    class_marks,
    classes_of,
    cost_model_of,
    layers_of,
    partitions_of,
    ranges,
    scheduler_of,
)
from chipweave.report.palette import letter
from chipweave.report.quantities import percent, quantity, valued
from chipweave.report.selection import picked
from chipweave.report.summary import bottleneck, distance
from chipweave.report.text_table import Row, print_columns
from chipweave.results.result import Result
from chipweave.results.served import served_step

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")
WIDEST_WITH_LEGEND = 6 * len("[A1  n] ")
"""Columns of a drawing that has its legend beside it."""
FIRST_STAGES, SLOWEST_STAGES = 8, 12
"""Stages shown of a pipeline that has more than all of these."""
MOST_EMPTY = 4
"""Places of a drawn grid per chiplet, at most."""
FIRST_WINDOWS, LONGEST_WINDOWS = 4, 12
MOST_L2_LINES = 4
"""Stages of a window of which is said what moves for want of room."""
MARK_WIDTH = len(" A10* ")


def report(result: Result, console: Console, next_steps: Sequence[str] = ()) -> None:
    """Print a result. It reads the same in black and white; 80 columns are enough.

    `next_steps` are what to try next, if anything.
    """
    problem, evaluation = result.problem, result.evaluation
    console.print(Text(f"{problem.scenario.name} on {problem.package.name}", style="bold"))
    settings = f"objective {result.objective}, fidelity {problem.fidelity}"
    console.print(Text(f"{scheduler_of(result.search)}, {settings}, cost model {cost_model_of(result.cost_model)}"))
    console.print(_totals(result))
    for sentence in (bottleneck(result), distance(result)):
        console.print(Text(sentence))
    classes = class_marks(problem.package).items()
    console.print(Text("chiplets: " + ", ".join(f"{mark} {name}".strip() for name, mark in classes)))
    shown = picked([window.latency_s for window in evaluation.windows], FIRST_WINDOWS, LONGEST_WINDOWS)
    for index in shown:
        _print_window(console, problem, index, result.schedule.windows[index], evaluation.windows[index])
    if hidden := len(evaluation.windows) - len(shown):
        console.print(Text(f"\n… and {hidden} more windows, see schedule.json"))
    _print_models(console, result)
    _print_served(console, result)
    _print_energy(console, result)
    console.print()
    for note in (*result_notes(result), *table_notes(result), *room_notes(result), *search_notes(result)):
        console.print(Padding(Text(note), (0, 0, 0, 2)), style="dim")
    print_next_steps(next_steps, console)


def print_next_steps(steps: Sequence[str], console: Console) -> None:
    """Print what to try next, one below the other."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(justify="right", no_wrap=True)
    for number, step in enumerate(steps):
        lines.add_row("or:" if number else "Next:", Text(step))
    console.print(lines)


def _totals(result: Result) -> Table:
    evaluation = result.evaluation
    table = Table(box=None, show_header=False, padding=(0, 3, 0, 0))
    latency, energy = quantity(evaluation.latency_s, "s"), quantity(evaluation.energy_j, "J")
    table.add_row("latency", Text(latency, "bold"), "energy", Text(energy, "bold"))
    power = quantity(evaluation.average_power_w, "W")
    table.add_row("EDP", Text(f"{evaluation.edp_js:.4g} Js", "bold"), "average power", power)
    if result.objective == "throughput":
        samples_per_s = result.problem.scenario.samples / evaluation.latency_s
        table.add_row("throughput", Text(f"{samples_per_s:.4g} samples/s", "bold"), "", "")
    elif result.objective not in ("latency", "energy", "edp") and result.value is not None:
        table.add_row("objective", Text(valued(result.value, result.objective), "bold"), "", "")
    bound, gap = result.certificate, result.gap
    if bound is not None and gap is not None:
        table.add_row("lower bound", valued(bound.value, result.objective), "gap", f"{100 * gap:.1f} %")
    return table


def _print_window(console: Console, problem: Problem, index: int, window: Window, costs: WindowEvaluation) -> None:
    starts, ends = quantity(costs.start_s, "s"), quantity(costs.end_s, "s")
    console.print()
    times = f": {starts} to {ends} ({quantity(costs.latency_s, 's')})"
    console.print(Text(f"Window {index}", style="bold") + Text(times, "not bold"))
    console.print(Padding(_drawing(problem, window, costs, console.width - 2), (0, 0, 0, 2)))
    _print_stages(console, problem, window, costs)
    lines = [f"bound by {binding(costs, problem)}"]
    if problem.fidelity is Fidelity.DETAILED:
        busy = ((label, getattr(costs, f"{name}_s")) for name, label in RESOURCES.items())
        shares = ", ".join(f"{label} {percent(seconds, costs.latency_s)}" for label, seconds in busy)
        lines.append(f"busy at least: {shares} of the window")
        if contended(costs):
            lines.append(f"about {quantity(costs.contended_s, 's')} where stages wait for each other's DRAM traffic")
    if costs.idle:
        lines.append(f"idle: chiplet{'s' if len(costs.idle) > 1 else ''} {ranges(costs.idle)}")
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 2)))


def _drawing(problem: Problem, window: Window, costs: WindowEvaluation, room: int) -> Text:
    """The package from above: per chiplet the model's letter, the stage's number, the class's letter.

    At most `room` columns: without brackets where that helps, then with rows that go on in the next line. A window of
    one stage on all chiplets is not drawn.
    """
    legend = [
        Text(f"{letter(p.task)} {problem.scenario.tasks[p.task].name}", _colour(p.task))
        + Text(f": {p.micro_batches} x {p.micro_batch} samples, {quantity(p.latency_s, 's')}", "not bold")
        for p in sorted(costs.pipelines, key=lambda p: p.task)
    ]
    package = problem.package
    if len(package.chiplets) > 1 and len(window.pipelines[0].stages[0].chiplets) == len(package.chiplets):
        return legend[0] + Text(", on all chiplets")
    marks = class_marks(problem.package)
    holders = {
        chiplet: (pipeline.task, number)
        for pipeline in window.pipelines
        for number, stage in enumerate(pipeline.stages, 1)
        for chiplet in stage.chiplets
    }
    digits = max(2, *(len(str(number)) for _, number in holders.values()))
    positions = _positions(package)
    chiplet_at = {position: chiplet for chiplet, position in enumerate(positions)}
    rows, columns = 1 + max(row for row, _ in positions), 1 + max(column for _, column in positions)
    space = " " if len(marks) > 1 else ""
    width = len("[A]") + digits + 2 * len(space)
    brackets = columns * (width + 1) - 1 <= room
    if not brackets:
        width, space = width - len("[]") - len(space), ""

    def cell(chiplet: int) -> Text:
        kind = marks[package.chiplets[chiplet].name]
        if chiplet in holders:
            task, number = holders[chiplet]
            text, style = f"{letter(task)}{number:<{digits}}{space}{kind}", _colour(task)
        else:
            text, style = f" {'-':<{digits}}{space}{kind}", "dim"
        return Text(f"[{text}]" if brackets else text, style)

    drawn = []
    at_once = min(columns, max(1, (room + 1) // (width + 1)))
    for row in range(rows):
        places = [chiplet_at.get((row, column)) for column in range(columns)]
        cells = [Text(" " * width) if chiplet is None else cell(chiplet) for chiplet in places]
        drawn += [Text(" ").join(cells[at : at + at_once]) for at in range(0, columns, at_once)]
    whole = (width + 1) * at_once - 1
    if whole >= WIDEST_WITH_LEGEND:
        return Text("\n").join([*drawn, *legend])
    blank, nothing = Text(" " * whole), Text("")
    pairs = zip_longest(drawn, legend)
    return Text("\n").join((left or blank) + Text("   ") + (right or nothing) for left, right in pairs)


def _positions(package: Package) -> Sequence[tuple[int, int]]:
    """Row and column of each chiplet, without wide gaps; one after the other where there are none, or most of the
    grid would be empty."""
    count = len(package.chiplets)
    if package.positions is not None:
        rows, columns = (grid_lines([position[axis] for position in package.positions]) for axis in (0, 1))
        if (1 + max(rows.values())) * (1 + max(columns.values())) <= MOST_EMPTY * count:
            return [(rows[row], columns[column]) for row, column in package.positions]
    return [(0, chiplet) for chiplet in range(count)]


def _colour(task: int) -> str:
    return COLOURS[task % len(COLOURS)]


def _print_stages(console: Console, problem: Problem, window: Window, costs: WindowEvaluation) -> None:
    pipelines = sorted(zip(window.pipelines, costs.pipelines, strict=True), key=lambda pair: pair[0].task)
    regions = any(len(stage.chiplets) > 1 for pipeline, _ in pipelines for stage in pipeline.stages)
    middle = ("compute", "exchange") if regions else ("chiplet", "compute")
    header = ("count", *middle, "transfers", "steady ", "weights", "once")
    rows: list[Row] = []
    for plan, pipeline in pipelines:
        model = problem.scenario.tasks[plan.task].model
        shown = picked([stage.steady_s for stage in pipeline.stages], FIRST_STAGES, SLOWEST_STAGES)
        for number in shown:
            stage = pipeline.stages[number]
            slowest = "*" if stage is pipeline.slowest and len(pipeline.stages) > 1 else ""
            mark = Text(f" {letter(plan.task)}{number + 1}{slowest}", _colour(plan.task))
            mark.pad_right(MARK_WIDTH - len(mark))
            where, compute = _chiplets(plan.stages[number], problem), quantity(stage.compute_s, "s")
            exchange = quantity(stage.exchange_s, "s") if stage.exchange_s else "-"
            cells = [
                partitions_of(plan.stages[number]),
                *((compute, exchange) if regions else (where, compute)),
                quantity(stage.transfers_s, "s"),
                quantity(stage.steady_s, "s") + (" " if stage.overlaps else "+"),
                _keeping(stage),
                quantity(stage.resident_s, "s") if stage.resident_s else "-",
            ]
            name = f"{layers_of(stage, model)} on {where}" if regions else layers_of(stage, model)
            rows.append((Text.assemble(mark, name), cells))
        if hidden := len(pipeline.stages) - len(shown):
            rows.append((Text(f" …     and {hidden} more, see schedule.json"), [""] * len(header)))
    print_columns(console, "", header, rows)
    for line in _l2_lines(costs):
        console.print(Padding(Text(line), (0, 0, 0, 2)))


def _l2_lines(costs: WindowEvaluation) -> list[str]:
    """What is pinned and what moves for want of room in the stages where most does."""
    found = [
        (-moved_for_want_of_room(stage, pipeline.micro_batches), pipeline, number)
        for pipeline in sorted(costs.pipelines, key=lambda pipeline: pipeline.task)
        for number, stage in enumerate(pipeline.stages)
        if wants_room(stage, pipeline.micro_batches)
    ]
    shown = sorted(found, key=lambda each: each[0])[:MOST_L2_LINES]
    lines = [
        f"L2 of {letter(pipeline.task)}{number + 1}: {l2_words(pipeline.stages[number], pipeline.micro_batches)}"
        for each in found
        if each in shown
        for _, pipeline, number in [each]
    ]
    if hidden := len(found) - len(shown):
        lines.append(f"and L2 of {hidden} more stage{'s' if hidden > 1 else ''}, where less moves")
    return lines


def _keeping(stage: StageEvaluation) -> str:
    """Where weights wait, if there are any; `!` where the stage evicts activations."""
    if stage.l2 is None:
        return "-"
    return (str(stage.l2.keeping) if stage.bytes_.weights else "-") + ("" if stage.l2.fits else "!")


def _chiplets(stage: Stage, problem: Problem) -> str:
    """`3`, or `12: 0-11` in the region's order; with the letters of their classes where there are several."""
    kinds = classes_of(stage.chiplets, problem.package)
    count = f"{len(stage.chiplets)}: " if len(stage.chiplets) > 1 else ""
    return f"{count}{ranges(stage.chiplets)} {kinds}".strip()


def _print_models(console: Console, result: Result) -> None:
    evaluation, rows = result.evaluation, []
    for index, task in enumerate(result.problem.scenario.tasks):
        energy_j = evaluation.task_energy(index).total
        cells = (
            str(task.batch),
            quantity(evaluation.task_latency_s(index), "s"),
            "-" if task.latency_limit_s is None else quantity(task.latency_limit_s, "s"),
            quantity(energy_j, "J"),
            percent(energy_j, evaluation.energy_j),
            f"{task.batch / evaluation.latency_s:.4g}",
        )
        rows.append((_model(index, result), cells))
    header = ("batch", "ends at", "limit", "energy", "share", "samples/s")
    console.print()
    print_columns(console, "Models", header, rows, in_groups=True)


def _print_served(console: Console, result: Result) -> None:
    """Per model that serves a step of a language model: what is asked of it, and what it comes to."""
    scenario, rows = result.problem.scenario, []
    for index, task in enumerate(scenario.tasks):
        step = served_step(result.evaluation, scenario, index)
        if step is None or task.serves is None:
            continue
        serves = task.serves
        cells = (
            f"{serves.sequences:,}",
            f"{serves.prompt:,} in" if serves.prefills else f"{serves.context:,} cached",
            "-" if step.ttft_s is None else quantity(step.ttft_s, "s"),
            "-" if step.tpot_s is None else quantity(step.tpot_s, "s"),
            f"{step.tokens_per_s:.4g}",
            "-" if step.tokens_per_j is None else f"{step.tokens_per_j:.4g}",
        )
        rows.append((_model(index, result), cells))
    if rows:
        header = ("sequences", "tokens", "first token", "per token", "tokens/s", "tokens/J")
        console.print()
        print_columns(console, "Serving", header, rows, in_groups=True)


def _print_energy(console: Console, result: Result) -> None:
    evaluation, tasks = result.evaluation, result.problem.scenario.tasks
    shown = [name for name in ENERGY_PARTS if getattr(evaluation.energy, name) > 0]
    if not shown:  # a table of costs without energy, on a package whose links and DRAM take none
        return

    def cells(energy: Energy) -> list[str]:
        return [quantity(getattr(energy, name), "J") for name in shown]

    rows = [(_model(index, result), cells(evaluation.task_energy(index))) for index in range(len(tasks))]
    rows.append((Text("all"), cells(evaluation.energy)))
    rows.append((Text("share"), [percent(getattr(evaluation.energy, name), evaluation.energy_j) for name in shown]))
    console.print()
    print_columns(console, "Energy", [TERMS[f"energy.{name}"].label for name in shown], rows, in_groups=True)


def _model(task: int, result: Result) -> Text:
    return Text(f"{letter(task)} {result.problem.scenario.tasks[task].name}", _colour(task))
