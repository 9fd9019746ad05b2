"""Networks from torchvision, transformers and timm, and a few written here, imported and held against the layer tables.

    python -m benchmarks.import_torch [--nets resnet50 gpt2_xl]

Each net is imported in a process of its own. MACs and weights are compared with `tests/reference/workloads`, which
were taken independently; layers and edges with the zoo's network of that name, one by one in order. Needs torch, and
for most nets torchvision, transformers and timm; what cannot be imported is left out with a word.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chipweave.workload.layer import Layer
from chipweave.workload.model import Edge, Model
from chipweave.workload.zoo import build_model

TOTALS = Path(__file__).parents[1] / "tests" / "reference" / "workloads" / "totals.csv"
SEQUENCE = 128


def torchvision_net(name: str, **options: Any) -> tuple[Any, Any]:
    import torch

    # The wheel's compiled part needs CUDA; the classifiers do not need it, only these two names.
    try:
        import torchvision.models as models
    except RuntimeError:
        for key in [key for key in sys.modules if key.startswith("torchvision")]:
            del sys.modules[key]
        declare_missing_operators()
        import torchvision.models as models
    with torch.device("meta"):
        net = getattr(models, name)(**options)
    return net, torch.empty(1, 3, 224, 224, device="meta")


def declare_missing_operators() -> None:
    import torch

    global _LIBRARY
    _LIBRARY = torch.library.Library("torchvision", "DEF")  # lives as long as the operators
    for name in ("nms", "qnms"):
        _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def language_net(model: str, config: str, options: dict[str, Any], **more: Any) -> tuple[Any, Any]:
    import torch

    declare_missing_operators()
    import transformers

    settings = getattr(transformers, config)(**options)
    with torch.device("meta"):
        net = getattr(transformers, model)(settings, **more)
    return net, torch.zeros(1, SEQUENCE, dtype=torch.long)


def gpt2(blocks: int, width: int, attention: str = "sdpa") -> tuple[Any, Any]:
    options = {"n_layer": blocks, "n_embd": width, "n_head": width // 64, "attn_implementation": attention}
    return language_net("GPT2LMHeadModel", "GPT2Config", options)


def bert(blocks: int, width: int, attention: str = "sdpa") -> tuple[Any, Any]:
    options = {
        "num_hidden_layers": blocks, "hidden_size": width, "num_attention_heads": width // 64,
        "intermediate_size": 4 * width, "attn_implementation": attention,
    }  # fmt: skip
    return language_net("BertModel", "BertConfig", options, add_pooling_layer=False)


def llama(attention: str = "sdpa") -> tuple[Any, Any]:
    return language_net("LlamaForCausalLM", "LlamaConfig", {"attn_implementation": attention})


def timm_net(name: str, height: int, width: int) -> tuple[Any, Any]:
    import torch

    declare_missing_operators()
    import timm

    with torch.device("meta"):
        net = timm.create_model(name)
    return net, torch.empty(1, 3, height, width, device="meta")


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
    net = nn.Sequential()
    for key, part in parts.items():
        net.add_module(key, part)
    return net, torch.empty(1, 3, 224, 224, device="meta")


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


NETS = {
    **{
        name: lambda name=name: torchvision_net(name)
        for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg16", "alexnet", "mobilenet_v2")
    },
    "googlenet_torchvision": lambda: torchvision_net("googlenet", init_weights=False),
    "gpt2_medium": lambda: gpt2(24, 1024),
    "gpt2_large": lambda: gpt2(36, 1280),
    "gpt2_xl": lambda: gpt2(48, 1600),
    "bert_base": lambda: bert(12, 768),
    "bert_large": lambda: bert(24, 1024),
    "llama_7b": lambda: llama(),
    "gpt2_medium eager": lambda: gpt2(24, 1024, "eager"),
    "bert_base eager": lambda: bert(12, 768, "eager"),
    "llama_7b eager": lambda: llama("eager"),
    "eyecod_fbnetc100": lambda: timm_net("fbnetc_100", 160, 100),
    "darknet19": darknet19,
    "unet": lambda: unet(512, 1),
    "unet_572_valid": lambda: unet(572, 0),
    "ritnet_640x400": ritnet,
}


def without_name(layer: Layer) -> tuple[Any, ...]:
    return tuple(getattr(layer, key) for key in Layer.__slots__ if key != "name")


def edges_into(model: Model) -> list[set[tuple[int, int]]]:
    return [{(edge.producer, edge.elements) for edge in edges} for edges in merged(model)]


def merged(model: Model) -> list[list[Edge]]:
    """Several edges from one producer as one: the zoo writes queries and keys of one product apart."""
    lists = []
    for operands in model.operands:
        by_producer: dict[int, Edge] = {}
        for edge in operands:
            before = by_producer.get(edge.producer)
            elements = edge.elements + (before.elements if before else 0)
            by_producer[edge.producer] = Edge(edge.producer, edge.consumer, elements)
        lists.append(list(by_producer.values()))
    return lists


def differences(ours: Model, theirs: Model) -> dict[str, list[str]]:
    """Layer by layer in order: what differs in shapes, edges and names."""
    found: dict[str, list[str]] = {"layers": [], "edges": [], "names": []}
    if len(ours.layers) != len(theirs.layers):
        found["layers"].append(f"{len(ours.layers)} layers, not {len(theirs.layers)}")
    for index, (mine, other) in enumerate(zip(ours.layers, theirs.layers, strict=False)):
        if without_name(mine) != without_name(other):
            found["layers"].append(f"{index}: {mine} not {other}")
        if mine.name != other.name:
            found["names"].append(f"{index}: {mine.name} not {other.name}")
    for index, (mine_in, other_in) in enumerate(zip(edges_into(ours), edges_into(theirs), strict=False)):
        if mine_in != other_in:
            found["edges"].append(f"{index} {ours.layers[index].name}: {sorted(mine_in)} not {sorted(other_in)}")
    return found


def measure(net: str) -> str:
    """A row of the table, from a process of its own."""
    table = net.split()[0]
    module, inputs = NETS[net]()
    from chipweave.workload.importers.torch import from_torch

    began = time.perf_counter()
    imported = from_torch(module, inputs, name=table)
    seconds = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with open(TOTALS, newline="") as file:
        (total,) = [row for row in csv.DictReader(file) if row["table"] == table]
    model = imported.model
    found = differences(model, build_model(table))
    for kind, lines in found.items():
        for line in lines[:4]:
            print(f"  {kind}: {line}", file=sys.stderr)
        if len(lines) > 4:
            print(f"  {kind}: and {len(lines) - 4} more", file=sys.stderr)
    ratio_macs, ratio_weights = model.macs / int(total["macs"]), model.weight_elements / int(total["weights"])
    same = " | ".join("all" if not lines else f"{len(lines)} differ" for lines in found.values())
    unsupported = ", ".join(imported.unsupported) or "none"
    return (
        f"| {net} | {len(model.layers)} | {model.macs:,} | {ratio_macs:.5f} | {ratio_weights:.5f} | {same} | "
        f"{unsupported} | {seconds:.1f} | {peak_mb} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", choices=list(NETS), default=list(NETS))
    parser.add_argument("--one", choices=list(NETS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.one))
        return
    print("| net | layers | MACs | / table | weights / table | layers | edges | names | not costed | s | peak MB |")
    print("|---|--:|--:|--:|--:|---|---|---|---|--:|--:|", flush=True)
    for net in options.nets:
        command = [sys.executable, "-m", "benchmarks.import_torch", "--one", net]
        done = subprocess.run(command, capture_output=True, text=True)
        notes = [line for line in done.stderr.splitlines() if line.startswith("  ")]
        print(done.stdout.strip() or f"| {net} | left out: {done.stderr.strip().splitlines()[-1]} |", flush=True)
        if done.stdout:
            print("\n".join(notes), end="\n" if notes else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
