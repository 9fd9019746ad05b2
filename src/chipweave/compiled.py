"""Compiling kernels with Numba: without what they do not need, and kept on disk only for the sources they were made of.

Nothing divides by zero, and no kernel is called from C. (The cost models' kernels leave out more: `cost/compiled.py`.)
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from numba import njit
from numba.core import event

from chipweave import compiling

Kernel = TypeVar("Kernel", bound=Callable[..., object])

LEAN: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True}
SHARED = (
    *(f"evaluation/{name}.py" for name in ("law", "keep", "streams", "exact/boxes")),
    "evaluation/tables/*.py",
)
"""Modules with functions that kernels of other folders call."""


class _Compiling(event.Listener):
    """Passes on when Numba compiles, rather than reads what was kept."""

    def on_start(self, event: object) -> None:
        compiling.begin()

    def on_end(self, event: object) -> None:
        compiling.end()


event.register("numba:compile", _Compiling())  # type: ignore[no-untyped-call]


def kernel(**options: Any) -> Callable[[Kernel], Kernel]:
    """Decorate a function that Python calls: it is compiled when it is first called."""
    return lambda function: _compiled(function, **options)


def inner(*, forceinline: bool = True, **options: Any) -> Callable[[Kernel], Kernel]:
    """Decorate a function that only kernels call: it becomes part of them.

    Called, it would count the owners of every array in the named tuples that it is given: a third of a kernel's time.
    """
    return lambda function: _compiled(function, no_cpython_wrapper=True, forceinline=forceinline, **options)


def _compiled(function: Kernel, **options: Any) -> Kernel:
    """The function compiled by Numba, with a cache beside it.

    Numba itself looks at the file of the function alone, so that its cache outlives a change of what the function
    calls in other files. Here the cache also depends on the modules beside it and on `SHARED`.
    """
    try:
        made: Any = njit(cache=True, **LEAN, **options)(function)
    except RuntimeError as error:  # no folder takes files: neither the installation's nor one of the user's
        _say_once(str(error))
        made = None
    cache = getattr(made, "_cache", None)
    index = getattr(cache, "_cache_file", None)
    if index is None:  # or a Numba whose cache is made in another way: none is better than a stale one
        without_cache: Any = njit(**LEAN, **options)(function)
        return without_cache  # type: ignore[no-any-return]
    index._source_stamp = (index._source_stamp, _sources(Path(function.__code__.co_filename).parent))
    for step in ("load_overload", "save_overload"):
        setattr(cache, step, _guarded(getattr(cache, step), index))
    return made  # type: ignore[no-any-return]


def _guarded(step: Callable[..., Any], index: Any) -> Callable[..., Any]:
    """A step of Numba's cache that fails without consequences: files may be damaged, and a disk may be full.

    The index is removed where it can be, so that the next start finds a whole one.
    """

    def guarded(*arguments: Any) -> Any:
        try:
            return step(*arguments)
        except Exception as error:  # whatever reading garbage raises
            _say_once(f"{type(error).__name__}: {error}")
            with suppress(OSError):
                os.unlink(index._index_path)
            return None

    return guarded


@cache
def _once() -> list[str]:
    return []


def _say_once(reason: str) -> None:
    """A warning that kernels are compiled without a cache; one, however many kernels there are."""
    if not _once():
        _once().append(reason)
        warnings.warn(
            f"compiled kernels cannot be kept ({reason}), so this start takes longer; let the user write to "
            "~/.cache, or name a folder in NUMBA_CACHE_DIR",
            stacklevel=2,
        )


@cache
def _sources(folder: Path) -> str:
    """A digest of the modules in a folder and of the shared ones."""
    package, digest = Path(__file__).parent, sha256()
    for path in sorted({*folder.glob("*.py"), *(path for pattern in SHARED for path in package.glob(pattern))}):
        digest.update(path.read_bytes())
    return digest.hexdigest()
