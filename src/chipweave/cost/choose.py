"""Cost models by name, and as plain data. A new one by name is one new file and one entry here.

Models are imported where they are made: the command line reads the entries for its help.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from chipweave.errors import InputError
from chipweave.plain import NAME, short

if TYPE_CHECKING:
    from chipweave.cost.interface import CostModel


class Named(NamedTuple):
    """A cost model as it is asked for.

    Args:
        choice: what was written, `loopnest:latency`.
        detail: what follows the colon; None where there is none.
        parameters: those given, by name.
        jobs: threads; None: one per core.
        folder: where relative paths start.
    """

    choice: str
    detail: str | None
    parameters: Mapping[str, Any]
    jobs: int | None
    folder: Path


class Parameter(NamedTuple):
    """What decides a model's figures beside its name: what messages call it, and what it is, for help and docs."""

    called: str
    help: str


class Entry(NamedTuple):
    """A cost model that may be named.

    Args:
        make: makes it; None where the name is not written so.
        what: it is, in a few words.
        written: how to write its name, where that is more than the name.
        more: what else may be written, for the message about an unknown name.
        parameters: by name, each an attribute of the model.
        rebuilds: name and parameters say enough to make it again; others' figures are stored with the schedule.
    """

    make: Callable[[Named], CostModel | None]
    what: str
    written: str = ""
    more: str = ""
    parameters: Mapping[str, Parameter] = MappingProxyType({})
    rebuilds: bool = True


def _maestro(named: Named) -> CostModel | None:
    from chipweave.cost.maestro.model import MaestroCostModel
    from chipweave.cost.maestro.notation import LARGEST_NUMBER

    if named.detail is not None:
        return None
    floor = named.parameters.get("offchip_bandwidth")
    if floor is not None and not 1 <= floor <= LARGEST_NUMBER:
        wrong = f"off-chip bandwidth {floor} is not in 1..{LARGEST_NUMBER} elements per cycle"
        raise InputError(f"cost model: {wrong}; give a number that is")
    return MaestroCostModel(offchip_bandwidth=floor)


def _loopnest(named: Named) -> CostModel | None:
    from chipweave.cost.loopnest.model import LoopnestCostModel

    objective = named.parameters.get("objective")
    if named.detail == "":
        return None
    if named.detail is not None and objective not in (None, named.detail):
        raise InputError(f"cost model: '{named.choice}' and the objective '{objective}' differ; leave one out")
    return LoopnestCostModel(objective=named.detail or objective or "edp", jobs=named.jobs)


def _table(named: Named) -> CostModel | None:
    from chipweave.cost.table import load_table

    return load_table(named.folder / named.detail) if named.detail else None


COST_MODELS: dict[str, Entry] = {
    "maestro": Entry(
        _maestro,
        "the papers'",
        parameters={
            "offchip_bandwidth": Parameter(
                "the off-chip floor",
                "MAESTRO's off-chip floor, elements per cycle; off by default: the package owns that traffic",
            )
        },
    ),
    "loopnest": Entry(
        _loopnest,
        "the best mapping of each layer",
        more=" (for other mappings than those of the best EDP 'loopnest:latency' or 'loopnest:energy')",
        parameters={
            "objective": Parameter(
                "the mappings' objective", "What loopnest's mappings minimise, each layer on its own (edp)"
            )
        },
    ),
    "table": Entry(_table, "yours", written="table:FILE.csv", rebuilds=False),
}


def choose(
    choice: str | CostModel, *, jobs: int | None = None, folder: Path = Path(), **parameters: object
) -> CostModel:
    """The model of that name, as `COST_MODELS` has them, or an object with `name` and `costs` itself.

    Args:
        jobs: threads that search for loopnest's mappings; None: one per core.
        folder: where a relative path in the name starts.
        parameters: of the model, such as `objective`; None: not given.

    Raises:
        InputError: an unknown name, a table that cannot be read, a parameter for another model than its own.
    """
    name, colon, detail = choice.partition(":") if isinstance(choice, str) else ("", "", "")
    given = {key: value for key, value in parameters.items() if value is not None}
    for owner, entry in COST_MODELS.items():
        for key in entry.parameters.keys() & given.keys() if owner != name else ():
            raise InputError(
                f"cost model: {entry.parameters[key].called} belongs to '{owner}', not to {choice!r}; choose "
                f"'{owner}', or leave it out"
            )
    if not isinstance(choice, str):
        _require_model(choice)
        return choice
    named = Named(choice, detail if colon else None, given, jobs, folder)
    made = COST_MODELS[name].make(named) if name in COST_MODELS else None
    if made is None:
        *others, last = (f"'{entry.written or known}'{entry.more}" for known, entry in COST_MODELS.items())
        raise InputError(f"cost model '{choice}' is unknown; use {', '.join(others)} or {last}")
    return made


def _require_model(model: object) -> None:
    """A cost model of the user's own has what one is asked for, and a name that no other has."""
    name = getattr(model, "name", None)
    if not isinstance(name, str) or not re.match(NAME, name) or not callable(getattr(model, "costs", None)):
        raise InputError(
            f"cost model {short(model)} is none: give a name such as 'loopnest', or an object with a text `name` "
            "and a method `costs(layers, chiplet)`"
        )
    if name in COST_MODELS and not type(model).__module__.startswith("chipweave."):
        raise InputError(f"cost model: your own is called '{name}', as one of chipweave's; give it another name")


def describe(model: CostModel) -> dict[str, Any]:
    """Name and parameters as plain data."""
    known = COST_MODELS.get(model.name)
    return {"name": model.name} | {key: getattr(model, key, None) for key in (known.parameters if known else ())}


def on_threads(model: CostModel, jobs: int | None) -> CostModel:
    """The model; one of chipweave's that searches, on so many threads (None: one per core)."""
    ours = dataclasses.is_dataclass(model) and type(model).__module__.startswith("chipweave.")
    if not ours or "jobs" not in {field.name for field in dataclasses.fields(model)}:  # type: ignore[arg-type]
        return model
    threaded: CostModel = dataclasses.replace(model, jobs=jobs)  # type: ignore[type-var]
    return threaded


def rebuilds(name: str) -> bool:
    """Whether `describe` says enough to make the model again."""
    return name in COST_MODELS and COST_MODELS[name].rebuilds
