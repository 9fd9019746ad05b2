"""Cost models by name, and as plain data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from chipweave.cost.interface import CostModel
from chipweave.errors import InputError

CHOICES = "'maestro' or 'table:FILE.csv'"


def choose(choice: str | CostModel, *, offchip_bandwidth: int | None = None, folder: Path = Path()) -> CostModel:
    """`maestro`, `table:FILE.csv` (relative to `folder`), or an object with `name` and `costs`.

    Args:
        offchip_bandwidth: MAESTRO's off-chip floor, elements per cycle; None: off.

    Raises:
        InputError: an unknown name, a table that cannot be read, a floor for another model than `maestro`.
    """
    if choice == "maestro":
        from chipweave.cost.maestro.model import MaestroCostModel
        from chipweave.cost.maestro.notation import LARGEST_NUMBER

        if offchip_bandwidth is not None and not 1 <= offchip_bandwidth <= LARGEST_NUMBER:
            raise InputError(
                f"cost model: off-chip bandwidth {offchip_bandwidth} is not in 1..{LARGEST_NUMBER} elements per cycle"
            )
        return MaestroCostModel(offchip_bandwidth=offchip_bandwidth)
    if offchip_bandwidth is not None:
        raise InputError(f"cost model: the off-chip floor belongs to 'maestro', not to {choice!r}; leave it out")
    if not isinstance(choice, str):
        return choice
    kind, _, path = choice.partition(":")
    if kind == "table" and path:
        from chipweave.cost.table import load_table

        return load_table(folder / path)
    raise InputError(f"cost model '{choice}' is unknown; use {CHOICES}")


def describe(model: CostModel) -> dict[str, Any]:
    """Name and parameters as plain data. Only `maestro` can be made again from them."""
    parameters: dict[str, Any] = {}
    if rebuilds(model.name) and dataclasses.is_dataclass(model) and not isinstance(model, type):
        parameters = dataclasses.asdict(model)
    return {"name": model.name} | parameters


def rebuilds(name: str) -> bool:
    """Whether `describe` says enough to make the model again; others' figures are stored with the schedule."""
    return name == "maestro"
