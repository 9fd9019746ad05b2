"""AlexNet twice: torchvision's one-tower net, and the grouped net of the 2012 paper."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Graph, network_input, require


def alexnet(resolution: int = 224) -> Model:
    """The classifier reads 6x6 maps; other sizes pass an adaptive pool first, as in torchvision."""
    require("alexnet", minimum=64, resolution=resolution)
    graph = Graph()
    x = graph.conv("features.0", network_input(3, resolution, resolution), K=64, kernel=11, stride=4, padding=2)
    x = graph.pool("features.2", x, kernel=3, stride=2)
    x = graph.conv("features.3", x, K=192, kernel=5)
    x = graph.pool("features.5", x, kernel=3, stride=2)
    x = graph.conv("features.6", x, K=384, kernel=3)
    x = graph.conv("features.8", x, K=256, kernel=3)
    x = graph.conv("features.10", x, K=256, kernel=3)
    x = graph.pool("features.12", x, kernel=3, stride=2)
    x = graph.adaptive_pool("avgpool", x, size=6)
    x = graph.gemm("classifier.1", x.flat(), K=4096)
    x = graph.gemm("classifier.4", x, K=4096)
    graph.gemm("classifier.6", x, K=1000)
    return graph.model("alexnet", "torchvision 0.28 (Krizhevsky 2014, one tower); exact")


def alexnet_2012(resolution: int = 227) -> Model:
    """Three layers in two groups. The first fully connected layer grows with the resolution."""
    require("alexnet_2012", minimum=67, resolution=resolution)
    graph = Graph()
    x = graph.conv("conv1", network_input(3, resolution, resolution), K=96, kernel=11, stride=4, padding=0)
    x = graph.pool("pool1", x, kernel=3, stride=2)
    x = graph.conv("conv2", x, K=256, kernel=5, groups=2)
    x = graph.pool("pool2", x, kernel=3, stride=2)
    x = graph.conv("conv3", x, K=384, kernel=3)
    x = graph.conv("conv4", x, K=384, kernel=3, groups=2)
    x = graph.conv("conv5", x, K=256, kernel=3, groups=2)
    x = graph.pool("pool3", x, kernel=3, stride=2)
    x = graph.gemm("fc6", x.flat(), K=4096)
    x = graph.gemm("fc7", x, K=4096)
    graph.gemm("fc8", x, K=1000)
    return graph.model("alexnet_2012", "Krizhevsky et al. 2012, 227x227 input; exact")
