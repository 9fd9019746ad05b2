"""What a layer takes at least, wherever and however it runs: the ground of proofs (docs/proof.md).

A *candidate* is a way to cut one sample of a layer into parts, and a number of samples that a part computes together.
Whatever region, partition, micro-batch and window a layer is given, what its chiplets pay is at least what the cheapest
candidate pays: see `Floors.paid`. Of unequal parts a candidate is the largest one with as many of another size as make
the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chipweave.cost.interface import BatchCostModel, LayerCosts
from chipweave.evaluation.copies import copied_j, sums_j
from chipweave.evaluation.exact.blocks import block_of
from chipweave.evaluation.exact.ground import Prepared, least_fill_j
from chipweave.evaluation.exact.split import Part, Splits
from chipweave.evaluation.unequal import in_two_sizes, undominated
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.certificate import Space
from chipweave.workload.layer import channel_units


@dataclass(frozen=True)
class Floors:
    """The candidates of a task's layers; `mult` layers are as each distinct one.

    Args:
        starts: [layer] its first candidate; mult: [layer].
        count: [candidate, kind] parts of each kind, whole numbers or not.
        busy_s: [class, candidate, kind] seconds for which a part holds its chiplet, for the whole batch.
        pass_s: [candidate] seconds of one micro-batch.
        joules: [class, candidate, kind] of a part, for the whole batch, weights filled once.
        more_s: [candidate] seconds of the whole batch, of each part, that blocks of weights may take less: at most 0.
        more_j: [candidate] joules of all parts: what copies for all of them take, less what blocks may take less.
    """

    starts: Ints
    mult: Ints
    count: Floats
    busy_s: Floats
    pass_s: Floats
    joules: Floats
    more_s: Floats
    more_j: Floats

    def paid(self, chiplet: Floats, own: float, joule: float) -> Floats:
        """[candidate] what is paid at these prices: of a chiplet-second of each class, a second of the task, a joule.

        Every chiplet pays for as long as its region takes: no less than its own part takes on its class, nor than any
        other part takes on the class that is best for it.
        """
        busy_s = np.maximum(0.0, self.busy_s + self.more_s[:, None])
        each = chiplet[:, None, None] * busy_s + joule * self.joules
        held = (self.count * each.min(axis=0)).sum(axis=1)
        return np.asarray(held + own * self.pass_s + joule * self.more_j)

    def cheapest(self, chiplet: Floats, own: float, joule: float) -> tuple[float, Ints]:
        """What all layers pay at least, and the candidate of each distinct one."""
        paid = self.paid(chiplet, own, joule)
        least = np.minimum.reduceat(paid, self.starts)
        ends = np.append(self.starts[1:], len(paid))
        chosen = [int(a + np.argmin(paid[a:b])) for a, b in zip(self.starts, ends, strict=True)]
        return float(self.mult @ least), np.array(chosen)


def floors_of(ready: Prepared, task: int, space: Space) -> Floors:
    """The candidates of a task in a space."""
    if space is Space.ONE_CHIPLET:
        return ready.once(_on_one_chiplet, task)
    return ready.once(_on_regions, task, space is Space.SUMS)


def gather(ready: Prepared, task: int, space: Space, enough: Callable[[], bool]) -> bool:
    """Cost what `floors_of` needs, until `enough`; whether all of it is there. What was costed stays on the disk."""
    if space.on_regions:
        for samples in _samples(ready, task):
            if enough():
                return False
            ready.once(_with_samples, task, samples)
            if space is Space.SUMS and whole_with(ready, task, samples):
                ready.once(_reduced_with_samples, task, samples)
    return True


def samples_of_parts(ready: Prepared, task: int) -> list[int]:
    """Every number of samples that a part may have: micro-batches, shared out among as many chiplets as there are."""
    chiplets = len(ready.package.chiplets)
    found = {1}
    for size in ready.micro_batches(task):
        for groups in range(1, min(size, chiplets) + 1):
            found |= {-(-size // groups), size // groups}
    return sorted(found)


def _on_one_chiplet(ready: Prepared, task: int) -> Floors:
    """Whole layers at every micro-batch; those of one class share a candidate."""
    batch, classes = ready.tasks[task].batch, ready.package.classes
    layers = len(ready.tasks[task].model.layers)
    sizes = list(ready.micro_batches(task))
    shape = (len(classes), layers, len(sizes))
    busy_s, pass_s, joules = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for at, size in enumerate(sizes):
        costs = ready.costs(task, size)
        blocks = ready.block_costs(task, size) if ready.detailed else None
        for c, (each, chiplet) in enumerate(zip(costs, classes, strict=True)):
            seconds = each.cycles / chiplet.clock_hz
            joules_ = batch * each.energy_j
            if ready.detailed:
                joules_ = batch * each.resident_j + least_fill_j(ready.tasks[task].model, each.fill_weight_j)
            if blocks is not None:
                seconds = seconds + np.minimum(0.0, blocks[c].seconds) / size
                joules_ = joules_ + batch * np.minimum(0.0, blocks[c].joules)
            busy_s[c, :, at], pass_s[c, :, at], joules[c, :, at] = batch * seconds, size * seconds, joules_
    flat = layers * len(sizes)
    return Floors(
        np.arange(layers) * len(sizes),
        np.ones(layers, np.int64),
        np.ones((flat, 1)),
        busy_s.reshape(len(classes), flat, 1),
        pass_s.reshape(len(classes), flat).min(axis=0),
        joules.reshape(len(classes), flat, 1),
        np.zeros(flat),
        np.zeros(flat),
    )


def _on_regions(ready: Prepared, task: int, sums: bool) -> Floors:
    """Every way to cut a layer on up to as many chiplets as there are, with every number of samples a part may have;
    with `sums` its input channels, too."""
    splits = ready.splits(task, len(ready.package.chiplets))
    mult = np.bincount(splits.distinct[1], minlength=len(splits.distinct[0]))
    samples = _samples(ready, task)
    made = [ready.once(_with_samples, task, number) for number in samples]
    whole = [number for number in samples if whole_with(ready, task, number)] if sums else []
    made += [ready.once(_reduced_with_samples, task, number) for number in whole]
    owner, count, pass_s, more_s, more_j = (
        np.concatenate([getattr(each, name) for each in made])
        for name in ("owner", "parts", "pass_s", "more_s", "more_j")
    )
    busy_s, joules = (np.concatenate([getattr(each, name) for each in made], axis=1) for name in ("busy_s", "joules"))
    # Candidates of a layer stand together: ways, for each number of samples.
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(mult)))
    return Floors(
        starts, mult, count[order], busy_s[:, order], pass_s[order], joules[:, order], more_s[order], more_j[order]
    )


class _Ways(NamedTuple):
    """Ways to cut layers, one layer after another, with unequal ones last: [way, 4] the parts that differ, how many of
    each; [way] the distinct layer, and of unequal parts a number that those with the same largest part have (0: equal
    parts)."""

    tiles: Ints
    counts: Floats
    owner: Ints
    group: Ints


class _Candidates(NamedTuple):
    """Candidates whose parts have the same number of samples (`Floors`), with the distinct layer of each; `parts` are
    how many there are of each kind."""

    owner: Ints
    parts: Floats
    busy_s: Floats
    pass_s: Floats
    joules: Floats
    more_s: Floats
    more_j: Floats


def _samples(ready: Prepared, task: int) -> list[int]:
    """Numbers of samples of a part that cost differently from as many alone."""
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    return samples_of_parts(ready, task) if together else [1]


def whole_with(ready: Prepared, task: int, samples: int) -> bool:
    """Whether parts that have all samples of a micro-batch may have so many: unequal ones, and partial sums."""
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    return not together or samples in ready.micro_batches(task)


def _ways(splits: Splits, unequal: bool) -> _Ways:
    """All ways to cut layers, or those in equal parts."""
    tiles, counts, owner, group = [], [], [], []
    for at, (kinds, many) in enumerate(splits.ways):
        tiles.append(kinds)
        counts.append(many.astype(np.float64))
        owner.append(np.full(len(kinds), at))
        group.append(np.zeros(len(kinds), np.int64))
    last = 0
    for at, axes in enumerate(splits.unequal if unequal else ()):
        for sizes in axes:
            two, each = in_two_sizes(sizes, splits.most)
            tiles.append(np.pad(two, ((0, 0), (0, 2))))
            counts.append(np.pad(each, ((0, 0), (0, 2))))
            owner.append(np.full(len(two), at))
            group.append(last + 1 + np.cumsum(np.diff(two[:, 0], prepend=two[0, 0]) != 0))
            last = int(group[-1][-1])
    return _Ways(*(np.concatenate(each) for each in (tiles, counts, owner, group)))


def _with_samples(ready: Prepared, task: int, samples: int) -> _Candidates:
    """The candidates where a part has so many samples."""
    splits, unequal = ready.splits(task, len(ready.package.chiplets)), whole_with(ready, task, samples)
    parts = [Part(*shape, 1) for shape in splits.shapes]
    costs = splits.together(samples, unequal), splits.tile_costs
    return _candidates(ready, task, samples, _ways(splits, unequal), parts, costs)


def _reduced_with_samples(ready: Prepared, task: int, samples: int) -> _Candidates:
    """Those whose parts make partial sums of so many samples."""
    found = ready.reduced(task)
    none = np.zeros((len(found.owner), 2), np.int64)
    ways = _Ways(
        np.column_stack((found.tiles, none)),
        np.column_stack((found.counts, none)).astype(np.float64),
        found.owner,
        np.zeros(len(none), np.int64),
    )
    return _candidates(ready, task, samples, ways, found.parts, (found.costs(samples), found.costs(1)))


def _candidates(
    ready: Prepared,
    task: int,
    samples: int,
    ways: _Ways,
    parts: Sequence[Part],
    costs_of: tuple[Sequence[LayerCosts], Sequence[LayerCosts]],
) -> _Candidates:
    """Ways as candidates.

    Args:
        parts: that there are; costs_of: on each class so many samples of them together, and one.
    """
    tiles, counts = ways.tiles, ways.counts
    splits = ready.splits(task, len(ready.package.chiplets))
    batch, classes = ready.tasks[task].batch, splits.classes
    costs, alone = costs_of
    fills = np.array([0.0 if kind in splits.reusing else 1.0 for kind in ways.owner.tolist()])[:, None]
    own_s, joules = np.zeros((len(classes), *tiles.shape)), np.zeros((len(classes), *tiles.shape))
    for c, (each, chiplet) in enumerate(zip(costs, classes, strict=True)):
        own_s[c] = np.where(counts > 0, each.cycles[tiles] / chiplet.clock_hz, 0.0)
        if ready.detailed:
            fill_j = alone[c].fill_weight_j[tiles] * fills
            joules[c] = (batch / samples * each.resident_j)[tiles] + fill_j
        else:
            joules[c] = (batch * each.energy_j)[tiles]
    pass_s = own_s.min(axis=0).max(axis=1, initial=0.0)  # the slowest part, each on the class that is best for it
    held_s = np.maximum(own_s, pass_s[:, None])
    more_s, more_j = np.zeros(len(tiles)), _copies_j(ready, task, ways, parts)
    if ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel):
        kinds, which = np.unique(tiles[:, 0], return_inverse=True)
        less = _in_blocks(ready, task, splits, kinds.tolist(), parts, samples)
        more_s = less[0][which]
        more_j = more_j + batch / samples * less[1][which] * counts.sum(axis=1)
    pass_s = np.maximum(0.0, pass_s + more_s)
    found = _Candidates(ways.owner, counts, batch / samples * held_s, pass_s, joules, batch / samples * more_s, more_j)
    return _cheapest_rests(found, ways.group)


def _cheapest_rests(found: _Candidates, group: Ints) -> _Candidates:
    """Without those whose rest beside the largest of unequal parts is in no figure less than another rest."""
    uneven = group > 0
    if not uneven.any():
        return found
    count = found.parts[uneven, 1]
    busy_s = count * np.maximum(0.0, found.busy_s[:, uneven, 1] + found.more_s[uneven])
    figures = np.vstack((busy_s, count * found.joules[:, uneven, 1], found.pass_s[uneven], found.more_j[uneven]))
    kept = ~uneven
    kept[uneven] = undominated(group[uneven], figures)
    owner, parts, busy_s, pass_s, joules, more_s, more_j = found
    return _Candidates(
        owner[kept], parts[kept], busy_s[:, kept], pass_s[kept], joules[:, kept], more_s[kept], more_j[kept]
    )


def _copies_j(ready: Prepared, task: int, ways: _Ways, parts: Sequence[Part]) -> Floats:
    """[way] joules of what all parts need, and so is brought to as many chiplets, or of the sums that all have."""
    layers, copied = ready.splits(task, len(ready.package.chiplets)).distinct[0], ready.once(copied_j, task)
    whole = np.array([(layer.out_y, layer.out_x, channel_units(layer)) for layer in layers])
    part = np.array(parts, np.int64).reshape(-1, len(Part._fields))[ways.tiles[:, 0]]
    on_map = (part[:, 1:3] < whole[ways.owner, :2]).any(axis=1)
    by_channels = part[:, 3] < whole[ways.owner, 2]
    each = np.select([on_map, by_channels], [copied.map_j[ways.owner], copied.channels_j[ways.owner]])
    if part[:, 5].any():  # partial sums
        each = ready.once(sums_j, task)[ways.owner]
    return np.asarray(each * (ways.counts.sum(axis=1) - 1.0))


def _in_blocks(
    ready: Prepared, task: int, splits: Splits, kinds: Sequence[int], every: Sequence[Part], samples: int
) -> tuple[Floats, Floats]:
    """Per kind of largest part what it takes more where its weights come in blocks, at least; at most 0: seconds, and
    joules of one part."""
    model = ready.tasks[task].model
    wanted: dict[tuple[Part, Part, Part], list[tuple[int, int, int]]] = {}
    for at, number in enumerate(kinds):
        own, rows, columns, units, _, inputs = every[number]
        layer = splits.distinct[0][own]
        if layer.weight_elements == 0:
            continue
        bytes_ = model.bytes_of_weights(layer) * units / channel_units(layer)
        if inputs:
            bytes_ = model.bytes_of_weights(layer) * inputs / layer.C
        for c, chiplet in enumerate(splits.classes):
            block = block_of(layer, units, bytes_, chiplet)
            if block.number > 1:
                rest = units % block.units or block.units
                whole, one, last = (Part(own, rows, columns, n, samples, inputs) for n in (units, block.units, rest))
                wanted.setdefault((whole, one, last), []).append((at, c, block.number))
    parts = list(dict.fromkeys(part for key in wanted for part in key))
    known = dict(zip(parts, splits.parts(parts, True), strict=True))
    least_s, least_j = np.zeros(len(kinds)), np.zeros(len(kinds))
    for (whole, one, last), places in wanted.items():
        for at, c, blocks in places:
            more = {
                name: (blocks - 1) * known[one][c][name] + known[last][c][name] - known[whole][c][name]
                for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")
            }
            least_s[at] = min(least_s[at], more.pop("cycles") / splits.classes[c].clock_hz)
            least_j[at] = min(least_j[at], sum(more.values()))
    return least_s, least_j
