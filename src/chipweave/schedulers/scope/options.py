"""What the user may set of the schedulers on regions."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.schedulers.options import check, option

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """Options of `scope` and of the baselines on the same space."""

    micro_batch: int | None = option(
        None, help="Samples that pass through a pipeline at a time", unset="searched", least=1, most=MOST
    )
    windows: int | None = option(
        None,
        help="Most windows a model may take",
        unset="as many as pay; full-pipeline: 1",
        least=1,
        most=MOST,
    )
    polish: int = option(2, help="Rounds of improvement with the exact evaluator", least=0, most=MOST)

    def __post_init__(self) -> None:
        check(self)
