"""GoogLeNet (Szegedy et al. 2015), without the auxiliary heads, which only training uses."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, Source, network_input, require

# Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(resolution: int = 224) -> Model:
    """The paper's net."""
    return _googlenet(
        "googlenet", resolution, 5, "torchvision 0.28 with the 5x5 branches of Szegedy et al. 2015; exact"
    )


def googlenet_torchvision(resolution: int = 224) -> Model:
    """torchvision's net, whose "5x5" branches are 3x3."""
    return _googlenet("googlenet_torchvision", resolution, 3, "torchvision 0.28 (3x3 in place of 5x5); exact")


def _googlenet(name: str, resolution: int, wide_kernel: int, source: str) -> Model:
    require(name, minimum=32, resolution=resolution)
    graph = Graph()
    x: Source = graph.conv("conv1.conv", network_input(3, resolution, resolution), K=64, kernel=7, stride=2)
    x = graph.pool("maxpool1", x, kernel=3, stride=2, ceil=True)
    x = graph.conv("conv2.conv", x, K=64)
    x = graph.conv("conv3.conv", x, K=192, kernel=3)
    x = graph.pool("maxpool2", x, kernel=3, stride=2, ceil=True)
    for stage, widths in INCEPTIONS.items():
        x = _inception(graph, f"inception{stage}", x, widths, wide_kernel)
        if stage == "3b":
            x = graph.pool("maxpool3", x, kernel=3, stride=2, ceil=True)
        elif stage == "4e":
            x = graph.pool("maxpool4", x, kernel=2, stride=2, ceil=True)
    graph.gemm("fc", graph.global_pool("avgpool", x), K=1000)
    return graph.model(name, source)


def _inception(
    graph: Graph, name: str, x: Source, widths: tuple[int, int, int, int, int, int], wide_kernel: int
) -> tuple[Activation, ...]:
    direct, reduce3, out3, reduce5, out5, projection = widths
    branch1 = graph.conv(f"{name}.branch1.conv", x, K=direct)
    branch2 = graph.conv(f"{name}.branch2.0.conv", x, K=reduce3)
    branch2 = graph.conv(f"{name}.branch2.1.conv", branch2, K=out3, kernel=3)
    branch3 = graph.conv(f"{name}.branch3.0.conv", x, K=reduce5)
    branch3 = graph.conv(f"{name}.branch3.1.conv", branch3, K=out5, kernel=wide_kernel)
    branch4 = graph.pool(f"{name}.branch4.0", x, kernel=3, stride=1, padding=1)
    branch4 = graph.conv(f"{name}.branch4.1.conv", branch4, K=projection)
    return branch1, branch2, branch3, branch4
