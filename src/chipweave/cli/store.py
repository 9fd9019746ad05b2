"""`chipweave store`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from chipweave.cli import options as opt
from chipweave.cli.console import inert, print_json, result_console, say
from chipweave.errors import InputError

if TYPE_CHECKING:
    from chipweave.store.overview import Counts

app = typer.Typer(
    help="Look into a store of answers: what it holds, one case of it, its figures as a table.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

StoreArgument = Annotated[
    str,
    typer.Argument(metavar="STORE", help="A file, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE."),
]


@app.command("ls")
def ls(store: StoreArgument, json: opt.Json = False) -> None:
    """List the sweeps of a store, with how many of their cases are finished, failed and claimed.

    Example: chipweave store ls sweep.db
    """
    from chipweave.store.overview import overview
    from chipweave.store.store import Store

    with Store.open(store, create=False) as opened:
        found = overview(opened)
    if json:
        _print_json(asdict(found))
        return
    from chipweave.report.text_table import print_columns

    whole = (Text("all"), _cells(found.whole))
    rows = [*((Text(inert(sweep.name)), _cells(sweep)) for sweep in found.sweeps), whole]
    header = ["points", "cases", "finished", "failed", "claimed", "since"]
    print_columns(result_console(), "sweep", header, rows)
    say(f"{found.documents} documents; 'chipweave store show STORE KEY' has a case, 'store export' the figures of all")


def _cells(counts: Counts) -> list[str]:
    numbers = (counts.points, counts.cases, counts.finished, counts.failed, counts.claimed)
    return [*map(str, numbers), counts.created_at[:16].replace("T", " ")]


@app.command("show")
def show(
    store: StoreArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Of a case, or how it begins.")],
    out: Annotated[Path | None, typer.Option(help="A file for the case's schedule.json.")] = None,
    json: opt.Json = False,
) -> None:
    """Show all that a store knows of one case: what is asked, the figures, failures, and where in which sweep it is.

    Example: chipweave store show sweep.db 4f2a --out schedule.json
    """
    from chipweave.files.atomic import write_text
    from chipweave.store.overview import about
    from chipweave.store.store import Store

    with Store.open(store, create=False) as opened:
        found = about(opened, key)
        if out is not None:
            write_text(out, opened.schedule(found["case"]["key"]))
            say(f"saved {out}")
    if json:
        _print_json(found)
        return
    console = result_console()
    result = found["result"] or {"result": None}
    for title, part in (("case", found["case"]), ("result", result)):
        console.print(Text(title, "bold"))
        for name, value in part.items():
            if not isinstance(value, dict):
                console.print(f"  {name:<22} {_shown(value)}", soft_wrap=True)
    for failure in found["failures"]:
        console.print(Text("failure", "bold"))
        for name in ("kind", "reason", "seconds", "worker", "version", "at"):
            console.print(f"  {name:<22} {_shown(failure[name])}", soft_wrap=True)
    for point in found["points"]:
        console.print(Text(inert(f"point {point['position']} of {point['sweep']}"), "bold"))
        for path, value in point["axes"].items():
            console.print(f"  {inert(path):<22} {_shown(value)}", soft_wrap=True)


def _shown(value: Any) -> str:
    return "none" if value is None else inert(str(value))


@app.command("export")
def export(
    store: StoreArgument,
    csv: Annotated[Path | None, typer.Option(help="A CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="A Parquet file.")] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="The finished points of one sweep, with the values of its axes; else every finished case."),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Write the figures of a store as a table: a row for each finished case.

    Example: chipweave store export sweep.db --sweep exploration --csv figures.csv
    """
    from chipweave.store.export import write_csv, write_parquet
    from chipweave.store.store import Store

    ways = [(csv, write_csv), (parquet, write_parquet)]
    if csv is None and parquet is None:
        raise InputError("store export: no file is named; give --csv FILE or --parquet FILE")
    with Store.open(store, create=False) as opened:
        written = [(path, write(opened, path, sweep)) for path, write in ways if path is not None]
    if json:
        _print_json([{"file": str(path), "rows": rows} for path, rows in written])
        return
    for path, rows in written:
        say(f"saved {path}: {rows} rows")


@app.command("gc")
def gc(store: StoreArgument, json: opt.Json = False) -> None:
    """Remove claims that ended, and cases and documents that nothing refers to; give free space back.

    Example: chipweave store gc sweep.db
    """
    from chipweave.store.collect import collect
    from chipweave.store.store import Store

    with Store.open(store, create=False) as opened:
        removed = collect(opened)
    if json:
        _print_json(asdict(removed))
        return
    say(f"removed {removed.claims} claims, {removed.cases} cases, {removed.documents} documents")


def _print_json(data: Any) -> None:
    from json import dumps

    print_json(dumps(data, indent=1))
