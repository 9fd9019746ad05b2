"""Answers and failures, kept and found again. Each function works within its caller's transaction."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, exists, func, insert, select

from chipweave.errors import InputError
from chipweave.store.answer import MOST_REASON, Answer, Failure, Kind
from chipweave.store.engine import name_of, now, stamp
from chipweave.store.tables import CASES, CLAIMS, DOCUMENTS, FAILURES, POINTS, RESULTS, SCHEDULES

Row = Mapping[str, Any]

QUESTION = tuple(column for column in CASES.c if column.name != "document")
FIGURES = tuple(column for column in RESULTS.c if column.name != "key")

AT_A_TIME = 1000
"""Rows that are fetched at a time."""


def put(connection: Connection, answers: Sequence[Answer]) -> set[str]:
    """Keep answers, and end the claims to their cases; the keys of those that are new: what is there already stays.

    Raises:
        InputError: one of the cases is in no sweep of the store.
    """
    keys = [answer.key for answer in answers]
    _end_claims(connection, keys)
    there = set(connection.execute(_ANSWERED, {"keys": keys}).scalars())
    finished_at = stamp(now(connection))
    new = {answer.key: answer for answer in reversed(answers) if answer.key not in there}
    rows = [
        {
            **answer.figures,
            "key": key,
            "seconds": answer.seconds,
            "worker": _text(answer.worker),
            "version": answer.version,
            "finished_at": finished_at,
        }
        for key, answer in new.items()
    ]
    if rows:
        connection.execute(_ADD_RESULTS, rows)
        bodies = [{"key": key, "body": answer.packed} for key, answer in new.items()]
        connection.execute(_ADD_SCHEDULES, bodies)
    return set(new)


def put_failures(connection: Connection, failures: Sequence[Failure]) -> None:
    """Keep failures beside those before them, and end the claims to their cases.

    Raises:
        InputError: one of the cases is in no sweep of the store.
    """
    _end_claims(connection, [failure.key for failure in failures])
    at = stamp(now(connection))
    rows = [
        {
            "key": failure.key,
            "kind": str(Kind(failure.kind)),
            "reason": _text(failure.reason)[:MOST_REASON],
            "seconds": failure.seconds,
            "worker": _text(failure.worker),
            "version": failure.version,
            "at": at,
        }
        for failure in failures
    ]
    connection.execute(_ADD_FAILURES, rows)


_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_END_CLAIMS = delete(CLAIMS).where(CLAIMS.c.key.in_(_KEYS))
_CASES = select(CASES.c.key).where(CASES.c.key.in_(_KEYS))
_ANSWERED = select(RESULTS.c.key).where(RESULTS.c.key.in_(_KEYS))
_ADD_RESULTS, _ADD_SCHEDULES, _ADD_FAILURES = insert(RESULTS), insert(SCHEDULES), insert(FAILURES)
"""Made once: they are executed for every case, or every few."""


def _end_claims(connection: Connection, keys: Sequence[str]) -> None:
    """End the claims to cases of the store.

    Raises:
        InputError: one of them is in no sweep of it.
    """
    connection.execute(_END_CLAIMS, {"keys": keys})
    known = set(connection.execute(_CASES, {"keys": keys}).scalars())
    for key in keys:
        if key not in known:
            raise InputError(f"case {key}: is in no sweep of {name_of(connection.engine)}; add the sweep first")


def schedule(connection: Connection, key: str) -> dict[str, Any] | None:
    """`schedule.json` of a case as plain data, with its scenario and package; None where the case has no result."""
    columns = (SCHEDULES.c.body, CASES.c.scenario_hash, CASES.c.package_hash)
    query = select(*columns).join_from(SCHEDULES, CASES, SCHEDULES.c.key == CASES.c.key).where(CASES.c.key == key)
    found = connection.execute(query).first()
    if found is None:
        return None
    hashes = {"scenario": found.scenario_hash, "package": found.package_hash}
    bodies = select(DOCUMENTS.c.hash, DOCUMENTS.c.body).where(DOCUMENTS.c.hash.in_(hashes.values()))
    documents = {row.hash: _unpacked(row.body) for row in connection.execute(bodies)}
    return _unpacked(found.body) | {kind: documents[name] for kind, name in hashes.items()}


def _unpacked(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(zlib.decompress(body))
    return document


def last_failures(connection: Connection, keys: Sequence[str] | Select[tuple[str]]) -> list[Failure]:
    """The last failure of those of the cases, listed or asked for, that failed and have no result."""
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
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        if sweep is None:
            row |= {"position": None, "axes": {}}
        else:
            row["axes"] = json.loads(row["axes"])
        yield row


def columns(connection: Connection, sweep: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """The finished points of a sweep by position, as `Store.columns` has them."""
    kept = (POINTS.c.position, POINTS.c.key, POINTS.c.axes, *(RESULTS.c[name] for name in names))
    joined = POINTS.join(RESULTS, RESULTS.c.key == POINTS.c.key)
    query = select(*kept).select_from(joined).where(POINTS.c.sweep == sweep).order_by(POINTS.c.position)
    found: dict[str, list[Any]] = {column.name: [] for column in kept}
    for rows in connection.execution_options(yield_per=AT_A_TIME).execute(query).partitions():
        for column, part in zip(found.values(), zip(*rows, strict=True), strict=True):
            column += part
    found["axes"] = _unpacked_axes(found["axes"])
    return found


def unfinished(connection: Connection, sweep: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Position, case and axes of the points of a sweep that have no result."""
    without = POINTS.outerjoin(RESULTS, RESULTS.c.key == POINTS.c.key)
    query = select(POINTS.c.position, POINTS.c.key, POINTS.c.axes).select_from(without)
    rows = connection.execute(query.where(POINTS.c.sweep == sweep, RESULTS.c.key.is_(None))).all()
    axes = _unpacked_axes([row.axes for row in rows])
    return [(row.position, row.key, each) for row, each in zip(rows, axes, strict=True)]


def _unpacked_axes(texts: Sequence[str]) -> list[dict[str, Any]]:
    """The column `axes` of points as data."""
    made: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")  # one long text takes much less time than many
    return made


def common(connection: Connection, sweep: str) -> dict[str, str]:
    """Of the columns by which a case is known those that are the same of all finished points of a sweep, as text."""
    asked = [column for column in QUESTION if column.name not in ("key", "scenario_hash", "package_hash")]
    joined = POINTS.join(CASES, POINTS.c.key == CASES.c.key).join(RESULTS, RESULTS.c.key == POINTS.c.key)
    ends = [end(column) for column in asked for end in (func.min, func.max)]
    row = connection.execute(select(*ends).select_from(joined).where(POINTS.c.sweep == sweep)).one()
    pairs = zip(asked, row[::2], row[1::2], strict=True)
    return {column.name: str(least) for column, least, most in pairs if least is not None and least == most}


def _text(said: str) -> str:
    """Text that every database takes: none has half a character, and PostgreSQL no null."""
    return said.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def figures_of(connection: Connection, keys: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Of those of the cases that are finished the key, and the columns of `results` without `schedule`."""
    query = select(RESULTS.c.key, *FIGURES).where(RESULTS.c.key.in_(keys))
    for row in connection.execute(query).mappings():
        yield row["key"], dict(row)
