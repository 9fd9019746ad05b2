"""The law at its second speed: its functions may be called from kernels, where they are compiled from the same source.

Kernels import it from here: `from chipweave.evaluation.tables.compiled_law import law`.
"""

from __future__ import annotations

from inspect import getmembers, isfunction

from numba.extending import register_jitable

from chipweave.evaluation import law

__all__ = ["law"]

for _, _rule in getmembers(law, isfunction):
    register_jitable(error_model="numpy")(_rule)
