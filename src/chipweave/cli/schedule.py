"""`chipweave schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import next_steps
from chipweave.cli.console import interruptible, print_json, progress_bar, result_console, say


@opt.spread
def schedule(
    scenario: opt.ScenarioArgument,
    package: Annotated[str, typer.Option("--package", "-p", help="A built-in name or a YAML file.")],
    scheduler: Annotated[str, typer.Option("--scheduler", "-s", help=opt.SCHEDULER_HELP)] = "weave",
    *,
    asked: opt.Asked,
    simulate: opt.Simulate = None,
    rows: opt.Rows = False,
    out: opt.Out = None,
    figure: opt.FigureOption = None,
    json: opt.Json = False,
    **options: object,
) -> None:
    """Find a schedule of SCENARIO on a package.

    Example: chipweave schedule datacenter-4 --package het-sides-3x3 --objective edp --out results
    """
    from chipweave import api
    from chipweave.cli.saving import require_room, save
    from chipweave.files.schedule_file import to_text

    require_room(out, figure or [])
    chosen = opt.scheduler_options([scheduler], options)
    with interruptible() as interrupted, progress_bar() as progress:
        result = api.schedule(
            scenario,
            package,
            scheduler=scheduler,
            options=chosen.get(scheduler),
            simulate=simulate,
            rows=rows,
            progress=progress,
            stop=interrupted,
            **asked.arguments(),
        )
    saved = save(result, out, figure or [])
    for path in saved:
        say(f"saved {path}")
    if json:
        print_json(to_text(result))
    else:
        from chipweave.report.terminal import report

        report(result, result_console(), next_steps(result, out, asked.time_limit, interrupted()))
    if interrupted():
        say("interrupted: this is the best schedule found until then")
        raise typer.Exit(130)
