"""D2Go Faster R-CNN with an FBNetV3-A backbone (facebookresearch/d2go, C4 head): object detection on phones."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

Block = tuple[int, int, int, int, bool]
"""Expanded channels (0: no expansion), kernel, stride, output channels, squeeze-and-excitation."""

TRUNK: tuple[tuple[Block, ...], ...] = (
    ((0, 3, 1, 16, False),) * 2,
    ((64, 5, 2, 24, False), *((72, 5, 1, 24, False),) * 3),
    ((96, 5, 2, 32, True), *((96, 3, 1, 32, True),) * 3),
    ((128, 5, 2, 64, False), *((192, 3, 1, 64, False),) * 3, (256, 5, 1, 112, True), *((336, 5, 1, 112, True),) * 5),
)
PROPOSAL_HEAD: tuple[Block, ...] = ((336, 5, 1, 112, True),) * 5
BOX_HEAD: tuple[Block, ...] = ((448, 5, 2, 184, True), *((736, 3, 1, 184, True),) * 4, (1104, 5, 1, 200, True))
ANCHORS, CLASSES, REGION = 15, 80, 6


def d2go_fbnetv3a(height: int = 224, width: int = 299, proposals: int = 30) -> Model:
    """`proposals` regions reach the box head (POST_NMS_TOPK_TEST). Region pooling and NMS are no layers."""
    require("d2go_fbnetv3a", minimum=32, height=height, width=width)
    require("d2go_fbnetv3a", minimum=1, maximum=10_000, proposals=proposals)
    graph = Graph()
    x = graph.conv("trunk0.conv", network_input(3, height, width), K=16, kernel=3, stride=2)
    for stage, blocks in enumerate(TRUNK):
        x = _blocks(graph, f"trunk{stage}", x, blocks)
    features = x
    x = _blocks(graph, "rpn", x, PROPOSAL_HEAD)
    scores = graph.conv("rpn.cls", x, K=ANCHORS)
    boxes = graph.conv("rpn.bbox", x, K=4 * ANCHORS)
    regions = features.resample(features.C, REGION, REGION, N=proposals)
    x = _blocks(graph, "box", regions, BOX_HEAD, chosen_by=(scores.steering(), boxes.steering()))
    x = graph.global_pool("box.avgpool", x, stride=1)
    graph.gemm("box.cls_score", x, K=CLASSES + 1)
    graph.gemm("box.bbox_pred", x, K=4 * CLASSES)
    source = "facebookresearch/d2go faster_rcnn_fbnetv3a_C4 and mobile_cv IRFBlock, XRBench's size; exact (by reading)"
    return graph.model("d2go_fbnetv3a", source)


def _blocks(
    graph: Graph, name: str, x: Activation, blocks: tuple[Block, ...], chosen_by: tuple[Activation, ...] = ()
) -> Activation:
    for index, block in enumerate(blocks):
        x = _block(graph, f"{name}.{index}", x, block, chosen_by if index == 0 else ())
    return x


def _block(graph: Graph, name: str, x: Activation, block: Block, chosen_by: tuple[Activation, ...]) -> Activation:
    """An inverted residual block."""
    expanded, kernel, stride, channels, squeeze = block
    y = graph.conv(f"{name}.pw", (x, *chosen_by), K=expanded) if expanded else x
    y = graph.depthwise(f"{name}.dw", y, kernel, stride)
    if squeeze:
        mean = graph.global_pool(f"{name}.se.gap", y, stride=1)
        gate = graph.conv(f"{name}.se.reduce", mean, K=(y.C // 4 + 4) // 8 * 8)  # a quarter, to the nearest 8
        gate = graph.conv(f"{name}.se.expand", gate, K=y.C)
        y = graph.elementwise(f"{name}.se.mul", y, gate)
    y = graph.conv(f"{name}.pwl", y, K=channels)
    return graph.elementwise(f"{name}.add", y, x) if stride == 1 and channels == x.C else y
