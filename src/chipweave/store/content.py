"""What a store holds, without what depends on when, where and how quickly it was found."""

from __future__ import annotations

import json
import zlib
from typing import Any

from sqlalchemy import Column, select

from chipweave.store.answer import Kind
from chipweave.store.engine import reading
from chipweave.store.store import Store
from chipweave.store.tables import CASES, DOCUMENTS, FAILURES, POINTS, RESULTS, SCHEDULES, SWEEPS

WHEN_AND_WHERE = frozenset({"seconds", "worker", "finished_at", "created_at", "id", "at"})
"""Columns that differ between a sweep that was disturbed and one that was not."""

OF_THE_CASE = (Kind.INFEASIBLE, Kind.INPUT)
"""Failures that come again whenever the case is asked; others are what happened on the way."""


def content(store: Store) -> list[tuple[Any, ...]]:
    """The rows of a store, each with the name of its table before it, in an order of their own. Equal sweeps leave
    equal content, however often they were disturbed."""
    rows: set[tuple[Any, ...]] = set()
    with reading(store.engine) as connection:
        for table in (DOCUMENTS, CASES, RESULTS, SCHEDULES, FAILURES, SWEEPS, POINTS):
            kept = [column for column in table.c if column.name not in WHEN_AND_WHERE]
            query = select(*kept)
            if table is FAILURES:
                query = query.where(FAILURES.c.kind.in_([str(kind) for kind in OF_THE_CASE]))
            for values in connection.execution_options(yield_per=1000).execute(query):
                rows.add((table.name, *map(_plain, kept, values)))
    return sorted(rows, key=repr)


def _plain(column: Column[Any], value: Any) -> Any:
    """A value of a column; of `schedule.json` its text without the seconds that the search took."""
    table = column.table
    if not isinstance(value, bytes):
        return value
    text = zlib.decompress(value).decode()
    return _without_seconds(text) if table is SCHEDULES else text


def _without_seconds(text: str) -> str:
    document = json.loads(text)
    search = document.get("search")
    if search is not None:
        search["seconds"] = None
        for name in ("history", "bounds"):
            search[name] = [point | {"seconds": None} for point in search.get(name, ())]
    return json.dumps(document)
