"""Time of `chipweave schedule NET --scheduler scope` from a cold shell on one core, against layers x chiplets.

    python -m benchmarks.scope_speed [--nets ...] [--chiplets ...] [--batch 64] [--polish 2] [--cost-model loopnest]

Layers are units: what may be a stage. The slope is that of the least-squares line through log time against log(layers x
chiplets), for the whole command and for the search alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.search_speed import as_installed
from chipweave.workload.zoo.catalog import build_model


def run(net: str, chiplets: int, batch: int, polish: int, cost_model: str) -> tuple[float, float, float]:
    """(wall seconds, seconds of the search, peak MB) of one command on one core."""
    command = [sys.executable, "-m", "chipweave", "schedule", net, "--batch", str(batch), "--json", "--jobs", "1"]
    command += ["--package", f"mesh-{chiplets}", "--scheduler", "scope", "--objective", "throughput"]
    command += ["--polish", str(polish), "--cost-model", cost_model]
    one_core = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**as_installed(), **one_core}
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    return wall_s, float(json.loads(output)["search"]["seconds"]), usage.ru_maxrss / 1024


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Of log seconds against log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=["resnet18", "resnet50", "resnet152"])
    parser.add_argument("--chiplets", nargs="*", type=int, default=[16, 36, 64, 144, 256])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--polish", type=int, default=2, help="rounds of improvement, whose length is bounded")
    parser.add_argument("--cost-model", default="loopnest")
    arguments = parser.parse_args()
    same = (arguments.batch, arguments.polish, arguments.cost_model)
    run(arguments.nets[0], arguments.chiplets[0], *same)  # compiled code is cached from here on
    print("| net | layers | chiplets | layers x chiplets | command s | search s | peak MB |")
    print("|---" * 7 + "|")
    sizes, walls, searches = [], [], []
    for net in arguments.nets:
        layers = len(build_model(net).units)
        for chiplets in arguments.chiplets:
            wall_s, search_s, peak_mb = run(net, chiplets, *same)
            sizes.append(layers * chiplets)
            walls.append(wall_s)
            searches.append(search_s)
            cells = (net, layers, chiplets, sizes[-1], f"{wall_s:.2f}", f"{search_s:.2f}", f"{peak_mb:.0f}")
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    doublings = np.log2(max(sizes) / min(sizes))
    print(
        f"\n{doublings:.1f} doublings; slope {slope(sizes, walls):.2f} (command), {slope(sizes, searches):.2f} (search)"
    )


if __name__ == "__main__":
    main()
