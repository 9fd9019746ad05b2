"""What a schedule's file must look like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from chipweave.cost import DEFAULT
from chipweave.cost.loopnest.objective import Objective as MappingObjective
from chipweave.files.link_file import Index
from chipweave.files.validate import Name, Prose, Spec
from chipweave.plan.certificate import Prover, Space
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Partition
from chipweave.workload.scenario import LARGEST_BATCH

FORMAT_VERSION = 1

LAW = 4
"""Number of the law by which `evaluation` is computed: 1 is that of files which do not say (version 0.1)."""

Word = Annotated[Partition, Field(strict=False)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[Figure, Field(ge=0)]

LEAST, MOST = 1e-30, 1e30
"""No weight or value of a proof's line is nearer to 0 than the one or larger than the other: sums of such numbers lose
digits or run over, and no objective comes near."""


class LayersSpec(Spec):
    """A run of layers by its ends, both included."""

    first: str = Field(description="Name of the first layer.")
    last: str = Field(description="Name of the last layer.")


class StripsSpec(LayersSpec):
    """A run of a stage's layers by its ends, both included, that go strip by strip."""

    rows: int = Field(ge=1, description="Of the last layer's output, in a strip.")


class StageSpec(Spec):
    """Consecutive layers on one region of chiplets."""

    layers: Annotated[list[str], Field(min_length=1)] | LayersSpec = Field(
        description="Names of the layers, in the model's order, or {first, last}."
    )
    chiplets: list[Index] = Field(min_length=1, description="Numbers of the chiplets of the region.")
    partition: Annotated[
        Annotated[Word, Tag("word")] | Annotated[list[Word], Tag("list")],
        Discriminator(lambda given: "list" if isinstance(given, list) else "word"),
    ] = Field(
        Partition.WHOLE,
        description="How layers are split over the region: one for all, or one each; whole: one chiplet.",
    )
    memory: Index | None = Field(
        None,
        description="Chiplet with the memory interface at which the stage's weights lie, and what it writes, on a "
        "package whose `placement` is nearest. Default: the one nearest to the region.",
    )
    rows: Annotated[
        Annotated[int, Field(ge=1), Tag("number")] | Annotated[list[StripsSpec], Field(min_length=1), Tag("list")],
        Discriminator(lambda given: "list" if isinstance(given, list) else "number"),
    ] | None = Field(
        None,
        description="Of the last layer's output, rows in a strip: all layers run strip by strip, on a single chiplet. "
        "Or {first, last, rows} for each run of layers that does. Default: every layer runs on whole maps.",
    )


class PipelineSpec(Spec):
    """One model's part of a window."""

    model: str = Field(description="Name of the model in the scenario.")
    micro_batch: int = Field(1, ge=1, le=LARGEST_BATCH, description="Samples that pass through the stages at a time.")
    stages: list[StageSpec] = Field(min_length=1, description="In the order in which samples pass through them.")


class WindowSpec(Spec):
    """A stretch of time in which the assignment of chiplets to models is fixed."""

    pipelines: list[PipelineSpec] = Field(min_length=1, description="One per model that runs in this window.")


class PlanSpec(Spec):
    windows: list[WindowSpec] = Field(min_length=1, description="Run one after another.")


class TablesSpec(Spec):
    """Costs of one sample per layer of one model on one chiplet class."""

    cycles: list[float]
    mac_j: list[float]
    l1_j: list[float]
    l2_j: list[float]
    noc_j: list[float]
    fill_input_j: list[float]
    fill_weight_j: list[float]
    drain_output_j: list[float]
    l2_need_elements: list[float]


class TogetherSpec(Spec):
    """Costs of several samples of a model's layers that run together, all of them."""

    samples: int = Field(ge=1, description="How many.")
    figures: list[TablesSpec] = Field(
        description="Per chiplet class: of every layer, then of the layers whose weights come in blocks a whole block "
        "and the last one."
    )


class CostModelSpec(Spec):
    """A cost model: `maestro` or `loopnest` with its parameters, or another one's figures."""

    name: Name = Field(description="maestro, loopnest, or the name of the model whose figures these are.")
    offchip_bandwidth: int | None = Field(None, ge=1, description="maestro's off-chip floor, elements per cycle.")
    objective: Annotated[MappingObjective, Field(strict=False)] | None = Field(
        None, description="What loopnest's mappings minimise; edp unless given."
    )
    figures: list[list[TablesSpec]] | None = Field(
        None, description="Per model of the scenario, per chiplet class of the package (in order of appearance)."
    )
    together: list[list[TogetherSpec]] | None = Field(
        None, description="Per model, for each micro-batch asked for; of models that know what samples cost together."
    )


class FrontSpec(Spec):
    """A schedule that no other one met beats in both."""

    latency_s: float
    energy_j: float


class ByLengthSpec(Spec):
    """Prices that depend on how long a window is, by ranges of lengths."""

    chiplet: list[Annotated[list[Price], Field(max_length=1000)]] = Field(
        max_length=64, description="Of each range: the price of a chiplet-second of each class."
    )
    chain: list[Annotated[list[Price], Field(max_length=1000)]] = Field(
        max_length=64, description="Of each range: the price of a second of each chain of models."
    )


class LineSpec(Spec):
    """latency * L + joule * E >= value for the seconds L and joules E of every schedule, proven by prices."""

    latency: Figure = Field(ge=0, description="Weight of a second.")
    joule: Figure = Field(ge=0, description="Weight of a joule.")
    value: Figure = Field(description="Of the weighted sum, at least.")
    chiplet: list[Price] = Field(max_length=1000, description="Price of a chiplet-second of each class.")
    dram: Price = Field(description="Price of a second of the DRAM.")
    chain: list[Price] = Field(max_length=1000, description="Price of a second of each chain of models.")
    pipelines: bool = Field(
        False, description="Whether it holds by what whole pipelines take, with their cuts, or by what layers take."
    )
    by_length: ByLengthSpec | None = Field(
        None, description="Prices of windows by length; `chiplet` and `chain` are then those of the shortest."
    )


class LowerBoundSpec(Spec):
    """What no schedule is below."""

    model_config = Spec.model_config | {"extra": "allow"}

    of: Annotated[Space, Field(strict=False)] = Field(description="Of which schedules.")
    by: Annotated[Prover, Field(strict=False)] | None = Field(None, description="Who proved it by the lines.")
    lines: list[LineSpec] = Field([], max_length=100, description="Supporting lines, which `--certificate` checks.")


class PointSpec(Spec):
    """The objective's best value from a time of the search on, or what is proven of it."""

    seconds: float = Field(description="Wall time; it differs from run to run.")
    value: float


class SearchSpec(Spec):
    """How the schedule was found."""

    scheduler: Name
    options: dict[str, Any] = Field(description="The scheduler's own.")
    seed: int
    seconds: float = Field(
        description="Wall time. It differs from run to run, as those of `history` and `bounds`; nothing else does."
    )
    evaluated: int = Field(description="Candidates scored.")
    complete: bool = Field(description="false where a time limit or an interrupt ended the search early.")
    notes: list[Prose]
    front: list[FrontSpec] = Field(description="Non-dominated schedules retained.")
    value: float | None = Field(description="Of the objective.")
    lower_bound: LowerBoundSpec | None = Field(
        description="That no schedule is below: of which schedules, and its terms."
    )
    gap: float | None = Field(description="1 - lower bound / value: 0 is proven optimal.")
    history: list[PointSpec] = Field([], description="How the best value fell during the search.")
    bounds: list[PointSpec] = Field([], description="How what is proven of all schedules rose.")


class ScheduleFileSpec(Spec):
    """A schedule with what it was made for, what it costs and how it was found.

    A plan written by hand needs `scenario`, `package` and `schedule` only.
    """

    format_version: int = Field(FORMAT_VERSION, description=f"Of this format: {FORMAT_VERSION}.")
    chipweave_version: str | None = Field(None, description="That wrote the file.")
    scenario: str | dict[str, Any] = Field(description="A built-in name, a YAML file, or the scenario in full.")
    scenario_hash: str | None = Field(None, description="SHA-256 of the scenario's canonical JSON.")
    package: str | dict[str, Any] = Field(description="A built-in name, a YAML file, or the package in full.")
    package_hash: str | None = Field(None, description="SHA-256 of the package's canonical JSON.")
    cost_model: str | CostModelSpec = Field(DEFAULT, description="loopnest, maestro, table:FILE.csv, or in full.")
    fidelity: Annotated[Fidelity, Field(strict=False)] = Field(Fidelity.DETAILED, description="Of the evaluation.")
    objective: Name = Field("edp", description="latency, energy, edp, an expression, or a Python function's name.")
    schedule: PlanSpec = Field(description="What runs where.")
    law: int = Field(1, ge=1, description=f"By which `evaluation` was computed; {LAW} today, 1 where a file says none.")
    evaluation: dict[str, Any] | None = Field(
        None, description="What the schedule costs, every term by name; checked against what is computed."
    )
    search: SearchSpec | None = Field(None, description="How the schedule was found, its lower bound and gap.")
