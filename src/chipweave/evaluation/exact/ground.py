"""A problem made ready: what evaluating and searching look up again and again, each worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, TypeVarTuple

from chipweave.evaluation.exact.region import Region, region_of
from chipweave.evaluation.exact.split import Splits
from chipweave.evaluation.exact.transfer import Network, network
from chipweave.evaluation.law import Rates
from chipweave.hardware.package import BITS_PER_BYTE, Package
from chipweave.plan.problem import Fidelity, Problem
from chipweave.workload.scenario import Task

Made = TypeVar("Made")
Key = TypeVarTuple("Key")


@dataclass(frozen=True)
class Prepared:
    """A problem with what was worked out of it so far.

    The problem itself holds no caches, so that it can travel to other processes; a prepared one stays where it is.
    """

    problem: Problem
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, make: Callable[[Prepared, *Key], Made], *key: *Key) -> Made:
        """`make(self, *key)`, worked out when it is first asked for and kept for later calls."""
        known = (make, *key)
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
    def rates(self) -> Rates:
        """The package's constants, as the law reads them."""
        return self.once(_rates)

    def region(self, chiplets: tuple[int, ...]) -> Region:
        """The region of these chiplets."""
        return self.once(_region, chiplets)

    def splits(self, task: int, most: int) -> Splits:
        """All splits of a task's layers on at least up to `most` chiplets, with what the parts cost.

        The largest table is kept for later calls: smaller ones are parts of it.
        """
        largest: Splits | None = self._made.get((_splits, task))
        if largest is None or largest.most < most:
            largest = self._made[_splits, task] = _splits(self, task, most)
        return largest


def prepare(problem: Problem | Prepared) -> Prepared:
    """The problem made ready; one that is ready already stays as it is."""
    return problem if isinstance(problem, Prepared) else Prepared(problem)


def _network(ready: Prepared) -> Network:
    return network(ready.package)


def _rates(ready: Prepared) -> Rates:
    package = ready.package
    return Rates(
        detailed=ready.detailed,
        link_bytes_s=float(package.link_bandwidth_bytes_s),
        hop_s=float(package.hop_latency_s),
        delta_s=float(package.conflict_delay_s),
        link_j=BITS_PER_BYTE * package.nop_energy_j_per_bit,
        dram_bytes_s=float(package.dram_bandwidth_bytes_s),
        dram_s=float(package.dram_latency_s),
        dram_j=BITS_PER_BYTE * package.dram_energy_j_per_bit,
        static_w=float(sum(chiplet.static_power_w for chiplet in package.chiplets)),
    )


def _region(ready: Prepared, chiplets: tuple[int, ...]) -> Region:
    return region_of(ready.package, ready.network, chiplets)


def _splits(ready: Prepared, task: int, most: int) -> Splits:
    layers = ready.tasks[task].model.layers
    return Splits(layers, ready.package.classes, ready.problem.costs[task], ready.problem.cost_model, most)
