"""Pools, element-wise and upsample layers: they ride with their producer."""

from __future__ import annotations

from chipweave.workload.layer import Layer, Op


def rider_cycles(layer: Layer, num_pes: int) -> int:
    """ceil(output elements * window / PEs): one input element per PE and cycle. The papers' model has no such term, and
    `maestro` and `table` know nothing else of such layers."""
    window = layer.R * layer.S if layer.op is Op.POOL else 1
    return -(-layer.output_elements * window // num_pes)
