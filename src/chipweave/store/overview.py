"""What a store holds, counted; and all that it knows of one case."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, distinct, func, select

from chipweave.errors import InputError
from chipweave.store.engine import now, read, stamp
from chipweave.store.store import Store
from chipweave.store.tables import CASES, CLAIMS, DOCUMENTS, FAILURES, POINTS, RESULTS, SWEEPS

MOST_SHOWN = 3
"""Cases that are named where a beginning fits several."""


@dataclass(frozen=True)
class Counts:
    """Of a sweep, or of the whole store.

    Args:
        name: of the sweep; empty of the store.
        points: of the sweep; of the store those of all sweeps.
        cases: that these are; points may be the same case.
        finished: cases with a result.
        failed: cases that failed and have none.
        claimed: cases without a result that somebody works on.
        created_at: UTC, ISO 8601; empty of the store.
    """

    name: str
    points: int
    cases: int
    finished: int
    failed: int
    claimed: int
    created_at: str = ""


@dataclass(frozen=True)
class Overview:
    """Counts of every sweep, the oldest first, of the whole store, and of its documents."""

    sweeps: tuple[Counts, ...]
    whole: Counts
    documents: int


def overview(store: Store) -> Overview:
    """Count what a store holds."""

    def counted(connection: Connection) -> Overview:
        sweeps = connection.execute(select(SWEEPS.c.name, SWEEPS.c.created_at).order_by(SWEEPS.c.created_at)).all()
        each = tuple(_counts(connection, row.name, row.created_at) for row in sweeps)
        return Overview(each, _counts(connection, "", ""), _rows(connection, DOCUMENTS))

    return read(store.engine, counted)


def _counts(connection: Connection, name: str, created_at: str) -> Counts:
    keys = select(POINTS.c.key).where(POINTS.c.sweep == name) if name else select(CASES.c.key)
    answered = select(RESULTS.c.key)
    points = select(func.count()).select_from(POINTS)

    def cases_in(table: Table, *more: Any) -> int:
        return _one(connection, select(func.count(distinct(table.c.key))).where(table.c.key.in_(keys), *more))

    return Counts(
        name,
        _one(connection, points.where(POINTS.c.sweep == name) if name else points),
        cases_in(CASES),
        cases_in(RESULTS),
        cases_in(FAILURES, FAILURES.c.key.not_in(answered)),
        cases_in(CLAIMS, CLAIMS.c.key.not_in(answered), CLAIMS.c.expires_at > stamp(now(connection))),
        created_at,
    )


def _rows(connection: Connection, table: Table) -> int:
    return _one(connection, select(func.count()).select_from(table))


def _one(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def about(store: Store, beginning: str) -> dict[str, Any]:
    """All that a store knows of a case, as plain data: `case`, `result` (None where it has none), `failures`, `points`
    (name of the sweep, position, axes).

    Args:
        beginning: of its key, with or without `sha256:`, or the whole of it.

    Raises:
        InputError: no case, or several, begin so.
    """

    def known(connection: Connection) -> dict[str, Any]:
        key = _key(connection, store.where, beginning)
        case = dict(connection.execute(select(CASES).where(CASES.c.key == key)).mappings().one())
        result = connection.execute(select(RESULTS).where(RESULTS.c.key == key)).mappings().one_or_none()
        failures = connection.execute(select(FAILURES).where(FAILURES.c.key == key).order_by(FAILURES.c.id)).mappings()
        points = select(POINTS).where(POINTS.c.key == key).order_by(POINTS.c.sweep, POINTS.c.position)
        return {
            "case": case | {"document": json.loads(case["document"])},
            "result": None if result is None else dict(result),
            "failures": [dict(row) for row in failures],
            "points": [dict(row) | {"axes": json.loads(row["axes"])} for row in connection.execute(points).mappings()],
        }

    return read(store.engine, known)


def _key(connection: Connection, where: str, beginning: str) -> str:
    whole = "sha256:" + beginning.removeprefix("sha256:")
    query = select(CASES.c.key).where(CASES.c.key.startswith(whole, autoescape=True)).order_by(CASES.c.key)
    found = list(connection.execute(query.limit(MOST_SHOWN + 1)).scalars())
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise InputError(f"case '{beginning}': is not in {where}; 'chipweave store export' writes the keys of all")
    more = ", ..." if len(found) > MOST_SHOWN else ""
    raise InputError(f"case '{beginning}': several begin so ({', '.join(found[:MOST_SHOWN])}{more}); give more of it")
