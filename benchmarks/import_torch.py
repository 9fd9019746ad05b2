"""Networks from torchvision, transformers and timm, and a few written here, imported and held against the layer tables.

    python -m benchmarks.import_torch [--nets resnet50 gpt2_xl]

Each net is imported in a process of its own. MACs and weights are compared with `tests/reference/workloads`, which
were taken independently; layers and edges with the zoo's network of that name, one by one in order. Needs torch, and
for most nets torchvision, transformers and timm; what cannot be imported is left out with a word.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import resource
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.torch_nets.library import bert, googlenet, gpt2, llama, midas, timm_net, torchvision_net
from benchmarks.torch_nets.written import alexnet_2012, chain, darknet19, emformer, ritnet, unet
from chipweave.workload.layer import Layer
from chipweave.workload.model import Model
from chipweave.workload.zoo import build_model

TOTALS = Path(__file__).parents[1] / "tests" / "reference" / "workloads" / "totals.csv"

NETS = {
    **{
        name: partial(torchvision_net, name)
        for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg16", "alexnet", "mobilenet_v2")
    },
    "googlenet": googlenet,
    "googlenet_torchvision": lambda: torchvision_net("googlenet", init_weights=False),
    "gpt2_medium": lambda: gpt2(24, 1024),
    "gpt2_large": lambda: gpt2(36, 1280),
    "gpt2_xl": lambda: gpt2(48, 1600),
    "bert_base": lambda: bert(12, 768),
    "bert_large": lambda: bert(24, 1024),
    "llama_7b": llama,
    "gpt2_medium eager": lambda: gpt2(24, 1024, "eager"),
    "bert_base eager": lambda: bert(12, 768, "eager"),
    "llama_7b eager": lambda: llama("eager"),
    "eyecod_fbnetc100": lambda: timm_net("fbnetc_100", 160, 100),
    "midas_v21_small": lambda: midas(192, 256),
    "midas_v21_small_256": lambda: midas(256, 256),
    "alexnet_2012": alexnet_2012,
    "emformer_em24l": emformer,
    "darknet19": darknet19,
    "unet": lambda: unet(512, 1),
    "unet_572_valid": lambda: unet(572, 0),
    "ritnet_640x400": ritnet,
}


def without_name(layer: Layer) -> tuple[Any, ...]:
    return tuple(getattr(layer, key) for key in Layer.__slots__ if key != "name")


def edges_into(model: Model) -> list[Counter[int]]:
    """Elements by producer. Several edges from one count as one: the zoo writes a product's keys and values apart."""
    counts = [Counter[int]() for _ in model.layers]
    for edge in model.edges:
        counts[edge.consumer][edge.producer] += edge.elements
    return counts


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
            found["edges"].append(f"{index} {ours.layers[index].name}: {dict(mine_in)} not {dict(other_in)}")
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


def time_chain(count: int) -> None:
    from chipweave.workload.importers.torch import from_torch

    module, inputs = chain(count)
    wall, processor = time.perf_counter(), time.process_time()
    layers = len(from_torch(module, inputs).model.layers)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{layers} convolutions, norms and activations: {wall:.1f} s, {processor:.1f} s of them on the processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", choices=list(NETS), default=list(NETS))
    parser.add_argument("--chain", type=int, default=1000, help="convolutions in a row, timed last; 0: none")
    parser.add_argument("--one", choices=list(NETS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.one))
        return
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed; nothing to import")
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
    if options.chain:
        time_chain(options.chain)


if __name__ == "__main__":
    main()
