"""SCAR's options, under the paper's names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chipweave.errors import InputError


class Packing(StrEnum):
    """How MCM-Reconfig fills windows: `first_fit` is Algorithm 1; `uniform` is the ablation's baseline."""

    FIRST_FIT = "first_fit"
    UNIFORM = "uniform"


class Provision(StrEnum):
    """How PROV gives out nodes: `rule` is Eq. 2; `exhaustive` tries every distribution."""

    RULE = "rule"
    EXHAUSTIVE = "exhaustive"


class Search(StrEnum):
    """How SEG and SCHED look: `exhaustive` (3x3 in the paper), `evolutionary` (6x6); `auto` by package size."""

    AUTO = "auto"
    EXHAUSTIVE = "exhaustive"
    EVOLUTIONARY = "evolutionary"


@dataclass(frozen=True, slots=True)
class ScarOptions:
    """Options of the `scar` scheduler.

    Args:
        n_splits: candidate window partitions have 0 to n_splits periodic cuts (IV-A; 4 in the paper).
        packing: see `Packing`.
        provision: see `Provision`.
        top_k: segmentations kept per model (IV-C, heuristic 1; the paper gives no value). None keeps all, and
            the result is then the optimum over the candidate windows.
        node_cap: most nodes a model may get (IV-C, heuristic 2; no value in the paper). None: no cap.
        search: see `Search`.
        population, generations: of the evolutionary search (V-A: 10 and 4).
    """

    n_splits: int = 4
    packing: Packing = Packing.FIRST_FIT
    provision: Provision = Provision.RULE
    top_k: int | None = None
    node_cap: int | None = None
    search: Search = Search.AUTO
    population: int = 10
    generations: int = 4

    def __post_init__(self) -> None:
        problems = [
            f"scar: {key}={value} is not at least {least}"
            for key, least in (("n_splits", 0), ("top_k", 1), ("node_cap", 1), ("population", 2), ("generations", 1))
            if (value := getattr(self, key)) is not None and value < least
        ]
        problems += [
            f"scar: {key}={value} is more than {most}"
            for key, most in (("n_splits", 64), ("population", 10_000), ("generations", 10_000))
            if (value := getattr(self, key)) > most
        ]
        if problems:
            raise InputError(problems)
