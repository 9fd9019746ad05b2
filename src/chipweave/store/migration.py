"""The tables of a database: made where there are none, brought up to date where they are older."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import Connection, Engine, insert, inspect, select, text, update

from chipweave.errors import InputError
from chipweave.store.engine import let_readers_be, name_of, reading, tables_there, writing
from chipweave.store.tables import META, METADATA, SCHEMA_VERSION

Step = Callable[[Connection], None]



def _add_area(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE results ADD COLUMN area_mm2 DOUBLE PRECISION"))


STEPS: Mapping[int, Step] = MappingProxyType({1: _add_area})
"""What makes tables of a version those of the next one, by the version that it starts from."""


def ready(engine: Engine, *, create: bool, steps: Mapping[int, Step] = STEPS, version: int = SCHEMA_VERSION) -> None:
    """See to it that a database has the tables of this version.

    Raises:
        InputError: it has tables of something else, or of a newer version; it is empty and `create` is False.
    """
    with reading(engine) as connection:
        found = _version(connection)
    if found is None and not create:
        raise InputError(f"{name_of(engine)}: holds no store; check the name")
    if found == version:
        return
    if found is None:
        let_readers_be(engine)
    with writing(engine) as connection:  # asked again: another client may have been first
        found = _version(connection)
        if found is None:
            METADATA.create_all(connection)
            connection.execute(insert(META).values(schema_version=version))
        elif found < version:
            for number in range(found, version):
                steps[number](connection)
            connection.execute(update(META).values(schema_version=version))
        elif found > version:
            raise InputError(
                f"{name_of(engine)}: is a store of a newer chipweave (its tables have number {found}, this one knows "
                f"{version}); use that version"
            )


def _version(connection: Connection) -> int | None:
    """The number of a store's tables; None of an empty database.

    Raises:
        InputError: the tables are of something else.
    """
    there = tables_there(connection)
    if not there:
        return None
    columns = {column["name"] for column in inspect(connection).get_columns("meta")} if "meta" in there else set()
    found = connection.execute(select(META.c.schema_version)).scalars().all() if "schema_version" in columns else []
    if len(found) != 1:
        names = ", ".join(sorted(there)[:3]) + (", ..." if len(there) > 3 else "")
        raise InputError(
            f"{name_of(connection.engine)}: holds tables of something else ({names}); name a new file or an empty "
            "database"
        )
    return int(found[0])
