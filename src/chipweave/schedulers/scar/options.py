"""SCAR's options, under the paper's names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chipweave.schedulers.options import check, option


class Packing(StrEnum):
    """How MCM-Reconfig fills windows: `first_fit` is Algorithm 1; `uniform` is the ablation's baseline."""

    FIRST_FIT = "first_fit"
    UNIFORM = "uniform"


class Provision(StrEnum):
    """How PROV gives out nodes: `rule` is Eq. 2; `exhaustive` tries every distribution."""

    RULE = "rule"
    EXHAUSTIVE = "exhaustive"


class Method(StrEnum):
    """How SEG and SCHED look: `exhaustive` (3x3 in the paper), `evolutionary` (6x6); `auto` by package size."""

    AUTO = "auto"
    EXHAUSTIVE = "exhaustive"
    EVOLUTIONARY = "evolutionary"


@dataclass(frozen=True, slots=True)
class ScarOptions:
    """Options of `scar` and `simba`. With unlimited `top_k` the result is the optimum over the candidate windows."""

    n_splits: int = option(
        4, help="Largest number of periodic cuts into windows", least=0, most=64, paper="n_splits (IV-A; 4)"
    )
    packing: Packing = option(
        Packing.FIRST_FIT,
        help="How layers fill windows",
        paper="first-fit: Algorithm 1; uniform, equally many layers in every window: the ablation's baseline (V-E)",
    )
    provision: Provision = option(
        Provision.RULE,
        help="Chiplets per model: SCAR's Eq. 2 or all ways",
        paper="rule: Eq. 2 (IV-B); exhaustive: the ablation's search over N_i (V-E)",
    )
    top_k: int | None = option(
        None,
        help="Segmentations kept per model",
        unset="all: the exact search",
        least=1,
        paper="top-k (IV-C, heuristic 1; without a value)",
    )
    node_cap: int | None = option(
        None,
        help="Most chiplets per model",
        unset="none",
        least=1,
        paper="node allocation constraint (IV-C, heuristic 2; without a value)",
    )
    search: Method = option(
        Method.AUTO,
        help="How windows are searched",
        paper="exhaustive: at 3x3; evolutionary: at 6x6; auto goes by the package's size",
    )
    exact: bool = option(False, help="Search large windows without tolerance, too, however long that takes")
    population: int = option(10, help="Of the evolutionary search", least=2, most=10_000, paper="population (V-A; 10)")
    generations: int = option(4, help="Of the evolutionary search", least=1, most=10_000, paper="generations (V-A; 4)")

    def __post_init__(self) -> None:
        check(self, "scar")
