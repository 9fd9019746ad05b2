"""Who holds and who needs what: tensors of a micro-batch as boxes of samples x rows x columns x channels.

docs/regions.md has the rules; our reconstruction. The boxes of a layer's parts are compiled (`geometry.py`, loaded only
where a stage has several chiplets).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from itertools import combinations

import numpy as np

from chipweave.evaluation.exact.shares import ends
from chipweave.evaluation.record import Split
from chipweave.ndarrays import Floats, Ints
from chipweave.workload.model import NETWORK_INPUT, Model

Extent = tuple[int, int, int]
"""Rows, columns and channels of a tensor."""
Boxes = Ints
"""One box per chiplet of a region, shape (chiplets, 8): low (included) and high (not included) of each axis."""


KEPT = 8192
"""Of what equal layers on regions of the same size have in common, so much is kept at most."""


@dataclass(frozen=True, eq=False)
class Held:
    """What each chiplet of a region holds of a tensor."""

    boxes: Boxes

    @cached_property
    def sizes(self) -> Floats:
        """Entries per chiplet."""
        return sizes(self.boxes)


@dataclass(frozen=True, eq=False)
class Need:
    """What each chiplet of a region needs of a tensor: the union of one box for each way in which readers are cut."""

    boxes: tuple[Boxes, ...]

    @cached_property
    def sizes(self) -> Floats:
        """Entries per chiplet, each once."""
        return sum((sign * sizes(common) for sign, common in self._terms), np.zeros(len(self.boxes[0])))

    def held_by(self, owners: Boxes) -> Floats:
        """Entries that each owner holds and each chiplet needs, shape (owners, chiplets)."""
        from chipweave.evaluation.exact.boxes import common_entries

        none = np.zeros((len(owners), len(self.boxes[0])))
        return sum((sign * common_entries(owners, common) for sign, common in self._terms), none)

    @property
    def _terms(self) -> Iterator[tuple[int, Boxes]]:
        """Inclusion and exclusion: what any number of the boxes have in common, added and subtracted in turn."""
        for many in range(1, len(self.boxes) + 1):
            for some in combinations(self.boxes, many):
                yield (1 if many % 2 else -1), reduce(meet, some)


MOST_BOXES = 4
"""Of a `Need`; where readers are cut in more ways, the last ones share a hull."""


@dataclass(frozen=True)
class Cuts:
    """How the layers of a model are cut for a micro-batch.

    Args:
        splits: per layer; those of layers on single chiplets do not matter.
        rows: per layer its integers (`Splits.rows`); None where every stage has one chiplet.
    """

    model: Model
    micro_batch: int
    splits: Mapping[int, Split]
    rows: Ints | None

    def owned(self, layer: int, chiplets: int) -> Held:
        """What each chiplet of the region makes of a layer's output."""
        assert self.rows is not None
        return _owned(self.rows[layer].tobytes(), self.splits[layer].kept, self.micro_batch, chiplets)

    def need(self, tensor: int, readers: Iterable[int], chiplets: int) -> Need:
        """What each chiplet of the region needs of a tensor to run its parts of the layers `readers`."""
        assert self.rows is not None
        readings = dict.fromkeys(  # blocks that a model repeats read alike, and a hull of equal boxes is that box
            (self.rows[reader].tobytes(), operand, self.splits[reader].work)
            for reader in readers
            for operand, edge in enumerate(self.model.operands[reader])
            if edge.producer == tensor
        )
        return _needed(tuple(readings), extent(self.model, tensor), self.micro_batch, chiplets)

    def entries(self, tensor: int) -> int:
        """Of the whole tensor of a micro-batch."""
        rows, columns, channels = extent(self.model, tensor)
        return self.micro_batch * rows * columns * channels


def extent(model: Model, tensor: int) -> Extent:
    """Of the output of layer `tensor`; of the network's input as its first reader sees it."""
    if tensor == NETWORK_INPUT:
        reader = model.layers[model.input_readers[0].consumer]
        return reader.Y, reader.X, reader.C
    maker = model.layers[tensor]
    return maker.out_y, maker.out_x, maker.K


@lru_cache(KEPT)
def in_rows(size: Extent, micro_batch: int, chiplets: int) -> Held:
    """A tensor spread over a region by its rows."""
    rows, columns, channels = size
    edges = ends(rows, min(chiplets, rows))
    boxes = np.zeros((chiplets, 8), np.int64)
    boxes[: len(edges) - 1] = [0, micro_batch, 0, 0, 0, columns, 0, channels]
    boxes[: len(edges) - 1, 2], boxes[: len(edges) - 1, 3] = edges[:-1], edges[1:]
    return Held(boxes)


@lru_cache(KEPT)
def _owned(layer: bytes, split: Split, micro_batch: int, chiplets: int) -> Held:
    """Of a layer given by the bytes of its row: those of a model are often alike."""
    return Held(owned(np.frombuffer(layer, np.int64).copy(), split, micro_batch, chiplets))


@lru_cache(KEPT)
def _needed(readings: tuple[tuple[bytes, int, Split], ...], size: Extent, micro_batch: int, chiplets: int) -> Need:
    """Of a tensor that is operand number so of layers that are cut so."""
    ways: dict[Split, list[Boxes]] = {}
    for layer, operand, split in readings:
        way = split if split in ways or len(ways) < MOST_BOXES else list(ways)[-1]
        boxes = needed(np.frombuffer(layer, np.int64).copy(), operand, size, split, micro_batch, chiplets)
        ways.setdefault(way, []).append(boxes)
    return Need(tuple(hull(boxes) for boxes in ways.values()))


def owned(layer: Ints, split: Split, micro_batch: int, chiplets: int) -> Boxes:
    """The outputs that each part of a layer (a row of `geometry.layer_rows`) makes."""
    from chipweave.evaluation.exact.boxes import own_boxes

    made: Boxes = own_boxes(layer, _counts(layer, split), micro_batch, chiplets)
    return made


def needed(layer: Ints, operand: int, size: Extent, split: Split, micro_batch: int, chiplets: int) -> Boxes:
    """What each part of a layer reads of the tensor that is its operand number `operand` and has extent `size`."""
    if split.inputs > 1:
        return _shares_of_inputs(layer, size, split.inputs, micro_batch, chiplets)
    from chipweave.evaluation.exact.boxes import need_boxes

    made: Boxes = need_boxes(layer, operand, np.array(size), _counts(layer, split), micro_batch, chiplets)
    return made


def _shares_of_inputs(layer: Ints, size: Extent, parts: int, micro_batch: int, chiplets: int) -> Boxes:
    """Of every tensor that a `reduced` layer reads, each part has the same share of the channels."""
    from chipweave.evaluation.exact.boxes import C

    (rows, columns, channels), inputs = size, int(layer[C])
    edges, boxes = ends(inputs, parts), np.zeros((chiplets, 8), np.int64)
    boxes[:parts] = [0, micro_batch, 0, rows, 0, columns, 0, 0]
    boxes[:parts, 6], boxes[:parts, 7] = edges[:-1] * channels // inputs, -(-edges[1:] * channels // inputs)
    return boxes


def sizes(boxes: Boxes) -> Floats:
    """Entries of each box; 0 for chiplets without a part."""
    return np.asarray(np.maximum(boxes[:, 1::2] - boxes[:, ::2], 0).prod(axis=1), dtype=np.float64)


def meet(a: Boxes, b: Boxes) -> Boxes:
    """Per chiplet, what lies in both."""
    made = np.empty_like(a)
    made[:, ::2], made[:, 1::2] = np.maximum(a[:, ::2], b[:, ::2]), np.minimum(a[:, 1::2], b[:, 1::2])
    return made


def hull(boxes: Sequence[Boxes]) -> Boxes:
    """The smallest box per chiplet that holds all of its boxes; empty ones do not count."""
    made = boxes[0]
    for other in boxes[1:]:
        both = np.empty_like(made)
        both[:, ::2] = np.minimum(made[:, ::2], other[:, ::2])
        both[:, 1::2] = np.maximum(made[:, 1::2], other[:, 1::2])
        nothing, fresh = sizes(made)[:, None] == 0, sizes(other)[:, None] == 0
        made = np.where(fresh, made, np.where(nothing, other, both))
    return made


def _counts(layer: Ints, split: Split) -> Ints:
    """A split as the kernels read it."""
    from chipweave.evaluation.exact.boxes import OUT_X, OUT_Y, UNITS

    counts = np.array([split.samples, split.rows, split.columns, split.units], dtype=np.int64)
    if not split.weights:
        return counts
    axis = int(np.argmax(counts))
    length = int(layer[(OUT_Y, OUT_X, UNITS)[axis - 1]])
    return np.concatenate((counts, ends(length, len(split.weights), split.weights)))
