"""What `--out` and `--figure` write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chipweave.results.result import Result
    from chipweave.results.what_if import WhatIf


def require_room(out: Path | None, figures: Sequence[Path]) -> None:
    """Say before a long search that what it finds cannot be saved.

    Raises:
        InputError: a place takes no files, or a figure's format is unknown or its extra missing.
    """
    from chipweave.files.atomic import require_inside, require_writable

    if out is not None:
        from chipweave.report.save import SAVED

        for name in SAVED:
            require_inside(out, name)
            require_writable(out / name)
    if figures:
        from chipweave.report.figure import require

        for figure in figures:
            require(figure)
            require_writable(figure)


def require_room_for_comparison(out: Path | None) -> None:
    """Say before long searches that their comparison cannot be saved.

    Raises:
        InputError: a place takes no files.
    """
    from chipweave.files.atomic import require_inside, require_writable
    from chipweave.report.save import COMPARISON, COMPARISON_REPORT

    if out is not None:
        for name in (COMPARISON, COMPARISON_REPORT):
            require_inside(out, name)
            require_writable(out / name)


def save(
    result: Result,
    out: Path | None,
    figures: Sequence[Path],
    read_from: Path | None = None,
    what_if: WhatIf | None = None,
) -> list[Path]:
    """Write the files and return their paths. What was read from `out`'s own schedule.json does not replace it.

    The page shows `what_if`, where it was asked.

    Raises:
        InputError: a file cannot be written.
    """
    saved: list[Path] = []
    if out is not None:
        from chipweave.report.save import SCHEDULE, saving

        own = read_from is not None and os.path.exists(out / SCHEDULE) and (out / SCHEDULE).samefile(read_from)
        saved += saving(result, out, schedule=not own, what_if=what_if)
    if figures:
        from chipweave.files.atomic import make_folder
        from chipweave.report.figure import timeline_figure

        for figure in figures:
            make_folder(figure.parent)
            timeline_figure(result, figure)
            saved.append(figure)
    return saved
