"""On which packages heterogeneity pays, for the ten scenarios, under each cost model, and why. Prints Markdown.

    python -m benchmarks.heterogeneity [--scenario datacenter-4 ...] [--model loopnest ...] [--fidelity paper] [--json]
    python -m benchmarks.heterogeneity --write docs/heterogeneity.md    # also replaces the tables of the page

`scar` for EDP with its default settings on every 3x3 preset (AR/VR scenarios on the AR/VR twins); every schedule that
was found tried on every package; then the best mixed package against the best homogeneous one. `maestro, official`
takes the official mappings in place of `tile: auto`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import chipweave
from benchmarks.affinity import MODELS, show
from benchmarks.search_speed import PACKAGES, SCENARIOS
from benchmarks.tables import markdown
from chipweave.files.package_file import resolve_package
from chipweave.hardware.dataflow import Tile
from chipweave.hardware.package import Package
from chipweave.results.result import Result
from chipweave.study.affinity import LEVEL, Freedom, LayerClass
from chipweave.study.heterogeneity import (
    Advantage,
    Bottleneck,
    Outcome,
    Work,
    advantage,
    bottleneck,
    exchange,
    outcome,
    scenario_freedom,
    work_by_class,
)


@dataclass(frozen=True)
class ScenarioStudy:
    """A scenario under a cost model: all packages; the bottlenecks of the best homogeneous and the best mixed one; and
    what the latter does."""

    scenario: str
    model: str
    outcomes: tuple[Outcome, ...]
    advantage: Advantage
    freedom: Freedom
    work: Mapping[tuple[str, LayerClass], Work]
    dram_share: float
    bottlenecks: tuple[Bottleneck, Bottleneck]

    @property
    def winner(self) -> Outcome:
        return min(self.outcomes, key=lambda each: each.edp_js)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", nargs="*", choices=SCENARIOS, default=SCENARIOS, metavar="SCENARIO")
    parser.add_argument("--model", nargs="*", choices=MODELS, default=list(MODELS[1:]), metavar="MODEL")
    parser.add_argument("--fidelity", choices=("paper", "detailed"), default="detailed")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead")
    parser.add_argument("--write", type=Path, help="a page whose tables to replace")
    arguments = parser.parse_args()
    cases = [
        case(scenario, model, arguments.fidelity, arguments.jobs)
        for model in arguments.model
        for scenario in arguments.scenario
    ]
    show(tables(cases), [record(each) for each in cases] if arguments.json else None, arguments.write)


def case(scenario: str, model: str, fidelity: str, jobs: int | None) -> ScenarioStudy:
    results = [run(scenario, name, model, fidelity, jobs) for name in packages(scenario)]
    known = exchange(results)
    outcomes = tuple(map(outcome, known))
    found = advantage(outcomes)
    by_package = {each.best.problem.package.name: each.best for each in known}
    alike, best = by_package[found.homogeneous.package], by_package[found.mixed.package]
    return ScenarioStudy(
        scenario,
        model,
        outcomes,
        found,
        scenario_freedom(best),
        work_by_class(best),
        dram_share=best.evaluation.energy.dram / best.evaluation.energy_j,
        bottlenecks=(bottleneck(alike), bottleneck(best)),
    )


def packages(scenario: str) -> list[str]:
    return [f"arvr-{name}" if scenario.startswith("arvr") else name for name in PACKAGES]


def with_fixed_tiles(package: Package) -> Package:
    """With MAESTRO's official mapping texts as they are."""
    chiplets = tuple(replace(each, dataflow=replace(each.dataflow, tile=Tile.FIXED)) for each in package.chiplets)
    return replace(package, chiplets=chiplets)


def run(scenario: str, name: str, model: str, fidelity: str, jobs: int | None) -> Result:
    package, started = resolve_package(name), time.monotonic()
    if "official" in model:
        package = with_fixed_tiles(package)
    result = chipweave.schedule(
        scenario, package, scheduler="scar", cost_model=model.partition(",")[0], fidelity=fidelity, jobs=jobs
    )
    words = f"{result.evaluation.edp_js:.4g} J.s in {time.monotonic() - started:.1f} s"
    print(f"{scenario} on {name}, {model}: {words}", file=sys.stderr, flush=True)
    return result


def record(each: ScenarioStudy) -> dict[str, Any]:
    work = [{"style": style, "class": kind} | asdict(done) for (style, kind), done in each.work.items()]
    freedom = {key: value for key, value in asdict(each.freedom).items() if key != "chosen"}
    return {
        "scenario": each.scenario,
        "cost_model": each.model,
        "outcomes": [asdict(one) for one in each.outcomes],
        "verdict": asdict(each.advantage),
        "freedom": freedom,
        "dram_share": each.dram_share,
        "bottlenecks": [asdict(one) for one in each.bottlenecks],
        "work": work,
    }


def tables(cases: Sequence[ScenarioStudy]) -> dict[str, str]:
    """Per cost model: what each package costs, whether heterogeneity pays, why, and who works in the best mixed one."""
    made = {}
    for model in dict.fromkeys(each.model for each in cases):
        some = [each for each in cases if each.model == model]
        made[f"packages, {model}"] = costs_table(some)
        made[f"pays, {model}"] = pays_table(some)
        made[f"reasons, {model}"] = reasons_table(some)
        made[f"work, {model}"] = work_table(some)
    return made


def costs_table(cases: Iterable[ScenarioStudy]) -> str:
    """J.s; ms; J of every package, the winner in bold; where another package's schedule serves, what was found here."""
    rows = []
    for each in cases:
        cells = []
        for one in each.outcomes:
            mark = "**" if one is each.winner else ""
            own = "" if one.plan_of == one.package else f" ({one.searched_js:.4g}, {short(one.plan_of)})"
            cells.append(f"{mark}{one.edp_js:.4g}{mark}{own}; {1e3 * one.latency_s:.4g}; {one.energy_j:.4g}")
        rows.append([each.scenario, *cells])
    return markdown(["EDP J.s; latency ms; energy J", *PACKAGES], rows)


def pays_table(cases: Iterable[ScenarioStudy]) -> str:
    header = ["scenario", "best homogeneous", "best mixed", "EDP", "latency", "energy", "chiplet-seconds", "busy"]
    header += ["EDP, proven: at most", "DRAM's share of the energy"]
    rows = []
    for each in cases:
        found = each.advantage
        level = abs(found.pays) < LEVEL
        rows.append(
            [
                each.scenario,
                short(found.homogeneous.package),
                short(found.mixed.package),
                f"level ({percent(found.pays)})" if level else percent(found.pays),
                percent(found.latency),
                percent(found.energy),
                percent(found.compute),
                f"{found.homogeneous.busy:.0%} to {found.mixed.busy:.0%}",
                percent(found.at_most),
                f"{each.dram_share:.0%}",
            ]
        )
    return markdown(header, rows)


def reasons_table(cases: Iterable[ScenarioStudy]) -> str:
    """What a free choice of style for every layer would save, and the slowest stages."""
    rows = []
    for each in cases:
        free = each.freedom
        shares = [
            f"{percent(1 - ratio)} of {style}"
            for ratio, style in ((free.cycles, free.fastest), (free.energy, free.thriftiest), (free.edp, free.best))
        ]
        rows.append([each.scenario, *shares, *map(narrowest, each.bottlenecks)])
    header = ["scenario", "free choice saves: cycles", "joules", "product"]
    return markdown([*header, "slowest stage, homogeneous", "slowest stage, mixed"], rows)


def narrowest(stage: Bottleneck) -> str:
    if stage.bound_by != "pipeline":
        return f"{stage.bound_by}, {stage.share:.0%} of the latency"
    return f"{stage.model} on {stage.style}: `{stage.layer}`, {stage.kind}; {stage.share:.0%} of the latency"


def work_table(cases: Iterable[ScenarioStudy]) -> str:
    """Shares of chiplet-seconds and MACs per style, and the classes that take most of each style's time."""
    rows = []
    for each in cases:
        time_s, macs = total(each.work.values())
        by_style: dict[str, dict[LayerClass, Work]] = defaultdict(dict)
        for (style, kind), done in each.work.items():
            by_style[style][kind] = done
        for style in sorted(by_style):
            style_s, style_macs = total(by_style[style].values())
            largest = sorted(by_style[style].items(), key=lambda pair: -pair[1].compute_s)[:4]
            classes = "; ".join(f"{kind} {done.compute_s / time_s:.0%}" for kind, done in largest)
            mixed = short(each.advantage.mixed.package)
            rows.append([each.scenario, mixed, style, f"{style_s / time_s:.0%}", f"{style_macs / macs:.0%}", classes])
    return markdown(["scenario", "best mixed", "style", "time", "MACs", "most time (of all)"], rows)


def total(work: Iterable[Work]) -> tuple[float, int]:
    done = sum(work, Work())
    return done.compute_s, done.macs


def short(package: str) -> str:
    return package.removeprefix("arvr-").removesuffix("-3x3").replace("-3x3", "")


def percent(fraction: float) -> str:
    return f"{100 * fraction:+.1f} %"


if __name__ == "__main__":
    main()
