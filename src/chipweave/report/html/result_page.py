"""One result as one page."""

from __future__ import annotations

import json

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.plan.problem import Fidelity
from chipweave.report.caveats import result_notes, room_notes, search_notes
from chipweave.report.command_line import command
from chipweave.report.html import binding, breakdown, head, pareto_front, stages, windows
from chipweave.report.html.data_elements import escaped
from chipweave.report.html.drawing import patterns
from chipweave.report.html.markup import name_of, short, tag
from chipweave.report.html.package import heat_key
from chipweave.report.html.page_data import PageData
from chipweave.report.html.render import render
from chipweave.report.html.simulated_timeline import simulated_drawing
from chipweave.report.html.timeline import timeline_key
from chipweave.report.html.what_if import Changes
from chipweave.report.naming import cost_model_of
from chipweave.report.timeline_rows import rows
from chipweave.results.result import Result
from chipweave.results.what_if import WhatIf

LONGEST_COMMAND = 4000
MOST_ROWS = 64
"""Of the simulated timeline."""
MOST_WINDOWS = 100
"""Of the simulated timeline."""
MOST_NOTES = 40
"""Notes, and options of the scheduler, that are shown."""


def page(result: Result, what_if: WhatIf | None = None) -> str:
    """The whole report as HTML that needs no other file and no network: the same text for the same result.

    With `what_if`, what changes of the hardware, the plan or the search would bring.
    """
    data, problem = PageData(result), result.problem
    return render(
        "page.html",
        title=f"{short(problem.scenario.name)} on {short(problem.package.name)}",
        data=data,
        result=result,
        figure=data.figure,
        terms=TERMS,
        head=head,
        windows=windows,
        binding=binding,
        breakdown=breakdown,
        front=pareto_front,
        stages=stages,
        patterns=patterns(len(problem.scenario.tasks)),
        heat_key=heat_key(),
        timeline_key=timeline_key(result),
        simulated=simulated(result),
        scenario=name_of(problem.scenario.name),
        package=name_of(problem.package.name),
        cost_model=name_of(cost_model_of(result.cost_model)),
        objective=name_of(result.objective),
        detailed=problem.fidelity is Fidelity.DETAILED,
        command=command(result)[:LONGEST_COMMAND],
        options=options(data),
        changes=[short(change, 300) for change in result.changes],
        notes=notes(data),
        what_if=None if what_if is None else Changes(what_if),
    )


def simulated(result: Result) -> Markup | None:
    """The schedule over time, as simulated; None where that would take long, or where there is too much of it."""
    simulation = result.simulated
    if simulation is None or len(result.schedule.windows) > MOST_WINDOWS:
        return None
    if len(rows(result, range(len(result.schedule.windows)))) > MOST_ROWS:
        return None
    return simulated_drawing(simulation, result)


def options(data: PageData) -> list[tuple[str, Markup]]:
    """Name and value of the scheduler's options that are set."""
    search = data.result.search
    if search is None:
        return []
    return [
        (short(key), tag("data", short(str(value)), value=json.dumps(value), data_at=f"/search/options/{escaped(key)}"))
        for key, value in list(search.options.items())[:MOST_NOTES]
        if value is not None
    ]


def notes(data: PageData) -> list[str]:
    """What the terminal's report says below its tables."""
    found = [*result_notes(data.result), *room_notes(data.result), *search_notes(data.result)[:-1]]
    return [short(note, 600) for note in found[:MOST_NOTES]]
