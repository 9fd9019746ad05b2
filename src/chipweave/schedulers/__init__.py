"""Schedulers by name. Each is a function `(problem, request) -> Found`; a new one is one new file and one line here.

Functions and options are looked up on first use: compiled kernels take a moment to load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chipweave.schedulers.options import Option, read

if TYPE_CHECKING:
    from chipweave.evaluation.exact.ground import Prepared
    from chipweave.schedulers.search import Found, Request

    Scheduler = Callable[[Prepared, Request], Found]


@dataclass(frozen=True, slots=True)
class Entry:
    """A scheduler that may be named.

    Args:
        function: where it stands, `module:function`.
        what: it does, in a line.
        options: the class of its options, `module:class`; its module loads without NumPy. Empty: it has none.
    """

    function: str
    what: str
    options: str = ""


SCAR = "chipweave.schedulers.scar.options:ScarOptions"
REGIONS = "chipweave.schedulers.scope.options:RegionOptions"

WEAVE = "chipweave.schedulers.weave.options:WeaveOptions"

SCHEDULERS: dict[str, Entry] = {
    "weave": Entry(
        "chipweave.schedulers.weave.scheduler:weave",
        "several models on regions of chiplets in windows where they pay, with a proof of how far from the best (ours)",
        WEAVE,
    ),
    "optimal": Entry(
        "chipweave.schedulers.weave.scheduler:optimal",
        "the same search over schedules with one chiplet a stage: SCAR's space, with free windows (ours)",
        WEAVE,
    ),
    "scar": Entry(
        "chipweave.schedulers.scar.scheduler:scar",
        "time windows, node provisioning, segmentation, placement trees (reconstruction of SCAR, MICRO 2024)",
        SCAR,
    ),
    "simba": Entry(
        "chipweave.schedulers.baselines:simba",
        "SCAR's engines on a package of one chiplet class (SCAR's Simba-like baseline)",
        SCAR,
    ),
    "standalone": Entry(
        "chipweave.schedulers.baselines:standalone",
        "one chiplet a model, all at once (SCAR's Standalone baseline)",
    ),
    "nn-baton": Entry(
        "chipweave.schedulers.nn_baton:nn_baton",
        "models one after another on the starting chiplet, layers that exceed it split (SCAR's reading of NN-Baton)",
    ),
    "scope": Entry(
        "chipweave.schedulers.scope.scheduler:scope",
        "windows of merged pipelines: clusters of layers on regions of chiplets (our reconstruction of Scope)",
        REGIONS,
    ),
    "segmented-pipeline": Entry(
        "chipweave.schedulers.scope.scheduler:segmented_pipeline",
        "windows of pipelines with one layer a stage, each on a region (what Scope compares with)",
        REGIONS,
    ),
    "full-pipeline": Entry(
        "chipweave.schedulers.scope.scheduler:full_pipeline",
        "one window, one layer a stage, each on a region",
        REGIONS,
    ),
    "sequential": Entry(
        "chipweave.schedulers.scope.scheduler:sequential",
        "all chiplets on each layer in turn",
        REGIONS,
    ),
}


def scheduler(name: str) -> Scheduler:
    """The scheduler with that name (a key of `SCHEDULERS`)."""
    found: Scheduler = _load(SCHEDULERS[name].function)
    return found


def options_class(name: str) -> type | None:
    """The class of a scheduler's options; None where it has none, or no scheduler has that name."""
    entry = SCHEDULERS.get(name)
    found: type | None = _load(entry.options) if entry is not None and entry.options else None
    return found


def options_of(name: str) -> tuple[Option, ...]:
    """The options of a scheduler; none where it has none, or no scheduler has that name."""
    options = options_class(name)
    return () if options is None else read(options)


def every_option() -> dict[Option, tuple[str, ...]]:
    """The options that any scheduler has, each with the schedulers that take it."""
    takers: dict[Option, tuple[str, ...]] = {}
    for name in SCHEDULERS:
        for option in options_of(name):
            takers[option] = (*takers.get(option, ()), name)
    return takers


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)
