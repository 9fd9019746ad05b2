"""What a layer takes at least, wherever and however it runs: the ground of proofs (docs/proof.md).

A *candidate* is a way to cut one sample of a layer into parts, and a number of samples that a part computes together.
Whatever region, partition, micro-batch and window a layer is given, what its chiplets pay is at least what the cheapest
candidate pays: see `Floors.paid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from chipweave.cost.interface import BatchCostModel
from chipweave.evaluation.exact.blocks import block_of
from chipweave.evaluation.exact.ground import Prepared, least_fill_j
from chipweave.evaluation.exact.split import Part, Splits
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.certificate import Space
from chipweave.workload.layer import channel_units


@dataclass(frozen=True)
class Floors:
    """The candidates of a task's layers; `mult` layers are as each distinct one.

    Args:
        starts: [layer] its first candidate; mult: [layer].
        count: [candidate, kind] parts of each kind; parts: [candidate] all of them.
        busy_s: [class, candidate] seconds of the slowest part for the whole batch; pass_s: of one micro-batch.
        joules: [class, candidate, kind] of a part, for the whole batch, weights filled once.
        more_s, more_j: [candidate] what blocks of weights may take less, at most 0: seconds of the whole batch, of
            each part; joules of all parts.
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

        Every chiplet pays for as long as the slowest part takes on its own class: a region waits for its slowest.
        """
        busy_s = np.maximum(0.0, self.busy_s + self.more_s)
        each = chiplet[:, None, None] * busy_s[:, :, None] + joule * self.joules
        held = (self.count * each.min(axis=0)).sum(axis=1)
        return np.asarray(held + own * self.pass_s.min(axis=0) + joule * self.more_j)

    def cheapest(self, chiplet: Floats, own: float, joule: float) -> tuple[float, Ints]:
        """What all layers pay at least, and the candidate of each distinct one."""
        paid = self.paid(chiplet, own, joule)
        least = np.minimum.reduceat(paid, self.starts)
        ends = np.append(self.starts[1:], len(paid))
        chosen = [int(a + np.argmin(paid[a:b])) for a, b in zip(self.starts, ends, strict=True)]
        return float(self.mult @ least), np.array(chosen)


def floors_of(ready: Prepared, task: int, space: Space) -> Floors:
    """The candidates of a task in a space."""
    return ready.once(_on_one_chiplet if space is Space.ONE_CHIPLET else _on_regions, task)


def gather(ready: Prepared, task: int, space: Space, enough: Callable[[], bool]) -> bool:
    """Cost what `floors_of` needs, until `enough`; whether all of it is there. What was costed stays on the disk."""
    if space is Space.REGIONS:
        for samples in _samples(ready, task):
            if enough():
                return False
            ready.once(_with_samples, task, samples)
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
        busy_s.reshape(len(classes), flat),
        pass_s.reshape(len(classes), flat),
        joules.reshape(len(classes), flat, 1),
        np.zeros(flat),
        np.zeros(flat),
    )


def _on_regions(ready: Prepared, task: int) -> Floors:
    """Every way to cut a layer on up to as many chiplets as there are, with every number of samples a part may have."""
    splits, samples = ready.splits(task, len(ready.package.chiplets)), _samples(ready, task)
    mult = np.bincount(splits.distinct[1], minlength=len(splits.distinct[0]))
    starts = np.cumsum([0, *(len(counts) * len(samples) for _, counts in splits.ways[:-1])])
    _, counts, owner = _ways(splits)
    made = [ready.once(_with_samples, task, number) for number in samples]
    # Candidates of a layer stand together: ways, for each number of samples.
    order = np.argsort(np.tile(owner, len(samples)), kind="stable")
    busy_s, pass_s, joules, more_s, more_j = (
        np.concatenate([each[field] for each in made], axis=1 if field < 3 else 0) for field in range(5)
    )
    count = np.tile(counts, (len(samples), 1)).astype(np.float64)
    return Floors(
        starts, mult, count[order], busy_s[:, order], pass_s[:, order], joules[:, order], more_s[order], more_j[order]
    )


def _samples(ready: Prepared, task: int) -> list[int]:
    """Numbers of samples of a part that cost differently from as many alone."""
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    return samples_of_parts(ready, task) if together else [1]


def _ways(splits: Splits) -> tuple[Ints, Ints, Ints]:
    """Of all layers' ways, one after another: [way, 4] the parts that differ, how many of each; [way] the layer."""
    tiles = np.concatenate([tiles for tiles, _ in splits.ways])
    counts = np.concatenate([counts for _, counts in splits.ways])
    return tiles, counts, np.repeat(np.arange(len(splits.ways)), [len(counts) for _, counts in splits.ways])


def _with_samples(ready: Prepared, task: int, samples: int) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """`busy_s` to `more_j` of every way where a part has so many samples."""
    splits = ready.splits(task, len(ready.package.chiplets))
    ways = tiles, counts, _ = _ways(splits)
    batch, classes = ready.tasks[task].batch, splits.classes
    costs = splits.together(samples)
    layers = ready.tasks[task].model.layers
    reuse = {int(kind) for kind, layer in zip(splits.distinct[1], layers, strict=True) if layer.shares}
    fills = np.array([0.0 if int(kind) in reuse else 1.0 for kind in ways[2]])[:, None]
    busy_s, pass_s = np.zeros((len(classes), len(tiles))), np.zeros((len(classes), len(tiles)))
    joules = np.zeros((len(classes), *tiles.shape))
    for c, (each, chiplet) in enumerate(zip(costs, classes, strict=True)):
        seconds = np.where(counts > 0, each.cycles[tiles] / chiplet.clock_hz, 0.0).max(axis=1)
        busy_s[c], pass_s[c] = batch / samples * seconds, seconds
        if ready.detailed:
            fill_j = splits.tile_costs[c].fill_weight_j[tiles] * fills
            joules[c] = (batch / samples * each.resident_j)[tiles] + fill_j
        else:
            joules[c] = (batch * each.energy_j)[tiles]
    more_s, more_j = np.zeros(len(tiles)), np.zeros(len(tiles))
    if ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel):
        for at, seconds_, joules_ in _in_blocks(ready, task, splits, ways, samples):
            more_s[at] = min(0.0, batch / samples * seconds_)
            more_j[at] = min(0.0, batch / samples * joules_ * float(counts[at].sum()))
    return busy_s, pass_s, joules, more_s, more_j


def _in_blocks(
    ready: Prepared, task: int, splits: Splits, ways: tuple[Ints, Ints, Ints], samples: int
) -> Iterator[tuple[int, float, float]]:
    """Per way whose largest part has weights in several blocks: its number, and what the blocks take more, at least:
    seconds, and joules of one part."""
    tiles, _, owner = ways
    model, shapes = ready.tasks[task].model, splits.shapes
    wanted: dict[tuple[Part, Part, Part], list[tuple[int, int]]] = {}
    for at, number in enumerate(tiles[:, 0].tolist()):
        layer = splits.distinct[0][owner[at]]
        if layer.weight_elements == 0:
            continue
        rows, columns, units = shapes[number][1:]
        bytes_ = model.bytes_per_element * layer.weight_elements * units / channel_units(layer)
        for c, chiplet in enumerate(splits.classes):
            block = block_of(layer, units, bytes_, chiplet)
            if block.number > 1:
                rest = units % block.units or block.units
                key = tuple(Part(int(owner[at]), rows, columns, each, samples) for each in (units, block.units, rest))
                wanted.setdefault(key, []).append((at, c * 10**6 + block.number))  # type: ignore[arg-type]
    parts = list(dict.fromkeys(part for key in wanted for part in key))
    known = dict(zip(parts, splits.parts(parts, True), strict=True))
    least: dict[int, tuple[float, float]] = {}
    for (whole, one, last), places in wanted.items():
        for at, code in places:
            c, blocks = divmod(code, 10**6)
            more = {
                name: (blocks - 1) * known[one][c][name] + known[last][c][name] - known[whole][c][name]
                for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")
            }
            seconds = more.pop("cycles") / splits.classes[c].clock_hz
            before = least.get(at, (0.0, 0.0))
            least[at] = min(before[0], seconds), min(before[1], sum(more.values()))
    yield from ((at, *more) for at, more in least.items())
