"""The law at its second speed: its functions may be called from kernels, where they are compiled from the same source.

Kernels import it from here: `from chipweave.evaluation.tables.compiled_law import law`. Its functions are put into the
kernels that call them: handing over a demand of twenty figures would take several times as long as what it costs.
"""

from __future__ import annotations

from inspect import getmembers, isfunction

from numba.extending import register_jitable

from chipweave.evaluation import law

__all__ = ["law"]

for _, _rule in getmembers(law, isfunction):
    register_jitable(error_model="numpy", forceinline=True)(_rule)
