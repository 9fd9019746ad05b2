"""Everything that reads or writes users' files: YAML to the core's objects and back."""

from chipweave.files.chiplet_file import (
    chiplet_from_dict,
    chiplet_to_dict,
    dump_chiplet,
    load_chiplet,
    resolve_chiplet,
)
from chipweave.files.content import content_hash
from chipweave.files.model_file import dump_model, load_model, model_from_dict, model_to_dict, resolve_model
from chipweave.files.package_file import (
    dump_package,
    load_package,
    package_from_dict,
    package_to_dict,
    resolve_package,
)
from chipweave.files.presets import chiplet_names, package_names
from chipweave.files.scenario_file import (
    dump_scenario,
    load_scenario,
    resolve_scenario,
    scenario_from_dict,
    scenario_to_dict,
)
from chipweave.files.schema import json_schema

__all__ = [
    "chiplet_from_dict",
    "chiplet_names",
    "chiplet_to_dict",
    "content_hash",
    "dump_chiplet",
    "dump_model",
    "dump_package",
    "dump_scenario",
    "json_schema",
    "load_chiplet",
    "load_model",
    "load_package",
    "load_scenario",
    "model_from_dict",
    "model_to_dict",
    "package_from_dict",
    "package_names",
    "package_to_dict",
    "resolve_chiplet",
    "resolve_model",
    "resolve_package",
    "resolve_scenario",
    "scenario_from_dict",
    "scenario_to_dict",
]
