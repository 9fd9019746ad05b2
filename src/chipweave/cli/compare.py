"""`chipweave compare`."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import after_comparing
from chipweave.cli.console import interruptible, result_console, say
from chipweave.report.sorting import Sort, sorted_cells

if TYPE_CHECKING:
    from chipweave.results.result import Cell


@opt.spread
def compare(
    scenario: opt.ScenarioArgument,
    package: Annotated[
        list[str], typer.Option("--package", "-p", help="A built-in name or a YAML file; repeat for more.")
    ],
    scheduler: Annotated[
        list[str] | None,
        typer.Option(
            "--scheduler", "-s", help=f"Repeat for more; scar and standalone by default. {opt.SCHEDULER_HELP}"
        ),
    ] = None,
    *,
    asked: opt.Asked,
    simulate: opt.Simulate = None,
    sort: Annotated[Sort | None, typer.Option(help="Column to sort the rows by; without it, as they were run.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for comparison.html, comparison.json and every schedule.json; made where missing."),
    ] = None,
    json: opt.Json = False,
    **options: object,
) -> None:
    """Run every scheduler on every package and put the results side by side.

    Example: chipweave compare datacenter-4 -p het-sides-3x3 -p simba-nvdla-3x3 -s scar -s standalone
    """
    from chipweave import api
    from chipweave.cli.saving import require_room_for_comparison
    from chipweave.report.save import save_comparison

    require_room_for_comparison(out)
    schedulers = scheduler or ["scar", "standalone"]
    chosen = opt.scheduler_options(schedulers, options)
    with interruptible() as interrupted:
        cells = api.compare(
            scenario,
            package,
            schedulers,
            options=chosen,
            simulate=simulate,
            progress=say,
            stop=interrupted,
            **asked.arguments(),
        )
    for path in () if out is None else save_comparison(cells, out):
        say(f"saved {path}")
    _show(sorted_cells(cells, sort), None if json else after_comparing(cells, scenario, package, schedulers, out))
    if interrupted():
        say("interrupted: these are the results until then")
        raise typer.Exit(130)
    if all(cell.result is None for cell in cells):
        raise typer.Exit(1)


def _show(cells: Sequence[Cell], next_steps: Sequence[str] | None) -> None:
    """Print the table and what to try next; without that, as JSON."""
    from chipweave.report.comparison import comparison_data, print_comparison
    from chipweave.report.terminal import print_next_steps

    if next_steps is None:
        print(dumps(comparison_data(cells), indent=1))
        return
    console = result_console()
    print_comparison(cells, console)
    print_next_steps(next_steps, console)
