"""Columns and codes of the engine's result, shared by the kernels and what reads them."""

from __future__ import annotations

MAX_LEVELS = 4
MAX_MAPS = 16
"""Directives of one level once completed: the dimensions, with room for a few listed twice."""

# Why a problem has no figures (column 0 of the result; column 1: level, column 2: dimension).
OK, PARTIAL_FILTER, NO_SPATIAL, MANY_SPATIAL, NO_SUCH_DIMENSION, FEW_PES, MANY_LEVELS, NO_FILTER, MANY_MAPS = range(9)
NOTHING_NEW, NO_COMPUTATION, NO_CYCLES, TOO_LARGE = range(9, 13)

# Columns of the result.
FAULT, FAULT_LEVEL, FAULT_DIM, RUNTIME, MACS = range(5)
L1_READ, L1_WRITE, L1_SIZE, L2_READ, L2_WRITE, L2_SIZE = range(5, 23, 3)
WRAPPED = 23  # 1 where a case has so many iterations that MAESTRO's 32-bit count wraps round
COLUMNS = 24
