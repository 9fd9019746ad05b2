"""Sweeps made up: rows as a store gives them, of figures that follow from the axes by a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from chipweave.sweep.gather import Gathered, Unfinished, gather

AXES: dict[str, list[Any]] = {
    "chiplets.*.l2_bytes": [2**20, 2**22, 2**24],
    "package.link_bandwidth_bytes_s": [50e9, 100e9, 200e9, 400e9],
    "package.classes": [{"A": "one", "B": "two"}, {"A": "two", "B": "two"}],
}


def row(position: int, axes: Mapping[str, Any], latency_s: float, energy_j: float, price_usd: float) -> dict[str, Any]:
    """A finished point."""
    return {
        "position": position,
        "axes": dict(axes),
        "key": f"sha256:{position:064x}",
        "scenario": "made-up",
        "package": f"package {position % 2}",
        "scheduler": "scar",
        "latency_s": latency_s,
        "energy_j": energy_j,
        "edp_js": latency_s * energy_j,
        "power_w": energy_j / latency_s,
        "gap": None,
        "throughput_samples_s": 4 / latency_s,
        "windows": 2,
        "complete": True,
        "price_usd": price_usd,
        "seconds": 0.25,
    }


def rows(axes: Mapping[str, list[Any]] = AXES) -> Iterator[dict[str, Any]]:
    """Larger L2 and faster links help, and cost."""
    for position, values in enumerate(product(*axes.values())):
        l2, link, *_ = values
        at = dict(zip(axes, values, strict=True))
        yield row(position, at, (1 + 2e20 / l2**2 / link) * 1e-3, 2 + 1e6 / l2, 20 + l2 / 1e6 + link / 1e10)


def made_up(failed: Mapping[int, tuple[str, str]] | None = None, waiting: tuple[int, ...] = ()) -> Gathered:
    """The sweep, some of its points failed (kind and reason) or not run yet."""
    failed = failed or {}
    everything = list(rows())
    others = [
        Unfinished(each["position"], each["key"], each["axes"], *failed.get(each["position"], ("", "")))
        for each in everything
        if each["position"] in failed or each["position"] in waiting
    ]
    gone = {other.position for other in others}
    return gather([each for each in everything if each["position"] not in gone], others)
