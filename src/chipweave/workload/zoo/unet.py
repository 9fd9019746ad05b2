"""U-Net (Ronneberger et al. 2015): same padding, or the original's valid padding with cropped skips."""

from __future__ import annotations

from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Graph, network_input, require


def unet(resolution: int = 512) -> Model:
    """Same padding, so that sizes such as SCAR's 512x512x1, illegal in the original, are possible."""
    require("unet", minimum=16, step=16, resolution=resolution)
    return _unet("unet", resolution, 1, "Ronneberger et al. 2015 with same padding; approximate (512 needs it)")


def unet_572_valid(resolution: int = 572) -> Model:
    """The original: no padding. Legal inputs are 188 + 16 n: every pool then halves an even size."""
    require("unet_572_valid", minimum=188, step=16, resolution=resolution)
    return _unet("unet_572_valid", resolution, 0, "Ronneberger et al. 2015, valid padding; exact")


def _unet(name: str, resolution: int, padding: int, source: str) -> Model:
    graph = Graph()
    x = network_input(1, resolution, resolution)
    skips = []
    for level in range(1, 6):
        for index in (1, 2):
            x = graph.conv(f"conv{level}_{index}", x, K=32 << level, kernel=3, padding=padding)
        if level < 5:
            skips.append(x)
            x = graph.pool(f"pool{level}", x, kernel=2, stride=2)
    for level in range(4, 0, -1):
        up = graph.transposed(f"upconv{level}", x, K=32 << level, kernel=2, stride=2)
        skip = skips[level - 1].crop(up.Y, up.X)
        x = graph.conv(f"conv{level}_3", (skip, up), K=32 << level, kernel=3, padding=padding)
        x = graph.conv(f"conv{level}_4", x, K=32 << level, kernel=3, padding=padding)
    graph.conv("conv_out", x, K=2)
    return graph.model(name, source)
