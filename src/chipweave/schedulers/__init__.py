"""Schedulers by name. Each is a function `(problem, request) -> Found`; a new one is one new file and one line here.

The functions are looked up on first use: compiled kernels take a moment to load.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chipweave.evaluation.exact.ground import Prepared
    from chipweave.schedulers.search import Found, Request

    Scheduler = Callable[[Prepared, Request], Found]

SCHEDULERS: dict[str, tuple[str, str, str]] = {
    "scar": (
        "chipweave.schedulers.scar.scheduler",
        "scar",
        "time windows, node provisioning, segmentation, placement trees (reconstruction of SCAR, MICRO 2024)",
    ),
    "simba": (
        "chipweave.schedulers.baselines",
        "simba",
        "SCAR's engines on a package of one chiplet class (SCAR's Simba-like baseline)",
    ),
    "standalone": (
        "chipweave.schedulers.baselines",
        "standalone",
        "one chiplet a model, all at once (SCAR's Standalone baseline)",
    ),
    "nn-baton": (
        "chipweave.schedulers.nn_baton",
        "nn_baton",
        "models one after another on the starting chiplet, layers that exceed it split (SCAR's reading of NN-Baton)",
    ),
    "scope": (
        "chipweave.schedulers.scope.scheduler",
        "scope",
        "windows of merged pipelines: clusters of layers on regions of chiplets (our reconstruction of Scope)",
    ),
    "segmented-pipeline": (
        "chipweave.schedulers.scope.scheduler",
        "segmented_pipeline",
        "windows of pipelines with one layer a stage, each on a region (what Scope compares with)",
    ),
    "full-pipeline": (
        "chipweave.schedulers.scope.scheduler",
        "full_pipeline",
        "one window, one layer a stage, each on a region",
    ),
    "sequential": (
        "chipweave.schedulers.scope.scheduler",
        "sequential",
        "all chiplets on each layer in turn",
    ),
}
"""Name: (module, function, what it does)."""


def scheduler(name: str) -> Scheduler:
    """The scheduler with that name (a key of `SCHEDULERS`)."""
    module, function, _ = SCHEDULERS[name]
    found: Scheduler = getattr(import_module(module), function)
    return found
