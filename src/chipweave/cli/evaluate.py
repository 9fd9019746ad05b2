"""`chipweave evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import after_reading
from chipweave.cli.console import result_console, say


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A schedule.json, or a plan in JSON or YAML.")],
    out: opt.Out = None,
    figure: opt.FigureOption = None,
    json: opt.Json = False,
) -> None:
    """Check a schedule and compute what it costs.

    The figures of a schedule.json come out the same to the last bit; where they do not, what changed is said
    and the exit code is 1. A plan written by hand needs only `scenario`, `package` and `schedule`. --out saves the
    report and the trace; its schedule.json too, where FILE is another file.

    Example: chipweave evaluate results/schedule.json
    """
    from chipweave.api import evaluate as compute
    from chipweave.cli.saving import require_room, save
    from chipweave.evaluation.check import require_limits
    from chipweave.files.schedule_file import to_text

    require_room(out, figure or [])
    result = compute(file)
    saved = save(result, out, figure or [], read_from=file)
    for path in saved:
        say(f"saved {path}")
    if json:
        print(to_text(result), end="")
    else:
        from chipweave.report.terminal import report

        report(result, result_console(), after_reading(file, out))
    require_limits(result.evaluation, result.problem)
    if result.changes:
        say("\n".join([f"{file}: what the file says is not what was computed:", *result.changes]))
        raise typer.Exit(1)
