"""Bytes on the package's links: transfers between regions, along the trees that the routes from each owner form.

docs/regions.md, "A transfer"; our reconstruction where a region has several chiplets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.hardware.package import Package

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """The package's routes as arrays.

    Args:
        before: [a, b] the chiplet before b on the route from a.
        hops: [a, b] links on that route.
        link: [a, b] number of the directed link between neighbours, -1 elsewhere.
        links: (from, to) of each directed link.
    """

    before: Ints
    hops: Ints
    link: Ints
    links: tuple[tuple[int, int], ...]


def network(package: Package) -> Network:
    """The arrays of a package's routes."""
    count = len(package.chiplets)
    links = tuple(pair for a, b in package.links for pair in ((a, b), (b, a)))
    link = np.full((count, count), -1, np.int64)
    for number, (a, b) in enumerate(links):
        link[a, b] = number
    before, target = np.indices((count, count))
    for _ in range(int(package.hop_matrix.max()) - 1):
        following = package.next_chiplet[before, target]
        before = np.where(following == target, before, following)
    return Network(before, package.hop_matrix, link, links)


@dataclass(frozen=True)
class Transfer:
    """What one transfer asks of the package.

    Args:
        hops: of the longest route.
        sent: bytes that leave their owners, each once.
        hop_bytes: bytes times the links they cross.
        links: bytes per directed link.
        out, into: bytes out of and into each chiplet of the package.
    """

    hops: int
    sent: float
    hop_bytes: float
    links: Floats
    out: Floats
    into: Floats

    def __add__(self, other: Transfer) -> Transfer:
        """Both together: the sums of everything, the longer route."""
        return Transfer(
            max(self.hops, other.hops),
            self.sent + other.sent,
            self.hop_bytes + other.hop_bytes,
            self.links + other.links,
            self.out + other.out,
            self.into + other.into,
        )

    def times(self, factor: float) -> Transfer:
        """The same transfer `factor` times over."""
        return Transfer(
            self.hops,
            factor * self.sent,
            factor * self.hop_bytes,
            factor * self.links,
            factor * self.out,
            factor * self.into,
        )


def nothing(net: Network) -> Transfer:
    """No bytes."""
    count = len(net.before)
    return Transfer(0, 0.0, 0.0, np.zeros(len(net.links)), np.zeros(count), np.zeros(count))


def transfer(net: Network, owners: Sequence[int], readers: Sequence[int], wanted: Floats, owned: Floats) -> Transfer:
    """Bytes `wanted[j, i]` of what `owners[j]` holds go to `readers[i]`; nothing moves within a chiplet.

    Args:
        readers: each chiplet once.
        owned: [j] distinct bytes of each owner: no more of them leave it or cross a link, however many want them.
    """
    source, target = np.array(owners, dtype=np.int64), np.array(readers, dtype=np.int64)
    count = len(net.before)
    moved = np.where(source[:, None] == target[None, :], 0.0, wanted)
    into, out, links = np.zeros(count), np.zeros(count), np.zeros(len(net.links))
    sent = np.minimum(moved.sum(axis=1), owned)
    np.add.at(into, target, moved.sum(axis=0))
    np.add.at(out, source, sent)
    hops = np.where(moved > 0, net.hops[np.ix_(source, target)], 0)
    beyond = np.zeros((len(source), count))
    beyond[:, target] = moved
    depth = net.hops[source]
    hop_bytes = 0.0
    for distance in range(int(hops.max(initial=0)), 0, -1):
        owner, at = np.nonzero((depth == distance) & (beyond > 0))
        before, behind = net.before[source[owner], at], beyond[owner, at]
        load = np.minimum(behind, owned[owner])
        np.add.at(beyond, (owner, before), behind)
        np.add.at(links, net.link[before, at], load)
        hop_bytes += float(load.sum())
    return Transfer(int(hops.max(initial=0)), float(sent.sum()), hop_bytes, links, out, into)


def transfer_time_s(package: Package, moved: Transfer) -> float:
    """The most bytes into or out of a chiplet / BW_nop + hops * Lat_hop + delta (SCAR III-E); nothing for no bytes."""
    if moved.sent == 0:
        return 0.0
    largest = float(max(moved.into.max(), moved.out.max()))
    return largest / package.link_bandwidth_bytes_s + moved.hops * package.hop_latency_s + package.conflict_delay_s
