"""JSON schemas of the files that users write."""

from __future__ import annotations

from typing import Any

from chipweave.errors import InputError, did_you_mean
from chipweave.files.chiplet_file import ChipletSpec
from chipweave.files.model_file import ModelSpec
from chipweave.files.package_file import PackageSpec
from chipweave.files.scenario_file import ScenarioSpec
from chipweave.files.sweep_file import SweepSpec
from chipweave.files.validate import Spec

_SPECS: dict[str, type[Spec]] = {
    "model": ModelSpec,
    "scenario": ScenarioSpec,
    "package": PackageSpec,
    "chiplet": ChipletSpec,
    "sweep": SweepSpec,
}
KINDS = tuple(_SPECS)


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a kind of file: model, scenario, package, chiplet or sweep.

    Raises:
        InputError: another kind.
    """
    if kind not in _SPECS:
        raise InputError(f"'{kind}' is no kind of file{did_you_mean(kind, KINDS)}")
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft} | _SPECS[kind].model_json_schema() | {"title": f"chipweave {kind}"}
