"""MAESTRO's analysis with single terms taken out, to see what each costs on the same mapping.

The terms are lines of `chipweave.cost.maestro.kernel`: its source is executed once more with those lines replaced, as
plain Python. A line that is no longer there is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from chipweave.cost.maestro import kernel, layout
from chipweave.cost.maestro.engine import Counts, layer_row, pack
from chipweave.cost.maestro.notation import parse_mapping, resolve

OUTPUTS = ("cycles = max(compute, cycles, _delay(egress, bandwidth, latency))", "cycles = max(compute, cycles)")
FIRST_LOADS = ("cycles += compute", "cycles = cycles + compute if level == 0 else max(cycles, compute)")
"""Writing outputs in every iteration; the first load of a level below the top, which nothing hides."""

PLAIN = """
class _Anything:
    def __getitem__(self, key): return self
    def __call__(self, *arguments): return self
int64 = _Anything()
def njit(*arguments, **options): return lambda function: function
"""


@cache
def _kernel(replacements: tuple[tuple[str, str], ...]) -> ModuleType:
    source = inspect.getsource(kernel)
    for old, new in (("from numba import int64, njit", PLAIN), *replacements):
        if source.count(old) != 1:
            raise LookupError(f"the kernel has {source.count(old)} lines '{old}', not one")
        source = source.replace(old, new)
    source = source.replace("from __future__ import annotations", "")
    module = ModuleType("maestro_without")
    exec(compile(source, "maestro_without", "exec"), module.__dict__)
    return module


def recount(explained: dict[str, Any], hardware: Sequence[int], without: Sequence[tuple[str, str]] = ()) -> Counts:
    """Counts of one run of a layer under the mapping that `MaestroCostModel.explain` gives for it.

    Args:
        hardware: PEs, NoC elements per cycle, NoC latency, off-chip elements per cycle, lanes.
        without: the terms to take out.
    """
    where = explained["name"]
    rows = resolve(parse_mapping(explained["mapping"], where), explained["sizes"], where)
    batch = pack([layer_row(explained["type"], explained["sizes"], explained["stride"])], [rows], [hardware])
    table = np.zeros((1, layout.COLUMNS), np.int64)
    evaluate: Callable[..., None] = _kernel(tuple(without)).evaluate_batch
    evaluate(batch.layers, batch.directives, batch.starts, batch.hardware, table)
    return Counts(table)
