"""What to try next, in the terms of the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chipweave.cli.console import program

if TYPE_CHECKING:
    from chipweave.results.result import Cell, Result, Search

WIDE_GAP = 0.3
"""Above it a better schedule is worth a search."""

LONGER = 3
"""Times as long, where a search is to go on."""


def next_steps(result: Result, out: Path | None, time_limit_s: float | None, interrupted: bool) -> list[str]:
    """After a search: look at what was saved, or save it; and what may find something better."""
    if out is None:
        steps = ["the same with --out DIR, which saves DIR/schedule.json, DIR/report.html and DIR/trace.json"]
    else:
        steps = [f"open {_path(out / 'report.html')} in a browser"]
    if interrupted:
        steps.append("the same again: it was interrupted")
    elif better := _better(result, time_limit_s):
        steps.append(f"the same with {better}")
    if out is not None:
        steps.append(f"{program()} why {_path(out / 'schedule.json')}: what of the hardware or the plan would help")
    return steps


def _better(result: Result, time_limit_s: float | None) -> str:
    """Options of `schedule` that search more or elsewhere, and what speaks for them; empty where nothing does."""
    search = result.search
    if search is None or (result.gap is not None and result.gap <= 0):
        return ""
    if not search.complete and time_limit_s is not None:
        return f"--time-limit {2 * time_limit_s:g}: the time limit ended the search early"
    if not search.complete and _still_better(search):
        return f"--time-limit {LONGER * search.seconds:.0f}: the search still got better in the last half of its time"
    if search.scheduler not in ("weave", "optimal") and result.gap is not None and result.gap >= WIDE_GAP:
        return (
            "--scheduler weave, which searches windows and regions together: "
            f"the gap of {100 * result.gap:.0f} % leaves room"
        )
    return ""


def _still_better(search: Search) -> bool:
    """Whether the best value fell in the second half of the search."""
    return bool(search.history) and search.history[-1][0] > search.seconds / 2


def after_reading(file: Path, out: Path | None) -> list[str]:
    """After `evaluate`."""
    why = f"{program()} why {_path(file)}: what of the hardware or the plan would help"
    if out is not None:
        return [f"open {_path(out / 'report.html')} in a browser", why]
    return [f"{program()} evaluate {_path(file)} --out DIR, which saves DIR/report.html and DIR/trace.json", why]


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
