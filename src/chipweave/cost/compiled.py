"""How the cost models' kernels are compiled: callers own all arrays, so kernels count no references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import int64, njit, typeof

from chipweave.compiled import LEAN
from chipweave.compiled import inner as _inner
from chipweave.compiled import kernel as _kernel

Kernel = TypeVar("Kernel", bound=Callable[..., object])

entry = _kernel(nogil=True, _nrt=False)
"""Compiles a kernel that Python calls."""
inner = _inner(_nrt=False, forceinline=False)
"""Compiles a kernel that only other kernels call."""
inlined = _inner(_nrt=False, forceinline=True)
"""Compiles a kernel into the one other kernel that calls it, so often that handing over arguments would count."""


def recursive(*arguments: object) -> Callable[[Kernel], Kernel]:
    """Compiles a kernel that calls itself and returns an integer, for arguments of the types of these: one that calls
    itself can only be cached with its types written down."""
    type_of: Any = typeof
    signature = int64(*map(type_of, arguments))

    def compile_now(kernel: Kernel) -> Kernel:
        options: dict[str, Any] = LEAN | {"cache": True, "no_cpython_wrapper": True, "_nrt": False}
        compiled: Any = njit(signature, **options)(kernel)
        return compiled  # type: ignore[no-any-return]

    return compile_now


@inner
def number(value: int) -> int:
    """A constant as an argument of a kernel: Numba takes a plain 0 for a type of its own, and compiles the kernel, with
    all that it calls, once more."""
    return int(np.int64(value))
