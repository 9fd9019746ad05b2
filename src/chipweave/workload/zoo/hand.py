"""Hand shape and pose from one image (Ge et al. 2019): stacked hourglasses, an encoder, graph convolutions."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

JOINTS = 21
ORDER = 3
"""Chebyshev order: a graph convolution reads x, Lx and L(Lx) side by side. The sparse products with L are no layers."""


def hand_graph_cnn(resolution: int = 128) -> Model:
    """At XRBench's half resolution."""
    return _hand("hand_graph_cnn", resolution, "at half resolution as XRBench; approximate")


def hand_graph_cnn_256(resolution: int = 256) -> Model:
    """At the published resolution."""
    return _hand("hand_graph_cnn_256", resolution, "at 256x256; exact, sparse Laplacian products not counted")


def _hand(name: str, resolution: int, remark: str) -> Model:
    require(name, minimum=64, step=64, resolution=resolution)
    graph = Graph()
    joined, encoding, heatmap = _heatmaps(graph, network_input(3, resolution, resolution))
    vertices = _mesh(graph, joined, encoding, heatmap)
    _pose(graph, vertices)
    return graph.model(name, f"3d-hand-shape/hand-graph-cnn (Ge et al. 2019) topology {remark}")


def _heatmaps(graph: Graph, image: Activation) -> tuple[Activation, Activation, Activation]:
    """Returns what the second hourglass reads, and its encoding and joint heat maps."""
    x = graph.conv("hm.conv1", image, K=64, kernel=7, stride=2)
    x = _residual(graph, "hm.r1", x, 128)
    x = graph.pool("hm.maxpool", x, kernel=2, stride=2)
    x = _residual(graph, "hm.r4", x, 128)
    first = _residual(graph, "hm.r5", x, 256)
    encoding, heatmap = _stack(graph, 0, first)
    back = graph.conv("hm.ll", encoding, K=256)
    guess = graph.conv("hm.tmpout_", heatmap, K=256)
    joined = graph.elementwise("hm.merge", first, back, guess)
    encoding, heatmap = _stack(graph, 1, joined)
    return joined, encoding, heatmap


def _stack(graph: Graph, index: int, x: Activation) -> tuple[Activation, Activation]:
    y = _hourglass(graph, f"hm.hg{index}", x, depth=4)
    y = _residuals(graph, f"hm.res{index}_", y)
    encoding = graph.conv(f"hm.lin{index}", y, K=256)
    return encoding, graph.conv(f"hm.out{index}", encoding, K=JOINTS)


def _hourglass(graph: Graph, name: str, x: Activation, depth: int) -> Activation:
    side = _residuals(graph, f"{name}.up1_", x)
    low = graph.pool(f"{name}.pool", x, kernel=2, stride=2)
    low = _residuals(graph, f"{name}.low1_", low)
    if depth > 1:
        low = _hourglass(graph, f"{name}.hg{depth - 1}", low, depth - 1)
    else:
        low = _residuals(graph, f"{name}.low2_", low)
    low = _residuals(graph, f"{name}.low3_", low)
    return graph.elementwise(f"{name}.add", side, graph.upsample(f"{name}.up2", low, (x.Y, x.X)))


def _residuals(graph: Graph, prefix: str, x: Activation) -> Activation:
    for index in range(2):
        x = _residual(graph, f"{prefix}{index}", x, 256)
    return x


def _residual(graph: Graph, name: str, x: Activation, channels: int) -> Activation:
    y = graph.conv(f"{name}.conv1", x, K=channels // 2)
    y = graph.conv(f"{name}.conv2", y, K=channels // 2, kernel=3)
    y = graph.conv(f"{name}.conv3", y, K=channels)
    shortcut = x if channels == x.C else graph.conv(f"{name}.conv4", x, K=channels)
    return graph.elementwise(f"{name}.add", y, shortcut)


def _mesh(graph: Graph, joined: Activation, encoding: Activation, heatmap: Activation) -> Activation:
    """A mesh of 1280 vertices, refined from 80 by two unpools of 4."""
    x = graph.conv("mesh.heatmap_conv", heatmap, K=256)
    y = graph.conv("mesh.encoding_conv", encoding, K=256)
    x = graph.elementwise("mesh.add", x, y, joined)
    for level in range(4):
        for index in (2 * level, 2 * level + 1):
            x = _residual(graph, f"mesh.reg{index}", x, 256)
        x = graph.pool(f"mesh.pool{level}", x, kernel=2, stride=2)
    x = graph.gemm("mesh.fc1", x.flat(), K=512)
    x = graph.gemm("mesh.fc2", x, K=80 * 64).regroup(64, 80)
    x = _graph_convolution(graph, "mesh.cl0", x, 64, vertices=320)
    x = _graph_convolution(graph, "mesh.cl1", x, 32, vertices=320)
    x = _graph_convolution(graph, "mesh.cl2", x, 32, vertices=1280)
    return _graph_convolution(graph, "mesh.cl3", x, 3, vertices=1280)


def _pose(graph: Graph, x: Activation) -> Activation:
    for level, channels in enumerate((32, 64)):
        for index in (2 * level, 2 * level + 1):
            x = _graph_convolution(graph, f"pose.cl{index}", x, channels, vertices=x.Y)
        x = graph.pool(f"pose.pool{level}", x, kernel=(4, 1), stride=(4, 1))
    x = graph.gemm("pose.fc1", x.flat(), K=512)
    return graph.gemm("pose.fc2", x, K=JOINTS - 1)


def _graph_convolution(graph: Graph, name: str, x: Activation, channels: int, vertices: int) -> Activation:
    return graph.gemm(name, x.resample(ORDER * x.C, vertices), K=channels)
