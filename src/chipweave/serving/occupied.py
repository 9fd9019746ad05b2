"""For how long a plan keeps each place of a package busy that others share: DRAM or interfaces, links, ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.traffic import traffic
from chipweave.hardware.package import Interfaces, Package
from chipweave.ndarrays import Floats
from chipweave.plan.schedule import Schedule
from chipweave.serving.repeated import MANY, one_by_one


@dataclass(frozen=True)
class Places:
    """The places in the order of `occupied`."""

    package: Package

    def name(self, number: int) -> str:
        package = self.package
        split = package.interface_bandwidth is Interfaces.SPLIT
        interfaces = [f"the memory interface of chiplet {at}" for at in sorted(package.interfaces)]
        links = [f"the link from chiplet {a} to {b}" for a, b in package.directed_links]
        ports = [f"the port of chiplet {at}" for at in range(len(package.chiplets))]
        return [*(interfaces if split else ["the DRAM"]), *links, *ports, *ports][number]


def occupied(evaluation: Evaluation, package: Package) -> Floats:
    """Seconds in which each place moves what a schedule moves, all windows together."""
    windows = traffic(evaluation, package)
    dram = np.array([sum(window.dram[at] for window in windows) for at in sorted(package.interfaces)])
    if package.interface_bandwidth is Interfaces.SPLIT:
        memory_s = dram / np.array([package.interface_bytes_s[at] for at in sorted(package.interfaces)])
    else:
        memory_s = np.array([dram.sum() / package.dram_bandwidth_bytes_s])
    over_links = [sum(getattr(window, name) for window in windows) for name in ("links", "out", "into")]
    wiring, slow = package.wiring, (package.wiring.slow, *package.slow_ports)
    links_s = (each * times / wiring.standard.bandwidth_bytes_s for each, times in zip(over_links, slow, strict=True))
    return np.concatenate([memory_s, *links_s])


def of_repeated(schedule: Schedule, evaluated: Callable[[Schedule, int], Evaluation], package: Package) -> Floats:
    """The same of one more step of many, once all that stays in L2 is there."""
    plan = one_by_one(schedule)
    many, more = (occupied(evaluated(plan, steps), package) for steps in (MANY, MANY + 1))
    return np.asarray(more - many)
