"""GPT-2 and ResNet-50 on 2x2 packages against a monolithic chip of equal PEs.

Of the study (Odema, Kwon, Al Faruque: arXiv 2312.09401) only the abstract is public: up to 2.2x throughput and 1.9x
energy efficiency. Everything beyond those two figures is our reconstruction: `chipweave reproduce two-by-two`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import product

from chipweave.api import schedule
from chipweave.evaluation.record import Energy, Evaluation
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.study.hardware import Hardware, MappingText, chiplet, monolithic, package
from chipweave.study.verdict import Verdict, same_order, verdict
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo.catalog import build_model

THROUGHPUT, EFFICIENCY = 2.2, 1.9
"""The abstract's figures over the monolithic chip ('up to', which schedules is not said)."""

SEQUENCE = 128

BATCHES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to run the pair: chiplets' kinds row by row ('W', 'O'), and who schedules."""

    name: str
    kinds: str
    scheduler: str


MODES = (
    Mode("standalone, OS", "OOOO", "standalone"),
    Mode("standalone, WS", "WWWW", "standalone"),
    Mode("standalone, one of each", "WO", "standalone"),
    Mode("pipelined, OS", "OOOO", "scar"),
    Mode("pipelined, WS", "WWWW", "scar"),
    Mode("pipelined, 3 WS + 1 OS", "WWWO", "scar"),
    Mode("pipelined, 2 + 2 adjacent", "WWOO", "scar"),
    Mode("pipelined, 2 + 2 diagonal", "WOOW", "scar"),
    Mode("pipelined, 1 WS + 3 OS", "WOOO", "scar"),
)
"""All but the monolithic. 2x2 places differ only in who neighbours whom, so these are all counts and positions."""

HOMOGENEOUS = ("pipelined, OS", "pipelined, WS")
HETEROGENEOUS = tuple(mode.name for mode in MODES if mode.scheduler == "scar" and len(set(mode.kinds)) == 2)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a monolithic chip may have been; None: as the chiplets, as the package."""

    name: str
    noc_factor: int = 1
    mapping: MappingText | None = None
    dram_bandwidth_bytes_s: float | None = None

    def hardware(self, hardware: Hardware) -> Hardware:
        """The hardware of the monolithic chip beside packages of `hardware`."""
        return replace(
            hardware,
            mapping=self.mapping or hardware.mapping,
            dram_bandwidth_bytes_s=self.dram_bandwidth_bytes_s or hardware.dram_bandwidth_bytes_s,
        )


BASELINES = (
    Baseline("as the chiplets"),
    Baseline("NoC x4", noc_factor=4),
    Baseline("best mapping", mapping=MappingText.AUTO),
    Baseline("best mapping, NoC x4", noc_factor=4, mapping=MappingText.AUTO),
    Baseline("one interface", dram_bandwidth_bytes_s=64e9),
)
"""'Optimized output-stationary dataflow' (abstract) may mean the official text or the best sizes."""


@dataclass(frozen=True, slots=True)
class TwoByTwoSetting:
    """One choice of everything that is open. `objective`: what the schedulers minimise."""

    hardware: Hardware = field(default_factory=Hardware)
    batch: int = 32
    objective: str = "edp"


@dataclass(frozen=True, slots=True)
class Factors:
    """Why a mode is faster than the monolithic chip: speed-up = transfers * size * kind * busy, exactly.

    Args:
        transfers: latency over compute time of the monolithic chip (1: it waits for no data).
        size: compute time of all layers on the monolithic chip over that on one output-stationary chiplet, a
            quarter of it (0.25: the work scales with the PEs; 1: the other three quarters idled).
        kind: that on one output-stationary chiplet over that on the chiplets which the mode chose (1: the same).
        busy: compute time on the chosen chiplets over latency: how many of them compute on average.
    """

    transfers: float
    size: float
    kind: float
    busy: float

    @property
    def dominant(self) -> str:
        """The factor furthest from 1."""
        return max((part.name for part in fields(self)), key=lambda name: abs(math.log(getattr(self, name))))


@dataclass(frozen=True, slots=True)
class ModeRun:
    """One mode or monolithic chip: its schedule and cost, and `kinds` that each model ran on ('WWO')."""

    name: str
    problem: Problem
    schedule: Schedule
    evaluation: Evaluation
    kinds: tuple[str, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """Samples per second of each model, if the round repeats.

        A model that shares the package with others in a single window starts again as soon as it is done; otherwise
        (several windows, or a window that the DRAM or a link sets) once per round.
        """
        windows, tasks = self.evaluation.windows, self.problem.scenario.tasks
        own = len(windows) == 1 and windows[0].bound_by == "pipeline"
        return tuple(
            task.batch / (self.evaluation.task_latency_s(i) if own else self.evaluation.latency_s)
            for i, task in enumerate(tasks)
        )

    @property
    def compute_s(self) -> float:
        """Chiplet-seconds of computing, all samples of all models."""
        return sum(
            stage.compute_s * self.problem.scenario.tasks[pipeline.task].batch / pipeline.micro_batch
            for window in self.evaluation.windows
            for pipeline in window.pipelines
            for stage in pipeline.stages
        )


@dataclass(frozen=True, slots=True)
class Gain:
    """A mode over a monolithic chip.

    Args:
        throughput: rounds (the batch of both models) per second over the monolithic chip's.
        efficiency: samples per joule over the monolithic chip's.
        rates: each model's samples per second over the monolithic chip's (see `ModeRun.rates`).
        factors: of `throughput`.
        energy_part: the part of the energy that changes most, with its joules in the monolithic chip and the mode.
    """

    mode: str
    baseline: str
    throughput: float
    efficiency: float
    rates: tuple[float, ...]
    factors: Factors
    energy_part: tuple[str, float, float]

    @property
    def edp(self) -> float:
        """Energy-delay product over the monolithic chip's (below 1: better)."""
        return 1 / (self.throughput * self.efficiency)


@dataclass(frozen=True, slots=True)
class Study:
    """All modes in one setting, with the gains over each baseline (baselines outside, modes inside)."""

    setting: TwoByTwoSetting
    baselines: tuple[ModeRun, ...]
    modes: tuple[ModeRun, ...]
    gains: tuple[tuple[Gain, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The claims held against one baseline's gains.

    Args:
        throughput, efficiency: the heterogeneous pipelined package with the best value of each, and its verdict.
        together: the mixed package whose one schedule comes closest to both figures (the larger of the two relative
            differences is least), and the worse of its two verdicts.
        order: published is only that heterogeneous pipelining beats the monolithic chip; ours to check is EDP of
            heterogeneous pipelined < heterogeneous standalone < monolithic (SCAR Fig. 2's order).
        heterogeneity: best heterogeneous over best homogeneous pipelined package: throughput, efficiency, EDP.
    """

    throughput: tuple[Gain, Verdict]
    efficiency: tuple[Gain, Verdict]
    together: tuple[Gain, Verdict]
    order: bool
    heterogeneity: tuple[float, float, float]


def pair(batch: int) -> Scenario:
    """The small GPT-2 (12 blocks of 768, sequence 128) and ResNet-50, `batch` samples each."""
    models = {"gpt2": _model("gpt2", sequence=SEQUENCE), "resnet50": _model("resnet50")}
    return Scenario("gpt2 and resnet50", tuple(Task(name, model, batch) for name, model in models.items()))


_model = cache(build_model)


def run_mode(mode: Mode, setting: TwoByTwoSetting) -> ModeRun:
    """The best schedule of a mode: of `scar` over its candidate windows, every provision tried."""
    options = ScarOptions(provision=Provision.EXHAUSTIVE) if mode.scheduler == "scar" else None
    result = schedule(
        pair(setting.batch),
        package(mode.kinds, setting.hardware),
        scheduler=mode.scheduler,
        objective=setting.objective,
        cost_model=setting.hardware.cost_model,
        fidelity=setting.hardware.fidelity,
        jobs=1,
        options=options,
    )
    return ModeRun(mode.name, result.problem, result.schedule, result.evaluation, _kinds(result.schedule, mode.kinds))


def run_monolithic(baseline: Baseline, setting: TwoByTwoSetting) -> ModeRun:
    """Both models one after another on the monolithic chip, with the best micro-batches."""
    hardware = baseline.hardware(setting.hardware)
    result = schedule(
        pair(setting.batch),
        monolithic(hardware, baseline.noc_factor),
        scheduler="nn-baton",
        objective=setting.objective,
        cost_model=hardware.cost_model,
        fidelity=hardware.fidelity,
        jobs=1,
    )
    return ModeRun(baseline.name, result.problem, result.schedule, result.evaluation, ("O", "O"))


def baselines_of(setting: TwoByTwoSetting) -> tuple[Baseline, ...]:
    """The baselines that differ from one another in this setting, the plainest first."""
    chips: dict[tuple[Hardware, int], Baseline] = {}
    for baseline in BASELINES:
        chips.setdefault((baseline.hardware(setting.hardware), baseline.noc_factor), baseline)
    return tuple(chips.values())


def study(setting: TwoByTwoSetting, modes: Sequence[Mode] = MODES) -> Study:
    """Every mode and baseline in one setting."""
    bases = tuple(run_monolithic(baseline, setting) for baseline in baselines_of(setting))
    runs = tuple(run_mode(mode, setting) for mode in modes)
    alone_s = _one_output_stationary_s(setting)
    gains = tuple(tuple(gain(run, base, alone_s) for run in runs) for base in bases)
    return Study(setting, bases, runs, gains)


def gain(run: ModeRun, base: ModeRun, alone_s: float) -> Gain:
    """A mode over a monolithic chip; `alone_s`: seconds of all layers on one output-stationary chiplet."""
    before, after = base.evaluation, run.evaluation
    return Gain(
        mode=run.name,
        baseline=base.name,
        throughput=before.latency_s / after.latency_s,
        efficiency=before.energy_j / after.energy_j,
        rates=tuple(ours / theirs for ours, theirs in zip(run.rates, base.rates, strict=True)),
        factors=Factors(
            transfers=before.latency_s / base.compute_s,
            size=base.compute_s / alone_s,
            kind=alone_s / run.compute_s,
            busy=run.compute_s / after.latency_s,
        ),
        energy_part=largest_change(before.energy, after.energy),
    )


def largest_change(before: Energy, after: Energy) -> tuple[str, float, float]:
    """The part of the energy with the largest difference, and its joules before and after."""
    names = [part.name for part in fields(Energy)]
    name = max(names, key=lambda part: abs(getattr(after, part) - getattr(before, part)))
    return name, getattr(before, name), getattr(after, name)


def findings(gains: Sequence[Gain]) -> Findings:
    """What one baseline's gains (of all `MODES`) say about the published figures."""
    mixed = [gain for gain in gains if gain.mode in HETEROGENEOUS]
    fastest = max(mixed, key=lambda gain: gain.throughput)
    thriftiest = max(mixed, key=lambda gain: gain.efficiency)
    best = min(mixed, key=lambda gain: gain.edp)
    closest = min(mixed, key=_miss)
    both = [verdict(THROUGHPUT, closest.throughput), verdict(EFFICIENCY, closest.efficiency)]
    alike = [gain for gain in gains if gain.mode in HOMOGENEOUS]
    spatial = next(gain for gain in gains if gain.mode == "standalone, one of each")

    def over(key: Callable[[Gain], float]) -> float:
        return max(map(key, mixed)) / max(map(key, alike))

    return Findings(
        throughput=(fastest, verdict(THROUGHPUT, fastest.throughput)),
        efficiency=(thriftiest, verdict(EFFICIENCY, thriftiest.efficiency)),
        together=(closest, max(both, key=list(Verdict).index)),
        order=same_order((1, 2, 3), (best.edp, spatial.edp, 1.0)),
        heterogeneity=(
            over(lambda gain: gain.throughput),
            over(lambda gain: gain.efficiency),
            1 / over(lambda gain: 1 / gain.edp),
        ),
    )


def _miss(gain: Gain) -> float:
    """The larger relative difference from the two published figures."""
    return max(abs(gain.throughput / THROUGHPUT - 1), abs(gain.efficiency / EFFICIENCY - 1))


def reference_settings() -> tuple[TwoByTwoSetting, ...]:
    """The default: printed equations, every mapping with and without the floor, batch 1 and 32."""
    variants = [Hardware(floor=floor, mapping=mapping) for floor, mapping in product((None, 64), MappingText)]
    return tuple(TwoByTwoSetting(hardware, batch) for batch, hardware in product((1, 32), variants))


def every_setting() -> tuple[TwoByTwoSetting, ...]:
    """Batch, fidelity, floor and mapping in all combinations; around those of the least and the largest batch, NoC and
    DRAM bandwidth in turn, and the searches for latency and for energy."""
    found = []
    for batch, fidelity, floor, mapping in product(BATCHES, Fidelity, (None, 64), MappingText):
        centre = TwoByTwoSetting(Hardware(fidelity, floor, mapping), batch)
        found.append(centre)
        if batch in (BATCHES[0], BATCHES[-1]):
            variants = [replace(centre.hardware, noc_bandwidth=noc) for noc in (16, 4096)]
            variants += [replace(centre.hardware, dram_bandwidth_bytes_s=speed) for speed in (128e9, 256e9)]
            found += [replace(centre, hardware=hardware) for hardware in variants]
            found += [replace(centre, objective=objective) for objective in ("latency", "energy")]
    return tuple(found)


def _one_output_stationary_s(setting: TwoByTwoSetting) -> float:
    alone, scenario = chiplet("O", setting.hardware), pair(setting.batch)
    return sum(
        task.batch * float(setting.hardware.cost_model.costs(task.model.layers, alone).cycles.sum()) / alone.clock_hz
        for task in scenario.tasks
    )


def _kinds(plan: Schedule, kinds: str) -> tuple[str, ...]:
    """Per model, the kinds of its stages in order; windows are parted by '/'."""
    tasks = sorted({pipeline.task for _, pipeline in plan.pipelines()})
    return tuple(
        "/".join(
            "".join(kinds[stage.chiplet] for stage in pipeline.stages)
            for _, pipeline in plan.pipelines()
            if pipeline.task == task
        )
        for task in tasks
    )
