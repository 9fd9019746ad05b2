"""Processor time of the first command after an installation, which compiles the kernels, and of the next one.

    python -m benchmarks.first_command [--cost-model loopnest] [--scheduler scar] [--repeat 1]

`chipweave schedule arvr-10 --package arvr-het-sides-3x3` in processes of its own: user and system time of all threads,
with empty caches of compiled code and of mappings, then with both filled. Processor time depends on the machine and on
what else it does: compare versions in turn, on one that is idle.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def seconds(folder: Path, words: list[str]) -> float:
    """Processor time of one command whose caches are in a folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    caches = {"NUMBA_CACHE_DIR": str(folder / "kernels"), "CHIPWEAVE_CACHE": str(folder / "mappings")}
    subprocess.run(
        [sys.executable, "-m", "chipweave", *words], env=os.environ | caches, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost-model", default="loopnest")
    parser.add_argument("--scheduler", default="scar")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    words = ["schedule", "arvr-10", "--package", "arvr-het-sides-3x3", "--scheduler", arguments.scheduler]
    words += ["--cost-model", arguments.cost_model]
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            first_s, next_s = (seconds(Path(folder), words) for _ in range(2))
        print(f"first command {first_s:.1f} s, the next one {next_s:.1f} s of processor time")


if __name__ == "__main__":
    main()
