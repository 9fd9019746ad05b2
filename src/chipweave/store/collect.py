"""Claims that ended, and what nothing refers to any more, are removed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, select

from chipweave.store.engine import now, stamp, told, write
from chipweave.store.store import Store
from chipweave.store.tables import CASES, CLAIMS, DOCUMENTS, FAILURES, POINTS, RESULTS


@dataclass(frozen=True)
class Removed:
    """How many of each were removed."""

    claims: int
    cases: int
    documents: int


def collect(store: Store) -> Removed:
    """Remove claims that ended, cases that no sweep, result or failure names, and documents that no case names; then
    give a file's free pages back. PostgreSQL does that by itself."""

    def removed(connection: Connection) -> Removed:
        claims = connection.execute(delete(CLAIMS).where(CLAIMS.c.expires_at <= stamp(now(connection)))).rowcount
        named = [CASES.c.key.not_in(select(table.c.key)) for table in (POINTS, RESULTS, FAILURES)]
        cases = connection.execute(delete(CASES).where(*named)).rowcount
        of_cases = [DOCUMENTS.c.hash.not_in(select(CASES.c[name])) for name in ("scenario_hash", "package_hash")]
        documents = connection.execute(delete(DOCUMENTS).where(*of_cases)).rowcount
        return Removed(claims, cases, documents)

    found = write(store.engine, removed)
    _give_back(store.engine)
    return found


def _give_back(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        with told(engine):
            connection = engine.raw_connection()
            try:
                connection.cursor().execute("VACUUM")
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()
