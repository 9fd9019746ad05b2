"""A case as plain data, and its name by content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from typing import Any
from weakref import ref

from chipweave.cost.choose import describe, rebuilds
from chipweave.cost.interface import CostModel
from chipweave.errors import InputError
from chipweave.files.content import content_hash
from chipweave.files.package_file import package_to_dict
from chipweave.files.scenario_file import scenario_to_dict
from chipweave.files.schedule_spec import LAW
from chipweave.hardware.package import Package
from chipweave.results.case import Case
from chipweave.schedulers import options_class
from chipweave.workload.scenario import Scenario


def case_to_document(case: Case) -> dict[str, Any]:
    """Everything that decides a case's answer, as JSON-able data; scenario and package by their names by content.

    Raises:
        InputError: the objective is a Python function, or the cost model the user's own object: what they do has no
            content that could be compared.
    """
    if callable(case.objective):
        name = getattr(case.objective, "__name__", "custom")
        raise InputError(
            f"objective '{name}': a Python function has no content to tell it by; write it as an expression"
        )
    options = case.options
    if options is None and (kind := options_class(case.scheduler)) is not None:
        options = kind()
    return {
        "scenario": scenario_hash(case.scenario),
        "package": package_hash(case.package),
        "scheduler": case.scheduler,
        "options": {} if options is None else {name: _plain(value) for name, value in asdict(options).items()},  # type: ignore[call-overload]
        "objective": case.objective,
        "cost_model": _cost_model(case.cost_model),
        "fidelity": str(case.fidelity),
        "law": LAW,
        "seed": case.seed,
        "time_limit_s": case.time_limit_s,
        "simulate": case.simulate,
        "rescued": case.rescued,
    } | ({"rows": True} if case.rows else {})  # cases of before have the names that they had


def case_key(case: Case) -> str:
    """`sha256:` and the digest of all that decides a case's answer: documents, settings, the law, the cost model.

    Raises:
        InputError: as `case_to_document`.
    """
    return content_hash(case_to_document(case))


def scenario_hash(scenario: Scenario) -> str:
    """The name by content of a scenario, as `schedule.json` has it."""
    return _kept(scenario, lambda: content_hash(scenario_to_dict(scenario)))


def package_hash(package: Package) -> str:
    """The name by content of a package, as `schedule.json` has it."""
    return _kept(package, lambda: content_hash(package_to_dict(package)))


_names: dict[int, tuple[ref[object], str]] = {}
"""Names of objects that were asked for and still are there, by identity: to compare two scenarios takes longer than all
else of a case."""


def _kept(value: Scenario | Package, make: Callable[[], str]) -> str:
    at = id(value)
    found = _names.get(at)
    if found is not None and found[0]() is value:
        return found[1]
    name = make()
    _names[at] = ref(value, lambda _: _names.pop(at, None)), name
    return name


def _cost_model(model: CostModel) -> dict[str, Any]:
    """Name, parameters and version of a model; of a table its figures' name by content."""
    from chipweave.cost.loopnest.cache import VERSION
    from chipweave.cost.table import TableCostModel

    described = describe(model)
    if isinstance(model, TableCostModel):
        return described | {"figures": content_hash(sorted([*key, *figures] for key, figures in model.figures.items()))}
    if not rebuilds(model.name):
        raise InputError(
            f"cost model '{model.name}': a Python object has no content to tell it by; use a table of its figures"
        )
    return described | ({"version": VERSION} if model.name == "loopnest" else {})


def _plain(value: object) -> object:
    return value.name if isinstance(value, Enum) else value
