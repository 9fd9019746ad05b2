"""`chipweave show`."""

from __future__ import annotations

from typing import Annotated

import typer

from chipweave.cli.listing import Kind, built_in


def show(name: Annotated[str, typer.Argument(metavar="NAME", help="See 'chipweave list'.")]) -> None:
    """Print the YAML of a built-in model, scenario, package or chiplet: a working file to start from.

    Example: chipweave show het-sides-3x3 > my-package.yaml
    """
    from chipweave import files
    from chipweave.errors import InputError, did_you_mean

    kinds = (Kind.SCENARIOS, Kind.MODELS, Kind.PACKAGES, Kind.CHIPLETS)
    names = {kind: built_in(kind) for kind in kinds}
    if name in names[Kind.SCENARIOS]:
        text = files.dump_scenario(files.resolve_scenario(name))
    elif name in names[Kind.MODELS]:
        text = files.dump_model(files.resolve_model(name))
    elif name in names[Kind.PACKAGES]:
        text = files.dump_package(files.resolve_package(name))
    elif name in names[Kind.CHIPLETS]:
        text = files.dump_chiplet(files.resolve_chiplet(name))
    else:
        known = [known for group in names.values() for known in group]
        raise InputError(f"'{name}' is no built-in{did_you_mean(name, known)} 'chipweave list' shows the names")
    print(text, end="")
