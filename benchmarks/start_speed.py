"""Processor time of commands that do little: what starting and ending costs every command.

    python -m benchmarks.start_speed [--repeat 6]

Python, imports, loading compiled code and reading mappings, with all caches warm; the least of some runs, as others
may use the machine.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.search_speed import run
from benchmarks.tables import markdown

COMMANDS = (
    "--version",
    "list models --json",
    "schedule datacenter-3 --package simba-nvdla-3x3 --scheduler standalone --json",
    "schedule datacenter-3 --package simba-nvdla-3x3 --scheduler scar --json",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=6)
    arguments = parser.parse_args()
    rows = [[f"`chipweave {words}`", f"{least_s(words.split(), arguments.repeat):.2f}"] for words in COMMANDS]
    print(markdown(["command", "processor time, s"], rows))


def least_s(words: list[str], repeat: int) -> float:
    """Of so many runs of a command."""
    return min(run([sys.executable, "-m", "chipweave", *words], read=False)[1] for _ in range(repeat))


if __name__ == "__main__":
    main()
