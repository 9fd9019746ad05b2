"""Batches of layers through MAESTRO's analysis: arrays in, counts out, faults in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.maestro.notation import DIMENSIONS, LAYER_DIMENSIONS, LAYER_TYPES

Integers = NDArray[np.int64]

L1_ENERGY_MAC = 1.68
"""Energy of one L1 access in MACs, whatever the size of the memory (MAESTRO's constant)."""

L2_ENERGY_MAC = 18.61
"""Energy of one L2 access in MACs (MAESTRO's constant)."""

TENSORS = ("input", "filter", "output")


@dataclass(frozen=True)
class Batch:
    """Problems for the engine, one row each.

    Args:
        layers: (problems, 12): type code, sizes of C G K M N R S X Y (0: not declared), vertical and
            horizontal stride.
        directives: (rows, 4): kind, dimension code, size, offset of all mappings one after another.
        starts: (problems + 1,): where each problem's directives start.
        hardware: (problems, 5): PEs, NoC elements per cycle, NoC latency in cycles, off-chip elements
            per cycle, lanes per PE.
    """

    layers: Integers
    directives: Integers
    starts: Integers
    hardware: Integers

    def rows(self, problem: int) -> Integers:
        """The directives of one problem."""
        return self.directives[self.starts[problem] : self.starts[problem + 1]]


@dataclass(frozen=True)
class Counts:
    """What the engine counts; arrays of shape (problems,) or (problems, 3) for input, filter and output.

    Accesses and sizes are in elements. `fault` is (code, level, dimension); figures count only where the code is 0.
    """

    fault: Integers
    cycles: Integers
    macs: Integers
    l1_read: Integers
    l1_write: Integers
    l1_size: Integers
    l2_read: Integers
    l2_write: Integers
    l2_size: Integers

    @property
    def energy_macs(self) -> NDArray[np.float64]:
        """Energy in units of one MAC: 18.61 per L2 access, 1.68 per L1 access, 1 per MAC."""
        l1 = (self.l1_read + self.l1_write).sum(axis=1)
        l2 = (self.l2_read + self.l2_write).sum(axis=1)
        return np.asarray(L2_ENERGY_MAC * l2 + L1_ENERGY_MAC * l1 + self.macs, dtype=np.float64)


def layer_row(kind: str, sizes: Mapping[str, int], stride: tuple[int, int] = (1, 1)) -> list[int]:
    """One row of `Batch.layers`."""
    return [LAYER_TYPES.index(kind), *(sizes.get(dim, 0) for dim in LAYER_DIMENSIONS), *stride]


def pack(
    layers: Sequence[Sequence[int]],
    mappings: Sequence[Sequence[Sequence[int]]],
    hardware: Sequence[Sequence[int]],
) -> Batch:
    """A batch from rows: per problem a `layer_row`, resolved directives and the hardware."""
    starts = np.zeros(len(layers) + 1, np.int64)
    np.cumsum([len(mapping) for mapping in mappings], out=starts[1:])
    flat = [row for mapping in mappings for row in mapping]
    return Batch(
        np.array(layers, np.int64).reshape(-1, 12),
        np.array(flat, np.int64).reshape(-1, 4),
        starts,
        np.array(hardware, np.int64).reshape(-1, 5),
    )


def evaluate(batch: Batch) -> Counts:
    """Counts of every problem, exactly as MAESTRO (Kwon et al., MICRO 2019; IEEE Micro 2020) prints them.

    Problems on which MAESTRO exits, crashes or returns no cycles get a fault, see `fault_in_words`.
    """
    from chipweave.cost.maestro import kernel

    out = np.zeros((len(batch.layers), kernel.COLUMNS), np.int64)
    kernel.evaluate_batch(batch.layers, batch.directives, batch.starts, batch.hardware, out)

    def triple(column: int) -> Integers:
        return out[:, column : column + 3]

    out[_too_large(batch), kernel.FAULT] = kernel.TOO_LARGE
    return Counts(
        fault=triple(kernel.FAULT),
        cycles=out[:, kernel.RUNTIME],
        macs=out[:, kernel.MACS],
        l1_read=triple(kernel.L1_READ),
        l1_write=triple(kernel.L1_WRITE),
        l1_size=triple(kernel.L1_SIZE),
        l2_read=triple(kernel.L2_READ),
        l2_write=triple(kernel.L2_WRITE),
        l2_size=triple(kernel.L2_SIZE),
    )


def _too_large(batch: Batch) -> NDArray[np.bool_]:
    """Where counts could leave 64 bits: the loops and tiles multiply to more than 2**60."""
    loops = np.log2(np.maximum(batch.layers[:, 1:10], 1)).sum(axis=1)
    sizes = np.concatenate([[0.0], np.cumsum(np.log2(np.maximum(batch.directives[:, 2], 1)))])
    tiles = sizes[batch.starts[1:]] - sizes[batch.starts[:-1]]
    del tiles
    return np.asarray(loops > 60)
