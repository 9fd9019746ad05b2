"""`chipweave`: the commands and how they end."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Annotated

import typer
from typer.main import get_command

import chipweave
from chipweave import collector, compiling
from chipweave.cli.compare import compare
from chipweave.cli.console import bounded, say, silence
from chipweave.cli.cost import cost
from chipweave.cli.demo import demo
from chipweave.cli.evaluate import evaluate
from chipweave.cli.import_ import app as import_app
from chipweave.cli.listing import list_names
from chipweave.cli.price import price
from chipweave.cli.reproduce import reproduce
from chipweave.cli.schedule import schedule
from chipweave.cli.schema import schema
from chipweave.cli.serve import serve
from chipweave.cli.show import show
from chipweave.cli.simulate import simulate
from chipweave.cli.store import app as store_app
from chipweave.cli.sweep import app as sweep_app
from chipweave.cli.usage import in_words
from chipweave.cli.validate import validate
from chipweave.cli.why import why
from chipweave.errors import ChipweaveError, InputError

INTERNAL_ERROR = 70
"""BSD's EX_SOFTWARE."""

_PLACES = ("--out", "--chiplet-out", "--figure", "--store", "--page")
"""Options that name what is written."""

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

app = typer.Typer(
    name="chipweave",
    help="Schedules AI models on multi-chiplet packages, and shows how good the schedule is.",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (schedule, serve, evaluate, why, simulate, compare, cost, price):
    app.command()(command)
for command in (reproduce, validate, show, schema, demo):
    app.command()(command)
app.command("list")(list_names)
app.add_typer(import_app, name="import")
app.add_typer(store_app, name="store")
app.add_typer(sweep_app, name="sweep")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"chipweave {chipweave.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None: ...


@cache
def _commands() -> Callable[..., object]:
    """All commands, read off their functions once in a process, which takes longer than many of them do."""
    return get_command(app)


def _require_places(arguments: Sequence[str]) -> None:
    """A place that is nothing, as a shell makes of a variable that is not set, would be the folder that one is in.

    Raises:
        InputError: an option that names what is written has nothing after it.
    """
    for option, value in [*pairwise(arguments), *((text[:-1], "") for text in arguments if text.endswith("="))]:
        if option in _PLACES and not value:
            raise InputError(f"{option}: is empty; name a file or folder, or '.' for the folder that you are in")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    0 done, 1 no valid schedule, 2 bad input, 70 a fault of chipweave, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _require_places(given)
        code = _commands()(args=given or ["--help"], prog_name="chipweave", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ChipweaveError as error:
        say(bounded("\n".join(f"error: {line}" for line in str(error).splitlines())))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; nothing more may be written, at exit either.
        silence(sys.stdout)
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # files of ours say their names
            silence(sys.stdout)
            say(f"error: the output cannot be written: {error.strerror}; what is said to be saved is saved")
            return 1
        if hasattr(error, "format_message"):  # a usage error of typer
            say(bounded(f"error: {in_words(error, given)}"))
            return 2
        if os.environ.get("CHIPWEAVE_DEBUG"):
            raise
        say(
            f"internal error: {type(error).__name__}: {bounded(str(error))}\n"
            "This is a fault of chipweave. Please report it, with the command and what it prints under "
            "CHIPWEAVE_DEBUG=1."
        )
        return INTERNAL_ERROR


def _open_streams() -> bool:
    """Give the program streams where it was started without, before any file of its own takes their numbers; False
    where stdout is none."""
    had_stdout = sys.stdout is not None
    while (lowest := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(lowest)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    return had_stdout


def _note(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Warnings as any other message, without the place in the code."""
    say(f"note: {message}")


def _first_run() -> None:
    say("first run: compiling kernels, about a minute of one core, which no time limit counts; later runs read them")


def main() -> None:
    had_stdout = _open_streams()
    warnings.showwarning = _note
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    compiling.hear_with(_first_run)
    code = run()
    if compiling.SO_FAR.kernels:
        say(f"{compiling.SO_FAR.kernels} kernels were compiled in {compiling.SO_FAR.seconds:.0f} s, and are kept")
    if code == 0 and not had_stdout:
        say("error: the output cannot be written: stdout is closed; what is said to be saved is saved")
        code = 1
    if code == INTERRUPTED:  # threads may still be searching, and an orderly exit would wait for them
        sys.stderr.flush()
        os._exit(code)
    collector.no_more()
    sys.exit(code)
