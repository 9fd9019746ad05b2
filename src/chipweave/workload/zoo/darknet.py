"""DarkNet-19 (Redmon and Farhadi 2017, Table 6)."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Graph, network_input, require

# Output channels between the pools; convolutions alternate 3x3 and 1x1.
STAGES = ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512), (1024, 512, 1024, 512, 1024))


def darknet19(resolution: int = 224) -> Model:
    require("darknet19", minimum=32, resolution=resolution)
    graph = Graph()
    x = network_input(3, resolution, resolution)
    number = 1
    for stage, widths in enumerate(STAGES):
        if stage > 0:
            x = graph.pool(f"pool{stage}", x, kernel=2, stride=2)
        for index, width in enumerate(widths):
            x = graph.conv(f"conv{number}", x, K=width, kernel=1 if index % 2 else 3)
            number += 1
    x = graph.conv(f"conv{number}", x, K=1000)
    graph.global_pool("avgpool", x, stride=1)
    return graph.model("darknet19", "darknet19.cfg (Redmon and Farhadi 2017, Table 6); exact")
