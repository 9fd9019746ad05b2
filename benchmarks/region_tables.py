"""How far the estimates on which `scope` searches are from the evaluator's figures, term by term.

    python -m benchmarks.region_tables [--nets ...] [--package mesh-16] [--batch 16] [--stages 400] [--l2 BYTES]

Stages are drawn at random (first unit, length, size of region, micro-batch), each alone in a window of its own, with
the partitions that the tables chose. Printed are quantiles of table / exact for every term that is not 0 in both, and
how often both say that transfers overlap compute. `streams_s` are weights and evictions at the DRAM, of stages that
gather no weights from mates; `gather_s` are those weights, of the others.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import StageEvaluation
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.regions import Ground, line_of, region_sizes, stage_tables, unit_tables
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.plan.problem import Fidelity, pose
from chipweave.schedulers.draft import DraftCosts, DraftStage, DraftWindow
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

NETS = ("alexnet", "vgg16", "resnet50", "googlenet", "darknet19", "gpt2_medium")
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
MICRO_BATCHES = (1, 2, 4)
LONGEST = 40


@dataclass(frozen=True)
class Pair:
    """A stage by the tables and by the evaluator: figures by term, and whether transfers overlap compute."""

    chiplets: int
    table: dict[str, float]
    exact: dict[str, float]
    overlaps: tuple[bool, bool]


def ground_of(net: str, package: Package, batch: int, fidelity: Fidelity = Fidelity.DETAILED) -> Ground:
    """One network on a package."""
    problem = pose(Scenario(net, (Task(net, build_model(net), batch),)), package, MaestroCostModel(), fidelity)
    order = snake(package)
    return Ground(prepare(problem), 0, order, region_sizes(len(order)))


def pairs(ground: Ground, stages: int, seed: int = 0) -> Iterator[Pair]:
    """Stages drawn at random that fit with their micro-batch."""
    rng, exact = random.Random(seed), DraftCosts(ground)
    for micro_batch in MICRO_BATCHES:
        if micro_batch > ground.batch:
            continue
        units, line = unit_tables(ground, micro_batch), line_of(ground, micro_batch)
        count = len(ground.model.units)
        table = stage_tables(ground, units, line, range(len(ground.sizes)), min(LONGEST, count), np.inf)
        for _ in range(stages // len(MICRO_BATCHES)):
            first, s = rng.randrange(count), rng.randrange(len(ground.sizes))
            length = rng.randint(1, min(LONGEST, count - first))
            terms = table[first, length - 1, s]
            if not np.isfinite(terms[kernel.PACE_S]):
                continue
            run = kernel.Run(first, s, ground.sizes[s], int(terms[kernel.MODE]))
            partitions = kernel.partitions_of(units, run, length, int(terms[kernel.LAST]), line)
            draft = DraftStage(first + length, int(ground.sizes[s]), tuple(int(p) for p in partitions))
            window = exact.window(DraftWindow(first, micro_batch, (draft,)))
            if window is not None:
                yield pair_of(terms, ground, line, (first, first + length), window.stages[0])


def pair_of(
    terms: np.ndarray, ground: Ground, line: kernel.Line, ends: tuple[int, int], stage: StageEvaluation
) -> Pair:
    """The table's entry beside the evaluator's stage."""
    loaded, left = (line.micro_batch * ground.crossing[end] for end in ends)
    input_s, store_s = loaded / line.rates.dram_bytes_s, left / line.rates.dram_bytes_s
    out_s = store_s + line.dram_hops * line.rates.hop_s + line.rates.dram_s + line.rates.delta_s if left else 0.0
    fill_s, steady_s = kernel.times(terms, loaded, left, 0.0, out_s, True, line)
    moved = line.batch * (ground.crossing[ends[0]] + ground.crossing[ends[1]])
    gathers = terms[kernel.GATHER_S] > 0 or stage.bytes_.mates > 0
    table = {
        "compute_s": terms[kernel.COMPUTE_S],
        "exchange_s": terms[kernel.EXCHANGE_S],
        "pace_s": terms[kernel.PACE_S],
        "exposed_s": terms[kernel.EXPOSED_S],
        "streams_s": 0.0 if gathers else terms[kernel.STREAMS_S],
        "gather_s": terms[kernel.GATHER_S],
        "resident_s": terms[kernel.RESIDENT_S],
        "ready_s": terms[kernel.READY_S] + (input_s + out_s if terms[kernel.READY_S] else 0.0),
        "fill_s": fill_s,
        "steady_s": steady_s,
        "DRAM bytes": terms[kernel.DRAM_BYTES] + moved,
        "energy": terms[kernel.ENERGY_J] + moved * line.rates.dram_j,
    }
    exact = {
        "streams_s": 0.0 if gathers else stage.weights_s + stage.spill_s,
        "gather_s": stage.weights_s if stage.bytes_.mates else 0.0,
        "DRAM bytes": stage.bytes_.dram,
        "energy": stage.energy.total,
    }
    exact = {name: exact[name] if name in exact else float(getattr(stage, name)) for name in table}
    overlaps = bool(terms[kernel.LEFT] >= terms[kernel.OPEN] * (loaded + left)), stage.overlaps
    return Pair(len(stage.chiplets), table, exact, overlaps)


def ratios(found: list[Pair], term: str) -> np.ndarray:
    """table / exact of the stages in which the term is not 0 in both; infinite where only the evaluator has none."""
    both = [(each.table[term], each.exact[term]) for each in found if each.table[term] or each.exact[term]]
    return np.array([table / exact if exact else np.inf for table, exact in both])


def report(title: str, found: list[Pair]) -> None:
    """A Markdown table of quantiles."""
    alike = sum(each.overlaps[0] == each.overlaps[1] for each in found) / len(found)
    print(f"\n{title}: {len(found)} stages; overlap alike in {alike:.1%}\n")
    print("| term | stages | least | 5 % | median | 95 % | most |\n|---|---|---|---|---|---|---|")
    for term in found[0].table:
        values = ratios(found, term)
        if len(values):
            quantiles = " | ".join(f"{value:.3f}" for value in np.quantile(values, QUANTILES, method="nearest"))
            print(f"| {term} | {len(values)} | {quantiles} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", default=list(NETS))
    parser.add_argument("--package", default="mesh-16")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--stages", type=int, default=400, help="per network")
    parser.add_argument("--l2", type=int, default=None, help="bytes of L2 of every chiplet")
    arguments = parser.parse_args()
    package = resolve_package(arguments.package)
    if arguments.l2 is not None:
        package = replace(package, chiplets=tuple(replace(c, l2_bytes=arguments.l2) for c in package.chiplets))
    found = [
        pair
        for net in arguments.nets
        for pair in pairs(ground_of(net, package, arguments.batch), arguments.stages)
    ]
    report("Single chiplets", [pair for pair in found if pair.chiplets == 1])
    report("Regions", [pair for pair in found if pair.chiplets > 1])


if __name__ == "__main__":
    main()
