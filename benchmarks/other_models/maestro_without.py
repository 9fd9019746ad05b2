"""MAESTRO's analysis with single terms taken out, to see what each costs on the same mapping.

The terms are lines of `chipweave.cost.maestro.kernel`: its source is compiled once more with those lines replaced,
which takes half a minute. A line that is no longer there is an error.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chipweave.cost.maestro import kernel, layout
from chipweave.cost.maestro.engine import Counts, layer_row, pack
from chipweave.cost.maestro.notation import parse_mapping, resolve

OUTPUTS = ("cycles = max(compute, cycles, _delay(egress, bandwidth, latency))", "cycles = max(compute, cycles)")
FIRST_LOADS = ("cycles += compute", "cycles = cycles + compute if level == 0 else max(cycles, compute)")
"""Writing outputs in every iteration; the first load of a level below the top, which nothing hides."""

@cache
def _kernel(replacements: tuple[tuple[str, str], ...]) -> ModuleType:
    source = inspect.getsource(kernel)
    for old, new in replacements:
        if source.count(old) != 1:
            raise LookupError(f"the kernel has {source.count(old)} lines '{old}', not one")
        source = source.replace(old, new)
    # Numba wants a file: it caches what it compiles beside it.
    path = Path(_folder().name) / f"kernel_{len(list(Path(_folder().name).glob('*.py')))}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Lasts as long as the program."""
    return tempfile.TemporaryDirectory(prefix="chipweave-")


def recount(explained: dict[str, Any], hardware: Sequence[int], without: Sequence[tuple[str, str]] = ()) -> Counts:
    """Counts of one run of a layer under the mapping that `MaestroCostModel.explain` gives for it.

    Args:
        explained: what it gives.
        hardware: PEs, NoC elements per cycle, NoC latency, off-chip elements per cycle, lanes.
        without: the terms to take out.
    """
    where = explained["name"]
    rows = resolve(parse_mapping(explained["mapping"], where), explained["sizes"], where)
    batch = pack([layer_row(explained["type"], explained["sizes"], explained["stride"])], [rows], [hardware])
    table = np.zeros((1, layout.COLUMNS), np.int64)
    evaluate: Callable[..., None] = (_kernel(tuple(without)) if without else kernel).evaluate_batch
    evaluate(batch.layers, batch.directives, batch.starts, batch.hardware, table)
    return Counts(table)
