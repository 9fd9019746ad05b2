"""`chipweave serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import interruptible, print_json, result_console, say

if TYPE_CHECKING:
    from chipweave.serving.service import Served

SAVED = ("prefill", "decode")
"""Folders in that of --out; of prefill, of several lengths that of the longest prompt."""

APART = "side-by-side"
"""Folder in that of --out with the same two, of plans on a part of the package each."""

LENGTHS = "TOKENS|TOKENS:SHARE,...|FILE.csv"


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """What comes in and goes out, and within which limits."""

    batch: Annotated[int, typer.Option(help="Sequences that are served together.")] = 1
    ttft_limit: Annotated[float | None, typer.Option(help="Time to the first token, at most, s.")] = None
    tpot_limit: Annotated[float | None, typer.Option(help="Time per output token, on average, at most, s.")] = None
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Weights and caches that fit L2 stay there from a step to the next.")
    ] = False
    disaggregate: Annotated[
        bool, typer.Option("--disaggregate", help="Also side by side, on disjoint parts of the package.")
    ] = False
    prefill_chiplets: Annotated[
        str | None,
        typer.Option(metavar="0-3,8", help="With --disaggregate, those of prefill. Default: looked for."),
    ] = None
    routing: Annotated[str, typer.Option(metavar="uniform|zipf:S|FILE.csv", help="Which experts tokens take.")] = (
        "uniform"
    )
    absorbed: Annotated[
        bool | None, typer.Option("--absorbed/--not-absorbed", help="Latent attention on latent vectors, or not.")
    ] = None
    bytes_per_element: Annotated[
        int | None, typer.Option(min=1, max=64, help="Of weights, caches and activations; else the configuration's.")
    ] = None

    def arguments(self) -> dict[str, Any]:
        """What `chipweave.serve` takes of it."""
        return {
            "batch": self.batch,
            "ttft_limit_s": self.ttft_limit,
            "tpot_limit_s": self.tpot_limit,
            "repeat": self.repeat,
            "disaggregate": self.disaggregate or self.prefill_chiplets is not None,
            "prefill_chiplets": _numbers(self.prefill_chiplets),
            "routing": Path(self.routing) if self.routing.endswith(".csv") else self.routing,
            "absorbed": self.absorbed,
            "bytes_per_element": self.bytes_per_element,
        }


@dataclass(frozen=True, kw_only=True)
class Searches:
    """What both searches are asked, as `schedule` takes it."""

    objective: Annotated[str, typer.Option(help="Of both plans, as `schedule` takes it.")] = "edp"
    cost_model: opt.CostModelOption = None
    fidelity: Annotated[opt.FidelityChoice, typer.Option(help="As `schedule` takes it.")] = opt.FidelityChoice.DETAILED
    seed: Annotated[int, typer.Option(help="Of anything random.", min=0, rich_help_panel=opt.SEARCH)] = 0
    time_limit: Annotated[float | None, typer.Option(help="Seconds for each plan.", rich_help_panel=opt.SEARCH)] = None
    jobs: Annotated[int | None, typer.Option(help="Threads.", min=1, rich_help_panel=opt.SEARCH)] = None

    def arguments(self) -> dict[str, Any]:
        """What `chipweave.schedule` takes of it."""
        return {
            "objective": self.objective,
            "cost_model": opt.cost_model(self.cost_model, None, jobs=self.jobs),
            "fidelity": str(self.fidelity),
            "seed": self.seed,
            "time_limit_s": self.time_limit,
            "jobs": self.jobs,
        }


@opt.spread
def serve(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="A config.json of transformers, or llama3_8b, llama3_70b, mixtral_8x7b, deepseek_v3 or gpt2_large.",
        ),
    ],
    package: Annotated[str, typer.Option("--package", "-p", help="A built-in name or a YAML file.")],
    prompt: Annotated[str, typer.Option(metavar=LENGTHS, help="Tokens of each sequence that come in.")],
    output: Annotated[str, typer.Option(metavar=LENGTHS, help="Tokens of each sequence that go out.")],
    scheduler: Annotated[str, typer.Option("--scheduler", "-s", help=opt.SCHEDULER_HELP)] = "weave",
    *,
    sequences: Sequences,
    searches: Searches,
    out: Annotated[
        Path | None, typer.Option(help="Folder for prefill/ and decode/, each as `schedule --out` writes it.")
    ] = None,
    json: opt.Json = False,
    **options: object,
) -> None:
    """A language model in service: time to the first token, time per output token, tokens per second and joule.

    Prefill and decode have a plan each, on the whole package; the context grows by a token a step.

    Example: chipweave serve llama3_70b --package rebel100-like --prompt 2048 --output 2048
    """
    from chipweave.cli.saving import require_room
    from chipweave.serving.serve import serve as served_by

    if out is not None:
        for folder in (out, out / APART) if sequences.arguments()["disaggregate"] else (out,):
            for name in SAVED:
                require_room(folder / name, [])
    chosen = opt.scheduler_options([scheduler], options)
    with interruptible() as interrupted:
        served = served_by(
            _file_or_name(config),
            package,
            prompt=prompt,
            output=output,
            progress=say,
            scheduler=scheduler,
            options=chosen.get(scheduler),
            stop=interrupted,
            **sequences.arguments(),
            **searches.arguments(),
        )
    if out is not None:
        _save(served, out)
    _show(served, json)
    if interrupted():
        say("interrupted: these are the best plans found until then")
        raise typer.Exit(130)


def _numbers(text: str | None) -> list[int] | None:
    """`0-3,8`."""
    from chipweave.errors import InputError
    from chipweave.plain import short

    if text is None:
        return None
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [first, last] if dash else [first]
        if not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ends) or int(ends[-1]) < int(ends[0]):
            raise InputError(f"--prefill-chiplets {short(text)}: {short(part)} is no chiplet's number; write 0-3,8")
        found += range(int(ends[0]), int(ends[-1]) + 1)
    return found


def _file_or_name(config: str) -> str | Path:
    """A configuration that is built in, or a file."""
    from chipweave.errors import InputError, did_you_mean
    from chipweave.plain import short
    from chipweave.workload.zoo.language import CONFIGURATIONS

    if config in CONFIGURATIONS or Path(config).suffix or os.path.exists(config):
        return config
    known = did_you_mean(config, CONFIGURATIONS)
    raise InputError(f"{short(config)} is no file and no built-in configuration{known}")


def _save(served: Served, out: Path) -> None:
    from chipweave.cli.saving import save

    plans = [(out, (served.prefill, served.decode))]
    if served.apart is not None:
        plans.append((out / APART, (served.apart.prefill.plan, served.apart.decode.plan)))
    for folder, results in plans:
        for name, result in zip(SAVED, results, strict=True):
            for path in save(result, folder / name, []):
                say(f"saved {path}")


def _show(served: Served, as_json: bool) -> None:
    from json import dumps

    from rich.text import Text

    from chipweave.serving.shown import heading, lines_of, served_to_dict

    if as_json:
        print_json(dumps(served_to_dict(served), indent=1))
        return
    console = result_console()
    console.print(Text(heading(served)))
    for name, said in lines_of(served):
        console.print(Text(f"  {name:<23}{said}"))
