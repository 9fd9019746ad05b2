"""About how long a window takes where its stages wait for one another's DRAM traffic: an estimate beside the law's
least (docs/evaluation.md, "A window").

A mean field: each stage sees the bandwidth that all other stages of the window leave on average. What they take depends
on how long the window is, and that on what they leave; the length where both agree is unique, as a longer window leaves
more to each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chipweave.evaluation.law import EMPTY, Demand, Rates, Terms, Way, kept, latency_s_of, micro_batches, through

CLOSE = 1e-9
"""The span in which the length lies is halved until it is so small, relatively."""


class Sharer(NamedTuple):
    """A stage that shares the DRAM: what it asks for, how its weights are kept, and what that costs alone.

    Args:
        interface: whose bandwidth it shares with those of the same one; None: that of the whole DRAM.
        own_rates: the package's constants there; None: those of the whole DRAM.
        elsewhere: (interface, bytes in the window) that it reads at others.
    """

    demand: Demand
    way: Way
    terms: Terms
    interface: int | None = None
    own_rates: Rates | None = None
    elsewhere: tuple[tuple[int, float], ...] = ()

    def rates(self, rates: Rates) -> Rates:
        """The package's constants, as the stage meets them alone."""
        return self.own_rates or rates

    def own_s(self, rates: Rates) -> float:
        """Seconds for which it keeps the DRAM, or its interface, busy in the window."""
        own = self.terms.dram - sum(bytes_ for _, bytes_ in self.elsewhere)
        return own / self.rates(rates).dram_bytes_s


def contended_s(pipelines: Sequence[Sequence[Sharer]], least_s: float, rates: Rates) -> float:
    """Seconds of a window.

    Args:
        pipelines: their stages.
        least_s: the window's latency by the law, not below what the DRAM needs for all bytes.
    """
    every = [stage for stages in pipelines for stage in stages]
    pools = {stage.interface for stage in every}
    all_s = {pool: sum(stage.own_s(rates) for stage in every if stage.interface == pool) for pool in pools}
    bytes_s = {stage.interface: stage.rates(rates).dram_bytes_s for stage in every}
    for pool, bytes_ in (each for stage in every for each in stage.elsewhere if each[0] in pools):
        all_s[pool] += bytes_ / bytes_s[pool]
    shares = {pool: _weight_shares(pipelines, pool) for pool in pools}

    def length_s(of_s: float) -> float:
        """How long the window takes where each stage has what others leave in a window of so many seconds."""
        longest_s = least_s
        for number, stages in enumerate(pipelines):
            passed, k = EMPTY, micro_batches(stages[0].demand.batch, stages[0].demand.micro_batch)
            for stage in stages:
                own_s, pool = stage.own_s(rates), stage.interface
                left = max(of_s - (all_s[pool] - own_s), own_s) / of_s  # but for rounding the first is the larger
                passed = through(passed, _slowed(stage, left, shares[pool][number], stage.rates(rates)), k)
            longest_s = max(longest_s, latency_s_of(passed, k, rates))
        return longest_s

    if not any(all_s.values()):
        return least_s
    short_s, long_s = least_s, length_s(least_s)
    while long_s - short_s > CLOSE * short_s:
        middle_s = (short_s + long_s) / 2
        if length_s(middle_s) > middle_s:
            short_s = middle_s
        else:
            long_s = middle_s
    return long_s


def _slowed(stage: Sharer, share: float, weights_share: float, rates: Rates) -> Terms:
    """The stage with these shares of the DRAM's bandwidth, the second while the weights that stay are loaded."""
    if stage.terms.dram == 0:
        return stage.terms
    running = kept(stage.demand, stage.way, rates._replace(dram_bytes_s=share * rates.dram_bytes_s))
    loading = kept(stage.demand, stage.way, rates._replace(dram_bytes_s=weights_share * rates.dram_bytes_s))
    return running._replace(resident_s=loading.resident_s, ready_s=loading.ready_s)


def _weight_shares(pipelines: Sequence[Sequence[Sharer]], pool: int | None) -> list[float]:
    """Per pipeline, its share of an interface's bandwidth (None: of the DRAM's) while it loads the weights that stay:
    all pipelines begin at once and share it evenly, so that one that needs R_i alone is done after the sum over all j
    of min(R_i, R_j)."""
    alone_s = [sum(stage.terms.resident_s for stage in stages if stage.interface == pool) for stages in pipelines]
    return [own_s / sum(min(own_s, each_s) for each_s in alone_s) if own_s > 0 else 1.0 for own_s in alone_s]
