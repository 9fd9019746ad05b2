"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from chipweave.schedulers.search import Progress

PIPE_WIDTH = 100
"""Columns where the output is no terminal and COLUMNS says nothing."""


def say(text: str) -> None:
    """A message for the user, on stderr."""
    print(text, file=sys.stderr)


def result_console() -> Console:
    """For reports, on stdout: as wide as the terminal; without colours where NO_COLOR is set or in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=PIPE_WIDTH if piped else None)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Notes Ctrl-C in the list it yields, on the way to the scheduler, which returns the best so far.

    Where there is no schedule yet the command ends with exit code 130.
    """
    seen: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        seen.append(signum)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    except KeyboardInterrupt:
        say("interrupted before there was a schedule; nothing was saved")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None] | None]:
    """Shows a search's progress on a terminal, from its second second on; None (nothing) elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    import time

    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[best]}"), TimeElapsedColumn())
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", best="")
    started = time.monotonic()

    def show(progress: Progress) -> None:
        if not bar.live.is_started and time.monotonic() - started > 1:
            bar.start()
        best = "" if progress.incumbent is None else f"best so far {progress.incumbent:.4g}"
        bar.update(task, description=progress.doing, total=progress.total, completed=progress.done, best=best)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
