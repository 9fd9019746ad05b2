"""`chipweave list`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from chipweave.cli import options as opt


class Kind(StrEnum):
    MODELS = "models"
    SCENARIOS = "scenarios"
    PACKAGES = "packages"
    CHIPLETS = "chiplets"
    SCHEDULERS = "schedulers"


def list_names(kind: Annotated[Kind, typer.Argument(help="What to list.")], json: opt.Json = False) -> None:
    """List the built-in models, scenarios, packages, chiplets or schedulers.

    Example: chipweave list packages
    """
    names = built_in(kind)
    if json:
        from json import dumps

        print(dumps(names, indent=1))
    elif kind is Kind.SCHEDULERS:
        from chipweave.schedulers import SCHEDULERS

        width = max(map(len, SCHEDULERS))
        print("\n".join(f"{name:<{width}} {entry.what}" for name, entry in SCHEDULERS.items()))
    else:
        print("\n".join(names))


def built_in(kind: str) -> list[str]:
    """The built-in names of a kind."""
    match kind:
        case Kind.MODELS | Kind.SCENARIOS:
            from chipweave.workload import zoo

            return list(zoo.MODELS if kind == Kind.MODELS else zoo.SCENARIOS)
        case Kind.SCHEDULERS:
            from chipweave.schedulers import SCHEDULERS

            return list(SCHEDULERS)
    from chipweave.files.presets import chiplet_names, package_names

    return list(package_names() if kind == Kind.PACKAGES else chiplet_names())
