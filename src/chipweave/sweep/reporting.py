"""A sweep's report from its store: the summary, and the files that show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chipweave.collector import without_collector
from chipweave.errors import ChipweaveError, InputError, did_you_mean
from chipweave.files.atomic import make_folder, require_inside, require_writable, write_text
from chipweave.ndarrays import Floats
from chipweave.results.sweep_summary import WHOLE, SweepSummary
from chipweave.sweep.gather import COLUMNS, Gathered, Unfinished, gather_columns
from chipweave.sweep.summary import front_positions

if TYPE_CHECKING:
    from chipweave.store.store import Store

PAGE, TABLE = "sweep.html", "points.csv"
MOST_REPORTS = 100
"""Schedules of the fronts that get a report of their own, unless it is said otherwise."""


def gathered(store: Store, sweep: str | None = None) -> tuple[str, Gathered]:
    """The name and the points of a sweep; of the only one in the store, if no name is given.

    Raises:
        InputError: the store has no sweep, none of that name, or several and no name is given.
    """
    name = _name(store, sweep)
    with without_collector():
        return name, gather_columns(store.columns(name, COLUMNS), store.common(name), _unfinished(store, name))


def require_room(folder: Path | None) -> None:
    """Say before the work, not after it, that the report cannot be written.

    Raises:
        InputError: with the reason.
    """
    if folder is not None:
        for name in (PAGE, TABLE):
            require_writable(folder / name)


def _name(store: Store, sweep: str | None) -> str:
    known = store.sweeps()
    if not known:
        raise InputError(f"{store.where}: holds no sweep; run one with 'chipweave sweep FILE --store {store.where}'")
    if sweep is None:
        if len(known) > 1:
            raise InputError(f"{store.where}: holds {len(known)} sweeps; choose one with --sweep{_listed(known)}")
        return known[0]
    if sweep not in known:
        raise InputError(f"--sweep '{sweep}': is not in {store.where}{did_you_mean(sweep, known)}")
    return sweep


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f": {', '.join(names[:8])}{more}"


def _unfinished(store: Store, sweep: str) -> list[Unfinished]:
    """The points without a result, with the last failure of those that were tried."""
    rows, failures = store.unfinished(sweep), store.failed_of(sweep)
    found = []
    for position, key, axes in rows:
        failure = failures.get(key)
        why = ("", "") if failure is None else (str(failure.kind), failure.reason)
        found.append(Unfinished(position, key, axes, *why))
    return found


def saving(
    summary: SweepSummary,
    found: Gathered,
    store: Store,
    folder: Path,
    most_reports: int = MOST_REPORTS,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Path]:
    """Write the page, all points as CSV, and the schedules of at most so many points of the fronts with their reports:
    one path at a time, each after its file is written.

    Raises:
        InputError: a file cannot be written.
    """
    from chipweave.report.html import sweep_page
    from chipweave.report.html.sweep import report_path

    keys = list(dict.fromkeys(summary.at[position].key for position in front_positions(summary)))[:most_reports]
    make_folder(folder)
    for name in (TABLE, PAGE):
        require_inside(folder, name)
    with without_collector():
        write_text(folder / TABLE, points_csv(found, summary))
    yield folder / TABLE
    reports: list[str] = []
    for number, key in enumerate(keys, 1):
        if progress is not None:
            progress(f"report {number} of {len(keys)}: the schedule of {key}")
        path = folder / report_path(key)
        make_folder(path.parent)
        require_inside(folder, report_path(key))
        _save_schedule(store.schedule(key), path)
        reports.append(key)
        yield path
    write_text(folder / PAGE, sweep_page(summary, reports))  # last: what it leads to is there
    yield folder / PAGE


def _save_schedule(text: str, path: Path) -> None:
    """The schedule's file, and the page that shows it."""
    from chipweave.files.schedule_file import read
    from chipweave.report.html import page

    file = path.with_suffix(".json")
    write_text(file, text)
    try:
        write_text(path, page(read(file)))
    except ChipweaveError as error:
        raise InputError(f"{file}: is in the store, and cannot be read again: {error}") from None


def points_csv(found: Gathered, summary: SweepSummary) -> str:
    """All points in the order of the sweep: what is on every axis, every figure, whether the point is on the first
    front, and why there are no figures. Nothing stands for no figure."""
    best = set(summary.fronts[0].positions)
    positions = found.positions.tolist()
    columns: list[Sequence[str]] = [list(map(str, positions)), found.keys]
    columns += map(_cells, found.axes.values())
    columns += (_figures(column, name in WHOLE) for name, column in found.figures.items())
    columns.append(["1" if position in best else "0" for position in positions])
    nothing = ("", "")
    columns.append([_quoted(": ".join(filter(None, found.failures.get(n, nothing)))) for n in range(len(positions))])
    head = ["position", "key", *found.axes, *found.figures, "front", "failure"]
    lines = [",".join(map(_quoted, head)), *map(",".join, zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def _figures(column: Floats, whole: bool) -> list[str]:
    """Figures as text, each different one written once."""
    values, which = np.unique(column, return_inverse=True)
    texts = ["" if value != value else repr(int(value) if whole else value) for value in values.tolist()]
    return [texts[number] for number in which.reshape(-1).tolist()]


def _cells(column: Sequence[object]) -> list[str]:
    """Numbers and text as they are, anything else as JSON; each different value written once."""
    texts: dict[object, str] = {}
    found = []
    for value in column:
        quick = value if isinstance(value, str) else (repr(value),)
        text = texts.get(quick)
        if text is None:
            text = texts[quick] = _quoted(str(value) if type(value) in (int, float, str) else json.dumps(value))
        found.append(text)
    return found


def _quoted(text: str) -> str:
    """A cell of a CSV file (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text
