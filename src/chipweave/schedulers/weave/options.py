"""What the user may set of `weave` and `optimal`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chipweave.errors import InputError
from chipweave.schedulers.options import check, option

MOST = 1_000_000_000


class Windowing(StrEnum):
    """Which windows are searched."""

    FREE = "free"
    SCAR = "scar"


@dataclass(frozen=True, slots=True)
class WeaveOptions:
    """Options of `weave` and `optimal`."""

    steps: int | None = option(
        None,
        help="Layers that are evaluated exactly while schedules are improved, instead of a time limit; runs with the "
        "same number give the same schedule",
        unset="as many as the time limit allows (20 s where none is given)",
        least=0,
        most=MOST,
    )
    gap: float = option(
        0.0, help="Stop when the schedule is proven to be no further from the best than this share", least=0, most=1
    )
    windowing: Windowing = option(
        Windowing.FREE,
        help="free: any number with any cuts; scar, for `optimal` alone: those that SCAR's engine gives, in which in "
        "`paper` no schedule is better than what is found",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.windowing is Windowing.SCAR and (self.steps is not None or self.gap):
            raise InputError(
                "windowing=scar is a search that ends by itself, in which steps and gap have no meaning; leave them "
                "out, or take windowing=free"
            )
