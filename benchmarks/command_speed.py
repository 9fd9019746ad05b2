"""How long whole commands take from a cold shell, and how much memory: `python -m benchmarks.command_speed`.

Each of the ten scenarios on each 3x3 package; `--quick` takes one package of each kind. AR/VR scenarios run on the
AR/VR twins. The first run after an installation compiles kernels and is left out of the figures.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

from chipweave.files.presets import package_names
from chipweave.workload.zoo import SCENARIOS

COMMAND = [sys.executable, "-c", "from chipweave.cli.main import main; main()"]


def measure(*arguments: str) -> tuple[float, float]:
    """(seconds, MB at the peak) of one command in a process of its own."""
    started = time.monotonic()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three packages instead of all 3x3 ones")
    parser.add_argument("--provision", default="rule", choices=["rule", "exhaustive"])
    chosen = parser.parse_args()

    measure("schedule", "datacenter-1", "--package", "het-sides-3x3", "--json")
    for command in (["list", "packages"], ["show", "het-sides-3x3"], ["cost", "resnet50", "-c", "datacenter-nvdla"]):
        print(f"{' '.join(command):<40} {measure(*command)[0]:6.2f} s")

    packages = [name for name in package_names() if name.endswith(("-3x3", "-3x3-flipped")) and "arvr" not in name]
    if chosen.quick:
        packages = ["simba-nvdla-3x3", "simba-shidiannao-3x3", "het-sides-3x3"]
    all_seconds, most_mb = [], 0.0
    for scenario in (name for name in SCENARIOS if name.removeprefix("arvr-").removeprefix("datacenter-").isdigit()):
        seconds = []
        for package in packages:
            system = f"arvr-{package}" if scenario.startswith("arvr") else package
            took_s, mb = measure("schedule", scenario, "-p", system, "--provision", chosen.provision, "--json")
            seconds.append(took_s)
            most_mb = max(most_mb, mb)
        all_seconds += seconds
        print(f"{scenario:<40} {statistics.median(seconds):6.2f} s median, {max(seconds):6.2f} s at most")
    median, most = statistics.median(all_seconds), max(all_seconds)
    print(f"{len(all_seconds)} commands: {median:.2f} s median, {most:.2f} s at most, {most_mb:.0f} MB at the peak")


if __name__ == "__main__":
    main()
