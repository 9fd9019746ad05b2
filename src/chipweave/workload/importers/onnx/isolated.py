"""Importing in a process of its own: what ONNX's native code does with a hostile file stays there.

The shape rules of ONNX are native code that damaged operators can crash. The child has a limit on time and memory,
and hands back plain JSON, which is checked like any input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model

MOST_SECONDS = 120
MOST_BYTES = 4 * 2**30
"""Of the child's own memory, where the system keeps such limits (Linux). A file that is mapped does not count."""

_REMEDY = "the file is damaged or not meant for import; export it again"


def import_onnx(
    path: str | Path,
    dims: Mapping[str, int] | None = None,
    *,
    strict: bool = False,
    name: str = "",
    bytes_per_element: int | None = None,
    inputs: Sequence[str] | None = None,
    values: Mapping[str, float | Sequence[float]] | None = None,
) -> Imported:
    """The model in an ONNX file.

    Args:
        dims: sizes of symbolic dimensions, by name (`batch`) or place (`INPUT:AXIS`, which overrules the file).
        strict: operators that are not costed are an error.
        name: of the model; without one, the file's.
        bytes_per_element: of weights and activations alike; None takes the file's width where it is uniform, else 1.
        inputs: the network's, if the file has weights among them; without, they are told by name and place.
        values: of inputs that branches and loops depend on, by name: one for all entries, or as many as there are.

    Raises:
        InputError: no ONNX file, a damaged or outsized one, sizes that are missing, `onnx` not installed; under
            `strict`, operators that are not costed.
    """
    for axis, size in (dims or {}).items():
        if not isinstance(size, int) or size < 0:
            raise InputError(f"dims: {axis!r}: {size!r} is no size; give a whole number")
    request = {
        "path": str(path),
        "dims": dict(dims or {}),
        "strict": strict,
        "name": name,
        "bytes_per_element": bytes_per_element,
        "inputs": None if inputs is None else list(inputs),
        "values": {key: _listed(value) for key, value in (values or {}).items()},
    }
    # -P and absolute entries alone: nothing is imported from the folder that the user stands in.
    places = os.pathsep.join(entry for entry in sys.path if os.path.isabs(entry))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "chipweave.workload.importers.onnx.child"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=MOST_SECONDS,
            env={**os.environ, "PYTHONPATH": places},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{path}: reading it took more than {MOST_SECONDS} s; {_REMEDY}") from None
    if done.returncode < 0:
        raise InputError(f"{path}: ONNX's shape rules crashed on it (signal {-done.returncode}); {_REMEDY}")
    if done.returncode:
        raise RuntimeError(f"the import of {path} failed:\n{done.stderr[-4000:]}")
    answer = json.loads(done.stdout)
    if "problems" in answer:
        raise InputError(answer["problems"])
    return _read(answer)


def _listed(value: float | Sequence[float]) -> list[float]:
    return [value] if isinstance(value, int | float) else list(value)


def written(imported: Imported) -> dict[str, Any]:
    """JSON-able data that `_read` takes."""
    return asdict(imported)


def _read(data: dict[str, Any]) -> Imported:
    model = data["model"]
    layers = tuple(Layer(**{key: _plain(key, value) for key, value in layer.items()}) for layer in model["layers"])
    edges = tuple(Edge(**edge) for edge in model["edges"])
    return Imported(
        Model(**{**model, "layers": layers, "edges": edges}),
        data["unsupported"],
        data["folded"],
        tuple(data["notes"]),
        data["element_types"],
    )


def _plain(key: str, value: Any) -> Any:
    return Op(value) if key == "op" else tuple(value) if isinstance(value, list) else value
