"""Where large arrays lie, so that what they took goes back to the system when they are gone."""

from __future__ import annotations

import ctypes
import sys

MMAP_THRESHOLD = -3
"""What `mallopt` of the GNU C library calls the size from which a block gets pages of its own."""

OWN_PAGES_BYTES = 8 << 20
"""Of a tenth as much, `scar` takes as little memory for `arvr-6`, but 4 % longer."""


def apart() -> None:
    """For a command: large arrays get pages of their own, which go back as soon as they are gone.

    The GNU C library begins so, too, but when one is gone it puts all up to that size, at most 32 MB, among the small
    blocks. Searches make tables of ever other sizes, and what lay empty between them was up to 40 % of what a command
    took. Another C library keeps its own ways.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, OWN_PAGES_BYTES)
