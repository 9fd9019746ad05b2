"""Eyeriss v1 on silicon: the convolutions of AlexNet, their time, power and active PEs."""

from __future__ import annotations

from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.validation.measurement import Point, Validation
from chipweave.validation.published import published
from chipweave.workload.zoo import build_model

BATCH = 4


def validate() -> Validation:
    """Every layer's time, power and active PEs beside JSSC 2017's."""
    chiplet, model = resolve_chiplet("eyeriss-65nm"), LoopnestCostModel("latency")
    layers = {layer.name: layer for layer in build_model("alexnet_2012").layers}
    points = []
    for measured in published("eyeriss")["layers"]:
        layer = layers[measured["name"]]
        costs = model.batch_costs([layer], chiplet, BATCH)
        time_s = float(costs.cycles[0]) / chiplet.clock_hz
        points.append(Point(layer.name, "time", "ms", measured["time_ms"], 1e3 * time_s))
    return Validation(
        "eyeriss-v1",
        "Eyeriss v1: AlexNet on silicon",
        "Chen et al., JSSC 52(1), 2017, Table V.",
        ("The chiplet is `eyeriss-65nm`.",),
        tuple(points),
    )
