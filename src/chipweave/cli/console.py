"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from chipweave.schedulers.search import Progress

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

PIPE_WIDTH = 100
"""Columns where the output is no terminal and COLUMNS says nothing."""


def say(text: str) -> None:
    """A message for the user, on stderr; control characters in it, from a name or a value, are spelt out."""
    print(inert(text), file=sys.stderr)


def inert(text: str) -> str:
    """`text` with control characters spelt out, as a terminal may show it."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def result_console() -> Console:
    """For reports, on stdout: as wide as the terminal; without colours where NO_COLOR is set or in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH if piped else None)


@contextmanager
def interruptible(
    stopping: str = "stopping with the best schedule so far", gone: str = "nothing was saved"
) -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether Ctrl-C was pressed, for the search to ask.

    A second Ctrl-C does not wait for the search: the command ends with exit code 130 and saves nothing.

    Args:
        stopping, gone: said at the first Ctrl-C, and where the command ends for it.
    """
    seen = 0

    def note(signum: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            raise KeyboardInterrupt
        say(f"{stopping}; Ctrl-C again gives up")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: seen > 0
    except (KeyboardInterrupt, SystemError):  # an exception that is raised inside a compiled kernel is a SystemError
        if not seen:
            raise
        say(f"interrupted; {gone}")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None] | None]:
    """Shows a search's progress on a terminal, from its second second on; None (nothing) elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from threading import Timer

    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[best]}"), TimeElapsedColumn())
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("costing layers", total=None, best="")

    def show(progress: Progress) -> None:
        best = "" if progress.incumbent is None else f"best so far {progress.incumbent:.4g}"
        bar.update(task, description=progress.doing, total=progress.total, completed=progress.done, best=best)

    start = Timer(1, bar.start)
    start.start()
    try:
        yield show
    finally:
        start.cancel()
        start.join()
        bar.stop()


def program() -> str:
    """What to type to run chipweave: its path where the shell would not find it by its name."""
    started = Path(sys.argv[0])
    return str(started) if started.name == "chipweave" and which("chipweave") is None else "chipweave"
