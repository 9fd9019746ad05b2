"""Wall time, processor time and peak memory of whole `chipweave schedule --scheduler scar` commands from a cold shell.

    python -m benchmarks.search_speed [--provision rule|exhaustive] [--scenarios ...] [--packages ...] [--fidelity ...]
        [--cost-model loopnest]

By default the ten scenarios on each 3x3 preset (the AR/VR scenarios on the AR/VR twins). Under `loopnest` a shape that
is in no cache yet is searched first: `CHIPWEAVE_CACHE=off` counts that in every command.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

SCENARIOS = [*(f"datacenter-{n}" for n in range(1, 6)), *(f"arvr-{n}" for n in range(6, 11))]
PACKAGES = [
    "simba-nvdla-3x3",
    "simba-shidiannao-3x3",
    "het-cb-3x3",
    "het-cb-3x3-flipped",
    "het-sides-3x3",
    "het-sides-3x3-flipped",
]


def as_installed() -> dict[str, str]:
    """The environment without what keeps Python from keeping bytecode: an installation has it from the start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str], read: bool = True) -> tuple[float, float, float, dict[str, object] | None]:
    """(wall seconds, processor seconds, peak MB, the JSON printed, where it is to be read) of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=as_installed())
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    document = json.loads(output) if read and status == 0 else None
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provision", default="rule")
    parser.add_argument("--fidelity", default="detailed")
    parser.add_argument("--cost-model", default="loopnest")
    parser.add_argument("--scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--packages", nargs="*", default=PACKAGES)
    arguments = parser.parse_args()
    walls, processor, peaks = [], [], []
    for scenario in arguments.scenarios:
        for package in arguments.packages:
            name = f"arvr-{package}" if scenario.startswith("arvr") and not package.startswith("arvr") else package
            command = [sys.executable, "-m", "chipweave", "schedule", scenario, "--package", name, "--json"]
            command += ["--scheduler", "scar"]
            command += ["--provision", arguments.provision, "--fidelity", arguments.fidelity]
            command += ["--cost-model", arguments.cost_model]
            wall_s, processor_s, peak_mb, document = run(command)
            walls.append(wall_s)
            processor.append(processor_s)
            peaks.append(peak_mb)
            if document is None:
                print(f"{scenario:14} {name:30} failed after {wall_s:.2f} s")
                continue
            edp, search = document["evaluation"]["edp_js"], document["search"]  # type: ignore[index]
            print(
                f"{scenario:14} {name:30} {wall_s:6.2f} s ({processor_s:.2f} s) {peak_mb:5.0f} MB  EDP {edp:.6g} Js  "
                f"gap {search['gap']:.1%}",
                flush=True,
            )
    print(f"median {np.median(walls):.2f} s, worst {max(walls):.2f} s, peak memory {max(peaks):.0f} MB")
    print(f"processor time: median {np.median(processor):.2f} s, worst {max(processor):.2f} s")


if __name__ == "__main__":
    main()
