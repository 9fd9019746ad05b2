"""How the cost models' kernels are compiled: with all that they do not need left out, which saves time.

Callers own all arrays, so kernels count no references; none is called from C; nothing divides by zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import int64, njit, typeof

Kernel = TypeVar("Kernel", bound=Callable[..., object])

LEAN: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
ENTRY, INNER = LEAN | {"nogil": True}, LEAN | {"no_cpython_wrapper": True}


def entry(kernel: Kernel) -> Kernel:
    """Compiles a kernel that Python calls."""
    compiled: Any = njit(**ENTRY)(kernel)
    return compiled  # type: ignore[no-any-return]


def inner(kernel: Kernel) -> Kernel:
    """Compiles a kernel that only other kernels call."""
    compiled: Any = njit(**INNER)(kernel)
    return compiled  # type: ignore[no-any-return]


def inlined(kernel: Kernel) -> Kernel:
    """Compiles a kernel into the one other kernel that calls it, so often that handing over arguments would count."""
    compiled: Any = njit(forceinline=True, **INNER)(kernel)
    return compiled  # type: ignore[no-any-return]


def recursive(*arguments: object) -> Callable[[Kernel], Kernel]:
    """Compiles a kernel that calls itself and returns an integer, for arguments of the types of these: one that calls
    itself can only be cached with its types written down."""
    type_of: Any = typeof
    signature = int64(*map(type_of, arguments))

    def compile_now(kernel: Kernel) -> Kernel:
        compiled: Any = njit(signature, **INNER)(kernel)
        return compiled  # type: ignore[no-any-return]

    return compile_now


@inner
def number(value: int) -> int:
    """A constant as an argument of a kernel: Numba takes a plain 0 for a type of its own, and compiles the kernel, with
    all that it calls, once more."""
    return int(np.int64(value))
