"""`chipweave evaluate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.advice import after_reading
from chipweave.cli.console import print_json, result_console, say

if TYPE_CHECKING:
    from chipweave.results.result import Result


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A schedule.json, or a plan in JSON or YAML.")],
    out: opt.Out = None,
    figure: opt.FigureOption = None,
    json: opt.Json = False,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Also check the file's proof of its lower bound, from nothing else.")
    ] = False,
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
    if certificate:
        _require_proof(file, result)  # what does not hold is neither shown nor saved
    saved = save(result, out, figure or [], read_from=file)
    for path in saved:
        say(f"saved {path}")
    if json:
        print_json(to_text(result))
    else:
        from chipweave.report.terminal import report

        report(result, result_console(), after_reading(file, out))
    require_limits(result.evaluation, result.problem)
    if not certificate and result.search is not None and result.search.proof is not None:
        say(f"{file}: its lower bound was taken from its proof; `--certificate` checks the proof itself")
    if result.changes:
        say("\n".join([f"{file}: what the file says is not what was computed:", *result.changes]))
        raise typer.Exit(1)


def _require_proof(file: Path, result: Result) -> None:
    """Check the proof again, and say so.

    Raises:
        typer.Exit: it does not hold, with the reasons; code 1.
    """
    from chipweave.evaluation.audit import faults_of_proof
    from chipweave.evaluation.exact.ground import prepare
    from chipweave.evaluation.priced import ROUNDING

    if result.search is None or result.search.proof is None:
        say(f"{file}: holds no proof; its lower bound was computed anew")
        return
    faults = faults_of_proof(prepare(result.problem), result.search.proof)
    if result.gap is not None and result.gap < -ROUNDING:
        faults.append(f"it proves what this very schedule is below: its value is {result.value!r}")
    proven = result.certificate.value if result.certificate is not None else math.inf
    if any(value > proven * (1 + ROUNDING) for _, value in result.search.bounds):
        faults.append(f"by `search.bounds` more was proven on the way than in the end, {proven!r}")
    if faults:
        say("\n".join([f"{file}: its proof does not hold:", *faults]))
        raise typer.Exit(1)
    say(f"{file}: its proof holds: {len(result.search.proof.lines)} lines, checked anew")
