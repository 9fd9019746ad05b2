"""Python's search for objects that hold each other in circles, left out where there are none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = 100_000
"""Objects made, less those that are gone, after which a command is looked through; Python's own is 700 to 2,000."""


def seldom() -> None:
    """For a command, which makes few circles, and loads what makes a hundred thousand objects that stay."""
    gc.set_threshold(RARELY)


def no_more() -> None:
    """For the end of a command: what is left goes with the process, and is not looked through once more.

    Python does so as it ends, module by module, which takes longer than many a command.
    """
    gc.disable()
    gc.freeze()



@contextmanager
def without_collector() -> Iterator[None]:
    """For what makes objects by the ten thousand of which none is garbage before its end: looking takes time alone."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
