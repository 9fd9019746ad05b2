"""`chipweave simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import print_json, result_console, say

if TYPE_CHECKING:
    from chipweave.results.result import Result
    from chipweave.simulation.outcome import Simulation


def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A schedule.json, or a plan in JSON or YAML.")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Go from the machine to the formulas, one convention after another.")
    ] = False,
    prefetch: Annotated[
        bool, typer.Option("--prefetch", help="Weights that stay of the next window may load early.")
    ] = False,
    machine: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field of the machine (docs/simulation.md); repeat."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write starts and ends of everything, for Perfetto.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw what each chiplet does when, as simulated.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Play a schedule through, transfer by transfer, beside what it is evaluated to.

    The exit code is 1 where a model, as simulated, ends behind its latency limit.

    Example: chipweave simulate results/schedule.json --explain
    """
    from chipweave.api import evaluate
    from chipweave.files.atomic import require_writable
    from chipweave.files.json import dump_json
    from chipweave.files.simulation_file import simulation_to_dict
    from chipweave.plan.certificate import infeasible
    from chipweave.simulation.machine import Machine, changed
    from chipweave.simulation.outcome import explained, late, simulate_all

    chosen = changed(Machine(prefetch=prefetch), machine or [])
    for path in (trace, timeline):
        if path is not None:
            require_writable(path)
    result = evaluate(file)
    found = simulate_all(result.problem, result.schedule, result.evaluation, chosen)
    steps = explained(result.problem, result.schedule, result.evaluation, chosen) if explain else []
    _write(found, result, trace, timeline)
    if json:
        document = simulation_to_dict(found, result.schedule, result.problem)
        if steps:
            document["ladder"] = [{"change": words, "latency_s": each.latency_s} for words, each in steps]
        print_json(dump_json(document))
    else:
        from chipweave.report.simulated import explain as print_ladder
        from chipweave.report.simulated import report

        console = result_console()
        report(found, result, console)
        if steps:
            print_ladder(steps, console)
    if unmet := late(found, result.problem):
        raise infeasible(*unmet)


def _write(simulation: Simulation, result: Result, trace: Path | None, timeline: Path | None) -> None:
    if trace is not None:
        from chipweave.report.trace.simulated import write

        write(simulation, result, trace)
        say(f"saved {trace}")
    if timeline is not None:
        from chipweave.files.atomic import write_text
        from chipweave.report.html.simulated_timeline import simulated_drawing

        write_text(timeline, f"{simulated_drawing(simulation, result)}\n")
        say(f"saved {timeline}")
