"""Batches of layers through MAESTRO's analysis: arrays in, counts out, faults in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.maestro import layout
from chipweave.cost.maestro.notation import LAYER_DIMENSIONS, LAYER_TYPES

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
    """What the engine counts: a table of shape (problems, `layout.COLUMNS`), and its columns by name.

    Accesses and sizes are in elements, of shape (problems, 3) for input, filter and output. `fault` is
    (code, level, dimension); the figures of a problem count only where its code is 0.
    """

    table: Integers

    def _triple(self, column: int) -> Integers:
        return self.table[:, column : column + 3]

    @property
    def fault(self) -> Integers:
        return self._triple(layout.FAULT)

    @property
    def cycles(self) -> Integers:
        return self.table[:, layout.RUNTIME]

    @property
    def macs(self) -> Integers:
        """Multiply-accumulates as MAESTRO reports them (ragged strided tiles count too much)."""
        return self.table[:, layout.MACS]

    @property
    def l1_read(self) -> Integers:
        return self._triple(layout.L1_READ)

    @property
    def l1_write(self) -> Integers:
        return self._triple(layout.L1_WRITE)

    @property
    def l1_size(self) -> Integers:
        """Elements of one PE's double buffers."""
        return self._triple(layout.L1_SIZE)

    @property
    def l2_read(self) -> Integers:
        return self._triple(layout.L2_READ)

    @property
    def l2_write(self) -> Integers:
        return self._triple(layout.L2_WRITE)

    @property
    def l2_size(self) -> Integers:
        """Elements of the double buffers in L2."""
        return self._triple(layout.L2_SIZE)

    @property
    def wrapped(self) -> NDArray[np.bool_]:
        """Where MAESTRO's 32-bit iteration counts wrap round: its figures are then too small, or negative."""
        return np.asarray(self.table[:, layout.WRAPPED] != 0)

    @property
    def energy_macs(self) -> NDArray[np.float64]:
        """Energy in units of one MAC: 18.61 per L2 access, 1.68 per L1 access, 1 per MAC."""
        l1 = (self.l1_read + self.l1_write).sum(axis=1)
        l2 = (self.l2_read + self.l2_write).sum(axis=1)
        return np.asarray(L2_ENERGY_MAC * l2 + L1_ENERGY_MAC * l1 + self.macs, dtype=np.float64)


def accesses(read: Integers, write: Integers, size: Integers) -> dict[str, dict[str, int]]:
    """Elements read, written and buffered per tensor, as plain data."""
    return {
        tensor: {"read": int(read[index]), "write": int(write[index]), "size": int(size[index])}
        for index, tensor in enumerate(TENSORS)
    }


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

    Problems on which MAESTRO exits, crashes or returns no cycles get a fault, see `faults.fault_in_words`.
    """
    from chipweave.cost.maestro import kernel

    table = np.zeros((len(batch.layers), layout.COLUMNS), np.int64)
    kernel.evaluate_batch(batch.layers, batch.directives, batch.starts, batch.hardware, table, kernel.room())
    return Counts(table)


def evaluate_template(template: str, tile: Integers, batch: Batch) -> Counts:
    """`evaluate` for problems that all carry one of the templates with a closed form, many times faster.

    Args:
        template: "nvdla" or "shidiannao".
        tile: (problems,): C lanes, or columns of a cluster (unused for depthwise layers under "nvdla").
        batch: the problems, each with the template's directives (`templates`), equally many rows each. The engine
            takes those to which the closed form does not apply.
    """
    from chipweave.cost.maestro import closed_forms

    layers = batch.layers
    table = np.zeros((len(layers), layout.COLUMNS), np.int64)
    exact = np.zeros(len(layers), np.bool_)
    form = closed_forms.nvdla if template == "nvdla" else closed_forms.shidiannao
    form(layers, tile, batch.hardware, table, exact)
    rest = np.flatnonzero(~exact)
    if len(rest):
        rows = batch.directives.reshape(len(layers), -1, 4)[rest]
        starts = np.arange(len(rest) + 1) * rows.shape[1]
        table[rest] = evaluate(Batch(layers[rest], rows.reshape(-1, 4), starts, batch.hardware[rest])).table
    return Counts(table)
