"""A problem made ready: what evaluating and searching look up again and again, each worked out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

import numpy as np

from chipweave.cost.interface import BatchCostModel, LayerCosts, batch_costs
from chipweave.evaluation.exact.blocks import Block, block_of
from chipweave.evaluation.exact.reduced import ReducedWays, reduced_ways
from chipweave.evaluation.exact.region import Region, region_of
from chipweave.evaluation.exact.split import Splits, tile
from chipweave.evaluation.exact.sums import backwards
from chipweave.evaluation.exact.transfer import Network, network
from chipweave.evaluation.law import Rates
from chipweave.hardware.package import BITS_PER_BYTE, Interfaces, Package, Placement
from chipweave.ndarrays import Floats
from chipweave.plan.problem import Fidelity, Problem, micro_batch_candidates
from chipweave.workload.layer import channel_units
from chipweave.workload.model import Model
from chipweave.workload.scenario import Task

FEW_SAMPLES = 8
"""Of batches up to this size every micro-batch is tried (`Prepared.micro_batches`)."""
MANY_SAMPLES = 1024
MOST_TOGETHER = 128
"""Of batches above `MANY_SAMPLES` the largest micro-batch that is tried."""


class BlockCosts(NamedTuple):
    """Per layer, what it takes more where its weights come in blocks: seconds of a micro-batch, joules of a sample.

    A layer whose weights are one block takes nothing more; others may take less, too.
    """

    seconds: Floats
    joules: Floats


Made = TypeVar("Made")
Key = TypeVarTuple("Key")


@dataclass(frozen=True)
class Prepared:
    """A problem with what was worked out of it so far.

    The problem itself holds no caches, so that it can travel to other processes; a prepared one stays where it is.
    """

    problem: Problem
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    _locks: dict[tuple[Any, ...], Lock] = field(default_factory=dict, repr=False, compare=False)

    def once(self, make: Callable[[Prepared, *Key], Made], *key: *Key) -> Made:
        """`make(self, *key)`, worked out when it is first asked for and kept for later calls. A thread that asks while
        another one works it out waits for that."""
        known = (make, *key)
        if known not in self._made:
            with self._locks.setdefault(known, Lock()):
                if known not in self._made:
                    self._made[known] = make(self, *key)
        made: Made = self._made[known]
        return made

    @property
    def package(self) -> Package:
        return self.problem.package

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self.problem.scenario.tasks

    @property
    def detailed(self) -> bool:
        return self.problem.fidelity is Fidelity.DETAILED

    @property
    def network(self) -> Network:
        """The package's routes as arrays."""
        return self.once(_network)

    @property
    def network_back(self) -> Network:
        """The package's routes the other way, which partial sums take."""
        return self.once(_network_back)

    @property
    def rates(self) -> Rates:
        """The package's constants, as the law reads them. Where each memory interface has its own, no stage meets a
        DRAM of more bandwidth, less latency or less energy: bounds and proofs go by these."""
        return self.once(_rates)

    @property
    def usual_rates(self) -> Rates:
        """The package's constants, as a stage meets them of which it is not known where it is: searches time stages by
        these, with an even part of the bandwidth where interfaces have parts of their own."""
        return self.once(_usual_rates)

    @property
    def worst_rates(self) -> Rates:
        """The package's constants, of a tensor that may lie at any memory interface: the worst of each."""
        return self.once(_worst_rates)

    def rates_at(self, interface: int) -> Rates:
        """The package's constants, as a stage meets them whose DRAM traffic passes this memory interface."""
        return self.once(_rates_at, interface)

    def micro_batches(self, task: int) -> Sequence[int]:
        """The micro-batches that are tried for a task, ascending.

        In `detailed` samples that run together may be cheaper, so that no size is beaten for certain: all are tried of
        batches up to `FEW_SAMPLES`, and of those above `MANY_SAMPLES` the powers of two up to `MOST_TOGETHER`: a
        micro-batch that large has spread what comes once for each, and every size asks for new mappings of all layers.
        """
        batch = self.tasks[task].batch
        if self.detailed and batch <= FEW_SAMPLES:
            return range(1, batch + 1)
        if self.detailed and batch > MANY_SAMPLES:
            return [2**power for power in range(MOST_TOGETHER.bit_length())]
        return micro_batch_candidates(batch)

    def costs(self, task: int, micro_batch: int) -> tuple[LayerCosts, ...]:
        """Per class, what a sample of each layer of a task costs where so many run together (`paper`: as one alone).

        The tensors of the samples are the same, however many run together, and so is what fills and drains L2.
        """
        return self.once(_costs, task, micro_batch if self.detailed else 1)

    def blocks(self, task: int, chiplet_class: int) -> tuple[Block, ...]:
        """Per layer of a task, the blocks in which its weights stream to a chiplet of a class."""
        return self.once(_blocks, task, chiplet_class)

    def block_costs(self, task: int, micro_batch: int) -> tuple[BlockCosts, ...]:
        """Per class, what the layers of a task take more in blocks."""
        return self.once(_block_costs, task, micro_batch)

    def byte_j(self, task: int) -> tuple[float, ...]:
        """Per class, joules of a byte that enters or leaves L2: the mean over what the task's layers read."""
        return self.once(_byte_j, task)

    def region(self, chiplets: tuple[int, ...], memory: int | None = None) -> Region:
        """The region of these chiplets; `memory`: the memory interface that it uses, if not the nearest."""
        return self.once(_region, chiplets, memory)

    def splits(self, task: int, most: int) -> Splits:
        """All splits of a task's layers on at least up to `most` chiplets, with what the parts cost.

        The largest table is kept for later calls: smaller ones are parts of it.
        """
        largest: Splits | None = self._made.get((_splits, task))
        if largest is None or largest.most < most:
            largest = self._made[_splits, task] = _splits(self, task, most)
        return largest


    def reduced(self, task: int) -> ReducedWays:
        """All ways to part the input channels of a task's layers over the package's chiplets."""
        return self.once(_reduced, task)


def prepare(problem: Problem | Prepared) -> Prepared:
    """The problem made ready; one that is ready already stays as it is."""
    return problem if isinstance(problem, Prepared) else Prepared(problem)


def least_fill_j(model: Model, fill_j: Floats) -> Floats:
    """Per layer, joules that bring its weights into an L2; none of layers whose weights one before has: they may find
    them there."""
    return np.where([bool(layer.shares) for layer in model.layers], 0.0, fill_j)


def _network(ready: Prepared) -> Network:
    return network(ready.package)


def _network_back(ready: Prepared) -> Network:
    return backwards(ready.network, ready.package)


def _rates(ready: Prepared) -> Rates:
    package, rates = ready.package, _interleaved_rates(ready)
    if package.placement is Placement.INTERLEAVED:
        return rates
    every = package.interface_memory.values()
    return rates._replace(
        dram_s=float(min(own.latency_s for own in every)),
        dram_j=BITS_PER_BYTE * min(own.energy_j_per_bit for own in every),
    )


def _worst_rates(ready: Prepared) -> Rates:
    every = ready.package.interface_memory.values()
    return ready.rates._replace(
        dram_bytes_s=float(min(own.bandwidth_bytes_s for own in every)),
        dram_s=float(max(own.latency_s for own in every)),
        dram_j=BITS_PER_BYTE * max(own.energy_j_per_bit for own in every),
    )


def _interleaved_rates(ready: Prepared) -> Rates:
    package, link = ready.package, ready.package.wiring.standard
    return Rates(
        detailed=ready.detailed,
        link_bytes_s=link.bandwidth_bytes_s,
        hop_s=link.latency_s,
        delta_s=float(package.conflict_delay_s),
        link_j=BITS_PER_BYTE * link.energy_j_per_bit,
        dram_bytes_s=float(package.dram_bandwidth_bytes_s),
        dram_s=float(package.dram_latency_s),
        dram_j=BITS_PER_BYTE * package.dram_energy_j_per_bit,
        static_w=float(sum(chiplet.static_power_w for chiplet in package.chiplets)),
    )


def _usual_rates(ready: Prepared) -> Rates:
    package = ready.package
    if package.interface_bandwidth is Interfaces.SHARED:
        return ready.rates
    rates = _interleaved_rates(ready)
    return rates._replace(dram_bytes_s=rates.dram_bytes_s / len(package.interfaces))


def _rates_at(ready: Prepared, interface: int) -> Rates:
    package = ready.package
    if package.interface_bandwidth is Interfaces.SHARED:
        return ready.rates
    if package.placement is Placement.NEAREST:
        own = package.interface_memory[interface]
        return ready.rates._replace(
            dram_bytes_s=float(own.bandwidth_bytes_s),
            dram_s=float(own.latency_s),
            dram_j=BITS_PER_BYTE * own.energy_j_per_bit,
        )
    return ready.rates._replace(dram_bytes_s=float(package.interface_bytes_s[interface]))


def _costs(ready: Prepared, task: int, micro_batch: int) -> tuple[LayerCosts, ...]:
    alone, layers = ready.problem.costs[task], ready.tasks[task].model.layers
    if micro_batch == 1 or not isinstance(ready.problem.cost_model, BatchCostModel):
        return alone

    def of_a_sample(one: LayerCosts, together: LayerCosts) -> LayerCosts:
        means = {name: values / micro_batch for name, values in vars(together).items()}
        fixed = ("fill_input_j", "fill_weight_j", "drain_output_j", "l2_need_elements")
        return LayerCosts(**means | {name: getattr(one, name) for name in fixed})

    return tuple(
        of_a_sample(one, batch_costs(ready.problem.cost_model, layers, chiplet, micro_batch))
        for one, chiplet in zip(alone, ready.package.classes, strict=True)
    )


def _blocks(ready: Prepared, task: int, chiplet_class: int) -> tuple[Block, ...]:
    model, chiplet = ready.tasks[task].model, ready.package.classes[chiplet_class]
    return tuple(
        block_of(layer, channel_units(layer), float(bytes_), chiplet)
        for layer, bytes_ in zip(model.layers, model.weight_bytes, strict=True)
    )


def _block_costs(ready: Prepared, task: int, micro_batch: int) -> tuple[BlockCosts, ...]:
    layers, model = ready.tasks[task].model.layers, ready.problem.cost_model
    made = []
    for number, chiplet in enumerate(ready.package.classes):
        more = BlockCosts(np.zeros(len(layers)), np.zeros(len(layers)))
        made.append(more)
        blocks = ready.blocks(task, number)
        cut = [at for at, block in enumerate(blocks) if block.number > 1]
        if not cut or not isinstance(model, BatchCostModel):  # who knows whole layers alone has no figures of blocks
            continue
        rest = [channel_units(layers[at]) % blocks[at].units or blocks[at].units for at in cut]
        sizes = [*((at, blocks[at].units) for at in cut), *zip(cut, rest, strict=True)]
        parts = [tile(layers[at], layers[at].out_y, layers[at].out_x, units) for at, units in sizes]
        costs, whole = batch_costs(model, parts, chiplet, micro_batch), ready.costs(task, micro_batch)[number]
        times = np.array([blocks[at].number - 1 for at in cut] + [1] * len(cut))
        cycles = (times * costs.cycles).reshape(2, -1).sum(axis=0)
        joules = (times * costs.resident_j).reshape(2, -1).sum(axis=0) / micro_batch
        more.seconds[cut] = (cycles - micro_batch * whole.cycles[cut]) / chiplet.clock_hz
        more.joules[cut] = joules - whole.resident_j[cut]
    return tuple(made)


def _byte_j(ready: Prepared, task: int) -> tuple[float, ...]:
    model = ready.tasks[task].model
    bytes_ = model.activation_width * sum(layer.input_elements for layer in model.layers)
    return tuple(float(costs.fill_input_j.sum()) / bytes_ for costs in ready.problem.costs[task])


def _region(ready: Prepared, chiplets: tuple[int, ...], memory: int | None) -> Region:
    return region_of(ready.package, ready.network, chiplets, memory)


def _reduced(ready: Prepared, task: int) -> ReducedWays:
    return reduced_ways(ready.splits(task, len(ready.package.chiplets)))


def _splits(ready: Prepared, task: int, most: int) -> Splits:
    layers = ready.tasks[task].model.layers
    return Splits(layers, ready.package.classes, ready.problem.costs[task], ready.problem.cost_model, most)
