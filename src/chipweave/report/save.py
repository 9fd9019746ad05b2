"""Results as files in a folder: the schedule, the page that shows it, and the trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chipweave.files.atomic import make_folder, require_inside, write_text

if TYPE_CHECKING:
    from chipweave.results.result import Cell, Result
    from chipweave.results.what_if import WhatIf

SCHEDULE, REPORT, TRACE = SAVED = "schedule.json", "report.html", "trace.json"
COMPARISON, COMPARISON_REPORT = "comparison.json", "comparison.html"


def save(result: Result, folder: str | Path, what_if: WhatIf | None = None) -> tuple[Path, ...]:
    """Write `schedule.json`, `report.html` and `trace.json`, each whole or not at all, and return their paths.

    The folder is made where it is missing. The schedule comes first, so that it is safe whatever becomes of the others.

    Args:
        what_if: what `chipweave.why(result)` found, for the page.

    Raises:
        InputError: a file cannot be written.
    """
    return tuple(saving(result, Path(folder), what_if=what_if))


def saving(result: Result, folder: Path, schedule: bool = True, what_if: WhatIf | None = None) -> Iterator[Path]:
    """As `save`, one path at a time, after its file is written; without `schedule` the other two."""
    from chipweave.files.schedule_file import to_text
    from chipweave.report.html import page
    from chipweave.report.trace import to_text as trace_text

    texts: dict[str, Callable[[Result], str]] = {
        SCHEDULE: to_text,
        REPORT: partial(page, what_if=what_if),
        TRACE: trace_text,
    }
    make_folder(folder)
    for name, text in texts.items():
        if schedule or name != SCHEDULE:
            require_inside(folder, name)
            write_text(folder / name, text(result))
            yield folder / name


def save_comparison(cells: Sequence[Cell], folder: str | Path) -> tuple[Path, ...]:
    """Write `comparison.json`, every cell's schedule in a folder of its own, and `comparison.html`.

    Each cell in `comparison.json` names its file in `file`.

    Raises:
        InputError: a file cannot be written.
    """
    from chipweave.files.json import dump_json
    from chipweave.files.schedule_file import to_text
    from chipweave.report.comparison import comparison_data
    from chipweave.report.html import comparison_page

    top = Path(folder)
    make_folder(top)
    data, written = comparison_data(cells), []
    for number, (cell, row) in enumerate(zip(cells, data, strict=True), 1):
        if cell.result is not None:
            place = cell_folder(number, cell)
            make_folder(top / place)
            row["file"] = f"{place}/{SCHEDULE}"
            require_inside(top, row["file"])
            write_text(top / place / SCHEDULE, to_text(cell.result))
            written.append(top / place / SCHEDULE)
    for name in (COMPARISON, COMPARISON_REPORT):
        require_inside(top, name)
    write_text(top / COMPARISON, dump_json(data) + "\n")
    write_text(top / COMPARISON_REPORT, comparison_page(cells))
    return (top / COMPARISON, *written, top / COMPARISON_REPORT)


def cell_folder(number: int, cell: Cell) -> str:
    """Name of the folder of the `number`th cell, counted from 1."""
    return f"{number}-{_plain(cell.scheduler)}-{_plain(cell.package)}"


def _plain(name: str) -> str:
    """Part of a folder's name, whatever a package's name holds."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-").lower() or "unnamed"
