"""Does a proof hold? Checked again from nothing but the problem and the lines, in plain Python (docs/proof.md).

This shares the cost model, the law's constants and the ways in which layers may be cut with whoever found the proof,
and none of the arithmetic: it goes through every layer, every way to cut it and every number of samples, one at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from chipweave.cost.interface import BatchCostModel, LayerCosts
from chipweave.evaluation.audit_by_length import least_paid_by_length
from chipweave.evaluation.audit_pipelines import least_paid
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.by_length import fineness, reference_of
from chipweave.evaluation.exact.blocks import block_of
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.split import Part, Splits
from chipweave.evaluation.floors import gather, samples_of_parts, whole_with
from chipweave.evaluation.pipelines import affordable
from chipweave.plan.certificate import Line, Proof, Space
from chipweave.workload.layer import channel_units
from chipweave.workload.model import Model

CLOSE = 1e-8
"""Relative difference up to which a line's stored value and the one that is computed here count as the same."""

MORE = 1e-12
"""Relative: by so much prices may be worth more than a second, for rounding."""

CLOSE_IN_SINGLE = 1e-5
"""The same where the stored value was found in single precision, and lowered by what that may be off."""

MOST_RANGES = 64
"""Ranges of lengths of a line, at most."""


def faults_of_proof(ready: Prepared, proof: Proof) -> list[str]:
    """Everything that is wrong with a proof; empty where it holds."""
    faults: list[str] = []
    if any(each.pipelines for each in proof.lines) and (proof.of is not Space.ONE_CHIPLET or not affordable(ready)):
        return ["a line is of whole pipelines: these are gone through with one chiplet a stage, and of smaller models"]
    for task in range(len(ready.tasks)):
        gather(ready, task, proof.of, lambda: False)  # many layers at once are costed sooner than one by one
    for number, line in enumerate(proof.lines):
        faults += [f"line {number}: {fault}" for fault in _faults_of_prices(ready, line)]
        if not faults and line.by_length is None:
            value = sum(_paid(ready, task, proof.of, line) for task in range(len(ready.tasks)))
            if not math.isclose(value, line.value, rel_tol=CLOSE) or line.value > value:
                faults.append(f"line {number}: its value is {line.value!r}, its prices prove {value!r}")
    return faults or list(_faults_by_length(ready, proof.lines))


def _faults_by_length(ready: Prepared, lines: Sequence[Line]) -> Iterator[str]:
    """Whether lines by prices of windows by length say what these prove."""
    numbers = [number for number, line in enumerate(lines) if line.by_length is not None]
    if not numbers:
        return
    first, asked = lines[numbers[0]], [lines[number] for number in numbers]
    if not any(line.latency > 0 and line.value > 0 for line in lines[: numbers[0]]):
        yield f"line {numbers[0]}: no line before it says of how many seconds its ranges of lengths are shares"
        return
    reference = reference_of(ready, lines[: numbers[0]], first.joule, first.dram)
    prices = [line.by_length for line in asked if line.by_length is not None]
    values = least_paid_by_length(ready, asked, prices, reference, _chains(ready))
    for number, line, value in zip(numbers, asked, values, strict=True):
        if not math.isclose(value, line.value, rel_tol=CLOSE_IN_SINGLE) or line.value > value:
            yield f"line {number}: its value is {line.value!r}, its prices prove {value!r}"
        if not math.isclose(line.dram * first.joule, first.dram * line.joule, rel_tol=CLOSE):
            yield f"line {number}: a byte costs other joules than in line {numbers[0]}"


def _faults_of_prices(ready: Prepared, line: Line) -> Iterator[str]:
    """Whether there are as many prices as things, none below 0, and together as much as a second is worth."""
    counts = ready.package.class_counts
    chains = _chains(ready)
    if len(line.chiplet) != len(counts) or len(line.chain) != len(chains):
        yield (
            f"it prices {len(line.chiplet)} classes of chiplets and {len(line.chain)} chains of models, there are "
            f"{len(counts)} and {len(chains)}"
        )
        return
    priced = [(line.chiplet, line.chain)]
    if line.by_length is not None:
        priced = list(zip(line.by_length.chiplet, line.by_length.chain, strict=False))
        ranges = len(line.by_length.chiplet), len(line.by_length.chain)
        if not 2 <= len(priced) <= MOST_RANGES or ranges[0] != ranges[1]:
            yield f"it has prices for {ranges[0]} and {ranges[1]} ranges of lengths"
            return
        if any((len(one), len(other)) != (len(counts), len(chains)) for one, other in priced):
            yield "a range of lengths has not as many prices as there are things"
            return
        if priced[0] != (line.chiplet, line.chain):
            yield "its prices are not those of the shortest windows"
        if line.joule <= 0 or line.latency <= 0 or not line.pipelines or ready.once(fineness) is None:
            yield "prices by length are of whole pipelines of smaller problems, and seconds and joules have weights"
    if min(line.latency, line.joule, line.dram, *(price for pair in priced for each in pair for price in each)) < 0:
        yield "a weight or a price is below 0"
    if line.latency not in (0.0, 1.0):
        yield f"its weight of a second is {line.latency!r}, which is neither 0 nor 1"
    if not ready.detailed and line.dram > 0:
        yield "the DRAM has a price, but in `paper` it is not shared"
    worth = line.latency + (line.joule * ready.rates.static_w if ready.detailed else 0.0)
    for chiplet, chain in priced:
        asked = sum(count * price for count, price in zip(counts, chiplet, strict=True)) + line.dram + sum(chain)
        # By so much more as prices are worth, by so much too much may they prove.
        if not math.isclose(asked, worth, rel_tol=CLOSE) or asked > worth * (1 + MORE):
            yield f"its prices add up to {asked!r} a second, and a second is worth {worth!r}"


def _chains(ready: Prepared) -> list[list[int]]:
    """Tasks that wait for each other, one chain for every task that none waits for, in the order of these tasks."""
    names = [task.name for task in ready.tasks]
    waited_for = {task.depends_on for task in ready.tasks}
    chains = []
    for last, name in enumerate(names):
        if name not in waited_for:
            chain, before = [last], ready.tasks[last].depends_on
            while before is not None:
                chain.append(names.index(before))
                before = ready.tasks[chain[-1]].depends_on
            chains.append(chain)
    return chains


def _paid(ready: Prepared, task: int, space: Space, line: Line) -> float:
    """What a task pays at least: its layers, and the bytes that no schedule avoids."""
    own = sum(price for price, chain in zip(line.chain, _chains(ready), strict=True) if task in chain)
    if line.pipelines:
        return least_paid(ready, task, line, own)
    bytes_ = unavoidable_dram_bytes(ready.tasks[task])
    dram = line.dram if ready.detailed else min(line.chiplet)
    paid = dram * bytes_ / ready.rates.dram_bytes_s + line.joule * bytes_ * ready.rates.dram_j
    if space is Space.ONE_CHIPLET:
        return paid + sum(_whole_layers(ready, task, line, own))
    least = _cut_layers(ready, task, line, own)
    if space is Space.SUMS:
        for at, value in _reduced_layers(ready, task, line, own):
            least[at] = min(least[at], value)
    distinct: list[int] = ready.splits(task, len(ready.package.chiplets)).distinct[1].tolist()
    return paid + sum(least[at] for at in distinct)


def _whole_layers(ready: Prepared, task: int, line: Line, own: float) -> Iterator[float]:
    """What each layer pays on one chiplet, at the class and the micro-batch at which it pays least."""
    batch, classes = ready.tasks[task].batch, ready.package.classes
    for layer in range(len(ready.tasks[task].model.layers)):
        least = math.inf
        for size in ready.micro_batches(task):
            busy, passing = [], []
            for c, chiplet in enumerate(classes):
                costs = ready.costs(task, size)[c]
                seconds = float(costs.cycles[layer]) / chiplet.clock_hz
                joules = batch * float(costs.energy_j[layer])
                if ready.detailed:
                    more = ready.block_costs(task, size)[c]
                    seconds += min(0.0, float(more.seconds[layer])) / size
                    joules = batch * float(costs.resident_j[layer] + min(0.0, more.joules[layer]))
                    if not ready.tasks[task].model.layers[layer].shares:
                        joules += float(costs.fill_weight_j[layer])
                busy.append(line.chiplet[c] * batch * seconds + line.joule * joules)
                passing.append(size * seconds)
            least = min(least, min(busy) + own * min(passing))
        yield least


def _cut_layers(ready: Prepared, task: int, line: Line, own: float) -> list[float]:
    """What each distinct layer pays on a region, cut in the way and with the samples a part with which it pays least:
    its outputs alone."""
    entry, splits = ready.tasks[task], ready.splits(task, len(ready.package.chiplets))
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    samples = samples_of_parts(ready, task) if together else [1]
    tables = {number: splits.together(number, whole_with(ready, task, number)) for number in samples}
    unfilled = [replace(each, fill_weight_j=0.0 * each.fill_weight_j) for each in splits.tile_costs]
    least = [math.inf] * len(splits.ways)
    for at, (tiles, counts) in enumerate(splits.ways):
        fills = unfilled if at in splits.reusing else splits.tile_costs
        for kinds, many in zip(tiles.tolist(), counts.tolist(), strict=True):
            parts = [(kind, count) for kind, count in zip(kinds, many, strict=True) if count]
            for number in samples:
                largest = _part(splits, parts[0][0], number)
                more = _blocks_less(splits, entry.model, largest) if together else (0.0, 0.0)
                paid = _way(ready, task, line, own, (tables[number], fills), parts, number, more)
                copies_j = (sum(many) - 1) * _copy_j(ready, task, largest)
                least[at] = min(least[at], paid + line.joule * copies_j)
        for number in samples:
            if whole_with(ready, task, number):
                costs = tables[number], fills
                least[at] = min(least[at], *_unequal(ready, task, line, own, at, costs, number))
    return least


def _reduced_layers(ready: Prepared, task: int, line: Line, own: float) -> Iterator[tuple[int, float]]:
    """Per distinct layer and way to part its input channels among so many chiplets, what it pays."""
    entry, splits = ready.tasks[task], ready.splits(task, len(ready.package.chiplets))
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    ways = ready.reduced(task)
    number = {(part.layer, part.inputs): at for at, part in enumerate(ways.parts)}
    samples = [each for each in (samples_of_parts(ready, task) if together else [1]) if whole_with(ready, task, each)]
    for each in samples:
        tables = ways.costs(each), ways.costs(1)
        unfilled = tables[0], tuple(replace(one, fill_weight_j=0.0 * one.fill_weight_j) for one in tables[1])
        for at, chiplets in sorted({(at, n) for at, _ in number for n in range(2, len(ready.package.chiplets) + 1)}):
            inputs = splits.distinct[0][at].C
            if inputs < chiplets:
                continue
            sizes = Counter((p + 1) * inputs // chiplets - p * inputs // chiplets for p in range(chiplets))
            parts = [(number[at, size], float(many)) for size, many in sorted(sizes.items(), reverse=True)]
            largest = ways.parts[parts[0][0]]._replace(samples=each)
            more = _blocks_less(splits, entry.model, largest) if together else (0.0, 0.0)
            costs = unfilled if at in splits.reusing else tables
            copies_j = (chiplets - 1) * _copy_j(ready, task, largest)
            yield at, _way(ready, task, line, own, costs, parts, each, more) + line.joule * copies_j


def _unequal(
    ready: Prepared,
    task: int,
    line: Line,
    own: float,
    at: int,
    costs: tuple[Sequence[LayerCosts], Sequence[LayerCosts]],
    samples: int,
) -> Iterator[float]:
    """What a layer in unequal parts pays, by its largest one and the size of all others, were they alike; infinite
    where it has no such parts."""
    entry, splits, chiplets = ready.tasks[task], ready.splits(task, len(ready.package.chiplets)), ready.package.chiplets
    together = ready.detailed and isinstance(ready.problem.cost_model, BatchCostModel)
    yield math.inf
    for tiles, many in splits.unequal[at]:
        sizes = list(zip(tiles.tolist(), many.tolist(), strict=True))
        for tile, count in sizes:
            if count > len(chiplets):  # of so many parts the largest has at least the mean
                continue
            part = _part(splits, tile, samples)
            more = _blocks_less(splits, entry.model, part) if together else (0.0, 0.0)
            rest, copy_j = 1 - 1 / count, _copy_j(ready, task, part)
            for other, fill in sizes:
                if count == 1 and other == tile:
                    parts = [(tile, 1.0)]
                elif count <= fill and 1 / fill <= rest * (1 + 1e-12):  # not larger than the largest, nor than the rest
                    parts = [(tile, 1.0), (other, rest * fill)]
                else:
                    continue
                copies = sum(each for _, each in parts) - 1
                yield _way(ready, task, line, own, costs, parts, samples, more) + line.joule * copies * copy_j


def _copy_j(ready: Prepared, task: int, part: Part) -> float:
    """Joules on the links of a copy of what every part of a layer needs: its weights, where parts are of the map, and
    its input, where they are of the channels, which enters an L2, too; of partial sums, from one L2 into another."""
    entry, model = ready.tasks[task], ready.tasks[task].model
    layer = ready.splits(task, len(ready.package.chiplets)).distinct[0][part.layer]
    links = ready.package.directed_links
    if not ready.detailed or not links:
        return 0.0
    cheapest = min(float(ready.network.joules[at]) for at in range(len(links)))
    bytes_ = 0.0
    if part.inputs:
        each_j = ready.rates.link_j * cheapest + min(ready.byte_j(task))
        bytes_ = model.sum_width * layer.output_elements
        return entry.batch * (each_j * bytes_ + ready.once(_least_drain_j, task)[part.layer])
    if part.rows < layer.out_y or part.columns < layer.out_x:
        bytes_ = 0.0 if any(each.shares for each in model.layers) else float(model.bytes_of_weights(layer))
    elif part.units < channel_units(layer) and layer.weight_elements and layer.groups == 1:
        bytes_ = entry.batch * model.activation_width * ready.once(_least_read, task)[part.layer]
        fills = ready.once(_least_fill_j, task)
        return ready.rates.link_j * cheapest * bytes_ + entry.batch * fills[part.layer]
    return ready.rates.link_j * cheapest * bytes_


def _least_fill_j(ready: Prepared, task: int) -> dict[int, float]:
    """Per distinct layer joules that bring a sample's input into an L2, the least of all parts of its channels."""
    splits, least = ready.splits(task, len(ready.package.chiplets)), dict[int, float]()
    for number, (kind, _, _, units) in enumerate(splits.shapes):
        if units < channel_units(splits.distinct[0][kind]):
            own = min(float(costs.fill_input_j[number]) for costs in splits.tile_costs)
            least[kind] = min(own, least.get(kind, math.inf))
    return least


def _least_drain_j(ready: Prepared, task: int) -> dict[int, float]:
    """Per distinct layer joules that take a sample's partial sums out of an L2, the least of all parts."""
    ways, least = ready.reduced(task), dict[int, float]()
    for costs in ways.costs(1):
        for part, own in zip(ways.parts, costs.drain_output_j.tolist(), strict=True):
            least[part.layer] = min(own, least.get(part.layer, math.inf))
    return least


def _least_read(ready: Prepared, task: int) -> list[float]:
    """Per distinct layer, elements of a sample that it reads, the least of all layers that are like it: of what several
    layers read that need all of it, in their parts of the channels, each its share."""
    model, splits = ready.tasks[task].model, ready.splits(task, len(ready.package.chiplets))
    least = [math.inf] * len(splits.distinct[0])
    for number, kind in enumerate(splits.distinct[1].tolist()):
        elements = 0.0
        for edge in model.operands[number]:
            every = 0
            for reader in model.readers(edge.producer):
                layer = model.layers[reader.consumer]
                if layer.weight_elements and layer.groups == 1:
                    every += reader.elements
            if every:
                elements += edge.elements * min(1.0, model.tensor_elements(edge.producer) / every)
        least[kind] = min(least[kind], elements)
    return least


def _way(
    ready: Prepared,
    task: int,
    line: Line,
    own: float,
    costs: tuple[Sequence[LayerCosts], Sequence[LayerCosts]],
    parts: Sequence[tuple[int, float]],
    samples: int,
    more: tuple[float, float],
) -> float:
    """What a layer pays that is cut into these parts, of so many samples each, apart from copies.

    Args:
        more: seconds and joules that blocks take less.
    """
    batch, classes = ready.tasks[task].batch, ready.package.classes

    def seconds_of(c: int, kind: int) -> float:
        return float(costs[0][c].cycles[kind]) / classes[c].clock_hz

    # The region waits for its slowest part, on the class that is best for it or on a slower one.
    waits = max(min(seconds_of(c, kind) for c in range(len(classes))) for kind, _ in parts)
    paid = own * max(0.0, waits + more[0])
    for kind, count in parts:
        prices = []
        for c in range(len(classes)):
            if ready.detailed:
                joules = batch / samples * float(costs[0][c].resident_j[kind]) + float(costs[1][c].fill_weight_j[kind])
            else:
                joules = batch * float(costs[0][c].energy_j[kind])
            seconds = max(0.0, batch / samples * (max(seconds_of(c, kind), waits) + more[0]))
            prices.append(line.chiplet[c] * seconds + line.joule * joules)
        paid += count * min(prices)
    return paid + line.joule * batch / samples * more[1] * sum(count for _, count in parts)


def _part(splits: Splits, tile: int, samples: int) -> Part:
    """A part of which the costs have this number."""
    return Part(*splits.shapes[tile], samples)


def _blocks_less(splits: Splits, model: Model, part: Part) -> tuple[float, float]:
    """Seconds and joules that a part may take less where its weights come in blocks, on the class where it saves most;
    at most 0."""
    layer, units = splits.distinct[0][part.layer], part.units
    bytes_ = model.bytes_of_weights(layer) * units / channel_units(layer)
    if part.inputs:
        bytes_ = model.bytes_of_weights(layer) * part.inputs / layer.C
    seconds = joules = 0.0
    for c, chiplet in enumerate(splits.classes):
        block = block_of(layer, units, bytes_, chiplet)
        if block.number == 1:
            continue
        rest = units % block.units or block.units
        whole, one, last = splits.parts([part._replace(units=n) for n in (units, block.units, rest)], True)
        more = {
            name: (block.number - 1) * one[c][name] + last[c][name] - whole[c][name]
            for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")
        }
        seconds = min(seconds, more.pop("cycles") / chiplet.clock_hz)
        joules = min(joules, sum(more.values()))
    return seconds, joules
