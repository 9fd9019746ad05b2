"""SCAR's motivational example (II-C, Fig. 2) as hand-made schedules: three layers of ResNet-50 and one of GPT-2.

Three weight-stationary chiplets and one output-stationary, batch 1. Which layers exactly, and the schedule of A3, are
in no text: they are parameters here, and so is which kind 'starting chiplet 1' of B1 is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, product

from chipweave.api import schedule
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation, PipelineEvaluation, StageEvaluation
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.study.hardware import Hardware, MappingText, package
from chipweave.study.verdict import same_order
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo.catalog import build_model

PUBLISHED: dict[str, float | tuple[float, ...]] = {"A2": 0.78, "A3": (0.52, 0.48), "B2": 0.30, "B3": 0.28}
"""EDP over that of A1, of B1. '0.52x less EDP' may mean 0.52 or 0.48."""

KINDS = "WWWO"
OUTPUT_STATIONARY = 3
"""The chiplet; all corners of a 2x2 are alike."""

PATH = {"W": (1, 2), "O": (OUTPUT_STATIONARY,)}
"""Chiplets that a mixed pipeline takes per kind, in turn: 1 and 2 are the neighbours of 3."""

BLOCKS = ("layer1.1", "layer2.0", "layer2.1")
"""'The second ResNet-50 block': the second bottleneck, or a bottleneck of the second stage (first, second)."""

FEED_FORWARD = ("gpt2", "gpt2_large")
"""The caption says GPT-2, the text GPT-L."""

RESNET, GPT = 0, 1
"""Tasks."""


@dataclass(frozen=True, slots=True)
class Fig2Setting:
    """One choice of everything that is open: the hardware, the layers, and the kind of B1's chiplet."""

    hardware: Hardware = field(default_factory=Hardware)
    block: str = BLOCKS[0]
    feed_forward: str = FEED_FORWARD[0]
    start: str = "W"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a schedule by what they are spent on; together its latency.

    `compute`; `dram`: waiting for DRAM; `package`: transfers between chiplets; `shared`: what a window takes beyond its
    slowest pipeline because a shared resource is busy (`detailed`).
    """

    compute: float
    dram: float
    package: float
    shared: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the figure.

    Args:
        name: A1 .. B3, or 'best A', 'best B' for what `scar` finds.
        problem: the layers on the package; `edp` is relative to A1 or B1, as are `latency` and `energy`.
        kinds: the chiplets' kinds that ResNet's layers run on.
    """

    name: str
    problem: Problem
    schedule: Schedule
    evaluation: Evaluation
    times: Times
    kinds: str
    latency: float
    energy: float

    @property
    def edp(self) -> float:
        return self.latency * self.energy


@dataclass(frozen=True, slots=True)
class WorkedCase:
    """All bars in one setting; `affinity`: the kind with the least EDP for each ResNet layer, then for GPT-2's."""

    setting: Fig2Setting
    affinity: str
    bars: tuple[Bar, ...]

    def bar(self, name: str) -> Bar:
        return next(bar for bar in self.bars if bar.name == name)

    @property
    def order(self) -> tuple[bool, bool]:
        """Whether A1 > A2 > A3 and B1 > B2 > B3 hold."""
        single, multi = (tuple(self.bar(f"{series}{number}").edp for number in (1, 2, 3)) for series in ("A", "B"))
        return same_order((3, 2, 1), single), same_order((3, 2, 1), multi)


def work(block: str, feed_forward: str) -> tuple[Model, Model]:
    """The three convolutions of a bottleneck of ResNet-50 as a chain, and the first feed-forward layer of a GPT-2 at
    sequence 128. Skip connections are left out: the figure has three layers."""
    resnet = _model("resnet50")
    convolutions = tuple(layer for layer in resnet.layers if layer.name.startswith(f"{block}.conv"))
    edges = (
        Edge(NETWORK_INPUT, 0, convolutions[0].input_elements),
        *(Edge(i, i + 1, layer.output_elements) for i, layer in enumerate(convolutions[:-1])),
    )
    gpt = next(layer for layer in _model(feed_forward, sequence=128).layers if layer.name.endswith("mlp.c_fc"))
    return (
        Model(f"resnet50 {block}", convolutions, edges),
        Model(f"{feed_forward} feed-forward", (gpt,), (Edge(NETWORK_INPUT, 0, gpt.input_elements),)),
    )


def worked_case(setting: Fig2Setting, *, search: bool = True) -> WorkedCase:
    """Evaluate A1-A3 and B1-B3 and, with `search`, let `scar` schedule the same work.

    A3 is the best single-window pipeline of ResNet's layers that uses both kinds; B3 runs it before GPT-2's layer.
    """
    resnet, gpt = (Task(model.name, model) for model in work(setting.block, setting.feed_forward))
    chips, hardware = package(KINDS, setting.hardware), setting.hardware
    one = pose(Scenario("ResNet-50 layers", (resnet,)), chips, hardware.cost_model, hardware.fidelity)
    two = pose(Scenario("ResNet-50 and GPT-2 layers", (resnet, gpt)), chips, hardware.cost_model, hardware.fidelity)
    mixed = min(mixed_pipelines(), key=lambda pipeline: _evaluate(_windows([pipeline]), one).edp_js)
    plans = {
        "A1": (one, _windows([whole(RESNET, OUTPUT_STATIONARY)])),
        "A2": (one, _windows([whole(RESNET, 0)])),
        "A3": (one, _windows([mixed])),
        "B1": (two, sequential(0 if setting.start == "W" else OUTPUT_STATIONARY)),
        "B2": (two, _windows([whole(RESNET, 0), whole(GPT, OUTPUT_STATIONARY)])),
        "B3": (two, _windows([mixed], [whole(GPT, OUTPUT_STATIONARY)])),
    }
    if search:
        plans |= {"best A": (one, _search(one, hardware)), "best B": (two, _search(two, hardware))}
    references = {name[0]: _evaluate(plans[name][1], plans[name][0]) for name in ("A1", "B1")}
    bars = []
    for name, (problem, plan) in plans.items():
        evaluation, reference = _evaluate(plan, problem), references[name.removeprefix("best ")[0]]
        bars.append(
            Bar(
                name,
                problem,
                plan,
                evaluation,
                times(evaluation),
                _resnet_kinds(plan),
                evaluation.latency_s / reference.latency_s,
                evaluation.energy_j / reference.energy_j,
            )
        )
    return WorkedCase(setting, affinity(two), tuple(bars))


def whole(task: int, chiplet: int) -> Pipeline:
    """All layers of a task on one chiplet."""
    return Pipeline(task, (Stage(0, 2 if task == RESNET else 0, (chiplet,)),))


def sequential(chiplet: int) -> Schedule:
    """NN-baton as SCAR reads it: one model after the other on the starting chiplet."""
    return _windows([whole(RESNET, chiplet)], [whole(GPT, chiplet)])


def mixed_pipelines() -> tuple[Pipeline, ...]:
    """Every pipeline of the three layers over both kinds, layers in a row of one kind together on one chiplet. The
    package has a single output-stationary chiplet, so O-W-O is none."""
    made = []
    for kinds in product("WO", repeat=3):
        runs = [
            (kind, [index for index, _ in group]) for kind, group in groupby(enumerate(kinds), lambda pair: pair[1])
        ]
        if len(set(kinds)) == 1 or sum(kind == "O" for kind, _ in runs) > 1:
            continue
        free = {kind: list(places) for kind, places in PATH.items()}
        made.append(Pipeline(RESNET, tuple(Stage(run[0], run[-1], (free[kind].pop(0),)) for kind, run in runs)))
    return tuple(made)


def affinity(problem: Problem) -> str:
    """Per layer of both tasks, the kind on which it alone (no transfers) has the lesser EDP of time and energy."""
    found = ""
    for task in (RESNET, GPT):
        edp = {
            kind: problem.layer_costs(task, place).cycles * problem.layer_costs(task, place).energy_j
            for kind, place in (("W", 0), ("O", OUTPUT_STATIONARY))
        }
        found += "".join("W" if w <= o else "O" for w, o in zip(edp["W"], edp["O"], strict=True))
    return found


def times(evaluation: Evaluation) -> Times:
    """What the latency is spent on: per window, the terms of the slowest pipeline, and what the window takes beyond."""
    compute = package_s = total = shared = 0.0
    for window in evaluation.windows:
        slowest = window.pipelines[window.slowest]
        compute += _compute_s(slowest)
        package_s += _package_s(slowest)
        total += slowest.latency_s
        shared += window.latency_s - slowest.latency_s
    return Times(compute, total - compute - package_s, package_s, shared)


def deciding_term(before: Times, after: Times) -> tuple[str, float, float]:
    """The term of the latency with the largest difference, and its seconds before and after."""
    names = ("compute", "dram", "package", "shared")
    name = max(names, key=lambda term: abs(getattr(after, term) - getattr(before, term)))
    return name, getattr(before, name), getattr(after, name)


def every_fig_2_setting() -> tuple[Fig2Setting, ...]:
    """All combinations of what is open."""
    variants = [
        Hardware(fidelity, floor, mapping, noc, speed)
        for fidelity, floor, mapping, noc, speed in product(
            Fidelity, (None, 64), MappingText, (16, 256, 4096), (64e9, 128e9, 256e9)
        )
    ]
    return tuple(Fig2Setting(*parts) for parts in product(variants, BLOCKS, FEED_FORWARD, "WO"))


_model = cache(build_model)


def _windows(*windows: Sequence[Pipeline]) -> Schedule:
    return Schedule(tuple(Window(tuple(pipelines)) for pipelines in windows))


def _evaluate(plan: Schedule, problem: Problem) -> Evaluation:
    faults = faults_of(plan, problem)
    if faults:
        raise RuntimeError(f"a schedule of Fig. 2 is invalid: {'; '.join(map(str, faults))}")
    return evaluate(plan, problem)


def _search(problem: Problem, hardware: Hardware) -> Schedule:
    return schedule(
        problem.scenario,
        problem.package,
        scheduler="scar",
        cost_model=hardware.cost_model,
        fidelity=hardware.fidelity,
        jobs=1,
        options=ScarOptions(provision=Provision.EXHAUSTIVE),
    ).schedule


def _resnet_kinds(plan: Schedule) -> str:
    return "/".join(
        "".join(KINDS[stage.chiplet] * len(stage.layers) for stage in pipeline.stages)
        for _, pipeline in plan.pipelines()
        if pipeline.task == RESNET
    )


def _compute_s(pipeline: PipelineEvaluation) -> float:
    rest = (pipeline.micro_batches - 1) * pipeline.slowest.compute_s
    return sum(stage.compute_s for stage in pipeline.stages) + rest


def _package_s(pipeline: PipelineEvaluation) -> float:
    def shown(stage: StageEvaluation) -> float:
        return 0.0 if stage.overlaps else stage.forward_s

    rest = (pipeline.micro_batches - 1) * shown(pipeline.slowest)
    return sum(stage.forward_s for stage in pipeline.stages) + rest
