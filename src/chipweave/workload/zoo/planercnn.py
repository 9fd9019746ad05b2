"""PlaneRCNN (Liu et al. 2019): Mask R-CNN for planes, with a depth decoder and a refinement network.

Three counts depend on the image: the proposals that reach the classifier, the detections that get a mask and the
planes that are refined. They are parameters here; the defaults are XRBench's (1 each) or the published limits.
"""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, Source, network_input, require

SOURCE = "NVlabs/planercnn (Liu et al. 2019) topology"
MOST_REGIONS = 10_000


def planercnn(resolution: int = 160, proposals: int = 1, detections: int = 1, planes: int = 1) -> Model:
    """At XRBench's quarter scale, regions pooled to 4x4."""
    remark = "at XRBench's quarter scale; approximate: rounded sizes, data-dependent counts"
    return _planercnn("planercnn", resolution, (proposals, detections, planes), 4, 4, remark)


def planercnn_640(resolution: int = 640, proposals: int = 1000, detections: int = 100, planes: int = 10) -> Model:
    """At the published scale, regions pooled to 7x7 (classes) and 14x14 (masks)."""
    remark = "with its config.py limits, 10 planes assumed; approximate: data-dependent counts"
    return _planercnn("planercnn_640", resolution, (proposals, detections, planes), 7, 14, remark)


def _planercnn(
    name: str, resolution: int, counts: tuple[int, int, int], class_region: int, mask_region: int, remark: str
) -> Model:
    require(name, minimum=64, step=32, resolution=resolution)
    proposals, detections, planes = counts
    require(name, 1, maximum=MOST_REGIONS, proposals=proposals, detections=detections, planes=planes)
    graph = Graph()
    image = network_input(3, resolution, resolution)
    pyramid = _pyramid(graph, _backbone(graph, image))
    scores = _proposals(graph, pyramid)
    p2, p3, p4, p5, _ = pyramid
    # Where each pixel lies in the camera's frame: an input of three channels at the finest level's size.
    coordinates = graph.conv("coordinates", image.crop(p2.Y, p2.X), K=64)
    depth = _depth(graph, pyramid)

    levels = tuple(level.steering() for level in (p3, p4, p5))
    finest = p2.resample(p2.C, class_region, class_region, proposals)
    where = coordinates.resample(coordinates.C, class_region, class_region, proposals)
    choosers = tuple(score.steering() for score in scores)
    x = graph.conv("cls.conv1", (finest, *levels, where, *choosers), K=1024, kernel=class_region, padding=0)
    x = graph.conv("cls.conv2", x, K=1024)
    classes = graph.gemm("cls.class", x, K=8)
    boxes = graph.gemm("cls.bbox", x, K=32)
    parameters = graph.gemm("cls.param", x, K=24)

    finest = p2.resample(p2.C, mask_region, mask_region, detections)
    found = (classes.steering(), boxes.steering(), parameters.steering())
    source: Source = (finest, *levels, *found)
    for index in range(1, 5):
        source = graph.conv(f"mask.conv{index}", source, K=256, kernel=3)
    x = graph.transposed("mask.deconv", source, K=256, kernel=2, stride=2)
    masks = graph.conv("mask.conv5", x, K=8)
    _refine(graph, image, (masks, depth, parameters), planes)
    return graph.model(name, f"{SOURCE} {remark}")


def _backbone(graph: Graph, image: Activation) -> list[Activation]:
    """ResNet-101 with the stride in the first 1x1 (as first published). Returns C2 to C5."""
    x = graph.conv("C1.conv", image, K=64, kernel=7, stride=2)
    x = graph.pool("C1.pool", x, kernel=3, stride=2, ceil=True)
    stages = []
    for stage, blocks in enumerate((3, 4, 23, 3)):
        for index in range(blocks):
            name, width = f"C{stage + 2}.{index}", 64 << stage
            stride = 2 if stage > 0 and index == 0 else 1
            y = graph.conv(f"{name}.conv1", x, K=width, stride=stride)
            y = graph.conv(f"{name}.conv2", y, K=width, kernel=3)
            y = graph.conv(f"{name}.conv3", y, K=4 * width)
            shortcut = graph.conv(f"{name}.down", x, K=4 * width, stride=stride) if index == 0 else x
            x = graph.elementwise(f"{name}.add", y, shortcut)
        stages.append(x)
    return stages


def _pyramid(
    graph: Graph, stages: list[Activation]
) -> tuple[Activation, Activation, Activation, Activation, Activation]:
    """The feature pyramid P2 to P6, fine to coarse."""
    merged = {5: graph.conv("P5_conv1", stages[3], K=256)}
    for level in (4, 3, 2):
        lateral = graph.conv(f"P{level}_conv1", stages[level - 2], K=256)
        up = graph.upsample(f"P{level}_up", merged[level + 1], (lateral.Y, lateral.X))
        merged[level] = graph.elementwise(f"P{level}_add", lateral, up)
    p5, p4, p3, p2 = (graph.conv(f"P{level}_conv2", merged[level], K=256, kernel=3) for level in (5, 4, 3, 2))
    return p2, p3, p4, p5, graph.pool("P6", p5, kernel=1, stride=2)


def _proposals(graph: Graph, pyramid: tuple[Activation, ...]) -> list[Activation]:
    """The region proposal network on every level, with one set of weights for all."""
    scores: list[Activation] = []
    heads: list[tuple[Activation, ...]] = []
    for level, x in enumerate(pyramid, start=2):
        shared = graph.conv(f"rpn.P{level}.shared", x, K=512, kernel=3)
        classes = graph.conv(f"rpn.P{level}.class", shared, K=6)
        boxes = graph.conv(f"rpn.P{level}.bbox", shared, K=12)
        heads.append((shared, classes, boxes))
        for own, first in zip(heads[-1], heads[0], strict=True) if len(heads) > 1 else ():
            graph.sharing(own, first)
        scores += [classes, boxes]
    return scores


def _depth(graph: Graph, pyramid: tuple[Activation, ...]) -> Activation:
    """Decodes the pyramid, coarse to fine. The finest three levels are cropped to the 3:4 frame inside the square."""
    p2, p3, p4, p5, p6 = pyramid
    finer = [(p5.Y, p5.X), (p4.Y, p4.X), *((_frame(level), level.X) for level in (p3, p2))]
    x: Activation | None = None
    for index, level in enumerate((p6, p5, p4, p3, p2), start=1):
        height = level.Y if index < 3 else _frame(level)
        y = graph.conv(f"depth.conv{index}", level.crop(height, level.X), K=128, kernel=3)
        size = finer[index - 1] if index < 5 else (2 * height, 2 * level.X)
        source: Source = y if x is None else (y, x.crop(height, level.X))
        x = graph.upsample(f"depth.up{index}", source, size)
        x = graph.conv(f"depth.deconv{index}", x, K=128 if index < 5 else 64, kernel=3)
    assert x is not None
    return graph.conv("depth.pred", x, K=1, kernel=3)


def _frame(level: Activation) -> int:
    return -(-3 * level.Y // 4)


def _refine(graph: Graph, image: Activation, context: tuple[Activation, ...], planes: int) -> None:
    """A small U-Net over each plane; every second convolution also sees the mean over all planes."""
    height, width = image.Y * 3 // 10 // 4 * 4, image.X * 4 // 10 // 4 * 4
    # Ten channels at the refinement's size, made of the image, the masks, the depth and the planes' parameters.
    maps = image.resample(10, height, width, planes)
    fine = graph.conv("refine.conv_0", (maps, *(tensor.steering() for tensor in context)), K=32, kernel=3)
    x = graph.conv("refine.conv_1", _with_mean(fine), K=64, kernel=3, stride=2)
    middle = graph.conv("refine.conv_1_1", _with_mean(x), K=64, kernel=3)
    x = graph.conv("refine.conv_2", _with_mean(middle), K=128, kernel=3, stride=2)
    x = graph.conv("refine.conv_2_1", _with_mean(x), K=128, kernel=3)
    y = _decode(graph, "refine.", x, middle)
    _predict(graph, "refine.pred", y, fine)
    y = _decode(graph, "refine.global_", _mean(x), _mean(middle))
    _predict(graph, "refine.global_pred", y, _mean(fine))
    _predict(graph, "refine.depth_pred", y, _mean(fine))


def _with_mean(x: Activation) -> Activation:
    return x.resample(2 * x.C, x.Y, x.X, x.N)


def _mean(x: Activation) -> Activation:
    return x.resample(x.C, x.Y, x.X)


def _decode(graph: Graph, prefix: str, x: Activation, middle: Activation) -> Activation:
    y = graph.transposed(f"{prefix}up_2", x, K=64, kernel=4, stride=2, padding=1)
    return graph.transposed(f"{prefix}up_1", (y, middle), K=32, kernel=4, stride=2, padding=1)


def _predict(graph: Graph, name: str, x: Activation, fine: Activation) -> None:
    y = graph.conv(f"{name}0", (x, fine), K=16, kernel=3)
    graph.conv(f"{name}1", y, K=1, kernel=3)
