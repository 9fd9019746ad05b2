"""`loopnest` beside ZigZag: the same mappings on the same array, cycles and accesses of both, and every difference.

    python -m benchmarks.loopnest_zigzag --install .venv-zigzag [--random 4] [--models ...] [--chiplets ...] [--json]
    python -m benchmarks.loopnest_zigzag --zigzag PYTHON

For each distinct layer of the models: the best mappings that each chiplet allows (latency, energy), and random ones.
ZigZag pads where a factor does not divide its bound, so factors of a best mapping are lowered to dividing ones first;
both models then get an L1 with room for every second buffer, and no latency. Ratios are ours / ZigZag's.

ZigZag gives each access twice: as counted per element (`mapping.py`), and as charged with energy and time
(`cost_model.py`: amount per period x periods x memories). Each difference is taken apart by putting ZigZag's
conventions in the place of ours one after another (`other_models/zigzag_rules.py`), until the figures are equal.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log, prod
from typing import Any

import numpy as np

from chipweave.cost.loopnest.allowed import axes_of
from chipweave.cost.loopnest.chiplet import energies_of, machine_of
from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Constraint, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts
from chipweave.cost.loopnest.search import best_mapping
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Shape, shapes_of
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.workload.zoo import build_model

from .other_models import zigzag_link
from .other_models.zigzag_rules import CHARGED, COUNTED, OURS, Conventions, accesses, our_cycles, walk, zigzag_cycles

MODELS = ["resnet50", "mobilenet_v2", "bert_base"]
CHIPLETS = ["datacenter-nvdla", "datacenter-shidiannao"]
OBJECTIVES = ["latency", "energy"]
MOST_STEPS = 200_000
"""Of a random mapping: each step is looked at."""
ACCESSES_WITHIN, CYCLES_WITHIN = 0.02, 0.05

TERMS = {
    "registers_keep": "registers keep their element between steps",
    "halos_again": "halos are read again in the next step",
    "padding_as_data": "padding is read and moved",
    "neighbours_again": "L2 sends each PE its own halo",
    "first_pass_returns": "empty partial sums are read",
}
CYCLE_TERMS = {
    "inputs": "inputs as charged: halos again, padding, neighbours' halos",
    "sums": "partial sums also before the first pass and after the last",
    "apart": "each tensor takes whole cycles of its own",
    "average": "ports are a bottleneck over the whole layer, not in each step",
    "ends": "filling: weights beside inputs, hidden where loaded once; two cycles of registers",
}


@dataclass(frozen=True)
class ComparedMapping:
    """One mapping of one layer, and both models' figures."""

    kind: str
    layer: str
    shape: Shape
    mapping: Mapping
    counts: Counts
    result: dict[str, Any]


def distinct_layers(models: Sequence[str]) -> dict[Shape, str]:
    """The distinct shapes with the name of the first layer that has each."""
    found: dict[Shape, str] = {}
    for model in models:
        for layer in build_model(model).layers:
            for shape in shapes_of(layer):
                found.setdefault(shape, f"{model} {layer.name}")
    return found


def divisors(number: int) -> list[int]:
    return [each for each in range(1, number + 1) if number % each == 0]


def lowered(shape: Shape, mapping: Mapping) -> Mapping:
    """With the largest factors that divide: the spatial one first, then the tile."""
    spatial, tile = [], []
    for bound, s, t in zip(shape.bounds, mapping.spatial, mapping.tile, strict=True):
        spatial.append(max(each for each in divisors(bound) if each <= s))
        tile.append(max(each for each in divisors(bound // spatial[-1]) if each <= t))
    return replace(mapping, spatial=tuple(spatial), tile=tuple(tile))


def random_order(allowed: Constraint, generator: random.Random) -> str:
    """A loop order that keeps the stationary tensor, where there is one."""
    loops = list(LOOPS)
    generator.shuffle(loops)
    if allowed.stationary:
        loops.sort(key=lambda loop: loop not in RELEVANT[allowed.stationary])
    return "".join(loops)


def random_mappings(shape: Shape, machine: Machine, wanted: int, generator: random.Random) -> Iterator[Mapping]:
    """Dividing mappings that the machine's style allows and that fit L1 twice."""
    allowed = machine.constraint
    for _ in range(2000 * wanted):
        if not wanted:
            return
        spatial, tile = [], []
        for loop, bound in zip(LOOPS, shape.bounds, strict=True):
            tile.append(generator.choice(divisors(bound)))
            unrolls = loop in allowed.rows + allowed.columns
            spatial.append(generator.choice(divisors(bound // tile[-1])) if unrolls else 1)
        steps = prod(shape.bounds) // prod(spatial) // prod(tile)
        if steps > MOST_STEPS or axes_of(Mapping(tuple(spatial), tuple(tile)), machine) is None:
            continue
        mapping = Mapping(
            tuple(spatial), tuple(tile), random_order(allowed, generator), random_order(allowed, generator)
        )
        counts = count(shape, mapping, machine)
        if counts.overlapped and counts.l1_need_bytes <= machine.l1_bytes:
            wanted -= 1
            yield mapping


def our_figures(counts: Counts) -> dict[str, int]:
    ways = (("L1 read", counts.l1_read), ("L1 write", counts.l1_write))
    ways += (("L2 read", counts.l2_read), ("L2 write", counts.l2_write))
    return {f"{way} {tensor}": amount for way, three in ways for tensor, amount in zip("WIO", three, strict=True)}


@dataclass(frozen=True)
class Figure:
    """A figure by our rules, then after each of ZigZag's conventions in turn; and what both models gave themselves."""

    name: str
    terms: tuple[str, ...]
    chain: tuple[float, ...]
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def explained(self) -> bool:
        """Whether the chain leads from exactly our figure to exactly ZigZag's."""
        return self.chain[0] == self.ours and abs(self.chain[-1] - self.theirs) <= 1e-9 * self.theirs

    @property
    def factors(self) -> dict[str, float]:
        """What each convention that changes the figure does to it."""
        pairs = zip(self.terms, self.chain, self.chain[1:], strict=False)
        return {term: before / after for term, before, after in pairs if before != after}


def access_figures(case: ComparedMapping) -> list[Figure]:
    """Every access count, against ZigZag's counted and charged ones."""
    ours, figures = our_figures(case.counts), []
    for which, last in (("counted", COUNTED), ("charged", CHARGED)):
        theirs = zigzag_link.counted(case.result, which == "charged")
        terms = tuple(term for term in TERMS if getattr(last, term))
        by, chain = OURS, [accesses(case.shape, case.mapping)]
        for term in terms:
            by = replace(by, **{term: True})
            chain.append(accesses(case.shape, case.mapping, by))
        figures += [
            Figure(f"{which} {name}", terms, tuple(each[name] for each in chain), ours[name], theirs[name])
            for name in chain[0]
            if ours[name] or theirs[name]
        ]
    return figures


def cycle_figure(case: ComparedMapping, machine: Machine) -> Figure:
    inputs = Conventions(halos_again=True, padding_as_data=True, neighbours_again=True)
    steps = [walk(case.shape, case.mapping, by) for by in (OURS, inputs, CHARGED)]
    ours = [*(our_cycles(each, machine) for each in steps), our_cycles(steps[-1], machine, apart=True)]
    onloading, computation, offloading = zigzag_cycles(steps[-1], machine)
    fill, _, drain = ours[-1]
    chain = [*(float(sum(each)) for each in ours), fill + computation + drain, onloading + computation + offloading]
    return Figure("cycles", tuple(CYCLE_TERMS), tuple(chain), case.counts.cycles, case.result["cycles"])


def distributions(figures: Sequence[Figure]) -> None:
    """Print the ratios ours / ZigZag's, a row per figure that is not the same everywhere."""
    print("| figure | cases | 5 % | median | 95 % | worst | within |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    same = []
    for name in sorted({each.name for each in figures}):
        ratios = np.array([each.ratio for each in figures if each.name == name])
        if (ratios == 1).all():
            same.append(name)
            continue
        low, middle, high = np.percentile(ratios, [5, 50, 95])
        worst = ratios[np.abs(np.log(ratios)).argmax()]
        near = np.mean(np.abs(ratios - 1) <= tolerance(name))
        print(f"| {name} | {len(ratios)} | {low:.3f} | {middle:.3f} | {high:.3f} | {worst:.3f} | {near:.0%} |")
    print(f"\nEqual in every case: {', '.join(same)}.")
    explained = sum(each.explained for each in figures)
    print(f"Explained to the last access and cycle: {explained} of {len(figures)} figures.\n")


def outliers(figures: Sequence[Figure]) -> None:
    """Print the figures outside the tolerance, grouped by the convention that changes them most."""
    print("| outliers in | cases | smallest and largest ratio | most of all because |")
    print("|---|--:|--:|---|")
    far: dict[tuple[str, str], list[float]] = {}
    for each in figures:
        if abs(each.ratio - 1) > tolerance(each.name):
            cause = max(each.factors, key=lambda term, of=each: abs(log(of.factors[term])))
            far.setdefault((each.name, cause), []).append(each.ratio)
    for (name, cause), ratios in sorted(far.items()):
        print(f"| {name} | {len(ratios)} | {min(ratios):.3f} to {max(ratios):.3f} | {(TERMS | CYCLE_TERMS)[cause]} |")
    print()


def tolerance(name: str) -> float:
    return CYCLES_WITHIN if name == "cycles" else ACCESSES_WITHIN


def rows(cases: Sequence[ComparedMapping], figures: Sequence[Sequence[Figure]]) -> list[dict[str, Any]]:
    """Everything, as JSON."""
    return [
        {
            "kind": case.kind,
            "layer": case.layer,
            "bounds": case.shape.bounds,
            **{key: getattr(case.mapping, key) for key in ("spatial", "tile", "outer", "inner")},
            "figures": {
                each.name: {"ours": each.ours, "zigzag": each.theirs, "factors": each.factors} for each in found
            },
        }
        for case, found in zip(cases, figures, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    zigzag_link.add_options(parser)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--random", type=int, default=4, help="random mappings per layer and style")
    parser.add_argument("--chiplets", nargs="*", default=CHIPLETS)
    parser.add_argument("--kinds", action="store_true", help="also apart: best and random mappings of each chiplet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    python = zigzag_link.interpreter(arguments)
    generator = random.Random(arguments.seed)
    found: list[tuple[str, str, Shape, Mapping, Counts]] = []
    changed = 0
    layers = distinct_layers(arguments.models)
    for name in arguments.chiplets:
        chiplet = resolve_chiplet(name)
        machine, energies = replace(machine_of(chiplet), noc_latency=0), energies_of(chiplet)
        roomy = replace(machine, l1_bytes=2**40)
        for shape, layer in layers.items():
            best = {best_mapping(shape, machine, energies, objective): None for objective in OBJECTIVES}
            mappings = [(f"best of {name}", lowered(shape, mapping)) for mapping in best]
            changed += sum(mapping not in best for _, mapping in mappings)
            some = random_mappings(shape, machine, arguments.random, generator)
            mappings += [(f"random of {name}", mapping) for mapping in some]
            found += [(kind, layer, shape, mapping, count(shape, mapping, roomy)) for kind, mapping in mappings]
    seconds, results = zigzag_link.evaluate(python, [zigzag_link.case(each[2], each[3], machine) for each in found])
    cases = [ComparedMapping(*each, result) for each, result in zip(found, results, strict=True)]
    figures = [[cycle_figure(case, machine), *access_figures(case)] for case in cases]
    if arguments.json:
        json.dump(rows(cases, figures), sys.stdout, indent=1)
        return
    print(
        f"{len(layers)} distinct layers, {len(cases)} mappings ({changed} best ones lowered to dividing factors); "
        f"ZigZag took {seconds:.1f} s\n"
    )
    everything = [each for many in figures for each in many]
    distributions(everything)
    outliers(everything)
    for kind in dict.fromkeys(case.kind for case in cases) if arguments.kinds else ():
        of = [each for case, many in zip(cases, figures, strict=True) for each in many if case.kind == kind]
        print(f"## {kind}\n")
        distributions(of)
        outliers(of)


if __name__ == "__main__":
    main()
