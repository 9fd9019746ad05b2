"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from json import dumps
from pathlib import Path
from shutil import which
from textwrap import wrap
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import typer

from chipweave.plain import STEERING

if TYPE_CHECKING:
    from rich.console import Console

    from chipweave.schedulers.search import Progress

_CONTROL = re.compile(rf"[\x00-\x09\x0b-\x1f{STEERING}]")

PIPE_WIDTH = 100
"""Columns where the output is no terminal and COLUMNS says nothing."""

WIDEST = 1000
"""Columns that are used, whatever COLUMNS says."""


MOST_LINES, LONGEST_LINE, LONGEST_MESSAGE = 20, 200, 800
"""Of what is said of an error: lines, and characters of a line and of one problem."""


def say(text: str) -> None:
    """A message for the user, on stderr; control characters in it, from a name or a value, are spelt out."""
    try:
        print(inert(text), file=sys.stderr, flush=True)
    except OSError:  # full, or its reader has left: nobody would read the reason either
        silence(sys.stderr)


def print_json(text: str) -> None:
    """JSON on stdout; what the stream has no letters for is escaped, so that it stays the same JSON."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = re.sub(r"[^\x00-\x7f]", lambda match: dumps(match[0])[1:-1], text)
    print(text, end="" if text.endswith("\n") else "\n")


def silence(stream: TextIO) -> None:
    """Nothing more can be written to this stream, at the end of the program either."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def bounded(text: str) -> str:
    """A message of at most `MOST_LINES` lines of `LONGEST_LINE` characters; the rest is counted.

    Longer lines are wrapped, and where they go on for more than a few lines, cut in their middle: the remedy stands at
    their end.
    """
    lines: list[str] = []
    given = [inert(line) for line in text.splitlines()]  # spelt out first: that is longer
    for number, line in enumerate(given):
        if len(line) > LONGEST_MESSAGE:
            left_out = len(line) - LONGEST_MESSAGE
            half = LONGEST_MESSAGE // 2
            line = f"{line[:half]} ... ({left_out:,} characters left out) ... {line[-half:]}"
        wrapped = wrap(line, LONGEST_LINE, break_on_hyphens=False, replace_whitespace=False) or [""]
        if len(lines) + len(wrapped) > MOST_LINES - (number < len(given) - 1):
            lines.append(f"and {len(given) - number:,} more")
            break
        lines += wrapped
    return "\n".join(lines)


def inert(text: str) -> str:
    """`text` with control characters spelt out, as a terminal may show it."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def result_console() -> Console:
    """For reports, on stdout: as wide as the terminal; without colours where NO_COLOR is set or in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH if piped else None)
    console.width = min(console.width, WIDEST)
    return console


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
