"""`chipweave reproduce`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import interruptible, say

if TYPE_CHECKING:
    from chipweave.reproduction.exhibit import Exhibit

LINE_EVERY_S = 10.0


def reproduce(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="What to reproduce ('chipweave list reproductions'), or all.")
    ],
    quick: Annotated[bool, typer.Option("--quick", help="A part of the experiments: minutes, not an hour.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for Markdown, CSV and figures (PNG, SVG).")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One page of all, its figures in a folder of its name.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute what was computed before again.")] = False,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; one per core unless given. Answers do not depend on it.", min=1)
    ] = None,
    json: opt.Json = False,
) -> None:
    """Ask a paper's experiments again, and put its figures beside ours, with a verdict on each of its claims.

    Ctrl-C keeps what is computed; the same command goes on from there.

    Example: chipweave reproduce scar-table-iv --quick
    """
    from chipweave.cores import usable_cores
    from chipweave.reproduction.answering import answers, kept_in
    from chipweave.reproduction.catalog import named
    from chipweave.reproduction.question import exhibit_of
    from chipweave.reproduction.writing import as_json, require_places, write_folder, write_page

    wanted = named(names)
    require_places(out, page)
    questions = [question for each in wanted for question in each.questions(quick)]
    kept = "what is computed is kept: the same command goes on from there"
    with interruptible(f"stopping; {kept}", kept) as interrupted, _progress() as show:
        found = answers(
            questions,
            jobs=jobs or usable_cores(),
            folder=kept_in(),
            fresh=fresh,
            progress=show,
            stop=interrupted,
        )
    if interrupted():
        say(f"interrupted; {kept}")
        raise typer.Exit(130)
    exhibits = [exhibit_of(each, quick, found) for each in wanted]
    if out is not None:
        write_folder(exhibits, out)
    if page is not None:
        papers: dict[str, list[Exhibit]] = {}
        for each, shown in zip(wanted, exhibits, strict=True):
            papers.setdefault(each.paper, []).append(shown)
        write_page(papers, page)
    print(as_json(exhibits) if json else _text(exhibits))


def _text(exhibits: list[Exhibit]) -> str:
    from chipweave.reproduction.page import markdown

    return "\n".join(markdown(each) for each in exhibits)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Who shows how many experiments are done, and how long the rest will take."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("experiments", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    said_s = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= LINE_EVERY_S:
            said_s = time.monotonic()
            say(f"{done:,} of {total:,} experiments are done")

    yield line
