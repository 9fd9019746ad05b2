"""Speed of `loopnest`, and of ZigZag and accelforge beside it where their interpreters are named.

    python -m benchmarks.loopnest_speed [--zigzag PYTHON | --install DIR] [--accelforge PYTHON] [--jobs 2]

Everything warm, that is, compiled: mappings per second on one core; the time of the best mapping of each distinct shape
of the ten scenarios on both datacenter chiplets, one core; all tables of the ten scenarios, cold and from the disk.
ZigZag evaluates mappings of the same layers (its cost model alone, layers and machine made before) and searches
ResNet-18, the spatial mapping given; accelforge maps its own example of one transformer layer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chipweave.cost.loopnest import kernel
from chipweave.cost.loopnest.allowed import axes_of
from chipweave.cost.loopnest.chiplet import energies_of, machine_of
from chipweave.cost.loopnest.closed_form import machine_row, records_of
from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.orders import moving, reuse_of
from chipweave.cost.loopnest.search import best_mapping
from chipweave.cost.loopnest.shape import LOOPS, Shape, shapes_of
from chipweave.cost.loopnest.space import tilings
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import SCENARIOS, build_scenario

from .loopnest_zigzag import distinct_layers, lowered, random_mappings, random_order
from .other_models import zigzag_link

CHIPLETS = ["datacenter-nvdla", "datacenter-shidiannao"]
PER_SHAPE = 2000
ACCELFORGE = Path(__file__).parent / "other_models" / "accelforge_side.py"


def scenario_layers() -> list[Layer]:
    return [
        layer
        for name in SCENARIOS
        if name[-1].isdigit() and "/" not in name
        for task in build_scenario(name).tasks
        for layer in task.model.layers
    ]


def mappings_per_second(shapes: Sequence[Shape], machine: Machine) -> list[float]:
    """Per shape, of random mappings of its map space that fit L1: all counts and cycles of each, one core."""
    generator, rates, row = random.Random(0), [], machine_row(machine)
    for shape in shapes:
        of = {loop: tilings(shape, machine, loop) for loop in LOOPS} | {"": np.ones((1, 2), dtype=np.int64)}
        choices = [
            np.array([(*output, *tap) for output in of[outputs] for tap in of[taps]])
            for outputs, taps in zip("NGKCYX", ("", "", "", "", "R", "S"), strict=True)
        ]
        records, classes = records_of(shape, choices)
        rows, reuses = [], []
        while len(rows) < PER_SHAPE:
            picked = np.array([generator.randrange(len(each)) for each in choices])
            sizes = [each[at] for each, at in zip(choices, picked, strict=True)]
            factors = [*(each[:2] for each in sizes), *(each[2:] for each in sizes[4:])]
            spatial, tile = ([int(each[which]) for each in factors] for which in (0, 1))
            if kernel.l1_need(records, picked, row, False) > machine.l1_bytes:
                continue
            if axes_of(Mapping(tuple(spatial), tuple(tile)), machine) is None:
                continue
            steps = [-(-bound // (s * t)) for bound, s, t in zip(shape.bounds, spatial, tile, strict=True)]
            outer, inner = (random_order(machine.constraint, generator) for _ in range(2))
            rows.append(picked)
            reuses.append(reuse_of(outer, moving(steps), inner, moving(tile)))
        figures = np.zeros((PER_SHAPE, kernel.FIGURES), dtype=np.int64)
        given = records, classes, np.array(rows), np.array(reuses), row, figures, np.zeros(PER_SHAPE, dtype=np.bool_)
        kernel.evaluate_all(*given)
        started = time.perf_counter()
        kernel.evaluate_all(*given)
        rates.append(PER_SHAPE / (time.perf_counter() - started))
    return rates


def search_seconds(layers: Sequence[Layer], objective: str) -> list[float]:
    """Of the best mapping of every distinct shape on every chiplet, one core."""
    seconds = []
    shapes = list(dict.fromkeys(shape for layer in layers for shape in shapes_of(layer)))
    for chiplet in map(resolve_chiplet, CHIPLETS):
        machine, joules = machine_of(chiplet), energies_of(chiplet)
        best_mapping(shapes[0], machine, joules, objective)
        for shape in shapes:
            started = time.perf_counter()
            best_mapping(shape, machine, joules, objective)
            seconds.append(time.perf_counter() - started)
    return seconds


def table_seconds(layers: Sequence[Layer], jobs: int) -> tuple[float, float]:
    """Seconds of both chiplets' tables of all layers with an empty cache, then with a full one."""
    found = []
    before = os.environ.get("CHIPWEAVE_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CHIPWEAVE_CACHE"] = folder
        for _ in range(2):
            started = time.perf_counter()
            for chiplet in map(resolve_chiplet, CHIPLETS):
                LoopnestCostModel(jobs=jobs).costs(layers, chiplet)
            found.append(time.perf_counter() - started)
    os.environ.pop("CHIPWEAVE_CACHE")
    if before is not None:
        os.environ["CHIPWEAVE_CACHE"] = before
    return found[0], found[1]


def zigzag(python: str, machine: Machine) -> None:
    """Print ZigZag's mappings per second, and its search of ResNet-18 beside ours."""
    generator = random.Random(0)
    cases = [
        zigzag_link.case(shape, mapping, machine)
        for shape in distinct_layers(["resnet50", "mobilenet_v2", "bert_base"])
        for mapping in random_mappings(shape, machine, 20, generator)
    ]
    seconds, results = zigzag_link.evaluate(python, cases)
    print(f"ZigZag {zigzag_link.VERSION}: {len(results) / seconds:,.0f} mappings/s ({len(results)} mappings)")
    chiplet = resolve_chiplet(CHIPLETS[0])
    energies = energies_of(chiplet)
    layers = list(distinct_layers(["resnet18"]))
    started = time.perf_counter()
    best: list[Mapping] = [best_mapping(shape, machine, energies, "latency") for shape in layers]
    ours_s = time.perf_counter() - started
    room = dict.fromkeys("WIO", 8 * machine.l1_bytes // 3)
    cases = [
        zigzag_link.case(shape, lowered(shape, mapping), machine) | {"l1_bits": room}
        for shape, mapping in zip(layers, best, strict=True)
    ]
    seconds, results = zigzag_link.evaluate(python, cases, search=True)
    tried = sum(each[0] for each in results)
    print(
        f"ResNet-18, {len(layers)} distinct layers: ZigZag {seconds:.1f} s for {tried} temporal mappings, one spatial "
        f"mapping a layer; ours {ours_s:.2f} s for the whole map space"
    )


def accelforge(python: str, jobs: int) -> None:
    run = subprocess.run([python, ACCELFORGE, str(jobs)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{python} cannot run accelforge: {(run.stderr.strip().splitlines() or ['no message'])[-1]}")
    answer = json.loads(run.stdout)
    print(f"accelforge {answer['version']}: {answer['seconds']:.1f} s for one transformer layer, {jobs} cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    zigzag_link.add_options(parser)
    parser.add_argument("--accelforge", metavar="PYTHON", help="interpreter that has accelforge")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--objective", default="edp")
    arguments = parser.parse_args()
    python = zigzag_link.interpreter(arguments) if arguments.zigzag or arguments.install else ""
    layers = scenario_layers()
    shapes = list(distinct_layers(["resnet50", "mobilenet_v2", "bert_base"]))
    for chiplet in map(resolve_chiplet, CHIPLETS):
        rates = mappings_per_second(shapes, machine_of(chiplet))
        low, middle, high = np.percentile(rates, [5, 50, 95])
        print(f"{chiplet.name}: {middle:,.0f} mappings/s (5 % {low:,.0f}, 95 % {high:,.0f} of {len(rates)} layers)")
    seconds = search_seconds(layers, arguments.objective)
    milliseconds = [1e3 * each for each in (*np.percentile(seconds, [50, 95]), np.mean(seconds), max(seconds))]
    print(
        f"best mapping ({arguments.objective}): median {milliseconds[0]:.1f} ms, 95 % {milliseconds[1]:.1f}, "
        f"mean {milliseconds[2]:.1f}, worst {milliseconds[3]:.1f}, of {len(seconds)}, {sum(seconds):.1f} s in all"
    )
    cold, warm = table_seconds(layers, arguments.jobs)
    print(f"ten scenarios' tables, two chiplets, {arguments.jobs} cores: {cold:.1f} s cold, {warm:.2f} s from the disk")
    if python:
        zigzag(python, replace(machine_of(resolve_chiplet(CHIPLETS[0])), noc_latency=0))
    if arguments.accelforge:
        accelforge(arguments.accelforge, arguments.jobs)


if __name__ == "__main__":
    main()
