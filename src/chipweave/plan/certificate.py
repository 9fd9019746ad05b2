"""What is proven of a schedule: how far from the best it can be."""

from __future__ import annotations

from dataclasses import dataclass

ONE_CHIPLET = "schedules with one chiplet a stage"
REGIONS = "schedules on regions of any size"


@dataclass(frozen=True, slots=True)
class Certificate:
    """No schedule of this scenario on this package, under this fidelity and cost model, does better.

    Args:
        of: the schedules for which that is proven.
        value: of the objective.
        latency_s, energy_j: what it is computed from, each a bound by itself.
        binds: which latency term is the largest.
        terms_s: all of them.
    """

    of: str
    value: float
    latency_s: float
    energy_j: float
    binds: str
    terms_s: tuple[tuple[str, float], ...]

    def gap(self, value: float) -> float:
        """How far `value`, above 0, may be from the best, as a fraction of it: 0 is proven optimal."""
        return 1 - self.value / value
