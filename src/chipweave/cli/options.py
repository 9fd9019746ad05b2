"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipweave.cost import DEFAULT

if TYPE_CHECKING:
    from chipweave.cost.interface import CostModel
    from chipweave.workload.scenario import Scenario

SCAR_SCHEDULERS = ("scar", "simba")
REGION_SCHEDULERS = ("scope", "segmented-pipeline", "full-pipeline", "sequential")
SEARCH = "Search"
SCAR = "Options of scar and simba"
REGIONS = "Options of scope, segmented-pipeline, full-pipeline and sequential"


class FidelityChoice(StrEnum):
    PAPER = "paper"
    DETAILED = "detailed"


class PackingChoice(StrEnum):
    FIRST_FIT = "first-fit"
    UNIFORM = "uniform"


class ProvisionChoice(StrEnum):
    RULE = "rule"
    EXHAUSTIVE = "exhaustive"


class SearchChoice(StrEnum):
    AUTO = "auto"
    EXHAUSTIVE = "exhaustive"
    EVOLUTIONARY = "evolutionary"


ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario or model: a built-in name or a YAML file.")
]
Batch = Annotated[int | None, typer.Option(help="Samples, where SCENARIO is a model.")]
SCHEDULER_HELP = "See 'chipweave list schedulers'; scope is our reconstruction."
ObjectiveOption = Annotated[
    str, typer.Option(help="latency, energy, edp, throughput, or an expression such as 'energy * latency ** 2'.")
]
CostModelOption = Annotated[
    str | None,
    typer.Option(
        help=f"loopnest (the best mapping of each layer), maestro (the papers'), or table:FILE.csv (yours) ({DEFAULT})."
    ),
]
OffchipBandwidth = Annotated[
    int | None,
    typer.Option(
        "--maestro-offchip-bandwidth",
        help="MAESTRO's off-chip floor, elements per cycle; off by default: the package owns that traffic.",
        min=1,
    ),
]
FidelityOption = Annotated[
    FidelityChoice, typer.Option(help="paper: SCAR's printed equations; detailed: also what they leave out.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for schedule.json, report.html and trace.json; made where missing.")
]
FigureOption = Annotated[
    list[Path] | None,
    typer.Option("--figure", metavar="FILE", help="The schedule over time, for papers: .pdf, .svg or .png; repeat."),
]
Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout and nothing else.")]
Seed = Annotated[int, typer.Option(help="Of anything random.", min=0, rich_help_panel=SEARCH)]
TimeLimit = Annotated[
    float | None,
    typer.Option(help="Seconds after which the best so far is taken.", rich_help_panel=SEARCH),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Threads; all cores unless given. The result does not depend on it.", min=1, rich_help_panel=SEARCH
    ),
]
NSplits = Annotated[
    int | None, typer.Option(help="Largest number of periodic cuts into windows (4).", rich_help_panel=SCAR)
]
Packing = Annotated[
    PackingChoice | None, typer.Option(help="How layers fill windows (first-fit).", rich_help_panel=SCAR)
]
Provision = Annotated[
    ProvisionChoice | None,
    typer.Option(help="Chiplets per model: SCAR's Eq. 2 or all ways (rule).", rich_help_panel=SCAR),
]
TopK = Annotated[
    int | None, typer.Option(help="Segmentations kept per model (all: the exact search).", rich_help_panel=SCAR)
]
NodeCap = Annotated[int | None, typer.Option(help="Most chiplets per model (none).", rich_help_panel=SCAR)]
SearchOption = Annotated[
    SearchChoice | None, typer.Option("--search", help="How windows are searched (auto).", rich_help_panel=SCAR)
]
Population = Annotated[int | None, typer.Option(help="Of the evolutionary search (10).", rich_help_panel=SCAR)]
Generations = Annotated[int | None, typer.Option(help="Of the evolutionary search (4).", rich_help_panel=SCAR)]


MicroBatch = Annotated[
    int | None, typer.Option(help="Samples that pass through a pipeline at a time (searched).", rich_help_panel=REGIONS)
]
Windows = Annotated[
    int | None,
    typer.Option(help="Most windows a model may take (as many as pay; full-pipeline: 1).", rich_help_panel=REGIONS),
]
Polish = Annotated[
    int | None, typer.Option(help="Rounds of improvement with the exact evaluator (2).", rich_help_panel=REGIONS)
]


def scheduler_options(schedulers: Sequence[str], **given: object) -> dict[str, object]:
    """Per scheduler that has options, those that were given (are not None); its own defaults for the rest.

    Raises:
        InputError: an option was given that none of the schedulers has, or its value is wrong.
    """
    from dataclasses import fields

    from chipweave.errors import InputError
    from chipweave.schedulers.scar import options as scar
    from chipweave.schedulers.scope.options import RegionOptions

    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    for key, enum in (("packing", scar.Packing), ("provision", scar.Provision), ("search", scar.Search)):
        if key in chosen:
            chosen[key] = enum(str(chosen[key]).replace("-", "_"))
    made: dict[str, object] = {}
    problems = []
    for owners, kind in ((SCAR_SCHEDULERS, scar.ScarOptions), (REGION_SCHEDULERS, RegionOptions)):
        own = {field.name: chosen[field.name] for field in fields(kind) if field.name in chosen}
        takers = [scheduler for scheduler in schedulers if scheduler in owners]
        if own and not takers:
            names = ", ".join("--" + name.replace("_", "-") for name in own)
            asked = " and ".join(f"'{scheduler}'" for scheduler in schedulers)
            problems.append(f"{names}: not an option of {asked}, but of {', '.join(owners)}")
        made |= {scheduler: kind(**own) for scheduler in takers}
    if problems:
        raise InputError(problems)
    return made


def workload(name: str, batch: int | None) -> Scenario:
    """The scenario; a model with `batch` samples is a scenario of one."""
    from dataclasses import replace

    from chipweave.errors import InputError
    from chipweave.files.scenario_file import resolve_scenario

    scenario = resolve_scenario(name)
    if batch is None:
        return scenario
    if len(scenario.tasks) > 1:
        raise InputError(
            f"--batch {batch}: '{name}' has {len(scenario.tasks)} models with batches of their own; leave it out"
        )
    return replace(scenario, tasks=(replace(scenario.tasks[0], batch=batch),))


def cost_model(
    name: str | None, offchip_bandwidth: int | None, objective: str | None = None, jobs: int | None = None
) -> CostModel:
    """The model of that name; without one the default, or `maestro` where its floor is given."""
    from chipweave.cost.choose import choose

    name = name or (DEFAULT if offchip_bandwidth is None else "maestro")
    return choose(name, offchip_bandwidth=offchip_bandwidth, objective=objective, jobs=jobs)
