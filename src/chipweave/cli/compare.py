"""`chipweave compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import after_comparing
from chipweave.cli.console import interruptible, result_console, say


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
    objective: opt.ObjectiveOption = "edp",
    batch: opt.Batch = None,
    cost_model: opt.CostModelOption = None,
    maestro_offchip_bandwidth: opt.OffchipBandwidth = None,
    fidelity: opt.FidelityOption = opt.FidelityChoice.DETAILED,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for comparison.html, comparison.json and every schedule.json; made where missing."),
    ] = None,
    json: opt.Json = False,
    seed: opt.Seed = 0,
    time_limit: opt.TimeLimit = None,
    jobs: opt.Jobs = None,
    micro_batch: opt.MicroBatch = None,
    windows: opt.Windows = None,
    polish: opt.Polish = None,
) -> None:
    """Run every scheduler on every package and put the results side by side.

    Example: chipweave compare datacenter-4 -p het-sides-3x3 -p simba-nvdla-3x3 -s scar -s standalone
    """
    from chipweave import api
    from chipweave.files.atomic import require_inside, require_writable
    from chipweave.report.save import COMPARISON, COMPARISON_REPORT, save_comparison

    if out is not None:
        for name in (COMPARISON, COMPARISON_REPORT):
            require_inside(out, name)
            require_writable(out / name)
    schedulers = scheduler or ["scar", "standalone"]
    chosen = opt.scheduler_options(schedulers, micro_batch=micro_batch, windows=windows, polish=polish)
    with interruptible() as interrupted:
        cells = api.compare(
            opt.workload(scenario, batch),
            package,
            schedulers,
            options=chosen,
            progress=say,
            stop=interrupted,
            objective=objective,
            cost_model=opt.cost_model(cost_model, maestro_offchip_bandwidth, jobs=jobs),
            fidelity=str(fidelity),
            seed=seed,
            time_limit_s=time_limit,
            jobs=jobs,
        )
    saved = () if out is None else save_comparison(cells, out)
    for path in saved:
        say(f"saved {path}")
    if json:
        from json import dumps

        from chipweave.report.comparison import comparison_data

        print(dumps(comparison_data(cells), indent=1))
    else:
        from chipweave.report.comparison import print_comparison
        from chipweave.report.terminal import print_next_steps

        console = result_console()
        print_comparison(cells, console)
        print_next_steps(after_comparing(cells, scenario, package, schedulers, out), console)
    if interrupted():
        say("interrupted: these are the results until then")
        raise typer.Exit(130)
    if all(cell.result is None for cell in cells):
        raise typer.Exit(1)
