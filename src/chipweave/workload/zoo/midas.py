"""MiDaS v2.1 small (Ranftl et al. 2020): an EfficientNet-Lite3 encoder and a refinement decoder, for depth."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

# EfficientNet-Lite3: kernel, stride of the first, output channels, repeats. The first stage does not expand.
STAGES = ((3, 1, 24, 1), (3, 2, 32, 3), (5, 2, 48, 3), (3, 2, 96, 5), (5, 1, 136, 5), (5, 2, 232, 6), (3, 1, 384, 1))
TAPS = (1, 2, 4, 6)  # the stages whose outputs the decoder reads, fine to coarse
SOURCE = "timm 1.0.31 tf_efficientnet_lite3 and isl-org/MiDaS midas_net_custom.py, torch.export; exact"


def midas_v21_small(height: int = 192, width: int = 256) -> Model:
    """At XRBench's size."""
    return _midas("midas_v21_small", height, width)


def midas_v21_small_256(height: int = 256, width: int = 256) -> Model:
    """At MiDaS's own default size."""
    return _midas("midas_v21_small_256", height, width)


def _midas(name: str, height: int, width: int) -> Model:
    require(name, minimum=32, step=32, height=height, width=width)
    graph = Graph()
    x = _strided(graph, "e.conv_stem", network_input(3, height, width), kernel=3, K=32)
    outputs = []
    for stage, (kernel, first_stride, channels, repeats) in enumerate(STAGES):
        for index in range(repeats):
            stride = first_stride if index == 0 else 1
            x = _block(graph, f"e.blocks.{stage}.{index}", x, kernel, stride, channels, expand=stage > 0)
        outputs.append(x)
    path: Activation | None = None
    for level in (4, 3, 2, 1):
        channels = 32 << level
        x = graph.conv(f"scratch.layer{level}_rn", outputs[TAPS[level - 1]], K=channels, kernel=3)
        if path is not None:
            x = graph.elementwise(f"r{level}", path, _residual_unit(graph, f"r{level}.resConfUnit1", x))
        x = _residual_unit(graph, f"r{level}.resConfUnit2", x)
        x = graph.upsample(f"r{level}", x, (2 * x.Y, 2 * x.X))
        path = graph.conv(f"r{level}.out_conv", x, K=max(64, channels // 2))
    assert path is not None
    x = graph.conv("out.0", path, K=32, kernel=3)
    x = graph.upsample("out.1", x, (2 * x.Y, 2 * x.X))
    x = graph.conv("out.2", x, K=32, kernel=3)
    graph.conv("out.4", x, K=1)
    return graph.model(name, SOURCE)


def _strided(graph: Graph, name: str, x: Activation, kernel: int, K: int | None = None) -> Activation:
    """A stride-2 convolution (depthwise without K) padded on the far side only, as TensorFlow's "same" does."""
    out = (-(-x.Y // 2), -(-x.X // 2))
    if K is None:
        return graph.depthwise(name, x, kernel, stride=2, padding=0, out=out)
    return graph.conv(name, x, K, kernel, stride=2, padding=0, out=out)


def _block(graph: Graph, name: str, x: Activation, kernel: int, stride: int, channels: int, expand: bool) -> Activation:
    y = graph.conv(f"{name}.conv_pw", x, K=6 * x.C) if expand else x
    y = _strided(graph, f"{name}.conv_dw", y, kernel) if stride == 2 else graph.depthwise(f"{name}.conv_dw", y, kernel)
    y = graph.conv(f"{name}.conv_pwl" if expand else f"{name}.conv_pw", y, K=channels)
    return graph.elementwise(name, y, x) if stride == 1 and channels == x.C else y


def _residual_unit(graph: Graph, name: str, x: Activation) -> Activation:
    y = graph.conv(f"{name}.conv1", x, K=x.C, kernel=3)
    y = graph.conv(f"{name}.conv2", y, K=x.C, kernel=3)
    return graph.elementwise(name, y, x)
