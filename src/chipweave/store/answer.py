"""What comes of a case, as values that travel between processes: an answer, or a failure."""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from chipweave.errors import InfeasibleError, InputError
from chipweave.files.case_file import package_hash, scenario_hash
from chipweave.files.schedule_file import outline
from chipweave.hardware.package import Package
from chipweave.hardware.price import costs_of
from chipweave.results.result import Result
from chipweave.version import __version__

Figure = int | float | bool | None

MOST_REASON = 10_000
"""Characters that are kept of a reason."""


class Kind(StrEnum):
    """Why a case has no answer: no schedule within the limits; something it names is wrong; its process ended; a fault
    of chipweave."""

    INFEASIBLE = "infeasible"
    INPUT = "input"
    KILLED = "killed"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Answer:
    """A case's result, as a store has it.

    Args:
        key: of the case.
        figures: by the names of the columns of `results`.
        packed: `schedule.json` without the scenario and the package, which a store has once; compressed by zlib.
        seconds: wall time of the case.
        worker: host and process that ran it.
        version: of chipweave there.
    """

    key: str
    figures: Mapping[str, Figure]
    packed: bytes
    seconds: float
    worker: str
    version: str


@dataclass(frozen=True)
class Failure:
    """Why a case has no answer. Fields as those of `Answer`; `reason` in words, `at` when (UTC, ISO 8601): the store
    says it."""

    key: str
    kind: Kind
    reason: str
    seconds: float
    worker: str
    version: str = __version__
    at: str = ""


def answer_of(key: str, result: Result, seconds: float, worker: str) -> Answer:
    """A result as a store has it."""
    problem = result.problem
    document = outline(result, scenario_hash(problem.scenario), package_hash(problem.package))
    packed = zlib.compress(json.dumps(document, separators=(",", ":"), allow_nan=False).encode())
    return Answer(key, figures_of(result), packed, seconds, worker, __version__)


def failure_of(key: str, error: BaseException, seconds: float, worker: str) -> Failure:
    """An exception that ended a case, as a store has it. `killed` is what no exception tells."""
    kind = next(
        (
            kind
            for type, kind in ((InfeasibleError, Kind.INFEASIBLE), (InputError, Kind.INPUT))
            if isinstance(error, type)
        ),
        Kind.INTERNAL,
    )
    said = str(error) if kind is not Kind.INTERNAL else f"{type(error).__name__}: {error}"
    return Failure(key, kind, said, seconds, worker)


def figures_of(result: Result) -> dict[str, Figure]:
    """The figures of a result by the names of the columns of `results`: seconds, joules, watts, bytes, US dollars."""
    evaluation, search = result.evaluation, result.search
    samples = sum(task.batch for task in result.problem.scenario.tasks)
    return {
        "latency_s": evaluation.latency_s,
        "energy_j": evaluation.energy_j,
        "edp_js": evaluation.edp_js,
        "power_w": evaluation.average_power_w,
        "value": result.value,
        "lower_bound": None if result.certificate is None else result.certificate.value,
        "gap": result.gap,
        "throughput_samples_s": samples / evaluation.latency_s,
        "windows": len(result.schedule.windows),
        "evaluated": None if search is None else search.evaluated,
        "complete": None if search is None else search.complete,
        **package_figures(result.problem.package),
    }


@lru_cache(256)
def package_figures(package: Package) -> Mapping[str, Figure]:
    """A package in figures; with what `price.costs_of` says of it."""
    chiplets = package.chiplets
    return {
        "chiplets": len(chiplets),
        "pes": sum(chiplet.num_pes for chiplet in chiplets),
        "l2_bytes": sum(chiplet.l2_bytes for chiplet in chiplets),
        "peak_macs_s": sum(chiplet.peak_macs_s for chiplet in chiplets),
        **costs_of(package),
    }


def this_worker() -> str:
    """Host and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
