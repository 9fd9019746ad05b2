"""ResNet (He et al. 2016) as torchvision builds it: the stride of a bottleneck sits in its 3x3 convolution ("v1.5")."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

SOURCE = "torchvision 0.28 (He et al. 2016, stride in the 3x3); exact"


def resnet18(resolution: int = 224) -> Model:
    return _resnet("resnet18", resolution, (2, 2, 2, 2), bottleneck=False)


def resnet34(resolution: int = 224) -> Model:
    return _resnet("resnet34", resolution, (3, 4, 6, 3), bottleneck=False)


def resnet50(resolution: int = 224) -> Model:
    return _resnet("resnet50", resolution, (3, 4, 6, 3), bottleneck=True)


def resnet101(resolution: int = 224) -> Model:
    return _resnet("resnet101", resolution, (3, 4, 23, 3), bottleneck=True)


def resnet152(resolution: int = 224) -> Model:
    return _resnet("resnet152", resolution, (3, 8, 36, 3), bottleneck=True)


def _resnet(name: str, resolution: int, blocks: Sequence[int], bottleneck: bool) -> Model:
    require(name, minimum=32, resolution=resolution)
    graph = Graph()
    features = trunk(graph, network_input(3, resolution, resolution), blocks, bottleneck)
    graph.gemm("fc", graph.global_pool("avgpool", features), K=1000)
    return graph.model(name, SOURCE)


def trunk(graph: Graph, image: Activation, blocks: Sequence[int], bottleneck: bool) -> Activation:
    """Everything up to the last residual block."""
    x = graph.conv("conv1", image, K=64, kernel=7, stride=2)
    x = graph.pool("maxpool", x, kernel=3, stride=2, padding=1)
    block = _bottleneck_block if bottleneck else _basic_block
    for stage, count in enumerate(blocks):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(graph, f"layer{stage + 1}.{index}", x, 64 << stage, stride)
    return x


def _basic_block(graph: Graph, name: str, x: Activation, width: int, stride: int) -> Activation:
    y = graph.conv(f"{name}.conv1", x, K=width, kernel=3, stride=stride)
    y = graph.conv(f"{name}.conv2", y, K=width, kernel=3)
    return _add_shortcut(graph, name, x, y, stride)


def _bottleneck_block(graph: Graph, name: str, x: Activation, width: int, stride: int) -> Activation:
    y = graph.conv(f"{name}.conv1", x, K=width)
    y = graph.conv(f"{name}.conv2", y, K=width, kernel=3, stride=stride)
    y = graph.conv(f"{name}.conv3", y, K=4 * width)
    return _add_shortcut(graph, name, x, y, stride)


def _add_shortcut(graph: Graph, name: str, x: Activation, y: Activation, stride: int) -> Activation:
    if stride > 1 or x.C != y.C:
        x = graph.conv(f"{name}.downsample.0", x, K=y.C, stride=stride)
    return graph.elementwise(name, y, x)
