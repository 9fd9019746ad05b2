"""Sparse-to-Dense depth completion (Ma and Karaman 2018): ResNet-18 and an UpProj decoder on RGB and sparse depth."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require
from chipweave.workload.zoo.resnet import trunk


def sparse_to_dense(height: int = 228, width: int = 912) -> Model:
    require("sparse_to_dense", minimum=32, height=height, width=width)
    graph = Graph()
    x = trunk(graph, network_input(4, height, width), (2, 2, 2, 2), bottleneck=False)
    x = graph.conv("conv2", x, K=256)
    for layer in range(1, 5):
        x = _up_projection(graph, f"decoder.layer{layer}", x)
    x = graph.conv("conv3", x, K=1, kernel=3)
    graph.upsample("bilinear", x, (height, width))
    return graph.model("sparse_to_dense", "fangchangma/sparse-to-dense.pytorch, KITTI 228x912, torch.export; exact")


def _up_projection(graph: Graph, name: str, x: Activation) -> Activation:
    """Unpool with zeros, then two branches that halve the channels."""
    x = graph.upsample(f"{name}.unpool", x, (2 * x.Y, 2 * x.X), stride=2)
    upper = graph.conv(f"{name}.upper_branch.conv1", x, K=x.C // 2, kernel=5)
    upper = graph.conv(f"{name}.upper_branch.conv2", upper, K=x.C // 2, kernel=3)
    bottom = graph.conv(f"{name}.bottom_branch.conv", x, K=x.C // 2, kernel=5)
    return graph.elementwise(name, upper, bottom)
