"""`chipweave sweep`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from chipweave.cli.console import inert, interruptible, say
from chipweave.cli.sweep_progress import progress_of
from chipweave.cli.sweep_report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chipweave.files.sweep_file import Sweep
    from chipweave.store.answer import Failure
    from chipweave.store.store import Store
    from chipweave.sweep.standing import Standing
    from chipweave.sweep.workers import Workers

MOST_REASONS = 10
"""Of failures that are listed."""


class RunUnlessNamed(TyperGroup):
    """A group of commands of which `run` need not be named: `chipweave sweep FILE` is `chipweave sweep run FILE`."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Put `run` before what is neither a command nor a call for help."""
        if arguments and arguments[0] not in (*self.commands, *context.help_option_names):
            arguments = ["run", *arguments]
        return super().parse_args(context, arguments)


app = typer.Typer(
    cls=RunUnlessNamed,
    help="Ask many questions from one file, and keep every answer in a store. "
    "Example: chipweave sweep l2.yaml --store sweep.db",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StoreOption = Annotated[
    str, typer.Option("--store", help="A file, made where missing, or postgresql://USER:PASSWORD@HOST/DATABASE.")
]

app.command("report")(report)


@app.command("run")
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sweep, a YAML file.")],
    store: StoreOption,
    jobs: Annotated[
        int | None,
        typer.Option(help="Processes; one per core unless given. Answers do not depend on it.", min=1),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local|slurm", help="Workers of a Dask scheduler, or of one that is started here."
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try cases that failed again.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A page that shows how far it is, written now and then.")
    ] = None,
) -> None:
    """Answer what FILE asks and the store has no answer to. Run it again after any interruption: it goes on.

    Example: chipweave sweep l2.yaml --store sweep.db --jobs 8 --html progress.html
    """
    from chipweave.cores import usable_cores
    from chipweave.files.atomic import require_writable
    from chipweave.files.sweep_file import load_sweep

    if html is not None:
        require_writable(html)
    sweep = load_sweep(file)
    kept = "what is finished is kept"
    with interruptible(f"stopping; {kept}", kept) as interrupted, progress_of() as show:
        opened, made = _opened(store, sweep, show)
        with opened:
            hear = _heard(opened, sweep, show, html)
            workers = _workers(dask, jobs or usable_cores())
            standing = _ran(sweep, opened, workers, retry_failed, hear, interrupted, made)
            if html is not None:
                _write_page(opened, sweep, standing, html, over=True)
            keys = set(opened.keys(sweep.name))
            finished, failed = len(opened.finished_of(sweep.name)), opened.failed_of(sweep.name)
    code = _report(sweep.name, opened.where, (len(keys), finished, standing.answered), failed)
    if interrupted():
        say("interrupted: the same command goes on from there")
        raise typer.Exit(130)
    if code:
        raise typer.Exit(code)


def _opened(where: str, sweep: Sweep, hear: Callable[[Standing], None]) -> tuple[Store, Sequence[Any]]:
    """The store. Before one is made, the points of the sweep are read: nothing is written where one is wrong."""
    from chipweave.errors import InputError
    from chipweave.store.store import Store
    from chipweave.sweep.axes import Points
    from chipweave.sweep.run import read_points

    try:
        return Store.open(where, create=False), ()
    except InputError:
        made = read_points(Points(sweep), hear) if sweep.spec.search is None else ()
        return Store.open(where), made


def _workers(dask: str | None, jobs: int) -> Callable[[int], Workers]:
    """What makes the workers for so many cases."""
    if dask is not None:
        from chipweave.sweep.dask import dask_workers

        return lambda cases: dask_workers(dask, jobs, say)
    from chipweave.sweep.local import LocalWorkers

    return lambda cases: LocalWorkers(min(jobs, cases))


def _ran(
    sweep: Sweep,
    store: Store,
    workers: Callable[[int], Workers],
    retry_failed: bool,
    hear: Callable[[Standing], None],
    interrupted: Callable[[], bool],
    made: Sequence[Any],
) -> Standing:
    if sweep.spec.search is not None:
        from chipweave.sweep.search import search

        return search(sweep, store, workers, retry_failed=retry_failed, hear=hear, stop=interrupted)
    from chipweave.sweep.run import run_sweep

    return run_sweep(sweep, store, workers, retry_failed=retry_failed, hear=hear, stop=interrupted, made=made)


PAGE_EVERY_S = 5.0
PAGE_SHARE = 0.05
"""Of the time that may go into the page: of large sweeps it is written less often."""


def _heard(
    store: Store, sweep: Sweep, show: Callable[[Standing], None], html: Path | None
) -> Callable[[Standing], None]:
    """Who hears how far the sweep is: the terminal, and now and then the page."""
    import time

    due_s = 0.0

    def hear(standing: Standing) -> None:
        nonlocal due_s
        show(standing)
        began_s = time.monotonic()
        if html is not None and not standing.doing and began_s >= due_s:
            _write_page(store, sweep, standing, html, over=False)
            ended_s = time.monotonic()
            due_s = ended_s + max(PAGE_EVERY_S, (ended_s - began_s) / PAGE_SHARE)

    return hear


def _write_page(store: Store, sweep: Sweep, standing: Standing, path: Path, *, over: bool) -> None:
    from chipweave.files.atomic import write_text
    from chipweave.sweep.dashboard import page

    write_text(path, page(store, sweep, standing, over=over))


def _report(name: str, where: str, counts: tuple[int, int, int], failed: dict[str, Failure]) -> int:
    """Say what came out; the exit code: 1 where cases failed for another reason than that they have no schedule.

    Args:
        counts: cases, those that are finished, and those of them that this run has finished.
    """
    cases, finished, now = counts
    print(
        f"sweep '{inert(name)}' in {inert(where)}: {finished:,} of {cases:,} cases are finished, {now:,} of them now; "
        f"{len(failed):,} failed"
    )
    for said in reasons(failed.values()):
        print(inert(said))
    if failed:
        print("--retry-failed tries them again")
    return 1 if any(failure.kind != "infeasible" for failure in failed.values()) else 0


def reasons(failures: Iterable[Failure]) -> list[str]:
    """Why cases failed, the most frequent reason first, a line each."""
    counted = Counter((str(failure.kind), failure.reason.partition("\n")[0][:300]) for failure in failures)
    lines = [f"  {count:,} x {kind}: {reason}" for (kind, reason), count in counted.most_common(MOST_REASONS)]
    more = len(counted) - MOST_REASONS
    return [*lines, f"  and {more:,} other reasons"] if more > 0 else lines
