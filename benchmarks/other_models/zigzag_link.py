"""ZigZag in an environment of its own: finding it, making it, and handing it mappings."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import Axis, Shape

from .zigzag_rules import positions

VERSION = "3.9.0"
SIDE = Path(__file__).with_name("zigzag_side.py")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--zigzag", metavar="PYTHON", help=f"interpreter that has zigzag-dse {VERSION}")
    parser.add_argument("--install", metavar="DIR", help="make a virtual environment with ZigZag in DIR and use it")


def interpreter(arguments: argparse.Namespace) -> str:
    """The interpreter that the options name. Ends the program with one sentence where there is no ZigZag."""
    if arguments.install:
        found = Path(arguments.install) / "bin" / "python"
        if not found.exists():
            venv.create(arguments.install, with_pip=True)
            subprocess.run([found, "-m", "pip", "install", "--quiet", f"zigzag-dse=={VERSION}"], check=True)
    elif arguments.zigzag:
        found = Path(arguments.zigzag)
    else:
        sys.exit("ZigZag is not part of chipweave: --zigzag names an interpreter that has it, --install DIR gets it.")
    query = "import importlib.metadata as m; print(m.version('zigzag-dse'))"
    try:
        answer = subprocess.run([found, "-c", query], capture_output=True, text=True).stdout.strip()
    except OSError:
        answer = ""
    if answer != VERSION:
        sys.exit(f"{found} has {'ZigZag ' + answer if answer else 'no ZigZag'}, not {VERSION}; --install DIR gets it.")
    return str(found)


def case(shape: Shape, mapping: Mapping, machine: Machine) -> dict[str, Any]:
    """A mapping as zigzag_side.py reads it, with memories that hold two of everything."""
    bounds = shape.bounds

    def axis(of: Axis, outputs: int, taps: int) -> tuple[int, int, int]:
        return of.stride, of.dilation, len(positions(of, range(outputs), range(taps)))

    return {
        "bounds": bounds,
        "axes": [axis(shape.vertical, bounds[4], bounds[6]), axis(shape.horizontal, bounds[5], bounds[7])],
        "spatial": mapping.spatial,
        "tile": mapping.tile,
        "outer": mapping.outer,
        "inner": mapping.inner,
        "noc_bandwidth": machine.noc_bandwidth,
        "bits": 8 * machine.element_bytes,
        "sum_bits": 8 * machine.sum_bytes,
        "l1_bits": {},
    }


def evaluate(python: str, cases: Sequence[dict[str, Any]], search: bool = False) -> tuple[float, list[Any]]:
    """Seconds that ZigZag took, start-up left out, and its results in the order of the cases.

    Args:
        search: look for temporal mappings instead; a result is how many were evaluated, and the least latency.
    """
    command = [python, SIDE, *(["search"] if search else [])]
    run = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"ZigZag failed: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else 'no message'}")
    answer = json.loads(run.stdout)
    return answer["seconds"], answer["results"]


def counted(result: dict[str, Any], charged: bool) -> dict[str, float]:
    """ZigZag's accesses by the names of `zigzag_rules.accesses`: as it counts elements, or as it charges them."""
    found = {}
    for tensor, levels in result["accesses"].items():
        for level, ways in levels.items():
            of = {way: amounts[int(charged)] for way, amounts in ways.items()}
            found[f"{level} read {tensor}"] = of["to_low"] + of["to_high"]
            found[f"{level} write {tensor}"] = of["from_low"] + of["from_high"]
    return found
