"""How far a sweep is, on stderr: a small table that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chipweave.cli.console import inert, say

if TYPE_CHECKING:
    from rich.table import Table

    from chipweave.sweep.standing import Standing

LINE_EVERY_S = 10.0
TABLE_EVERY_S = 0.5


@contextmanager
def progress_of() -> Iterator[Callable[[Standing], None]]:
    """Who shows a sweep's standing."""
    shown_s = time.monotonic()

    def due(every_s: float) -> bool:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s < every_s:
            return False
        shown_s = now_s
        return True

    if not sys.stderr.isatty():
        from chipweave.sweep.standing import line

        yield lambda standing: say(line(standing)) if due(LINE_EVERY_S) else None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield lambda standing: live.update(_table(standing), refresh=True) if due(TABLE_EVERY_S) else None


def _table(standing: Standing) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from chipweave.sweep.standing import duration

    done = standing.known + standing.answered + standing.failed
    table = Table.grid(padding=(0, 2))
    rate_s, left_s = standing.rate_s, standing.left_s
    table.add_row(
        Text(inert(standing.name)),
        ProgressBar(total=max(1, standing.cases), completed=done, width=40),
        Text(standing.doing),
    )
    rows = {
        "finished": f"{standing.known + standing.answered:,} of {standing.cases:,}, {standing.known:,} of them before",
        "a second": "" if rate_s is None else f"{rate_s:.3g}",
        "left": "" if left_s is None else duration(left_s),
        "failed": f"{standing.failed:,}" + (f", last: {standing.last.reason}"[:200] if standing.last else ""),
        "with other clients": f"{standing.elsewhere:,}" if standing.elsewhere else "",
        "best so far": "" if standing.best is None else f"{standing.best[0]:.6g}",
    }
    for name, said in rows.items():
        if said:
            table.add_row(Text(name, style="dim"), Text(inert(said)))
    return table
