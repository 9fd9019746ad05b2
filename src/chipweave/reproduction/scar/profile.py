"""How SCAR's experiments are asked again: one profile of everything that the paper leaves open, and what an experiment
comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from chipweave.api import schedule
from chipweave.cost.choose import choose
from chipweave.cost.interface import CostModel
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.errors import InputError
from chipweave.evaluation.record import Evaluation
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.hardware.dataflow import Tile
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.schedulers.scar.options import ScarOptions
from chipweave.workload.scenario import Scenario

DATACENTER = (1, 2, 3, 4, 5)
ARVR = (6, 7, 8, 9, 10)
MIXED = ("Het-CB", "Het-Sides", "Het-Cross", "Het-T")
STRATEGIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Stand. (Shi)": ("standalone", "simba-shidiannao-3x3"),
        "Stand. (NVD)": ("standalone", "simba-nvdla-3x3"),
        "Simba (Shi)": ("simba", "simba-shidiannao-3x3"),
        "Simba (NVD)": ("simba", "simba-nvdla-3x3"),
        "Het-CB": ("scar", "het-cb-3x3"),
        "Het-Sides": ("scar", "het-sides-3x3"),
        "Simba-6x6 (Shi)": ("simba", "simba-shidiannao-6x6"),
        "Simba-6x6 (NVD)": ("simba", "simba-nvdla-6x6"),
        "Het-Cross": ("scar", "het-cross-6x6"),
        "Simba-T (Shi)": ("simba", "simba-t-shidiannao"),
        "Simba-T (NVD)": ("simba", "simba-t-nvdla"),
        "Het-T": ("scar", "het-t"),
    }
)
"""The paper's names of strategies: who schedules, and on which package."""
TABLE_IV_STRATEGIES = tuple(STRATEGIES)[:6]


@dataclass(frozen=True)
class Setting:
    """Everything that the paper leaves open. The defaults are the profile of all tables: documented defaults of
    chipweave, and none of them chosen by its outcome.

    Args:
        models: the namespace of networks: `paper`, as SCAR most likely ran them; `faithful`, as published.
        cost_model: `maestro` is the paper's.
        floor: of MAESTRO's off-chip bandwidth, elements per cycle; None: off, MAESTRO's default here.
        noc_bandwidth: elements per cycle inside a chiplet; None: as the packages have it.
        tile: of MAESTRO's mapping texts: `fixed` as they are, `auto` the best sizes.
        fidelity: `paper` is III-E as printed.
        flipped: mixed packages with their two dataflows exchanged (Fig. 6 is an image).
        dram_bandwidth_bytes_s: of the package; None: Table II's 64 GB/s.
        link_bandwidth_bytes_s: of a link of the package; None: Table II's 100 GB/s.
        bert_blocks: of BERT-L; None: the 12 blocks that give Table VI's 60 rows.
    """

    models: str = "paper"
    cost_model: str = "maestro"
    floor: int | None = None
    noc_bandwidth: int | None = None
    tile: str = "fixed"
    fidelity: str = "paper"
    flipped: bool = False
    dram_bandwidth_bytes_s: float | None = None
    link_bandwidth_bytes_s: float | None = None
    bert_blocks: int | None = None


PROFILE = Setting()


@dataclass(frozen=True)
class Experiment:
    """A question: a scenario of Table III under one of the paper's strategies.

    Args:
        scenario: 1 to 10.
        strategy: a key of `STRATEGIES`.
        objective: what the search minimises.
        setting: of what is open.
        options: of the scheduler (`scar`, `simba`), where they are not its defaults, by name: ("n_splits", 2).
        scheduler: another than the strategy's.
    """

    scenario: int
    strategy: str
    objective: str = "edp"
    setting: Setting = PROFILE
    options: tuple[tuple[str, Any], ...] = ()
    scheduler: str | None = None

    def answer(self) -> dict[str, Any]:
        """See `outcome`."""
        return self.answer_with(scenario_of(self.scenario, self.setting))

    def answer_with(self, scenario: Scenario) -> dict[str, Any]:
        """The same of another scenario in the place of the numbered one."""
        result = schedule(
            scenario,
            package_of(self.strategy, self.scenario, self.setting),
            scheduler=self.scheduler or STRATEGIES[self.strategy][0],
            objective=self.objective,
            cost_model=cost_model_of(self.setting),
            fidelity=Fidelity(self.setting.fidelity),
            jobs=1,
            options=self._options(),
        )
        return outcome(result)

    def _options(self) -> object | None:
        return ScarOptions(**dict(self.options)) if self.options else None


def outcome(result: Result) -> dict[str, Any]:
    """What a result comes to, as plain data: `latency_s`, `energy_j`, `edp_js`; `bound` and `gap` of its certificate;
    `front` of (latency_s, energy_j); `windows`, each its `latency_s` and its `pipelines`: `task`, `latency_s`, and
    `stages` of (first layer, last layer, chiplets); `evaluated` candidates."""
    evaluation = result.evaluation
    return {
        "latency_s": evaluation.latency_s,
        "energy_j": evaluation.energy_j,
        "edp_js": evaluation.edp_js,
        "bound": None if result.certificate is None else result.certificate.value,
        "gap": result.gap,
        "front": [] if result.search is None else [list(point) for point in result.search.front],
        "windows": windows_of(result.problem.scenario, result.schedule, evaluation),
        "evaluated": None if result.search is None else result.search.evaluated,
    }


def windows_of(scenario: Scenario, plan: Schedule, evaluation: Evaluation) -> list[dict[str, Any]]:
    """The windows of a schedule as plain data (see `outcome`)."""
    names = [task.name for task in scenario.tasks]
    return [
        {
            "latency_s": evaluated.latency_s,
            "pipelines": [
                {
                    "task": names[pipeline.task],
                    "latency_s": costed.latency_s,
                    "stages": [[stage.first, stage.last, list(stage.chiplets)] for stage in pipeline.stages],
                }
                for pipeline, costed in zip(window.pipelines, evaluated.pipelines, strict=True)
            ],
        }
        for window, evaluated in zip(plan.windows, evaluation.windows, strict=True)
    ]


def scenario_of(number: int, setting: Setting) -> Scenario:
    """A scenario of Table III in a setting."""
    name = f"{'datacenter' if number in DATACENTER else 'arvr'}-{number}"
    scenario = resolve_scenario(f"paper/{name}" if setting.models == "paper" else name)
    if setting.bert_blocks is None:
        return scenario
    from chipweave.workload.zoo.catalog import build_model

    if setting.models != "paper":
        raise InputError("bert_blocks: only the networks of `paper` have it open")
    other = build_model("paper/bert_l", blocks=setting.bert_blocks)
    tasks = tuple(replace(t, model=other) if t.model.name == "paper/bert_l" else t for t in scenario.tasks)
    return replace(scenario, tasks=tasks)


def package_of(strategy: str, scenario: int, setting: Setting) -> Package:
    """The package of a strategy in a setting: of AR/VR chiplets for scenarios 6 to 10."""
    size = "" if scenario in DATACENTER else "arvr-"
    package = resolve_package(size + STRATEGIES[strategy][1] + ("-flipped" * (setting.flipped and strategy in MIXED)))
    chiplets = []
    for chiplet in package.chiplets:
        dataflow = replace(chiplet.dataflow, tile=Tile(setting.tile))
        noc = chiplet.noc_bandwidth if setting.noc_bandwidth is None else setting.noc_bandwidth
        chiplets.append(replace(chiplet, dataflow=dataflow, noc_bandwidth=noc))
    changed: dict[str, Any] = {"chiplets": tuple(chiplets)}
    for field_name in ("dram_bandwidth_bytes_s", "link_bandwidth_bytes_s"):
        if (value := getattr(setting, field_name)) is not None:
            changed[field_name] = value
    return replace(package, **changed)


def cost_model_of(setting: Setting) -> CostModel:
    """The cost model of a setting."""
    if setting.cost_model == "maestro":
        return MaestroCostModel(offchip_bandwidth=setting.floor)
    return choose(setting.cost_model)
