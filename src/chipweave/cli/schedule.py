"""`chipweave schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import next_steps
from chipweave.cli.console import interruptible, progress_bar, result_console, say


def schedule(
    scenario: opt.ScenarioArgument,
    package: Annotated[str, typer.Option("--package", "-p", help="A built-in name or a YAML file.")],
    scheduler: Annotated[str, typer.Option("--scheduler", "-s", help=opt.SCHEDULER_HELP)] = "scar",
    objective: opt.ObjectiveOption = "edp",
    batch: opt.Batch = None,
    cost_model: opt.CostModelOption = None,
    maestro_offchip_bandwidth: opt.OffchipBandwidth = None,
    fidelity: opt.FidelityOption = opt.FidelityChoice.DETAILED,
    out: opt.Out = None,
    figure: opt.FigureOption = None,
    json: opt.Json = False,
    seed: opt.Seed = 0,
    time_limit: opt.TimeLimit = None,
    jobs: opt.Jobs = None,
    n_splits: opt.NSplits = None,
    packing: opt.Packing = None,
    provision: opt.Provision = None,
    top_k: opt.TopK = None,
    node_cap: opt.NodeCap = None,
    search: opt.SearchOption = None,
    population: opt.Population = None,
    generations: opt.Generations = None,
    micro_batch: opt.MicroBatch = None,
    windows: opt.Windows = None,
    polish: opt.Polish = None,
) -> None:
    """Find a schedule of SCENARIO on a package.

    Example: chipweave schedule datacenter-4 --package het-sides-3x3 --objective edp --out results
    """
    from chipweave import api
    from chipweave.cli.saving import require_room, save
    from chipweave.files.schedule_file import to_text

    require_room(out, figure or [])
    chosen = opt.scheduler_options(
        [scheduler],
        n_splits=n_splits,
        packing=packing,
        provision=provision,
        top_k=top_k,
        node_cap=node_cap,
        search=search,
        population=population,
        generations=generations,
        micro_batch=micro_batch,
        windows=windows,
        polish=polish,
    )
    with interruptible() as interrupted, progress_bar() as progress:
        result = api.schedule(
            opt.workload(scenario, batch),
            package,
            scheduler=scheduler,
            objective=objective,
            cost_model=opt.cost_model(cost_model, maestro_offchip_bandwidth, jobs=jobs),
            fidelity=str(fidelity),
            seed=seed,
            time_limit_s=time_limit,
            jobs=jobs,
            options=chosen.get(scheduler),
            progress=progress,
            stop=interrupted,
        )
    saved = save(result, out, figure or [])
    for path in saved:
        say(f"saved {path}")
    if json:
        print(to_text(result), end="")
    else:
        from chipweave.report.terminal import report

        report(result, result_console(), next_steps(result, out, time_limit, interrupted()))
    if interrupted():
        say("interrupted: this is the best schedule found until then")
        raise typer.Exit(130)
