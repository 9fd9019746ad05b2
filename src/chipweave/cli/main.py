"""`chipweave`: the commands and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import chipweave
from chipweave.cli.compare import compare
from chipweave.cli.console import say
from chipweave.cli.cost import cost
from chipweave.cli.demo import demo
from chipweave.cli.evaluate import evaluate
from chipweave.cli.import_ import app as import_app
from chipweave.cli.listing import list_names
from chipweave.cli.price import price
from chipweave.cli.schedule import schedule
from chipweave.cli.schema import schema
from chipweave.cli.show import show
from chipweave.cli.simulate import simulate
from chipweave.errors import ChipweaveError

INTERNAL_ERROR = 70
"""BSD's EX_SOFTWARE."""

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
for command in (schedule, evaluate, simulate, compare, cost, price, show, schema, demo):
    app.command()(command)
app.command("list")(list_names)
app.add_typer(import_app, name="import")


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


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    0 done, 1 no valid schedule, 2 bad input, 70 a fault of chipweave, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(args=given or ["--help"], prog_name="chipweave", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ChipweaveError as error:
        say("\n".join(f"error: {line}" for line in str(error).splitlines()))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; nothing more may be written, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of typer
            message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
            context = getattr(error, "ctx", None)
            say(f"error: {message}; see '{context.command_path if context else 'chipweave'} --help'")
            return 2
        if os.environ.get("CHIPWEAVE_DEBUG"):
            raise
        say(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a fault of chipweave. Please report it, with the command and what it prints under "
            "CHIPWEAVE_DEBUG=1."
        )
        return INTERNAL_ERROR


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    code = run()
    if code == INTERRUPTED:  # threads may still be searching, and an orderly exit would wait for them
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
