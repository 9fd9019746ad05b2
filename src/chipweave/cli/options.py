"""Arguments and options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache, wraps
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

import typer

from chipweave.cost import DEFAULT
from chipweave.cost.choose import COST_MODELS
from chipweave.errors import InputError
from chipweave.schedulers import every_option, options_class
from chipweave.schedulers.options import Option, read

if TYPE_CHECKING:
    from chipweave.cost.interface import CostModel

SEARCH = "Search"


class FidelityChoice(StrEnum):
    PAPER = "paper"
    DETAILED = "detailed"


def _listed(words: Sequence[str], last: str) -> str:
    """`a, b and c`; a comma before the last where `last` brings one."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}{last}{words[-1]}"


def _cost_models() -> str:
    """The cost models that may be named, the default first."""
    names = sorted(COST_MODELS, key=lambda name: name != DEFAULT)
    models = [f"{COST_MODELS[name].written or name} ({COST_MODELS[name].what})" for name in names]
    return f"{_listed(models, ', or ')} ({DEFAULT})."


ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario or model: a built-in name or a YAML file.")
]
SCHEDULER_HELP = "See 'chipweave list schedulers'; scope is our reconstruction."
CostModelOption = Annotated[str | None, typer.Option(help=_cost_models())]
OffchipBandwidth = Annotated[
    int | None,
    typer.Option(
        "--maestro-offchip-bandwidth",
        help=f"{COST_MODELS['maestro'].parameters['offchip_bandwidth'].help}.",
        min=1,
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for schedule.json, report.html and trace.json; made where missing.")
]
FigureOption = Annotated[
    list[Path] | None,
    typer.Option("--figure", metavar="FILE", help="The schedule over time, for papers: .pdf, .svg or .png; repeat."),
]
Simulate = Annotated[
    int | None,
    typer.Option(min=1, help="Choose among so many of the best plans by simulating them (which the search keeps)."),
]
Rows = Annotated[
    bool,
    typer.Option("--rows", help="Look for layers that run strip by strip, where activations are evicted from L2."),
]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout and nothing else.")]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every search is asked, whatever the scheduler."""

    objective: Annotated[
        str,
        typer.Option(
            help="latency (s), energy (J), edp (J s), throughput (most samples/s), or an expression of latency (s), "
            "energy (J), edp, power (W), cost (US$ of a package) and area (mm2 of its dies) such as 'edp * cost'."
        ),
    ] = "edp"
    latency_limit: Annotated[float | None, typer.Option(help="Of the whole schedule, at most, s.")] = None
    energy_limit: Annotated[float | None, typer.Option(help="Of the whole schedule, at most, J.")] = None
    power_limit: Annotated[float | None, typer.Option(help="Energy by latency of the whole schedule, at most, W.")] = (
        None
    )
    batch: Annotated[int | None, typer.Option(help="Samples, where SCENARIO is a model.")] = None
    cost_model: CostModelOption = None
    maestro_offchip_bandwidth: OffchipBandwidth = None
    fidelity: Annotated[
        FidelityChoice, typer.Option(help="paper: SCAR's printed equations; detailed: also what they leave out.")
    ] = FidelityChoice.DETAILED
    seed: Annotated[int, typer.Option(help="Of anything random.", min=0, rich_help_panel=SEARCH)] = 0
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds after which the best so far is taken.", rich_help_panel=SEARCH)
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Threads; all cores unless given. The result does not depend on it.", min=1, rich_help_panel=SEARCH
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """What `chipweave.schedule` and `compare` take of it."""
        return {
            "objective": self.objective,
            "batch": self.batch,
            "latency_limit_s": self.latency_limit,
            "energy_limit_j": self.energy_limit,
            "power_limit_w": self.power_limit,
            "cost_model": cost_model(self.cost_model, self.maestro_offchip_bandwidth, jobs=self.jobs),
            "fidelity": str(self.fidelity),
            "seed": self.seed,
            "time_limit_s": self.time_limit,
            "jobs": self.jobs,
        }


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer is to see it: what it takes in bundles stands as options, one by one.

    A parameter that is a dataclass stands for its fields, which all have defaults; `**options` stands for the options
    of all schedulers.
    """
    signature = inspect.signature(command, eval_str=True)
    bundles: dict[str, type] = {}
    parameters: list[Parameter] = []
    for parameter in signature.parameters.values():
        if is_dataclass(parameter.annotation):
            bundles[parameter.name] = cast(type, parameter.annotation)
            parameters += _fields(bundles[parameter.name])
        elif parameter.kind is Parameter.VAR_KEYWORD:
            parameters += _scheduler_options()
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: object) -> None:
        made = {
            name: bundle(**{field.name: given.pop(field.name) for field in fields(bundle)})
            for name, bundle in bundles.items()
        }
        command(**made, **given)

    cast(Any, run).__signature__ = signature.replace(parameters=parameters)
    return run


@cache
def _fields(bundle: type) -> tuple[Parameter, ...]:
    hints = get_type_hints(bundle, include_extras=True)
    return tuple(
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(bundle)
    )


@cache
def _scheduler_options() -> tuple[Parameter, ...]:
    made = []
    for option, takers in every_option().items():
        info = typer.Option(
            help=f"{option.help} ({option.word(option.default)}).",
            rich_help_panel=f"Options of {_listed(takers, ' and ')}",
        )
        annotation = Annotated[_read_as(option) | None, info]  # type: ignore[valid-type]
        made.append(Parameter(option.name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return tuple(made)


def _read_as(option: Option) -> type:
    """What typer reads the option as: of an enumeration, the words that the command line has for its members."""
    if not issubclass(option.kind, Enum):
        return option.kind
    enumeration: Any = StrEnum
    read_as: type = enumeration(option.kind.__name__, [(each.name, option.word(each)) for each in option.kind])
    return read_as


def scheduler_options(schedulers: Sequence[str], given: Mapping[str, object]) -> dict[str, object]:
    """Per scheduler that has options, those that were given (are not None); its own defaults for the rest.

    Raises:
        InputError: an option was given that none of the schedulers has, or its value is wrong.
    """
    chosen: dict[str, object] = {}
    refused: dict[tuple[str, ...], list[str]] = {}
    for option, takers in every_option().items():
        value = given.get(option.name)
        if value is None:
            continue
        chosen[option.name] = option.kind[value.name] if isinstance(value, Enum) else value  # type: ignore[index]
        if not set(takers) & set(schedulers):
            refused.setdefault(takers, []).append(option.flag)
    asked = " and ".join(f"'{scheduler}'" for scheduler in schedulers)
    if refused:
        raise InputError(
            [
                f"{', '.join(flags)}: not an option of {asked}, but of {', '.join(takers)}"
                for takers, flags in refused.items()
            ]
        )
    made: dict[str, object] = {}
    for scheduler in schedulers:
        options = options_class(scheduler)
        if options is not None:
            made[scheduler] = options(**{own.name: chosen[own.name] for own in read(options) if own.name in chosen})
    return made


def cost_model(
    name: str | None, offchip_bandwidth: int | None, objective: str | None = None, jobs: int | None = None
) -> CostModel:
    """The model of that name; without one the default, or `maestro` where its floor is given."""
    from chipweave.cost.choose import choose

    name = name or (DEFAULT if offchip_bandwidth is None else "maestro")
    return choose(name, offchip_bandwidth=offchip_bandwidth, objective=objective, jobs=jobs)
