"""Which dataflow each class of layer prefers, over the distinct layers of the ten scenarios. Prints Markdown.

    python -m benchmarks.affinity [--json] [--write docs/heterogeneity.md]

Every layer by itself on a chiplet of each style, under `maestro` (with its official mappings, and with `tile: auto`,
the default) and under `loopnest`; the only search is that for mappings. `--write` replaces the tables of a
page: what stands between `<!-- NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.search_speed import SCENARIOS
from benchmarks.tables import markdown, write_tables
from chipweave.cost.choose import choose
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Tile
from chipweave.study.affinity import (
    Figures,
    compare,
    compare_by_class,
    distinct,
    spending,
    weights_at_once,
    wins,
)
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import build_scenario

MODELS = ("maestro, official", "maestro", "loopnest")
MARKETS = ("datacenter", "arvr")
STYLES = ("nvdla", "shidiannao", "eyeriss")
REFERENCE = "nvdla"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead")
    parser.add_argument("--write", type=Path, help="a page whose tables to replace")
    arguments = parser.parse_args()
    layers = layers_of_scenarios(SCENARIOS)
    found = []
    for market in MARKETS:
        for model in MODELS:
            print(f"{len(layers)} layers on {market} chiplets, {model}", file=sys.stderr, flush=True)
            places = {style: chiplet(f"{market}-{style}", model) for style in STYLES}
            costs = {style: choose(model.partition(",")[0]).costs(layers, places[style]) for style in STYLES}
            styles = {style: Figures(each.cycles, each.energy_j) for style, each in costs.items()}
            where = {"chiplets": market, "cost_model": model}
            for style in STYLES[1:]:
                compared = compare_by_class(layers, styles[style], styles[REFERENCE])
                against = where | {"style": style, "over": REFERENCE}
                for name, some in by_filling(layers, places[REFERENCE].num_pes).items():
                    macs = [layers[index].macs for index in some]
                    ratios = compare(styles[style].of(some), styles[REFERENCE].of(some), macs)
                    found.append(against | {"filling": name} | asdict(ratios))
                found += [against | {"class": each or "all"} | asdict(ratios) for each, ratios in compared.items()]
            found.append(where | {"wins": wins({style: each.edp for style, each in styles.items()})})
            for style in STYLES:
                spent = spending(layers, costs[style], places[style])
                found += [where | {"spends": style, "class": each} | asdict(parts) for each, parts in spent.items()]
    show(tables(found), found if arguments.json else None, arguments.write)


def show(made: dict[str, str], figures: Any | None, page: Path | None) -> None:
    """Print tables, or `figures` as JSON in their place, and put the tables into a page if there is one."""
    text = "\n\n".join(f"### {name}\n\n{table}" for name, table in made.items())
    print(text if figures is None else json.dumps(figures, indent=2))
    if page is not None:
        write_tables(page, made)


def layers_of_scenarios(names: Sequence[str]) -> tuple[Layer, ...]:
    """The distinct layers of some scenarios."""
    tasks = [task for name in names for task in build_scenario(name).tasks]
    return distinct(layer for task in tasks for layer in task.model.layers)


def by_filling(layers: Sequence[Layer], num_pes: int) -> dict[str, list[int]]:
    """Indices of the layers by how much of a weight-stationary array they can fill."""
    names = ("at least the PEs", "half of the PEs or more", "less")
    found: dict[str, list[int]] = {name: [] for name in names}
    for index, layer in enumerate(layers):
        filled = weights_at_once(layer) / num_pes
        found[names[0] if filled >= 1 else names[1] if filled >= 0.5 else names[2]].append(index)
    return found


def chiplet(name: str, model: str) -> Chiplet:
    """A built-in chiplet, under 'maestro, official' with the official texts' own sizes."""
    built_in = resolve_chiplet(name)
    return replace(built_in, dataflow=replace(built_in.dataflow, tile=Tile.FIXED)) if "official" in model else built_in


def tables(found: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Per kind of chiplet: ratios by class, by how full the weight-stationary array is, wins, and where it all goes."""
    made = {}
    for market in MARKETS:
        rows = [each for each in found if each["chiplets"] == market]
        ratios = [f"{model}: cycles; energy; EDP; wins" for model in MODELS]
        for style in STYLES[1:]:
            some = [row for row in rows if row.get("style") == style]
            made[f"{style}, {market}"] = table(["class", "layers", *ratios], some, "class", cell)
            made[f"{style}, {market}, filling"] = table(["groups x K x C", "layers", *ratios], some, "filling", cell)
        least = [(each["cost_model"], each["wins"]) for each in rows if "wins" in each]
        body = [[model, *map(str, counts.values())] for model, counts in least]
        made[f"wins, {market}"] = markdown(["cost model", *least[0][1]], body)
        for model in MODELS[1:]:
            some = [row for row in rows if row["cost_model"] == model and "spends" in row]
            header = ["PEs busy; fJ per MAC in L1, L2, NoC", *STYLES]
            made[f"spending, {market}, {model}"] = table(header, some, "class", spent_cell)
    return made


def table(header: Sequence[str], rows: Sequence[dict[str, Any]], by: str, show: Callable[[dict[str, Any]], str]) -> str:
    """One line per value of `by`; the records that share it side by side, behind how many layers they are of."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if by in row:
            lines.setdefault(row[by], []).append(row)
    counted = "layers" in header
    body = [[key, *([str(some[0]["layers"])] if counted else []), *map(show, some)] for key, some in lines.items()]
    return markdown(header, body)


def spent_cell(parts: dict[str, Any]) -> str:
    joules = ", ".join(f"{1e15 * parts[level]:.0f}" for level in ("l1", "l2", "noc"))
    return f"{parts['utilisation']:.0%}; {joules}"


def cell(comparison: dict[str, Any]) -> str:
    """Ratios by layer, by MAC in brackets; layers won - level - lost."""
    ratios = "; ".join(
        f"{comparison['mean'][key]:.2f} ({comparison['weighted'][key]:.2f})" for key in ("cycles", "energy", "edp")
    )
    return f"{ratios}; {comparison['better']}-{comparison['level']}-{comparison['worse']}"


if __name__ == "__main__":
    main()
