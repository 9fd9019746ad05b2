"""What the user may set of the schedulers on regions."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.errors import InputError


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """Options of `scope` and of the baselines on the same space.

    Args:
        micro_batch: samples that pass through a pipeline at a time; None: searched.
        windows: most windows a model may take; None: as many as pay.
        polish: rounds of improvement with the exact evaluator.
    """

    micro_batch: int | None = None
    windows: int | None = None
    polish: int = 2

    def __post_init__(self) -> None:
        problems = []
        for name, least in (("micro_batch", 1), ("windows", 1), ("polish", 0)):
            value = getattr(self, name)
            if value is not None and not least <= value <= 1_000_000:
                problems.append(f"{name}={value} is not in {least}..1000000")
        if problems:
            raise InputError(problems)
