"""`chipweave sweep report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import print_json, result_console, say
from chipweave.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Front:
    """Which front comes first."""

    x: Annotated[
        str | None, typer.Option("--x", help="First figure of the front: edp_js, latency_s, energy_j, price_usd, ...")
    ] = None
    y: Annotated[str | None, typer.Option("--y", help="Its second figure.")] = None
    z: Annotated[str | None, typer.Option("--z", help="Its third figure, if it is to have one.")] = None
    reference: Annotated[
        list[float] | None,
        typer.Option(
            help="Corner of the hypervolume: repeat, a number for each figure. Without it, a bit beyond the worst."
        ),
    ] = None

    @property
    def figures(self) -> list[str]:
        """Two or three, or none where none is asked for."""
        given = [("--x", self.x), ("--y", self.y), ("--z", self.z)]
        missing = [flag for flag, name in given[:2] if name is None]
        if len(missing) == 1 or (missing and self.z is not None):
            raise InputError(f"{missing[0]}: is missing; a front has two or three figures, --x and --y at least")
        return [name for _, name in given if name is not None]


@opt.spread
def report(
    store: Annotated[str, typer.Argument(metavar="STORE", help="The store's file, or postgresql://...")],
    sweep: Annotated[str | None, typer.Option(help="Of several sweeps in the store, the one of this name.")] = None,
    *,
    front: Front,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for sweep.html, points.csv and the schedules of the fronts; made where missing."),
    ] = None,
    schedules: Annotated[
        int, typer.Option(min=0, help="Schedules of the fronts that are saved with their reports, at most.")
    ] = 100,
    json: opt.Json = False,
) -> None:
    """What came out of a sweep: fronts, the best of each value, what matters, failures.

    Example: chipweave sweep report sweep.db --x edp_js --y price_usd --out results
    """
    from chipweave.files.json import dump_json
    from chipweave.report.sweep_table import print_sweep
    from chipweave.store.store import Store
    from chipweave.sweep.reporting import gathered, require_room, saving
    from chipweave.sweep.summary import summarise

    asked = front.figures
    require_room(out)
    with Store.open(store, create=False) as opened:
        name, found = gathered(opened, sweep)
        summary = summarise(name, found, asked, front.reference)
        for path in () if out is None else saving(summary, found, opened, out, schedules, say):
            if path.parent == out:
                say(f"saved {path}")
    if json:
        print_json(dump_json(summary.to_data()))
    else:
        print_sweep(summary, result_console())
