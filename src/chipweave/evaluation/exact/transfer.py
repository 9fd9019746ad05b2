"""Bytes on the package's links: transfers between regions, along the trees that the routes from each owner form.

docs/regions.md, "A transfer"; our reconstruction where a region has several chiplets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chipweave.evaluation.law import Rates, link_s
from chipweave.evaluation.record import Transfer
from chipweave.hardware.package import Package
from chipweave.ndarrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Network:
    """The package's routes as arrays.

    Args:
        before: [a, b] the chiplet before b on the route from a.
        hops: [a, b] links on that route, each by its latency: hops over the standard link (`hardware.links.Wiring`).
        outward: [a, :] all chiplets, those farthest from a first.
        link: [a, b] number of the directed link between neighbours, -1 elsewhere.
        links: (from, to) of each directed link.
        equal: all links are alike; then the following are all 1.
        slow: per link how many times as long as on the standard link a byte takes; slow_routes: [a, b] on the slowest
            link of the route; slow_out, slow_into: out of and into each chiplet.
        joules: per link, energy of a byte over that on the standard link.
    """

    before: Ints
    hops: Floats
    outward: Ints
    link: Ints
    links: tuple[tuple[int, int], ...]
    equal: bool
    slow: Floats
    slow_routes: Floats
    slow_out: Floats
    slow_into: Floats
    joules: Floats


def network(package: Package) -> Network:
    """The arrays of a package's routes."""
    count = len(package.chiplets)
    links = package.directed_links
    link = np.full((count, count), -1, np.int64)
    for number, (a, b) in enumerate(links):
        link[a, b] = number
    before, target = np.indices((count, count))
    for _ in range(int(package.hop_matrix.max()) - 1):
        following = package.next_chiplet[before, target]
        before = np.where(following == target, before, following)
    outward = np.argsort(-package.hop_matrix, axis=1, kind="stable")
    wiring, (slow_out, slow_into) = package.wiring, package.slow_ports
    return Network(
        before, package.late_hops, outward, link, links, wiring.equal, wiring.slow, package.slow_routes, slow_out,
        slow_into, wiring.joules,
    )  # fmt: skip


def nothing(net: Network) -> Transfer:
    """No bytes."""
    count = len(net.before)
    return Transfer(0.0, 0.0, 0.0, np.zeros(len(net.links)), np.zeros(count), np.zeros(count))


def together(net: Network, transfers: Iterable[Transfer]) -> Transfer:
    """The sum of all."""
    made, hops, sent, hop_bytes = nothing(net), 0.0, 0.0, 0.0
    for each in transfers:
        hops, sent, hop_bytes = max(hops, each.hops), sent + each.sent, hop_bytes + each.hop_bytes
        np.add(made.links, each.links, out=made.links)
        np.add(made.out, each.out, out=made.out)
        np.add(made.into, each.into, out=made.into)
    return Transfer(hops, sent, hop_bytes, made.links, made.out, made.into)


def transfer(
    net: Network,
    owners: Sequence[int],
    readers: Sequence[int],
    wanted: Floats,
    owned: Floats,
    unicast: bool = False,
) -> Transfer:
    """Bytes `wanted[j, i]` of what `owners[j]` holds go to `readers[i]`; nothing moves within a chiplet.

    Args:
        readers: each chiplet once.
        owned: [j] distinct bytes of each owner: no more of them leave it or cross a link, however many want them.
        unicast: every copy leaves and crosses links by itself.
    """
    if unicast:
        owned = wanted.sum(axis=1)
    source, target = np.array(owners, dtype=np.int64), np.array(readers, dtype=np.int64)
    moved = np.where(source[:, None] == target[None, :], 0.0, wanted)
    into, out, links = np.zeros(len(net.before)), np.zeros(len(net.before)), np.zeros(len(net.links))
    into[target] = moved.sum(axis=0)
    out[source] = np.minimum(moved.sum(axis=1), owned)
    if len(source) == len(target) == 1:
        path = [int(target[0])]
        while path[-1] != source[0]:
            path.append(int(net.before[source[0], path[-1]]))
        for at, before in pairwise(path):
            links[net.link[before, at]] = out[source[0]]
        hops = float(net.hops[source[0], target[0]]) if moved[0, 0] > 0 else 0.0
    else:
        from chipweave.evaluation.exact.trees import load_links

        hops = load_links(source, target, moved, owned, net, links)
    return Transfer(float(hops), float(out.sum()), float(links.sum()), links, out, into)


def transfer_s(moved: Transfer, net: Network, rates: Rates) -> float:
    """Seconds of a transfer: the chiplet with most bytes in or out sets them, or in `detailed`, and where links differ,
    its busiest link, on which several owners' bytes may meet (`law.link_s`)."""
    if moved.sent == 0:
        return 0.0
    link, out, into = loads(net, moved)
    most = float(max(into.max(), out.max()))
    return link_s(max(most, float(link.max())) if rates.detailed or not net.equal else most, moved.hops, rates)


def loads(net: Network, moved: Transfer) -> tuple[Floats, Floats, Floats]:
    """What each link, and each chiplet out and in, has to carry, as bytes on the standard link."""
    if net.equal:
        return moved.links, moved.out, moved.into
    return moved.links * net.slow, moved.out * net.slow_out, moved.into * net.slow_into


def hop_bytes_of(net: Network, moved: Transfer) -> float:
    """Bytes times the links they cross, each by its energy: as many over the standard link."""
    return moved.hop_bytes if net.equal else float(moved.links @ net.joules)
