"""Cost models by name, and as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chipweave.cost.interface import CostModel
from chipweave.errors import InputError

CHOICES = "'maestro', 'loopnest' (for other mappings than those of the best EDP 'loopnest:latency' or \
'loopnest:energy') or 'table:FILE.csv'"

PARAMETERS = {"maestro": ("offchip_bandwidth",), "loopnest": ("objective",)}
"""Of the models that can be made again by name, what decides their figures."""


def choose(
    choice: str | CostModel,
    *,
    offchip_bandwidth: int | None = None,
    objective: str | None = None,
    jobs: int | None = None,
    folder: Path = Path(),
) -> CostModel:
    """`maestro`, `loopnest`, `table:FILE.csv` (relative to `folder`), or an object with `name` and `costs`.

    Args:
        offchip_bandwidth: MAESTRO's off-chip floor, elements per cycle; None: off.
        objective: of loopnest's mappings, `edp` (None), `latency` or `energy`; `loopnest:latency` says the same.
        jobs: threads that search for loopnest's mappings; None: one per core.

    Raises:
        InputError: an unknown name, a table that cannot be read, a parameter for another model than its own.
    """
    kind, _, detail = choice.partition(":") if isinstance(choice, str) else ("", "", "")
    if offchip_bandwidth is not None and choice != "maestro":
        raise InputError(f"cost model: the off-chip floor belongs to 'maestro', not to {choice!r}; leave it out")
    if objective is not None and kind != "loopnest":
        raise InputError(
            f"cost model: the mappings' objective belongs to 'loopnest', not to {choice!r}; choose 'loopnest', or "
            "leave the objective out"
        )
    if not isinstance(choice, str):
        return choice
    if choice == "maestro":
        from chipweave.cost.maestro.model import MaestroCostModel
        from chipweave.cost.maestro.notation import LARGEST_NUMBER

        if offchip_bandwidth is not None and not 1 <= offchip_bandwidth <= LARGEST_NUMBER:
            raise InputError(
                f"cost model: off-chip bandwidth {offchip_bandwidth} is not in 1..{LARGEST_NUMBER} elements per cycle"
            )
        return MaestroCostModel(offchip_bandwidth=offchip_bandwidth)
    if choice == "loopnest" or (kind == "loopnest" and detail):
        from chipweave.cost.loopnest.model import LoopnestCostModel

        if detail and objective not in (None, detail):
            raise InputError(f"cost model: '{choice}' and the objective '{objective}' differ; leave one out")
        return LoopnestCostModel(objective=detail or objective or "edp", jobs=jobs)
    if kind == "table" and detail:
        from chipweave.cost.table import load_table

        return load_table(folder / detail)
    raise InputError(f"cost model '{choice}' is unknown; use {CHOICES}")


def describe(model: CostModel) -> dict[str, Any]:
    """Name and parameters as plain data. Only `maestro` and `loopnest` can be made again from them."""
    return {"name": model.name} | {key: getattr(model, key, None) for key in PARAMETERS.get(model.name, ())}


def rebuilds(name: str) -> bool:
    """Whether `describe` says enough to make the model again; others' figures are stored with the schedule."""
    return name in PARAMETERS
