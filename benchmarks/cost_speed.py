"""Layers per second of the `maestro` cost model on one core, warm: `python benchmarks/cost_speed.py`.

The engine runs the random mappings of tests/reference/maestro (parsing excluded); the closed forms run random
convolutions and depthwise layers; the cost model maps and costs every layer of the ten scenarios.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chipweave.cost.maestro import templates
from chipweave.cost.maestro.engine import Batch, evaluate, evaluate_template, layer_row, pack
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style, Tile
from chipweave.workload.zoo import SCENARIOS, build_scenario

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.cost.maestro.reference import load

COMMAND = "python benchmarks/cost_speed.py"
REPEATS = 5


def best_seconds(run: Callable[[], object]) -> float:
    """The shortest of a few runs, after one that is not counted."""
    run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def engine_rate(rows: int = 60_000) -> float:
    batch = load("random.csv.gz").batch
    copies = rows // len(batch.layers)
    many = pack(
        batch.layers.tolist() * copies,
        [batch.rows(index).tolist() for index in range(len(batch.layers))] * copies,
        batch.hardware.tolist() * copies,
    )
    return len(many.layers) / best_seconds(lambda: evaluate(many))


def closed_form_rate(template: str, depthwise: bool, rows: int = 500_000) -> float:
    """Padded layers as networks have them: outputs of 1 to 64 on a side, filters 1 to 7, strides 1 and 2."""
    random = np.random.default_rng(1)
    C, K = random.integers(1, 1024, rows), random.integers(1, 1024, rows)
    R = random.choice([1, 3, 5, 7], rows)
    stride = np.where(R > 1, random.integers(1, 3, rows), 1)
    Y = (random.integers(1, 65, rows) - 1) * stride + R
    tile = np.full(rows, 64 if template == "nvdla" else 8)
    layers = np.zeros((rows, 12), np.int64)
    row = layer_row("DSCONV" if depthwise else "CONV", {})
    layers[:] = row
    for dim, sizes in {"C": C, "K": 0 * K if depthwise else K, "R": R, "S": R, "Y": Y, "X": Y}.items():
        layers[:, 1 + "CGKMNRSXY".index(dim)] = sizes
    layers[:, 10] = layers[:, 11] = stride
    if template == "nvdla":
        rows_of = templates.nvdla_depthwise(R, R) if depthwise else templates.nvdla(C, R, R, tile)
    else:
        rows_of = templates.shidiannao(R, R, Y, tile, depthwise)
    hardware = np.tile(np.array([4096, 256, 1, 70_000, 1]), (rows, 1))
    batch = Batch(layers, rows_of.reshape(-1, 4), np.arange(rows + 1) * rows_of.shape[1], hardware)
    return rows / best_seconds(lambda: evaluate_template(template, tile, batch))


def model_seconds() -> tuple[int, int, float]:
    """(layers, distinct chiplets, seconds) for all layers of the ten scenarios on four chiplet classes."""
    layers = [
        layer
        for name in SCENARIOS
        if name[-1].isdigit() and "/" not in name
        for task in build_scenario(name).tasks
        for layer in task.model.layers
    ]
    places = [
        Chiplet(f"{style}-{pes}", Dataflow(Style(style), Tile.AUTO), num_pes=pes, noc_bandwidth=bandwidth)
        for style in ("nvdla", "shidiannao")
        for pes, bandwidth in ((4096, 256), (256, 64))
    ]
    model = MaestroCostModel()
    return len(layers), len(places), best_seconds(lambda: [model.costs(layers, place) for place in places])


def main() -> None:
    print(f"$ {COMMAND}")
    print(f"engine, random mappings of 1 to 3 levels     {engine_rate():12,.0f} layers/s")
    for template in ("nvdla", "shidiannao"):
        for depthwise in (False, True):
            kind = "depthwise" if depthwise else "conv"
            rate = closed_form_rate(template, depthwise)
            print(f"closed form, {template + ' ' + kind:<31} {rate:12,.0f} layers/s")
    layers, places, seconds = model_seconds()
    print(f"cost model, tile: auto, {layers} layers x {places} chiplets: {seconds:.2f} s")


if __name__ == "__main__":
    main()
