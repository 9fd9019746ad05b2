"""The tables of a database: made where there are none, brought up to date where they are older."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, inspect, select, text, update

from chipweave.errors import InputError
from chipweave.store.engine import engine_of, let_readers_be, name_of, reading, tables_there, writing
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


def make_whole(path: Path) -> None:
    """Make a store that is not there yet beside its place and put it there as a whole, so that of several who open it
    at once none finds it half made. (SQLite may refuse who opens a file whose kind of log is just being changed.) Where
    that can't be done, nothing is: it is made in its place then, or that says why not."""
    with suppress(InputError, OSError, ValueError):
        if not os.path.lexists(path) and os.access(path.absolute().parent, os.W_OK):
            _make_beside(path)


def _make_beside(path: Path) -> None:
    own = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        engine = engine_of(own, create=True)
        try:
            ready(engine, create=True)
        finally:
            engine.dispose()
        os.link(own, path)  # refused where another client was first, or where the file system knows no links
    finally:
        for log in ("", "-wal", "-shm", "-journal"):
            Path(f"{own}{log}").unlink(missing_ok=True)


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
