"""VGG-16 (Simonyan and Zisserman 2015, configuration D)."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Graph, network_input, require


def vgg16(resolution: int = 224) -> Model:
    """The classifier reads 7x7 maps; other sizes pass an adaptive pool first, as in torchvision."""
    require("vgg16", minimum=32, resolution=resolution)
    graph = Graph()
    x = network_input(3, resolution, resolution)
    position = 0  # in torchvision's list, where every activation counts too
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            x = graph.conv(f"features.{position}", x, K=width, kernel=3)
            position += 2
        x = graph.pool(f"features.{position}", x, kernel=2, stride=2)
        position += 1
    x = graph.adaptive_pool("avgpool", x, size=7)
    x = graph.gemm("classifier.0", x.flat(), K=4096)
    x = graph.gemm("classifier.3", x, K=4096)
    graph.gemm("classifier.6", x, K=1000)
    return graph.model("vgg16", "torchvision 0.28 (Simonyan and Zisserman 2015, D); exact")
