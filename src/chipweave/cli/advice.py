"""What to try next, in the terms of the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chipweave.cli.console import program

if TYPE_CHECKING:
    from chipweave.results.result import Cell, Result

WIDE_GAP = 0.3
"""Above it a better schedule is worth a search."""


def next_steps(result: Result, out: Path | None, time_limit_s: float | None, interrupted: bool) -> list[str]:
    """After a search: look at what was saved, or save it; and what may find something better."""
    if out is None:
        steps = ["the same with --out DIR, which saves DIR/schedule.json, DIR/report.html and DIR/trace.json"]
    else:
        steps = [f"open {_path(out / 'report.html')} in a browser"]
        steps.append(f"{program()} evaluate {_path(out / 'schedule.json')}")
    search = result.search
    if interrupted:
        steps.append("the same again: it was interrupted")
    elif search is not None and not search.complete and time_limit_s is not None:
        steps.append(f"the same with --time-limit {2 * time_limit_s:g}: the time limit ended the search early")
    elif better := _better(result):
        steps.append(f"the same with {better}")
    return steps


def _better(result: Result) -> str:
    """Options that search more or elsewhere, where the gap is wide; empty where none is known to."""
    search = result.search
    if search is None or result.gap is None or result.gap < WIDE_GAP:
        return ""
    wide = f"the gap of {100 * result.gap:.0f} % leaves room"
    if search.scheduler not in ("weave", "optimal"):
        return f"--scheduler weave, which searches windows and regions together: {wide}"
    return ""


def after_reading(file: Path, out: Path | None) -> list[str]:
    """After `evaluate`."""
    if out is not None:
        return [f"open {_path(out / 'report.html')} in a browser"]
    return [f"{program()} evaluate {_path(file)} --out DIR, which saves DIR/report.html and DIR/trace.json"]


def after_comparing(
    cells: Sequence[Cell], scenario: str, packages: Sequence[str], schedulers: Sequence[str], out: Path | None
) -> list[str]:
    """After `compare`: the best cell by itself. `cells` are the first of all packages times schedulers."""
    from chipweave.report.save import SCHEDULE, cell_folder

    values = [(cell.result.value, at) for at, cell in enumerate(cells) if cell.result and cell.result.value is not None]
    steps = [] if out is None else [f"open {_path(out / 'comparison.html')} in a browser"]
    if not values:
        return steps
    _, best = min(values)
    if out is not None:
        file = out / cell_folder(best + 1, cells[best]) / SCHEDULE
        return [*steps, f"{program()} evaluate {_path(file)} --out results: the best one, with its report.html"]
    package, scheduler = packages[best // len(schedulers)], schedulers[best % len(schedulers)]
    command = shlex.join(["schedule", scenario, "--package", package, "--scheduler", scheduler, "--out", "results"])
    return [f"{program()} {command}: the best one, with the options given here added"]


def _path(path: Path) -> str:
    return shlex.quote(str(path))
