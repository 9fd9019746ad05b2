"""`chipweave validate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from chipweave.cli import options as opt
from chipweave.cli.console import print_json, result_console, say
from chipweave.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chipweave.validation.measurement import Validation


def validate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|all]...", help="See 'chipweave list validations'; all of them without.", show_default=False
        ),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of tpu-gemm: your own products, a CSV file with M,N,K,device_us."),
    ] = None,
    json: opt.Json = False,
    csv: Annotated[Path | None, typer.Option(help="A file for all points, a line each.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="A file for the page, as docs/validation.md is.")] = None,
) -> None:
    """What our models predict beside what was measured on silicon or published by others.

    Example: chipweave validate eyeriss-v1
    """
    from chipweave.files.atomic import require_writable, write_text
    from chipweave.validation import catalog
    from chipweave.validation.page import page, points_csv

    entries = catalog.chosen(names or ())
    own = _own(measured, [entry.name for entry in entries])
    for path in (csv, markdown):
        if path is not None:
            require_writable(path)
    done = []
    for entry in entries:
        done.append(catalog.validate(entry.name) if own is None else own)
        if not json:
            _print(done[-1])
    if json:
        from json import dumps

        print_json(dumps([_plain(each) for each in done], indent=1))
    for path, text in ((csv, points_csv(done)), (markdown, page(done))):
        if path is not None:
            write_text(path, text)
            say(f"saved {path}")


def _own(measured: Path | None, names: Sequence[str]) -> Validation | None:
    """The user's own measurements held against the model, where a file of them is given."""
    if measured is None:
        return None
    if names != ["tpu-gemm"]:
        raise InputError(f"--measured {measured}: is taken by tpu-gemm alone; name it and no other")
    from chipweave.validation.spans_file import load_spans
    from chipweave.validation.tpu_gemm import validate

    return validate(load_spans(measured))


def _plain(validation: Validation) -> dict[str, Any]:
    """A validation as plain values, with the ratio of every point."""
    points = [asdict(point) | {"ratio": point.ratio} for point in validation.points]
    return asdict(validation) | {"points": points}


def _print(validation: Validation) -> None:
    """Every point with its ratio and what is to be said of it, then errors, then targets."""
    from chipweave.report.text_table import print_columns
    from chipweave.validation.accuracy import accuracy, halves, quantities
    from chipweave.validation.page import figure, percent, ratio

    console = result_console()
    rows = []
    for point in validation.points:
        measured = f"{figure(point.measured)} {point.unit}".rstrip()
        rows.append((Text(f"{point.name}, {point.quantity}"), [measured, figure(point.predicted), ratio(point.ratio)]))
    print_columns(console, validation.title, ["measured", "predicted", "ratio"], rows)
    console.print()
    for quantity, points in quantities(validation.points).items():
        for which, part in halves(points).items():
            found = accuracy(part)
            if found is not None and found.points > 1:
                error = f"mean absolute error {percent(found.mean_error)}, worst {ratio(found.worst.ratio)}"
                console.print(Text(f"{quantity}, {which} ({found.points}): {error} ({found.worst.name})"))
    notes = [f"{point.name}, {point.quantity}: {point.note}" for point in validation.points if point.note]
    targets = [
        f"{'reached' if target.reached else 'missed'}: {target.text} ({target.figure})"
        for target in validation.targets
    ]
    for line in [*notes, *targets, *validation.findings]:
        console.print()
        console.print(Text("\n".join(wrap(line, console.width, break_on_hyphens=False))))
    console.print()
