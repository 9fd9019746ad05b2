"""Compiling kernels with Numba, with a cache on disk that is only ever used for the sources it was made from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numba

SHARED = ("evaluation/law.py", "evaluation/exact/boxes.py", "evaluation/tables/*.py")
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Decorate a function so that it is compiled when it is first called, and the compiled code kept on disk.

    Numba itself looks at the file of the function alone, so that its cache outlives a change of what the function
    calls in other files. Here the cache also depends on the modules that kernels of other files call: `SHARED`.
    """

    def compile_(function: Function) -> Function:
        made = numba.njit(cache=True, **options)(function)
        index = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if index is None:  # a Numba whose cache is made in another way: none is better than a stale one
            return numba.njit(**options)(function)  # type: ignore[no-any-return]
        index._source_stamp = (index._source_stamp, _sources())
        return made  # type: ignore[no-any-return]

    return compile_


@cache
def _sources() -> str:
    """A digest of the shared modules."""
    digest = sha256()
    for pattern in SHARED:
        for path in sorted(Path(__file__).parent.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
