"""What links of unlike figures take, link by link in seconds and joules: nothing here knows of a standard link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from chipweave.hardware.package import Package

Link = tuple[int, int]


def figures(package: Package, link: Link) -> tuple[float, float, float]:
    """Bandwidth, latency and energy of one way of a link."""
    for own in package.own_links:
        if (own.source, own.target) == link:
            return own.bandwidth_bytes_s, own.latency_s, own.energy_j_per_bit
    return package.link_bandwidth_bytes_s, package.hop_latency_s, package.nop_energy_j_per_bit


def ways_of(package: Package) -> list[Link]:
    return [way for a, b in package.links for way in ((a, b), (b, a))]


def way_s(package: Package, source: int, target: int) -> float:
    """Latency of a route."""
    return sum(figures(package, link)[1] for link in pairwise(package.routes[source][target]))


def slowest_bytes_s(package: Package, chiplets: Iterable[int]) -> float:
    """Of all links on routes between these chiplets, the least bandwidth."""
    inside = list(chiplets)
    links = {link for a in inside for b in inside for link in pairwise(package.routes[a][b])}
    return min((figures(package, link)[0] for link in links), default=1.0)


def links_s(package: Package, links: Mapping[Link, float]) -> float:
    """Seconds of the link that needs longest for its bytes."""
    return max((bytes_ / figures(package, link)[0] for link, bytes_ in links.items()), default=0.0)


def ports_s(package: Package, sent: Mapping[int, float], received: Mapping[int, float]) -> float:
    """Seconds of the chiplet that needs longest for what goes out or what comes in, at the rate of its fastest link."""
    spent = [0.0]
    for chiplet, bytes_ in sent.items():
        spent.append(bytes_ / max(figures(package, way)[0] for way in ways_of(package) if way[0] == chiplet))
    for chiplet, bytes_ in received.items():
        spent.append(bytes_ / max(figures(package, way)[0] for way in ways_of(package) if way[1] == chiplet))
    return max(spent)


def joules(package: Package, links: Mapping[Link, float]) -> float:
    return sum(8 * bytes_ * figures(package, link)[2] for link, bytes_ in links.items())
