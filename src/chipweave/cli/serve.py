"""`chipweave serve`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import interruptible, print_json, result_console, say

if TYPE_CHECKING:
    from chipweave.serving.service import Served

SAVED = ("prefill", "decode")
"""Folders in that of --out."""


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """What comes in and goes out, and within which limits."""

    batch: Annotated[int, typer.Option(help="Sequences that are served together.")] = 1
    ttft_limit: Annotated[float | None, typer.Option(help="Time to the first token, at most, s.")] = None
    tpot_limit: Annotated[float | None, typer.Option(help="Time per output token, on average, at most, s.")] = None
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Weights that fit L2 stay there from one step of decode to the next.")
    ] = False
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
            help="A config.json of transformers, or llama3_8b, llama3_70b, mixtral_8x7b or deepseek_v3.",
        ),
    ],
    package: Annotated[str, typer.Option("--package", "-p", help="A built-in name or a YAML file.")],
    prompt: Annotated[int, typer.Option(help="Tokens of each sequence that come in.")],
    output: Annotated[int, typer.Option(help="Tokens of each sequence that go out.")],
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
        for name in SAVED:
            require_room(out / name, [])
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


def _file_or_name(config: str) -> str | Path:
    """A configuration that is built in, or a file."""
    from chipweave.errors import InputError, did_you_mean
    from chipweave.workload.zoo.language import CONFIGURATIONS

    if config in CONFIGURATIONS or Path(config).suffix or Path(config).exists():
        return config
    known = did_you_mean(config, CONFIGURATIONS)
    raise InputError(f"'{config}' is no file and no built-in configuration{known}")


def _save(served: Served, out: Path) -> None:
    from chipweave.cli.saving import save

    for name, result in zip(SAVED, (served.prefill, served.decode), strict=True):
        for path in save(result, out / name, []):
            say(f"saved {path}")


def _show(served: Served, as_json: bool) -> None:
    from json import dumps

    from rich.text import Text

    if as_json:
        print_json(dumps(_plain(served), indent=1))
        return
    console = result_console()
    asked = served.service
    sequences = "1 sequence" if asked.batch == 1 else f"{asked.batch:,} sequences"
    package = served.decode.problem.package.name
    console.print(Text(f"{served.model} on {package}: {sequences}, {asked.prompt:,} tokens in, {asked.output:,} out"))
    for name, said in _lines(served):
        console.print(Text(f"  {name:<23}{said}"))


def _lines(served: Served) -> list[tuple[str, str]]:
    """What is shown, and what it comes to."""
    from chipweave.report.quantities import quantity

    asked, first, last = served.service, served.priced[0], served.priced[-1]
    many = f"{len(served.priced)} from {first.context:,} to {last.context:,} tokens were evaluated"
    priced = f"{many}; the others lie on lines between them, to {100 * served.off:.1g} %"
    far = [
        f"{name} at most {100 * result.gap:.1f} %"
        for name, result in (("prefill", served.prefill), ("decode", served.decode))
        if result.gap is not None and not (asked.repeat and name == "decode")
    ]
    return [
        ("time to first token", f"{quantity(served.ttft_s, 's')}{_within(asked.ttft_limit_s)}"),
        (
            "time per output token",
            f"{quantity(served.tpot_s, 's')}{_within(asked.tpot_limit_s)}: {quantity(first.latency_s, 's')} behind "
            f"{first.context:,} tokens, {quantity(last.latency_s, 's')} behind {last.context:,}",
        ),
        (
            "tokens per second",
            f"{served.tokens_per_s:.2f} in decode, {served.tokens_per_s / asked.batch:.2f} of a sequence; "
            f"{served.tokens_per_s_with_prefill:.2f} with prefill",
        ),
        ("from prompt to end", quantity(served.request_s, "s")),
        (
            "energy",
            f"{quantity(served.energy_j, 'J')}, of which prefill {quantity(served.prefill.evaluation.energy_j, 'J')}; "
            f"{served.tokens_per_j:.4g} tokens per joule",
        ),
        (
            "memory roofline",
            f"{100 * served.memory_roofline:.1f} % of decode's time is what its bytes need at the full bandwidth",
        ),
        ("contexts", priced),
        *([("from the best", "; ".join(far))] if far else []),
    ]


def _within(limit_s: float | None) -> str:
    from chipweave.report.quantities import quantity

    return "" if limit_s is None else f" (limit {quantity(limit_s, 's')})"


def _plain(served: Served) -> dict[str, Any]:
    names = ("ttft_s", "tpot_s", "request_s", "energy_j", "tokens_per_s", "tokens_per_s_with_prefill", "tokens_per_j")
    return {
        "model": served.model,
        "package": served.decode.problem.package.name,
        **asdict(served.service),
        **{name: getattr(served, name) for name in names},
        "memory_roofline": served.memory_roofline,
        "steps": [asdict(step) for step in served.priced],
        "off": served.off,
        "gaps": {"prefill": served.prefill.gap, "decode": served.decode.gap},
    }
