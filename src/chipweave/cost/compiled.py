"""How the cost models' kernels are compiled."""

from __future__ import annotations

ENTRY = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
"""Options of kernels that Python calls. Callers own all arrays, so that nothing need count references; without that,
and without a way in from C, there is less to compile. Nothing divides by zero."""

INNER = ENTRY | {"no_cpython_wrapper": True}
"""Options of kernels that only other kernels call."""
