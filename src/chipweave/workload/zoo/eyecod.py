"""EyeCoD's eye tracking (You et al. 2022): RITNet finds the pupil, FBNet-C reads the gaze from the crop around it."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

# FBNet-C, one tuple a block: kernel, stride, expansion, output channels.
FBNET_C = (
    ((3, 1, 1, 16),),
    ((3, 2, 6, 24), (3, 1, 1, 24), (3, 1, 1, 24)),
    ((5, 2, 6, 32), (5, 1, 3, 32), (5, 1, 6, 32), (3, 1, 6, 32)),
    ((5, 2, 6, 64), (5, 1, 3, 64), (5, 1, 6, 64), (5, 1, 6, 64)),
    ((5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 3, 112)),
    ((5, 2, 6, 184), (5, 1, 6, 184), (5, 1, 6, 184), (5, 1, 6, 184)),
    ((3, 1, 6, 352),),
)
RITNET_SOURCE = "RITnet densenet.py (Chaudhary et al. 2019)"
FBNET_SOURCE = "timm 1.0.31 fbnetc_100"


def ritnet_640x400(height: int = 640, width: int = 400) -> Model:
    """RITNet at its own size."""
    return _one("ritnet_640x400", height, width, f"{RITNET_SOURCE}; exact")


def eyecod_ritnet(height: int = 160, width: int = 100) -> Model:
    """RITNet at XRBench's size, whose odd maps the original cannot halve: pools round up."""
    return _one("eyecod_ritnet", height, width, f"{RITNET_SOURCE} at XRBench's size; approximate: pools round up")


def eyecod_fbnetc100(height: int = 160, width: int = 100) -> Model:
    require("eyecod_fbnetc100", minimum=32, height=height, width=width)
    graph = Graph()
    _fbnet_c(graph, network_input(3, height, width))
    return graph.model("eyecod_fbnetc100", f"{FBNET_SOURCE}, torch.export, at XRBench's size; exact")


def eyecod(height: int = 160, width: int = 100) -> Model:
    """Both nets as one model. FBNet-C waits for RITNet: the crop that it reads follows from the segmentation."""
    require("eyecod", minimum=32, height=height, width=width)
    graph = Graph()
    segments = _ritnet(graph, network_input(1, height, width))
    _fbnet_c(graph, segments.resample(3, height, width))
    source = f"{RITNET_SOURCE} followed by {FBNET_SOURCE} at XRBench's size; approximate: odd sizes, crop at full size"
    return graph.model("eyecod", source)


def _one(name: str, height: int, width: int, source: str) -> Model:
    require(name, minimum=16, height=height, width=width)
    graph = Graph()
    _ritnet(graph, network_input(1, height, width))
    return graph.model(name, source)


def _ritnet(graph: Graph, image: Activation) -> Activation:
    x, skips = image, []
    for level in range(1, 6):
        name = f"down_block{level}"
        if level > 1:
            x = graph.pool(f"{name}.max_pool", x, kernel=2, stride=2, ceil=True)
        first = graph.conv(f"{name}.conv1", x, K=32, kernel=3)
        second = graph.conv(f"{name}.conv21", (x, first), K=32)
        second = graph.conv(f"{name}.conv22", second, K=32, kernel=3)
        third = graph.conv(f"{name}.conv31", (x, first, second), K=32)
        x = graph.conv(f"{name}.conv32", third, K=32, kernel=3)
        skips.append(x)
    for level, skip in enumerate(reversed(skips[:-1]), start=1):
        name = f"up_block{level}"
        up = graph.upsample(name, x, (skip.Y, skip.X))
        first = graph.conv(f"{name}.conv11", (up, skip), K=32)
        first = graph.conv(f"{name}.conv12", first, K=32, kernel=3)
        second = graph.conv(f"{name}.conv21", (up, skip, first), K=32)
        x = graph.conv(f"{name}.conv22", second, K=32, kernel=3)
    return graph.conv("out_conv1", x, K=4)


def _fbnet_c(graph: Graph, image: Activation) -> Activation:
    x = graph.conv("conv_stem", image, K=16, kernel=3, stride=2)
    for stage, blocks in enumerate(FBNET_C):
        for index, (kernel, stride, expansion, channels) in enumerate(blocks):
            name = f"blocks.{stage}.{index}"
            y = graph.conv(f"{name}.conv_pw", x, K=expansion * x.C)
            y = graph.depthwise(f"{name}.conv_dw", y, kernel, stride)
            y = graph.conv(f"{name}.conv_pwl", y, K=channels)
            x = graph.elementwise(name, y, x) if stride == 1 and channels == x.C else y
    x = graph.conv("conv_head", x, K=1984)
    x = graph.global_pool("global_pool.pool", x)
    return graph.gemm("classifier", x, K=1000)
