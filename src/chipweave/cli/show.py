"""`chipweave show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from chipweave.cli.listing import Kind, built_in


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See 'chipweave list'.")],
    full: Annotated[bool, typer.Option("--full", help="A scenario's models with all their layers.")] = False,
) -> None:
    """Print the YAML of a built-in model, scenario, package or chiplet: a working file to start from.

    Of a kind of memory or a class of links its figures, each with its source.

    A scenario names its models; --full writes out their layers.

    Example: chipweave show het-sides-3x3 > my-package.yaml
    """
    from chipweave.errors import InputError, did_you_mean
    from chipweave.files.chiplet_file import dump_chiplet, resolve_chiplet
    from chipweave.files.model_file import dump_model, resolve_model
    from chipweave.files.package_file import dump_package, resolve_package
    from chipweave.files.presets import link_presets, memory_presets
    from chipweave.files.scenario_file import dump_scenario, resolve_scenario
    from chipweave.files.yaml import dump_yaml

    kinds = (Kind.SCENARIOS, Kind.MODELS, Kind.PACKAGES, Kind.CHIPLETS, Kind.MEMORY, Kind.LINKS)
    names = {kind: built_in(kind) for kind in kinds}
    if name in names[Kind.SCENARIOS]:
        text = dump_scenario(resolve_scenario(name), by_name=not full)
    elif name in names[Kind.MODELS]:
        text = dump_model(resolve_model(name))
    elif name in names[Kind.PACKAGES]:
        text = dump_package(resolve_package(name))
    elif name in names[Kind.CHIPLETS]:
        text = dump_chiplet(resolve_chiplet(name))
    elif name in names[Kind.MEMORY] or name in names[Kind.LINKS]:
        text = dump_yaml({name: (memory_presets() if name in names[Kind.MEMORY] else link_presets())[name]})
    else:
        known = [known for group in names.values() for known in group]
        raise InputError(_no_built_in(name) + (did_you_mean(name, known) or ";") + " 'chipweave list' shows the names")
    print(text, end="")


def _no_built_in(name: str) -> str:
    """What a name is that is none of those: a file of the user's, one that is not there, or a word."""
    if os.path.isdir(name):
        return f"{name}: is a folder, and no built-in"
    if os.path.exists(name):
        return f"{name}: is a file already, and only what is built in is shown; 'chipweave cost' lists a model's layers"
    if Path(name).suffix or os.path.basename(name) != name:
        return f"{name}: no such file, and no built-in"
    return f"'{name}' is no built-in"
