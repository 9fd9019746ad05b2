"""Answers and failures, kept and found again. Each function works within its caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chipweave.errors import InputError
from chipweave.store.answer import MOST_REASON, Answer, Failure, Kind
from chipweave.store.claims import finished
from chipweave.store.engine import name_of, now, stamp
from chipweave.store.tables import CASES, CLAIMS, FAILURES, POINTS, RESULTS

# isort: split
from sqlalchemy import Connection, delete, exists, func, insert, select

Row = Mapping[str, Any]

QUESTION = tuple(column for column in CASES.c if column.name != "document")
FIGURES = tuple(column for column in RESULTS.c if column.name not in ("key", "schedule"))

AT_A_TIME = 1000
"""Rows that are fetched at a time."""


def put(connection: Connection, answer: Answer) -> bool:
    """Keep an answer, and end the claim to its case; False where there is one already, which stays."""
    connection.execute(delete(CLAIMS).where(CLAIMS.c.key == answer.key))
    if finished(connection, [answer.key]):
        return False
    _require_case(connection, answer.key)
    ran = {"seconds": answer.seconds, "worker": _text(answer.worker), "version": answer.version}
    kept = {"key": answer.key, "schedule": answer.packed, "finished_at": stamp(now(connection))}
    connection.execute(insert(RESULTS), [{**answer.figures, **ran, **kept}])
    return True


def put_failure(connection: Connection, failure: Failure) -> None:
    """Keep a failure beside those before it, and end the claim to its case."""
    connection.execute(delete(CLAIMS).where(CLAIMS.c.key == failure.key))
    _require_case(connection, failure.key)
    connection.execute(
        insert(FAILURES).values(
            key=failure.key,
            kind=str(Kind(failure.kind)),
            reason=_text(failure.reason)[:MOST_REASON],
            seconds=failure.seconds,
            worker=_text(failure.worker),
            version=failure.version,
            at=stamp(now(connection)),
        )
    )


def _require_case(connection: Connection, key: str) -> None:
    if connection.execute(select(CASES.c.key).where(CASES.c.key == key)).first() is None:
        raise InputError(f"case {key}: is in no sweep of {name_of(connection.engine)}; add the sweep first")


def last_failures(connection: Connection, keys: Sequence[str]) -> list[Failure]:
    """The last failure of those of the cases that failed and have no result."""
    last = select(func.max(FAILURES.c.id)).where(FAILURES.c.key.in_(keys)).group_by(FAILURES.c.key)
    answered = exists().where(RESULTS.c.key == FAILURES.c.key)
    columns = [column for column in FAILURES.c if column.name != "id"]
    query = select(*columns).where(FAILURES.c.id.in_(last), ~answered).order_by(FAILURES.c.id)
    rows = map(dict, connection.execute(query).mappings())
    return [Failure(**{**row, "kind": Kind(row["kind"])}) for row in rows]


def figures(connection: Connection, sweep: str | None) -> Iterator[Row]:
    """What is finished, row by row, as `Store.figures` has it."""
    if sweep is None:
        joined = CASES.join(RESULTS, RESULTS.c.key == CASES.c.key)
        query = select(*QUESTION, *FIGURES).select_from(joined).order_by(CASES.c.key)
    else:
        joined = POINTS.join(CASES, POINTS.c.key == CASES.c.key).join(RESULTS, RESULTS.c.key == POINTS.c.key)
        columns = (POINTS.c.position, POINTS.c.axes, *QUESTION, *FIGURES)
        query = select(*columns).select_from(joined).where(POINTS.c.sweep == sweep).order_by(POINTS.c.position)
    names = [column.name for column in query.selected_columns]
    for values in connection.execution_options(yield_per=AT_A_TIME).execute(query):
        row: dict[str, Any] = {"position": None, "axes": "{}", **dict(zip(names, values, strict=True))}
        yield row | {"axes": json.loads(row["axes"])}


def _text(said: str) -> str:
    """Text that every database takes: none has half a character, and PostgreSQL no null."""
    return said.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
