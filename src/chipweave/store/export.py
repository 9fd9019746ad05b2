"""The figures of a store as tables for others: CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Double, Integer

from chipweave.errors import InputError
from chipweave.files.atomic import replacing
from chipweave.store.answers import FIGURES, QUESTION, Row
from chipweave.store.store import Store

if TYPE_CHECKING:
    import pyarrow

AXIS = "axes."
"""Before the path of an axis, in the name of its column."""
AT_A_TIME = 10_000
"""Rows of a group in a Parquet file."""
LARGEST = 2**63


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    FLAG = "flag"


@dataclass(frozen=True)
class Heading:
    """A column: its name, what its values are, and how a row has them. None stands for no value."""

    name: str
    kind: Kind
    value: Callable[[Row], Any]


def write_csv(store: Store, path: Path, sweep: str | None = None) -> int:
    """Write the rows of `Store.figures` as CSV (UTF-8, `.` in numbers, nothing for None); returns how many.

    Raises:
        InputError: there is no sweep of that name, or the file cannot be written.
    """
    headings = _headings(store, sweep)
    rows = 0
    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(heading.name for heading in headings)
        for rows, row in enumerate(store.figures(sweep), 1):  # noqa: B007
            writer.writerow(_written(heading.value(row)) for heading in headings)
        text.detach()  # all of it is written then
    return rows


def write_parquet(store: Store, path: Path, sweep: str | None = None) -> int:
    """Write the rows of `Store.figures` as Parquet; returns how many.

    Raises:
        InputError: as `write_csv`, or pyarrow is not there.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{path}: Parquet needs pyarrow ({error}); install it with: pip install 'chipweave[parquet]'"
        ) from None
    headings = _headings(store, sweep)
    kinds = {
        Kind.TEXT: pyarrow.string(),
        Kind.WHOLE: pyarrow.int64(),
        Kind.REAL: pyarrow.float64(),
        Kind.FLAG: pyarrow.bool_(),
    }
    schema = pyarrow.schema([(heading.name, kinds[heading.kind]) for heading in headings])
    rows = 0
    with replacing(path) as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        figures = store.figures(sweep)
        while group := list(islice(figures, AT_A_TIME)):
            writer.write_table(_table(group, headings, schema))
            rows += len(group)
    return rows


def _table(rows: list[Row], headings: list[Heading], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow

    return pyarrow.table([[heading.value(row) for row in rows] for heading in headings], schema=schema)


def _headings(store: Store, sweep: str | None) -> list[Heading]:
    """Of a sweep `position` and its axes, then the columns of `cases` and `results`."""
    fixed = [Heading(column.name, sort_of(column.type), _column(column.name)) for column in (*QUESTION, *FIGURES)]
    if sweep is None:
        return fixed
    axes: dict[str, Kind | None] = {}
    for row in store.figures(sweep):
        for path, value in row["axes"].items():
            axes[path] = common_kind(axes.get(path), value)
    along = [Heading(AXIS + path, kind or Kind.TEXT, _axis(path, kind or Kind.TEXT)) for path, kind in axes.items()]
    return [Heading("position", Kind.WHOLE, _column("position")), *along, *fixed]


def sort_of(type: object) -> Kind:
    """What the values of a column of the store are."""
    if isinstance(type, Boolean):
        return Kind.FLAG
    if isinstance(type, Integer):
        return Kind.WHOLE
    return Kind.REAL if isinstance(type, Double) else Kind.TEXT


def _column(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _axis(path: str, kind: Kind) -> Callable[[Row], Any]:
    """How a row has the value on an axis: as text where its values are not of one kind."""

    def value(row: Row) -> Any:
        found = row["axes"].get(path)
        if found is not None and kind is Kind.REAL:
            return float(found)
        return json.dumps(found) if kind is Kind.TEXT and not isinstance(found, str | None) else found

    return value


def common_kind(so_far: Kind | None, value: Any) -> Kind | None:
    """What values of a column are, where one more comes; None where there was none yet."""
    if value is None:
        return so_far
    if isinstance(value, bool):
        kind = Kind.FLAG
    elif isinstance(value, int):
        kind = Kind.WHOLE if -LARGEST <= value < LARGEST else Kind.TEXT
    else:
        kind = Kind.REAL if isinstance(value, float) else Kind.TEXT
    if so_far is None or so_far is kind:
        return kind
    return Kind.REAL if {so_far, kind} == {Kind.WHOLE, Kind.REAL} else Kind.TEXT


def _written(value: Any) -> str:
    """As CSV has it: numbers come back to the last bit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
