"""The law at its second speed: its functions may be called from kernels, where they are compiled from the same source.

Kernels import it from here: `from chipweave.evaluation.tables.compiled_law import law`. Its functions are put into the
kernels that call them: handing over a demand of thirty figures would take several times as long as what it costs.
The passes over a stage's layers, `keep` and `streams`, come from here, too.
"""

from __future__ import annotations

from inspect import getmembers, isfunction

from numba.extending import register_jitable

from chipweave.evaluation import keep, law, streams

__all__ = ["keep", "law", "streams"]

for _, _rule in getmembers(law, isfunction):
    register_jitable(error_model="numpy", forceinline=True)(_rule)
for _module in (keep, streams):
    for _, _rule in getmembers(_module, isfunction):
        register_jitable(error_model="numpy")(_rule)
