"""A store: answers by the hash of their question."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from chipweave.errors import InputError, did_you_mean
from chipweave.files.case_file import case_to_document
from chipweave.files.package_file import package_to_dict
from chipweave.files.scenario_file import scenario_to_dict
from chipweave.hardware.package import Package
from chipweave.store import claims
from chipweave.store.answer import MOST_REASON, Answer, Failure, Kind
from chipweave.store.engine import engine_of, name_of, now, reading, stamp, writing
from chipweave.store.migration import ready
from chipweave.store.point import Point
from chipweave.store.tables import CASES, CLAIMS, DOCUMENTS, FAILURES, POINTS, RESULTS, SWEEPS
from chipweave.workload.scenario import Scenario

# isort: split
from sqlalchemy import Connection, Engine, Table, delete, exists, func, insert, select

T = TypeVar("T")
Row = Mapping[str, Any]

CHUNK = 500
"""Keys that are asked for at a time."""

FIGURES = tuple(column for column in RESULTS.c if column.name not in ("key", "schedule"))
QUESTION = tuple(column for column in CASES.c if column.name != "document")


@dataclass(frozen=True)
class Store:
    """Cases, their answers and failures, in a database. Every method is one transaction, or several that can be
    repeated: a process may be killed at any time, and nothing is lost or half written.

    All methods raise an InputError with one message where the database fails; what was finished by then stays.
    """

    engine: Engine

    @staticmethod
    def open(where: str | Path, *, create: bool = True) -> Store:
        """A store by the path of its file, or by `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.

        Raises:
            InputError: it cannot be opened, is something else, of a newer version, or missing and `create` is False.
        """
        engine = engine_of(where, create=create)
        try:
            ready(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        return Store(engine)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @property
    def where(self) -> str:
        """What messages call it: its file, or its URL without the password."""
        return name_of(self.engine)

    @property
    def url(self) -> str:
        """For others who put tables of their own into the same database (SQLAlchemy's URL, with the password)."""
        return self.engine.url.render_as_string(hide_password=False)

    def add_sweep(self, name: str, document: str, points: Iterable[Point]) -> None:
        """Keep a sweep, its points and their cases. What is there already stays as it is; points may come in parts.

        Raises:
            InputError: a sweep of this name is there with another document, or with another case at a point.
        """
        with writing(self.engine) as connection:
            found = connection.execute(select(SWEEPS.c.document).where(SWEEPS.c.name == name)).scalar_one_or_none()
            if found is None:
                created = stamp(now(connection))
                connection.execute(insert(SWEEPS).values(name=name, document=document, created_at=created))
            elif found != document:
                raise InputError(
                    f"sweep '{name}': is in {self.where} with another content; give the changed one another name: "
                    "cases that both have are not computed again"
                )
        for part in _parts(points, CHUNK):
            with writing(self.engine) as connection:
                self._add_points(connection, name, part)

    def _add_points(self, connection: Connection, name: str, points: Sequence[Point]) -> None:
        positions = [point.position for point in points]
        query = select(POINTS.c.position, POINTS.c.key).where(POINTS.c.sweep == name, POINTS.c.position.in_(positions))
        there: dict[int, str] = dict(connection.execute(query).tuples().all())
        for point in points:
            if there.get(point.position, point.key) != point.key:
                raise InputError(
                    f"sweep '{name}': point {point.position} is another case in {self.where}: a file that the sweep "
                    "names, or chipweave's law or cost model, has changed since; give the sweep another name"
                )
        new = [point for point in points if point.position not in there]
        _add_cases(connection, new)
        rows = [
            {"sweep": name, "position": point.position, "key": point.key, "axes": json.dumps(dict(point.axes))}
            for point in new
        ]
        if rows:
            connection.execute(insert(POINTS), rows)

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Those of the cases that have a result."""
        with reading(self.engine) as connection:
            return {key for part in _parts(keys, CHUNK) for key in claims.finished(connection, part)}

    def failed(self, keys: Iterable[str]) -> dict[str, Failure]:
        """The last failure of those of the cases that failed and have no result."""
        with reading(self.engine) as connection:
            return {
                failure.key: failure for part in _parts(keys, CHUNK) for failure in _last_failures(connection, part)
            }

    def now(self) -> str:
        """The time by the store's clock, as its columns have it."""
        with reading(self.engine) as connection:
            return stamp(now(connection))

    def claim(
        self, keys: Sequence[str], owner: str, for_s: float, at_most: int, *, failed_before: str = ""
    ) -> list[str]:
        """Take the first `at_most` of the cases that nobody else works on, and that have no result, for so many
        seconds. The owner's own come again.

        Cases that failed are left out, but those whose last failure was before `failed_before` (a time as `now` gives
        it): with the time at which a sweep starts, two clients that retry what failed do so once.
        """
        with writing(self.engine) as connection:
            taken: list[str] = []
            for part in _parts(keys, CHUNK):
                if len(taken) >= at_most:
                    break
                free = claims.free(connection, part, owner, failed_before)[: at_most - len(taken)]
                claims.take(connection, free, owner, for_s)
                taken += free
            return taken

    def renew(self, owner: str, for_s: float) -> None:
        """All claims of the owner last for so many seconds from now on."""
        with writing(self.engine) as connection:
            claims.renew(connection, owner, for_s)

    def release(self, keys: Iterable[str], owner: str) -> None:
        """Give claims back; those of others stay."""
        with writing(self.engine) as connection:
            for part in _parts(keys, CHUNK):
                connection.execute(delete(CLAIMS).where(CLAIMS.c.key.in_(part), CLAIMS.c.owner == owner))

    def owners(self) -> list[str]:
        """Who has claims, living or not."""
        with reading(self.engine) as connection:
            return list(connection.execute(select(CLAIMS.c.owner).distinct().order_by(CLAIMS.c.owner)).scalars())

    def release_all(self, owner: str) -> None:
        """Give all claims of an owner back who is known to have ended."""
        with writing(self.engine) as connection:
            connection.execute(delete(CLAIMS).where(CLAIMS.c.owner == owner))

    def put(self, answer: Answer) -> bool:
        """Keep an answer, and end the claim to its case; False where there is one already, which stays.

        Raises:
            InputError: the case is in no sweep of the store.
        """
        with writing(self.engine) as connection:
            connection.execute(delete(CLAIMS).where(CLAIMS.c.key == answer.key))
            if claims.finished(connection, [answer.key]):
                return False
            self._require_case(connection, answer.key)
            told_of = {"seconds": answer.seconds, "worker": _text(answer.worker), "version": answer.version}
            values = {**answer.figures, **told_of, "key": answer.key, "schedule": answer.packed}
            connection.execute(insert(RESULTS).values(**values, finished_at=stamp(now(connection))))
            return True

    def put_failure(self, failure: Failure) -> None:
        """Keep a failure beside those before it, and end the claim to its case.

        Raises:
            InputError: the case is in no sweep of the store.
        """
        with writing(self.engine) as connection:
            connection.execute(delete(CLAIMS).where(CLAIMS.c.key == failure.key))
            self._require_case(connection, failure.key)
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

    def _require_case(self, connection: Connection, key: str) -> None:
        if connection.execute(select(CASES.c.key).where(CASES.c.key == key)).first() is None:
            raise InputError(f"case {key}: is in no sweep of {self.where}; add the sweep first")

    def figures(self, sweep: str | None = None) -> Iterator[Row]:
        """What is finished, row by row: the columns of `cases` without `document` and of `results` without `schedule`
        by their names, and `position` and `axes`.

        Of a sweep every finished point, by position; else every finished case once, by key, and `position` is None
        and `axes` empty.

        Raises:
            InputError: there is no sweep of that name.
        """
        if sweep is not None:
            self._require_sweep(sweep)
            columns = (POINTS.c.position, POINTS.c.axes, *QUESTION, *FIGURES)
            joined = POINTS.join(CASES, POINTS.c.key == CASES.c.key).join(RESULTS, RESULTS.c.key == POINTS.c.key)
            query = select(*columns).select_from(joined).where(POINTS.c.sweep == sweep).order_by(POINTS.c.position)
        else:
            joined = CASES.join(RESULTS, RESULTS.c.key == CASES.c.key)
            query = select(*QUESTION, *FIGURES).select_from(joined).order_by(CASES.c.key)
        names = [column.name for column in query.selected_columns]
        with reading(self.engine) as connection:
            for values in connection.execution_options(yield_per=1000).execute(query):
                row: dict[str, Any] = {"position": None, "axes": {}, **dict(zip(names, values, strict=True))}
                yield row if sweep is None else {**row, "axes": json.loads(row["axes"])}

    def figures_of(self, keys: Iterable[str]) -> dict[str, Row]:
        """The columns of `results` without `schedule` of those of the cases that are finished, by key."""
        found: dict[str, Row] = {}
        with reading(self.engine) as connection:
            for part in _parts(keys, CHUNK):
                query = select(RESULTS.c.key, *FIGURES).where(RESULTS.c.key.in_(part))
                found |= {row["key"]: dict(row) for row in connection.execute(query).mappings()}
        return found

    def _require_sweep(self, name: str) -> None:
        known = self.sweeps()
        if name not in known:
            raise InputError(f"sweep '{name}': is not in {self.where}{did_you_mean(name, known)}")

    def sweeps(self) -> list[str]:
        """The names of the sweeps, the oldest first."""
        with reading(self.engine) as connection:
            return list(
                connection.execute(select(SWEEPS.c.name).order_by(SWEEPS.c.created_at, SWEEPS.c.name)).scalars()
            )

    def document(self, sweep: str) -> str:
        """The text of a sweep's file.

        Raises:
            InputError: there is no sweep of that name.
        """
        self._require_sweep(sweep)
        with reading(self.engine) as connection:
            return str(connection.execute(select(SWEEPS.c.document).where(SWEEPS.c.name == sweep)).scalar_one())

    def keys(self, sweep: str) -> list[str]:
        """The cases of a sweep's points, by position."""
        with reading(self.engine) as connection:
            query = select(POINTS.c.key).where(POINTS.c.sweep == sweep).order_by(POINTS.c.position)
            return list(connection.execute(query).scalars())

    def schedule(self, key: str) -> str:
        """The text of `schedule.json` of a case.

        Raises:
            InputError: the case has no result.
        """
        with reading(self.engine) as connection:
            found = connection.execute(select(RESULTS.c.schedule).where(RESULTS.c.key == key)).scalar_one_or_none()
        if found is None:
            raise InputError(f"case {key}: has no result in {self.where}; 'chipweave store ls' counts what it holds")
        return zlib.decompress(found).decode()


def _last_failures(connection: Connection, keys: Sequence[str]) -> list[Failure]:
    last = select(func.max(FAILURES.c.id)).where(FAILURES.c.key.in_(keys)).group_by(FAILURES.c.key)
    answered = exists().where(RESULTS.c.key == FAILURES.c.key)
    columns = [column for column in FAILURES.c if column.name != "id"]
    query = select(*columns).where(FAILURES.c.id.in_(last), ~answered).order_by(FAILURES.c.id)
    return [Failure(**{**row, "kind": Kind(row["kind"])}) for row in map(dict, connection.execute(query).mappings())]


def _add_cases(connection: Connection, points: Sequence[Point]) -> None:
    """The cases and documents that are not there yet."""
    cases = {point.key: point.case for point in points}
    new = {key: cases[key] for key in cases.keys() - _there(connection, CASES, "key", list(cases))}
    rows = []
    described: dict[str, Scenario | Package] = {}
    for key, case in new.items():
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
    missing = described.keys() - _there(connection, DOCUMENTS, "hash", list(described))
    documents = [{"hash": name, **_document(described[name])} for name in sorted(missing)]
    if documents:
        connection.execute(insert(DOCUMENTS), documents)
    if rows:
        connection.execute(insert(CASES), rows)


def _there(connection: Connection, table: Table, column: str, values: Collection[str]) -> set[str]:
    return set(connection.execute(select(table.c[column]).where(table.c[column].in_(values))).scalars())


def _document(described: Scenario | Package) -> dict[str, Any]:
    whole = scenario_to_dict(described) if isinstance(described, Scenario) else package_to_dict(described)
    kind = "scenario" if isinstance(described, Scenario) else "package"
    return {"kind": kind, "name": described.name, "body": _packed(whole)}


def _packed(document: Any) -> bytes:
    return zlib.compress(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def _text(said: str) -> str:
    """Text that every database takes: none has half a character, and PostgreSQL no null."""
    return said.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
