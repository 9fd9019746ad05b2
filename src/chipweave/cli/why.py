"""`chipweave why`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import interruptible, result_console, say
from chipweave.results.what_if import STEPS, TIME_LIMIT_S


def why(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A schedule.json, or a plan in JSON or YAML.")],
    objective: Annotated[
        str | None, typer.Option(help="What counts as better, as 'schedule' takes it; without it, the file's.")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=0, help="Layers that each search evaluates exactly; the same number, the same rows.")
    ] = STEPS,
    seed: Annotated[int, typer.Option(help="Of the order in which changes are tried.", min=0)] = 0,
    time_limit: Annotated[
        float, typer.Option(help="Seconds for everything; rows not reached are named.")
    ] = TIME_LIMIT_S,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Also search every change without a plan to start from, in its share.")
    ] = False,
    out: opt.Out = None,
    json: opt.Json = False,
) -> None:
    """What would make a schedule better: change one thing at a time, evaluate the same plan, search from it.

    Ctrl-C prints the changes so far. --out saves a report.html that shows them.

    Example: chipweave why results/schedule.json
    """
    from chipweave.api import evaluate
    from chipweave.cli.saving import require_room, save
    from chipweave.files.json import dump_json
    from chipweave.report.what_if import print_what_if
    from chipweave.what_if.ask import why as ask

    require_room(out, [])
    result = evaluate(file)
    with interruptible("stopping with the changes so far") as interrupted:
        found = ask(
            result,
            steps=steps,
            seed=seed,
            time_limit_s=time_limit,
            objective=objective,
            fresh=fresh,
            progress=say,
            stop=interrupted,
        )
    for path in save(result, out, [], read_from=file, what_if=found):
        say(f"saved {path}")
    if json:
        print(dump_json(found.to_data()))
    else:
        print_what_if(found, result_console())
    if interrupted():
        say("interrupted: these are the changes until then")
        raise typer.Exit(130)
