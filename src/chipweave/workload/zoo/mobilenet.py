"""MobileNetV2 (Sandler et al. 2018)."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

# Table 2 of the paper: expansion, output channels, repeats, stride of the first.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(resolution: int = 224) -> Model:
    require("mobilenet_v2", minimum=32, resolution=resolution)
    graph = Graph()
    x = graph.conv("features.0.0", network_input(3, resolution, resolution), K=32, kernel=3, stride=2)
    position = 1
    for expansion, width, repeats, first_stride in STAGES:
        for index in range(repeats):
            x = _block(graph, f"features.{position}", x, expansion, width, first_stride if index == 0 else 1)
            position += 1
    x = graph.conv(f"features.{position}.0", x, K=1280)
    graph.gemm("classifier.1", graph.global_pool("pool62", x), K=1000)
    return graph.model("mobilenet_v2", "torchvision 0.28 (Sandler et al. 2018); exact")


def _block(graph: Graph, name: str, x: Activation, expansion: int, width: int, stride: int) -> Activation:
    y, step = x, 0
    if expansion > 1:
        y, step = graph.conv(f"{name}.conv.0.0", y, K=expansion * x.C), 1
    y = graph.depthwise(f"{name}.conv.{step}.0", y, kernel=3, stride=stride)
    y = graph.conv(f"{name}.conv.{step + 1}", y, K=width)
    return graph.elementwise(name, x, y) if stride == 1 and width == x.C else y
