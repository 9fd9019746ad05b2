"""Compiled: a demand as searches work it out."""

from __future__ import annotations

from typing import NamedTuple

from chipweave.compiled import kernel
from chipweave.evaluation.law import Demand
from chipweave.evaluation.tables.compiled_law import law


class Spent(NamedTuple):
    """Seconds of one micro-batch (see `law.Demand`)."""

    compute_s: float
    exchange_s: float
    pace_s: float
    forward_s: float
    gather_s: float


class Brought(NamedTuple):
    """Bytes: all weights; activations of one sample from and to DRAM; links between the stage and its interface."""

    weights: float
    load: float
    store: float
    hops: float


@kernel()
def demand_of(
    samples: tuple[int, int], spent: Spent, brought: Brought, hop_bytes: float, inside_j: float, weight_fill_j: float
) -> Demand:
    """The demand of a stage for (batch, micro-batch) samples, of whose joules only the sum counts.

    Args:
        hop_bytes: of what moves between chiplets; what the way to DRAM takes is in the rates (`law.seen_from`).
        inside_j: all that one sample takes inside the chiplets, counted as `mac_j`.
    """
    batch, micro_batch = samples
    return law.Demand(
        batch=batch,
        micro_batch=micro_batch,
        compute_s=spent.compute_s,
        exchange_s=spent.exchange_s,
        pace_s=spent.pace_s,
        forward_s=spent.forward_s,
        gather_s=spent.gather_s,
        weights=brought.weights,
        weights_hops=brought.hops,
        load=brought.load,
        load_hops=brought.hops,
        store=brought.store,
        store_hops=brought.hops,
        dram_hops=brought.hops,
        hop_bytes=hop_bytes,
        mac_j=inside_j,
        l1_j=0.0,
        l2_j=0.0,
        noc_j=0.0,
        fill_j=0.0,
        drain_j=0.0,
        weight_fill_j=weight_fill_j,
    )
