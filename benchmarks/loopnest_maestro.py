"""`loopnest` beside `maestro`: cycles and energy per layer, and which of MAESTRO's faults makes the difference.

    python -m benchmarks.loopnest_maestro [--scenarios] [--chiplets ...] [--all] [--json]

For each distinct layer and chiplet: MAESTRO's figures under the mapping it chooses, ours under the best mapping. Both
energies are in MACs with MAESTRO's constants (18.61 per L2 access, 1.68 per L1 access, nothing for the NoC), so that
only counts differ. MAESTRO is run again with one fault after another taken out of its analysis; what is left then are
the loads that its mapping needs, the PEs that it keeps busy, and our own transfers. The factors multiply to the ratio,
the terms of energy add up to the difference.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, log, prod
from typing import Any

import numpy as np

from chipweave.cost.loopnest.chiplet import machine_of
from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.loopnest.mapping_cost import Counts, energy_parts_j
from chipweave.cost.loopnest.search import best_mapping
from chipweave.cost.loopnest.shape import shapes_of
from chipweave.cost.maestro.engine import L1_ENERGY_MAC, L2_ENERGY_MAC
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.cost.maestro.notation import DIMENSIONS, Kind, parse_mapping, resolve
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Tile
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import SCENARIOS, build_model, build_scenario

from .other_models.maestro_without import FIRST_LOADS, OUTPUTS, recount

MODELS = ["resnet50", "mobilenet_v2", "bert_base"]
CHIPLETS = ["datacenter-nvdla", "datacenter-shidiannao"]
MAESTRO_ENERGIES = Energies(1.0, L1_ENERGY_MAC, L2_ENERGY_MAC, 0.0)
UNLIMITED = 2**62
FAR = 0.10

CYCLES = {
    "outputs": "outputs go to L2 in every iteration",
    "first loads": "the first load of a level below the top is never hidden",
    "loads": "loads that MAESTRO's mapping cannot hide",
    "strides": "strided tiles count too much work",
    "few PEs": "MAESTRO's mapping keeps fewer PEs busy",
    "ours": "transfers that ours cannot hide",
}
ENERGY = {
    "outputs": "outputs go to L2 in every iteration",
    "strides": "strided tiles count too much work",
    "no registers": "every MAC reads and writes L1",
    "inputs and weights": "L2 reads of inputs and weights",
    "our sums": "our partial sums between L2 and the array",
}


@dataclass(frozen=True)
class ComparedLayer:
    """One layer on one chiplet. Energies in MACs; `l1_need` in bytes of a PE under MAESTRO's mapping."""

    layer: str
    chiplet: str
    cycles: tuple[float, float]
    factors: dict[str, float]
    energy: tuple[float, float]
    terms: dict[str, float]
    busy: tuple[float, float]
    l1_need: int
    l1_bytes: int


def distinct_layers(names: Sequence[str], scenarios: bool) -> list[Layer]:
    """Layers that differ in more than their name and ride with no other."""
    models = [build_model(name) for name in names]
    if scenarios:
        models = [
            task.model
            for name in SCENARIOS
            if name[-1].isdigit() and "/" not in name
            for task in build_scenario(name).tasks
        ]
    found: dict[Layer, Layer] = {}
    for model in models:
        for layer in model.layers:
            if not layer.rides:
                found.setdefault(replace(layer, name=""), replace(layer, name=f"{model.name} {layer.name}"))
    return list(found.values())


def held_per_pe(explained: dict[str, Any]) -> int:
    """Bytes that each PE must hold at least: the tile of the units of the top level, spread over their PEs."""
    where = explained["name"]
    sizes = {"R": 1, "S": 1} | explained["sizes"]
    rows = resolve(parse_mapping(explained["mapping"], where), sizes, where)
    clusters = [size for kind, _, size, _ in rows if kind == Kind.CLUSTER]
    unit = dict(sizes)
    for kind, dim, size, _ in rows:
        if kind == Kind.CLUSTER:
            break
        unit[DIMENSIONS[dim]] = min(size, sizes[DIMENSIONS[dim]])
    inputs = prod(unit[dim] for dim in "CYX")
    weights = prod(unit[dim] for dim in ("CRS" if explained["type"] == "DSCONV" else "KCRS"))
    return ceil((inputs + weights) / (clusters[0] if clusters else 1))


def energies(
    layer: Layer, explained: dict[str, Any], ours: Sequence[Counts], machine: Machine
) -> tuple[tuple[float, float], dict[str, float]]:
    """Energy of MACs, L1 and L2 of both, L2's own filling and draining left out, and what makes the difference.

    A partial sum is one element here, as in MAESTRO.
    """
    runs, run = explained["runs"], explained["run"]
    read = {tensor: runs * each["read"] for tensor, each in run["l2"].items()}
    written = runs * run["l2"]["output"]["write"]
    macs = sum(counts.macs for counts in ours)
    loads, accesses = read["input"] + read["filter"], 4 * runs * run["macs"]
    theirs = runs * run["macs"] + L1_ENERGY_MAC * (accesses + loads) + L2_ENERGY_MAC * (loads + written)
    narrow = replace(machine, sum_bytes=1, sum_elements=1)
    mine = sum(sum(energy_parts_j(counts, narrow, MAESTRO_ENERGIES)) for counts in ours)
    outputs = sum(counts.l2_write[2] - counts.l2_read[2] for counts in ours)
    our_l1 = sum(sum(counts.l1_read) + sum(counts.l1_write) for counts in ours)
    our_loads = sum(counts.l2_read[0] + counts.l2_read[1] for counts in ours)
    terms = {
        "outputs": L2_ENERGY_MAC * (written - outputs),
        "strides": (runs * run["macs"] - macs) * (1 + 4 * L1_ENERGY_MAC),
        "no registers": L1_ENERGY_MAC * (4 * macs + loads - our_l1),
        "inputs and weights": L2_ENERGY_MAC * (loads - our_loads),
        "our sums": -L2_ENERGY_MAC * 2 * sum(counts.l2_read[2] for counts in ours),
    }
    return (theirs, mine), terms


def compare(layers: Sequence[Layer], chiplet: Chiplet) -> list[ComparedLayer]:
    machine = machine_of(chiplet)
    hardware = (chiplet.num_pes, chiplet.noc_bandwidth, chiplet.noc_latency, UNLIMITED, chiplet.simd_lanes)
    free = (chiplet.num_pes, 2**40, 0, UNLIMITED, chiplet.simd_lanes)
    found = []
    for layer, explained in zip(layers, MaestroCostModel().explain(layers, chiplet), strict=True):
        run, runs = explained["run"], explained["runs"]
        kept = recount(explained, hardware, [OUTPUTS]).cycles[0]
        hidden = recount(explained, hardware, [OUTPUTS, FIRST_LOADS]).cycles[0]
        compute = recount(explained, free).cycles[0]
        shapes = shapes_of(layer)
        fast = [best_mapping(shape, machine, MAESTRO_ENERGIES, "latency") for shape in shapes]
        frugal = [best_mapping(shape, machine, MAESTRO_ENERGIES, "energy") for shape in shapes]
        ours = [count(shape, mapping, machine) for shape, mapping in zip(shapes, fast, strict=True)]
        our_cycles = sum(counts.cycles for counts in ours)
        unlimited = replace(machine, noc_bandwidth=2**40, noc_latency=0)
        our_compute = sum(count(shape, mapping, unlimited).compute for shape, mapping in zip(shapes, fast, strict=True))
        macs, theirs = sum(shape.macs for shape in shapes), runs * run["macs"]
        factors = {
            "outputs": run["cycles"] / kept,
            "first loads": kept / hidden,
            "loads": hidden / compute,
            "strides": theirs / macs,
            "few PEs": (runs * compute / theirs) / (our_compute / macs),
            "ours": our_compute / our_cycles,
        }
        least = [count(shape, mapping, machine) for shape, mapping in zip(shapes, frugal, strict=True)]
        energy, terms = energies(layer, explained, least, machine)
        found.append(
            ComparedLayer(
                layer.name,
                chiplet.name,
                (explained["cycles"], our_cycles),
                factors,
                energy,
                terms,
                (theirs / (runs * compute), macs / our_compute),
                held_per_pe(explained),
                chiplet.l1_bytes,
            )
        )
    return found


def cause_of_cycles(each: ComparedLayer) -> str:
    """The factor that goes farthest in the direction of the difference."""
    ratio = each.cycles[0] / each.cycles[1]
    return max(each.factors, key=lambda name: log(each.factors[name]) * (1 if ratio > 1 else -1))


def cause_of_energy(each: ComparedLayer) -> str:
    more = each.energy[0] > each.energy[1]
    return max(each.terms, key=lambda name: each.terms[name] * (1 if more else -1))


def median_and_range(values: Sequence[float]) -> str:
    low, middle, high = min(values), float(np.median(values)), max(values)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def show(found: Sequence[ComparedLayer], details: bool) -> None:
    """Print the distribution of both ratios, and the layers that differ grouped by the main cause."""
    cycles = [each.cycles[0] / each.cycles[1] for each in found]
    energy = [each.energy[0] / each.energy[1] for each in found]
    print("| maestro / loopnest | layers | 5 % | median | 95 % | largest | within 10 % |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, ratios in (("cycles", cycles), ("energy", energy)):
        cells = [f"{each:.2f}" for each in (*np.percentile(ratios, [5, 50, 95]), max(ratios))]
        near = np.mean(np.abs(np.array(ratios) - 1) <= FAR)
        print(f"| {name} | {len(found)} | {' | '.join(cells)} | {near:.0%} |")
    print("\n| cycles differ by more than 10 %, most of all because | layers | ratio | this factor | every factor |")
    print("|---|--:|--:|--:|---|")
    far = [each for each in found if abs(each.cycles[0] / each.cycles[1] - 1) > FAR]
    for slower in (True, False):
        for cause, words in CYCLES.items():
            some = [each for each in far if cause_of_cycles(each) == cause]
            some = [each for each in some if (each.cycles[0] > each.cycles[1]) == slower]
            if some:
                ratios = [each.cycles[0] / each.cycles[1] for each in some]
                others = ", ".join(
                    f"{name} {np.median([each.factors[name] for each in some]):.2f}" for name in CYCLES if name != cause
                )
                over = sum(each.l1_need > each.l1_bytes for each in some)
                note = f"; {over} need more L1 than there is" if over else ""
                print(
                    f"| {words} | {len(some)} | {median_and_range(ratios)} | "
                    f"{median_and_range([each.factors[cause] for each in some])} | {others}{note} |"
                )
    print("\n| energy differs by more than 10 %, most of all because | layers | ratio | share of the difference |")
    print("|---|--:|--:|--:|")
    far = [each for each in found if abs(each.energy[0] / each.energy[1] - 1) > FAR]
    for cause, words in ENERGY.items():
        some = [each for each in far if cause_of_energy(each) == cause]
        if some:
            shares = [each.terms[cause] / (each.energy[0] - each.energy[1]) for each in some]
            ratios = [each.energy[0] / each.energy[1] for each in some]
            print(f"| {words} | {len(some)} | {median_and_range(ratios)} | {median_and_range(shares)} |")
    if details:
        print(f"\n| layer | cycles | {' | '.join(CYCLES)} | energy | {' | '.join(ENERGY)} | PEs busy | L1 held |")
        print("|---|" + "--:|" * (4 + len(CYCLES) + len(ENERGY)))
        for each in found:
            factors = " | ".join(f"{each.factors[name]:.2f}" for name in CYCLES)
            terms = " | ".join(f"{each.terms[name] / each.energy[1]:+.2f}" for name in ENERGY)
            print(
                f"| {each.layer} | {each.cycles[0] / each.cycles[1]:.2f} | {factors} | "
                f"{each.energy[0] / each.energy[1]:.2f} | {terms} | {each.busy[0]:.0f} / {each.busy[1]:.0f} | "
                f"{each.l1_need} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--scenarios", action="store_true", help="the ten scenarios' layers instead of the models'")
    parser.add_argument("--chiplets", nargs="*", default=CHIPLETS)
    parser.add_argument("--tile", choices=list(Tile), default=Tile.AUTO, help="how MAESTRO's mapping is chosen")
    parser.add_argument("--all", action="store_true", help="every layer")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    layers = distinct_layers(arguments.models, arguments.scenarios)
    chiplets = [resolve_chiplet(name) for name in arguments.chiplets]
    for chiplet in chiplets:
        dataflow = replace(chiplet.dataflow, tile=Tile(arguments.tile))
        found = compare(layers, replace(chiplet, dataflow=dataflow))
        if arguments.json:
            json.dump([asdict(each) for each in found], sys.stdout, indent=1)
            continue
        print(f"## {chiplet.name}, {len(layers)} distinct layers\n")
        show(found, arguments.all)
        print()


if __name__ == "__main__":
    main()
