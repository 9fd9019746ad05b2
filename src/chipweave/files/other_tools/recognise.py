"""What a file or folder of another tool is, and the import that makes a model of it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

_BY_SUFFIX = {
    ".onnx": "onnx {}",
    ".m": "maestro {}",
    ".py": "torch MODULE:FACTORY",
    ".pt": "torch MODULE:FACTORY",
    ".pth": "torch MODULE:FACTORY",
    ".pt2": "torch MODULE:FACTORY",
}
_HEAD_BYTES = 2**16
"""Read of a file to tell what it is."""
_MOST_LOOKED_AT = 20
"""Files of a folder that are looked at."""


def import_advice(path: Path) -> str | None:
    """What a file or folder is and what to do with it, as the rest of a message; None where it is no other tool's."""
    what, command = _found(path) or ("", "")
    if not what:
        return None
    if not command:
        return what
    return (
        f"{what}; make a model of it first: chipweave import {command.format(shlex.quote(str(path)))} --out MODEL.yaml"
    )


def _found(path: Path) -> tuple[str, str] | None:
    """What it is, and the import's words (empty where there is none)."""
    if os.path.isdir(path):
        layers = [entry for entry in path.iterdir() if entry.suffix.lower() in (".yaml", ".yml")][:_MOST_LOOKED_AT]
        found = any(_found(layer) == _PROBLEM for layer in layers if layer.is_file())
        return ("is a folder of Timeloop problems", "timeloop {}") if found else None
    suffix, head = path.suffix.lower(), _head(path)
    if suffix == ".py" and re.search(r"[\"'](loop_dim_size|loop_dims)[\"']", head):
        return "is a ZigZag workload in Python, which is not read; write it as ZigZag's YAML, or export ONNX", ""
    if suffix == ".json" and re.search(r'"model_type"\s*:', head):
        return "is a language model's configuration", "hf {} --phase decode --context 2048"
    if suffix in _BY_SUFFIX:
        return "is no YAML file", _BY_SUFFIX[suffix]
    return _by_content(head)


_PROBLEM = ("is a Timeloop problem", "timeloop {}")


def _by_content(head: str) -> tuple[str, str] | None:
    from chipweave.files.other_tools.scale_sim import is_topology
    from chipweave.files.other_tools.timeloop import is_problem
    from chipweave.files.other_tools.zigzag import is_workload

    if is_topology(head):
        return "is a SCALE-Sim topology", "scale-sim {}"
    if is_problem(head):
        return _PROBLEM
    if is_workload(head):
        return "is a ZigZag workload", "zigzag {}"
    if re.search(r"^\s*Network\s+[\w.\-]+\s*\{", head, re.MULTILINE):
        return "is a MAESTRO network", "maestro {}"
    return None


def _head(path: Path) -> str:
    try:
        if not path.is_file():  # what is read of a pipe is gone for who reads it next
            return ""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):  # whoever reads it says why
        return ""
