"""A sweep into a store: its points, their cases, and the documents that these name, each once. Each function works
within its caller's transaction."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from chipweave.errors import InputError
from chipweave.files.case_file import case_to_document
from chipweave.files.package_file import package_to_dict
from chipweave.files.scenario_file import scenario_to_dict
from chipweave.hardware.package import Package
from chipweave.results.case import Case
from chipweave.store.engine import name_of, now, stamp
from chipweave.store.point import Point
from chipweave.store.tables import CASES, DOCUMENTS, POINTS, SWEEPS
from chipweave.workload.scenario import Scenario


def sweep(connection: Connection, name: str, document: str) -> None:
    """A sweep without points.

    Raises:
        InputError: one of this name is there with another document.
    """
    found = connection.execute(select(SWEEPS.c.document).where(SWEEPS.c.name == name)).scalar_one_or_none()
    if found is None:
        created = stamp(now(connection))
        connection.execute(insert(SWEEPS).values(name=name, document=document, created_at=created))
    elif found != document:
        raise InputError(
            f"sweep '{name}': is in {name_of(connection.engine)} with another content; give the changed one another "
            "name: cases that both have are not computed again"
        )


def points(connection: Connection, sweep: str, points: Sequence[Point]) -> None:
    """Points of a sweep that is there, with their cases; those that are there already stay.

    Raises:
        InputError: one of them is another case there.
    """
    positions = [point.position for point in points]
    query = select(POINTS.c.position, POINTS.c.key).where(POINTS.c.sweep == sweep, POINTS.c.position.in_(positions))
    there = {row.position: row.key for row in connection.execute(query)}
    for point in points:
        if there.get(point.position, point.key) != point.key:
            raise InputError(
                f"sweep '{sweep}': point {point.position} is another case in {name_of(connection.engine)}: a file that "
                "the sweep names, or chipweave's law or cost model, has changed since; give the sweep another name"
            )
    new = {point.position: point for point in points if point.position not in there}.values()
    _cases(connection, {point.key: point.case for point in new})
    rows = [
        {"sweep": sweep, "position": point.position, "key": point.key, "axes": json.dumps(dict(point.axes))}
        for point in new
    ]
    if rows:
        connection.execute(insert(POINTS), rows)


def _cases(connection: Connection, cases: Mapping[str, Case]) -> None:
    """Those of the cases, and of the documents that they name, that are not there yet."""
    described: dict[str, Scenario | Package] = {}
    rows = []
    for key in sorted(cases.keys() - _there(connection, CASES, "key", cases)):
        case = cases[key]
        document = case_to_document(case)
        described |= {document["scenario"]: case.scenario, document["package"]: case.package}
        rows.append(
            {
                "key": key,
                "scenario": case.scenario.name,
                "scenario_hash": document["scenario"],
                "package": case.package.name,
                "package_hash": document["package"],
                "scheduler": case.scheduler,
                "objective": case.objective,
                "cost_model": document["cost_model"]["name"],
                "fidelity": str(case.fidelity),
                "seed": case.seed,
                "document": json.dumps(document, sort_keys=True),
            }
        )
    missing = sorted(described.keys() - _there(connection, DOCUMENTS, "hash", described))
    if missing:
        connection.execute(insert(DOCUMENTS), [{"hash": name, **_document(described[name])} for name in missing])
    if rows:
        connection.execute(insert(CASES), rows)


def _there(connection: Connection, table: Table, column: str, values: Collection[str]) -> set[str]:
    return set(connection.execute(select(table.c[column]).where(table.c[column].in_(values))).scalars())


def _document(described: Scenario | Package) -> dict[str, Any]:
    of_scenario = isinstance(described, Scenario)
    whole = scenario_to_dict(described) if isinstance(described, Scenario) else package_to_dict(described)
    text = json.dumps(whole, separators=(",", ":"))
    kind = "scenario" if of_scenario else "package"
    return {"kind": kind, "name": described.name, "body": zlib.compress(text.encode())}
