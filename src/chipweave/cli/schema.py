"""`chipweave schema`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class SchemaKind(StrEnum):
    MODEL = "model"
    SCENARIO = "scenario"
    PACKAGE = "package"
    CHIPLET = "chiplet"
    SWEEP = "sweep"
    SCHEDULE = "schedule"


def schema(kind: Annotated[SchemaKind, typer.Argument(help="The kind of file.")]) -> None:
    """Print the JSON schema of a kind of file, for editors and other tools.

    Example: chipweave schema package > package.schema.json
    """
    from json import dumps

    if kind is SchemaKind.SCHEDULE:
        from chipweave.files.schedule_file import json_schema

        print(dumps(json_schema(), indent=2))
    else:
        from chipweave.files import schema as user_files

        print(dumps(user_files.json_schema(str(kind)), indent=2))
