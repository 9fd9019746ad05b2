"""Who answers cases: what the processes of this machine and those of a cluster have in common."""

from __future__ import annotations

from typing import Protocol

from chipweave.store.answer import Answer, Failure
from chipweave.sweep.parcel import Parcel


class Workers(Protocol):
    """Takes parcels, and hands out what came of them. It is used by one thread."""

    @property
    def room(self) -> int:
        """How many more parcels may be handed in now."""

    def submit(self, parcel: Parcel) -> None:
        """Hand a parcel in."""

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        """What came of parcels since the last call; where there is nothing, wait so long for the first.

        Raises:
            InputError: there are no workers any more.
        """

    def close(self) -> None:
        """End the workers, and what they are at."""
