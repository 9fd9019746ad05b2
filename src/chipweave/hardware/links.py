"""Links between dies: classes of them, single ones with figures of their own, and what they all are as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chipweave.errors import InputError
from chipweave.ndarrays import Floats
from chipweave.plain import settle


@dataclass(frozen=True)
class LinkClass:
    """A class of links.

    Args:
        name: such as `ucie-advanced-32`.
        bandwidth_bytes_s: of one module, one way.
        latency_s: of a hop, both ends included.
        energy_j_per_bit: of a bit and hop, both ends included.

    Raises:
        InputError: naming each field at fault.
    """

    name: str
    bandwidth_bytes_s: float
    latency_s: float
    energy_j_per_bit: float

    def __post_init__(self) -> None:
        settle(self, "link class")
        faults = _faults_of(self)
        if faults:
            raise InputError([f"link class '{self.name}': {key}: {wrong}" for key, wrong in faults], fields=faults)

    def of_package(self, modules: int) -> dict[str, float]:
        """The three figures that a package states of its links, where each has so many modules side by side."""
        return {
            "link_bandwidth_bytes_s": modules * self.bandwidth_bytes_s,
            "hop_latency_s": self.latency_s,
            "nop_energy_j_per_bit": self.energy_j_per_bit,
        }


@dataclass(frozen=True)
class OwnLink:
    """One way of a link that is not as the other links of its package.

    Args:
        source, target: the chiplets that it joins, in the direction of its bytes.
        bandwidth_bytes_s: of all its modules.
        latency_s: of a hop, both ends included.
        energy_j_per_bit: of a bit, both ends included.
        kind: such as its class; shown in results.

    Raises:
        InputError: naming each field at fault.
    """

    source: int
    target: int
    bandwidth_bytes_s: float
    latency_s: float
    energy_j_per_bit: float
    kind: str = ""

    def __post_init__(self) -> None:
        settle(self, "link")
        faults = _faults_of(self)
        if faults:
            where = f"link {self.source}-{self.target}"
            raise InputError([f"{where}: {key}: {wrong}" for key, wrong in faults], fields=faults)

    @property
    def ends(self) -> tuple[int, int]:
        """From where to where."""
        return self.source, self.target

    @property
    def figures(self) -> tuple[str, float, float, float]:
        """All that is said of it, but for where it is."""
        return self.kind, self.bandwidth_bytes_s, self.latency_s, self.energy_j_per_bit


def own_link_faults(own: Sequence[OwnLink], links: Sequence[tuple[int, int]]) -> list[str]:
    """What is wrong with links that have figures of their own: each is a link of the package, and named once."""
    known = {frozenset(link) for link in links}
    faults, seen = [], set()
    for link in own:
        if frozenset(link.ends) not in known:
            wrong = "is none of the package's; add it to `links`, or correct the pair"
            faults.append(f"link {link.source}-{link.target} {wrong}")
        elif link.ends in seen:
            faults.append(f"the link from {link.source} to {link.target} is given figures twice; leave one out")
        seen.add(link.ends)
    return faults


def _faults_of(link: LinkClass | OwnLink) -> list[tuple[str, str]]:
    """Figures out of range, each with what is wrong."""
    faults = []
    if not (math.isfinite(link.bandwidth_bytes_s) and link.bandwidth_bytes_s > 0):
        faults.append(("bandwidth_bytes_s", f"{link.bandwidth_bytes_s} is not a positive number; give one"))
    for key in ("latency_s", "energy_j_per_bit"):
        if not (math.isfinite(getattr(link, key)) and getattr(link, key) >= 0):
            faults.append((key, f"{getattr(link, key)} is negative or not a number; give 0 or more"))
    return faults


class StandardLink(NamedTuple):
    """The link that the law counts in: the largest of each figure that some link has.

    A hop over a link of half its latency is half a hop; a byte on a link of half its bandwidth is two bytes.
    """

    bandwidth_bytes_s: float
    latency_s: float
    energy_j_per_bit: float


class Wiring(NamedTuple):
    """All directed links as arrays, in their order; of equal links every share is exactly 1.

    Args:
        standard: what the others are shares of.
        equal: whether all links are alike.
        bytes_s: bandwidths.
        slow: how many times as long a byte takes as on the standard link.
        latencies_s: of each hop.
        late, joules: latency and energy as shares of the standard link's (1 where that is 0).
    """

    standard: StandardLink
    equal: bool
    bytes_s: Floats
    latencies_s: Floats
    slow: Floats
    late: Floats
    joules: Floats


def wiring(
    directed: Sequence[tuple[int, int]], usual: tuple[float, float, float], own: Mapping[tuple[int, int], OwnLink]
) -> Wiring:
    """The links of a package.

    Args:
        directed: (from, to) of each; usual: bandwidth, latency and energy of those that are not among `own`.
    """
    figures = np.array([own[pair].figures[1:] if pair in own else usual for pair in directed]).reshape(-1, 3)
    standard = StandardLink(*(map(float, figures.max(axis=0)) if len(figures) else usual))
    late, joules = (
        figures[:, at] / standard[at] if standard[at] > 0 else np.ones(len(figures)) for at in range(1, 3)
    )
    slow = standard.bandwidth_bytes_s / figures[:, 0]
    equal = bool((figures == figures[:1]).all())
    return Wiring(standard, equal, figures[:, 0].copy(), figures[:, 1].copy(), slow, late, joules)
