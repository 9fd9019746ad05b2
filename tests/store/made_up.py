"""Cases that are quickly made, and answers to them that nobody has computed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from chipweave.api import case
from chipweave.files.case_file import case_key
from chipweave.results.case import Case
from chipweave.store.answer import Answer, Failure, Kind, package_figures
from chipweave.store.point import Point


@cache
def first() -> Case:
    return case("alexnet", "simba-nvdla-3x3", scheduler="standalone")


def points(count: int, *, start: int = 0) -> list[Point]:
    """Cases that differ in their seed."""
    return list(some(range(start, start + count)))


def some(seeds: Sequence[int]) -> Iterator[Point]:
    for seed in seeds:
        asked = replace(first(), seed=seed)
        yield Point(seed, asked, case_key(asked), {"seed": seed})


def answer(point: Point, *, seconds: float = 1.5, worker: str = "host:1") -> Answer:
    """With figures that follow from the seed."""
    latency_s, energy_j = 1e-3 * (1 + point.case.seed), 1 / (3 + point.case.seed)
    figures = {
        "latency_s": latency_s,
        "energy_j": energy_j,
        "edp_js": latency_s * energy_j,
        "power_w": energy_j / latency_s,
        "value": latency_s * energy_j,
        "lower_bound": 0.5 * latency_s * energy_j,
        "gap": 0.5,
        "throughput_samples_s": 1 / latency_s,
        "windows": 1 + point.case.seed % 3,
        "evaluated": 10,
        "complete": point.case.seed % 2 == 0,
        **package_figures(point.case.package),
    }
    document = {"scenario": None, "search": {"seconds": seconds, "history": [], "seed": point.case.seed}}
    return Answer(point.key, figures, zlib.compress(json.dumps(document).encode()), seconds, worker, "0.1.0")


def failure(point: Point, kind: Kind = Kind.INTERNAL, reason: str = "no reason") -> Failure:
    return Failure(point.key, kind, reason, 0.5, "host:2")
