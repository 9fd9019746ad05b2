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
    """A stage that shares the DRAM: what it asks for, how its weights are kept, and what that costs alone."""

    demand: Demand
    way: Way
    terms: Terms


def contended_s(pipelines: Sequence[Sequence[Sharer]], least_s: float, rates: Rates) -> float:
    """Seconds of a window.

    Args:
        pipelines: their stages.
        least_s: the window's latency by the law, not below what the DRAM needs for all bytes.
    """
    all_s = sum(stage.terms.dram / rates.dram_bytes_s for stages in pipelines for stage in stages)
    shares = _weight_shares(pipelines)

    def length_s(of_s: float) -> float:
        """How long the window takes where each stage has what others leave in a window of so many seconds."""
        longest_s = least_s
        for stages, weights_share in zip(pipelines, shares, strict=True):
            passed, k = EMPTY, micro_batches(stages[0].demand.batch, stages[0].demand.micro_batch)
            for stage in stages:
                own_s = stage.terms.dram / rates.dram_bytes_s
                left = max(of_s - (all_s - own_s), own_s) / of_s  # but for rounding the first is the larger
                passed = through(passed, _slowed(stage, left, weights_share, rates), k)
            longest_s = max(longest_s, latency_s_of(passed, k, rates))
        return longest_s

    if all_s == 0:
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


def _weight_shares(pipelines: Sequence[Sequence[Sharer]]) -> list[float]:
    """Per pipeline, its share of the bandwidth while it loads the weights that stay: all pipelines begin at once and
    share it evenly, so that one that needs R_i alone is done after the sum over all j of min(R_i, R_j)."""
    alone_s = [sum(stage.terms.resident_s for stage in stages) for stages in pipelines]
    return [own_s / sum(min(own_s, each_s) for each_s in alone_s) if own_s > 0 else 1.0 for own_s in alone_s]
