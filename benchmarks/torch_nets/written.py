"""Networks in plain PyTorch, after their papers, made without weights, each with an input of one sample."""

from __future__ import annotations

from typing import Any


def chain(count: int) -> tuple[Any, Any]:
    """So many convolutions, each with a norm and an activation."""
    import torch
    from torch import nn

    with torch.device("meta"):
        parts = {
            f"block{index}": nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
            for index in range(count)
        }
    return named(parts), torch.empty(1, 16, 32, 32, device="meta")


def alexnet_2012() -> tuple[Any, Any]:
    """Krizhevsky et al. 2012: three convolutions in two groups."""
    import torch
    from torch import nn

    with torch.device("meta"):
        parts = {
            "conv1": nn.Conv2d(3, 96, 11, 4), "pool1": nn.MaxPool2d(3, 2), "conv2": nn.Conv2d(96, 256, 5, 1, 2, 1, 2),
            "pool2": nn.MaxPool2d(3, 2), "conv3": nn.Conv2d(256, 384, 3, padding=1),
            "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2), "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
            "pool3": nn.MaxPool2d(3, 2), "flat": nn.Flatten(), "fc6": nn.Linear(9216, 4096), "relu": nn.ReLU(),
            "fc7": nn.Linear(4096, 4096), "fc8": nn.Linear(4096, 1000),
        }  # fmt: skip
    return named(parts), torch.empty(1, 3, 227, 227, device="meta")


def emformer() -> tuple[Any, Any]:
    """Emformer (Shi et al. 2021): 24 layers, one segment, without left context or memory."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.kv, self.out = nn.Linear(512, 512), nn.Linear(512, 1024), nn.Linear(512, 512)
            self.ff1, self.ff2 = nn.Linear(512, 2048), nn.Linear(2048, 512)
            self.norm1, self.norm2, self.norm3 = nn.LayerNorm(512), nn.LayerNorm(512), nn.LayerNorm(512)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm1(x)
            heads = [self.q(y), *self.kv(y).chunk(2, -1)]
            q, k, v = (part.unflatten(-1, (8, 64)).transpose(1, 2) for part in heads)
            weights = torch.softmax(q @ k.transpose(2, 3) / 8, -1)
            y = self.out((weights @ v).transpose(1, 2).flatten(2)) + x
            return self.norm3(self.ff2(torch.relu(self.ff1(self.norm2(y)))) + y)

    with torch.device("meta"):
        return named({f"l{block}": Block() for block in range(24)}), torch.empty(1, 128, 512, device="meta")


def midas_around(encoder: Any) -> Any:
    """The decoder of MiDaS v2.1 small: four refinements from coarse to fine, each of a tap of the encoder."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv2(torch.relu(self.conv1(torch.relu(x)))) + x

    class Refinement(nn.Module):
        def __init__(self, width: int, first: bool) -> None:
            super().__init__()
            self.resConfUnit1 = None if first else Residual(width)
            self.resConfUnit2 = Residual(width)
            self.out_conv = nn.Conv2d(width, max(64, width // 2), 1)

        def forward(self, x: torch.Tensor, path: torch.Tensor | None) -> torch.Tensor:
            if self.resConfUnit1 is not None:
                x = path + self.resConfUnit1(x)
            return self.out_conv(nn.functional.interpolate(self.resConfUnit2(x), scale_factor=2, mode="bilinear"))

    class Midas(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e, self.scratch = encoder, nn.Module()
            for level, channels in enumerate((32, 48, 136, 384), start=1):
                setattr(self.scratch, f"layer{level}_rn", nn.Conv2d(channels, 32 << level, 3, padding=1, bias=False))
                setattr(self, f"r{level}", Refinement(32 << level, level == 4))
            self.out = nn.Sequential(
                nn.Conv2d(64, 32, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear"),
                nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1),
            )  # fmt: skip

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x, taps, path = self.e.bn1(self.e.conv_stem(x)), [], None
            for stage in self.e.blocks:
                x = stage(x)
                taps.append(x)
            for level in (4, 3, 2, 1):
                x = getattr(self.scratch, f"layer{level}_rn")(taps[(1, 2, 4, 6)[level - 1]])
                path = getattr(self, f"r{level}")(x, path)
            return self.out(path)

    return Midas()


def darknet19() -> tuple[Any, Any]:
    """Redmon and Farhadi 2017, Table 6."""
    import torch
    from torch import nn

    stages = ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512),
              (1024, 512, 1024, 512, 1024))  # fmt: skip
    parts: dict[str, nn.Module] = {}
    channels = 3
    with torch.device("meta"):
        for stage, widths in enumerate(stages):
            if stage:
                parts[f"pool{stage}"] = nn.MaxPool2d(2)
            for index, width in enumerate(widths):
                number = sum(key.startswith("conv") for key in parts) + 1
                kernel = 1 if index % 2 else 3
                parts[f"conv{number}"] = nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False)
                parts[f"norm{number}"] = nn.BatchNorm2d(width)
                parts[f"act{number}"] = nn.LeakyReLU(0.1, inplace=True)
                channels = width
        parts["conv19"] = nn.Conv2d(channels, 1000, 1)
        parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
    return named(parts), torch.empty(1, 3, 224, 224, device="meta")


def unet(size: int, padding: int) -> tuple[Any, Any]:
    """Ronneberger et al. 2015; skips are cropped where there is no padding."""
    import torch
    from torch import nn

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = 1
            for level in range(1, 6):
                for index in (1, 2):
                    setattr(self, f"conv{level}_{index}", nn.Conv2d(channels, 32 << level, 3, padding=padding))
                    channels = 32 << level
                if level < 5:
                    setattr(self, f"pool{level}", nn.MaxPool2d(2))
            for level in range(4, 0, -1):
                width = 32 << level
                setattr(self, f"upconv{level}", nn.ConvTranspose2d(2 * width, width, 2, 2))
                setattr(self, f"conv{level}_3", nn.Conv2d(2 * width, width, 3, padding=padding))
                setattr(self, f"conv{level}_4", nn.Conv2d(width, width, 3, padding=padding))
            self.conv_out = nn.Conv2d(64, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skips = []
            for level in range(1, 6):
                for index in (1, 2):
                    x = torch.relu(getattr(self, f"conv{level}_{index}")(x))
                if level < 5:
                    skips.append(x)
                    x = getattr(self, f"pool{level}")(x)
            for level in range(4, 0, -1):
                x = getattr(self, f"upconv{level}")(x)
                skip = skips[level - 1]
                edge = (skip.shape[-1] - x.shape[-1]) // 2
                x = torch.cat((skip[..., edge : edge + x.shape[-2], edge : edge + x.shape[-1]], x), 1)
                x = torch.relu(getattr(self, f"conv{level}_3")(x))
                x = torch.relu(getattr(self, f"conv{level}_4")(x))
            return self.conv_out(x)

    with torch.device("meta"):
        return UNet(), torch.empty(1, 1, size, size, device="meta")


def ritnet() -> tuple[Any, Any]:
    """RITNet's blocks (Chaudhary et al. 2019): every convolution of a block reads all that came before in it."""
    import torch
    from torch import nn

    class Down(nn.Module):
        def __init__(self, channels: int, pools: bool) -> None:
            super().__init__()
            self.max_pool = nn.MaxPool2d(2) if pools else None
            self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
            self.conv21 = nn.Conv2d(channels + 32, 32, 1)
            self.conv22 = nn.Conv2d(32, 32, 3, padding=1)
            self.conv31 = nn.Conv2d(channels + 64, 32, 1)
            self.conv32 = nn.Conv2d(32, 32, 3, padding=1)
            self.bn = nn.BatchNorm2d(32)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.max_pool is not None:
                x = self.max_pool(x)
            first = nn.functional.leaky_relu(self.conv1(x))
            second = torch.cat((x, first), dim=1)
            second = nn.functional.leaky_relu(self.conv22(self.conv21(second)))
            third = torch.cat((x, first, second), dim=1)
            return self.bn(nn.functional.leaky_relu(self.conv32(self.conv31(third))))

    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv11 = nn.Conv2d(64, 32, 1)
            self.conv12 = nn.Conv2d(32, 32, 3, padding=1)
            self.conv21 = nn.Conv2d(96, 32, 1)
            self.conv22 = nn.Conv2d(32, 32, 3, padding=1)

        def forward(self, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            x = torch.cat((nn.functional.interpolate(x, scale_factor=2, mode="nearest"), skip), dim=1)
            first = nn.functional.leaky_relu(self.conv12(self.conv11(x)))
            return nn.functional.leaky_relu(self.conv22(self.conv21(torch.cat((x, first), dim=1))))

    class RITNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for level in range(1, 6):
                setattr(self, f"down_block{level}", Down(1 if level == 1 else 32, level > 1))
            for level in range(1, 5):
                setattr(self, f"up_block{level}", Up())
            self.out_conv1 = nn.Conv2d(32, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skips = []
            for level in range(1, 6):
                x = getattr(self, f"down_block{level}")(x)
                skips.append(x)
            for level in range(1, 5):
                x = getattr(self, f"up_block{level}")(skips[4 - level], x)
            return self.out_conv1(x)

    with torch.device("meta"):
        return RITNet(), torch.empty(1, 1, 640, 400, device="meta")


def named(parts: dict[str, Any]) -> Any:
    """One after the other, under these names."""
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(parts))
